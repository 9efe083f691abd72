//! The switch itself: who is behind which port, and which frame is due when. No I/O, no clock.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::sync::Arc;
use std::time::Duration;

use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

use crate::frame::{Addresses, Mac};
use crate::links::{Link, Links};

/// Bytes that may be on their way to one port; more is lost, as in any switch whose queue is full.
pub(crate) const HELD_BYTES: usize = 8 << 20;
/// Addresses that are remembered. More means that somebody makes them up; those beyond are sent to every port.
const KNOWN: usize = 1_024;
const MILLION: u32 = 1_000_000;

/// What became of frames: of each one for each port that it was to go to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Handed to their port.
    pub delivered: u64,
    /// Lost by chance.
    pub lost: u64,
    /// Lost because their link was cut, before or while they were on their way.
    pub cut: u64,
    /// Lost because too much was on its way to their port.
    pub overflowed: u64,
    /// Not passed on: cut short, or not to be passed on by anybody.
    pub malformed: u64,
}

/// A frame on its way. Those due first go first; of those due at once, the one that came first.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Held {
    due: Duration,
    number: u64,
    from: usize,
    to: usize,
    frame: Arc<[u8]>,
}

/// A switch. Times are counted from whenever its driver likes.
#[derive(Debug)]
pub struct Core {
    links: Links,
    dice: ChaCha8Rng,
    behind: BTreeMap<Mac, usize>,
    held: BinaryHeap<Reverse<Held>>,
    held_bytes: Vec<usize>,
    numbers: u64,
    counts: Counts,
}

impl Core {
    /// A switch that knows nobody yet. The seed decides which frames are lost and how links waver.
    #[must_use]
    pub fn new(links: Links, seed: u64) -> Self {
        Self {
            held_bytes: vec![0; links.ports()],
            links,
            dice: ChaCha8Rng::seed_from_u64(seed),
            behind: BTreeMap::new(),
            held: BinaryHeap::new(),
            numbers: 0,
            counts: Counts::default(),
        }
    }

    /// What became of frames so far.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// Takes a frame that came in at a port.
    pub fn receive(&mut self, now: Duration, from: usize, frame: &[u8]) {
        let Some(addresses) = Addresses::of(frame) else {
            self.counts.malformed += 1;
            return;
        };
        if self.behind.len() < KNOWN || self.behind.contains_key(&addresses.from) {
            self.behind.insert(addresses.from, from);
        }
        let frame: Arc<[u8]> = frame.into();
        match self.behind.get(&addresses.to).copied() {
            // A port's own frame for a neighbour behind the same port needs no switch.
            Some(to) if to == from => {}
            Some(to) => self.send(now, from, to, &frame),
            None => (0..self.links.ports()).filter(|to| *to != from).for_each(|to| self.send(now, from, to, &frame)),
        }
    }

    /// When the next frame is due.
    #[must_use]
    pub fn next_due(&self) -> Option<Duration> {
        self.held.peek().map(|Reverse(held)| held.due)
    }

    /// A frame that is due, with its port.
    pub fn take_due(&mut self, now: Duration) -> Option<(usize, Arc<[u8]>)> {
        while self.next_due().is_some_and(|due| due <= now) {
            let Reverse(Held { from, to, frame, .. }) = self.held.pop()?;
            self.held_bytes[to] -= frame.len();
            if self.links.get(from, to).cut {
                self.counts.cut += 1;
                continue;
            }
            self.counts.delivered += 1;
            return Some((to, frame));
        }
        None
    }

    fn send(&mut self, now: Duration, from: usize, to: usize, frame: &Arc<[u8]>) {
        let link = self.links.get(from, to);
        if link.cut {
            self.counts.cut += 1;
        } else if link.loss_ppm > 0 && self.dice.random_range(0..MILLION) < link.loss_ppm {
            self.counts.lost += 1;
        } else if self.held_bytes[to] + frame.len() > HELD_BYTES {
            self.counts.overflowed += 1;
        } else {
            let due = now + self.way(link);
            self.numbers += 1;
            self.held_bytes[to] += frame.len();
            self.held.push(Reverse(Held { due, number: self.numbers, from, to, frame: Arc::clone(frame) }));
        }
    }

