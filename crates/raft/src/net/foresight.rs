//! Where the logs of those who voted for a new leader end, which it need not ask again (docs/adr/0133).
//!
//! openraft searches for the place up to which a follower's log is the leader's in steps of a round trip each, eleven for a log of
//! twenty-five thousand entries. Whoever granted the vote has said where its log ends. So the steps are answered here, until something is
//! sent to that follower that makes its log longer: entries or a snapshot.
//!
//! An answer that nobody gave is no sign of life, and openraft takes every answer for one. So whoever asks a majority asks again if one was
//! foreseen meanwhile, and a lease is not trusted before a majority has answered after the last of them ([`Group::read_barrier`]).
//!
//! [`Group::read_barrier`]: crate::Group::read_barrier

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use argosy_failpoint::{Planted, planted};
use openraft::raft::{AppendEntriesRequest, StreamAppendError, StreamAppendResult};
use openraft::type_config::TypeConfigExt;

use crate::types::{LogId, Moment, ReplicaId, TypeConfig, Vote};

/// Steps that a search may take: it halves what is left of the indexes.
const MOST_STEPS: u32 = u64::BITS;

/// What a group's candidate was told by its voters.
#[derive(Debug, Default)]
pub(crate) struct Foresight(Mutex<Told>);

#[derive(Debug, Default)]
struct Told {
    /// What is known of each member under the newest vote of this replica that concerned it.
    members: HashMap<ReplicaId, (Vote, Known)>,
    /// Answers that were foreseen.
    foreseen: u64,
    /// When the last of them was given.
    last: Option<Moment>,
}

#[derive(Clone, Copy, Debug)]
enum Known {
    /// Its log ended here when it granted the vote, and was sent nothing since. So many steps were foreseen.
    End(Option<LogId>, u32),
    /// It was sent something: only it can say.
    Nothing,
}

impl Foresight {
    /// A member has granted a vote. If something was sent to it before its answer came, its log may be longer by now.
    pub(crate) fn granted(&self, member: ReplicaId, vote: Vote, end: Option<LogId>) {
        self.lock().learn(member, vote, Known::End(end, 0), |known, new| known < new);
    }

    /// A member is sent entries, or a snapshot.
    pub(crate) fn sent(&self, member: ReplicaId, vote: Vote) {
        self.lock().learn(member, vote, Known::Nothing, |known, new| known <= new);
    }

    /// What a member would answer to an append, if that is known. `is_ours` says whether an entry is in the leader's log.
    pub(crate) fn answer(
        &self,
        member: ReplicaId,
        request: &AppendEntriesRequest<TypeConfig>,
        is_ours: impl FnOnce(LogId) -> bool,
    ) -> Option<StreamAppendResult<TypeConfig>> {
        let last = request.entries.last()?.log_id;
        let mut told = self.lock();
        let (vote, Known::End(end, steps)) = told.members.get_mut(&member)? else { return None };
        let is_meant = vote.leader_id == request.vote.leader_id && request.prev_log_id != *end && *steps < MOST_STEPS;
        if !is_meant || !(end.is_none_or(is_ours) || planted(Planted::LogsPresumedAlike)) {
            return None;
        }
        *steps += 1;
        let end = *end;
        told.foreseen += 1;
        told.last = Some(TypeConfig::now());
        Some(match request.prev_log_id {
            Some(prev) if Some(prev) > end => Err(StreamAppendError::Conflict(prev)),
            _ => Ok(end.min(Some(last))),
        })
    }

    /// How many answers were foreseen so far.
    pub(crate) fn foreseen(&self) -> u64 {
        self.lock().foreseen
    }

