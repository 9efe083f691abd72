//! Repairs: what the leader proposes for unfit machines. The agents of a rehearsal carry no order out, so whatever would be reset or
//! rebooted is given back for another.

use argosy_model::ShardTime;
use argosy_repair::{Acted, Policy};
use argosy_shard::{Command, RepairOrder};

use super::stage::Stage;
use crate::fleet::FleetSim;

/// Replaces what is unfit at once, however much of it: what brakes it is looked at where a scenario says so.
const EAGER: &str = "
version: 1
grace: {reset-gpu: 0s, reboot-host: 0s, quarantine: 0s, replace: 0s}
act: {reset-gpu: {escalate_to: replace}, reboot-host: {escalate_to: replace}}
keep_quarantined: 0s
breakers: []
budgets: []
";

/// Puts the policy of rehearsals in force.
pub(super) fn eager() -> Command {
    let policy: Policy = argosy_repair::parse("the policy of rehearsals", EAGER).expect("it is sound");
    Command::SetRepairPolicy { policy: Some(Box::new(policy)), by: Stage::by("the scenario") }
}

impl Stage {
    /// Commits what is next for machines in repair, as the leader's workshop does.
    pub(super) fn commit_repairs(&mut self, fleet: &mut FleetSim) {
        let (now, clock) = (ShardTime(fleet.now_ms()), super::clock_at(fleet.now_ms()));
        while let Some(command) = next(fleet, now) {
            let Command::Repair(repairs) = &command else { unreachable!("it proposes repairs") };
            let machines: Vec<_> = repairs.steps.iter().map(|step| step.machine).collect();
            fleet.admin(0, command);
            for machine in machines {
                let id = fleet.leaders()[0].state().fleet().id(machine);
                if let Some(number) = self.numbers.get(id).copied() {
                    self.supply_changed(fleet, number);
                }
            }
        }
        self.next_repair_ms = fleet.leaders()[0].state().next_repair(now, clock).map(|due| due.0);
    }
}

/// What is to be proposed: what came of orders first.
fn next(fleet: &FleetSim, now: ShardTime) -> Option<Command> {
    let state = fleet.leaders()[0].state();
    let order: Option<RepairOrder> = state.repair_orders().next();
    let refused = order.and_then(|order| {
        let outcome = Acted::Impossible("no agent of a rehearsal does this".to_owned());
        state.repair_outcome(order.machine, order.order, outcome)
    });
    refused.or_else(|| state.propose_repairs(now, super::clock_at(now.0)))
}
