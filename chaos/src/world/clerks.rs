//! Clerks: they read and write settings, and read demand, while everything breaks, and write down what they were told.

use std::rc::Rc;
use std::time::Duration;

use argosy_proto::argosy::v1::admin_client::AdminClient;
use argosy_proto::argosy::v1::fleet_client::FleetClient;
use argosy_proto::argosy::v1::{GetShardRequest, ListNeedsRequest, SetRailsRequest};
use argosy_workload::dice::Dice;
use tonic::transport::Channel;

use super::admin::{CLERKS, Office, PATIENCE, RETRY};
use super::scribe;
use crate::history::{Action, Token};
use crate::layout::ShardSite;

/// How often a clerk leaves long before he can have been answered.
const HASTY_PPM: u32 = 200_000;
/// The longest that he stays then.
const HASTE_MS: u64 = 150;
/// How often a clerk who touches the kill switch switches it on: mostly off, or nothing would happen.
const STOPPED_PPM: u32 = 150_000;

impl Office {
    pub(super) async fn write_and_read(self: Rc<Self>, clerk: u64) {
        let mut dice = self.layout().dice(&format!("clerk/{clerk}"));
        let mut turn = usize::try_from(clerk).unwrap_or(0);
        loop {
            tokio::time::sleep(Duration::from_millis(100 + dice.exponential(400).min(3_000))).await;
            if self.is_closed() {
                return;
            }
            let channel = self.channel(turn);
            let at = usize::try_from(dice.below(self.layout().shards.len() as u64)).unwrap_or(0);
            let shard = self.layout().shards[at].id.clone();
            if self.act(channel, &shard, clerk, &mut dice).await.is_err() {
                turn += 1;
            }
        }
    }

    /// One write of one of three settings, by one who may not wait for the answer, or one read of all of them or of a scribe's demand.
    async fn act(&self, channel: Channel, shard: &str, clerk: u64, dice: &mut Dice) -> Result<(), ()> {
        let key = |setting: &str| format!("{shard}/{setting}");
        let is_hasty = dice.chance(HASTY_PPM);
        let patience = if is_hasty { Duration::from_millis(dice.between(5, HASTE_MS)) } else { PATIENCE };
        match dice.below(6) {
            0 => {
                let value = self.history.borrow_mut().fresh_value();
                let ppm = 400_000 + u32::try_from(value % 200_000).unwrap_or(0);
                let request = SetRailsRequest { reclaim_cap_ppm: Some(ppm), ..rails(shard) };
                self.write(channel, &key("cap"), i64::from(ppm), request, clerk, patience).await
            }
            1 if dice.chance(500_000) => {
                let on = dice.chance(500_000);
                let request = SetRailsRequest { empty_rollup_guard: Some(on), ..rails(shard) };
                self.write(channel, &key("guard"), i64::from(on), request, clerk, patience).await
            }
            1 => {
                let on = dice.chance(STOPPED_PPM);
                let request = SetRailsRequest { kill_switch: Some(on), ..rails(shard) };
                self.write(channel, &key("kill"), i64::from(on), request, clerk, patience).await
            }
            2 | 3 => self.read_demand(channel, shard, clerk).await,
            _ => self.read_rails(channel, shard, clerk).await,
        }
    }

    async fn read_rails(&self, channel: Channel, shard: &str, clerk: u64) -> Result<(), ()> {
        let keys = ["cap", "guard", "kill"].map(|setting| format!("{shard}/{setting}"));
        let reads = keys.each_ref().map(|key| self.begin(clerk, key, Action::Read(None)));
        let request = GetShardRequest { shard: shard.to_owned(), ..GetShardRequest::default() };
        let mut client = FleetClient::new(channel);
        let answer = tokio::time::timeout(PATIENCE, client.get_shard(request)).await;
        let rails = answer.ok().and_then(Result::ok).and_then(|answer| answer.into_inner().rails);
        let seen = rails.as_ref().map(|rails| {
            let cap = i64::from(rails.reclaim_cap_ppm.unwrap_or(1_000_000));
            [cap, i64::from(rails.empty_rollup_guard), i64::from(rails.kill_switch)]
        });
        for (at, read) in reads.into_iter().enumerate() {
            self.end(read, seen.map(|seen| Action::Read(Some(seen[at]))));
        }
        seen.map(|_| ()).ok_or(())
    }

    async fn read_demand(&self, channel: Channel, shard: &str, clerk: u64) -> Result<(), ()> {
        let read = self.begin(clerk, &scribe::register(shard), Action::Read(None));
        let site = self.layout().shards.iter().find(|site| site.id == shard);
        let cluster = site.map(ShardSite::scribe).unwrap_or_default();
        let request = ListNeedsRequest { shard: shard.to_owned(), cluster, limit: 100, ..ListNeedsRequest::default() };
        let mut client = FleetClient::new(channel);
        let answer = tokio::time::timeout(PATIENCE, client.list_needs(request)).await;
        let rows = answer.ok().and_then(Result::ok).map(|answer| answer.into_inner().needs);
        let needs = rows.map(|rows| rows.into_iter().filter_map(|row| row.need).collect::<Vec<_>>());
        self.end(read, needs.as_deref().map(|needs| Action::Read(Some(scribe::value_of(needs)))));
        needs.map(|_| ()).ok_or(())
    }

    /// Switches off what keeps shards from acting, so that they can come to rest.
    pub(super) async fn let_go(&self, attempts: usize) {
        for shard in &self.layout().shards {
            for turn in 0..attempts {
                let request = SetRailsRequest { kill_switch: Some(false), ..rails(&shard.id) };
                let key = format!("{}/kill", shard.id);
                if self.write(self.channel(turn), &key, 0, request, CLERKS, PATIENCE).await.is_ok() {
                    break;
                }
                tokio::time::sleep(RETRY).await;
            }
        }
    }

    async fn write(
        &self,
        channel: Channel,
        key: &str,
        value: i64,
        request: SetRailsRequest,
        clerk: u64,
        patience: Duration,
    ) -> Result<(), ()> {
        let token = self.begin(clerk, key, Action::Write(value));
        let mut admin = AdminClient::new(channel);
        let answer = tokio::time::timeout(patience, admin.set_rails(request)).await;
        let done = matches!(answer, Ok(Ok(_)));
        // Whatever else came back, the write may yet happen: an error of the transport says nothing of the log.
        self.end(token, done.then_some(Action::Write(value)));
        if done { Ok(()) } else { Err(()) }
    }

    pub(super) fn begin(&self, clerk: u64, key: &str, action: Action) -> Token {
        self.history.borrow_mut().begin(clerk, key, action, turmoil::sim_elapsed().unwrap_or_default())
    }

    pub(super) fn end(&self, token: Token, seen: Option<Action>) {
        self.history.borrow_mut().end(token, seen, turmoil::sim_elapsed().unwrap_or_default());
    }
}

fn rails(shard: &str) -> SetRailsRequest {
    SetRailsRequest { shard: shard.to_owned(), reason: "chaos".to_owned(), ..SetRailsRequest::default() }
}
