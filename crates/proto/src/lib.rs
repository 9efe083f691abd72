//! The wire: types generated from `proto/`, their descriptors for reflection, and the table of who may call what.
//!
//! Nothing here decides or converts: each crate at the edge turns these messages into its own types. A new file under
//! `proto/**` is picked up by the build without a change here.

pub mod authz;
pub mod codec;
mod role;
mod secretive;

/// Messages and services that are compatible with BigFleet's `v1alpha1`.
pub mod bigfleet {
    /// Package `bigfleet.v1alpha1`.
    #[allow(missing_docs, unreachable_pub, unused_qualifications, clippy::all, clippy::pedantic)]
    pub mod v1alpha1 {
        tonic::include_proto!("bigfleet.v1alpha1");
    }
}

/// Messages and services that are ours.
pub mod argosy {
    /// Package `argosy.v1`.
    #[allow(missing_docs, unreachable_pub, unused_qualifications, clippy::all, clippy::pedantic)]
    pub mod v1 {
        tonic::include_proto!("argosy.v1");
    }
}

/// Every descriptor with its imports, encoded: what gRPC server reflection serves.
pub const FILE_DESCRIPTOR_SET: &[u8] = tonic::include_file_descriptor_set!("argosy_descriptor");
