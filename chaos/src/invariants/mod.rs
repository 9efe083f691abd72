//! What must hold at every moment of every world: one property a file, each tied to its source.
//!
//! An invariant sees what can be seen from outside, look by look, and remembers what it needs. It is never told which faults strike: what
//! is promised is promised under all of them.

mod applied_within_committed;
mod attempts_are_committed;
mod bound_once;
mod commits_never_fall;
mod committed_agree;
mod committed_on_quorum;
mod created_once;
mod decisions_survive;
mod demand_is_known;
mod events_survive;
mod fences_never_fall;
mod former_self_refused;
mod gangs_are_whole;
mod leader_complete;
mod leaders_keep_their_term;
mod ledger_without_gaps;
mod log_matching;
mod no_operation_twice;
mod nothing_halts;
mod old_answers_change_nothing;
mod one_leader_per_term;
mod one_reign_per_term;
mod one_vote_per_term;
mod operations_name_machines;
mod outcomes_keep_to_their_attempt;
mod plans_are_sound;
mod rails_hold;
mod refused_was_not_done;
mod replicas_agree;
mod revisions_follow;
mod shard_time_keeps_pace;
mod shard_time_never_falls;
mod silence_withdraws_nothing;
mod snapshots_cover_purges;
mod terms_never_fall;
mod watches_have_no_gaps;

use crate::sight::Sight;

/// A property of every world.
pub trait Invariant {
    /// Its name in reports.
    fn name(&self) -> &'static str;

    /// Where it is promised.
    fn source(&self) -> &'static str;

    /// Looks once more, and says what contradicts it.
    fn look(&mut self, sight: &Sight<'_>) -> Vec<String>;
}

/// Every invariant, new.
#[must_use]
pub fn all() -> Vec<Box<dyn Invariant>> {
    vec![
        Box::<one_leader_per_term::OneLeaderPerTerm>::default(),
        Box::<one_reign_per_term::OneReignPerTerm>::default(),
        Box::<one_vote_per_term::OneVotePerTerm>::default(),
        Box::<terms_never_fall::TermsNeverFall>::default(),
        Box::<log_matching::LogMatching>::default(),
        Box::<committed_agree::CommittedAgree>::default(),
        Box::<committed_on_quorum::CommittedOnQuorum>::default(),
        Box::<leader_complete::LeaderComplete>::default(),
        Box::<commits_never_fall::CommitsNeverFall>::default(),
        Box::<applied_within_committed::AppliedWithinCommitted>::default(),
        Box::<snapshots_cover_purges::SnapshotsCoverPurges>::default(),
        Box::<former_self_refused::FormerSelfRefused>::default(),
        Box::<replicas_agree::ReplicasAgree>::default(),
        Box::<decisions_survive::DecisionsSurvive>::default(),
        Box::<shard_time_never_falls::ShardTimeNeverFalls>::default(),
        Box::<revisions_follow::RevisionsFollow>::default(),
        Box::<watches_have_no_gaps::WatchesHaveNoGaps>::default(),
        Box::<nothing_halts::NothingHalts>::default(),
        Box::<plans_are_sound::PlansAreSound>::default(),
        Box::<operations_name_machines::OperationsNameMachines>::default(),
        Box::<bound_once::BoundOnce>::default(),
        Box::<demand_is_known::DemandIsKnown>::default(),
        Box::<ledger_without_gaps::LedgerWithoutGaps>::default(),
        Box::<no_operation_twice::NoOperationTwice>::default(),
        Box::<fences_never_fall::FencesNeverFall>::default(),
        Box::<attempts_are_committed::AttemptsAreCommitted>::default(),
        Box::<leaders_keep_their_term::LeadersKeepTheirTerm>::default(),
        Box::<outcomes_keep_to_their_attempt::OutcomesKeepToTheirAttempt>::default(),
        Box::<refused_was_not_done::RefusedWasNotDone>::default(),
        Box::<old_answers_change_nothing::OldAnswersChangeNothing>::default(),
        Box::<shard_time_keeps_pace::ShardTimeKeepsPace>::default(),
        Box::<rails_hold::RailsHold>::default(),
        Box::<gangs_are_whole::GangsAreWhole>::default(),
        Box::<created_once::CreatedOnce>::default(),
        Box::<silence_withdraws_nothing::SilenceWithdrawsNothing>::default(),
        Box::<events_survive::EventsSurvive>::default(),
    ]
}
