//! The failpoints: what each has production code do, all of it legal.

use crate::table::switches;

switches! {
    /// Something legal and rare that production code can be made to do often.
    Failpoint {
        CommitOneAtATime "storage.commit_one_at_a_time" "The group commit writes and syncs one write alone.",
        TailForgotten "storage.tail_forgotten" "A log keeps no entry in memory that the disk has.",
        CommitMarkNotSaved "raft.commit_mark_not_saved" "How far a log is committed is not noted on disk.",
        LogReadShort "raft.log_read_short" "A reader of the log gets a single entry, however many it asked for.",
        VoteAnsweredLate "raft.vote_answered_late" "A vote that was cast is answered late.",
        PreVoteRefused "raft.pre_vote_refused" "A pre-vote is refused that would have been granted.",
        AppendAnsweredLate "raft.append_answered_late" "An append that was taken is answered late, behind later ones.",
        AppendAnswerLost "raft.append_answer_lost" "An append that was taken is not answered.",
        TransferIgnored "raft.transfer_ignored" "A node that is offered the leadership does not hear of it.",
        InquiryRefused "raft.inquiry_refused" "A node does not say who it is when it is asked.",
        CallUnsent "raft.call_unsent" "A call to another node fails before it is sent.",
        LinkBroken "raft.link_broken" "The stream to another node is dropped and opened anew.",
        PipelineShallow "raft.pipeline_shallow" "An append waits for the answer to the one before it.",
        SnapshotBrokenOff "raft.snapshot_broken_off" "A snapshot that is being sent ends before its last chunk.",
        SnapshotTakenEarly "raft.snapshot_taken_early" "A snapshot is taken long before the log has grown.",
        SnapshotInstalledLate "raft.snapshot_installed_late" "A snapshot that has arrived is installed late.",
        PublishedOneByOne "raft.published_one_by_one" "A batch of entries is published entry by entry.",
        ReadinessLost "raft.readiness_lost" "A leader believes for a moment that nobody answers it.",
        ProposalHeldBack "raft.proposal_held_back" "A proposal waits before it is handed to Raft; its proposer may be gone by then, and the term another.",
        BarrierLate "raft.barrier_late" "A read that was confirmed is answered late.",
        LeaseDistrusted "raft.lease_distrusted" "A lease that is fresh is not trusted: a majority is asked.",
        HandOverSkipped "raft.hand_over_skipped" "A node that stops does not hand its leadership over.",
        LeadershipResigned "leader.leadership_resigned" "The leader's runtime ends, and begins anew in the same term.",
        TakeOverLate "leader.take_over_late" "A new leader waits before it takes its shard over.",
        CycleSkipped "leader.cycle_skipped" "A cycle does not take place.",
        CycleLate "leader.cycle_late" "A plan waits between its decision and the log, and what it read grows old.",
        EngineForgets "leader.engine_forgets" "The engine has no memory of the cycle before.",
        RehearsalSkipped "leader.rehearsal_skipped" "A plan is proposed without being rehearsed.",
        PlanInPieces "leader.plan_in_pieces" "Each unit of a plan is an entry of its own.",
        TickIdle "leader.tick_idle" "A tick is committed though no timer is due.",
        TickLate "leader.tick_late" "A tick that is due comes late.",
        OutcomesOneByOne "actuator.outcomes_one_by_one" "What came of each attempt is an entry of its own.",
        OutcomesForgotten "actuator.outcomes_forgotten" "What came of attempts is not committed: they are made anew.",
        AttemptRenewed "actuator.attempt_renewed" "An attempt is made anew while its call is under way.",
        CallLate "actuator.call_late" "A call waits between the last look at the log and the provider.",
        CallRepeated "provider.call_repeated" "A provider gets the same call twice.",
        AnswerLost "provider.answer_lost" "The answer of a provider that has acted is lost.",
        DeadlineShort "provider.deadline_short" "The deadline of a call is over before a provider can answer.",
        PageSmall "provider.page_small" "A page of a listing holds three machines.",
        CursorForgotten "reconcile.cursor_forgotten" "A provider is listed from the beginning.",
        ListingLate "reconcile.listing_late" "A page of a listing is committed late.",
        ListingInPieces "reconcile.listing_in_pieces" "Each record of a listing is an entry of its own.",
        SessionTooSlow "session.too_slow" "A session ends as if its operator read too slowly.",
        SessionMoved "session.moved" "A session is sent to find its leader again.",
        RelayBroken "session.relay_broken" "The relay of a session breaks.",
        QuestionUntold "session.question_untold" "An operator is not asked at once; it is when its session attaches anew.",
        HintUntold "session.hint_untold" "An operator is not told of capacity that it could get.",
        NewsTwice "session.news_twice" "An operator is told of a machine twice.",
        AckLate "session.ack_late" "A roll-up that is committed is acknowledged late.",
        DeltaLate "session.delta_late" "A roll-up waits between its comparison with the state and the log.",
        RequestTurnedAway "api.request_turned_away" "A request is turned away as if nobody led.",
        SettingsLate "api.settings_late" "A change of settings waits between reading them and the log.",
        DirectoryPiecemeal "coordinator.directory_piecemeal" "The directory is filled one entry at a time.",
        FoundingLate "coordinator.founding_late" "A voter waits before it offers to found a group.",
        CommandTurnedAway "leader.command_turned_away" "A leader's command does not get into the log, and the leadership goes on.",
        CommandUnanswered "leader.command_unanswered" "A leader's command gets into the log, and the leader does not hear of it.",
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn names_are_unique_and_lead_back() {
        let names: BTreeSet<&str> = Failpoint::ALL.iter().map(|point| point.name()).collect();
        assert_eq!(names.len(), Failpoint::ALL.len());
        assert!(Failpoint::ALL.iter().all(|point| Failpoint::named(point.name()) == Some(*point)));
        assert_eq!(Failpoint::named("raft.nothing"), None);
    }
}
