//! `argosy whatif`: what the engine would decide if something were otherwise. Changes nothing.
//!
//! The scenario comes from a file, from options, or from both: options are added to what the file says.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, Result, anyhow, bail};
use argosy_engine::explain::Rail;
use argosy_engine::whatif::{
    AddMachines, AddNeed, ChangeNeed, Condition, Consolidate, Domain, FreeState, NeedSelector, Operator, Outcome,
    Scenario, SpreadOver,
};
use argosy_proto::argosy::v1::WhatIfRequest;
use clap::Args;
use serde_json::{Value, json};

use super::target::Target;
use super::{block_on, freshness, origin, said, taken_from};
use crate::output;

/// Tell what would be decided if something were otherwise, without touching the fleet.
#[derive(Args, Debug)]
pub(crate) struct WhatIfArgs {
    /// The shard.
    #[arg(long)]
    shard: String,
    /// A scenario, as YAML.
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// A domain is lost, such as zone=eu-a; region, zone and rack stand for the well-known labels.
    #[arg(long, value_name = "KEY=VALUE", value_parser = domain)]
    lose: Vec<Domain>,
    /// A machine is gone.
    #[arg(long, value_name = "ID")]
    remove_machine: Vec<String>,
    /// A machine is no longer cordoned.
    #[arg(long, value_name = "ID")]
    uncordon: Vec<String>,
    /// Machines come, such as count=4,like=m-17,state=idle,zone=eu-b.
    #[arg(long, value_name = "LIST", value_parser = machines)]
    add_machines: Vec<AddMachines>,
    /// Needs go, such as cluster=c1,priority=100 or cluster=c1,group=g.
    #[arg(long, value_name = "LIST", value_parser = withdrawal)]
    withdraw_need: Vec<NeedSelector>,
    /// Needs change, such as cluster=c1,set_priority=2000 or cluster=c1,group=g,drop_same=true.
    #[arg(long, value_name = "LIST", value_parser = change)]
    change_need: Vec<ChangeNeed>,
    /// A need comes, such as cluster=c3,priority=50,units=10,unit.cpu=4,unit.memory=8Gi,where.zone=eu-a|eu-b,spread=zone:1; a gang has
    /// group=g,same=rack.
    #[arg(long, value_name = "LIST", value_parser = new_need)]
    add_need: Vec<AddNeed>,
    /// Needs may move to cheaper machines, as a policy with its default thresholds and no budget allows; or as far as is said, such as
    /// moves=10,min_gain_microusd_per_hour=50000. moves=0 switches consolidation off.
    #[arg(long, value_name = "LIST", value_parser = consolidate, num_args = 0..=1, require_equals = true, default_missing_value = "")]
    consolidate: Option<Consolidate>,
    /// A rail is lifted: kill_switch, dry_run, plan_size, reclaim_cap.
    #[arg(long, value_name = "RAIL", value_parser = rail)]
    lift_rail: Vec<Rail>,
    /// Take the asked node's own replica, which may lag behind.
    #[arg(long)]
    stale: bool,
    /// As JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    target: Target,
}

/// Runs the command.
pub(crate) fn run(args: WhatIfArgs) -> Result<ExitCode> {
    let scenario = scenario(&args)?;
    block_on(async move {
        let scenario_json = serde_json::to_string(&scenario)?;
        let ask = WhatIfRequest { shard: args.shard, scenario_json, freshness: freshness(args.stale) };
        let answer = args.target.fleet()?.what_if(args.target.request(ask)).await;
        let answer = answer.map_err(|status| said(&status))?.into_inner();
        let as_of = answer.as_of.unwrap_or_default();
        if args.json {
            let outcome: Value = serde_json::from_str(&answer.outcome_json)?;
            return output::json(&json!({ "as_of": origin(&as_of), "scenario": scenario, "outcome": outcome }));
        }
        let outcome: Outcome = serde_json::from_str(&answer.outcome_json)
            .context("the server is of another release and answers in another form; try --json")?;
        output::line(taken_from(&as_of))?;
        output::text(outcome)
    })
}

