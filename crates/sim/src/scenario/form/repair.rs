//! How unfit machines are repaired: the policy, and what agents do of their orders.

use std::borrow::Cow;
use std::fmt;

use argosy_repair::Policy;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::value::MapAccessDeserializer;
use serde::de::{self, Deserialize, Deserializer, MapAccess, Visitor};
use serde::{Serialize, Serializer};

use super::extension::Taken;
use crate::scenario::scalar::{Share, Span};

/// How unfit machines are repaired.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Repair {
    /// `eager`, `default`, or a repair policy.
    pub policy: RepairPolicy,
    /// How long an agent takes to reset GPUs.
    pub reset: Taken,
    /// How long a machine takes to reboot. Its agent is not heard meanwhile.
    pub reboot: Taken,
    /// The share of resets and reboots that are done, and do not help.
    pub fails: Share,
}

impl Default for Repair {
    fn default() -> Self {
        Self {
            policy: RepairPolicy::default(),
            reset: Taken { min: Span::seconds(20), max: Span::seconds(60) },
            reboot: Taken { min: Span::minutes(1), max: Span::minutes(3) },
            fails: Share(0),
        }
    }
}

/// By what machines are repaired.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum RepairPolicy {
    /// As Navarch does: what is unfit is replaced at once, however much of it, and no agent is asked to do anything.
    #[default]
    Eager,
    /// The policy of a new installation.
    Default,
    /// This one.
    Inline(Box<Policy>),
}

impl Serialize for RepairPolicy {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Eager => to.serialize_str("eager"),
            Self::Default => to.serialize_str("default"),
            Self::Inline(policy) => policy.serialize(to),
        }
    }
}

impl<'de> Deserialize<'de> for RepairPolicy {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct WordOrPolicy;
        impl<'de> Visitor<'de> for WordOrPolicy {
            type Value = RepairPolicy;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("eager, default, or a repair policy (docs/reference/repair.md)")
            }

            fn visit_str<E: de::Error>(self, word: &str) -> Result<RepairPolicy, E> {
                match word {
                    "eager" => Ok(RepairPolicy::Eager),
                    "default" => Ok(RepairPolicy::Default),
                    other => Err(E::invalid_value(de::Unexpected::Str(other), &self)),
                }
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<RepairPolicy, A::Error> {
                // Not through a tree of values: the parser's own errors know their line and column.
                Policy::deserialize(MapAccessDeserializer::new(map))
                    .map(|policy| RepairPolicy::Inline(Box::new(policy)))
            }
        }
        from.deserialize_any(WordOrPolicy)
    }
}

impl JsonSchema for RepairPolicy {
    fn schema_name() -> Cow<'static, str> {
        "RepairPolicy".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "eager: as Navarch does, replace what is unfit at once and ask no agent. default: the policy of a new installation. Or a policy as docs/reference/repair.md has it",
            "anyOf": [
                { "type": "string", "enum": ["eager", "default"] },
                { "type": "object" }
            ]
        })
    }
}
