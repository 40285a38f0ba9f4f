//! Used proofs and revocations in Redis or Valkey, for all replicas of a server.
//!
//! It needs Redis 6.2 or Valkey 7.2, or newer. One server suffices for most: a proof is one short command, and requests
//! without proofs send none. A [`cluster`](RedisStore::cluster) and [sentinels](RedisStore::sentinel) need a feature
//! each.
//!
//! # What Redis must be configured for
//!
//! - `maxmemory-policy noeviction`, the default. Otherwise Redis evicts revocations and used proofs when its memory is
//!   full. [`Revocations::open`](tower_bearer_auth::revocation::Revocations::open) returns an error then. If Redis
//!   allows neither `INFO` nor `CONFIG GET`, there is one `WARN` instead.
//! - `appendonly yes` and `appendfsync always`, if nothing may be lost when Redis or its machine fails. See below.
//! - Clocks that agree to within ten minutes: the clock of Redis decides when a revocation ends, and revocations are
//!   kept for ten minutes longer than any verifier accepts their tokens.
//!
//! # What is lost when
//!
//! | event | revocations | used proofs |
//! |---|---|---|
//! | Redis is restarted or killed, `appendfsync always` | none | none |
//! | the same with `appendfsync everysec`, the default with `appendonly yes` | replicas write back what they have; if they end in the same second, its last revocations are lost | those of the last second can be used once more |
//! | the same without `appendonly` | replicas write back what they have; without replicas, all since the last snapshot | those since the last snapshot can be used once more |
//! | a failover to a Redis replica, which is asynchronous | those that were not replicated yet are written back by replicas that have them | those that were not replicated yet can be used once more |
//! | Redis loses its data, such as by `FLUSHALL` | replicas write back what they have | all can be used once more |
//! | Redis is full | none, but none can be added: `revoke_token` and the others return an error | none; requests with a proof are answered 503 |
//!
//! A primary that was replaced in a failover still accepts writes until it learns of the failover, and loses them
//! afterwards. If your Redis has replicas, set `min-replicas-to-write 1`, so that it refuses them. The store makes a
//! write without effect each second. If the primary refuses it, the store reports an outage. A primary refuses writes
//! `min-replicas-max-lag` after it has lost its replicas, 10 seconds by default.
//!
//! Replicas detect a loss within about a second. They load everything, and write back what is missing. A proof is valid
//! for a minute by default, so what can be used once more is at most a minute old.
//!
//! # Outages
//!
//! The store waits for Redis for [2 seconds](RedisStore::response_timeout) at most. While Redis does not answer, a
//! request with a proof is answered 503. For revocations, see
//! [the module `revocation`](tower_bearer_auth::revocation#outages). The store connects again for the next call after
//! 100 ms.
//!
//! # Keys and memory
//!
//! All keys begin with a prefix, `tower-bearer-auth` by default. They contain digests only, neither tokens nor names.
//!
//! | key | type | content | memory, about |
//! |---|---|---|---|
//! | `tower-bearer-auth:proof:…` | string | a used proof, until it is too old | 170 bytes for each |
//! | `tower-bearer-auth:{revocations}:set` | sorted set | the revocations, until the last of them ends | 135 bytes for each |
//! | `tower-bearer-auth:{revocations}:changes` | stream | the last 50 000 calls that added revocations, or more | 150 bytes for each |
//! | `tower-bearer-auth:{revocations}:head` | string | the ID of the last change | |
//! | `tower-bearer-auth:{revocations}:set-end` | string | when the set ends, so that replicas notice its deletion | |
//!
//! With 1 000 requests with proofs per second that are kept for 125 seconds, the proofs take 21 MB.
//!
//! # A user for it
//!
//! This user has exactly the permissions that the store needs. A database other than 0 needs `+select` too, a cluster
//! `+cluster|slots`, and sentinels `+role`.
//!
//! ```text
//! ACL SETUSER app on >password resetkeys ~tower-bearer-auth:* +set +get +eval +time +info +xread +xadd +xlen +zadd +zcard +zscore +zrem +zrange +zrevrange +zrangebyscore +expireat
//! ```

mod connections;
mod error;
mod keys;
mod log;
mod policy;
mod revocations;
mod servers;
mod store;

pub use self::error::RedisConfigError;
pub use self::store::RedisStore;
