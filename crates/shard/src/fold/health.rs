//! What leaders found out about the health of machines. A verdict takes no machine out of supply: while the rail lets verdicts
//! act, it begins a repair, or ends one.

use std::sync::Arc;

use argosy_model::MachineIx;

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
        let updates = kept.map_or(0, |kept| kept.updates);
        let is_sound = update.record.len() <= MAX_HEALTH_RECORD && update.verdict.reason.len() <= MAX_HEALTH_REASON;
        if updates != update.base || !is_sound {
            return false;
        }
        let before = kept.map(|kept| kept.verdict.clone());
        let kept = KeptHealth { updates: updates + 1, record: update.record, verdict: update.verdict };
        self.note_verdict(ix, before.as_ref(), &kept.verdict);
        self.state.health.machines.insert(ix, Arc::new(kept));
        self.verdict_to_repair(ix);
        true
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
        if on {
            let machines: Vec<MachineIx> = self.state.health.machines.keys().copied().collect();
            machines.into_iter().for_each(|ix| self.verdict_to_repair(ix));
        } else {
            self.stand_down();
        }
        self.audit(format!("health verdicts {}", if on { "act" } else { "are only shown" }), by)
    }

    /// What stands in a machine's place now is another machine.
    pub(super) fn forget_health(&mut self, ix: MachineIx) {
        self.state.health.machines.remove(&ix);
    }
}
