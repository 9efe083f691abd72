//! The suite that any provider can be held to, against our own simulated one.

use std::time::Duration;

use argosy_provider::conformance::{self, Settings};
use argosy_provider::sim::{Catalogue, Latencies, SimConfig};

use crate::rig::{Rig, config};

#[tokio::test]
async fn the_simulated_provider_keeps_every_rule_of_the_contract() {
    let catalogue = Catalogue { latency: Latencies::fixed(5), ..config().catalogue };
    let rig = Rig::start(SimConfig { catalogue, virtual_time: false, ..config() }).await;
    let slots = ["n-eu-a-000019", "n-eu-a-000018", "n-us-a-000019"].map(str::to_owned);
    let settings = Settings { slots, epoch: 1, patience: Duration::from_secs(30) };
    let broken: Vec<_> = conformance::run(rig.channel.clone(), &settings)
        .await
        .into_iter()
        .filter(|found| found.broken.is_some())
        .collect();
    assert_eq!(broken, []);
    rig.stop().await;
}
