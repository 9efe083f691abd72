//! Composite: several policies as one.

use serde::{Deserialize, Serialize};

use super::{Policy, Reason, Wish};
use crate::specification::Bounds;
use crate::{Fault, Reading};

/// Most members of one composite.
const MAX_POLICIES: usize = 8;

/// Which of its members' wishes wins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// The largest.
    #[default]
    Max,
    /// The smallest.
    Min,
    /// Their mean, rounded up.
    Avg,
}

/// Several policies as one. A member that cannot see votes for the present size, and while there is one the result is
/// not below that.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Composite {
    /// Which wish wins.
    #[serde(default)]
    pub mode: Mode,
    /// The members.
    pub policies: Vec<Policy>,
}

impl Composite {
    pub(super) fn wish(&self, now: &Reading<'_>, size: u32, bounds: Bounds) -> Wish {
        let wishes: Vec<Wish> = self.policies.iter().map(|policy| policy.wish(now, size, bounds)).collect();
        let blind = wishes.iter().any(|wish| wish.blind);
        // Clamped to its own bounds first: outside its window a member must not drag the others along.
        let sized = wishes.into_iter().map(|wish| (wish.size.clamp(wish.bounds.min, wish.bounds.max), wish));
        let chosen = match self.mode {
            Mode::Max => sized.max_by_key(|(wanted, _)| *wanted),
            Mode::Min => sized.min_by_key(|(wanted, _)| *wanted),
            Mode::Avg => mean(&sized.collect::<Vec<_>>(), bounds),
        };
        let Some((wanted, wish)) = chosen else { return Wish::new(size, Reason::Fixed, bounds) };
        Wish { size: if blind { wanted.max(size) } else { wanted }, blind, ..wish }
    }

    pub(super) fn check(&self) -> Result<(), Fault> {
        if self.policies.is_empty() || self.policies.len() > MAX_POLICIES {
            return Err(Fault::new("composite.policies", format!("a composite has 1 to {MAX_POLICIES} policies")));
        }
        Ok(())
    }
}

fn mean(sized: &[(u32, Wish)], bounds: Bounds) -> Option<(u32, Wish)> {
    let count = u32::try_from(sized.len()).ok().filter(|count| *count > 0)?;
    let sum: u64 = sized.iter().map(|(wanted, _)| u64::from(*wanted)).sum();
    let wanted = u32::try_from(sum.div_ceil(u64::from(count))).unwrap_or(u32::MAX);
    Some((wanted, Wish::new(wanted, Reason::Mean { policies: count }, bounds)))
}
