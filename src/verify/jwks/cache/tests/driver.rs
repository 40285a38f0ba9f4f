//! Runs the steps of a schedule on the key set and on its model, and compares the two.

use std::mem;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, SystemTime};

use tokio::runtime::{Builder, Runtime};
use tower_service::Service;

use super::keys::{self, START, TOKENS};
use super::model::Model;
use super::model_request::{ModelRequest, RequestResult};
use super::promises::{Cause, Promises};
use super::request::{PendingResult, Request, error_result, refresh_result};
use super::schedule::{Polled, Settings, Step};
use super::source::Source;
use crate::access_token::AccessToken;
use crate::clock::Clock;
use crate::verify::jwks::Jwks;
use crate::verify::jwt::JwtVerifier;

pub(super) struct Driver {
    /// Its timers advance with the schedule's time, except in [`Step::Stall`].
    runtime: Runtime,
    clock: Clock,
    jwks: Jwks,
    verifier: JwtVerifier,
    source: Source,
    model: Model,
    promises: Promises,
    requests: Vec<Request>,
    /// The numbers of the fetches that reached the source.
    seen: Vec<u64>,
    /// The number of fetches that the key set has begun.
    begun: u64,
    /// For each fetch that has begun, whether it has ended.
    ended: Vec<bool>,
    /// The tokens that the verifier accepted, each with its number and the period of use of its key.
    served: Vec<(AccessToken, usize, u32)>,
    report: Vec<String>,
}

/// The most fetches that one request waits for.
const MOST_WAITS: usize = 4;

fn runtime() -> Runtime {
    let mut builder = Builder::new_current_thread();
    builder.enable_time().start_paused(true).build().unwrap()
}

fn same<T: PartialEq + std::fmt::Debug>(what: &str, is: T, should_be: T) -> Result<(), String> {
    match is == should_be {
        true => Ok(()),
        false => Err(format!("{what}: {is:?}, but the model has {should_be:?}")),
    }
}

impl Driver {
    pub(super) fn new(settings: Settings) -> Self {
        let clock = Clock::manual(SystemTime::UNIX_EPOCH + START);
        let source = Source::default();
        let mut jwks = Jwks::builder(source.clone())
            .clock(clock.clone())
            .build()
            .unwrap();
        let inner = Arc::get_mut(&mut jwks.cache).unwrap();
        (inner.policy, inner.jitter) = (settings.policy, settings.jitter);
        let verifier = JwtVerifier::builder()
            .jwks(jwks.clone())
            .issuer(keys::ISSUER)
            .audience(keys::AUDIENCE)
            .accept_future_issued_at()
            .clock(clock.clone());
        Self {
            runtime: runtime(),
            clock,
            jwks,
            verifier: verifier.build().unwrap(),
            source,
            model: Model::new(settings, START),
            promises: Promises::new(settings.policy, START),
            requests: Vec::new(),
            seen: Vec::new(),
            begun: 0,
            ended: Vec::new(),
            served: Vec::new(),
            report: Vec::new(),
        }
    }

    /// Returns the results of the last step, and clears them.
    pub(super) fn report(&mut self) -> String {
        mem::take(&mut self.report).join(", ")
    }

    pub(super) fn take(&mut self, step: &Step) -> Result<(), String> {
        match step {
            Step::Request { token, polled } => self.request(*token, *polled)?,
            Step::Refresh => {
                let jwks = self.jwks.clone();
                let future = async move { (refresh_result(jwks.refresh().await), None) };
                let modelled = ModelRequest::Refresh {
                    before: 0,
                    rounds: 0,
                    wait: None,
                };
                self.begin(Cause::ByHand, Box::pin(future), modelled)?;
            }
            Step::Ready => {
                let jwks = self.jwks.clone();
                let future = async move { (refresh_result(jwks.ready().await), None) };
                self.begin(
                    Cause::Probe,
                    Box::pin(future),
                    ModelRequest::Ready { wait: None },
                )?;
            }
            Step::Poll(nth) if !self.requests.is_empty() => {
                self.poll(nth % self.requests.len(), true)?;
            }
            Step::Drop(nth) if !self.requests.is_empty() => {
                self.requests.remove(nth % self.requests.len());
            }
            Step::Poll(_) | Step::Drop(_) => {}
            Step::DropAll => self.requests.clear(),
            Step::Answer(nth, answer) => {
                if let Some(fetch) = self.source.answer(*nth, *answer) {
                    let number = self.seen[fetch] as usize;
                    self.model.fetches[number - 1].answer = Some(*answer);
                }
            }
            Step::AnswerNext(answer) => self.source.state().answer_next = Some(*answer),
            Step::Run => {
                self.pass(Duration::ZERO)?;
                self.poll_woken()?;
            }
            Step::RunFetches => self.pass(Duration::ZERO)?,
            Step::Pass(time) => {
                self.stall(*time);
                self.pass(*time)?;
                self.poll_woken()?;
            }
            Step::Stall(time) => self.stall(*time),
            Step::Withdraw(key_id) => {
                let withdrawn = self.jwks.withdraw(key_id);
                same("withdrawn", withdrawn, self.model.withdraw(key_id))?;
                self.promises.withdraw(key_id);
            }
            Step::NewRuntime => {
                drop(mem::replace(&mut self.runtime, runtime()));
                self.model.shut_down_runtime();
                self.observe(false)?;
            }
        }
        self.compare()
    }

