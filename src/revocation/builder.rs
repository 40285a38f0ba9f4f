//! Creates revocations.

use std::sync::Arc;
use std::time::Duration;

use tower::BoxError;

use super::revocations::Revocations;
use super::settings::Settings;
use super::store::{ErasedStore, RevocationStore};
use crate::clock::Clock;

impl Revocations {
    /// Creates revocations with the default settings, in the memory of this process only.
    #[allow(
        clippy::new_without_default,
        reason = "an empty set is rarely what is meant"
    )]
    pub fn new() -> Self {
        Self::builder().in_memory()
    }

    /// Configures revocations.
    pub fn builder() -> RevocationsBuilder {
        RevocationsBuilder {
            settings: Settings::default(),
        }
    }

    /// Loads the revocations of a store, and follows its changes in a task of its own.
    ///
    /// If the store does not answer, that is logged, and requests are answered 503 until everything was loaded. See
    /// the [module](crate::revocation#outages) for later outages.
    ///
    /// # Errors
    ///
    /// If the store is [misconfigured](super::Misconfigured).
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime with its timer.
    pub async fn open(store: impl RevocationStore) -> Result<Self, BoxError> {
        Self::builder().open(store).await
    }
}

/// Configures [`Revocations`]; see [`Revocations::builder`].
#[derive(Debug, Clone)]
#[must_use = "a builder does nothing until `in_memory` or `open`"]
pub struct RevocationsBuilder {
    settings: Settings,
}

impl RevocationsBuilder {
    /// Sets the longest time for which a token is valid. The revocation of a subject, session or client is kept for
    /// this time after its cutoff, and 70 minutes longer for leeways and clocks. A token that is valid for longer is
    /// accepted again afterwards, so the first such token causes a `WARN`. Default: 24 hours.
    pub fn longest_token_life(mut self, life: Duration) -> Self {
        self.settings.longest_token_life = life;
        self
    }

    /// Sets the maximum number of revocations. When it is reached, revoking is an error until older revocations have
    /// ended. Revocations from other replicas are always accepted. Default: 5 000 000, which take up to 470 MB.
    ///
    /// # Panics
    ///
    /// If it is zero.
    #[track_caller]
    pub fn capacity(mut self, revocations: usize) -> Self {
        assert!(revocations > 0, "the capacity must not be zero");
        self.settings.capacity = revocations;
        self
    }

    /// Sets for how long requests are accepted while the store is out of reach, since its last answer. A token that was
    /// revoked elsewhere meanwhile is accepted until then. Afterwards requests are answered 503, unless
    /// [`accept_during_outage`](Self::accept_during_outage) is set. A store that neither answers nor fails is noticed
    /// after up to 5 seconds, even if this is shorter. Default: 60 seconds.
    pub fn tolerate_outage(mut self, outage: Duration) -> Self {
        self.settings.tolerate_outage = outage;
        self
    }

    /// Accepts requests while the store is out of reach, however long that is. Tokens that were revoked elsewhere
    /// meanwhile are accepted. Before everything was loaded once, requests are answered 503 even so. Default: requests
    /// are answered 503 after [`tolerate_outage`](Self::tolerate_outage).
    pub fn accept_during_outage(mut self) -> Self {
        self.settings.accept_during_outage = true;
        self
    }

    /// Sets the clock that decides when a revocation ends. Default: the system's.
    pub fn clock(mut self, clock: Clock) -> Self {
        self.settings.clock = clock;
        self
    }

    /// Creates revocations in the memory of this process only.
    pub fn in_memory(self) -> Revocations {
        Revocations::in_memory(self.settings)
    }

    /// Loads the revocations of a store, and follows its changes. See [`Revocations::open`].
    ///
    /// # Errors
    ///
    /// If the store is [misconfigured](super::Misconfigured).
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime with its timer.
    pub async fn open(self, store: impl RevocationStore) -> Result<Revocations, BoxError> {
        let store: Arc<dyn ErasedStore> = Arc::new(store);
        Revocations::with_store(self.settings, store).await
    }
}
