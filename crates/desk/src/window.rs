//! One point of a pool's utilisation from many machines' samples: the mean over the machines that said something within a window.
//!
//! A machine that speaks often counts as much as one that speaks seldom. A window in which fewer than half of the pool's machines spoke
//! gives no point: what a few say is no word about all, and a policy that cannot see holds.

use std::collections::BTreeMap;

use argosy_model::{Duration, MachineIx, ShardTime};
use argosy_pool::Percent;

/// Shortest window: as long as the time between two looks at all pools.
const SHORTEST: Duration = Duration::from_secs(10);
/// Longest window: agents that speak less often are not heard together.
const LONGEST: Duration = Duration::from_secs(60);

/// What machines have said since the last point.
#[derive(Debug, Default)]
pub(crate) struct Window {
    opened: Option<ShardTime>,
    /// For each machine the sum of what it said, in parts per million, and how often it spoke.
    machines: BTreeMap<MachineIx, (u64, u32)>,
    /// Of how many machines how many spoke, when the last window gave no point.
    short: Option<(usize, u32)>,
}

impl Window {
    /// Takes in what a machine says.
    pub(crate) fn take(&mut self, machine: MachineIx, utilisation: Percent, at: ShardTime) {
        self.opened.get_or_insert(at);
        let said = self.machines.entry(machine).or_default();
        *said = (said.0 + u64::from(utilisation.ppm()), said.1.saturating_add(1));
    }

    /// The mean over the machines that spoke, once enough of `ready` machines did.
    pub(crate) fn close(&mut self, at: ShardTime, ready: u32) -> Option<Percent> {
        let open = at.since(self.opened?);
        if open < SHORTEST {
            return None;
        }
        let spoke = self.machines.len();
        let enough = spoke * 2 >= ready as usize;
        if !enough && open < LONGEST {
            return None;
        }
        let means = self.machines.values().map(|(sum, count)| sum / u64::from(*count).max(1));
        let mean = means.sum::<u64>() / (spoke as u64).max(1);
        let short = (!enough).then_some((spoke, ready));
        *self = Self { short, ..Self::default() };
        enough.then(|| Percent::from_ppm(u32::try_from(mean).unwrap_or(u32::MAX)))
    }

    /// What is missing, if the last window gave no point.
    pub(crate) fn shortage(&self) -> Option<String> {
        self.short.map(|(spoke, ready)| format!("agents of {spoke} of {ready} machines speak, fewer than half"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn take(window: &mut Window, machine: usize, percent: u32, at: u64) {
        window.take(MachineIx::from_index(machine), Percent::whole(percent), ShardTime(at));
    }

    #[test]
    fn every_machine_counts_once_however_often_it_speaks() {
        let mut window = Window::default();
        (0..5).for_each(|second| take(&mut window, 1, 100, second * 1_000));
        take(&mut window, 2, 0, 4_000);
        assert_eq!(window.close(ShardTime(9_999), 2), None, "it is open for another moment");
        assert_eq!(window.close(ShardTime(10_000), 2), Some(Percent::whole(50)));
        assert_eq!(window.close(ShardTime(30_000), 2), None, "nobody has spoken since");
    }

    #[test]
    fn fewer_than_half_say_nothing_about_all() {
        let mut window = Window::default();
        take(&mut window, 1, 90, 0);
        assert_eq!(window.close(ShardTime(20_000), 3), None);
        take(&mut window, 2, 70, 25_000);
        assert_eq!(window.close(ShardTime(30_000), 3), Some(Percent::whole(80)), "agents that speak every half minute");
        take(&mut window, 1, 90, 40_000);
        assert_eq!((window.close(ShardTime(100_000), 3), window.shortage().is_some()), (None, true));
        take(&mut window, 1, 10, 101_000);
        take(&mut window, 2, 10, 101_000);
        assert_eq!(window.close(ShardTime(111_000), 3), Some(Percent::whole(10)), "what was said before is forgotten");
        assert_eq!(window.shortage(), None);
    }
}
