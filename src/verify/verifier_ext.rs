//! Methods that combine verifiers.

#[cfg(feature = "cache")]
use super::cached::{CacheLayer, Cached};
use super::check::Check;
use super::erased::ErasedVerifier;
use super::or_else::OrElse;
use super::verifier::Verifier;
use crate::access_token::AccessToken;
use crate::verify_error::VerifyError;

/// Ways to make one verifier out of others.
pub trait VerifierExt: Verifier + Sized {
    /// Adds a condition that a verified token must also meet.
    ///
    /// Scopes are compared by name here: the layer's [`ScopeHierarchy`](crate::ScopeHierarchy) is not
    /// known to its verifier.
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

    /// Remembers up to `capacity` verified tokens, each for five minutes at most; see
    /// the [module](crate::verify::cached).
    ///
    /// # Panics
    ///
    /// When `capacity` is zero.
    #[cfg(feature = "cache")]
    #[track_caller]
    fn cached(self, capacity: usize) -> Cached<Self> {
        tower_layer::Layer::layer(&CacheLayer::new(capacity), self)
    }

    /// Asks `other` about the tokens that are none of this verifier's kind: not shaped like its tokens,
    /// unknown to it, or from another issuer.
    ///
    /// A token of its kind that it refuses (expired, badly signed) is refused, and one that it cannot tell
    /// about now is answered 503, whatever the other would say. See
    /// [`VerifyError::allows_fallback`].
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

    /// Hides the type, at the price of a box per call: for a struct's field, or a choice made at
    /// run time.
    fn erased(self) -> ErasedVerifier {
        ErasedVerifier::new(self)
    }
}

impl<V: Verifier> VerifierExt for V {}
