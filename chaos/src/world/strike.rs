//! How each fault strikes a running world, and how what it broke is mended.

use std::time::Duration;

use argosy_proto::argosy::v1::strike_request::Kind;
use argosy_proto::argosy::v1::{Faults, Selector, StrikeRequest};
use argosy_workload::dice::Dice;

use super::World;
use super::admin::Change;
use super::provider::Order;
use crate::faults::links::{Pairs, across, between};
use crate::faults::{Event, Fault, ProviderFaults};
use crate::layout::{Layout, PROVIDER};

/// A fault that lasts, with what it struck.
#[derive(Debug)]
pub(super) struct Lasting {
    pub(super) event: Event,
    struck: Struck,
    /// Its place in the timeline.
    span: usize,
}

#[derive(Debug)]
enum Struck {
    Cut(Pairs),
    Held(Pairs),
    /// Positions of nodes that are down, or will be at the end.
    Down(Vec<usize>),
    Slowed(usize),
    Removed(String),
    Paused(usize, Pairs),
    Replaced(usize),
    World,
}

impl World {
    /// Lets a fault begin. One that finds nothing to strike does nothing.
    pub(super) fn begin(&mut self, event: &Event) {
        let at = self.now();
        self.trace.note(at, format_args!("begin {:?}", event.fault));
        *self.strikes.entry(event.fault.kind()).or_default() += 1;
        let span = self.recorder.fault(event.fault.kind(), format!("{:?}", event.fault), at);
        if let Some(struck) = self.strike(event) {
            self.lasting.push(Lasting { event: event.clone(), struck, span });
        }
    }

    /// Ends the faults whose time is over; all of them, if `all`.
    pub(super) fn end_due(&mut self, all: bool) {
        let now = self.now();
        let lasting = std::mem::take(&mut self.lasting);
        let (over, rest) = lasting.into_iter().partition(|fault| all || fault.event.ends() <= now);
        self.lasting = rest;
        let over: Vec<Lasting> = over;
        for fault in over {
            self.trace.note(now, format_args!("end {:?}", fault.event.fault));
            self.recorder.fault_ended(fault.span, now);
            self.mend(fault);
        }
    }

    fn strike(&mut self, event: &Event) -> Option<Struck> {
        let fault = &event.fault;
        match fault {
            Fault::WallClock { by_s } => {
                self.calendar.jump(*by_s);
                None
            }
            Fault::Swizzle { nodes } => {
                self.swizzle(nodes, event);
                None
            }
            Fault::LyingOperators { region, lies } => {
                self.desk_of(region)?.lie(lies);
                Some(Struck::World)
            }
            // Nobody lives in a region that is home to no shard.
            Fault::OperatorsGone { region } | Fault::AgentsGone { region } if !self.layout.homes().contains(region) => {
                None
            }
            Fault::OperatorsGone { region } => {
                self.sim.crash(Layout::operators_of(region).as_str());
                Some(Struck::World)
            }
            Fault::AgentsGone { region } => {
                self.sim.crash(Layout::agents_of(region).as_str());
                Some(Struck::World)
            }
            Fault::AgentStorm { events } => {
                for ward in &self.wards {
                    ward.storm(*events);
                    self.sim.bounce(Layout::agents_of(ward.region()).as_str());
                }
                None
            }
            Fault::Transfer { node } => {
                let node = self.station_of(node)?;
                self.office.ask(Change::Transfer(self.stations[node].site.id.clone()));
                None
            }
            Fault::Waver => {
                for node in
                    ["follower", "leader"].into_iter().filter_map(|node| self.station_of(node)).collect::<Vec<_>>()
                {
                    self.office.ask(Change::Transfer(self.stations[node].site.id.clone()));
                }
                None
            }
            Fault::Snapshot => {
                self.office.ask(Change::Snapshot);
                None
            }
            Fault::Remove { node } => {
                let at = self.station_of(node)?;
                let node = self.stations[at].site.id.clone();
                self.office.exclude(&node);
                Some(Struck::Removed(node))
            }
            _ => self
                .strike_provider(fault)
                .or_else(|| self.strike_clock(fault))
                .or_else(|| self.strike_links(fault))
                .or_else(|| self.strike_node(fault)),
        }
    }

