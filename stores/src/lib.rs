//! Stores for [`tower_bearer_auth`]: they keep used DPoP proofs and revocations where they survive a restart, and where
//! all replicas of a server share them.
//!
//! Each store is a [`ReplayStore`](tower_bearer_auth::possession::ReplayStore) and a
//! [`RevocationStore`](tower_bearer_auth::revocation::RevocationStore). All features are off by default.
//!
//! | you have | store | features |
//! |---|---|---|
//! | several replicas, and Redis or Valkey | `RedisStore::new` | `redis`; `redis-tls` for `rediss://` |
//! | a Redis cluster | `RedisStore::cluster` | `redis-cluster` |
//! | Redis with sentinels | `RedisStore::sentinel` | `redis-sentinel` |
//! | one process, and a disk | `RedbStore::open` | `redb` |
//! | one process, and nothing to keep | none: the defaults of `tower_bearer_auth` are in memory | |
//!
//! With Redis:
//!
#![cfg_attr(feature = "redis", doc = "```no_run")]
#![cfg_attr(not(feature = "redis"), doc = "```ignore")]
//! # async fn start() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
//! use tower_bearer_auth::{possession::Dpop, revocation::Revocations};
//! use tower_bearer_auth_stores::RedisStore;
//!
//! let store = RedisStore::new("redis://app:password@redis.internal")?;
//! let dpop = Dpop::new().replay_store(store.clone());
//! let revocations = Revocations::open(store).await?;
//! // BearerAuthLayer::new(verifier).dpop(dpop).revocations(&revocations)
//! # let _ = (dpop, revocations);
//! # Ok(())
//! # }
//! ```
//!
//! With a file:
//!
#![cfg_attr(feature = "redb", doc = "```no_run")]
#![cfg_attr(not(feature = "redb"), doc = "```ignore")]
//! # async fn start() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
//! use tower_bearer_auth::{possession::Dpop, revocation::Revocations};
//! use tower_bearer_auth_stores::RedbStore;
//!
//! let store = RedbStore::open("/var/lib/gateway/store.redb")?;
//! let dpop = Dpop::new().replay_store(store.clone());
//! let revocations = Revocations::open(store).await?;
//! // BearerAuthLayer::new(verifier).dpop(dpop).revocations(&revocations)
//! # let _ = (dpop, revocations);
//! # Ok(())
//! # }
//! ```
//!
//! The modules document what each store loses in which failure, the memory of an entry, and what an operator must
//! configure.

#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(feature = "redb")]
pub mod redb;
#[cfg(feature = "redis")]
pub mod redis;
#[cfg(any(feature = "redis", feature = "redb"))]
mod token;

#[cfg(feature = "redb")]
pub use self::redb::{RedbStore, RedbStoreError};
#[cfg(feature = "redis")]
pub use self::redis::{RedisConfigError, RedisStore};

/// What the traits of `tower-bearer-auth` return as an error.
#[cfg(any(feature = "redis", feature = "redb"))]
type BoxError = Box<dyn std::error::Error + Send + Sync>;
