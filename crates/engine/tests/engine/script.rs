//! Scripts: a fleet, its demand and its fate as text, with what decide does about it as text below each command.
//!
//! A line is a command with words and `key=value` pairs; lines with `>` are what the commands above them print. A test
//! replays the commands and compares. To accept what is printed now, look for the whole script in the failure's output.

use std::collections::BTreeMap;
use std::fmt::Write;

use argosy_engine::consolidation::{Brake, Most, Per};
use argosy_engine::whatif::{Scenario, what_if};
use argosy_engine::{ActionKind, Cap, Consolidation, Decision, Explainer, Verdict};
use argosy_model::vocabulary::{INSTANCE_TYPE_KEY, RACK_KEY, ZONE_KEY};
use argosy_model::{
    CapacityType, Claim, Duration, Flags, MicroUsd, NeedKey, Operator, Ppb, Profile, Requirement, Resources, Shape,
    Spread, State,
};

use crate::world::{World, bucket};

/// A script's state: the world, and what the script's names mean.
#[derive(Default)]
struct Stage {
    world: World,
    shapes: BTreeMap<String, Shape>,
    profiles: BTreeMap<String, Profile>,
    needs: BTreeMap<String, NeedKey>,
    /// Whether graces and ages are printed too.
    is_detailed: bool,
}

/// The words and pairs of one command.
struct Args<'s> {
    words: Vec<&'s str>,
    pairs: BTreeMap<&'s str, &'s str>,
}

impl<'s> Args<'s> {
    fn of(line: &'s str) -> Self {
        let (pairs, words): (Vec<&str>, Vec<&str>) = line.split_whitespace().partition(|word| word.contains('='));
        Self { words, pairs: pairs.into_iter().filter_map(|pair| pair.split_once('=')).collect() }
    }

    fn word(&self, at: usize) -> &'s str {
        self.words.get(at).unwrap_or_else(|| panic!("a word is missing in {:?}", self.words))
    }

    fn get(&self, key: &str) -> Option<&'s str> {
        self.pairs.get(key).copied()
    }
}

/// Replays a script and compares what it prints with what it says.
pub(crate) fn check(name: &str, text: &str) {
    let mut stage = Stage::default();
    let mut actual = String::new();
    for line in text.lines().filter(|line| !line.starts_with('>')) {
        writeln!(actual, "{line}").expect("text grows");
        let command = line.split('#').next().unwrap_or_default().trim();
        if !command.is_empty() {
            for printed in stage.run(&Args::of(command)).lines() {
                writeln!(actual, "> {printed}").expect("text grows");
            }
        }
    }
    assert!(actual.trim_end() == text.trim_end(), "script {name} prints something else now:\n{actual}");
}

impl Stage {
    fn run(&mut self, args: &Args<'_>) -> String {
        match args.word(0) {
            "shape" => self.shape(args),
            "profile" => self.profile(args),
            "idle" => self.machines(args, State::Idle),
            "speculative" => self.machines(args, State::Speculative),
            "configured" => self.machines(args, State::Configured),
            "need" => self.need(args),
            "withdraw" => self.withdraw(args),
            "policy" => self.policy(args),
            "consolidate" => self.consolidate(args),
            "cap" => self.cap(args),
            "dwell" => self.dwell(args),
            "fail" => self.fail(args),
            "flag" => self.flag(args),
            "vanish" => {
                let ix = self.world.fleet.find(args.word(1)).expect("a known machine");
                self.world.vanish(ix);
            }
            "detail" => self.is_detailed = true,
            "cycle" => return self.cycles(args),
            "run" => return self.run_on(args),
            "explain" => return self.explain(args),
            "whatif" => return self.what_if(args),
            other => panic!("no command {other}"),
        }
        String::new()
    }

    /// What a cycle would decide now, and why. It decides nothing.
    fn explain(&self, args: &Args<'_>) -> String {
        let explainer = Explainer::of(&self.world.view());
        match args.word(1) {
            "need" => {
                let (key, runs) = (&self.needs[args.word(2)], args.get("runs").map(|n| n.parse().expect("how many")));
                let explanation = match runs {
                    Some(runs) => explainer.need_with_remedies(key, runs),
                    None => explainer.need(key),
                };
                explanation.expect("a known need").to_string()
            }
            "machine" => {
                let ix = self.world.fleet.find(args.word(2)).expect("a known machine");
                explainer.machine(ix).expect("it is there").to_string()
            }
            "plan" => explainer.plan().to_string(),
            other => panic!("nothing to explain about {other}"),
        }
    }

