//! What leaders found out about the health of machines, and what of it takes a machine out of supply.
//!
//! The flag on the machine is set here and only for a verdict that says unfit, while the rail lets verdicts act. A flag that an
//! administrator set by hand is none of this module's business, and is never cleared by it.

use std::sync::Arc;

use argosy_model::{Flags, MachineIx};

use super::Fold;
use crate::command::By;
use crate::health::{HealthPolicy, HealthUpdate, KeptHealth, MAX_HEALTH_POLICY, MAX_HEALTH_REASON, MAX_HEALTH_RECORD};
use crate::response::{Rejection, Response};

impl Fold<'_> {
    /// Takes each update whose base is what is kept, and says how many there were.
    pub(super) fn health(&mut self, updates: Vec<HealthUpdate>) -> Response {
        let (mut taken, mut late) = (0, 0);
        for update in updates {
            if self.health_update(update) {
                taken += 1;
            } else {
                late += 1;
            }
        }
        Response::Health { taken, late }
    }

    fn health_update(&mut self, update: HealthUpdate) -> bool {
        let Some(ix) = self.state.fleet.find(&update.machine) else { return false };
        let kept = self.state.health.machines.get(&ix);
        let (updates, flagged) = kept.map_or((0, false), |kept| (kept.updates, kept.flagged));
        let is_sound = update.record.len() <= MAX_HEALTH_RECORD && update.verdict.reason.len() <= MAX_HEALTH_REASON;
        if updates != update.base || !is_sound {
            return false;
        }
        let kept = KeptHealth { updates: updates + 1, record: update.record, verdict: update.verdict, flagged };
        self.state.health.machines.insert(ix, Arc::new(kept));
        self.flag_by_health(ix);
        true
    }

    /// Brings the machine's flag in line with its verdict.
    fn flag_by_health(&mut self, ix: MachineIx) {
        let acts = self.state.health.acts;
        let Some(kept) = self.state.health.machines.get(&ix) else { return };
        let wanted = acts && kept.verdict.unfit;
        let is_set = self.state.fleet.machine(ix).flags.has(Flags::UNHEALTHY);
        let flagged = kept.flagged;
        match (wanted, flagged) {
            // By hand already: whoever did it takes it back.
            (true, false) if is_set => {}
            (true, _) => self.flagged_by_health(ix, true),
            (false, true) => self.flagged_by_health(ix, false),
            (false, false) => {}
        }
    }

    fn flagged_by_health(&mut self, ix: MachineIx, on: bool) {
        self.set_flag(ix, Flags::UNHEALTHY, on);
        if let Some(kept) = self.state.health.machines.get_mut(&ix)
            && kept.flagged != on
        {
            Arc::make_mut(kept).flagged = on;
        }
    }

    pub(super) fn set_health_policy(&mut self, text: String, by: By) -> Result<Response, Rejection> {
        if text.len() > MAX_HEALTH_POLICY {
            return Err(Rejection::Setting { why: "the health policy is too long".into() });
        }
        let revision = self.index;
        let act = match text.is_empty() {
            true => "health policy: back to that of a new installation".to_owned(),
            false => format!("health policy of {} bytes", text.len()),
        };
        self.state.health.policy = (!text.is_empty()).then(|| Arc::new(HealthPolicy { text, revision }));
        Ok(self.audit(act, by))
    }

    pub(super) fn set_health_acts(&mut self, on: bool, by: By) -> Response {
        self.state.health.acts = on;
        let machines: Vec<MachineIx> = self.state.health.machines.keys().copied().collect();
        for ix in machines {
            self.flag_by_health(ix);
        }
        self.audit(format!("health verdicts {}", if on { "act" } else { "are only shown" }), by)
    }

    /// What stands in a machine's place now is another machine.
    pub(super) fn forget_health(&mut self, ix: MachineIx) {
        if self.state.health.machines.get(&ix).is_some_and(|kept| kept.flagged) {
            self.flagged_by_health(ix, false);
        }
        self.state.health.machines.remove(&ix);
    }
}
