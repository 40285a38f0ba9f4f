//! The names under which events, spans and metrics are recorded.

/// The target of the audit event.
pub const AUDIT: &str = "tower_bearer_auth::audit";

/// The target of events about misconfigured servers.
pub const SETUP: &str = "tower_bearer_auth::setup";

/// The target of events and spans about issuers' keys.
pub const KEYS: &str = "tower_bearer_auth::keys";

/// The target of events and spans about introspection.
pub const INTROSPECTION: &str = "tower_bearer_auth::introspection";

/// The target of events about single claims.
pub const CLAIMS: &str = "tower_bearer_auth::claims";

/// The target of events about proofs of possession.
pub const POSSESSION: &str = "tower_bearer_auth::possession";

/// The target of events about revocations.
pub const REVOCATION: &str = "tower_bearer_auth::revocation";

/// The target of the span around a verifier, and of events about malformed tokens.
pub const VERIFICATION: &str = "tower_bearer_auth::verification";

pub(super) const VERIFICATION_SECONDS: &str = "bearer_auth_verification_seconds";

#[cfg(any(feature = "introspection", feature = "metrics"))]
pub(super) const INTROSPECTION_SECONDS: &str = "bearer_auth_introspection_seconds";

#[cfg(any(feature = "jwks", feature = "metrics"))]
pub(super) const KEY_FETCH_SECONDS: &str = "bearer_auth_key_fetch_seconds";
