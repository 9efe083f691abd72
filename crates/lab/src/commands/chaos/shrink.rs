//! `argosy-lab chaos shrink`: from a seed that breaks a promise to a small scenario that breaks it too.

use std::path::PathBuf;

use anyhow::{Context as _, bail};
use argosy_chaos::scenario::Scenario;
use clap::Args;

use super::WorldArgs;
use super::child::Apart;

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

/// Runs the command.
pub(super) fn shrink(args: &ShrinkArgs) -> anyhow::Result<()> {
    let campaign = args.world.series(args.seed..=args.seed, 1, None)?.campaign(args.seed);
    let (events, armed) = (campaign.events.len(), campaign.failpoints.0.len());
    let Some(shrunk) = argosy_chaos::shrink::shrink(&campaign, args.seed, &mut Apart::default(), args.runs) else {
        bail!("ARG-0954: this world breaks no promise: there is nothing to shrink");
    };
    let (seed, violation) = (args.seed, &shrunk.violation);
    let about = format!("Seed {seed}, with what it takes to break '{}'.", violation.invariant);
    let text = Scenario::of(&format!("shrunk from seed {seed}"), &about, &shrunk.campaign).text();
    std::fs::write(&args.out, text).with_context(|| format!("ARG-0913: {} cannot be written", args.out.display()))?;
    println!(
        "{} of {events} faults and {} of {armed} failpoints are left after {} runs: {} at {:.2} s: {}",
        shrunk.campaign.events.len(),
        shrunk.campaign.failpoints.0.len(),
        shrunk.runs,
        violation.invariant,
        violation.at.as_secs_f64(),
        violation.detail
    );
    let planted = args.world.planted.map(|bug| format!(" --planted {bug}")).unwrap_or_default();
    println!("  argosy-lab chaos replay --seed {seed} --scenario {}{planted} --trace trace.txt", args.out.display());
    Ok(())
}
