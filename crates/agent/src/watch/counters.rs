//! One device's counters and states, from one sample to the next.
//!
//! A counter that fell was reset with the driver or the device: what it shows now is new. A query that had no answer leaves the last one.

use std::collections::BTreeMap;

use argosy_proto::argosy::v1::{
    EventSource, GpuDevice, GpuSample, HealthEvent, HealthEventType as Type, HealthWatchSystem as System,
};
use serde::{Deserialize, Serialize};

use super::Thresholds;
use crate::event::Draft;
use crate::gpu::throttle_names;

/// Clocks held down by heat or by the power supply: never normal. The others come and go with the load.
const ALARMING_THROTTLE: u64 = 0x20 | 0x40 | 0x80;
/// The bit of the power brake among them.
const POWER_BRAKE: u64 = 0x80;

/// What the last samples said.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Counters {
    ecc_corrected: u64,
    ecc_uncorrected: u64,
    remap: (u32, u32, bool, bool),
    retired: (u32, u32, bool),
    links: BTreeMap<u32, (bool, u64)>,
    replays: u64,
    narrow: bool,
    /// How many of the temperature's thresholds have been reached.
    heat: usize,
    throttle: u64,
    recovery_action: i32,
    /// When noise was last told, by what makes it.
    told: BTreeMap<String, u64>,
}

impl Counters {
    /// Where a device begins that was never sampled in this boot: noise that is there counts as old, damage as news.
    pub(super) fn first(sample: &GpuSample) -> Self {
        let remap = sample.row_remap.unwrap_or_default();
        Self {
            ecc_corrected: sample.ecc_volatile.and_then(|ecc| ecc.corrected).unwrap_or(0),
            remap: (remap.corrected, remap.uncorrected, false, false),
            retired: (sample.retired_pages_sbe.unwrap_or(0), sample.retired_pages_dbe.unwrap_or(0), false),
            links: sample.nvlinks.iter().map(|link| (link.link, (link.active, errors(link)))).collect(),
            replays: sample.pcie_replays.unwrap_or(0),
            ..Self::default()
        }
    }

    /// Goes on to the next sample, and tells what is new in it.
    pub(super) fn advance(
        mut self,
        device: &GpuDevice,
        sample: &GpuSample,
        thresholds: &Thresholds,
        now_ms: u64,
        events: &mut Vec<HealthEvent>,
    ) -> Self {
        let mut tell = |draft: Draft| events.push(draft.device(device).done());
        self.ecc(sample, thresholds, now_ms, &mut tell);
        self.remap(sample, &mut tell);
        self.links(sample, thresholds, now_ms, &mut tell);
        self.bus(device, sample, thresholds, now_ms, &mut tell);
        self.heat(sample, thresholds, &mut tell);
        self.throttle(sample, &mut tell);
        self.recovery(sample, &mut tell);
        self
    }

    /// Whether noise of this kind may be told again; remembers that it is.
    fn may_tell(&mut self, what: &str, thresholds: &Thresholds, now_ms: u64) -> bool {
        let due = self.told.get(what).is_none_or(|last| now_ms.saturating_sub(*last) >= thresholds.noise_interval_ms);
        if due {
            self.told.insert(what.to_owned(), now_ms);
        }
        due
    }

    fn ecc(&mut self, sample: &GpuSample, thresholds: &Thresholds, now_ms: u64, tell: &mut impl FnMut(Draft)) {
        let Some(ecc) = sample.ecc_volatile else { return };
        if let Some(count) = ecc.uncorrected {
            let delta = grown(&mut self.ecc_uncorrected, count);
            if delta > 0 {
                let draft = draft(Type::EccDbe, System::Mem).message(&format!("{delta} new uncorrected memory errors"));
                tell(draft.metric("ecc_dbe_count", count).metric("ecc_dbe_delta", delta));
            }
        }
        if let Some(count) = ecc.corrected {
            let more = if count < self.ecc_corrected { count } else { count - self.ecc_corrected };
            if more > 0 && self.may_tell("ecc_sbe", thresholds, now_ms) {
                let delta = grown(&mut self.ecc_corrected, count);
                let draft = draft(Type::EccSbe, System::Mem).message(&format!("{delta} new corrected memory errors"));
                tell(draft.metric("ecc_sbe_count", count).metric("ecc_sbe_delta", delta));
            }
        }
    }

    fn remap(&mut self, sample: &GpuSample, tell: &mut impl FnMut(Draft)) {
        if let Some(remap) = sample.row_remap {
            let now = (remap.corrected, remap.uncorrected, remap.pending, remap.failure);
            if std::mem::replace(&mut self.remap, now) != now {
                let draft = draft(Type::RowRemap, System::Mem).message("rows of memory were remapped, or could not be");
                let draft = draft.metric("row_remap_correctable", remap.corrected);
                let draft = draft.metric("row_remap_uncorrectable", remap.uncorrected);
                tell(draft.metric("row_remap_pending", remap.pending).metric("row_remap_failure", remap.failure));
            }
        }
        if let (Some(sbe), Some(dbe)) = (sample.retired_pages_sbe, sample.retired_pages_dbe) {
            let pending = sample.retirement_pending.unwrap_or(self.retired.2);
            let now = (sbe, dbe, pending);
            if std::mem::replace(&mut self.retired, now) != now {
                let draft = draft(Type::Memory, System::Mem).message("pages of memory were retired, or wait for it");
                let draft = draft.metric("retired_pages_sbe", sbe).metric("retired_pages_dbe", dbe);
                tell(draft.metric("retirement_pending", pending));
            }
        }
    }

