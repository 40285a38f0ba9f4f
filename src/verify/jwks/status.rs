use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::left_out::LeftOutKeys;

/// The state of a key set; see [`Jwks::status`](super::Jwks::status).
///
/// For a readiness route, call [`Jwks::ready`](super::Jwks::ready). It fetches the keys if there are none: a server that
/// gets no traffic before it is ready would otherwise never become ready.
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

    /// The number of keys to verify with: zero before the first fetch, and after
    /// [`serve_stale_for`](super::JwksBuilder::serve_stale_for) in an outage.
    pub fn keys(&self) -> usize {
        self.keys
    }

    /// The number of keys of the last document that are left out, by reason.
    pub fn skipped(&self) -> impl Iterator<Item = (&'static str, usize)> {
        self.left_out.by_reason()
    }

    /// The keys of the last document that are left out, with their `kid`s.
    pub fn left_out(&self) -> &LeftOutKeys {
        &self.left_out
    }

    /// The time since the last successful fetch.
    pub fn age(&self) -> Option<Duration> {
        self.age
    }

    /// When the last successful fetch was.
    pub fn last_success(&self) -> Option<SystemTime> {
        self.last_success
    }

    /// The error of the last fetch; `None` if it succeeded.
    pub fn last_error(&self) -> Option<&str> {
        self.last_error.as_deref()
    }

    /// The time until a request starts a refresh; zero if it is due. `None` while there are no keys, since the next request
    /// then fetches them.
    pub fn next_refresh(&self) -> Option<Duration> {
        self.next_refresh
    }
}

/// Keys could not be fetched.
///
/// The text has the whole chain of causes, shortened to about 2,500 characters and without the queries of URLs.
/// [`source`](std::error::Error::source) is `None`: the error is kept for the length of an outage and given to every
/// request that waits, while the causes are errors of the source, whose text is read once, when the fetch ends. The
/// original error would also carry what the text leaves out, such as the full URL in an error of `reqwest`.
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
