//! Why a machine stands where it stands: whom it covers, what this plan does to it, why it stays, and who could use it.

use argosy_model::fleet::Class;
use argosy_model::{Claim, Duration, Flags, Machine, MachineIx, NeedKey, State};
use serde::{Deserialize, Serialize};

use super::plan::phase;
use super::sieve::{Fate, Sieve};
use super::words::NeedRef;
use super::{Explainer, Filter, Rail};
use crate::plan::{ActionKind, Unit};
use crate::rows::RowIx;
use crate::standing::Part;

/// Most needs that an explanation of a machine names.
const MAX_NEEDS: usize = 16;

/// Everything about one machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MachineExplanation {
    /// Its id.
    pub machine: String,
    /// Where it is in its life.
    pub state: String,
    /// For how long, milliseconds.
    pub for_ms: u64,
    /// Whose it is, or is going to be; empty if nobody's.
    pub cluster: String,
    /// What keeps it out of new work: cordoned, unhealthy, interruption_notice, cooling, held_back.
    pub flags: Vec<Filter>,
    /// What it is good for now.
    pub role: Role,
    /// The need that it covers, or is on its way to.
    pub need: Option<NeedRef>,
    /// The need that it was picked for in this cycle.
    pub goes_to: Option<NeedRef>,
    /// What this plan does to it.
    pub action: Option<MachineAction>,
    /// Why it stays as it is; absent if this plan does something to it, or a need holds it.
    pub stays: Option<Stay>,
    /// When its hold ends, milliseconds from now; only where that is why it stays.
    pub hold_ends_in_ms: Option<u64>,
    /// The rails that act on it.
    pub rails: Vec<Rail>,
    /// The needs that are short, and what keeps it from them.
    pub could_serve: CouldServe,
}

/// What a machine is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// It covers a need, or is on its way to one.
    Covers,
    /// Nobody has it.
    Free,
    /// It serves or joins a cluster, and covers none of its needs.
    Surplus,
    /// It is on its way, and to no need that is there.
    InTransit,
    /// It counts for nothing: failed, unhealthy, under notice, or (free) cordoned or cooling.
    Out,
}

impl Role {
    /// Its name in APIs.
    pub fn name(self) -> &'static str {
        match self {
            Self::Covers => "covers",
            Self::Free => "free",
            Self::Surplus => "surplus",
            Self::InTransit => "in_transit",
            Self::Out => "out",
        }
    }
}

/// Why a machine stays as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stay {
    /// It is a slot: there is nothing to give back.
    Slot,
    /// It is owned or committed: giving it back would save nothing.
    Owned,
    /// It is in repair, or kept for somebody to look at.
    InRepair,
    /// Its hold is not over.
    Hold,
    /// Its hold never ends.
    HeldForEver,
    /// The provider is at it.
    InTransit,
    /// It has failed: its provider must report it well first.
    Failed,
    /// Its cluster has not reported: silence is not "no demand".
    NotHeard,
    /// It is unhealthy, and what it served is not covered anew yet.
    LimpsAlong,
    /// The cap on reclaims lets no more through.
    ReclaimCap,
    /// The plan is as large as it may be.
    PlanSize,
}

/// What a plan does to a machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MachineAction {
    /// Bootstrap, Provision, Preempt, Reclaim or Delete.
    pub action: String,
    /// Why.
    pub reason: String,
    /// In which phase.
    pub phase: u8,
}

/// The needs that are short, as a machine sees them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CouldServe {
    /// How many needs are short.
    pub short: u64,
    /// For how many of them a machine of this shape would do.
    pub would_do: u64,
    /// The first of those, by precedence.
    pub first: Vec<ShortNeed>,
}

/// A need that a machine would do for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShortNeed {
    /// The need.
    pub need: NeedRef,
    /// What keeps the machine from it; absent if nothing does, or if it gets it.
    pub kept_by: Option<Filter>,
}

