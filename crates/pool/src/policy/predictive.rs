//! Predictive: where utilisation is heading decides, before it is there.

use serde::{Deserialize, Serialize};

use super::{Metric, Policy, Reason, Wish};
use crate::specification::Bounds;
use crate::{Fault, Percent, Reading, series};

/// Extends the change over the last points of the pool's utilisation. What it expects is
/// `last + (last - first) * growth_factor_percent / 100`; above `act_above_percent` the pool is sized so that the load of
/// that moment would show `aim_at_percent`. It only grows a pool; shrinking is the fallback's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Predictive {
    /// Points looked at.
    pub lookback_points: u32,
    /// How far ahead: 100 extends the change once, 120 a fifth further.
    pub growth_factor_percent: u32,
    /// Above this expectation, grow.
    pub act_above_percent: Percent,
    /// The utilisation to size for.
    pub aim_at_percent: Percent,
    /// What decides otherwise.
    pub fallback: Option<Box<Policy>>,
}

impl Default for Predictive {
    fn default() -> Self {
        Self {
            lookback_points: 10,
            growth_factor_percent: 120,
            act_above_percent: Percent::whole(80),
            aim_at_percent: Percent::whole(70),
            fallback: None,
        }
    }
}

impl Predictive {
    pub(super) fn wish(&self, now: &Reading<'_>, size: u32, bounds: Bounds) -> Wish {
        let points = now.utilisation.last(self.lookback_points as usize, now.at, now.stale_after);
        let Some((first, last)) = points.as_deref().and_then(|points| points.first().zip(points.last())) else {
            return match &self.fallback {
                Some(policy) => policy.wish(now, size, bounds),
                None => Wish::blind(size, Metric::Trend, bounds),
            };
        };
        let (seen, expected) = (*last, self.expected(*first, *last));
        if expected > self.act_above_percent {
            // Rounded up: one machine at 85 % needs a second one.
            let load = u64::from(now.ready) * u64::from(expected.ppm());
            let wanted = load.div_ceil(u64::from(self.aim_at_percent.ppm().max(1)));
            let wanted = u32::try_from(wanted).unwrap_or(u32::MAX).max(size);
            return Wish::new(wanted, Reason::Forecast { seen, expected }, bounds);
        }
        match &self.fallback {
            Some(policy) => policy.wish(now, size, bounds),
            None => Wish::new(size, Reason::Calm { expected }, bounds),
        }
    }

    fn expected(&self, first: Percent, last: Percent) -> Percent {
        let change = i64::from(last.ppm()) - i64::from(first.ppm());
        let ahead = i64::from(last.ppm()) + change * i64::from(self.growth_factor_percent) / 100;
        Percent::from_ppm(u32::try_from(ahead.max(0)).unwrap_or(u32::MAX))
    }

    pub(super) fn check(&self) -> Result<(), Fault> {
        if !(2..=series::MAX_POINTS).contains(&(self.lookback_points as usize)) {
            let what = format!("a trend needs 2 to {} points", series::MAX_POINTS);
            return Err(Fault::new("predictive.lookback_points", what));
        }
        if self.aim_at_percent == Percent::ZERO || self.aim_at_percent > self.act_above_percent {
            let what = "the utilisation to size for must lie above 0 and not above `act_above_percent`";
            return Err(Fault::new("predictive.aim_at_percent", what));
        }
        if self.growth_factor_percent > 1_000 {
            return Err(Fault::new("predictive.growth_factor_percent", "more than 1,000 % extends noise, not a trend"));
        }
        Ok(())
    }
}
