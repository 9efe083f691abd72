//! Filling the directory from the placement file: its leader proposes what the file says and the directory lacks.
//!
//! Only what is missing is added. What somebody has changed since stays: the file says how an installation begins, not
//! how it must be.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use argosy_coordinator::{Command, Directory, Node, Placement, Reply, Shard, ShardState};
use argosy_failpoint::{Failpoint, fires};
use argosy_raft::{InstanceId, NodeId};

use super::Coordinator;
use crate::config::{Config, ShardPlacement};

/// How often the leader looks whether something is missing.
const EVERY: Duration = Duration::from_secs(2);

/// Fills the directory whenever this node leads it, until it is dropped.
pub(crate) async fn keep_filled(coordinator: Coordinator, config: Config) {
    let mut told = BTreeSet::new();
    loop {
        if coordinator.group().leadership().borrow().ready {
            let instances = coordinator.group().status().members.instances;
            for command in missing(&coordinator.view(), &config, &instances) {
                if let Err(why) = propose(&coordinator, &command).await
                    && told.insert(why.clone())
                {
                    tracing::warn!(?command, why, "the directory was not filled");
                }
                if fires(Failpoint::DirectoryPiecemeal) {
                    break;
                }
            }
        }
        tokio::time::sleep(EVERY).await;
    }
}

async fn propose(coordinator: &Coordinator, command: &Command) -> Result<(), String> {
    let committed = coordinator.group().propose(command.encode()).await.map_err(|error| error.to_string())?;
    match Reply::decode(&committed.response) {
        Some(Reply::Done) => Ok(()),
        Some(Reply::Refused(refusal)) => Err(refusal.to_string()),
        None => Err("the reply is of another release".to_owned()),
    }
}

/// What the configuration says and the directory does not know, in an order in which it can be taken.
fn missing(directory: &Directory, config: &Config, instances: &BTreeMap<NodeId, InstanceId>) -> Vec<Command> {
    let mut commands: Vec<Command> = nodes(config, instances)
        .filter(|(id, _)| directory.node(id).is_none())
        .map(|(id, node)| Command::PutNode { id, node })
        .collect();
    for shard in &config.placement.shards {
        commands.extend(of_shard(directory, shard));
    }
    commands
}

/// All nodes whose data directories are known; a wiped one that has not been let in again is not.
fn nodes<'a>(
    config: &'a Config,
    instances: &'a BTreeMap<NodeId, InstanceId>,
) -> impl Iterator<Item = (String, Node)> + 'a {
    let me = &config.node;
    let own = (&me.id, me.number, &me.region, &me.zone, config.advertise.to_string());
    let peers =
        config.peers.iter().map(|peer| (&peer.id, peer.number, &peer.region, &peer.zone, peer.address.to_string()));
    std::iter::once(own).chain(peers).filter_map(|(id, number, region, zone, address)| {
        let instance = instances.get(&NodeId(number.into()))?.0;
        let (region, zone) = (region.to_string(), zone.to_string());
        Some((id.to_string(), Node { number: number.into(), region, zone, address, instance }))
    })
}

fn of_shard(directory: &Directory, shard: &ShardPlacement) -> Vec<Command> {
    let id = shard.id.to_string();
    let mut commands = Vec::new();
    if directory.shard(&id).is_none() {
        let shard = Shard {
            group: shard.number.into(),
            home_region: shard.home_region.to_string(),
            state: ShardState::Serving,
        };
        commands.push(Command::PutShard { id: id.clone(), shard });
    }
    if directory.placement(&id).is_none_or(|placement| placement.voters.is_empty()) {
        let names = |names: &[crate::config::Name]| names.iter().map(ToString::to_string).collect();
        let placement = Placement { voters: names(&shard.voters), learners: names(&shard.learners) };
        commands.push(Command::Place { shard: id.clone(), placement });
    }
    let unbound = shard.clusters.iter().filter(|cluster| directory.route(cluster.as_str()).is_none());
    commands.extend(unbound.map(|cluster| Command::BindCluster { cluster: cluster.to_string(), shard: id.clone() }));
    let unowned = shard.domains.iter().filter(|domain| directory.owner_of(&domain.key, &domain.value).is_none());
    commands.extend(unowned.map(|domain| Command::AssignDomain {
        key: domain.key.clone(),
        value: domain.value.clone(),
        shard: id.clone(),
    }));
    commands
}
