//! Pools: what people say they are, and what their policies decide. Either becomes demand in the same entry.

use std::collections::BTreeMap;
use std::sync::Arc;

use argosy_model::demand::Reporting;
use argosy_model::{NeedKey, Resources};
use argosy_pool::decide::first_target;
use argosy_pool::{Decision, Specification, Standing};

use super::Fold;
use crate::command::{By, RollUp};
use crate::pools::{MAX_POOLS, Pool};
use crate::response::{Rejection, Response};

impl Fold<'_> {
    pub(super) fn set_pool(&mut self, specification: Specification, by: By) -> Result<Response, Rejection> {
        let name = specification.name.clone();
        let refuse = |why: &str| Err(Rejection::Pool { pool: name.chars().take(64).collect(), why: why.into() });
        if let Some(fault) = specification.faults().first() {
            return refuse(&fault.to_string());
        }
        let known = self.state.pools.get(&name);
        if known.is_none() && self.state.pools.len() >= MAX_POOLS {
            return refuse("the shard has 10,000 pools already");
        }
        if known.is_some_and(|known| *known.specification == specification) {
            return Ok(Response::Done);
        }
        let first = first_target(&specification);
        let bounds = specification.bounds();
        // What a policy has found stays, as far as the new bounds allow; a fixed size is a person's word. A new pool has not
        // moved yet, so it does not rest either.
        let standing = match (known.map(|known| known.standing), &specification.autoscaler) {
            (None, _) => Standing { target: first, ..Standing::default() },
            (Some(known), None) => known.moved(first, self.state.now),
            (Some(known), Some(_)) => known.moved(known.target.clamp(bounds.min, bounds.max), self.state.now),
        };
        let (from, target) = (known.map_or(0, |known| known.standing.target), standing.target);
        let is_sold = specification.sellers.is_some();
        let (specified_at, specification) = (self.index, Arc::new(specification));
        let mut pool = Pool { specification, specified_at, standing, decision: None, asks: Vec::new() };
        // Demand moves between sellers long after this: what is asked of each may be anything up to the most.
        if let Some(error) = pool.largest_rows().iter().find_map(|row| row.check().err()) {
            return Err(Rejection::Pool { pool: name, why: error.to_string().as_str().into() });
        }
        pool.asks = self.asks_of(&name, &pool);
        self.demand_of_pool(&name, &pool)?;
        match is_sold {
            true => self.state.sold.insert(name.clone()),
            false => self.state.sold.remove(&name),
        };
        self.state.pools.insert(name.clone(), pool);
        self.note_size(&name, from, target, &by.reason);
        Ok(self.audit(format!("set pool {name}: {target} machines"), by))
    }

    pub(super) fn remove_pool(&mut self, name: &str, by: By) -> Result<Response, Rejection> {
        let Some(mut pool) = self.state.pools.get(name).cloned() else { return Err(unknown(name)) };
        let from = std::mem::take(&mut pool.standing.target);
        pool.asks.clear();
        self.demand_of_pool(name, &pool)?;
        self.state.pools.remove(name);
        self.state.sold.remove(name);
        self.note_size(name, from, 0, &by.reason);
        Ok(self.audit(format!("remove pool {name}"), by))
    }

    pub(super) fn size_pool(
        &mut self,
        name: &str,
        specified_at: u64,
        decision: Decision,
    ) -> Result<Response, Rejection> {
        let Some(mut pool) = self.state.pools.get(name).cloned() else { return Err(unknown(name)) };
        if pool.specified_at != specified_at {
            let why = "it has been specified anew since this was decided".into();
            return Err(Rejection::Pool { pool: name.to_owned(), why });
        }
        let bounds = pool.specification.bounds();
        if !(bounds.min..=bounds.max).contains(&decision.target) {
            return Err(Rejection::Pool { pool: name.to_owned(), why: "the decision leaves its bounds".into() });
        }
        let (from, to, reason) = (pool.standing.target, decision.target, decision.reason.to_string());
        pool.standing = pool.standing.moved(to, self.state.now);
        pool.decision = Some(decision);
        pool.asks = self.asks_of(name, &pool);
        self.demand_of_pool(name, &pool)?;
        self.state.pools.insert(name.to_owned(), pool);
        self.note_size(name, from, to, &reason);
        Ok(Response::Done)
    }

    /// Makes a pool's demand what its standing says. Nothing is changed when the row breaks a rule of demand.
    pub(super) fn demand_of_pool(&mut self, name: &str, pool: &Pool) -> Result<(), Rejection> {
        let rows = pool.rows();
        if let Some(error) = rows.iter().find_map(|row| row.check().err()) {
            return Err(Rejection::Pool { pool: name.to_owned(), why: error.to_string().as_str().into() });
        }
        let claimant = Pool::claimant(name);
        let cluster = self.state.fleet.words.cluster(&claimant);
        let known = self.state.demand.of_cluster(cluster);
        let mut before: BTreeMap<NeedKey, (Resources, Resources)> =
            known.map(|need| (need.key, (need.aggregate.clone(), need.min_unit.clone()))).collect();
        let count = u32::try_from(rows.len()).unwrap_or(u32::MAX);
        let mut put = Vec::new();
        for row in rows {
            let (key, aggregate, min_unit) = self.intern(cluster, &row);
            if before.remove(&key).is_none_or(|known| known != (aggregate, min_unit)) {
                put.push(row);
            }
        }
        let withdraw = before.into_keys().collect();
        self.replace_demand(cluster, &RollUp { cluster: claimant, base: 0, rows: count, put, withdraw });
        self.state.demand.set_reporting(cluster, Reporting { heard: true, quarantined: 0, rows: count });
        Ok(())
    }
}

fn unknown(name: &str) -> Rejection {
    Rejection::UnknownPool { pool: name.chars().take(64).collect() }
}
