//! Navarch's providers and strategy of a pool as sellers.

use super::Notes;
use super::form::{Config, Pool, Provider, Strategy as Theirs};
use crate::offerings;
use crate::split::{Seller, Sellers, Strategy};

pub(super) fn sellers(path: &str, pool: &Pool, config: &Config, notes: &mut Notes) -> Result<Option<Sellers>, String> {
    let mut among = Vec::with_capacity(pool.providers.len());
    for provider in &pool.providers {
        among.push(seller(provider, pool, config)?);
    }
    if among.is_empty() {
        let only = pool.provider.iter().map(|name| Provider { name: name.clone(), ..Provider::default() });
        among = only.map(|provider| seller(&provider, pool, config)).collect::<Result<_, _>>()?;
    }
    if among.is_empty() {
        return Ok(None);
    }
    let names = "pools buy from providers by their names in the node configuration: name yours as they are named here";
    notes.say(format!("{path}.providers"), names);
    if pool.providers.iter().any(|provider| provider.regions.len() > 1) {
        let what = "Navarch tries only the first region of each provider; here all of them are tried";
        notes.say(format!("{path}.providers"), what);
    }
    let strategy = strategy(path, pool.strategy, notes);
    Ok(Some(Sellers { strategy, moves: 1, among }))
}

fn seller(provider: &Provider, pool: &Pool, config: &Config) -> Result<Seller, String> {
    let kind = config.providers.get(&provider.name).and_then(|of| of.get("type")).and_then(|kind| kind.as_str());
    let asked = provider.instance_type.as_ref().unwrap_or(&pool.instance_type);
    let number = |key: &str, value: Option<i64>, default: u32| match value {
        None => Ok(default),
        Some(value) => {
            u32::try_from(value).map_err(|_| format!("`providers.{}.{key}`: {value} is below 0", provider.name))
        }
    };
    Ok(Seller {
        provider: provider.name.clone(),
        regions: provider.regions.clone(),
        instance_types: Some(offerings::at(asked, kind.unwrap_or("")))
            .filter(|kind| !kind.is_empty())
            .into_iter()
            .collect(),
        priority: number("priority", provider.priority, 0)?,
        weight: number("weight", provider.weight, 1)?.max(1),
        quota: None,
    })
}

fn strategy(path: &str, theirs: Option<Theirs>, notes: &mut Notes) -> Strategy {
    let (strategy, what) = match theirs {
        None | Some(Theirs::Priority) => return Strategy::Priority,
        Some(Theirs::RoundRobin) => {
            (Strategy::Weighted, "turns by weight become shares by weight: they hold however a pool grows and shrinks")
        }
        Some(Theirs::Availability) => {
            (Strategy::Availability, "Navarch takes a provider without a list blindly; here whoever refuses comes last")
        }
        Some(Theirs::Cost) => (Strategy::Cost, "the risk of interruption counts with the price here"),
    };
    notes.say(format!("{path}.strategy"), what);
    strategy
}
