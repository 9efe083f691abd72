//! The network of a run: a namespace for every region and one for the provider, joined by the switch; those who look on stand at a port of
//! their own, in the cage's namespace.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write as _;
use std::net::Ipv4Addr;
use std::process::{Command, Stdio};
use std::time::Duration;

use argosy_switch::{Core, Counts, Link, Links, Running};

use crate::error::HostsError;

/// The namespace of the provider.
pub(crate) const PROVIDER: &str = "provider";
/// The port of those who look on: operators, administrators, the observer. No fault reaches them.
pub(crate) const ONLOOKERS: &str = "onlookers";
/// One way between neighbours of one region, and to the provider and the onlookers.
const NEAR: Duration = Duration::from_micros(200);

/// The hosts, and the links between them.
pub(crate) struct Network {
    regions: Vec<String>,
    hosts: BTreeMap<String, usize>,
    links: Links,
    switch: Running,
}

impl Network {
    /// Makes the namespaces of these regions, their interfaces and the switch.
    pub(crate) fn lay(regions: &[String], seed: u64) -> Result<Self, HostsError> {
        let hosts: BTreeMap<String, usize> = [ONLOOKERS, PROVIDER]
            .into_iter()
            .chain(regions.iter().map(String::as_str))
            .map(str::to_owned)
            .zip(0..)
            .collect();
        let mut ordered: Vec<(&String, usize)> = hosts.iter().map(|(host, port)| (host, *port)).collect();
        ordered.sort_by_key(|(_, port)| *port);
        let mut wires: Vec<File> = Vec::new();
        let mut orders = String::from("link set lo up\n");
        for (host, port) in &ordered {
            let wire =
                argosy_tap::open(&interface(*port)).map_err(|why| HostsError::network("make an interface", why))?;
            wires.push(wire);
            if host.as_str() != ONLOOKERS {
                orders.push_str(&format!("netns add {host}\nlink set {} netns {host}\n", interface(*port)));
            }
        }
        ip(&[], &orders)?;
        for (host, port) in &ordered {
            let interface = interface(*port);
            let orders =
                format!("link set lo up\naddr add {}/24 dev {interface}\nlink set {interface} up\n", address(*port));
            let namespace: &[&str] = if host.as_str() == ONLOOKERS { &[] } else { &["-n", host] };
            ip(namespace, &orders)?;
        }
        let links = Links::new(hosts.len());
        let core = Core::new(links.clone(), seed);
        let switch = argosy_switch::run(core, wires).map_err(|why| HostsError::network("run the switch", why))?;
        let network = Self { regions: regions.to_vec(), hosts, links, switch };
        network.settle(NEAR);
        Ok(network)
    }

    /// Where a host is.
    pub(crate) fn address(&self, host: &str) -> Ipv4Addr {
        address(self.hosts[host])
    }

    /// What a command starts with that is to run on a host.
    pub(crate) fn on(host: &str) -> Vec<String> {
        ["ip", "netns", "exec", host].map(str::to_owned).to_vec()
    }

    /// What became of frames so far.
    pub(crate) fn counts(&self) -> Counts {
        self.switch.counts()
    }

    /// Every link as it should be, and so long one way between regions.
    pub(crate) fn settle(&self, between_regions: Duration) {
        for (from, out) in &self.hosts {
            for (to, into) in &self.hosts {
                let far = self.is_region(from) && self.is_region(to);
                let delay = if far { between_regions } else { NEAR };
                self.links.change(*out, *into, |link| *link = Link { delay, ..Link::default() });
            }
        }
    }

    /// Changes the links that lead out of a region to the other regions.
    pub(crate) fn out_of(&self, region: &str, change: impl Fn(&mut Link)) {
        self.others(region).for_each(|other| self.links.change(self.hosts[region], self.hosts[other], &change));
    }

    /// Changes the links that lead into a region from the other regions.
    pub(crate) fn into(&self, region: &str, change: impl Fn(&mut Link)) {
        self.others(region).for_each(|other| self.links.change(self.hosts[other], self.hosts[region], &change));
    }

    fn others<'a>(&'a self, region: &'a str) -> impl Iterator<Item = &'a str> {
        self.regions.iter().map(String::as_str).filter(move |other| *other != region)
    }

    fn is_region(&self, host: &str) -> bool {
        self.regions.iter().any(|region| region == host)
    }
}

fn interface(port: usize) -> String {
    format!("argosy{port}")
}

fn address(port: usize) -> Ipv4Addr {
    Ipv4Addr::new(10, 99, 0, u8::try_from(port + 1).unwrap_or(u8::MAX))
}

/// Gives orders to `ip`, one a line.
fn ip(arguments: &[&str], orders: &str) -> Result<(), HostsError> {
    let tool = |source| HostsError::Tool { program: "ip", source };
    let mut child = Command::new("ip")
        .args(arguments)
        .args(["-batch", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(tool)?;
    let given = child.stdin.take().map_or(Ok(()), |mut stdin| stdin.write_all(orders.as_bytes()));
    let output = child.wait_with_output().map_err(tool)?;
    if output.status.success() {
        return given.map_err(tool);
    }
    Err(HostsError::network("lay the network", String::from_utf8_lossy(&output.stderr).trim()))
}
