//! A cluster's operator: one stream, everything it hears noted, every request answered.

use std::collections::BTreeMap;

use argosy_proto::bigfleet::v1alpha1::operator_message::Message as Say;
use argosy_proto::bigfleet::v1alpha1::shard_client::ShardClient;
use argosy_proto::bigfleet::v1alpha1::shard_message::Message as Hear;
use argosy_proto::bigfleet::v1alpha1::{
    BootstrapBlobResponse, CapacityNeed, ClusterCapacityNeeds, Hello, NodeStateUpdate, OperatorMessage, ReclaimAck,
};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Status;

use crate::installation::{channel, within};

/// Number of `Configured` on the wire.
pub(crate) const CONFIGURED: i32 = 5;

/// What an operator has heard.
#[derive(Clone, Debug, Default)]
pub(crate) struct Heard {
    pub(crate) greetings: u32,
    pub(crate) acks: u32,
    /// The last update of each machine.
    pub(crate) machines: BTreeMap<String, NodeStateUpdate>,
    pub(crate) blobs_asked: Vec<String>,
    pub(crate) reclaimed: Vec<String>,
    /// How the stream ended.
    pub(crate) ended: Option<Result<(), Status>>,
}

impl Heard {
    /// How many machines were last said to be in this state.
    pub(crate) fn in_state(&self, state: i32) -> usize {
        self.machines.values().filter(|update| update.state == state).count()
    }
}

pub(crate) struct Operator {
    cluster: String,
    say: mpsc::Sender<OperatorMessage>,
    heard: watch::Receiver<Heard>,
    listening: JoinHandle<()>,
}

impl Drop for Operator {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

impl Operator {
    /// Opens a session at a node, and waits for the acknowledgement of its greeting.
    pub(crate) async fn greet(port: u16, cluster: &str) -> Self {
        let operator = Self::open(port, cluster).await;
        operator.hears("the greeting is acknowledged", |heard| heard.greetings == 1).await;
        operator
    }

    /// Opens a session and greets.
    pub(crate) async fn open(port: u16, cluster: &str) -> Self {
        let operator = Self::silent(port, cluster).await;
        let hello = Hello { cluster_id: cluster.to_owned(), protocol_version: "v1alpha1".to_owned() };
        operator.say(Say::Hello(hello)).await;
        operator
    }

    /// Opens a stream and says nothing yet.
    pub(crate) async fn silent(port: u16, cluster: &str) -> Self {
        let (say, said) = mpsc::channel(64);
        let mut client = ShardClient::new(channel(port));
        let answer = within("the node takes the stream", client.session(ReceiverStream::new(said))).await;
        let mut stream = answer.expect("the node takes the stream").into_inner();
        let (note, heard) = watch::channel(Heard::default());
        let reply = say.clone();
        let listening = tokio::spawn(async move {
            loop {
                match stream.message().await {
                    Ok(Some(message)) => {
                        let Some(message) = message.message else { continue };
                        if let Some(answer) = answer_to(&message) {
                            let _ = reply.send(OperatorMessage { message: Some(answer) }).await;
                        }
                        note.send_modify(|heard| hear(heard, message));
                    }
                    Ok(None) => return note.send_modify(|heard| heard.ended = Some(Ok(()))),
                    Err(status) => return note.send_modify(|heard| heard.ended = Some(Err(status))),
                }
            }
        });
        Self { cluster: cluster.to_owned(), say, heard, listening }
    }

    pub(crate) async fn say(&self, message: Say) {
        let _ = self.say.send(OperatorMessage { message: Some(message) }).await;
    }

    /// Reports that the cluster needs so many CPUs, in pieces of up to four.
    pub(crate) async fn needs(&self, cpus: u32) {
        self.say(Say::Rollup(rollup(&self.cluster, cpus))).await;
    }

    /// Waits until what was heard meets a condition.
    pub(crate) async fn hears(&self, what: &str, mut met: impl FnMut(&Heard) -> bool) -> Heard {
        let mut heard = self.heard.clone();
        let heard = within(what, heard.wait_for(|heard| met(heard))).await;
        heard.expect("the listener notes before it ends").clone()
    }

    /// What it has heard so far.
    pub(crate) fn heard(&self) -> Heard {
        self.heard.borrow().clone()
    }
}

/// A roll-up of one need.
pub(crate) fn rollup(cluster: &str, cpus: u32) -> ClusterCapacityNeeds {
    let need = CapacityNeed {
        aggregate_resources: [("cpu".to_owned(), cpus.to_string())].into(),
        min_unit: [("cpu".to_owned(), cpus.min(4).to_string())].into(),
        priority: 100,
        ..CapacityNeed::default()
    };
    let needs = if cpus == 0 { vec![] } else { vec![need] };
    ClusterCapacityNeeds { cluster_id: cluster.to_owned(), timestamp_unix_nanos: 0, needs }
}

fn answer_to(message: &Hear) -> Option<Say> {
    match message {
        Hear::BootstrapRequest(request) => Some(Say::BootstrapResponse(BootstrapBlobResponse {
            request_id: request.request_id.clone(),
            user_data: b"join".as_slice().into(),
            ..BootstrapBlobResponse::default()
        })),
        Hear::ReclaimInstruction(instruction) => {
            Some(Say::ReclaimAck(ReclaimAck { instruction_id: instruction.instruction_id.clone(), nodes_started: 1 }))
        }
        _ => None,
    }
}

fn hear(heard: &mut Heard, message: Hear) {
    match message {
        Hear::Ack(ack) if ack.echo == "hello" => heard.greetings += 1,
        Hear::Ack(_) => heard.acks += 1,
        Hear::BootstrapRequest(request) => heard.blobs_asked.push(request.request_id),
        Hear::ReclaimInstruction(instruction) => heard.reclaimed.extend(instruction.nodes),
        Hear::NodeStateUpdate(update) => drop(heard.machines.insert(update.machine_id.clone(), update)),
        Hear::AvailableCapacity(_) => {}
    }
}
