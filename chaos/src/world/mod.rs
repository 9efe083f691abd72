//! A running world: its hosts, its clock, and the looks at it.

mod admin;
pub(crate) mod agents;
mod calendar;
mod chronicle;
mod clerks;
mod node;
mod operators;
mod provider;
mod scribe;
mod strike;

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use argosy_failpoint::{Armed, Failpoint};
use argosy_workload::dice::Dice;
use turmoil::Sim;

use crate::entries::Entries;
use crate::faults::links::Links;
use crate::faults::{Campaign, Event};
use crate::history::History;
use crate::layout::{ADMIN, Layout, PROVIDER, STOCK};
use crate::sight::Sight;
use crate::timeline::{Recorder, Timeline};
use crate::trace::Trace;

use self::admin::{Change, Office};
use self::agents::Ward;
use self::calendar::Calendar;
use self::chronicle::Chronicle;
use self::node::Station;
use self::operators::Desk;
use self::provider::Counter;
use self::strike::Lasting;

/// Looks are so far apart.
pub const LOOK: Duration = Duration::from_millis(10);
/// Bytes that a connection may have on its way.
const TCP_CAPACITY: usize = 65_536;

/// A world, on the thread that made it.
pub struct World {
    sim: Sim<'static>,
    clock: argosy_hermetic::World,
    armed: Armed,
    layout: Arc<Layout>,
    stations: Vec<Rc<Station>>,
    desks: Vec<Rc<Desk>>,
    wards: Vec<Rc<Ward>>,
    counter: Rc<Counter>,
    entries: Entries,
    office: Rc<Office>,
    trace: Trace,
    chronicle: Chronicle,
    recorder: Recorder,
    links: Links,
    lasting: Vec<Lasting>,
    strikes: BTreeMap<&'static str, u64>,
    /// Nodes that lost their disk, or a part of it.
    lost: BTreeSet<String>,
    dice: Dice,
    calendar: Calendar,
    /// What faults bring about later.
    to_come: Vec<Event>,
}

/// A world could not go on: a host ended by itself, or something in it panicked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the world broke at {at:?}: {reason}")]
pub struct Broken {
    /// Since the world began.
    pub at: Duration,
    /// What happened.
    pub reason: String,
}

impl World {
    /// Makes a world in which nothing has happened yet. It takes over the clock and the entropy of this thread, so make it on a thread of
    /// its own.
    #[must_use]
    pub fn new(campaign: &Campaign, seed: u64) -> Self {
        let clock = argosy_hermetic::World::enter(seed);
        let armed = argosy_failpoint::arm(seed, campaign.failpoints.0.clone(), campaign.planted);
        let layout = Arc::new(Layout::new(campaign.shape.clone(), seed));
        let tick = Duration::from_millis(layout.shape.tick_ms);
        let mut sim = turmoil::Builder::new()
            .epoch(UNIX_EPOCH + calendar::EPOCH)
            .simulation_duration(Duration::MAX)
            .tick_duration(tick)
            .min_message_latency(tick)
            .max_message_latency(tick * 2)
            .tcp_capacity(TCP_CAPACITY)
            .ephemeral_ports(10_000..=65_535)
            .enable_random_order()
            .rng_seed(seed)
            .build();
        let counter = Counter::new(&layout);
        sim.host(STOCK, {
            let counter = Rc::clone(&counter);
            move || Rc::clone(&counter).keep()
        });
        sim.host(PROVIDER, {
            let counter = Rc::clone(&counter);
            move || Rc::clone(&counter).serve()
        });
        let stations: Vec<_> = layout.nodes.iter().map(|site| Station::new(&layout, site, campaign.planted)).collect();
        for station in &stations {
            let station = Rc::clone(station);
            sim.host(station.site.id.clone(), move || Rc::clone(&station).live());
        }
        let homes = layout.homes();
        let desks: Vec<_> = homes.iter().map(|region| Desk::new(&layout, region)).collect();
        for (region, desk) in homes.iter().zip(&desks) {
            let desk = Rc::clone(desk);
            sim.host(Layout::operators_of(region), move || Rc::clone(&desk).operate());
        }
        let wards: Vec<_> = homes.iter().map(|region| Ward::new(&layout, region)).collect();
        for ward in &wards {
            let at = Rc::clone(ward);
            sim.host(Layout::agents_of(ward.region()), move || Rc::clone(&at).watch());
        }
        let office = Office::new(&layout);
        let staff = Rc::clone(&office);
        sim.host(ADMIN, move || Rc::clone(&staff).work());
        let world = Self {
            dice: layout.dice("world"),
            sim,
            clock,
            armed,
            layout,
            stations,
            desks,
            wards,
            counter,
            entries: Entries::default(),
            office,
            trace: Trace::default(),
            chronicle: Chronicle::default(),
            recorder: Recorder::default(),
            links: Links::default(),
            lasting: Vec::new(),
            strikes: BTreeMap::new(),
            lost: BTreeSet::new(),
            calendar: Calendar::default(),
            to_come: Vec::new(),
        };
        world.set_latencies(Duration::ZERO);
        world
    }

