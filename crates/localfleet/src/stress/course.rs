//! The course: its parts one after the other. A part that finds something wrong writes it down, and the course goes on.

use std::collections::BTreeMap;
use std::time::Duration;

use argosy_proto::argosy::v1::{ApplyPoolsRequest, ListMachinesRequest, MachineRow, SetRailsRequest};
use argosy_proto::bigfleet::v1alpha1::MachineState;
use futures::future::join_all;
use tokio::time::{Instant, sleep};
use tonic::{Code, Status};

use super::aftermath::{hosts, orphans, resident_kib};
use super::calls::{Ask, Desk, Tally};
use super::{Plan, Plant, Report};
use crate::clients::within;
use crate::error::FleetError;
use crate::fleet::LocalFleet;
use crate::invariants::Invariants;
use crate::watch::effects;

/// The pool.
const POOL: &str = "stress";
/// How long anything may take to come about that must.
const PATIENCE: Duration = Duration::from_secs(90);
/// A node that was told to end does so within; spec/gpu-fleet.md section 3, row 7.
const ENDS_WITHIN: Duration = Duration::from_secs(30);
/// How long one of the course's own calls may take.
const CALL_PATIENCE: Duration = Duration::from_secs(3);
const REASON: &str = "stress";
const LOOK_EVERY: Duration = Duration::from_millis(50);

pub(super) struct Course<'a> {
    fleet: &'a mut LocalFleet,
    plan: &'a Plan,
    desk: Desk,
    nodes: Vec<String>,
    report: Report,
}

impl<'a> Course<'a> {
    pub(super) fn new(fleet: &'a mut LocalFleet, plan: &'a Plan) -> Self {
        let shard = fleet.blueprint().shards.first().map(|shard| shard.id.clone()).unwrap_or_default();
        let desk = Desk { clients: fleet.clients().clone(), shard, pool: POOL.to_owned() };
        let nodes = fleet.blueprint().nodes.iter().map(|node| node.id.clone()).collect();
        Self { fleet, plan, desk, nodes, report: Report::default() }
    }

    pub(super) async fn run(mut self) -> Result<Report, FleetError> {
        let size = self.plan.machines;
        self.uncap().await;
        self.resize(size).await;
        self.until("the pool has its machines", |rows| serving(rows) == size as usize).await;
        let machines: Vec<String> = self.rows().await.unwrap_or_default().into_iter().map(|row| row.id).collect();
        if machines.is_empty() {
            self.report.faults.push("no node lists machines".to_owned());
            return Ok(self.report);
        }
        self.burst(&machines).await;
        self.storms().await;
        self.pressure(&machines).await;
        self.open_all(&machines).await;
        if self.plan.plant.is_none() {
            self.empties_and_fills().await;
            self.ends_in_the_middle().await?;
            self.aftermath().await;
        }
        for (node, error) in self.fleet.fallen() {
            self.report.faults.push(format!("{node} has ended by itself: {error}"));
        }
        Ok(self.report)
    }

    /// So many calls at once, spread over the nodes.
    async fn burst(&mut self, machines: &[String]) {
        let begun = Instant::now();
        let calls = (0..self.plan.at_once)
            .map(|nth| self.desk.call(&self.nodes[nth % self.nodes.len()], Ask::nth(nth, machines)));
        let mut tally = Tally::default();
        join_all(calls).await.into_iter().for_each(|outcome| tally.add(outcome));
        self.part("calls at once", tally, begun);
        self.open_all(machines).await;
    }

    /// Every machine of the pool is closed at once, then opened at once.
    async fn storms(&mut self) {
        let begun = Instant::now();
        let rows = self.rows().await.unwrap_or_default();
        let ids: Vec<String> = rows.into_iter().filter(is_serving).map(|row| row.id).collect();
        let mut tally = Tally::default();
        for storm in 0..self.plan.storms * 2 {
            let calls = ids.iter().enumerate().map(|(at, id)| {
                self.desk.call(&self.nodes[at % self.nodes.len()], Ask::Cordon(id.clone(), storm.is_multiple_of(2)))
            });
            join_all(calls).await.into_iter().for_each(|outcome| tally.add(outcome));
        }
        self.part("storms of cordons", tally, begun);
        let cordoned = self.rows().await.unwrap_or_default().iter().filter(|row| row.cordoned).count();
        if cordoned > 0 {
            self.report.faults.push(format!("{cordoned} machines are cordoned after the last storm opened them all"));
        }
    }

