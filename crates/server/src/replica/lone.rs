//! For tests: a replica that is alone in its group, and a state with an operation under way.

use std::sync::Arc;
use std::time::Duration;

use argosy_model::{ShardTime, State};
use argosy_raft::{Config, Connect, ConnectError, GroupId, Host, NodeId, Timing};
use argosy_shard::need_row::amounts;
use argosy_shard::{
    Command, Envelope, Genesis, Listing, NeedRow, Observed, ObservedMachine, ObservedShape, PlanEntry, ShardState,
};
use argosy_storage::sim_disk::SimDisk;
use argosy_storage::{Admission, Drive, Identity, InstanceId, Store};
use tonic::transport::Channel;

use super::{Fold, Published, Replica};

struct Nobody;

impl Connect for Nobody {
    fn channel(&self, node: NodeId) -> Result<Channel, ConnectError> {
        Err(ConnectError::UnknownNode(node))
    }
}

/// A replica of `s1` that leads its group of one, and the host that it lives on.
pub(crate) async fn replica() -> (Replica, Host) {
    let identity = Identity { cluster: "test".parse().expect("an id"), node: NodeId(1), instance: InstanceId(1) };
    let disk = SimDisk::new(1).handle();
    let store = Store::open(disk, identity, Admission::Bootstrap, Drive::Thread).expect("an empty disk");
    let timing = Timing {
        heartbeat: Duration::from_millis(50),
        election_min: Duration::from_millis(150),
        election_max: Duration::from_millis(300),
    };
    let host = Host::new(store, Arc::new(Nobody), Config { timing, ..Config::default() }).expect("sound settings");
    let published = Arc::new(Published::default());
    let group = host.open_group(GroupId(1), Box::new(Fold::new(Arc::clone(&published)))).await.expect("it opens");
    group.bootstrap(&[NodeId(1)]).await.expect("alone, it founds the group");
    let leads = async { group.leadership().wait_for(|leadership| leadership.ready).await.map(|_| ()) };
    tokio::time::timeout(Duration::from_secs(30), leads).await.expect("it leads in time").expect("it runs");
    (Replica::new("s1", group, published), host)
}

/// A genesis that owns everything.
pub(crate) fn genesis() -> Genesis {
    Genesis { shard: "s1".to_owned(), shards: vec!["s1".to_owned()], ..Genesis::default() }
}

/// A state in which the leader of `term` has bound `machines` idle machines to a cluster: as many operations, each with
/// an open attempt of that term.
pub(crate) fn with_operations(term: u64, machines: usize) -> ShardState {
    let mut state = ShardState::new();
    let mut index = 0;
    let mut apply = |state: &mut ShardState, command| {
        index += 1;
        let envelope = Envelope { at: ShardTime(index), proposed_in_term: term, command };
        state.apply(index, term, &envelope.encode());
    };
    apply(&mut state, Command::Genesis(genesis()));
    apply(&mut state, Command::LeaderStarted);
    let cpu = || vec![("cpu".to_owned(), 4_000)];
    let machine = |n| {
        let shape = ObservedShape { resources: cpu(), ..ObservedShape::default() };
        let machine =
            ObservedMachine { host: Some(format!("h{n}")), ..ObservedMachine::new(format!("m{n}"), State::Idle) };
        Observed { shape, machine }
    };
    let machines = (0..machines).map(machine).collect::<Vec<_>>();
    let cpus = (machines.len() * 4).to_string();
    let listing = Listing { provider: "sim".to_owned(), asked_at: 2, machines, ..Listing::default() };
    for command in state.diff_observation(&listing).commands {
        apply(&mut state, command);
    }
    let aggregate = amounts([("cpu", cpus.as_str())]).expect("a quantity");
    let need = NeedRow { aggregate, min_unit: cpu(), priority: 1, ..NeedRow::default() };
    let rollup = state.diff_rollup("c1", &[need]).expect("news");
    apply(&mut state, rollup);
    let decision = argosy_engine::decide(&state.view(state.now()));
    for entry in PlanEntry::cut(decision.plan, state.revision()) {
        apply(&mut state, Command::Plan(entry));
    }
    assert_eq!(state.ledger().len(), listing.machines.len(), "every machine has its operation");
    state
}