    /// The scenario is written as JSON without spaces.
    fn what_if(&self, args: &Args<'_>) -> String {
        let scenario: Scenario = serde_json::from_str(args.word(1)).expect("a scenario");
        match what_if(&self.world.view(), &scenario) {
            Ok(outcome) => outcome.to_string(),
            Err(error) => format!("refused: {error}"),
        }
    }

    fn resources(&mut self, args: &Args<'_>) -> Resources {
        let dims = ["cpu", "mem", "gpu"];
        let amounts = dims.iter().filter_map(|dim| Some((*dim, args.get(dim)?.parse().expect("a whole amount"))));
        let amounts: Vec<(&str, u64)> = amounts.collect();
        Resources::from_amounts(amounts.into_iter().map(|(dim, amount)| (self.world.fleet.words.dim(dim), amount)))
    }

    fn shape(&mut self, args: &Args<'_>) {
        let resources = self.resources(args);
        let words = &mut self.world.fleet.words;
        let usd = |key| args.get(key).map_or(0.0, |text: &str| text.parse().expect("dollars"));
        let capacity_type = match args.get("as").unwrap_or("metal") {
            "metal" => CapacityType::BareMetal,
            "reserved" => CapacityType::Reserved,
            "on-demand" => CapacityType::OnDemand,
            "spot" => CapacityType::Spot,
            other => panic!("no capacity type {other}"),
        };
        let labels = args.get("rack").map(|rack| (words.symbol(RACK_KEY), words.symbol(rack)));
        let shape = Shape {
            provider: words.symbol("sim"),
            instance_type: Some(words.symbol(args.get("type").unwrap_or("m"))),
            zone: Some(words.symbol(args.get("zone").unwrap_or("z"))),
            capacity_type,
            price: MicroUsd::from_wire_usd(usd("price")).expect("a price"),
            interruption: Ppb::from_wire(usd("risk")).expect("a probability"),
            resources,
            labels: labels.into_iter().collect(),
        };
        self.shapes.insert(args.word(1).to_owned(), shape);
    }

    fn profile(&mut self, args: &Args<'_>) {
        let words = &mut self.world.fleet.words;
        let mut requirements = Vec::new();
        for (key, name) in [("type", INSTANCE_TYPE_KEY), ("zone", ZONE_KEY)] {
            if let Some(values) = args.get(key) {
                let values = values.split(',').map(|value| words.symbol(value)).collect();
                requirements.push(Requirement { key: words.symbol(name), operator: Operator::In, values });
            }
        }
        let topology = |text: &str| if text == "rack" { RACK_KEY } else { ZONE_KEY };
        if let Some(same) = args.get("same") {
            requirements.push(Requirement {
                key: words.symbol(topology(same)),
                operator: Operator::Same,
                values: vec![],
            });
        }
        let spread = args.get("spread").map(|text| {
            let (key, skew) = text.split_once(':').expect("spread=key:skew");
            Spread { key: words.symbol(topology(key)), max_skew: skew.parse().expect("a skew") }
        });
        let priority = args.get("priority").map_or(0, |text| text.parse().expect("a priority"));
        let bucket = |key| bucket(args.get(key).unwrap_or("0"));
        let profile = Profile::new(requirements, spread, priority, bucket("interruption"), bucket("reclamation"));
        self.profiles.insert(args.word(1).to_owned(), profile);
    }

    fn machines(&mut self, args: &Args<'_>, state: State) {
        let (count, name) = (args.word(1).parse().expect("how many"), args.word(3));
        let shape = self.shapes[args.word(2)].clone();
        let claim = args.get("for").map(|need| match self.needs.get(need) {
            Some(key) => Claim { cluster: key.cluster, profile: Some(key.profile), group: key.group },
            None => Claim { cluster: self.world.fleet.words.cluster(need), profile: None, group: None },
        });
        for at in 0..count {
            self.world.add(&format!("{name}-{at}"), &shape, state, claim);
        }
    }

    fn need(&mut self, args: &Args<'_>) {
        let unit = self.resources(args);
        let count: u64 = args.get("units").map_or(1, |text| text.parse().expect("how many"));
        let profile = self.profiles[args.word(3)].clone();
        let aggregate = unit.times(count);
        let key = self.world.need(args.word(2), &profile, args.get("group"), aggregate, unit);
        self.needs.insert(args.word(1).to_owned(), key);
    }

    fn withdraw(&mut self, args: &Args<'_>) {
        let key = self.needs.remove(args.word(1)).expect("a known need");
        self.world.withdraw(&key);
    }

