//! A rule's condition: CEL over one event, compiled once and limited in what it can cost.
//!
//! Everything is checked while the policy is loaded: that it parses, that it asks only for variables, fields and functions
//! that exist, and that the most it can cost stays below a bound ([`limits`]). So evaluation needs no meter, and ends. What can
//! still go wrong with an event (a metric that it lacks, a text compared with a number) is an error that the caller counts.

mod limits;
mod plain;
mod vars;

use std::panic::{AssertUnwindSafe, catch_unwind};

use cel::parser::{Expression, Parser};
use cel::{ExecutionError, Value};

pub use limits::{MAX_COST, MAX_DEPTH, MAX_PATTERN, MAX_SOURCE};
use plain::Plain;
pub use vars::Variables;

/// A condition that has been checked.
#[derive(Debug)]
pub struct Condition {
    source: String,
    expression: Expression,
    plain: Plain,
}

impl Condition {
    /// Compiles and checks a condition.
    ///
    /// # Errors
    /// What is wrong with it, in words, with line and column inside it where they are known.
    pub fn compile(source: &str) -> Result<Self, String> {
        if source.len() > MAX_SOURCE {
            return Err(format!("{} bytes, and {MAX_SOURCE} are allowed", source.len()));
        }
        // A parser that somebody else wrote reads what an operator typed: if it should ever panic, the policy is refused.
        let parsed = catch_unwind(|| Parser::new().max_recursion_depth(MAX_DEPTH).parse(source));
        let expression = match parsed {
            Ok(Ok(expression)) => expression,
            Ok(Err(errors)) => {
                let first = errors.errors.first();
                return Err(first.map_or_else(
                    || "does not parse".to_owned(),
                    |error| format!("line {}, column {} of it: {}", error.pos.0, error.pos.1, error.msg),
                ));
            }
            Err(_) => return Err("the parser gives up on it".to_owned()),
        };
        limits::check(&expression)?;
        let plain = Plain::of(&expression);
        Ok(Self { source: source.to_owned(), expression, plain })
    }

    /// The text that it was compiled from.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Whether it holds for an event.
    ///
    /// # Errors
    /// Why that cannot be said.
    pub fn holds(&self, variables: &Variables<'_>) -> Result<bool, String> {
        let plainly = self.plain.holds(variables.event, variables.resolution);
        plainly.map_or_else(|| self.interpret(variables), Ok)
    }

    fn interpret(&self, variables: &Variables<'_>) -> Result<bool, String> {
        let outcome = catch_unwind(AssertUnwindSafe(|| Value::resolve(&self.expression, variables.context())));
        match outcome {
            Ok(Ok(Value::Bool(holds))) => Ok(holds),
            Ok(Ok(other)) => Err(format!("its value is a {}, not true or false", other.type_of())),
            Ok(Err(ExecutionError::NoSuchKey(key))) => Err(format!("the event has no '{key}'")),
            Ok(Err(error)) => Err(crate::event::cut(&error.to_string(), 256)),
            Err(_) => Err("the interpreter gives up on it".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Event, EventType, Metric, System};

    fn holds(source: &str, event: &Event) -> Result<bool, String> {
        Condition::compile(source)?.holds(&Variables::of(event, None))
    }

    fn hot() -> Event {
        let metrics = [("temperature", Metric::Int(96)), ("power_watts", Metric::Float(612.5))];
        let metrics = metrics.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
        Event { event_type: EventType::Thermal, system: System::Thermal, metrics, gpu_index: 2, ..Event::default() }
    }

    #[test]
    fn the_variables_are_those_of_the_policies_of_navarch() {
        for source in [
            "event.event_type == 'thermal' && event.system == \"DCGM_HEALTH_WATCH_THERMAL\"",
            "has(event.metrics.temperature) && event.metrics.temperature >= 95",
            "event.metrics['temperature'] in [95, 96, // hot\n 97]",
            "event.metrics.power_watts > 600 && event.metrics.power_watts < 612.75",
            "!has(event.metrics.ecc_dbe_count) && event.gpu_index == 2",
            "event.message == '' && event.gpu_uuid == '' && event.timestamp == ''",
            "event.metrics.exists(name, name.startsWith('temp'))",
            "'abc'.matches('^a.c$') && int('7') == 7 && size(event.message) == 0",
            "xid.code == 0 && !xid.known",
            "true",
        ] {
            assert_eq!(holds(source, &hot()), Ok(true), "{source}");
        }
    }

    #[test]
    fn what_the_table_says_of_an_xid_can_be_asked() {
        let resolution = crate::table::resolve(&Event::xid(0, 79));
        let event = Event::xid(0, 79);
        let variables = Variables::of(&event, resolution.as_ref());
        let source = "xid.known && xid.code == 79 && xid.class == 'reboot-host' && xid.bucket == 'RESTART_BM'";
        assert_eq!(Condition::compile(source).and_then(|condition| condition.holds(&variables)), Ok(true));
    }

    #[test]
    fn an_error_is_told_and_never_taken_for_no() {
        let told = |source| holds(source, &hot()).expect_err("it cannot be said");
        assert_eq!(told("event.metrics.missing > 3"), "the event has no 'missing'");
        assert!(told("event.metrics.temperature").contains("not true or false"));
        assert!(told("event.metrics.temperature < 'x'").len() < 300);
        assert!(holds("1 / (event.gpu_index - 2) == 1", &hot()).is_err());
    }

    #[test]
    fn an_error_on_one_side_counts_only_where_it_matters() {
        assert_eq!(holds("event.event_type == 'xid' && event.metrics.missing > 3", &hot()), Ok(false));
        assert_eq!(holds("event.event_type == 'thermal' || event.metrics.missing > 3", &hot()), Ok(true));
    }

    #[test]
    fn what_does_not_exist_is_refused_while_loading() {
        for (source, said) in [
            ("event.event_typ == 'xid'", "event_typ"),
            ("evnt.event_type == 'xid'", "evnt"),
            ("xid.colour == 'red'", "colour"),
            ("now() > 3", "now"),
            ("event.message.reverse() == ''", "reverse"),
            ("event.event_type ==", "line 1"),
            ("event.message.matches('(')", "pattern"),
            ("event.message.matches(event.gpu_uuid)", "pattern"),
            ("", "line"),
        ] {
            let error = Condition::compile(source).expect_err(source);
            assert!(error.contains(said), "{source}: {error}");
        }
    }
}
