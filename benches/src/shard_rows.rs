//! Rows of the replicated state: apply, snapshot, restore, roll-up ingest, and what a machine costs in memory.

use std::time::Duration;

use argosy_engine::{Action, ActionKind, Assignment, Reason, Unit};
use argosy_model::{Bucket, CapacityType, Claim, ClusterIx, MachineIx, MicroUsd, ShardTime, State};
use argosy_shard::{
    Command, Envelope, Genesis, Observe, ObservedMachine, ObservedShape, PlanEntry, Response, Settings, ShardState,
};

use crate::limit::Limit;
use crate::meter::{Meter, live_bytes};
use crate::rollups;
use crate::rows::{About, Budget};
use crate::run::Run;

const PROVIDER: &str = "sim";
const PER_RACK: usize = 48;
/// Machines of one entry with a provider's listing, as the leader cuts them.
const PER_LISTING: usize = 1_024;
/// Actions of one plan, in units of twenty.
const PER_PLAN: usize = 10_240;
const PER_UNIT: usize = 20;
/// ARCHITECTURE.md §7: a million transitions a second.
const PER_TRANSITION: Duration = Duration::from_micros(1);

/// A shard, and the log that made it.
struct Shard {
    state: ShardState,
    machines: usize,
    at: ShardTime,
}

/// Measures the rows of one size.
pub(crate) fn measure(run: &mut Run, machines: usize) {
    let scale = crate::decide_rows::scale(machines);
    let [apply, snapshot, restore] = ["apply", "snapshot", "restore"].map(|name| format!("{name}_{scale}"));
    if !run.wants_any(&[&apply, &snapshot, &restore]) {
        return;
    }
    let before = live_bytes();
    let mut shard = Shard::adopted(machines);
    let meter = shard.serve(run, machines, run.wants(&apply));
    let bytes = live_bytes() - before;
    let about = |placements: usize, limit: Duration, budget: Option<Budget>| About {
        machines,
        needs: shard.state.demand().len(),
        placements,
        bytes,
        limit,
        budget,
    };
    let placements = 2 * PER_PLAN.min(machines);
    let limit = run.limit(machines).hops(placements);
    if run.wants(&apply) {
        let budget = Some(Budget::Rate(PER_TRANSITION * u32::try_from(placements).unwrap_or(1)));
        run.row(&apply, &about(placements, limit, budget), &meter);
    }
    if !run.wants_any(&[&snapshot, &restore]) {
        return;
    }
    let mut written = Vec::new();
    shard.state.write_snapshot(&mut written).expect("memory takes everything");
    let limit = Limit::copy(&written);
    if run.wants(&snapshot) {
        let mut meter = run.meter(false);
        while meter.wants_more() {
            let mut out = Vec::with_capacity(written.len());
            meter.time(|| shard.state.write_snapshot(&mut out).expect("memory takes everything"));
            assert_eq!(out.len(), written.len());
        }
        run.row(&snapshot, &about(machines, limit, None), &meter);
    }
    if run.wants(&restore) {
        let mut meter = run.meter(false);
        while meter.wants_more() {
            let restored = meter.time(|| ShardState::read_snapshot(&mut written.as_slice()).expect("a sound snapshot"));
            assert_eq!(restored.fleet().len(), machines);
        }
        run.row(&restore, &about(machines, limit, None), &meter);
    }
}

impl Shard {
    fn new() -> Self {
        let mut shard = Self { state: ShardState::new(), machines: 0, at: ShardTime(1_000) };
        let settings = Settings::default();
        let shards = vec!["s".to_owned()];
        let genesis = Genesis { shard: "s".to_owned(), shards, settings, ..Genesis::default() };
        assert_eq!(shard.apply(Command::Genesis(genesis)), Response::Done);
        assert_eq!(shard.apply(Command::LeaderStarted), Response::Leader { renewed: 0 });
        shard
    }

    /// All machines idle, adopted from listings.
    fn adopted(machines: usize) -> Self {
        let mut shard = Self { machines, ..Self::new() };
        for cluster in 0..machines.div_ceil(20_000) {
            rollups::report(&mut shard.state, &format!("cluster-{cluster}"), cluster as u64, shard.at);
        }
        for first in (0..machines).step_by(PER_LISTING) {
            let response =
                shard.apply(shard.listing(&(first..machines.min(first + PER_LISTING)).collect::<Vec<_>>(), None));
            assert!(matches!(response, Response::Observed { screened: 0, .. }), "{response:?}");
        }
        assert_eq!(shard.state.fleet().len(), machines);
        shard
    }

    /// Binds every machine: plans of about ten thousand actions, each followed by the listings that show them done. One
    /// sample is one plan with its listings.
    fn serve(&mut self, run: &Run, machines: usize, is_measured: bool) -> Meter {
        let per_plan = PER_PLAN.min(machines);
        let plans = machines / per_plan;
        let mut meter = run.meter(true);
        for plan in 0..plans {
            // Units lie anywhere in the fleet, the machines of one unit beside each other: as they are named.
            let units = per_plan / PER_UNIT;
            let chosen: Vec<Vec<usize>> = (0..units)
                .map(|unit| scattered(plan * units + unit, plans * units) * PER_UNIT)
                .map(|first| (first..first + PER_UNIT).collect())
                .collect();
            let mut entries = vec![self.plan(&chosen)];
            let mut all: Vec<usize> = chosen.into_iter().flatten().collect();
            all.sort_unstable();
            let asked_at = self.state.revision() + 1;
            entries.extend(all.chunks(PER_LISTING).map(|part| self.encoded(self.shown(part, asked_at))));
            let (index, state) = (self.state.revision(), &mut self.state);
            if is_measured && meter.wants_more() {
                meter.time(|| apply_all(state, index, &entries));
            } else {
                apply_all(state, index, &entries);
            }
        }
        let bound = self.state.fleet().classes().in_state(State::Configured).map(|(_, set)| set.len()).sum::<usize>();
        assert_eq!(
            (bound, self.state.ledger().len()),
            (plans * per_plan / PER_UNIT * PER_UNIT, 0),
            "all were carried out"
        );
        meter
    }

