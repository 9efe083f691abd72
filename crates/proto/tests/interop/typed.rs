//! Our generated types, one row per message, and a few values read through their fields.

use argosy_proto::bigfleet::v1alpha1::{self as api, Machine, MachineState, PenaltyBucket};
use prost::{DecodeError, Message};

use crate::wire::{self, Value};

type Recode = fn(&[u8]) -> Result<Vec<u8>, DecodeError>;

fn recode<T: Message + Default>(input: &[u8]) -> Result<Vec<u8>, DecodeError> {
    Ok(T::decode(input)?.encode_to_vec())
}

macro_rules! rows {
    ($($name:ident)*) => { &[$((stringify!($name), recode::<api::$name>)),*] };
}

/// Every message of the package with the function that decodes and encodes it again.
pub(crate) fn recoders() -> &'static [(&'static str, Recode)] {
    rows! {
        ClusterCapacityNeeds CapacityNeed NodeSelectorRequirement TopologySpread OperatorMessage
        ShardMessage Hello Acknowledgement BootstrapRequest BootstrapBlobResponse
        ReclaimInstruction ReclaimAck NodeStateUpdate Taint AvailableCapacityUpdate HostRef
        Resources Machine MachineRef MachineList ListFilter CreateRequest ConfigureRequest
        DrainRequest DeleteRequest TransitionAck ShardReport ShardSummary Shortfall ReportAck
        CoordinatorInstruction AssignDomain UnassignDomain ReassignSpeculative CrossShardDrain
        TransferOwnership InstructAck AssignDomainRequest AssignDomainResponse
        UnassignDomainRequest UnassignDomainResponse RemoveShardRequest RemoveShardResponse
        ListShardsRequest ListShardsResponse ShardRegistryEntry ListDomainAssignmentsRequest
        ListDomainAssignmentsResponse DomainAssignment ListShardReportsRequest
        ListShardReportsResponse ShardReportSnapshot JoinRaftClusterRequest
        JoinRaftClusterResponse SnapshotSaveRequest SnapshotSaveChunk InspectNeedsRequest
        InspectNeedsResponse InspectNeedsHeader NeedView MatchingSupply PreemptionSummary
        DomainCoverage
    }
}

#[test]
fn a_machine_written_by_hand_reads_with_its_meaning() {
    let host = wire::write(&vec![(1, Value::Bytes(b"sim".to_vec())), (2, Value::Bytes(b"host-9".to_vec()))]);
    let cpu = wire::write(&vec![(1, Value::Bytes(b"cpu".to_vec())), (2, Value::Bytes(b"192".to_vec()))]);
    let bytes = wire::write(&vec![
        (1, Value::Bytes(b"m-1".to_vec())),
        (2, Value::Varint(5)),
        (3, Value::Bytes(host)),
        (7, Value::Eight(98.32f64.to_le_bytes())),
        (13, Value::Bytes(wire::write(&vec![(1, Value::Bytes(cpu))]))),
        (14, Value::Bytes(b"cluster-a".to_vec())),
    ]);
    let machine = Machine::decode(bytes.as_slice()).expect("decodes");
    assert_eq!(machine.id, "m-1");
    assert_eq!(machine.state(), MachineState::Configured);
    assert_eq!(machine.host.expect("host").r#ref, "host-9");
    assert_eq!(machine.price_per_hour.to_bits(), 98.32f64.to_bits());
    assert_eq!(machine.allocatable.expect("size").resources["cpu"], "192");
    assert_eq!(machine.cluster, "cluster-a");
}

#[test]
fn a_removed_number_is_skipped_and_not_taken_for_something_else() {
    // CapacityNeed.4 was a count; Machine.11 is reserved.
    let need = wire::write(&vec![(3, Value::Varint(7)), (4, Value::Varint(12)), (7, Value::Varint(27))]);
    let need = api::CapacityNeed::decode(need.as_slice()).expect("decodes");
    assert_eq!((need.priority, need.reclamation_penalty_bucket()), (7, PenaltyBucket::Pinned));
    let machine = wire::write(&vec![(11, Value::Bytes(b"old".to_vec()))]);
    assert_eq!(Machine::decode(machine.as_slice()).expect("decodes"), Machine::default());
}
