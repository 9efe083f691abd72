//! Windows of the week by a wall clock in a named time zone. A window may cross midnight; it belongs to the day it begins on.
//!
//! The time zone database is the one built into this release, so that every node reads the same rules. An hour that the
//! clock shows twice is in the window twice, and one that it skips is not in it: people mean what the clock on the wall says.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use jiff::civil::Weekday;
use jiff::tz::{TimeZone, TimeZoneDatabase};
use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

const MINUTES_A_DAY: u16 = 24 * 60;
const NAMES: [&str; 7] = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];

/// Days of the week.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Days(u8);

impl Days {
    /// The whole week.
    pub const ALL: Self = Self(0b111_1111);

    fn has(self, day: Weekday) -> bool {
        self.0 & (1 << day.to_monday_zero_offset()) != 0
    }

    /// Reads names of days: whole or their first three letters, in any case.
    ///
    /// # Errors
    /// In words, when one is no day, or there is none at all: leaving a list empty must not mean every day.
    pub fn read<'a>(names: impl IntoIterator<Item = &'a str>) -> Result<Self, String> {
        let mut days = 0;
        for name in names {
            let lower = name.to_lowercase();
            let found = NAMES.iter().position(|known| *known == lower || known[..3] == *lower);
            let day = found.ok_or_else(|| format!("{name:?} is no day of the week; write monday or mon"))?;
            days |= 1 << day;
        }
        if days == 0 {
            return Err("there is no day in the list; leave `days` out to mean every day".to_owned());
        }
        Ok(Self(days))
    }

    fn names(self) -> impl Iterator<Item = &'static str> {
        (0..7).filter(move |day| self.0 & (1 << day) != 0).map(|day| &NAMES[day][..3])
    }
}

impl Default for Days {
    fn default() -> Self {
        Self::ALL
    }
}

impl Serialize for Days {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        if to.is_human_readable() { to.collect_seq(self.names()) } else { to.serialize_u8(self.0) }
    }
}

impl<'de> Deserialize<'de> for Days {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        if from.is_human_readable() {
            let names = Vec::<String>::deserialize(from)?;
            return Self::read(names.iter().map(String::as_str)).map_err(de::Error::custom);
        }
        Ok(Self(u8::deserialize(from)? & Self::ALL.0))
    }
}

/// A time of the day to the minute; 24:00 is its end. In files `"18:30"`, or a whole hour such as `18`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TimeOfDay(u16);

impl TimeOfDay {
    /// Midnight at the day's begin.
    pub const BEGIN: Self = Self(0);
    /// Midnight at the day's end.
    pub const END: Self = Self(MINUTES_A_DAY);

    /// A whole hour of the day, up to 24.
    #[must_use]
    pub fn hour(hour: u64) -> Option<Self> {
        u16::try_from(hour).ok().filter(|hour| *hour <= 24).map(|hour| Self(hour * 60))
    }

    fn read(text: &str) -> Option<Self> {
        let (hour, minute) = text.split_once(':')?;
        let digits = |part: &str| {
            let fine = part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_digit());
            fine.then(|| part.parse::<u16>().ok()).flatten()
        };
        let (hour, minute) = (digits(hour)?, digits(minute).filter(|minute| *minute < 60)?);
        Some(Self(hour * 60 + minute)).filter(|time| *time <= Self::END)
    }
}

impl fmt::Display for TimeOfDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}:{:02}", self.0 / 60, self.0 % 60)
    }
}

impl Serialize for TimeOfDay {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        if to.is_human_readable() { to.collect_str(self) } else { to.serialize_u16(self.0) }
    }
}

impl<'de> Deserialize<'de> for TimeOfDay {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Clock;
        impl Visitor<'_> for Clock {
            type Value = TimeOfDay;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a time of the day from \"00:00\" to \"24:00\", or a whole hour")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<TimeOfDay, E> {
                TimeOfDay::read(text).ok_or_else(|| E::invalid_value(de::Unexpected::Str(text), &self))
            }
            fn visit_u64<E: de::Error>(self, hour: u64) -> Result<TimeOfDay, E> {
                TimeOfDay::hour(hour).ok_or_else(|| E::invalid_value(de::Unexpected::Unsigned(hour), &self))
            }
        }
        if from.is_human_readable() { from.deserialize_any(Clock) } else { u16::deserialize(from).map(Self) }
    }
}

/// A time zone by its name in the IANA database, such as `Europe/Berlin`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Zone(String);

impl Zone {
    /// The zone with this name.
    ///
    /// # Errors
    /// In words, when there is none.
    pub fn named(name: &str) -> Result<Self, String> {
        let unknown = |_| format!("{name:?} is no time zone; write a name such as Europe/Berlin, or UTC");
        TimeZoneDatabase::bundled().get(name).map(|_| Self(name.to_owned())).map_err(unknown)
    }

    fn rules(&self) -> TimeZone {
        // A name that a later release wrote into the log may be unknown here; the schedule then runs by UTC.
        TimeZoneDatabase::bundled().get(&self.0).unwrap_or(TimeZone::UTC)
    }
}

impl Default for Zone {
    fn default() -> Self {
        Self("UTC".to_owned())
    }
}

