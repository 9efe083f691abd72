//! Options of `argosy up`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use argosy_localfleet::{Pace, Sizing};
use clap::Args;

/// Run a whole fleet on this machine: three nodes in three regions, a provider and simulated clusters.
#[derive(Args, Debug)]
pub(crate) struct UpArgs {
    /// Where everything is kept; a second start on the same directory resumes the same fleet. By default argosy-data, with --gpu
    /// argosy-gpu.
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// A pool of GPU machines with their agents instead of clusters. A GPU breaks, and its machine is drained and replaced; exit
    /// status 1 if that did not happen, or did not happen exactly once.
    #[arg(long, conflicts_with_all = ["shards", "clusters", "machines", "catalogue"])]
    pub(crate) gpu: bool,
    /// With --gpu: how long after the pool is whole a GPU breaks.
    #[arg(long, value_name = "TIME", default_value = "5s", requires = "gpu", value_parser = humantime::parse_duration)]
    pub(crate) fault_after: Duration,
    /// With --gpu: the stand-in for NVIDIA's library. By default libnvml_standin.so beside this program, if it is there.
    #[arg(long, value_name = "FILE", requires = "gpu")]
    library: Option<PathBuf>,
    /// End by itself after this time, such as 60s, with a summary.
    #[arg(long = "for", value_name = "TIME", value_parser = humantime::parse_duration)]
    pub(crate) duration: Option<Duration>,
    /// Write the summary to this file as JSON.
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
    /// Kill a random node at every interval, restart it, and check the invariants all the while.
    #[arg(long)]
    pub(crate) chaos: bool,
    /// Time between two kills.
    #[arg(long, value_name = "TIME", default_value = "15s", value_parser = humantime::parse_duration)]
    pub(crate) kill_every: Duration,
    /// Plain lines instead of the live view; this is also what a pipe gets.
    #[arg(long)]
    pub(crate) plain: bool,
    /// Shards.
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=64))]
    pub(crate) shards: u32,
    /// Clusters of each shard.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..=64))]
    pub(crate) clusters: u32,
    /// Machine slots of the provider, idle or not yet created.
    #[arg(long, default_value_t = 2_000, value_parser = clap::value_parser!(u64).range(100..=2_000_000))]
    pub(crate) machines: u64,
    /// The workload catalogue: realistic, realistic-dev or cost-routing.
    #[arg(long, default_value = "realistic-dev")]
    pub(crate) catalogue: String,
    /// Decides everything that is simulated.
    #[arg(long, default_value_t = 42)]
    pub(crate) seed: u64,
}

impl UpArgs {
    /// Where everything is kept.
    pub(crate) fn dir(&self) -> &Path {
        let usual = if self.gpu { "argosy-gpu" } else { "argosy-data" };
        self.dir.as_deref().unwrap_or(Path::new(usual))
    }

    /// The stand-in for NVIDIA's library: the one that was named, or one that lies beside this program.
    pub(crate) fn library(&self) -> Option<PathBuf> {
        let beside = || Some(std::env::current_exe().ok()?.parent()?.join("libnvml_standin.so"));
        self.library.clone().or_else(|| beside().filter(|path| path.is_file()))
    }

    /// The fleet that was asked for.
    pub(crate) fn sizing(&self) -> Sizing {
        let (shards, clusters_per_shard) = if self.gpu { (1, 1) } else { (self.shards, self.clusters) };
        Sizing {
            regions: ["eu", "us", "ap"].map(str::to_owned).to_vec(),
            shards,
            clusters_per_shard,
            zones_per_shard: 3,
            seed: self.seed,
            pace: Pace::Clock,
        }
    }
}
