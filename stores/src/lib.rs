//! Stores.
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

/// An error of a store: what the traits of `tower-bearer-auth` return.
#[cfg(any(feature = "redis", feature = "redb"))]
type BoxError = Box<dyn std::error::Error + Send + Sync>;
