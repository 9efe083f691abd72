//! Scribes: real operators' sessions of clusters that run nothing. Each reports a row that no machine can cover, a new one every little while,
//! and writes down when it was acknowledged. So the demand of its cluster is a register, written over sessions and read over the API.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use argosy_localfleet::clusters::Obliging;
use argosy_proto::bigfleet::v1alpha1::node_selector_requirement::Operator;
use argosy_proto::bigfleet::v1alpha1::{CapacityNeed, ClusterCapacityNeeds, NodeSelectorRequirement};
use argosy_workload::session::{OperatorSession, SessionConfig, SessionEvent};

use super::admin::Office;
use crate::history::{Action, Token};
use crate::wire::Road;

/// The client's number of the first scribe in the history; clerks have those below.
const FIRST: u64 = 50;
/// Mean time between two reports, in milliseconds.
const MEAN_GAP_MS: u64 = 1_500;
/// Longest time between two reports, in milliseconds.
const LONGEST_GAP_MS: u64 = 8_000;

/// The register of a shard's scribe in the history.
pub(super) fn register(shard: &str) -> String {
    format!("{shard}/demand")
}

/// What the register holds, if this is all that its cluster needs: rows are told apart by their priority.
pub(super) fn value_of(needs: &[CapacityNeed]) -> i64 {
    needs.iter().map(|need| i64::from(need.priority)).max().unwrap_or(0)
}

/// Reports for the scribe of the shard at a position, until the world is healed.
pub(super) async fn report(office: Rc<Office>, at: usize) {
    let layout = Arc::clone(office.layout());
    let cluster = layout.shards[at].scribe();
    let register = register(&layout.shards[at].id);
    let mut dice = layout.dice(&format!("scribe/{cluster}"));
    let addresses = layout.nodes.iter().map(|node| node.port().to_string()).collect();
    let road = Road(Arc::clone(&layout));
    let connect = move |port: &str| Ok(road.channel(port.parse().unwrap_or(0)));
    let session =
        OperatorSession::start(SessionConfig::new(&cluster, addresses, layout.seed), connect, Arc::new(Obliging));
    let (events, client) = (session.events(), FIRST + at as u64);
    let mut open: BTreeMap<i64, (Token, i64)> = BTreeMap::new();
    let mut next = tokio::time::Instant::now();
    let mut value = 0;
    loop {
        tokio::select! {
            event = events.next() => match event {
                Some(SessionEvent::RollupAcked { timestamp_unix_nanos }) => {
                    if let Some((token, value)) = open.remove(&timestamp_unix_nanos) {
                        office.end(token, Some(Action::Write(value)));
                    }
                }
                Some(_) => {}
                None => return,
            },
            () = tokio::time::sleep_until(next) => {
                if office.is_closed() {
                    // The session lives on: what it has reported stays its cluster's demand.
                    next += Duration::from_secs(3_600);
                    continue;
                }
                value += 1;
                let stamp = value;
                session.submit(rollup(&cluster, stamp, value));
                open.insert(stamp, (office.begin(client, &register, Action::Write(value)), value));
                next += Duration::from_millis(200 + dice.exponential(MEAN_GAP_MS).min(LONGEST_GAP_MS));
            }
        }
    }
}

/// One row that nothing can cover.
fn rollup(cluster: &str, timestamp_unix_nanos: i64, value: i64) -> ClusterCapacityNeeds {
    let nowhere = NodeSelectorRequirement {
        key: "node.kubernetes.io/instance-type".to_owned(),
        operator: Operator::In.into(),
        values: vec!["none-such".to_owned()],
    };
    let one_cpu = || [("cpu".to_owned(), "1".to_owned())].into_iter().collect();
    let need = CapacityNeed {
        requirements: vec![nowhere],
        aggregate_resources: one_cpu(),
        min_unit: one_cpu(),
        priority: i32::try_from(value).unwrap_or(i32::MAX),
        ..CapacityNeed::default()
    };
    ClusterCapacityNeeds { cluster_id: cluster.to_owned(), timestamp_unix_nanos, needs: vec![need] }
}
