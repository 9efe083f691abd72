//! Lambda Cloud as the backend, against a stand-in for its API.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use argosy_model::{MicroUsd, State};
use argosy_provider::client::Mutation;
use argosy_provider::conformance::{self, Settings};
use argosy_sidecar::bootstrap::Bootstrapped;
use argosy_sidecar::config::Span;
use argosy_sidecar::lambda::{ApiKey, LambdaCloud, LambdaConfig};
use argosy_sidecar::{SidecarError, exec};
use tempfile::TempDir;

use crate::cloud::{Cloud, Fault, cloud};
use crate::rig::{Rig, order, until};

const FIRST: &str = "prod-h100-us-south-2-000";

fn parse(dir: &TempDir, api: &str, list_every: &str) -> LambdaConfig {
    let text = format!(
        "version: 1\nsidecar: {{provider: lambda, data_dir: {}, list_every: {list_every}, recover_after: 50ms, stop_grace: 10ms}}\n\
         api: {api}\napi_key_env: LAMBDA_API_KEY\nssh_key: argosy\nfleet: prod\n\
         offers: [{{name: h100, instance_type: gpu_8x_h100_sxm5, regions: [us-south-2], slots: 3}}]\n\
         user_data: 'join {{{{sh machine}}}} at {{{{join}}}}'\nvalues: {{join: 'https://argosy.example'}}\n\
         pace: {{calls: 1ms, launches: 1ms}}\nlost_after: 300ms\ncall_timeout: 400ms\n",
        dir.path().display()
    );
    LambdaConfig::parse(Path::new("lambda.yaml"), &text).expect("it is sound")
}

struct Fleet {
    rig: Rig,
    cloud: Cloud,
    config: LambdaConfig,
    dir: TempDir,
}

async fn fleet() -> Fleet {
    fleet_that_looks("50ms").await
}

async fn fleet_that_looks(every: &str) -> Fleet {
    let (cloud, api) = cloud().await;
    let dir = tempfile::tempdir().expect("a directory");
    let config = parse(&dir, &api, every);
    Fleet { rig: run(&config).await, cloud, config, dir }
}

async fn run(config: &LambdaConfig) -> Rig {
    let backend = LambdaCloud::connect(config, ApiKey::new("secret-key").expect("a key")).await.expect("it answers");
    Rig::over(config.sidecar.settings(), Arc::new(backend)).await.expect("it starts")
}

impl Fleet {
    fn told(&self, fault: Fault) {
        self.cloud.lock().expect("no panic").faults.push_back(fault);
    }

    fn launches(&self) -> usize {
        self.cloud.lock().expect("no panic").launches.len()
    }

    fn instances(&self) -> usize {
        self.cloud.lock().expect("no panic").instances.len()
    }
}

#[tokio::test]
async fn an_instance_is_launched_under_the_transitions_name_and_terminated() {
    let fleet = fleet().await;
    let slot = fleet.rig.client.get(FIRST).await.expect("a slot");
    assert_eq!((slot.price_per_hour, slot.zone.as_str()), (MicroUsd(23_920_000), "us-south-2"));
    assert_eq!(slot.allocatable["nvidia.com/gpu"], "8");
    let accepted = fleet.rig.client.carry_out(order(FIRST, Mutation::Create, 1)).await.expect("accepted");
    let machine = fleet.rig.reaches(FIRST, State::Idle).await;
    let launch = fleet.cloud.lock().expect("no panic").launches[0].clone();
    assert_eq!(format!("create-{}", launch["name"].as_str().expect("a name")), accepted.operation_id);
    assert_eq!(launch["user_data"], format!("join '{FIRST}' at https://argosy.example"));
    assert_eq!(launch["instance_type_name"], "gpu_8x_h100_sxm5");
    assert_eq!(machine.host.expect("launched").reference, format!("{:032x}", 1));
    fleet.rig.client.carry_out(order(FIRST, Mutation::Delete, 2)).await.expect("accepted");
    fleet.rig.reaches(FIRST, State::Speculative).await;
    assert_eq!(fleet.cloud.lock().expect("no panic").terminations, 1);
    assert_eq!(fleet.instances(), 0);
    fleet.rig.stop().await;
}

#[tokio::test]
async fn a_launch_whose_answer_was_lost_is_looked_for_by_name_and_not_repeated() {
    for fault in [Fault::BreaksAfter, Fault::HangsAfter] {
        let fleet = fleet_that_looks("1h").await;
        fleet.told(fault);
        // It does not show at once.
        fleet.cloud.lock().expect("no panic").hides = 1;
        fleet.rig.client.carry_out(order(FIRST, Mutation::Create, 1)).await.expect("accepted");
        fleet.rig.reaches(FIRST, State::Idle).await;
        assert_eq!((fleet.launches(), fleet.instances()), (1, 1), "{fault:?}");
        fleet.rig.stop().await;
    }
}

