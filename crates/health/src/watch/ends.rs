//! What ends a finding: time, silence, recovery, a reset, a boot, an operator.

use std::collections::BTreeSet;

use argosy_model::ShardTime;

use super::Watch;
use crate::class::{ActionClass, Health};
use crate::event::{Event, EventType, Metric, System, cut};
use crate::record::{Finding, Owed, Repair, Until};

impl Watch {
    /// When time alone ends a finding.
    pub(super) fn lapse(&self, (_, gpu): &(String, i32), finding: &Finding) -> Option<ShardTime> {
        match finding.until {
            Until::At(at) => Some(at),
            // Nobody reads the GPU any more: what its last reading said is no longer known.
            Until::Reading(_) => {
                let read = self.soft.read.get(gpu).copied().unwrap_or(finding.since);
                Some(read.plus(self.rules.stale_after))
            }
            Until::Recovered | Until::Reset | Until::Reboot | Until::Cleared => None,
        }
    }

    /// Ends what time has ended.
    pub(super) fn expire(&mut self) {
        let over: Vec<_> = self
            .record
            .findings
            .iter()
            .filter(|(key, finding)| self.lapse(key, finding).is_some_and(|at| at <= self.clock))
            .map(|(key, _)| key.clone())
            .collect();
        // What is due at the very moment at which it lapses has stood long enough.
        self.owe();
        for key in over {
            self.record.findings.remove(&key);
        }
    }

    /// Ends what an event ends.
    pub(super) fn end(&mut self, event: &Event) {
        match event.event_type {
            EventType::Boot => self.booted(event),
            EventType::GpuReset => self.reset(event.gpu_index),
            _ => self.recovered(event.gpu_index, event.system),
        }
    }

    /// An operator says that all is dealt with.
    pub(super) fn clear(&mut self) {
        self.record.findings.clear();
        self.record.tallies.clear();
        self.record.owed.clear();
        self.record.erring.clear();
        self.soft.held.clear();
        self.soft.failed.clear();
        self.soft.told = 0;
    }

    fn booted(&mut self, event: &Event) {
        if let Some(Metric::Text(boot)) = event.metrics.get("boot_id") {
            if *boot == self.record.boot {
                return;
            }
            self.record.boot = cut(boot, 64);
        }
        let is_repair = self.record.owed.values().any(|owed| owed.class <= ActionClass::RebootHost)
            || self.record.findings.values().any(wants_repair);
        if is_repair {
            self.record.repaired(Repair { at: self.clock, class: ActionClass::RebootHost, gpu: -1 });
        }
        self.record.findings.retain(|_, finding| finding.until == Until::Cleared);
        self.record.owed.retain(|_, owed| owed.class > ActionClass::RebootHost);
        self.soft.held.clear();
        self.soft.tallies.clear();
    }

    fn reset(&mut self, gpu: i32) {
        let is_meant = |of: i32| gpu < 0 || of == gpu;
        let is_over = |of: i32, finding: &Finding| {
            let waits = matches!(finding.until, Until::Reboot | Until::Cleared);
            is_meant(of) && !waits && finding.class <= ActionClass::ResetGpu
        };
        let is_paid = |of: i32, owed: &Owed| is_meant(of) && owed.class <= ActionClass::ResetGpu;
        let found = self.record.findings.iter().filter(|((_, of), one)| is_over(*of, one) && wants_repair(one));
        let owed = self.record.owed.iter().filter(|(of, owed)| is_paid(**of, owed));
        let repaired: BTreeSet<i32> = found.map(|((_, of), _)| *of).chain(owed.map(|(of, _)| *of)).collect();
        for of in repaired {
            self.record.repaired(Repair { at: self.clock, class: ActionClass::ResetGpu, gpu: of });
        }
        self.record.findings.retain(|(_, of), finding| !is_over(*of, finding));
        self.record.owed.retain(|of, owed| !is_paid(*of, owed));
    }

    fn recovered(&mut self, gpu: i32, system: System) {
        if system == System::Agent {
            self.heard_again();
        }
        self.record.findings.retain(|(_, of), finding| {
            let is_meant = (gpu < 0 || *of == gpu) && (system == System::Unknown || finding.system == system);
            !is_meant || matches!(finding.until, Until::Reset | Until::Reboot | Until::Cleared)
        });
    }

    /// Silence is the one fault that its own end disproves: what only it had the machine owe is owed no more.
    fn heard_again(&mut self) {
        let findings = &self.record.findings;
        let by_silence = |gpu: i32, owed: &Owed| {
            let finding = findings.get(&(owed.rule.clone(), gpu));
            finding.is_some_and(|one| one.system == System::Agent && one.until == Until::Recovered)
        };
        self.record.owed.retain(|gpu, owed| !by_silence(*gpu, owed));
    }
}

fn wants_repair(finding: &Finding) -> bool {
    finding.health == Health::Unhealthy && finding.class.condemns()
}