    fn links(&mut self, sample: &GpuSample, thresholds: &Thresholds, now_ms: u64, tell: &mut impl FnMut(Draft)) {
        for link in &sample.nvlinks {
            let (mut was, mut counted) = self.links.get(&link.link).copied().unwrap_or((link.active, errors(link)));
            if was != link.active {
                let (kind, word) = if link.active { (Type::Recovered, "up again") } else { (Type::Nvlink, "down") };
                let draft = draft(kind, System::Nvlink).message(&format!("NVLink {} is {word}", link.link));
                tell(draft.metric("nvlink_link", link.link).metric("nvlink_active", link.active));
                was = link.active;
            }
            let total = errors(link);
            if total != counted && self.may_tell(&format!("nvlink_{}", link.link), thresholds, now_ms) {
                let delta = grown(&mut counted, total);
                if delta > 0 {
                    let text = format!("{delta} new errors on NVLink {}", link.link);
                    let draft = draft(Type::Nvlink, System::Nvlink).message(&text).metric("nvlink_link", link.link);
                    tell(draft.metric("nvlink_errors", total).metric("nvlink_errors_delta", delta));
                }
            }
            self.links.insert(link.link, (was, counted));
        }
    }

    fn bus(
        &mut self,
        device: &GpuDevice,
        sample: &GpuSample,
        thresholds: &Thresholds,
        now_ms: u64,
        tell: &mut impl FnMut(Draft),
    ) {
        if let Some(count) = sample.pcie_replays.filter(|count| *count != self.replays)
            && self.may_tell("pcie", thresholds, now_ms)
        {
            let delta = grown(&mut self.replays, count);
            if delta > 0 {
                let draft = draft(Type::Pcie, System::Pcie).message(&format!("{delta} new PCIe replays"));
                tell(draft.metric("pcie_replays", count).metric("pcie_replays_delta", delta));
            }
        }
        // The generation falls whenever a device idles; lanes do not go by themselves.
        if let (Some(width), Some(most)) = (sample.pcie_width, device.pcie_width_max) {
            let narrow = width < most;
            if narrow && !self.narrow {
                let text = format!("the PCIe link has {width} of {most} lanes");
                let draft = draft(Type::Pcie, System::Pcie).message(&text);
                tell(draft.metric("pcie_width", width).metric("pcie_width_max", most));
            }
            self.narrow = narrow;
        }
    }

    fn heat(&mut self, sample: &GpuSample, thresholds: &Thresholds, tell: &mut impl FnMut(Draft)) {
        let Some(degrees) = sample.temperature_celsius else { return };
        let levels = &thresholds.temperature_celsius;
        let reached = levels.iter().filter(|level| degrees >= **level).count();
        let told = |kind, text: &str| draft(kind, System::Thermal).message(text).metric("temperature", degrees);
        if reached > self.heat {
            tell(told(Type::Thermal, &format!("{degrees} degrees Celsius")));
            self.heat = reached;
        }
        let cool = levels.first().is_some_and(|first| degrees + thresholds.temperature_margin <= *first);
        if self.heat > 0 && cool {
            tell(told(Type::Recovered, &format!("cooled down to {degrees} degrees Celsius")));
            self.heat = 0;
        }
    }

    fn throttle(&mut self, sample: &GpuSample, tell: &mut impl FnMut(Draft)) {
        let Some(reasons) = sample.throttle_reasons else { return };
        let fresh = reasons & ALARMING_THROTTLE & !self.throttle;
        self.throttle = reasons;
        if fresh == 0 {
            return;
        }
        let system = if fresh & POWER_BRAKE == 0 { System::Thermal } else { System::Power };
        let text = format!("clocks are held down: {}", throttle_names(fresh).join(", "));
        let mut draft = draft(Type::Throttle, system).message(&text).metric("throttle_reasons", fresh);
        if let Some(milliwatts) = sample.power_milliwatts {
            draft = draft.metric("power_watts", f64::from(milliwatts) / 1_000.0);
        }
        if let Some(degrees) = sample.temperature_celsius {
            draft = draft.metric("temperature", degrees);
        }
        tell(draft);
    }

    fn recovery(&mut self, sample: &GpuSample, tell: &mut impl FnMut(Draft)) {
        let Some(action) = sample.recovery_action else { return };
        let before = std::mem::replace(&mut self.recovery_action, action);
        if before != action {
            let number = |action: i32| u32::try_from(action).unwrap_or(0);
            let text = format!("the driver's recovery action changed from {before} to {action}");
            let draft = draft(Type::RecoveryAction, System::Driver).message(&text);
            tell(draft.metric("recovery_action_before", number(before)).metric("recovery_action", number(action)));
        }
    }
}

fn draft(kind: Type, system: System) -> Draft {
    Draft::new(kind, system, EventSource::Sample)
}

/// How much a counter grew to `now`; from nothing, if it fell.
fn grown(counter: &mut u64, now: u64) -> u64 {
    let before = std::mem::replace(counter, now);
    if now < before { now } else { now - before }
}

fn errors(link: &argosy_proto::argosy::v1::NvLinkSample) -> u64 {
    let kinds = [link.replay_errors, link.recovery_errors, link.crc_flit_errors, link.crc_data_errors];
    kinds.into_iter().flatten().fold(0, u64::saturating_add)
}
