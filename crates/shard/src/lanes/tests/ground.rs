//! A shard with slots of several providers and regions, and a cloud that answers its calls as a test has it.

use std::collections::{BTreeMap, BTreeSet};

use argosy_model::vocabulary::REGION_KEY;
use argosy_model::{CapacityType, Duration, Flags, MicroUsd, Operator, ShapeIx, ShardTime, State};
use argosy_pool::{PoolFile, Specification};

use crate::lanes::Lane;
use crate::need_row::RequirementRow;
use crate::{
    By, Call, Command, Envelope, Genesis, Listing, NeedRow, Observed, ObservedMachine, ObservedShape, OperationId,
    Outcome, PlanEntry, Refusal, Report, Response, Settings, ShardState, Verb,
};

/// What a region of a provider says to a creation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    Refuses(Refusal),
    IsSilent,
    /// It accepts, and shows the machine as failed.
    Fails,
    /// It accepts, and the machine is never ready.
    Stalls,
}

/// The shard, the cloud, and what was called.
pub(crate) struct Ground {
    pub(crate) state: ShardState,
    pub(crate) at: ShardTime,
    term: u64,
    /// Regions that do not sell, by provider and region.
    pub(crate) broken: BTreeMap<(String, String), Answer>,
    /// Creations called for, by provider and region.
    pub(crate) calls: BTreeMap<(String, String), u32>,
    /// The most that was ever there or on its way, by provider and region.
    pub(crate) most: BTreeMap<(String, String), u32>,
    /// The most creations that one region was called for at a time.
    pub(crate) burst: BTreeMap<(String, String), u32>,
    /// The fewest machines that served at the end of a cycle, from the first time that the demand was covered on.
    pub(crate) fewest_serving: u32,
    /// Units that were decided, and that the fold would not have taken.
    pub(crate) dropped: usize,
    made: BTreeSet<(OperationId, u32)>,
    /// Whether what is accepted is done only at the next step.
    pub(crate) is_slow: bool,
    /// Whether before each entry a replica is restored from a snapshot, which must then come to the same.
    pub(crate) is_doubted: bool,
    /// Whether each entry is folded into a copy and taken back first.
    pub(crate) is_taken_back: bool,
}

/// The region and provider of a slot by its name, `provider.region.number`.
pub(crate) fn place(id: &str) -> (String, String) {
    let mut parts = id.split('.').map(str::to_owned);
    let mut next = || parts.next().expect("provider.region.number");
    (next(), next())
}

impl Ground {
    /// With so many slots in each region of each provider; the first provider is the cheapest.
    pub(crate) fn new(providers: &[&str], regions: &[&str], slots: u32) -> Self {
        let mut ground = Self {
            state: ShardState::new(),
            at: ShardTime(0),
            term: 1,
            broken: BTreeMap::new(),
            calls: BTreeMap::new(),
            most: BTreeMap::new(),
            burst: BTreeMap::new(),
            fewest_serving: u32::MAX,
            dropped: 0,
            made: BTreeSet::new(),
            is_slow: false,
            is_doubted: false,
            is_taken_back: false,
        };
        let mut settings = Settings::default();
        settings.policy.hold_on_demand = Duration::from_secs(30);
        settings.policy.reclaim_cap_ppm = None;
        (settings.limits.cooling_base, settings.limits.cooling_cap) = (Duration::from_secs(1), Duration::from_secs(1));
        let shards = vec!["s".to_owned()];
        ground.apply(Command::Genesis(Genesis { shard: "s".to_owned(), shards, settings, ..Genesis::default() }));
        ground.lead(1);
        for (price, provider) in (1..).zip(providers) {
            let slot = |region: &str, n: u32| slot(&format!("{provider}.{region}.{n}"), price);
            let machines = regions.iter().flat_map(|region| (0..slots).map(|n| slot(region, n))).collect();
            ground.show(provider, machines);
        }
        ground
    }

