//! The contract of a store that records used proofs.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use tower::BoxError;

/// Records which proofs were used, so that none is accepted twice (RFC 9449 §11.1).
///
/// The default is a [`MemoryReplayStore`](super::MemoryReplayStore) in this process. Replicas of a server need a store
/// that they share, such as a database. Without one, an attacker can use a stolen proof once at each replica, until the
/// proof is too old.
///
/// The layer calls the store after every other check of the token, the proof and the request has passed. So a store
/// never sees a proof that is refused for another reason, nor one without a valid token. Only the scopes are checked
/// afterwards.
///
/// # Example
///
/// A store needs one atomic operation: insert the ID unless it is there. In Redis this is `SET id 1 NX PX keep`, in SQL
/// an `INSERT … ON CONFLICT DO NOTHING` that returns the number of rows. With a map:
///
/// ```
/// use std::collections::HashMap;
/// use std::error::Error;
/// use std::sync::Mutex;
/// use std::time::{Duration, Instant};
/// use tower_bearer_auth::possession::{Dpop, ProofId, ReplayStore};
///
/// #[derive(Default)]
/// struct MapStore {
///     ends: Mutex<HashMap<[u8; 32], Instant>>,
/// }
///
/// impl ReplayStore for MapStore {
///     async fn first_use(
///         &self,
///         proof: &ProofId,
///         keep: Duration,
///     ) -> Result<bool, Box<dyn Error + Send + Sync>> {
///         let mut ends = self.ends.lock().map_err(|_| "the store is broken")?;
///         let now = Instant::now();
///         ends.retain(|_, end| *end > now);
///         // An error is a 503 for this request. A store that forgets a proof instead accepts it again.
///         if ends.len() >= 10_000 {
///             return Err("too many proofs".into());
///         }
///         Ok(ends.insert(*proof.id(), now + keep).is_none())
///     }
/// }
///
/// let dpop = Dpop::new().replay_store(MapStore::default());
/// # let _ = dpop;
/// ```
pub trait ReplayStore: Send + Sync + 'static {
    /// Records the use of this proof for at least `keep`. Returns whether it is the first use.
    ///
    /// `keep` is the time until every replica refuses the proof for its age, in whole seconds: up to twice the
    /// [window](super::Dpop::window), and 5 seconds by which the clocks of replicas may differ. A store may forget the
    /// proof after it, and should, since every request brings a new proof.
    ///
    /// Two calls at the same time with the same [`id`](ProofId::id) must not both return `true`.
    ///
    /// # Errors
    ///
    /// If the store cannot determine whether the proof was used, or cannot record it. The request is then answered 503,
    /// and the proof may be used again.
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

    /// Creates the ID of an invented proof, for tests of a [`ReplayStore`]. Proofs of different names differ; their
    /// client and key are the same.
    ///
    /// ```
    /// use tower_bearer_auth::possession::ProofId;
    ///
    /// assert_eq!(ProofId::for_testing("one"), ProofId::for_testing("one"));
    /// assert_ne!(ProofId::for_testing("one").id(), ProofId::for_testing("two").id());
    /// ```
    #[cfg(feature = "testing")]
    pub fn for_testing(name: &str) -> Self {
        let invented = crate::sha256::sha256(b"invented");
        Self::new(crate::sha256::sha256(name.as_bytes()), invented, invented)
    }

    /// Makes it a proof of an invented client, for tests of a [`ReplayStore`] that counts the proofs per client. Clients of
    /// different names differ, and each has a key of its own.
    ///
    /// ```
    /// use tower_bearer_auth::possession::ProofId;
    ///
    /// let proof = |client: &str| ProofId::for_testing("one").of_client(client);
    /// assert_eq!(proof("alice").id(), proof("bob").id());
    /// assert_ne!(proof("alice").client(), proof("bob").client());
    /// ```
    #[cfg(feature = "testing")]
    #[must_use]
    pub fn of_client(self, name: &str) -> Self {
        let client = crate::sha256::sha256(name.as_bytes());
        Self::new(self.id, client, client)
    }

    /// The SHA-256 digest of the proof's key, URL (`htu`) and `jti`. It differs for all proofs that differ in one of
    /// them.
    pub fn id(&self) -> &[u8; 32] {
        &self.id
    }

    /// The SHA-256 digest of the [principal](crate::AccessToken::principal) of the token, or of the key if there is
    /// none. A store can bound the number of proofs per client with it.
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