    /// Checks that every pending request gets a response, although the source sends no more answers.
    pub(super) fn finish(&mut self) -> Result<(), String> {
        for _ in 0..=MOST_WAITS {
            for nth in (0..self.requests.len()).rev() {
                self.poll(nth, true)?;
            }
            self.take(&Step::Pass(Duration::from_secs(6)))?;
        }
        match self.requests.len() {
            0 => Ok(()),
            waiting => Err(format!("{waiting} requests wait forever")),
        }
    }

    fn request(&mut self, token: usize, polled: Polled) -> Result<(), String> {
        let cause = Cause::Token(token);
        let bearer = keys::token(token).parse().unwrap();
        // `call` searches the keys at once, before the future is polled. That may begin a fetch.
        let inside = polled != Polled::Outside;
        self.model.inside = inside;
        let arrival = self.promises.arrival(cause);
        let called = {
            let _inside = inside.then(|| self.runtime.enter());
            self.verifier.call(bearer)
        };
        let modelled = self.model.call(token);
        self.count(cause)?;
        let future = async move {
            match called.await {
                Ok(token) => (RequestResult::Accepted, Some(token)),
                Err(error) => (error_result(&error), None),
            }
        };
        self.begin(cause, Box::pin(future), modelled)?;
        self.requests.last_mut().expect("it was just begun").arrival = arrival;
        match polled {
            Polled::Later => Ok(()),
            Polled::Inside | Polled::Outside => self.poll(self.requests.len() - 1, inside),
        }
    }

    fn begin(
        &mut self,
        cause: Cause,
        future: PendingResult,
        modelled: ModelRequest,
    ) -> Result<(), String> {
        let arrival = self.promises.arrival(cause);
        let woken = Arc::default();
        self.requests.push(Request {
            cause,
            future,
            woken,
            polled: false,
            modelled,
            arrival,
        });
        match cause {
            Cause::Token(_) => Ok(()),
            Cause::Probe | Cause::ByHand => self.poll(self.requests.len() - 1, true),
        }
    }

    fn poll(&mut self, nth: usize, inside: bool) -> Result<(), String> {
        let request = &mut self.requests[nth];
        request.woken.0.store(false, Ordering::SeqCst);
        let waker = Waker::from(Arc::clone(&request.woken));
        let is = {
            let _inside = inside.then(|| self.runtime.enter());
            request
                .future
                .as_mut()
                .poll(&mut Context::from_waker(&waker))
        };
        self.model.inside = inside;
        let should_be = self.model.poll(&mut request.modelled);
        let first = !mem::replace(&mut request.polled, true);
        let (cause, arrival) = (request.cause, request.arrival);
        self.report.push(format!("{cause:?} {is:?}"));
        self.count(cause)?;
        let (result, token) = match is {
            Poll::Ready(is) => is,
            Poll::Pending => {
                same("an answer", None, should_be)?;
                return match first {
                    true => Promises::waits(&arrival),
                    false => Ok(()),
                };
            }
        };
        same("an answer", Some(&result), should_be.as_ref())?;
        self.promises.check_result(cause, &arrival, &result)?;
        self.requests.remove(nth);
        if let (Some(access), Cause::Token(token)) = (token, cause)
            && let Some(period) = self.promises.period_of(&arrival, token)
        {
            self.served.push((access, token, period));
        }
        Ok(())
    }

