//! The operators of a region on one host: real sessions that speak for simulated clusters of the workload catalogue.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use argosy_localfleet::clusters::Obliging;
use argosy_workload::cluster::{Course, SimulatedCluster};
use argosy_workload::session::{OperatorSession, SessionConfig};

use crate::layout::Layout;
use crate::sight::ClusterSight;
use crate::wire::Road;

/// How often a cluster looks whether its demand has changed.
const EVERY: Duration = Duration::from_secs(1);

/// The operators' place in the world.
pub(crate) struct Desk {
    layout: Arc<Layout>,
    region: String,
    seen: RefCell<BTreeMap<String, ClusterSight>>,
    /// When demand ceased to change, if it did.
    still: Cell<Option<Duration>>,
}

struct Member {
    cluster: SimulatedCluster,
    session: OperatorSession,
    submitted: bool,
}

impl Desk {
    pub(crate) fn new(layout: &Arc<Layout>, region: &str) -> Rc<Self> {
        Rc::new(Self {
            layout: Arc::clone(layout),
            region: region.to_owned(),
            seen: RefCell::default(),
            still: Cell::new(None),
        })
    }

    /// The software of the host. Demand is a function of the world's time, so a restart resumes it.
    pub(crate) async fn operate(self: Rc<Self>) -> turmoil::Result {
        let mut members: Vec<Member> = self.layout.clusters_in(&self.region).map(|plan| self.member(plan)).collect();
        let mut tick = tokio::time::interval(EVERY);
        loop {
            tick.tick().await;
            let now = turmoil::sim_elapsed().unwrap_or_default();
            let demand_at = self.still.get().unwrap_or(now).min(now);
            let now_ms = u64::try_from(demand_at.as_millis()).unwrap_or(u64::MAX);
            let stamp = i64::try_from(now.as_nanos()).unwrap_or(i64::MAX);
            for member in &mut members {
                let activity = member.cluster.advance(now_ms);
                if activity != Default::default() || !member.submitted {
                    member.session.submit(member.cluster.rollup(stamp));
                    member.submitted = true;
                }
                let counts = member.session.counts();
                let sight = ClusterSight {
                    pods: member.cluster.pods(),
                    greetings: counts.greetings_acknowledged,
                    sent: counts.rollups_sent,
                    acknowledged: counts.rollups_acknowledged,
                };
                self.seen.borrow_mut().insert(member.cluster.id().to_owned(), sight);
            }
        }
    }

    fn member(&self, plan: &argosy_workload::fleet::ClusterPlan) -> Member {
        let layout = &self.layout;
        let course = Course { ramp_ms: 10_000, churn_ppm_per_minute: 100_000, ..Course::default() };
        let cluster = SimulatedCluster::new(plan.clone(), course, Arc::clone(&layout.workload), layout.seed);
        let addresses = layout.nodes.iter().map(|node| node.port().to_string()).collect();
        let config = SessionConfig::new(&plan.id, addresses, layout.seed);
        let road = Road(Arc::clone(layout));
        let connect = move |port: &str| Ok(road.channel(port.parse().unwrap_or(0)));
        let session = OperatorSession::start(config, connect, Arc::new(Obliging));
        Member { cluster, session, submitted: false }
    }

    /// From now on demand stays as it is.
    pub(crate) fn hold_still(&self, now: Duration) {
        self.still.set(Some(now));
    }

    pub(crate) fn look(&self) -> BTreeMap<String, ClusterSight> {
        self.seen.borrow().clone()
    }
}
