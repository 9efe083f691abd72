//! The scheduler of one cluster: binds waiting pods to the machines that the cluster has, as kube-scheduler's scoring would.
//!
//! Gangs go first, then what is tied to types or zones, then the rest. A gang's first pod fixes its rack or zone, and the others
//! go there or wait. There are no taints and no limit of pods on a machine.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::hosts::Hosts;
use super::pods::ClusterPods;
use super::shape::PodShape;

/// Which machine a pod prefers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Packing {
    /// The emptiest: least allocated, as a scheduler does by default.
    #[default]
    Spread,
    /// The fullest that still fits: most allocated, which leaves whole machines free.
    Pack,
}

/// How a cluster's scheduler goes about it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Discipline {
    /// Which machine a pod prefers.
    pub packing: Packing,
    /// Higher priority binds first, and throws out what is lower where nothing else is free.
    pub priority_inside: bool,
}

/// The machines of one cluster, by number, with what is left of each.
#[derive(Clone, Debug, Default)]
pub(super) struct Scheduler {
    free: BTreeMap<usize, Vec<u64>>,
}

impl Scheduler {
    /// Takes in the machines that the cluster has now. Pods on those that it no longer has lose them: they wait again if
    /// somebody recreates them, and are gone otherwise. Returns how many were thrown out.
    pub(super) fn evict(&mut self, hosts: &Hosts, pods: &mut ClusterPods, has: &[usize], recreated: bool) -> u64 {
        let mut lost: Vec<usize> = Vec::new();
        self.free.retain(|number, _| {
            let stays = has.binary_search(number).is_ok();
            if !stays {
                lost.push(*number);
            }
            stays
        });
        for number in has {
            self.free.entry(*number).or_insert_with(|| hosts.get(*number).capacity.clone());
        }
        if lost.is_empty() {
            return 0;
        }
        let mut evicted = 0;
        for object in &mut pods.objects {
            let before = object.bound.len();
            object.bound.retain(|number| lost.binary_search(number).is_err());
            let gone = (before - object.bound.len()) as u64;
            if gone > 0 {
                evicted += gone;
                object.pending += if recreated { gone } else { 0 };
                object.anchor = object.anchor.take().filter(|_| !object.bound.is_empty());
            }
        }
        evicted
    }

    /// Frees what one pod took on a machine.
    pub(super) fn release(&mut self, number: usize, amounts: &[u64]) {
        if let Some(free) = self.free.get_mut(&number) {
            free.iter_mut().zip(amounts).for_each(|(free, amount)| *free += amount);
        }
    }

    /// Binds what can be bound. Returns how many pods found a machine.
    pub(super) fn bind(&mut self, hosts: &Hosts, shapes: &[PodShape], pods: &mut ClusterPods, how: Discipline) -> u64 {
        let class = |shape: &PodShape| match (shape.gang, shape.instance_types.is_empty() && shape.zones.is_empty()) {
            (Some(_), _) => 0,
            (None, false) => 1,
            (None, true) => 2,
        };
        let mut order: Vec<usize> = (0..pods.objects.len()).filter(|at| pods.objects[*at].pending > 0).collect();
        order.sort_by_key(|at| {
            let shape = &shapes[pods.objects[*at].shape];
            let priority = if how.priority_inside { Reverse(shape.priority) } else { Reverse(0) };
            (priority, class(shape), *at)
        });
        let mut bound = 0;
        for at in order {
            while pods.objects[at].pending > 0 {
                let shape = &shapes[pods.objects[at].shape];
                let amounts = hosts.vector(shape);
                let mut found = self.best(hosts, shape, &amounts, pods.objects[at].anchor.as_deref(), how.packing);
                if found.is_none() && how.priority_inside {
                    found = self.throw_out(hosts, shapes, pods, at, &amounts);
                }
                let Some(number) = found else { break };
                let free = self.free.get_mut(&number).expect("the best is one of them");
                free.iter_mut().zip(&amounts).for_each(|(free, amount)| *free -= amount);
                let object = &mut pods.objects[at];
                object.pending -= 1;
                object.bound.push(number);
                if let (Some(scope), None) = (shape.gang, &object.anchor) {
                    object.anchor = Some(hosts.get(number).domain(scope).to_owned());
                }
                bound += 1;
            }
        }
        bound
    }

    /// The machine with the most room for such pods (or the least, where packing is wanted), the lowest id among equals.
    fn best(
        &self,
        hosts: &Hosts,
        shape: &PodShape,
        amounts: &[u64],
        anchor: Option<&str>,
        packing: Packing,
    ) -> Option<usize> {
        let mut best: Option<(u64, usize)> = None;
        for (number, free) in &self.free {
            let slots = slots(free, amounts);
            let better = match (best, packing) {
                (None, _) => true,
                (Some((most, _)), Packing::Spread) => slots > most,
                (Some((least, _)), Packing::Pack) => slots < least,
            };
            if slots > 0 && better && may_host(hosts, *number, shape, anchor) {
                best = Some((slots, *number));
            }
        }
        best.map(|(_, number)| number)
    }

    /// Makes room for one pod by throwing out the newest pods of lower priority of one machine; the first machine where that
    /// is enough.
    fn throw_out(
        &mut self,
        hosts: &Hosts,
        shapes: &[PodShape],
        pods: &mut ClusterPods,
        at: usize,
        amounts: &[u64],
    ) -> Option<usize> {
        let shape = &shapes[pods.objects[at].shape];
        let numbers: Vec<usize> = self.free.keys().copied().collect();
        for number in numbers.into_iter().filter(|n| may_host(hosts, *n, shape, pods.objects[at].anchor.as_deref())) {
            let mut free = self.free[&number].clone();
            let mut out: Vec<(usize, usize)> = Vec::new();
            let mut lower: Vec<usize> = (0..pods.objects.len())
                .filter(|other| shapes[pods.objects[*other].shape].priority < shape.priority)
                .collect();
            lower.sort_by_key(|other| shapes[pods.objects[*other].shape].priority);
            'room: for other in lower {
                let theirs = hosts.vector(&shapes[pods.objects[other].shape]);
                let here = pods.objects[other].bound.iter().enumerate().rev().filter(|(_, on)| **on == number);
                for (pod, _) in here {
                    if slots(&free, amounts) > 0 {
                        break 'room;
                    }
                    free.iter_mut().zip(&theirs).for_each(|(free, amount)| *free += amount);
                    out.push((other, pod));
                }
            }
            if slots(&free, amounts) > 0 {
                // Each object's pods were listed from the last, so that removing one moves no other that is to go.
                for (other, pod) in out {
                    let object = &mut pods.objects[other];
                    object.bound.remove(pod);
                    object.pending += 1;
                    object.anchor = object.anchor.take().filter(|_| !object.bound.is_empty());
                }
                self.free.insert(number, free);
                return Some(number);
            }
        }
        None
    }
}

fn may_host(hosts: &Hosts, number: usize, shape: &PodShape, anchor: Option<&str>) -> bool {
    let host = hosts.get(number);
    let in_place = match (shape.gang, anchor) {
        (Some(scope), Some(anchor)) => host.domain(scope) == anchor,
        _ => true,
    };
    in_place && host.admits(shape)
}

/// How many whole pods fit.
fn slots(free: &[u64], amounts: &[u64]) -> u64 {
    let each = free.iter().zip(amounts).filter(|(_, amount)| **amount > 0);
    each.map(|(free, amount)| free / amount).min().unwrap_or(0)
}
