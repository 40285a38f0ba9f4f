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

pub mod by_issuer;
#[cfg(feature = "cache")]
pub mod cached;
mod check;
pub(crate) mod claims;
mod erased;
#[cfg(feature = "introspection")]
pub mod introspection;
#[cfg(feature = "jwks")]
pub mod jwks;
pub mod jwt;
pub mod keys;
mod or_else;
mod static_token;
mod verifier;
mod verifier_ext;
mod verify_fn;

#[doc(inline)]
pub use self::by_issuer::ByIssuer;
#[cfg(feature = "cache")]
#[doc(inline)]
pub use self::cached::{CacheLayer, Cached};
pub use self::check::{Check, CheckFuture};
pub use self::claims::Audience;
pub use self::erased::ErasedVerifier;
#[cfg(feature = "introspection")]
#[doc(inline)]
pub use self::introspection::IntrospectionVerifier;
#[doc(inline)]
pub use self::jwt::JwtVerifier;
pub use self::or_else::{OrElse, OrElseFuture};
pub use self::static_token::{StaticToken, StaticTokenVerifier};
pub use self::verifier::Verifier;
pub use self::verifier_ext::VerifierExt;
pub use self::verify_fn::{VerifyFn, verify_fn};
