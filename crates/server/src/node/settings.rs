//! From the configuration to the settings of the parts.

use std::sync::Arc;
use std::time::Duration;

use argosy_engine::Policy;
use argosy_model::Duration as Span;
use argosy_raft::{Config as RaftConfig, Limits, Timing};
use argosy_shard::{Genesis, OperationLimits, Settings};

use crate::config::{Config, CycleMode, Hold, ShardPlacement};
use crate::leader::{CallLimits, HubLimits, LeaderSettings, ListingPace, Mode, Pace, Post, Providers};

/// Timers and limits of replication.
pub(super) fn raft(config: &Config) -> RaftConfig {
    let raft = &config.raft;
    let bytes = |bytes: u64| usize::try_from(bytes).unwrap_or(usize::MAX);
    RaftConfig {
        timing: Timing { heartbeat: raft.heartbeat, election_min: raft.election_min, election_max: raft.election_max },
        limits: Limits {
            command_bytes: bytes(raft.max_command),
            proposals_in_flight_bytes: bytes(raft.max_proposals_in_flight),
            snapshot_every: raft.snapshot_every,
            keep_behind_snapshot: raft.keep_behind_snapshot,
            ..Limits::default()
        },
    }
}

/// What the leaderships of one shard have in common.
pub(super) fn leader(config: &Config, shard: &ShardPlacement, providers: Providers) -> LeaderSettings {
    LeaderSettings {
        node: config.node.id.to_string(),
        mode: match config.cycle.mode {
            CycleMode::Clock => Mode::Running,
            CycleMode::Lockstep => Mode::Lockstep,
        },
        pace: Pace { interval: config.cycle.interval, on_demand_min_gap: config.cycle.on_demand_min_gap },
        listing: ListingPace { idle: config.listing.interval, busy: config.listing.busy_interval },
        calls: calls(config),
        concurrency: config.actuation.concurrency as usize,
        sessions: HubLimits {
            outbox: config.sessions.outbox as usize,
            max_rollup_needs: config.sessions.max_rollup_needs,
        },
        genesis: genesis(config, shard),
        providers,
        post: Arc::new(Post::new(config.notify.secrets.clone())),
    }
}

/// Deadlines of single calls.
pub(super) fn calls(config: &Config) -> CallLimits {
    let timeouts = &config.actuation.timeouts;
    CallLimits {
        create: timeouts.create,
        configure: timeouts.configure,
        drain: timeouts.drain,
        delete: timeouts.delete,
        list: timeouts.list,
        bootstrap: timeouts.bootstrap,
        reclaim: timeouts.reclaim,
    }
}

/// How a shard begins: what the configuration says of rails and limits counts at that moment only.
fn genesis(config: &Config, shard: &ShardPlacement) -> Genesis {
    let defaults = Policy::default();
    let hold = |hold: Hold| match hold {
        Hold::Forever => Span::NEVER,
        Hold::For(time) => span(time),
    };
    let policy = Policy {
        hold_on_demand: hold(config.idle_holds.on_demand),
        hold_spot: hold(config.idle_holds.spot),
        reclaim_cap_ppm: Some(config.rails.reclaim_cap_ppm),
        empty_rollup_guard: config.rails.empty_rollup_guard,
        kill_switch: config.rails.kill_switch,
        dry_run: config.rails.dry_run,
        ..defaults
    };
    let (retry, cooling) = (&config.actuation.retry, &config.actuation.cooling);
    let limits = OperationLimits {
        retry_base: span(retry.first),
        retry_cap: span(retry.last),
        cooling_base: span(cooling.first),
        cooling_cap: span(cooling.last),
        ..OperationLimits::default()
    };
    Genesis {
        shard: shard.id.to_string(),
        shards: config.placement.shards.iter().map(|shard| shard.id.to_string()).collect(),
        domains: shard.domains.iter().map(|domain| (domain.key.clone(), domain.value.clone())).collect(),
        generation: 0,
        settings: Settings { policy, limits },
    }
}

fn span(time: Duration) -> Span {
    Span(u64::try_from(time.as_millis()).unwrap_or(u64::MAX))
}