#[tokio::test]
async fn a_launch_that_never_was_is_made_again_once_no_list_has_shown_it_for_a_while() {
    let fleet = fleet().await;
    fleet.told(Fault::BreaksBefore);
    fleet.rig.client.carry_out(order(FIRST, Mutation::Create, 1)).await.expect("accepted");
    fleet.rig.reaches(FIRST, State::Idle).await;
    let launches = fleet.cloud.lock().expect("no panic").launches.clone();
    assert_eq!(launches.len(), 2);
    assert_eq!(launches[0]["name"], launches[1]["name"]);
    fleet.rig.stop().await;
}

#[tokio::test]
async fn too_many_calls_are_waited_out_and_no_capacity_is_a_failure_that_passes() {
    let fleet = fleet().await;
    for _ in 0..3 {
        fleet.told(Fault::TooMany);
    }
    fleet.rig.client.carry_out(order(FIRST, Mutation::Create, 1)).await.expect("accepted");
    fleet.rig.reaches(FIRST, State::Idle).await;
    assert_eq!((fleet.launches(), fleet.instances()), (4, 1));
    let second = "prod-h100-us-south-2-001";
    fleet.told(Fault::NoCapacity);
    fleet.rig.client.carry_out(order(second, Mutation::Create, 1)).await.expect("accepted");
    let failed = fleet.rig.reaches(second, State::Failed).await;
    assert!(failed.last_error.contains("insufficient-capacity"), "{}", failed.last_error);
    fleet.rig.reaches(second, State::Speculative).await;
    fleet.rig.client.carry_out(order(second, Mutation::Create, 2)).await.expect("accepted");
    fleet.rig.reaches(second, State::Idle).await;
    fleet.rig.stop().await;
}

#[tokio::test]
async fn whoever_says_to_wait_for_a_day_holds_up_nothing_beyond_the_deadline() {
    let Fleet { rig, cloud, mut config, dir: _dir } = fleet().await;
    rig.stop().await;
    config.sidecar.deadline = Span(Duration::from_millis(300));
    config.sidecar.recover_after = Span(Duration::from_secs(3600));
    {
        let mut account = cloud.lock().expect("no panic");
        account.retry_after = "86400";
        account.faults.extend([Fault::TooMany; 9]);
    }
    let rig = run(&config).await;
    rig.client.carry_out(order(FIRST, Mutation::Create, 1)).await.expect("accepted");
    let failed = rig.reaches(FIRST, State::Failed).await;
    assert!(failed.last_error.contains("could not begin in time"), "{}", failed.last_error);
    rig.stop().await;
}

#[tokio::test]
async fn a_region_without_capacity_is_not_offered_until_it_has_some() {
    let fleet = fleet().await;
    fleet.cloud.lock().expect("no panic").capacity.clear();
    let dry = fleet.rig.reaches(FIRST, State::Failed).await;
    assert_eq!(dry.last_error, "no capacity in us-south-2");
    fleet.cloud.lock().expect("no panic").capacity.push("us-south-2");
    fleet.rig.reaches(FIRST, State::Speculative).await;
    fleet.rig.stop().await;
}

#[tokio::test]
async fn an_instance_that_comes_up_unhealthy_is_given_back_before_the_create_fails() {
    let fleet = fleet().await;
    fleet.cloud.lock().expect("no panic").comes_up = "unhealthy";
    fleet.rig.client.carry_out(order(FIRST, Mutation::Create, 1)).await.expect("accepted");
    fleet.rig.reaches(FIRST, State::Failed).await;
    assert_eq!(fleet.cloud.lock().expect("no panic").terminations, 1);
    assert_eq!(fleet.launches(), 1);
    fleet.rig.stop().await;
}

#[tokio::test]
async fn an_instance_that_ends_before_it_is_ready_is_a_failed_create_and_no_second_purchase_even_after_a_restart() {
    let fleet = fleet_that_looks("1h").await;
    fleet.cloud.lock().expect("no panic").comes_up = "booting";
    fleet.rig.client.carry_out(order(FIRST, Mutation::Create, 1)).await.expect("accepted");
    // The first list is of the start; whoever asks for the second has written down what the launch was answered with.
    until(async || (fleet.cloud.lock().expect("no panic").lists > 1).then_some(())).await;
    let Fleet { rig, cloud, mut config, dir: _dir } = fleet;
    rig.stop().await;
    config.sidecar.recover_after = Span(Duration::from_secs(3600));
    cloud.lock().expect("no panic").instances.clear();
    let rig = run(&config).await;
    let failed = rig.reaches(FIRST, State::Failed).await;
    assert!(failed.last_error.contains("ended before it was ready"), "{}", failed.last_error);
    assert_eq!(cloud.lock().expect("no panic").launches.len(), 1);
    rig.stop().await;
}

