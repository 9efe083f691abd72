//! What a condition sees: the event, and what the table says of its XID.

use std::cell::OnceCell;
use std::sync::{Arc, LazyLock};

use cel::objects::{Key, Map};
use cel::{Context, Env, Value};

use crate::event::{Event, Metric};
use crate::table::Resolution;

/// The fields of `event`.
pub(super) const EVENT_FIELDS: [&str; 7] =
    ["event_type", "system", "gpu_index", "gpu_uuid", "timestamp", "message", "metrics"];

/// The fields of `xid`: 0, false and empty for what is no XID and no SXid.
pub(super) const XID_FIELDS: [&str; 5] = ["code", "known", "class", "bucket", "mnemonic"];

/// CEL's own functions; building them is dearer than evaluating a condition.
static STANDARD: LazyLock<Arc<Env>> = LazyLock::new(|| Arc::new(Env::stdlib()));

/// The variables of one event, for all conditions of a policy. They are bound when the interpreter is asked first: most events never
/// get that far.
pub struct Variables<'a> {
    pub(super) event: &'a Event,
    pub(super) resolution: Option<&'a Resolution>,
    context: OnceCell<Context<'static>>,
}

impl<'a> Variables<'a> {
    /// Those of an event, and of what the table says of it.
    pub fn of(event: &'a Event, resolution: Option<&'a Resolution>) -> Self {
        Self { event, resolution, context: OnceCell::new() }
    }

    pub(super) fn context(&self) -> &Context<'static> {
        self.context.get_or_init(|| bind(self.event, self.resolution))
    }
}

fn bind(event: &Event, resolution: Option<&Resolution>) -> Context<'static> {
    let mut context = Context::with_env(Arc::clone(&STANDARD));
    let metrics = event.metrics.iter().map(|(key, metric)| (key.as_str(), value(metric)));
    let fields = [
        Value::from(event.event_type.name()),
        Value::from(event.system.name()),
        Value::Int(i64::from(event.gpu_index)),
        Value::from(event.gpu_uuid.as_str()),
        Value::from(event.timestamp.as_str()),
        Value::from(event.message.as_str()),
        map(metrics),
    ];
    context.add_variable_from_value("event", map(EVENT_FIELDS.into_iter().zip(fields)));
    let fields = [
        Value::Int(resolution.map_or(0, |resolution| resolution.code)),
        Value::Bool(resolution.is_some_and(|resolution| resolution.known)),
        Value::from(resolution.map_or("", |resolution| resolution.class.name())),
        Value::from(resolution.map_or("", |resolution| resolution.bucket.as_str())),
        Value::from(resolution.map_or("", |resolution| resolution.mnemonic.as_str())),
    ];
    context.add_variable_from_value("xid", map(XID_FIELDS.into_iter().zip(fields)));
    context
}

fn map<'a>(entries: impl Iterator<Item = (&'a str, Value)>) -> Value {
    let entries = entries.map(|(key, value)| (Key::String(Arc::new(key.to_owned())), value));
    Value::Map(Map { map: Arc::new(entries.collect()) })
}

fn value(metric: &Metric) -> Value {
    match metric {
        Metric::Bool(on) => Value::Bool(*on),
        Metric::Int(int) => Value::Int(*int),
        Metric::Float(float) => Value::Float(*float),
        Metric::Text(text) => Value::from(text.as_str()),
    }
}
