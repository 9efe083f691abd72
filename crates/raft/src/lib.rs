//! Many Raft groups in one process, over the storage seam and gRPC.
