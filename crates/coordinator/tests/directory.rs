//! What the directory keeps, rule by rule, through its bytes.

use argosy_coordinator::{Command, Directory, Grounds, Node, Placement, Reply, Shard, ShardState, SnapshotError};
use proptest::prelude::*;

struct World {
    directory: Directory,
    log: Vec<Command>,
}

impl World {
    /// Three nodes in three regions, two shards, one of them placed.
    fn new() -> Self {
        let mut world = Self { directory: Directory::new(), log: Vec::new() };
        for (number, region) in [(3, "ap"), (1, "eu"), (2, "us")] {
            world.done(put_node(&format!("n{number}"), number, region));
        }
        for (group, id) in [(1, "s0"), (2, "s1")] {
            world.done(put_shard(id, group, ShardState::Serving));
        }
        world.done(place("s0", &["n1", "n2", "n3"], &[]));
        world
    }

    fn apply(&mut self, command: Command) -> Reply {
        let bytes = command.encode();
        self.log.push(command);
        let reply = self.directory.apply(self.log.len() as u64, &bytes);
        assert_eq!(Reply::decode(&reply.encode()), Some(reply.clone()));
        reply
    }

    fn done(&mut self, command: Command) {
        let reply = self.apply(command);
        assert_eq!(reply, Reply::Done, "{:?}", self.log.last());
    }

    /// Refused, and nothing but the revision has changed.
    fn grounds(&mut self, command: Command) -> Grounds {
        let before = self.content();
        let Reply::Refused(refusal) = self.apply(command) else { panic!("{:?} was taken", self.log.last()) };
        assert_eq!(self.content(), before);
        assert!(refusal.to_string().starts_with("ARG-045"), "{refusal}");
        refusal.grounds()
    }

    fn content(&self) -> String {
        let directory = &self.directory;
        let nodes: Vec<_> = directory.nodes().collect();
        let shards: Vec<_> = directory.shards().map(|(id, shard)| (id, shard, directory.placement(id))).collect();
        let clusters: Vec<_> = directory.clusters().collect();
        format!("{nodes:?} {shards:?} {clusters:?} {:?}", directory.domains().collect::<Vec<_>>())
    }
}

fn text(s: &str) -> String {
    s.to_owned()
}

fn put_node(id: &str, number: u64, region: &str) -> Command {
    let node =
        Node { number, region: text(region), zone: text("a"), address: format!("{id}:7780"), instance: number * 11 };
    Command::PutNode { id: text(id), node }
}

fn put_shard(id: &str, group: u64, state: ShardState) -> Command {
    Command::PutShard { id: text(id), shard: Shard { group, home_region: text("eu"), state } }
}

fn place(shard: &str, voters: &[&str], learners: &[&str]) -> Command {
    let set = |ids: &[&str]| ids.iter().map(|id| text(id)).collect();
    Command::Place { shard: text(shard), placement: Placement { voters: set(voters), learners: set(learners) } }
}

fn bind(cluster: &str, shard: &str) -> Command {
    Command::BindCluster { cluster: text(cluster), shard: text(shard) }
}

fn assign(value: &str, shard: &str) -> Command {
    Command::AssignDomain { key: text("zone"), value: text(value), shard: text(shard) }
}

#[test]
fn a_cluster_is_routed_to_the_shard_it_is_bound_to() {
    let mut world = World::new();
    assert_eq!(world.directory.route("c"), None);
    world.done(bind("c", "s0"));
    world.done(bind("c", "s0"));
    let route = world.directory.route("c").expect("bound");
    assert_eq!((route.id, route.shard.group), ("s0", 1));
    assert_eq!(route.placement.expect("placed").voters.len(), 3);
}

#[test]
fn a_cluster_is_rebound_only_after_its_shard_has_let_it_go() {
    let mut world = World::new();
    world.done(bind("c", "s0"));
    assert_eq!(world.grounds(bind("c", "s1")), Grounds::AlreadyExists);
    let unbind = |from: &str| Command::UnbindCluster { cluster: text("c"), from: text(from) };
    assert_eq!(world.grounds(unbind("s1")), Grounds::AlreadyExists);
    world.done(unbind("s0"));
    world.done(bind("c", "s1"));
    assert_eq!(world.grounds(unbind("s0")), Grounds::AlreadyExists, "a late command undoes no newer binding");
    assert_eq!(world.directory.route("c").expect("bound").id, "s1");
}