    fn policy(&mut self, args: &Args<'_>) {
        let seconds = |key| args.get(key).map(|text| Duration::from_secs(text.parse().expect("seconds")));
        let policy = &mut self.world.policy;
        if let Some(most) = args.get("max-actions") {
            policy.max_actions = most.parse().expect("how many");
        }
        policy.kill_switch |= args.get("kill-switch") == Some("on");
        if let Some(cap) = args.get("reclaim-cap") {
            policy.reclaim_cap_ppm = cap.parse().ok();
        }
        let durations = [
            (seconds("assemble-within"), &mut policy.assemble_within),
            (seconds("retreat-for"), &mut policy.retreat_for),
            (seconds("park-after"), &mut policy.park_after),
            (seconds("probe-every"), &mut policy.probe_every),
            (seconds("hold-on-demand"), &mut policy.hold_on_demand),
        ];
        for (given, setting) in durations {
            *setting = given.unwrap_or(*setting);
        }
    }

    /// Switches consolidation on, with limits for each plan; amounts in dollars. It is `off` again, if that is said.
    fn consolidate(&mut self, args: &Args<'_>) {
        if args.words.get(1) == Some(&"off") {
            self.world.consolidation = None;
            return;
        }
        let usd = |key| args.get(key).map_or(0.0, |text: &str| text.parse().expect("dollars"));
        let hours: u64 = args.get("payback-hours").map_or(1_000, |text| text.parse().expect("hours"));
        let brake = |key, per| {
            let most = Most::Count(args.get(key)?.parse().expect("how many"));
            Some(Brake { per, most, left: BTreeMap::new() })
        };
        self.world.consolidation = Some(Consolidation {
            min_gain: MicroUsd::from_wire_usd(usd("gain")).expect("an amount"),
            move_cost: MicroUsd::from_wire_usd(usd("cost")).expect("an amount"),
            payback: Duration::from_secs(hours * 3_600),
            brakes: [brake("shard", Per::Shard), brake("cluster", Per::Cluster)].into_iter().flatten().collect(),
        });
    }

    /// Adds a cap, `cap 2 a,b`, over shapes by their names, or sets the one over these; `cap off` puts all away.
    fn cap(&mut self, args: &Args<'_>) {
        let mut caps = std::mem::take(&mut self.world.caps);
        match args.word(1) {
            "off" => caps.clear(),
            left => {
                let words = &mut self.world.fleet.words;
                let shapes = args.word(2).split(',').map(|name| words.shape(&self.shapes[name]));
                let cap = Cap::new(shapes.collect(), left.parse().expect("how many"));
                caps.retain(|other| other.shapes() != cap.shapes());
                caps.push(cap);
            }
        }
        self.world.cap(caps);
    }

    fn dwell(&mut self, args: &Args<'_>) {
        let states = [
            ("create", State::Creating),
            ("configure", State::Configuring),
            ("drain", State::Draining),
            ("delete", State::Deleting),
        ];
        for (key, state) in states {
            if let Some(cycles) = args.get(key) {
                self.world.dwell.insert(state, cycles.parse().expect("cycles"));
            }
        }
    }

    fn fail(&mut self, args: &Args<'_>) {
        let ix = self.world.fleet.find(args.word(2)).expect("a known machine");
        let state = match args.word(1) {
            "create" => State::Creating,
            "configure" => State::Configuring,
            "drain" => State::Draining,
            other => panic!("no step {other}"),
        };
        self.world.faults.insert((state, ix));
    }

    fn flag(&mut self, args: &Args<'_>) {
        let flag = match args.word(1) {
            "cordoned" => Flags::CORDONED,
            "unhealthy" => Flags::UNHEALTHY,
            "notice" => Flags::NOTICE,
            "condemned" => Flags::CONDEMNED,
            "kept" => Flags::KEPT,
            other => panic!("no flag {other}"),
        };
        let ix = self.world.fleet.find(args.word(2)).expect("a known machine");
        self.world.flag(ix, flag, args.words.get(3) != Some(&"off"));
    }

    fn cycles(&mut self, args: &Args<'_>) -> String {
        let count = args.words.get(1).map_or(1, |text| text.parse().expect("how many"));
        let mut printed = String::new();
        for _ in 0..count {
            let decision = self.world.cycle();
            printed.push_str(&self.print(&decision));
        }
        printed
    }

    /// Many cycles, of which only the sums are printed.
    fn run_on(&mut self, args: &Args<'_>) -> String {
        let count = args.word(1).parse().expect("how many");
        let mut sums: BTreeMap<&str, usize> = BTreeMap::new();
        for _ in 0..count {
            for action in self.world.cycle().plan.actions() {
                *sums.entry(action.kind.name()).or_default() += 1;
            }
        }
        let sums: Vec<String> = sums.into_iter().map(|(kind, sum)| format!("{kind} {sum}")).collect();
        let sums = if sums.is_empty() { "nothing".to_owned() } else { sums.join(", ") };
        format!("in {count} cycles: {sums}\nfleet: {}\n", self.fleet())
    }

