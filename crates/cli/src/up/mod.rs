//! `argosy up`: a fleet of real processes on this machine, with a live view.
//!
//! Everything that runs comes from `argosy-localfleet`; this module starts it, looks at it once a second, shows what it
//! sees, and stops it. With `--chaos` it also kills and restarts nodes, and the exit status says whether every invariant
//! held. With `--gpu` it is the demonstration of [`gpu`].

mod args;
mod chaos;
mod frame;
mod gpu;
mod lines;
mod screen;
mod summary;

use std::collections::BTreeMap;
use std::io::IsTerminal as _;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use argosy_localfleet::clusters::Clusters;
use argosy_localfleet::{Blueprint, Layout, LocalFleet, Picture, Start, Supplier, Tuning, Watch, supply};
use argosy_provider::sim::Latencies;
use argosy_workload::catalogue::Catalogue;
use argosy_workload::cluster::Course;
use argosy_workload::fleet::{FleetPlan, FleetSpec, RegionSpec};
use tokio::time::{Instant, MissedTickBehavior};

pub(crate) use self::args::UpArgs;
use self::chaos::Chaos;
use self::frame::Frame;
use self::gpu::Demo;
use self::summary::Summary;
use crate::stop;

/// Time between two looks at the fleet.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How long a fleet may take to have leaders again after the last kill.
const SETTLE: Duration = Duration::from_secs(15);

