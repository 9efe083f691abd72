//! Hosts are made ready by commands; OpenSSH's client is played by a script that runs them here.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;

use argosy_model::State;
use argosy_provider::client::Mutation;
use argosy_sidecar::STORE_FILE;
use argosy_sidecar::bootstrap::{Bootstrapped, read_log};
use argosy_sidecar::exec::{ExecConfig, Scripts};

use crate::crash::life;
use crate::rig::{Rig, Site, configure, order, until};

const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIFakeFakeFakeFakeFakeFakeFakeFakeFakeFakeFake";

/// A site whose hosts have an address and a key.
fn site() -> Site {
    let site = Site::new();
    std::fs::write(site.path("address"), "127.0.0.1").expect("written");
    std::fs::write(site.path("host-key"), KEY).expect("written");
    let stub = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sidecar/ssh-stub.sh");
    std::fs::copy(stub, site.path("ssh")).expect("copied");
    site.tell("key");
    site
}

fn config(site: &Site, more: &str) -> ExecConfig {
    let dir = site.dir.path().display();
    let section = format!(
        "bootstrap:\n  user: ubuntu\n  identity_file: {dir}/key\n  ssh: {dir}/ssh\n  reachable_within: 20s\n  \
         values: {{join: 'https://argosy.example'}}\n{more}"
    );
    site.config_with(&Site::script(), &section)
}

fn read(site: &Site, name: &str) -> String {
    std::fs::read_to_string(site.path(name)).unwrap_or_default()
}

#[tokio::test]
async fn a_new_host_counts_as_one_when_its_commands_have_ended_well_and_they_go_to_it_alone() {
    let site = site();
    let steps = "  after_create:\n  - {run: 'echo {{sh machine}} {{host}} joins {{join}} | tee -a ready', timeout: 10s}\n  \
                 - {run: 'echo more >&2', timeout: 10s}\n  configure:\n  - {run: 'cat > data; echo {{sh cluster}} > whose', stdin: user_data, timeout: 10s}\n";
    let config = config(&site, steps);
    let rig = Rig::with_bootstrap(&config).await;
    rig.client.carry_out(order("a", Mutation::Create, 1)).await.expect("accepted");
    rig.reaches("a", State::Idle).await;
    assert_eq!(read(&site, "ready"), "a host-a joins https://argosy.example\n");
    let args = read(&site, "args");
    for option in ["BatchMode=yes", "StrictHostKeyChecking=yes", "GlobalKnownHostsFile=/dev/null", "HostKeyAlias=host"]
    {
        assert!(args.lines().any(|line| line == option), "{option}: {args}");
    }
    assert!(args.contains("-F\nnone\n") && args.contains("--\nubuntu@127.0.0.1\n"), "{args}");
    assert_eq!(read(&site, "known"), format!("host {KEY}\n"));
    let environment = read(&site, "environment");
    assert!(environment.contains("PATH=") && !environment.contains("CARGO_MANIFEST_DIR="), "{environment}");
    let log = read_log(&config.sidecar.data_dir, "a").expect("there is one");
    assert!(log.contains("a host-a joins") && log.contains("more") && log.contains("[2/2] done"), "{log}");

    rig.client.carry_out(order("a", configure("it's mine"), 2)).await.expect("accepted");
    rig.reaches("a", State::Configured).await;
    assert_eq!(read(&site, "data"), "#cloud-config \"quoted\"\n");
    assert_eq!(read(&site, "whose"), "it's mine\n");
    rig.stop().await;
}

#[tokio::test]
async fn a_machine_may_have_any_name_and_its_files_may_lie_anywhere() {
    let site = site();
    std::fs::write(site.path("slots"), "rack.1:u2 metal.4 hall-1 4 16Gi\n").expect("written");
    let mut config = config(&site, "  after_create:\n  - {run: 'echo {{sh machine}} > ready', timeout: 10s}\n");
    config.sidecar.data_dir = site.path("a book, 100% \"ours\"");
    let rig = Rig::with_bootstrap(&config).await;
    rig.client.carry_out(order("rack.1:u2", Mutation::Create, 1)).await.expect("accepted");
    rig.reaches("rack.1:u2", State::Idle).await;
    assert_eq!(read(&site, "ready"), "rack.1:u2\n");
    let option = read(&site, "args").lines().find(|line| line.starts_with("UserKnownHostsFile=")).map(str::to_owned);
    let written = "/a book, 100%% \\\"ours\\\"/host-keys/rack%%2e1%%3au2\"";
    assert!(option.as_ref().is_some_and(|option| option.ends_with(written)), "{option:?}");
    rig.stop().await;
}

