//! `argosy-lab trace`: statistics of a trace, look-alikes, and how busy a transformed trace keeps its GPUs.

use std::path::PathBuf;

use argosy_trace::marginals::Marginals;
use argosy_trace::synth::{self, SynthSpec};
use argosy_trace::utilisation::Peak;
use argosy_trace::{Trace, openb, stats, transform, write};
use clap::{Args, Subcommand};

/// Arguments of `argosy-lab trace`.
#[derive(Debug, Args)]
pub(crate) struct TraceArgs {
    #[command(subcommand)]
    command: TraceCommand,
}

#[derive(Debug, Subcommand)]
enum TraceCommand {
    /// Print the statistics of a trace: shares, quantiles, arrivals, GPU peak
    Stats {
        #[command(flatten)]
        input: Input,
        /// Write the statistics as a table that `synth --marginals` reads, instead of printing them
        #[arg(long, value_name = "FILE")]
        toml: Option<PathBuf>,
    },
    /// Make a look-alike of the openb trace, of any size
    Synth {
        /// How many nodes
        #[arg(long, default_value_t = 1_523)]
        nodes: u64,
        /// How many tasks
        #[arg(long, default_value_t = 8_152)]
        tasks: u64,
        /// Decides everything that is drawn
        #[arg(long, default_value_t = 1)]
        seed: u64,
        /// Statistics to draw from, as `stats --toml` writes them, instead of those of openb
        #[arg(long, value_name = "FILE")]
        marginals: Option<PathBuf>,
        /// Directory for nodes.csv and tasks.csv
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
    },
    /// Say how busy a trace keeps its GPUs when its arrivals are compressed and its nodes thinned out
    Peak {
        #[command(flatten)]
        input: Input,
        /// Divide the time between arrivals by this
        #[arg(long, value_name = "K", default_value_t = transform::DEFAULT_COMPRESSION, value_parser = clap::value_parser!(u64).range(1..))]
        compress_arrivals: u64,
        /// Keep this share of the nodes, from 0 to 1
        #[arg(long, value_name = "F", default_value = transform::DEFAULT_NODES_FRACTION, value_parser = transform::parse_fraction)]
        nodes_fraction: u32,
        /// Decides which nodes are kept
        #[arg(long, default_value_t = 1)]
        seed: u64,
    },
}

/// The files of a trace.
#[derive(Debug, Args)]
struct Input {
    /// The nodes
    #[arg(long, value_name = "FILE")]
    nodes: PathBuf,
    /// The tasks
    #[arg(long, value_name = "FILE")]
    tasks: PathBuf,
    /// Leave bad rows out and count them, instead of refusing
    #[arg(long)]
    skip_bad_rows: bool,
}

impl Input {
    fn read(&self) -> anyhow::Result<Trace> {
        let (trace, skipped) = openb::read(&self.nodes, &self.tasks)?.accept(self.skip_bad_rows)?;
        if skipped > 0 {
            eprintln!("bad rows left out: {skipped}");
        }
        Ok(trace)
    }

    fn source(&self) -> String {
        let name = |path: &PathBuf| path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        format!("{} + {}", name(&self.nodes), name(&self.tasks))
    }
}

/// Runs the command.
pub(crate) fn run(args: TraceArgs) -> anyhow::Result<()> {
    match args.command {
        TraceCommand::Stats { input, toml } => {
            let trace = input.read()?;
            let marginals = Marginals::measure(&trace, &input.source());
            match toml {
                Some(path) => write::file(&path, &marginals.to_toml()?)?,
                None => print!("{}", stats::report(&trace, &marginals)),
            }
        }
        TraceCommand::Synth { nodes, tasks, seed, marginals, out } => {
            let marginals = match marginals {
                Some(path) => Marginals::read(&path)?,
                None => synth::shipped_marginals()?,
            };
            let trace = synth::trace(&SynthSpec { nodes, tasks, seed }, &marginals);
            let (nodes, tasks) = write::write(&trace, &out)?;
            println!("wrote {} and {} with seed {seed}", nodes.display(), tasks.display());
        }
        TraceCommand::Peak { input, compress_arrivals, nodes_fraction, seed } => {
            let trace = input.read()?.nodes_fraction(nodes_fraction, seed).compress_arrivals(compress_arrivals);
            println!("{}", stats::peak(&Peak::of(&trace)));
        }
    }
    Ok(())
}
