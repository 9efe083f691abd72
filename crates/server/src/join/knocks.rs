//! Who has knocked too often: attempts of one kind by address, in a window of a minute each.
//!
//! It guards the node's time, not the tokens: nobody guesses one of those. So it is enough that it is bounded and roughly fair.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::tls::neighbourhood;

/// How long attempts are remembered.
const WINDOW: Duration = Duration::from_secs(60);
/// Addresses that are told apart at one time; those beyond share a window.
const ADDRESSES: usize = 4_096;

/// Attempts of one kind.
#[derive(Debug)]
pub(super) struct Knocks {
    most: u32,
    windows: Mutex<BTreeMap<Option<IpAddr>, Window>>,
}

#[derive(Debug)]
struct Window {
    since: Instant,
    came: u32,
}

impl Knocks {
    /// `most` attempts of one address in a minute.
    pub(super) fn new(most: u32) -> Self {
        Self { most, windows: Mutex::default() }
    }

    /// Whether an attempt from there is looked at.
    pub(super) fn lets(&self, from: Option<IpAddr>, now: Instant) -> bool {
        let windows = self.windows.lock().unwrap_or_else(PoisonError::into_inner);
        let from = from.map(neighbourhood);
        // An address without a window of its own goes by the shared one once there is no room for more.
        let crowded = windows.len() >= ADDRESSES;
        let window = windows.get(&from).or_else(|| crowded.then(|| windows.get(&None)).flatten());
        window.is_none_or(|window| now.duration_since(window.since) >= WINDOW || window.came < self.most)
    }

    /// One more came from there.
    pub(super) fn count(&self, from: Option<IpAddr>, now: Instant) {
        let mut windows = self.windows.lock().unwrap_or_else(PoisonError::into_inner);
        let mut from = from.map(neighbourhood);
        if !windows.contains_key(&from) && windows.len() >= ADDRESSES {
            windows.retain(|_, window| now.duration_since(window.since) < WINDOW);
            if windows.len() >= ADDRESSES {
                from = None;
            }
        }
        let window = windows.entry(from).or_insert(Window { since: now, came: 0 });
        if now.duration_since(window.since) >= WINDOW {
            *window = Window { since: now, came: 0 };
        }
        window.came = window.came.saturating_add(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Option<IpAddr> {
        Some(text.parse().expect("an address"))
    }

    #[test]
    fn an_address_that_comes_too_often_waits_and_delays_nobody_else() {
        let (knocks, now) = (Knocks::new(3), Instant::now());
        for _ in 0..3 {
            assert!(knocks.lets(at("192.0.2.1"), now));
            knocks.count(at("192.0.2.1"), now);
        }
        assert!(!knocks.lets(at("192.0.2.1"), now));
        assert!(!knocks.lets(at("::ffff:192.0.2.1"), now), "the same address, written differently");
        assert!(knocks.lets(at("192.0.2.2"), now));
        assert!(knocks.lets(at("192.0.2.1"), now + WINDOW));
        knocks.count(at("192.0.2.1"), now + WINDOW);
        assert!(knocks.lets(at("192.0.2.1"), now + WINDOW), "the count began anew");
    }

    #[test]
    fn neighbours_in_one_network_count_together() {
        let (knocks, now) = (Knocks::new(1), Instant::now());
        knocks.count(at("2001:db8::1"), now);
        assert!(!knocks.lets(at("2001:db8::ffff:2"), now));
        assert!(knocks.lets(at("2001:db8:0:1::1"), now));
    }

    #[test]
    fn a_crowd_of_addresses_takes_no_more_memory_than_there_is_room_for() {
        let (knocks, now) = (Knocks::new(2), Instant::now());
        let address = |n: u32| Some(IpAddr::from(n.to_be_bytes()));
        for n in 0..10_000 {
            knocks.count(address(n), now);
        }
        assert!(knocks.windows.lock().expect("not poisoned").len() <= ADDRESSES + 1);
        assert!(!knocks.lets(address(20_000), now), "those beyond share a window");
        assert!(knocks.lets(address(20_000), now + WINDOW));
    }
}
