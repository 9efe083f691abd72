//! What lies in which section of a snapshot. Append-only, like the commands.

use std::io;
use std::sync::Arc;

use argosy_model::demand::Reporting;
use argosy_model::fleet::Aside;
use argosy_model::{ClusterIx, Demand, Fleet, Machine, MachineIx, Need, NeedKey, NeedMark, ShardTime, Sym, Vocabulary};
use argosy_notify::{Outbox, Stored};
use serde::{Deserialize, Serialize};

use super::SnapshotError;
use super::frames::{FrameReader, FrameWriter};
use crate::consolidation::{ConsolidationBook, StoredConsolidation};
use crate::cooling::{CoolDown, Cooling};
use crate::counters::Counters;
use crate::digest::Digest;
use crate::health::{HealthBook, HealthHeader, KeptHealth};
use crate::lanes::{LaneBook, StoredLanes};
use crate::ledger::Ledger;
use crate::operation::Operation;
use crate::ownership::Ownership;
use crate::pools::Pool;
use crate::profiles::Profiles;
use crate::repairs::{RepairBook, StoredRepairs};
use crate::settings::Settings;
use crate::settled::Settled;
use crate::state::{ClusterBook, Halt, ShardState};

const HEADER: u8 = 1;
const WORDS: u8 = 2;
const MACHINES: u8 = 3;
const NEEDS: u8 = 4;
const MARKS: u8 = 5;
const CLUSTERS: u8 = 6;
const BOOKS: u8 = 7;
const OPERATIONS: u8 = 8;
const COOLING: u8 = 9;
const SETTLED: u8 = 10;
const POOLS: u8 = 11;
const HEALTH_POLICY: u8 = 12;
const HEALTH: u8 = 13;
const REPAIRS: u8 = 14;
const OUTBOX: u8 = 15;
const LANES: u8 = 16;
const CONSOLIDATION: u8 = 17;

/// Everything that there is one of.
#[derive(Serialize, Deserialize)]
struct Header {
    ownership: Ownership,
    settings: Settings,
    now: ShardTime,
    revision: u64,
    leader_term: u64,
    generation: u32,
    state_version: u16,
    slots: u64,
    slots_reused_at: u64,
    counters: Counters,
    audit_head: Digest,
    decisions: Digest,
    decision_marks: Vec<(u64, Digest)>,
    halted: Option<Halt>,
}

/// A machine with what stands beside its record.
#[derive(Serialize, Deserialize)]
struct StoredMachine {
    slot: MachineIx,
    id: String,
    machine: Machine,
    host: Option<Arc<str>>,
    error: Option<Arc<str>>,
}

pub(super) fn write(state: &ShardState, out: &mut FrameWriter<'_>) -> io::Result<()> {
    out.record(HEADER, &header(state))?;
    let words = postcard::to_stdvec(&state.fleet.words).expect("words are plain data: encoding cannot fail");
    out.bytes(WORDS, &words)?;
    for (slot, machine) in state.fleet.iter() {
        let Aside { host, error } = state.fleet.aside(slot);
        let id = state.fleet.id(slot).to_owned();
        out.record(MACHINES, &StoredMachine { slot, id, machine: *machine, host, error })?;
    }
    for (cluster, _) in state.fleet.words.clusters() {
        state.demand.of_cluster(cluster).try_for_each(|need| out.record(NEEDS, need))?;
    }
    state.demand.marks().try_for_each(|mark| out.record(MARKS, &mark))?;
    state.demand.clusters().try_for_each(|cluster| out.record(CLUSTERS, &cluster))?;
    state.books.iter().try_for_each(|book| out.record(BOOKS, &book))?;
    state.ledger.iter().try_for_each(|operation| out.record(OPERATIONS, operation))?;
    state.cooling.iter().try_for_each(|cool_down| out.record(COOLING, &cool_down))?;
    state.settled.iter().try_for_each(|settled| out.record(SETTLED, &settled))?;
    state.pools.values().try_for_each(|pool| out.record(POOLS, pool))?;
    state.health.header().iter().try_for_each(|header| out.record(HEALTH_POLICY, header))?;
    state.health.iter().try_for_each(|kept| out.record(HEALTH, &kept))?;
    state.repairs.parts().try_for_each(|part| out.record(REPAIRS, &part))?;
    state.outbox.parts().try_for_each(|part| out.record(OUTBOX, &part))?;
    state.lanes.parts().try_for_each(|part| out.record(LANES, &part))?;
    state.consolidation.parts().try_for_each(|part| out.record(CONSOLIDATION, &part))
}

