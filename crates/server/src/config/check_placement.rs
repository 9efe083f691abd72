//! The rules about the placement: every name means something, nothing is owned twice, and the layout survives what it seems to.

use std::collections::BTreeMap;

use super::check::Findings;
use super::placement::{Placement, ShardPlacement};
use super::problem::Code;
use super::schema::ServerFile;
use super::value::Name;

/// Where each known node lives: region and zone.
type Nodes<'a> = BTreeMap<&'a Name, (&'a Name, &'a Name)>;

pub(super) fn run(file: &ServerFile, found: &mut Findings<'_>) {
    let Some(Some(placement)) = &file.placement else { return };
    owned_once(placement, found);
    let (Some(node), Some(peers)) = (&file.node, &file.peers) else { return };
    let mut nodes: Nodes<'_> = peers.iter().map(|peer| (&peer.id, (&peer.region, &peer.zone))).collect();
    nodes.insert(&node.id, (&node.region, &node.zone));

    group("placement.coordinator_voters", "the coordinator", &placement.coordinator_voters, &nodes, found);
    for (n, shard) in placement.shards.iter().enumerate() {
        let path = format!("placement.shards[{n}]");
        group(&format!("{path}.voters"), &format!("the shard `{}`", shard.id), &shard.voters, &nodes, found);
        learners(&path, shard, &nodes, found);
        home(&path, shard, &nodes, found);
    }
}

fn owned_once(placement: &Placement, found: &mut Findings<'_>) {
    if placement.shards.is_empty() {
        found.error(
            Code::MissingKey,
            "placement.shards",
            "the placement has no shards".to_owned(),
            "add at least one `[[placement.shards]]`",
        );
    }
    let shards = || placement.shards.iter().enumerate();
    let ids = shards().map(|(n, shard)| (&shard.id, format!("placement.shards[{n}].id")));
    found.no_twice("the shard", "give every shard an id of its own", ids);

    let numbers = shards().map(|(n, shard)| (shard.number, format!("placement.shards[{n}].number")));
    found.no_twice("the number", "give every shard a number of its own, never one that another shard had", numbers);

    let domains = shards().flat_map(|(n, shard)| {
        let text = |(m, d): (usize, &super::Domain)| {
            (format!("{}={}", d.key, d.value), format!("placement.shards[{n}].domains[{m}]"))
        };
        shard.domains.iter().enumerate().map(text).collect::<Vec<_>>()
    });
    found.no_twice("the domain", "a domain belongs to one shard: two would act on the same machines", domains);

    let clusters = shards().flat_map(|(n, shard)| {
        let each = move |(m, cluster)| (cluster, format!("placement.shards[{n}].clusters[{m}]"));
        shard.clusters.iter().enumerate().map(each)
    });
    found.no_twice("the cluster", "bind a cluster to one shard: two would both meet its demand", clusters);
}

/// A group of voters: known, distinct, and as many as survive something.
fn group(path: &str, whose: &str, voters: &[Name], nodes: &Nodes<'_>, found: &mut Findings<'_>) {
    members(path, voters, nodes, found);
    match voters.len() {
        0 => found.error(
            Code::BadValue,
            path,
            format!("{whose} has no voters"),
            "name one node, or better three in three regions",
        ),
        1 => found.warning(path, format!("{whose} has one voter: the loss of that node stops it"), "name three"),
        even if even % 2 == 0 => {
            let message = format!("{whose} has {even} voters: they survive no more losses than {} would", even - 1);
            found.warning(path, message, "use an odd number");
        }
        _ => {}
    }
    let mut zones: Vec<_> = voters.iter().filter_map(|voter| nodes.get(voter)).collect();
    zones.dedup();
    if voters.len() > 1 && zones.len() == 1 {
        let (region, zone) = zones[0];
        let message =
            format!("all voters of {whose} are in zone `{zone}` of region `{region}`: its loss stops them all");
        found.warning(path, message, "spread them over zones, or better over regions");
    }
}

fn members(path: &str, members: &[Name], nodes: &Nodes<'_>, found: &mut Findings<'_>) {
    for (n, member) in members.iter().enumerate().filter(|(_, member)| !nodes.contains_key(member)) {
        let known: Vec<_> = nodes.keys().map(|id| id.as_str()).collect();
        let message = format!("there is no node `{member}`");
        let advice = format!("add it to `[[peers]]`, or name one of: {}", known.join(", "));
        found.error(Code::UnknownReference, &format!("{path}[{n}]"), message, advice);
    }
    let each = members.iter().enumerate().map(|(n, member)| (member, format!("{path}[{n}]")));
    found.no_twice("the node", "name every node once", each);
}

fn learners(path: &str, shard: &ShardPlacement, nodes: &Nodes<'_>, found: &mut Findings<'_>) {
    members(&format!("{path}.learners"), &shard.learners, nodes, found);
    for (n, both) in shard.learners.iter().enumerate().filter(|(_, learner)| shard.voters.contains(learner)) {
        let message = format!("`{both}` is a voter and a learner of the shard `{}`", shard.id);
        found.error(
            Code::Conflict,
            &format!("{path}.learners[{n}]"),
            message,
            "a voter follows the log anyway: remove it here",
        );
    }
}

fn home(path: &str, shard: &ShardPlacement, nodes: &Nodes<'_>, found: &mut Findings<'_>) {
    // Voters that do not exist are reported as such; the home rule would only repeat it.
    let at_home = |voter: &Name| nodes.get(voter).is_none_or(|(region, _)| **region == shard.home_region);
    if !shard.voters.is_empty() && !shard.voters.iter().any(at_home) {
        let message = format!("the shard `{}` has no voter in its home region `{}`", shard.id, shard.home_region);
        found.error(
            Code::Conflict,
            &format!("{path}.home_region"),
            message,
            "name a region that one of its voters is in",
        );
    }
}
