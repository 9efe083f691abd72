//! What one sink is being told: a bounded stretch of the outbox, in lanes.
//!
//! Messages about one machine go one after the other; those about different machines go side by side. A message that is turned down holds
//! up its own lane only; a receiver that is not there holds up all of them, and is asked again with one message at a time.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use argosy_notify::{Kept, Key, Message, Outbox};
use tokio::time::{Duration, Instant};

use super::post::Said;

/// Most messages in hand.
const WINDOW: usize = 256;
/// The first wait, and the longest.
const FIRST_WAIT: Duration = Duration::from_secs(1);
const LONGEST_WAIT: Duration = Duration::from_secs(300);

/// One message in hand.
struct Item {
    message: Message,
    lane: String,
    is_out: bool,
    refusals: u32,
    due: Instant,
}

/// What has been found out and not yet been confirmed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Done {
    pub(super) delivered: u32,
    pub(super) dead: u32,
    pub(super) dead_letter: Option<(Key, String)>,
}

/// A stretch of the outbox on its way to a sink.
pub(super) struct Window {
    items: BTreeMap<Key, Item>,
    /// Everything before this is in hand, or done.
    loaded: Key,
    done: Done,
    failures: u32,
    pause: Instant,
    attempts: u32,
    at_once: usize,
}

impl Window {
    /// From a sink's cursor on.
    pub(super) fn new(kept: &Kept, now: Instant) -> Self {
        let (attempts, at_once) = (kept.sink.attempts, kept.sink.at_once as usize);
        let done = Done::default();
        Self { items: BTreeMap::new(), loaded: kept.cursor, done, failures: 0, pause: now, attempts, at_once }
    }

    /// Takes in what the outbox holds for the sink, up to the entry `applied`. What it holds no more has been given up.
    pub(super) fn fill(
        &mut self,
        outbox: &Outbox,
        kept: &Kept,
        applied: u64,
        now: Instant,
        message: impl Fn(&argosy_notify::Delivery) -> Option<Message>,
    ) {
        self.items.retain(|key, item| *key >= kept.cursor || item.is_out);
        self.loaded = self.loaded.max(kept.cursor);
        for delivery in outbox.pending(&kept.sink, self.loaded) {
            if self.items.len() >= WINDOW {
                return;
            }
            self.loaded = delivery.key.next();
            if let Some(message) = message(&delivery) {
                let lane = delivery.transition.lane().to_owned();
                self.items.insert(delivery.key, Item { message, lane, is_out: false, refusals: 0, due: now });
            }
        }
        self.loaded = self.loaded.max(Key::first_of(applied + 1));
    }

    /// The next message that may go out now.
    pub(super) fn next(&mut self, now: Instant) -> Option<(Key, Message)> {
        let out = self.items.values().filter(|item| item.is_out).count();
        let is_probe = self.failures > 0;
        if out >= self.at_once || (is_probe && (out > 0 || now < self.pause)) {
            return None;
        }
        let mut busy = BTreeSet::new();
        let free = self.items.iter().find(|(_, item)| {
            let is_first = busy.insert(item.lane.as_str());
            is_first && !item.is_out && item.due <= now
        });
        let key = *free?.0;
        let item = self.items.get_mut(&key)?;
        item.is_out = true;
        Some((key, item.message.clone()))
    }

    /// What the receiver said to a message.
    pub(super) fn ended(&mut self, key: Key, said: &Said, now: Instant) {
        let Some(item) = self.items.get_mut(&key) else { return };
        item.is_out = false;
        match said {
            Said::Taken => {
                self.failures = 0;
                self.done.delivered += 1;
                self.items.remove(&key);
            }
            Said::TurnedDown(why) => {
                self.failures = 0;
                item.refusals += 1;
                item.due = now + wait(item.refusals, &item.message.id);
                if item.refusals >= self.attempts {
                    self.done.dead += 1;
                    self.done.dead_letter = Some((key, why.clone()));
                    self.items.remove(&key);
                }
            }
            Said::Away(_) => {
                self.failures = self.failures.saturating_add(1);
                self.pause = now + wait(self.failures, &item.message.id);
            }
        }
    }

