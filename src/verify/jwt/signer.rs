//! Which of several keys made a signature.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use super::algorithm::Algorithm;
use super::key::VerifyingKey;
use crate::key_state::KeyState;

/// How many keys of one set are tried for one token, where its `kid` does not tell them apart.
const MAX_CANDIDATES: usize = 4;

/// What became of the search.
pub(crate) enum Found {
    /// The key made the signature; its state is for the token to keep.
    Signer(Arc<KeyState>),
    /// A key of the token's `kid` did not make it.
    NotTheSigner,
    /// There is no key of that name that may still be used, and those without a name did not make it.
    NotAnUnnamedSigner,
    /// There is no key to try.
    NoKey,
    /// The keys are being replaced; look again when that is done.
    Later(Pin<Box<dyn Future<Output = ()> + Send>>),
}

/// Tries the keys that allow `algorithm` and may have made the signature of a token that names `key_id`:
/// those of that name, then those without one. A token that names none may be signed by any.
pub(crate) fn find_signer(
    keys: &[VerifyingKey],
    key_id: Option<&str>,
    algorithm: Algorithm,
    signed: impl Fn(&VerifyingKey) -> bool,
) -> Found {
    let is_named = |key: &VerifyingKey| key_id.is_some() && key.key_id() == key_id;
    let is_unnamed = |key: &VerifyingKey| key_id.is_none() || key.key_id().is_none();
    let named = keys.iter().filter(|key| is_named(key));
    let unnamed = keys.iter().filter(|key| is_unnamed(key));
    let candidates = named
        .chain(unnamed)
        .filter(|key| key.allows(algorithm) && !key.state().is_withdrawn());

    let mut found = Found::NoKey;
    for key in candidates.take(MAX_CANDIDATES) {
        if signed(key) {
            return Found::Signer(Arc::clone(key.state()));
        }
        found = match (is_named(key), found) {
            (true, _) | (_, Found::NotTheSigner) => Found::NotTheSigner,
            _ => Found::NotAnUnnamedSigner,
        };
    }
    found
}
