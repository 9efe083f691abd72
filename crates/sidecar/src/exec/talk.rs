//! What scripts are told and what they may say, as JSON. Fields that are not known are an error: a misspelt one would be silence.

use std::collections::{BTreeMap, BTreeSet};

use argosy_model::quantity::{self, Rounding};
use argosy_model::{MicroUsd, Ppb};
use argosy_provider::contract::{Kind, Payment};
use serde::{Deserialize, Serialize};

use crate::backend::{Host, Offer, Outcome, Row, Task};

/// The version of what is said both ways.
const VERSION: u32 = 1;
/// The finest unit in which a quantity is read only to see that it is one.
const MILLI: u32 = 1_000;
/// How much of what a script said is repeated in a message.
const QUOTED_BYTES: usize = 200;

/// What a script is told.
#[derive(Debug, Default, Serialize)]
pub(super) struct Request<'a> {
    version: u32,
    verb: &'a str,
    /// What `status` is asked about.
    #[serde(skip_serializing_if = "Option::is_none")]
    of: Option<&'static str>,
    /// The same whenever this transition is spoken of, and never for another one.
    #[serde(skip_serializing_if = "str::is_empty")]
    key: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    operation: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    machine: Option<Machine<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cluster: Option<&'a str>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    metadata: BTreeMap<&'a str, &'a str>,
    /// As text where it is text.
    #[serde(skip_serializing_if = "Option::is_none")]
    user_data: Option<&'a str>,
    /// Where it is not: in hexadecimal.
    #[serde(skip_serializing_if = "Option::is_none")]
    user_data_hex: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    grace_seconds: Option<u32>,
}

#[derive(Debug, Serialize)]
struct Machine<'a> {
    id: &'a str,
    instance_type: &'a str,
    zone: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    host: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<&'a str>,
}

impl<'a> Request<'a> {
    pub(super) fn inventory() -> Self {
        Self { version: VERSION, verb: "list", ..Self::default() }
    }

    pub(super) fn of(verb: &'a str, task: &'a Task) -> Self {
        let text = std::str::from_utf8(&task.user_data).ok();
        let host = task.host.as_ref();
        Self {
            version: VERSION,
            verb,
            of: (verb == "status").then(|| task.kind.name()),
            key: &task.key,
            operation: &task.operation,
            machine: Some(Machine {
                id: &task.machine,
                instance_type: &task.offer.instance_type,
                zone: &task.offer.zone,
                host: host.map(|host| host.reference.as_str()),
                address: host.and_then(|host| host.address.as_deref()),
            }),
            cluster: task.cluster.as_deref(),
            metadata: task.metadata.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect(),
            user_data: text.filter(|text| !text.is_empty()),
            user_data_hex: text.is_none().then(|| task.user_data.iter().map(|byte| format!("{byte:02x}")).collect()),
            grace_seconds: (task.kind == Kind::Drain).then_some(task.grace_s),
        }
    }

    pub(super) fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec(self)
            .unwrap_or_else(|error| unreachable!("strings and numbers are written as JSON: {error}"))
    }
}

/// What a script says of a transition.
#[derive(Debug, PartialEq, Eq, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum Answer {
    /// It is done.
    Done {
        #[serde(default)]
        host: Option<String>,
        #[serde(default)]
        address: Option<String>,
        #[serde(default)]
        host_keys: Vec<String>,
    },
    /// It failed and left nothing behind.
    Failed { error: String },
    /// It took no effect, and takes none under this key.
    Absent {
        #[serde(default)]
        reason: String,
    },
    /// It is under way.
    Pending {
        #[serde(default)]
        reason: String,
    },
    /// It cannot tell, or said nothing that can be read.
    Unknown {
        #[serde(default)]
        reason: String,
    },
}

impl Answer {
    /// Reads an answer. A status that is not 0 goes with `failed` and with nothing else.
    pub(super) fn read(stdout: &[u8], code: Option<i32>) -> Self {
        let unknown = |reason| Self::Unknown { reason };
        let answer = match serde_json::from_slice(stdout) {
            Ok(answer) => answer,
            Err(error) => {
                return unknown(format!("it ended with {} and said {}: {error}", ending(code), quote(stdout)));
            }
        };
        match answer {
            Self::Failed { .. } => answer,
            _ if code == Some(0) => answer,
            _ => unknown(format!("it ended with {} and yet said {}", ending(code), quote(stdout))),
        }
    }

    /// What that means for the transition.
    pub(super) fn outcome(self, verb: &str, kind: Kind) -> Outcome {
        match self {
            Self::Done { host: None, .. } if kind == Kind::Create => {
                Outcome::Doubt(format!("{verb} says that it is done, and names no host"))
            }
            Self::Done { host, address, host_keys } => {
                Outcome::Done(host.map(|reference| Host { reference, address, host_keys }))
            }
            Self::Failed { error } => Outcome::Failed(error),
            Self::Absent { reason } => Outcome::NotBegun { reason, wait: None },
            Self::Pending { reason } => Outcome::Pending(reason),
            Self::Unknown { reason } => Outcome::Doubt(format!("{verb}: {reason}")),
        }
    }
}

