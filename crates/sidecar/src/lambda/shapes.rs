//! What Lambda's API says, as far as it matters here. Fields that are not known are skipped: the API grows.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The envelope of an answer that is none of an error.
#[derive(Debug, Deserialize)]
pub(super) struct Data<T> {
    pub(super) data: T,
    /// Where a long list goes on.
    #[serde(default)]
    pub(super) page_token: Option<String>,
}

/// The envelope of an error.
#[derive(Debug, Deserialize)]
pub(super) struct Failure {
    pub(super) error: Reason,
}

/// Why a call failed. The code is what programs go by.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(super) struct Reason {
    pub(super) code: String,
    #[serde(default)]
    pub(super) message: String,
    #[serde(default)]
    pub(super) suggestion: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(super) struct Instance {
    pub(super) id: String,
    #[serde(default)]
    pub(super) name: Option<String>,
    #[serde(default)]
    pub(super) ip: Option<String>,
    pub(super) status: Status,
}

/// Where an instance is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Status {
    Booting,
    Active,
    Unhealthy,
    Terminating,
    Terminated,
    Preempted,
    /// One that a later version of the API has.
    #[serde(other)]
    Other,
}

impl Status {
    /// Whether there is nothing left of it.
    pub(super) fn is_over(self) -> bool {
        matches!(self, Self::Terminated | Self::Preempted)
    }
}

#[derive(Debug, Deserialize)]
pub(super) struct Offered {
    pub(super) instance_type: InstanceType,
    #[serde(default)]
    pub(super) regions_with_capacity_available: Vec<Region>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Region {
    pub(super) name: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct InstanceType {
    pub(super) price_cents_per_hour: u32,
    pub(super) specs: Specs,
}

#[derive(Debug, Deserialize)]
pub(super) struct Specs {
    pub(super) vcpus: u32,
    pub(super) memory_gib: u32,
    pub(super) storage_gib: u32,
    #[serde(default)]
    pub(super) gpus: u32,
}

impl Specs {
    /// As Kubernetes writes it.
    pub(super) fn resources(&self) -> BTreeMap<String, String> {
        let mut resources = BTreeMap::from([
            ("cpu".to_owned(), self.vcpus.to_string()),
            ("memory".to_owned(), format!("{}Gi", self.memory_gib)),
            ("ephemeral-storage".to_owned(), format!("{}Gi", self.storage_gib)),
        ]);
        if self.gpus > 0 {
            resources.insert("nvidia.com/gpu".to_owned(), self.gpus.to_string());
        }
        resources
    }
}

#[derive(Debug, Deserialize)]
pub(super) struct SshKey {
    pub(super) name: String,
}

#[derive(Debug, Serialize)]
pub(super) struct Launch<'a> {
    pub(super) region_name: &'a str,
    pub(super) instance_type_name: &'a str,
    pub(super) ssh_key_names: [&'a str; 1],
    pub(super) name: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    pub(super) user_data: &'a str,
}

#[derive(Debug, Deserialize)]
pub(super) struct Launched {
    pub(super) instance_ids: Vec<String>,
}

#[derive(Debug, Serialize)]
pub(super) struct Terminate<'a> {
    pub(super) instance_ids: [&'a str; 1],
}
