//! The configuration file of `argosy server`: its tables, their keys, defaults and limits.
//!
//! The doc comments here are the reference page (docs/reference/config.md). Rules that look at more than one key are in
//! `check`; what is replicated through a shard's log and may be changed by an admin is only the *first* value of its kind.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use super::placement::{Peer, Placement, Provider};
use super::scalar::{
    CYCLE_MODES, LOG_FORMATS, choice, duration, flag, fleet_name, hold, host_port, listen_address, log_filter, name,
    path, size, whole,
};
use super::section::section;
use super::shape::{Defaulted, Key as _, Optional, Required, table, tables};
use super::value::{CycleMode, Hold, HostPort, LogFormat, Name};

section! {
    /// Keys at the top of the file, before the first table.
    pub(super) parts ServerFile {
        /// The name of the installation. Nodes of different installations refuse each other, and a data directory
        /// refuses a node of another installation. It cannot be changed later.
        fleet: Name = Required(fleet_name());
        /// Speak without TLS and without checks of identity. Accepted only when every address to listen on, every peer
        /// and every provider is a literal loopback address: for development and tests on one machine.
        plaintext: bool = Defaulted(flag(), "false");
        /// A file that holds the placement, so that all nodes can share it. Either this or `[placement]` must be there.
        placement_file: Option<PathBuf> = Optional(path());
        /// This node.
        node: Node = Required(table());
        /// The certificate of this node. Required unless `plaintext = true`.
        tls: Option<TlsFiles> = Optional(table());
        /// The metrics endpoint.
        metrics: Metrics = Defaulted(table(), "{}");
        /// The other nodes.
        peers: Vec<Peer> = Defaulted(tables(1024), "[]");
        /// The shards, in place; see `placement_file`.
        placement: Option<Placement> = Optional(table());
        /// The providers.
        providers: Vec<Provider> = Defaulted(tables(256), "[]");
        /// Timers and limits of replication.
        raft: RaftSettings = Defaulted(table(), "{}");
        /// The decision cycle.
        cycle: Cycle = Defaulted(table(), "{}");
        /// How often providers are listed.
        listing: Listing = Defaulted(table(), "{}");
        /// Safety limits at actuation.
        rails: Rails = Defaulted(table(), "{}");
        /// How long an idle machine is kept, by the way it is paid for.
        idle_holds: IdleHolds = Defaulted(table(), "{}");
        /// How committed operations are carried out.
        actuation: Actuation = Defaulted(table(), "{}");
        /// Limits on operators' sessions.
        sessions: Sessions = Defaulted(table(), "{}");
        /// Limits and timers of connections, both accepted and dialled.
        connections: Connections = Defaulted(table(), "{}");
        /// Notifications to receivers outside.
        notify: Notify = Defaulted(table(), "{}");
        /// How machines without a certificate become agents.
        join: Join = Defaulted(table(), "{}");
        /// Log lines.
        log: Log = Defaulted(table(), "{}");
    }
}

section! {
    /// The process that this file configures.
    pub struct Node {
        /// The node's id, unique in the installation. A data directory belongs to one id for ever.
        id: Name = Required(name());
        /// The node's number in Raft, unique in the installation and never reused for another node.
        number: u32 = Required(whole(1..=1_000_000));
        /// The region it runs in.
        region: Name = Required(name());
        /// The zone within the region.
        zone: Name = Required(name());
        /// Where everything durable is kept. Created when it is not there; its file system must honour fsync.
        data_dir: PathBuf = Required(path());
        /// Where to accept sessions, peers, agents and administrators.
        listen: SocketAddr = Required(listen_address());
        /// Where others reach this node. Needed when `listen` is a wildcard address; else it is `listen`.
        advertise: Option<HostPort> = Optional(host_port());
    }
}

