//! Whether a history of one register is linearizable: the search of Wing and Gong, with Lowe's memory of what was tried.
//!
//! An operation takes effect at one moment between its question and its answer. One that was never answered may take effect at any later
//! moment, or never. The search picks the next operation in turn among those that no answered one precedes, and gives up a branch when
//! the same set of operations with the same value was met before. (Wing and Gong, "Testing and verifying concurrent objects", 1993;
//! Lowe, "Testing for linearizability", 2017.)

use std::collections::BTreeSet;
use std::time::Duration;

use super::{Action, Operation};

/// Configurations that are looked at before the answer is "unknown".
const EFFORT: usize = 300_000;

/// What is to be said of a history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// There is an order that explains it.
    Linearizable,
    /// There is none. The operations are the least that cannot be explained: of a smallest beginning of the history, what matters.
    Violated(Vec<Operation>),
    /// The search was given up.
    Unknown,
}

/// Checks the history of one register that holds `initial` at first.
#[must_use]
pub fn check(operations: &[Operation], initial: i64) -> Verdict {
    match search(operations, initial) {
        Some(true) => Verdict::Linearizable,
        None => Verdict::Unknown,
        Some(false) => Verdict::Violated(shrink(operations, initial)),
    }
}

/// Leaves out answers from the end of the history for as long as what is left cannot be explained.
fn shrink(operations: &[Operation], initial: i64) -> Vec<Operation> {
    let mut ends: Vec<Duration> = operations.iter().filter_map(|operation| operation.answered).collect();
    ends.sort_unstable();
    let until = |end: Duration| -> Vec<Operation> {
        let asked = operations.iter().filter(|operation| operation.asked <= end).cloned();
        let known = asked.map(|operation| Operation {
            answered: operation.answered.filter(|answered| *answered <= end),
            ..operation
        });
        known.filter(|operation| operation.answered.is_some() || matches!(operation.action, Action::Write(_))).collect()
    };
    let first_bad = ends.partition_point(|end| search(&until(*end), initial) != Some(false));
    leave_out(ends.get(first_bad).map_or_else(|| operations.to_vec(), |end| until(*end)), initial)
}

/// Leaves out single operations for as long as the rest cannot be explained: reads, and writes of values that nobody reads. Any other
/// write is what explains a read.
fn leave_out(mut smallest: Vec<Operation>, initial: i64) -> Vec<Operation> {
    for at in (0..smallest.len()).rev() {
        let is_needed = match smallest[at].action {
            Action::Write(value) => smallest.iter().any(|other| other.action == Action::Read(Some(value))),
            Action::Read(_) => false,
        };
        let mut without = smallest.clone();
        without.remove(at);
        if !is_needed && search(&without, initial) == Some(false) {
            smallest = without;
        }
    }
    smallest
}

/// One place in the search: what the register holds, and how the search came here.
struct Frame {
    value: i64,
    /// The next candidate to try.
    next: usize,
    /// The operations that took effect on the way here.
    chosen: [Option<usize>; 2],
}

/// An unanswered write has no place of its own in the order: it takes effect right before a read that saw it, or, as far as anybody can
/// tell, never. So it is no candidate, and costs no branches.
fn search(operations: &[Operation], initial: i64) -> Option<bool> {
    let mut done = vec![false; operations.len()];
    let mut met: BTreeSet<(Vec<u64>, i64)> = BTreeSet::new();
    let mut stack = vec![Frame { value: initial, next: 0, chosen: [None; 2] }];
    let mut left = operations.iter().filter(|operation| operation.answered.is_some()).count();
    while let Some(frame) = stack.last_mut() {
        if left == 0 {
            return Some(true);
        }
        let (value, from) = (frame.value, frame.next);
        // Nothing may go before an operation that was answered before it was asked.
        let open = operations.iter().zip(&done).filter(|(_, done)| !**done);
        let barrier = open.filter_map(|(operation, _)| operation.answered).min();
        let may_go = |at: usize| !done[at] && barrier.is_none_or(|barrier| operations[at].asked <= barrier);
        let candidate =
            (from..operations.len()).filter(|at| operations[*at].answered.is_some() && may_go(*at)).find_map(|at| {
                if let Some(after) = step(value, &operations[at]) {
                    return Some((at, None, after));
                }
                let Action::Read(Some(seen)) = operations[at].action else { return None };
                let lost = |other: &usize| operations[*other].answered.is_none() && may_go(*other);
                let helper =
                    (0..operations.len()).filter(lost).find(|at| operations[*at].action == Action::Write(seen))?;
                Some((at, Some(helper), seen))
            });
        let Some((at, helper, after)) = candidate else {
            let chosen = frame.chosen;
            stack.pop();
            for at in chosen.into_iter().flatten() {
                done[at] = false;
                left += usize::from(operations[at].answered.is_some());
            }
            continue;
        };
        frame.next = at + 1;
        let chosen = [Some(at), helper];
        chosen.into_iter().flatten().for_each(|at| done[at] = true);
        if !met.insert((bits(&done), after)) {
            chosen.into_iter().flatten().for_each(|at| done[at] = false);
            continue;
        }
        if met.len() > EFFORT {
            return None;
        }
        left -= 1;
        stack.push(Frame { value: after, next: 0, chosen });
    }
    Some(false)
}

