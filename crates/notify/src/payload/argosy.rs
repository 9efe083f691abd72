//! Our own format. Its fields are listed in docs/reference/notify.md; they are added to, and never changed.

use serde_json::{Map, Value, json};

use super::{Sender, rfc3339};
use crate::outbox::Delivery;
use crate::transition::{Site, Subject, Transition, What};

/// The version of the format.
const VERSION: u32 = 1;

pub(super) fn body(sender: &Sender<'_>, id: &str, delivery: &Delivery) -> Value {
    let Delivery { key, transition } = delivery;
    let mut body = json!({
        "version": VERSION,
        "id": id,
        "type": transition.topic().name(),
        "shard": sender.shard,
        "occurred_at": sender.rfc3339(transition.at.0),
        "shard_time_ms": transition.at.0,
        "log_index": key.index,
        "ordinal": key.ordinal,
        "lost": sender.lost,
        "data": data(&transition.what),
    });
    let (name, subject) = subject(transition);
    body[name] = subject;
    body
}

pub(super) fn trial(sender: &Sender<'_>, id: &str, unix_ms: i64) -> Value {
    let (shard, occurred_at) = (sender.shard, rfc3339(unix_ms));
    json!({"version": VERSION, "id": id, "type": "test", "shard": shard, "occurred_at": occurred_at, "data": {}})
}

fn subject(transition: &Transition) -> (&'static str, Value) {
    match &transition.subject {
        Subject::Machine { id, site } => ("machine", machine(id, site)),
        Subject::Pool(name) => ("pool", json!({"name": name})),
        Subject::Domain(name) => ("domain", json!({"name": name})),
    }
}

fn machine(id: &str, site: &Site) -> Value {
    let mut machine = Map::from_iter([("id".to_owned(), json!(id))]);
    let parts = [("cluster", &site.cluster), ("pool", &site.pool), ("zone", &site.zone), ("rack", &site.rack)];
    let known = parts.into_iter().filter_map(|(name, part)| part.as_ref().map(|part| (name.to_owned(), json!(part))));
    machine.extend(known);
    machine.into()
}

fn data(what: &What) -> Value {
    match what {
        What::Found { state } => json!({"state": state.name()}),
        What::Gone { from } => json!({"from": from.name()}),
        What::State { from, to, reason } => json!({"from": from.name(), "to": to.name(), "reason": reason}),
        What::Notice => json!({}),
        What::Verdict { health, class, reason, unfit } => {
            json!({"health": health, "class": class, "reason": reason, "unfit": unfit})
        }
        What::Cordon { actor, reason, .. } | What::Reset { actor, reason } => json!({"actor": actor, "reason": reason}),
        What::Marked { unhealthy, actor, reason } => {
            json!({"unhealthy": unhealthy, "actor": actor, "reason": reason})
        }
        What::Repair { class, step } => json!({"class": class, "step": step}),
        What::Replaced { class } => json!({"class": class}),
        What::Tripped { found, of } => json!({"found": found, "of": of}),
        What::Sized { from, to, reason } => json!({"from": from, "to": to, "reason": reason}),
        What::Min { ready, min, .. } => json!({"ready": ready, "min": min}),
    }
}
