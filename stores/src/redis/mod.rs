//! Redis.
//!
//! ACL SETUSER app on >password resetkeys ~tower-bearer-auth:* +set +get +eval +time +info +xread +xadd +xlen +zadd +zcard +zscore +zrem +zrange +zrevrange +zrangebyscore +expireat

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