    /// How often in a row nobody answered.
    pub(super) fn failures(&self) -> u32 {
        self.failures
    }

    /// Everything before this is done.
    pub(super) fn through(&self) -> Key {
        self.items.keys().next().copied().unwrap_or(self.loaded)
    }

    /// What has been found out and not yet been confirmed.
    pub(super) fn done(&self) -> &Done {
        &self.done
    }

    /// The log has it.
    pub(super) fn confirmed(&mut self, done: &Done) {
        self.done.delivered -= done.delivered;
        self.done.dead -= done.dead;
        if self.done.dead_letter == done.dead_letter {
            self.done.dead_letter = None;
        }
    }

    /// When something may go out that has to wait.
    pub(super) fn due(&self) -> Option<Instant> {
        if self.failures > 0 {
            return (!self.items.is_empty()).then_some(self.pause);
        }
        let mut busy = BTreeSet::new();
        let first = self.items.values().filter(|item| busy.insert(item.lane.as_str()));
        first.filter(|item| !item.is_out).map(|item| item.due).min()
    }
}

/// The wait before try `number + 1`: it doubles, and its second half is drawn from the message, so that many do not come back at once.
fn wait(number: u32, id: &str) -> Duration {
    let whole = FIRST_WAIT.saturating_mul(1 << number.saturating_sub(1).min(16)).min(LONGEST_WAIT);
    let mut hasher = DefaultHasher::new();
    (id, number).hash(&mut hasher);
    let half = u64::try_from(whole.as_millis() / 2).unwrap_or(u64::MAX).max(1);
    whole - Duration::from_millis(hasher.finish() % half)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use argosy_model::{ShardTime, State};
    use argosy_notify::{Delivery, SinkFile, Site, Subject, Transition, What};

    use super::*;

    /// An outbox with a transition for each of these machines, each in an entry of its own from 2 on, and the sink that is told.
    fn outbox(machines: &[&str]) -> (Outbox, Kept) {
        let text = "{version: 1, sinks: [{name: s, url: \"https://x/\", attempts: 2, at_once: 2}]}";
        let mut outbox = Outbox::default();
        outbox.set(SinkFile::parse("f", text).expect("sound"), 1);
        for (index, id) in (2..).zip(machines) {
            let subject = Subject::Machine { id: Arc::from(*id), site: Site::default() };
            let what = What::Gone { from: State::Idle };
            outbox.record(index, Transition { at: ShardTime(0), subject, what });
        }
        let kept = outbox.sink("s").expect("it is there").clone();
        (outbox, kept)
    }

    fn message(delivery: &Delivery) -> Option<Message> {
        Some(Message { id: delivery.key.index.to_string(), url: String::new(), body: String::new() })
    }

    fn window(machines: &[&str], now: Instant) -> Window {
        let (outbox, kept) = outbox(machines);
        let mut window = Window::new(&kept, now);
        window.fill(&outbox, &kept, 1 + machines.len() as u64, now, message);
        window
    }

    fn next(window: &mut Window, now: Instant) -> Option<u64> {
        window.next(now).map(|(key, _)| key.index)
    }

    fn ended(window: &mut Window, index: u64, said: &Said, now: Instant) {
        window.ended(Key::first_of(index), said, now);
    }

    fn no() -> Said {
        Said::TurnedDown("HTTP 400".to_owned())
    }

    #[test]
    fn one_machine_is_told_in_order_and_others_beside_it() {
        let now = Instant::now();
        let mut window = window(&["a", "a", "b", "c"], now);
        assert_eq!([next(&mut window, now), next(&mut window, now), next(&mut window, now)], [Some(2), Some(4), None]);
        ended(&mut window, 4, &Said::Taken, now);
        assert_eq!((next(&mut window, now), window.through()), (Some(5), Key::first_of(2)));
        ended(&mut window, 2, &Said::Taken, now);
        assert_eq!((next(&mut window, now), window.through()), (Some(3), Key::first_of(3)));
    }

    #[test]
    fn what_is_turned_down_holds_up_its_machine_only_and_is_given_up_in_the_end() {
        let now = Instant::now();
        let mut window = window(&["a", "a", "b"], now);
        assert_eq!(next(&mut window, now), Some(2));
        ended(&mut window, 2, &no(), now);
        assert_eq!((next(&mut window, now), next(&mut window, now)), (Some(4), None));
        ended(&mut window, 4, &Said::Taken, now);
        let later = window.due().expect("it is tried again");
        assert!(later > now && next(&mut window, later) == Some(2));
        ended(&mut window, 2, &no(), later);
        assert_eq!((next(&mut window, later), window.through()), (Some(3), Key::first_of(3)));
        let letter = Some((Key::first_of(2), "HTTP 400".to_owned()));
        assert_eq!(*window.done(), Done { delivered: 1, dead: 1, dead_letter: letter });
    }

    #[test]
    fn a_receiver_that_is_not_there_is_asked_with_one_message_at_a_time_and_nothing_is_given_up() {
        let mut now = Instant::now();
        let mut window = window(&["a", "b", "c"], now);
        assert_eq!((next(&mut window, now), next(&mut window, now)), (Some(2), Some(3)));
        ended(&mut window, 3, &Said::Away(String::new()), now);
        ended(&mut window, 2, &Said::Away(String::new()), now);
        for _ in 0..40 {
            assert_eq!(next(&mut window, now), None);
            now = window.due().expect("it is asked again");
            assert_eq!((next(&mut window, now), next(&mut window, now)), (Some(2), None));
            ended(&mut window, 2, &Said::Away(String::new()), now);
        }
        assert_eq!((window.done().dead, window.through()), (0, Key::first_of(2)));
        now = window.due().expect("it is asked again");
        assert_eq!(next(&mut window, now), Some(2));
        ended(&mut window, 2, &Said::Taken, now);
        assert_eq!((next(&mut window, now), next(&mut window, now)), (Some(3), Some(4)));
    }

    #[test]
    fn waits_double_up_to_five_minutes_and_differ_by_message() {
        let of = |number| wait(number, "s1-0-7-0").as_secs_f64();
        assert!((0.5..=1.0).contains(&of(1)) && (4.0..=8.0).contains(&of(4)) && (150.0..=300.0).contains(&of(60)));
        assert_ne!(wait(9, "s1-0-7-0"), wait(9, "s1-0-7-1"));
    }

    #[test]
    fn behind_the_last_message_everything_is_done_that_nobody_wanted() {
        let now = Instant::now();
        let mut window = window(&["a"], now);
        next(&mut window, now);
        ended(&mut window, 2, &Said::Taken, now);
        assert_eq!(window.through(), Key::first_of(3));
        let done = window.done().clone();
        window.confirmed(&done);
        assert_eq!(*window.done(), Done::default());
    }

    #[test]
    fn it_takes_in_no_more_than_it_holds_and_goes_on_where_it_stopped() {
        let now = Instant::now();
        let names: Vec<String> = (0..WINDOW + 10).map(|n| n.to_string()).collect();
        let machines: Vec<&str> = names.iter().map(String::as_str).collect();
        let (outbox, kept) = outbox(&machines);
        let mut window = Window::new(&kept, now);
        let applied = 1 + machines.len() as u64;
        window.fill(&outbox, &kept, applied, now, message);
        assert_eq!(window.items.len(), WINDOW);
        let mut told = 0;
        while let Some((key, _)) = window.next(now) {
            window.ended(key, &Said::Taken, now);
            window.fill(&outbox, &kept, applied, now, message);
            told += 1;
        }
        assert_eq!((told, window.through()), (WINDOW + 10, Key::first_of(applied + 1)));
    }
}
