//! Pools with sellers: what is asked of each, worked out anew from the state at the end of every entry that may have changed it.

use std::collections::BTreeMap;
use std::sync::Arc;

use argosy_model::fleet::Class;
use argosy_model::money::effective_cost;
use argosy_model::{ClusterIx, Edition, MicroUsd, NeedKey, Profile, Resources, Shape, State};
use argosy_pool::split::{Sellers, Stand, split};
use imbl::OrdMap;

use super::Fold;
use crate::lanes::{self, Lane, LaneBook};
use crate::plant::{Bug, planted};
use crate::pools::Pool;
use crate::state::ShardState;

/// What a seller's machines must be, as the engine will ask it.
struct Wanted {
    key: NeedKey,
    min_unit: Resources,
}

/// Free machines of one seller in one lane at one price.
type Lot = (u128, Lane, bool, u32);

/// Everything that a split depends on, as it was: copies that share structure with the state they were made of.
#[derive(Clone, Debug)]
pub(crate) struct Market {
    fleet: Edition,
    pools: OrdMap<String, Pool>,
    lanes: LaneBook,
    /// Half-open lanes with a probe on its way.
    probed: Vec<Lane>,
}

impl Market {
    pub(crate) fn of(state: &ShardState) -> Self {
        let (pools, lanes) = (state.pools.clone(), state.lanes.clone());
        Self { fleet: state.fleet.edition(), pools, lanes, probed: probed(state) }
    }

    /// Whether a split would come to what it came to.
    pub(crate) fn is_still(&self, state: &ShardState) -> bool {
        self.fleet == state.fleet.edition()
            && self.pools.ptr_eq(&state.pools)
            && self.lanes.is_same(&state.lanes)
            && self.probed == probed(state)
    }
}

fn probed(state: &ShardState) -> Vec<Lane> {
    let half_open = state.lanes.half_open();
    half_open.filter(|lane| lanes::is_probed(*lane, &state.fleet, &state.ledger)).collect()
}

impl Fold<'_> {
    /// Splits every pool that has sellers anew, where that changes what is asked of them.
    pub(super) fn split_pools(&mut self) {
        let is_split = |state: &ShardState| state.market.as_ref().is_some_and(|market| market.is_still(state));
        if self.state.sold.is_empty() || is_split(self.state) {
            return;
        }
        let names: Vec<String> = self.state.sold.iter().cloned().collect();
        for name in names {
            let mut pool = self.state.pools.get(&name).expect("a pool with sellers is a pool").clone();
            let asks = self.asks_of(&name, &pool);
            if asks == pool.asks {
                continue;
            }
            pool.asks = asks;
            // A pool that an earlier release took may break a rule of demand: then what was asked before is asked still.
            if self.demand_of_pool(&name, &pool).is_ok() {
                self.state.pools.insert(name, pool);
            }
        }
        self.state.market = Some(Arc::new(Market::of(self.state)));
    }

    /// What is to be asked of each seller of a pool now; nothing for a pool without sellers.
    pub(super) fn asks_of(&mut self, name: &str, pool: &Pool) -> Vec<u32> {
        let Some(sellers) = &pool.specification.sellers else { return Vec::new() };
        let stands = self.stands_of(name, pool, sellers);
        split(sellers, pool.standing.target, &stands)
    }

    fn stands_of(&mut self, name: &str, pool: &Pool, sellers: &Sellers) -> Vec<Stand> {
        if !planted(Bug::CountedLate) {
            self.count_lanes();
        }
        let cluster = self.state.fleet.words.cluster(&Pool::claimant(name));
        let rows = sellers.among.iter().map(|seller| pool.row_of(Some(seller), 1));
        let wanted: Vec<Wanted> = rows
            .map(|row| {
                let (key, _, min_unit) = self.intern(cluster, &row);
                Wanted { key, min_unit }
            })
            .collect();
        self.state.stands(pool, cluster, &wanted)
    }
}

impl ShardState {
    /// What each seller of a pool has for it now, in their order, and what is asked of it.
    #[must_use]
    pub fn look_at_sellers(&self, name: &str) -> Vec<(Stand, u32)> {
        let Some(pool) = self.pools.get(name) else { return Vec::new() };
        let Some(sellers) = &pool.specification.sellers else { return Vec::new() };
        let mut copy = self.clone();
        let stands = Fold::on(&mut copy, self.revision + 1, self.leader_term).stands_of(name, pool, sellers);
        stands.into_iter().zip(pool.asks.iter().copied()).collect()
    }

