//! The checks of a condition while it is loaded: what it may ask for, and the most that it can cost.
//!
//! Cost is counted in steps of the interpreter, for the worst event there can be: a loop counts its body as often as its list
//! is long, or as an event may have metrics. Nothing in CEL runs longer than that, so a bound here is a bound at run time.

use cel::common::ast::{CallExpr, ComprehensionExpr, EntryExpr, Expr, IdedExpr, LiteralValue, SelectExpr, operators};

use super::vars::{EVENT_FIELDS, XID_FIELDS};
use crate::event::MAX_METRICS;

/// Longest condition, in bytes.
pub const MAX_SOURCE: usize = 4_096;
/// Deepest nesting.
pub const MAX_DEPTH: u16 = 48;
/// Most steps that a condition may need for one event.
pub const MAX_COST: u64 = 20_000;
/// Longest pattern of `matches`, in bytes.
pub const MAX_PATTERN: usize = 128;

/// Steps of an operation that reads a whole text.
const TEXT_COST: u64 = 16;
/// Steps of a search with a pattern: it is compiled every time.
const PATTERN_COST: u64 = 500;
/// Bytes that a compiled pattern may take.
const PATTERN_BYTES: usize = 32_768;

const FUNCTIONS: [&str; 11] =
    ["size", "contains", "startsWith", "endsWith", "matches", "int", "uint", "double", "string", "type", "dyn"];

const OPERATORS: [&str; 17] = [
    operators::CONDITIONAL,
    operators::LOGICAL_AND,
    operators::LOGICAL_OR,
    operators::LOGICAL_NOT,
    operators::SUBSTRACT,
    operators::ADD,
    operators::MULTIPLY,
    operators::DIVIDE,
    operators::MODULO,
    operators::EQUALS,
    operators::NOT_EQUALS,
    operators::GREATER_EQUALS,
    operators::LESS_EQUALS,
    operators::GREATER,
    operators::LESS,
    operators::NEGATE,
    operators::INDEX,
];

/// Refuses a condition that asks for what does not exist, or that could cost too much.
pub(super) fn check(expression: &IdedExpr) -> Result<(), String> {
    let cost = Check { bound: Vec::new() }.expression(expression)?;
    if cost > MAX_COST {
        return Err(format!("could take {cost} steps for one event, and {MAX_COST} are allowed"));
    }
    Ok(())
}

/// One walk over an expression, with the variables of the loops around.
struct Check<'a> {
    bound: Vec<&'a str>,
}

impl<'a> Check<'a> {
    /// The most steps that it can take.
    fn expression(&mut self, expression: &'a IdedExpr) -> Result<u64, String> {
        let inner = match &expression.expr {
            Expr::Unspecified => return Err("line 1, column 1 of it: there is nothing".to_owned()),
            Expr::Literal(_) => 0,
            Expr::Ident(name) => self.variable(name)?,
            Expr::Select(select) => self.select(select)?,
            Expr::Call(call) => self.call(call)?,
            Expr::Comprehension(comprehension) => self.comprehension(comprehension)?,
            Expr::List(list) => self.all(&list.elements)?,
            Expr::Map(map) => {
                let mut cost = 0u64;
                for entry in &map.entries {
                    if let EntryExpr::MapEntry(entry) = &entry.expr {
                        cost = cost.saturating_add(self.expression(&entry.key)?);
                        cost = cost.saturating_add(self.expression(&entry.value)?);
                    }
                }
                cost
            }
            Expr::Struct(built) => return Err(format!("there is no type '{}'", built.type_name)),
        };
        Ok(inner.saturating_add(1))
    }

    fn all(&mut self, expressions: &'a [IdedExpr]) -> Result<u64, String> {
        expressions.iter().try_fold(0u64, |sum, one| Ok(sum.saturating_add(self.expression(one)?)))
    }

    fn variable(&self, name: &str) -> Result<u64, String> {
        let is_known = matches!(name, "event" | "xid") || name.starts_with('@') || self.bound.contains(&name);
        is_known.then_some(0).ok_or_else(|| format!("there is no variable '{name}'"))
    }

    fn select(&mut self, select: &'a SelectExpr) -> Result<u64, String> {
        let fields: &[&str] = match &select.operand.expr {
            Expr::Ident(name) if name == "event" => &EVENT_FIELDS,
            Expr::Ident(name) if name == "xid" => &XID_FIELDS,
            _ => return self.expression(&select.operand),
        };
        if !fields.contains(&select.field.as_str()) {
            return Err(format!("there is no field '{}': {}", select.field, fields.join(", ")));
        }
        self.expression(&select.operand)
    }

