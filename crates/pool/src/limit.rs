//! So many, or a share of all: `3` or `10%`.

use std::fmt;

use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::scalar::Percent;

/// Parts per million of a whole.
const WHOLE_PPM: u64 = 1_000_000;

/// So many machines, or a share of a domain's. Append-only: it lies in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// So many.
    Count(u32),
    /// A share of all.
    Share(Percent),
}

impl Limit {
    /// How many that is of a domain of some size, which is asked for a share only; a share is rounded up, so that a small domain is not
    /// locked for ever.
    #[must_use]
    pub fn of(self, size: impl FnOnce() -> u32) -> u32 {
        match self {
            Self::Count(count) => count,
            Self::Share(share) => {
                let machines = (u64::from(size()) * u64::from(share.ppm())).div_ceil(WHOLE_PPM);
                u32::try_from(machines).unwrap_or(u32::MAX)
            }
        }
    }

    fn read(text: &str) -> Option<Self> {
        let percent = text.strip_suffix('%')?.trim_end();
        percent.parse().ok().and_then(Percent::read).map(Self::Share)
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Count(count) => write!(f, "{count}"),
            Self::Share(share) => write!(f, "{}%", f64::from(share.ppm()) / 10_000.0),
        }
    }
}

impl Serialize for Limit {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match (to.is_human_readable(), self) {
            (true, Self::Count(count)) => to.serialize_u32(*count),
            (true, share @ Self::Share(_)) => to.collect_str(share),
            (false, Self::Count(count)) => (false, *count).serialize(to),
            (false, Self::Share(share)) => (true, share.ppm()).serialize(to),
        }
    }
}

impl<'de> Deserialize<'de> for Limit {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Text;
        impl Visitor<'_> for Text {
            type Value = Limit;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number of machines such as 3, or a share such as 10%")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Limit, E> {
                Limit::read(text).ok_or_else(|| E::invalid_value(de::Unexpected::Str(text), &self))
            }
            fn visit_u64<E: de::Error>(self, count: u64) -> Result<Limit, E> {
                let count = u32::try_from(count).map_err(|_| E::invalid_value(de::Unexpected::Unsigned(count), &self));
                count.map(Limit::Count)
            }
        }
        if from.is_human_readable() {
            return from.deserialize_any(Text);
        }
        let (is_share, amount) = <(bool, u32)>::deserialize(from)?;
        Ok(if is_share { Self::Share(Percent::from_ppm(amount)) } else { Self::Count(amount) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_rounded_up_and_nothing_stays_nothing() {
        let tenth = Limit::read("10%").expect("a share");
        assert_eq!([0, 1, 3, 10, 11].map(|size| tenth.of(|| size)), [0, 1, 1, 1, 2]);
        assert_eq!((Limit::Count(0).of(|| 99), Limit::read("0%").expect("a share").of(|| 99)), (0, 0));
        assert_eq!(Limit::read("12.5 %").map(|limit| limit.to_string()).as_deref(), Some("12.5%"));
        assert_eq!(["101%", "10", "%", "-1%"].map(Limit::read), [None; 4]);
    }
}
