//! The rows of the table, as they lie in its file.

use serde::{Deserialize, Serialize};

use crate::class::ActionClass;

/// The whole file.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Table {
    /// Changes with every change of a row.
    pub version: String,
    /// What the catalogue's buckets stand for.
    pub bucket: Vec<Bucket>,
    /// XIDs in use, by code.
    pub xid: Vec<XidRow>,
    /// XIDs that the catalogue lists as unused, by code.
    pub unused: Vec<i64>,
    /// What an XID 154 may ask for.
    pub recovery_action: Vec<RecoveryAction>,
    /// XID 74 by severity.
    pub nvlink: Vec<NvlinkRule>,
    /// XIDs 144 to 150.
    pub nvlink5: Vec<Nvlink5Rule>,
    /// SXids, by ranges.
    pub sxid: Vec<SxidRow>,
}

/// What a bucket of the catalogue stands for.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bucket {
    /// Its name in the catalogue.
    pub name: String,
    /// What it comes to.
    pub class: ActionClass,
    /// In words.
    pub meaning: String,
}

/// How the detail beside a code changes its class.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Decode {
    /// By the severity that the line states.
    Nvlink,
    /// By sub-unit, intrinfo and error status.
    Nvlink5,
    /// By the recovery action that it announces.
    RecoveryAction,
}

/// One XID.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct XidRow {
    /// The code.
    pub code: i64,
    /// NVIDIA's name for it.
    pub mnemonic: String,
    /// What it says.
    pub meaning: String,
    /// Bucket of the first thing to do.
    pub immediate: String,
    /// Bucket of what to look into then.
    pub investigatory: String,
    /// What it comes to here, before decoding.
    pub class: ActionClass,
    /// What gpud makes of it.
    pub gpud: String,
    /// How detail changes the class.
    #[serde(default)]
    pub decode: Option<Decode>,
    /// Whether the class is our judgement alone.
    #[serde(default)]
    pub ours: bool,
    /// What else to know.
    #[serde(default)]
    pub note: String,
}

/// One thing that an XID 154 may ask for.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecoveryAction {
    /// Its number in the line.
    pub code: i64,
    /// Its name in the line.
    pub name: String,
    /// What it comes to.
    pub class: ActionClass,
}

/// What XID 74 comes to.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NvlinkRule {
    /// `fatal` or `nonfatal`.
    pub severity: String,
    /// What it comes to.
    pub class: ActionClass,
}

/// One rule of decoding for XIDs 144 to 150.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Nvlink5Rule {
    /// The XID.
    pub code: i64,
    /// Sub-unit; several names of one are separated by slashes.
    pub unit: String,
    /// Pattern of intrinfo, bit 31 first; `-` is any bit.
    pub intrinfo: String,
    /// Error statuses.
    pub status: Vec<u32>,
    /// `fatal` or `nonfatal`.
    pub severity: String,
    /// Bucket of the first thing to do.
    pub immediate: String,
    /// Bucket of what to look into then.
    pub investigatory: String,
    /// What else to know.
    #[serde(default)]
    pub note: String,
}

/// A range of SXids.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SxidRow {
    /// First code.
    pub from: i64,
    /// Last code.
    pub to: i64,
    /// What it comes to.
    pub class: ActionClass,
    /// In words.
    pub meaning: String,
}