    fn plan(&self, chosen: &[Vec<usize>]) -> Vec<u8> {
        let units = chosen.iter().map(|machines| self.unit(machines)).collect();
        self.encoded(Command::Plan(PlanEntry { based_on: self.state.revision(), units, marks: vec![] }))
    }

    fn unit(&self, machines: &[usize]) -> Unit {
        let fleet = self.state.fleet();
        let need = self.state.demand().of_cluster(self.cluster_of(machines[0])).next().expect("its cluster has needs");
        let profile = fleet.words.profile_of(need.key.profile);
        let assignment = Assignment {
            claim: Claim { cluster: need.key.cluster, profile: Some(need.key.profile), group: need.key.group },
            priority: profile.priority,
            interruption: profile.interruption,
            reclamation: profile.reclamation,
        };
        let action = |at: &usize| {
            let machine = MachineIx::from_index(*at);
            Action { machine, version: fleet.machine(machine).version, kind: ActionKind::Bootstrap(assignment) }
        };
        let actions = machines.iter().map(action).collect();
        Unit { reason: Reason::CoverDeficit, needs: vec![(need.key, need.version)], actions }
    }

    fn cluster_of(&self, at: usize) -> ClusterIx {
        let cluster = format!("cluster-{}", at / 20_000 % self.machines.div_ceil(20_000));
        self.state.fleet().words.find_cluster(&cluster).expect("it has reported")
    }

    /// The machines as their provider shows them: idle, or bound to whom they were configured for.
    fn listing(&self, machines: &[usize], asked_at: Option<u64>) -> Command {
        let (mut shapes, mut shown) = (Vec::new(), Vec::with_capacity(machines.len()));
        let mut last = None;
        for at in machines {
            let rack = at / PER_RACK;
            if last != Some(rack) {
                shapes.push(shape(rack));
                last = Some(rack);
            }
            let mut machine = ObservedMachine::new(format!("i-{at:017x}"), State::Idle);
            machine.host = Some(machine.id.clone());
            if asked_at.is_some() {
                machine.state = State::Configured;
                let cluster = self.cluster_of(at / PER_UNIT * PER_UNIT);
                machine.cluster = Some(self.state.fleet().words.cluster_id(cluster).to_owned());
            }
            shown.push((u32::try_from(shapes.len() - 1).unwrap_or(u32::MAX), machine));
        }
        let asked_at = asked_at.unwrap_or_else(|| self.state.revision());
        Command::Observe(Observe {
            provider: PROVIDER.to_owned(),
            asked_at,
            shapes,
            machines: shown,
            gone: vec![],
            unreadable: 0,
        })
    }

    fn shown(&self, machines: &[usize], asked_at: u64) -> Command {
        self.listing(machines, Some(asked_at))
    }

    fn encoded(&self, command: Command) -> Vec<u8> {
        Envelope { at: self.at, proposed_in_term: 1, command }.encode()
    }

    fn apply(&mut self, command: Command) -> Response {
        let bytes = self.encoded(command);
        self.state.apply(self.state.revision() + 1, 1, &bytes).response
    }
}

fn apply_all(state: &mut ShardState, applied: u64, entries: &[Vec<u8>]) {
    for (index, entry) in (applied + 1..).zip(entries) {
        let response = state.apply(index, 1, entry).response;
        let sound = match &response {
            Response::Plan(taken) => taken.dropped.is_empty(),
            Response::Observed { screened, changed } => *screened == 0 && *changed > 0,
            _ => false,
        };
        assert!(sound, "every transition is taken: {response:?}");
    }
}

/// The `at`th of `length` places, in an order that jumps about.
fn scattered(at: usize, length: usize) -> usize {
    // 7,919 is prime, so it shares a factor with few lengths; those that it divides are walked in order.
    if length.is_multiple_of(7_919) { at } else { at * 7_919 % length }
}

fn shape(rack: usize) -> ObservedShape {
    ObservedShape {
        instance_type: Some(["m.large", "m.xlarge", "c.4xlarge"][rack % 3].to_owned()),
        zone: Some(["a", "b", "c"][rack % 7 % 3].to_owned()),
        capacity_type: [CapacityType::BareMetal, CapacityType::Reserved, CapacityType::OnDemand][rack % 5 % 3],
        price: MicroUsd(100_000),
        resources: vec![("cpu".to_owned(), 4_000), ("memory".to_owned(), 16 << 30)],
        labels: vec![("topology.bigfleet/rack".to_owned(), format!("rack-{rack}"))],
        ..ObservedShape::default()
    }
}

/// The penalty that rows of the shard's rows ask under.
pub(crate) const PENALTY: Bucket = Bucket::HALF_DOLLAR;
