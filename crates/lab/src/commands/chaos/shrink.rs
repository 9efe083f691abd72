//! `argosy-lab chaos shrink`: from a seed that breaks a promise to a small scenario that breaks it too.

use std::path::PathBuf;

use anyhow::{Context as _, bail};
use argosy_chaos::run::Violation;
use argosy_chaos::scenario::Scenario;
use argosy_chaos::shrink::{Bounds, Shrunk};
use clap::Args;

use super::{WorldArgs, children};

/// Arguments of `argosy-lab chaos shrink`.
#[derive(Debug, Args)]
pub(super) struct ShrinkArgs {
    #[command(flatten)]
    world: WorldArgs,
    /// The seed
    #[arg(long, value_name = "N")]
    seed: u64,
    /// Most worlds to run
    #[arg(long, value_name = "N", default_value_t = 200)]
    runs: usize,
    /// Where to write the scenario
    #[arg(long, value_name = "FILE", default_value = "shrunk.yaml")]
    out: PathBuf,
}

/// A campaign made small, as a scenario.
struct Small {
    shrunk: Shrunk,
    text: String,
    /// How much there was, and what is left of it.
    told: String,
}

/// Runs the command.
pub(super) fn shrink(args: &ShrinkArgs) -> anyhow::Result<()> {
    let Some(small) = smaller(&args.world, args.seed, Bounds { runs: args.runs, until: None })? else {
        bail!("ARG-0954: this world breaks no promise: there is nothing to shrink");
    };
    std::fs::write(&args.out, &small.text)
        .with_context(|| format!("ARG-0913: {} cannot be written", args.out.display()))?;
    let Violation { invariant, at, detail } = &small.shrunk.violation;
    println!("{}: {invariant} at {:.2} s: {detail}", small.told, at.as_secs_f64());
    println!("  {}", again(&args.world, args.seed, &args.out.display().to_string()));
    Ok(())
}

/// Says what of a seed's faults breaks its promise, as a scenario to be put into a file.
pub(super) fn tell(world: &WorldArgs, seed: u64, bounds: Bounds) -> anyhow::Result<String> {
    Ok(match smaller(world, seed, bounds)? {
        None => format!(
            "seed {seed} breaks no promise when it is run again: one seed has given two worlds, which is a bug of the laboratory\n"
        ),
        Some(small) => {
            let file = format!("seed-{seed}.yaml");
            let again = again(world, seed, &file);
            format!("seed {seed}: {}. As {file}, for\n  {again}\n{}", small.told, small.text)
        }
    })
}

fn smaller(world: &WorldArgs, seed: u64, bounds: Bounds) -> anyhow::Result<Option<Small>> {
    let campaign = world.series(seed..=seed, 1, None)?.campaign(seed);
    let (events, armed) = (campaign.events.len(), campaign.failpoints.0.len());
    let shrunk = argosy_chaos::shrink::shrink(&campaign, seed, &mut children()?, bounds);
    Ok(shrunk.map(|shrunk| {
        let about = format!("Seed {seed}, with what it takes to break '{}'.", shrunk.violation.invariant);
        let text = Scenario::of(&format!("shrunk from seed {seed}"), &about, &shrunk.campaign).text();
        let told = format!(
            "{} of {events} faults and {} of {armed} failpoints are left after {} runs",
            shrunk.campaign.events.len(),
            shrunk.campaign.failpoints.0.len(),
            shrunk.runs,
        );
        Small { shrunk, text, told }
    }))
}

/// The command that runs the small world.
fn again(world: &WorldArgs, seed: u64, file: &str) -> String {
    let planted = world.planted.map(|bug| format!(" --planted {bug}")).unwrap_or_default();
    format!("argosy-lab chaos replay --seed {seed} --scenario {file}{planted} --trace trace.txt")
}
