//! The suite that any provider can be held to, against the sidecar with the script that we ship as an example.

use std::path::Path;
use std::time::Duration;

use argosy_provider::conformance::{self, Settings};

use crate::rig::{Rig, Site};

#[tokio::test]
async fn the_example_scripts_keep_every_rule_of_the_contract() {
    let site = Site::new();
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/provider-exec");
    std::fs::copy(example.join("rack-data/slots"), site.path("slots")).expect("the example has slots");
    let rig = Rig::start(&site.config_for(&example.join("rack.sh"))).await;
    let settings = Settings { slots: ["a", "b", "c"].map(str::to_owned), epoch: 1, patience: Duration::from_secs(60) };
    let findings = conformance::run(rig.channel.clone(), &settings).await;
    let broken: Vec<_> = findings.iter().filter(|found| found.broken.is_some()).collect();
    assert!(findings.len() >= 12 && broken.is_empty(), "{broken:?}");
    rig.stop().await;
}
