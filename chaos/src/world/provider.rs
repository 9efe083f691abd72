//! The provider: the real simulated one, as two hosts. What it has lives on one, as a database would; its process, which speaks the protocol
//! behind the world's network, on the other, so that it can die and lose every connection and no machine.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;

use argosy_proto::argosy::v1::sim_provider_client::SimProviderClient;
use argosy_proto::argosy::v1::{Effect, Faults, SetFaultsRequest, StrikeRequest};
use argosy_provider::sim::{Ledger, Sim, SimConfig};
use argosy_server::tls::{self, Limits, Security};
use tokio::sync::Notify;

use crate::faults::ProviderFaults;
use crate::layout::Layout;
use crate::wire::{Door, Road};

/// Effects read at a time.
const PAGE: usize = 1_000;

/// What a fault does to the provider.
#[derive(Clone, Debug)]
pub(crate) enum Order {
    Faults(Box<Faults>),
    Strike(Box<StrikeRequest>),
}

/// The provider's place in the world.
pub(crate) struct Counter {
    layout: Arc<Layout>,
    stock: RefCell<Option<Sim>>,
    opened: Notify,
    ledger: RefCell<Option<Ledger>>,
    read: Cell<u64>,
    orders: RefCell<Vec<Order>>,
    ordered: Notify,
}

impl Counter {
    pub(crate) fn new(layout: &Arc<Layout>) -> Rc<Self> {
        Rc::new(Self {
            layout: Arc::clone(layout),
            stock: RefCell::new(None),
            opened: Notify::new(),
            ledger: RefCell::new(None),
            read: Cell::new(0),
            orders: RefCell::default(),
            ordered: Notify::new(),
        })
    }

    /// The software of the host that holds what there is.
    pub(crate) async fn keep(self: Rc<Self>) -> turmoil::Result {
        let sim = Sim::start_as_task(SimConfig {
            faults: ProviderFaults::default().on_the_wire(),
            ..SimConfig::new(self.layout.offered.clone(), self.layout.seed)
        })?;
        self.ledger.replace(Some(sim.ledger()));
        self.stock.replace(Some(sim));
        self.opened.notify_one();
        std::future::pending().await
    }

    /// The software of the host that is spoken to: one life of the provider's process.
    pub(crate) async fn serve(self: Rc<Self>) -> turmoil::Result {
        let door = Door::open(self.layout.provider_port()).await?;
        if self.stock.borrow().is_none() {
            self.opened.notified().await;
        }
        let routes = self.stock.borrow().as_ref().map(Sim::routes).ok_or("there is nothing to serve")?;
        tokio::task::spawn_local(Rc::clone(&self).obey());
        let limits = Limits::default();
        let incoming = tls::accept(door, &Security::Plaintext, &limits);
        tls::server(&limits).add_routes(routes).serve_with_incoming(incoming).await?;
        Ok(())
    }

    /// Carries out what the world's faults ask of the provider.
    async fn obey(self: Rc<Self>) {
        let mut control = SimProviderClient::new(Road(Arc::clone(&self.layout)).channel(self.layout.provider_port()));
        loop {
            for order in self.orders.take() {
                let done = match order {
                    Order::Faults(faults) => {
                        control.set_faults(SetFaultsRequest { faults: Some(*faults) }).await.map(|_| ())
                    }
                    Order::Strike(strike) => control.strike(*strike).await.map(|_| ()),
                };
                if let Err(error) = done {
                    tracing::warn!(%error, "the provider could not be told of a fault");
                }
            }
            self.ordered.notified().await;
        }
    }

    /// Has the provider misbehave.
    pub(crate) fn order(&self, order: Order) {
        self.orders.borrow_mut().push(order);
        self.ordered.notify_one();
    }

    /// What it did since the last call.
    pub(crate) fn look(&self) -> Vec<Effect> {
        let mut effects = Vec::new();
        if let Some(ledger) = &*self.ledger.borrow() {
            loop {
                let page = ledger.effects(self.read.get(), PAGE).expect("a ledger in memory can be read");
                let Some(last) = page.last() else { break };
                self.read.set(last.seq);
                effects.extend(page);
            }
        }
        effects
    }
}
