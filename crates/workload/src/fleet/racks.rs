//! Racks with a capacity: slots fill one rack after the other.

/// Slots in one rack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RackSlots {
    /// The rack's name, unique in the fleet.
    pub name: String,
    /// Slots of the offering in it.
    pub slots: u64,
}

/// A row of racks of one instance type in one zone, filled from the front.
#[derive(Clone, Debug)]
pub(super) struct Row {
    prefix: String,
    per_rack: u64,
    used: u64,
}

impl Row {
    pub(super) fn new(zone: &str, instance_type: &str, per_rack: u64) -> Self {
        Self { prefix: format!("{zone}-{instance_type}-rack"), per_rack, used: 0 }
    }

    /// The next `slots` places, rack by rack.
    pub(super) fn take(&mut self, slots: u64) -> Vec<RackSlots> {
        let mut racks = Vec::new();
        let end = self.used + slots;
        while self.used < end {
            let rack = self.used / self.per_rack;
            let upto = end.min((rack + 1) * self.per_rack);
            racks.push(RackSlots { name: format!("{}-{rack}", self.prefix), slots: upto - self.used });
            self.used = upto;
        }
        racks
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_rack_is_filled_beyond_its_capacity_and_the_next_offering_goes_on_in_the_open_one() {
        let mut row = Row::new("eu-a", "m6i.large", 48);
        let sizes = |racks: Vec<RackSlots>| racks.into_iter().map(|rack| (rack.name, rack.slots)).collect::<Vec<_>>();
        let name = |n: u64| format!("eu-a-m6i.large-rack-{n}");
        assert_eq!(sizes(row.take(100)), [(name(0), 48), (name(1), 48), (name(2), 4)]);
        assert_eq!(sizes(row.take(50)), [(name(2), 44), (name(3), 6)]);
        assert_eq!(row.take(0), []);
    }
}
