//! The shapes of single values: names, numbers, durations, sizes, addresses, choices, and lists of them.

use std::fmt::Debug;
use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use toml::Spanned;
use toml::de::DeValue;

use super::problem::Code;
use super::shape::{Reading, Shape, closest, read_list, wrong_type};
use super::value::{CycleMode, Hold, HostPort, LogFormat, Name};

/// A value written as a TOML string and parsed by one function.
#[derive(Debug)]
pub(super) struct Text<T> {
    what: String,
    parse: fn(&str) -> Option<T>,
}

impl<T> Shape for Text<T> {
    type Out = T;
    fn describe(&self) -> String {
        self.what.clone()
    }
    fn read(&self, reading: &mut Reading, path: &str, value: &Spanned<DeValue<'_>>) -> Option<T> {
        let DeValue::String(text) = value.get_ref() else {
            return wrong_type(reading, path, value.span(), "a string", value.get_ref());
        };
        let out = (self.parse)(text);
        if out.is_none() {
            let message = format!("`{path}` cannot be {text:?}");
            reading.error(Code::BadValue, value.span(), message, format!("write {}", self.what));
        }
        out
    }
}

/// A [`Name`].
#[must_use]
pub(super) fn name() -> Text<Name> {
    Text { what: Name::RULE.to_owned(), parse: Name::parse }
}

/// A [`Name`] in lower case without dots and underscores, as data directories record it.
#[must_use]
pub(super) fn fleet_name() -> Text<Name> {
    let parse = |text: &str| {
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        Name::parse(text).filter(|name| name.as_str().bytes().all(plain))
    };
    Text {
        what: "a name of 1 to 63 of `a-z`, `0-9` and `-`, starting and ending with a letter or digit".to_owned(),
        parse,
    }
}

/// An address to dial.
#[must_use]
pub(super) fn host_port() -> Text<HostPort> {
    Text {
        what: "a host name or IP address with a port, such as \"eu-1.example:7780\"".to_owned(),
        parse: HostPort::parse,
    }
}

/// An address to listen on; port 0 lets the system choose.
#[must_use]
pub(super) fn listen_address() -> Text<SocketAddr> {
    Text { what: "an IP address with a port, such as \"0.0.0.0:7780\"".to_owned(), parse: |text| text.parse().ok() }
}

/// A path; a relative one is taken from the directory of the file it stands in.
#[must_use]
pub(super) fn path() -> Text<PathBuf> {
    let parse = |text: &str| (!text.is_empty() && !text.contains('\0')).then(|| PathBuf::from(text));
    Text { what: "a path".to_owned(), parse }
}

/// A non-empty piece of text of at most 256 bytes.
#[must_use]
pub(super) fn text() -> Text<String> {
    let parse = |text: &str| (1..=256).contains(&text.len()).then(|| text.to_owned());
    Text { what: "a text of 1 to 256 bytes".to_owned(), parse }
}

/// A filter of `tracing`: `info,argosy_raft=debug`.
#[must_use]
pub(super) fn log_filter() -> Text<String> {
    let parse = |text: &str| {
        tracing_subscriber::EnvFilter::try_new(text).ok().filter(|_| !text.is_empty()).map(|_| text.to_owned())
    };
    Text { what: "a filter such as \"info\" or \"info,argosy_raft=debug\"".to_owned(), parse }
}

/// `true` or `false`.
#[derive(Debug)]
pub(super) struct Flag;

/// `true` or `false`.
#[must_use]
pub(super) const fn flag() -> Flag {
    Flag
}

impl Shape for Flag {
    type Out = bool;
    fn describe(&self) -> String {
        "`true` or `false`".to_owned()
    }
    fn read(&self, reading: &mut Reading, path: &str, value: &Spanned<DeValue<'_>>) -> Option<bool> {
        match value.get_ref() {
            DeValue::Boolean(flag) => Some(*flag),
            other => wrong_type(reading, path, value.span(), "`true` or `false`", other),
        }
    }
}

/// A whole number within a range.
#[derive(Debug)]
pub(super) struct Whole<T> {
    range: RangeInclusive<T>,
}

/// A whole number from `min` to `max`.
#[must_use]
pub(super) const fn whole<T>(range: RangeInclusive<T>) -> Whole<T> {
    Whole { range }
}

impl<T: Copy + PartialOrd + ToString + TryFrom<i128>> Shape for Whole<T> {
    type Out = T;
    fn describe(&self) -> String {
        format!("a whole number from {} to {}", self.range.start().to_string(), self.range.end().to_string())
    }
    fn read(&self, reading: &mut Reading, path: &str, value: &Spanned<DeValue<'_>>) -> Option<T> {
        let DeValue::Integer(digits) = value.get_ref() else {
            return wrong_type(reading, path, value.span(), "a whole number", value.get_ref());
        };
        let number = i128::from_str_radix(digits.as_str(), digits.radix()).ok().and_then(|n| T::try_from(n).ok());
        let out = number.filter(|n| self.range.contains(n));
        if out.is_none() {
            let message = format!("`{path}` cannot be {digits}");
            reading.error(Code::BadValue, value.span(), message, format!("write {}", self.describe()));
        }
        out
    }
}

/// A quantity written as a string with a unit, within a range that is written the same way.
#[derive(Debug)]
pub(super) struct Measure<T> {
    what: &'static str,
    parse: fn(&str) -> Option<T>,
    min: &'static str,
    max: &'static str,
}

