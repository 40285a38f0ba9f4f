//! Methods that combine verifiers.

#[cfg(feature = "cache")]
use super::cached::{CacheLayer, Cached};
use super::check::Check;
use super::erased::ErasedVerifier;
use super::or_else::OrElse;
use super::verifier::Verifier;
use crate::access_token::AccessToken;
use crate::verify_error::VerifyError;

/// Combinators for verifiers. Every [`Verifier`] has them.
pub trait VerifierExt: Verifier + Sized {
    /// Adds a condition that verified tokens must also meet.
    ///
    /// The condition sees the scopes of the token by name. The layer's [`ScopeHierarchy`](crate::ScopeHierarchy) applies
    /// only after the verifier.
    ///
    /// ```
    /// use tower_bearer_auth::{StaticToken, StaticTokenVerifier, VerifierExt, VerifyError};
    ///
    /// let table = StaticTokenVerifier::new([("dev-token", StaticToken::new("dev"))]);
    /// let verifier = table.check(|token| match token.client_id() {
    ///     Some("closed-account") => Err(VerifyError::invalid("The account was closed")),
    ///     _ => Ok(()),
    /// });
    /// # let _ = verifier;
    /// ```
    fn check<F>(self, condition: F) -> Check<Self, F>
    where
        F: Fn(&AccessToken) -> Result<(), VerifyError> + Clone + Send + Sync + 'static,
    {
        Check::new(self, condition)
    }

    /// Caches up to `capacity` verified tokens, each for at most five minutes; see the
    /// [module](crate::verify::cached). For other limits use [`CacheLayer`].
    ///
    /// # Panics
    ///
    /// If `capacity` is zero.
    #[cfg(feature = "cache")]
    #[track_caller]
    fn cached(self, capacity: usize) -> Cached<Self> {
        tower_layer::Layer::layer(&CacheLayer::new(capacity), self)
    }

    /// Falls back to `other` for tokens that this verifier does not recognize: they do not have the form of its tokens,
    /// are not in its table, or name another issuer.
    ///
    /// There is no fallback for a token that this verifier recognizes and refuses, such as an expired or badly signed
    /// one, nor for a token that it cannot verify now, which is answered 503. See [`VerifyError::allows_fallback`].
    ///
    /// ```
    /// use tower_bearer_auth::{
    ///     Algorithm, JwtVerifier, StaticToken, StaticTokenVerifier, VerifierExt,
    /// };
    ///
    /// # fn verifier(key: &[u8]) -> Result<impl VerifierExt, tower_bearer_auth::ConfigError> {
    /// let api_keys = StaticTokenVerifier::new([("key-1", StaticToken::new("reports"))]);
    /// let verifier = JwtVerifier::builder()
    ///     .public_key_pem(Algorithm::RS256, key)
    ///     .issuer("https://issuer.example.com")
    ///     .audience("https://api.example.com")
    ///     .build()?
    ///     .or_else(api_keys);
    /// # Ok(verifier)
    /// # }
    /// ```
    fn or_else<V: Verifier>(self, other: V) -> OrElse<Self, V> {
        OrElse::new(self, other)
    }

    /// Hides the type of the verifier. Use it for a field of a struct, and for a choice at run time. Each call allocates
    /// one box.
    fn erased(self) -> ErasedVerifier {
        ErasedVerifier::new(self)
    }
}

impl<V: Verifier> VerifierExt for V {}