    /// Whether a majority that answered what was asked at `asked` has answered itself.
    pub(crate) fn is_behind(&self, asked: Option<Moment>) -> bool {
        self.lock().last.is_none_or(|last| asked.is_some_and(|asked| asked > last))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Told> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Told {
    /// Takes in what is known under a vote, if the term of the one before and of this one are so.
    fn learn(&mut self, member: ReplicaId, vote: Vote, what: Known, terms: impl FnOnce(u64, u64) -> bool) {
        if self.members.get(&member).is_none_or(|(known, _)| terms(known.leader_id.term, vote.leader_id.term)) {
            self.members.insert(member, (vote, what));
        }
    }
}

#[cfg(test)]
mod tests {
    use openraft::impls::leader_id_std::LeaderId;

    use super::*;
    use crate::codec::log_id;
    use crate::types::{Entry, EntryPayload};

    const MEMBER: ReplicaId = ReplicaId { node: 2, instance: 7 };
    /// The leader's log: entries 0 to 99 of term 3, and the first of its own.
    const LAST: u64 = 99;

    fn vote(term: u64, committed: bool) -> Vote {
        Vote { leader_id: LeaderId { term, voted_for: ReplicaId { node: 1, instance: 7 } }, committed }
    }

    fn is_ours(id: LogId) -> bool {
        id == log_id(3, id.index()) && id.index() <= LAST
    }

    /// A step of the search: up to eight entries after the first so many.
    fn step(first: u64) -> AppendEntriesRequest<TypeConfig> {
        let id = |index| if index > LAST { log_id(4, index) } else { log_id(3, index) };
        let entries =
            (first..(first + 8).min(LAST + 2)).map(|at| Entry { log_id: id(at), payload: EntryPayload::Blank });
        AppendEntriesRequest {
            vote: vote(4, true),
            prev_log_id: first.checked_sub(1).map(id),
            leader_commit: None,
            entries: entries.collect(),
        }
    }

    fn granted(end: Option<LogId>) -> Foresight {
        let foresight = Foresight::default();
        foresight.granted(MEMBER, vote(4, false), end);
        foresight
    }

    #[test]
    fn a_search_ends_where_the_voters_log_does() {
        for end in [None, Some(0), Some(40), Some(LAST)] {
            let foresight = granted(end.map(|index| log_id(3, index)));
            // As openraft searches: what matches for sure, and what surely does not.
            let (mut matching, mut beyond) = (0, LAST + 1);
            while matching < beyond {
                let first = matching + (beyond - matching) / 16 * 8;
                let Some(answer) = foresight.answer(MEMBER, &step(first), is_ours) else { break };
                match answer {
                    Ok(upto) => matching = upto.expect("an entry").index() + 1,
                    Err(StreamAppendError::Conflict(prev)) => beyond = prev.index(),
                    Err(other) => panic!("{other:?}"),
                }
            }
            assert_eq!(matching, end.map_or(0, |index| index + 1), "{end:?}");
            assert_eq!(foresight.answer(MEMBER, &step(matching), is_ours), None, "what comes after it is sent");
        }
    }

    #[test]
    fn what_a_voter_told_is_forgotten_when_something_is_sent_to_it_and_not_believed_when_it_comes_later() {
        for end in [None, Some(log_id(3, 40))] {
            let foresight = granted(end);
            assert!(foresight.answer(MEMBER, &step(96), is_ours).is_some());
            foresight.sent(MEMBER, vote(4, true));
            foresight.granted(MEMBER, vote(4, false), end);
            foresight.sent(MEMBER, vote(3, true));
            foresight.granted(MEMBER, vote(4, false), end);
            assert_eq!(foresight.answer(MEMBER, &step(96), is_ours), None, "{end:?}");
            foresight.granted(MEMBER, vote(5, false), end);
            foresight.granted(MEMBER, vote(4, false), end);
            let next = AppendEntriesRequest { vote: vote(5, true), ..step(96) };
            assert!(foresight.answer(MEMBER, &next, is_ours).is_some(), "of a later election it is");
        }
    }

    #[test]
    fn a_search_that_does_not_end_is_made_in_earnest() {
        let foresight = granted(None);
        let steps = (0..1_000).take_while(|_| foresight.answer(MEMBER, &step(96), is_ours).is_some());
        assert_eq!(steps.count(), 64);
    }

    #[test]
    fn a_log_that_ends_otherwise_is_searched_in_earnest() {
        let foresight = granted(Some(log_id(2, 40)));
        assert_eq!(foresight.answer(MEMBER, &step(48), is_ours), None);
        let purged = granted(Some(log_id(3, 40)));
        assert_eq!(purged.answer(MEMBER, &step(48), |_| false), None);
    }

    #[test]
    fn what_was_told_to_another_candidate_or_by_another_member_is_not_believed() {
        let foresight = Foresight::default();
        foresight.granted(MEMBER, vote(3, false), Some(log_id(3, 40)));
        assert_eq!(foresight.answer(MEMBER, &step(48), is_ours), None);
        let other = ReplicaId { instance: 8, ..MEMBER };
        assert_eq!(granted(Some(log_id(3, 40))).answer(other, &step(48), is_ours), None);
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_that_was_foreseen_confirms_nothing() {
        let foresight = granted(Some(log_id(3, 40)));
        let second = std::time::Duration::from_secs(1);
        let before = TypeConfig::now();
        assert!(foresight.is_behind(None), "nothing was foreseen");
        tokio::time::advance(second).await;
        assert!(foresight.answer(MEMBER, &step(48), is_ours).is_some());
        assert_eq!(foresight.foreseen(), 1);
        assert!(!foresight.is_behind(Some(before)) && !foresight.is_behind(Some(TypeConfig::now())));
        tokio::time::advance(second).await;
        assert!(foresight.is_behind(Some(TypeConfig::now())));
    }
}
