//! The store.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;
use tower_bearer_auth::Clock;
use tower_bearer_auth::possession::{ProofId, ReplayStore};
use tower_bearer_auth::revocation::{Followed, Position, Revocation, RevocationStore, Snapshot};

use super::changes::Changes;
use super::error::RedbStoreError;
use super::writer::{self, Answer, Call};
use crate::BoxError;
use crate::token::random_token;

/// Keeps used proofs and revocations in a file, for one process. See the [module](crate::redb).
///
/// Clones share the file. It is closed when the last of them is dropped and its calls have ended.
///
/// ```no_run
/// # async fn start() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
/// use tower_bearer_auth::possession::Dpop;
/// use tower_bearer_auth::revocation::Revocations;
/// use tower_bearer_auth_stores::RedbStore;
///
/// let store = RedbStore::open("/var/lib/gateway/revocations.redb")?;
/// let dpop = Dpop::new().replay_store(store.clone());
/// let revocations = Revocations::open(store).await?;
/// # let _ = (dpop, revocations);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct RedbStore {
    path: Arc<Path>,
    calls: mpsc::Sender<Call>,
    changes: Arc<Changes>,
}

/// The longest time for a proof to be recorded.
const PROOF_TIMEOUT: Duration = Duration::from_secs(2);

/// How long `follow` waits for changes before it returns an empty list.
const FOLLOW: Duration = Duration::from_secs(1);

impl RedbStore {
    /// Opens the file, or creates it. The folder must exist.
    ///
    /// It reads the file, which takes a moment after a crash. So call it when your server starts.
    ///
    /// # Errors
    ///
    /// If the file cannot be created or read, if it is no file of redb or is corrupt, or if it is open already, in this
    /// process or another one.
    pub fn open(path: impl Into<PathBuf>) -> Result<Self, RedbStoreError> {
        Self::open_with_clock(path, Clock::system())
    }

    /// Opens the file, with a clock that decides when proofs and revocations end. For tests.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open).
    pub fn open_with_clock(path: impl Into<PathBuf>, clock: Clock) -> Result<Self, RedbStoreError> {
        let path = path.into();
        let opening = random_token().map_err(|error| {
            RedbStoreError::new(format!("the system has no randomness: {error}"))
        })?;
        let changes = Arc::new(Changes::new(opening));
        Ok(Self {
            calls: writer::start(path.clone(), Arc::clone(&changes), clock)?,
            path: path.into(),
            changes,
        })
    }

    /// Passes a call to the thread that owns the file.
    async fn call<T>(&self, call: impl FnOnce(Answer<T>) -> Call) -> Result<T, RedbStoreError> {
        let ended = || RedbStoreError::new("the thread of the store has ended");
        let (answer, answered) = oneshot::channel();
        let sent = self.calls.send(call(answer)).await;
        sent.map_err(|_| ended())?;
        answered.await.map_err(|_| ended())?
    }
}

impl ReplayStore for RedbStore {
    async fn first_use(&self, proof: &ProofId, keep: Duration) -> Result<bool, BoxError> {
        let id = *proof.id();
        let recorded = self.call(|answer| Call::FirstUse { id, keep, answer });
        match timeout(PROOF_TIMEOUT, recorded).await {
            Ok(is_first) => Ok(is_first?),
            Err(_) => Err(RedbStoreError::new("the disk has not answered within 2 seconds").into()),
        }
    }
}

impl RevocationStore for RedbStore {
    async fn append(&self, revocations: &[Revocation]) -> Result<(), BoxError> {
        if revocations.is_empty() {
            return Ok(());
        }
        let revocations = revocations.to_vec();
        let appended = self.call(|answer| Call::Append {
            revocations,
            answer,
        });
        appended.await?;
        Ok(())
    }

    async fn load(&self) -> Result<Snapshot, BoxError> {
        Ok(self.call(|answer| Call::Load { answer }).await?)
    }

    async fn follow(&self, position: &Position) -> Result<Followed, BoxError> {
        // Only this process writes the file, so the changes are those of other clones.
        let _ = timeout(FOLLOW, self.changes.wait_after(position)).await;
        if self.calls.is_closed() {
            return Err(RedbStoreError::new("the thread of the store has ended").into());
        }
        Ok(self.changes.after(position))
    }
}

impl fmt::Debug for RedbStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedbStore")
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}
