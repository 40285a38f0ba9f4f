use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::left_out::LeftOutKeys;

/// How a key set is doing; see [`Jwks::status`](super::Jwks::status).
///
/// A readiness route. It has the keys fetched when there are none: without that, a server that gets no
/// traffic until it is ready would never be.
///
/// ```
/// use axum::{Router, http::StatusCode, routing::get};
/// use tower_bearer_auth::jwks::Jwks;
///
/// fn readiness(jwks: Jwks) -> Router {
///     Router::new().route("/ready", get(async move || match jwks.ready().await {
///         Ok(()) => StatusCode::OK,
///         Err(_) => StatusCode::SERVICE_UNAVAILABLE,
///     }))
/// }
/// # let _ = readiness;
/// ```
#[derive(Debug, Clone)]
pub struct JwksStatus {
    pub(super) keys: usize,
    pub(super) left_out: Arc<LeftOutKeys>,
    pub(super) age: Option<Duration>,
    pub(super) last_success: Option<SystemTime>,
    pub(super) last_error: Option<String>,
    pub(super) next_refresh: Option<Duration>,
}

impl JwksStatus {
    /// Whether there are keys to verify with.
    pub fn is_usable(&self) -> bool {
        self.keys > 0
    }

    /// How many keys there are to verify with: none before the first fetch, and none past the hard
    /// limit of an outage.
    pub fn keys(&self) -> usize {
        self.keys
    }

    /// The keys of the last document that are of no use here: how many, by reason.
    pub fn skipped(&self) -> impl Iterator<Item = (&'static str, usize)> {
        self.left_out.by_reason()
    }

    /// The keys of the last document that are of no use here, with their `kid`s.
    pub fn left_out(&self) -> &LeftOutKeys {
        &self.left_out
    }

    /// How long ago the last successful fetch was.
    pub fn age(&self) -> Option<Duration> {
        self.age
    }

    /// When the last successful fetch was.
    pub fn last_success(&self) -> Option<SystemTime> {
        self.last_success
    }

    /// What went wrong at the last fetch; `None` when it succeeded.
    pub fn last_error(&self) -> Option<&str> {
        self.last_error.as_deref()
    }

    /// In how long the next request starts a refresh; zero when it is due. `None` while there are no
    /// keys, since the next request then fetches them.
    pub fn next_refresh(&self) -> Option<Duration> {
        self.next_refresh
    }
}

/// Keys could not be fetched.
#[derive(Debug, Clone)]
pub struct RefreshError {
    pub(super) problem: String,
}

impl fmt::Display for RefreshError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "keys cannot be fetched: {}", self.problem)
    }
}

impl std::error::Error for RefreshError {}
