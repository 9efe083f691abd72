//! Naming: classes and counts become machines, by slot.
//!
//! Within a class, rows are served in order of precedence, each with the next slots; what nobody was given comes last.
//! A row's victims are the last of its machines, and what is reclaimed is the last of all, so that whoever stays keeps the
//! same machines.

use std::collections::BTreeMap;

use argosy_model::MachineIx;

use crate::draft::Victims;
use crate::rows::RowIx;
use crate::supply::{ClassIx, Supply};

/// The machines of the classes that a plan touches, in the order in which they are given out.
pub(crate) struct Naming<'s, 'a> {
    supply: &'s Supply<'a>,
    members: BTreeMap<ClassIx, Vec<MachineIx>>,
    /// How many of a holder's machines have been named as victims; `None` stands for surplus.
    named: BTreeMap<(ClassIx, Option<RowIx>), usize>,
    picked: BTreeMap<(ClassIx, RowIx), usize>,
}

impl<'s, 'a> Naming<'s, 'a> {
    pub(crate) fn of(supply: &'s Supply<'a>) -> Self {
        Self { supply, members: BTreeMap::new(), named: BTreeMap::new(), picked: BTreeMap::new() }
    }

    /// The next machine that a row picked from a free class.
    pub(crate) fn pick(&mut self, class: ClassIx, row: RowIx) -> MachineIx {
        let (from, _) = self.run(class, row);
        let next = self.picked.entry((class, row)).or_default();
        *next += 1;
        let at = from + *next - 1;
        self.members(class)[at]
    }

    /// The machines of a group of victims.
    pub(crate) fn victims(&mut self, victims: &Victims) -> Vec<MachineIx> {
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
        self.members(victims.class)[range].to_vec()
    }

    /// The machines of a class that nobody was given, last slot first.
    pub(crate) fn surplus(&mut self, class: ClassIx) -> impl Iterator<Item = MachineIx> + '_ {
        let left = self.supply.stock(class).left as usize;
        self.members(class).iter().rev().take(left).copied()
    }

    fn members(&mut self, class: ClassIx) -> &[MachineIx] {
        let supply = self.supply;
        self.members.entry(class).or_insert_with(|| {
            let stock = supply.stock(class);
            let is_free = stock.class.cluster.is_none();
            let needed = if is_free { stock.members.len() - stock.left as usize } else { stock.members.len() };
            stock.members.iter().take(needed).copied().collect()
        })
    }

    /// Where a row's machines of a class begin, and how many there are.
    fn run(&self, class: ClassIx, row: RowIx) -> (usize, usize) {
        let claims = &self.supply.stock(class).claims;
        let before = claims.iter().filter(|(other, _)| *other < row).map(|(_, count)| *count as usize).sum();
        let held = claims.iter().find(|(other, _)| *other == row).map_or(0, |(_, count)| *count as usize);
        (before, held)
    }

    fn given(&self, class: ClassIx) -> usize {
        self.supply.stock(class).claims.iter().map(|(_, count)| *count as usize).sum()
    }
}