/// A duration from `min` to `max`, both written as a person would: `"250ms"`, `"10s"`, `"1h 30m"`.
#[must_use]
pub(super) const fn duration(min: &'static str, max: &'static str) -> Measure<Duration> {
    Measure { what: "duration", parse: parse_duration, min, max }
}

/// A size in bytes from `min` to `max`, both written as a person would: `"64KiB"`, `"16MiB"`.
#[must_use]
pub(super) const fn size(min: &'static str, max: &'static str) -> Measure<u64> {
    Measure { what: "size", parse: parse_size, min, max }
}

impl<T: Copy + PartialOrd> Shape for Measure<T> {
    type Out = T;
    fn describe(&self) -> String {
        format!("a {} from \"{}\" to \"{}\"", self.what, self.min, self.max)
    }
    fn read(&self, reading: &mut Reading, path: &str, value: &Spanned<DeValue<'_>>) -> Option<T> {
        let DeValue::String(text) = value.get_ref() else {
            let wanted = format!("a {} in quotes with its unit", self.what);
            return wrong_type(reading, path, value.span(), &wanted, value.get_ref());
        };
        let bound = |text| (self.parse)(text).unwrap_or_else(|| panic!("{text:?} is not a {}", self.what));
        let range = bound(self.min)..=bound(self.max);
        let out = (self.parse)(text).filter(|amount| range.contains(amount));
        if out.is_none() {
            let message = format!("`{path}` cannot be {text:?}");
            reading.error(Code::BadValue, value.span(), message, format!("write {}", self.describe()));
        }
        out
    }
}

fn parse_duration(text: &str) -> Option<Duration> {
    humantime::parse_duration(text).ok()
}

fn parse_size(text: &str) -> Option<u64> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).filter(|&at| at > 0)?;
    let unit: u64 = match &text[digits..] {
        "B" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        "TiB" => 1 << 40,
        _ => return None,
    };
    text[..digits].parse::<u64>().ok()?.checked_mul(unit)
}

/// A hold: `"never"` gives nothing back, a duration gives back after it.
#[must_use]
pub(super) fn hold() -> Text<Hold> {
    let parse = |text: &str| match text {
        "never" => Some(Hold::Forever),
        text => parse_duration(text).filter(|d| *d <= Duration::from_secs(365 * 86_400)).map(Hold::For),
    };
    Text {
        what: "\"never\", or a duration of at most \"365days\" after which the machine is given back".to_owned(),
        parse,
    }
}

/// One of a few words.
#[derive(Debug)]
pub(super) struct Choice<T: 'static> {
    words: &'static [(&'static str, T)],
}

/// One of `words`.
#[must_use]
pub(super) const fn choice<T: Copy>(words: &'static [(&'static str, T)]) -> Choice<T> {
    Choice { words }
}

/// The words for [`CycleMode`].
pub(super) const CYCLE_MODES: &[(&str, CycleMode)] = &[("clock", CycleMode::Clock), ("lockstep", CycleMode::Lockstep)];

/// The words for [`LogFormat`].
pub(super) const LOG_FORMATS: &[(&str, LogFormat)] = &[("text", LogFormat::Text), ("json", LogFormat::Json)];

impl<T: Copy + Debug> Shape for Choice<T> {
    type Out = T;
    fn describe(&self) -> String {
        let words: Vec<_> = self.words.iter().map(|(word, _)| format!("\"{word}\"")).collect();
        words.join(" or ")
    }
    fn read(&self, reading: &mut Reading, path: &str, value: &Spanned<DeValue<'_>>) -> Option<T> {
        let DeValue::String(text) = value.get_ref() else {
            return wrong_type(reading, path, value.span(), &self.describe(), value.get_ref());
        };
        if let Some((_, out)) = self.words.iter().find(|(word, _)| word == text) {
            return Some(*out);
        }
        let words: Vec<_> = self.words.iter().map(|(word, _)| *word).collect();
        let advice = match closest(text, &words) {
            Some(near) => format!("did you mean \"{near}\"?"),
            None => format!("write {}", self.describe()),
        };
        reading.error(Code::BadValue, value.span(), format!("`{path}` cannot be {text:?}"), advice);
        None
    }
}

/// A list of values of one shape.
#[derive(Debug)]
pub(super) struct List<S> {
    element: S,
    at_most: usize,
}

/// A list of at most `at_most` values.
#[must_use]
pub(super) const fn list<S: Shape>(element: S, at_most: usize) -> List<S> {
    List { element, at_most }
}

impl<S: Shape> Shape for List<S> {
    type Out = Vec<S::Out>;
    fn describe(&self) -> String {
        format!("a list of at most {}, each {}", self.at_most, self.element.describe())
    }
    fn read(&self, reading: &mut Reading, path: &str, value: &Spanned<DeValue<'_>>) -> Option<Vec<S::Out>> {
        read_list(reading, path, value, self.at_most, &self.element)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_needs_a_unit_and_cannot_overflow() {
        assert_eq!(parse_size("64KiB"), Some(65_536));
        assert_eq!(parse_size("0B"), Some(0));
        for bad in
            ["", "64", "KiB", "1kb", "1.5MiB", "-1B", "99999999999999999999B", "18446744073709551615KiB", "1 MiB"]
        {
            assert_eq!(parse_size(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_duration_needs_a_unit() {
        assert_eq!(parse_duration("250ms"), Some(Duration::from_millis(250)));
        assert_eq!(parse_duration("1m 30s"), Some(Duration::from_secs(90)));
        for bad in ["", "10", "s", "-1s", "99999999999999999999y"] {
            assert_eq!(parse_duration(bad), None, "{bad}");
        }
    }
}
