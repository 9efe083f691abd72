//! Every metric of a node: its name, kind, labels and meaning. The names that begin with `bigfleet_` are those that
//! existing dashboards ask for; what is new begins with `argosy_`.

/// How a metric behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Only rises.
    Counter,
    /// Goes up and down.
    Gauge,
    /// A distribution.
    Histogram,
}

/// One metric.
#[derive(Clone, Copy, Debug)]
pub struct Metric {
    /// Its name.
    pub name: &'static str,
    /// How it behaves.
    pub kind: Kind,
    /// Its labels; `shard` is on every one that has it.
    pub labels: &'static [&'static str],
    /// What it means, with its unit.
    pub help: &'static str,
}

macro_rules! metrics {
    ($( $(#[doc = $help:literal])+ $id:ident: $kind:ident = $name:literal [$($label:literal),*]; )+) => {
        $(
            $(#[doc = $help])+
            pub const $id: &str = $name;
        )+

        /// All metrics, in the order of the reference page.
        pub const ALL: &[Metric] = &[
            $( Metric { name: $name, kind: Kind::$kind, labels: &[$($label),*], help: concat!($($help),+) } ),+
        ];
    };
}

metrics! {
    /// Seconds of a whole cycle: decide, lint, commit of the plan.
    CYCLE_SECONDS: Histogram = "bigfleet_shard_cycle_duration_seconds" ["shard"];
    /// Seconds of one phase of a cycle.
    CYCLE_PHASE_SECONDS: Histogram = "bigfleet_shard_cycle_phase_duration_seconds" ["shard", "phase"];
    /// Seconds from the commit of an acquisition to the machine being Configured.
    PROVISIONING_SECONDS: Histogram = "bigfleet_shard_provisioning_latency_seconds" ["shard"];
    /// Seconds of one Configure call until it is acknowledged.
    CONFIGURE_SECONDS: Histogram = "bigfleet_shard_configure_phase_seconds" ["shard"];
    /// Seconds until an operator answers with a bootstrap blob.
    REQUEST_BOOTSTRAP_SECONDS: Histogram = "bigfleet_shard_request_bootstrap_seconds" ["shard"];
    /// Seconds of one Drain call until it is acknowledged.
    DRAIN_SECONDS: Histogram = "bigfleet_shard_drain_phase_seconds" ["shard"];
    /// Machines of the shard.
    INVENTORY_MACHINES: Gauge = "bigfleet_shard_inventory_machines" ["shard", "state", "capacity_type", "interruption_penalty_bucket"];
    /// Machines that demand asks for, at the least, by what an interruption would cost.
    DEMAND_MACHINES: Gauge = "bigfleet_shard_demand_machines" ["shard", "interruption_penalty_bucket"];
    /// Needs that are short with nothing on its way.
    SHORTFALLS: Gauge = "bigfleet_shard_shortfalls" ["shard"];
    /// The same, by how many cycle intervals they have lasted.
    SHORTFALLS_AGED: Gauge = "bigfleet_shard_shortfalls_aged" ["shard", "bucket"];
    /// Actions committed.
    ACTIONS: Counter = "bigfleet_shard_actions_total" ["shard", "kind"];
    /// How attempts ended.
    ACTION_OUTCOMES: Counter = "bigfleet_shard_action_execute_outcomes_total" ["shard", "kind", "outcome"];
    /// Units of plans that the fold dropped because what they were decided from had moved on, or a rail said no.
    ACTIONS_DROPPED: Counter = "bigfleet_shard_actions_dropped_total" ["shard"];
    /// Machines acquired so that a dearer one can go, in plans that were committed.
    CONSOLIDATION_MOVES: Counter = "argosy_consolidation_moves_total" ["shard"];
    /// Actions that waited for a later plan because one plan was full.
    ACTIONS_DEFERRED: Counter = "bigfleet_shard_actions_deferred_total" ["shard"];
    /// Committed operations that wait for a free worker.
    ACTION_QUEUE_DEPTH: Gauge = "bigfleet_shard_action_queue_depth" ["shard"];
    /// Operations in a worker's hands.
    EXECUTE_INFLIGHT: Gauge = "bigfleet_shard_execute_inflight" ["shard"];
    /// 1 while the kill switch is on.
    ACTUATION_PAUSED: Gauge = "bigfleet_shard_actuation_paused" ["shard"];
    /// Operators' sessions attached to the leader.
    ACTIVE_SESSIONS: Gauge = "bigfleet_shard_active_sessions" ["shard"];
    /// Reclaims that the cap held back.
    RECLAIMS_CAPPED: Counter = "bigfleet_shard_reclaims_capped_total" ["shard"];
    /// Idle machines given back.
    IDLE_RELEASES: Counter = "bigfleet_shard_idle_releases_total" ["shard"];
    /// Sessions refused because the certificate names another cluster.
    SESSION_IDENTITY_REJECTED: Counter = "bigfleet_shard_session_identity_rejected_total" [];
    /// Roll-ups in a row that are held back as suspicious.
    ROLLUP_QUARANTINED: Gauge = "bigfleet_shard_rollup_quarantined" ["shard", "cluster"];
    /// Roll-ups refused whole.
    ROLLUPS_REJECTED: Counter = "bigfleet_shard_rollups_rejected_total" ["shard", "cluster"];
    /// Actions decided and not committed because of the kill switch.
    ACTIONS_SUPPRESSED: Counter = "bigfleet_shard_actions_suppressed_total" ["shard", "kind"];
    /// Actions decided and not committed because of dry run.
    ACTIONS_DRYRUN: Counter = "bigfleet_shard_actions_dryrun_total" ["shard", "kind"];
    /// Provider records refused; the last good one is kept.
    MACHINES_REJECTED: Counter = "bigfleet_shard_machines_rejected_total" ["shard", "reason"];
    /// Sessions by what happened to them.
    SESSION_LIFECYCLE: Counter = "bigfleet_shard_session_lifecycle_total" ["shard", "event"];
    /// 1 on the node that leads the shard and may decide.
    LEADER: Gauge = "argosy_shard_leader" ["shard"];
    /// Raft term.
    TERM: Gauge = "argosy_raft_term" ["shard"];
    /// Log index of the last entry known to be committed.
    COMMITTED: Gauge = "argosy_raft_committed_index" ["shard"];
    /// Log index of the last entry folded into the state here.
    APPLIED: Gauge = "argosy_raft_applied_index" ["shard"];
    /// Seconds from proposing a command to its being folded here.
    COMMIT_SECONDS: Histogram = "argosy_raft_commit_seconds" ["shard", "command"];
    /// Log entries proposed, by what they carry. Divide by actions for what an action costs.
    ENTRIES: Counter = "argosy_shard_entries_total" ["shard", "command"];
    /// Plans that the linter refused. Any is a bug; page somebody.
    PLANS_REFUSED: Counter = "argosy_shard_plans_refused_total" ["shard", "rule"];
    /// Attempts that a provider refused as fenced: somebody with a newer fence was there. After a change of leader a few are normal.
    FENCED: Counter = "argosy_shard_fenced_total" ["shard"];
    /// 1 if the shard's replica here has stopped on a failed assertion or a broken disk.
    HALTED: Gauge = "argosy_shard_halted" ["shard"];
    /// Times that this node began to lead the shard.
    LEADERSHIPS: Counter = "argosy_shard_leaderships_total" ["shard"];
    /// Committed operations that are not finished.
    OPEN_OPERATIONS: Gauge = "argosy_shard_open_operations" ["shard", "kind"];
    /// Machines of a pool that work.
    POOL_READY: Gauge = "argosy_pool_ready_machines" ["shard", "pool"];
    /// Machines that a pool is to have.
    POOL_TARGET: Gauge = "argosy_pool_target_machines" ["shard", "pool"];
    /// Machines that a pool's policy wants, before steps, cooldowns and bounds.
    POOL_WANTED: Gauge = "argosy_pool_wanted_machines" ["shard", "pool"];
    /// Looks at Prometheus for a pool, by what came of them: told, failed.
    POOL_PULLS: Counter = "argosy_pool_pulls_total" ["shard", "pool", "outcome"];
    /// Machines of a lane: held (there, or on their way in or out), free (may be bought now), held_back (breaker open or quota reached).
    LANE_MACHINES: Gauge = "argosy_lane_machines" ["shard", "provider", "region", "type", "state"];
    /// Where a lane's breaker stands: 0 closed, 1 half open, 2 open.
    LANE_BREAKER: Gauge = "argosy_lane_breaker" ["shard", "provider", "region", "type"];
    /// Times that a lane's breaker moved, by where to: open, half_open, closed.
    LANE_BREAKER_MOVES: Counter = "argosy_lane_breaker_moves_total" ["shard", "provider", "region", "type", "to"];
    /// Machines in repair, by step.
    REPAIRS: Gauge = "argosy_repairs" ["shard", "step"];
    /// Breakers of repairs that are open. Page somebody: nothing of their domains is repaired until they are closed.
    REPAIR_BREAKERS: Gauge = "argosy_repair_open_breakers" ["shard"];
    /// Steps of repairs that were taken, by what is done and where they led; `repaired`, `replaced`, `recovered` are ends.
    REPAIR_STEPS: Counter = "argosy_repair_steps_total" ["shard", "class", "to"];
    /// Notifications that a sink has still to be told.
    NOTIFY_PENDING: Gauge = "argosy_notify_pending" ["shard", "sink"];
    /// Notifications that were given up since the sink was set: its receiver turned them down too often. Page somebody when it rises.
    NOTIFY_DEAD: Gauge = "argosy_notify_dead" ["shard", "sink"];
    /// Notifications that left a full outbox before they could be told, since the sink was set. Page somebody when it rises.
    NOTIFY_LOST: Gauge = "argosy_notify_lost" ["shard", "sink"];
    /// Requests to receivers by what came of them: taken, turned_down, given_up, away.
    NOTIFY_DELIVERIES: Counter = "argosy_notify_deliveries_total" ["shard", "sink", "outcome"];
    /// Node agents connected to the leader.
    AGENTS_CONNECTED: Gauge = "argosy_agents_connected" ["shard"];
    /// Events that agents reported, by kind.
    AGENT_EVENTS: Counter = "argosy_agent_events_total" ["shard", "type"];
    /// Attempts to join at this node, by what came of them: joined, refused, turned_away (too many were refused before), failed (the
    /// coordinator could not be asked).
    JOINS: Counter = "argosy_joins_total" ["outcome"];
    /// Agents that asked this node for a fresh certificate, by what came of it: renewed, refused.
    AGENT_RENEWALS: Counter = "argosy_agent_renewals_total" ["outcome"];
    /// Sessions that this node passes on to leaders elsewhere.
    RELAYED_SESSIONS: Gauge = "argosy_node_relayed_sessions" [];
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn names_are_unique_and_follow_the_conventions_of_prometheus() {
        let names: BTreeSet<_> = ALL.iter().map(|metric| metric.name).collect();
        assert_eq!(names.len(), ALL.len());
        for metric in ALL {
            let counter = metric.name.ends_with("_total");
            assert_eq!(counter, metric.kind == Kind::Counter, "{}", metric.name);
            assert!(metric.name.starts_with("bigfleet_") || metric.name.starts_with("argosy_"), "{}", metric.name);
            assert!(metric.kind != Kind::Histogram || metric.name.ends_with("_seconds"), "{}", metric.name);
        }
    }
}
