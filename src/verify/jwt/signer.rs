//! Which of several keys made a signature.

use std::sync::Arc;

use super::algorithm::Algorithm;
use super::key::VerifyingKey;
use crate::key_state::KeyState;

/// How many keys are tried for one token, where its `kid` does not tell them apart.
const MAX_CANDIDATES: usize = 4;

/// What became of the search.
pub(crate) enum Found {
    /// The key made the signature; its state is for the token to keep.
    Signer(Arc<KeyState>),
    /// There were keys to try, and none of them made it.
    NotTheSigner,
    /// There were such keys, but they are no longer to be used.
    Withdrawn,
    /// There is no such key.
    NoKey,
}

/// Tries keys of the right name that allow `algorithm`.
pub(crate) fn find_signer<'k>(
    named: impl Iterator<Item = &'k VerifyingKey>,
    algorithm: Algorithm,
    signed: impl Fn(&VerifyingKey) -> bool,
) -> Found {
    let mut found = Found::NoKey;
    let candidates = named.filter(|key| key.allows(algorithm));
    for key in candidates.take(MAX_CANDIDATES) {
        if key.state().is_withdrawn() {
            if matches!(found, Found::NoKey) {
                found = Found::Withdrawn;
            }
        } else if signed(key) {
            return Found::Signer(Arc::clone(key.state()));
        } else {
            found = Found::NotTheSigner;
        }
    }
    found
}
