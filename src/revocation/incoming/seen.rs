//! The tokens that were received recently.

use std::collections::{HashSet, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::sha256::{Sha256Digest, sha256};

/// The latest tokens whose effects are stored, by issuer and `jti`. Bounded, so that an issuer cannot fill the memory.
///
/// A token that was forgotten is carried out again when it is replayed, which changes nothing: revocations are
/// extended, and never doubled.
#[derive(Default)]
pub(super) struct Seen {
    latest: Mutex<Latest>,
}

#[derive(Default)]
struct Latest {
    tokens: HashSet<Sha256Digest>,
    /// The same, from the oldest. A cache would keep those that are asked for often, and forget the newest.
    order: VecDeque<Sha256Digest>,
}

/// About a megabyte.
const CAPACITY: usize = 10_000;

impl Seen {
    pub(super) fn contains(&self, issuer: &str, jti: &str) -> bool {
        self.latest().tokens.contains(&key(issuer, jti))
    }

    pub(super) fn add(&self, issuer: &str, jti: &str) {
        let key = key(issuer, jti);
        let mut latest = self.latest();
        if !latest.tokens.insert(key) {
            return;
        }
        latest.order.push_back(key);
        if latest.order.len() > CAPACITY
            && let Some(oldest) = latest.order.pop_front()
        {
            latest.tokens.remove(&oldest);
        }
    }

    fn latest(&self) -> MutexGuard<'_, Latest> {
        self.latest.lock().unwrap_or_else(PoisonError::into_inner)
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
    fn tokens_are_known_by_issuer_and_jti() {
        let seen = Seen::default();
        seen.add("a", "bc");
        assert!(seen.contains("a", "bc"));
        for (issuer, jti) in [("ab", "c"), ("a", "b"), ("", "abc"), ("bc", "a")] {
            assert!(!seen.contains(issuer, jti), "{issuer} {jti}");
        }
    }

    #[test]
    fn the_latest_tokens_are_known_and_no_others() {
        let seen = Seen::default();
        for number in 0..2 * CAPACITY {
            // A token that is received twice has one place.
            seen.add("a", &number.to_string());
            seen.add("a", &number.to_string());
        }
        for number in 0..2 * CAPACITY {
            let is_known = seen.contains("a", &number.to_string());
            assert_eq!(is_known, number >= CAPACITY, "{number}");
        }
        assert_eq!(seen.latest().order.len(), CAPACITY);
    }
}
