//! Apply: the fold of one committed entry into the directory. A command is taken whole or refused whole.

use imbl::OrdSet;
use serde::{Deserialize, Serialize};

use crate::command::{Command, Node, Placement, Shard, ShardState};
use crate::directory::Directory;
use crate::refusal::{Noun, Refusal};

/// Longest name that the directory holds, in bytes: that of a DNS name.
const MAX_NAME: usize = 253;

/// The fold's answer to one entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Reply {
    /// It holds now, or held already.
    Done,
    /// Nothing was changed.
    Refused(Refusal),
}

impl Reply {
    /// The bytes that travel back to the proposer.
    pub fn encode(&self) -> Vec<u8> {
        postcard::to_stdvec(self).expect("a reply is plain data: encoding into memory cannot fail")
    }

    /// Reads those bytes; `None` if they are no reply of this release.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        postcard::from_bytes(bytes).ok()
    }
}

impl Directory {
    /// Folds the committed entry at `index` in. Never panics, whatever the entry holds.
    pub fn apply(&mut self, index: u64, entry: &[u8]) -> Reply {
        self.revision = self.revision.max(index);
        match Command::decode(entry).and_then(|command| self.fold(command)) {
            Ok(()) => Reply::Done,
            Err(refusal) => Reply::Refused(refusal),
        }
    }

    fn fold(&mut self, command: Command) -> Result<(), Refusal> {
        match command {
            Command::PutNode { id, node } => self.put_node(id, node),
            Command::RemoveNode { id } => self.remove_node(&id),
            Command::PutShard { id, shard } => self.put_shard(id, shard),
            Command::RemoveShard { id } => self.remove_shard(&id),
            Command::Place { shard, placement } => self.place(shard, placement),
            Command::BindCluster { cluster, shard } => self.bind(cluster, shard),
            Command::UnbindCluster { cluster, from } => self.unbind(&cluster, &from),
            Command::AssignDomain { key, value, shard } => self.assign((key, value), shard),
            Command::UnassignDomain { key, value } => self.unassign(&(key, value)),
            Command::CreateToken { id, token, at_unix_s } => Ok(self.tokens.create(id, token, at_unix_s)?),
            Command::RevokeToken { id, by, reason, at_unix_s } => {
                Ok(self.tokens.revoke(&id, cut(&by), cut(&reason), at_unix_s)?)
            }
            Command::AdmitAgent { admission, at_unix_s } => Ok(self.tokens.admit(&admission, at_unix_s)?),
        }
    }

    fn put_node(&mut self, id: String, node: Node) -> Result<(), Refusal> {
        names(&[("node", &id), ("region", &node.region), ("zone", &node.zone), ("address", &node.address)])?;
        match self.nodes.get(&id) {
            Some(known) if known.number != node.number || known.instance != node.instance => {
                return Err(Refusal::Invalid {
                    why: format!("node '{id}' has number {} and another data directory: remove it first", known.number),
                });
            }
            Some(_) => {}
            None => {
                let holder = self.nodes.iter().find(|(_, other)| other.number == node.number);
                Self::is_fresh(node.number, holder.map(|(id, _)| id), &self.retired_numbers)?;
            }
        }
        self.nodes.insert(id, node);
        Ok(())
    }

    fn remove_node(&mut self, id: &str) -> Result<(), Refusal> {
        if let Some(user) = self.placed_on(id).next() {
            return Err(Refusal::InUse { noun: Noun::Node, id: cut(id), user: user.to_owned() });
        }
        let node = self.nodes.remove(id).ok_or_else(|| unknown(Noun::Node, id))?;
        self.retired_numbers.insert(node.number);
        Ok(())
    }

    fn put_shard(&mut self, id: String, shard: Shard) -> Result<(), Refusal> {
        names(&[("shard", &id), ("home region", &shard.home_region)])?;
        match self.shards.get(&id) {
            Some(known) if known.group != shard.group => {
                return Err(Refusal::Invalid { why: format!("shard '{id}' has group {}, and keeps it", known.group) });
            }
            Some(_) => {}
            None => {
                let holder = self.shards.iter().find(|(_, other)| other.group == shard.group);
                Self::is_fresh(shard.group, holder.map(|(id, _)| id), &self.retired_groups)?;
            }
        }
        self.shards.insert(id, shard);
        Ok(())
    }