fn header(state: &ShardState) -> Header {
    Header {
        ownership: (*state.ownership).clone(),
        settings: (*state.settings).clone(),
        now: state.now,
        revision: state.revision,
        leader_term: state.leader_term,
        generation: state.generation,
        state_version: state.state_version,
        slots: state.fleet.slots() as u64,
        slots_reused_at: state.slots_reused_at,
        counters: state.counters,
        audit_head: state.audit_head,
        decisions: state.decisions,
        decision_marks: state.decision_marks.iter().copied().collect(),
        halted: state.halted.as_deref().cloned(),
    }
}

pub(super) fn read(input: &mut FrameReader<'_>) -> Result<ShardState, SnapshotError> {
    let mut header = None;
    input.records(HEADER, |record: Header| {
        header = Some(record);
        Ok(())
    })?;
    let header = header.ok_or(damaged("it has no header"))?;
    let words = input.bytes(WORDS)?;
    let words: Vocabulary = postcard::from_bytes(&words).map_err(|_| damaged("its words cannot be read"))?;
    let fleet = read_fleet(input, words, header.slots)?;
    let demand = read_demand(input, &fleet.words)?;
    let mut state = ShardState {
        ownership: Arc::new(header.ownership),
        settings: Arc::new(header.settings),
        now: header.now,
        revision: header.revision,
        leader_term: header.leader_term,
        generation: header.generation,
        state_version: header.state_version,
        slots_reused_at: header.slots_reused_at,
        counters: header.counters,
        audit_head: header.audit_head,
        decisions: header.decisions,
        decision_marks: header.decision_marks.into_iter().collect(),
        halted: header.halted.map(Arc::new),
        profiles: Profiles::of(&fleet.words),
        fleet,
        demand,
        ..ShardState::default()
    };
    input.records(BOOKS, |(cluster, book): (ClusterIx, ClusterBook)| {
        state.books.insert(cluster, book);
        Ok(())
    })?;
    state.ledger = read_ledger(input, &state.fleet)?;
    read_timers(input, &mut state)?;
    input.records(POOLS, |pool: Pool| {
        let name = pool.specification.name.clone();
        if pool.specification.sellers.is_some() {
            state.sold.insert(name.clone());
        }
        state.pools.insert(name, pool);
        Ok(())
    })?;
    read_health(input, &mut state)?;
    read_repairs(input, &mut state)?;
    let mut outbox = Outbox::default();
    input.records(OUTBOX, |part: Stored| {
        outbox.restore(part);
        Ok(())
    })?;
    state.outbox = outbox;
    let mut lanes = LaneBook::default();
    input.records(LANES, |part: StoredLanes| {
        lanes.restore(part);
        Ok(())
    })?;
    state.lanes = lanes;
    state.derive_caps();
    read_consolidation(input, &mut state)?;
    Ok(state)
}

fn read_fleet(input: &mut FrameReader<'_>, words: Vocabulary, slots: u64) -> Result<Fleet, SnapshotError> {
    let mut fleet = Fleet::with_words(words);
    input.records(MACHINES, |stored: StoredMachine| {
        let known = stored.machine.claim.iter().chain(&stored.machine.heir).all(|claim| {
            fleet.words.has_cluster(claim.cluster)
                && claim.profile.is_none_or(|profile| fleet.words.has_profile(profile))
                && claim.group.is_none_or(|group| fleet.words.has_group(group))
        });
        if !known || stored.slot.index() as u64 >= slots {
            return Err(damaged("a machine refers to what is not there"));
        }
        let aside = Aside { host: stored.host, error: stored.error };
        let restored = fleet.restore_slot(stored.slot, &stored.id, stored.machine, aside);
        restored.map_err(|_| damaged("a machine breaks the rules of its record"))
    })?;
    fleet.restore_gap(usize::try_from(slots).map_err(|_| damaged("it has more slots than this machine can hold"))?);
    Ok(fleet)
}

