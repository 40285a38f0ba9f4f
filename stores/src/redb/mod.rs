//! A file.

mod changes;
mod database;
mod error;
mod store;
mod writer;

pub use self::error::RedbStoreError;
pub use self::store::RedbStore;