#[tokio::test]
async fn an_instance_that_does_not_get_ready_is_given_back_and_not_bought_again() {
    let fleet = fleet_that_looks("1h").await;
    let Fleet { rig, cloud, mut config, dir } = fleet;
    rig.stop().await;
    config.sidecar.recover_after = Span(Duration::from_secs(3600));
    // No step is tried: the API names no host keys, and no file does.
    for name in ["id", "ssh"] {
        std::fs::copy("/bin/true", dir.path().join(name)).expect("copied");
    }
    let here = dir.path().display();
    let section = format!(
        "{{user: ubuntu, identity_file: {here}/id, ssh: {here}/ssh, after_create: [{{run: 'true', timeout: 1s}}]}}"
    );
    let section = serde_saphyr::from_str(&section).expect("it is sound");
    let inner = LambdaCloud::connect(&config, ApiKey::new("secret-key").expect("a key")).await.expect("it answers");
    let backend = Bootstrapped::new(Arc::new(inner), section, "lambda", dir.path()).expect("it fits");
    let rig = Rig::over(config.sidecar.settings(), Arc::new(backend)).await.expect("it starts");
    rig.client.carry_out(order(FIRST, Mutation::Create, 1)).await.expect("accepted");
    let failed = rig.reaches(FIRST, State::Failed).await;
    assert!(failed.last_error.contains("no key of the host is known"), "{}", failed.last_error);
    rig.stop().await;
    let account = cloud.lock().expect("no panic");
    assert_eq!((account.launches.len(), account.terminations, account.instances.len()), (1, 1, 0));
}

#[tokio::test]
async fn an_account_that_refuses_the_key_or_lacks_the_ssh_key_is_found_out_at_the_start() {
    let (_cloud, api) = cloud().await;
    let dir = tempfile::tempdir().expect("a directory");
    let config = LambdaConfig { ssh_key: "nobody's".to_owned(), ..parse(&dir, &api, "50ms") };
    let key = || ApiKey::new("secret-key").expect("a key");
    let refused = LambdaCloud::connect(&config, key()).await.err().expect("refused");
    assert!(refused.to_string().contains("nobody's"), "{refused}");
    let wrong = ApiKey::new("wrong-key").expect("a key");
    let backend =
        LambdaCloud::connect(&parse(&dir, &api, "50ms"), wrong).await.expect("this stand-in shows SSH keys to all");
    let refused = Rig::over(config.sidecar.settings(), Arc::new(backend)).await.err().expect("refused");
    assert!(matches!(&refused, SidecarError::Inventory(why) if why.contains("invalid-api-key")), "{refused}");
    assert!(!refused.to_string().contains("wrong-key"));
}

#[tokio::test]
async fn the_contract_is_kept_as_far_as_a_cloud_without_user_data_for_running_instances_can() {
    let fleet = fleet().await;
    let slots = ["000", "001", "002"].map(|n| format!("prod-h100-us-south-2-{n}"));
    let settings = Settings { slots, epoch: 1, patience: Duration::from_secs(60) };
    let findings = conformance::run(fleet.rig.channel.clone(), &settings).await;
    let broken: Vec<_> =
        findings.iter().filter_map(|found| found.broken.as_ref().map(|how| (found.rule, how))).collect();
    assert!(broken.iter().all(|(_, how)| how.contains("takes no user data")), "{broken:?}");
    assert_eq!(broken.len(), 1, "{broken:?}");
    fleet.rig.stop().await;
}

#[test]
fn values_that_make_no_sense_are_told_at_once() {
    let text = include_str!("../../../../examples/provider-lambda/lambda.yaml");
    let read = |text: &str| LambdaConfig::parse(Path::new("/etc/argosy/lambda.yaml"), text);
    let config = read(text).expect("the example is sound");
    assert_eq!(config.pace.launches, Span(Duration::from_secs(12)));
    let wrong = text.replace("api_key_file:", "api_key_env: X\napi_key_file:").replace("{{sh machine}}", "{{mchine}}");
    let told = read(&wrong.replace("slots: 4", "slots: 0")).expect_err("refused").to_string();
    for fault in ["ARG-0518", "`api_key_file`", "`user_data`", "slots`"] {
        assert!(told.contains(fault), "{fault}: {told}");
    }
    let scripts = include_str!("../../../../examples/provider-exec/rack.yaml");
    assert!(read(scripts).is_err() && exec::ExecConfig::parse(Path::new("x"), text).is_err());
}
