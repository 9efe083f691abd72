//! Bugs put in on purpose: what each has the product do wrong.

use crate::table::switches;

switches! {
    /// A bug that a world can be given, to see whether an invariant notices.
    Planted {
        SyncSkipped "sync_skipped" "Writes are told to be durable before any sync.",
        TruncationForgotten "truncation_forgotten" "What a new leader overwrites stays in the log.",
        LastEntryForgotten "last_entry_forgotten" "Of entries that are written together, the last is left out.",
        BatchTorn "batch_torn" "A batch is written piece by piece, and only its first piece is synced.",
        IdentityForgotten "identity_forgotten" "A node does not know its own disk again.",
        SnapshotForgotten "snapshot_forgotten" "Chunks of snapshots are not written.",
        PurgeMarkForgotten "purge_mark_forgotten" "The mark that says where a log begins is not written.",
        VoteForgotten "vote_forgotten" "Votes are not written.",
        LogsPresumedAlike "logs_presumed_alike" "A new leader takes a voter's log for its own without a look at where it ends.",
        SilenceCounted "silence_counted" "A follower that does not answer counts as having stored what it was sent.",
        AppliedBeforeCommitted "applied_before_committed" "A follower takes for committed whatever it is sent.",
        AppendAnsweredEarly "append_answered_early" "Appended entries count as stored before they are.",
        RestoreForgotten "restore_forgotten" "A snapshot that is installed does not replace the state.",
        ReadUnconfirmed "read_unconfirmed" "A linearizable read asks nobody.",
        OldTermAccepted "old_term_accepted" "What was proposed in another term is folded in.",
        FenceReused "fence_reused" "A new attempt has the fence of the one before.",
        GateForgotten "gate_forgotten" "A new leader forgets how many rows a cluster had reported.",
        UnitRecheckDropped "unit_recheck_dropped" "A plan is taken without a look at what has changed since.",
        GangTakenByHalf "gang_taken_by_half" "Of a unit that does not hold, what holds of it is taken.",
        MaybeExecutedForgotten "maybe_executed_forgotten" "A refusal is believed for every attempt before it, too.",
        BarTakenForUndone "bar_taken_for_undone" "A call that was fenced off counts as never executed.",
        LateOutcomeCounted "late_outcome_counted" "What came of an old attempt counts for the present one.",
        StaleListingBelieved "stale_listing_believed" "A listing is believed however old its question is.",
        KillSwitchIgnored "kill_switch_ignored" "Plans are decided and taken while the kill switch is on.",
        ReclaimCapIgnored "reclaim_cap_ignored" "Reclaims go past their cap.",
        SilenceIsNoDemand "silence_is_no_demand" "A session that ends withdraws what its cluster asked for.",
        AcknowledgedUncommitted "acknowledged_uncommitted" "A roll-up is acknowledged although it did not get into the log.",
        QueueEntryLost "queue_entry_lost" "A new leader does not go on with operations that it inherits.",
        WatchGap "watch_gap" "Who listens is not told of every batch.",
        RemovalUnguarded "removal_unguarded" "A voter is removed although those that stay cannot go on without it.",
        UpdateLost "update_lost" "Two changes of settings at once overwrite one another.",
        ListingLost "listing_lost" "What a provider said is forgotten when it did not get into the log.",
        OutcomesLost "outcomes_lost" "What came of attempts is forgotten when it did not get into the log.",
        EventUncommitted "event_uncommitted" "An event of a machine counts as safe before it is in the log.",
        TimeByTheCalendar "time_by_the_calendar" "Shard time follows the wall clock.",
    }
}
