//! The pools of a shard: what each is, where it stands, and the one row of demand that follows.
//!
//! A pool claims machines under a name of its own, `pool/NAME`, which no cluster can take. To the engine it is a cluster
//! like any other.

use std::sync::Arc;

use argosy_model::Operator;
use argosy_model::vocabulary::{INSTANCE_TYPE_KEY, PROVIDER_KEY, REGION_KEY, ZONE_KEY};
use argosy_pool::specification::Machine;
use argosy_pool::{Decision, Seller, Specification, Standing, offerings};
use serde::{Deserialize, Serialize};

use crate::need_row::{NeedRow, RequirementRow};

/// What the claimants of pools are called before their names. No cluster's id may begin with it.
pub const CLAIMANT_PREFIX: &str = "pool/";
/// Most pools of one shard.
pub const MAX_POOLS: usize = 10_000;

/// One pool.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pool {
    /// What it is.
    pub specification: Arc<Specification>,
    /// Log index of the entry that last said so.
    pub specified_at: u64,
    /// Where it stands.
    pub standing: Standing,
    /// The last decision of its policy that changed something.
    pub decision: Option<Decision>,
    /// What is asked of each of its sellers, in their order; empty without sellers.
    pub asks: Vec<u32>,
}

impl Pool {
    /// Under which name a pool claims machines.
    #[must_use]
    pub fn claimant(name: &str) -> String {
        format!("{CLAIMANT_PREFIX}{name}")
    }

    /// The pool that claims machines under this name, if it is a pool's.
    #[must_use]
    pub fn named_by(claimant: &str) -> Option<&str> {
        claimant.strip_prefix(CLAIMANT_PREFIX)
    }

    /// Its demand, a row for each seller that is asked for something, or one for all; none while its target is 0.
    pub(crate) fn rows(&self) -> Vec<NeedRow> {
        match &self.specification.sellers {
            None => (self.standing.target > 0).then(|| self.row_of(None, self.standing.target)).into_iter().collect(),
            Some(sellers) => {
                let asked = sellers.among.iter().zip(&self.asks).filter(|(_, machines)| **machines > 0);
                asked.map(|(seller, machines)| self.row_of(Some(seller), *machines)).collect()
            }
        }
    }

    /// The largest row that may ever be asked of each of its sellers, or of all providers.
    pub(crate) fn largest_rows(&self) -> Vec<NeedRow> {
        let most = self.specification.max;
        match &self.specification.sellers {
            None => vec![self.row_of(None, most)],
            Some(sellers) => {
                let most = most.saturating_add(sellers.moves);
                sellers.among.iter().map(|seller| self.row_of(Some(seller), most)).collect()
            }
        }
    }

    /// A row for so many machines, of a seller or of any.
    pub(crate) fn row_of(&self, seller: Option<&Seller>, machines: u32) -> NeedRow {
        let of = &self.specification;
        NeedRow {
            requirements: requirements(&of.machine, seller),
            spread: None,
            priority: of.priority,
            interruption: of.interruption(),
            reclamation: of.reclamation(),
            group: None,
            aggregate: of.amounts(machines),
            min_unit: of.amounts(1),
        }
    }
}

fn requirements(machine: &Machine, seller: Option<&Seller>) -> Vec<RequirementRow> {
    let own = |list: fn(&Seller) -> &Vec<String>| seller.map(list).filter(|list| !list.is_empty());
    let types = offerings::expand(own(|seller| &seller.instance_types).unwrap_or(&machine.instance_types));
    let regions = own(|seller| &seller.regions).unwrap_or(&machine.regions).clone();
    let provider = seller.map(|seller| seller.provider.clone()).into_iter().collect();
    let lists = [
        (INSTANCE_TYPE_KEY, types),
        (REGION_KEY, regions),
        (ZONE_KEY, machine.zones.clone()),
        (PROVIDER_KEY, provider),
    ];
    let labels = machine.labels.iter().map(|(key, value)| (key.as_str(), vec![value.clone()]));
    let one_of = |(key, values): (&str, Vec<String>)| {
        (!values.is_empty()).then(|| RequirementRow { key: key.to_owned(), operator: Operator::In, values })
    };
    lists.into_iter().chain(labels).filter_map(one_of).collect()
}
