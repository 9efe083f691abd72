//! Standings: where each row stands in the course of a cycle. What it wants, what it has been given, what it lacks.

use std::sync::Arc;

use argosy_model::{NeedMark, ShardTime, Sym};
use smallvec::SmallVec;

use crate::Policy;
use crate::ahead::read;
use crate::amend::Summary;
use crate::holding::KeepIx;
use crate::menus::MenuIx;
use crate::plan::{Candidate, Unmet};
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

/// How a row's machines must lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Anywhere.
    Plain,
    /// Spread over domains.
    Spread,
    /// In one domain, as many as there are.
    Same,
    /// In one domain, whole or not at all.
    Gang,
}

impl Kind {
    fn of(row: &Row) -> Self {
        match () {
            () if row.is_atomic() => Self::Gang,
            () if row.is_same() => Self::Same,
            () if row.profile.spread().is_some() => Self::Spread,
            () => Self::Plain,
        }
    }
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

    fn clear(&mut self) {
        self.0.clear();
    }
}

/// What was last told of a row that gets nothing in the cycle: while that is so, its verdict stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Told {
    pub(crate) short: Amounts,
    pub(crate) claimed: u32,
    pub(crate) domain: Option<Sym>,
    pub(crate) unmet: Option<Unmet>,
    pub(crate) unmet_since: Option<ShardTime>,
    pub(crate) hopeless_since: Option<ShardTime>,
    /// Where they are those of every row that asks the same and has nothing.
    pub(crate) candidates: Option<Arc<[Candidate]>>,
}

/// Whether a row's credit holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// It does.
    Settled,
    /// It has to be looked at again.
    Due,
    /// And what it was given at its place in the order has been taken back.
    Lifted,
    /// And it has been given what it holds before all others.
    Begun,
}

/// Machines given out, by class; a class may come twice.
pub(crate) type Claims = SmallVec<[(ClassIx, u32); 2]>;

/// Where a row stands. What is asked of it in its turn comes first, and what only its verdict is written from last: few of its cache lines
/// are needed at a time.
#[derive(Clone, Debug)]
#[repr(C, align(64))]
pub(crate) struct Standing {
    pub(crate) part: Part,
    pub(crate) kind: Kind,
    pub(crate) is_probing: bool,
    /// Whether it is a gang that was whole and still has machines: it keeps them, whatever it lacks.
    pub(crate) holds_on: bool,
    /// Whether some domain could host it whole, taken together with what it holds.
    pub(crate) has_host: bool,
    /// Whether caps alone kept it, when it last acquired, from a slot that helps.
    pub(crate) is_capped: bool,
    pub(crate) stage: Stage,
    /// Whether its verdict names the rows of demand that it stands for, and what they ask in all.
    pub(crate) is_named: bool,
    /// Whether it has its own machines before all others: a gang that was whole, or will be by what is on its way.
    pub(crate) is_held: bool,
    /// And whether it had when it was lifted.
    pub(crate) was_held: bool,
    /// Whether the credit found a row with `Same` nothing to go by beyond its own machines.
    pub(crate) is_in_vain: bool,
    pub(crate) priority: i32,
    pub(crate) menu: MenuIx,
    pub(crate) bootstraps: u32,
    pub(crate) provisions: u32,
    pub(crate) victims: u32,
    /// What neither its machines, nor those on their way, nor this plan covers yet.
    pub(crate) short: Amounts,
    /// What it has been given; a class may come twice.
    pub(crate) claims: Claims,
    /// Position in its menu of the domain that it is confined to.
    pub(crate) domain: Option<usize>,
    /// The list that it is noted in as one that looks beyond its own machines.
    pub(crate) takes: Option<(KeepIx, Kind)>,
    /// Its credit in few numbers, if that can be amended.
    pub(crate) summary: Summary,
    pub(crate) yard: Yardstick,
    pub(crate) counts: Counts,
    /// What it was given before it was lifted.
    pub(crate) before: Claims,
    /// What the last cycles left to remember.
    pub(crate) mark: NeedMark,
    /// When that will mean something else.
    pub(crate) alarm: Option<ShardTime>,
    pub(crate) told: Option<Told>,
    /// What its victims free.
    pub(crate) freed: Amounts,
}