#[test]
fn a_domain_has_one_owner() {
    let mut world = World::new();
    world.done(assign("eu-1", "s0"));
    world.done(assign("eu-1", "s0"));
    assert_eq!(world.grounds(assign("eu-1", "s1")), Grounds::AlreadyExists);
    assert_eq!(world.grounds(assign("eu-2", "nobody")), Grounds::NotFound);
    let unassign = |value: &str| Command::UnassignDomain { key: text("zone"), value: text(value) };
    assert_eq!(world.grounds(unassign("eu-9")), Grounds::NotFound);
    assert_eq!(world.directory.owner_of("zone", "eu-1"), Some("s0"));
    world.done(unassign("eu-1"));
    world.done(assign("eu-1", "s1"));
    assert_eq!(world.directory.domains_of("s1").collect::<Vec<_>>(), [("zone", "eu-1")]);
}

#[test]
fn what_is_in_use_is_not_removed() {
    let mut world = World::new();
    let remove = |id: &str| Command::RemoveShard { id: text(id) };
    world.done(bind("c", "s1"));
    assert_eq!(world.grounds(remove("s1")), Grounds::InUse);
    world.done(Command::UnbindCluster { cluster: text("c"), from: text("s1") });
    world.done(remove("s1"));
    assert_eq!(world.grounds(remove("s1")), Grounds::NotFound);
    assert_eq!(world.grounds(remove("s0")), Grounds::InUse, "it has replicas");
    assert_eq!(world.grounds(Command::RemoveNode { id: text("n1") }), Grounds::InUse);
    world.done(place("s0", &["n2", "n3"], &[]));
    world.done(Command::RemoveNode { id: text("n1") });
    assert_eq!(world.grounds(Command::RemoveNode { id: text("n1") }), Grounds::NotFound);
}

#[test]
fn a_number_never_names_two_nodes_or_two_groups() {
    let mut world = World::new();
    assert_eq!(world.grounds(put_node("n9", 2, "eu")), Grounds::Invalid);
    assert_eq!(world.grounds(put_shard("s9", 2, ShardState::Serving)), Grounds::Invalid);
    assert_eq!(world.grounds(put_shard("s9", 0, ShardState::Serving)), Grounds::Invalid);
    world.done(Command::RemoveShard { id: text("s1") });
    assert_eq!(world.grounds(put_shard("s9", 2, ShardState::Serving)), Grounds::Invalid, "nor one after the other");
    world.done(place("s0", &["n1", "n3"], &[]));
    world.done(Command::RemoveNode { id: text("n2") });
    assert_eq!(world.grounds(put_node("n2", 2, "us")), Grounds::Invalid, "a wiped node takes a new number");
    world.done(put_node("n2", 4, "us"));
}

#[test]
fn a_node_may_move_but_not_change_its_identity() {
    let mut world = World::new();
    let Command::PutNode { id, node } = put_node("n1", 1, "eu") else { unreachable!() };
    world.done(Command::PutNode { id: id.clone(), node: Node { address: text("elsewhere:1"), ..node.clone() } });
    assert_eq!(world.directory.node("n1").expect("there").address, "elsewhere:1");
    assert_eq!(world.grounds(Command::PutNode { id, node: Node { instance: 99, ..node } }), Grounds::Invalid);
}

#[test]
fn a_placement_names_known_nodes_and_no_node_twice() {
    let mut world = World::new();
    assert_eq!(world.grounds(place("s9", &["n1"], &[])), Grounds::NotFound);
    assert_eq!(world.grounds(place("s1", &["n1", "n7"], &[])), Grounds::NotFound);
    assert_eq!(world.grounds(place("s1", &["n1"], &["n1"])), Grounds::Invalid);
    assert_eq!(world.grounds(place("s1", &[], &["n1"])), Grounds::Invalid);
    world.done(place("s1", &["n1"], &["n2"]));
    assert_eq!(world.directory.placed_on("n2").collect::<Vec<_>>(), ["s0", "s1"]);
}

