//! Listing: which classes there are, and under what they are found: their shape, whose they are, what is bound in their cluster, and the lists of
//! what will do for its rows.

use argosy_model::fleet::Class;
use argosy_model::{State, Vocabulary};
use smallvec::SmallVec;

use super::{OfShape, Supply};
use crate::holding::remove;
use crate::menus::Menus;
use crate::rows::Rows;
use crate::stock::{ClassIx, Stock, attributed, free_kind, is_bound_cover};

impl Supply {
    /// Lists a class, if it is not listed yet.
    pub(crate) fn listed(&mut self, class: &Class, menus: &Menus, words: &Vocabulary, rows: &Rows) -> ClassIx {
        match self.position(class) {
            Some(known) => known,
            None => self.list(class, menus, words, rows),
        }
    }

    fn list(&mut self, class: &Class, menus: &Menus, words: &Vocabulary, rows: &Rows) -> ClassIx {
        if class.shape.index() >= self.shapes.len() {
            self.shapes.resize(class.shape.index() + 1, OfShape::default());
        }
        let (price, is_elastic) = *self.shapes[class.shape.index()].terms.get_or_insert_with(|| {
            let shape = words.shape_of(class.shape);
            (shape.price, shape.capacity_type.is_elastic())
        });
        let stock = Stock {
            class: *class,
            total: 0,
            left: 0,
            account: None,
            claims: SmallVec::new(),
            price,
            is_elastic,
            bound_at: 0,
            is_changed: false,
            is_touched: false,
            is_spare: false,
        };
        let ix = match self.vacant.pop() {
            Some(ix) => {
                self.stocks[ix.at()] = stock;
                ix
            }
            None => {
                self.stocks.push(stock);
                ClassIx::from_index(self.stocks.len() - 1)
            }
        };
        self.known.insert(*class, ix);
        self.index(ix, class, menus, rows);
        ix
    }

    fn index(&mut self, ix: ClassIx, class: &Class, menus: &Menus, rows: &Rows) {
        let of_shape = &mut self.shapes[class.shape.index()];
        if let Some(kind) = free_kind(class) {
            of_shape.free[kind as usize] = Some(ix);
        }
        if class.state == State::Configured && class.is_usable() {
            of_shape.prey.push(ix);
            of_shape.lowest = None;
        }
        if let Some(claim) = attributed(class) {
            self.stocks[ix.at()].account = self.accounts.attribute(claim, ix, &self.stocks);
        }
        if let Some(cluster) = class.cluster.filter(|_| is_bound_cover(class)) {
            self.shapes[class.shape.index()].bound.push(ix);
            let bound = &mut self.holding_mut(cluster).bound;
            bound.push(ix);
            self.stocks[ix.at()].bound_at = place(bound.len() - 1);
            let owners = self.stocks[ix.at()].account.map_or(&[][..], |account| self.accounts.rows(account));
            for (menu, _) in menus.listing(class.shape) {
                if let Some(keep) = self.holdings[cluster.index()].keep_of(*menu) {
                    self.keeps[keep.at()].list(ix, owners, &self.stocks, rows);
                }
            }
        }
    }

    /// Forgets a class, if it has no machines any more.
    pub(crate) fn unlist(&mut self, ix: ClassIx, menus: &Menus) {
        if self.stocks[ix.at()].total > 0 {
            return;
        }
        let class = &self.stocks[ix.at()].class.clone();
        if let Some(cluster) = class.cluster.filter(|_| is_bound_cover(class)) {
            self.shapes[class.shape.index()].bound.retain(|other| *other != ix);
            let holding = &mut self.holdings[cluster.index()];
            let at = self.stocks[ix.at()].bound_at;
            holding.bound.swap_remove(at as usize);
            if let Some(moved) = holding.bound.get(at as usize) {
                self.stocks[moved.at()].bound_at = at;
            }
            if self.stocks[ix.at()].is_spare {
                remove(&mut holding.spare, ix);
            }
            for (menu, _) in menus.listing(class.shape) {
                if let Some(keep) = holding.keep_of(*menu) {
                    self.keeps[keep.at()].unlist(ix);
                }
            }
        }
        if let Some(claim) = attributed(class) {
            self.accounts.unattribute(claim, ix);
        }
        let of_shape = &mut self.shapes[class.shape.index()];
        of_shape.prey.retain(|other| *other != ix);
        of_shape.lowest = None;
        for free in &mut of_shape.free {
            *free = free.filter(|other| *other != ix);
        }
        self.known.remove(class);
        self.vacant.push(ix);
    }
}

fn place(at: usize) -> u32 {
    u32::try_from(at).expect("fewer than 2^32 classes")
}