section! {
    /// Files in PEM. Certificate and key are read again when they change, the CA is read at start. `argosy pki` makes all three.
    pub struct TlsFiles {
        /// The certificate, with exactly one identity: `argosy://node/<node.id>`.
        cert: PathBuf = Required(path());
        /// Its private key; the file must not be readable by everybody.
        key: PathBuf = Required(path());
        /// The certificate authority that peers' certificates must come from. No other authority is trusted.
        ca: PathBuf = Required(path());
    }
}

section! {
    /// Prometheus metrics over HTTP: no TLS and no authorisation, hence loopback unless changed.
    pub struct Metrics {
        /// Whether to serve them.
        enabled: bool = Defaulted(flag(), "true");
        /// Where to serve `/metrics`.
        listen: SocketAddr = Defaulted(listen_address(), "\"127.0.0.1:8780\"");
    }
}

section! {
    /// The defaults suit links of up to some 100 ms between regions. All nodes should have the same.
    pub struct RaftSettings {
        /// How often an idle leader speaks to its followers. An append must be answered in this time, so it must exceed
        /// the round trip plus the time the disk takes to sync.
        heartbeat: Duration = Defaulted(duration("10ms", "10s"), "\"250ms\"");
        /// A follower stands for election after a random time that begins when the leader's lease ran out; the shortest.
        election_min: Duration = Defaulted(duration("20ms", "60s"), "\"500ms\"");
        /// The longest such time, and the length of the lease.
        election_max: Duration = Defaulted(duration("20ms", "60s"), "\"800ms\"");
        /// The largest command. A bigger one is refused before it enters the log.
        max_command: u64 = Defaulted(size("64KiB", "64MiB"), "\"2MiB\"");
        /// Bytes of proposals that may be under way in one group; further ones wait.
        max_proposals_in_flight: u64 = Defaulted(size("1MiB", "4GiB"), "\"64MiB\"");
        /// A snapshot is taken after so many log entries.
        snapshot_every: u64 = Defaulted(whole(16..=10_000_000), "20000");
        /// So many entries stay in the log behind a snapshot, so that a follower that was away briefly needs no snapshot.
        keep_behind_snapshot: u64 = Defaulted(whole(0..=10_000_000), "5000");
    }
}

section! {
    /// A cycle runs at the interval, and sooner when something has changed that may let it decide more.
    pub struct Cycle {
        /// Whether shards run by the clock, or stand still until a step is asked for: the deterministic replay of a trace.
        /// All nodes must have the same.
        mode: CycleMode = Defaulted(choice(CYCLE_MODES), "\"clock\"");
        /// Time from the start of one cycle to the start of the next.
        interval: Duration = Defaulted(duration("50ms", "10m"), "\"10s\"");
        /// A change may start a cycle early, though not sooner than this after the last one started.
        on_demand_min_gap: Duration = Defaulted(duration("1ms", "10m"), "\"250ms\"");
    }
}

section! {
    /// The leader of a shard lists each provider for what has changed.
    pub struct Listing {
        /// Time between listings while nothing is under way.
        interval: Duration = Defaulted(duration("50ms", "10m"), "\"5s\"");
        /// The same while operations are under way: this is how soon their end is noticed.
        busy_interval: Duration = Defaulted(duration("10ms", "10m"), "\"250ms\"");
    }
}

section! {
    /// What a new shard starts with. They are replicated; an administrator's change outlives a restart.
    pub struct Rails {
        /// In one cycle at most this part of a cluster's configured machines is reclaimed, in millionths, and at least one.
        reclaim_cap_ppm: u32 = Defaulted(whole(0..=1_000_000), "50000");
        /// Whether a roll-up that drops nine tenths of a cluster's needs is held back until it is confirmed.
        empty_rollup_guard: bool = Defaulted(flag(), "true");
        /// Whether actuation is stopped: plans are computed and suppressed.
        kill_switch: bool = Defaulted(flag(), "false");
        /// Whether plans are computed and logged, and nothing is carried out.
        dry_run: bool = Defaulted(flag(), "false");
    }
}

