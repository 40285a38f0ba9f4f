//! Where the used proofs are recorded.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use tower::BoxError;

/// Records which proofs were used, so that none is accepted twice (RFC 9449 §11.1).
///
/// The default is a [`MemoryReplayStore`](super::MemoryReplayStore) in this process. Replicas of a server need a shared one.
pub trait ReplayStore: Send + Sync + 'static {
    /// Records the use of this proof for at least `keep`. Returns whether it is the first use.
    ///
    /// Two calls at the same time with the same [`id`](ProofId::id) must not both return `true`.
    ///
    /// # Errors
    ///
    /// If the store cannot tell. The request is then answered 503.
    fn first_use(
        &self,
        proof: &ProofId,
        keep: Duration,
    ) -> impl Future<Output = Result<bool, BoxError>> + Send;
}

/// Identifies a proof. It contains only digests.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ProofId {
    id: [u8; 32],
    client: [u8; 32],
    key: [u8; 32],
}

impl ProofId {
    pub(super) fn new(id: [u8; 32], client: [u8; 32], key: [u8; 32]) -> Self {
        Self { id, client, key }
    }

    /// The SHA-256 digest of the proof's key, URL and `jti`. It differs for all proofs that differ in one of them.
    pub fn id(&self) -> &[u8; 32] {
        &self.id
    }

    /// The SHA-256 digest of the [principal](crate::AccessToken::principal) of the token, or of the key if there is none.
    /// A store can bound the number of proofs per client with it.
    pub fn client(&self) -> &[u8; 32] {
        &self.client
    }

    /// The SHA-256 thumbprint of the key (RFC 7638).
    pub fn key(&self) -> &[u8; 32] {
        &self.key
    }
}

pub(super) type FirstUse = Pin<Box<dyn Future<Output = Result<bool, BoxError>> + Send>>;

/// A [`ReplayStore`] of any type.
pub(super) trait ErasedReplayStore: Send + Sync {
    fn first_use(self: std::sync::Arc<Self>, proof: ProofId, keep: Duration) -> FirstUse;
}

impl<S: ReplayStore> ErasedReplayStore for S {
    fn first_use(self: std::sync::Arc<Self>, proof: ProofId, keep: Duration) -> FirstUse {
        Box::pin(async move { ReplayStore::first_use(&*self, &proof, keep).await })
    }
}
