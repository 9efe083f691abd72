//! From an observed shape to the fleet's: found without changing anything, or interned.

use argosy_model::vocabulary::HOSTNAME_KEY;
use argosy_model::{DimIx, Resources, Shape, ShapeIx, Sym, Vocabulary};

use crate::need_row::{MAX_ITEMS, MAX_TEXT_BYTES};
use crate::observed::ObservedShape;

/// Most labels of a machine.
const MAX_LABELS: usize = MAX_ITEMS;
/// So many labels are compared each with each.
const FEW_LABELS: usize = 16;

/// Whether a shape keeps the limits.
pub(crate) fn is_sane(shape: &ObservedShape) -> bool {
    let named = |text: &str| !text.is_empty() && text.len() <= MAX_TEXT_BYTES;
    shape.labels.len() <= MAX_LABELS
        && shape.resources.len() <= MAX_ITEMS
        && shape.instance_type.iter().chain(&shape.zone).all(|text| named(text))
        && shape.labels.iter().all(|(key, value)| named(key) && value.len() <= MAX_TEXT_BYTES)
        && shape.resources.iter().all(|(dim, amount)| named(dim) && *amount <= i64::MAX as u64)
        && shape.interruption <= argosy_model::Ppb::ONE
}

/// The shape's handle, if the shard has seen it.
pub(crate) fn find(shape: &ObservedShape, provider: &str, words: &Vocabulary) -> Option<ShapeIx> {
    let mut known = words;
    words.find_shape(&build(shape, provider, &mut known)?)
}

/// Whether this is a known shape, by its words alone: what most machines of a listing have is what they had, and that is sooner
/// seen than found among all shapes. `false` may also mean that it is not seen this way.
pub(crate) fn is(shape: &ObservedShape, provider: &str, known: &Shape, words: &Vocabulary) -> bool {
    let same = |known: Option<Sym>, seen: &Option<String>| known.map(|known| words.text(known)) == seen.as_deref();
    // As many, and each of the known ones is there: they name each key and each dimension once, so nothing else is.
    let has_label = |(key, value): &(Sym, Sym)| {
        let (key, value) = (words.text(*key), words.text(*value));
        shape.labels.iter().any(|(k, v)| (&**k, &**v) == (key, value))
    };
    let has_amount = |(dim, amount): (DimIx, u64)| {
        let dim = words.dim_name(dim);
        shape.resources.iter().any(|(name, n)| *n == amount && name == dim)
    };
    words.text(known.provider) == provider
        && same(known.instance_type, &shape.instance_type)
        && same(known.zone, &shape.zone)
        && (known.capacity_type, known.price, known.interruption)
            == (shape.capacity_type, shape.price, shape.interruption)
        && known.labels.len() == shape.labels.iter().filter(|(key, _)| key != HOSTNAME_KEY).count()
        && known.labels.len() <= FEW_LABELS
        && known.labels.iter().all(has_label)
        && known.resources.iter().count() == shape.resources.len()
        && known.resources.iter().all(has_amount)
}

/// The shape's handle, new or known.
pub(crate) fn intern(shape: &ObservedShape, provider: &str, words: &mut Vocabulary) -> ShapeIx {
    let shape = build(shape, provider, words).expect("interning gives every string a handle");
    words.shape(&shape)
}

/// Where handles come from: a table that only looks, or one that adds.
trait Handles {
    fn sym(&mut self, text: &str) -> Option<Sym>;
    fn dim_of(&mut self, name: &str) -> Option<DimIx>;
}

impl Handles for &Vocabulary {
    fn sym(&mut self, text: &str) -> Option<Sym> {
        self.find_symbol(text)
    }

    fn dim_of(&mut self, name: &str) -> Option<DimIx> {
        self.find_dim(name)
    }
}

impl Handles for Vocabulary {
    fn sym(&mut self, text: &str) -> Option<Sym> {
        Some(self.symbol(text))
    }

    fn dim_of(&mut self, name: &str) -> Option<DimIx> {
        Some(self.dim(name))
    }
}

