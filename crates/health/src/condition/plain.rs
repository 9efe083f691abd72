//! The part of a condition that can be answered without the interpreter.
//!
//! A machine with eight GPUs says some thirty numbers at a time, and every one of them meets every rule; nearly all rules ask first
//! for another type of event. So what compares a field or a metric with a literal, and what joins such comparisons, is compiled into a
//! tree of its own beside the expression. The tree answers only where it is certain to say what the interpreter would: where a metric
//! is missing, where kinds differ, and for everything else that CEL can say, it has no answer, and the interpreter is asked.

use std::cmp::Ordering;

use cel::common::ast::{CallExpr, Expr, IdedExpr, LiteralValue, SelectExpr, operators};

use crate::event::{Event, Metric};
use crate::table::Resolution;

/// A condition, as far as it is plain.
#[derive(Debug)]
pub(super) enum Plain {
    Is(bool),
    Has(String),
    Compare {
        term: Term,
        operator: Operator,
        literal: Literal,
    },
    In {
        term: Term,
        list: Vec<Literal>,
    },
    Not(Box<Self>),
    Both(Box<[Self; 2]>),
    Either(Box<[Self; 2]>),
    /// Only the interpreter can say.
    Asked,
}

/// What stands on the left of a comparison.
#[derive(Debug)]
pub(super) enum Term {
    EventType,
    System,
    GpuIndex,
    GpuUuid,
    Timestamp,
    Message,
    Metric(String),
    XidCode,
    XidKnown,
    XidClass,
    XidBucket,
    XidMnemonic,
}

/// How it is compared.
#[derive(Clone, Copy, Debug)]
pub(super) enum Operator {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// What stands on the right.
#[derive(Debug)]
pub(super) enum Literal {
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(String),
}

/// The value of a term for one event.
#[derive(Clone, Copy)]
enum Atom<'a> {
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(&'a str),
}

impl Plain {
    /// What of an expression is plain.
    pub(super) fn of(expression: &IdedExpr) -> Self {
        match &expression.expr {
            Expr::Literal(LiteralValue::Boolean(holds)) => Self::Is(*holds.inner()),
            Expr::Select(select) if select.test => match metric(select) {
                Some(name) => Self::Has(name),
                None => Self::Asked,
            },
            Expr::Call(call) => Self::of_call(call).unwrap_or(Self::Asked),
            _ => Self::Asked,
        }
    }

    fn of_call(call: &CallExpr) -> Option<Self> {
        match (call.func_name.as_str(), call.args.as_slice()) {
            (operators::LOGICAL_NOT, [inner]) => Some(Self::Not(Box::new(Self::of(inner)))),
            (operators::LOGICAL_AND, [left, right]) => Some(Self::Both(Box::new([Self::of(left), Self::of(right)]))),
            (operators::LOGICAL_OR, [left, right]) => Some(Self::Either(Box::new([Self::of(left), Self::of(right)]))),
            (operators::IN, [left, right]) => {
                let Expr::List(list) = &right.expr else { return None };
                let literals = list.elements.iter().map(literal).collect::<Option<_>>()?;
                Some(Self::In { term: term(left)?, list: literals })
            }
            (name, [left, right]) => {
                Some(Self::Compare { term: term(left)?, operator: operator(name)?, literal: literal(right)? })
            }
            _ => None,
        }
    }

