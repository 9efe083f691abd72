//! One pool of Navarch's as one of ours.

use std::collections::BTreeMap;

use super::form::{Autoscaling, Config, Pool, Window};
use super::{Notes, sellers};
use crate::calendar::{Days, TimeOfDay, Zone};
use crate::policy::{Composite, Mode, Policy, Predictive, Queue, Reactive, Scheduled};
use crate::scalar::{Percent, Span};
use crate::source::Sources;
use crate::specification::{Bounds, Cooldown, Machine, Specification, Steps};
use crate::{offerings, policy};

const GPU: &str = "nvidia.com/gpu";

pub(super) fn pool(name: &str, pool: &Pool, config: &Config, notes: &mut Notes) -> Result<Specification, String> {
    let path = format!("pools.{name}");
    notes.unknown(&path, &pool.rest);
    inert(&path, pool, config, notes);
    let bounds = Bounds { min: pool.min_nodes, max: pool.max_nodes };
    let rest = cooldown(pool.cooldown.as_deref())?;
    let policy = match &pool.autoscaling {
        Some(policy) => Some(autoscaler(&format!("{path}.autoscaling"), policy, bounds, notes)?),
        None => {
            let what = "Navarch never fills a pool without autoscaling; here it is kept at min_nodes";
            notes.say(format!("{path}.autoscaling"), what);
            None
        }
    };
    Ok(Specification {
        name: name.to_owned(),
        machine: machine(&path, pool, notes)?,
        min: bounds.min,
        max: bounds.max,
        replicas: None,
        headroom: 0,
        autoscaler: policy,
        steps: Steps::default(),
        cooldown: Cooldown { up: rest, down: rest },
        stale_after: Span::minutes(5),
        priority: 0,
        interruption_usd: 0,
        reclamation_usd: 0,
        user_data: user_data(&path, pool, notes),
        metrics: Sources::default(),
        sellers: sellers::sellers(&path, pool, config, notes)?,
    })
}

fn cooldown(text: Option<&str>) -> Result<Span, String> {
    let text = text.unwrap_or("5m");
    Span::read(text).map_err(|what| format!("`cooldown`: {what}"))
}

fn machine(path: &str, pool: &Pool, notes: &mut Notes) -> Result<Machine, String> {
    let own =
        std::iter::once(&pool.instance_type).chain(pool.providers.iter().filter_map(|p| p.instance_type.as_ref()));
    let Some(first) = own.clone().find(|kind| !kind.is_empty()) else {
        return Err("`instance_type` is missing".to_owned());
    };
    let gpus = offerings::find(first).map_or_else(
        || {
            let what = format!("how many GPUs a {first} has is not known: 1 is written; correct `machine.resources`");
            notes.say(format!("{path}.instance_type"), what);
            1
        },
        |offering| offering.gpus,
    );
    if !pool.zones.is_empty() {
        notes.say(
            format!("{path}.zones"),
            "Navarch reads this and never uses it; here the machines come from these zones",
        );
    }
    if !pool.labels.is_empty() {
        let what = "Navarch puts these on the node; here pools ask for labels, they do not give them: left out";
        notes.say(format!("{path}.labels"), what);
    }
    let instance_types = Some(&pool.instance_type).filter(|kind| !kind.is_empty()).cloned().into_iter().collect();
    let resources = BTreeMap::from([(GPU.to_owned(), gpus.to_string())]);
    let regions = pool.region.iter().cloned().collect();
    Ok(Machine { instance_types, regions, zones: pool.zones.clone(), labels: BTreeMap::new(), resources })
}

fn inert(path: &str, pool: &Pool, config: &Config, notes: &mut Notes) {
    if let Some(health) = &pool.health {
        notes.unknown(&format!("{path}.health"), &health.rest);
        let default = health.unhealthy_after.unwrap_or(2) > 1 && health.auto_replace != Some(false);
        let what = match health.auto_replace {
            None => {
                "Navarch takes `health` without auto_replace as off; here unhealthy machines are replaced, see the health policy"
            }
            Some(_) if default => {
                "Navarch never replaces with a threshold above 1; here the health policy's grace decides"
            }
            Some(_) => "the health policy's grace and actions decide, see `argosy health policy`",
        };
        notes.say(format!("{path}.health"), what);
    }
    for provider in &pool.providers {
        notes.unknown(&format!("{path}.providers.{}", provider.name), &provider.rest);
    }
    let named = pool.provider.iter().chain(pool.providers.iter().map(|provider| &provider.name));
    for name in named.filter(|name| !config.providers.contains_key(*name)) {
        notes.say(format!("{path}.provider"), format!("{name:?} is not among this file's providers"));
    }
    let keys = [pool.ssh_keys.is_some(), pool.ssh_user.is_some(), pool.ssh_private_key_path.is_some()];
    if keys.contains(&true) || !config.defaults.is_empty() {
        let what = "machines are set up by user data here, not over SSH: keys and users are left out";
        notes.say(format!("{path}.ssh_keys"), what);
    }
}

fn user_data(path: &str, pool: &Pool, notes: &mut Notes) -> String {
    if pool.setup_commands.is_empty() {
        return String::new();
    }
    let mut script = String::from("#!/bin/sh\nset -e\n");
    for command in &pool.setup_commands {
        let command = command.replace("{{.Pool}}", "{{pool}}").replace("{{.NodeID}}", "{{machine}}");
        if command.contains("{{.") {
            let what = format!("{command:?} has a variable that user data does not have; fill it in by hand");
            notes.say(format!("{path}.setup_commands"), what);
        }
        script.push_str(&command);
        script.push('\n');
    }
    notes.say(format!("{path}.setup_commands"), "they run as user data at first boot here, not over SSH");
    script
}

