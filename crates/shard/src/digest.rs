//! SHA-256 as a value: running chains over what was decided and audited, and the hash of a whole state.

use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// A SHA-256 digest.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Digest(pub [u8; 32]);

impl Digest {
    /// This digest, continued by one more record: the hash of both.
    #[must_use]
    pub(crate) fn chained(self, record: &[u8]) -> Self {
        let mut hasher = Hasher::default();
        hasher.update(&self.0);
        hasher.update(record);
        hasher.finish()
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest({self})")
    }
}

/// A digest in the making.
#[derive(Clone, Default)]
pub(crate) struct Hasher(Sha256);

impl Hasher {
    pub(crate) fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    pub(crate) fn finish(self) -> Digest {
        Digest(self.0.finalize().into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_is_sha_256() {
        let empty = Hasher::default().finish().to_string();
        assert_eq!(empty, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    }

    #[test]
    fn a_chain_depends_on_every_record_and_their_order() {
        let start = Digest::default();
        assert_ne!(start.chained(b"a").chained(b"b"), start.chained(b"b").chained(b"a"));
        assert_ne!(start.chained(b"a"), start.chained(b"a").chained(b""));
    }
}
