//! `argosy.v1.Notifications`: who is told of what happens, how far each is, and a trial.

use std::sync::Arc;

use argosy_notify::{Kept, SinkFile};
use argosy_proto::argosy::v1::notifications_client::NotificationsClient;
use argosy_proto::argosy::v1::notifications_server::Notifications;
use argosy_proto::argosy::v1::{
    AsOf, GetSinksRequest, SetSinksRequest, SinkRow, SinkSummary, SinkTried, SinksChanged, TrySinkRequest,
};
use argosy_shard::{Command, ShardState};
use tonic::{Request, Response, Status};

use super::refusal;
use super::site::{Place, Site, by, commit, passed_on};
use crate::authz::{Identity, Role};
use crate::leader::{Leader, wall_clock};

/// The service.
#[derive(Clone)]
pub struct NotificationService {
    site: Arc<Site>,
}

impl NotificationService {
    /// The service of a node.
    #[must_use]
    pub fn new(site: Arc<Site>) -> Self {
        Self { site }
    }
}

#[tonic::async_trait]
impl Notifications for NotificationService {
    async fn get_sinks(&self, request: Request<GetSinksRequest>) -> Result<Response<SinkSummary>, Status> {
        let hides = request.extensions().get::<Identity>().and_then(Identity::role) == Some(Role::Readonly);
        let mut answer = match self.site.place(&request.get_ref().shard, &request).await? {
            Place::Here(replica) => {
                let view = self.site.fresh(&replica).await?;
                let as_of = self.site.as_of(&replica, &view, true);
                summary(&view.state, replica.leader().as_deref(), as_of)
            }
            Place::There(channel) => {
                let answer = NotificationsClient::new(channel).get_sinks(passed_on(request)).await;
                answer.map_err(refusal::relayed)?.into_inner()
            }
        };
        if hides {
            answer.file.clear();
        }
        Ok(Response::new(answer))
    }

    async fn set_sinks(&self, request: Request<SetSinksRequest>) -> Result<Response<SinksChanged>, Status> {
        let by = by(&request, &request.get_ref().reason)?;
        match self.site.place(&request.get_ref().shard, &request).await? {
            Place::Here(replica) => {
                let text = &request.get_ref().file;
                let file = match text.is_empty() {
                    true => SinkFile::default(),
                    false => {
                        SinkFile::parse("sinks", text).map_err(|error| Status::invalid_argument(error.to_string()))?
                    }
                };
                let revision = commit(&replica, Command::SetSinks { file: Box::new(file), by }).await?;
                Ok(Response::new(SinksChanged { revision }))
            }
            Place::There(channel) => {
                NotificationsClient::new(channel).set_sinks(passed_on(request)).await.map_err(refusal::relayed)
            }
        }
    }

    async fn try_sink(&self, request: Request<TrySinkRequest>) -> Result<Response<SinkTried>, Status> {
        match self.site.place(&request.get_ref().shard, &request).await? {
            Place::Here(replica) => {
                let leader = replica.leader().ok_or_else(refusal::no_leader)?;
                let name = &request.get_ref().sink;
                let view = self.site.fresh(&replica).await?;
                let unknown = || {
                    Status::not_found(format!(
                        "ARG-1407: this shard has no sink '{name}'; `argosy notify show` lists them"
                    ))
                };
                let kept = view.state.outbox().sink(name).ok_or_else(unknown)?;
                let nonce = wall_clock().unix_ms().to_string();
                let tried = leader.notifier().try_sink(&kept.sink, &nonce).await;
                Ok(Response::new(SinkTried { taken: tried.is_ok(), answer: tried.err().unwrap_or_default() }))
            }
            Place::There(channel) => {
                NotificationsClient::new(channel).try_sink(passed_on(request)).await.map_err(refusal::relayed)
            }
        }
    }
}

fn summary(state: &ShardState, leader: Option<&Leader>, as_of: AsOf) -> SinkSummary {
    let outbox = state.outbox();
    let backlog = outbox.backlog();
    let row = |kept: &Kept| {
        let name = kept.sink.name.clone();
        let heard = leader.map(|leader| leader.notifier().heard(&name)).unwrap_or_default();
        let letter =
            |letter: &argosy_notify::DeadLetter| format!("{}.{}: {}", letter.key.index, letter.key.ordinal, letter.why);
        SinkRow {
            format: kept.sink.format.name().to_owned(),
            pending: backlog.get(name.as_str()).copied().unwrap_or(0) as u64,
            delivered: kept.counts.delivered,
            dead: kept.counts.dead,
            lost: kept.counts.lost,
            trouble: heard.trouble,
            refusal: heard.refusal,
            dead_letter: kept.dead_letter.as_deref().map(letter).unwrap_or_default(),
            name,
        }
    };
    SinkSummary {
        as_of: Some(as_of),
        revision: outbox.revision(),
        file: outbox.file().to_yaml(),
        sinks: outbox.sinks().map(row).collect(),
    }
}