    /// What each seller has for a pool now. A machine that would do for several is the first one's.
    fn stands(&self, pool: &Pool, cluster: ClusterIx, wanted: &[Wanted]) -> Vec<Stand> {
        let words = &self.fleet.words;
        let profiles: Vec<&Profile> = wanted.iter().map(|wanted| &**words.profile_of(wanted.key.profile)).collect();
        let seller_of = |shape: &Shape| {
            let does = |(wanted, profile): (&Wanted, &&Profile)| {
                shape.resources.covers(&wanted.min_unit) && profile.admits(shape, words)
            };
            wanted.iter().zip(&profiles).position(does)
        };
        let mut stands = vec![Stand::default(); wanted.len()];
        for (class, count) in self.of_pool(cluster) {
            if let Some(at) = seller_of(words.shape_of(class.shape)) {
                stands[at].held += count;
                stands[at].ready += if class.state == State::Configured { count } else { 0 };
            }
        }
        let penalty = pool.specification.interruption().upper_bound();
        let mut lots: Vec<Vec<Lot>> = vec![Vec::new(); wanted.len()];
        for state in [State::Idle, State::Speculative] {
            for (class, members) in self.fleet.classes().held(state, None).filter(|(class, _)| class.is_usable()) {
                let shape = words.shape_of(class.shape);
                let Some(at) = seller_of(shape) else { continue };
                let count = u32::try_from(members.len()).unwrap_or(u32::MAX);
                let is_slot = state == State::Speculative;
                let price = if is_slot { price(shape, penalty) } else { 0 };
                lots[at].push((price, Lane::of(shape, words), is_slot, count));
            }
        }
        let mut allowed: BTreeMap<Lane, Option<u32>> = BTreeMap::new();
        for (stand, lots) in stands.iter_mut().zip(&mut lots) {
            lots.sort_unstable();
            let lanes: std::collections::BTreeSet<Lane> = lots.iter().map(|(_, lane, ..)| *lane).collect();
            stand.free = self.to_be_had(lots, &mut allowed);
            let refusals = lanes.iter().filter_map(|lane| self.lanes.record(*lane)).map(|record| record.refusals);
            stand.refusals = refusals.fold(0, u32::saturating_add);
        }
        stands
    }

    /// The machines that a pool has or is getting, in classes.
    fn of_pool(&self, cluster: ClusterIx) -> impl Iterator<Item = (Class, u32)> + '_ {
        let own = [State::Creating, State::Configuring, State::Configured];
        let own = own.into_iter().flat_map(move |state| self.fleet.classes().held(state, Some(cluster)));
        let is_heir = move |class: &Class| class.heir.is_some_and(|heir| heir.cluster == cluster);
        let freed = self.fleet.classes().in_state(State::Draining).filter(move |(class, _)| is_heir(class));
        let cover = own.chain(freed).filter(|(class, _)| class.is_cover());
        cover.map(|(class, members)| (class, u32::try_from(members.len()).unwrap_or(u32::MAX)))
    }

    /// Free machines by price, no more of a lane than it may take.
    fn to_be_had(&self, lots: &[Lot], allowed: &mut BTreeMap<Lane, Option<u32>>) -> Vec<(u128, u32)> {
        let mut found: BTreeMap<u128, u32> = BTreeMap::new();
        for (price, lane, is_slot, count) in lots {
            let look = || self.lanes.allowance(*lane, &self.fleet, &self.ledger).map(|(more, _)| more);
            let taken = match allowed.entry(*lane).or_insert_with(look) {
                Some(more) if *is_slot => {
                    let taken = (*count).min(*more);
                    *more -= taken;
                    taken
                }
                _ => *count,
            };
            let at_price = found.entry(*price).or_default();
            *at_price = at_price.saturating_add(taken);
        }
        found.into_iter().filter(|(_, count)| *count > 0).collect()
    }
}

/// What an hour of a slot costs a pool; the most there is where its provider names no price for what is paid by the hour.
fn price(shape: &Shape, penalty: MicroUsd) -> u128 {
    if shape.price.0 == 0 && shape.capacity_type.is_elastic() {
        return u128::MAX;
    }
    effective_cost(shape.price, shape.interruption, penalty)
}