    /// How long this frame takes.
    fn way(&mut self, link: Link) -> Duration {
        if link.jitter.is_zero() {
            return link.delay;
        }
        let width = u64::try_from(link.jitter.as_nanos()).unwrap_or(u64::MAX / 2);
        let waver = Duration::from_nanos(self.dice.random_range(0..=width.saturating_mul(2)));
        (link.delay + waver).saturating_sub(link.jitter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);
    const NOBODY: u8 = 99;

    /// A frame between two hosts, of which the n-th has the address n.
    fn frame(from: u8, to: u8, body: u8) -> Vec<u8> {
        let mac = |host: u8| [2, 0, 0, 0, 0, host];
        [&mac(to)[..], &mac(from)[..], &[0x08, 0x00, body]].concat()
    }

    fn broadcast(from: u8) -> Vec<u8> {
        [&[0xff; 6][..], &frame(from, 0, 0)[6..]].concat()
    }

    /// Three hosts, each behind the port of its number, that have been heard of.
    fn acquainted() -> (Core, Links) {
        let links = Links::new(3);
        let mut core = Core::new(links.clone(), 7);
        for host in 0..3 {
            core.receive(Duration::ZERO, usize::from(host), &broadcast(host));
        }
        while core.take_due(Duration::ZERO).is_some() {}
        core.counts = Counts::default();
        (core, links)
    }

    fn bodies(core: &mut Core, now: Duration) -> Vec<(usize, u8)> {
        std::iter::from_fn(|| core.take_due(now)).map(|(to, frame)| (to, frame[14])).collect()
    }

    #[test]
    fn a_frame_for_a_known_host_goes_to_its_port_alone_and_for_an_unknown_one_to_all_others() {
        let (mut core, _) = acquainted();
        core.receive(Duration::ZERO, 0, &frame(0, 2, 1));
        core.receive(Duration::ZERO, 0, &frame(0, NOBODY, 2));
        core.receive(Duration::ZERO, 0, &frame(0, 0, 3));
        assert_eq!(bodies(&mut core, Duration::ZERO), [(2, 1), (1, 2), (2, 2)]);
    }

    #[test]
    fn a_host_that_moves_is_found_behind_its_new_port() {
        let (mut core, _) = acquainted();
        core.receive(Duration::ZERO, 1, &broadcast(2));
        while core.take_due(Duration::ZERO).is_some() {}
        core.receive(Duration::ZERO, 0, &frame(0, 2, 1));
        assert_eq!(bodies(&mut core, Duration::ZERO), [(1, 1)]);
    }

    #[test]
    fn frames_leave_when_they_are_due_in_the_order_in_which_they_are() {
        let (mut core, links) = acquainted();
        links.change(0, 2, |link| link.delay = 40 * MS);
        links.change(1, 2, |link| link.delay = 10 * MS);
        core.receive(Duration::ZERO, 0, &frame(0, 2, 1));
        core.receive(5 * MS, 1, &frame(1, 2, 2));
        core.receive(6 * MS, 1, &frame(1, 2, 3));
        assert_eq!(core.next_due(), Some(15 * MS));
        assert_eq!(bodies(&mut core, 14 * MS), []);
        assert_eq!(bodies(&mut core, 39 * MS), [(2, 2), (2, 3)]);
        assert_eq!(bodies(&mut core, 40 * MS), [(2, 1)]);
    }

    #[test]
    fn a_wavering_link_stays_within_its_bounds() {
        let (mut core, links) = acquainted();
        links.change(0, 1, |link| (link.delay, link.jitter) = (40 * MS, 10 * MS));
        for _ in 0..200 {
            core.receive(Duration::ZERO, 0, &frame(0, 1, 0));
        }
        let first = core.next_due().expect("something is on its way");
        assert!(first >= 30 * MS && first < 32 * MS, "{first:?}");
        assert_eq!(bodies(&mut core, 50 * MS).len(), 200);
    }

    #[test]
    fn as_many_frames_are_lost_as_asked_and_the_seed_says_which() {
        let arrived = |seed: u64| {
            let links = Links::new(2);
            links.change(0, 1, |link| link.loss_ppm = 100_000);
            let mut core = Core::new(links, seed);
            let flood: Vec<u8> = (0..100).flat_map(|_| 0..100).collect();
            for body in flood {
                core.receive(Duration::ZERO, 0, &frame(0, 1, body));
            }
            bodies(&mut core, Duration::ZERO)
        };
        assert!((8_800..=9_200).contains(&arrived(1).len()), "{}", arrived(1).len());
        assert_eq!(arrived(1), arrived(1));
        assert_ne!(arrived(1), arrived(2));
    }

    #[test]
    fn a_cut_has_a_direction_and_loses_what_is_on_its_way() {
        let (mut core, links) = acquainted();
        links.change(0, 1, |link| link.delay = 10 * MS);
        core.receive(Duration::ZERO, 0, &frame(0, 1, 1));
        links.change(0, 1, |link| link.cut = true);
        core.receive(Duration::ZERO, 0, &frame(0, 1, 2));
        core.receive(Duration::ZERO, 1, &frame(1, 0, 3));
        assert_eq!(bodies(&mut core, 10 * MS), [(0, 3)]);
        assert_eq!(core.counts().cut, 2);
        links.change(0, 1, |link| link.cut = false);
        core.receive(10 * MS, 0, &frame(0, 1, 4));
        assert_eq!(bodies(&mut core, 20 * MS), [(1, 4)]);
    }

    #[test]
    fn a_storm_is_bounded_port_by_port() {
        let (mut core, links) = acquainted();
        links.change(0, 1, |link| link.delay = Duration::from_secs(5));
        let long = [&broadcast(0)[..], &[0; 1_400]].concat();
        for _ in 0..20_000 {
            core.receive(Duration::ZERO, 0, &long);
            // The other port is drained all the while: what is held for one is not held against the other.
            while core.take_due(Duration::ZERO).is_some() {}
        }
        assert_eq!(core.held.len(), HELD_BYTES / long.len());
        assert_eq!(core.counts().overflowed, 20_000 - core.held.len() as u64);
        assert_eq!(core.counts().delivered, 20_000);
        core.receive(Duration::ZERO, 1, &frame(1, 2, 9));
        assert_eq!(bodies(&mut core, Duration::ZERO), [(2, 9)]);
    }

    #[test]
    fn made_up_senders_fill_no_memory() {
        let mut core = Core::new(Links::new(2), 1);
        for n in 0..10_000u16 {
            let [high, low] = n.to_be_bytes();
            core.receive(Duration::ZERO, 0, &[&[0xff; 6][..], &[2, 1, 0, 0, high, low, 8, 0]].concat());
            while core.take_due(Duration::ZERO).is_some() {}
        }
        assert_eq!(core.behind.len(), KNOWN);
    }

    #[test]
    fn what_is_no_frame_is_counted_and_forgotten() {
        let (mut core, _) = acquainted();
        core.receive(Duration::ZERO, 0, &[1, 2, 3]);
        assert_eq!((core.counts().malformed, core.next_due()), (1, None));
    }
}