    pub(crate) fn apply(&mut self, command: Command) -> Response {
        let bytes = Envelope { at: self.at, proposed_in_term: self.term, command }.encode();
        let index = self.state.revision() + 1;
        let restored = self.is_doubted.then(|| self.restored());
        if self.is_taken_back {
            self.state.assert_taken_back(index, self.term, &bytes);
        }
        let applied = self.state.apply(index, self.term, &bytes);
        assert_eq!(self.state.halted(), None);
        if let Some(mut restored) = restored {
            restored.apply(index, self.term, &bytes);
            assert_eq!(restored.state_hash(), self.state.state_hash(), "entry {index}, on a restored replica");
            for twin in [restored, self.restored()] {
                assert_eq!(twin.lanes.caps(), self.state.lanes.caps(), "entry {index}, on a restored replica");
            }
            self.assert_level();
        }
        applied.response
    }

    /// Of each shape as many slots are on offer as its lane may take, if there are so many.
    fn assert_level(&self) {
        let mut book = self.state.lanes.clone();
        book.recount(&self.state.fleet);
        let mut shapes: BTreeMap<ShapeIx, (Lane, Vec<bool>)> = BTreeMap::new();
        for (ix, machine) in self.state.fleet().iter().filter(|(_, machine)| machine.state == State::Speculative) {
            let of_shape = shapes.entry(machine.shape).or_insert_with(|| (self.state.lane_of(ix), Vec::new()));
            if machine.flags.with(Flags::HELD_BACK, false).is_usable() {
                of_shape.1.push(machine.flags.has(Flags::HELD_BACK));
            }
        }
        for (lane, held_back) in shapes.into_values() {
            let most = book.allowance(lane, self.state.fleet(), self.state.ledger()).map_or(u32::MAX, |(most, _)| most);
            let shown = held_back.iter().filter(|held_back| !**held_back).count();
            assert_eq!(shown, held_back.len().min(most as usize), "{lane:?} may take {most}");
        }
    }

    /// The state as a snapshot has it.
    pub(crate) fn restored(&self) -> ShardState {
        let mut bytes = Vec::new();
        self.state.write_snapshot(&mut bytes).expect("memory takes everything");
        ShardState::read_snapshot(&mut bytes.as_slice()).expect("sound")
    }

    /// A leader of a new term takes over.
    pub(crate) fn lead(&mut self, term: u64) {
        self.term = term;
        self.apply(Command::LeaderStarted);
    }

    /// A provider lists machines.
    pub(crate) fn show(&mut self, provider: &str, machines: Vec<Observed>) {
        let asked_at = self.state.revision();
        let listing = Listing { provider: provider.to_owned(), asked_at, machines, ..Listing::default() };
        for command in self.state.diff_observation(&listing).commands {
            self.apply(command);
        }
    }

    /// A provider says that its first slots in r1 are gone.
    pub(crate) fn take_away(&mut self, provider: &str, slots: u32) {
        let gone = (0..slots).map(|n| format!("{provider}.r1.{n}")).collect();
        let asked_at = self.state.revision();
        let listing = Listing { provider: provider.to_owned(), asked_at, gone, ..Listing::default() };
        for command in self.state.diff_observation(&listing).commands {
            self.apply(command);
        }
    }

    /// A cluster asks for so many machines.
    pub(crate) fn ask(&mut self, machines: u64) {
        let amounts = |n: u64| vec![("nvidia.com/gpu".to_owned(), 8 * n)];
        let row = NeedRow { aggregate: amounts(machines), min_unit: amounts(1), ..NeedRow::default() };
        if let Some(command) = self.state.diff_rollup("c", &[row]) {
            self.apply(command);
        }
    }

    /// A cluster asks for gangs of so many machines, each in one domain of a topology key.
    pub(crate) fn ask_gangs(&mut self, key: &str, gangs: &[u64]) {
        self.ask_gangs_and(key, gangs, 0);
    }

