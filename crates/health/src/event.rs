//! What happens to a machine, in the words that a policy uses.
//!
//! The names of types, systems and metrics are those of the agent's protocol, and those of the policy files of Navarch
//! where it has them, so that such a file applies unchanged.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Most metrics that an event may carry; more are cut off, in order of their names.
pub const MAX_METRICS: usize = 64;

/// Longest text that is kept of a message or a metric, in bytes.
pub const MAX_TEXT: usize = 1_024;

macro_rules! words {
    ($(#[$about:meta])* $name:ident { $($(#[$what:meta])* $variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
        pub enum $name {
            $($(#[$what])* #[serde(rename = $word)] $variant),+
        }

        impl $name {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// Its word in a policy.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }

            /// The one of that name.
            pub fn of_name(word: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|one| one.name() == word)
            }
        }
    };
}

words! {
    /// What kind of thing happened.
    EventType {
        /// None of the others.
        #[default]
        Unknown = "unknown",
        /// A GPU's driver reported an XID.
        Xid = "xid",
        /// Temperature.
        Thermal = "thermal",
        /// Power.
        Power = "power",
        /// Memory, without saying whether it could be corrected.
        Memory = "memory",
        /// NVLink.
        Nvlink = "nvlink",
        /// PCIe.
        Pcie = "pcie",
        /// The driver cannot be asked, or a device no longer answers.
        DriverError = "driver_error",
        /// Corrected memory errors.
        EccSbe = "ecc_sbe",
        /// Uncorrected memory errors.
        EccDbe = "ecc_dbe",
        /// An NVSwitch's driver reported an SXid.
        Sxid = "sxid",
        /// Rows of memory were remapped, or could not be.
        RowRemap = "row_remap",
        /// Clocks are held down.
        Throttle = "throttle",
        /// The driver asks for a recovery action.
        RecoveryAction = "recovery_action",
        /// What was wrong is right again.
        Recovered = "recovered",
        /// The machine was booted.
        Boot = "boot",
        /// A GPU was reset.
        GpuReset = "gpu_reset",
        /// Nothing is heard of the machine's agent; said by whoever listens, never by an agent.
        AgentSilent = "agent_silent",
    }
}

words! {
    /// Which part of a machine it is about.
    System {
        /// None of the others.
        #[default]
        Unknown = "DCGM_HEALTH_WATCH_UNKNOWN",
        /// PCIe.
        Pcie = "DCGM_HEALTH_WATCH_PCIE",
        /// NVLink.
        Nvlink = "DCGM_HEALTH_WATCH_NVLINK",
        /// Power management unit.
        Pmu = "DCGM_HEALTH_WATCH_PMU",
        /// Micro-controller.
        Mcu = "DCGM_HEALTH_WATCH_MCU",
        /// Memory.
        Mem = "DCGM_HEALTH_WATCH_MEM",
        /// Streaming multiprocessors.
        Sm = "DCGM_HEALTH_WATCH_SM",
        /// InfoROM.
        Inforom = "DCGM_HEALTH_WATCH_INFOROM",
        /// Temperature.
        Thermal = "DCGM_HEALTH_WATCH_THERMAL",
        /// Power.
        Power = "DCGM_HEALTH_WATCH_POWER",
        /// Driver.
        Driver = "DCGM_HEALTH_WATCH_DRIVER",
        /// NVSwitch.
        Nvswitch = "DCGM_HEALTH_WATCH_NVSWITCH",
        /// The agent itself; not one of DCGM's.
        Agent = "ARGOSY_WATCH_AGENT",
    }
}

/// One value that came with an event.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Metric {
    /// Yes or no.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// Any other number.
    Float(f64),
    /// A text that reads as none of the others.
    Text(String),
}

impl Metric {
    /// A value that came as text, as the type that the text reads as.
    pub fn of_text(text: &str) -> Self {
        if let Ok(int) = text.parse() {
            return Self::Int(int);
        }
        match (text.parse::<f64>(), text) {
            (Ok(float), _) if float.is_finite() => Self::Float(float),
            (_, "true") => Self::Bool(true),
            (_, "false") => Self::Bool(false),
            _ => Self::Text(cut(text, MAX_TEXT)),
        }
    }

    /// As a whole number, rounded towards zero.
    pub fn whole(&self) -> Option<i64> {
        match self {
            Self::Int(int) => Some(*int),
            #[expect(clippy::cast_possible_truncation, reason = "such a cast saturates, and NaN becomes 0")]
            Self::Float(float) => Some(*float as i64),
            Self::Bool(_) | Self::Text(_) => None,
        }
    }

    /// As people read it.
    pub fn text(&self) -> String {
        match self {
            Self::Bool(on) => on.to_string(),
            Self::Int(int) => int.to_string(),
            Self::Float(float) => float.to_string(),
            Self::Text(text) => text.clone(),
        }
    }
}

/// What a line of the kernel's log says beside the code of an XID or SXid.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct XidDetail {
    /// The sub-unit that it names, as in `RLW_REMAP`; empty when it names none.
    pub sub_unit: String,
    /// `Fatal`, `Nonfatal`, or empty.
    pub severity: String,
    /// NVLink 5: intrinfo and error status first. XID 74: reg0 to reg6.
    pub registers: Vec<u32>,
    /// XID 154: the number of the action that the driver asks for.
    pub recovery_action: Option<i64>,
    /// The driver at the time, as in `575.57.08`; empty when not known.
    pub driver_version: String,
}

