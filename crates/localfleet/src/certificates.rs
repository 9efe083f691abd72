//! The certificates of a local fleet: a small authority, and one leaf for everybody who speaks.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;

use argosy_proto::authz::Role;
use argosy_server::authz::Principal;
use argosy_server::config::TlsFiles;
use argosy_server::pki::{AgentsAuthority, Authority, LeafPaths, LeafRequest, PkiError, Validity};

use crate::blueprint::Blueprint;
use crate::error::FleetError;

/// How long a leaf of a local fleet is valid.
const LEAF_DAYS: u32 = 365;

/// The files of one holder.
pub fn files(dir: &Path, holder: &Principal) -> TlsFiles {
    let leaf = LeafPaths::of(dir, holder);
    TlsFiles { cert: leaf.certificate, key: leaf.key, ca: dir.join("ca.crt") }
}

/// The files of the provider.
pub fn of_provider(dir: &Path, blueprint: &Blueprint) -> Result<TlsFiles, FleetError> {
    Ok(files(dir, &holder(Role::Provider, &blueprint.provider.name)?))
}

/// Makes the authority and all leaves; what is there already stays.
pub fn create(dir: &Path, blueprint: &Blueprint, further_clusters: &[String]) -> Result<(), FleetError> {
    let failed = |error: PkiError| FleetError::Certificates(error.to_string());
    let authority = if dir.join("ca.crt").exists() {
        Authority::open(dir).map_err(failed)?
    } else {
        Authority::create(dir, "local fleet").map_err(failed)?
    };
    if !AgentsAuthority::paths(dir).0.exists() {
        AgentsAuthority::create(dir, "local fleet").map_err(failed)?;
    }
    let nodes = blueprint.nodes.iter().map(|node| holder(Role::Node, &node.id));
    let clusters = blueprint.shards.iter().flat_map(|shard| &shard.clusters).chain(further_clusters);
    let holders = nodes
        .chain(clusters.map(|cluster| holder(Role::Cluster, cluster)))
        .chain([holder(Role::Provider, &blueprint.provider.name), holder(Role::Admin, "")]);
    let listeners = blueprint.nodes.iter().map(|node| node.address).chain([blueprint.provider.address]);
    let ips: BTreeSet<IpAddr> = listeners.map(|address| address.ip()).chain([Ipv4Addr::LOCALHOST.into()]).collect();
    for principal in holders {
        let principal = principal?;
        let paths = LeafPaths::of(dir, &principal);
        if paths.certificate.exists() && paths.key.exists() {
            continue;
        }
        let validity = Validity::days(LEAF_DAYS).map_err(failed)?;
        let ips = ips.iter().copied().collect();
        let request = LeafRequest { principal, dns: vec!["localhost".to_owned()], ips, validity };
        authority.issue(&request).and_then(|leaf| leaf.store(&paths)).map_err(failed)?;
    }
    Ok(())
}

/// A leaf for somebody who came later and listens nowhere; one that is there stays.
pub fn issue(dir: &Path, principal: &Principal) -> Result<(), FleetError> {
    let failed = |error: PkiError| FleetError::Certificates(error.to_string());
    let paths = LeafPaths::of(dir, principal);
    if paths.certificate.exists() && paths.key.exists() {
        return Ok(());
    }
    let validity = Validity::days(LEAF_DAYS).map_err(failed)?;
    let request = LeafRequest { principal: principal.clone(), dns: Vec::new(), ips: Vec::new(), validity };
    let leaf = Authority::open(dir).and_then(|authority| authority.issue(&request));
    leaf.and_then(|leaf| leaf.store(&paths)).map_err(failed)
}

/// Who holds a certificate.
pub fn holder(role: Role, id: &str) -> Result<Principal, FleetError> {
    let bad = || FleetError::Certificates(format!("'{id}' cannot be the id of a {}", role.name()));
    Principal::new(role, id).ok_or_else(bad)
}
