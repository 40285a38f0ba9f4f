//! The tokens that were received recently.

use quick_cache::sync::Cache;

use crate::sha256::{Sha256Digest, sha256};

/// The tokens whose effects are stored, by issuer and `jti`. Bounded, so that an issuer cannot fill the memory.
///
/// A token that was evicted is carried out again when it is replayed, which changes nothing: revocations are extended,
/// and never doubled.
pub(super) struct Seen {
    tokens: Cache<Sha256Digest, ()>,
}

/// About a megabyte.
const CAPACITY: usize = 10_000;

impl Seen {
    pub(super) fn new() -> Self {
        Self {
            tokens: Cache::new(CAPACITY),
        }
    }

    pub(super) fn contains(&self, issuer: &str, jti: &str) -> bool {
        self.tokens.get(&key(issuer, jti)).is_some()
    }

    pub(super) fn add(&self, issuer: &str, jti: &str) {
        self.tokens.insert(key(issuer, jti), ());
    }
}

fn key(issuer: &str, jti: &str) -> Sha256Digest {
    // The length separates the two, so that different pairs never have the same text.
    let length = (issuer.len() as u64).to_be_bytes();
    sha256(&[&length, issuer.as_bytes(), jti.as_bytes()].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_known_by_issuer_and_jti_and_their_number_is_bounded() {
        let seen = Seen::new();
        seen.add("a", "bc");
        assert!(seen.contains("a", "bc"));
        for (issuer, jti) in [("ab", "c"), ("a", "b"), ("", "abc"), ("bc", "a")] {
            assert!(!seen.contains(issuer, jti), "{issuer} {jti}");
        }
        for number in 0..3 * CAPACITY {
            seen.add("a", &number.to_string());
        }
        assert!(seen.tokens.len() <= CAPACITY);
    }
}
