//! The same against a real sshd on loopback, where one is installed (`scripts/setup.sh ssh`).

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use argosy_model::State;
use argosy_provider::client::Mutation;

use crate::rig::{Rig, Site, order, until};

/// A server of this test's own, with a key of its own.
struct Server {
    child: Child,
    port: u16,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn generate(path: &Path) -> String {
    let status = Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(path).status();
    assert!(status.expect("ssh-keygen runs").success());
    let public = std::fs::read_to_string(path.with_extension("pub")).expect("written");
    public.split(' ').take(2).collect::<Vec<_>>().join(" ")
}

fn serve(site: &Site, program: &Path) -> Server {
    generate(&site.path("host_key"));
    generate(&site.path("client_key"));
    std::fs::copy(site.path("client_key.pub"), site.path("authorized_keys")).expect("copied");
    let port = std::net::TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("bound").port();
    let dir = site.dir.path().display();
    let text = format!(
        "ListenAddress 127.0.0.1\nPort {port}\nHostKey {dir}/host_key\nAuthorizedKeysFile {dir}/authorized_keys\n\
         StrictModes no\nPermitRootLogin yes\nPasswordAuthentication no\nUsePAM no\nPidFile none\n"
    );
    std::fs::write(site.path("sshd_config"), text).expect("written");
    let mut command = Command::new(program);
    command.args(["-D", "-e", "-f"]).arg(site.path("sshd_config")).stderr(Stdio::null());
    Server { child: command.spawn().expect("sshd runs"), port }
}

fn sshd() -> Option<PathBuf> {
    let named = std::env::var_os("ARGOSY_SSHD").map(PathBuf::from);
    named.into_iter().chain([PathBuf::from("/usr/sbin/sshd")]).find(|path| path.exists())
}

/// Says that nothing was tried, which will not do where everything is to be.
fn untried(why: &str) {
    assert!(std::env::var_os("CI").is_none(), "{why}: `scripts/setup.sh ssh`");
    eprintln!("{why}: nothing was tried");
}

#[tokio::test]
async fn a_host_is_made_ready_over_real_ssh_and_an_impostor_is_refused() {
    let Some(program) = sshd() else { return untried("there is no sshd here") };
    let site = Site::new();
    let mut server = serve(&site, &program);
    let reachable = until(async || match server.child.try_wait().expect("a child") {
        Some(_) => Some(false),
        None => tokio::net::TcpStream::connect(("127.0.0.1", server.port)).await.is_ok().then_some(true),
    });
    if !reachable.await {
        return untried("sshd does not start for this user");
    }
    std::fs::write(site.path("address"), "127.0.0.1").expect("written");
    let public = std::fs::read_to_string(site.path("host_key.pub")).expect("written");
    std::fs::write(site.path("host-key"), public.split(' ').take(2).collect::<Vec<_>>().join(" ")).expect("written");
    let user = String::from_utf8(Command::new("id").arg("-un").output().expect("id runs").stdout).expect("a name");
    let dir = site.dir.path().display();
    let section = format!(
        "bootstrap:\n  user: {}\n  port: {}\n  identity_file: {dir}/client_key\n  reachable_within: 5s\n  after_create:\n  \
         - {{run: 'echo {{{{sh machine}}}} > {dir}/ready', timeout: 20s}}\n",
        user.trim(),
        server.port
    );
    let mut config = site.config_with(&Site::script(), &section);
    // What the client would take for a token, the end of a word, or its beginning.
    config.sidecar.data_dir = site.path("a book, 100% \"ours\"");
    let key = site.path("100% \"mine\"");
    std::fs::rename(site.path("client_key"), &key).expect("renamed");
    config.bootstrap.as_mut().expect("there is a section").identity_file = key;
    std::fs::write(site.path("slots"), "rack.1 metal.4 hall-1 4 16Gi\nb metal.4 hall-1 4 16Gi\n").expect("written");
    let rig = Rig::with_bootstrap(&config).await;
    rig.client.carry_out(order("rack.1", Mutation::Create, 1)).await.expect("accepted");
    rig.reaches("rack.1", State::Idle).await;
    assert_eq!(std::fs::read_to_string(site.path("ready")).expect("written"), "rack.1\n");

    // The site says that the next host has another key than the one that answers.
    std::fs::write(site.path("host-key"), generate(&site.path("other_key"))).expect("written");
    rig.client.carry_out(order("b", Mutation::Create, 1)).await.expect("accepted");
    let failed = rig.reaches("b", State::Failed).await;
    assert!(failed.last_error.contains("key that it should have"), "{}", failed.last_error);
    assert!(!site.path("hosts/b").exists());
    rig.stop().await;
}