/// What the file and the options say together.
fn scenario(args: &WhatIfArgs) -> Result<Scenario> {
    let mut scenario = match &args.file {
        Some(file) => read(file)?,
        None => Scenario::default(),
    };
    scenario.lose.extend(args.lose.iter().cloned());
    scenario.remove_machines.extend(args.remove_machine.iter().cloned());
    scenario.uncordon.extend(args.uncordon.iter().cloned());
    scenario.add_machines.extend(args.add_machines.iter().cloned());
    scenario.withdraw_needs.extend(args.withdraw_need.iter().cloned());
    scenario.change_needs.extend(args.change_need.iter().cloned());
    scenario.add_needs.extend(args.add_need.iter().cloned());
    scenario.consolidate = args.consolidate.clone().or(scenario.consolidate);
    scenario.lift_rails.extend(args.lift_rail.iter().copied());
    scenario.check().map_err(|error| anyhow!("ARG-0822: {error}"))?;
    Ok(scenario)
}

fn read(file: &Path) -> Result<Scenario> {
    let text = std::fs::read_to_string(file).with_context(|| format!("{} cannot be read", file.display()))?;
    parse(&text).map_err(|error| anyhow!("ARG-0822: {}: {error}", file.display()))
}

/// Reads YAML; an unknown key is refused with its line and column.
fn parse(text: &str) -> Result<Scenario, serde_saphyr::Error> {
    let options = serde_saphyr::options! { with_snippet: false };
    serde_saphyr::from_str_with_options(text, options)
}

/// A list of `key=value`, each key taken once by what reads it.
struct Pairs<'t>(Vec<(&'t str, &'t str)>);

impl<'t> Pairs<'t> {
    fn of(text: &'t str) -> Result<Self> {
        let pair = |part: &'t str| part.split_once('=').with_context(|| format!("'{part}' is not key=value"));
        Ok(Self(text.split(',').map(pair).collect::<Result<_>>()?))
    }

    fn take(&mut self, key: &str) -> Option<&'t str> {
        let at = self.0.iter().position(|(known, _)| *known == key)?;
        Some(self.0.remove(at).1)
    }

    fn take_as<T: std::str::FromStr>(&mut self, key: &str) -> Result<Option<T>> {
        let parse = |text: &str| text.parse().map_err(|_| anyhow!("'{text}' will not do for {key}"));
        self.take(key).map(parse).transpose()
    }

    /// Everything under a prefix, without it.
    fn take_all(&mut self, prefix: &str) -> Vec<(String, &'t str)> {
        let (taken, left) = std::mem::take(&mut self.0).into_iter().partition(|(key, _)| key.starts_with(prefix));
        self.0 = left;
        let taken: Vec<(&str, &str)> = taken;
        taken.into_iter().map(|(key, value)| (key[prefix.len()..].to_owned(), value)).collect()
    }

    /// What is left is not known.
    fn end(self) -> Result<()> {
        match self.0.first() {
            Some((key, _)) => bail!("'{key}' is not known here, or is given twice"),
            None => Ok(()),
        }
    }
}

fn domain(text: &str) -> Result<Domain> {
    let (key, value) = text.split_once('=').with_context(|| format!("'{text}' is not key=value"))?;
    Ok(Domain { key: key.to_owned(), value: value.to_owned() })
}

fn machines(text: &str) -> Result<AddMachines> {
    let mut pairs = Pairs::of(text)?;
    let state = match pairs.take("state") {
        None | Some("speculative") => FreeState::Speculative,
        Some("idle") => FreeState::Idle,
        Some(other) => bail!("'{other}' is no state of a free machine: idle or speculative"),
    };
    let add = AddMachines {
        count: pairs.take_as("count")?.context("say how many with count=")?,
        like: Some(pairs.take("like").context("name a machine that they are like with like=")?.to_owned()),
        state,
        zone: pairs.take("zone").map(str::to_owned),
        instance_type: pairs.take("instance_type").map(str::to_owned),
        price_microusd_per_hour: pairs.take_as("price_microusd_per_hour")?,
        ..AddMachines::default()
    };
    pairs.end().map(|()| add)
}

