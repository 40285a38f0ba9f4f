use std::fmt;
use std::sync::Arc;

use super::cache::{KeyCache, Plan};
use super::fetch::FetchTask;
use super::fetch_order::PendingFetch;
use super::policy::{Decision, Event};
use super::status::{JwksStatus, RefreshError};

/// The keys of an issuer: fetched when they are needed, and cached through its key rotations and outages.
///
/// See the [module](crate::jwks) for examples. Clones share everything, and several verifiers may use one set. Fetching
/// needs a tokio runtime with time and I/O; building the set does not.
///
/// # What happens when
///
/// Nothing is fetched before the first token, and no task runs without traffic.
///
/// | event | what happens | default | set by |
/// |---|---|---|---|
/// | first token | all requests wait for one fetch | 5 s at most | [`fetch_timeout`](super::JwksBuilder::fetch_timeout) |
/// | a document is fetched | it is fresh for its `max-age` less `Age`, within bounds | 5 min to 1 h | [`freshness_between`](super::JwksBuilder::freshness_between) |
/// | … without `max-age` | it is fresh for | 15 min | [`default_freshness`](super::JwksBuilder::default_freshness) |
/// | a request comes late in the freshness lifetime | it starts a fetch in the background, and uses the current keys | after 80 % ± 8 % of the lifetime | [`refresh_ahead`](super::JwksBuilder::refresh_ahead) |
/// | a request comes after the freshness lifetime | it waits for a fetch; if that fails, it uses the current keys | | |
/// | a token names an unknown key, or a known one that did not sign it | it waits for a fetch, which it shares with other requests, while the bucket is not empty; if that fetch began earlier, for one more | 2, one more every 15 s | [`unknown_key_fetches`](super::JwksBuilder::unknown_key_fetches) |
/// | … and the bucket is empty | 401 if the last fetch succeeded and the token was issued before it, by its `iat` and the verifier's leeway; otherwise 503 with `Retry-After` | | |
/// | … and a known key did not sign it | 401, also in an outage | | |
/// | a fetch fails | the current keys stay in use, and there is no further fetch until the backoff has elapsed | 1 s, doubling to 60 s | [`backoff`](super::JwksBuilder::backoff) |
/// | the outage goes on | the keys stay in use this long after the last successful fetch; then 503 | 24 h | [`serve_stale_for`](super::JwksBuilder::serve_stale_for) |
/// | a key leaves the document | tokens it signed are refused, and [no longer current](crate::AccessToken::is_current) | at the next refresh | [`withdraw`](Self::withdraw) acts at once |
/// | a document is empty or unreadable | the fetch counts as failed | | |
/// | a document is too large | the fetch counts as failed | 512 KiB | [`max_bytes`](super::HttpKeySourceBuilder::max_bytes) |
/// | a document has many keys | further ones are left out, counted and logged | 1,000 | [`max_keys`](super::JwksBuilder::max_keys) |
/// | a key has another `use` | it is left out | `sig` | [`key_uses`](super::JwksBuilder::key_uses) |
///
/// Only a token with an acceptable issuer, audience, dates and type gets 503 or causes a fetch for an unknown key. Other
/// tokens are refused at once.
///
/// Keys that are left out are in the [status](Self::status). They are logged when they change: faulty keys (weak,
/// private, symmetric, malformed, invalid, too many) at `WARN`, and keys for other purposes at `DEBUG`.
///
/// URLs must be https; a configured one may be http on a loopback address. Redirects are not followed. A refetch is
/// conditional (`If-None-Match`) if the server sends an `ETag`.
#[derive(Clone)]
pub struct Jwks {
    pub(super) cache: Arc<KeyCache>,
}

impl Jwks {
    pub(super) fn new(cache: KeyCache) -> Self {
        Self {
            cache: Arc::new(cache),
        }
    }

    /// Fetches the keys now: at startup, to have them before the first request, or when you know that the issuer has
    /// changed them. If a fetch is in progress, this waits for it and then starts another one, because the first may have
    /// begun before the keys changed.
    ///
    /// # Errors
    ///
    /// When the fetch failed. The cached keys stay in use.
    pub async fn refresh(&self) -> Result<(), RefreshError> {
        let mut before = 0;
        for _ in 0..2 {
            before = self.cache.generation();
            let (decision, fetch) = self.handle(Event::RefreshRequested);
            if let Some(fetch) = fetch {
                fetch.ended().await;
            }
            if decision != Decision::Join {
                break;
            }
        }
        if self.cache.generation() > before {
            return Ok(());
        }
        let problem = self.cache.last_error();
        let problem = problem.unwrap_or_else(|| "the fetch was interrupted".into());
        Err(RefreshError { problem })
    }

    /// Returns `Ok` if there are keys to verify with, after fetching them if there are none. Use it for readiness
    /// probes. While the source fails, the backoff applies as it does for requests.
    ///
    /// # Errors
    ///
    /// When there are no keys and the fetch failed.
    pub async fn ready(&self) -> Result<(), RefreshError> {
        if self.status().is_usable() {
            return Ok(());
        }
        if let (_, Some(fetch)) = self.handle(Event::KnownKey) {
            fetch.ended().await;
        }
        let status = self.status();
        match status.is_usable() {
            true => Ok(()),
            false => Err(RefreshError {
                problem: status
                    .last_error()
                    .unwrap_or("there are no keys")
                    .to_owned(),
            }),
        }
    }

    /// Stops using all keys with this key ID for as long as they stay in the set. Returns whether there were any. Tokens
    /// that these keys verified are [no longer current](crate::AccessToken::is_current).
    pub fn withdraw(&self, key_id: &str) -> bool {
        self.cache.withdraw(key_id)
    }

    /// The state of the set, for logs and metrics. It fetches nothing. For a readiness probe use
    /// [`ready`](Self::ready).
    pub fn status(&self) -> JwksStatus {
        self.cache.status()
    }

    /// Applies the policy to an event. Returns its decision, and the fetch to wait for if there is one.
    pub(super) fn handle(&self, event: Event) -> (Decision, Option<PendingFetch>) {
        self.carry_out(self.cache.plan(event))
    }

    /// As [`handle`](Self::handle), for a refresh that is due. It does nothing if another thread holds the lock: that
    /// thread starts the refresh.
    pub(super) fn refresh_unless_locked(&self) {
        if let Some(plan) = self.cache.plan_unless_locked(Event::KnownKey) {
            drop(self.carry_out(plan));
        }
    }

    /// Logs and starts what the cache has decided. The lock is free again by now: a subscriber may read the status of
    /// this set, and a fetch takes the lock when it ends, which may be at once.
    pub(super) fn carry_out(&self, plan: Plan) -> (Decision, Option<PendingFetch>) {
        // Before the subscriber runs, whose panic must not lose the order.
        let task = plan
            .order
            .map(|order| FetchTask::new(Arc::clone(&self.cache), order));
        if let Some(lost) = plan.lost {
            lost.log(self.cache.name());
        }
        if let Some(task) = task {
            task.start();
        }
        (plan.decision, plan.pending)
    }
}

impl fmt::Debug for Jwks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Jwks")
            .field("status", &self.status())
            .finish_non_exhaustive()
    }
}
