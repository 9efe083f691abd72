//! The fence: what passes, before what, and what it leaves behind.

use std::collections::BTreeSet;

use argosy_model::State;
use futures::future::join_all;
use tonic::Code;

use super::bench::{Bench, ensure, refused};
use crate::contract::{Ask, Token};

/// How many call at once.
const RIVALS: usize = 16;

/// Out of position on a slot, so it moves nothing but the mark.
const HARMLESS: Ask = Ask::Drain { grace_s: 1 };

fn as_shard(shard: &str, epoch: i64, sequence: i64) -> Token {
    Token { shard: format!("conformance-{shard}"), epoch, sequence }
}

/// Whether the fence lets a harmless call through.
async fn passes(bench: &Bench, machine: &str, fence: Token) -> bool {
    let outcome = bench.call_under(machine, HARMLESS, fence).await;
    !matches!(outcome, Err(status) if status.code() == Code::FailedPrecondition)
}

pub(super) async fn strictly_newer(bench: &mut Bench) -> Result<(), String> {
    let slot = bench.slots[1].clone();
    let at = bench.epoch;
    let tokens = [
        ((0, 5), true),
        ((0, 5), false),
        ((0, 4), false),
        ((0, 6), true),
        ((1, 1), true),
        ((0, 9), false),
        ((1, 1), false),
        ((1, 2), true),
    ];
    for (token, expected) in tokens {
        let fence = as_shard("order", at + token.0, token.1);
        let passed = passes(bench, &slot, fence).await;
        ensure(passed == expected, || format!("token {token:?}: {}", if passed { "passes" } else { "is fenced" }))?;
    }
    Ok(())
}

pub(super) async fn before_existence(bench: &mut Bench) -> Result<(), String> {
    let nobody = format!("no-such-machine-either-{}", bench.epoch);
    let fence = as_shard("ghost", bench.epoch, 5);
    refused("the first", bench.call_under(&nobody, Ask::Create, fence.clone()).await, Code::NotFound)?;
    refused("the same again", bench.call_under(&nobody, Ask::Create, fence).await, Code::FailedPrecondition)
}

pub(super) async fn before_repetition(bench: &mut Bench) -> Result<(), String> {
    let slot = bench.slots[1].clone();
    let fence = bench.fence();
    let first = bench.call_under(&slot, Ask::Create, fence.clone()).await;
    first.map_err(|status| format!("create: {status}"))?;
    refused(
        "a repeat under the same token",
        bench.call_under(&slot, Ask::Create, fence).await,
        Code::FailedPrecondition,
    )?;
    bench.reaches(&slot, State::Idle).await?;
    bench.give_back(&slot).await
}

pub(super) async fn failing_calls_count(bench: &mut Bench) -> Result<(), String> {
    let slot = bench.slots[2].clone();
    let (epoch, shard) = (bench.epoch, "barrier");
    drop(bench.call_under(&slot, HARMLESS, as_shard(shard, epoch, 9)).await);
    ensure(!passes(bench, &slot, as_shard(shard, epoch, 8)).await, || "an older token passes after it".to_owned())
}

pub(super) async fn marks_are_apart(bench: &mut Bench) -> Result<(), String> {
    let [first, second, third] = bench.slots.clone();
    let epoch = bench.epoch;
    drop(bench.call_under(&first, HARMLESS, as_shard("apart", epoch, 100)).await);
    for other in [&second, &third] {
        let passed = passes(bench, other, as_shard("apart", epoch, 1)).await;
        ensure(passed, || format!("a token for {first} fences {other}"))?;
    }
    let passed = passes(bench, &first, as_shard("newcomer", 1, epoch)).await;
    ensure(passed, || "the token of one shard fences another shard".to_owned())
}

pub(super) async fn parallel_calls(bench: &mut Bench) -> Result<(), String> {
    let slot = bench.slots[2].clone();
    let fences: Vec<Token> = (0..RIVALS).map(|_| bench.fence()).collect();
    let calls = fences.into_iter().map(|fence| bench.call_under(&slot, Ask::Create, fence));
    let outcomes = join_all(calls).await;
    let mut operations = BTreeSet::new();
    for outcome in outcomes {
        match outcome {
            Ok(ack) => drop(operations.insert(ack.operation_id)),
            Err(status) if status.code() == Code::FailedPrecondition => {}
            Err(status) => return Err(format!("one of many: {status}")),
        }
    }
    ensure(operations.len() == 1, || format!("{} operations for one create", operations.len()))?;
    bench.reaches(&slot, State::Idle).await?;
    bench.give_back(&slot).await
}
