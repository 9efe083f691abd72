//! Where a machine counts: the domains in which breakers and budgets look at it.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// A kind of domain. Append-only: it lies in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// All machines of the shard.
    Shard,
    /// The machines of one cluster.
    Cluster,
    /// The machines of one pool.
    Pool,
    /// The machines of one zone.
    Zone,
    /// The machines of one rack.
    Rack,
}

impl Scope {
    /// All of them, the widest first.
    pub const ALL: [Self; 5] = [Self::Shard, Self::Cluster, Self::Pool, Self::Zone, Self::Rack];

    /// Its word.
    #[must_use]
    pub fn name(self) -> &'static str {
        ["shard", "cluster", "pool", "zone", "rack"][self as usize]
    }
}

/// One domain. That of the shard has no name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Domain {
    /// Its kind.
    pub scope: Scope,
    /// Which one.
    pub name: Arc<str>,
}

impl fmt::Display for Domain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.scope {
            Scope::Shard => f.write_str("shard"),
            scope => write!(f, "{} {}", scope.name(), self.name),
        }
    }
}

/// Where one machine counted when it was found unfit. It keeps counting there after it has been drained.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// The cluster that it served.
    pub cluster: Option<Arc<str>>,
    /// The pool that it served.
    pub pool: Option<Arc<str>>,
    /// Its zone.
    pub zone: Option<Arc<str>>,
    /// Its rack, with the zone before it where it has one: racks of two zones may be called alike.
    pub rack: Option<Arc<str>>,
}

impl Place {
    /// The domain of this kind that it lies in.
    #[must_use]
    pub fn domain(&self, scope: Scope) -> Option<Domain> {
        let name = match scope {
            Scope::Shard => Some(Arc::from("")),
            Scope::Cluster => self.cluster.clone(),
            Scope::Pool => self.pool.clone(),
            Scope::Zone => self.zone.clone(),
            Scope::Rack => self.rack.clone(),
        };
        name.map(|name| Domain { scope, name })
    }

    /// Every domain that it lies in.
    pub fn domains(&self) -> impl Iterator<Item = Domain> + '_ {
        Scope::ALL.into_iter().filter_map(|scope| self.domain(scope))
    }
}
