//! Which of several keys made a signature.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use super::algorithm::Algorithm;
use super::key::VerifyingKey;
use crate::key_state::KeyState;

/// The default number of keys of one set that are tried for one token if its `kid` does not select a single key.
pub(crate) const DEFAULT_KEY_ATTEMPTS: usize = 4;

/// A signature, and what its token says about the key that made it.
pub(crate) struct SignatureSearch<'a> {
    /// The `kid` of the token's header.
    pub(crate) key_id: Option<&'a str>,
    pub(crate) algorithm: Algorithm,
    /// The maximum number of keys of one set that are tried.
    pub(crate) attempts: usize,
    /// Whether a key made the signature.
    pub(crate) signed: &'a dyn Fn(&VerifyingKey) -> bool,
}

/// What became of the search.
pub(crate) enum Found {
    /// The key made the signature; its state is for the token to keep.
    Signer(Arc<KeyState>),
    /// The key with the token's `kid` did not make it. The issuer may have replaced the key.
    NotTheSigner,
    /// There is no key of that name that may still be used, and those without a name did not make it.
    NotAnUnnamedSigner,
    /// There is no key to try.
    NoKey,
    /// The keys are being replaced; look again when that is done.
    Later(Pin<Box<dyn Future<Output = ()> + Send>>),
}

impl SignatureSearch<'_> {
    /// Tries the keys that allow the algorithm and may have made the signature: those of the token's `kid`,
    /// then those without one. A token without `kid` may be signed by any.
    pub(crate) fn among(&self, keys: &[VerifyingKey]) -> Found {
        let key_id = self.key_id;
        let is_named = |key: &VerifyingKey| key_id.is_some() && key.key_id() == key_id;
        let is_unnamed = |key: &VerifyingKey| key_id.is_none() || key.key_id().is_none();
        let named = keys.iter().filter(|key| is_named(key));
        let unnamed = keys.iter().filter(|key| is_unnamed(key));
        let candidates = named
            .chain(unnamed)
            .filter(|key| key.allows(self.algorithm) && !key.state().is_withdrawn());

        let mut found = Found::NoKey;
        for key in candidates.take(self.attempts) {
            if (self.signed)(key) {
                return Found::Signer(Arc::clone(key.state()));
            }
            let is_replaced = is_named(key) || matches!(found, Found::NotTheSigner);
            found = match is_replaced {
                true => Found::NotTheSigner,
                false => Found::NotAnUnnamedSigner,
            };
        }
        found
    }
}