#[tokio::test]
async fn a_host_that_does_not_answer_yet_is_waited_for() {
    let site = site();
    std::fs::write(site.path("refuses"), "1").expect("written");
    let config = config(&site, "  after_create:\n  - {run: 'echo x >> ready', timeout: 10s}\n");
    let rig = Rig::with_bootstrap(&config).await;
    rig.client.carry_out(order("a", Mutation::Create, 1)).await.expect("accepted");
    rig.reaches("a", State::Idle).await;
    assert_eq!(read(&site, "ready"), "x\n");
    rig.stop().await;
}

#[tokio::test]
async fn a_host_that_does_not_get_ready_is_given_back_before_its_create_fails() {
    let ills = [
        ("  - {run: 'echo no space left; exit 3', timeout: 10s}\n", false, "status 3"),
        ("  - {run: 'sleep 1000', timeout: 300ms}\n", false, "ended after"),
        ("  - {run: 'true', timeout: 10s}\n", true, "key that it should have"),
    ];
    for (step, stranger, why) in ills {
        let site = site();
        if stranger {
            site.tell("stranger");
        }
        let config = config(&site, &format!("  after_create:\n{step}"));
        let rig = Rig::with_bootstrap(&config).await;
        rig.client.carry_out(order("a", Mutation::Create, 1)).await.expect("accepted");
        let failed = rig.reaches("a", State::Failed).await;
        assert!(failed.last_error.contains(why), "{}", failed.last_error);
        assert!(!site.path("hosts/a").exists(), "it is gone");
        assert_eq!((site.runs_of("create"), site.runs_of("delete undo-")), (1, 1), "{:?}", site.runs());
        rig.stop().await;
    }
}

#[tokio::test]
async fn a_host_that_is_made_ready_holds_up_nothing_else() {
    let site = site();
    std::fs::create_dir(site.path("hosts")).expect("made");
    site.tell("hosts/b");
    let steps = "  after_create:\n  - {run: 'while [ ! -e ready ]; do sleep 0.05; done', timeout: 60s}\n";
    let mut config = config(&site, steps);
    config.sidecar.concurrency = 1;
    let rig = Rig::with_bootstrap(&config).await;
    rig.client.carry_out(order("a", Mutation::Create, 1)).await.expect("accepted");
    until(async || site.path("args").exists().then_some(())).await;
    rig.client.carry_out(order("b", Mutation::Delete, 1)).await.expect("accepted");
    rig.reaches("b", State::Speculative).await;
    assert_eq!(rig.client.get("a").await.expect("there").state, State::Creating);
    site.tell("ready");
    rig.reaches("a", State::Idle).await;
    rig.stop().await;
}

#[tokio::test]
async fn a_host_that_was_given_up_is_not_bought_again_where_its_site_then_knows_nothing_of_it() {
    let site = site();
    site.tell("delete.pends");
    site.tell("delete.forgets");
    let config = config(&site, "  after_create:\n  - {run: 'exit 3', timeout: 10s}\n");
    let rig = Rig::with_bootstrap(&config).await;
    rig.client.carry_out(order("a", Mutation::Create, 1)).await.expect("accepted");
    let failed = rig.reaches("a", State::Failed).await;
    assert!(failed.last_error.contains("status 3"), "{}", failed.last_error);
    assert_eq!((site.runs_of("create"), site.runs_of("delete undo-")), (1, 1), "{:?}", site.runs());
    rig.stop().await;
}

#[test]
fn a_host_that_was_given_up_before_a_crash_is_given_back_after_it_even_if_it_would_get_ready_now() {
    let site = site();
    let config = config(&site, "  after_create:\n  - {run: 'test -e fine', timeout: 10s}\n");
    site.tell("delete.hangs-before");
    life(&config, async |rig| {
        rig.client.carry_out(order("a", Mutation::Create, 1)).await.expect("accepted");
        until(async || (site.runs_of("delete undo-") == 1).then_some(())).await;
    });
    site.untell("delete.hangs-before");
    site.tell("fine");
    life(&config, async |rig| drop(rig.reaches("a", State::Failed).await));
    assert!(!site.path("hosts/a").exists(), "it is gone");
    assert_eq!(site.runs_of("create"), 1);
}

#[tokio::test]
async fn a_host_whose_key_nobody_knows_is_not_spoken_to() {
    let site = site();
    std::fs::remove_file(site.path("host-key")).expect("removed");
    let config = config(&site, "  after_create:\n  - {run: 'true', timeout: 10s}\n");
    let rig = Rig::with_bootstrap(&config).await;
    rig.client.carry_out(order("a", Mutation::Create, 1)).await.expect("accepted");
    let failed = rig.reaches("a", State::Failed).await;
    assert!(failed.last_error.contains("no key of the host is known"), "{}", failed.last_error);
    assert!(!site.path("args").exists(), "nobody was called");
    rig.stop().await;
}

