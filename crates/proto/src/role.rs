//! The roles that a caller's certificate can give it.
//!
//! Shared with `build.rs`, which checks every `(argosy.v1.allow)` option against it; so this file may name nothing but `core`.

/// What a peer is, from the `bigfleet://` or `argosy://` URI in its certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// The operator of one cluster.
    Cluster,
    /// A shard: a stock one, or a node acting for one of its shards.
    Shard,
    /// A node of this installation.
    Node,
    /// The agent on one machine.
    Agent,
    /// A provider process.
    Provider,
    /// A person or tool that may change things.
    Admin,
    /// A person or tool that may only look.
    Readonly,
}

impl Role {
    /// Every role, in the order of declaration.
    pub const ALL: [Role; 7] =
        [Role::Cluster, Role::Shard, Role::Node, Role::Agent, Role::Provider, Role::Admin, Role::Readonly];

    /// The name used in `(argosy.v1.allow)` and in certificates.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Role::Cluster => "cluster",
            Role::Shard => "shard",
            Role::Node => "node",
            Role::Agent => "agent",
            Role::Provider => "provider",
            Role::Admin => "admin",
            Role::Readonly => "readonly",
        }
    }

    /// The role of that name, if there is one.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Role> {
        Role::ALL.into_iter().find(|role| role.name() == name)
    }
}
