//! SimProvider: steering the simulated fleet.

use std::pin::Pin;

use argosy_proto::argosy::v1::sim_provider_server::SimProvider;
use argosy_proto::argosy::v1::{
    AdvanceRequest, AdvanceResponse, EffectsRequest, EffectsResponse, QuiesceRequest, QuiesceResponse,
    SetFaultsRequest, SetFaultsResponse, StatsRequest, StatsResponse, StrikeRequest, StrikeResponse,
};
use futures::Stream;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status};

use super::runtime::Handle;
use super::world::World;

/// Entries of the ledger in one frame.
const FRAME: usize = 1_000;
/// Frames on their way to a slow reader.
const FRAMES_AHEAD: usize = 4;

#[derive(Clone, Debug)]
pub(super) struct Control {
    pub(super) fleet: Handle,
}

type Frame = Result<EffectsResponse, Status>;

fn quiesced(world: &mut World) -> QuiesceResponse {
    QuiesceResponse {
        now_ms: world.now_ms(),
        pending: world.census().pending(),
        next_due_ms: world.next_due_ms().unwrap_or(0),
    }
}

#[tonic::async_trait]
impl SimProvider for Control {
    async fn set_faults(&self, request: Request<SetFaultsRequest>) -> Result<Response<SetFaultsResponse>, Status> {
        let faults = request.into_inner().faults.unwrap_or_default();
        let before = self.fleet.run(move |world| world.set_faults(faults)).await?;
        Ok(Response::new(SetFaultsResponse { before: Some(before) }))
    }

    async fn strike(&self, request: Request<StrikeRequest>) -> Result<Response<StrikeResponse>, Status> {
        let request = request.into_inner();
        let kind = request.kind();
        let selector = request.selector.unwrap_or_default();
        let struck = self.fleet.run(move |world| world.strike(kind, &selector)).await?;
        let machines = struck.ok_or_else(|| Status::invalid_argument("kind must be one that strikes something"))?;
        Ok(Response::new(StrikeResponse { machines }))
    }

    async fn stats(&self, _request: Request<StatsRequest>) -> Result<Response<StatsResponse>, Status> {
        let stats = |world: &mut World| StatsResponse {
            now_ms: world.now_ms(),
            seed: world.seed(),
            machines_by_state: (0..).zip(world.census().by_state()).collect(),
            pending: world.census().under_way(),
            effects: world.effects(),
            counters: world.counters().iter().map(|(name, count)| ((*name).to_owned(), *count)).collect(),
        };
        self.fleet.run(stats).await.map(Response::new)
    }

    type EffectsStream = Pin<Box<dyn Stream<Item = Frame> + Send>>;

    async fn effects(&self, request: Request<EffectsRequest>) -> Result<Response<Self::EffectsStream>, Status> {
        let request = request.into_inner();
        // The barrier makes a ledger that is read after a call contain that call's effect.
        self.fleet.run(|_world| ()).await?;
        let (frames, stream) = mpsc::channel(FRAMES_AHEAD);
        tokio::spawn(send_ledger(self.fleet.clone(), request, frames));
        Ok(Response::new(Box::pin(ReceiverStream::new(stream))))
    }

    async fn quiesce(&self, request: Request<QuiesceRequest>) -> Result<Response<QuiesceResponse>, Status> {
        let settle = request.into_inner().settle;
        let first = self.fleet.run(move |world| {
            if settle && world.is_virtual() {
                world.settle();
            }
            quiesced(world)
        });
        let answer = first.await?;
        if !settle || answer.pending == 0 {
            return Ok(Response::new(answer));
        }
        let mut progress = self.fleet.progress();
        tokio::select! {
            settled = progress.wait_for(|progress| progress.pending == 0) => drop(settled),
            () = self.fleet.stopping().cancelled() => return Err(Status::unavailable("the provider is stopping")),
        }
        self.fleet.run(quiesced).await.map(Response::new)
    }

    async fn advance(&self, request: Request<AdvanceRequest>) -> Result<Response<AdvanceResponse>, Status> {
        let by_ms = request.into_inner().by_ms;
        let advance = move |world: &mut World| {
            let to_ms = world.now_ms().saturating_add(by_ms);
            let applied = if world.is_virtual() { world.run_until(to_ms) } else { 0 };
            let QuiesceResponse { now_ms, pending, next_due_ms } = quiesced(world);
            world.is_virtual().then_some(AdvanceResponse { now_ms, applied, pending, next_due_ms })
        };
        let answer = self.fleet.run(advance).await?;
        let real_time = || Status::failed_precondition("the provider runs in real time; start it with --virtual-time");
        answer.map(Response::new).ok_or_else(real_time)
    }
}

/// Sends the ledger frame by frame, and what is added to it if the reader follows; ends with the reader or with the provider.
async fn send_ledger(fleet: Handle, request: EffectsRequest, frames: mpsc::Sender<Frame>) {
    let mut after_seq = request.after_seq;
    let mut progress = fleet.progress();
    loop {
        let effects = match fleet.effects(after_seq, FRAME).await {
            Ok(effects) => EffectsResponse { effects },
            Err(error) => {
                drop(frames.send(Err(Status::internal(error.to_string()))).await);
                return;
            }
        };
        if let Some(last) = effects.effects.last() {
            after_seq = last.seq;
            if frames.send(Ok(effects)).await.is_err() {
                return;
            }
            continue;
        }
        if !request.follow {
            return;
        }
        tokio::select! {
            grown = progress.wait_for(|progress| progress.effects > after_seq) => if grown.is_err() { return },
            () = frames.closed() => return,
            () = fleet.stopping().cancelled() => return,
        }
    }
}
