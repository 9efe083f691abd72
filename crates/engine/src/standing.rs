//! Standings: where each row stands in the course of a cycle. What it wants, what it has been given, what it lacks.

use argosy_model::{NeedMark, ShardTime, Sym};
use smallvec::SmallVec;

use crate::Policy;
use crate::menu::MenuIx;
use crate::rows::Row;
use crate::supply::ClassIx;
use crate::yardstick::{Amounts, Yardstick, is_covered};

/// Whether a row takes part in a cycle, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// It seeks what it lacks.
    Seeking,
    /// Without hope for a while: it keeps what it has and asks for nothing.
    Parked,
    /// A gang that could not be put together in time: it gives back what it took and leaves the field to others.
    Retreating,
    /// A gang that was preempted in this cycle.
    Evicted,
}

/// How many machines of a spread row each domain has, the new ones included. Sorted by domain.
#[derive(Clone, Debug, Default)]
pub(crate) struct Counts(SmallVec<[(Sym, u32); 4]>);

impl Counts {
    pub(crate) fn get(&self, domain: Sym) -> u32 {
        self.0.binary_search_by_key(&domain, |(d, _)| *d).map_or(0, |at| self.0[at].1)
    }

    pub(crate) fn add(&mut self, domain: Sym, count: u32) {
        match self.0.binary_search_by_key(&domain, |(d, _)| *d) {
            Ok(at) => self.0[at].1 += count,
            Err(at) => self.0.insert(at, (domain, count)),
        }
    }

    pub(crate) fn subtract(&mut self, domain: Sym, count: u32) {
        let at = self.0.binary_search_by_key(&domain, |(d, _)| *d).expect("only what was added is subtracted");
        self.0[at].1 -= count;
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (Sym, u32)> + '_ {
        self.0.iter().copied()
    }
}

/// Where a row stands.
#[derive(Debug)]
pub(crate) struct Standing {
    pub(crate) part: Part,
    pub(crate) is_probing: bool,
    /// What the last cycles left to remember.
    pub(crate) mark: NeedMark,
    pub(crate) menu: MenuIx,
    pub(crate) yard: Yardstick,
    /// What neither its machines, nor those on their way, nor this plan covers yet.
    pub(crate) short: Amounts,
    /// What it has been given; a class may come twice.
    pub(crate) claims: SmallVec<[(ClassIx, u32); 2]>,
    pub(crate) counts: Counts,
    /// Position in its menu of the domain that it is confined to.
    pub(crate) domain: Option<usize>,
    /// Whether it is a gang that was whole and still has machines: it keeps them, whatever it lacks.
    pub(crate) holds_on: bool,
    /// Whether some domain could host it whole, taken together with what it holds.
    pub(crate) has_host: bool,
    pub(crate) bootstraps: u32,
    pub(crate) provisions: u32,
    pub(crate) victims: u32,
    /// What its victims free.
    pub(crate) freed: Amounts,
}

impl Standing {
    pub(crate) fn new(row: &Row<'_>, menu: MenuIx, mark: &NeedMark, policy: &Policy, now: ShardTime) -> Self {
        let yard = row.yardstick();
        let (part, is_probing) = part_of(row, mark, policy, now);
        let freed = yard.want().iter().map(|_| 0).collect();
        Self {
            part,
            is_probing,
            mark: *mark,
            menu,
            short: yard.want().clone(),
            yard,
            claims: SmallVec::new(),
            counts: Counts::default(),
            domain: None,
            holds_on: false,
            has_host: false,
            bootstraps: 0,
            provisions: 0,
            victims: 0,
            freed,
        }
    }

    pub(crate) fn is_short(&self) -> bool {
        !is_covered(&self.short)
    }

    /// Machines given to it, those on their way included.
    pub(crate) fn claimed(&self) -> u32 {
        self.claims.iter().map(|(_, count)| count).sum()
    }
}

/// Whether a row takes part, and whether it is a parked one's turn for a try.
fn part_of(row: &Row<'_>, mark: &NeedMark, policy: &Policy, now: ShardTime) -> (Part, bool) {
    if row.is_atomic() && mark.retreat_until.is_some_and(|until| now < until) {
        return (Part::Retreating, false);
    }
    let Some(hopeless) = mark.hopeless_since.filter(|since| now.since(*since) >= policy.park_after) else {
        return (Part::Seeking, false);
    };
    let last_try = mark.probed_at.map_or(hopeless.plus(policy.park_after), |probed| probed.max(hopeless));
    if now.since(last_try) >= policy.probe_every { (Part::Seeking, true) } else { (Part::Parked, false) }
}
