use std::borrow::Cow;
use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::Duration;

use super::cache::KeyCache;
use super::document::{KeyRules, MAX_KEYS_LIMIT};
use super::handle::Jwks;
use super::policy::Policy;
use super::source::{ErasedSource, KeySource};
use crate::clock::Clock;
use crate::config_error::{ConfigError, Problems};

/// Configures a [`Jwks`]; see [`Jwks::builder`]. The defaults are in the documentation of [`Jwks`].
#[must_use = "a builder does nothing until `build`"]
pub struct JwksBuilder {
    source: Arc<dyn ErasedSource>,
    policy: Policy,
    /// `None`: the default of the policy, or the longest freshness if that is shorter.
    default_freshness: Option<Duration>,
    rules: KeyRules,
    clock: Clock,
}

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(24 * 3600);

impl Jwks {
    /// Starts a key set from a source.
    pub fn builder(source: impl KeySource) -> JwksBuilder {
        JwksBuilder::of(Arc::new(source))
    }
}

impl JwksBuilder {
    pub(super) fn of(source: Arc<dyn ErasedSource>) -> Self {
        Self {
            source,
            policy: Policy::DEFAULT,
            default_freshness: None,
            rules: KeyRules::DEFAULT,
            clock: Clock::system(),
        }
    }

    /// The freshness lifetime of a document whose source does not give one: 1 second to 24 hours, and at most
    /// [`serve_stale_for`](Self::serve_stale_for). Default: 15 minutes, or the longest freshness of
    /// [`freshness_between`](Self::freshness_between) if that is shorter. A value that is set here is not clamped to
    /// those bounds.
    pub fn default_freshness(mut self, freshness: Duration) -> Self {
        self.default_freshness = Some(freshness);
        self
    }

    /// The bounds of the freshness lifetime that a source gives: 1 second to 24 hours. Default: 5 minutes to 1 hour.
    pub fn freshness_between(mut self, min: Duration, max: Duration) -> Self {
        self.policy.min_freshness = min;
        self.policy.max_freshness = max;
        self
    }

    /// Fraction of the freshness lifetime after which the document is refetched: 0.1 to 1. A jitter of up to a tenth
    /// keeps many servers from refetching at the same time. Default: 0.8.
    pub fn refresh_ahead(mut self, part: f64) -> Self {
        self.policy.refresh_ahead = part;
        self
    }

    /// How long keys stay in use after the last successful fetch: at least the longest freshness lifetime and the
    /// [default one](Self::default_freshness), since keys would otherwise expire before they are refreshed; at most 7 days.
    /// Default: 24 hours.
    pub fn serve_stale_for(mut self, limit: Duration) -> Self {
        self.policy.serve_stale_for = limit;
        self
    }

    /// The number of fetches that tokens with unknown keys may cause in a row, 1 to 100, and the interval after which one
    /// more is possible, 1 second to an hour. Default: 2, and 15 seconds. Tokens with a known `kid` and a bad signature
    /// take fetches from the same bucket, since the issuer may have replaced the key and kept its `kid`.
    pub fn unknown_key_fetches(mut self, burst: u32, interval: Duration) -> Self {
        self.policy.unknown_key_burst = burst;
        self.policy.unknown_key_interval = interval;
        self
    }

    /// The backoff after a failed fetch: `min` after the first failure, doubled with each further one up to `max`. 100
    /// milliseconds to an hour. Default: 1 second and 60 seconds.
    pub fn backoff(mut self, min: Duration, max: Duration) -> Self {
        self.policy.min_backoff = min;
        self.policy.max_backoff = max;
        self
    }

    /// The time limit of a fetch, with discovery if the source does that, and so of a request that waits for one: 100 milliseconds to a minute. Default: 5 seconds.
    pub fn fetch_timeout(mut self, limit: Duration) -> Self {
        self.policy.fetch_timeout = limit;
        self
    }

