//! What is known of one machine and must survive the loss of whoever knows it.
//!
//! Plain data with absolute moments of shard time: it says the same whenever, and by whomever, it is read. The leader logs it
//! whole whenever it changes; the shard keeps its bytes and never looks inside.

use std::collections::BTreeMap;

use argosy_model::ShardTime;
use serde::{Deserialize, Serialize};

use crate::class::{ActionClass, Health};
use crate::event::{EventType, System};
use crate::policy::Scope;

/// The form of the bytes that this release writes.
const FORMAT: u8 = 1;
/// Most findings that are kept; the mildest and oldest goes first.
pub const MAX_FINDINGS: usize = 128;
/// Most events that are kept as evidence.
pub const MAX_NOTES: usize = 16;
/// Most repairs that are remembered.
pub const MAX_REPAIRS: usize = 16;
/// Most series of counted events.
pub const MAX_TALLIES: usize = 64;
/// Most rules whose failing is kept.
pub const MAX_ERRING: usize = 64;
/// Longest evidence, in bytes.
pub const MAX_EVIDENCE: usize = 240;

/// What is known of one machine.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// The agent's journal, and the last of its records that is in here.
    pub mark: Mark,
    /// The boot that was heard of last.
    pub boot: String,
    /// What stands against it, by rule and GPU.
    pub findings: BTreeMap<(String, i32), Finding>,
    /// What is being counted, by rule and place.
    pub tallies: BTreeMap<(String, Place), Tally>,
    /// What it needs before it is supply again, by GPU.
    pub owed: BTreeMap<i32, Owed>,
    /// Repairs that were made, oldest first.
    pub repairs: Vec<Repair>,
    /// Rules that failed on something, each with the error of the first time.
    pub erring: BTreeMap<String, String>,
    /// The latest events, oldest first.
    pub notes: Vec<Note>,
    /// Whether anything has been heard of it.
    pub heard: bool,
    /// What was last said of it.
    pub standing: Standing,
}

/// How far an agent's journal has been read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// The journal's name.
    pub journal: String,
    /// The last sequence number.
    pub sequence: u64,
}

/// One thing that stands against a machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// How bad it is.
    pub health: Health,
    /// What is to be done.
    pub class: ActionClass,
    /// What it says something about.
    pub scope: Scope,
    /// Which part of the machine.
    pub system: System,
    /// Since when it stands.
    pub since: ShardTime,
    /// How often it was found.
    pub hits: u64,
    /// What ends it.
    pub until: Until,
    /// When it takes the machine out of supply, if it stands that long.
    pub due: ShardTime,
    /// What was heard, in words.
    pub evidence: String,
}

/// What ends a finding. Ordered: what comes later holds more tightly.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Until {
    /// Time.
    At(ShardTime),
    /// A reading of this kind that the rule no longer holds for.
    Reading(EventType),
    /// Word that it is right again.
    Recovered,
    /// A reset of the GPU.
    Reset,
    /// A boot of the machine.
    Reboot,
    /// An operator.
    Cleared,
}

/// Where repeats are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Place {
    /// On one GPU; -1 is the machine.
    Gpu(i32),
    /// In one NVLink domain.
    Domain(u32),
    /// On the machine.
    Machine,
}

/// A series of counted events, or of values of a metric.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// Oldest first.
    pub hits: Vec<Hit>,
}

/// One of a series.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hit {
    /// When.
    pub at: ShardTime,
    /// The metric's value, where a rate is taken.
    pub value: i64,
    /// The metric's value, where different ones are counted.
    pub text: String,
}

/// What a machine needs before it is supply again. It stays although the finding has gone: nobody has repaired anything yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owed {
    /// What.
    pub class: ActionClass,
    /// The rule that found it.
    pub rule: String,
    /// Since when.
    pub since: ShardTime,
    /// What was heard, in words.
    pub evidence: String,
}

/// A repair that was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Repair {
    /// When.
    pub at: ShardTime,
    /// What was done.
    pub class: ActionClass,
    /// To which GPU; -1 is the machine.
    pub gpu: i32,
}

/// One event, for people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Note {
    /// When.
    pub at: ShardTime,
    /// The GPU; -1 is the machine.
    pub gpu: i32,
    /// The rule that decided about it; empty if none did.
    pub rule: String,
    /// What it was.
    pub text: String,
}

/// What was last said of a machine.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    /// How it is.
    pub health: Health,
    /// What is to be done.
    pub class: ActionClass,
    /// The rule behind it; empty if nothing stands against it.
    pub rule: String,
    /// The GPU; -1 is the machine.
    pub gpu: i32,
    /// Since when it is so.
    pub since: ShardTime,
    /// Whether it must not be supply.
    pub unfit: bool,
    /// The GPUs that it says something about, each with how it is.
    pub gpus: Vec<(u32, Health)>,
}

