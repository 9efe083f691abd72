//! Moments: when the same state will lead to another decision. Every rule of decide that looks at the clock names here the
//! next moment at which its outcome may change; until then the last decision holds.
//!
//! A moment that comes too early costs a cycle; one that comes too late would be a wrong decision.

use argosy_model::{NeedMark, ShardTime};

use crate::cycle::{Cycle, Seen};
use crate::{Decision, Policy};

/// Most idle machines that are looked at for one whose hold runs out, beyond those whose hold is over.
const LOOKED_AT: usize = 64;

impl Cycle {
    /// The first moment after this cycle's at which its decision may no longer hold.
    pub(crate) fn next_moment(&self, decision: &Decision) -> ShardTime {
        if !decision.plan.marks.is_empty() {
            // Marks carry the moment of the cycle, so they stand for that moment alone until they are committed.
            return self.view.now.next();
        }
        let of_marks = self.alarms.first().map(|(moment, _)| *moment);
        of_marks.into_iter().chain(next_release(&self.view)).min().unwrap_or(ShardTime(u64::MAX))
    }
}

/// When what is remembered of a need will mean something else: its retreat ends, it parks, it may try again, its time to
/// assemble is over.
pub(crate) fn next_of_mark(mark: &NeedMark, policy: &Policy, now: ShardTime) -> Option<ShardTime> {
    if *mark == NeedMark::default() {
        return None;
    }
    let parks = mark.hopeless_since.map(|since| since.plus(policy.park_after));
    let tried =
        parks.map(|parks| mark.probed_at.map_or(parks, |probed| probed.max(mark.hopeless_since.unwrap_or(probed))));
    let tries = tried.map(|tried| tried.plus(policy.probe_every));
    let gives_up = mark.assembling_since.map(|since| since.plus(policy.assemble_within));
    [mark.retreat_until, parks, tries, gives_up].into_iter().flatten().filter(|moment| *moment > now).min()
}

/// When the next idle machine's hold runs out.
pub(crate) fn next_release(view: &Seen) -> Option<ShardTime> {
    let policy = &view.policy;
    let kinds = [policy.hold_on_demand, policy.hold_spot];
    let shortest = kinds.into_iter().min().expect("there are two");
    let mut looked_at = 0;
    let mut next: Option<ShardTime> = None;
    for (since, ix) in view.fleet.elastic_idle() {
        if next.is_some_and(|next| since.plus(shortest) >= next) {
            break;
        }
        let capacity = view.fleet.words.shape_of(view.fleet.machine(ix).shape).capacity_type;
        if policy.is_hold_over(capacity, view.now.since(since)) {
            continue;
        }
        looked_at += 1;
        if looked_at > LOOKED_AT {
            return Some(view.now.next());
        }
        let over = since.plus(policy.hold(capacity));
        if over > view.now {
            next = Some(next.map_or(over, |next| next.min(over)));
        }
    }
    next
}