/// The permissions of what lies there.
fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).expect("it is there").permissions().mode() & 0o777
}

#[tokio::test]
async fn the_book_and_the_logs_are_for_the_sidecars_user_alone_also_where_they_were_for_all() {
    let site = site();
    let config = config(&site, "  after_create:\n  - {run: 'true', timeout: 10s}\n");
    let dir = config.sidecar.data_dir.clone();
    let book = dir.join(STORE_FILE);
    for again in [false, true] {
        if again {
            for (path, mode) in [(&dir, 0o755), (&book, 0o644)] {
                std::fs::set_permissions(path, Permissions::from_mode(mode)).expect("it is ours");
            }
        }
        let rig = Rig::with_bootstrap(&config).await;
        let machine = if again { "b" } else { "a" };
        rig.client.carry_out(order(machine, Mutation::Create, 1)).await.expect("accepted");
        rig.reaches(machine, State::Idle).await;
        rig.stop().await;
        assert_eq!(mode(&dir), if again { 0o755 } else { 0o700 }, "who made it says who looks in");
        assert_eq!(mode(&book), 0o600);
        let logs: Vec<_> = std::fs::read_dir(dir.join("bootstrap").join(machine)).expect("there").collect();
        assert_eq!(logs.len(), 1);
        for log in logs {
            assert_eq!(mode(&log.expect("readable").path()), 0o600);
        }
    }
}

#[tokio::test]
async fn a_key_that_cannot_be_read_and_a_client_that_is_not_there_are_found_before_anything_is_bought() {
    let site = site();
    let config = config(&site, "");
    for (missing, key) in [("ssh", "`bootstrap.ssh`"), ("key", "`bootstrap.identity_file`")] {
        std::fs::rename(site.path(missing), site.path("away")).expect("moved");
        let section = config.bootstrap.clone().expect("there is one");
        let made = Bootstrapped::new(Arc::new(Scripts::new(&config)), section, "site", &config.sidecar.data_dir);
        let told = made.err().expect("refused").to_string();
        assert!(told.starts_with("ARG-0518") && told.contains(key), "{told}");
        std::fs::rename(site.path("away"), site.path(missing)).expect("moved back");
    }
}

#[tokio::test]
async fn a_client_that_cannot_be_started_is_not_taken_for_a_host_that_does_not_answer() {
    let site = site();
    let config = config(&site, "  after_create:\n  - {run: 'true', timeout: 10s}\n");
    let rig = Rig::with_bootstrap(&config).await;
    std::fs::remove_file(site.path("ssh")).expect("removed");
    rig.client.carry_out(order("a", Mutation::Create, 1)).await.expect("accepted");
    let failed = rig.reaches("a", State::Failed).await;
    assert!(failed.last_error.contains("command 1 of 1: ") && failed.last_error.contains("/ssh: "), "{failed:?}");
    assert!(!failed.last_error.contains("it cannot be reached"), "{}", failed.last_error);
    rig.stop().await;
}

#[test]
fn commands_after_a_create_without_a_command_for_delete_are_found_when_the_file_is_read() {
    let text = "version: 1\nsidecar: {provider: x, data_dir: /x}\nverbs:\n  list: &v {command: [/x], timeout: 1s}\n  create: *v\n  \
                configure: *v\n  drain: *v\n  status: *v\nbootstrap:\n  user: x\n  identity_file: k\n  after_create:\n  \
                - {run: 'true', timeout: 1s}\n";
    let told = ExecConfig::parse(Path::new("x.yaml"), text).expect_err("refused").to_string();
    assert!(told.starts_with("ARG-0518") && told.contains("`bootstrap.after_create`"), "{told}");
    assert!(ExecConfig::parse(Path::new("x.yaml"), &text.replace("  status:", "  delete: *v\n  status:")).is_ok());
}

#[test]
fn a_command_that_names_what_is_not_known_is_found_when_the_file_is_read() {
    let site = site();
    let good = "version: 1\nsidecar: {provider: x, data_dir: /x}\nverbs:\n  list: &v {command: [/x], timeout: 1s}\n  create: *v\n  \
                configure: *v\n  drain: *v\n  status: *v\nbootstrap:\n  user: -oProxyCommand=x\n  identity_file: k\n  after_create:\n  \
                - {run: 'echo {{mchine}}', timeout: 1s}\n";
    let told = ExecConfig::parse(&site.path("x.yaml"), good).expect_err("refused").to_string();
    for fault in ["`bootstrap.user`", "`bootstrap.after_create[0]`", "mchine"] {
        assert!(told.contains(fault), "{fault}: {told}");
    }
}