/// Something that happened to a machine, or a reading of one of its numbers.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Event {
    /// What kind of thing.
    pub event_type: EventType,
    /// Which part of the machine.
    pub system: System,
    /// The GPU, from 0; -1 for the machine as a whole.
    #[serde(default = "whole_machine")]
    pub gpu_index: i32,
    /// The GPU's UUID; empty for the machine, and where it is not known.
    pub gpu_uuid: String,
    /// When, on the machine's own wall clock, for people: RFC 3339. Nothing is decided by it.
    pub timestamp: String,
    /// For people.
    pub message: String,
    /// Numbers and words that came with it.
    pub metrics: BTreeMap<String, Metric>,
    /// For XIDs and SXids: what the log line says beside the code.
    pub xid: XidDetail,
}

fn whole_machine() -> i32 {
    -1
}

impl Event {
    /// An XID of a GPU.
    pub fn xid(gpu_index: i32, code: i64) -> Self {
        let metrics = BTreeMap::from([("xid_code".to_owned(), Metric::Int(code))]);
        Self { event_type: EventType::Xid, system: System::Driver, gpu_index, metrics, ..Self::default() }
    }

    /// An event without numbers.
    pub fn plain(event_type: EventType, gpu_index: i32) -> Self {
        Self { event_type, gpu_index, ..Self::default() }
    }

    /// The code of the XID or SXid that it carries.
    pub fn code(&self) -> Option<i64> {
        let key = match self.event_type {
            EventType::Xid => "xid_code",
            EventType::Sxid => "sxid_code",
            _ => return None,
        };
        self.metrics.get(key).and_then(Metric::whole)
    }

    /// Cuts what is longer or more than an event may be; texts that came as metrics get their type.
    pub fn bounded(mut self) -> Self {
        self.message = cut(&self.message, MAX_TEXT);
        self.gpu_uuid = cut(&self.gpu_uuid, 96);
        self.timestamp = cut(&self.timestamp, 64);
        self.xid.sub_unit = cut(&self.xid.sub_unit, 64);
        self.xid.severity = cut(&self.xid.severity, 16);
        self.xid.driver_version = cut(&self.xid.driver_version, 32);
        self.xid.registers.truncate(8);
        let metrics = std::mem::take(&mut self.metrics).into_iter().filter(|(key, _)| key.len() <= 64);
        let typed = metrics.map(|(key, value)| match value {
            Metric::Text(text) => (key, Metric::of_text(&text)),
            other => (key, other),
        });
        self.metrics = typed.take(MAX_METRICS).collect();
        self
    }
}

/// At most `bytes` of a text, cut between characters.
pub(crate) fn cut(text: &str, bytes: usize) -> String {
    let mut end = bytes.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text[..end].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_gets_the_type_that_it_reads_as() {
        let read = ["95", "-3", "1.5", "true", "false", "HBM", "NaN", ""].map(Metric::of_text);
        let text = |text: &str| Metric::Text(text.to_owned());
        let expected = [
            Metric::Int(95),
            Metric::Int(-3),
            Metric::Float(1.5),
            Metric::Bool(true),
            Metric::Bool(false),
            text("HBM"),
            text("NaN"),
            text(""),
        ];
        assert_eq!(read, expected);
    }

    #[test]
    fn an_event_is_cut_to_its_bounds() {
        let many = (0..200).map(|n| (format!("m{n:03}"), Metric::Text("7".to_owned()))).collect();
        let event = Event { message: "ä".repeat(2_000), metrics: many, ..Event::default() }.bounded();
        assert_eq!((event.message.len(), event.metrics.len()), (MAX_TEXT, MAX_METRICS));
        assert!(event.metrics.values().all(|value| *value == Metric::Int(7)));
    }

    #[test]
    fn every_word_reads_back() {
        assert!(EventType::ALL.iter().all(|one| EventType::of_name(one.name()) == Some(*one)));
        assert!(System::ALL.iter().all(|one| System::of_name(one.name()) == Some(*one)));
    }
}