/// Bytes that are no record of this release.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("ARG-1006: a health record of format {found} with {bytes} bytes cannot be read")]
pub struct UnreadableRecord {
    /// The format that it names.
    pub found: u8,
    /// Its length.
    pub bytes: usize,
}

impl Record {
    /// The bytes for the log.
    pub fn encode(&self) -> Vec<u8> {
        postcard::to_extend(self, vec![FORMAT]).expect("a record is plain data: encoding into memory cannot fail")
    }

    /// Reads the bytes of a record.
    ///
    /// # Errors
    /// They are of another release, or damaged.
    pub fn decode(bytes: &[u8]) -> Result<Self, UnreadableRecord> {
        let found = bytes.first().copied().unwrap_or_default();
        let unreadable = UnreadableRecord { found, bytes: bytes.len() };
        if found != FORMAT {
            return Err(unreadable);
        }
        match postcard::take_from_bytes(&bytes[1..]) {
            Ok((record, [])) => Ok(record),
            Ok(_) | Err(_) => Err(unreadable),
        }
    }

    /// Whether it says the same, apart from how far the journal was read.
    pub fn says_as(&self, other: &Self) -> bool {
        let Self { mark: _, boot, findings, tallies, owed, repairs, erring, notes, heard, standing } = self;
        (boot, heard, findings) == (&other.boot, &other.heard, &other.findings)
            && (tallies, owed, repairs) == (&other.tallies, &other.owed, &other.repairs)
            && (erring, notes, standing) == (&other.erring, &other.notes, &other.standing)
    }

    /// Adds a finding; where there are too many, the mildest and oldest goes.
    pub(crate) fn find(&mut self, rule: &str, gpu: i32, finding: Finding) {
        self.findings.insert((rule.to_owned(), gpu), finding);
        if self.findings.len() > MAX_FINDINGS {
            let rank = |finding: &Finding| (finding.health, finding.class, finding.since);
            let mildest = self.findings.iter().min_by_key(|(_, finding)| rank(finding)).map(|(key, _)| key.clone());
            self.findings.remove(&mildest.expect("there are findings"));
        }
    }

    /// Notes an event down.
    pub(crate) fn note(&mut self, note: Note) {
        if self.notes.len() == MAX_NOTES {
            self.notes.remove(0);
        }
        self.notes.push(note);
    }

    /// Remembers a repair.
    pub(crate) fn repaired(&mut self, repair: Repair) {
        if self.repairs.len() == MAX_REPAIRS {
            self.repairs.remove(0);
        }
        self.repairs.push(repair);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_reads_back_and_foreign_bytes_are_refused() {
        let mut record = Record { boot: "b".to_owned(), ..Record::default() };
        record.note(Note { at: ShardTime(3), gpu: 1, rule: "r".to_owned(), text: "XID 79".to_owned() });
        let mut bytes = record.encode();
        assert_eq!(Record::decode(&bytes), Ok(record));
        bytes.push(0);
        assert!(Record::decode(&bytes).is_err());
        bytes[0] = 9;
        assert_eq!(Record::decode(&bytes).map_err(|error| error.found), Err(9));
        assert!(Record::decode(&[]).is_err());
    }

    #[test]
    fn every_list_has_a_bound_and_the_mildest_finding_goes_first() {
        let finding = |health, since| Finding {
            health,
            class: ActionClass::Observe,
            scope: Scope::Gpu,
            system: System::Unknown,
            since: ShardTime(since),
            hits: 1,
            until: Until::Cleared,
            due: ShardTime(since),
            evidence: String::new(),
        };
        let mut record = Record::default();
        record.find("worst", 0, finding(Health::Unhealthy, 0));
        for n in 1..1_000 {
            record.find("mild", n, finding(Health::Degraded, u64::try_from(n).expect("positive")));
            record.note(Note { at: ShardTime(0), gpu: n, rule: String::new(), text: String::new() });
            record.repaired(Repair { at: ShardTime(0), class: ActionClass::ResetGpu, gpu: n });
        }
        assert_eq!(
            (record.findings.len(), record.notes.len(), record.repairs.len()),
            (MAX_FINDINGS, MAX_NOTES, MAX_REPAIRS)
        );
        assert!(record.findings.contains_key(&("worst".to_owned(), 0)));
        assert_eq!(record.notes.last().map(|note| note.gpu), Some(999));
    }
}
