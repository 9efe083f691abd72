//! Scripts that do what scripts do.

use std::path::Path;
use std::time::Duration;

use argosy_model::State;
use argosy_provider::client::Mutation;
use argosy_sidecar::config::{BreakerConfig, Span};
use argosy_sidecar::exec::ExecConfig;

use crate::rig::{Rig, Site, configure, order, until};

#[tokio::test]
async fn a_script_is_told_everything_as_json_and_through_no_shell() {
    let site = Site::new();
    let rig = Rig::start(&site.config()).await;
    rig.client.carry_out(order("a", Mutation::Create, 1)).await.expect("accepted");
    rig.reaches("a", State::Idle).await;
    let accepted = rig.client.carry_out(order("a", configure("c; touch $SITE/owned"), 2)).await.expect("accepted");
    rig.reaches("a", State::Configured).await;
    let told = std::fs::read_to_string(site.path("told-configure")).expect("it was told");
    let told: serde_json::Value = serde_json::from_str(&told).expect("JSON");
    assert_eq!(told["key"], accepted.operation_id);
    assert_eq!((&told["verb"], &told["operation"]), (&"configure".into(), &"op".into()));
    assert_eq!(told["cluster"], "c; touch $SITE/owned");
    assert_eq!(told["machine"]["host"], "host-a");
    assert_eq!(told["user_data"], "#cloud-config \"quoted\"\n");
    assert_eq!(told["metadata"]["key"], "value");
    assert!(!site.path("owned").exists());
    let environment = std::fs::read_to_string(site.path("env")).expect("written");
    assert!(environment.contains("SITE=") && !environment.contains("CARGO_MANIFEST_DIR="), "{environment}");
    rig.stop().await;
}

#[tokio::test]
async fn a_script_that_runs_past_its_limit_is_ended_with_all_its_children_and_its_transition_asked_for() {
    let site = Site::new();
    let mut config = site.config();
    config.verbs.create.timeout = Span(Duration::from_millis(300));
    site.tell("create.hangs-after");
    let rig = Rig::start(&config).await;
    rig.client.carry_out(order("a", Mutation::Create, 1)).await.expect("accepted");
    rig.reaches("a", State::Idle).await;
    assert_eq!((site.runs_of("create"), site.runs_of("status")), (1, 1), "{:?}", site.runs());
    let child = std::fs::read_to_string(site.path("child")).expect("it had one");
    let child = Path::new("/proc").join(child.trim()).join("cmdline");
    // One that has ended and that nobody has waited for has no command line any more.
    until(async || std::fs::read(&child).unwrap_or_default().is_empty().then_some(())).await;
    rig.stop().await;
}

#[tokio::test]
async fn only_what_a_script_says_is_believed() {
    let site = Site::new();
    let mut config = site.config();
    config.output_bytes = 50_000;
    let rig = Rig::start(&config).await;
    for (machine, ill) in [("a", "create.garbles"), ("b", "create.shouts"), ("c", "create.pends")] {
        site.tell(ill);
        rig.client.carry_out(order(machine, Mutation::Create, 1)).await.expect("accepted");
        rig.reaches(machine, State::Idle).await;
        site.untell(ill);
    }
    assert_eq!((site.runs_of("create"), site.runs_of("status")), (3, 3), "{:?}", site.runs());
    rig.stop().await;
}

#[tokio::test]
async fn what_failed_leaves_the_machine_as_it_was_and_is_offered_again_after_a_while() {
    let site = Site::new();
    let mut config = site.config();
    config.sidecar.recover_after = Span(Duration::from_millis(200));
    let rig = Rig::start(&config).await;
    site.tell("create.fails");
    let first = rig.client.carry_out(order("a", Mutation::Create, 1)).await.expect("accepted");
    let failed = rig.reaches("a", State::Failed).await;
    assert!(failed.last_error.contains("out of order"), "{}", failed.last_error);
    rig.reaches("a", State::Speculative).await;
    site.untell("create.fails");
    let second = rig.client.carry_out(order("a", Mutation::Create, 2)).await.expect("accepted");
    assert_ne!(first.operation_id, second.operation_id);
    rig.reaches("a", State::Idle).await;
    rig.stop().await;
}

