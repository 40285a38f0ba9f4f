//! A cache of verified tokens.
//!
//! Use it around a slow verifier, such as one that calls an authorization server:
//!
//! ```
//! use tower_bearer_auth::{AccessToken, BearerAuthLayer, VerifierExt, verify_fn};
//!
//! let ask = verify_fn(|token| async move { Ok(AccessToken::builder(token).build()) });
//! let layer = BearerAuthLayer::new(ask.cached(10_000));
//! # let _ = layer;
//! ```
//!
//! As a tower layer, with settings:
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
//!     // Cache hits are not limited: they do not reach these layers.
//!     .concurrency_limit(64)
//!     .timeout(Duration::from_secs(2))
//!     .service(ask);
//! let stats = verifier.stats();
//! let layer = BearerAuthLayer::new(verifier);
//! # let _ = (stats, layer);
//! ```
//!
//! # When a cached result is served
//!
//! The cache does not store tokens. It identifies a token by a keyed hash of it, POLYVAL (RFC 8452 §3), with a random key
//! that each cache generates and that never leaves the process. Whatever tokens an attacker chooses, one of them is taken
//! for a given cached token with a probability of at most 2^-117, for tokens of up to 16 KiB. A result is served while
//!
//! - it is younger than [`max_age`](CacheLayer::max_age), which is how long a revocation can go unnoticed;
//! - the token has not expired, by the verifier's own clock and leeway;
//! - the key that signed it has not been withdrawn;
//! - the key set is not due for a refresh, so that a server which has cached all its tokens still learns of new
//!   and withdrawn keys.
//!
//! Requests with a token that is being verified wait for that verification and share its result. They share a
//! failure too, so a failing verifier is not called once per waiter. If the client that started it disconnects, the
//! verification continues for the others. Failures are not cached; for refusals that is an
//! [option](CacheLayer::remember_refusals).
//!
//! All requests with a token wait for its verification without a time limit. If the verifier has no timeout, add
//! one inside the cache.
//!
//! The results of [`check`](crate::VerifierExt::check)s inside the cache are cached. Checks outside run for each
//! request.

mod fingerprint;
mod future;
mod in_progress;
mod layer;
mod service;
mod shared_verification;
mod store;

/// The synchronization primitives. `tests/threads/` replaces them to test thread interleavings.
#[cfg(not(shuttle))]
use std::sync;

#[cfg(shuttle)]
use shuttle::sync;

pub use self::future::CachedFuture;
pub use self::layer::CacheLayer;
pub use self::service::{CacheStats, Cached};
