//! A pool's demand, split among its sellers.
//!
//! ```text
//!   target, sellers, what each has for the pool ──> shares (what each is to have) ──> asks (what is asked of each now)
//! ```
//!
//! A pure function of the present: no counter runs along, so nothing drifts, and any replica at any time comes to the same. What a
//! seller cannot give now is asked of the others. What works where it is no longer meant to be is kept until what follows
//! it works: a pool moves a few machines at a time, and is never short for the sake of a preference.

mod shares;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

use crate::offerings;
use crate::plant::{Bug, planted};
use crate::specification::{Fault, MAX_MACHINES, Machine};

/// Most sellers of one pool.
pub const MAX_SELLERS: usize = 32;
/// Largest weight.
const MAX_WEIGHT: u32 = 1_000;
/// Most regions, or instance types, of one seller: a row of demand takes no more.
const MAX_ITEMS: usize = 256;
/// Longest name of a provider, a region or an instance type, in bytes.
const MAX_SELLER_BYTES: usize = 256;

/// How a pool's demand is shared out among its sellers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Strategy {
    /// All of it from the sellers of the lowest priority number; from the next only what those cannot give.
    #[default]
    Priority,
    /// From each its part by weight; what one cannot give, from the others by weight.
    Weighted,
    /// More from whoever has refused least lately, and then has most to give; what a pool has stays.
    Availability,
    /// More from whoever is cheapest, unknown prices last; what a pool has stays.
    Cost,
}

/// A pool's sellers, and how its demand is shared out among them. Append-only: it lies in the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sellers {
    /// How.
    #[serde(default)]
    pub strategy: Strategy,
    /// Machines that may move at a time to where they would rather be; 0 is never.
    #[serde(default = "moves")]
    pub moves: u32,
    /// Among whom.
    pub among: Vec<Seller>,
}

fn moves() -> u32 {
    1
}

/// A provider, and what of it a pool takes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Seller {
    /// The provider, by its name in the configuration.
    pub provider: String,
    /// In any of these regions; in those of `machine` if left out.
    #[serde(default)]
    pub regions: Vec<String>,
    /// Any of these instance types; those of `machine` if left out.
    #[serde(default)]
    pub instance_types: Vec<String>,
    /// Lower first.
    #[serde(default)]
    pub priority: u32,
    /// Its part of the whole.
    #[serde(default = "weight")]
    pub weight: u32,
    /// The most of the pool's machines that may be here.
    #[serde(default)]
    pub quota: Option<u32>,
}

fn weight() -> u32 {
    1
}

impl Sellers {
    /// Everything in it that makes no sense, for a pool of such machines.
    #[must_use]
    pub fn faults(&self, machine: &Machine) -> Vec<Fault> {
        let mut faults = Vec::new();
        let mut check = |fine: bool, path: &str, what: &str| {
            if !fine {
                faults.push(Fault::new(path, what));
            }
        };
        check(
            !self.among.is_empty(),
            "sellers.among",
            "a pool that may buy from nobody has no machine; name a provider",
        );
        check(self.among.len() <= MAX_SELLERS, "sellers.among", "a pool has at most 32 sellers");
        check(self.moves <= MAX_MACHINES, "sellers.moves", "it is above 1,000,000");
        for (at, seller) in self.among.iter().enumerate() {
            let path = format!("sellers.among[{at}]");
            check(!seller.provider.is_empty(), &path, "`provider` is empty");
            check((1..=MAX_WEIGHT).contains(&seller.weight), &path, "`weight` is not from 1 to 1,000");
            check(seller.quota.is_none_or(|quota| quota <= MAX_MACHINES), &path, "`quota` is above 1,000,000");
            let lists = [seller.regions.len(), offerings::expand(&seller.instance_types).len()];
            check(lists.iter().all(|items| *items <= MAX_ITEMS), &path, "a list has more than 256 names");
            let mut names = seller.regions.iter().chain(&seller.instance_types).chain([&seller.provider]);
            check(names.all(|name| name.len() <= MAX_SELLER_BYTES), &path, "a name is longer than 256 bytes");
            let sells_it_too = |other: &Seller| seller.overlaps(other, machine);
            check(
                !self.among[..at].iter().any(sells_it_too),
                &path,
                "it would sell machines that one before it sells too: say which regions or instance types are whose",
            );
        }
        faults
    }
}

