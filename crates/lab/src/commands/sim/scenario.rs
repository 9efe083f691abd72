//! `argosy-lab sim validate|new|schema`: scenario files before they are run.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use argosy_sim::rehearsal::layout;
use argosy_sim::scenario::{self, Loaded, ScenarioError, shipped};

/// A scenario with its text, by its file or by the name of one that ships.
pub(super) fn load(what: &str) -> Result<(Loaded, String), ScenarioError> {
    let text = match (std::fs::read_to_string(what), shipped::find(what)) {
        (Ok(text), _) => text,
        (Err(_), Some(one)) => one.text.to_owned(),
        (Err(error), None) => return Err(shipped::missing(what, &error)),
    };
    Ok((scenario::load(what, &text)?, text))
}

/// Says what a file is, and what will be done otherwise than its author may think.
pub(super) fn validate(what: &str) -> anyhow::Result<bool> {
    let (loaded, _) = load(what)?;
    let scenario = &loaded.scenario;
    let sites = layout::sites(scenario, scenario.seed());
    let spares = sites.iter().filter(|site| site.spare).count();
    println!("{}: {}", scenario.name, scenario.description.lines().next().unwrap_or_default());
    println!("  machines    {} and {spares} spare slots", sites.len() - spares);
    if let Some(stress) = &scenario.stress {
        println!("  lasts       {}", stress.duration);
    }
    if let Some(chaos) = scenario.chaos() {
        let per_minute = chaos.failure_rate.0 * (sites.len() - spares) as u64 / 1_000;
        println!("  failures    {}.{:03} a minute with all machines up", per_minute / 1_000, per_minute % 1_000);
        println!("  outages     {}", chaos.scheduled_outages.len());
    }
    if let Some(number) = &loaded.reproduction {
        println!(
            "  cascades    R = {} in {} ({} machines), at most {} of them in one cascade",
            number.text(),
            number.scope,
            number.machines,
            number.at_most
        );
    }
    println!("  events      {}", scenario.events.len());
    println!("  assertions  {}", scenario.all_assertions().count());
    warn(what, &loaded);
    println!("{what} is sound.");
    Ok(true)
}

/// Tells the warnings of a file.
pub(super) fn warn(what: &str, loaded: &Loaded) {
    for warning in &loaded.warnings {
        eprintln!("warning: {what}:{warning}");
    }
}

/// Writes a starter file, or prints it; never over a file that is there.
pub(super) fn new(path: Option<PathBuf>) -> anyhow::Result<bool> {
    let Some(path) = path else {
        print!("{}", scenario::STARTER);
        return Ok(true);
    };
    let told = || format!("write {}", path.display());
    let mut file = std::fs::File::create_new(&path).with_context(told)?;
    file.write_all(scenario::STARTER.as_bytes()).with_context(told)?;
    let name = Path::new(&path).display();
    println!("{name}: edit it, then `argosy-lab sim validate {name}` and `argosy-lab sim run {name}`");
    Ok(true)
}

/// Prints the JSON Schema of scenario files.
pub(super) fn schema() -> bool {
    print!("{}", scenario::schema());
    true
}
