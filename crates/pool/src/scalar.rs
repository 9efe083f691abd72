//! Scalars of pool files: percentages and spans of time. Integers inside, what people write outside.

use std::fmt;
use std::str::FromStr;

use argosy_model::Duration;
use jiff::SignedDuration;
use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A share of a whole, in parts per million: 85 % is 850,000. It may lie above the whole, as a forecast does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Percent(u32);

impl Percent {
    /// Nothing.
    pub const ZERO: Self = Self(0);
    /// The whole.
    pub const WHOLE: Self = Self(1_000_000);
    const PPM: u32 = 10_000;

    /// A share of so many whole percent.
    #[must_use]
    pub const fn whole(percent: u32) -> Self {
        Self(percent.saturating_mul(Self::PPM))
    }

    /// A share of so many parts per million.
    #[must_use]
    pub const fn from_ppm(ppm: u32) -> Self {
        Self(ppm)
    }

    /// In parts per million.
    #[must_use]
    pub const fn ppm(self) -> u32 {
        self.0
    }

    /// What a person or a metric wrote, such as 87.5; `None` unless it is a number from 0 to 100.
    #[must_use]
    pub fn read(percent: f64) -> Option<Self> {
        // The range is checked first, so the cast neither wraps nor loses a sign.
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "within 0 to 1,000,000")]
        (0.0..=100.0).contains(&percent).then(|| Self((percent * f64::from(Self::PPM)).round() as u32))
    }
}

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tenths = (self.0 + 500) / 1_000;
        match tenths % 10 {
            0 => write!(f, "{} %", tenths / 10),
            rest => write!(f, "{}.{rest} %", tenths / 10),
        }
    }
}

impl Serialize for Percent {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match to.is_human_readable() {
            true if self.0.is_multiple_of(Self::PPM) => to.serialize_u32(self.0 / Self::PPM),
            true => to.serialize_f64(f64::from(self.0) / f64::from(Self::PPM)),
            false => to.serialize_u32(self.0),
        }
    }
}

impl<'de> Deserialize<'de> for Percent {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        if !from.is_human_readable() {
            return u32::deserialize(from).map(Self);
        }
        let percent = f64::deserialize(from)?;
        Self::read(percent).ok_or_else(|| de::Error::custom(format!("{percent} is not a percentage from 0 to 100")))
    }
}

/// A span of time; in files `90s`, `5m`, `1h30m`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span(pub Duration);

impl Span {
    /// A span of whole minutes.
    #[must_use]
    pub const fn minutes(minutes: u64) -> Self {
        Self(Duration::from_secs(minutes * 60))
    }

    pub(crate) fn read(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text:?} is not a span of time; write it as 90s, 5m or 1h30m");
        let span = SignedDuration::from_str(text).map_err(|_| wrong())?;
        u64::try_from(span.as_millis()).map(|ms| Self(Duration(ms))).map_err(|_| wrong())
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = self.0.0;
        if !ms.is_multiple_of(1_000) {
            return write!(f, "{ms}ms");
        }
        let (hours, minutes, seconds) = (ms / 3_600_000, ms / 60_000 % 60, ms / 1_000 % 60);
        let part = |f: &mut fmt::Formatter<'_>, n: u64, unit: &str| if n > 0 { write!(f, "{n}{unit}") } else { Ok(()) };
        part(f, hours, "h")?;
        part(f, minutes, "m")?;
        if ms == 0 { f.write_str("0s") } else { part(f, seconds, "s") }
    }
}

impl Serialize for Span {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        if to.is_human_readable() { to.collect_str(self) } else { to.serialize_u64(self.0.0) }
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Text;
        impl Visitor<'_> for Text {
            type Value = Span;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a span of time such as 90s, 5m or 1h30m")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Span, E> {
                Span::read(text).map_err(E::custom)
            }
        }
        if !from.is_human_readable() {
            return u64::deserialize(from).map(|ms| Self(Duration(ms)));
        }
        from.deserialize_str(Text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_is_written_as_it_was_read() {
        for text in ["0s", "90ms", "30s", "5m", "1m30s", "2h", "1h30m", "1h5s"] {
            assert_eq!(Span::read(text).expect(text).to_string(), text);
        }
        for text in ["", "5", "-5m", "5 parsecs"] {
            assert!(Span::read(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_percentage_outside_the_whole_is_refused() {
        assert_eq!(Percent::read(87.5), Some(Percent::from_ppm(875_000)));
        assert_eq!([-0.1, 100.1, f64::NAN, f64::INFINITY].map(Percent::read), [None; 4]);
        assert_eq!(Percent::from_ppm(875_000).to_string(), "87.5 %");
        assert_eq!(Percent::whole(80).to_string(), "80 %");
    }
}
