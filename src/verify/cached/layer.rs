use std::sync::Arc;
use std::time::Duration;

use tower_layer::Layer;

use super::flights::Flights;
use super::service::{Cached, Shared};
use super::store::Store;
use crate::clock::Clock;

/// Remembers what a verifier found out; see the [module](crate::verify::cached).
#[derive(Debug, Clone)]
pub struct CacheLayer {
    capacity: usize,
    max_age: Duration,
    refused_for: Option<Duration>,
    clock: Clock,
}

const MAX_AGE: Duration = Duration::from_secs(5 * 60);

impl CacheLayer {
    /// A cache of up to `capacity` tokens. Which ones are given up first is for it to see: those that
    /// come once do not drive out those that come often.
    ///
    /// # Panics
    ///
    /// When `capacity` is zero.
    #[track_caller]
    pub fn new(capacity: usize) -> Self {
        assert!(capacity > 0, "a cache of no tokens remembers nothing");
        Self {
            capacity,
            max_age: MAX_AGE,
            refused_for: None,
            clock: Clock::system(),
        }
    }

    /// How long a token is served without asking again. Default: 5 minutes. With an issuer that revokes
    /// tokens, this is how long one may still be good here.
    #[must_use]
    pub fn max_age(mut self, max_age: Duration) -> Self {
        self.max_age = max_age;
        self
    }

    /// Remembers refused tokens too, as many again and for this long: for an authorization server that is
    /// to be spared clients which go on trying. Default: they are not remembered.
    ///
    /// Only what will most likely be refused again is: not a token that cannot be verified at the moment, is not valid
    /// yet, or has a key that is not known yet.
    #[must_use]
    pub fn remember_refusals(mut self, at_most: Duration) -> Self {
        self.refused_for = Some(at_most);
        self
    }

    /// The clock that ages are measured by. Default: the system's.
    #[must_use]
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }
}

/// Each service that it makes has a cache of its own, which its clones share.
impl<V> Layer<V> for CacheLayer {
    type Service = Cached<V>;

    fn layer(&self, verifier: V) -> Cached<V> {
        let store = Store::new(
            self.capacity,
            self.max_age,
            self.refused_for,
            self.clock.clone(),
        );
        let shared = Shared {
            store,
            flights: Arc::<Flights>::default(),
        };
        Cached::new(verifier, shared)
    }
}