impl Explainer {
    pub(super) fn explain_machine(&self, ix: MachineIx, machine: &Machine) -> MachineExplanation {
        let (view, class) = (&self.cycle.view, Class::of(machine));
        let holder = self.holder(ix, &class);
        let done = self.done_to(ix);
        let action = done.map(|(unit, kind)| MachineAction {
            action: kind.name().to_owned(),
            reason: unit.reason.name().to_owned(),
            phase: phase(unit.reason),
        });
        let gained_by = done.and_then(|(unit, kind)| self.gained_by(unit, kind));
        let is_free = matches!(class.state, State::Idle | State::Speculative);
        let stays = match (&action, holder) {
            (None, None) => Some(self.stays(machine, &class)),
            // It was picked for somebody, and the plan was full.
            (None, Some(_)) if is_free => Some(Stay::PlanSize),
            _ => None,
        };
        let hold_ends_in_ms = stays.filter(|stay| *stay == Stay::Hold).map(|_| self.hold_left(machine).0);
        MachineExplanation {
            machine: view.fleet.id(ix).to_owned(),
            state: machine.state.name().to_owned(),
            for_ms: view.now.since(machine.since).0,
            cluster: machine.cluster().map(|c| view.fleet.words.cluster_id(c).to_owned()).unwrap_or_default(),
            flags: flags(machine.flags),
            role: role(&class, holder),
            need: holder.filter(|_| !is_free).map(|row| self.name(row)),
            goes_to: gained_by.or(holder.filter(|_| is_free)).map(|row| self.name(row)),
            rails: self.rails_on(action.is_some(), stays),
            action,
            stays,
            hold_ends_in_ms,
            could_serve: self.could_serve(&class, holder, gained_by),
        }
    }

    /// The row that has been given a machine: in its class rows are served by precedence, by slot.
    fn holder(&self, ix: MachineIx, class: &Class) -> Option<RowIx> {
        let stock = self.cycle.supply.find(class).filter(|stock| !stock.claims.is_empty())?;
        let members = self.cycle.view.fleet.classes().members(*class).expect("a machine stands in its class");
        let place = members.iter().position(|member| *member == ix).expect("a machine stands in its class");
        let mut claims: Vec<(u32, RowIx, u32)> =
            stock.claims.iter().map(|(row, held)| (self.cycle.rows.rank(*row), *row, *held)).collect();
        claims.sort_unstable();
        let mut before = 0;
        claims.into_iter().find_map(|(_, row, held)| {
            before += held as usize;
            (place < before).then_some(row)
        })
    }

    fn done_to(&self, ix: MachineIx) -> Option<(&Unit, &ActionKind)> {
        let actions = self.decision.plan.units.iter().flat_map(|unit| unit.actions.iter().map(move |a| (unit, a)));
        actions.filter(|(_, action)| action.machine == ix).map(|(unit, action)| (unit, &action.kind)).next()
    }

    /// The row that an action gets a machine for.
    fn gained_by(&self, unit: &Unit, kind: &ActionKind) -> Option<RowIx> {
        let claim: Claim = match kind {
            ActionKind::Bootstrap(assignment) | ActionKind::Provision(assignment) => assignment.claim,
            ActionKind::Preempt { heir, .. } => *heir,
            ActionKind::Reclaim { .. } | ActionKind::Release => return None,
        };
        let named: Option<&NeedKey> = unit.needs.first().map(|(key, _)| key);
        named.filter(|key| key.cluster == claim.cluster).and_then(|key| self.cycle.rows.find(key))
    }

    fn stays(&self, machine: &Machine, class: &Class) -> Stay {
        match class.state {
            State::Speculative => Stay::Slot,
            State::Failed => Stay::Failed,
            State::Idle => self.idles(machine),
            State::Configured => self.remains(class),
            _ => Stay::InTransit,
        }
    }

    /// Why an idle machine is not given back.
    fn idles(&self, machine: &Machine) -> Stay {
        let capacity = self.cycle.view.fleet.words.shape_of(machine.shape).capacity_type;
        let hold = self.policy().hold(capacity);
        let idle_for = self.cycle.view.now.since(machine.since);
        match () {
            () if !capacity.is_elastic() => Stay::Owned,
            () if machine.flags.has(Flags::CONDEMNED) => Stay::PlanSize,
            () if machine.flags.has(Flags::KEPT) => Stay::InRepair,
            () if self.policy().is_hold_over(capacity, idle_for) => Stay::PlanSize,
            () if hold == Duration(0) || hold == Duration::NEVER => Stay::HeldForEver,
            () => Stay::Hold,
        }
    }