    /// The values of `use` (RFC 7517 §4.2) of keys that verify tokens. A key without `use` is accepted as well. A later
    /// call replaces an earlier one. Default: `sig`.
    ///
    /// SPIFFE writes `jwt-svid` into its bundles: `key_uses(["jwt-svid"])`, or `key_uses(["sig", "jwt-svid"])` for
    /// a set that has both.
    pub fn key_uses(mut self, uses: impl IntoIterator<Item: Into<String>>) -> Self {
        let uses = uses.into_iter().map(|usage| Cow::Owned(usage.into()));
        self.rules.key_uses = uses.collect();
        self
    }

    /// The number of keys that are read from the beginning of a document: 1 to 10,000. Further keys are left out, which
    /// is logged at `WARN`. Default: 1,000.
    ///
    /// The size of a document is limited by [`max_bytes`](super::HttpKeySourceBuilder::max_bytes) as well.
    pub fn max_keys(mut self, limit: usize) -> Self {
        self.rules.max_keys = limit;
        self
    }

    /// The clock that measures these times. Default: the system's.
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// The finished key set. Nothing is fetched yet.
    ///
    /// # Errors
    ///
    /// When values are out of their bounds or a list is empty: all problems at once.
    pub fn build(mut self) -> Result<Jwks, ConfigError> {
        let usual = self.policy.default_freshness.min(self.policy.max_freshness);
        self.policy.default_freshness = self.default_freshness.unwrap_or(usual);
        ConfigError::check(self.problems())?;
        let Self {
            source,
            policy,
            rules,
            clock,
            default_freshness: _,
        } = self;
        Ok(Jwks::new(KeyCache::new(
            source, policy, rules, clock, jitter,
        )))
    }

    fn problems(&self) -> Problems {
        let policy = &self.policy;
        let mut problems = Problems::default();
        let durations = [
            ("default_freshness", policy.default_freshness, SECOND, DAY),
            ("freshness_between, min", policy.min_freshness, SECOND, DAY),
            (
                "freshness_between, max",
                policy.max_freshness,
                policy.min_freshness,
                DAY,
            ),
            (
                "serve_stale_for",
                policy.serve_stale_for,
                policy.max_freshness.max(policy.default_freshness),
                7 * DAY,
            ),
            (
                "unknown_key_fetches, interval",
                policy.unknown_key_interval,
                SECOND,
                HOUR,
            ),
            ("backoff, min", policy.min_backoff, SECOND / 10, HOUR),
            ("backoff, max", policy.max_backoff, policy.min_backoff, HOUR),
            ("fetch_timeout", policy.fetch_timeout, SECOND / 10, MINUTE),
        ];
        for (name, value, min, max) in durations {
            if !(min..=max).contains(&value) {
                problems.push(format!("{name}: {value:?} is not from {min:?} to {max:?}"));
            }
        }
        if !(0.1..=1.0).contains(&policy.refresh_ahead) {
            let part = policy.refresh_ahead;
            problems.push(format!("refresh_ahead: {part} is not from 0.1 to 1"));
        }
        if !(1..=100).contains(&policy.unknown_key_burst) {
            let burst = policy.unknown_key_burst;
            problems.push(format!(
                "unknown_key_fetches, burst: {burst} is not from 1 to 100"
            ));
        }
        if self.rules.key_uses.is_empty() {
            problems.push("key_uses(..) names nothing");
        }
        if self.rules.key_uses.iter().any(|usage| usage.is_empty()) {
            problems.push("key_uses(..) has an empty value");
        }
        let limit = self.rules.max_keys;
        if !(1..=MAX_KEYS_LIMIT).contains(&limit) {
            problems.push(format!(
                "max_keys: {limit} is not from 1 to {MAX_KEYS_LIMIT}"
            ));
        }
        problems
    }
}

/// From -1 to 1. It must differ from server to server, and may be predictable.
fn jitter() -> f64 {
    let random = RandomState::new().hash_one(0_u8);
    (random as f64 / u64::MAX as f64) * 2.0 - 1.0
}

impl fmt::Debug for JwksBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JwksBuilder")
            .field("policy", &self.policy)
            .field("rules", &self.rules)
            .finish_non_exhaustive()
    }
}