impl Seller {
    /// Whether a machine could be of both. What is of one is asked for, counted and held against a quota there alone.
    fn overlaps(&self, other: &Self, machine: &Machine) -> bool {
        let regions = |seller: &Self| own_or(&seller.regions, &machine.regions);
        let types = |seller: &Self| offerings::expand(&own_or(&seller.instance_types, &machine.instance_types));
        self.provider == other.provider && meet(&regions(self), &regions(other)) && meet(&types(self), &types(other))
    }
}

fn own_or(own: &[String], of_machine: &[String]) -> Vec<String> {
    if own.is_empty() { of_machine.to_vec() } else { own.to_vec() }
}

/// Whether two lists have something in common; an empty one names everything.
fn meet(a: &[String], b: &[String]) -> bool {
    a.is_empty() || b.is_empty() || a.iter().any(|name| b.contains(name))
}

/// What a seller has for a pool now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stand {
    /// Machines of the pool that are there or on their way to it.
    pub held: u32,
    /// Those of them that work.
    pub ready: u32,
    /// What may be had, cheapest first: what an hour costs, unknown last, and how many there are.
    pub free: Vec<(u128, u32)>,
    /// Creations refused in a row.
    pub refusals: u32,
}

impl Stand {
    /// Machines of the pool that work.
    fn working(&self) -> u32 {
        self.ready.min(self.held)
    }

    /// What may be had, all prices together.
    #[must_use]
    pub fn to_be_had(&self) -> u32 {
        self.free.iter().fold(0, |sum, (_, count)| sum.saturating_add(*count))
    }
}

/// What is asked of each seller now for a pool that is to have `target` machines, in the order of the sellers.
#[must_use]
pub fn split(sellers: &Sellers, target: u32, stands: &[Stand]) -> Vec<u32> {
    assert_eq!(sellers.among.len(), stands.len(), "each seller has a stand");
    let shares = shares::shares(sellers, target, stands);
    asks(sellers.moves, target, &shares, stands)
}

/// On the way from what there is to the shares: first whatever is lacking, then `moves` machines at a time. What is too much in one
/// place is kept for as long as it is lacking elsewhere: what works until what follows it works, and what is on its way until
/// something else is.
fn asks(moves: u32, target: u32, shares: &[u32], stands: &[Stand]) -> Vec<u32> {
    let held: u32 = stands.iter().map(|stand| stand.held).sum();
    let ready: u32 = stands.iter().map(Stand::working).sum();
    let moving = moves.saturating_sub(held - ready);
    let mut more = target.saturating_sub(held).saturating_add(if held < target { 0 } else { moving });
    let mut asks: Vec<u32> = Vec::with_capacity(shares.len());
    for (share, stand) in shares.iter().zip(stands) {
        let grows = share.saturating_sub(stand.held).min(more);
        more -= grows;
        asks.push(stand.held.min(*share) + grows);
    }
    if planted(Bug::MovedTooSoon) {
        return asks;
    }
    let in_place: u32 = shares.iter().zip(stands).map(|(share, stand)| stand.working().min(*share)).sum();
    let mut lacking = target.saturating_sub(in_place);
    for ((ask, share), stand) in asks.iter_mut().zip(shares).zip(stands) {
        let kept = stand.working().saturating_sub(*share).min(lacking);
        lacking -= kept;
        *ask += kept;
    }
    let mut lacking = target.saturating_sub(asks.iter().sum());
    for (ask, stand) in asks.iter_mut().zip(stands) {
        let kept = stand.held.saturating_sub(*ask).min(lacking);
        lacking -= kept;
        *ask += kept;
    }
    asks
}
