//! The end: drafts become units with machines, the plan is cut to size.
//!
//! In a pile the rows are served in order of precedence, each with the next slots; what nobody was given comes last. A row's
//! victims are the last of its machines.

use std::collections::BTreeMap;
use std::sync::Arc;

use argosy_engine::{Action, ActionKind, Assignment, Decision, Plan, Reason, Unit};
use argosy_model::{MachineIx, State};

use super::preempt::grace;
use super::{Cycle, Draft, Victims, cut};
use crate::plant::{self, Plant};

/// How many machines of a pile have been named so far, by hand.
#[derive(Default)]
struct Named {
    picks: BTreeMap<(usize, usize), usize>,
    victims: BTreeMap<(usize, Option<usize>), usize>,
}

impl Cycle<'_> {
    pub(super) fn finish(self) -> Decision {
        let mut named = Named::default();
        let (mut assign, mut preempt, mut moves) = (Vec::new(), Vec::new(), Vec::new());
        for draft in &self.drafts {
            match draft.reason {
                Reason::PreemptForPriority => preempt.push(self.whole_unit(draft, &mut named)),
                Reason::Consolidate => self.moves(draft, &mut named, &mut moves),
                Reason::CoverDeficit => self.single_units(draft, &mut named, &mut assign),
                _ => assign.push(self.whole_unit(draft, &mut named)),
            }
        }
        let mut give_back = self.reclaims();
        let binding: Vec<Unit> = assign.iter().chain(&moves).cloned().collect();
        give_back.extend(self.releases(&binding));
        let phases = [assign, preempt, give_back];
        let (units, left_out) = cut::with_moves(phases, moves, self.view.policy.max_actions as usize);
        let verdicts = self.verdicts();
        let marks = self.changed_marks(&verdicts);
        let verdicts = verdicts.into_iter().map(Arc::new).collect();
        Decision { plan: Plan { units, marks }, verdicts, left_out }
    }

    fn whole_unit(&self, draft: &Draft, named: &mut Named) -> Unit {
        let mut actions = Vec::new();
        for (pile, count) in &draft.picks {
            actions.extend((0..*count).map(|_| self.acquisition(draft.row, *pile, named)));
        }
        for victims in &draft.victims {
            for machine in self.name_victims(victims, named) {
                actions.push(self.taking(draft.row, victims, machine));
            }
        }
        Unit { reason: draft.reason, needs: self.rows[draft.row].members.clone(), actions }
    }

    /// A unit for each machine. Those of several folded gangs name the gangs that go onto the machine, by precedence.
    fn single_units(&self, draft: &Draft, named: &mut Named, units: &mut Vec<Unit>) {
        let members = &self.rows[draft.row].members;
        let gangs_on = |pile: usize| self.fit(draft.row, pile).expect("a pick will do").amounts[0];
        let placed =
            self.claims(draft.row).iter().map(|(pile, count)| gangs_on(*pile) * u64::from(*count)).sum::<u64>();
        let mut next = usize::try_from(placed).unwrap_or(usize::MAX);
        for (pile, count) in &draft.picks {
            for _ in 0..*count {
                let needs = if members.len() == 1 {
                    members.clone()
                } else {
                    let from = next.min(members.len() - 1);
                    let gangs = usize::try_from(gangs_on(*pile)).unwrap_or(usize::MAX);
                    next = next.saturating_add(gangs);
                    members[from..from.saturating_add(gangs).min(members.len())].to_vec()
                };
                units.push(Unit {
                    reason: draft.reason,
                    needs,
                    actions: vec![self.acquisition(draft.row, *pile, named)],
                });
            }
        }
    }

    /// A unit for each machine that comes. It takes nothing.
    fn moves(&self, draft: &Draft, named: &mut Named, units: &mut Vec<Unit>) {
        let from = units.len();
        self.single_units(draft, named, units);
        if plant::is(Plant::BreaksBeforeMaking) {
            let (pile, _) = *self.claims(draft.row).last().expect("a row that moves has machines");
            let machine = *self.piles[pile].machines.last().expect("a pile has machines");
            let grace = self.view.policy.voluntary_grace;
            units[from].actions.insert(0, self.action(machine, ActionKind::Reclaim { grace }));
        }
    }

    fn acquisition(&self, row: usize, pile: usize, named: &mut Named) -> Action {
        let asked = &self.rows[row];
        let assignment = Assignment {
            claim: asked.claim(),
            priority: asked.profile.priority,
            interruption: asked.profile.interruption,
            reclamation: asked.profile.reclamation,
        };
        let nth = named.picks.entry((pile, row)).or_default();
        let machine = self.piles[pile].machines[self.before(pile, row) + *nth];
        *nth += 1;
        let is_idle = self.piles[pile].class.state == State::Idle;
        self.action(
            machine,
            if is_idle { ActionKind::Bootstrap(assignment) } else { ActionKind::Provision(assignment) },
        )
    }

    /// How many machines of a pile the rows before one have been given.
    fn before(&self, pile: usize, row: usize) -> usize {
        self.piles[pile].given.range(..row).map(|(_, count)| *count as usize).sum()
    }

    fn name_victims(&self, victims: &Victims, named: &mut Named) -> Vec<MachineIx> {
        let pile = &self.piles[victims.pile];
        let so_far = named.victims.entry((victims.pile, victims.holder)).or_default();
        let count = victims.count as usize;
        let from = match victims.holder {
            Some(row) => self.before(victims.pile, row) + pile.given[&row] as usize - *so_far - count,
            None => self.before(victims.pile, usize::MAX) + *so_far,
        };
        *so_far += count;
        pile.machines[from..from + count].to_vec()
    }

    fn taking(&self, claimant: usize, victims: &Victims, machine: MachineIx) -> Action {
        let preemptor_priority = self.rows[claimant].profile.priority;
        let of_holder = match victims.holder {
            Some(row) => self.rows[row].profile.priority,
            None => self.view.fleet.machine(machine).assigned_priority,
        };
        let grace = grace(preemptor_priority, of_holder);
        let kind = if victims.for_claimant {
            let holder = victims.holder.map(|row| self.rows[row].key);
            ActionKind::Preempt { heir: self.rows[claimant].claim(), holder, grace, preemptor_priority }
        } else {
            ActionKind::Reclaim { grace }
        };
        self.action(machine, kind)
    }
}