    /// Whether the condition holds; `None` where only the interpreter can say.
    pub(super) fn holds(&self, event: &Event, resolution: Option<&Resolution>) -> Option<bool> {
        match self {
            Self::Is(holds) => Some(*holds),
            Self::Has(metric) => Some(event.metrics.contains_key(metric)),
            Self::Compare { term, operator, literal } => {
                let order = compare(value(term, event, resolution)?, literal)?;
                Some(operator.accepts(order))
            }
            Self::In { term, list } => {
                let value = value(term, event, resolution)?;
                list.iter().try_fold(false, |found, literal| Some(found | compare(value, literal)?.is_eq()))
            }
            Self::Not(inner) => inner.holds(event, resolution).map(|holds| !holds),
            // A side that decides does so whatever is wrong with the other one.
            Self::Both(sides) => joined(sides, false, event, resolution),
            Self::Either(sides) => joined(sides, true, event, resolution),
            Self::Asked => None,
        }
    }
}

/// `and`, which one false side decides, or `or`, which one true side decides.
fn joined(sides: &[Plain; 2], deciding: bool, event: &Event, resolution: Option<&Resolution>) -> Option<bool> {
    let [left, right] = sides;
    let left = left.holds(event, resolution);
    if left == Some(deciding) {
        return left;
    }
    let right = right.holds(event, resolution);
    if right == Some(deciding) {
        return right;
    }
    left.and(right)
}

impl Operator {
    fn accepts(self, order: Ordering) -> bool {
        match self {
            Self::Equal => order.is_eq(),
            Self::NotEqual => order.is_ne(),
            Self::Less => order.is_lt(),
            Self::LessOrEqual => order.is_le(),
            Self::Greater => order.is_gt(),
            Self::GreaterOrEqual => order.is_ge(),
        }
    }
}

/// Compares what is of one kind; how kinds are compared with each other is the interpreter's business.
fn compare(value: Atom<'_>, literal: &Literal) -> Option<Ordering> {
    match (value, literal) {
        (Atom::Bool(value), Literal::Bool(literal)) => Some(value.cmp(literal)),
        (Atom::Int(value), Literal::Int(literal)) => Some(value.cmp(literal)),
        (Atom::Float(value), Literal::Float(literal)) => value.partial_cmp(literal),
        (Atom::Text(value), Literal::Text(literal)) => Some(value.cmp(literal.as_str())),
        _ => None,
    }
}

fn value<'a>(term: &Term, event: &'a Event, resolution: Option<&'a Resolution>) -> Option<Atom<'a>> {
    Some(match term {
        Term::EventType => Atom::Text(event.event_type.name()),
        Term::System => Atom::Text(event.system.name()),
        Term::GpuIndex => Atom::Int(event.gpu_index.into()),
        Term::GpuUuid => Atom::Text(&event.gpu_uuid),
        Term::Timestamp => Atom::Text(&event.timestamp),
        Term::Message => Atom::Text(&event.message),
        Term::Metric(name) => match event.metrics.get(name)? {
            Metric::Bool(on) => Atom::Bool(*on),
            Metric::Int(int) => Atom::Int(*int),
            Metric::Float(float) => Atom::Float(*float),
            Metric::Text(text) => Atom::Text(text),
        },
        Term::XidCode => Atom::Int(resolution.map_or(0, |found| found.code)),
        Term::XidKnown => Atom::Bool(resolution.is_some_and(|found| found.known)),
        Term::XidClass => Atom::Text(resolution.map_or("", |found| found.class.name())),
        Term::XidBucket => Atom::Text(resolution.map_or("", |found| &found.bucket)),
        Term::XidMnemonic => Atom::Text(resolution.map_or("", |found| &found.mnemonic)),
    })
}

fn operator(name: &str) -> Option<Operator> {
    Some(match name {
        operators::EQUALS => Operator::Equal,
        operators::NOT_EQUALS => Operator::NotEqual,
        operators::LESS => Operator::Less,
        operators::LESS_EQUALS => Operator::LessOrEqual,
        operators::GREATER => Operator::Greater,
        operators::GREATER_EQUALS => Operator::GreaterOrEqual,
        _ => return None,
    })
}

fn literal(expression: &IdedExpr) -> Option<Literal> {
    let Expr::Literal(literal) = &expression.expr else { return None };
    Some(match literal {
        LiteralValue::Boolean(on) => Literal::Bool(*on.inner()),
        LiteralValue::Int(int) => Literal::Int(*int.inner()),
        LiteralValue::Double(float) => Literal::Float(*float.inner()),
        LiteralValue::String(text) => Literal::Text(text.inner().to_owned()),
        _ => return None,
    })
}

fn term(expression: &IdedExpr) -> Option<Term> {
    let Expr::Select(select) = &expression.expr else { return None };
    if select.test {
        return None;
    }
    let Expr::Ident(of) = &select.operand.expr else { return metric(select).map(Term::Metric) };
    Some(match (of.as_str(), select.field.as_str()) {
        ("event", "event_type") => Term::EventType,
        ("event", "system") => Term::System,
        ("event", "gpu_index") => Term::GpuIndex,
        ("event", "gpu_uuid") => Term::GpuUuid,
        ("event", "timestamp") => Term::Timestamp,
        ("event", "message") => Term::Message,
        ("xid", "code") => Term::XidCode,
        ("xid", "known") => Term::XidKnown,
        ("xid", "class") => Term::XidClass,
        ("xid", "bucket") => Term::XidBucket,
        ("xid", "mnemonic") => Term::XidMnemonic,
        _ => return None,
    })
}

/// The metric that `event.metrics.name` names.
fn metric(select: &SelectExpr) -> Option<String> {
    let Expr::Select(inner) = &select.operand.expr else { return None };
    let is_event = matches!(&inner.operand.expr, Expr::Ident(name) if name == "event");
    (is_event && !inner.test && inner.field == "metrics").then(|| select.field.clone())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::sample::select;

    use super::super::{Condition, Variables};
    use crate::event::{Event, EventType, Metric, System};
    use crate::policy::{DEFAULT, Policy};
    use crate::table;

    /// What is compared: fields and metrics, some of which an event may lack, and what is not plain.
    const TERMS: [&str; 10] = [
        "event.event_type",
        "event.system",
        "event.gpu_index",
        "event.message",
        "event.metrics.a",
        "event.metrics.b",
        "event.metrics['a']",
        "xid.code",
        "xid.known",
        "xid.class",
    ];
    const LITERALS: [&str; 12] =
        ["0", "79", "-1", "true", "false", "1.5", "0.0", "'xid'", "'thermal'", "''", "'a'", "'DCGM_HEALTH_WATCH_MEM'"];
    const OPERATORS: [&str; 6] = ["==", "!=", "<", "<=", ">", ">="];

    fn condition() -> impl Strategy<Value = String> {
        let compared = (select(&TERMS[..]), select(&OPERATORS[..]), select(&LITERALS[..]))
            .prop_map(|(term, operator, literal)| format!("{term} {operator} {literal}"));
        let listed = (select(&TERMS[..]), prop::collection::vec(select(&LITERALS[..]), 0..3))
            .prop_map(|(term, list)| format!("{term} in [{}]", list.join(", ")));
        let present =
            select(&["has(event.metrics.a)", "has(event.metrics.b)", "true", "false"][..]).prop_map(str::to_owned);
        let leaf = prop_oneof![4 => compared, 2 => listed, 2 => present];
        leaf.prop_recursive(4, 12, 2, |inner| {
            prop_oneof![
                (inner.clone(), inner.clone()).prop_map(|(left, right)| format!("({left} && {right})")),
                (inner.clone(), inner.clone()).prop_map(|(left, right)| format!("({left} || {right})")),
                inner.prop_map(|inner| format!("!({inner})")),
            ]
        })
    }

    fn metric() -> impl Strategy<Value = Metric> {
        prop_oneof![
            any::<bool>().prop_map(Metric::Bool),
            select(&[-1i64, 0, 79, i64::MAX][..]).prop_map(Metric::Int),
            select(&[0.0, -0.0, 1.5, f64::NAN, f64::INFINITY][..]).prop_map(Metric::Float),
            select(&["", "a", "xid"][..]).prop_map(|text| Metric::Text(text.to_owned())),
        ]
    }

    fn event() -> impl Strategy<Value = Event> {
        let metrics = prop::collection::btree_map(select(&["a", "b"][..]).prop_map(str::to_owned), metric(), 0..3);
        const KINDS: [EventType; 3] = [EventType::Xid, EventType::Thermal, EventType::Memory];
        (select(&KINDS[..]), select(&[System::Mem, System::Driver][..]), -1..2i32, select(&["", "a"][..]), metrics)
            .prop_map(|(event_type, system, gpu_index, message, metrics)| {
                let xid = if event_type == EventType::Xid { Event::xid(gpu_index, 79) } else { Event::default() };
                let metrics = metrics.into_iter().chain(xid.metrics).collect();
                Event { event_type, system, gpu_index, message: message.to_owned(), metrics, ..Event::default() }
            })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4_000))]

        #[test]
        fn what_is_said_plainly_is_what_the_interpreter_says(source in condition(), event in event()) {
            let condition = Condition::compile(&source).expect("it is a condition");
            let resolution = table::resolve(&event);
            let variables = Variables::of(&event, resolution.as_ref());
            if let Some(holds) = condition.plain.holds(&event, resolution.as_ref()) {
                prop_assert_eq!(Ok(holds), condition.interpret(&variables), "{}", source);
            }
        }
    }

    #[test]
    fn readings_and_xids_need_no_interpreter_under_the_policy_of_a_new_installation() {
        let read = |event_type, metric: &str| Event {
            metrics: [(metric.to_owned(), Metric::Int(40))].into(),
            ..Event::plain(event_type, 0)
        };
        let remap = Event {
            metrics: [("row_remap_pending".to_owned(), Metric::Bool(false))].into(),
            ..Event::plain(EventType::Memory, 0)
        };
        let events = [
            read(EventType::Thermal, "temperature"),
            read(EventType::Power, "power_watts"),
            read(EventType::Memory, "ecc_dbe_count"),
            read(EventType::Pcie, "pcie_replays"),
            remap,
            Event::xid(0, 79),
        ];
        let policy = Policy::parse("default", DEFAULT).expect("it is ours");
        for event in &events {
            let resolution = table::resolve(event);
            for rule in &policy.rules_of(None).rules {
                let plainly = rule.condition.plain.holds(event, resolution.as_ref());
                assert!(plainly.is_some(), "{} for {event:?}", rule.name);
            }
        }
    }

    #[test]
    fn what_an_event_lacks_is_the_interpreters_to_tell() {
        let event = Event::plain(EventType::Thermal, 0);
        for source in
            ["event.metrics.a > 3", "!(event.metrics.a > 3)", "event.metrics.a in [3]", "event.gpu_index == 0.0"]
        {
            let condition = Condition::compile(source).expect(source);
            assert_eq!(condition.plain.holds(&event, None), None, "{source}");
        }
    }
}
