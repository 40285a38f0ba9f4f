//! A fetch that the cache has ordered, and the handle to wait for its end.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::watch;

use super::document::Validators;

/// A fetch to start.
pub(super) struct FetchOrder {
    /// The number of the fetch.
    pub(super) ticket: u64,
    /// The validators of the current document.
    pub(super) known: Option<Validators>,
    /// Becomes true when the result of the fetch is in the cache.
    pub(super) done: watch::Sender<bool>,
}

/// A handle to wait for a fetch.
#[derive(Clone)]
pub(super) struct PendingFetch {
    done: watch::Receiver<bool>,
    limit: Duration,
}

impl FetchOrder {
    /// An order, and the handle to wait for it: for `limit` at most.
    pub(super) fn new(
        ticket: u64,
        known: Option<Validators>,
        limit: Duration,
    ) -> (Self, PendingFetch) {
        let (sender, done) = watch::channel(false);
        let order = Self {
            ticket,
            known,
            done: sender,
        };
        (order, PendingFetch { done, limit })
    }
}

impl PendingFetch {
    /// Waits until the fetch has ended. The time is limited, since the fetch may be in a runtime that is not polled any
    /// more.
    pub(super) fn ended(mut self) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(async move {
            // An error means that the sender was dropped, and so was the fetch.
            let ended = self.done.wait_for(|done| *done);
            match Handle::try_current() {
                Ok(_) => drop(tokio::time::timeout(self.limit, ended).await),
                // Without a runtime there is no timer. A fetch that was started there has ended already.
                Err(_) => drop(ended.await),
            }
        })
    }
}
