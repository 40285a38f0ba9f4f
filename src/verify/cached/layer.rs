use std::time::Duration;

use tower_layer::Layer;

use super::service::Cached;
use super::store::Store;
use crate::clock::Clock;

/// Caches the results of a verifier; see the [module](crate::verify::cached).
///
/// ```
/// use std::time::Duration;
/// use tower_bearer_auth::{BearerAuthLayer, CacheLayer, StaticToken, StaticTokenVerifier};
/// use tower_layer::Layer;
///
/// # let verifier = StaticTokenVerifier::new([("dev-token", StaticToken::new("dev"))]);
/// let cached = CacheLayer::new(10_000)
///     .max_age(Duration::from_secs(60))
///     .layer(verifier);
/// let layer = BearerAuthLayer::new(cached);
/// # let _ = layer;
/// ```
#[derive(Debug, Clone)]
pub struct CacheLayer {
    capacity: usize,
    max_age: Duration,
    refused_for: Option<Duration>,
    clock: Clock,
}

const MAX_AGE: Duration = Duration::from_secs(5 * 60);

impl CacheLayer {
    /// A cache of up to `capacity` tokens. Tokens that come once do not evict tokens that come often.
    ///
    /// # Panics
    ///
    /// When `capacity` is zero.
    #[track_caller]
    pub fn new(capacity: usize) -> Self {
        assert!(
            capacity > 0,
            "the capacity of a token cache must not be zero"
        );
        Self {
            capacity,
            max_age: MAX_AGE,
            refused_for: None,
            clock: Clock::system(),
        }
    }

    /// The maximum age of a cached result. Default: 5 minutes. A revoked token is accepted for up to this time.
    #[must_use]
    pub fn max_age(mut self, max_age: Duration) -> Self {
        self.max_age = max_age;
        self
    }

    /// Also caches refusals, up to `capacity` of them and for up to `at_most`, to spare the authorization server
    /// clients that retry refused tokens. Default: refusals are not cached.
    ///
    /// Refusals that may soon change are never cached: those of a token that cannot be verified at the moment, is not
    /// valid yet, lacks a scope, or has an unknown key.
    #[must_use]
    pub fn remember_refusals(mut self, at_most: Duration) -> Self {
        self.refused_for = Some(at_most);
        self
    }

    /// The clock that measures ages. Default: the system's.
    #[must_use]
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }
}

/// Each service that it makes has its own cache, which the service's clones share.
impl<V> Layer<V> for CacheLayer {
    type Service = Cached<V>;

    fn layer(&self, verifier: V) -> Cached<V> {
        let store = Store::new(
            self.capacity,
            self.max_age,
            self.refused_for,
            self.clock.clone(),
        );
        Cached::new(verifier, store)
    }
}
