//! What chance has in store: for calls, for transitions, for hosts.

use super::super::draw::{Draw, Purpose};
use super::super::slot::{End, Failure, Fate};
use super::World;
use crate::contract::Kind;

/// Parts per billion in a part per million.
const PPB: u64 = 1_000;

/// How a host is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Loss {
    Vanishes,
    GetsNotice,
}

impl World {
    /// A draw about the call that this machine is just receiving.
    pub(super) fn call_draw(&self, ix: u32, purpose: Purpose) -> Draw {
        let slot = self.slot(ix);
        Draw::new(self.seed, &slot.id, purpose, u64::from(slot.life.calls))
    }

    /// How the next transition of that kind will end. It depends on how many of its kind went before, not on how many calls it took to
    /// get there, so a lost acknowledgement does not change the machine's life.
    pub(super) fn draw_end(&self, ix: u32, kind: Kind, grace_ms: Option<u64>) -> Option<End> {
        let slot = self.slot(ix);
        let ordinal = u64::from(slot.life.round(kind)) << 2 | kind as u64;
        let draw = |purpose| Draw::new(self.seed, &slot.id, purpose, ordinal);
        if draw(Purpose::Stuck).hits(self.faults.stuck_ppm) {
            return None;
        }
        let (creates, faults) = (kind == Kind::Create, &self.faults);
        let failure_ppm = match kind {
            Kind::Create => faults.create_failure_ppm,
            Kind::Configure => faults.configure_failure_ppm,
            Kind::Drain => faults.drain_failure_ppm,
            Kind::Delete => faults.delete_failure_ppm,
        };
        let no_stock = creates && (slot.life.dry || draw(Purpose::StockOut).hits(faults.stock_out_ppm));
        let failure = match (no_stock, draw(Purpose::Failure).hits(failure_ppm)) {
            (true, _) => Some(Failure::StockOut),
            (false, true) => Some(Failure::Injected),
            (false, false) => None,
        };
        let took_ms = self.catalogue.latency.of(kind).sample(draw(Purpose::Latency));
        let took_ms = grace_ms.map_or(took_ms, |grace_ms| took_ms.min(grace_ms));
        Some(End { at_ms: self.now_ms.saturating_add(took_ms), failure })
    }

    /// When and how chance takes the host of a machine. Not stored but computed, so that a change of rates need not write a record for
    /// each host of the fleet: it counts from the later of the host's birth and the last change of rates.
    pub(super) fn loss(&self, ix: u32) -> Option<(u64, Loss)> {
        let slot = self.slot(ix);
        let life = &slot.life;
        if !life.host || matches!(life.fate, Some(Fate::Ends { .. })) {
            return None;
        }
        let (faults_since_ms, generation) = self.faults_since;
        let since_ms = life.host_since_ms.max(faults_since_ms);
        let ordinal = u64::from(life.round(Kind::Create)) << 32 | (generation & 0xffff_ffff);
        let time_to = |purpose, ppb| Draw::new(self.seed, &slot.id, purpose, ordinal).time_to(ppb);
        let vanishes = time_to(Purpose::Vanish, u64::from(self.faults.vanish_per_hour_ppm) * PPB);
        let interruption_ppb = self.places[slot.place as usize].interruption_ppb;
        let noticed =
            self.faults.spot_interruptions.then(|| time_to(Purpose::Interruption, interruption_ppb)).flatten();
        let vanishes = vanishes.map(|ms| (since_ms.saturating_add(ms), Loss::Vanishes));
        let noticed = noticed.map(|ms| (since_ms.saturating_add(ms), Loss::GetsNotice));
        [vanishes, noticed].into_iter().flatten().min_by_key(|(at_ms, _)| *at_ms)
    }

    /// When a slot whose host vanished now comes back.
    pub(super) fn returns_ms(&self) -> Option<u64> {
        (self.faults.return_ms > 0).then(|| self.now_ms.saturating_add(self.faults.return_ms))
    }

    /// When a machine that failed now is well again.
    pub(super) fn repaired_ms(&self) -> Option<u64> {
        (self.faults.repair_ms > 0).then(|| self.now_ms.saturating_add(self.faults.repair_ms))
    }
}
