//! The tables of the wire protocol, one line per field, as the protocol's description gives them: the test's own source of truth.
//!
//! `message Name [reserved n n]`, then `number name type`. A type is a scalar, `enum Name`, `message Name`, `map string|int32`, or
//! any of these after `repeated`; after `oneof` a field shares its place with the others so marked.

pub(crate) const MESSAGES: &str = "
message ClusterCapacityNeeds
1 cluster_id string
2 timestamp_unix_nanos int64
3 needs repeated message CapacityNeed
message CapacityNeed reserved 4
1 requirements repeated message NodeSelectorRequirement
2 aggregate_resources map string
3 priority int32
5 spread repeated message TopologySpread
6 interruption_penalty_bucket enum PenaltyBucket
7 reclamation_penalty_bucket enum PenaltyBucket
8 min_unit map string
9 group string
message NodeSelectorRequirement
1 key string
2 operator enum NodeSelectorRequirement.Operator
3 values repeated string
message TopologySpread
1 topology_key string
2 max_skew int32
3 when_unsatisfiable enum TopologySpread.WhenUnsatisfiable
message OperatorMessage
1 hello oneof message Hello
2 rollup oneof message ClusterCapacityNeeds
3 bootstrap_response oneof message BootstrapBlobResponse
4 reclaim_ack oneof message ReclaimAck
message ShardMessage
1 ack oneof message Acknowledgement
2 bootstrap_request oneof message BootstrapRequest
3 reclaim_instruction oneof message ReclaimInstruction
4 node_state_update oneof message NodeStateUpdate
5 available_capacity oneof message AvailableCapacityUpdate
message Hello reserved 2
1 cluster_id string
3 protocol_version string
message Acknowledgement
1 echo string
2 coordinator_term int64
3 shard_epoch int64
message BootstrapRequest
1 request_id string
2 requirements repeated message NodeSelectorRequirement
3 cluster_id string
message BootstrapBlobResponse
1 request_id string
2 user_data bytes
3 ttl_seconds int64
4 error string
message ReclaimInstruction
1 instruction_id string
2 nodes repeated string
3 grace_period_seconds int64
4 preemptor_priority int32
message ReclaimAck
1 instruction_id string
2 nodes_started int32
message NodeStateUpdate reserved 7
1 supersedes_key string
2 machine_id string
3 cluster_id string
4 state enum MachineState
5 node_name string
6 provider_id string
8 last_error string
9 labels map string
10 resources message Resources
11 taints repeated message Taint
message Taint
1 key string
2 value string
3 effect string
message AvailableCapacityUpdate reserved 7 8 9
1 supersedes_key string
2 requirements repeated message NodeSelectorRequirement
3 resources message Resources
4 available_count int32
5 confidence enum AvailableCapacityUpdate.Confidence
6 cost_per_hour double
message HostRef
1 provider string
2 ref string
message Resources
1 resources map string
message Machine reserved 11
1 id string
2 state enum MachineState
3 host message HostRef
4 instance_type string
5 zone string
6 capacity_type enum CapacityType
7 price_per_hour double
8 interruption_probability double
9 resources message Resources
10 labels map string
12 last_error string
13 allocatable message Resources
14 cluster string
15 shard_metadata map string
message MachineRef
1 id string
message MachineList
1 machines repeated message Machine
2 revision bytes
message ListFilter reserved 2 3
1 states repeated enum MachineState
4 max_results int32
5 since_revision bytes
message CreateRequest reserved 2
1 machine_id string
3 shard_id string
4 shard_epoch int64
5 sequence_number int64
message ConfigureRequest
1 machine_id string
2 cluster_id string
3 bootstrap_blob bytes
4 shard_id string
5 shard_epoch int64
6 sequence_number int64
7 shard_metadata map string
message DrainRequest
1 machine_id string
2 grace_period_seconds int64
3 shard_id string
4 shard_epoch int64
5 sequence_number int64
message DeleteRequest
1 machine_id string
2 shard_id string
3 shard_epoch int64
4 sequence_number int64
message TransitionAck
1 operation_id string
2 machine message Machine
message ShardReport
1 shard_id string
2 cycle int64
3 timestamp_unix_nanos int64
4 shard_epoch int64
5 summary message ShardSummary
6 shortfalls repeated message Shortfall
7 instruction_acks repeated message InstructAck
8 shard_address string
message ShardSummary reserved 5 6
1 total_machines int32
2 free_machines int32
3 per_instance_type_counts map int32
4 per_zone_counts map int32
7 provider_address string
message Shortfall reserved 4
1 requirements repeated message NodeSelectorRequirement
2 deficit message Resources
3 priority int32
5 age_cycles int32
6 interruption_penalty_bucket enum PenaltyBucket
message ReportAck
1 coordinator_term int64
2 acknowledged bool
3 instructions repeated message CoordinatorInstruction
message CoordinatorInstruction
1 coordinator_term int64
2 sequence_number int64
3 instruction_id string
4 assign_domain oneof message AssignDomain
5 unassign_domain oneof message UnassignDomain
6 reassign_speculative oneof message ReassignSpeculative
7 cross_shard_drain oneof message CrossShardDrain
8 transfer_ownership oneof message TransferOwnership
message AssignDomain
1 topology_key string
2 topology_value string
message UnassignDomain
1 topology_key string
2 topology_value string
message ReassignSpeculative
1 machine_ids repeated string
message CrossShardDrain
1 machine_ids repeated string
2 preemptor_priority int32
message TransferOwnership
1 machine_ids repeated string
2 from_shard_id string
3 to_shard_id string
message InstructAck
1 instruction_id string
2 outcome enum InstructAck.Outcome
3 reason string
message AssignDomainRequest
1 topology_key string
2 topology_value string
3 shard_id string
message AssignDomainResponse
message UnassignDomainRequest
1 topology_key string
2 topology_value string
message UnassignDomainResponse
message RemoveShardRequest
1 shard_id string
message RemoveShardResponse
message ListShardsRequest
message ListShardsResponse
1 shards repeated message ShardRegistryEntry
message ShardRegistryEntry
1 shard_id string
2 address string
3 registered_at_unix_ns int64
4 last_heartbeat_unix_ns int64
message ListDomainAssignmentsRequest
message ListDomainAssignmentsResponse
1 assignments repeated message DomainAssignment
message DomainAssignment
1 topology_key string
2 topology_value string
3 shard_id string
message ListShardReportsRequest
1 shard_id string
message ListShardReportsResponse
1 reports repeated message ShardReportSnapshot
message ShardReportSnapshot
1 shard_id string
2 cycle int64
3 received_at_unix_ns int64
4 summary message ShardSummary
5 shortfalls repeated message Shortfall
message JoinRaftClusterRequest
1 node_id string
2 raft_address string
message JoinRaftClusterResponse
message SnapshotSaveRequest
message SnapshotSaveChunk
1 meta_json oneof bytes
2 data oneof bytes
message InspectNeedsRequest
1 cluster_id string
2 limit int32
message InspectNeedsResponse
1 header oneof message InspectNeedsHeader
2 need oneof message NeedView
message InspectNeedsHeader
1 cycle int64
2 computed_at_unix_nanos int64
3 total_needs int32
message NeedView
1 need message CapacityNeed
2 cluster_id string
3 arrival_unix_nanos int64
4 profile_fingerprint string
5 satisfied bool
6 residual_deficit message Resources
7 claimed_machine_count int32
8 bootstrap_count int32
9 provision_count int32
10 same_domain string
11 same_satisfiable bool
12 acquisition_parked bool
13 parked_age_cycles int32
14 age_cycles_unmet int32
15 unmet_reason enum UnmetReason
16 matching_supply message MatchingSupply
17 preemption message PreemptionSummary
18 same_candidates repeated message DomainCoverage
message MatchingSupply
1 idle int32
2 configured int32
3 speculative int32
4 capped bool
message PreemptionSummary
1 victims_found int32
2 capacity_freed message Resources
message DomainCoverage
1 domain string
2 coverage_per_mille int32
3 satisfiable bool
";