/// `None` if a string has no handle.
fn build(shape: &ObservedShape, provider: &str, handles: &mut impl Handles) -> Option<Shape> {
    let provider = handles.sym(provider)?;
    let mut optional = |text: &Option<String>| match text {
        Some(text) => handles.sym(text).map(Some),
        None => Some(None),
    };
    let instance_type = optional(&shape.instance_type)?;
    let zone = optional(&shape.zone)?;
    let mut labels = Vec::with_capacity(shape.labels.len());
    for (key, value) in shape.labels.iter().filter(|(key, _)| key != HOSTNAME_KEY) {
        labels.push((handles.sym(key)?, handles.sym(value)?));
    }
    labels.sort_unstable();
    labels.dedup_by_key(|(key, _)| *key);
    let mut amounts = Vec::with_capacity(shape.resources.len());
    for (dim, amount) in &shape.resources {
        amounts.push((handles.dim_of(dim)?, *amount));
    }
    Some(Shape {
        provider,
        instance_type,
        zone,
        capacity_type: shape.capacity_type,
        price: shape.price,
        interruption: shape.interruption,
        resources: Resources::from_amounts(amounts),
        labels,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Few words, so that equal ones meet, and names that stand twice.
    fn any_shape() -> impl Strategy<Value = ObservedShape> {
        let word = || prop::sample::select(vec!["a", "b", HOSTNAME_KEY]).prop_map(str::to_owned);
        let labels = prop::collection::vec((word(), word()), 0..3);
        let resources = prop::collection::vec((word(), 0u64..2), 0..3);
        let of = |(zone, resources, labels)| ObservedShape { zone, resources, labels, ..ObservedShape::default() };
        (prop::option::of(word()), resources, labels).prop_map(of)
    }

    proptest! {
        #[test]
        fn what_is_seen_to_be_a_known_shape_is_found_as_that_shape(known in any_shape(), seen in any_shape()) {
            let mut words = Vocabulary::default();
            let handle = intern(&known, "a", &mut words);
            for provider in ["a", "b"] {
                let is_it = is(&seen, provider, words.shape_of(handle), &words);
                prop_assert!(!is_it || find(&seen, provider, &words) == Some(handle));
            }
        }
    }

    #[test]
    fn a_shape_is_known_by_its_words_whatever_their_order() {
        let mut words = Vocabulary::default();
        let mut elsewhere = shape();
        elsewhere.labels.insert(0, ("a".to_owned(), "b".to_owned()));
        elsewhere.resources.push(("memory".to_owned(), 1));
        let handle = intern(&elsewhere, "p", &mut words);
        elsewhere.labels.reverse();
        elsewhere.resources.reverse();
        let is_it = |shape: &ObservedShape, provider: &str| is(shape, provider, words.shape_of(handle), &words);
        assert!(is_it(&elsewhere, "p") && !is_it(&elsewhere, "q"));
        let others = [
            ObservedShape { zone: None, ..elsewhere.clone() },
            ObservedShape { instance_type: Some("other".to_owned()), ..elsewhere.clone() },
            ObservedShape { capacity_type: argosy_model::CapacityType::Spot, ..elsewhere.clone() },
            ObservedShape { price: argosy_model::MicroUsd(1), ..elsewhere.clone() },
            ObservedShape { interruption: argosy_model::Ppb::ONE, ..elsewhere.clone() },
            ObservedShape { labels: shape().labels, ..elsewhere.clone() },
            ObservedShape { resources: shape().resources, ..elsewhere.clone() },
        ];
        assert!(others.iter().all(|other| !is_it(other, "p")));
    }

    fn shape() -> ObservedShape {
        let text = |s: &str| s.to_owned();
        ObservedShape {
            instance_type: Some(text("m6i")),
            zone: Some(text("a")),
            resources: vec![(text("cpu"), 4_000)],
            labels: vec![(text("rack"), text("r1")), (text(HOSTNAME_KEY), text("h1"))],
            ..ObservedShape::default()
        }
    }

    #[test]
    fn a_shape_is_found_exactly_once_it_has_been_interned_and_whatever_its_host_name() {
        let mut words = Vocabulary::default();
        assert_eq!(find(&shape(), "p", &words), None);
        let handle = intern(&shape(), "p", &mut words);
        let mut elsewhere = shape();
        elsewhere.labels.reverse();
        elsewhere.labels[0].1 = "h2".to_owned();
        assert_eq!(find(&elsewhere, "p", &words), Some(handle));
        assert_eq!(find(&elsewhere, "q", &words), None);
    }

    #[test]
    fn a_shape_beyond_the_limits_is_not_sane() {
        assert!(is_sane(&shape()));
        assert!(!is_sane(&ObservedShape { zone: Some(String::new()), ..shape() }));
        assert!(!is_sane(&ObservedShape { resources: vec![("cpu".to_owned(), u64::MAX)], ..shape() }));
        assert!(!is_sane(&ObservedShape { labels: vec![("k".to_owned(), "v".repeat(9_999))], ..shape() }));
    }
}