#[tokio::test]
async fn a_transition_whose_end_is_not_known_in_time_is_shown_as_failed_and_asked_for_on() {
    let site = Site::new();
    let mut config = site.config();
    config.sidecar.deadline = Span(Duration::from_millis(1));
    site.tell("create.garbles");
    site.tell("status.garbles");
    let rig = Rig::start(&config).await;
    rig.client.carry_out(order("a", Mutation::Create, 1)).await.expect("accepted");
    let failed = rig.reaches("a", State::Failed).await;
    assert!(failed.last_error.contains("not known"), "{}", failed.last_error);
    site.untell("status.garbles");
    rig.reaches("a", State::Idle).await;
    assert_eq!(site.runs_of("create"), 1);
    rig.stop().await;
}

#[tokio::test]
async fn a_host_that_two_inventories_miss_is_lost_and_one_that_appears_is_taken_over() {
    let site = Site::new();
    std::fs::create_dir(site.path("hosts")).expect("made");
    site.tell("hosts/b");
    let rig = Rig::start(&site.config()).await;
    rig.reaches("b", State::Idle).await;
    site.tell("b.lost");
    rig.reaches("b", State::Speculative).await;
    site.untell("b.lost");
    rig.reaches("b", State::Idle).await;
    rig.stop().await;
}

#[tokio::test]
async fn slots_of_a_lane_where_creates_keep_failing_are_held_back_and_probed_until_one_works() {
    let site = Site::new();
    let mut config = site.config();
    let span = Span(Duration::from_secs(2));
    config.sidecar.breaker = BreakerConfig { after: 2, first: span, longest: span };
    let rig = Rig::start(&config).await;
    site.tell("create.fails");
    for machine in ["a", "b"] {
        rig.client.carry_out(order(machine, Mutation::Create, 1)).await.expect("accepted");
    }
    let held = until(async || {
        let seen = rig.client.get("c").await.expect("there");
        (seen.state == State::Failed).then_some(seen)
    });
    assert!(held.await.last_error.contains("metal.4 in hall-1"));
    site.untell("create.fails");
    // One slot comes back as a probe; who buys it opens the lane.
    let mut sequence = 1;
    until(async || {
        sequence += 1;
        rig.client.carry_out(order("a", Mutation::Create, sequence)).await.ok()
    })
    .await;
    for machine in ["b", "c"] {
        rig.reaches(machine, State::Speculative).await;
    }
    rig.stop().await;
}

#[tokio::test]
async fn no_more_scripts_run_side_by_side_than_are_allowed() {
    let site = Site::new();
    let mut config = site.config();
    config.sidecar.concurrency = 1;
    let rig = Rig::start(&config).await;
    site.tell("create.hangs-before");
    for machine in ["a", "b", "c"] {
        rig.client.carry_out(order(machine, Mutation::Create, 1)).await.expect("accepted");
    }
    until(async || (site.runs_of("create") > 0).then_some(())).await;
    // While the inventory is asked for again and again, whoever can start starts.
    let lists = || std::fs::read_to_string(site.path("lists")).unwrap_or_default().lines().count();
    let before = lists();
    until(async || (lists() >= before + 10).then_some(())).await;
    rig.stop().await;
    assert_eq!(site.runs_of("create"), 1);
}

#[test]
fn a_key_that_is_not_known_is_refused_with_line_and_column_and_all_faults_are_told_at_once() {
    let good = include_str!("../../../../examples/provider-exec/rack.yaml");
    let read = ExecConfig::parse(Path::new("/etc/argosy/rack.yaml"), good).expect("the example is sound");
    assert_eq!(read.verbs.create.command[0], "/etc/argosy/./rack.sh");
    let parse = |text: &str| ExecConfig::parse(Path::new("rack.yaml"), text).expect_err("refused").to_string();
    let misspelt = parse(&good.replace("data_dir:", "data_dri:"));
    assert!(misspelt.starts_with("ARG-0517: rack.yaml: ") && misspelt.contains("line 7"), "{misspelt}");
    let open = good.replace("127.0.0.1:7770", "0.0.0.0:7770").replace("timeout: 15m", "timeout: 0s");
    let told = parse(&open);
    for fault in ["ARG-0518", "`sidecar.listen`", "`verbs.drain.timeout`"] {
        assert!(told.contains(fault), "{fault}: {told}");
    }
}
