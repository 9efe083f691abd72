//! A simulated provider on a real loopback port, with clients, for one test.

use std::path::Path;

use argosy_proto::argosy::v1::sim_provider_client::SimProviderClient;
use argosy_proto::argosy::v1::{
    AdvanceRequest, Effect, EffectsRequest, Faults, QuiesceRequest, QuiesceResponse, SetFaultsRequest,
};
use argosy_proto::bigfleet::v1alpha1::capacity_provider_client::CapacityProviderClient;
use argosy_provider::client::{Client, Deadlines, Fence, Mutation, Order, Tag};
use argosy_provider::sim::{self, Catalogue, Latencies, SimConfig, SimError};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tonic::transport::Channel;

pub(crate) const ALWAYS: u32 = 1_000_000;

pub(crate) struct Rig {
    pub(crate) channel: Channel,
    pub(crate) client: Client,
    pub(crate) raw: CapacityProviderClient<Channel>,
    pub(crate) control: SimProviderClient<Channel>,
    stop: oneshot::Sender<()>,
    served: JoinHandle<Result<(), SimError>>,
}

/// Twenty machines of each of two zones, half of them idle, in virtual time; every transition takes 100 ms.
pub(crate) fn config() -> SimConfig {
    let catalogue = r#"
        provider = "sim"
        regions = { eu = ["eu-a"], us = ["us-a"] }
        [[offering]]
        name = "n"
        instance_type = "n.4"
        capacity_type = "on-demand"
        price_per_hour = 1.5
        slots = 20
        idle_percent = 50
        machines_per_rack = 4
        resources = { cpu = "4", memory = "16Gi" }
    "#;
    let catalogue = Catalogue { latency: Latencies::fixed(100), ..Catalogue::parse(catalogue).expect("valid") };
    SimConfig { virtual_time: true, ..SimConfig::new(catalogue, 7) }
}

pub(crate) fn stored_in(dir: &Path) -> SimConfig {
    SimConfig { data_dir: Some(dir.to_owned()), ..config() }
}

impl Rig {
    pub(crate) async fn start(config: SimConfig) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("bound");
        let (stop, stopped) = oneshot::channel::<()>();
        let served = tokio::spawn(sim::serve(config, listener, async move { drop(stopped.await) }));
        let endpoint = Channel::from_shared(format!("http://{address}")).expect("an address");
        let channel = endpoint.connect().await.expect("the listener accepts");
        Self {
            client: Client::new(channel.clone(), Deadlines::default()),
            raw: CapacityProviderClient::new(channel.clone()),
            control: SimProviderClient::new(channel.clone()),
            channel,
            stop,
            served,
        }
    }

    /// Stops the provider and waits until everything is stored and the port is closed.
    pub(crate) async fn stop(self) {
        let Self { channel, client, raw, control, stop, served } = self;
        drop((channel, client, raw, control));
        drop(stop);
        served.await.expect("no panic").expect("a clean end");
    }

    pub(crate) async fn set_faults(&mut self, faults: Faults) {
        self.control.set_faults(SetFaultsRequest { faults: Some(faults) }).await.expect("set");
    }

    pub(crate) async fn advance(&mut self, by_ms: u64) -> u64 {
        self.control.advance(AdvanceRequest { by_ms }).await.expect("virtual time").into_inner().applied
    }

    pub(crate) async fn settle(&mut self) -> QuiesceResponse {
        self.control.quiesce(QuiesceRequest { settle: true }).await.expect("settles").into_inner()
    }

    pub(crate) async fn effects(&mut self) -> Vec<Effect> {
        let request = EffectsRequest { after_seq: 0, follow: false };
        let mut stream = self.control.effects(request).await.expect("a stream").into_inner();
        let mut all = Vec::new();
        while let Some(frame) = stream.message().await.expect("a frame") {
            all.extend(frame.effects);
        }
        all
    }
}

pub(crate) fn fence(epoch: i64, sequence: i64) -> Fence {
    Fence::new("shard-1", epoch, sequence).expect("positive")
}

pub(crate) fn order(machine: &str, mutation: Mutation, fence: Fence) -> Order {
    Order { machine_id: machine.to_owned(), mutation, fence, tag: None }
}

pub(crate) fn tagged(machine: &str, mutation: Mutation, fence: Fence, operation: &str, attempt: u32) -> Order {
    let tag = Some(Tag { operation: operation.to_owned(), attempt });
    Order { tag, ..order(machine, mutation, fence) }
}

pub(crate) fn configure(cluster: &str) -> Mutation {
    Mutation::Configure {
        cluster_id: cluster.to_owned(),
        bootstrap_blob: b"#cloud-config".as_slice().into(),
        shard_metadata: [("bigfleet.lucy.sh/assigned-priority".to_owned(), "7".to_owned())].into(),
    }
}