    /// Callers that never rest, until the time is over.
    async fn pressure(&mut self, machines: &[String]) {
        let before = self.resident();
        let begun = Instant::now();
        let ends = begun + self.plan.pressure;
        let caller = async |first: usize| {
            let mut tally = Tally::default();
            let mut nth = first;
            while Instant::now() < ends {
                let node = &self.nodes[nth % self.nodes.len()];
                tally.add(self.desk.call(node, Ask::nth(nth, machines)).await);
                // Coprime with the number of kinds and of nodes: every kind at every node.
                nth += 7;
            }
            tally
        };
        // It does not take part: whoever judges must find it by what is answered.
        let victim = self.nodes.last().and_then(|node| self.fleet.pids().get(node).copied());
        let planted = async {
            sleep(self.plan.pressure / 4).await;
            if let (Some(plant), Some(pid)) = (self.plan.plant, victim) {
                plant.strike(pid);
            }
        };
        let (tallies, ()) = futures::future::join(join_all((0..self.plan.callers).map(caller)), planted).await;
        let mut tally = Tally::default();
        tallies.into_iter().for_each(|one| tally.merge(one));
        self.part("sustained pressure", tally, begun);
        let after = self.resident();
        for (node, before) in before {
            let Some(after) = after.get(&node).copied() else { continue };
            if after > before + self.plan.growth_kib {
                self.report.faults.push(format!("{node} grew from {before} to {after} KiB under pressure"));
            }
            self.report.resident_kib.insert(node, (before, after));
        }
    }

    async fn empties_and_fills(&mut self) {
        let begun = Instant::now();
        let size = self.plan.machines;
        self.resize(0).await;
        self.until("the pool is empty", |rows| rows.iter().all(|row| row.cluster.is_empty())).await;
        self.resize(size).await;
        self.until("the pool is back", |rows| serving(rows) == size as usize).await;
        self.part("a pool to zero and back", Tally::default(), begun);
    }

    /// The leader is told to end while machines are on their way: bought, joining, leaving.
    async fn ends_in_the_middle(&mut self) -> Result<(), FleetError> {
        let size = self.plan.machines;
        let moments = [
            ("provisioning", size + 2, MachineState::Creating),
            ("bootstrap", size + 4, MachineState::Configuring),
            ("drain", size, MachineState::Draining),
        ];
        for (name, target, state) in moments {
            let begun = Instant::now();
            self.resize(target).await;
            self.until(name, |rows| rows.iter().any(|row| row.state() == state)).await;
            let Some(leader) = self.leader().await else {
                self.report.faults.push(format!("{name}: nobody leads"));
                continue;
            };
            let told = Instant::now();
            if !self.fleet.terminate(&leader).await? || told.elapsed() > ENDS_WITHIN {
                self.report.faults.push(format!("{leader} did not end by itself in the middle of {name}"));
            }
            self.report.ended_s.push((leader.clone(), told.elapsed().as_secs_f64()));
            self.fleet.restart(&leader)?;
            self.until(name, |rows| serving(rows) == target as usize && settled(rows)).await;
            self.part(&format!("SIGTERM in the middle of {name}"), Tally::default(), begun);
        }
        Ok(())
    }

    /// What the provider has must be what the fleet knows, each of it once.
    async fn aftermath(&mut self) {
        let mut invariants = Invariants::default();
        let (Ok(ledger), Some(rows)) = (effects(&self.desk.clients).await, self.rows().await) else {
            self.report.faults.push("the provider's ledger or the fleet could not be read in the end".to_owned());
            return;
        };
        let hosts = hosts(&ledger);
        self.report.hosts = (hosts.len(), rows.iter().filter(|row| !row.host.is_empty()).count());
        self.report.faults.extend(orphans(&hosts, &rows));
        invariants.ledger(ledger);
        self.report
            .faults
            .extend(invariants.violations().iter().map(|broken| format!("{}: {}", broken.rule, broken.evidence)));
    }

    // -- what the parts have in common

    fn part(&mut self, name: &str, tally: Tally, begun: Instant) {
        self.report.faults.extend(tally.fault(name));
        self.report.parts.push(tally.part(name, begun.elapsed()));
    }

    fn resident(&self) -> BTreeMap<String, u64> {
        self.fleet.pids().into_iter().filter_map(|(node, pid)| Some((node, resident_kib(pid)?))).collect()
    }

    async fn open_all(&mut self, machines: &[String]) {
        for machine in machines {
            // Whoever did not answer has been noted where it was asked first.
            let node = &self.nodes[0];
            let _outcome = self.desk.call(node, Ask::Cordon(machine.clone(), false)).await;
        }
    }

    async fn leader(&self) -> Option<String> {
        for node in &self.nodes {
            let ask = argosy_proto::argosy::v1::ListShardsRequest {};
            let Ok(mut client) = self.desk.clients.fleet(node) else { continue };
            let Ok(answer) = client.list_shards(ask).await else { continue };
            let leader = answer.into_inner().shards.into_iter().find(|shard| shard.shard == self.desk.shard);
            if let Some(status) = leader.filter(|status| !status.leader.is_empty()) {
                return Some(status.leader);
            }
        }
        None
    }

