//! A shard with a few machines and clusters. Every entry goes through its bytes, and after each the invariants are checked.

use std::collections::BTreeMap;

use argosy_engine::{Action, ActionKind, Plan, Reason, Unit};
use argosy_model::{
    Bucket, CapacityType, Claim, Duration, Machine, MachineIx, MicroUsd, Need, NeedKey, ShardTime, State,
};
use argosy_shard::operation::Assignment;
use argosy_shard::{
    By, Command, Envelope, Event, Fence, Genesis, Listing, NeedRow, Observe, Observed, ObservedMachine, ObservedShape,
    Operation, OperationId, Outcome, PlanEntry, PlanTaken, Refusal, Report, Response, Settings, ShardState,
};

pub(crate) const PROVIDER: &str = "sim";

/// A shard, its log, and what happened last.
pub(crate) struct World {
    pub(crate) state: ShardState,
    pub(crate) log: Vec<(u64, u64, Vec<u8>)>,
    pub(crate) events: Vec<Event>,
    /// Where repairs have been, by machine.
    pub(crate) moved: Vec<(String, &'static str)>,
    pub(crate) term: u64,
    pub(crate) at: ShardTime,
    fences: BTreeMap<String, (OperationId, u32, Fence)>,
    adopted_in_transit: bool,
}

impl World {
    /// Begun, and led in term 1.
    pub(crate) fn new() -> Self {
        Self::with(Settings::default())
    }

    /// Around a state, at a moment.
    pub(crate) fn around(state: ShardState, at: ShardTime) -> Self {
        Self {
            state,
            log: Vec::new(),
            events: Vec::new(),
            moved: Vec::new(),
            term: 1,
            at,
            fences: BTreeMap::new(),
            adopted_in_transit: false,
        }
    }

    pub(crate) fn with(settings: Settings) -> Self {
        let mut world = Self::around(ShardState::new(), ShardTime(0));
        let shards = vec!["s0".to_owned()];
        let genesis = Genesis { shard: "s0".to_owned(), shards, settings, ..Genesis::default() };
        assert_eq!(world.apply(Command::Genesis(genesis)), Response::Done);
        assert_eq!(world.apply(Command::LeaderStarted), Response::Leader { renewed: 0 });
        world
    }

    /// From now on machines may be in transit without an operation of ours.
    pub(crate) fn adopting_in_transit(mut self) -> Self {
        self.adopted_in_transit = true;
        self
    }

    pub(crate) fn apply(&mut self, command: Command) -> Response {
        self.apply_as(self.term, command)
    }

    pub(crate) fn apply_as(&mut self, proposed_in_term: u64, command: Command) -> Response {
        let bytes = Envelope { at: self.at, proposed_in_term, command }.encode();
        self.apply_bytes(bytes)
    }

    pub(crate) fn apply_bytes(&mut self, bytes: Vec<u8>) -> Response {
        let index = self.state.revision() + 1;
        let ids = self.state.fleet().clone();
        let applied = self.state.apply(index, self.term, &bytes);
        self.log.push((index, self.term, bytes));
        self.events = applied.events;
        for event in &self.events {
            if let Event::RepairMoved { machine, to, .. } = event {
                self.moved.push((ids.id(*machine).to_owned(), to));
            }
        }
        let response = Response::decode(&applied.response.encode()).expect("a response reads back");
        assert_eq!(response, applied.response);
        self.check();
        response
    }

    pub(crate) fn pass(&mut self, span: Duration) {
        self.at = self.at.plus(span);
        self.apply(Command::Tick);
    }

