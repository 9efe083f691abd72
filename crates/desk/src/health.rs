//! The machines under watch, and which of them have something to commit.
//!
//! Conditions are evaluated here and nowhere else; the fold is told what came of them, as records that are replaced only
//! from where the leader went on from.

use std::collections::{BTreeMap, BTreeSet};

use argosy_health::policy::DEFAULT;
use argosy_health::{Facts, Policy, Record, Watch};
use argosy_model::{Duration, MachineIx, ShardTime};
use argosy_shard::pools::CLAIMANT_PREFIX;
use argosy_shard::{HealthUpdate, HealthVerdict, ShardState};

/// Most bytes of records in one entry.
const ENTRY_BYTES: usize = 1 << 20;

/// One machine.
#[derive(Debug)]
pub struct Ward {
    /// What is known of it.
    pub watch: Watch,
    /// Its record as the log has it.
    pub logged: Record,
    /// Whether the log has one.
    is_logged: bool,
    pool: Option<String>,
    facts: Facts,
}

/// All of them.
#[derive(Debug)]
pub struct Desk {
    policy: Policy,
    /// Log index of the policy; 0 is that of a new installation.
    revision: u64,
    wards: BTreeMap<String, Ward>,
    /// Machines whose record is not in the log as it is here.
    dirty: BTreeSet<String>,
    /// When time alone changes something, by machine.
    due: BTreeMap<String, ShardTime>,
    /// The same, by time.
    agenda: BTreeSet<(ShardTime, String)>,
    /// Counts reports.
    reports: u64,
}

impl Default for Desk {
    fn default() -> Self {
        Self {
            policy: Policy::standard(),
            revision: 0,
            wards: BTreeMap::new(),
            dirty: BTreeSet::new(),
            due: BTreeMap::new(),
            agenda: BTreeSet::new(),
            reports: 0,
        }
    }
}

impl Desk {
    /// Takes up what the log has of every machine, where nobody has asked for it yet.
    pub fn take_up(&mut self, state: &ShardState, now: ShardTime) {
        self.follow(state);
        let kept: Vec<String> = state.health().iter().map(|(ix, _)| state.fleet().id(ix).to_owned()).collect();
        for machine in kept {
            self.ward(state, &machine, now);
            self.schedule(&machine);
        }
    }

    /// Puts the policy in force that the log has; every machine is looked at anew.
    pub fn follow(&mut self, state: &ShardState) {
        let kept = state.health().policy();
        let revision = kept.map_or(0, |policy| policy.revision);
        if revision == self.revision {
            return;
        }
        let text = kept.map_or(DEFAULT, |policy| policy.text.as_str());
        match Policy::parse("policy", text) {
            Ok(policy) => self.policy = policy,
            // It was checked before it was committed, perhaps by a later release. The one before it stays.
            Err(error) => tracing::error!(revision, %error, "the health policy in the log cannot be used"),
        }
        self.revision = revision;
        for ward in self.wards.values_mut() {
            ward.watch.reform(self.policy.rules_of(ward.pool.as_deref()), ward.facts.clone());
        }
        let machines: Vec<String> = self.wards.keys().cloned().collect();
        for machine in machines {
            self.touched(&machine);
        }
    }

    /// How long an agent may be quiet before it is called silent; `None` if none ever is.
    #[must_use]
    pub fn silent_after(&self) -> Option<Duration> {
        self.policy.silent_after
    }

    /// The watch of a machine; `None` if the shard does not have it.
    pub fn ward(&mut self, state: &ShardState, machine: &str, now: ShardTime) -> Option<&mut Ward> {
        self.follow(state);
        let Some(ix) = state.fleet().find(machine) else {
            self.forget(machine);
            return None;
        };
        let kept = state.health().get(ix);
        if self.wards.get(machine).is_some_and(|ward| ward.is_logged && kept.is_none()) {
            // The fold has forgotten it: what stands there now is another machine.
            self.forget(machine);
        }
        let pool = pool_of(state, ix);
        let policy = &self.policy;
        let ward = self.wards.entry(machine.to_owned()).or_insert_with(|| {
            let record = kept.map(|kept| Record::decode(&kept.record)).transpose();
            let record = record.unwrap_or_else(|error| {
                tracing::error!(machine, %error, "a health record is started anew");
                None
            });
            let (facts, logged) = (Facts::default(), record.unwrap_or_default());
            let rules = policy.rules_of(pool.as_deref());
            let watch = Watch::restore(rules, facts.clone(), logged.clone(), now);
            Ward { watch, logged, is_logged: kept.is_some(), pool: pool.clone(), facts }
        });
        if ward.pool != pool {
            ward.watch.reform(policy.rules_of(pool.as_deref()), ward.facts.clone());
            ward.pool = pool;
        }
        Some(ward)
    }

    /// Says what a machine is; `None` if the shard does not have it.
    pub fn facts(&mut self, state: &ShardState, machine: &str, now: ShardTime, facts: Facts) -> Option<()> {
        let pool = self.ward(state, machine, now).map(|ward| ward.pool.clone())?;
        let rules = self.policy.rules_of(pool.as_deref());
        let ward = self.wards.get_mut(machine)?;
        if ward.facts != facts {
            ward.facts = facts.clone();
            ward.watch.reform(rules, facts);
        }
        Some(())
    }