    fn call(&mut self, call: &'a CallExpr) -> Result<u64, String> {
        let name = call.func_name.as_str();
        let is_operator = OPERATORS.contains(&name) || name == operators::IN || name == operators::NOT_STRICTLY_FALSE;
        if !is_operator && !FUNCTIONS.contains(&name) {
            return Err(format!("there is no function '{name}'"));
        }
        let own = match name {
            "matches" => pattern(call)?,
            "contains" | "startsWith" | "endsWith" | "string" | operators::ADD => TEXT_COST,
            operators::IN => call.args.last().map_or(0, length),
            _ => 0,
        };
        let target = call.target.as_deref().map_or(Ok(0), |target| self.expression(target))?;
        Ok(own.saturating_add(target).saturating_add(self.all(&call.args)?))
    }

    fn comprehension(&mut self, loops: &'a ComprehensionExpr) -> Result<u64, String> {
        let gathers = matches!(loops.accu_init.expr, Expr::List(_));
        if gathers && !matches!(loops.iter_range.expr, Expr::List(_)) {
            return Err("map and filter are for lists that stand in the condition; metrics have no order".to_owned());
        }
        let range = self.expression(&loops.iter_range)?;
        let init = self.expression(&loops.accu_init)?;
        let held = self.bound.len();
        self.bound.extend([loops.iter_var.as_str(), loops.accu_var.as_str()]);
        self.bound.extend(loops.iter_var2.as_deref());
        let round = self.expression(&loops.loop_cond)?.saturating_add(self.expression(&loops.loop_step)?);
        let result = self.expression(&loops.result)?;
        self.bound.truncate(held);
        let rounds = length(&loops.iter_range).saturating_mul(round);
        Ok(range.saturating_add(init).saturating_add(rounds).saturating_add(result))
    }
}

/// The most elements that a list or map can have.
fn length(expression: &IdedExpr) -> u64 {
    let written = match &expression.expr {
        Expr::List(list) => list.elements.len(),
        Expr::Map(map) => map.entries.len(),
        // What a loop over a list gathers is no longer than the list.
        Expr::Comprehension(inner) => return length(&inner.iter_range),
        _ => MAX_METRICS,
    };
    u64::try_from(written).unwrap_or(u64::MAX)
}

/// The pattern of `matches` has to stand in the condition, so that it can be tried while loading.
fn pattern(call: &CallExpr) -> Result<u64, String> {
    let text = match call.args.last().map(|arg| &arg.expr) {
        Some(Expr::Literal(LiteralValue::String(text))) => text.inner(),
        _ => return Err("the pattern of matches has to be a text in quotes".to_owned()),
    };
    if text.len() > MAX_PATTERN {
        return Err(format!("the pattern of matches has {} bytes, and {MAX_PATTERN} are allowed", text.len()));
    }
    let built = regex::RegexBuilder::new(text).size_limit(PATTERN_BYTES).build();
    built.map(|_| PATTERN_COST).map_err(|error| format!("the pattern of matches: {error}"))
}

#[cfg(test)]
mod tests {
    use super::super::Condition;

    #[test]
    fn a_condition_that_could_cost_too_much_is_refused() {
        let list = (0..60).map(|n| n.to_string()).collect::<Vec<_>>().join(",");
        let nested = format!("[{list}].all(a, [{list}].all(b, [{list}].all(c, a + b + c > 0)))");
        let error = Condition::compile(&nested).expect_err("216,000 rounds");
        assert!(error.contains("steps for one event"), "{error}");
        let metrics = "event.metrics.all(a, event.metrics.all(b, event.metrics.all(c, a != b)))";
        assert!(Condition::compile(metrics).is_err());
        assert!(Condition::compile(&format!("[{list}].all(a, a >= 0)")).is_ok());
    }

    #[test]
    fn a_condition_that_is_too_long_or_too_deep_is_refused() {
        let long = format!("{} == 1", vec!["1"; 3_000].join("+"));
        assert!(Condition::compile(&long).is_err());
        let deep = format!("{}1{} == 1", "(".repeat(200), ")".repeat(200));
        assert!(Condition::compile(&deep).is_err());
    }

    #[test]
    fn a_pattern_that_grows_when_it_is_compiled_is_refused() {
        assert!(Condition::compile("event.message.matches('(a{100}){100}{100}')").is_err());
        assert!(Condition::compile("event.message.matches('XID [0-9]+')").is_ok());
    }

    #[test]
    fn nothing_is_gathered_from_what_has_no_order() {
        assert!(Condition::compile("event.metrics.map(k, k)[0] == 'a'").is_err());
        assert!(Condition::compile("[3, 4].map(n, n * 2)[0] == 6").is_ok());
        assert!(Condition::compile("event.metrics.exists_one(k, k == 'a')").is_ok());
    }
}
