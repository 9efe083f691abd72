//! What can go wrong in a world: the vocabulary of faults, when they strike, and how a seed draws them.
//!
//! A fault begins, may last, and ends; what it broke is then as it was, as far as it can be. Faults overlap freely: a link is cut as long
//! as any of them cuts it.

mod draw;
pub(crate) mod links;

use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use draw::{Campaign, draw};

/// One way in which things go wrong. Nodes are named by their ids, or as `leader` or `follower` of the first shard, or `any`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Fault {
    /// These nodes and everybody else lose each other. Connections are refused.
    Partition {
        /// One side.
        nodes: Vec<String>,
    },
    /// The same, but nothing is refused or lost: what is sent arrives when it ends.
    Clog {
        /// One side.
        nodes: Vec<String>,
    },
    /// What these nodes send to other nodes is lost; what they are sent arrives.
    Mute {
        /// The mute ones.
        nodes: Vec<String>,
    },
    /// What other nodes send to these is lost; what they send arrives.
    Deafen {
        /// The deaf ones.
        nodes: Vec<String>,
    },
    /// Each node reaches its two neighbours only.
    Ring,
    /// A region loses all others, with everything in it.
    IsolateRegion {
        /// The region.
        region: String,
    },
    /// Links between nodes break by chance, and heal by chance.
    Loss {
        /// The chance of each message to break its link, in parts per million.
        ppm: u32,
    },
    /// Every link takes longer.
    Delay {
        /// By how much, one way.
        ms: u64,
    },
    /// A node loses power: what was not synced is lost. It starts again when the fault ends.
    Crash {
        /// Which.
        node: String,
    },
    /// A node stops in good order, and starts again when the fault ends.
    Stop {
        /// Which.
        node: String,
    },
    /// A node loses power and comes back with an empty disk: its groups must refuse it.
    Wipe {
        /// Which.
        node: String,
    },
    /// The next sync of a node's disk fails. It starts again when the fault ends.
    FailSync {
        /// Which.
        node: String,
    },
    /// A node's disk is full. It starts again when the fault ends.
    FullDisk {
        /// Which.
        node: String,
    },
    /// A node's disk is slow.
    SlowDisk {
        /// Which.
        node: String,
        /// Time of one sync.
        sync_ms: u64,
    },
    /// A node loses power, and a bit of its log flips before it comes back: it must notice.
    Rot {
        /// Which.
        node: String,
    },
    /// A node's process stands still, as far as others can tell: nothing that it sends or is sent arrives, nothing is written, and all of it
    /// goes on at once in the end. Its own timers run on: turmoil steps all hosts alike.
    Pause {
        /// Which.
        node: String,
    },
    /// Nodes lose everybody else one by one, and are let back in another order.
    Swizzle {
        /// Which; any, if there are none.
        #[serde(default)]
        nodes: Vec<String>,
    },
    /// A node is lost for good. In the end another takes its place, with an empty disk, and administrators let it in.
    Replace {
        /// Which.
        node: String,
    },
    /// The calendar of the whole world jumps.
    WallClock {
        /// By so many seconds.
        by_s: i64,
    },
    /// The calendar runs fast, or slow.
    ClockDrift {
        /// By so many parts per million.
        ppm: i64,
    },
    /// The calendar jumps forth and back, every second.
    ClockStrobe {
        /// By so many seconds.
        by_s: i64,
    },
    /// The calendar stands still.
    ClockFreeze,
    /// The provider's process dies, and starts again when the fault ends. What it has answered it still knows.
    ProviderCrash,
    /// The provider misbehaves; rates are parts per million of its calls.
    Provider(ProviderFaults),
    /// Machines vanish without a word.
    Vanish {
        /// About so many of them, in parts per million.
        share_ppm: u32,
    },
    /// Creates fail for want of stock.
    StockOut,
    /// The provider no longer knows how far it has been listed, and is listed from the beginning.
    ExpireCursors,
    /// The operators of a region are gone.
    OperatorsGone {
        /// The region.
        region: String,
    },
    /// The operators of a region report what is not so.
    LyingOperators {
        /// The region.
        region: String,
        /// How.
        lies: Vec<Lie>,
    },
    /// The node agents of a region are gone, with what was not synced; in the end they come back together.
    AgentsGone {
        /// The region.
        region: String,
    },
    /// Every node agent starts again at the same moment, and has much to say.
    AgentStorm {
        /// So many events of each machine.
        events: u32,
    },
    /// A node is no member of the shards' groups; it is taken in again when the fault ends.
    Remove {
        /// Which.
        node: String,
    },
    /// Leaders hand their shards to a node.
    Transfer {
        /// To which.
        node: String,
    },
    /// Leaders hand their shards to another node, and have them back at once.
    Waver,
    /// Leaders take snapshots.
    Snapshot,
}

