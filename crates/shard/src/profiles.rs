//! Ways to find a profile that the vocabulary does not keep: by fingerprint, and the one that a folded gang asks.
//!
//! Derived from the vocabulary; never stored.

use argosy_model::{Profile, ProfileIx, Vocabulary};
use imbl::OrdMap;

use crate::digest::Hasher;

/// Profiles by fingerprint, and `Same` profiles with their plain counterparts. Clones share structure.
#[derive(Clone, Debug, Default)]
pub struct Profiles {
    by_fingerprint: OrdMap<u64, ProfileIx>,
    plain: OrdMap<ProfileIx, ProfileIx>,
}

impl Profiles {
    /// Interns a profile, and beside one with `Same` the plain one that decide folds small gangs into.
    pub(crate) fn intern(&mut self, profile: &Profile, words: &mut Vocabulary) -> ProfileIx {
        let handle = self.enter(profile, words);
        if profile.same_key().is_some() && !self.plain.contains_key(&handle) {
            let plain = self.enter(&profile.without_same(), words);
            self.plain.insert(handle, plain);
        }
        handle
    }

    fn enter(&mut self, profile: &Profile, words: &mut Vocabulary) -> ProfileIx {
        if let Some(known) = words.find_profile(profile) {
            return known;
        }
        let handle = words.profile(profile);
        self.by_fingerprint.insert(short_hash(&words.fingerprint(profile)), handle);
        handle
    }

    /// What a gang of this profile asks once it is folded; `None` for a profile without `Same`.
    pub fn plain(&self, profile: ProfileIx) -> Option<ProfileIx> {
        self.plain.get(&profile).copied()
    }

    /// The profile with this fingerprint, if the shard has heard of it.
    pub(crate) fn by_fingerprint(&self, fingerprint: &str, words: &Vocabulary) -> Option<ProfileIx> {
        let found = *self.by_fingerprint.get(&short_hash(fingerprint))?;
        (words.fingerprint(words.profile_of(found)) == fingerprint).then_some(found)
    }

    /// Derives the indexes of a restored vocabulary.
    pub(crate) fn of(words: &Vocabulary) -> Self {
        let mut profiles = Self::default();
        for (handle, profile) in words.profiles() {
            profiles.by_fingerprint.insert(short_hash(&words.fingerprint(profile)), handle);
            if profile.same_key().is_some()
                && let Some(plain) = words.find_profile(&profile.without_same())
            {
                profiles.plain.insert(handle, plain);
            }
        }
        profiles
    }
}

/// Eight bytes of SHA-256: enough to find a candidate, which is then compared in full.
fn short_hash(text: &str) -> u64 {
    let mut hasher = Hasher::default();
    hasher.update(text.as_bytes());
    let [a, b, c, d, e, f, g, h, ..] = hasher.finish().0;
    u64::from_le_bytes([a, b, c, d, e, f, g, h])
}

#[cfg(test)]
mod tests {
    use argosy_model::{Bucket, Operator, Requirement};

    use super::*;

    #[test]
    fn a_same_profile_has_its_plain_counterpart_beside_it_and_both_survive_a_rebuild() {
        let mut words = Vocabulary::default();
        let mut profiles = Profiles::default();
        let same = Requirement { key: words.symbol("rack"), operator: Operator::Same, values: vec![] };
        let gang = Profile::new(vec![same], None, 1, Bucket::ZERO, Bucket::ZERO);
        let handle = profiles.intern(&gang, &mut words);
        let plain = profiles.plain(handle).expect("interned beside it");
        assert_eq!(**words.profile_of(plain), gang.without_same());
        let rebuilt = Profiles::of(&words);
        assert_eq!((rebuilt.plain(handle), rebuilt.plain(plain)), (Some(plain), None));
        let fingerprint = words.fingerprint(&gang);
        assert_eq!(rebuilt.by_fingerprint(&fingerprint, &words), Some(handle));
    }
}