section! {
    /// A machine that nobody needs is given back after this time in Idle.
    pub struct IdleHolds {
        /// Bought by the hour.
        on_demand: Hold = Defaulted(hold(), "\"10m\"");
        /// Bought cheaply, interruptible.
        spot: Hold = Defaulted(hold(), "\"1m\"");
        /// Paid for whether used or not.
        reserved: Hold = Defaulted(hold(), "\"never\"");
        /// Owned.
        bare_metal: Hold = Defaulted(hold(), "\"never\"");
        /// The provider did not say.
        unspecified: Hold = Defaulted(hold(), "\"never\"");
    }
}

section! {
    /// Operations of one machine run one after the other; operations of different machines run side by side.
    pub struct Actuation {
        /// The most operations in flight at once, for each shard that this node leads.
        concurrency: u32 = Defaulted(whole(1..=10_000), "64");
        /// Deadlines of single calls. A provider only has to accept the call in this time, not to finish the work.
        timeouts: CallTimeouts = Defaulted(table(), "{}");
        /// The pause before a failed operation is tried again as a new attempt; it doubles from the first to the last.
        retry: Retry = Defaulted(table(), "{}");
        /// How long a machine is left alone that its provider has turned down; it doubles from the first to the last.
        cooling: Cooling = Defaulted(table(), "{}");
    }
}

section! {
    /// A machine that was turned down is not asked for again for a while, and others are: it is forgotten when one operation on it succeeds. What
    /// a new shard starts with.
    pub struct Cooling {
        /// After the first time.
        first: Duration = Defaulted(duration("1s", "1h"), "\"30s\"");
        /// The longest.
        last: Duration = Defaulted(duration("1s", "24h"), "\"1h\"");
    }
}

section! {
    /// After its deadline a call may or may not have been executed; the next attempt carries a newer fence.
    pub struct CallTimeouts {
        /// `CreateInstance`.
        create: Duration = Defaulted(duration("10ms", "10m"), "\"10s\"");
        /// `ConfigureInstance`.
        configure: Duration = Defaulted(duration("10ms", "10m"), "\"10s\"");
        /// `DrainInstance`.
        drain: Duration = Defaulted(duration("10ms", "10m"), "\"10s\"");
        /// `DeleteInstance`.
        delete: Duration = Defaulted(duration("10ms", "10m"), "\"10s\"");
        /// `List` and `Get`.
        list: Duration = Defaulted(duration("10ms", "10m"), "\"30s\"");
        /// A bootstrap blob asked of a cluster's operator.
        bootstrap: Duration = Defaulted(duration("10ms", "10m"), "\"10s\"");
        /// A drain asked of a cluster's operator, beyond the grace period.
        reclaim: Duration = Defaulted(duration("10ms", "60m"), "\"60s\"");
    }
}

section! {
    /// Jitter of up to half a pause is added, so that many machines do not come back at once. An operation is tried until its
    /// own time is up: 30 minutes for a creation or a deletion, 15 for a configuration, 10 beyond the grace for a drain.
    pub struct Retry {
        /// The first pause.
        first: Duration = Defaulted(duration("1ms", "10m"), "\"500ms\"");
        /// The longest pause.
        last: Duration = Defaulted(duration("1ms", "1h"), "\"30s\"");
    }
}

section! {
    /// A session beyond a limit is refused or closed with a coded status; the operator connects again later.
    pub struct Sessions {
        /// The most sessions on this node.
        max_sessions: u32 = Defaulted(whole(1..=1_000_000), "10000");
        /// Time from the opening of the stream to the first message.
        hello_timeout: Duration = Defaulted(duration("10ms", "10m"), "\"10s\"");
        /// The most needs in one roll-up.
        max_rollup_needs: u32 = Defaulted(whole(1..=10_000_000), "100000");
        /// The largest message of a session.
        max_message: u64 = Defaulted(size("64KiB", "256MiB"), "\"16MiB\"");
        /// Messages that may wait for a slow operator before its session is closed.
        outbox: u32 = Defaulted(whole(1..=1_000_000), "1024");
    }
}

