//! Finds the key that made a signature.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use super::algorithm::Algorithm;
use super::key::VerifyingKey;
use crate::key_state::KeyState;

/// The default maximum number of keys of one set that are tried for one token, if its `kid` does not select a single
/// key. It bounds the cost of a forged token.
pub(crate) const DEFAULT_KEY_ATTEMPTS: usize = 4;

/// A signature, and what the header of its token says about the key.
pub(crate) struct SignatureSearch<'a> {
    /// The `kid` of the token's header.
    pub(crate) key_id: Option<&'a str>,
    pub(crate) algorithm: Algorithm,
    /// The maximum number of keys of one set that are tried.
    pub(crate) attempts: usize,
    /// Whether the signature is valid for a key.
    pub(crate) signed: &'a dyn Fn(&VerifyingKey) -> bool,
}

/// The result of a search.
pub(crate) enum Found {
    /// A key made the signature. The token keeps the state of the key, so that it becomes invalid when the key is
    /// withdrawn.
    Signer(Arc<KeyState>),
    /// The key with the token's `kid` did not make the signature. The issuer may have replaced the key.
    NotTheSigner,
    /// No usable key has the token's `kid`, and the keys without `kid` did not make the signature.
    NotAnUnnamedSigner,
    /// There is no key to try.
    NoKey,
    /// The keys are being replaced. Repeat the search when the future completes.
    Later(Pin<Box<dyn Future<Output = ()> + Send>>),
}

impl SignatureSearch<'_> {
    /// Tries the [attempts](Self::attempts), in order.
    pub(crate) fn among(&self, keys: &[VerifyingKey]) -> Found {
        let mut found = Found::NoKey;
        for key in self.attempts(keys) {
            if (self.signed)(key) {
                return Found::Signer(Arc::clone(key.state()));
            }
            let is_replaced = self.names(key) || matches!(found, Found::NotTheSigner);
            found = match is_replaced {
                true => Found::NotTheSigner,
                false => Found::NotAnUnnamedSigner,
            };
        }
        found
    }

    /// The keys to try: those that allow the algorithm and are not withdrawn, first those with the token's `kid`, then
    /// those without `kid`. For a token without `kid` it is all keys.
    pub(crate) fn attempts<'k>(
        &self,
        keys: &'k [VerifyingKey],
    ) -> impl Iterator<Item = &'k VerifyingKey> {
        let named = keys.iter().filter(|key| self.names(key));
        let unnamed = keys.iter().filter(|key| self.fits_unnamed(key));
        named
            .chain(unnamed)
            .filter(|key| key.allows(self.algorithm) && !key.state().is_withdrawn())
            .take(self.attempts)
    }

    /// Whether the key has the token's `kid`.
    pub(crate) fn names(&self, key: &VerifyingKey) -> bool {
        self.key_id.is_some() && key.key_id() == self.key_id
    }

    /// Whether the key or the token has no `kid`.
    pub(crate) fn fits_unnamed(&self, key: &VerifyingKey) -> bool {
        self.key_id.is_none() || key.key_id().is_none()
    }
}
