//! Used proofs and revocations in a file, for one process: a server without replicas that keeps them when it is
//! restarted.
//!
//! The file is a database of [redb](https://www.redb.org). One process at a time can open it. Replicas need a store
//! that they share, even on one machine: see `RedisStore`.
//!
//! # What is lost when
//!
//! Nothing that was acknowledged, even if the process is killed or the power fails: a call returns when its entry is on
//! the disk (`fsync`). If the disk or the file system does not honour `fsync`, the last entries may be lost.
//!
//! An error of the disk, such as a full one, is an error of the call: a request with a proof is answered 503, and a
//! revocation is not acknowledged. The store opens the file again for the next call.
//!
//! # Speed and size
//!
//! Each proof waits for the disk, which takes 0.1 to 10 ms. Calls that wait at the same time share one write. So the
//! store carries thousands of proofs per second, if they come from as many connections.
//!
//! An entry takes about 150 bytes of the file. Ended ones are removed as others are added, and their space is used
//! again. The file does not shrink. The time of day decides when an entry ends: if the clock of the machine is set back
//! after it was ahead, a proof that was removed meanwhile can be used once more.

mod changes;
mod database;
mod error;
mod store;
mod writer;

pub use self::error::RedbStoreError;
pub use self::store::RedbStore;
