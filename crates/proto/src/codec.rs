//! How messages are put into the frames of gRPC: as prost does it, with buffers that begin small.
//!
//! A node holds a hundred thousand streams of agents that are silent nearly all the time. With the usual 8 KiB for each direction, their
//! empty buffers alone would take 1.6 GiB.

use std::fmt;
use std::marker::PhantomData;

use prost::Message;
use tonic::codec::{BufferSettings, Codec};
use tonic_prost::{ProstCodec, ProstDecoder, ProstEncoder};

/// Bytes of a stream's buffer before anything is in it; it grows with what passes through.
const FIRST_BYTES: usize = 512;
/// Once so many bytes are encoded they are handed on: tonic's own measure.
const HANDED_ON_BYTES: usize = 32 << 10;

/// Of all services here.
pub struct Thrifty<T, U>(PhantomData<(T, U)>);

fn buffers() -> BufferSettings {
    BufferSettings::new(FIRST_BYTES, HANDED_ON_BYTES)
}

impl<T, U> Default for Thrifty<T, U> {
    fn default() -> Self {
        Self(PhantomData)
    }
}

impl<T, U> fmt::Debug for Thrifty<T, U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Thrifty").finish_non_exhaustive()
    }
}

impl<T, U> Codec for Thrifty<T, U>
where
    T: Message + Send + 'static,
    U: Message + Default + Send + 'static,
{
    type Encode = T;
    type Decode = U;
    type Encoder = ProstEncoder<T>;
    type Decoder = ProstDecoder<U>;

    fn encoder(&mut self) -> Self::Encoder {
        ProstCodec::<T, U>::raw_encoder(buffers())
    }

    fn decoder(&mut self) -> Self::Decoder {
        ProstCodec::<T, U>::raw_decoder(buffers())
    }
}
