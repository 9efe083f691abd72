//! Messages of the protocol as JSON for people and their tools: the names of the proto, enums by name, 64-bit numbers as numbers.

use std::sync::LazyLock;

use argosy_proto::FILE_DESCRIPTOR_SET;
use argosy_proto::argosy::v1::{
    AgentCommandUpdate, AgentDetail, AgentInventory, AgentRow, AgentSample, HealthEvent, ListAgentsResponse,
};
use prost::Message;
use prost_reflect::{DescriptorPool, DynamicMessage, SerializeOptions};
use serde_json::Value;

static POOL: LazyLock<Option<DescriptorPool>> = LazyLock::new(|| DescriptorPool::decode(FILE_DESCRIPTOR_SET).ok());

/// A message that can be shown.
pub trait Shown: Message {
    /// Its full name in the protocol.
    const NAME: &'static str;
}

macro_rules! shown {
    ($($message:ident),+ $(,)?) => {
        $( impl Shown for $message { const NAME: &'static str = concat!("argosy.v1.", stringify!($message)); } )+
    };
}

shown!(AgentInventory, AgentSample, HealthEvent, AgentDetail, AgentRow, ListAgentsResponse, AgentCommandUpdate);

/// The message as JSON. What it does not say is left out.
#[must_use]
pub fn of_message<M: Shown>(message: &M) -> Value {
    let descriptor = POOL.as_ref().and_then(|pool| pool.get_message_by_name(M::NAME));
    let dynamic =
        descriptor.and_then(|descriptor| DynamicMessage::decode(descriptor, message.encode_to_vec().as_slice()).ok());
    let options = SerializeOptions::new().stringify_64_bit_integers(false).use_proto_field_name(true);
    // The descriptors are compiled in and a test shows every message, so there is always something to show.
    dynamic
        .and_then(|dynamic| dynamic.serialize_with_options(serde_json::value::Serializer, &options).ok())
        .unwrap_or(Value::Null)
}

#[cfg(test)]
mod tests {
    use argosy_proto::argosy::v1::{GpuDriver, GpuDriverState, GpuSample};
    use serde_json::json;

    use super::*;

    #[test]
    fn enums_have_names_numbers_are_numbers_and_what_is_not_known_is_absent() {
        let driver = GpuDriver { state: GpuDriverState::Lost.into(), error: "gone".to_owned(), ..GpuDriver::default() };
        let inventory = AgentInventory { memory_bytes: 1 << 40, driver: Some(driver), ..AgentInventory::default() };
        let expected =
            json!({"memory_bytes": 1_u64 << 40, "driver": {"state": "GPU_DRIVER_STATE_LOST", "error": "gone"}});
        assert_eq!(of_message(&inventory), expected);
        let gpu = GpuSample { fan_percent: Some(0), ..GpuSample::default() };
        let sample = AgentSample { gpus: vec![gpu], ..AgentSample::default() };
        assert_eq!(of_message(&sample), json!({"gpus": [{"fan_percent": 0}]}), "a zero that was measured is shown");
    }

    #[test]
    fn every_message_that_is_shown_is_known_by_its_name() {
        let names = [AgentInventory::NAME, AgentSample::NAME, HealthEvent::NAME, AgentDetail::NAME, AgentRow::NAME];
        let more = [ListAgentsResponse::NAME, AgentCommandUpdate::NAME];
        for name in names.into_iter().chain(more) {
            let known = POOL.as_ref().and_then(|pool| pool.get_message_by_name(name));
            assert!(known.is_some(), "{name}");
        }
    }
}
