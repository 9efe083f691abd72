//! docs/adr/0041: a gang is put together whole, or it holds nothing. What the entry that assembles one leaves behind covers the gang, in
//! one domain.

use argosy_engine::Reason;
use argosy_model::{Claim, MachineIx, NeedKey, Resources, State, Sym};
use argosy_shard::{Event, ShardState};

use super::Invariant;
use crate::sight::{Published, Sight};

/// Needs no memory.
#[derive(Debug, Default)]
pub(super) struct GangsAreWhole;

impl Invariant for GangsAreWhole {
    fn name(&self) -> &'static str {
        "gangs are assembled whole"
    }

    fn source(&self) -> &'static str {
        "docs/adr/0041"
    }

    fn look(&mut self, sight: &Sight<'_>) -> Vec<String> {
        let mut found = Vec::new();
        for (node, replica) in sight.replicas() {
            for published in &replica.published {
                let broken = halves(published);
                found.extend(broken.into_iter().map(|why| format!("{} on {}: {why}", replica.shard, node.id)));
            }
        }
        found
    }
}

/// Gangs that the last entry of a batch has put together, and not whole. A batch of several entries says nothing certain of each.
fn halves(published: &Published) -> Vec<String> {
    let state = &published.view.state;
    if published.events.iter().any(|folded| folded.index != published.view.applied) {
        return Vec::new();
    }
    let mut gains: Vec<(Claim, Vec<MachineIx>)> = Vec::new();
    for folded in &published.events {
        let Event::OperationOpened(id) = folded.event else { continue };
        let Some(operation) = state.ledger().get(id).filter(|operation| operation.reason == Reason::AssembleGang)
        else {
            continue;
        };
        let machine = state.fleet().machine(operation.machine);
        let Some(claim) = operation.assignment.map(|assignment| assignment.claim).or(machine.heir) else { continue };
        match gains.iter_mut().find(|(known, _)| *known == claim) {
            Some((_, machines)) => machines.push(operation.machine),
            None => gains.push((claim, vec![operation.machine])),
        }
    }
    gains.into_iter().filter_map(|(claim, machines)| half(state, &claim, &machines)).collect()
}

fn half(state: &ShardState, claim: &Claim, gained: &[MachineIx]) -> Option<String> {
    let words = &state.fleet().words;
    let profile = claim.profile?;
    let same = words.profile_of(profile).same_key()?;
    let key = NeedKey { cluster: claim.cluster, profile, group: claim.group, fold: 0 };
    // A row that was folded out of several gangs is not in the demand under its own name.
    let need = state.demand().get(&key)?;
    let domain = |machine: MachineIx| words.attribute(words.shape_of(state.fleet().machine(machine).shape), same);
    let first = domain(*gained.first()?)?;
    let told = || format!("a gang of {} in {}", words.cluster_id(claim.cluster), words.text(first));
    if gained.iter().any(|machine| domain(*machine) != Some(first)) {
        return Some(format!("{} gains machines in several domains", told()));
    }
    let there = serving(state, claim, same, first);
    let whole = match need.aggregate.units_to_cover(&need.min_unit) {
        Some(pieces) => there.iter().map(|machine| machine.units_of(&need.min_unit)).sum::<u64>() >= pieces,
        None => {
            let mut sum = Resources::none();
            there.iter().for_each(|machine| sum.add(machine));
            sum.covers(&need.aggregate)
        }
    };
    (!whole).then(|| format!("{} was put together with {} machines that do not cover it", told(), there.len()))
}

/// Resources of the machines that serve a gang in a domain, or are about to.
fn serving(state: &ShardState, claim: &Claim, same: Sym, domain: Sym) -> Vec<Resources> {
    let words = &state.fleet().words;
    let counts = state.fleet().iter().filter(|(_, machine)| {
        let bound = match machine.state {
            State::Configured | State::Configuring => machine.cluster() == Some(claim.cluster),
            State::Creating => machine.claim.as_ref() == Some(claim),
            State::Draining => machine.heir.as_ref() == Some(claim),
            _ => false,
        };
        bound && machine.is_cover() && words.attribute(words.shape_of(machine.shape), same) == Some(domain)
    });
    counts.map(|(_, machine)| words.shape_of(machine.shape).resources.clone()).collect()
}
