//! Genesis, and what an admin changes about the shard as a whole.

use std::sync::Arc;

use super::Fold;
use crate::command::{By, Genesis};
use crate::event::Event;
use crate::need_row::{MAX_ITEMS, MAX_TEXT_BYTES};
use crate::ownership::Ownership;
use crate::response::{Rejection, Response};
use crate::settings::Settings;
use crate::state::STATE_VERSION;

/// Above this a generation would not fit the wire's signed epoch.
const MAX_GENERATION: u32 = i32::MAX as u32;
/// Most shards and most domains of a genesis.
const MAX_OWNED: usize = MAX_ITEMS * MAX_ITEMS;

impl Fold<'_> {
    pub(super) fn begin(&mut self, genesis: Genesis) -> Result<Response, Rejection> {
        check(&genesis).map_err(|why| Rejection::Setting { why: why.into() })?;
        self.state.ownership = Arc::new(Ownership {
            shard: genesis.shard,
            shards: genesis.shards.into_iter().collect(),
            domains: genesis.domains.into_iter().collect(),
        });
        self.state.settings = Arc::new(genesis.settings);
        self.state.generation = genesis.generation;
        self.state.state_version = STATE_VERSION;
        Ok(Response::Done)
    }

    pub(super) fn set_settings(&mut self, settings: Settings, by: By) -> Result<Response, Rejection> {
        settings.check().map_err(|why| Rejection::Setting { why: why.into() })?;
        let act = format!("set settings {settings:?}");
        self.state.settings = Arc::new(settings);
        self.events.push(Event::SettingsChanged);
        Ok(self.audit(act, by))
    }

    /// Every open attempt is made anew at once, so that no fence of the old generation stays in use.
    pub(super) fn raise_generation(&mut self, generation: u32, by: By) -> Result<Response, Rejection> {
        if generation <= self.state.generation || generation > MAX_GENERATION {
            return Err(Rejection::Setting { why: "a restore generation only rises, up to 2^31 - 1".into() });
        }
        self.state.generation = generation;
        self.renew_open_attempts();
        Ok(self.audit(format!("raise the restore generation to {generation}"), by))
    }

    pub(super) fn raise_state_version(&mut self, to: u16) -> Result<Response, Rejection> {
        if to <= self.state.state_version {
            return Err(Rejection::Setting { why: "a state version only rises".into() });
        }
        self.state.state_version = to;
        Ok(Response::Done)
    }

    pub(super) fn resume(&mut self, by: By) -> Result<Response, Rejection> {
        if self.state.halted().is_some_and(|halt| halt.code == "ARG-0432") {
            return Err(Rejection::Setting {
                why: "this release is too old for the state, and cannot resume it".into(),
            });
        }
        self.state.halted = None;
        Ok(self.audit("resume".to_owned(), by))
    }
}

fn check(genesis: &Genesis) -> Result<(), &'static str> {
    let named = |text: &String| !text.is_empty() && text.len() <= MAX_TEXT_BYTES;
    if !named(&genesis.shard) || !genesis.shards.iter().all(named) {
        return Err("the id of a shard is empty or too long");
    }
    if !genesis.shards.contains(&genesis.shard) {
        return Err("the shard is not among the shards of the fleet");
    }
    if !genesis.domains.iter().all(|(key, value)| named(key) && named(value)) {
        return Err("the key or value of a topology domain is empty or too long");
    }
    if genesis.shards.len() > MAX_OWNED || genesis.domains.len() > MAX_OWNED {
        return Err("there are more than 65,536 shards or domains");
    }
    if genesis.generation > MAX_GENERATION {
        return Err("the restore generation is above 2^31 - 1");
    }
    genesis.settings.check()
}
