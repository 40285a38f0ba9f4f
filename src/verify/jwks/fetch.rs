//! A fetch under way, and those who wait for its end.

use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::watch;
use tower::BoxError;

use super::source::FetchedKeys;
use crate::error_chain::error_chain;
use crate::telemetry::Activity;
use crate::verify::jwks::fetch_outcome::FetchOutcome;

/// What came of a fetch, or what went wrong; `None` when it was interrupted.
pub(super) type Outcome = Option<Result<FetchedKeys, String>>;

/// A fetch under way. However it ends, dropped with its runtime included, everybody learns of it.
pub(super) struct Fetch {
    outcome: Outcome,
    activity: Option<Activity>,
    end: Option<Box<dyn FnOnce(Outcome) -> FetchOutcome + Send>>,
    done: watch::Sender<bool>,
}

impl Fetch {
    /// A fetch whose outcome goes to `end`, before anybody who waits hears of it.
    pub(super) fn new(
        end: impl FnOnce(Outcome) -> FetchOutcome + Send + 'static,
    ) -> (Self, UnderWay) {
        let (done, under_way) = watch::channel(false);
        let fetch = Self {
            outcome: None,
            activity: None,
            end: Some(Box::new(end)),
            done,
        };
        (fetch, UnderWay(under_way))
    }

    /// Runs in a task of its own: a request that is dropped takes nothing with it.
    pub(super) fn start<F>(mut self, source: &str, fetch: F, limit: Duration)
    where
        F: Future<Output = Result<FetchedKeys, BoxError>> + Send + 'static,
    {
        let activity = Activity::key_fetch(source);
        let fetch = activity.of(fetch);
        self.activity = Some(activity);
        match Handle::try_current() {
            Ok(runtime) => drop(runtime.spawn(self.run(fetch, limit))),
            Err(_) => self.outcome = Some(Err("keys are fetched in a tokio runtime".into())),
        }
    }

    async fn run<F>(mut self, fetch: F, limit: Duration)
    where
        F: Future<Output = Result<FetchedKeys, BoxError>>,
    {
        // Its error is read in there, since that is the source's code, too. So is dropping it, which comes last.
        let mut fetch = pin!(async { fetch.await.map_err(|error| error_chain(&*error)) });
        let caught = poll_fn(|cx| {
            let polled = catch_unwind(AssertUnwindSafe(|| fetch.as_mut().poll(cx)));
            polled.map_or_else(|panic| Poll::Ready(Err(panic)), |polled| polled.map(Ok))
        });
        self.outcome = Some(match tokio::time::timeout(limit, caught).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(_)) => Err("the key source panicked".into()),
            Err(_) => Err(format!("no answer within {limit:?}")),
        });
    }
}

impl Drop for Fetch {
    fn drop(&mut self) {
        if let Some(end) = self.end.take() {
            let entered = self.activity.as_ref().and_then(Activity::enter);
            let ending = end(self.outcome.take());
            drop(entered);
            if let Some(activity) = &mut self.activity {
                activity.end(ending.as_str());
            }
        }
        self.done.send_replace(true);
    }
}

/// Where to learn that a fetch has ended.
#[derive(Clone)]
pub(super) struct UnderWay(watch::Receiver<bool>);

impl UnderWay {
    /// Waits for the end, and not longer than `limit`: the fetch may be in the hands of a runtime that
    /// nobody polls.
    pub(super) async fn ended(mut self, limit: Duration) {
        // An error means that whoever fetched is gone, and so is the fetch.
        let ended = self.0.wait_for(|done| *done);
        match Handle::try_current() {
            Ok(_) => drop(tokio::time::timeout(limit, ended).await),
            // Without a runtime there is no fetch, and nothing to wait for.
            Err(_) => drop(ended.await),
        }
    }
}
