//! Clock and entropy of the process, overridden on threads that run a simulated world.
//!
//! Seams of our own carry time, network and disk into the server code, but libraries below it ask the system: the standard library
//! seeds its hash maps and `rand` its generators with `getrandom`, and `Instant::now` and `SystemTime::now` read `clock_gettime`. This
//! crate defines those symbols, so that a whole program that links it goes through here. A thread that has entered a [`World`] is answered
//! from the world's seed and the world's clock; every other thread is answered by the kernel, as if this crate were not there.
//!
//! Architecture invariant: this crate is linked by simulations only, never by `argosy`. It is the one crate that defines C symbols, and
//! the reason why it may is that there is no other way to reach the entropy of code that is not ours. It keeps no state but one cell per
//! thread, allocates nothing and takes no lock, because it is called from inside allocators and lazily initialised statics.

use std::cell::Cell;
use std::marker::PhantomData;
use std::time::Duration;

#[derive(Clone, Copy)]
struct Sealed {
    entropy: u64,
    monotonic: Duration,
    wall: Duration,
}

thread_local! {
    static SEALED: Cell<Option<Sealed>> = const { Cell::new(None) };
}

/// A thread that is cut off from the system's clock and entropy, until this is dropped.
///
/// Enter one world per thread, on a thread made for it: the standard library draws the keys of its hash maps once per thread, and those
/// drawn before would be the system's.
#[derive(Debug)]
pub struct World {
    /// The world is this thread's own.
    _not_send: PhantomData<*const ()>,
}

impl World {
    /// Cuts the current thread off. Equal seeds give equal entropy.
    #[must_use]
    pub fn enter(seed: u64) -> Self {
        let start = Duration::from_secs(1);
        SEALED.set(Some(Sealed { entropy: seed, monotonic: start, wall: start }));
        Self { _not_send: PhantomData }
    }

    /// Sets both clocks of this thread: the monotonic one, and the time since 1970.
    pub fn set_clocks(&self, monotonic: Duration, wall: Duration) {
        if let Some(sealed) = SEALED.get() {
            SEALED.set(Some(Sealed { monotonic, wall, ..sealed }));
        }
    }
}

impl Drop for World {
    fn drop(&mut self) {
        SEALED.set(None);
    }
}

/// The next number of the world's stream, SplitMix64: it passes the usual batteries, and one word is all its state.
fn draw(entropy: &mut u64) -> u64 {
    *entropy = entropy.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut mixed = *entropy;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// The state of this thread, if it is in a world. A thread that is being torn down is in none.
fn sealed() -> Option<Sealed> {
    SEALED.try_with(Cell::get).ok().flatten()
}

/// `getrandom(2)`.
///
/// # Safety
/// As the system's: `buffer` must be valid for writes of `length` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn getrandom(
    buffer: *mut libc::c_void,
    length: libc::size_t,
    flags: libc::c_uint,
) -> libc::ssize_t {
    let Some(mut state) = sealed() else {
        // SAFETY: the caller's own arguments, handed on to the kernel.
        let read = unsafe { libc::syscall(libc::SYS_getrandom, buffer, length, flags) };
        return read as libc::ssize_t;
    };
    if buffer.is_null() {
        return -1;
    }
    // SAFETY: the caller promises `length` writable bytes at `buffer`, which is not null.
    let bytes = unsafe { std::slice::from_raw_parts_mut(buffer.cast::<u8>(), length) };
    for chunk in bytes.chunks_mut(8) {
        chunk.copy_from_slice(&draw(&mut state.entropy).to_le_bytes()[..chunk.len()]);
    }
    SEALED.set(Some(state));
    libc::ssize_t::try_from(length).unwrap_or(libc::ssize_t::MAX)
}

/// `getentropy(3)`.
///
/// # Safety
/// As the system's: `buffer` must be valid for writes of `length` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn getentropy(buffer: *mut libc::c_void, length: libc::size_t) -> libc::c_int {
    if length > 256 {
        return -1;
    }
    // SAFETY: the caller's own promise.
    let read = unsafe { getrandom(buffer, length, 0) };
    if usize::try_from(read) == Ok(length) { 0 } else { -1 }
}

/// `clock_gettime(2)`. Clocks of processor time are the system's everywhere: nothing decides by them.
///
/// # Safety
/// As the system's: `to` must be valid for a write.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn clock_gettime(clock: libc::clockid_t, to: *mut libc::timespec) -> libc::c_int {
    let shown = sealed().and_then(|sealed| match clock {
        libc::CLOCK_REALTIME | libc::CLOCK_REALTIME_COARSE => Some(sealed.wall),
        libc::CLOCK_MONOTONIC | libc::CLOCK_MONOTONIC_RAW | libc::CLOCK_MONOTONIC_COARSE | libc::CLOCK_BOOTTIME => {
            Some(sealed.monotonic)
        }
        _ => None,
    });
    match shown {
        Some(time) if !to.is_null() => {
            let seconds = libc::time_t::try_from(time.as_secs()).unwrap_or(libc::time_t::MAX);
            let time = libc::timespec { tv_sec: seconds, tv_nsec: time.subsec_nanos().into() };
            // SAFETY: the caller promises that `to` can be written, and it is not null.
            unsafe { to.write(time) };
            0
        }
        // SAFETY: the caller's own arguments, handed on to the kernel.
        _ => unsafe { libc::syscall(libc::SYS_clock_gettime, clock, to) as libc::c_int },
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::hash::{BuildHasher, RandomState};
    use std::time::{Instant, SystemTime, UNIX_EPOCH};

    use super::*;

    fn in_world(seed: u64) -> (u64, Vec<u32>, u64) {
        let run = move || {
            let world = World::enter(seed);
            let before = Instant::now();
            world.set_clocks(Duration::from_secs(61), Duration::from_secs(1_000));
            assert_eq!(before.elapsed(), Duration::from_secs(60));
            let order: HashMap<u32, ()> = (0..100).map(|n| (n, ())).collect();
            let wall = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs();
            (RandomState::new().hash_one(7), order.into_keys().collect(), wall)
        };
        std::thread::spawn(run).join().expect("no panic")
    }

    #[test]
    fn one_seed_gives_one_entropy_and_the_world_s_clock() {
        let first = in_world(1);
        assert_eq!(first, in_world(1));
        assert_ne!(first.0, in_world(2).0);
        assert_eq!(first.2, 1_000);
    }

    #[test]
    fn a_thread_outside_of_any_world_has_the_system_s() {
        drop(World::enter(1));
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
        assert!(wall > Duration::from_secs(1_700_000_000));
        assert_ne!(RandomState::new().hash_one(7), in_world(1).0);
    }
}
