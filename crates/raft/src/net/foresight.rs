//! Where the logs of those who voted for a new leader end, which it need not ask again.
//!
//! openraft searches for the place up to which a follower's log is the leader's by halving what is possible, eight entries at a time and a
//! round trip for each step: five steps for a log of three hundred entries, eleven for one of twenty-five thousand, before the leader can
//! commit anything. But whoever granted the vote said where its log ends, and takes entries from nobody else in this term. If the leader has
//! that very entry, the logs are alike up to there (log matching, Raft §5.3), and past it the follower has nothing. So the steps of the
//! search are answered here; the first append that begins where the follower's log ends goes out, and what was foreseen is forgotten.
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
    /// Its log ended here when it granted the vote, and was sent nothing since.
    End(Option<LogId>),
    /// It was sent entries: only it can say.
    Nothing,
}

impl Foresight {
    /// A member has granted a vote. If it was sent entries before its answer came, its log may be longer by now.
    pub(crate) fn granted(&self, member: ReplicaId, vote: Vote, end: Option<LogId>) {
        let mut told = self.lock();
        if told.members.get(&member).is_none_or(|(known, _)| known.leader_id.term < vote.leader_id.term) {
            told.members.insert(member, (vote, Known::End(end)));
        }
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
        let known = told.members.insert(member, (request.vote, Known::Nothing));
        let Some((vote, Known::End(end))) = known else { return None };
        let is_alike = vote.leader_id == request.vote.leader_id
            && (end.is_none_or(is_ours) || planted(Planted::LogsPresumedAlike));
        if !is_alike || request.prev_log_id == end {
            return None;
        }
        told.members.insert(member, (vote, Known::End(end)));
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
            assert_eq!(foresight.answer(MEMBER, &step(matching), is_ours), None, "the first append of its own is sent");
            assert_eq!(foresight.answer(MEMBER, &step(0), is_ours), None, "and what was told is forgotten");
        }
    }

    #[test]
    fn what_a_voter_told_late_is_not_believed_once_it_was_sent_entries() {
        let foresight = Foresight::default();
        assert_eq!(foresight.answer(MEMBER, &step(96), is_ours), None, "it is sent");
        foresight.granted(MEMBER, vote(4, false), None);
        assert_eq!(foresight.answer(MEMBER, &step(LAST + 1), is_ours), None);
        foresight.granted(MEMBER, vote(5, false), None);
        let next = AppendEntriesRequest { vote: vote(5, true), ..step(96) };
        foresight.granted(MEMBER, vote(4, false), Some(log_id(3, LAST)));
        assert!(foresight.answer(MEMBER, &next, is_ours).is_some(), "of a later election it is");
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
