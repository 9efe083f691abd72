//! Interning: a value is stored once and named by its position.
//!
//! Tables are append-only and part of the replicated state: the same sequence of first sightings gives the same
//! positions on every replica.

use std::borrow::Borrow;
use std::hash::Hash;
use std::sync::Arc;

use imbl::OrdMap;
use serde::ser::SerializeSeq;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::column::Column;
use crate::stamp::Stamp;

/// An append-only table of distinct values; clones share structure.
#[derive(Debug)]
pub struct Interner<T: ?Sized + Ord> {
    values: Column<Arc<T>>,
    positions: OrdMap<Arc<T>, u32>,
    stamp: Stamp,
}

impl<T: ?Sized + Ord> Clone for Interner<T> {
    fn clone(&self) -> Self {
        Self { values: self.values.clone(), positions: self.positions.clone(), stamp: self.stamp }
    }
}

impl<T: ?Sized + Ord> Default for Interner<T> {
    fn default() -> Self {
        Self { values: Column::default(), positions: OrdMap::new(), stamp: Stamp::default() }
    }
}

impl<T: ?Sized + Ord + Hash> Interner<T> {
    /// Position of `value`, appended if it is new.
    pub fn intern<Q>(&mut self, value: &Q) -> usize
    where
        Q: ?Sized + Ord + ToShared<T>,
        Arc<T>: Borrow<Q>,
    {
        if let Some(at) = self.positions.get(value) {
            return *at as usize;
        }
        let at = self.values.len();
        let shared = value.to_shared();
        let raw = u32::try_from(at).expect("a table holds at most 2^32 - 2 entries");
        self.stamp = self.stamp.then(&*shared);
        self.values.put(at, Arc::clone(&shared));
        self.positions.insert(shared, raw);
        at
    }

    /// Stands for all values in their order.
    pub fn stamp(&self) -> Stamp {
        self.stamp
    }

    /// Position of `value`, if it has been seen.
    pub fn find<Q>(&self, value: &Q) -> Option<usize>
    where
        Q: ?Sized + Ord,
        Arc<T>: Borrow<Q>,
    {
        self.positions.get(value).map(|at| *at as usize)
    }

    /// The value at `index`. Panics on a position that this table never gave out.
    pub fn get(&self, index: usize) -> &Arc<T> {
        self.values.get(index).expect("a position that this table gave out")
    }

    /// How many distinct values there are.
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Whether nothing has been interned.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// All values, in order of first sight.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<T>> {
        self.values.iter().map(|(_, value)| value)
    }
}

/// How a borrowed value becomes a stored one.
pub trait ToShared<T: ?Sized> {
    /// An owned, shared copy.
    fn to_shared(&self) -> Arc<T>;
}

impl ToShared<str> for str {
    fn to_shared(&self) -> Arc<str> {
        Arc::from(self)
    }
}

impl<T: Clone> ToShared<T> for T {
    fn to_shared(&self) -> Arc<T> {
        Arc::new(self.clone())
    }
}

impl<T: ?Sized + Ord + Serialize> Serialize for Interner<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut seq = serializer.serialize_seq(Some(self.values.len()))?;
        for (_, value) in self.values.iter() {
            seq.serialize_element(&**value)?;
        }
        seq.end()
    }
}

impl<'de, T> Deserialize<'de> for Interner<T>
where
    T: ?Sized + Ord + Hash,
    Arc<T>: Deserialize<'de>,
{
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut table = Self::default();
        for (at, value) in Vec::<Arc<T>>::deserialize(deserializer)?.into_iter().enumerate() {
            table.stamp = table.stamp.then(&*value);
            let raw = u32::try_from(at).map_err(|_| serde::de::Error::custom("table too long"))?;
            table.values.put(at, Arc::clone(&value));
            if table.positions.insert(value, raw).is_some() {
                return Err(serde::de::Error::custom("a value stands twice in an intern table"));
            }
        }
        Ok(table)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_values_share_one_position_and_order_is_first_sight() {
        let mut table: Interner<str> = Interner::default();
        assert_eq!((table.intern("b"), table.intern("a"), table.intern("b")), (0, 1, 0));
        assert_eq!(&**table.get(1), "a");
        assert_eq!(table.find("c"), None);
    }

    #[test]
    fn a_clone_does_not_see_later_values() {
        let mut table: Interner<str> = Interner::default();
        table.intern("a");
        let before = table.clone();
        table.intern("b");
        assert_eq!((before.len(), table.len()), (1, 2));
    }
}