/// `Name prefix VALUE=number …`, the full name of a value being `PREFIX_VALUE`.
pub(crate) const ENUMS: &str = "
NodeSelectorRequirement.Operator OPERATOR UNSPECIFIED=0 IN=1 NOT_IN=2 EXISTS=3 DOES_NOT_EXIST=4 SAME=5
TopologySpread.WhenUnsatisfiable WHEN_UNSATISFIABLE UNSPECIFIED=0 DO_NOT_SCHEDULE=1 SCHEDULE_ANYWAY=2
AvailableCapacityUpdate.Confidence CONFIDENCE UNSPECIFIED=0 NONE=1 LOW=2 MEDIUM=3 HIGH=4
MachineState MACHINE_STATE UNSPECIFIED=0 SPECULATIVE=1 CREATING=2 IDLE=3 CONFIGURING=4 CONFIGURED=5 DRAINING=6 DELETING=7 FAILED=8
CapacityType CAPACITY_TYPE UNSPECIFIED=0 BARE_METAL=1 RESERVED=2 ON_DEMAND=3 SPOT=4
InstructAck.Outcome OUTCOME UNSPECIFIED=0 ACCEPTED=1 REJECTED_STALE=2 REJECTED_INVALID=3 FAILED=4
UnmetReason UNMET_REASON UNSPECIFIED=0 PRIORITY_STARVED=1 NO_MATCHING_SUPPLY=2 TOPOLOGY_UNSATISFIABLE=3 PREEMPTION_EXHAUSTED=4
PenaltyBucket PENALTY_BUCKET UNSPECIFIED=0 ZERO=1 HALF_DOLLAR=2 1=3 2=4 4=5 8=6 16=7 32=8 64=9 128=10 256=11 512=12 1024=13 \
2048=14 4096=15 8192=16 16384=17 32768=18 65536=19 131072=20 262144=21 524288=22 1048576=23 2097152=24 4194304=25 8388608=26 PINNED=27
";

