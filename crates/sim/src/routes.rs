//! Which shard a cluster and a zone belong to: the coordinator's own state machine, fed with its own commands.
//!
//! One entry after the other, no group, no placement of replicas: a simulated shard has one replica, which leads.

use argosy_coordinator::{Command, Directory, Reply, Shard, ShardState};
use argosy_model::vocabulary::ZONE_KEY;

/// The directory of a simulated fleet.
#[derive(Clone, Debug, Default)]
pub struct Routes(Directory);

impl Routes {
    /// Adds a shard with its zones.
    ///
    /// # Panics
    /// When the coordinator's fold refuses it: two shards of one name, or a zone that another has.
    pub fn add_shard(&mut self, group: u64, name: &str, zones: &[String]) {
        let shard = Shard { group, home_region: "sim".to_owned(), state: ShardState::Serving };
        self.apply(&Command::PutShard { id: name.to_owned(), shard });
        for zone in zones {
            let (key, value) = (ZONE_KEY.to_owned(), zone.clone());
            self.apply(&Command::AssignDomain { key, value, shard: name.to_owned() });
        }
    }

    /// Binds a cluster to a shard, away from any other.
    ///
    /// # Panics
    /// When the coordinator's fold refuses it: there is no such shard.
    pub fn bind(&mut self, cluster: &str, shard: &str) {
        if let Some(from) = self.shard_of(cluster).map(str::to_owned) {
            if from == shard {
                return;
            }
            self.apply(&Command::UnbindCluster { cluster: cluster.to_owned(), from });
        }
        self.apply(&Command::BindCluster { cluster: cluster.to_owned(), shard: shard.to_owned() });
    }

    /// The shard of a cluster.
    pub fn shard_of(&self, cluster: &str) -> Option<&str> {
        self.0.route(cluster).map(|route| route.id)
    }

    /// The coordinator's state.
    pub fn directory(&self) -> &Directory {
        &self.0
    }

    fn apply(&mut self, command: &Command) {
        let reply = self.0.apply(self.0.revision() + 1, &command.encode());
        assert_eq!(reply, Reply::Done, "the directory refuses {command:?}");
    }
}
