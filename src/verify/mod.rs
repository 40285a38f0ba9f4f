//! The verifier: a tower service from [`BearerToken`] to [`AccessToken`]. The pluggable part.
//!
//! [`StaticTokenVerifier`] knows a table of tokens, [`JwtVerifier`] checks signed ones, and
//! [`verify_fn`] makes a verifier of a closure:
//!
//! ```
//! use tower_bearer_auth::{AccessToken, BearerAuthLayer, InvalidReason, VerifyError, verify_fn};
//!
//! let verifier = verify_fn(|token| async move {
//!     match token.as_str() {
//!         "key-1" => Ok(AccessToken::builder(token).client_id("reports").build()),
//!         _ => Err(VerifyError::invalid(InvalidReason::Unrecognized)),
//!     }
//! });
//! let layer = BearerAuthLayer::new(verifier);
//! # let _ = layer;
//! ```
//!
//! A verifier in tower layers is a verifier. What goes wrong in them is answered 503 (see
//! [`VerifyError`]). Here a call may take two seconds, 64 may be under way, and with `load_shed` a
//! request beyond those is answered at once; without it, it would wait for its turn, however long:
//!
//! ```
//! use std::time::Duration;
//! use tower::ServiceBuilder;
//! # use tower_bearer_auth::{AccessToken, BearerAuthLayer, InvalidReason, VerifyError, verify_fn};
//! # let ask_the_key_server = verify_fn(|_| async {
//! #     Err(VerifyError::invalid(InvalidReason::Unrecognized))
//! # });
//!
//! let verifier = ServiceBuilder::new()
//!     .load_shed()
//!     .concurrency_limit(64)
//!     .timeout(Duration::from_secs(2))
//!     .service(ask_the_key_server);
//! let layer = BearerAuthLayer::new(verifier);
//! # let _ = layer;
//! ```
//!
//! Where the type has to have a name, [`VerifierExt::erased`] gives it one:
//!
//! ```
//! use tower_bearer_auth::{ErasedVerifier, StaticToken, StaticTokenVerifier, VerifierExt};
//!
//! fn from_environment() -> ErasedVerifier {
//!     StaticTokenVerifier::new([("dev-token", StaticToken::new("dev"))]).erased()
//! }
//! # from_environment();
//! ```
//!
//! # Readiness
//!
//! The layer never polls its verifier for readiness ahead of a request. For each token it drives a
//! fresh clone to readiness inside the response future, so that an idle connection holds no permit
//! of a concurrency limit. The combinators here are always ready and treat what they wrap alike.

use std::fmt;
use std::future::Future;
use std::task::{Context, Poll};

use tower_service::Service;

use crate::access_token::AccessToken;
use crate::bearer::BearerToken;
use crate::verify_error::VerifyError;

mod audience;
pub mod by_issuer;
#[cfg(feature = "cache")]
pub mod cached;
mod check;
mod erased;
#[cfg(feature = "introspection")]
pub mod introspection;
#[cfg(feature = "jwks")]
pub mod jwks;
pub mod jwt;
mod or_else;
mod static_token;

pub use self::audience::Audience;
#[doc(inline)]
pub use self::by_issuer::ByIssuer;
#[cfg(feature = "cache")]
#[doc(inline)]
pub use self::cached::{CacheLayer, Cached};
pub use self::check::{Check, CheckFuture};
pub use self::erased::ErasedVerifier;
#[cfg(feature = "introspection")]
#[doc(inline)]
pub use self::introspection::IntrospectionVerifier;
#[doc(inline)]
pub use self::jwt::JwtVerifier;
pub use self::or_else::{OrElse, OrElseFuture};
pub use self::static_token::{StaticToken, StaticTokenVerifier};

/// Anything that verifies bearer tokens: every tower service of this shape is one, so there is
/// nothing to implement by hand.
///
/// The error may be anything that becomes a [`VerifyError`], tower's `BoxError` included.
///
/// A builder is no verifier, and the compiler says so:
///
/// ```compile_fail,E0277
/// # use tower_bearer_auth::{BearerAuthLayer, JwtVerifier};
/// let layer = BearerAuthLayer::new(JwtVerifier::builder());
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a verifier",
    label = "not a tower service from `BearerToken` to `AccessToken`",
    note = "a builder becomes a verifier by `.build()?`",
    note = "a closure becomes a verifier by `tower_bearer_auth::verify_fn`",
    note = "a service is a verifier if it is `Clone + Send + Sync + 'static`, its future is `Send + 'static`, and its error converts into `VerifyError`"
)]
pub trait Verifier:
    Service<BearerToken, Response = AccessToken, Error: Into<VerifyError>, Future: Send + 'static>
    + Clone
    + Send
    + Sync
    + 'static
{
}

impl<V> Verifier for V where
    V: Service<
            BearerToken,
            Response = AccessToken,
            Error: Into<VerifyError>,
            Future: Send + 'static,
        > + Clone
        + Send
        + Sync
        + 'static
{
}

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
    /// [`VerifyError::is_another_kind`].
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

/// Makes a verifier of an async closure.
///
/// It is tower's `service_fn` with the error pinned to [`VerifyError`], so that the closure needs no
/// type annotations. See the [module's documentation](self) for an example.
pub fn verify_fn<F, Fut>(verify: F) -> VerifyFn<F>
where
    F: FnMut(BearerToken) -> Fut,
    Fut: Future<Output = Result<AccessToken, VerifyError>>,
{
    VerifyFn { verify }
}

/// A closure as a verifier; see [`verify_fn`].
#[derive(Clone, Copy)]
pub struct VerifyFn<F> {
    verify: F,
}

impl<F, Fut> Service<BearerToken> for VerifyFn<F>
where
    F: FnMut(BearerToken) -> Fut,
    Fut: Future<Output = Result<AccessToken, VerifyError>>,
{
    type Response = AccessToken;
    type Error = VerifyError;
    type Future = Fut;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), VerifyError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, token: BearerToken) -> Fut {
        (self.verify)(token)
    }
}

impl<F> fmt::Debug for VerifyFn<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifyFn").finish_non_exhaustive()
    }
}
