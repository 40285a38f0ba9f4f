//! The replay store in the memory of one process.

use std::time::Duration;

use tower::BoxError;

use super::replay_store::{ProofId, ReplayStore};
use crate::clock::Clock;

/// Remembers used proofs in the memory of this process. Clones share the memory.
#[derive(Debug, Clone)]
pub struct MemoryReplayStore {}

impl MemoryReplayStore {
    /// A store for at most `capacity` proofs.
    pub fn new(_capacity: usize) -> Self {
        unimplemented!()
    }

    /// Sets the clock.
    #[must_use]
    pub fn clock(self, _clock: Clock) -> Self {
        unimplemented!()
    }

    /// Like [`ReplayStore::first_use`], without a future.
    pub(super) fn first_use_now(
        &self,
        _proof: &ProofId,
        _keep: Duration,
    ) -> Result<bool, BoxError> {
        unimplemented!()
    }
}

impl Default for MemoryReplayStore {
    fn default() -> Self {
        Self::new(1_000_000)
    }
}

impl ReplayStore for MemoryReplayStore {
    async fn first_use(&self, proof: &ProofId, keep: Duration) -> Result<bool, BoxError> {
        self.first_use_now(proof, keep)
    }
}