    /// What must hold after every entry.
    fn check(&mut self) {
        let state = &self.state;
        for (ix, machine) in state.fleet().iter() {
            let id = state.fleet().id(ix);
            assert_eq!(state.fleet().find(id), Some(ix));
            assert_eq!(machine.check(state.fleet().error(ix).is_some()), Ok(()), "{id}");
            match state.ledger().on(ix) {
                Some(operation) => assert_eq!(machine.state, operation.step.doing(), "{id}: the ledger agrees"),
                None => {
                    assert!(self.adopted_in_transit || !machine.state.is_transitional(), "{id}: {:?}", machine.state)
                }
            }
        }
        for operation in state.ledger().iter() {
            let id = state.fleet().id(operation.machine).to_owned();
            let (number, fence) = (operation.attempt.number, operation.attempt.fence);
            let before = self.fences.insert(id.clone(), (operation.id, number, fence));
            if let Some((of, n, older)) = before {
                let same_attempt = (of, n) == (operation.id, number);
                assert!(if same_attempt { older == fence } else { older < fence }, "{id}: fences rise strictly");
            }
        }
        assert_eq!(state.halted(), None);
    }

    // -- repair

    /// A leader proposes what is next for machines in repair, until nothing is.
    pub(crate) fn repair(&mut self) {
        while let Some(command) = self.proposed() {
            let response = self.apply(command);
            assert!(matches!(response, Response::Repairs { late: 0, .. }), "one leader is never late: {response:?}");
        }
    }

    pub(crate) fn proposed(&self) -> Option<Command> {
        self.state.propose_repairs(self.at, argosy_pool::Clock::from_unix_ms(0))
    }

    // -- supply

    pub(crate) fn show(&mut self, machines: &[Observed]) {
        let asked_at = self.state.revision();
        self.show_asked_at(asked_at, machines);
    }

    pub(crate) fn show_asked_at(&mut self, asked_at: u64, machines: &[Observed]) {
        let listing = listing(asked_at, machines);
        for command in self.state.diff_observation(&listing).commands {
            self.apply(command);
        }
    }

    /// Folds a listing in whole, as a leader that does not look first would have it.
    pub(crate) fn force(&mut self, listing: &Listing) {
        let shapes = listing.machines.iter().map(|seen| seen.shape.clone()).collect();
        let machines = (0..).zip(&listing.machines).map(|(at, seen)| (at, seen.machine.clone())).collect();
        let (provider, asked_at, gone) = (listing.provider.clone(), listing.asked_at, listing.gone.clone());
        self.apply(Command::Observe(Observe { provider, asked_at, shapes, machines, gone, unreadable: 0 }));
    }

    pub(crate) fn ix(&self, id: &str) -> MachineIx {
        self.state.fleet().find(id).unwrap_or_else(|| panic!("no machine {id}"))
    }

    pub(crate) fn machine(&self, id: &str) -> Machine {
        *self.state.fleet().machine(self.ix(id))
    }

    pub(crate) fn state_of(&self, id: &str) -> State {
        self.machine(id).state
    }

    // -- demand

    pub(crate) fn ask(&mut self, cluster: &str, rows: &[NeedRow]) -> Option<Response> {
        let command = self.state.diff_rollup(cluster, rows)?;
        Some(self.apply(command))
    }

    /// The only need of a cluster.
    pub(crate) fn need(&self, cluster: &str) -> Need {
        let cluster = self.state.fleet().words.find_cluster(cluster).expect("it has reported");
        self.state.demand().of_cluster(cluster).next().expect("it has a need").clone()
    }

    // -- decisions

    pub(crate) fn assignment(&self, key: NeedKey) -> Assignment {
        let profile = self.state.fleet().words.profile_of(key.profile);
        let claim = Claim { cluster: key.cluster, profile: Some(key.profile), group: key.group };
        Assignment {
            claim,
            priority: profile.priority,
            interruption: profile.interruption,
            reclamation: profile.reclamation,
        }
    }

    pub(crate) fn action(&self, id: &str, kind: ActionKind) -> Action {
        Action { machine: self.ix(id), version: self.machine(id).version, kind }
    }

    pub(crate) fn bootstrap(&self, id: &str, need: &Need) -> Unit {
        let action = self.action(id, ActionKind::Bootstrap(self.assignment(need.key)));
        Unit { reason: Reason::CoverDeficit, needs: vec![(need.key, need.version)], actions: vec![action] }
    }

