//! The store that the replicas share.

use tower::BoxError;
use tower_bearer_auth::possession::Dpop;
use tower_bearer_auth::revocation::{Revocations, RevocationsBuilder};
use tower_bearer_auth_stores::{RedbStore, RedisStore};

use super::settings::Settings;

/// Where a replica keeps revocations and used proofs.
pub(crate) enum Store {
    /// In its own memory, until it ends.
    Memory,
    Redis(RedisStore),
    File(RedbStore),
}

impl Store {
    pub(crate) fn new(settings: &Settings) -> Result<Self, BoxError> {
        Ok(match (&settings.redis_url, &settings.store) {
            (Some(url), _) => Self::Redis(RedisStore::new(url)?),
            (None, Some(path)) => Self::File(RedbStore::open(path)?),
            (None, None) => Self::Memory,
        })
    }

    pub(crate) async fn revocations(
        &self,
        builder: RevocationsBuilder,
    ) -> Result<Revocations, BoxError> {
        match self {
            Self::Memory => Ok(builder.in_memory()),
            Self::Redis(store) => builder.open(store.clone()).await,
            Self::File(store) => builder.open(store.clone()).await,
        }
    }

    /// Records the used proofs in this store.
    pub(crate) fn with_proofs(&self, dpop: Dpop) -> Dpop {
        match self {
            Self::Memory => dpop,
            Self::Redis(store) => dpop.replay_store(store.clone()),
            Self::File(store) => dpop.replay_store(store.clone()),
        }
    }
}