    fn strike_provider(&mut self, fault: &Fault) -> Option<Struck> {
        match fault {
            Fault::ProviderCrash => self.sim.crash(PROVIDER),
            Fault::Provider(faults) => self.counter.order(Order::Faults(Box::new(faults.on_the_wire()))),
            Fault::StockOut => self.provider_strike(Kind::StockOut, 0),
            Fault::Vanish { share_ppm } => {
                self.provider_strike(Kind::Vanish, *share_ppm);
                return None;
            }
            Fault::ExpireCursors => {
                self.provider_strike(Kind::ExpireCursors, 0);
                return None;
            }
            _ => return None,
        }
        Some(Struck::World)
    }

    fn strike_clock(&mut self, fault: &Fault) -> Option<Struck> {
        let now = self.now();
        match fault {
            Fault::ClockDrift { ppm } => self.calendar.drift(*ppm, now),
            Fault::ClockStrobe { by_s } => self.calendar.strobe(Some(*by_s)),
            Fault::ClockFreeze => self.calendar.freeze(now),
            _ => return None,
        }
        Some(Struck::World)
    }

    /// Nodes lose everybody else one by one in the first third of the time, and are let back in another order in the last one.
    fn swizzle(&mut self, nodes: &[String], event: &Event) {
        let mut order: Vec<usize> = match nodes {
            [] => (0..self.stations.len()).filter(|_| self.dice.chance(600_000)).collect(),
            _ => nodes.iter().filter_map(|node| self.station_of(node)).collect(),
        };
        shuffle(&mut order, &mut self.dice);
        let mut back = order.clone();
        shuffle(&mut back, &mut self.dice);
        let (third, count) = (event.for_ms / 3, order.len().max(1) as u64);
        let begins = crate::timeline::ms(self.now());
        for (cut, at) in (0..).zip(&order) {
            let healed = (0..).zip(&back).find(|(_, other)| *other == at).map_or(0, |(position, _)| position);
            let (from, until) = (third * cut / count, third * 2 + third * healed / count);
            let fault = Fault::Partition { nodes: vec![self.stations[*at].site.id.clone()] };
            self.to_come.push(Event { at_ms: begins + from, for_ms: until - from, fault });
        }
    }

    fn strike_links(&mut self, fault: &Fault) -> Option<Struck> {
        match fault {
            Fault::Partition { nodes } => {
                let pairs = self.around(nodes);
                Some(self.cut(pairs))
            }
            Fault::IsolateRegion { region } => {
                let pairs = self.border(region);
                Some(self.cut(pairs))
            }
            Fault::Mute { nodes } => {
                let (these, others) = self.sides(nodes);
                Some(self.cut(between(&these, &others)))
            }
            Fault::Deafen { nodes } => {
                let (these, others) = self.sides(nodes);
                Some(self.cut(between(&others, &these)))
            }
            Fault::Ring => {
                let pairs = self.chords();
                Some(self.cut(pairs))
            }
            Fault::Clog { nodes } => {
                let pairs = self.around(nodes);
                self.links.hold(&self.sim, &pairs);
                Some(Struck::Held(pairs))
            }
            Fault::Pause { node } => {
                let at = self.station_of(node)?;
                let pairs = self.around(std::slice::from_ref(&self.stations[at].site.id.clone()));
                self.links.hold(&self.sim, &pairs);
                self.stations[at].set_paused(true);
                Some(Struck::Paused(at, pairs))
            }
            Fault::Loss { ppm } => {
                self.sim.set_fail_rate(f64::from(*ppm) / 1e6);
                Some(Struck::World)
            }
            Fault::Delay { ms } => {
                self.set_latencies(Duration::from_millis(*ms));
                Some(Struck::World)
            }
            _ => None,
        }
    }