    pub(crate) fn provision(&self, id: &str, need: &Need) -> Unit {
        let action = self.action(id, ActionKind::Provision(self.assignment(need.key)));
        Unit { reason: Reason::CoverDeficit, needs: vec![(need.key, need.version)], actions: vec![action] }
    }

    pub(crate) fn reclaim(&self, id: &str) -> Unit {
        let action = self.action(id, ActionKind::Reclaim { grace: Duration::from_secs(600) });
        Unit { reason: Reason::ReclaimSurplus, needs: vec![], actions: vec![action] }
    }

    pub(crate) fn plan(&mut self, units: Vec<Unit>) -> PlanTaken {
        let based_on = self.state.revision();
        match self.apply(Command::Plan(PlanEntry { based_on, units, marks: vec![] })) {
            Response::Plan(taken) => taken,
            other => panic!("{other:?}"),
        }
    }

    /// What would be proposed.
    pub(crate) fn rehearse(&self, units: Vec<Unit>) -> Plan {
        self.state.rehearse(Plan { units, marks: vec![] }, self.at).plan
    }

    /// Plans one unit, and returns its only operation.
    pub(crate) fn decide(&mut self, unit: Unit) -> OperationId {
        let taken = self.plan(vec![unit]);
        assert_eq!((taken.opened, taken.dropped), (1, vec![]));
        OperationId { index: self.state.revision(), ordinal: 0 }
    }

    // -- actuation

    pub(crate) fn operation(&self, id: OperationId) -> Operation {
        *self.state.ledger().get(id).expect("open")
    }

    pub(crate) fn report(&mut self, id: OperationId, outcome: Outcome) -> Response {
        let attempt = self.operation(id).attempt.number;
        self.apply(Command::Outcomes(vec![Report { operation: id, attempt, outcome }]))
    }

    pub(crate) fn refuse(&mut self, id: OperationId, refusal: Refusal) -> Response {
        self.report(id, Outcome::Refused { refusal, text: "no".to_owned() })
    }

    pub(crate) fn accept(&mut self, id: OperationId) -> Response {
        self.report(id, Outcome::Accepted { provider_operation: "op".to_owned() })
    }
}

pub(crate) fn listing(asked_at: u64, machines: &[Observed]) -> Listing {
    Listing { provider: PROVIDER.to_owned(), asked_at, machines: machines.to_vec(), ..Listing::default() }
}

pub(crate) fn shape() -> ObservedShape {
    ObservedShape {
        instance_type: Some("m6i".to_owned()),
        zone: Some("eu-1".to_owned()),
        capacity_type: CapacityType::OnDemand,
        price: MicroUsd(400_000),
        resources: vec![("cpu".to_owned(), 8_000)],
        ..ObservedShape::default()
    }
}

/// A machine as a provider that keeps the contract shows it.
pub(crate) fn seen(id: &str, state: State) -> Observed {
    let mut machine = ObservedMachine::new(id, state);
    machine.host = (!matches!(state, State::Speculative | State::Creating)).then(|| format!("host-of-{id}"));
    machine.last_error = (state == State::Failed).then(|| "disk".to_owned());
    Observed { shape: shape(), machine }
}

pub(crate) fn bound(id: &str, state: State, cluster: &str) -> Observed {
    let mut observed = seen(id, state);
    observed.machine.cluster = Some(cluster.to_owned());
    observed
}

/// A row that asks for so many milli-cores, one machine's worth at most at a time.
pub(crate) fn row(priority: i32, cpu: u64) -> NeedRow {
    NeedRow {
        priority,
        interruption: Bucket::HALF_DOLLAR,
        reclamation: Bucket::ZERO,
        aggregate: vec![("cpu".to_owned(), cpu)],
        min_unit: vec![("cpu".to_owned(), 1_000)],
        ..NeedRow::default()
    }
}

pub(crate) fn by() -> By {
    By { actor: "ann".to_owned(), reason: "a test".to_owned() }
}
