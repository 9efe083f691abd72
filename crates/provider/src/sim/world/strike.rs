//! Striking many machines at once: a zone without stock, a rack that burns, a wave of interruptions.

use argosy_model::State;
use argosy_proto::argosy::v1::{Selector, strike_request};

use super::super::draw::{Draw, Purpose};
use super::super::slot::Fate;
use super::World;

impl World {
    /// Strikes what the selector selects, and says how many machines that were. `None` for a kind that is not known.
    pub(in super::super) fn strike(&mut self, kind: strike_request::Kind, selector: &Selector) -> Option<u64> {
        use strike_request::Kind;
        if kind == Kind::ExpireCursors {
            self.expire_cursors();
            return Some(0);
        }
        let all = 0..u32::try_from(self.slots.len()).expect("limited by the catalogue");
        let struck: Vec<_> = all.filter(|ix| self.selects(selector, *ix) && self.can_strike(kind, *ix)).collect();
        for ix in &struck {
            match kind {
                Kind::Vanish => self.vanish(*ix),
                Kind::Notice => self.give_notice(*ix),
                Kind::StockOut | Kind::Restock => {
                    // Nothing that a listing shows, so it gets no revision.
                    self.slots[*ix as usize].life.dry = kind == Kind::StockOut;
                    self.journal.slots.insert(*ix);
                }
                Kind::Unspecified | Kind::ExpireCursors => return None,
            }
        }
        Some(struck.len() as u64)
    }

    fn can_strike(&self, kind: strike_request::Kind, ix: u32) -> bool {
        let life = &self.slot(ix).life;
        match kind {
            strike_request::Kind::Vanish => life.host || life.state == State::Creating,
            strike_request::Kind::Notice => life.host && !matches!(life.fate, Some(Fate::Ends { .. })),
            _ => true,
        }
    }

    fn selects(&self, selector: &Selector, ix: u32) -> bool {
        let slot = self.slot(ix);
        let place = &self.places[slot.place as usize];
        let open_or = |wanted: &[String], value: &str| wanted.is_empty() || wanted.iter().any(|want| want == value);
        let drawn = || Draw::new(self.seed, &slot.id, Purpose::Selection, self.now_ms).hits(selector.share_ppm);
        open_or(&selector.machine_ids, &slot.id)
            && open_or(&selector.regions, &place.region)
            && open_or(&selector.zones, &place.zone)
            && open_or(&selector.offerings, &place.offering.name)
            && (selector.racks.is_empty() || open_or(&selector.racks, &place.rack_name(slot.rack)))
            && (selector.share_ppm == 0 || drawn())
    }
}