    fn strike_node(&mut self, fault: &Fault) -> Option<Struck> {
        let (Fault::Crash { node }
        | Fault::Stop { node }
        | Fault::Wipe { node }
        | Fault::Replace { node }
        | Fault::FailSync { node }
        | Fault::FullDisk { node }
        | Fault::SlowDisk { node, .. }
        | Fault::Rot { node }) = fault
        else {
            return None;
        };
        if matches!(fault, Fault::Wipe { .. } | Fault::Rot { .. } | Fault::Replace { .. }) && !self.office.is_full() {
            return None;
        }
        let at = self.station_of(node)?;
        let station = std::rc::Rc::clone(&self.stations[at]);
        match fault {
            Fault::Stop { .. } => station.stop(),
            Fault::FailSync { .. } => station.disk().fail_next_sync(),
            Fault::FullDisk { .. } => station.disk().set_capacity(Some(station.disk().stats().bytes + 4_096)),
            Fault::SlowDisk { sync_ms, .. } => {
                station.set_sync(Duration::from_millis(*sync_ms));
                return Some(Struck::Slowed(at));
            }
            _ => {
                self.power_off(at);
                match fault {
                    Fault::Replace { .. } => {
                        let seed = self.layout.dice(&format!("replace/{}", station.site.id)).bits();
                        station.wipe(seed);
                        return Some(Struck::Replaced(at));
                    }
                    Fault::Wipe { .. } => {
                        let seed =
                            self.layout.dice(&format!("wipe/{}/{}", station.site.id, self.now().as_millis())).bits();
                        station.wipe(seed);
                        self.lost.insert(station.site.id.clone());
                    }
                    // Only what a checksum of ours covers is asked to be noticed, and all of a group's log is.
                    Fault::Rot { .. } if station.disk().rot(|key| key.first() == Some(&b'l')).is_some() => {
                        self.lost.insert(station.site.id.clone());
                    }
                    _ => {}
                }
            }
        }
        Some(Struck::Down(vec![at]))
    }

    fn mend(&mut self, fault: Lasting) {
        match fault.struck {
            Struck::Cut(pairs) => self.links.mend(&self.sim, &pairs),
            Struck::Held(pairs) => self.links.release(&self.sim, &pairs),
            Struck::Slowed(at) => self.stations[at].set_sync(Duration::from_millis(self.layout.shape.sync_ms)),
            Struck::Removed(node) => self.office.readmit(&node),
            Struck::Paused(at, pairs) => {
                self.links.release(&self.sim, &pairs);
                self.stations[at].set_paused(false);
            }
            Struck::Replaced(at) => {
                self.restart(at);
                let node = self.stations[at].site.id.clone();
                self.office.replace(&node);
            }
            Struck::Down(nodes) => {
                for at in nodes {
                    self.restart(at);
                }
            }
            Struck::World => match fault.event.fault {
                Fault::Loss { .. } => self.sim.set_fail_rate(0.0),
                Fault::Delay { .. } => self.set_latencies(Duration::ZERO),
                Fault::Provider(_) => {
                    self.counter.order(Order::Faults(Box::new(ProviderFaults::default().on_the_wire())))
                }
                Fault::StockOut => self.provider_strike(Kind::Restock, 0),
                Fault::ClockDrift { .. } => self.calendar.drift(0, self.sim.elapsed()),
                Fault::ClockStrobe { .. } => self.calendar.strobe(None),
                Fault::ClockFreeze => self.calendar.thaw(self.sim.elapsed()),
                Fault::ProviderCrash => self.sim.bounce(PROVIDER),
                Fault::LyingOperators { region, .. } => {
                    if let Some(desk) = self.desk_of(&region) {
                        desk.lie(&[]);
                    }
                }
                Fault::OperatorsGone { region } => self.sim.bounce(Layout::operators_of(&region).as_str()),
                Fault::AgentsGone { region } => self.sim.bounce(Layout::agents_of(&region).as_str()),
                _ => {}
            },
        }
    }

    fn cut(&mut self, pairs: Pairs) -> Struck {
        self.links.cut(&self.sim, &pairs);
        Struck::Cut(pairs)
    }

    /// Takes the power from a node, if it has it.
    fn power_off(&mut self, at: usize) {
        let station = &self.stations[at];
        station.crash();
        self.sim.crash(station.site.id.as_str());
    }

    /// Starts a node that could not go on; with an empty disk, if what it had is damaged.
    pub(super) fn power_off_and_on(&mut self, id: &str, with_another_disk: bool) {
        let Some(at) = self.stations.iter().position(|station| station.site.id == id) else { return };
        self.power_off(at);
        if with_another_disk {
            self.stations[at].wipe(self.layout.dice(&format!("heal/{id}")).bits());
        }
        self.restart(at);
    }

    /// Starts a node again, whatever state it is in; the disk has room again.
    fn restart(&mut self, at: usize) {
        self.power_off(at);
        let station = &self.stations[at];
        station.disk().set_capacity(None);
        self.sim.bounce(station.site.id.as_str());
    }