/// Runs a fleet until it is told to stop, or its time is over.
pub(crate) async fn run(args: UpArgs) -> Result<ExitCode> {
    let mut stop = std::pin::pin!(stop::signal());
    let begun = Instant::now();
    eprintln!("argosy up: starting a fleet in {} (Ctrl-C stops it)", args.dir().display());
    let (fleet, clusters) = tokio::select! {
        started = start(&args) => started?,
        () = &mut stop => return Ok(ExitCode::from(130)),
    };
    eprintln!("argosy up: every shard has a leader after {:.1} s", begun.elapsed().as_secs_f64());
    let demo = match args.gpu {
        true => Some(Demo::begin(&fleet, args.library(), args.fault_after).await?),
        false => None,
    };
    let mut running = Running::new(&args, fleet, clusters, demo);
    let outcome = running.watch(&args, stop).await;
    let summary = running.finish().await?;
    outcome?;
    print!("{summary}");
    if let Some(path) = &args.json {
        summary.write(path)?;
    }
    Ok(if summary.is_sound() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn start(args: &UpArgs) -> Result<(LocalFleet, Clusters)> {
    let layout = Layout::new(args.dir())?;
    let blueprint = Blueprint::load_or_create(layout.root(), args.sizing())?;
    let catalogue = Arc::new(Catalogue::shipped(&args.catalogue)?);
    let mut plan = workload(&blueprint, &catalogue, args.machines);
    let supply = match args.gpu {
        false => supply::catalogue(&blueprint.provider.name, &plan.offerings, Latencies::default()),
        true => {
            // Its demand is a pool.
            plan.clusters.clear();
            gpu::catalogue(&blueprint)
        }
    };
    let start = Start {
        program: std::env::current_exe().context("this program's own path")?,
        layout,
        supplier: Supplier::Simulated(supply),
        blueprint,
        tuning: Tuning::default(),
        further_clusters: Vec::new(),
        launch: BTreeMap::new(),
    };
    let fleet = LocalFleet::start(start).await?;
    let clusters = Clusters::start(&plan.clusters, &catalogue, &Course::lively(), fleet.blueprint(), fleet.clients())?;
    Ok((fleet, clusters))
}

/// Supply and demand: each shard's zones and clusters are a region of the workload.
fn workload(blueprint: &Blueprint, catalogue: &Catalogue, machines: u64) -> FleetPlan {
    let region = |shard: &argosy_localfleet::ShardSite| RegionSpec {
        name: shard.home_region.clone(),
        provider: blueprint.provider.name.clone(),
        zones: shard.zones.clone(),
        clusters: shard.clusters.clone(),
    };
    let regions = blueprint.shards.iter().map(region).collect();
    FleetPlan::new(catalogue, &FleetSpec::new(machines, regions, blueprint.sizing.seed))
}

/// A fleet that is being watched.
struct Running {
    fleet: LocalFleet,
    clusters: Clusters,
    watch: Watch,
    chaos: Option<Chaos>,
    demo: Option<Demo>,
    frame: Frame,
    picture: Picture,
    begun: Instant,
}

impl Running {
    fn new(args: &UpArgs, fleet: LocalFleet, clusters: Clusters, demo: Option<Demo>) -> Self {
        let chaos = args.chaos.then(|| Chaos::new(args.kill_every, args.seed));
        let frame = Frame::default();
        Self {
            clusters,
            watch: Watch::new(&fleet),
            fleet,
            chaos,
            demo,
            frame,
            picture: Picture::default(),
            begun: Instant::now(),
        }
    }

    /// Looks, checks, shows and kills until the time is over or a signal comes.
    async fn watch(&mut self, args: &UpArgs, mut stop: impl Future<Output = ()> + Unpin) -> Result<()> {
        let live = !args.plain && std::io::stdout().is_terminal();
        let mut show = if live { Show::Screen(screen::Screen::open()?) } else { Show::Lines };
        let mut ticks = tokio::time::interval(LOOK_EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = &mut stop => return Ok(()),
                _ = ticks.tick() => {}
            }
            if args.duration.is_some_and(|duration| self.begun.elapsed() >= duration) {
                return Ok(());
            }
            self.look().await?;
            match &mut show {
                Show::Lines => lines::print(&self.frame),
                Show::Screen(screen) => {
                    screen.draw(&self.frame)?;
                    if screen.quit_pressed()? {
                        return Ok(());
                    }
                }
            }
        }
    }

    async fn look(&mut self) -> Result<()> {
        self.clusters.tick();
        if let Some(chaos) = &mut self.chaos {
            chaos.tick(&mut self.fleet).await?;
        } else {
            self.fleet.check()?;
        }
        let (blueprint, clients) = (self.fleet.blueprint(), self.fleet.clients());
        self.picture = if self.watch.wants_hashes() {
            Picture::with_hashes(blueprint, clients).await
        } else {
            Picture::take(blueprint, clients).await
        };
        self.watch.look(&self.picture).await;
        if let Some(demo) = &mut self.demo {
            demo.look(&self.fleet, self.begun.elapsed()).await?;
            self.frame.tell(demo.lines());
        }
        let fault = self.chaos.as_ref().and_then(Chaos::last);
        self.frame.update(&self.picture, self.clusters.traffic(), self.watch.invariants(), self.begun.elapsed(), fault);
        Ok(())
    }

    /// A look in which every shard answers; after [`SETTLE`] whatever there is.
    async fn whole_picture(&self) -> Picture {
        let deadline = Instant::now() + SETTLE;
        loop {
            let picture = Picture::with_hashes(self.fleet.blueprint(), self.fleet.clients()).await;
            let whole = picture.shards.len() == self.fleet.blueprint().shards.len();
            if whole || Instant::now() >= deadline {
                return picture;
            }
        }
    }

    /// The last checks, then an orderly stop.
    async fn finish(mut self) -> Result<Summary> {
        if let Some(chaos) = &mut self.chaos {
            chaos.heal(&mut self.fleet)?;
            self.fleet.wait_for_leaders(SETTLE).await?;
        }
        self.picture = self.whole_picture().await;
        self.watch.look(&self.picture).await;
        self.watch.ledger().await;
        let kills = self.chaos.as_ref().map_or(0, Chaos::kills);
        let mut summary = Summary::new(&self.picture, self.fleet.blueprint(), self.watch.invariants(), kills);
        summary.leader_changes = self.frame.leader_changes();
        if let Some(demo) = self.demo {
            summary.gpu = Some(demo.finish(&self.fleet).await?);
        }
        drop(self.clusters);
        let begun = Instant::now();
        summary.killed_at_stop = self.fleet.stop().await?;
        summary.stop_s = begun.elapsed().as_secs_f64();
        Ok(summary)
    }
}

enum Show {
    Screen(screen::Screen),
    Lines,
}

/// Writes `text` to `path`, naming the path on failure.
fn write_file(path: &Path, text: &str) -> Result<()> {
    std::fs::write(path, text).with_context(|| format!("writing {}", path.display()))
}