fn read_demand(input: &mut FrameReader<'_>, words: &Vocabulary) -> Result<Demand, SnapshotError> {
    let (mut needs, mut marks, mut clusters) = (Vec::new(), Vec::new(), Vec::new());
    input.records(NEEDS, |need: Need| {
        needs.push(need);
        Ok(())
    })?;
    input.records(MARKS, |mark: (NeedKey, NeedMark)| {
        marks.push(mark);
        Ok(())
    })?;
    input.records(CLUSTERS, |cluster: (ClusterIx, Reporting)| {
        clusters.push(cluster);
        Ok(())
    })?;
    Demand::restore(needs, marks, clusters, words).ok_or(damaged("a need refers to what is not there"))
}

fn read_ledger(input: &mut FrameReader<'_>, fleet: &Fleet) -> Result<Ledger, SnapshotError> {
    let mut operations: Vec<Operation> = Vec::new();
    input.records(OPERATIONS, |operation: Operation| {
        let doing = fleet.get(operation.machine).map(|machine| machine.state);
        if doing != Some(operation.step.doing()) {
            return Err(damaged("an operation does not fit its machine"));
        }
        operations.push(operation);
        Ok(())
    })?;
    Ledger::restore(operations).ok_or(damaged("a machine has two operations"))
}

fn read_timers(input: &mut FrameReader<'_>, state: &mut ShardState) -> Result<(), SnapshotError> {
    let mut cooling = Cooling::default();
    input.records(COOLING, |(machine, cool_down): (MachineIx, CoolDown)| {
        cooling.set(machine, cool_down);
        Ok(())
    })?;
    let mut settled: Vec<(MachineIx, u64, Sym)> = Vec::new();
    input.records(SETTLED, |record| {
        settled.push(record);
        Ok(())
    })?;
    state.cooling = cooling;
    state.settled = Settled::restore(settled);
    Ok(())
}

fn read_health(input: &mut FrameReader<'_>, state: &mut ShardState) -> Result<(), SnapshotError> {
    let mut book = HealthBook::default();
    input.records(HEALTH_POLICY, |header: HealthHeader| {
        book.policy = header.policy.map(Arc::new);
        book.acts = header.acts;
        Ok(())
    })?;
    input.records(HEALTH, |(machine, kept): (MachineIx, KeptHealth)| {
        if state.fleet.get(machine).is_none() {
            return Err(damaged("a health record refers to a machine that is not there"));
        }
        book.machines.insert(machine, Arc::new(kept));
        Ok(())
    })?;
    state.health = book;
    Ok(())
}

fn read_repairs(input: &mut FrameReader<'_>, state: &mut ShardState) -> Result<(), SnapshotError> {
    let mut repairs = RepairBook::default();
    input.records(REPAIRS, |part: StoredRepairs| {
        if part.machine().is_some_and(|machine| state.fleet.get(machine).is_none()) {
            return Err(damaged("a repair refers to a machine that is not there"));
        }
        repairs.restore(part);
        Ok(())
    })?;
    state.repairs = repairs;
    Ok(())
}

fn read_consolidation(input: &mut FrameReader<'_>, state: &mut ShardState) -> Result<(), SnapshotError> {
    let mut book = ConsolidationBook::default();
    input.records(CONSOLIDATION, |part: StoredConsolidation| {
        let is_sound = book.restore(part);
        is_sound.then_some(()).ok_or(damaged("a window of a budget that is not there"))
    })?;
    state.consolidation = book;
    Ok(())
}

fn damaged(what: &'static str) -> SnapshotError {
    SnapshotError::Damaged { what }
}
