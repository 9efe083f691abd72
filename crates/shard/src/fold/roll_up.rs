//! Roll-ups: a cluster's complete demand, folded in as a delta against its last accepted one, whole or not at all.

use argosy_model::demand::Reporting;
use argosy_model::{ClusterIx, NeedKey, Profile, ProfileIx, Requirement, Resources, Spread};

use super::Fold;
use crate::command::RollUp;
use crate::event::Event;
use crate::need_row::{MAX_ROWS, MAX_TEXT_BYTES, NeedRow};
use crate::pools::Pool;
use crate::rails;
use crate::response::{Rejection, Response, RollUpTaken};

impl Fold<'_> {
    pub(super) fn roll_up(&mut self, roll_up: &RollUp) -> Result<Response, Rejection> {
        self.check_roll_up(roll_up)?;
        let cluster = self.state.fleet.words.cluster(&roll_up.cluster);
        let known = self.state.demand.reporting(cluster);
        if rails::looks_emptied(&self.state.settings.policy, &known, roll_up.rows)
            && let Some(times) = rails::held_back(&known)
        {
            self.state.demand.set_reporting(cluster, Reporting { heard: true, quarantined: times, ..known });
            self.state.counters.rollups_held += 1;
            self.events.push(Event::RollUpHeldBack { cluster, times });
            return Ok(Response::RollUp(RollUpTaken::HeldBack { times }));
        }
        self.replace_demand(cluster, roll_up);
        let reporting = Reporting { heard: true, quarantined: 0, rows: roll_up.rows };
        self.state.demand.set_reporting(cluster, reporting);
        let mut book = self.state.book(cluster);
        book.revision += 1;
        self.state.books.insert(cluster, book);
        self.state.counters.rollups += 1;
        let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        let (put, withdrawn) = (count(roll_up.put.len()), count(roll_up.withdraw.len()));
        self.events.push(Event::RollUpAccepted { cluster, put, withdrawn });
        Ok(Response::RollUp(RollUpTaken::Accepted { revision: book.revision }))
    }

    fn check_roll_up(&self, roll_up: &RollUp) -> Result<(), Rejection> {
        let cluster: String = roll_up.cluster.chars().take(MAX_TEXT_BYTES).collect();
        if roll_up.cluster.is_empty() || roll_up.cluster.len() > MAX_TEXT_BYTES {
            let why = "the cluster's id is empty or longer than 512 bytes".into();
            return Err(Rejection::RollUp { cluster, why });
        }
        if Pool::named_by(&roll_up.cluster).is_some() {
            let why = "ids that begin with `pool/` are those of pools".into();
            return Err(Rejection::RollUp { cluster, why });
        }
        if roll_up.rows as usize > MAX_ROWS || roll_up.put.len() > roll_up.rows as usize {
            let why = "it has more than 200,000 rows, or more than it says".into();
            return Err(Rejection::RollUp { cluster, why });
        }
        for (row, need) in (0..).zip(&roll_up.put) {
            if let Err(error) = need.check() {
                return Err(Rejection::Row { cluster, row, error });
            }
        }
        let known = self.state.fleet.words.find_cluster(&roll_up.cluster);
        let revision = known.map_or(0, |cluster| self.state.book(cluster).revision);
        if revision != roll_up.base {
            return Err(Rejection::RollUpBase { cluster, base: roll_up.base, revision });
        }
        let withdraws = |key: &NeedKey| Some(key.cluster) == known && self.state.demand.get(key).is_some();
        if !roll_up.withdraw.iter().all(withdraws) {
            let why = "it withdraws a need that the cluster does not have".into();
            return Err(Rejection::RollUp { cluster, why });
        }
        Ok(())
    }

    pub(super) fn replace_demand(&mut self, cluster: ClusterIx, roll_up: &RollUp) {
        let now = self.state.now;
        for key in &roll_up.withdraw {
            self.state.demand.withdraw(key, &self.state.fleet.words);
        }
        for row in &roll_up.put {
            let (key, aggregate, min_unit) = self.intern(cluster, row);
            self.state.demand.put(key, aggregate, min_unit, now, &self.state.fleet.words);
        }
    }

    /// Whether a gang of this cluster could fold into the plain profile.
    pub(super) fn folds_into(&self, cluster: ClusterIx, plain: ProfileIx) -> bool {
        let mut rows = self.state.demand.of_cluster(cluster);
        rows.any(|need| self.state.profiles.plain(need.key.profile) == Some(plain))
    }

    pub(super) fn intern(&mut self, cluster: ClusterIx, row: &NeedRow) -> (NeedKey, Resources, Resources) {
        let words = &mut self.state.fleet.words;
        let mut requirements = Vec::with_capacity(row.requirements.len());
        for requirement in &row.requirements {
            let values = requirement.values.iter().map(|value| words.symbol(value)).collect();
            let key = words.symbol(&requirement.key);
            requirements.push(Requirement { key, operator: requirement.operator, values });
        }
        let spread = row.spread.as_ref().map(|s| Spread { key: words.symbol(&s.key), max_skew: s.max_skew });
        let profile = Profile::new(requirements, spread, row.priority, row.interruption, row.reclamation);
        let is_gang = profile.same_key().is_some();
        let group = row.group.as_ref().filter(|group| is_gang && !group.is_empty());
        let group = group.map(|group| words.group(group));
        let profile = self.state.profiles.intern(&profile, words);
        let mut vector = |amounts: &[(String, u64)]| {
            Resources::from_amounts(amounts.iter().map(|(dim, amount)| (words.dim(dim), *amount)))
        };
        let key = NeedKey { cluster, profile, group, fold: 0 };
        (key, vector(&row.aggregate), vector(&row.min_unit))
    }
}
