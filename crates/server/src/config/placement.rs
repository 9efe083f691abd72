//! The static placement: which shards there are, where their replicas live, what they own.
//!
//! It is the same on every node, so it is usually a file of its own that all the nodes' configurations name.

use super::scalar::{host_port, list, name, text, whole};
use super::section::section;
use super::shape::{Defaulted, Optional, Required, tables};
use super::value::{HostPort, Name};

section! {
    /// Which shards there are, where their replicas live and what they own. Written as `[placement]` in the
    /// configuration, or with the same keys at the top of the file that `placement_file` names.
    pub struct Placement {
        /// The nodes that vote in the coordinator's group: an odd number, in as many regions as there are.
        coordinator_voters: Vec<Name> = Required(list(name(), 9));
        /// One for each shard.
        shards: Vec<ShardPlacement> = Required(tables(1024));
    }
}

section! {
    /// One shard: one Raft group and the slice of the fleet it decides for.
    pub struct ShardPlacement {
        /// The shard's id. It is part of every fence, so it is never reused for another shard.
        id: Name = Required(name());
        /// The number of its Raft group, never reused. 0 is the coordinator's.
        number: u32 = Required(whole(1..=1_000_000));
        /// The region in which the leader should be. Leadership moves back there after the region has healed.
        home_region: Name = Required(name());
        /// The nodes that vote. Three in three regions survive the loss of a region; a write waits for the second nearest.
        voters: Vec<Name> = Required(list(name(), 9));
        /// Nodes that follow the log without a vote: for reads near by, and for a quick replacement of a voter.
        learners: Vec<Name> = Defaulted(list(name(), 16), "[]");
        /// The topology domains whose machines belong to this shard. No two shards may own one domain.
        domains: Vec<Domain> = Defaulted(tables(4096), "[]");
        /// The clusters whose demand this shard meets. A cluster is bound to one shard.
        clusters: Vec<Name> = Defaulted(list(name(), 4096), "[]");
    }
}

section! {
    /// A topology domain: machines carrying the label `key` with the value `value`.
    pub struct Domain {
        /// The label, such as `topology.kubernetes.io/zone`.
        key: String = Required(text());
        /// Its value, such as `eu-a`.
        value: String = Required(text());
    }
}

section! {
    /// A node of the installation other than this one. This one may be listed as well, so that the list can be the same
    /// everywhere; it must then say the same as `[node]`.
    pub struct Peer {
        /// Its `node.id`.
        id: Name = Required(name());
        /// Its `node.number`.
        number: u32 = Required(whole(1..=1_000_000));
        /// Its `node.region`.
        region: Name = Required(name());
        /// Its `node.zone`.
        zone: Name = Required(name());
        /// Where this node reaches it: what it says under `node.advertise`, or another way to the same process.
        address: HostPort = Required(host_port());
    }
}

section! {
    /// A provider that machines are bought from.
    pub struct Provider {
        /// Its name. Its certificate must carry `argosy://provider/<name>`.
        name: Name = Required(name());
        /// Where to dial it.
        address: HostPort = Required(host_port());
        /// The host name that its certificate must be valid for; the host of `address` where this is left out.
        server_name: Option<String> = Optional(text());
        /// The shards that use it; all of them when the list is empty.
        shards: Vec<Name> = Defaulted(list(name(), 1024), "[]");
    }
}