    fn remove_shard(&mut self, id: &str) -> Result<(), Refusal> {
        if !self.shards.contains_key(id) {
            return Err(unknown(Noun::Shard, id));
        }
        let cluster = self.clusters().find(|(_, shard)| *shard == id).map(|(cluster, _)| cluster.to_owned());
        let domain = self.domains_of(id).next().map(|(key, value)| format!("{key}={value}"));
        let replica = self.placement(id).and_then(|placement| placement.voters.get_min().cloned());
        if let Some(user) = cluster.or(domain).or(replica) {
            return Err(Refusal::InUse { noun: Noun::Shard, id: id.to_owned(), user });
        }
        self.placements.remove(id);
        let shard = self.shards.remove(id).ok_or_else(|| unknown(Noun::Shard, id))?;
        self.retired_groups.insert(shard.group);
        Ok(())
    }

    /// A number names one node or group for ever: what is left of its votes and logs must not meet a stranger.
    fn is_fresh(number: u64, holder: Option<&String>, retired: &OrdSet<u64>) -> Result<(), Refusal> {
        match holder {
            Some(holder) => Err(Refusal::Invalid { why: format!("number {number} is that of '{holder}'") }),
            None if number == 0 || retired.contains(&number) => {
                Err(Refusal::Invalid { why: format!("number {number} is reserved or was used before") })
            }
            None => Ok(()),
        }
    }

    fn place(&mut self, shard: String, placement: Placement) -> Result<(), Refusal> {
        if !self.shards.contains_key(&shard) {
            return Err(unknown(Noun::Shard, &shard));
        }
        let nodes = || placement.voters.iter().chain(&placement.learners);
        if let Some(stranger) = nodes().find(|node| !self.nodes.contains_key(*node)) {
            return Err(unknown(Noun::Node, stranger));
        }
        if placement.voters.iter().any(|node| placement.learners.contains(node)) {
            return Err(Refusal::Invalid { why: "a node is voter and learner of one shard".to_owned() });
        }
        if placement.voters.is_empty() && !placement.learners.is_empty() {
            return Err(Refusal::Invalid { why: "a shard with learners has a voter".to_owned() });
        }
        self.placements.insert(shard, placement);
        Ok(())
    }

    fn bind(&mut self, cluster: String, shard: String) -> Result<(), Refusal> {
        names(&[("cluster", &cluster)])?;
        match self.clusters.get(&cluster) {
            Some(holder) if *holder == shard => return Ok(()),
            Some(holder) => {
                return Err(Refusal::Held { noun: Noun::Cluster, id: cluster, holder: holder.clone() });
            }
            None => self.takes_new(&shard)?,
        }
        self.clusters.insert(cluster, shard);
        Ok(())
    }

    fn unbind(&mut self, cluster: &str, from: &str) -> Result<(), Refusal> {
        match self.clusters.get(cluster) {
            Some(holder) if holder == from => drop(self.clusters.remove(cluster)),
            Some(holder) => {
                let (id, holder) = (cut(cluster), holder.clone());
                return Err(Refusal::Held { noun: Noun::Cluster, id, holder });
            }
            None => return Err(unknown(Noun::Cluster, cluster)),
        }
        Ok(())
    }

    fn assign(&mut self, domain: (String, String), shard: String) -> Result<(), Refusal> {
        names(&[("topology key", &domain.0), ("topology value", &domain.1)])?;
        match self.domains.get(&domain) {
            Some(holder) if *holder == shard => return Ok(()),
            Some(holder) => {
                let (id, holder) = (format!("{}={}", domain.0, domain.1), holder.clone());
                return Err(Refusal::Held { noun: Noun::Domain, id, holder });
            }
            None => self.takes_new(&shard)?,
        }
        self.domains.insert(domain, shard);
        Ok(())
    }

    fn unassign(&mut self, domain: &(String, String)) -> Result<(), Refusal> {
        let absent = || unknown(Noun::Domain, &format!("{}={}", domain.0, domain.1));
        self.domains.remove(domain).map(drop).ok_or_else(absent)
    }

    fn takes_new(&self, shard: &str) -> Result<(), Refusal> {
        match self.shards.get(shard).map(|shard| shard.state) {
            Some(ShardState::Serving) => Ok(()),
            Some(ShardState::Closed) => Err(Refusal::Closed { id: shard.to_owned() }),
            None => Err(unknown(Noun::Shard, shard)),
        }
    }
}

fn unknown(noun: Noun, id: &str) -> Refusal {
    Refusal::Unknown { noun, id: cut(id) }
}

fn cut(id: &str) -> String {
    id.chars().take(MAX_NAME).collect()
}

fn names(names: &[(&str, &String)]) -> Result<(), Refusal> {
    match names.iter().find(|(_, name)| name.is_empty() || name.len() > MAX_NAME) {
        Some((what, _)) => {
            Err(Refusal::Invalid { why: format!("the {what} is empty or longer than {MAX_NAME} bytes") })
        }
        None => Ok(()),
    }
}