#[test]
fn a_closed_shard_keeps_what_it_has_and_takes_nothing_new() {
    let mut world = World::new();
    world.done(bind("c", "s1"));
    world.done(put_shard("s1", 2, ShardState::Closed));
    world.done(bind("c", "s1"));
    assert_eq!(world.grounds(bind("d", "s1")), Grounds::InUse);
    assert_eq!(world.grounds(assign("eu-1", "s1")), Grounds::InUse);
    assert_eq!(world.directory.route("c").expect("kept").id, "s1");
}

#[test]
fn names_have_limits() {
    let mut world = World::new();
    assert_eq!(world.grounds(bind("", "s0")), Grounds::Invalid);
    assert_eq!(world.grounds(bind(&"x".repeat(254), "s0")), Grounds::Invalid);
    assert_eq!(world.grounds(assign("", "s0")), Grounds::Invalid);
}

#[test]
fn a_restored_directory_is_the_one_that_was_written() {
    let mut world = World::new();
    world.done(bind("c", "s0"));
    world.done(assign("eu-1", "s1"));
    let mut bytes = Vec::new();
    world.directory.write_snapshot(&mut bytes).expect("memory takes everything");
    let copy = Directory::read_snapshot(&mut bytes.as_slice()).expect("sound");
    assert_eq!((&copy, copy.state_hash()), (&world.directory, world.directory.state_hash()));
    for at in 0..bytes.len() {
        let mut damaged = bytes.clone();
        damaged[at] ^= 1;
        assert!(Directory::read_snapshot(&mut damaged.as_slice()).is_err(), "byte {at}");
    }
    bytes[7] = 3;
    let other = Directory::read_snapshot(&mut bytes.as_slice());
    assert!(matches!(other, Err(SnapshotError::UnknownFormat { found: 3, known: 2 })));
}

fn command() -> impl Strategy<Value = Command> {
    let node = prop::sample::select(vec!["n1", "n2", "n3", "n4"]);
    let shard = prop::sample::select(vec!["s0", "s1", "s2"]);
    let cluster = prop::sample::select(vec!["a", "b", "c"]);
    prop_oneof![
        (node.clone(), 1u64..6).prop_map(|(id, number)| put_node(id, number, "eu")),
        node.clone().prop_map(|id| Command::RemoveNode { id: text(id) }),
        (shard.clone(), 0u64..5, any::<bool>()).prop_map(|(id, group, closed)| {
            put_shard(id, group, if closed { ShardState::Closed } else { ShardState::Serving })
        }),
        shard.clone().prop_map(|id| Command::RemoveShard { id: text(id) }),
        (shard.clone(), proptest::collection::vec(node.clone(), 0..3), proptest::collection::vec(node, 0..2))
            .prop_map(|(shard, voters, learners)| place(shard, &voters, &learners)),
        (cluster.clone(), shard.clone()).prop_map(|(cluster, shard)| bind(cluster, shard)),
        (cluster.clone(), shard.clone())
            .prop_map(|(cluster, from)| Command::UnbindCluster { cluster: text(cluster), from: text(from) }),
        (cluster.clone(), shard).prop_map(|(value, shard)| assign(value, shard)),
        cluster.prop_map(|value| Command::UnassignDomain { key: text("zone"), value: text(value) }),
    ]
}

proptest! {
    #[test]
    fn nothing_ever_hangs_in_the_air(commands in proptest::collection::vec(command(), 1..120)) {
        let mut world = World::new();
        for command in commands {
            world.apply(command);
            let directory = &world.directory;
            prop_assert!(directory.clusters().all(|(_, shard)| directory.shard(shard).is_some()));
            prop_assert!(directory.domains().all(|(_, _, shard)| directory.shard(shard).is_some()));
            for (shard, _) in directory.shards() {
                let placement = directory.placement(shard).cloned().unwrap_or_default();
                let mut nodes = placement.voters.iter().chain(&placement.learners);
                prop_assert!(nodes.all(|node| directory.node(node).is_some()));
            }
            let mut numbers: Vec<u64> = directory.nodes().map(|(_, node)| node.number).collect();
            numbers.sort_unstable();
            numbers.dedup();
            prop_assert_eq!(numbers.len(), directory.nodes().count());
        }
        let mut replay = Directory::new();
        for (index, command) in (1..).zip(&world.log) {
            replay.apply(index, &command.encode());
        }
        prop_assert_eq!(replay.state_hash(), world.directory.state_hash());
    }
}
