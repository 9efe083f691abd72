//! The vocabulary of a shard: every string, dimension, shape and profile it has seen, each stored once.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::ids::{ClusterIx, DimIx, GroupIx, ProfileIx, ShapeIx, Sym};
use crate::intern::Interner;
use crate::profile::{Operator, Profile};
use crate::quantity::{self, QuantityError, Rounding};
use crate::resources::Resources;
use crate::shape::Shape;
use crate::stamp::Stamp;

/// The well-known key of a machine's instance type.
pub const INSTANCE_TYPE_KEY: &str = "node.kubernetes.io/instance-type";
/// The well-known key of a machine's zone.
pub const ZONE_KEY: &str = "topology.kubernetes.io/zone";
/// The well-known key of a machine's region.
pub const REGION_KEY: &str = "topology.kubernetes.io/region";
/// The key of a machine's rack.
pub const RACK_KEY: &str = "topology.bigfleet/rack";
/// The key of a machine's provider, by its name in the configuration.
pub const PROVIDER_KEY: &str = "argosy.io/provider";
/// The well-known key of a machine's host name: never part of a shape.
pub const HOSTNAME_KEY: &str = "kubernetes.io/hostname";

/// Intern tables of one shard. Append-only; clones share structure.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Vocabulary {
    symbols: Interner<str>,
    dims: Interner<str>,
    clusters: Interner<str>,
    groups: Interner<str>,
    shapes: Interner<Shape>,
    profiles: Interner<Profile>,
    instance_type_key: Sym,
    zone_key: Sym,
    provider_key: Sym,
}

impl Default for Vocabulary {
    fn default() -> Self {
        let mut symbols = Interner::default();
        let instance_type_key = Sym::from_index(symbols.intern(INSTANCE_TYPE_KEY));
        let zone_key = Sym::from_index(symbols.intern(ZONE_KEY));
        let provider_key = Sym::from_index(symbols.intern(PROVIDER_KEY));
        Self {
            symbols,
            dims: Interner::default(),
            clusters: Interner::default(),
            groups: Interner::default(),
            shapes: Interner::default(),
            profiles: Interner::default(),
            instance_type_key,
            zone_key,
            provider_key,
        }
    }
}

/// `intern` / `find` / text accessors of a string table.
macro_rules! strings {
    ($table:ident, $handle:ident, $intern:ident, $find:ident, $text:ident, $what:literal) => {
        #[doc = concat!("The handle of ", $what, ", new or known.")]
        pub fn $intern(&mut self, text: &str) -> $handle {
            $handle::from_index(self.$table.intern(text))
        }

        #[doc = concat!("The handle of ", $what, ", if it has been seen.")]
        pub fn $find(&self, text: &str) -> Option<$handle> {
            self.$table.find(text).map($handle::from_index)
        }

        #[doc = concat!("The text of ", $what, ".")]
        pub fn $text(&self, handle: $handle) -> &str {
            self.$table.get(handle.index())
        }
    };
}

impl Vocabulary {
    strings!(symbols, Sym, symbol, find_symbol, text, "a symbol");
    strings!(dims, DimIx, dim, find_dim, dim_name, "a resource dimension");
    strings!(clusters, ClusterIx, cluster, find_cluster, cluster_id, "a cluster");
    strings!(groups, GroupIx, group, find_group, group_id, "a gang's group");

    /// Stands for everything in here and the handles it goes by.
    pub fn stamp(&self) -> Stamp {
        let [symbols, dims, clusters, groups] =
            [&self.symbols, &self.dims, &self.clusters, &self.groups].map(Interner::stamp);
        Stamp::of([symbols, dims, clusters, groups, self.shapes.stamp(), self.profiles.stamp()])
    }

    /// Interns a shape.
    pub fn shape(&mut self, shape: &Shape) -> ShapeIx {
        ShapeIx::from_index(self.shapes.intern(shape))
    }

    /// The handle of a shape, if it has been seen.
    pub fn find_shape(&self, shape: &Shape) -> Option<ShapeIx> {
        self.shapes.find(shape).map(ShapeIx::from_index)
    }

    /// The shape behind a handle.
    pub fn shape_of(&self, shape: ShapeIx) -> &Arc<Shape> {
        self.shapes.get(shape.index())
    }

    /// All shapes, in order of first sight.
    pub fn shapes(&self) -> impl Iterator<Item = (ShapeIx, &Arc<Shape>)> {
        self.shapes.iter().enumerate().map(|(at, shape)| (ShapeIx::from_index(at), shape))
    }

