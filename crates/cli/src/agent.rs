//! `argosy agent`: the node agent of this machine, or one look at it.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use argosy_agent::commands::{Processes, Site};
use argosy_agent::config::{self, Config};
use argosy_agent::gpu::{Expected, Gpus as _, NvmlGpus};
use argosy_agent::host::Host;
use argosy_agent::identity::{self, Ask, Folder, IdentityError};
use argosy_agent::journal::{FileDisk, Journal};
use argosy_agent::kernel_log::{DEVICE, KernelLog, KmsgDevice, LogFile};
use argosy_agent::post::Post;
use argosy_agent::run::{Machine, Settings};
use argosy_agent::snapshot;
use argosy_agent::uplink::Dial;
use argosy_server::config::{HostPort, TlsFiles};
use argosy_server::tls::{Credentials, Dialer, Limits, Peer, Security, Tcp, Trust, to_join};
use clap::Args;
use tonic::transport::Channel;

use crate::{output, server, stop};

/// Long enough for the kernel to count processor time.
const BETWEEN: Duration = Duration::from_millis(300);

/// Tell the installation how this machine and its GPUs are
#[derive(Debug, Args)]
pub(crate) struct AgentArgs {
    /// The agent's configuration; docs/reference/agent.md
    #[arg(long, value_name = "FILE", required_unless_present_any = ["once", "reference"])]
    config: Option<PathBuf>,
    /// Look at the machine once, print what there is to see, and end. Needs no server and no configuration
    #[arg(long)]
    once: bool,
    /// With --once: as JSON
    #[arg(long, requires = "once")]
    json: bool,
    /// Check the configuration and end
    #[arg(long, requires = "config", conflicts_with_all = ["once", "reference"])]
    check: bool,
    /// Print the reference of the configuration
    #[arg(long, conflicts_with_all = ["once", "config"])]
    reference: bool,
}

/// Runs the command.
pub(crate) fn run(args: &AgentArgs) -> Result<ExitCode> {
    if args.reference {
        output::line(config::reference().trim_end())?;
        return Ok(ExitCode::SUCCESS);
    }
    let config = match args.config.as_deref().map(config::load).transpose() {
        Ok(config) => config,
        Err(report) => {
            eprintln!("{report}");
            return Ok(ExitCode::from(2));
        }
    };
    match config {
        config if args.once => once(config.as_ref(), args.json),
        Some(_) if args.check => {
            output::line("the configuration is right")?;
            Ok(ExitCode::SUCCESS)
        }
        Some(config) => agent(&config),
        None => bail!("give --config or --once"),
    }
}

/// The kernel's log, or a file in its place.
fn open_log(path: &Path) -> std::io::Result<Box<dyn KernelLog>> {
    if std::fs::metadata(path)?.is_file() {
        return Ok(Box::new(LogFile::open(path)?));
    }
    Ok(Box::new(KmsgDevice::open(path)?))
}

fn once(config: Option<&Config>, json: bool) -> Result<ExitCode> {
    let host = Host::default();
    let begun = host.cpu();
    std::thread::sleep(BETWEEN);
    let (library, expected) =
        config.map_or((None, Expected::OnBus), |config| (config.library.clone(), config.expected));
    let look = NvmlGpus::new(library, expected, host.clone()).look();
    let inventory = snapshot::inventory(&host, config.map_or("", |config| &config.instance_id), &look);
    let (sample, _) = snapshot::sample(&host, begun, &look);
    let path = config.map_or(Some(Path::new(DEVICE)), |config| config.kernel_log.as_deref());
    let faults = match path {
        Some(path) => open_log(path).and_then(|mut log| snapshot::faults(log.as_mut(), &look)),
        None => Ok(Vec::new()),
    };
    let shown = snapshot::to_json(&inventory, &sample, &look, faults);
    match json {
        true => output::json(&shown)?,
        false => snapshot::lines(&shown).iter().try_for_each(output::line)?,
    }
    Ok(ExitCode::SUCCESS)
}

/// Dials the nodes of the configuration in turn, each time with the certificate and the authority that lie there then: they may come
/// later than the agent, and the authority may be another one day.
struct Nodes {
    servers: Vec<HostPort>,
    files: Option<TlsFiles>,
}

impl Nodes {
    fn new(config: &Config, files: Option<TlsFiles>) -> Result<Self> {
        Ok(Self { servers: shuffled(&config.servers)?, files })
    }

    fn security(&self) -> Result<Security, String> {
        let Some(files) = &self.files else { return Ok(Security::Plaintext) };
        if !files.cert.exists() {
            return Err(format!("there is no certificate at {} yet", files.cert.display()));
        }
        let credentials = Credentials::load(files).map_err(|error| error.to_string())?;
        Ok(Security::Mutual(Arc::new(credentials)))
    }
}

impl Dial for Nodes {
    fn channel(&self, attempt: u64) -> Result<Channel, String> {
        let at = usize::try_from(attempt % self.servers.len() as u64).unwrap_or(0);
        let dialer = Dialer::new(self.security()?, Limits::default());
        dialer.channel(&Peer::any_node(self.servers[at].clone())).map_err(|error| error.to_string())
    }
}

/// Where nodes take join tokens, in turn.
struct Doors {
    addresses: Vec<HostPort>,
    trust: Trust,
}

