//! Security event tokens (RFC 8417) pushed by HTTP (RFC 8935).

mod events;
mod service;
mod subject;
mod verifier;

pub use self::service::SecurityEvents;
pub use self::verifier::SecurityEventVerifier;
