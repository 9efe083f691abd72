//! The clock of a simulation: shards, their cloud, and what is due next.
//!
//! There is no queue of events to get out of order. Each part says when it has something to do; the earliest goes first, and
//! of those at one moment the order is that of [`Due`]: what the cloud does by itself, what acts from outside, listings,
//! timers, cycles, each by shard. So a run is a function of its setup and its actors.

use argosy_model::vocabulary::ZONE_KEY;
use argosy_shard::{Command, Genesis, NeedRow, Response, Settings};

use crate::actor::Actor;
use crate::cloud::{Cloud, Dwells, Offer};
use crate::leader::{Change, Cycled, Leader, Moved, Scrutiny};
use crate::routes::Routes;

/// A shard to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShardSetup {
    /// Its name.
    pub name: String,
    /// The zones that are its own; a shard that is alone needs none.
    pub zones: Vec<String>,
}

/// How a fleet begins and at which pace it runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setup {
    /// The shards, at least one.
    pub shards: Vec<ShardSetup>,
    /// Policy, rails and limits of all.
    pub settings: Settings,
    /// From one cycle to the next.
    pub cycle_ms: u64,
    /// A cycle runs early when the state has moved on, though not sooner than this after the last; `None` for never.
    pub early_cycle_ms: Option<u64>,
    /// A provider with news is listed on the next multiple of this.
    pub listing_ms: u64,
    /// How long the cloud takes.
    pub dwells: Dwells,
    /// Of everything that is drawn.
    pub seed: u64,
    /// What leaders are held to.
    pub scrutiny: Scrutiny,
}

impl Setup {
    /// One shard, cycles of ten seconds, an instant cloud, and no rails: pathologies show.
    pub fn new(seed: u64) -> Self {
        let mut settings = Settings::default();
        (settings.policy.reclaim_cap_ppm, settings.policy.empty_rollup_guard) = (None, false);
        Self {
            shards: vec![ShardSetup { name: "s0".to_owned(), zones: Vec::new() }],
            settings,
            cycle_ms: 10_000,
            early_cycle_ms: None,
            listing_ms: 1_000,
            dwells: Dwells::INSTANT,
            seed,
            scrutiny: Scrutiny { reference: false, every_machine: true },
        }
    }
}

/// What is due, in the order in which things happen that happen at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Due {
    Cloud,
    Actor,
    Listing(usize),
    Timer(usize),
    Cycle(usize),
}

/// A fleet on virtual time.
#[derive(Debug)]
pub struct FleetSim {
    setup: Setup,
    now_ms: u64,
    cloud: Cloud,
    leaders: Vec<Leader>,
    routes: Routes,
    /// When each shard's next cycle is due at the latest, and when it may run early.
    next_cycle_ms: Vec<(u64, u64)>,
}

impl FleetSim {
    /// A fleet with these machines, by id.
    ///
    /// # Panics
    /// When there is no shard, or two machines have one id.
    pub fn new(setup: Setup, machines: impl IntoIterator<Item = (String, Offer)>) -> Self {
        assert!(!setup.shards.is_empty(), "a fleet has a shard");
        let names: Vec<String> = setup.shards.iter().map(|shard| shard.name.clone()).collect();
        let mut routes = Routes::default();
        let mut leaders = Vec::new();
        for (number, shard) in setup.shards.iter().enumerate() {
            routes.add_shard(number as u64 + 1, &shard.name, &shard.zones);
            let genesis = Genesis {
                shard: shard.name.clone(),
                shards: names.clone(),
                domains: shard.zones.iter().map(|zone| (ZONE_KEY.to_owned(), zone.clone())).collect(),
                settings: setup.settings.clone(),
                ..Genesis::default()
            };
            leaders.push(Leader::new(number, genesis, setup.scrutiny));
        }
        let cloud = Cloud::new(machines, leaders.len(), setup.dwells, setup.seed);
        let first = (setup.cycle_ms, setup.early_cycle_ms.unwrap_or(setup.cycle_ms));
        Self { now_ms: 0, cloud, routes, next_cycle_ms: vec![first; leaders.len()], leaders, setup }
    }

    /// Virtual time.
    pub fn now_ms(&self) -> u64 {
        self.now_ms
    }

    /// How it was set up.
    pub fn setup(&self) -> &Setup {
        &self.setup
    }

    /// The provider.
    pub fn cloud(&self) -> &Cloud {
        &self.cloud
    }

    /// The provider, for misfortunes.
    pub fn cloud_mut(&mut self) -> &mut Cloud {
        &mut self.cloud
    }

    /// The shards.
    pub fn leaders(&self) -> &[Leader] {
        &self.leaders
    }

    /// The directory.
    pub fn routes(&self) -> &Routes {
        &self.routes
    }

    /// The shard that a cluster reports to.
    pub fn leader_of(&self, cluster: &str) -> Option<&Leader> {
        self.number_of(cluster).map(|number| &self.leaders[number])
    }

