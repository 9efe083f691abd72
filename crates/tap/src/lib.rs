//! Network interfaces of this machine whose frames a program reads and writes: TAP devices.
//!
//! Architecture invariant: this crate makes one request to the kernel, `TUNSETIFF`, for which the standard library and `rustix` have no safe
//! form, and does nothing else. It is linked by test kits only, never by `argosy`. An interface lives as long as its file is open: a
//! process that ends, however it ends, leaves none behind.

use std::fs::{File, OpenOptions};
use std::io;

use rustix::ioctl::{Opcode, Updater, ioctl};

/// Where the kernel hands out interfaces.
const DEVICE: &str = "/dev/net/tun";
/// Ethernet frames, not packets.
const IFF_TAP: u16 = 0x0002;
/// Frames as they are, without four bytes of the kernel's before each.
const IFF_NO_PI: u16 = 0x1000;
/// `_IOW('T', 202, int)`.
const TUNSETIFF: Opcode = 0x4004_54ca;
/// Longest name of an interface, with the zero that ends it.
const NAME: usize = 16;

/// The kernel's `struct ifreq`: it reads all of it and writes all of it back.
#[repr(C)]
struct Request {
    name: [u8; NAME],
    flags: u16,
    rest: [u8; 22],
}

/// Makes the interface `name` in the network namespace of the calling thread; it can be moved to another one. A read of the file takes one
/// frame, a write sends one.
///
/// # Errors
/// When the name is too long or taken, or the system has no such devices, or the caller may not make them.
pub fn open(name: &str) -> io::Result<File> {
    if name.is_empty() || name.len() >= NAME {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, format!("'{name}' cannot name an interface")));
    }
    let file = OpenOptions::new().read(true).write(true).open(DEVICE)?;
    let mut request = Request { name: [0; NAME], flags: IFF_TAP | IFF_NO_PI, rest: [0; 22] };
    request.name[..name.len()].copy_from_slice(name.as_bytes());
    // SAFETY: TUNSETIFF on a file of this driver takes a pointer to a `struct ifreq`, which is 40 bytes without padding, as `Request` is;
    // the kernel keeps no pointer to it. The file is open for as long as the call lasts.
    unsafe { ioctl(&file, Updater::<TUNSETIFF, Request>::new(&mut request)) }?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_as_long_as_the_kernel_s() {
        assert_eq!((size_of::<Request>(), align_of::<Request>()), (40, 2));
    }

    #[test]
    fn a_name_that_the_kernel_would_cut_is_refused() {
        for bad in ["", "sixteen-letters-"] {
            assert_eq!(open(bad).expect_err("no name").kind(), io::ErrorKind::InvalidInput);
        }
    }
}
