//! Listing: filters, caps and cursors.

use argosy_proto::bigfleet::v1alpha1 as api;
use bytes::Bytes;

use super::bench::{Bench, ensure};
use crate::contract::Ask;

fn since(revision: Bytes) -> api::ListFilter {
    api::ListFilter { since_revision: revision, ..api::ListFilter::default() }
}

pub(super) async fn listings(bench: &mut Bench) -> Result<(), String> {
    let slot = bench.slots[1].clone();
    let all = bench.list(api::ListFilter::default()).await?;
    let slots = api::MachineState::Speculative;
    let filtered = bench.list(api::ListFilter { states: vec![slots.into()], ..api::ListFilter::default() }).await?;
    let expected = all.machines.iter().filter(|machine| machine.state() == slots).count();
    let exact = filtered.machines.len() == expected && filtered.machines.iter().all(|one| one.state() == slots);
    ensure(exact, || format!("the filter shows {} slots of {expected}", filtered.machines.len()))?;

    let capped = bench.list(api::ListFilter { max_results: 2, ..api::ListFilter::default() }).await?;
    ensure(capped.machines.len() == all.machines.len().min(2), || {
        format!("a cap of 2 shows {}", capped.machines.len())
    })?;

    let quiet = bench.list(since(all.revision.clone())).await?;
    let told_all = quiet.machines.len() == all.machines.len();
    ensure(quiet.machines.is_empty() || told_all, || "nothing changed, and some are listed".to_owned())?;
    bench.through(&slot, Ask::Create).await?;
    let delta = bench.list(since(all.revision.clone())).await?;
    let shown = delta.machines.iter().find(|machine| machine.id == slot);
    ensure(shown.is_some_and(|machine| machine.host.is_some()), || "the delta does not show the change".to_owned())?;
    ensure(delta.revision != all.revision || told_all, || "the revision does not move".to_owned())?;

    let garbage = bench.list(since(Bytes::from_static(b"\xffno cursor"))).await?;
    ensure(garbage.machines.len() == all.machines.len(), || "an unknown cursor is not a full listing".to_owned())?;
    bench.give_back(&slot).await
}
