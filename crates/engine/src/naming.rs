//! Naming: classes and counts become machines, by slot.
//!
//! Within a class, rows are served in order of precedence, each with the next slots; what nobody was given comes last.
//! A row's victims are the last of its machines, and what is reclaimed is the last of all, so that whoever stays keeps the
//! same machines.

use argosy_model::MachineIx;

use crate::cycle::Cycle;
use crate::draft::Victims;
use crate::hash::Lookup;
use crate::rows::RowIx;
use crate::supply::ClassIx;

/// The machines of the classes that a plan touches, in the order in which they are given out.
pub(crate) struct Naming<'s> {
    cycle: &'s Cycle,
    members: Lookup<ClassIx, Vec<MachineIx>>,
    /// How many of a holder's machines have been named as victims; `None` stands for surplus.
    named: Lookup<(ClassIx, Option<RowIx>), usize>,
    picked: Lookup<(ClassIx, RowIx), usize>,
}

impl<'s> Naming<'s> {
    pub(crate) fn of(cycle: &'s Cycle) -> Self {
        Self { cycle, members: Lookup::default(), named: Lookup::default(), picked: Lookup::default() }
    }

    /// The next machines that a row picked from a free class.
    pub(crate) fn picks(&mut self, class: ClassIx, row: RowIx, count: u32) -> &[MachineIx] {
        let (from, _) = self.run(class, row);
        let next = self.picked.entry((class, row)).or_default();
        let from = from + *next;
        *next += count as usize;
        &self.members(class)[from..from + count as usize]
    }

    /// The machines of a group of victims.
    pub(crate) fn victims(&mut self, victims: &Victims) -> &[MachineIx] {
        let key = (victims.class, victims.holder);
        let count = victims.count as usize;
        let before = *self.named.get(&key).unwrap_or(&0);
        self.named.insert(key, before + count);
        let range = match victims.holder {
            Some(row) => {
                let (from, held) = self.run(victims.class, row);
                let end = from + held - before;
                end - count..end
            }
            None => {
                let from = self.given(victims.class) + before;
                from..from + count
            }
        };
        &self.members(victims.class)[range]
    }

    /// The machines of a class that nobody was given, last slot first.
    pub(crate) fn surplus(&mut self, class: ClassIx) -> impl Iterator<Item = MachineIx> + '_ {
        let left = self.cycle.supply.stock(class).left as usize;
        self.members(class).iter().rev().take(left).copied()
    }

    fn members(&mut self, class: ClassIx) -> &[MachineIx] {
        let cycle = self.cycle;
        self.members.entry(class).or_insert_with(|| {
            let stock = cycle.supply.stock(class);
            let is_free = stock.class.cluster.is_none();
            let needed = if is_free { stock.total - stock.left } else { stock.total };
            let members = cycle.view.fleet.classes().members(stock.class).expect("what is counted is there");
            members.iter().take(needed as usize).copied().collect()
        })
    }

    /// Where a row's machines of a class begin, and how many there are.
    fn run(&self, class: ClassIx, row: RowIx) -> (usize, usize) {
        let claims = &self.cycle.supply.stock(class).claims;
        if let [(only, count)] = claims[..] {
            assert!(only == row, "only who was given a machine names it");
            return (0, count as usize);
        }
        let rank = self.cycle.rows.rank(row);
        let is_before = |other: RowIx| self.cycle.rows.rank(other) < rank;
        let before = claims.iter().filter(|(other, _)| is_before(*other)).map(|(_, count)| *count as usize).sum();
        let held = claims.iter().find(|(other, _)| *other == row).map_or(0, |(_, count)| *count as usize);
        (before, held)
    }

    fn given(&self, class: ClassIx) -> usize {
        self.cycle.supply.stock(class).claims.iter().map(|(_, count)| *count as usize).sum()
    }
}