    fn hold_left(&self, machine: &Machine) -> Duration {
        let capacity = self.cycle.view.fleet.words.shape_of(machine.shape).capacity_type;
        let idle_for = self.cycle.view.now.since(machine.since);
        Duration(self.policy().hold(capacity).0.saturating_sub(idle_for.0))
    }

    /// Why surplus is not reclaimed.
    fn remains(&self, class: &Class) -> Stay {
        let heard = class.cluster.is_some_and(|cluster| self.cycle.view.demand.reporting(cluster).heard);
        match () {
            () if !heard => Stay::NotHeard,
            () if self.cycle.is_limped_along_on(class, &self.cycle.rows_awaiting_cover()) => Stay::LimpsAlong,
            // What a gang gives back is not capped.
            () if self.decision.left_out > 0 || self.is_given_back_by_a_gang(class) => Stay::PlanSize,
            () => Stay::ReclaimCap,
        }
    }

    fn is_given_back_by_a_gang(&self, class: &Class) -> bool {
        let account = self.cycle.supply.find(class).and_then(|stock| stock.account);
        let is_its = |row: &RowIx| Some(self.cycle.supply.account(*row)) == account;
        account.is_some()
            && self.cycle.row_ixs().any(|row| self.cycle.standing(row).part == Part::Retreating && is_its(&row))
    }

    fn rails_on(&self, is_acted_on: bool, stays: Option<Stay>) -> Vec<Rail> {
        let policy = self.policy();
        let all = [
            (Rail::KillSwitch, policy.kill_switch && is_acted_on),
            (Rail::DryRun, policy.dry_run && is_acted_on),
            (Rail::PlanSize, stays == Some(Stay::PlanSize)),
            (Rail::ReclaimCap, stays == Some(Stay::ReclaimCap)),
        ];
        all.into_iter().filter(|(_, on)| *on).map(|(rail, _)| rail).collect()
    }

    fn could_serve(&self, class: &Class, holder: Option<RowIx>, gained_by: Option<RowIx>) -> CouldServe {
        let mut could = CouldServe::default();
        for row in self.cycle.row_ixs().filter(|row| self.cycle.standing(*row).is_short()) {
            could.short += 1;
            if self.cycle.menus.get(self.cycle.standing(row).menu).place_of(class.shape).is_none() {
                continue;
            }
            could.would_do += 1;
            if could.first.len() < MAX_NEEDS {
                let kept_by = match Sieve::of(&self.cycle, &self.takings, row).fate(class, holder) {
                    _ if gained_by == Some(row) => None,
                    _ if gained_by.is_some() => Some(Filter::Taken),
                    Fate::Kept(filter) => Some(filter),
                    Fate::Given(_) | Fate::Left => None,
                };
                could.first.push(ShortNeed { need: self.name(row), kept_by });
            }
        }
        could
    }
}

fn role(class: &Class, holder: Option<RowIx>) -> Role {
    let is_free = matches!(class.state, State::Idle | State::Speculative);
    match class.state {
        State::Failed => Role::Out,
        _ if is_free && !class.is_usable() => Role::Out,
        _ if is_free => Role::Free,
        _ if holder.is_some() => Role::Covers,
        _ if !class.is_cover() => Role::Out,
        State::Configured | State::Configuring => Role::Surplus,
        _ => Role::InTransit,
    }
}

fn flags(flags: Flags) -> Vec<Filter> {
    let all = [
        (Filter::Cordoned, Flags::CORDONED),
        (Filter::Unhealthy, Flags::UNHEALTHY | Flags::CONDEMNED),
        (Filter::InterruptionNotice, Flags::NOTICE),
        (Filter::Cooling, Flags::COOLING),
        (Filter::HeldBack, Flags::HELD_BACK),
    ];
    all.into_iter().filter(|(_, flag)| flags.has(*flag)).map(|(filter, _)| filter).collect()
}
