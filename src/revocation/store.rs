//! The contract of a store that keeps revocations and delivers them to all replicas.

use std::error::Error;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use tower::BoxError;

use super::entry::Revocation;

/// Keeps revocations, and delivers new ones to all replicas: a database, or a file.
///
/// Pass it to [`Revocations::open`](super::Revocations::open). The crate `tower-bearer-auth-stores` has stores for
/// Redis and for a file. A store needs a set of revocations, and a log of its changes with positions in it.
///
/// [`Revocations`](super::Revocations) calls [`load`](Self::load) once, and then [`follow`](Self::follow) again and
/// again from one task. It answers requests from memory and never calls the store for them. After an error it retries,
/// at first after 100 ms, then after up to 2 seconds.
pub trait RevocationStore: Send + Sync + 'static {
    /// Adds these revocations. After it has returned, no failure that the store's documentation does not name loses
    /// them, and each `follow` returns them. Adding a revocation again changes nothing.
    ///
    /// # Errors
    ///
    /// If it is not certain that all of them are stored. Some may be.
    fn append(
        &self,
        revocations: &[Revocation],
    ) -> impl Future<Output = Result<(), BoxError>> + Send;

    /// Reads all revocations that have not ended, and the position from which to follow. A revocation that is added
    /// while it reads must be in the snapshot, or after its position; it may be in both.
    ///
    /// # Errors
    ///
    /// If the store does not answer, or its data is malformed. With a [`Misconfigured`] among the error and its
    /// sources, [`Revocations::open`](super::Revocations::open) returns it; any other error is an outage.
    fn load(&self) -> impl Future<Output = Result<Snapshot, BoxError>> + Send;

    /// Waits for revocations after `position`, and returns them with the position behind them.
    ///
    /// If there are none, it returns an empty list after about a second. This shows that the store can be reached: if
    /// it takes longer than 5 seconds, the store counts as out of reach.
    ///
    /// # Errors
    ///
    /// As [`load`](Self::load). It is no error that the log does not reach back to `position`: that is
    /// [`Followed::Gap`].
    fn follow(
        &self,
        position: &Position,
    ) -> impl Future<Output = Result<Followed, BoxError>> + Send;
}

/// The revocations of a store at one time.
#[derive(Debug, Clone)]
#[allow(clippy::exhaustive_structs, reason = "adapters create it")]
pub struct Snapshot {
    /// All revocations that have not ended. The same one may occur twice.
    pub revocations: Vec<Revocation>,
    /// Where to follow from.
    pub position: Position,
}

/// The answer of [`RevocationStore::follow`].
#[derive(Debug, Clone)]
#[allow(clippy::exhaustive_enums, reason = "adapters create it")]
pub enum Followed {
    /// What was added since the position.
    Changes {
        /// The new revocations, which may be none.
        revocations: Vec<Revocation>,
        /// Where to follow from.
        position: Position,
    },
    /// The store cannot return what was added: its log does not reach back to the position, or it has lost data.
    /// The replica loads everything anew, and adds to the store what is missing there.
    Gap,
}

/// A position in the log of a store, opaque to all but the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Position(Box<str>);

impl Position {
    /// Creates a position from a text, which the store understands.
    pub fn new(text: impl Into<Box<str>>) -> Self {
        Self(text.into())
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The store is configured so that it may lose revocations. A retry does not help. See [`RevocationStore::load`].
#[derive(Debug)]
pub struct Misconfigured(Box<str>);

impl Misconfigured {
    /// Creates the error. The text completes `the store is misconfigured: `.
    pub fn new(problem: impl Into<Box<str>>) -> Self {
        Self(problem.into())
    }
}

impl fmt::Display for Misconfigured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the store is misconfigured: {}", self.0)
    }
}

impl Error for Misconfigured {}

pub(super) type StoreFuture<T> = Pin<Box<dyn Future<Output = Result<T, BoxError>> + Send>>;

/// A [`RevocationStore`] of any type.
pub(super) trait ErasedStore: Send + Sync {
    fn append(self: Arc<Self>, revocations: Vec<Revocation>) -> StoreFuture<()>;
    fn load(self: Arc<Self>) -> StoreFuture<Snapshot>;
    fn follow(self: Arc<Self>, position: Position) -> StoreFuture<Followed>;
}

impl<S: RevocationStore> ErasedStore for S {
    fn append(self: Arc<Self>, revocations: Vec<Revocation>) -> StoreFuture<()> {
        Box::pin(async move { RevocationStore::append(&*self, &revocations).await })
    }

    fn load(self: Arc<Self>) -> StoreFuture<Snapshot> {
        Box::pin(async move { RevocationStore::load(&*self).await })
    }

    fn follow(self: Arc<Self>, position: Position) -> StoreFuture<Followed> {
        Box::pin(async move { RevocationStore::follow(&*self, &position).await })
    }
}