pub(crate) fn ending(code: Option<i32>) -> String {
    code.map_or_else(|| "a signal".to_owned(), |code| format!("status {code}"))
}

fn quote(said: &[u8]) -> String {
    format!("{:?}", String::from_utf8_lossy(&said[..said.len().min(QUOTED_BYTES)]))
}

/// What `list` says.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Listed {
    machines: Vec<ListedMachine>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ListedMachine {
    id: String,
    instance_type: String,
    zone: String,
    capacity_type: Payment,
    #[serde(default)]
    price_per_hour: f64,
    #[serde(default)]
    interruption_probability: f64,
    resources: BTreeMap<String, String>,
    #[serde(default)]
    labels: BTreeMap<String, String>,
    #[serde(default)]
    host: Option<String>,
    #[serde(default)]
    address: Option<String>,
    #[serde(default)]
    host_keys: Vec<String>,
    #[serde(default)]
    failed: Option<String>,
}

impl Listed {
    /// Reads an inventory. One bad machine spoils it: half an inventory is worse than an old one.
    pub(super) fn read(stdout: &[u8]) -> Result<Vec<Row>, String> {
        let listed: Self =
            serde_json::from_slice(stdout).map_err(|error| format!("list said {}: {error}", quote(stdout)))?;
        let mut ids = BTreeSet::new();
        let mut rows = Vec::with_capacity(listed.machines.len());
        for machine in listed.machines {
            machine.check().map_err(|flaw| format!("list: machine {:?}: {flaw}", machine.id))?;
            if !ids.insert(machine.id.clone()) {
                return Err(format!("list: machine {:?} is there twice", machine.id));
            }
            rows.push(machine.into_row());
        }
        Ok(rows)
    }
}

impl ListedMachine {
    fn check(&self) -> Result<(), String> {
        for (what, text) in [("id", &self.id), ("instance_type", &self.instance_type), ("zone", &self.zone)] {
            if text.is_empty() {
                return Err(format!("{what} is empty"));
            }
        }
        if MicroUsd::from_wire_usd(self.price_per_hour).is_none() {
            return Err(format!("price_per_hour {} is no price", self.price_per_hour));
        }
        match Ppb::from_wire(self.interruption_probability) {
            None => return Err(format!("interruption_probability {} is none", self.interruption_probability)),
            Some(Ppb(0)) if self.capacity_type == Payment::Spot => {
                return Err("a spot machine has an interruption_probability above 0".to_owned());
            }
            Some(_) => {}
        }
        if self.resources.is_empty() {
            return Err("it has no resources".to_owned());
        }
        for (name, amount) in &self.resources {
            quantity::parse(amount, MILLI, Rounding::Down).map_err(|error| format!("resource {name}: {error}"))?;
        }
        Ok(())
    }

    fn into_row(self) -> Row {
        let Self { address, host_keys, .. } = self;
        Row {
            id: self.id,
            host: self.host.map(|reference| Host { reference, address, host_keys }),
            failed: self.failed,
            offer: Offer {
                instance_type: self.instance_type,
                zone: self.zone,
                capacity_type: self.capacity_type,
                price_per_hour: self.price_per_hour,
                interruption_probability: self.interruption_probability,
                resources: self.resources,
                labels: self.labels,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_that_is_not_zero_goes_with_failed_and_with_nothing_else() {
        let done = br#"{"state":"done","host":"h"}"#;
        let failed = br#"{"state":"failed","error":"why"}"#;
        assert!(matches!(Answer::read(done, Some(0)), Answer::Done { .. }));
        for code in [Some(1), None] {
            assert!(matches!(Answer::read(done, code), Answer::Unknown { .. }), "{code:?}");
            assert!(matches!(Answer::read(failed, code), Answer::Failed { .. }), "{code:?}");
        }
    }

    #[test]
    fn a_create_that_names_no_host_and_a_field_that_is_not_known_leave_a_doubt() {
        for said in [r#"{"state":"done"}"#, r#"{"state":"done","hots":"h"}"#, r#"{"state":"dnoe"}"#, "", "null"] {
            let outcome = Answer::read(said.as_bytes(), Some(0)).outcome("create", Kind::Create);
            assert!(matches!(outcome, Outcome::Doubt(_)), "{said}: {outcome:?}");
        }
    }

    #[test]
    fn one_bad_machine_spoils_an_inventory() {
        let machine = |id: &str, more: &str| {
            format!(
                r#"{{"id":"{id}","instance_type":"t","zone":"z","capacity_type":"spot","interruption_probability":0.1,"resources":{{"cpu":"4"}}{more}}}"#
            )
        };
        let listed =
            |machines: &[String]| Listed::read(format!(r#"{{"machines":[{}]}}"#, machines.join(",")).as_bytes());
        assert_eq!(listed(&[machine("a", ""), machine("b", "")]).expect("sound").len(), 2);
        let price = r#","price_per_hour":-1"#;
        for bad in [vec![machine("a", ""), machine("a", "")], vec![machine("a", price)], vec![machine("", "")]] {
            assert!(listed(&bad).is_err(), "{bad:?}");
        }
    }
}