    /// Polls the requests that were woken. Then checks that no other request could make progress, so that no wakeup
    /// was lost.
    fn poll_woken(&mut self) -> Result<(), String> {
        while let Some(nth) = self
            .requests
            .iter()
            .position(|r| r.woken.0.load(Ordering::SeqCst))
        {
            self.poll(nth, true)?;
        }
        let is_stuck = |r: &&Request| r.polled && self.model.is_woken(&r.modelled);
        match self.requests.iter().find(is_stuck) {
            Some(request) => Err(format!("no wakeup for {:?}", request.cause)),
            None => Ok(()),
        }
    }

    fn stall(&mut self, time: Duration) {
        self.clock.advance(time);
        self.model.now += time;
        self.promises.pass(time);
    }

    /// Advances the runtime's timers, and runs the tasks that are ready.
    fn pass(&mut self, time: Duration) -> Result<(), String> {
        let mut next = self.source.state().answer_next;
        self.runtime.block_on(async {
            tokio::time::advance(time).await;
            for _ in 0..3 {
                tokio::task::yield_now().await;
            }
        });
        self.model.timer += time;
        self.model.run(&mut next);
        self.observe(true)
    }

    /// Records the fetches that began with the last poll.
    fn count(&mut self, cause: Cause) -> Result<(), String> {
        let begun = self.jwks.cache.control().ticket;
        for _ in self.begun..begun {
            self.promises.begun(cause)?;
            self.ended.push(!self.model.inside);
            if !self.model.inside {
                self.promises.ended(self.begun + 1, Some(Err(())));
            }
            self.begun += 1;
        }
        same("fetches", begun, self.model.fetches.len() as u64)
    }

    /// Records which fetches reached the source and which ended since the last call. `running` is false after the
    /// runtime was shut down.
    fn observe(&mut self, running: bool) -> Result<(), String> {
        let source = self.source.state();
        // The runtime runs tasks in the order in which they were spawned.
        let unseen = (0..self.ended.len()).filter(|&fetch| !self.ended[fetch]);
        let unseen = unseen.map(|fetch| fetch as u64 + 1);
        let unseen: Vec<u64> = unseen
            .filter(|number| !self.seen.contains(number))
            .collect();
        let new = source.fetches.len() - self.seen.len();
        same(
            "fetches that reached the source",
            new,
            if running { unseen.len() } else { 0 },
        )?;
        self.seen.extend(unseen.iter().take(new));
        for (fetch, number) in source.fetches.iter().zip(&self.seen) {
            let ended = &mut self.ended[*number as usize - 1];
            if fetch.ended && !mem::replace(ended, true) {
                let answer = match fetch.answered {
                    // The fetch timed out before the source answered.
                    None if running => Some(Err(())),
                    _ if !running => None,
                    answered => answered.map(Ok),
                };
                self.promises.ended(*number, answer);
            }
            let known = self.model.fetches[*number as usize - 1].etag;
            same("the entity tag", fetch.etag, known)?;
        }
        if !running {
            for number in unseen {
                self.ended[number as usize - 1] = true;
                self.promises.ended(number, None);
            }
        }
        Ok(())
    }

    fn compare(&mut self) -> Result<(), String> {
        let (model, now) = (&self.model, self.model.now);
        same(
            "the generation",
            self.jwks.cache.generation(),
            model.generation,
        )?;
        same("the state", self.jwks.cache.control().state, model.state)?;
        let status = self.jwks.status();
        same("keys", status.keys(), model.usable())?;
        same(
            "the last error",
            status.last_error(),
            model.last_error.as_deref(),
        )?;
        same(
            "the age",
            status.age(),
            model.last_success.map(|at| now.saturating_sub(at)),
        )?;
        let next_refresh = model.state.next_refresh_at().filter(|_| model.usable() > 0);
        let next_refresh = next_refresh.map(|at| at.saturating_sub(now));
        same("the next refresh", status.next_refresh(), next_refresh)?;

        let due = model
            .keys
            .as_ref()
            .is_some_and(|keys| now.as_millis() >= keys.refresh_at.as_millis());
        for (access, token, period) in &self.served {
            let current = *period == self.promises.period(*token);
            let name = TOKENS[*token];
            same(
                &format!("whether {name:?} is current"),
                access.is_current(),
                current,
            )?;
            let servable = access.clone().into_verified().is_servable();
            same(
                &format!("whether {name:?} is served from memory"),
                servable,
                current && !due,
            )?;
        }
        Ok(())
    }
}
