//! What a local fleet consists of. Written next to its data at the first start, so that a later start resumes the same
//! fleet instead of making another one on top of it.

use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::error::FleetError;

/// The format of the blueprint file.
const VERSION: u32 = 1;
const FILE: &str = "fleet.json";

/// A local fleet: three nodes in three regions, shards spread over them, one provider.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Blueprint {
    version: u32,
    /// What was asked for.
    pub sizing: Sizing,
    /// The nodes, each a process.
    pub nodes: Vec<NodeSite>,
    /// The shards, each replicated on all nodes.
    pub shards: Vec<ShardSite>,
    /// The provider, a process of its own.
    pub provider: ProviderSite,
}

/// What a fleet is made to be; the rest of the blueprint follows from it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sizing {
    /// Regions, one node in each.
    pub regions: Vec<String>,
    /// How many shards.
    pub shards: u32,
    /// Clusters of each shard.
    pub clusters_per_shard: u32,
    /// Zones of each shard.
    pub zones_per_shard: u32,
    /// Seed of everything simulated.
    pub seed: u64,
    /// Who moves shard time.
    pub pace: Pace,
}

/// Who moves shard time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pace {
    /// The clock: cycles run by themselves.
    Clock,
    /// The caller, step by step: the same inputs give the same decisions.
    Lockstep,
}

/// Something that needs an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place<'a> {
    /// The node of a region.
    Node {
        /// The region.
        region: &'a str,
    },
    /// The metrics of that node.
    Metrics {
        /// The region.
        region: &'a str,
    },
    /// The provider.
    Provider,
}

/// One node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NodeSite {
    /// Its id, such as `eu-1`.
    pub id: String,
    /// Its number in Raft.
    pub number: u32,
    /// Its region.
    pub region: String,
    /// Where it listens.
    pub address: SocketAddr,
    /// Where it serves metrics and readiness.
    pub metrics: SocketAddr,
    /// Where it takes join tokens; nowhere in fleets that were laid out before there were any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub door: Option<SocketAddr>,
}

/// One shard.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ShardSite {
    /// Its id, such as `eu-s1`.
    pub id: String,
    /// Its number in Raft.
    pub number: u32,
    /// Where its leader should be.
    pub home_region: String,
    /// The zones it owns, such as `eu-s1-a`.
    pub zones: Vec<String>,
    /// The clusters it serves, such as `eu-s1-c1`.
    pub clusters: Vec<String>,
}

/// The provider.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProviderSite {
    /// Its name.
    pub name: String,
    /// Where it listens.
    pub address: SocketAddr,
}

impl Blueprint {
    /// Lays out a fleet on free loopback ports.
    pub fn new(sizing: Sizing) -> Result<Self, FleetError> {
        let mut ports = free_ports(sizing.regions.len() * 3 + 1)?.into_iter();
        let mut next = || SocketAddr::from((Ipv4Addr::LOCALHOST, ports.next().unwrap_or_default()));
        let mut made = Self::placed(sizing, |_| next())?;
        for node in &mut made.nodes {
            node.door = Some(next());
        }
        Ok(made)
    }

