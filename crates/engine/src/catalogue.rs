//! The catalogue: which shapes are in the fleet, and which of them a profile admits. Asked once per set of conditions.
//!
//! A profile is matched against shapes, never against machines. Shapes are found by the attribute that narrows them down
//! most, so that a profile that names an instance type looks at that type's shapes only.

use std::sync::Arc;

use argosy_model::vocabulary::{INSTANCE_TYPE_KEY, PROVIDER_KEY, ZONE_KEY};
use argosy_model::{Fleet, Operator, Profile, ProfileIx, Requirement, Shape, ShapeIx, State, Sym, Vocabulary};

use crate::hash::Lookup;

/// Conditions on one machine, as a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct AskIx(u32);

/// The shapes of the fleet, by attribute.
#[derive(Clone, Debug, Default)]
pub(crate) struct Catalogue {
    shapes: Vec<Option<Arc<Shape>>>,
    live: Vec<ShapeIx>,
    listed: Lookup<(Sym, Sym), Vec<ShapeIx>>,
    /// What a profile asks of one machine, as a number: profiles that differ in priority or penalties alone share it.
    asks: Lookup<Vec<Requirement>, AskIx>,
    by_profile: Lookup<ProfileIx, AskIx>,
    admitted: Vec<Arc<[ShapeIx]>>,
}

impl Catalogue {
    /// Lists every shape that some machine has which has not failed. States and flags do not matter otherwise: a
    /// catalogue that changed with every binding would make small gangs fold and unfold.
    pub(crate) fn of(fleet: &Fleet) -> Self {
        let words = &fleet.words;
        let mut shapes: Vec<Option<Arc<Shape>>> = Vec::new();
        for (class, _) in fleet.classes().iter().filter(|(class, _)| class.state != State::Failed) {
            let at = class.shape.index();
            if at >= shapes.len() {
                shapes.resize(at + 1, None);
            }
            if shapes[at].is_none() {
                shapes[at] = Some(Arc::clone(words.shape_of(class.shape)));
            }
        }
        let live: Vec<ShapeIx> =
            (0..shapes.len()).filter(|at| shapes[*at].is_some()).map(ShapeIx::from_index).collect();
        let typed: Vec<Sym> =
            [INSTANCE_TYPE_KEY, ZONE_KEY, PROVIDER_KEY].iter().filter_map(|key| words.find_symbol(key)).collect();
        let mut listed: Lookup<(Sym, Sym), Vec<ShapeIx>> = Lookup::default();
        for ix in &live {
            let shape = shapes[ix.index()].as_ref().expect("a live shape is there");
            let labels = shape.labels.iter().map(|(key, _)| *key).filter(|key| !typed.contains(key));
            for key in typed.iter().copied().chain(labels) {
                if let Some(value) = words.attribute(shape, key) {
                    listed.entry((key, value)).or_default().push(*ix);
                }
            }
        }
        Self { shapes, live, listed, ..Self::default() }
    }

    /// A live shape.
    pub(crate) fn shape(&self, ix: ShapeIx) -> &Arc<Shape> {
        self.shapes[ix.index()].as_ref().expect("only live shapes are asked for")
    }

    /// Whether some machine that has not failed has the shape.
    pub(crate) fn is_live(&self, ix: ShapeIx) -> bool {
        self.shapes.get(ix.index()).is_some_and(Option::is_some)
    }

    /// One more than the highest live shape's index.
    pub(crate) fn len(&self) -> usize {
        self.shapes.len()
    }

    /// The live shapes that a profile admits, in order, and the number under which equal conditions are known.
    pub(crate) fn admitted(&mut self, profile: ProfileIx, words: &Vocabulary) -> (AskIx, Arc<[ShapeIx]>) {
        let ask = match self.by_profile.get(&profile) {
            Some(known) => *known,
            None => self.ask(profile, words),
        };
        (ask, Arc::clone(&self.admitted[ask.0 as usize]))
    }

    fn ask(&mut self, profile: ProfileIx, words: &Vocabulary) -> AskIx {
        let asked = words.profile_of(profile);
        let next = AskIx(u32::try_from(self.admitted.len()).expect("fewer than 2^32 profiles"));
        let ask = *self.asks.entry_ref(asked.requirements()).or_insert(next);
        if ask == next {
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
