//! A policy file as it is written.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_saphyr::Spanned;

/// The file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PolicyForm {
    pub(super) version: Option<Spanned<String>>,
    #[serde(default)]
    pub(super) metadata: MetadataForm,
    #[serde(default)]
    pub(super) defaults: DefaultsForm,
    pub(super) escalation: Option<EscalationForm>,
    #[serde(default)]
    pub(super) xids: Vec<XidForm>,
    #[serde(default)]
    pub(super) rules: Vec<RuleForm>,
    #[serde(default)]
    pub(super) pools: BTreeMap<String, PoolForm>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct MetadataForm {
    #[serde(default)]
    pub(super) name: String,
    #[serde(default)]
    pub(super) description: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DefaultsForm {
    pub(super) decay: Option<Spanned<String>>,
    pub(super) stale_after: Option<Spanned<String>>,
    pub(super) silent_after: Option<Spanned<String>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct EscalationForm {
    pub(super) attempts: Spanned<u32>,
    pub(super) within: Spanned<String>,
}

/// A code that the site judges otherwise.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct XidForm {
    pub(super) code: Spanned<i64>,
    pub(super) class: Spanned<String>,
    pub(super) reason: Spanned<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RuleForm {
    pub(super) name: Spanned<String>,
    #[serde(default)]
    pub(super) description: String,
    pub(super) condition: Spanned<String>,
    pub(super) result: Spanned<String>,
    pub(super) class: Option<Spanned<String>>,
    pub(super) scope: Option<Spanned<String>>,
    pub(super) decay: Option<Spanned<String>>,
    pub(super) latch: Option<Spanned<String>>,
    pub(super) window: Option<Spanned<String>>,
    pub(super) count: Option<Spanned<u32>>,
    pub(super) distinct: Option<Spanned<String>>,
    pub(super) rate: Option<RateForm>,
    #[serde(rename = "for")]
    pub(super) sustained: Option<Spanned<String>>,
    pub(super) grace: Option<Spanned<String>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RateForm {
    pub(super) metric: Spanned<String>,
    pub(super) per: Spanned<String>,
    pub(super) above: Spanned<i64>,
}

/// What is different for one pool.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PoolForm {
    pub(super) escalation: Option<EscalationForm>,
    #[serde(default)]
    pub(super) rules: Vec<ChangeForm>,
}

/// What is different about one rule.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ChangeForm {
    pub(super) name: Spanned<String>,
    #[serde(default)]
    pub(super) disabled: bool,
    pub(super) result: Option<Spanned<String>>,
    pub(super) class: Option<Spanned<String>>,
    pub(super) decay: Option<Spanned<String>>,
    pub(super) latch: Option<Spanned<String>>,
    pub(super) window: Option<Spanned<String>>,
    pub(super) count: Option<Spanned<u32>>,
    pub(super) grace: Option<Spanned<String>>,
}