impl Dial for Doors {
    fn channel(&self, attempt: u64) -> Result<Channel, String> {
        let at = usize::try_from(attempt % self.addresses.len() as u64).unwrap_or(0);
        to_join(Tcp, &Limits::default(), self.addresses[at].clone(), &self.trust).map_err(|error| error.to_string())
    }
}

fn shuffled(addresses: &[String]) -> Result<Vec<HostPort>> {
    let parse = |address: &String| HostPort::parse(address).with_context(|| format!("{address:?} is not host:port"));
    let mut addresses = addresses.iter().map(parse).collect::<Result<Vec<_>>>()?;
    // Else all agents of a fleet would begin with the first.
    let shift = rand::random_range(0..addresses.len());
    addresses.rotate_left(shift);
    Ok(addresses)
}

/// An identity that the agent gets and keeps by itself.
struct Enrolment {
    folder: Folder,
    ask: Ask,
    doors: Doors,
}

impl Enrolment {
    fn open(config: &Config, join: &config::Join) -> Result<Self> {
        let trust = match &join.trust {
            config::Trust::Authority(path) => Trust::Authority(path.clone()),
            config::Trust::Fingerprint(print) => {
                Trust::fingerprint(print).with_context(|| format!("{print:?} is no fingerprint"))?
            }
        };
        let doors = Doors { addresses: shuffled(&join.addresses)?, trust };
        let ask = Ask { agent_id: config.agent_id.clone(), token: join.token.clone() };
        Ok(Self { folder: Folder::open(&join.folder)?, ask, doors })
    }

    /// Joins where that is needed, and keeps the certificate fresh until it is dropped; returns when the installation says no.
    /// `renewals` are connections of their own: a renewal needs none of the stream's, and leaves it alone.
    async fn enrol(&self, renewals: Nodes) -> Result<(), IdentityError> {
        let Self { folder, ask, doors } = self;
        let term = identity::obtain(folder, ask, doors).await?;
        identity::keep(folder, ask, term, doors, &renewals).await;
        Ok(())
    }

    fn files(&self) -> TlsFiles {
        let files = self.folder.files();
        TlsFiles { cert: files.cert, key: files.key, ca: files.ca }
    }
}

fn files_of(tls: &config::Tls) -> TlsFiles {
    TlsFiles { cert: tls.cert.clone(), key: tls.key.clone(), ca: tls.ca.clone() }
}

fn agent(config: &Config) -> Result<ExitCode> {
    server::init_log(&config.log_format, &config.log_filter)?;
    let runtime = tokio::runtime::Runtime::new().context("the runtime")?;
    let served = runtime.block_on(async {
        tokio::select! {
            served = serve(config) => served,
            () = stop::signal() => {
                tracing::info!("shutting down");
                Ok(())
            }
        }
    });
    // A thread in a driver that hangs must not hold up the end.
    runtime.shutdown_background();
    served.map(|()| ExitCode::SUCCESS)
}

/// Runs until it is dropped, or cannot begin.
async fn serve(config: &Config) -> Result<()> {
    if let Err(error) = std::fs::create_dir_all(&config.state_dir) {
        tracing::error!("ARG-1104: {}: {error}; going on in memory", config.state_dir.display());
    }
    let enrolment = config.join.as_ref().map(|join| Enrolment::open(config, join)).transpose()?;
    let Some(enrolment) = enrolment else {
        let files = config.tls.as_ref().map(files_of);
        // Files that were issued and carried here are looked at before anything else begins.
        files.as_ref().map(Credentials::load).transpose()?;
        watch(config, Nodes::new(config, files)?).await;
        return Ok(());
    };
    let nodes = || Nodes::new(config, Some(enrolment.files()));
    // What happens to the machine before it has joined is journalled as ever, and sent when it has.
    tokio::select! {
        () = watch(config, nodes()?) => Ok(()),
        ended = enrolment.enrol(nodes()?) => Ok(ended?),
    }
}

/// The machine into the journal, and the journal to the nodes.
async fn watch(config: &Config, nodes: Nodes) {
    let host = Host::default();
    let disk = FileDisk::new(config.state_dir.join("journal"));
    let journal = Journal::open(Box::new(disk), &argosy_agent::journal::fresh_name(), config.journal_limit);
    let log = config.kernel_log.as_deref().and_then(|path| {
        let opened = open_log(path);
        opened
            .inspect_err(|error| {
                tracing::warn!("ARG-1113: {}: {error}; XIDs come from the driver alone", path.display())
            })
            .ok()
    });
    let settings = Settings {
        agent_id: config.agent_id.clone(),
        shard: config.shard.clone(),
        instance_id: config.instance_id.clone(),
        sample_interval: config.sample_interval,
        driver_limit: config.driver_timeout,
        heartbeat_interval: config.heartbeat_interval,
        thresholds: config.thresholds.clone(),
        library: config.library.clone(),
        nvml_xids: config.nvml_events && config.expected != Expected::Count(0),
    };
    let machine = Machine {
        gpus: NvmlGpus::new(config.library.clone(), config.expected, host.clone()),
        site: Site::new(config.commands.clone(), Arc::new(Processes)),
        host: host.clone(),
        log,
    };
    let post = Arc::new(Post::new(journal, &host.boot_id()));
    Box::pin(argosy_agent::run::run(settings, machine, post, nodes)).await;
}
