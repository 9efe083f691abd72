//! Prey: what may be preempted, as it stood when the cycle's first hunt began. Listed class by class, when a hunt first
//! looks at it or just before it changes hands.

use std::cmp::Reverse;
use std::sync::Arc;

use argosy_model::{ShapeIx, State};

use crate::cycle::Cycle;
use crate::hash::Lookup;
use crate::menus::MenuIx;
use crate::preempt::victim_score;
use crate::pulse::Pulse;
use crate::rows::RowIx;
use crate::supply::{ClassIx, Stock};

/// Machines of one class in one hand, that may be taken.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Prey {
    pub(crate) class: ClassIx,
    pub(crate) holder: Option<RowIx>,
    listed: u32,
    pub(crate) taken: u32,
    /// Its victim score, the claimant's own priority left out: it adds the same to every victim's.
    score: i128,
}

impl Prey {
    /// How many of those that were listed have not been taken.
    pub(crate) fn left(&self) -> u32 {
        self.listed - self.taken
    }
}

/// The prey that a menu admits.
#[derive(Clone, Debug)]
struct Hunt {
    /// Lowest priority of any holder of what was looked at so far; lower than any if some of it is nobody's.
    lowest: i64,
    /// How many of the menu's shapes were looked at.
    looked_at: usize,
    /// Best victims first, once somebody may take one. What nobody below the first that hunts here holds is not listed: those
    /// that hunt here later are no higher.
    order: Option<Order>,
    /// How often something had been given back when what is gone was last passed over.
    returns: u64,
}

/// Prey in the order in which it is taken.
#[derive(Clone, Debug)]
pub(crate) struct Order {
    prey: Arc<[usize]>,
    /// By place: the lowest priority of any holder from there on; lower than any if some of it is nobody's.
    floors: Arc<[i64]>,
    /// Of what stands before this place nothing is left.
    pub(crate) first: usize,
}

impl Order {
    pub(crate) fn at(&self, place: usize) -> usize {
        self.prey[place]
    }

    /// From where on nothing is below a priority.
    pub(crate) fn end(&self, priority: i32) -> usize {
        self.floors.partition_point(|floor| *floor < i64::from(priority))
    }

    /// What may be below a priority, best victims first.
    pub(crate) fn below(&self, priority: i32) -> impl Iterator<Item = usize> + '_ {
        let end = self.end(priority);
        self.prey[self.first.min(end)..end].iter().copied()
    }
}

/// Everything that has been listed in this cycle.
#[derive(Clone, Debug, Default)]
pub(crate) struct PreyIndex {
    has_begun: bool,
    prey: Vec<Prey>,
    classes: Vec<ClassIx>,
    by_class: Lookup<ClassIx, (usize, usize)>,
    by_menu: Lookup<MenuIx, Hunt>,
    /// How often a row has given machines back.
    returns: u64,
}

impl PreyIndex {
    /// Forgets everything. Returns the classes that were listed: what was looked up of them was as they stood then.
    pub(crate) fn clear(&mut self) -> Vec<ClassIx> {
        self.has_begun = false;
        self.prey.clear();
        self.by_class.clear();
        self.by_menu.clear();
        std::mem::take(&mut self.classes)
    }

    /// A row gives machines back: of what nobody has there may be more again.
    pub(crate) fn returned(&mut self) {
        self.returns += 1;
    }

    pub(crate) fn get(&self, at: usize) -> &Prey {
        &self.prey[at]
    }

    /// How many machines of a class were taken from a row.
    pub(crate) fn taken_from(&self, class: ClassIx, holder: RowIx) -> u32 {
        let Some((from, to)) = self.by_class.get(&class) else { return 0 };
        self.prey[*from..*to].iter().find(|prey| prey.holder == Some(holder)).map_or(0, |prey| prey.taken)
    }

    /// Takes some; whose they were.
    pub(crate) fn take(&mut self, at: usize, count: u32) -> (ClassIx, Option<RowIx>) {
        let prey = &mut self.prey[at];
        prey.taken += count;
        (prey.class, prey.holder)
    }
}

impl Cycle {
    /// Machines of a class are about to change hands: a hunt that has begun sees them as they are.
    pub(crate) fn before_change(&mut self, class: ClassIx) {
        let stock = self.supply.stock(class);
        if self.prey.has_begun && stock.class.state == State::Configured && stock.class.is_usable() {
            self.list_prey(class);
        }
    }

    /// Whether there is anything that a row may take.
    pub(crate) fn is_prey_open(&mut self, row: RowIx) -> bool {
        self.prey.has_begun = true;
        let Pulse { menu, priority, .. } = *self.pulses.get(row);
        if let Some(is_left) = self.is_listed_left(menu, priority) {
            return is_left;
        }
        let priority = i64::from(priority);
        let unseen = Hunt { lowest: i64::MAX, looked_at: 0, order: None, returns: 0 };
        let hunt = self.prey.by_menu.entry(menu).or_insert(unseen);
        let (mut lowest, mut looked_at) = (hunt.lowest, hunt.looked_at);
        let shapes = self.menus.get(menu).listed();
        // What was listed stays as it was when the first hunt began, so a look that ends early is taken up again where it ended.
        while lowest >= priority && looked_at < shapes.len() {
            lowest = lowest.min(self.lowest_priority(shapes[looked_at]));
            looked_at += 1;
        }
        let hunt = self.prey.by_menu.get_mut(&menu).expect("just looked at");
        (hunt.lowest, hunt.looked_at) = (lowest, looked_at);
        lowest < priority
    }