impl Standing {
    pub(crate) fn new(row: &Row, menu: MenuIx, mark: NeedMark) -> Self {
        let yard = row.yardstick();
        Self {
            part: Part::Seeking,
            kind: Kind::of(row),
            priority: row.profile.priority,
            is_probing: false,
            mark,
            alarm: None,
            menu,
            short: yard.want().clone(),
            freed: yard.none(),
            yard,
            claims: SmallVec::new(),
            counts: Counts::default(),
            domain: None,
            holds_on: false,
            has_host: false,
            is_capped: false,
            bootstraps: 0,
            provisions: 0,
            victims: 0,
            told: None,
            stage: Stage::Settled,
            is_named: false,
            before: Claims::new(),
            was_held: false,
            is_held: false,
            summary: Summary::None,
            is_in_vain: false,
            takes: None,
        }
    }

    /// Reads a word of each of its cache lines.
    pub(crate) fn read_all(&self) {
        read((
            self.part,
            self.claims.spilled(),
            matches!(self.summary, Summary::None),
            self.yard.is_in_pieces(),
            self.yard.want().spilled(),
        ));
        read((self.counts.0.spilled(), self.mark.unmet_since.is_some(), self.alarm.is_some(), self.freed.spilled()));
        read((self.before.spilled(), self.told.is_some()));
    }

    /// Puts it back to where a cycle begins.
    pub(crate) fn reset(&mut self, policy: &Policy, now: ShardTime) {
        (self.part, self.is_probing) = self.part_of(&self.mark, policy, now);
        self.clear();
    }

    /// The same, its part left as it is.
    pub(crate) fn clear(&mut self) {
        self.short.clone_from(self.yard.want());
        self.claims.clear();
        self.counts.clear();
        (self.domain, self.holds_on, self.has_host) = (None, false, false);
        (self.summary, self.is_in_vain) = (Summary::None, false);
        self.forget_gains();
    }

    /// Nothing was acquired or freed for it.
    pub(crate) fn forget_gains(&mut self) {
        (self.bootstraps, self.provisions, self.is_capped) = (0, 0, false);
        if self.victims > 0 {
            self.victims = 0;
            self.freed = self.yard.none();
        }
    }

    /// Whether its verdict is likely to change.
    pub(crate) fn is_likely_news(&self) -> bool {
        self.told.as_ref().is_none_or(|told| told.claimed != self.claimed())
    }

    pub(crate) fn is_same(&self) -> bool {
        matches!(self.kind, Kind::Same | Kind::Gang)
    }

    pub(crate) fn is_short(&self) -> bool {
        !is_covered(&self.short)
    }

    /// Machines given to it, those on their way included.
    pub(crate) fn claimed(&self) -> u32 {
        self.claims.iter().map(|(_, count)| count).sum()
    }

    /// Whether the row takes part, and whether it is a parked one's turn for a try.
    pub(crate) fn part_of(&self, mark: &NeedMark, policy: &Policy, now: ShardTime) -> (Part, bool) {
        if self.kind == Kind::Gang && mark.retreat_until.is_some_and(|until| now < until) {
            return (Part::Retreating, false);
        }
        let Some(hopeless) = mark.hopeless_since.filter(|since| now.since(*since) >= policy.park_after) else {
            return (Part::Seeking, false);
        };
        let last_try = mark.probed_at.map_or(hopeless.plus(policy.park_after), |probed| probed.max(hopeless));
        if now.since(last_try) >= policy.probe_every { (Part::Seeking, true) } else { (Part::Parked, false) }
    }
}
