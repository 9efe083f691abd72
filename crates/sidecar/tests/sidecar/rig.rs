//! A sidecar on a loopback port over a folder that a script plays a site in, for one test.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use argosy_model::State;
use argosy_provider::client::{Client, Deadlines, Fence, Mutation, ObservedMachine, Order, Tag};
use argosy_sidecar::bootstrap::Bootstrapped;
use argosy_sidecar::exec::{ExecConfig, Scripts};
use argosy_sidecar::{Backend, Settings, Sidecar, SidecarError};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Channel, Server};

/// Nothing here takes longer on any machine.
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) struct Site {
    pub(crate) dir: TempDir,
}

impl Site {
    /// A site with three slots.
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let slots = ["a", "b", "c"].map(|id| format!("{id} metal.4 hall-1 4 16Gi\n")).concat();
        std::fs::write(dir.path().join("slots"), slots).expect("written");
        Self { dir }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Tells the script something: the file's presence is the message.
    pub(crate) fn tell(&self, name: &str) {
        std::fs::write(self.path(name), "").expect("written");
    }

    pub(crate) fn untell(&self, name: &str) {
        std::fs::remove_file(self.path(name)).expect("it was told");
    }

    /// What the script was run for: verb and key of each run, `list` left aside.
    pub(crate) fn runs(&self) -> Vec<String> {
        let text = std::fs::read_to_string(self.path("runs")).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    pub(crate) fn runs_of(&self, verb: &str) -> usize {
        self.runs().iter().filter(|run| run.starts_with(verb)).count()
    }

    /// The configuration for the test's own script, with short times.
    pub(crate) fn config(&self) -> ExecConfig {
        self.config_for(&Self::script())
    }

    pub(crate) fn script() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sidecar/site.sh")
    }

    pub(crate) fn config_for(&self, script: &Path) -> ExecConfig {
        self.config_with(script, "")
    }

    /// With more sections.
    pub(crate) fn config_with(&self, script: &Path, more: &str) -> ExecConfig {
        let (dir, script) = (self.dir.path().display(), script.display());
        let verbs = ["list", "create", "configure", "drain", "delete", "status"]
            .map(|verb| format!("  {verb}: {{command: [\"{script}\", {verb}], timeout: 30s}}\n"))
            .concat();
        let text = format!(
            "version: 1\nsidecar: {{provider: site, data_dir: {dir}/book, list_every: 50ms, recover_after: 10ms, stop_grace: 10ms, breaker: {{after: 0}}}}\n\
             environment: {{RACK: {dir}, SITE: {dir}}}\nverbs:\n{verbs}{more}"
        );
        ExecConfig::parse(Path::new("test.yaml"), &text).expect("it is sound")
    }
}

pub(crate) struct Rig {
    pub(crate) client: Client,
    pub(crate) channel: Channel,
    sidecar: Sidecar,
    stop: oneshot::Sender<()>,
    served: JoinHandle<()>,
}

impl Rig {
    pub(crate) async fn start(config: &ExecConfig) -> Self {
        Self::over(config.sidecar.settings(), Arc::new(Scripts::new(config))).await.expect("it starts")
    }

    pub(crate) async fn over(settings: Settings, backend: Arc<dyn Backend>) -> Result<Self, SidecarError> {
        let sidecar = Sidecar::start(settings, backend).await?;
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("bound");
        let (stop, stopped) = oneshot::channel::<()>();
        let serving = Server::builder()
            .add_routes(sidecar.routes())
            .serve_with_incoming_shutdown(TcpIncoming::from(listener).with_nodelay(Some(true)), async move {
                drop(stopped.await)
            });
        let served = tokio::spawn(async move { serving.await.expect("it serves") });
        let endpoint = Channel::from_shared(format!("http://{address}")).expect("an address");
        let channel = endpoint.connect().await.expect("the listener accepts");
        let client = Client::new(channel.clone(), Deadlines::default());
        Ok(Self { client, channel, sidecar, stop, served })
    }

    /// A sidecar whose hosts are made ready over SSH.
    pub(crate) async fn with_bootstrap(config: &ExecConfig) -> Self {
        let bootstrap = config.bootstrap.clone().expect("there is a section");
        let inner = Arc::new(Scripts::new(config));
        let backend = Bootstrapped::new(inner, bootstrap, "site", &config.sidecar.data_dir).expect("it fits");
        Self::over(config.sidecar.settings(), Arc::new(backend)).await.expect("it starts")
    }

    pub(crate) async fn stop(self) {
        let Self { client, channel, sidecar, stop, served } = self;
        drop((client, channel, stop));
        served.await.expect("no panic");
        sidecar.stop().await;
    }

    pub(crate) async fn reaches(&self, machine: &str, state: State) -> ObservedMachine {
        until(async || {
            let seen = self.client.get(machine).await.expect("it is there");
            (seen.state == state).then_some(seen)
        })
        .await
    }
}

/// Waits for a condition that nobody tells of: files that scripts write, and what a provider shows.
pub(crate) async fn until<T>(mut condition: impl AsyncFnMut() -> Option<T>) -> T {
    let looking = async {
        loop {
            if let Some(value) = condition().await {
                return value;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, looking).await.expect("the condition comes true")
}

pub(crate) fn order(machine: &str, mutation: Mutation, sequence: i64) -> Order {
    let fence = Fence::new("shard-1", 1, sequence).expect("positive");
    let tag = Some(Tag { operation: "op".to_owned(), attempt: 1 });
    Order { machine_id: machine.to_owned(), mutation, fence, tag }
}

pub(crate) fn configure(cluster: &str) -> Mutation {
    Mutation::Configure {
        cluster_id: cluster.to_owned(),
        bootstrap_blob: b"#cloud-config \"quoted\"\n".as_slice().into(),
        shard_metadata: [("key".to_owned(), "value".to_owned())].into(),
    }
}