/// A roll-up that is not what its cluster needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Lie {
    /// Without a row.
    Empty,
    /// With the first half of its rows.
    Truncated,
    /// One from a while ago.
    Replayed,
    /// In the name of another cluster.
    Renamed,
}

/// Misbehaviour of the provider.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ProviderFaults {
    /// Refused before anything is looked at.
    pub unavailable_ppm: u32,
    /// Refused with a pause.
    pub throttle_ppm: u32,
    /// Applied, and then the call fails.
    pub lost_ack_ppm: u32,
    /// Applied, and never answered.
    pub hang_ppm: u32,
    /// Accepted, and then failed: creates.
    pub create_failure_ppm: u32,
    /// Accepted, and then failed: configurations.
    pub configure_failure_ppm: u32,
    /// Accepted, and then failed: drains.
    pub drain_failure_ppm: u32,
    /// Answers are held back by up to so many milliseconds.
    pub ack_delay_ms: u32,
    /// So are listings, as they were when they were asked for.
    pub list_delay_ms: u32,
}

impl Fault {
    /// Its name in reports.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Partition { .. } => "partition",
            Self::Clog { .. } => "clog",
            Self::Mute { .. } => "mute",
            Self::Deafen { .. } => "deafen",
            Self::Ring => "ring",
            Self::IsolateRegion { .. } => "isolate_region",
            Self::Loss { .. } => "loss",
            Self::Delay { .. } => "delay",
            Self::Crash { .. } => "crash",
            Self::Stop { .. } => "stop",
            Self::Wipe { .. } => "wipe",
            Self::FailSync { .. } => "fail_sync",
            Self::FullDisk { .. } => "full_disk",
            Self::SlowDisk { .. } => "slow_disk",
            Self::Rot { .. } => "rot",
            Self::Pause { .. } => "pause",
            Self::Swizzle { .. } => "swizzle",
            Self::Replace { .. } => "replace",
            Self::WallClock { .. } => "wall_clock",
            Self::ClockDrift { .. } => "clock_drift",
            Self::ClockStrobe { .. } => "clock_strobe",
            Self::ClockFreeze => "clock_freeze",
            Self::ProviderCrash => "provider_crash",
            Self::LyingOperators { .. } => "lying_operators",
            Self::Provider(_) => "provider",
            Self::Vanish { .. } => "vanish",
            Self::StockOut => "stock_out",
            Self::ExpireCursors => "expire_cursors",
            Self::OperatorsGone { .. } => "operators_gone",
            Self::AgentsGone { .. } => "agents_gone",
            Self::AgentStorm { .. } => "agent_storm",
            Self::Remove { .. } => "remove",
            Self::Transfer { .. } => "transfer",
            Self::Waver => "waver",
            Self::Snapshot => "snapshot",
        }
    }
}

/// A fault with its time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Event {
    /// When it begins, in milliseconds since the world began.
    pub at_ms: u64,
    /// How long it lasts.
    #[serde(default)]
    pub for_ms: u64,
    /// What.
    pub fault: Fault,
}

impl Event {
    /// When it begins.
    #[must_use]
    pub fn begins(&self) -> Duration {
        Duration::from_millis(self.at_ms)
    }

    /// When it ends.
    #[must_use]
    pub fn ends(&self) -> Duration {
        Duration::from_millis(self.at_ms.saturating_add(self.for_ms))
    }
}
