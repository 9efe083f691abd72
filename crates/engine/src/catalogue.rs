//! The catalogue: which shapes are in the fleet, and which of them a profile admits. Asked once per set of conditions and cycle.
//!
//! A profile is matched against shapes, never against machines. Shapes are found by the attribute that narrows them down
//! most, so that a profile that names an instance type looks at that type's shapes only.

use std::collections::BTreeMap;
use std::rc::Rc;

use argosy_model::vocabulary::{INSTANCE_TYPE_KEY, ZONE_KEY};
use argosy_model::{Fleet, Operator, Profile, ProfileIx, Requirement, Shape, ShapeIx, State, Sym};

/// Conditions on one machine, as a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct AskIx(u32);

/// The shapes of the fleet, by attribute.
pub(crate) struct Catalogue<'a> {
    fleet: &'a Fleet,
    shapes: Vec<Option<&'a Shape>>,
    live: Vec<ShapeIx>,
    listed: BTreeMap<(Sym, Sym), Vec<ShapeIx>>,
    /// What a profile asks of one machine, as a number: profiles that differ in priority or penalties alone share it.
    asks: BTreeMap<&'a [Requirement], AskIx>,
    by_profile: BTreeMap<ProfileIx, AskIx>,
    admitted: Vec<Rc<[ShapeIx]>>,
}

impl<'a> Catalogue<'a> {
    /// Lists every shape that some machine has which has not failed. States and flags do not matter otherwise: a
    /// catalogue that changed with every binding would make small gangs fold and unfold.
    pub(crate) fn of(fleet: &'a Fleet) -> Self {
        let mut shapes: Vec<Option<&'a Shape>> = Vec::new();
        for (class, _) in fleet.classes().iter().filter(|(class, _)| class.state != State::Failed) {
            let at = class.shape.index();
            if at >= shapes.len() {
                shapes.resize(at + 1, None);
            }
            if shapes[at].is_none() {
                shapes[at] = Some(fleet.words.shape_of(class.shape));
            }
        }
        let live: Vec<ShapeIx> =
            (0..shapes.len()).filter(|at| shapes[*at].is_some()).map(ShapeIx::from_index).collect();
        let typed: Vec<Sym> =
            [INSTANCE_TYPE_KEY, ZONE_KEY].iter().filter_map(|key| fleet.words.find_symbol(key)).collect();
        let mut listed: BTreeMap<(Sym, Sym), Vec<ShapeIx>> = BTreeMap::new();
        for ix in &live {
            let shape = shapes[ix.index()].expect("a live shape is there");
            let labels = shape.labels.iter().map(|(key, _)| *key).filter(|key| !typed.contains(key));
            for key in typed.iter().copied().chain(labels) {
                if let Some(value) = fleet.words.attribute(shape, key) {
                    listed.entry((key, value)).or_default().push(*ix);
                }
            }
        }
        Self { fleet, shapes, live, listed, asks: BTreeMap::new(), by_profile: BTreeMap::new(), admitted: Vec::new() }
    }

    /// A live shape.
    pub(crate) fn shape(&self, ix: ShapeIx) -> &'a Shape {
        self.shapes[ix.index()].expect("only live shapes are asked for")
    }

    /// One more than the highest live shape's index.
    pub(crate) fn len(&self) -> usize {
        self.shapes.len()
    }

    /// The text of a value.
    pub(crate) fn text(&self, value: Sym) -> &'a str {
        self.fleet.words.text(value)
    }

    /// A shape's value of an attribute.
    pub(crate) fn attribute(&self, ix: ShapeIx, key: Sym) -> Option<Sym> {
        self.fleet.words.attribute(self.shape(ix), key)
    }

    /// The live shapes that a profile admits, in order, and the number under which equal conditions are known.
    pub(crate) fn admitted(&mut self, profile: ProfileIx) -> (AskIx, Rc<[ShapeIx]>) {
        let ask = match self.by_profile.get(&profile) {
            Some(known) => *known,
            None => self.ask(profile),
        };
        (ask, Rc::clone(&self.admitted[ask.0 as usize]))
    }

    fn ask(&mut self, profile: ProfileIx) -> AskIx {
        let asked: &'a Profile = self.fleet.words.profile_of(profile);
        let next = AskIx(u32::try_from(self.admitted.len()).expect("fewer than 2^32 profiles"));
        let ask = *self.asks.entry(asked.requirements()).or_insert(next);
        if ask == next {
            let words = &self.fleet.words;
            let found = self.narrowest(asked).into_iter().filter(|ix| asked.admits(self.shape(*ix), words)).collect();
            self.admitted.push(found);
        }
        self.by_profile.insert(profile, ask);
        ask
    }

    /// A superset of what the profile admits: by its condition that leaves the fewest shapes.
    fn narrowest(&self, profile: &Profile) -> Vec<ShapeIx> {
        let lists = |r: &Requirement| -> Option<Vec<&Vec<ShapeIx>>> {
            let by_value = matches!(r.operator, Operator::In | Operator::Same) && !r.values.is_empty();
            by_value.then(|| r.values.iter().filter_map(|value| self.listed.get(&(r.key, *value))).collect())
        };
        let shortest =
            profile.requirements().iter().filter_map(lists).min_by_key(|l| l.iter().map(|s| s.len()).sum::<usize>());
        match shortest {
            Some(lists) => {
                let mut found: Vec<ShapeIx> = lists.into_iter().flatten().copied().collect();
                found.sort_unstable();
                found
            }
            None => self.live.clone(),
        }
    }
}