    fn number_of(&self, cluster: &str) -> Option<usize> {
        let name = self.routes.shard_of(cluster)?;
        self.setup.shards.iter().position(|shard| shard.name == name)
    }

    /// Binds a cluster to a shard, by the shard's place in the setup.
    pub fn bind(&mut self, cluster: &str, shard: usize) {
        let name = self.setup.shards[shard].name.clone();
        self.routes.bind(cluster, &name);
    }

    /// A cluster reports to its shard; to the first, if it was never bound to one.
    pub fn report(&mut self, cluster: &str, rows: &[NeedRow]) -> Option<Response> {
        if self.number_of(cluster).is_none() {
            self.bind(cluster, 0);
        }
        let number = self.number_of(cluster).expect("it was just bound");
        self.leaders[number].report(self.now_ms, cluster, rows)
    }

    /// Another leader takes over a shard, and makes anew what was under way.
    pub fn fail_over(&mut self, shard: usize) {
        self.leaders[shard].fail_over(self.now_ms);
        self.leaders[shard].act(self.now_ms, &mut self.cloud);
    }

    /// What has changed about the machines of a shard since this was last asked; see [`Leader::keep_changes`].
    pub fn take_changes(&mut self, shard: usize) -> Vec<Change> {
        self.leaders[shard].take_changes()
    }

    /// Where repairs of a shard have moved to since this was last asked; see [`Leader::take_moves`].
    pub fn take_moves(&mut self, shard: usize) -> Vec<Moved> {
        self.leaders[shard].take_moves()
    }

    /// From now on a shard keeps what changes about its machines, for [`FleetSim::take_changes`].
    pub fn keep_changes(&mut self, shard: usize) {
        self.leaders[shard].keep_changes();
    }

    /// Makes every attempt that is due of a shard, after a command that opened some.
    pub fn act(&mut self, shard: usize) {
        self.leaders[shard].act(self.now_ms, &mut self.cloud);
    }

    /// Commits a command of an admin.
    pub fn admin(&mut self, shard: usize, command: Command) -> Response {
        self.leaders[shard].commit(self.now_ms, command)
    }

    /// Everything that was broken so far.
    pub fn broken(&self) -> Vec<String> {
        let of_shards = self.leaders.iter().flat_map(|leader| leader.broken().iter().cloned());
        of_shards.chain(self.cloud.broken().iter().cloned()).collect()
    }

    /// Lets virtual time pass until `until_ms`, that moment included; until a rule is broken, or the actor is through.
    pub fn run(&mut self, until_ms: u64, actor: &mut impl Actor) {
        while let Some((at_ms, due)) = self.next(actor).filter(|(at_ms, _)| *at_ms <= until_ms) {
            self.now_ms = self.now_ms.max(at_ms);
            self.happen(due, actor);
            actor.after_step(self);
            if actor.is_over() {
                return;
            }
            if self.leaders.iter().any(|leader| !leader.broken().is_empty()) || !self.cloud.broken().is_empty() {
                return;
            }
        }
        self.now_ms = self.now_ms.max(until_ms);
    }

    fn next(&self, actor: &impl Actor) -> Option<(u64, Due)> {
        let mut all: Vec<(u64, Due)> = Vec::with_capacity(2 + 3 * self.leaders.len());
        all.extend(self.cloud.next_ms().map(|at| (at, Due::Cloud)));
        all.extend(actor.next_ms().map(|at| (at.max(self.now_ms), Due::Actor)));
        for (number, leader) in self.leaders.iter().enumerate() {
            if leader.wants_listing(&self.cloud) {
                all.push((self.now_ms.next_multiple_of(self.setup.listing_ms), Due::Listing(number)));
            }
            all.extend(leader.next_ms().map(|at| (at.max(self.now_ms), Due::Timer(number))));
            let (latest, early) = self.next_cycle_ms[number];
            let at = if leader.has_moved_on() { early.max(self.now_ms).min(latest) } else { latest };
            all.push((at, Due::Cycle(number)));
        }
        all.into_iter().min()
    }

    fn happen(&mut self, due: Due, actor: &mut impl Actor) {
        match due {
            Due::Cloud => self.cloud.pass(self.now_ms),
            Due::Actor => actor.act(self),
            Due::Listing(number) => {
                self.leaders[number].list(self.now_ms, &mut self.cloud);
                self.leaders[number].act(self.now_ms, &mut self.cloud);
            }
            Due::Timer(number) => self.leaders[number].wake(self.now_ms, &mut self.cloud),
            Due::Cycle(number) => {
                let cycled = self.cycle(number);
                actor.after_cycle(self, &cycled);
            }
        }
    }

    fn cycle(&mut self, number: usize) -> Cycled {
        let latest = self.now_ms + self.setup.cycle_ms;
        let early = self.setup.early_cycle_ms.map_or(latest, |gap| self.now_ms + gap);
        self.next_cycle_ms[number] = (latest, early.min(latest));
        let cycled = self.leaders[number].decide(self.now_ms);
        self.leaders[number].act(self.now_ms, &mut self.cloud);
        cycled
    }
}
