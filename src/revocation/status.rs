//! The status of revocations, for readiness routes.

use std::fmt;
use std::time::Duration;

use super::feed::Standing;
use super::state::State;

/// The status of [`Revocations`](super::Revocations). Its text says why requests are refused, if they are.
///
/// ```
/// use axum::{Router, http::StatusCode, routing::get};
/// use tower_bearer_auth::revocation::Revocations;
///
/// fn readiness(revocations: Revocations) -> Router {
///     Router::new().route("/ready", get(async move || {
///         let status = revocations.status();
///         match status.is_ready() {
///             true => (StatusCode::OK, String::new()),
///             false => (StatusCode::SERVICE_UNAVAILABLE, status.to_string()),
///         }
///     }))
/// }
/// # let _ = readiness;
/// ```
#[derive(Debug, Clone)]
pub struct RevocationsStatus {
    revocations: usize,
    is_ready: bool,
    standing: Standing,
    since_contact: Option<Duration>,
}

impl RevocationsStatus {
    pub(super) fn of(state: &State) -> Self {
        let standing = state.standing();
        let now = state.settings.clock.monotonic();
        Self {
            revocations: state.len(),
            is_ready: !state.refuses_requests(standing),
            standing,
            since_contact: match standing {
                Standing::Complete | Standing::Starting => None,
                Standing::Unreachable(since) | Standing::Behind(since) => {
                    Some(now.saturating_sub(since))
                }
            },
        }
    }

    /// Whether requests are accepted. They are not before everything was loaded once, and in an outage of the store
    /// that is longer than [tolerated](super::RevocationsBuilder::tolerate_outage).
    pub fn is_ready(&self) -> bool {
        self.is_ready
    }

    /// The number of revocations, including those that have ended and are not removed yet.
    pub fn revocations(&self) -> usize {
        self.revocations
    }

    /// For how long the store has been out of reach. `None` if it is not, or if it has never answered.
    pub fn outage(&self) -> Option<Duration> {
        self.since_contact
    }
}

impl fmt::Display for RevocationsStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.standing {
            Standing::Complete => f.write_str("the revocations are up to date"),
            Standing::Starting => f.write_str("the revocations have not been loaded yet"),
            Standing::Behind(_) => f.write_str("the revocations have to be loaded anew"),
            Standing::Unreachable(_) => {
                let seconds = self.since_contact.unwrap_or_default().as_secs();
                write!(
                    f,
                    "the store of revocations has not answered for {seconds} seconds"
                )
            }
        }
    }
}