/// `Service/Rpc request response`, with `stream` before a streamed side, then `:` and who may call it.
pub(crate) const METHODS: &str = "
CapacityProvider/Create CreateRequest TransitionAck : shard node
CapacityProvider/Configure ConfigureRequest TransitionAck : shard node
CapacityProvider/Drain DrainRequest TransitionAck : shard node
CapacityProvider/Delete DeleteRequest TransitionAck : shard node
CapacityProvider/Get MachineRef Machine : shard node admin readonly
CapacityProvider/List ListFilter MachineList : shard node admin readonly
Shard/Session stream OperatorMessage stream ShardMessage : cluster
ShardRead/InspectNeeds InspectNeedsRequest stream InspectNeedsResponse : admin readonly
Coordinator/ReportShard ShardReport ReportAck : shard
Coordinator/AssignDomain AssignDomainRequest AssignDomainResponse : admin
Coordinator/UnassignDomain UnassignDomainRequest UnassignDomainResponse : admin
Coordinator/RemoveShard RemoveShardRequest RemoveShardResponse : admin
Coordinator/JoinRaftCluster JoinRaftClusterRequest JoinRaftClusterResponse : admin
Coordinator/SnapshotSave SnapshotSaveRequest stream SnapshotSaveChunk : admin
Coordinator/ListShards ListShardsRequest ListShardsResponse : admin readonly
Coordinator/ListDomainAssignments ListDomainAssignmentsRequest ListDomainAssignmentsResponse : admin readonly
Coordinator/ListShardReports ListShardReportsRequest ListShardReportsResponse : admin readonly
";
