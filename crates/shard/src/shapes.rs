//! From an observed shape to the fleet's: found without changing anything, or interned.

use argosy_model::vocabulary::HOSTNAME_KEY;
use argosy_model::{DimIx, Resources, Shape, ShapeIx, Sym, Vocabulary};

use crate::need_row::{MAX_ITEMS, MAX_TEXT_BYTES};
use crate::observed::ObservedShape;

/// Most labels of a machine.
const MAX_LABELS: usize = MAX_ITEMS;

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
    use super::*;

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
