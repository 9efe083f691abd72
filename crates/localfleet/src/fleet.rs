//! A local fleet that runs: its processes, started in order, killed, restarted and stopped.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use argosy_proto::argosy::v1::ListShardsRequest;
use argosy_provider::sim::Catalogue;
use rustix::process::Signal;
use tokio::time::Instant;

use crate::blueprint::{Blueprint, Pace};
use crate::certificates;
use crate::clients::{Clients, within};
use crate::error::FleetError;
use crate::files::{self, Layout, Tuning};
use crate::process::{Launch, Process};

/// How long a whole fleet may take to come up on a slow machine.
const START_PATIENCE: Duration = Duration::from_secs(90);
/// Time between two looks while something is waited for.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// How long a process may take to end when it is asked to.
const STOP_PATIENCE: Duration = Duration::from_secs(4);

/// What a local fleet is started with.
#[derive(Clone, Debug)]
pub struct Start {
    /// The binary `argosy`.
    pub program: PathBuf,
    /// Where files go.
    pub layout: Layout,
    /// What it consists of.
    pub blueprint: Blueprint,
    /// What its nodes are tuned to.
    pub tuning: Tuning,
    /// Who has its machines.
    pub supplier: Supplier,
    /// Clusters beyond those of the blueprint that need certificates.
    pub further_clusters: Vec<String>,
    /// How processes are started, by name; those without an entry plainly.
    pub launch: BTreeMap<String, Launch>,
}

/// Who has the machines of a fleet.
#[derive(Clone, Debug)]
pub enum Supplier {
    /// The simulated provider, with what it offers; written at the first start only, since the provider keeps what it has.
    Simulated(Catalogue),
    /// A sidecar: what follows `argosy provider`, such as `exec --config FILE`. It listens where the blueprint says that the provider
    /// does, and shows the certificate that [`crate::certificates::of_provider`] names.
    Sidecar(Vec<String>),
}

/// A running fleet. Dropping it kills its processes; [`LocalFleet::stop`] ends them in order.
#[derive(Debug)]
pub struct LocalFleet {
    start: Start,
    clients: Clients,
    provider: Process,
    nodes: BTreeMap<String, Process>,
}

impl LocalFleet {
    /// Writes the files, starts the provider and the nodes, and waits until every shard has a leader.
    pub async fn start(start: Start) -> Result<Self, FleetError> {
        let Start { layout, blueprint, tuning, .. } = &start;
        layout.create()?;
        certificates::create(&layout.pki(), blueprint, &start.further_clusters)?;
        files::write(layout, blueprint, tuning)?;
        if let Supplier::Simulated(catalogue) = &start.supplier
            && !layout.catalogue().exists()
        {
            files::put(&layout.catalogue(), &catalogue.to_toml())?;
        }
        let clients = Clients::new(layout, blueprint)?;
        let provider = spawn_provider(&start)?;
        let nodes = blueprint.nodes.iter().map(|node| Ok((node.id.clone(), spawn_node(&start, &node.id)?)));
        let nodes = nodes.collect::<Result<_, FleetError>>()?;
        let mut fleet = Self { start, clients, provider, nodes };
        fleet.wait_for_leaders(START_PATIENCE).await?;
        Ok(fleet)
    }

    /// What it consists of.
    pub fn blueprint(&self) -> &Blueprint {
        &self.start.blueprint
    }

    /// Where its files are.
    pub fn layout(&self) -> &Layout {
        &self.start.layout
    }

    /// How to talk to it.
    pub fn clients(&self) -> &Clients {
        &self.clients
    }

    /// The process ids of the nodes that run.
    pub fn pids(&self) -> BTreeMap<String, u32> {
        self.nodes.iter().filter_map(|(id, process)| Some((id.clone(), process.pid()?))).collect()
    }

    /// Ends a node as a crash would: no hand-over, nothing flushed.
    pub async fn kill(&mut self, node: &str) -> Result<(), FleetError> {
        self.nodes.get_mut(node).ok_or_else(|| no_such(node))?.kill().await
    }

    /// Ends the provider as a crash would.
    pub async fn kill_provider(&mut self) -> Result<(), FleetError> {
        self.provider.kill().await
    }

    /// Starts the provider again on what it has kept.
    pub fn restart_provider(&mut self) -> Result<(), FleetError> {
        self.provider = spawn_provider(&self.start)?;
        Ok(())
    }

    /// Asks a node to end in good order. `false` if it had to be killed.
    pub async fn terminate(&mut self, node: &str) -> Result<bool, FleetError> {
        let process = self.nodes.get_mut(node).ok_or_else(|| no_such(node))?;
        Ok(process.terminate(STOP_PATIENCE).await?.is_some())
    }

    /// Stops a node where it stands, with all its connections open, until it is resumed.
    pub fn pause(&self, node: &str) -> Result<(), FleetError> {
        self.nodes.get(node).ok_or_else(|| no_such(node))?.signal(Signal::STOP);
        Ok(())
    }

