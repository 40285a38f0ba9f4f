//! Tokens that are refused before they expire.
//!
//! (Documentation follows.)
//!
//! # Outages

mod builder;
mod entry;
mod feed;
mod follower;
mod revocations;
mod settings;
mod state;
mod status;
mod store;
mod table;

pub use self::builder::RevocationsBuilder;
pub use self::entry::{Revocation, RevocationKind};
pub use self::revocations::Revocations;
pub use self::status::RevocationsStatus;
pub use self::store::{Followed, Misconfigured, Position, RevocationStore, Snapshot};