fn selector(pairs: &mut Pairs<'_>) -> Result<NeedSelector> {
    Ok(NeedSelector {
        cluster: pairs.take("cluster").context("name the cluster with cluster=")?.to_owned(),
        group: pairs.take("group").map(str::to_owned),
        priority: pairs.take_as("priority")?,
        fingerprint: None,
    })
}

fn withdrawal(text: &str) -> Result<NeedSelector> {
    let mut pairs = Pairs::of(text)?;
    let selector = selector(&mut pairs)?;
    pairs.end().map(|()| selector)
}

fn change(text: &str) -> Result<ChangeNeed> {
    let mut pairs = Pairs::of(text)?;
    let change = ChangeNeed {
        need: selector(&mut pairs)?,
        priority: pairs.take_as("set_priority")?,
        drop_same: pairs.take_as("drop_same")?.unwrap_or_default(),
        drop_spread: pairs.take_as("drop_spread")?.unwrap_or_default(),
        drop_conditions: pairs.take("drop_condition").map(str::to_owned).into_iter().collect(),
        renew: pairs.take_as("renew")?.unwrap_or_default(),
        ..ChangeNeed::default()
    };
    pairs.end().map(|()| change)
}

fn new_need(text: &str) -> Result<AddNeed> {
    let mut pairs = Pairs::of(text)?;
    let within = pairs.take_all("where.").into_iter().map(|(key, values)| Condition {
        key,
        operator: Operator::In,
        values: values.split('|').map(str::to_owned).collect(),
    });
    let mut conditions: Vec<Condition> = within.collect();
    if let Some(key) = pairs.take("same") {
        conditions.push(Condition { key: key.to_owned(), operator: Operator::Same, values: Vec::new() });
    }
    let spread = pairs.take("spread").map(|text| {
        let (key, skew) = text.split_once(':').with_context(|| format!("'{text}' is not key:skew, such as zone:1"))?;
        let max_skew = skew.parse().map_err(|_| anyhow!("'{skew}' will not do for a skew"))?;
        anyhow::Ok(SpreadOver { key: key.to_owned(), max_skew })
    });
    let min_unit = pairs.take_all("unit.").into_iter().map(|(dim, amount)| (dim, amount.to_owned())).collect();
    let need = AddNeed {
        cluster: pairs.take("cluster").context("name the cluster with cluster=")?.to_owned(),
        group: pairs.take("group").map(str::to_owned),
        priority: pairs.take_as("priority")?.unwrap_or_default(),
        conditions,
        spread: spread.transpose()?,
        interruption_penalty_usd: pairs.take_as("interruption_penalty_usd")?.unwrap_or_default(),
        reclamation_penalty_usd: pairs.take_as("reclamation_penalty_usd")?.unwrap_or_default(),
        min_unit,
        units: pairs.take_as("units")?.context("say how many pieces with units=")?,
        ..AddNeed::default()
    };
    pairs.end()?;
    if need.min_unit.is_empty() { bail!("say what one piece holds with unit.cpu= and the like") } else { Ok(need) }
}

fn consolidate(text: &str) -> Result<Consolidate> {
    let mut pairs = if text.is_empty() { Pairs(Vec::new()) } else { Pairs::of(text)? };
    let default = Consolidate::default();
    let given = Consolidate {
        min_gain_microusd_per_hour: pairs
            .take_as("min_gain_microusd_per_hour")?
            .unwrap_or(default.min_gain_microusd_per_hour),
        move_cost_microusd: pairs.take_as("move_cost_microusd")?.unwrap_or(default.move_cost_microusd),
        payback_s: pairs.take_as("payback_s")?.unwrap_or(default.payback_s),
        moves: pairs.take_as("moves")?,
    };
    pairs.end().map(|()| given)
}

