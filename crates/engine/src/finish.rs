//! The end of a cycle: drafts become units with machines, the plan is cut to size, verdicts and marks are written.

use argosy_model::{MachineIx, NeedKey, State};

use crate::cycle::Cycle;
use crate::draft::{Draft, Victims};
use crate::naming::Naming;
use crate::plan::{Action, ActionKind, Assignment, Plan, Reason, Unit};
use crate::preempt::grace;
use crate::rows::RowIx;
use crate::supply::ClassIx;
use crate::{Decision, truncate};

impl Cycle {
    pub(crate) fn finish(&mut self) -> Decision {
        let surplus: Vec<ClassIx> = self.supply.surplus().collect();
        let mut naming = Naming::of(self);
        let picked: usize =
            self.drafts.iter().map(|draft| draft.picks.iter().map(|(_, count)| *count as usize).sum::<usize>()).sum();
        let (mut assign, mut preempt, mut moves) = (Vec::with_capacity(picked), Vec::new(), Vec::new());
        for draft in &self.drafts {
            match draft.reason {
                Reason::PreemptForPriority => preempt.push(self.whole_unit(draft, &mut naming)),
                Reason::Consolidate => self.single_units(draft, &mut naming, &mut moves),
                _ if draft.is_whole() => assign.push(self.whole_unit(draft, &mut naming)),
                _ => self.single_units(draft, &mut naming, &mut assign),
            }
        }
        let mut give_back = self.reclaims(&surplus, &mut naming);
        give_back.extend(self.releases(&[&assign, &moves]));
        let phases = [assign, preempt, give_back];
        let (units, left_out) = truncate::with_moves(phases, moves, self.view.policy.max_actions);
        let marks = self.tell();
        let left_out = u32::try_from(left_out).unwrap_or(u32::MAX);
        Decision { plan: Plan { units, marks }, verdicts: self.verdicts.clone(), left_out }
    }

    fn whole_unit(&self, draft: &Draft, naming: &mut Naming<'_>) -> Unit {
        let mut actions = Vec::new();
        for (class, count) in &draft.picks {
            let kind = self.acquisition(draft.row, *class);
            let machines = naming.picks(*class, draft.row, *count).iter();
            actions.extend(machines.map(|machine| self.action(*machine, kind.clone())));
        }
        for victims in &draft.victims {
            let machines = naming.victims(victims).iter();
            actions.extend(machines.map(|machine| self.taking(draft.row, victims, *machine)));
        }
        Unit { reason: draft.reason, needs: self.read(draft.row), actions }
    }

    /// A unit for each machine. Those of a folded row name the gangs that go onto the machine, in order of precedence:
    /// all together would be repeated with every machine.
    fn single_units(&self, draft: &Draft, naming: &mut Naming<'_>, units: &mut Vec<Unit>) {
        let members = &self.row(draft.row).members;
        let yard = &self.standing(draft.row).yard;
        let held = |(class, count): &(ClassIx, u32)| {
            self.measure(draft.row, *class).map_or(0, |(_, machine)| machine[0].saturating_mul(u64::from(*count)))
        };
        let is_folded = members.len() > 1;
        let mut next: u64 = if is_folded { self.standing(draft.row).claims.iter().map(held).sum() } else { 0 };
        for (class, count) in &draft.picks {
            let shape = self.supply.stock(*class).class.shape;
            let gangs = if is_folded { yard.measure(&self.catalogue.shape(shape).resources)[0] } else { 1 };
            let kind = self.acquisition(draft.row, *class);
            for machine in naming.picks(*class, draft.row, *count) {
                let from = usize::try_from(next).unwrap_or(usize::MAX).min(members.len() - 1);
                let to = from.saturating_add(usize::try_from(gangs).unwrap_or(usize::MAX)).min(members.len());
                next = if is_folded { next.saturating_add(gangs) } else { 0 };
                units.push(Unit {
                    reason: draft.reason,
                    needs: members[from..to].to_vec(),
                    actions: vec![self.action(*machine, kind.clone())],
                });
            }
        }
    }

    /// How a row acquires machines of a class.
    fn acquisition(&self, row: RowIx, class: ClassIx) -> ActionKind {
        let asked = self.row(row);
        let assignment = Assignment {
            claim: asked.claim(),
            priority: asked.profile.priority,
            interruption: asked.profile.interruption,
            reclamation: asked.profile.reclamation,
        };
        match self.supply.stock(class).class.state {
            State::Idle => ActionKind::Bootstrap(assignment),
            _ => ActionKind::Provision(assignment),
        }
    }

    fn taking(&self, claimant: RowIx, victims: &Victims, machine: MachineIx) -> Action {
        let stamp = self.view.fleet.machine(machine).assigned_priority;
        let holder = victims.holder.map_or(stamp, |row| self.row(row).profile.priority);
        let preemptor_priority = self.row(claimant).profile.priority;
        let grace = grace(preemptor_priority, holder);
        let kind = if victims.for_claimant {
            let holder: Option<NeedKey> = victims.holder.map(|row| self.row(row).key);
            ActionKind::Preempt { heir: self.row(claimant).claim(), holder, grace, preemptor_priority }
        } else {
            ActionKind::Reclaim { grace }
        };
        self.action(machine, kind)
    }
}
