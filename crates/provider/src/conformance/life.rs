//! The life of a machine, and calls that do not fit it.

use std::collections::BTreeMap;

use argosy_model::State;
use bytes::Bytes;
use tonic::Code;

use super::bench::{Bench, ensure};
use crate::contract::{Ask, Kind, Token};

pub(super) fn configure(cluster: &str, metadata: BTreeMap<String, String>) -> Ask {
    Ask::Configure { cluster: cluster.to_owned(), metadata, blob: Bytes::from_static(b"#cloud-config\n") }
}

pub(super) async fn positions(bench: &mut Bench) -> Result<(), String> {
    let slot = bench.slots[0].clone();
    for ask in [configure("c", BTreeMap::new()), Ask::Drain { grace_s: 1 }] {
        let kind = ask.kind().name();
        match bench.call(&slot, ask).await {
            Ok(_) => return Err(format!("{kind} of a slot is accepted")),
            Err(status) if status.code() == Code::FailedPrecondition => {
                return Err(format!("{kind} of a slot is refused as if it were fenced"));
            }
            Err(_) => {}
        }
    }
    bench.reaches(&slot, State::Speculative).await.map(drop)
}

pub(super) async fn ranges(bench: &mut Bench) -> Result<(), String> {
    let slot = bench.slots[0].clone();
    let negative = Token { epoch: -1, ..bench.fence() };
    let outcome = bench.call_under(&slot, Ask::Drain { grace_s: 1 }, negative).await;
    ensure(outcome.is_err(), || "a negative epoch on a slot is accepted".to_owned())?;
    let outcome = bench.call(&slot, Ask::Drain { grace_s: -5 }).await;
    ensure(outcome.is_err(), || "a negative grace on a slot is accepted".to_owned())?;
    let shard = "conformance-largest".to_owned();
    let largest = Token { shard: shard.clone(), epoch: i64::MAX, sequence: i64::MAX };
    // Refused for its position; what counts is that the mark stands.
    drop(bench.call_under(&slot, Ask::Drain { grace_s: 1 }, largest).await);
    let below = Token { shard, epoch: i64::MAX, sequence: 1 };
    let outcome = bench.call_under(&slot, Ask::Drain { grace_s: 1 }, below).await;
    super::bench::refused("a token below the largest", outcome, Code::FailedPrecondition)
}

/// One life, with each call repeated as soon as it is accepted and again when it is done.
async fn life(bench: &mut Bench, slot: &str, metadata: &BTreeMap<String, String>) -> Result<Vec<String>, String> {
    let mut operations = Vec::new();
    let steps = [Ask::Create, configure("cluster-1", metadata.clone()), Ask::Drain { grace_s: 1 }, Ask::Delete];
    for ask in steps {
        let kind = ask.kind();
        let first = match bench.call(slot, ask.clone()).await {
            Err(status) if kind == Kind::Delete && status.code() == Code::Unimplemented => break,
            answer => answer.map_err(|status| format!("{}: {status}", kind.name()))?,
        };
        let seen = first.machine.map(|machine| machine.state).unwrap_or_default();
        let stands = [kind.during().number(), kind.to().number()].contains(&seen);
        ensure(stands, || format!("the acknowledgement of {} shows state {seen}", kind.name()))?;
        for when in ["under way", "done"] {
            let again = bench.call(slot, ask.clone()).await;
            let again = again.map_err(|status| format!("a repeat of {} while {when}: {status}", kind.name()))?;
            ensure(again.operation_id == first.operation_id, || {
                format!("a repeat of {} while {when} is a new operation", kind.name())
            })?;
            bench.reaches(slot, kind.to()).await?;
        }
        let machine = bench.reaches(slot, kind.to()).await?;
        let bound = kind == Kind::Configure;
        ensure(machine.cluster == if bound { "cluster-1" } else { "" }, || {
            format!("after {} it names the cluster {:?}", kind.name(), machine.cluster)
        })?;
        let shown = if bound { machine.shard_metadata == *metadata } else { machine.shard_metadata.is_empty() };
        ensure(shown, || format!("after {} the metadata is not what it must be", kind.name()))?;
        ensure(machine.host.is_some() == (kind != Kind::Delete), || {
            format!("after {} the host is wrong", kind.name())
        })?;
        operations.push(first.operation_id);
    }
    Ok(operations)
}

pub(super) async fn round_trip(bench: &mut Bench) -> Result<(), String> {
    let slot = bench.slots[0].clone();
    let hostile = [("", "empty key"), ("nul\0", "\0"), ("ünï→", "€\n\t"), ("bigfleet.lucy.sh/assigned-priority", "7")];
    let metadata = hostile.map(|(key, value)| (key.to_owned(), value.to_owned())).into();
    let mut operations = life(bench, &slot, &metadata).await?;
    if operations.len() < 4 {
        return Ok(());
    }
    operations.extend(life(bench, &slot, &BTreeMap::new()).await?);
    let all = operations.len();
    operations.sort_unstable();
    operations.dedup();
    ensure(operations.len() == all, || "a second life has operations of the first".to_owned())
}