    /// Lets a paused node go on.
    pub fn resume(&self, node: &str) -> Result<(), FleetError> {
        self.nodes.get(node).ok_or_else(|| no_such(node))?.signal(Signal::CONT);
        Ok(())
    }

    /// The nodes that have ended without being asked to since this was last called, each with the error that tells how.
    pub fn fallen(&mut self) -> BTreeMap<String, FleetError> {
        let running = self.nodes.iter_mut().filter(|(_, process)| process.pid().is_some());
        running.filter_map(|(id, process)| Some((id.clone(), process.check().err()?))).collect()
    }

    /// Starts a node again on its data directory.
    pub fn restart(&mut self, node: &str) -> Result<(), FleetError> {
        let process = spawn_node(&self.start, node)?;
        self.nodes.insert(node.to_owned(), process);
        Ok(())
    }

    /// An error if a process has ended that nobody killed.
    pub fn check(&mut self) -> Result<(), FleetError> {
        self.provider.check()?;
        self.nodes.values_mut().filter(|process| process.pid().is_some()).try_for_each(Process::check)
    }

    /// Waits until every shard has a leader that some node knows of.
    pub async fn wait_for_leaders(&mut self, patience: Duration) -> Result<(), FleetError> {
        let deadline = Instant::now() + patience;
        while !self.all_lead().await {
            self.check()?;
            if Instant::now() >= deadline {
                let what = "a leader for every shard".to_owned();
                return Err(FleetError::Late { what, seconds: patience.as_secs(), logs: self.start.layout.logs() });
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
        Ok(())
    }

    /// Ends all processes, nodes first and all at once. Names those that had to be killed.
    pub async fn stop(mut self) -> Result<Vec<String>, FleetError> {
        let mut stubborn = Vec::new();
        for process in self.nodes.values() {
            process.signal(Signal::TERM);
        }
        for process in self.nodes.values_mut().filter(|process| process.pid().is_some()) {
            if process.terminate(STOP_PATIENCE).await?.is_none() {
                stubborn.push(process.name().to_owned());
            }
        }
        if self.provider.terminate(STOP_PATIENCE).await?.is_none() {
            stubborn.push(self.provider.name().to_owned());
        }
        Ok(stubborn)
    }

    async fn all_lead(&self) -> bool {
        for node in &self.start.blueprint.nodes {
            let Ok(mut fleet) = self.clients.fleet(&node.id) else { continue };
            let request = within(Duration::from_secs(1), ListShardsRequest {});
            let Ok(answer) = fleet.list_shards(request).await else { continue };
            let shards = answer.into_inner().shards;
            return shards.len() == self.start.blueprint.shards.len() && shards.iter().all(|s| !s.leader.is_empty());
        }
        false
    }
}

fn no_such(node: &str) -> FleetError {
    FleetError::Unreachable { name: node.to_owned(), what: "no such node".to_owned() }
}

fn spawn_node(start: &Start, node: &str) -> Result<Process, FleetError> {
    let config = start.layout.config(node).display().to_string();
    let arguments = ["server".to_owned(), "--config".to_owned(), config];
    spawn(start, node, &arguments)
}

fn spawn(start: &Start, name: &str, arguments: &[String]) -> Result<Process, FleetError> {
    let launch = start.launch.get(name).cloned().unwrap_or_default();
    Process::spawn(name, &start.program, arguments, &launch, &start.layout.log(name))
}

fn spawn_provider(start: &Start) -> Result<Process, FleetError> {
    let mut arguments = vec!["provider".to_owned()];
    match &start.supplier {
        Supplier::Simulated(_) => arguments.extend(simulated(start)?),
        Supplier::Sidecar(words) => arguments.extend(words.iter().cloned()),
    }
    spawn(start, &start.blueprint.provider.name, &arguments)
}

fn simulated(start: &Start) -> Result<Vec<String>, FleetError> {
    let site = &start.blueprint.provider;
    let tls = certificates::of_provider(&start.layout.pki(), &start.blueprint)?;
    let mut arguments: Vec<String> = ["sim", "--listen"].map(str::to_owned).to_vec();
    arguments.push(site.address.to_string());
    for (flag, path) in [
        ("--catalogue", start.layout.catalogue()),
        ("--data-dir", start.layout.provider()),
        ("--tls-cert", tls.cert),
        ("--tls-key", tls.key),
        ("--tls-ca", tls.ca),
    ] {
        arguments.extend([flag.to_owned(), path.display().to_string()]);
    }
    arguments.extend(["--seed".to_owned(), start.blueprint.sizing.seed.to_string()]);
    if start.blueprint.sizing.pace == Pace::Lockstep {
        arguments.push("--virtual-time".to_owned());
    }
    Ok(arguments)
}
