//! The end of a cycle: drafts become units with machines, the plan is cut to size, verdicts and marks are written.

use argosy_model::{MachineIx, NeedKey};

use crate::cycle::Cycle;
use crate::draft::{Draft, Victims};
use crate::naming::Naming;
use crate::plan::{Action, ActionKind, Assignment, Plan, Reason, Unit};
use crate::preempt::grace;
use crate::rows::RowIx;
use crate::supply::{ClassIx, Free};
use crate::{Decision, truncate};

impl Cycle<'_> {
    pub(crate) fn finish(&self) -> Decision {
        let mut naming = Naming::of(&self.supply);
        let (mut assign, mut preempt) = (Vec::new(), Vec::new());
        for draft in &self.drafts {
            match draft.reason {
                Reason::PreemptForPriority => preempt.push(self.whole_unit(draft, &mut naming)),
                _ if draft.is_whole() => assign.push(self.whole_unit(draft, &mut naming)),
                _ => self.single_units(draft, &mut naming, &mut assign),
            }
        }
        let mut give_back = self.reclaims(&mut naming);
        give_back.extend(self.releases(&assign));
        let (units, left_out) = truncate::fairly([assign, preempt, give_back], self.view.policy.max_actions);
        let verdicts = self.verdicts();
        let marks = self.changed_marks(&verdicts);
        let left_out = u32::try_from(left_out).unwrap_or(u32::MAX);
        Decision { plan: Plan { units, marks }, verdicts, left_out }
    }

    fn whole_unit(&self, draft: &Draft, naming: &mut Naming<'_, '_>) -> Unit {
        let mut actions = Vec::new();
        for (class, count) in &draft.picks {
            for _ in 0..*count {
                actions.push(self.acquisition(draft.row, *class, naming));
            }
        }
        for victims in &draft.victims {
            let machines = naming.victims(victims);
            actions.extend(machines.into_iter().map(|machine| self.taking(draft.row, victims, machine)));
        }
        Unit { reason: draft.reason, needs: self.read(draft.row), actions }
    }

    /// A unit for each machine. Those of a folded row name the gangs that go onto the machine, in order of precedence:
    /// all together would be repeated with every machine.
    fn single_units(&self, draft: &Draft, naming: &mut Naming<'_, '_>, units: &mut Vec<Unit>) {
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
            for _ in 0..*count {
                let from = usize::try_from(next).unwrap_or(usize::MAX).min(members.len() - 1);
                let to = from.saturating_add(usize::try_from(gangs).unwrap_or(usize::MAX)).min(members.len());
                next = if is_folded { next.saturating_add(gangs) } else { 0 };
                units.push(Unit {
                    reason: draft.reason,
                    needs: members[from..to].to_vec(),
                    actions: vec![self.acquisition(draft.row, *class, naming)],
                });
            }
        }
    }

    fn acquisition(&self, row: RowIx, class: ClassIx, naming: &mut Naming<'_, '_>) -> Action {
        let asked = self.row(row);
        let assignment = Assignment {
            claim: asked.claim(),
            priority: asked.profile.priority,
            interruption: asked.profile.interruption,
            reclamation: asked.profile.reclamation,
        };
        let shape = self.supply.stock(class).class.shape;
        let is_idle = self.supply.free(shape, Free::Idle) == Some(class);
        let kind = if is_idle { ActionKind::Bootstrap(assignment) } else { ActionKind::Provision(assignment) };
        self.action(naming.pick(class, row), kind)
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
