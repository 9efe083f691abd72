//! What the demonstration stands on: machines with GPUs to be had, a pool of them, and policies under which a verdict acts.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context as _, Result};
use argosy_health::policy::DEFAULT;
use argosy_localfleet::{Blueprint, Clients, within};
use argosy_proto::argosy::v1::{
    ApplyPoolsRequest, CreateTokenRequest, SetHealthModeRequest, SetHealthPolicyRequest, SetRepairPolicyRequest,
};
use argosy_provider::sim::{Catalogue, Latencies, Offering, Payment};
use argosy_server::join::{JoinToken, fresh_token};
use tokio::time::Instant;
use tonic::Status;

/// The pool.
pub(super) const POOL: &str = "trainers";
/// Machines that it is to have.
pub(super) const SIZE: usize = 4;
/// How long a machine takes from one state to the next at the provider.
const TRANSITION_MS: u64 = 2_500;
/// How long one question may take.
pub(super) const PATIENCE: Duration = Duration::from_secs(3);
/// How long the shard may be without a leader when the demonstration begins, and how often it is asked: a node that does not lead tells
/// nobody who does.
const SETTLE: Duration = Duration::from_secs(15);
const AGAIN: Duration = Duration::from_millis(500);
const REASON: &str = "argosy up --gpu";
/// Agents that may join in one life of the demonstration.
const USES: u64 = 1_000;

/// What the provider offers: machines with eight GPUs, in every zone.
pub(crate) fn catalogue(blueprint: &Blueprint) -> Catalogue {
    let regions: BTreeMap<String, Vec<String>> =
        blueprint.shards.iter().map(|shard| (shard.home_region.clone(), shard.zones.clone())).collect();
    let resources = [("cpu", "96"), ("memory", "1Ti"), ("nvidia.com/gpu", "8")];
    let offering = Offering {
        name: "h100".to_owned(),
        instance_type: "p5.48xlarge".to_owned(),
        zones: Vec::new(),
        capacity_type: Payment::OnDemand,
        price_per_hour: 98.32,
        interruption_probability: 0.0,
        slots: 8,
        idle_percent: 0,
        machines_per_rack: 4,
        resources: resources.map(|(name, amount)| (name.to_owned(), amount.to_owned())).into(),
        labels: BTreeMap::new(),
        ids: Vec::new(),
    };
    let latency = Latencies::fixed(TRANSITION_MS);
    Catalogue { provider: blueprint.provider.name.clone(), regions, latency, offerings: vec![offering] }
}

fn pools() -> String {
    format!(
        "version: 1\npools:\n  - name: {POOL}\n    machine: {{instance_types: [h100-8x], resources: {{nvidia.com/gpu: \"8\"}}}}\n    \
         min: {SIZE}\n    max: {}\n    user_data: \"join --pool {{{{pool}}}} --machine {{{{machine}}}}\"\n",
        2 * SIZE
    )
}

/// The policy of a new installation, but that nobody waits for a reboot: these machines are rented.
fn health() -> String {
    format!("{DEFAULT}\nxids:\n  - {{code: 79, class: replace, reason: rented machines are given back}}\n")
}

/// One machine at a time, and a breaker for a fault that takes two of the pool at once.
const REPAIR: &str = "version: 1
grace: {replace: 0s}
breakers: [{per: pool, count: 2, share: 40%, window: 15m}]
budgets: [{per: pool, at_once: 1}]
";

/// Puts the pool and the policies in force, for the first time or again.
pub(super) async fn lay(blueprint: &Blueprint, clients: &Clients, shard: &str) -> Result<()> {
    let laid = async |node: &str| {
        let (shard, reason) = (shard.to_owned(), REASON.to_owned());
        let policy = SetHealthPolicyRequest { shard: shard.clone(), policy: health(), reason: reason.clone() };
        clients.health(node)?.set_health_policy(policy).await?;
        let policy = SetRepairPolicyRequest { shard: shard.clone(), policy: REPAIR.to_owned(), reason: reason.clone() };
        clients.repair(node)?.set_repair_policy(policy).await?;
        let mode = SetHealthModeRequest { shard: shard.clone(), acts: true, reason: reason.clone() };
        clients.health(node)?.set_health_mode(mode).await?;
        let file_name = "pools.yaml".to_owned();
        let pools = ApplyPoolsRequest { shard, file: pools(), file_name, dry_run: false, reason };
        clients.pools(node)?.apply_pools(pools).await.map(drop)
    };
    let deadline = Instant::now() + SETTLE;
    loop {
        match first(blueprint, laid).await {
            Ok(()) => return Ok(()),
            // A fleet that has just come up may still change its leader.
            Err(_) if Instant::now() < deadline => tokio::time::sleep(AGAIN).await,
            Err(status) => {
                return Err(status).context("ARG-0830: the pool and the policies of the demonstration were not taken");
            }
        }
    }
}

/// A token for every agent of the demonstration. Hosts are replaced under their machine's id, each with a disk and a key of its own.
pub(super) async fn token(blueprint: &Blueprint, clients: &Clients) -> Result<JoinToken> {
    let token = fresh_token().context("the system has no randomness")?;
    let ask = CreateTokenRequest {
        id: token.id().to_owned(),
        secret_hash: token.secret_hash().to_vec().into(),
        agents: "*".to_owned(),
        uses: USES,
        rejoin: true,
        lifetime_s: 24 * 3_600,
        reason: REASON.to_owned(),
    };
    let made = async |node: &str| clients.tokens(node)?.create_token(within(PATIENCE, ask.clone())).await.map(drop);
    let deadline = Instant::now() + SETTLE;
    while let Err(status) = first(blueprint, made).await {
        if Instant::now() >= deadline {
            return Err(status).context("ARG-0830: no join token was made for the agents of the demonstration");
        }
        tokio::time::sleep(AGAIN).await;
    }
    Ok(token)
}

/// Asks one node after the other, until one answers.
pub(super) async fn first<T>(blueprint: &Blueprint, ask: impl AsyncFn(&str) -> Result<T, Status>) -> Result<T, Status> {
    let mut last = Status::unavailable("there are no nodes");
    for node in &blueprint.nodes {
        match tokio::time::timeout(PATIENCE, ask(&node.id)).await {
            Ok(Ok(answer)) => return Ok(answer),
            Ok(Err(status)) => last = status,
            Err(_) => last = Status::deadline_exceeded(format!("{} does not answer", node.id)),
        }
    }
    Err(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_files_of_the_demonstration_are_sound() {
        argosy_pool::PoolFile::parse("pools.yaml", &pools()).expect("the pool file");
        argosy_repair::parse("policy", REPAIR).expect("the repair policy");
        let policy = argosy_health::Policy::parse("policy", &health()).expect("the health policy");
        assert!(policy.silent_after.is_some());
    }
}