    /// Interns a profile.
    pub fn profile(&mut self, profile: &Profile) -> ProfileIx {
        ProfileIx::from_index(self.profiles.intern(profile))
    }

    /// The handle of a profile, if it has been seen.
    pub fn find_profile(&self, profile: &Profile) -> Option<ProfileIx> {
        self.profiles.find(profile).map(ProfileIx::from_index)
    }

    /// The profile behind a handle.
    pub fn profile_of(&self, profile: ProfileIx) -> &Arc<Profile> {
        self.profiles.get(profile.index())
    }

    /// All profiles, in order of first sight.
    pub fn profiles(&self) -> impl Iterator<Item = (ProfileIx, &Arc<Profile>)> {
        self.profiles.iter().enumerate().map(|(at, profile)| (ProfileIx::from_index(at), profile))
    }

    /// All clusters, in order of first sight.
    pub fn clusters(&self) -> impl Iterator<Item = (ClusterIx, &str)> {
        self.clusters.iter().enumerate().map(|(at, id)| (ClusterIx::from_index(at), &**id))
    }

    /// Whether this table gave out the handle. For handles that come from outside: the accessors panic on foreign ones.
    pub fn has_shape(&self, shape: ShapeIx) -> bool {
        shape.index() < self.shapes.len()
    }

    /// Whether this table gave out the handle.
    pub fn has_profile(&self, profile: ProfileIx) -> bool {
        profile.index() < self.profiles.len()
    }

    /// Whether this table gave out the handle.
    pub fn has_cluster(&self, cluster: ClusterIx) -> bool {
        cluster.index() < self.clusters.len()
    }

    /// Whether this table gave out the handle.
    pub fn has_group(&self, group: GroupIx) -> bool {
        group.index() < self.groups.len()
    }

    /// A machine's attribute: instance type, zone and provider come from the typed fields first, everything else from labels.
    pub fn attribute(&self, shape: &Shape, key: Sym) -> Option<Sym> {
        let typed = match key {
            key if key == self.instance_type_key => shape.instance_type,
            key if key == self.zone_key => shape.zone,
            key if key == self.provider_key => Some(shape.provider),
            _ => None,
        };
        typed.or_else(|| shape.labels.binary_search_by_key(&key, |(k, _)| *k).ok().map(|at| shape.labels[at].1))
    }

    /// How many of a dimension's smallest amounts make one unit: milli-cores for cpu, whole units for the rest.
    pub fn per_unit(dim_name: &str) -> u32 {
        if dim_name == "cpu" { 1_000 } else { 1 }
    }

    /// Reads a map of quantity strings into a vector.
    pub fn resources<'a>(
        &mut self,
        quantities: impl IntoIterator<Item = (&'a str, &'a str)>,
        rounding: Rounding,
    ) -> Result<Resources, QuantityError> {
        let mut vector = Resources::none();
        for (name, text) in quantities {
            let amount = quantity::parse(text, Self::per_unit(name), rounding)?;
            vector.set(self.dim(name), amount);
        }
        Ok(vector)
    }

    /// Writes a vector as quantity strings, in the order of first sight of the dimensions.
    pub fn quantities(&self, vector: &Resources) -> Vec<(String, String)> {
        let write = |(dim, amount)| {
            let name = self.dim_name(dim);
            (name.to_owned(), quantity::format(amount, Self::per_unit(name)))
        };
        vector.iter().map(write).collect()
    }

    /// The canonical text of a profile: the same on every shard and in every release, so it can be stored outside.
    pub fn fingerprint(&self, profile: &Profile) -> String {
        let mut conditions: Vec<String> = profile
            .requirements()
            .iter()
            .map(|r| {
                let mut values: Vec<&str> = r.values.iter().map(|v| self.text(*v)).collect();
                values.sort_unstable();
                format!("{:?} {:?} {values:?}", self.text(r.key), operator_name(r.operator))
            })
            .collect();
        conditions.sort_unstable();
        let spread = profile.spread().map(|s| format!("{:?} skew {}", self.text(s.key), s.max_skew));
        format!(
            "v1|{}|{}|{}|{}|{}",
            conditions.join("&"),
            spread.unwrap_or_default(),
            profile.priority,
            profile.interruption.number(),
            profile.reclamation.number()
        )
    }
}

fn operator_name(operator: Operator) -> &'static str {
    match operator {
        Operator::In => "In",
        Operator::NotIn => "NotIn",
        Operator::Exists => "Exists",
        Operator::DoesNotExist => "DoesNotExist",
        Operator::Same => "Same",
    }
}
