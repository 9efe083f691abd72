//! The generator: one case after the other, by seed. It looks at the world as it has become, so that what it does next applies
//! there: an edge that the lifecycle has, a need that is still around.

use argosy_model::{Cause, State, lifecycle};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use crate::case::{CapDraft, Case, Change, MachineDraft, MovesDraft, NeedDraft, PolicyDraft, Step};
use crate::vocabulary::{CLUSTERS, CONDITIONS, OFFERINGS, PIECES, RACKS, TOPOLOGIES, is_same};
use crate::world::World;

/// Fewest machines that a case begins with.
pub const LEAST_MACHINES: usize = 50;
/// Fewest changes that a case goes through.
pub const LEAST_STEPS: usize = 20;
/// Numbers from here on stand for no need.
const NOBODY: u16 = 1_000;

/// Streams of random numbers from here on make caps.
const CAPS: u64 = 1 << 40;

const CAUSES: [Cause; 5] = [Cause::Provider, Cause::Refused, Cause::Lost, Cause::Recovered, Cause::Skipped];

/// What the generator is kept from making: all of it is on unless a test starves it, to see that the coverage notices.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Diet {
    /// Everything.
    #[default]
    Full,
    /// No gangs.
    NoGangs,
    /// No needs that spread.
    NoSpread,
    /// One priority only.
    OnePriority,
    /// No machine ever fails or vanishes.
    NoDeath,
    /// Consolidation is off.
    NoMoves,
    /// Nothing limits what may be bought.
    NoCaps,
    /// Fleets and histories too small.
    Small,
}

/// Makes cases.
pub struct Generator {
    rng: ChaCha8Rng,
    /// Of its own, so that cases without caps are what they would be if there were none.
    caps: ChaCha8Rng,
    diet: Diet,
    /// Whether little is free, so that needs get at each other's machines.
    is_tight: bool,
    /// Whether there is more than enough, of a few kinds, and most needs lie anywhere: then they move to cheaper machines.
    is_calm: bool,
    /// Whether something limits what may be bought: then there is much to be bought, and gangs that want it.
    is_capped: bool,
    machines: u16,
    needs: Vec<NeedDraft>,
}

