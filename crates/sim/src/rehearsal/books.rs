//! The record of a run while it is being made: events, durations, money.

use std::collections::BTreeMap;

use super::layout::Site;
use super::record::{
    Cause, Durations, FailureKind, Happening, MachineEntry, MachineNumber, RunRecord, Sample, Tally, What,
};

/// Money that runs up with time, in micro-dollars an hour times milliseconds, so that nothing is lost to rounding.
#[derive(Clone, Copy, Debug, Default)]
struct Meter {
    rate: u64,
    since_ms: u64,
    run_up: u128,
}

impl Meter {
    fn change(&mut self, now_ms: u64, price: u64, on: bool) {
        self.run_up += u128::from(self.rate) * u128::from(now_ms - self.since_ms);
        self.since_ms = now_ms;
        self.rate = if on { self.rate + price } else { self.rate - price };
    }

    fn microusd(&self, now_ms: u64) -> u64 {
        let all = self.run_up + u128::from(self.rate) * u128::from(now_ms - self.since_ms);
        u64::try_from(all / 3_600_000).unwrap_or(u64::MAX)
    }
}

/// The record of a run while it is being made.
#[derive(Debug)]
pub(super) struct Books {
    /// What is done of it.
    pub(super) record: RunRecord,
    spent: Meter,
    wasted: Meter,
    /// From failure to verdict.
    pub(super) detect: Vec<u64>,
    /// From verdict or loss to replacement.
    pub(super) replace: Vec<u64>,
    /// From failure to mending.
    pub(super) repair: Vec<u64>,
    /// Fewest healthy machines since the start-up.
    least: Option<u32>,
    /// Invariants that were broken, each with how for the first time.
    pub(super) broken: BTreeMap<&'static str, String>,
}

impl Books {
    /// Of a run that begins.
    pub(super) fn new(record: RunRecord) -> Self {
        let (detect, replace, repair) = (Vec::new(), Vec::new(), Vec::new());
        Self {
            record,
            spent: Meter::default(),
            wasted: Meter::default(),
            detect,
            replace,
            repair,
            least: None,
            broken: BTreeMap::new(),
        }
    }

    /// Writes down that something happened.
    pub(super) fn note(&mut self, at_ms: u64, machine: Option<MachineNumber>, what: What) {
        self.count(&what);
        self.record.events.push(Happening { at_ms, machine, what });
    }

    fn count(&mut self, what: &What) {
        let tally = &mut self.record.tally;
        match what {
            What::Failed { kind, xid, cause, .. } => tally.failed(*kind, *xid, cause),
            What::Recovered { lasted_ms, .. } => {
                tally.recoveries += 1;
                self.repair.push(*lasted_ms);
            }
            What::Replaced { took_ms, .. } => {
                tally.replacements += 1;
                self.replace.push(*took_ms);
            }
            What::Verdict { rule, .. } if !rule.is_empty() => *tally.rules.entry(rule.clone()).or_default() += 1,
            What::Decided { action, reason, .. } => {
                tally.provisions += u32::from(action == "Provision");
                *tally.decisions.entry(format!("{action}/{reason}")).or_default() += 1;
            }
            What::Repair { class, state } => {
                tally.repaired += u32::from(state == "repaired");
                *tally.repairs.entry(format!("{class}/{state}")).or_default() += 1;
            }
            What::Held { on, .. } => tally.breakers_opened += u32::from(*on),
            What::Started { .. } => tally.started += 1,
            What::OutageBegan { .. } => tally.outages += 1,
            _ => {}
        }
    }

    /// An invariant was broken; only the first time counts.
    pub(super) fn breaks(&mut self, invariant: &'static str, how: impl FnOnce() -> String) {
        self.broken.entry(invariant).or_insert_with(how);
    }

    /// A machine costs from now on, or no longer.
    pub(super) fn pays(&mut self, now_ms: u64, price: u64, on: bool) {
        self.spent.change(now_ms, price, on);
    }

    /// A machine costs and is no supply from now on, or no longer.
    pub(super) fn wastes(&mut self, now_ms: u64, price: u64, on: bool) {
        self.wasted.change(now_ms, price, on);
    }

    /// Spent and wasted so far, in micro-dollars.
    pub(super) fn money(&self, now_ms: u64) -> (u64, u64) {
        (self.spent.microusd(now_ms), self.wasted.microusd(now_ms))
    }

    /// Counts the fleet for the timeline; the fewest healthy machines only once the start-up is over.
    pub(super) fn sample(&mut self, sample: Sample, is_started: bool) {
        let tally = &mut self.record.tally;
        tally.peak_healthy = tally.peak_healthy.max(sample.healthy);
        if is_started {
            let least = self.least.map_or(sample.healthy, |least| least.min(sample.healthy));
            self.least = Some(least);
            tally.min_healthy = least;
        }
        self.record.samples.push(sample);
    }

    /// Adds everything up.
    pub(super) fn close(&mut self, now_ms: u64) {
        let (cost, wasted) = self.money(now_ms);
        let tally = &mut self.record.tally;
        (tally.cost_microusd, tally.wasted_microusd) = (cost, wasted);
        tally.detect = Durations::of(std::mem::take(&mut self.detect));
        tally.detect_to_replace = Durations::of(std::mem::take(&mut self.replace));
        tally.repair = Durations::of(std::mem::take(&mut self.repair));
    }
}

impl Tally {
    fn failed(&mut self, kind: FailureKind, xid: Option<u32>, cause: &Cause) {
        self.failures += 1;
        *self.by_kind.entry(kind.name().to_owned()).or_default() += 1;
        if let Some(xid) = xid {
            *self.by_xid.entry(xid).or_default() += 1;
        }
        let why = match cause {
            Cause::Primary => "primary",
            Cause::Script => "script",
            Cause::Cascade { .. } => "cascade",
            Cause::Correlated { .. } => "correlated",
            Cause::Outage { .. } => "outage",
        };
        self.cascades += u32::from(why == "cascade");
        *self.by_cause.entry(why.to_owned()).or_default() += 1;
    }
}

/// A machine as a record has it.
pub(super) fn entry(site: &Site, price_microusd_per_hour: u64) -> MachineEntry {
    let node = &site.node;
    MachineEntry {
        id: node.id.clone(),
        provider: node.provider.clone(),
        region: node.region.clone(),
        zone: node.zone.clone(),
        rack: site.rack.clone(),
        template: site.template.clone(),
        instance_type: node.instance_type.clone(),
        gpu_type: node.gpu_type.clone(),
        gpus: node.gpu_count,
        price_microusd_per_hour,
        spare: site.spare,
    }
}
