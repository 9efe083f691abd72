//! Scalars of scenario files: spans of time, chances, rates and texts. Integers inside, what people write outside.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, Deserialize, Deserializer, Visitor};
use serde::{Serialize, Serializer};

/// A span of time as Go writes it: `500ms`, `90s`, `1m30s`, `1.5h`. In milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span(pub u64);

/// Units, each in nanoseconds; a longer one before a shorter that it begins with.
const UNITS: [(&str, u64); 8] = [
    ("ns", 1),
    ("us", 1_000),
    ("µs", 1_000),
    ("μs", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("h", 3_600_000_000_000),
];
/// The longest span: a year.
const LONGEST_MS: u64 = 366 * 24 * 3_600 * 1_000;

impl Span {
    /// So many seconds.
    pub const fn seconds(seconds: u64) -> Self {
        Self(seconds * 1_000)
    }

    /// So many minutes.
    pub const fn minutes(minutes: u64) -> Self {
        Self::seconds(minutes * 60)
    }

    /// Reads what a person wrote.
    ///
    /// # Errors
    /// A sentence on what is wrong.
    pub fn read(text: &str) -> Result<Self, String> {
        let wrong = || format!("'{text}' is no span of time such as 500ms, 90s or 1m30s");
        if text == "0" {
            return Ok(Self(0));
        }
        let (mut rest, mut nanos) = (text, 0_u128);
        while !rest.is_empty() {
            let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').ok_or_else(wrong)?;
            let (number, tail) = rest.split_at(digits);
            let unit = UNITS.iter().find(|(unit, _)| {
                let after = tail.strip_prefix(unit);
                after.is_some_and(|after| !after.starts_with(|c: char| c.is_alphabetic()))
            });
            let (unit, scale) = unit.ok_or_else(wrong)?;
            nanos = nanos.saturating_add(scaled(number, *scale).ok_or_else(wrong)?);
            rest = &tail[unit.len()..];
        }
        let ms = u64::try_from((nanos + 500_000) / 1_000_000).unwrap_or(u64::MAX);
        match text.is_empty() {
            true => Err(wrong()),
            false if ms > LONGEST_MS => Err(format!("'{text}' is longer than a year")),
            false => Ok(Self(ms)),
        }
    }
}

/// A decimal number times a scale; `None` if it is no number.
fn scaled(number: &str, scale: u64) -> Option<u128> {
    let (whole, part) = number.split_once('.').unwrap_or((number, ""));
    if whole.is_empty() && part.is_empty() || part.len() > 12 {
        return None;
    }
    let parse = |digits: &str| if digits.is_empty() { Some(0_u128) } else { digits.parse::<u128>().ok() };
    let scale = u128::from(scale);
    let power = 10_u128.pow(u32::try_from(part.len()).ok()?);
    Some(parse(whole)?.checked_mul(scale)? + parse(part)? * scale / power)
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (ms, seconds) = (self.0 % 1_000, self.0 / 1_000);
        if ms > 0 {
            return if seconds > 0 { write!(f, "{seconds}.{ms:03}s") } else { write!(f, "{ms}ms") };
        }
        match (seconds / 3_600, seconds / 60 % 60, seconds % 60) {
            (0, 0, s) => write!(f, "{s}s"),
            (0, m, 0) => write!(f, "{m}m"),
            (0, m, s) => write!(f, "{m}m{s}s"),
            (h, 0, 0) => write!(f, "{h}h"),
            (h, m, 0) => write!(f, "{h}h{m}m"),
            (h, m, s) => write!(f, "{h}h{m}m{s}s"),
        }
    }
}

impl Serialize for Span {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let words = Words::deserialize(from)?;
        Self::read(&words.0).map_err(de::Error::custom)
    }
}

impl JsonSchema for Span {
    fn schema_name() -> Cow<'static, str> {
        "Span".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A span of time such as 500ms, 90s, 1m30s or 1.5h",
            "type": "string",
            "pattern": "^(0|([0-9]+(\\.[0-9]*)?(ns|us|µs|ms|s|m|h))+)$"
        })
    }
}

/// A chance or a share from 0 to 1, in parts per million.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Share(pub u32);

