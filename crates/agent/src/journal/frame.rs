//! What the journal's file is made of: frames, each with its length and its checksum, all or nothing.

use argosy_proto::argosy::v1::AgentRecord;
use prost::Message as _;

/// Where the sources of the records stood when the records were written.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct Marks {
    /// The boot whose kernel log was read.
    #[prost(string, tag = "1")]
    pub kernel_boot_id: String,
    /// The last of its records that became an event.
    #[prost(uint64, tag = "2")]
    pub kernel_sequence: u64,
    /// What [`crate::watch::Watch`] goes on from.
    #[prost(bytes = "vec", tag = "3")]
    pub watch: Vec<u8>,
    /// What the commands' ledger goes on from.
    #[prost(bytes = "vec", tag = "4")]
    pub commands: Vec<u8>,
}

/// One write.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Frame {
    #[prost(message, repeated, tag = "1")]
    pub(super) records: Vec<AgentRecord>,
    #[prost(message, optional, tag = "2")]
    pub(super) marks: Option<Marks>,
    #[prost(uint64, tag = "3")]
    pub(super) acknowledged: u64,
    #[prost(uint64, tag = "4")]
    pub(super) reserved: u64,
    #[prost(uint64, tag = "5")]
    pub(super) dropped_samples: u64,
    #[prost(uint64, tag = "6")]
    pub(super) dropped_events: u64,
    /// The journal's name, in the first frame of a file.
    #[prost(string, tag = "7")]
    pub(super) journal: String,
}

const HEAD: usize = 8;

/// Length and checksum, then the frame.
pub(super) fn encode(frame: &Frame) -> Vec<u8> {
    let payload = frame.encode_to_vec();
    // A frame is bounded by the journal's limit, which is far below what 32 bits count.
    let length = u32::try_from(payload.len()).unwrap_or(u32::MAX);
    let mut bytes = Vec::with_capacity(HEAD + payload.len());
    bytes.extend_from_slice(&length.to_le_bytes());
    bytes.extend_from_slice(&crc32c::crc32c(&payload).to_le_bytes());
    bytes.extend_from_slice(&payload);
    bytes
}

/// The frames of a file, up to the first that is not whole: a crash tears the last one at most.
pub(super) fn read_all(mut bytes: &[u8]) -> Vec<Frame> {
    let mut frames = Vec::new();
    while let Some((frame, rest)) = read_one(bytes) {
        frames.push(frame);
        bytes = rest;
    }
    frames
}

fn read_one(bytes: &[u8]) -> Option<(Frame, &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    let (sum, rest) = rest.split_first_chunk::<4>()?;
    let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
    let payload = rest.get(..length)?;
    if crc32c::crc32c(payload) != u32::from_le_bytes(*sum) {
        return None;
    }
    Some((Frame::decode(payload).ok()?, &rest[length..]))
}
