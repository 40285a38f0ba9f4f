//! Redis.

mod error;
mod keys;
mod link;
mod log;
mod policy;
mod revocations;
mod servers;
mod store;

pub use self::error::RedisConfigError;
pub use self::store::RedisStore;