fn rail(text: &str) -> Result<Rail> {
    serde_json::from_value(json!(text)).map_err(|_| anyhow!("'{text}' is no rail that can be lifted"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "lose:\n  - { key: zone, value: eu-a }\nadd_machines:\n  - count: 2\n    like: m-1\n    resources: { cpu: '4', memory: 16Gi }\nadd_needs:\n  - cluster: c1\n    units: 3\n    min_unit: { cpu: '1' }\n    conditions:\n      - { key: instance_type, operator: In, values: [m] }\n";

    #[test]
    fn a_file_and_the_options_read_the_same() {
        let read = parse(GOOD).expect("it is sound");
        assert_eq!(read.lose, [domain("zone=eu-a").expect("a pair")]);
        assert_eq!((read.add_machines[0].count, read.add_needs[0].units), (2, 3));
        let added = machines("count=4,like=m-17,state=idle,zone=eu-b").expect("a list");
        let written = "add_machines:\n  - { count: 4, like: m-17, state: idle, zone: eu-b }\n";
        assert_eq!(parse(written).expect("it is sound").add_machines, [added]);
        let raised = change("cluster=c1,group=g,set_priority=-5").expect("a list");
        let written = "change_needs:\n  - { need: { cluster: c1, group: g }, priority: -5 }\n";
        assert_eq!(parse(written).expect("it is sound").change_needs, [raised]);
        assert_eq!(rail("kill_switch").expect("a rail"), Rail::KillSwitch);
        let need = "cluster=c3,priority=50,units=10,unit.cpu=4,unit.memory=8Gi,where.zone=eu-a|eu-b,same=rack,group=g,spread=zone:1";
        let written = "add_needs:\n  - cluster: c3\n    group: g\n    priority: 50\n    units: 10\n    min_unit: { cpu: '4', memory: 8Gi }\n    spread: { key: zone, max_skew: 1 }\n    conditions:\n      - { key: zone, operator: In, values: [eu-a, eu-b] }\n      - { key: rack, operator: Same }\n";
        assert_eq!(parse(written).expect("it is sound").add_needs, [new_need(need).expect("a list")]);
        let (bare, some) =
            (consolidate("").expect("nothing said"), consolidate("moves=3,payback_s=60").expect("a list"));
        assert_eq!(parse("consolidate: {}").expect("it is sound").consolidate, Some(bare));
        assert_eq!(parse("consolidate: { moves: 3, payback_s: 60 }").expect("it is sound").consolidate, Some(some));
    }

    #[test]
    fn an_unknown_key_is_refused_with_line_and_column() {
        for (bad, place) in [
            (GOOD.replace("lose:", "loose:"), "line 1"),
            (GOOD.replace("like: m-1", "liek: m-1"), "line 5"),
            (GOOD.replace("operator: In", "operator: Within"), "line 12"),
            (GOOD.replace("units: 3", "units: three"), "line 9"),
        ] {
            let error = parse(&bad).expect_err("it is unsound").to_string();
            assert!(error.contains(place) && error.contains("column"), "{error}");
        }
        for bad in ["count=4,like=m,zoen=z", "count=4", "like=m", "count=x,like=m", "count=1,count=2,like=m", "m-17"] {
            assert!(machines(bad).is_err(), "{bad}");
        }
        for bad in
            ["cluster=c1,units=1", "units=1,unit.cpu=1", "cluster=c1,unit.cpu=1", "cluster=c1,units=1,unit.cpu=1,cpu=1"]
        {
            assert!(new_need(bad).is_err(), "{bad}");
        }
        assert!(new_need("cluster=c1,units=1,unit.cpu=1,spread=zone").is_err() && consolidate("moves=many").is_err());
        assert!(change("cluster=c1,drop_same=maybe").is_err() && rail("brakes").is_err());
    }
}