    fn fleet(&self) -> String {
        let states = State::ALL.iter().map(|state| (state.name(), self.world.count(*state)));
        let states: Vec<String> = states.filter(|(_, n)| *n > 0).map(|(name, n)| format!("{name} {n}")).collect();
        states.join(", ")
    }

    fn print(&self, decision: &Decision) -> String {
        let mut lines: Vec<String> = Vec::new();
        for unit in &decision.plan.units {
            let mut by_what: Vec<(String, Vec<&str>)> = Vec::new();
            for action in &unit.actions {
                let what = format!("{}{}", action.kind.name(), self.whom(&action.kind));
                match by_what.iter_mut().find(|(known, _)| *known == what) {
                    Some((_, ids)) => ids.push(self.world.fleet.id(action.machine)),
                    None => by_what.push((what, vec![self.world.fleet.id(action.machine)])),
                }
            }
            for (what, ids) in by_what {
                lines.push(format!("{}: {what} {}", unit.reason.name(), ids.join(" ")));
            }
        }
        let mut printed = merge(&lines);
        if printed.is_empty() {
            printed.push_str("nothing\n");
        }
        for verdict in decision.shortfalls() {
            writeln!(printed, "short: {}", self.shortfall(verdict)).expect("text grows");
        }
        let waiting = decision.verdicts.iter().filter(|verdict| verdict.residual.is_zero() && self.is_detailed);
        for verdict in waiting.filter(|verdict| verdict.unmet.is_some()) {
            writeln!(printed, "waits: {}", self.shortfall(verdict)).expect("text grows");
        }
        writeln!(printed, "fleet: {}", self.fleet()).expect("text grows");
        printed
    }

    fn whom(&self, kind: &ActionKind) -> String {
        let in_time = |grace: &Duration| {
            if self.is_detailed { format!(" within {}s", grace.as_secs()) } else { String::new() }
        };
        let (claim, grace) = match kind {
            ActionKind::Bootstrap(assignment) | ActionKind::Provision(assignment) => (assignment.claim, String::new()),
            ActionKind::Preempt { heir, grace, .. } => (*heir, in_time(grace)),
            ActionKind::Reclaim { grace } => return in_time(grace),
            ActionKind::Release => return String::new(),
        };
        format!(" for {}{grace}", self.world.fleet.words.cluster_id(claim.cluster))
    }

    fn shortfall(&self, verdict: &Verdict) -> String {
        let words = &self.world.fleet.words;
        let mut amounts: Vec<String> =
            verdict.residual.iter().map(|(dim, amount)| format!("{}={amount}", words.dim_name(dim))).collect();
        if amounts.is_empty() {
            amounts.push("nothing".to_owned());
        }
        let reason = verdict.unmet.map_or("?", |unmet| unmet.name());
        let age = verdict.unmet_since.filter(|_| self.is_detailed).map(|since| self.world.now.since(since).as_secs());
        let age = age.map_or_else(String::new, |age| format!(" for {age}s"));
        format!("{} lacks {} ({reason}){age}", words.cluster_id(verdict.key.cluster), amounts.join(" "))
    }
}

/// Joins lines that say the same of different machines; many machines are named by the first and the last.
fn merge(lines: &[String]) -> String {
    let mut merged: Vec<(String, Vec<&str>)> = Vec::new();
    for line in lines {
        let words: Vec<&str> = line.split(' ').collect();
        let said = words.iter().take_while(|word| !word.contains('-')).count();
        let named = |at: usize, word: &str, to: usize| if words.get(at) == Some(&word) { to } else { 0 };
        let least = [named(2, "for", 4), named(2, "within", 4), named(4, "within", 6)];
        let said = least.into_iter().fold(said.max(2), usize::max);
        let (what, ids) = (words[..said].join(" "), &words[said..]);
        match merged.last_mut() {
            Some((known, all)) if *known == what => all.extend(ids),
            _ => merged.push((what, ids.to_vec())),
        }
    }
    let mut printed = String::new();
    for (what, ids) in merged {
        match ids.as_slice() {
            [first, .., last] if ids.len() > 8 => {
                writeln!(printed, "{what} {} machines, {first} to {last}", ids.len()).expect("text grows");
            }
            _ => writeln!(printed, "{what} {}", ids.join(" ")).expect("text grows"),
        }
    }
    printed
}