    /// The same, and behind them for so many machines that may lie anywhere.
    pub(crate) fn ask_gangs_and(&mut self, key: &str, gangs: &[u64], machines: u64) {
        let amounts = |n: u64| vec![("nvidia.com/gpu".to_owned(), 8 * n)];
        let same = RequirementRow { key: key.to_owned(), operator: Operator::Same, values: Vec::new() };
        let gang = |(at, machines): (usize, &u64)| NeedRow {
            requirements: vec![same.clone()],
            group: Some(format!("g{at}")),
            aggregate: amounts(*machines),
            min_unit: amounts(1),
            ..NeedRow::default()
        };
        let rest = NeedRow { priority: -1, aggregate: amounts(machines), min_unit: amounts(1), ..NeedRow::default() };
        let rest = Some(rest).filter(|_| machines > 0);
        let rows: Vec<NeedRow> = gangs.iter().enumerate().map(gang).chain(rest).collect();
        if let Some(command) = self.state.diff_rollup("c", &rows) {
            self.apply(command);
        }
    }

    pub(crate) fn set(&mut self, file: &str) {
        let policy = argosy_pool::LanePolicy::parse("lanes", file).expect("sound");
        let response = self.apply(Command::SetLanePolicy { policy: Some(Box::new(policy)), by: By::default() });
        assert_eq!(response, Response::Done);
    }

    pub(crate) fn breaks(&mut self, provider: &str, regions: &[&str], answer: Answer) {
        self.broken.extend(regions.iter().map(|region| ((provider.to_owned(), (*region).to_owned()), answer)));
    }

    /// A pool of so many machines, with these sellers.
    pub(crate) fn pool(&mut self, machines: u32, sellers: &str) {
        let pool = pool_of(machines, sellers);
        let response = self.apply(Command::SetPool { specification: Box::new(pool), by: By::default() });
        assert_eq!(response, Response::Done);
    }
    /// Serving machines of each provider, in the order given.
    pub(crate) fn serving_of<const N: usize>(&self, providers: [&str; N]) -> [u32; N] {
        let there = self.count(State::Configured);
        let of = |provider: &str| there.iter().filter(|((of, _), _)| of == provider).map(|(_, count)| count).sum();
        providers.map(of)
    }

    /// So many cycles of ten seconds.
    pub(crate) fn run(&mut self, cycles: u32) {
        (0..cycles).for_each(|_| self.cycle());
    }

    fn cycle(&mut self) {
        self.decide();
        self.note_most();
        let before = self.calls.clone();
        self.act();
        for (place, calls) in self.calls.clone() {
            let burst = self.burst.entry(place.clone()).or_default();
            *burst = (*burst).max(calls - before.get(&place).copied().unwrap_or(0));
        }
        self.note_most();
        let is_covered = self.state.pools().all(|(_, pool)| self.serving() >= pool.standing.target);
        if is_covered || self.fewest_serving < u32::MAX {
            self.fewest_serving = self.fewest_serving.min(self.serving());
        }
    }

    /// Ten seconds pass, and a plan is made and taken.
    pub(crate) fn decide(&mut self) {
        self.at = self.at.plus(Duration::from_secs(10));
        self.apply(Command::Tick);
        let decided = argosy_engine::decide(&self.state.view(self.at));
        assert_eq!(argosy_engine::lint(&self.state.view(self.at), &decided), []);
        let rehearsed = self.state.rehearse(decided.plan, self.at);
        self.dropped += rehearsed.dropped.len();
        let plan = rehearsed.plan;
        let based_on = self.state.revision();
        self.apply(Command::Plan(PlanEntry { based_on, units: plan.units, marks: plan.marks }));
    }

    /// All calls that are due are made at once, as an actuator with many hands makes them.
    fn act(&mut self) {
        loop {
            let due = |call: &Call| call.not_before <= self.at && !self.made.contains(&(call.operation, call.attempt));
            let open = self.state.ledger().iter().filter_map(|operation| self.state.call(operation.id));
            let wave: Vec<Call> = open.filter(due).collect();
            if wave.is_empty() {
                return;
            }
            self.made.extend(wave.iter().map(|call| (call.operation, call.attempt)));
            let mut reports = Vec::new();
            for call in wave {
                let report = |outcome| Report { operation: call.operation, attempt: call.attempt, outcome };
                reports.extend(self.answer(&call).into_iter().map(report));
            }
            self.apply(Command::Outcomes(reports));
        }
    }

