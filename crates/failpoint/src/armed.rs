//! The switches of a simulation: each thread's own, by its world's seed.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::Duration;

use crate::{Failpoint, PPM, Planted};

/// Whether this build has switches.
pub const ARMED: bool = true;

/// What is armed on this thread.
#[derive(Debug)]
struct Arming {
    seed: u64,
    /// The chance of each failpoint, in parts per million.
    chances: BTreeMap<Failpoint, u32>,
    /// How often each was passed and how often it fired.
    passed: BTreeMap<Failpoint, Passed>,
    planted: Option<Planted>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Passed {
    times: u64,
    fired: u64,
}

thread_local! {
    static ARMING: RefCell<Option<Arming>> = const { RefCell::new(None) };
}

/// Switches that are armed on this thread until this is dropped.
#[derive(Debug)]
pub struct Armed {
    /// They are this thread's own.
    _not_send: std::marker::PhantomData<*const ()>,
}

/// Arms switches on this thread: failpoints with their chances in parts per million, and a bug. Equal seeds give equal firings.
#[must_use]
pub fn arm(seed: u64, chances: BTreeMap<Failpoint, u32>, planted: Option<Planted>) -> Armed {
    let arming = Arming { seed, chances, passed: BTreeMap::new(), planted };
    ARMING.with_borrow_mut(|here| *here = Some(arming));
    Armed { _not_send: std::marker::PhantomData }
}

/// From now on no failpoint fires on this thread; a planted bug stays.
pub fn disarm() {
    ARMING.with_borrow_mut(|here| here.iter_mut().for_each(|arming| arming.chances.clear()));
}

impl Armed {
    /// How often each failpoint has fired, those left out that never did.
    #[must_use]
    pub fn hits(&self) -> BTreeMap<Failpoint, u64> {
        ARMING.with_borrow(|here| {
            let passed = here.iter().flat_map(|arming| &arming.passed);
            passed.filter(|(_, passed)| passed.fired > 0).map(|(point, passed)| (*point, passed.fired)).collect()
        })
    }
}

impl Drop for Armed {
    fn drop(&mut self) {
        ARMING.with_borrow_mut(|here| *here = None);
    }
}

/// A draw for the present passing of a failpoint, if it fires.
fn draw(point: Failpoint) -> Option<u64> {
    // A thread that is being torn down has none.
    let drawn = ARMING.try_with(|here| {
        let mut here = here.borrow_mut();
        let arming = here.as_mut()?;
        let chance = *arming.chances.get(&point)?;
        let passed = arming.passed.entry(point).or_default();
        passed.times += 1;
        let word = mix(arming.seed ^ mix(point as u64 + 1) ^ passed.times.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let fires = word % u64::from(PPM) < u64::from(chance);
        passed.fired += u64::from(fires);
        fires.then(|| mix(word))
    });
    drawn.ok().flatten()
}

/// Whether a failpoint fires now.
#[must_use]
pub fn fires(point: Failpoint) -> bool {
    draw(point).is_some()
}

/// How long to wait at a failpoint, if it fires now: up to `most`.
#[must_use]
pub fn pause(point: Failpoint, most: Duration) -> Option<Duration> {
    let most = u64::try_from(most.as_millis()).unwrap_or(u64::MAX).max(1);
    draw(point).map(|word| Duration::from_millis(1 + word % most))
}

/// Whether a bug is planted.
#[must_use]
pub fn planted(bug: Planted) -> bool {
    ARMING.try_with(|here| here.borrow().as_ref().is_some_and(|arming| arming.planted == Some(bug))).unwrap_or(false)
}

/// The finaliser of SplitMix64.
fn mix(word: u64) -> u64 {
    let word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    const POINT: Failpoint = Failpoint::CycleSkipped;

    fn firings(seed: u64, ppm: u32) -> Vec<bool> {
        let armed = arm(seed, BTreeMap::from([(POINT, ppm)]), None);
        let fired: Vec<bool> = (0..1_000).map(|_| fires(POINT)).collect();
        let count = fired.iter().filter(|fired| **fired).count() as u64;
        assert_eq!(armed.hits().get(&POINT).copied().unwrap_or(0), count);
        fired
    }

    #[test]
    fn one_seed_gives_one_series_of_firings_at_about_its_chance() {
        assert_eq!(firings(1, 100_000), firings(1, 100_000));
        assert_ne!(firings(1, 100_000), firings(2, 100_000));
        let fired = firings(3, 100_000).into_iter().filter(|fired| *fired).count();
        assert!((60..140).contains(&fired), "{fired} of 1,000 at one in ten");
    }

    #[test]
    fn nothing_fires_that_is_not_armed_here() {
        assert!(!fires(POINT) && !planted(Planted::FenceReused));
        let armed = arm(1, BTreeMap::from([(POINT, PPM)]), Some(Planted::FenceReused));
        assert!(fires(POINT) && !fires(Failpoint::CycleLate) && planted(Planted::FenceReused));
        assert!(!std::thread::spawn(|| fires(POINT)).join().expect("no panic"), "another thread has its own");
        disarm();
        assert!(!fires(POINT) && planted(Planted::FenceReused));
        drop(armed);
        assert!(!planted(Planted::FenceReused));
    }
}