    /// Where the prey that a menu admits is listed: whether there may be something left of it for a row of this priority. What is gone is passed over
    /// once, and not by every row anew.
    fn is_listed_left(&mut self, menu: MenuIx, priority: i32) -> Option<bool> {
        let hunt = self.prey.by_menu.get(&menu)?;
        let order = hunt.order.as_ref()?;
        let known = if hunt.returns == self.prey.returns { order.first } else { 0 };
        let gone = order.prey[known..].iter().take_while(|at| self.is_gone(self.prey.get(**at))).count();
        let first = known + gone;
        let is_left = first < order.end(priority);
        let returns = self.prey.returns;
        let hunt = self.prey.by_menu.get_mut(&menu)?;
        hunt.returns = returns;
        hunt.order.as_mut()?.first = first;
        Some(is_left)
    }

    /// Lowest priority of any holder of machines of a shape.
    fn lowest_priority(&mut self, shape: ShapeIx) -> i64 {
        let Self { supply, prey, standings, view, .. } = self;
        let demand = &view.demand;
        let priority = |row: RowIx| i64::from(standings[row.at()].priority);
        let of_class = |class: ClassIx, stock: &Stock| -> i64 {
            if stock.class.cluster.is_none_or(|cluster| !demand.reporting(cluster).heard) {
                return i64::MAX;
            }
            if let Some((from, to)) = prey.by_class.get(&class) {
                let listed = prey.prey[*from..*to].iter();
                return listed.map(|prey| prey.holder.map_or(i64::MIN, priority)).min().unwrap_or(i64::MAX);
            }
            let held = stock.claims.iter().map(|(row, _)| priority(*row)).min().unwrap_or(i64::MAX);
            if stock.left > 0 { i64::MIN } else { held }
        };
        supply.lowest(shape, |supply, classes| {
            classes.iter().map(|class| of_class(*class, supply.stock(*class))).min().unwrap_or(i64::MAX)
        })
    }

    /// What a row's menu admits of the prey, best victims first; of a row that is confined to a domain, what lies there.
    pub(crate) fn hunt(&mut self, row: RowIx) -> Order {
        let (menu, priority) = (self.standing(row).menu, i64::from(self.standing(row).priority));
        if let Some(domain) = self.standing(row).domain {
            let shapes = self.menus.get(menu).shapes_in(domain);
            return self.list_hunt(&shapes, priority);
        }
        if let Some(known) = self.prey.by_menu.get(&menu).and_then(|hunt| hunt.order.clone()) {
            return known;
        }
        let order = self.list_hunt(&self.menus.get(menu).listed(), priority);
        let hunt = self.prey.by_menu.get_mut(&menu).expect("looked at before it is hunted in");
        hunt.order = Some(order.clone());
        order
    }

    fn list_hunt(&mut self, shapes: &[ShapeIx], priority: i64) -> Order {
        let mut found: Vec<usize> = Vec::new();
        for shape in shapes {
            if self.lowest_priority(*shape) >= priority {
                continue;
            }
            for at in 0..self.supply.prey(*shape).len() {
                let (from, to) = self.list_prey(self.supply.prey(*shape)[at]);
                found.extend((from..to).filter(|at| self.priority_of(*at) < priority));
            }
        }
        found.sort_by_cached_key(|at| {
            let prey = &self.prey.prey[*at];
            let holder = prey.holder.map(|holder| self.rows.rank(holder));
            (Reverse(prey.score), self.supply.stock(prey.class).class, holder)
        });
        let mut floor = i64::MAX;
        let mut floors: Vec<i64> = Vec::with_capacity(found.len());
        for at in found.iter().rev() {
            floor = floor.min(self.priority_of(*at));
            floors.push(floor);
        }
        floors.reverse();
        Order { prey: found.into(), floors: floors.into(), first: 0 }
    }

    /// The priority of whoever holds a prey; lower than any if that is nobody.
    fn priority_of(&self, at: usize) -> i64 {
        self.prey.prey[at].holder.map_or(i64::MIN, |holder| i64::from(self.standing(holder).priority))
    }

    /// Lists a class by hands, if it is not listed yet; where it stands in the list.
    fn list_prey(&mut self, class: ClassIx) -> (usize, usize) {
        if let Some(known) = self.prey.by_class.get(&class) {
            return *known;
        }
        let from = self.prey.prey.len();
        let stock = self.supply.stock(class);
        if stock.class.cluster.is_some_and(|cluster| self.view.demand.reporting(cluster).heard) {
            let held = stock.claims.iter().map(|(row, count)| (Some(*row), *count));
            for (holder, listed) in held.chain([(None, stock.left)]).filter(|(_, count)| *count > 0) {
                let score = holder.map_or(i128::MAX, |row| victim_score(self.rows.get(row), &self.view.policy));
                self.prey.prey.push(Prey { class, holder, listed, taken: 0, score });
            }
        }
        let listed = (from, self.prey.prey.len());
        self.prey.by_class.insert(class, listed);
        self.prey.classes.push(class);
        listed
    }
}