impl Generator {
    /// The generator of case `nth` of a campaign.
    pub fn new(seed: u64, nth: u64, diet: Diet) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(nth);
        let is_tight = rng.next_u32().is_multiple_of(2);
        let is_calm = !is_tight && diet != Diet::NoMoves && rng.next_u32().is_multiple_of(2);
        let mut caps = ChaCha8Rng::seed_from_u64(seed);
        caps.set_stream(CAPS + nth);
        let is_capped = !is_calm && diet != Diet::NoCaps && caps.next_u32().is_multiple_of(3);
        let is_tight = is_tight && !is_capped;
        Self { rng, caps, diet, is_tight, is_calm, is_capped, machines: 0, needs: Vec::new() }
    }

    fn below(&mut self, limit: usize) -> usize {
        // The bias of a remainder does not matter here.
        self.rng.next_u32() as usize % limit
    }

    fn small(&mut self, limit: u8) -> u8 {
        u8::try_from(self.below(limit.into())).expect("below a byte")
    }

    fn one_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }

    /// A fleet and its demand, with nothing happening yet.
    pub fn begin(&mut self, first_sight: u64) -> Case {
        let policy = self.policy();
        let needs: Vec<NeedDraft> = (0..6 + self.below(8)).map(|_| self.fresh_need()).collect();
        let least = if self.diet == Diet::Small { 10 } else { LEAST_MACHINES };
        let machines = (0..least + self.below(15)).map(|_| self.fresh_machine(true)).collect();
        Case { first_sight, policy, caps: self.fresh_caps(), machines, needs, steps: Vec::new() }
    }

    /// How many steps the case has.
    pub fn length(&mut self) -> usize {
        let least = if self.diet == Diet::Small { 5 } else { LEAST_STEPS };
        least + self.below(5)
    }

    fn policy(&mut self) -> PolicyDraft {
        PolicyDraft {
            hold_s: [self.pick(&[600, 60, 30, 0]), self.pick(&[60, 20, 0])],
            cap_ppm: self.pick(&[Some(50_000), Some(50_000), Some(300_000), None]),
            max_actions: self.pick(&[20_000, 20_000, 20_000, 20_000, 12, 5, 1]),
            timers_s: [
                self.pick(&[80, 30, 10]),
                self.pick(&[320, 40, 10]),
                self.pick(&[900, 60, 20]),
                self.pick(&[120, 30, 10]),
            ],
            weights: self.pick(&[[1_000, 100, 100, 100], [1_000, 100, 100, 100], [0, 0, 1_000, 0], [10, 0, 0, 900]]),
            kill_switch: self.one_in(12),
            dry_run: self.one_in(12),
            moves: self.moves(),
        }
    }

    fn moves(&mut self) -> Option<MovesDraft> {
        if self.one_in(if self.is_calm { 8 } else { 3 }) || self.diet == Diet::NoMoves {
            return None;
        }
        Some(MovesDraft {
            min_gain: self.pick(&[0, 1, 100_000]),
            cost: self.pick(&[0, 10_000, 1_000_000]),
            payback_h: self.pick(&[1_000, 24, 1]),
            of_shard: self.pick(&[u32::MAX, 100, 3, 1, 0]),
            of_cluster: self.pick(&[100, 2, 1]),
            share_ppm: self.pick(&[None, None, Some(100_000), Some(500_000)]),
        })
    }

    fn fresh_need(&mut self) -> NeedDraft {
        let number = u16::try_from(self.needs.len()).expect("few needs");
        let topology = match self.diet {
            Diet::NoGangs => self.small(4),
            Diet::NoSpread => self.pick(&[0, 4, 5, 6]),
            _ => self.pick(&[0, 0, 0, 0, 1, 2, 3, 4, 4, 5, 6]) % TOPOLOGIES,
        };
        let group = (is_same(topology) && !self.one_in(5)).then(|| self.small(3));
        let priority = if self.diet == Diet::OnePriority { 0 } else { self.small(6) };
        let topology = if self.is_calm && !self.one_in(4) { 0 } else { topology };
        let units = match (self.one_in(12), self.is_tight) {
            (true, _) if !self.is_calm => self.small(40),
            (_, true) => self.pick(&[2, 4, 6, 8, 10, 16]),
            (_, false) => self.pick(&[1, 2, 2, 3, 3, 4, 5, 6, 8]),
        };
        let silent = u8::from(!self.one_in(6));
        let mut draft = NeedDraft {
            number,
            cluster: self.small(CLUSTERS - silent),
            conditions: if (self.is_tight || self.is_calm) && self.one_in(2) { 0 } else { self.small(CONDITIONS) },
            topology,
            group,
            priority,
            interruption: self.penalty(),
            reclamation: self.penalty(),
            unit: self.pick(&[0, 0, 1, 1, 2, 3, 3, 4, 5, 6]) % PIECES,
            units,
            half: self.one_in(6),
        };
        if self.is_capped && self.one_in(2) && !matches!(self.diet, Diet::NoGangs) {
            (draft.topology, draft.group) = (self.pick(&[4, 5]), Some(self.small(3)));
            (draft.conditions, draft.unit, draft.units) = (0, self.pick(&[1, 3]), self.pick(&[3, 4, 6, 8, 12]));
        }
        self.needs.push(draft.clone());
        draft
    }

    fn penalty(&mut self) -> u8 {
        if self.is_calm { self.pick(&[0, 0, 0, 1, 2, 3, 4]) } else { self.small(5) }
    }

    fn offering(&mut self) -> u8 {
        if self.is_calm { self.pick(&[0, 1, 1, 2, 4, 4, 5, 9, 10, 10, 11]) } else { self.small(OFFERINGS) }
    }

    fn rack(&mut self) -> u8 {
        self.small(if self.is_calm || self.is_capped { 2 } else { RACKS })
    }

    fn fresh_caps(&mut self) -> Vec<CapDraft> {
        let count = if self.is_capped { 1 + self.caps.next_u32() % 2 } else { 0 };
        (0..count).map(|_| cap(&mut self.caps)).collect()
    }

    /// Somebody's number: mostly a need's.
    fn owner(&mut self) -> u16 {
        if self.needs.is_empty() || self.one_in(6) {
            return NOBODY + u16::from(self.small(CLUSTERS));
        }
        u16::try_from(self.below(self.needs.len())).expect("few needs")
    }

    fn fresh_machine(&mut self, from_the_start: bool) -> MachineDraft {
        use State::{Configured, Configuring, Creating, Deleting, Draining, Failed, Idle, Speculative};
        let free = match (self.is_tight, self.is_calm) {
            (true, _) => 1,
            (false, true) => 8,
            (false, false) => 4,
        };
        let slots = if self.is_capped { 24 } else { free };
        let usual =
            [(Speculative, slots), (Idle, free), (Configured, 8), (Configuring, 1), (Creating, 1), (Draining, 1)];
        let usual: Vec<State> =
            usual.into_iter().flat_map(|(state, times)| std::iter::repeat_n(state, times)).collect();
        let (number, state) = (self.machines, self.pick(&usual));
        let state = if self.one_in(20) { self.pick(&[Deleting, Failed, Draining]) } else { state };
        let state = if state == Failed && self.diet == Diet::NoDeath { Idle } else { state };
        self.machines += 1;
        let has_host = !matches!(state, Speculative | Creating);
        let flag = self.one_in(12).then(|| self.small(6)).filter(|flag| has_host || *flag != 2);
        MachineDraft {
            number,
            offering: self.offering(),
            rack: self.rack(),
            state,
            owner: self.owner(),
            heir: (!self.one_in(3)).then(|| self.owner()),
            flag,
            age_s: if from_the_start { self.pick(&[0, 5, 30, 60, 300, 700]) } else { 0 },
        }
    }

    /// What happens next.
    pub fn step(&mut self, world: &World) -> Step {
        let after_s = self.pick(&[0, 0, 10, 10, 10, 10, 30, 60, 300]);
        let drops = self.pick(&[0, 0, 0, 0, 0, 0, 0, 1, 2, 3]);
        let change = self.change(world);
        let is_recapped = self.is_capped && self.caps.next_u32().is_multiple_of(8);
        Step { after_s, change: if is_recapped { Change::Caps(self.fresh_caps()) } else { change }, drops }
    }

    fn change(&mut self, world: &World) -> Change {
        match self.below(100) {
            0 if self.is_calm || self.one_in(3) => Change::Rest,
            0..=5 => Change::Nothing,
            6..=7 => Change::WhatIf(Box::new(self.change(world))),
            8..=25 => Change::Finish { count: self.pick(&[1, 2, 5, 50]), binds: !self.one_in(4) },
            26..=37 => Change::Put(self.fresh_need()),
            38..=45 => Change::Put(self.resized()),
            46..=51 => Change::Withdraw(self.owner()),
            52..=53 => Change::Empty(self.small(CLUSTERS)),
            54..=57 => Change::Appear(self.fresh_machine(false)),
            58..=60 if self.diet != Diet::NoDeath => Change::Vanish(self.some_machine(world)),
            61..=84 => self.edge(world),
            85..=93 => self.flag(world),
            94..=95 => Change::Reshape {
                machine: self.some_machine(world),
                offering: self.small(OFFERINGS),
                rack: self.small(RACKS),
            },
            _ => Change::Policy(self.policy()),
        }
    }

    fn resized(&mut self) -> NeedDraft {
        if self.needs.is_empty() {
            return self.fresh_need();
        }
        let at = self.below(self.needs.len());
        let mut draft = self.needs[at].clone();
        draft.units = self.pick(&[0, 1, 2, 3, 4, 6, 9, 16]);
        draft
    }

    fn some_machine(&mut self, world: &World) -> u16 {
        let count = world.machine_numbers().count();
        let nth = self.below(count.max(1));
        world.machine_numbers().nth(nth).unwrap_or(0)
    }

    /// An edge that the lifecycle has from where some machine is.
    fn edge(&mut self, world: &World) -> Change {
        let machine = self.some_machine(world);
        let Some(ix) = world.machine(machine) else { return Change::Nothing };
        let from = world.fleet.machine(ix).state;
        let mut open: Vec<(State, Cause)> = Vec::new();
        for cause in CAUSES.into_iter().filter(|cause| self.diet != Diet::NoDeath || *cause != Cause::Lost) {
            let to = State::ALL.into_iter().filter(|to| *to != from && lifecycle::is_legal(from, *to, cause));
            open.extend(to.map(|to| (to, cause)));
        }
        let rare: Vec<(State, Cause)> = open.iter().copied().filter(|(_, cause)| *cause != Cause::Skipped).collect();
        let open = if rare.is_empty() || self.one_in(3) { open } else { rare };
        if open.is_empty() {
            return Change::Nothing;
        }
        let (to, cause) = self.pick(&open);
        Change::Move { machine, to, cause, owner: self.owner() }
    }

    fn flag(&mut self, world: &World) -> Change {
        let machine = self.some_machine(world);
        let on = !self.one_in(3);
        Change::Flag { machine, flag: self.small(6), on }
    }
}

/// A quota over some type or zone or all, or a breaker that is half open.
fn cap(rng: &mut ChaCha8Rng) -> CapDraft {
    let mut below = |limit: u32| u8::try_from(rng.next_u32() % limit).expect("below a byte");
    CapDraft {
        instance: Some(below(6)).filter(|which| *which < 3),
        zone: Some(below(8)).filter(|which| *which < 3),
        machines: Some(below(18)).filter(|machines| *machines < 12),
    }
}
