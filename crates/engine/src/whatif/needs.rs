//! Scenarios applied to the demand: as a cluster's next roll-up would change it.

use argosy_model::demand::Reporting;
use argosy_model::quantity::Rounding;
use argosy_model::{Bucket, MicroUsd, Need, NeedKey, Operator, Profile, Requirement, Resources, Spread};

use super::Altered;
use super::apply::{named, well_known};
use super::error::ScenarioError;
use super::scenario::{AddNeed, ChangeNeed, NeedSelector};
use crate::View;
use crate::explain::Amounts;

impl NeedSelector {
    /// Exactly one need.
    pub fn exactly(view: &View<'_>, key: &NeedKey) -> Self {
        let words = &view.fleet.words;
        Self {
            cluster: words.cluster_id(key.cluster).to_owned(),
            group: Some(key.group.map(|group| words.group_id(group).to_owned()).unwrap_or_default()),
            priority: None,
            fingerprint: Some(words.fingerprint(words.profile_of(key.profile))),
        }
    }

    /// The needs that it picks, by precedence.
    pub fn pick(&self, view: &View<'_>) -> Vec<NeedKey> {
        let words = &view.fleet.words;
        let Some(cluster) = words.find_cluster(&self.cluster) else { return Vec::new() };
        let is_meant = |need: &&Need| {
            let profile = words.profile_of(need.key.profile);
            let group = need.key.group.map_or("", |group| words.group_id(group));
            self.group.as_ref().is_none_or(|wanted| wanted == group)
                && self.priority.is_none_or(|wanted| wanted == profile.priority)
                && self.fingerprint.as_ref().is_none_or(|wanted| *wanted == words.fingerprint(profile))
        };
        let mut picked: Vec<&Need> = view.demand.of_cluster(cluster).filter(is_meant).collect();
        let precedence =
            |need: &&Need| (std::cmp::Reverse(words.profile_of(need.key.profile).priority), need.arrival, need.key);
        picked.sort_unstable_by_key(precedence);
        picked.into_iter().map(|need| need.key).collect()
    }

    /// In words, for whoever finds no such need.
    fn title(&self) -> String {
        let mut title = format!("of cluster '{}'", self.cluster);
        if let Some(group) = &self.group {
            title += &format!(", group '{group}'");
        }
        if let Some(priority) = self.priority {
            title += &format!(", priority {priority}");
        }
        if let Some(fingerprint) = &self.fingerprint {
            title += &format!(", fingerprint '{fingerprint}'");
        }
        title
    }
}

impl Altered {
    /// The needs that a selector picks; at least one.
    pub(super) fn select(&self, selector: &NeedSelector) -> Result<Vec<NeedKey>, ScenarioError> {
        let picked = selector.pick(&self.view());
        if picked.is_empty() { Err(ScenarioError::UnknownNeed(selector.title())) } else { Ok(picked) }
    }

    pub(super) fn change_needs(&mut self, change: &ChangeNeed) -> Result<(), ScenarioError> {
        for key in self.select(&change.need)? {
            let need = self.demand.get(&key).expect("it was just picked").clone();
            let aggregate = match change.aggregate.is_empty() {
                true => need.aggregate.clone(),
                false => self.amounts(&change.aggregate)?,
            };
            let profile = self.changed(&need, change);
            let next = self.key(&need.key, &profile);
            if next != key && self.demand.get(&next).is_some() {
                return Err(ScenarioError::NeedExists(change.need.title()));
            }
            if next != key || change.renew {
                self.demand.withdraw(&key, &self.fleet.words);
            }
            self.demand.put(next, aggregate, need.min_unit, self.now, &self.fleet.words);
        }
        Ok(())
    }

    fn changed(&self, need: &Need, change: &ChangeNeed) -> Profile {
        let words = &self.fleet.words;
        let profile = words.profile_of(need.key.profile);
        let dropped: Vec<_> =
            change.drop_conditions.iter().filter_map(|key| words.find_symbol(well_known(key))).collect();
        let stays = |requirement: &&Requirement| {
            let is_same = requirement.operator == Operator::Same;
            !(is_same && change.drop_same) && (is_same || !dropped.contains(&requirement.key))
        };
        let requirements = profile.requirements().iter().filter(stays).cloned().collect();
        let spread = profile.spread().filter(|_| !change.drop_spread).cloned();
        let priority = change.priority.unwrap_or(profile.priority);
        Profile::new(requirements, spread, priority, profile.interruption, profile.reclamation)
    }

    /// The key of a need that asks something else now. A group counts only beside `Same`, and beside that the plain profile
    /// is known too, as the shard's ingest sees to.
    fn key(&mut self, key: &NeedKey, profile: &Profile) -> NeedKey {
        let words = &mut self.fleet.words;
        let is_gang = profile.same_key().is_some();
        if is_gang {
            words.profile(&profile.without_same());
        }
        NeedKey { profile: words.profile(profile), group: key.group.filter(|_| is_gang), ..*key }
    }

    pub(super) fn add_need(&mut self, add: &AddNeed) -> Result<(), ScenarioError> {
        let cluster = self.fleet.words.cluster(named("cluster", &add.cluster)?);
        let group = add.group.as_ref().filter(|group| !group.is_empty()).map(|group| self.fleet.words.group(group));
        let profile = self.profile(add)?;
        let min_unit = self.amounts(&add.min_unit)?;
        let aggregate = if add.units > 0 { min_unit.times(add.units) } else { self.amounts(&add.aggregate)? };
        let bare = NeedKey { cluster, profile: self.fleet.words.profile(&profile), group, fold: 0 };
        let key = self.key(&bare, &profile);
        if self.demand.get(&key).is_some() {
            let title = NeedSelector::exactly(&self.view(), &key).title();
            return Err(ScenarioError::NeedExists(format!("the need {title}")));
        }
        self.demand.put(key, aggregate, min_unit, self.now, &self.fleet.words);
        let reporting = self.demand.reporting(cluster);
        if !reporting.heard {
            self.demand.set_reporting(cluster, Reporting { heard: true, ..reporting });
        }
        Ok(())
    }

    fn profile(&mut self, add: &AddNeed) -> Result<Profile, ScenarioError> {
        let words = &mut self.fleet.words;
        let mut requirements = Vec::with_capacity(add.conditions.len());
        for condition in &add.conditions {
            let key = words.symbol(named("conditions.key", well_known(&condition.key))?);
            let values = condition.values.iter().map(|value| words.symbol(value)).collect();
            requirements.push(Requirement { key, operator: condition.operator, values });
        }
        if requirements.iter().filter(|requirement| requirement.operator == Operator::Same).count() > 1 {
            return Err(ScenarioError::TwoSames);
        }
        let spread = match &add.spread {
            Some(over) => {
                let key = words.symbol(named("spread.key", well_known(&over.key))?);
                Some(Spread { key, max_skew: over.max_skew })
            }
            None => None,
        };
        let penalty = |usd| Bucket::covering(MicroUsd::from_usd(usd));
        let (interruption, reclamation) = (penalty(add.interruption_penalty_usd), penalty(add.reclamation_penalty_usd));
        Ok(Profile::new(requirements, spread, add.priority, interruption, reclamation))
    }

    fn amounts(&mut self, amounts: &Amounts) -> Result<Resources, ScenarioError> {
        let pairs = amounts.iter().map(|(dim, amount)| (dim.as_str(), amount.as_str()));
        Ok(self.fleet.words.resources(pairs, Rounding::Up)?)
    }
}
