//! The operators of a region on one host: real sessions that speak for simulated clusters of the workload catalogue.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use argosy_localfleet::clusters::Obliging;
use argosy_proto::bigfleet::v1alpha1::ClusterCapacityNeeds;
use argosy_workload::cluster::{Course, SimulatedCluster};
use argosy_workload::dice::Dice;
use argosy_workload::session::{OperatorSession, SessionConfig};

use crate::faults::Lie;
use crate::layout::Layout;
use crate::sight::ClusterSight;
use crate::wire::Road;

/// How often a lying operator lies.
const LIES_PPM: u32 = 400_000;
/// Roll-ups that are remembered, to be said again.
const SAID: usize = 10;
/// How often a cluster looks whether its demand has changed.
const EVERY: Duration = Duration::from_secs(1);

/// The operators' place in the world.
pub(crate) struct Desk {
    layout: Arc<Layout>,
    region: String,
    seen: RefCell<BTreeMap<String, ClusterSight>>,
    /// When demand ceased to change, if it did.
    still: Cell<Option<Duration>>,
    /// What they report instead of the truth, now and then.
    lies: RefCell<Vec<Lie>>,
}

struct Member {
    cluster: SimulatedCluster,
    session: OperatorSession,
    submitted: bool,
    said_nothing: bool,
    /// What it has reported, the newest last.
    said: VecDeque<ClusterCapacityNeeds>,
}

impl Member {
    /// Reports; what is not the truth is followed by it.
    fn say(&mut self, rollup: ClusterCapacityNeeds, truth: bool) {
        self.said_nothing |= rollup.needs.is_empty();
        self.submitted = truth;
        if truth {
            self.said.push_back(rollup.clone());
            if self.said.len() > SAID {
                self.said.pop_front();
            }
        }
        self.session.submit(rollup);
    }
}

/// A report that is not what the cluster needs.
fn bent(truth: ClusterCapacityNeeds, lie: Lie, said: &VecDeque<ClusterCapacityNeeds>) -> ClusterCapacityNeeds {
    let mut rollup = truth;
    match lie {
        Lie::Empty => rollup.needs.clear(),
        Lie::Truncated => rollup.needs.truncate(rollup.needs.len() / 2),
        Lie::Replayed => return said.front().cloned().unwrap_or(rollup),
        Lie::Renamed => rollup.cluster_id.push_str("-too"),
    }
    rollup
}

impl Desk {
    pub(crate) fn new(layout: &Arc<Layout>, region: &str) -> Rc<Self> {
        Rc::new(Self {
            layout: Arc::clone(layout),
            region: region.to_owned(),
            seen: RefCell::default(),
            still: Cell::new(None),
            lies: RefCell::default(),
        })
    }

    /// The software of the host. Demand is a function of the world's time, so a restart resumes it.
    pub(crate) async fn operate(self: Rc<Self>) -> turmoil::Result {
        let mut members: Vec<Member> = self.layout.clusters_in(&self.region).map(|plan| self.member(plan)).collect();
        let mut dice = self.layout.dice(&format!("lies/{}", self.region));
        let mut tick = tokio::time::interval(EVERY);
        loop {
            tick.tick().await;
            let now = turmoil::sim_elapsed().unwrap_or_default();
            let demand_at = self.still.get().unwrap_or(now).min(now);
            let now_ms = u64::try_from(demand_at.as_millis()).unwrap_or(u64::MAX);
            let stamp = i64::try_from(now.as_nanos()).unwrap_or(i64::MAX);
            for member in &mut members {
                let activity = member.cluster.advance(now_ms);
                let lie = self.next_lie(&mut dice);
                if let Some(lie) = lie {
                    let truth = member.cluster.rollup(stamp);
                    member.say(bent(truth, lie, &member.said), false);
                } else if activity != Default::default() || !member.submitted {
                    member.say(member.cluster.rollup(stamp), true);
                }
                let counts = member.session.counts();
                let sight = ClusterSight {
                    pods: member.cluster.pods(),
                    greetings: counts.greetings_acknowledged,
                    sent: counts.rollups_sent,
                    acknowledged: counts.rollups_acknowledged,
                    said_nothing: member.said_nothing,
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
        let knows = self.seen.borrow().get(&plan.id).is_some_and(|seen| seen.said_nothing);
        Member { cluster, session, submitted: false, said_nothing: knows, said: VecDeque::new() }
    }

    pub(crate) fn region(&self) -> &str {
        &self.region
    }

    /// From now on operators report this instead of the truth, now and then; nothing but the truth, if there is no lie.
    pub(crate) fn lie(&self, lies: &[Lie]) {
        self.lies.replace(lies.to_vec());
    }

    fn next_lie(&self, dice: &mut Dice) -> Option<Lie> {
        let lies = self.lies.borrow();
        let at = usize::try_from(dice.below(lies.len().max(1) as u64)).unwrap_or(0);
        let lies_now = dice.chance(LIES_PPM);
        lies.get(at).copied().filter(|_| lies_now)
    }

    /// From now on demand stays as it is.
    pub(crate) fn hold_still(&self, now: Duration) {
        self.still.set(Some(now));
    }

    pub(crate) fn look(&self) -> BTreeMap<String, ClusterSight> {
        self.seen.borrow().clone()
    }
}
