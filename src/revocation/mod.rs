//! Tokens that are refused before they expire.
//!
//! (Documentation follows.)
//!
//! # Outages

mod builder;
mod entry;
mod feed;
mod follower;
mod incoming;
mod logout;
mod revocations;
mod security_events;
mod settings;
mod state;
mod status;
mod store;
mod table;

pub use self::builder::RevocationsBuilder;
pub use self::entry::{Revocation, RevocationKind};
pub use self::incoming::EndpointFuture;
pub use self::logout::{BackChannelLogout, LogoutTokenVerifier};
pub use self::revocations::Revocations;
pub use self::security_events::{SecurityEventVerifier, SecurityEvents};
pub use self::status::RevocationsStatus;
pub use self::store::{Followed, Misconfigured, Position, RevocationStore, Snapshot};
