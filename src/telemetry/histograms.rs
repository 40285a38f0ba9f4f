//! The names of the histograms of durations.

pub(super) const VERIFICATION: &str = "bearer_auth_verification_seconds";

#[cfg(any(feature = "introspection", feature = "metrics"))]
pub(super) const INTROSPECTION: &str = "bearer_auth_introspection_seconds";

#[cfg(any(feature = "jwks", feature = "metrics"))]
pub(super) const KEY_FETCH: &str = "bearer_auth_key_fetch_seconds";
