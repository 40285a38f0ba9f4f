//! The task of a fetch, from the source to the cache.

use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::watch;
use tower::BoxError;

use super::cache::{Delivery, KeyCache};
use super::document::Validators;
use super::fetch_order::FetchOrder;
use super::source::FetchedKeys;
use crate::error_chain::{MAX_ERROR, error_chain, shortened};
use crate::telemetry::Activity;

/// A fetch in progress.
///
/// The task fetches the document within the time limit, delivers the result to the cache by a plain call in
/// [`run`](Self::run), and then wakes the requests that wait: a request that wakes up sees the new keys. A dropped request
/// does not cancel the task.
///
/// `Drop` is only the guard for a task that is dropped before that, because its runtime shuts down. Without it, requests
/// would wait for that fetch until it counts as lost. It is not the ordinary way, for two reasons: what happens before and
/// after a delivery would depend on the order in which fields and locals are dropped; and the delivery runs foreign code
/// (log subscribers, metrics recorders), whose panic aborts the process if it happens while another panic unwinds.
pub(super) struct FetchTask {
    cache: Arc<KeyCache>,
    ticket: u64,
    known: Option<Validators>,
    /// Present once the task has started.
    activity: Option<Activity>,
    is_delivered: bool,
    done: watch::Sender<bool>,
}

impl FetchTask {
    /// A task for what the cache has ordered. From now on the order is fulfilled: if foreign code panics before the task
    /// [starts](Self::start), the guard delivers an interruption.
    pub(super) fn new(cache: Arc<KeyCache>, order: FetchOrder) -> Self {
        Self {
            cache,
            ticket: order.ticket,
            known: order.known,
            activity: None,
            is_delivered: false,
            done: order.done,
        }
    }

    /// Starts the fetch in a task of its own. Do not hold the lock of the cache: a runtime that is shutting down drops
    /// the task at once, which delivers an interruption.
    pub(super) fn start(mut self) {
        let activity = Activity::key_fetch(self.cache.name());
        let keys = activity.of(fetch_keys(Arc::clone(&self.cache), self.known.take()));
        self.activity = Some(activity);
        match Handle::try_current() {
            Ok(runtime) => drop(runtime.spawn(self.run(keys))),
            Err(_) => self.deliver(Some(Err("keys are fetched in a tokio runtime".into()))),
        }
    }

    async fn run(mut self, keys: impl Future<Output = Result<FetchedKeys, BoxError>>) {
        // Reading the text of an error runs code of the source as well, so it happens where panics are caught.
        let mut keys = Box::pin(async { keys.await.map_err(|error| error_chain(&*error)) });
        let caught = poll_fn(|cx| {
            let polled = catch_unwind(AssertUnwindSafe(|| keys.as_mut().poll(cx)));
            polled.map_or_else(|panic| Poll::Ready(Err(panic)), |polled| polled.map(Ok))
        });
        let limit = self.cache.policy.fetch_timeout;
        let ended = tokio::time::timeout(limit, caught).await;
        // Before the future is dropped, since a source may reset its progress there.
        let ended = ended.map_err(|_elapsed| self.timed_out(limit));
        // Before the delivery, so that two fetches of a source never overlap.
        let dropped = catch_unwind(AssertUnwindSafe(|| drop(keys)));
        let (result, panic) = match ended {
            Ok(Ok(result)) => (result, None),
            Ok(Err(panic)) => (Err("the key source panicked".into()), Some(panic)),
            Err(problem) => (Err(problem), None),
        };
        self.deliver(Some(result));
        // After the delivery: the payload of a panic belongs to the source, and dropping it may panic.
        drop((panic, dropped));
    }

    /// The problem with a fetch that takes too long, with what the source says it waits for.
    fn timed_out(&self, limit: Duration) -> String {
        let source = &self.cache.source;
        let progress = catch_unwind(AssertUnwindSafe(|| source.progress()));
        match progress.ok().flatten() {
            Some(progress) => format!(
                "no answer within {limit:?}: {}",
                shortened(&progress, MAX_ERROR)
            ),
            None => format!("no answer within {limit:?}"),
        }
    }

    fn deliver(&mut self, delivery: Delivery) {
        // First, so that a panic below does not deliver a second time.
        self.is_delivered = true;
        let outcome = self.cache.deliver(self.ticket, delivery);
        // After the delivery, since subscribers are foreign code, and may panic.
        let entered = self.activity.as_ref().and_then(Activity::enter);
        outcome.log(self.cache.name());
        drop(entered);
        if let Some(activity) = &mut self.activity {
            activity.end(outcome.as_str());
        }
        self.done.send_replace(true);
    }
}

impl Drop for FetchTask {
    fn drop(&mut self) {
        if !self.is_delivered {
            self.deliver(None);
        }
    }
}

/// Fetches the document, and selects the keys that the set accepts.
async fn fetch_keys(
    cache: Arc<KeyCache>,
    known: Option<Validators>,
) -> Result<FetchedKeys, BoxError> {
    let fetched = cache.source.fetch(known.as_ref()).await?;
    Ok(fetched.select(&cache.rules)?)
}