    fn answer(&mut self, call: &Call) -> Vec<Outcome> {
        let refused = |refusal| vec![Outcome::Refused { refusal, text: "no".to_owned() }];
        if call.held_back {
            return refused(Refusal::HeldBack);
        }
        let taken = Outcome::Accepted { provider_operation: String::new() };
        let place = place(&call.machine);
        let to = match &call.verb {
            Verb::Create => {
                *self.calls.entry(place.clone()).or_default() += 1;
                match self.broken.get(&place) {
                    Some(Answer::Refuses(refusal)) => return refused(*refusal),
                    Some(Answer::IsSilent) => return vec![Outcome::Unknown { text: "timeout".to_owned() }],
                    Some(Answer::Fails) => State::Failed,
                    Some(Answer::Stalls) => return vec![taken],
                    None => State::Idle,
                }
            }
            Verb::Configure { .. } => State::Configured,
            Verb::Drain { .. } => State::Idle,
            Verb::Delete => State::Speculative,
        };
        if self.is_slow && call.verb == Verb::Create {
            return vec![taken];
        }
        let ix = self.state.fleet().find(&call.machine).expect("it is there");
        let price = self.state.fleet().words.shape_of(self.state.fleet().machine(ix).shape).price.0 / 1_000_000;
        let mut seen = slot(&call.machine, price);
        seen.machine.state = to;
        seen.machine.host = (!matches!(to, State::Speculative | State::Failed)).then(|| "host".to_owned());
        if let Verb::Configure { cluster, .. } = &call.verb {
            seen.machine.cluster = Some(cluster.clone());
        }
        vec![taken, Outcome::Seen(Box::new(seen))]
    }

    /// Machines in a state, by provider and region.
    pub(crate) fn count(&self, state: State) -> BTreeMap<(String, String), u32> {
        let mut found = BTreeMap::new();
        for (ix, _) in self.state.fleet().iter().filter(|(_, machine)| machine.state == state) {
            *found.entry(place(self.state.fleet().id(ix))).or_default() += 1;
        }
        found
    }

    pub(crate) fn serving(&self) -> u32 {
        self.count(State::Configured).values().sum()
    }

    /// Slots that are held back, by provider and region.
    pub(crate) fn held_back(&self) -> BTreeMap<(String, String), u32> {
        let mut found = BTreeMap::new();
        for (ix, _) in self.state.fleet().iter().filter(|(_, machine)| machine.flags.has(Flags::HELD_BACK)) {
            *found.entry(place(self.state.fleet().id(ix))).or_default() += 1;
        }
        found
    }

    pub(crate) fn calls_to(&self, provider: &str) -> u32 {
        self.calls.iter().filter(|((of, _), _)| of == provider).map(|(_, calls)| calls).sum()
    }

    fn note_most(&mut self) {
        let mut there: BTreeMap<(String, String), u32> = BTreeMap::new();
        for (ix, _) in self.state.fleet().iter().filter(|(_, machine)| machine.state != State::Speculative) {
            *there.entry(place(self.state.fleet().id(ix))).or_default() += 1;
        }
        for (place, count) in there {
            let most = self.most.entry(place).or_default();
            *most = (*most).max(count);
        }
    }
}

pub(crate) fn pool_of(machines: u32, sellers: &str) -> Specification {
    let text = format!(
        "version: 1\npools:\n  - name: p\n    machine: {{resources: {{nvidia.com/gpu: \"8\"}}}}\n    min: 0\n    \
         max: 100\n    replicas: {machines}\n    sellers: {sellers}\n"
    );
    PoolFile::parse("pool", &text).expect("sound").pools.remove(0)
}

pub(crate) fn slot(id: &str, price: u64) -> Observed {
    let (_, region) = place(id);
    let shape = ObservedShape {
        instance_type: Some(if id.ends_with(".other") { "h200" } else { "h100" }.to_owned()),
        zone: Some(format!("{region}-{}", if id.ends_with(['0', '2', '4', '6', '8']) { "a" } else { "b" })),
        capacity_type: CapacityType::OnDemand,
        price: MicroUsd(price * 1_000_000),
        resources: vec![("nvidia.com/gpu".to_owned(), 8)],
        labels: vec![(REGION_KEY.to_owned(), region)],
        ..ObservedShape::default()
    };
    Observed { shape, machine: ObservedMachine::new(id, State::Speculative) }
}
