//! The marks that fence: per (shard, machine), only a strictly newer token passes.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

/// A fence as it came over the wire.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Token {
    /// Whose.
    pub shard: String,
    /// The major part.
    pub epoch: i64,
    /// The minor part.
    pub sequence: i64,
}

impl Token {
    /// The token of those who do not fence.
    #[must_use]
    pub fn is_zero(&self) -> bool {
        self.epoch == 0 && self.sequence == 0
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Mark {
    shard: Arc<str>,
    epoch: i64,
    sequence: i64,
}

/// The newest token of each shard for one machine. Nearly always there is one shard.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Marks(SmallVec<[Mark; 1]>);

impl Marks {
    /// Lets a token through if it is newer than the shard's mark, and raises the mark to it. The mark stays raised whatever becomes of the
    /// call: that is what makes a refused call a barrier against older ones.
    pub fn pass(&mut self, shard: &Arc<str>, epoch: i64, sequence: i64) -> bool {
        match self.0.iter_mut().find(|mark| mark.shard == *shard) {
            Some(mark) if (epoch, sequence) <= (mark.epoch, mark.sequence) => false,
            Some(mark) => {
                (mark.epoch, mark.sequence) = (epoch, sequence);
                true
            }
            None => {
                self.0.push(Mark { shard: Arc::clone(shard), epoch, sequence });
                true
            }
        }
    }

    /// Makes equal shard names share their bytes, after marks have been read from the store.
    pub fn intern(&mut self, mut intern: impl FnMut(&str) -> Arc<str>) {
        for mark in &mut self.0 {
            mark.shard = intern(&mark.shard);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// The oracle is the rule itself: a token passes when it is above every token that passed before it.
        #[test]
        fn a_token_passes_only_above_all_that_passed_before_from_its_shard(
            tokens in prop::collection::vec((0..3usize, -2..5i64, -2..5i64), 1..60)
        ) {
            let shards: [Arc<str>; 3] = ["a".into(), "b".into(), "".into()];
            let mut marks = Marks::default();
            let mut passed: [Vec<(i64, i64)>; 3] = Default::default();
            for (shard, epoch, sequence) in tokens {
                let expected = passed[shard].iter().all(|before| (epoch, sequence) > *before);
                prop_assert_eq!(marks.pass(&shards[shard], epoch, sequence), expected);
                if expected {
                    passed[shard].push((epoch, sequence));
                }
            }
        }
    }
}