    /// The position of the node that is meant. `any` is a node by the world's own chance.
    fn station_of(&mut self, node: &str) -> Option<usize> {
        let shard = self.layout.shards[0].id.clone();
        let leader = self.stations.iter().position(|station| station.leads(&shard));
        match node {
            "leader" => leader,
            "follower" => (0..self.stations.len()).find(|at| Some(*at) != leader && self.stations[*at].is_up()),
            "any" => usize::try_from(self.dice.below(self.stations.len() as u64)).ok(),
            id => self.stations.iter().position(|station| station.site.id == id),
        }
    }

    fn desk_of(&self, region: &str) -> Option<&super::Desk> {
        self.desks.iter().find(|desk| desk.region() == region).map(|desk| &**desk)
    }

    /// The named nodes, and the other nodes.
    fn sides(&mut self, nodes: &[String]) -> (Vec<String>, Vec<String>) {
        let named: Vec<usize> = nodes.iter().filter_map(|node| self.station_of(node)).collect();
        let (these, others): (Vec<_>, Vec<_>) =
            self.stations.iter().enumerate().partition(|(at, _)| named.contains(at));
        let ids = |stations: Vec<(usize, &std::rc::Rc<super::Station>)>| {
            stations.into_iter().map(|(_, station)| station.site.id.clone()).collect()
        };
        (ids(these), ids(others))
    }

    /// Every link between the named nodes and everybody else, people and provider included.
    fn around(&mut self, nodes: &[String]) -> Pairs {
        let (these, _) = self.sides(nodes);
        let hosts = self.layout.hosts();
        let others: Vec<_> = hosts.into_iter().map(|(host, _)| host).filter(|host| !these.contains(host)).collect();
        across(&these, &others)
    }

    fn border(&self, region: &str) -> Pairs {
        let (inside, outside): (Vec<_>, Vec<_>) = self.layout.hosts().into_iter().partition(|(_, of)| of == region);
        let names = |hosts: Vec<(String, String)>| hosts.into_iter().map(|(host, _)| host).collect::<Vec<_>>();
        across(&names(inside), &names(outside))
    }

    /// The links of nodes that are no neighbours in a ring.
    fn chords(&self) -> Pairs {
        let nodes = &self.layout.nodes;
        let count = nodes.len();
        let is_chord = |a: usize, b: usize| {
            let apart = a.abs_diff(b);
            apart.min(count - apart) > 1
        };
        let mut pairs = Pairs::new();
        for a in 0..count {
            let far = (0..count).filter(|b| is_chord(a, *b));
            pairs.extend(far.map(|b| (nodes[a].id.clone(), nodes[b].id.clone())));
        }
        pairs
    }

    pub(super) fn set_latencies(&self, more: Duration) {
        let hosts = self.layout.hosts();
        for (at, (a, region)) in hosts.iter().enumerate() {
            for (b, other) in &hosts[at + 1..] {
                self.sim.set_link_latency(a.as_str(), b.as_str(), self.layout.latency(region, other) + more);
            }
        }
    }

    fn provider_strike(&self, kind: Kind, share_ppm: u32) {
        let selector = Selector { share_ppm, ..Selector::default() };
        let strike = StrikeRequest { kind: kind.into(), selector: Some(selector) };
        self.counter.order(Order::Strike(Box::new(strike)));
    }
}

/// Puts things into any order (Fisher and Yates).
fn shuffle<T>(things: &mut [T], dice: &mut Dice) {
    for last in (1..things.len()).rev() {
        let other = usize::try_from(dice.below(last as u64 + 1)).unwrap_or(last);
        things.swap(last, other);
    }
}

impl ProviderFaults {
    pub(super) fn on_the_wire(&self) -> Faults {
        Faults {
            unavailable_ppm: self.unavailable_ppm,
            throttle_ppm: self.throttle_ppm,
            throttle_pause_ms: 500,
            lost_ack_ppm: self.lost_ack_ppm,
            hang_ppm: self.hang_ppm,
            create_failure_ppm: self.create_failure_ppm,
            configure_failure_ppm: self.configure_failure_ppm,
            drain_failure_ppm: self.drain_failure_ppm,
            ack_delay_ms: self.ack_delay_ms,
            list_delay_ms: self.list_delay_ms,
            // What a campaign breaks must come back, or nothing could be asked of its end.
            repair_ms: 20_000,
            return_ms: 20_000,
            ..Faults::default()
        }
    }
}