    /// Notes what a machine has to commit; a ticket if there is anything.
    pub fn touched(&mut self, machine: &str) -> Option<u64> {
        self.schedule(machine);
        let ward = self.wards.get(machine)?;
        if ward.watch.record().says_as(&ward.logged) && !self.dirty.contains(machine) {
            return None;
        }
        self.dirty.insert(machine.to_owned());
        self.reports += 1;
        Some(self.reports)
    }

    fn schedule(&mut self, machine: &str) {
        let due = self.wards.get(machine).and_then(|ward| ward.watch.next_deadline());
        if self.due.get(machine).copied() == due {
            return;
        }
        let before = match due {
            Some(due) => self.due.insert(machine.to_owned(), due),
            None => self.due.remove(machine),
        };
        if let Some(before) = before {
            self.agenda.remove(&(before, machine.to_owned()));
        }
        self.agenda.extend(due.map(|due| (due, machine.to_owned())));
    }

    fn forget(&mut self, machine: &str) {
        self.wards.remove(machine);
        self.dirty.remove(machine);
        if let Some(due) = self.due.remove(machine) {
            self.agenda.remove(&(due, machine.to_owned()));
        }
    }

    /// What is known of a machine, if anything was heard of it.
    #[must_use]
    pub fn find(&self, machine: &str) -> Option<&Ward> {
        self.wards.get(machine)
    }

    /// Whether something waits to be committed.
    #[must_use]
    pub fn has_news(&self) -> bool {
        !self.dirty.is_empty()
    }

    /// When time alone changes something next.
    #[must_use]
    pub fn next_deadline(&self) -> Option<ShardTime> {
        self.agenda.first().map(|(due, _)| *due)
    }

    /// Lets time pass for whom it matters, and says for whom it did.
    pub fn advance(&mut self, now: ShardTime) -> Vec<String> {
        let due: Vec<String> =
            self.agenda.iter().take_while(|(due, _)| *due <= now).map(|(_, of)| of.clone()).collect();
        for machine in &due {
            if let Some(ward) = self.wards.get_mut(machine) {
                ward.watch.advance(now);
            }
            self.touched(machine);
        }
        due
    }

    /// What is to be committed next, with the report up to which nothing waits once that is done, and whether this is all.
    pub fn batch(&mut self, state: &ShardState, now: ShardTime) -> Batch {
        let mut batch = Batch { updates: Vec::new(), records: Vec::new(), ticket: self.reports, is_last: true };
        let mut bytes = 0;
        for machine in std::mem::take(&mut self.dirty) {
            if bytes >= ENTRY_BYTES {
                self.dirty.insert(machine);
                batch.is_last = false;
                continue;
            }
            let Some(ward) = self.ward(state, &machine, now) else { continue };
            let record = ward.watch.record().clone();
            if record.says_as(&ward.logged) {
                continue;
            }
            let verdict = ward.watch.verdict();
            let update = HealthUpdate {
                base: state.fleet().find(&machine).and_then(|ix| state.health().get(ix)).map_or(0, |kept| kept.updates),
                record: record.encode(),
                verdict: HealthVerdict {
                    health: verdict.health.name().to_owned(),
                    class: verdict.class.name().to_owned(),
                    reason: short(verdict.line()),
                    since: ShardTime(verdict.since_ms),
                    unfit: verdict.unfit,
                },
                machine,
            };
            bytes += update.record.len();
            batch.records.push(record);
            batch.updates.push(update);
        }
        batch
    }

    /// A batch is in the log; whether the fold took all of it. What it did not take is tried again.
    pub fn committed(&mut self, state: &ShardState, batch: Batch) -> bool {
        let mut all_taken = true;
        for (update, record) in batch.updates.into_iter().zip(batch.records) {
            let kept = state.fleet().find(&update.machine).and_then(|ix| state.health().get(ix));
            let is_taken = kept.is_some_and(|kept| kept.updates == update.base + 1);
            if let Some(ward) = self.wards.get_mut(&update.machine).filter(|_| is_taken) {
                ward.logged = record;
                ward.is_logged = true;
            }
            all_taken &= is_taken;
            self.touched(&update.machine);
        }
        all_taken
    }

    /// A batch is not known to be in the log.
    pub fn failed(&mut self, batch: &Batch) {
        self.dirty.extend(batch.updates.iter().map(|update| update.machine.clone()));
    }
}

/// What is committed at once.
#[derive(Debug)]
pub struct Batch {
    /// For [`argosy_shard::Command::Health`].
    pub updates: Vec<HealthUpdate>,
    records: Vec<Record>,
    /// Reports up to this one are in the log once this is, if it is the last batch.
    pub ticket: u64,
    /// Whether nothing is left over.
    pub is_last: bool,
}

fn short(mut line: String) -> String {
    let mut end = line.len().min(argosy_shard::health::MAX_HEALTH_REASON);
    while !line.is_char_boundary(end) {
        end -= 1;
    }
    line.truncate(end);
    line
}

/// The pool that holds a machine.
fn pool_of(state: &ShardState, ix: MachineIx) -> Option<String> {
    let cluster = state.fleet().machine(ix).cluster()?;
    state.fleet().words.cluster_id(cluster).strip_prefix(CLAIMANT_PREFIX).map(str::to_owned)
}

#[cfg(test)]
mod tests;
