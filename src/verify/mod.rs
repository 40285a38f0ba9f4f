//! Verifiers: tower services from [`BearerToken`](crate::BearerToken) to
//! [`AccessToken`](crate::AccessToken).
//!
//! [`JwtVerifier`] verifies signed tokens, [`StaticTokenVerifier`] has a fixed table of tokens, and [`verify_fn`] makes a
//! verifier from a closure:
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
//! A verifier inside tower layers is a verifier as well. An error of a layer is answered 503; see
//! [`VerifyError`](crate::VerifyError). Here a
//! call may take two seconds, and 64 calls may be in flight. With `load_shed`, further requests are answered 503 at once;
//! without it, they would wait without a limit:
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
//! [`VerifierExt::erased`] hides the type, for a return value or a field of a struct:
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
//! The layer does not poll its verifier for readiness before a request. For each token, the response future drives a new
//! clone to readiness, so that an idle connection holds no permit of a concurrency limit. The combinators of this module
//! are always ready and do the same with the verifiers inside them.

pub mod by_issuer;
#[cfg(feature = "cache")]
pub mod cached;
mod check;
pub(crate) mod claims;
mod erased;
#[cfg(feature = "introspection")]
pub mod introspection;
#[cfg(feature = "introspection")]
mod introspection_response;
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
pub use self::erased::{ErasedVerifier, ErasedVerifierFuture};
#[cfg(feature = "introspection")]
#[doc(inline)]
pub use self::introspection::IntrospectionVerifier;
#[cfg(feature = "introspection")]
pub use self::introspection_response::IntrospectionResponseVerifier;
#[doc(inline)]
pub use self::jwt::JwtVerifier;
pub use self::or_else::{OrElse, OrElseFuture};
pub use self::static_token::{StaticToken, StaticTokenVerifier};
pub use self::verifier::Verifier;
pub use self::verifier_ext::VerifierExt;
pub use self::verify_fn::{VerifyFn, VerifyFnFuture, verify_fn};