impl Share {
    /// The whole.
    pub const WHOLE: Self = Self(1_000_000);

    /// So much of a number, rounded down.
    pub fn of(self, number: usize) -> usize {
        let part = number as u128 * u128::from(self.0) / 1_000_000;
        usize::try_from(part).unwrap_or(number)
    }
}

impl Serialize for Share {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_f64(f64::from(self.0) / 1_000_000.0)
    }
}

impl<'de> Deserialize<'de> for Share {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let share = f64::deserialize(from)?;
        let parts = parts(share, 1_000_000.0).filter(|parts| *parts <= 1_000_000);
        let parts = parts.and_then(|parts| u32::try_from(parts).ok());
        parts.map(Self).ok_or_else(|| de::Error::custom(format!("{share} is not between 0 and 1")))
    }
}

impl JsonSchema for Share {
    fn schema_name() -> Cow<'static, str> {
        "Share".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "number", "minimum": 0, "maximum": 1 })
    }
}

/// A number that is not negative, in thousandths.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Milli(pub u64);

impl Serialize for Milli {
    #[expect(clippy::cast_precision_loss, reason = "far below what a double holds")]
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_f64(self.0 as f64 / 1_000.0)
    }
}

impl<'de> Deserialize<'de> for Milli {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let number = f64::deserialize(from)?;
        let milli = parts(number, 1_000.0).filter(|milli| *milli <= 1_000_000_000);
        milli.map(Self).ok_or_else(|| de::Error::custom(format!("{number} is not between 0 and 1,000,000")))
    }
}

impl JsonSchema for Milli {
    fn schema_name() -> Cow<'static, str> {
        "Number".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "number", "minimum": 0, "maximum": 1_000_000 })
    }
}

/// `number` in so many parts of a whole; `None` if it is negative, no number, or absurd.
fn parts(number: f64, of_a_whole: f64) -> Option<u64> {
    let scaled = (number * of_a_whole).round();
    // The range is checked first, so the cast neither wraps nor loses a sign.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "within 0 to 10^15")]
    (0.0..=1e15).contains(&scaled).then_some(scaled as u64)
}

/// A text; a number is taken as it is written.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Words(pub String);

impl<'de> Deserialize<'de> for Words {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Any;
        impl Visitor<'_> for Any {
            type Value = Words;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text or a number")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Words, E> {
                Ok(Words(text.to_owned()))
            }

            fn visit_u64<E: de::Error>(self, number: u64) -> Result<Words, E> {
                Ok(Words(number.to_string()))
            }

            fn visit_i64<E: de::Error>(self, number: i64) -> Result<Words, E> {
                Ok(Words(number.to_string()))
            }

            fn visit_f64<E: de::Error>(self, number: f64) -> Result<Words, E> {
                Ok(Words(number.to_string()))
            }
        }
        from.deserialize_any(Any)
    }
}

impl JsonSchema for Words {
    fn schema_name() -> Cow<'static, str> {
        "Words".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": ["string", "number"] })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_read_as_go_writes_them() {
        let read = |text: &str| Span::read(text).map(|span| span.0);
        let fine = [
            ("500ms", 500),
            ("90s", 90_000),
            ("1m30s", 90_000),
            ("1.5h", 5_400_000),
            ("0", 0),
            ("0s", 0),
            (".5s", 500),
            ("1h2m3s4ms", 3_723_004),
            ("1500us", 2),
        ];
        fine.into_iter().for_each(|(text, ms)| assert_eq!(read(text), Ok(ms), "{text}"));
        for text in ["", "5", "s", "5 s", "-5s", "5x", "1..2s", "1d", "90000h", "5sm"] {
            assert!(read(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_span_reads_back_as_it_is_written() {
        for ms in [0, 1, 500, 1_000, 1_500, 61_000, 90_500, 3_600_000, 3_661_000, 86_400_000] {
            assert_eq!(Span::read(&Span(ms).to_string()), Ok(Span(ms)));
        }
    }

    #[test]
    fn a_share_of_a_number_is_rounded_down() {
        assert_eq!([0, 9, 10, 312].map(|number| Share(200_000).of(number)), [0, 1, 2, 62]);
        assert_eq!(Share::WHOLE.of(7), 7);
    }
}