    /// Waits until the machines are so; a fault if that does not come.
    async fn until(&mut self, what: &str, met: impl Fn(&[MachineRow]) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if self.rows().await.is_some_and(|rows| met(&rows)) {
                return;
            }
            if Instant::now() >= deadline {
                self.report.faults.push(format!("{what}: did not come within {} s", PATIENCE.as_secs()));
                return;
            }
            sleep(LOOK_EVERY).await;
        }
    }

    /// The machines, from the first node that answers.
    async fn rows(&self) -> Option<Vec<MachineRow>> {
        for node in &self.nodes {
            let (shard, page_size) = (self.desk.shard.clone(), 10_000);
            let ask = within(CALL_PATIENCE, ListMachinesRequest { shard, page_size, ..ListMachinesRequest::default() });
            let Ok(mut client) = self.desk.clients.fleet(node) else { continue };
            if let Ok(Ok(answer)) = tokio::time::timeout(CALL_PATIENCE, client.list_machines(ask)).await {
                return Some(answer.into_inner().machines);
            }
        }
        None
    }

    /// Gives the pool another size, as soon as somebody takes it.
    async fn resize(&mut self, size: u32) {
        let file = pools(size);
        let desk = self.desk.clone();
        let taken = self.taken(async |node| {
            let (shard, file, reason) = (desk.shard.clone(), file.clone(), REASON.to_owned());
            let ask = ApplyPoolsRequest { shard, file, file_name: "stress".to_owned(), dry_run: false, reason };
            desk.clients.pools(node)?.apply_pools(ask).await.map(drop)
        });
        if let Err(status) = taken.await {
            self.report.faults.push(format!("nobody takes a pool of {size}: {}", status.message()));
        }
    }

    /// Takes the cap off that lets surplus go a few machines at a time.
    async fn uncap(&mut self) {
        let desk = self.desk.clone();
        let taken = self.taken(async |node| {
            let (shard, reason, reclaim_cap_ppm) = (desk.shard.clone(), REASON.to_owned(), Some(1_000_000));
            let ask = SetRailsRequest { shard, reclaim_cap_ppm, reason, ..SetRailsRequest::default() };
            desk.clients.admin(node)?.set_rails(ask).await.map(drop)
        });
        if let Err(status) = taken.await {
            self.report.faults.push(format!("nobody takes a rail: {}", status.message()));
        }
    }

    /// Asks one node after the other until one takes it. What is refused for what it says is not asked again.
    async fn taken(&self, ask: impl AsyncFn(&str) -> Result<(), Status>) -> Result<(), Status> {
        let deadline = Instant::now() + PATIENCE;
        let mut last = Status::unavailable("no node answers");
        while Instant::now() < deadline {
            for node in &self.nodes {
                match tokio::time::timeout(CALL_PATIENCE, ask(node)).await {
                    Ok(Err(status)) if status.code() == Code::InvalidArgument => return Err(status),
                    Ok(Err(status)) => last = status,
                    Ok(Ok(())) => return Ok(()),
                    Err(_) => {}
                }
            }
            sleep(LOOK_EVERY).await;
        }
        Err(last)
    }
}

/// A pool of this size, which moves at once.
fn pools(size: u32) -> String {
    format!(
        "version: 1\npools:\n  - name: {POOL}\n    machine: {{resources: {{cpu: \"4\"}}}}\n    min: {size}\n    max: {}\n    \
         replicas: {size}\n    cooldown: {{up: 0s, down: 0s}}\n",
        size.max(1)
    )
}

impl Plant {
    fn strike(self, pid: u32) {
        let signal = match self {
            Self::DeadServer => rustix::process::Signal::KILL,
            Self::DeafServer => rustix::process::Signal::STOP,
        };
        if let Some(pid) = i32::try_from(pid).ok().and_then(rustix::process::Pid::from_raw) {
            // One that is gone already is what was wanted.
            let _gone = rustix::process::kill_process(pid, signal);
        }
    }
}

fn is_serving(row: &MachineRow) -> bool {
    row.cluster == format!("pool/{POOL}") && row.state() == MachineState::Configured
}

fn serving(rows: &[MachineRow]) -> usize {
    rows.iter().filter(|row| is_serving(row)).count()
}

/// Whether nothing is on its way.
fn settled(rows: &[MachineRow]) -> bool {
    let rests = [MachineState::Speculative, MachineState::Idle, MachineState::Configured];
    rows.iter().all(|row| rests.contains(&row.state()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pools_of_every_size_are_sound() {
        for size in [0, 1, 40] {
            argosy_pool::PoolFile::parse("stress", &pools(size)).expect("sound");
        }
    }
}