impl<'de> Deserialize<'de> for Zone {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let named = from.is_human_readable();
        let name = String::deserialize(from)?;
        if named { Self::named(&name).map_err(de::Error::custom) } else { Ok(Self(name)) }
    }
}

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A moment by a wall clock. Only schedules go by it, for a wall clock may jump.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Clock(Timestamp);

impl Clock {
    /// So many milliseconds after 1970-01-01T00:00:00Z; a moment outside the calendar is its nearest end.
    #[must_use]
    pub fn from_unix_ms(ms: i64) -> Self {
        let end = if ms < 0 { Timestamp::MIN } else { Timestamp::MAX };
        Self(Timestamp::from_millisecond(ms).unwrap_or(end))
    }

    /// Milliseconds after 1970-01-01T00:00:00Z.
    #[must_use]
    pub fn unix_ms(self) -> i64 {
        self.0.as_millisecond()
    }
}

impl FromStr for Clock {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = |_| format!("{text:?} is no moment; write it as 2026-11-22T09:00:00Z");
        text.parse().map(Self).map_err(wrong)
    }
}

/// What the clock on the wall shows in a zone.
#[derive(Clone, Copy, Debug)]
pub struct WallTime {
    today: Weekday,
    minute: u16,
}

impl WallTime {
    /// The wall time in `zone` at a moment.
    #[must_use]
    pub fn at(moment: Clock, zone: &Zone) -> Self {
        let shown = moment.0.to_zoned(zone.rules());
        let minute = i32::from(shown.hour()) * 60 + i32::from(shown.minute());
        Self { today: shown.weekday(), minute: u16::try_from(minute).unwrap_or(0) }
    }

    /// Whether it lies in the window that begins at `start` on each of `days` and ends at the next `end`.
    #[must_use]
    pub fn within(self, days: Days, start: TimeOfDay, end: TimeOfDay) -> bool {
        if start < end {
            return days.has(self.today) && (start.0..end.0).contains(&self.minute);
        }
        (days.has(self.today) && self.minute >= start.0)
            || (days.has(self.today.wrapping_sub(1)) && self.minute < end.0)
    }
}

/// A window of the week.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Window {
    /// The days on which it begins.
    #[serde(default)]
    pub days: Days,
    /// When it opens.
    pub start: TimeOfDay,
    /// When it closes; at or before `start` it is the next day.
    pub end: TimeOfDay,
    /// By the clock on the wall of this time zone.
    #[serde(default)]
    pub zone: Zone,
}

impl Window {
    /// Whether it is open at a moment.
    #[must_use]
    pub fn is_open(&self, wall: Clock) -> bool {
        WallTime::at(wall, &self.zone).within(self.days, self.start, self.end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wall(moment: &str, zone: &str) -> WallTime {
        WallTime::at(moment.parse().expect(moment), &Zone::named(zone).expect(zone))
    }

    fn time(text: &str) -> TimeOfDay {
        TimeOfDay::read(text).expect(text)
    }

    #[test]
    fn days_are_read_in_any_case_and_a_typing_error_never_widens_a_schedule() {
        assert_eq!(
            Days::read(["Monday", "TUE", "wed"]).map(|days| days.names().collect()),
            Ok(vec!["mon", "tue", "wed"])
        );
        assert!(Days::read(["mon", "tuesady"]).expect_err("no day").contains("tuesady"));
        assert!(Days::read([]).is_err(), "an empty list is not every day");
    }

    #[test]
    fn a_window_across_midnight_belongs_to_the_day_it_begins_on() {
        let (monday, start, end) = (Days::read(["mon"]).expect("a day"), time("22:00"), time("06:00"));
        let inside = |moment| wall(moment, "UTC").within(monday, start, end);
        // 2026-11-23 is a Monday.
        assert!(inside("2026-11-23T22:00:00Z") && inside("2026-11-24T05:59:59Z"));
        assert!(!inside("2026-11-23T21:59:59Z") && !inside("2026-11-24T06:00:00Z"));
        assert!(!inside("2026-11-23T05:00:00Z"), "Sunday's night is not Monday's window");
    }

    #[test]
    fn a_window_goes_by_the_clock_on_the_wall_of_its_zone() {
        let office = |moment| wall(moment, "Europe/Berlin").within(Days::ALL, time("09:00"), time("17:00"));
        assert!(office("2026-01-15T08:00:00Z") && !office("2026-01-15T07:59:00Z"), "winter is an hour ahead of UTC");
        assert!(office("2026-07-15T07:00:00Z") && !office("2026-07-15T15:00:00Z"), "summer is two");
    }

    #[test]
    fn an_hour_shown_twice_is_in_the_window_twice_and_a_skipped_one_is_not() {
        let night = |moment| wall(moment, "Europe/Berlin").within(Days::ALL, time("02:00"), time("03:00"));
        assert!(night("2026-10-25T00:30:00Z") && night("2026-10-25T01:30:00Z"), "both are half past two");
        assert!(!night("2026-03-29T00:59:00Z") && !night("2026-03-29T01:00:00Z"), "the clock goes from two to three");
    }

    #[test]
    fn times_and_zones_that_are_none_are_refused() {
        for text in ["9", "9:00", "24:01", "12:60", "noon", "+1:00"] {
            assert_eq!(TimeOfDay::read(text), None, "{text}");
        }
        assert_eq!(TimeOfDay::hour(24), Some(TimeOfDay::END));
        assert!(Zone::named("Mars/Olympus").is_err());
    }
}