    /// The world on paper.
    #[must_use]
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// Since the world began.
    #[must_use]
    pub fn now(&self) -> Duration {
        self.sim.elapsed()
    }

    /// What happened so far.
    #[must_use]
    pub fn trace(&self) -> &Trace {
        &self.trace
    }

    /// How often each kind of fault has struck.
    #[must_use]
    pub fn strikes(&self) -> &BTreeMap<&'static str, u64> {
        &self.strikes
    }

    /// How often each failpoint has fired.
    #[must_use]
    pub fn hits(&self) -> BTreeMap<Failpoint, u64> {
        self.armed.hits()
    }

    /// What happened so far, to be drawn.
    #[must_use]
    pub fn timeline(&self) -> Timeline {
        let nodes = self.layout.nodes.iter().map(|node| node.id.clone());
        let shards = self.layout.shards.iter().map(|shard| shard.id.clone());
        self.recorder.timeline(nodes.collect(), shards.collect())
    }

    /// What the administrators asked and were told.
    #[must_use]
    pub fn history(&self) -> History {
        self.office.history.borrow().clone()
    }

    /// Lets the faults begin that are due, in order, and ends those whose time is over.
    pub fn suffer(&mut self, due: &[Event]) {
        self.end_due(false);
        let now = self.now();
        let (mut later, rest) = std::mem::take(&mut self.to_come).into_iter().partition(|event| event.begins() <= now);
        self.to_come = rest;
        let later: &mut Vec<Event> = &mut later;
        for event in due.iter().chain(later.iter()) {
            self.begin(event);
        }
    }

    /// Ends every fault, gives every node back what can be given back, and lets demand stand still.
    pub fn heal(&mut self) {
        let now = self.now();
        self.trace.note(now, format_args!("heal"));
        self.recorder.healed(now);
        argosy_failpoint::disarm();
        self.to_come.clear();
        self.end_due(true);
        for station in self.stations.clone() {
            let id = station.site.id.clone();
            let is_lost = self.lost.contains(&id);
            if station.is_broken() {
                self.power_off_and_on(&id, is_lost);
            }
            if is_lost {
                self.office.estrange(&id);
            }
        }
        self.office.make_whole(self.stations.iter().map(|station| station.site.id.as_str()));
        self.office.close();
        self.office.ask(Change::Lanes);
        self.office.ask(Change::LetGo);
        for desk in &self.desks {
            desk.hold_still(now);
        }
        for ward in &self.wards {
            ward.hold_still();
        }
    }

    /// Whether administrators have nothing left to do.
    #[must_use]
    pub fn is_administered(&self) -> bool {
        self.office.is_idle()
    }

    /// Lets time pass until the next look.
    ///
    /// # Errors
    /// When a host failed.
    pub fn advance(&mut self) -> Result<(), Broken> {
        let until = self.sim.elapsed() + LOOK;
        while self.sim.elapsed() < until {
            let now = self.sim.elapsed();
            // Instants of this process begin at a second, so that a moment before the world's beginning can be named.
            self.clock.set_clocks(Duration::from_secs(1) + now, self.calendar.shows(now));
            self.sim.step().map_err(|error| Broken { at: now, reason: error.to_string() })?;
        }
        Ok(())
    }

    /// Looks at everything, and writes down what has changed.
    pub fn look(&mut self) -> Sight<'_> {
        let at = self.sim.elapsed();
        let nodes: Vec<_> = self.stations.iter().map(|station| station.look()).collect();
        let sight = Sight {
            at,
            layout: &self.layout,
            entries: self.entries.read(&nodes),
            nodes,
            effects: self.counter.look(),
            agents: self.wards.iter().flat_map(|ward| ward.look()).collect(),
            clusters: self.desks.iter().flat_map(|desk| desk.look()).collect(),
        };
        self.chronicle.look(&mut self.trace, &sight);
        self.recorder.look(&sight);
        sight
    }
}
