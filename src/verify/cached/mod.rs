//! Verified tokens, remembered for a while.
//!
//! Around a verifier that takes long, such as one that asks somebody else:
//!
//! ```
//! use tower_bearer_auth::{AccessToken, BearerAuthLayer, VerifierExt, verify_fn};
//!
//! let ask = verify_fn(|token| async move { Ok(AccessToken::builder(token).build()) });
//! let layer = BearerAuthLayer::new(ask.cached(10_000));
//! # let _ = layer;
//! ```
//!
//! Configured, as a tower layer:
//!
//! ```
//! use std::time::Duration;
//! use tower::ServiceBuilder;
//! use tower_bearer_auth::{AccessToken, BearerAuthLayer, CacheLayer, verify_fn};
//!
//! let ask = verify_fn(|token| async move { Ok(AccessToken::builder(token).build()) });
//! let verifier = ServiceBuilder::new()
//!     .layer(
//!         CacheLayer::new(10_000)
//!             .max_age(Duration::from_secs(60))
//!             .remember_refusals(Duration::from_secs(5)),
//!     )
//!     // Only what is not remembered takes a turn.
//!     .concurrency_limit(64)
//!     .timeout(Duration::from_secs(2))
//!     .service(ask);
//! let stats = verifier.stats();
//! let layer = BearerAuthLayer::new(verifier);
//! # let _ = (stats, layer);
//! ```
//!
//! # What is served
//!
//! A token is told by its SHA-256 digest; the token itself is not kept. What was verified is served while
//!
//! - it is younger than [`max_age`](CacheLayer::max_age), so this is how long a revocation can go unnoticed;
//! - the token has not expired, by the verifier's own clock and leeway;
//! - the key that signed it has not been withdrawn;
//! - the key set is not due for a refresh, so that a server which knows all its tokens still learns of new
//!   and withdrawn keys.
//!
//! Everyone who comes with a token that is being verified waits for that, and gets what comes of it, a
//! failure too: a failing verifier is not called once per waiter. Whoever began it may leave; the others
//! carry on. Failures are not remembered, unless
//! [`remember_refusals`](CacheLayer::remember_refusals) asks for it.
//!
//! A verification that never ends is waited for by all who come with that token, so put a timeout inside where
//! the verifier has none of its own.
//!
//! [`check`](crate::VerifierExt::check)s inside are remembered with the rest; those outside are made each
//! time.

mod flight;
mod flights;
mod future;
mod layer;
mod service;
mod store;

/// What threads meet at, whose turns `tests/threads/` chooses.
#[cfg(not(shuttle))]
use std::sync;

#[cfg(shuttle)]
use shuttle::sync;

pub use self::future::CachedFuture;
pub use self::layer::CacheLayer;
pub use self::service::{CacheStats, Cached};