/// What the register holds after an operation; `None` if the operation could not have been answered so.
fn step(value: i64, operation: &Operation) -> Option<i64> {
    match operation.action {
        Action::Write(written) => Some(written),
        Action::Read(Some(seen)) => (seen == value).then_some(value),
        Action::Read(None) => Some(value),
    }
}

fn bits(done: &[bool]) -> Vec<u64> {
    let word = |chunk: &[bool]| chunk.iter().rev().fold(0, |word, bit| word << 1 | u64::from(*bit));
    done.chunks(64).map(word).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn op(action: Action, asked: u64, answered: Option<u64>) -> Operation {
        let ms = Duration::from_millis;
        Operation { client: 0, action, asked: ms(asked), answered: answered.map(ms) }
    }

    fn write(value: i64, asked: u64, answered: u64) -> Operation {
        op(Action::Write(value), asked, Some(answered))
    }

    fn read(value: i64, asked: u64, answered: u64) -> Operation {
        op(Action::Read(Some(value)), asked, Some(answered))
    }

    #[test]
    fn what_one_client_does_in_turn_is_linearizable() {
        let history = [read(0, 0, 1), write(1, 2, 3), read(1, 4, 5), write(2, 6, 7), read(2, 8, 9)];
        assert_eq!(check(&history, 0), Verdict::Linearizable);
    }

    #[test]
    fn concurrent_writes_may_take_effect_in_either_order() {
        for last in [1, 2] {
            assert_eq!(check(&[write(1, 0, 10), write(2, 0, 10), read(last, 11, 12)], 0), Verdict::Linearizable);
        }
    }

    #[test]
    fn a_stale_read_is_found_with_the_smallest_history_that_shows_it() {
        let history = [write(1, 0, 1), read(0, 2, 3), write(2, 4, 5), read(2, 6, 7)];
        assert_eq!(check(&history, 0), Verdict::Violated(history[..2].to_vec()));
    }

    #[test]
    fn what_does_not_matter_is_left_out_of_a_counterexample() {
        let history = [
            write(1, 0, 1),
            read(1, 2, 3),
            write(2, 4, 5),
            read(2, 6, 7),
            write(3, 8, 9),
            read(3, 10, 11),
            read(2, 12, 13),
        ];
        let smallest = [write(2, 4, 5), write(3, 8, 9), read(2, 12, 13)];
        assert_eq!(check(&history, 0), Verdict::Violated(smallest.to_vec()));
    }

    #[test]
    fn reads_that_go_back_in_time_are_found() {
        let history = [write(1, 0, 100), read(1, 10, 20), read(0, 30, 40)];
        assert!(matches!(check(&history, 0), Verdict::Violated(_)));
    }

    #[test]
    fn a_lost_update_is_found() {
        assert!(matches!(check(&[write(1, 0, 1), write(2, 2, 3), read(1, 4, 5)], 0), Verdict::Violated(_)));
    }

    #[test]
    fn a_write_of_unknown_fate_may_have_happened_late_or_never() {
        let lost = op(Action::Write(7), 0, None);
        let late = [lost.clone(), write(1, 1, 2), read(1, 3, 4), read(7, 5, 6)];
        assert_eq!(check(&late, 0), Verdict::Linearizable);
        let never = [lost.clone(), write(1, 1, 2), read(1, 3, 4)];
        assert_eq!(check(&never, 0), Verdict::Linearizable);
        let twice = [lost, write(1, 1, 2), read(7, 3, 4), write(2, 5, 6), read(7, 7, 8)];
        assert!(matches!(check(&twice, 0), Verdict::Violated(_)));
    }

    #[test]
    fn a_value_that_nobody_wrote_is_found() {
        assert!(matches!(check(&[read(9, 0, 1)], 0), Verdict::Violated(_)));
    }

    #[test]
    fn a_write_does_not_take_effect_before_it_is_asked_for() {
        assert!(matches!(check(&[read(1, 0, 1), write(1, 2, 3)], 0), Verdict::Violated(_)));
    }
}