    /// Lays out a fleet whose processes listen where `address` says. Nobody can join it by token.
    pub fn placed(sizing: Sizing, mut address: impl FnMut(Place<'_>) -> SocketAddr) -> Result<Self, FleetError> {
        if sizing.regions.is_empty() || sizing.shards == 0 {
            return Err(FleetError::Sizing { what: "a fleet needs at least one region and one shard" });
        }
        let nodes = (1u32..)
            .zip(&sizing.regions)
            .map(|(number, region)| NodeSite {
                id: format!("{region}-1"),
                number,
                region: region.clone(),
                address: address(Place::Node { region }),
                metrics: address(Place::Metrics { region }),
                door: None,
            })
            .collect();
        let provider = ProviderSite { name: "sim".to_owned(), address: address(Place::Provider) };
        let shards = (1..=sizing.shards).map(|number| ShardSite::new(number, &sizing)).collect();
        Ok(Self { version: VERSION, sizing, nodes, shards, provider })
    }

    /// The blueprint in `dir`, made from `sizing` if there is none. A fleet that was made otherwise is refused.
    pub fn load_or_create(dir: &Path, sizing: Sizing) -> Result<Self, FleetError> {
        let path = dir.join(FILE);
        match std::fs::read(&path) {
            Ok(bytes) => {
                let found = Self::parse(&path, &bytes)?;
                if found.sizing != sizing {
                    return Err(FleetError::OtherFleet { path });
                }
                Ok(found)
            }
            Err(error) if error.kind() == ErrorKind::NotFound => {
                let made = Self::new(sizing)?;
                std::fs::create_dir_all(dir).map_err(|error| FleetError::io("create", dir, &error))?;
                let text = serde_json::to_vec_pretty(&made)
                    .map_err(|error| FleetError::BadBlueprint { path: path.clone(), what: error.to_string() })?;
                std::fs::write(&path, text).map_err(|error| FleetError::io("write", &path, &error))?;
                Ok(made)
            }
            Err(error) => Err(FleetError::io("read", &path, &error)),
        }
    }

    /// The blueprint of a fleet that was made before.
    pub fn load(dir: &Path) -> Result<Self, FleetError> {
        let path = dir.join(FILE);
        let bytes = std::fs::read(&path).map_err(|error| FleetError::io("read", &path, &error))?;
        Self::parse(&path, &bytes)
    }

    fn parse(path: &Path, bytes: &[u8]) -> Result<Self, FleetError> {
        let bad = |what: String| FleetError::BadBlueprint { path: path.to_owned(), what };
        let found: Self = serde_json::from_slice(bytes).map_err(|error| bad(error.to_string()))?;
        if found.version != VERSION {
            return Err(bad(format!("format version {} where this release knows {VERSION}", found.version)));
        }
        Ok(found)
    }

    /// The node with this id.
    pub fn node(&self, id: &str) -> Option<&NodeSite> {
        self.nodes.iter().find(|node| node.id == id)
    }
}

impl ShardSite {
    fn new(number: u32, sizing: &Sizing) -> Self {
        let region = &sizing.regions[(number as usize - 1) % sizing.regions.len()];
        let id = format!("{region}-s{number}");
        let zones = ('a'..='z').take(sizing.zones_per_shard.max(1) as usize).map(|z| format!("{id}-{z}")).collect();
        let clusters = (1..=sizing.clusters_per_shard).map(|n| format!("{id}-c{n}")).collect();
        Self { id, number, home_region: region.clone(), zones, clusters }
    }
}

/// Ports that nobody listens on now: below those that the system gives to outgoing connections, for a node that was killed must find
/// its port free when it starts again. The search begins at the one that the system offers, so that two fleets seldom want the same.
fn free_ports(count: usize) -> Result<BTreeSet<u16>, FleetError> {
    const FIRST: u16 = 12_000;
    const ROOM: u16 = 18_000;
    let bind = |port| TcpListener::bind((Ipv4Addr::LOCALHOST, port));
    let offered = bind(0).and_then(|listener| listener.local_addr()).map_err(FleetError::Ports)?.port();
    let candidates = (0..ROOM).map(|step| FIRST + (offered % ROOM + step) % ROOM);
    let free: BTreeSet<u16> = candidates.filter(|port| bind(*port).is_ok()).take(count).collect();
    if free.len() < count {
        return Err(FleetError::Ports(ErrorKind::AddrInUse.into()));
    }
    Ok(free)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sizing() -> Sizing {
        let regions = ["eu", "us", "ap"].map(str::to_owned).to_vec();
        Sizing { regions, shards: 4, clusters_per_shard: 2, zones_per_shard: 3, seed: 1, pace: Pace::Clock }
    }

    #[test]
    fn shards_go_round_the_regions_and_own_zones_of_their_own() {
        let blueprint = Blueprint::new(sizing()).expect("ports");
        let homes: Vec<_> = blueprint.shards.iter().map(|s| s.home_region.as_str()).collect();
        assert_eq!(homes, ["eu", "us", "ap", "eu"]);
        let zones: BTreeSet<_> = blueprint.shards.iter().flat_map(|s| &s.zones).collect();
        assert_eq!(zones.len(), 12);
    }

    #[test]
    fn a_second_start_resumes_the_same_fleet_and_refuses_another() {
        let dir = tempfile::tempdir().expect("a directory");
        let first = Blueprint::load_or_create(dir.path(), sizing()).expect("made");
        let second = Blueprint::load_or_create(dir.path(), sizing()).expect("found");
        assert_eq!(first, second);
        let other = Sizing { shards: 5, ..sizing() };
        assert!(matches!(Blueprint::load_or_create(dir.path(), other), Err(FleetError::OtherFleet { .. })));
    }

    #[test]
    fn a_damaged_blueprint_is_refused_by_name() {
        let dir = tempfile::tempdir().expect("a directory");
        std::fs::write(dir.path().join(FILE), "{").expect("written");
        assert!(matches!(Blueprint::load_or_create(dir.path(), sizing()), Err(FleetError::BadBlueprint { .. })));
    }
}