section! {
    /// Timers of HTTP/2 and TLS. A broken path is noticed after `keep_alive_interval` + `keep_alive_timeout`.
    pub struct Connections {
        /// A caller that has not finished its TLS handshake by then is dropped.
        handshake_timeout: Duration = Defaulted(duration("10ms", "10m"), "\"5s\"");
        /// Handshakes going on at once; more callers wait in the system's queue.
        max_handshakes: u32 = Defaulted(whole(1..=100_000), "512");
        /// Connections open at once; more callers are dropped.
        max_connections: u32 = Defaulted(whole(1..=10_000_000), "200000");
        /// Time to connect, TLS handshake included.
        connect_timeout: Duration = Defaulted(duration("10ms", "10m"), "\"3s\"");
        /// A silent connection is asked for a sign of life this often.
        keep_alive_interval: Duration = Defaulted(duration("10ms", "1h"), "\"5s\"");
        /// A connection that gives none in this time is closed.
        keep_alive_timeout: Duration = Defaulted(duration("10ms", "1h"), "\"5s\"");
        /// Both of these for connections between nodes, where a dead path holds up commits.
        peer_keep_alive: Duration = Defaulted(duration("10ms", "1h"), "\"1s\"");
        /// Bytes of one HTTP/2 stream that may be on their way unacknowledged.
        stream_window: u64 = Defaulted(size("64KiB", "1GiB"), "\"1MiB\"");
    }
}

section! {
    /// Who is notified of what is replicated; see docs/reference/notify.md. What they are notified with is each node's own.
    pub struct Notify {
        /// The folder with the files that sinks name: keys, values of headers, certificate authorities. Nobody but their owner and group
        /// may read them. All nodes should have the same. Left out, this node sends to no sink that names a file.
        secrets: Option<PathBuf> = Optional(path());
    }
}

section! {
    /// Certificates for agents, against join tokens; see docs/reference/join.md. Off unless it is written.
    pub struct Join {
        /// The certificate of the agents' authority, as `argosy pki agents` makes it. A caller with a certificate of this authority is
        /// an agent or nobody. Every node needs it that agents connect to.
        authority: Option<PathBuf> = Optional(path());
        /// Its private key: this node issues agents' certificates, and renews them. The file must not be readable by everybody.
        authority_key: Option<PathBuf> = Optional(path());
        /// Where callers without a certificate may show a join token, and nothing else. Left out, they may nowhere.
        listen: Option<SocketAddr> = Optional(listen_address());
        /// How long a certificate of an agent holds. Agents renew theirs when a third of it is left.
        certificate_lifetime: Duration = Defaulted(duration("10s", "90d"), "\"1d\"");
        /// Connections of callers without a certificate, at once; more are dropped, and so is the ninth of one address (of IPv6: of one /64).
        max_callers: u32 = Defaulted(whole(1..=100_000), "256");
        /// Refused attempts of one address in a minute; further ones are turned away without a look at their token.
        max_refusals_a_minute: u32 = Defaulted(whole(1..=100_000), "20");
    }
}

section! {
    /// To standard error.
    pub struct Log {
        /// How lines look.
        format: LogFormat = Defaulted(choice(LOG_FORMATS), "\"text\"");
        /// Which lines are written.
        filter: String = Defaulted(log_filter(), "\"info\"");
    }
}

/// A table that may be left out is what the reader makes of an empty one.
macro_rules! may_be_left_out {
    ($($section:ty),*) => {
        $(impl Default for $section {
            fn default() -> Self {
                Defaulted(table(), "{}").absent().expect("every key of this table has a default")
            }
        })*
    };
}

may_be_left_out!(
    Metrics,
    RaftSettings,
    Cycle,
    Rails,
    IdleHolds,
    Actuation,
    CallTimeouts,
    Retry,
    Cooling,
    Sessions,
    Connections,
    Notify,
    Join,
    Log
);