fn autoscaler(path: &str, from: &Autoscaling, bounds: Bounds, notes: &mut Notes) -> Result<Policy, String> {
    autoscaler_below(path, from, bounds, notes, policy::MAX_DEPTH)
}

fn autoscaler_below(
    path: &str,
    from: &Autoscaling,
    bounds: Bounds,
    notes: &mut Notes,
    depth: usize,
) -> Result<Policy, String> {
    notes.unknown(path, &from.rest);
    let below = depth.checked_sub(1).ok_or_else(|| format!("`{path}`: nested too deep"))?;
    let fallback = |notes: &mut Notes| -> Result<Option<Box<Policy>>, String> {
        let policy = from.fallback.as_deref();
        policy
            .map(|policy| autoscaler_below(&format!("{path}.fallback"), policy, bounds, notes, below).map(Box::new))
            .transpose()
    };
    match from.kind.as_str() {
        "reactive" => reactive(path, from).map(Policy::Reactive),
        "queue" => {
            notes.say(path, "Navarch has no way to learn the depth of a queue; push it with `argosy pool push`");
            Ok(Policy::Queue(Queue { jobs_per_machine: from.jobs_per_node.unwrap_or(10) }))
        }
        "scheduled" => {
            notes.say(path, "Navarch goes by its server's local time; set `time_zone`, UTC is written");
            let windows = from.schedule.iter().enumerate();
            let windows = windows.map(|(at, from)| window(&format!("{path}.schedule[{at}]"), from, bounds, notes));
            let windows = windows.collect::<Result<_, _>>()?;
            Ok(Policy::Scheduled(Scheduled { time_zone: Zone::default(), windows, fallback: fallback(notes)? }))
        }
        "predictive" => {
            notes.say(
                path,
                "Navarch compares different machines with one another; here the pool's mean is followed over time",
            );
            let growth = from.growth_factor.map(|factor| in_percent(path, factor)).transpose()?;
            let defaults = Predictive::default();
            let growth_factor_percent = growth.unwrap_or(defaults.growth_factor_percent);
            let lookback_points = from.lookback_window.unwrap_or(10);
            Ok(Policy::Predictive(Predictive {
                lookback_points,
                growth_factor_percent,
                fallback: fallback(notes)?,
                ..defaults
            }))
        }
        "composite" => composite(path, from, bounds, notes, below),
        other => Err(format!(
            "`{path}.type`: {other:?} is no autoscaler; write reactive, queue, scheduled, predictive or composite"
        )),
    }
}

fn in_percent(path: &str, factor: f64) -> Result<u32, String> {
    if !(0.0..=10.0).contains(&factor) {
        return Err(format!("`{path}.growth_factor`: {factor} is not from 0 to 10"));
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "within 0 to 1,000")]
    Ok((factor * 100.0).round() as u32)
}

fn reactive(path: &str, from: &Autoscaling) -> Result<Reactive, String> {
    let read = |key: &str, value: Option<f64>, default: Percent| match value {
        None => Ok(default),
        Some(value) => Percent::read(value).ok_or_else(|| format!("`{path}.{key}`: {value} is not a percentage")),
    };
    let defaults = Reactive::default();
    let scale_up_at_percent = read("scale_up_at", from.scale_up_at, defaults.scale_up_at_percent)?;
    let scale_down_at_percent = read("scale_down_at", from.scale_down_at, defaults.scale_down_at_percent)?;
    Ok(Reactive { scale_up_at_percent, scale_down_at_percent, ..defaults })
}

fn window(path: &str, from: &Window, pool: Bounds, notes: &mut Notes) -> Result<policy::Window, String> {
    notes.unknown(path, &from.rest);
    let days = match from.days.as_slice() {
        [] => Days::ALL,
        names => Days::read(names.iter().map(String::as_str)).map_err(|what| format!("`{path}.days`: {what}"))?,
    };
    let hour = |key: &str, hour: u64| TimeOfDay::hour(hour).ok_or_else(|| format!("`{path}.{key}`: {hour} is no hour"));
    let (min, max) = (from.min_nodes.clamp(pool.min, pool.max), from.max_nodes.clamp(pool.min, pool.max));
    if (min, max) != (from.min_nodes, from.max_nodes) {
        notes.say(path, format!("Navarch cuts a window by the pool's bounds; {min} to {max} is written"));
    }
    if from.start > from.end {
        notes.say(path, "Navarch's windows cannot cross midnight, so this one never applied; here it does");
    }
    Ok(policy::Window { days, start: hour("start", from.start)?, end: hour("end", from.end)?, min, max })
}

fn composite(
    path: &str,
    from: &Autoscaling,
    bounds: Bounds,
    notes: &mut Notes,
    depth: usize,
) -> Result<Policy, String> {
    let mode = match from.mode.as_deref() {
        None | Some("max") => Mode::Max,
        Some("min") => Mode::Min,
        Some("avg") => Mode::Avg,
        Some(other) => return Err(format!("`{path}.mode`: {other:?} is none of max, min, avg")),
    };
    let members = from.autoscalers.iter().enumerate();
    let members =
        members.map(|(at, one)| autoscaler_below(&format!("{path}.autoscalers[{at}]"), one, bounds, notes, depth));
    Ok(Policy::Composite(Composite { mode, policies: members.collect::<Result<_, _>>()? }))
}
