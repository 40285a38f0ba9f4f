//! The model of a request: when it waits, and which result it gets.

use std::time::Duration;

use super::keys::{Name, TOKENS, is_signed_by};
use super::model::Model;
use crate::verify::jwks::lookup::{MAY_BE_NEWER, NOT_LOADED};
use crate::verify::jwks::policy::{Decision, Event, FETCH_GRACE};
use crate::verify_error::InvalidReason;

/// The result of a request.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum RequestResult {
    Accepted,
    Refused(InvalidReason),
    /// With the problem, and the time after which the client may retry.
    Unavailable(String, Duration),
    /// The success of a refresh or a readiness check.
    Done,
    /// The failure of a refresh or a readiness check.
    Failed(String),
}

/// The number of a fetch, and the time until which the request waits for it.
type Wait = (usize, Option<Duration>);

/// The state of a request.
pub(super) enum ModelRequest {
    Token {
        token: usize,
        joined: bool,
        fetched_since: Option<u64>,
        delays: u32,
        /// Whether the signature did not match a key with the token's key ID in any search so far.
        forged: bool,
        next: Next,
    },
    Refresh {
        before: u64,
        rounds: u32,
        wait: Option<Wait>,
    },
    Ready {
        wait: Option<Wait>,
    },
}

pub(super) enum Next {
    /// The result of a search in the keys.
    Seen(Look),
    Wait(Wait),
}

#[derive(Clone, Copy)]
pub(super) enum Look {
    Good,
    Forged(u64),
    Missing(u64),
    Later(usize),
}

impl Model {
    /// A request with this token arrives.
    pub(super) fn call(&mut self, token: usize) -> ModelRequest {
        let next = Next::Seen(self.look(token, true));
        ModelRequest::Token {
            token,
            joined: false,
            fetched_since: None,
            delays: 0,
            forged: false,
            next,
        }
    }

    fn look(&mut self, token: usize, may_wait: bool) -> Look {
        let seen = self.generation;
        let missing = Look::Missing(seen);
        let Some(keys) = self.keys.as_ref().filter(|keys| self.now < keys.dead_at) else {
            return missing;
        };
        if self.now >= keys.refresh_at {
            let stale = self.now >= keys.stale_at;
            if let (_, Some(fetch)) = self.decide_and_fetch(Event::KnownKey)
                && stale
                && may_wait
            {
                return Look::Later(fetch);
            }
        }
        let Some(keys) = &self.keys else {
            return missing;
        };
        let token = TOKENS[token];
        let in_use = keys
            .list
            .iter()
            .filter(|(_, state)| !self.withdrawn[*state]);
        let in_use: Vec<Name> = in_use.map(|(name, _)| *name).collect();
        if in_use.iter().any(|key| is_signed_by(token, *key)) {
            return Look::Good;
        }
        let named = |key: &Name| token.key_id.is_some() && token.key_id == key.key_id;
        match in_use.iter().any(named) {
            true => Look::Forged(seen),
            false => missing,
        }
    }

    /// Polls a request: runs it until it must wait, which returns `None`, or has a result.
    pub(super) fn poll(&mut self, request: &mut ModelRequest) -> Option<RequestResult> {
        match request {
            ModelRequest::Token {
                token,
                joined,
                fetched_since,
                delays,
                forged,
                next,
            } => loop {
                let look = match *next {
                    Next::Seen(look) => look,
                    Next::Wait(wait) if self.is_over(wait) => self.look(*token, *delays < 2),
                    Next::Wait(_) => return None,
                };
                let (seen, is_forged) = match look {
                    Look::Good => return Some(RequestResult::Accepted),
                    Look::Later(fetch) => {
                        *delays += 1;
                        *next = Next::Wait(self.wait(fetch));
                        continue;
                    }
                    Look::Forged(seen) => (seen, true),
                    Look::Missing(seen) => (seen, false),
                };
                *forged |= is_forged;
                // Once the signature did not match, the token is refused even if the source is unavailable.
                let bad_signature = RequestResult::Refused(InvalidReason::BadSignature);
                let answer = |result: RequestResult| match result {
                    _ if is_forged => bad_signature,
                    RequestResult::Unavailable(..) if *forged => bad_signature,
                    RequestResult::Accepted
                    | RequestResult::Refused(_)
                    | RequestResult::Unavailable(..)
                    | RequestResult::Done
                    | RequestResult::Failed(_) => result,
                };
                if let Some(before) = *fetched_since {
                    // A bad signature is final. Only a missing key depends on the state of the source.
                    return Some(match is_forged {
                        true => answer(RequestResult::Accepted),
                        false => answer(self.still_missing(before)),
                    });
                }
                if seen != self.generation {
                    *next = Next::Seen(self.look(*token, *delays < 2));
                    continue;
                }
                let may_be_newer = self.may_be_newer(*token);
                *next = match self.decide_and_fetch(Event::UnknownKey { may_be_newer }) {
                    (decision, Some(fetch)) => {
                        // A fetch that another request began may have begun before the key was published. A second
                        // such fetch began after this token arrived.
                        let begun_before = decision == Decision::Join;
                        *fetched_since = (*joined || !begun_before).then_some(seen);
                        *joined = true;
                        Next::Wait(self.wait(fetch))
                    }
                    (decision, None) => return Some(answer(self.refusal(decision, MAY_BE_NEWER))),
                };
            },
            ModelRequest::Refresh {
                before,
                rounds,
                wait,
            } => {
                loop {
                    if wait.is_some_and(|wait| !self.is_over(wait)) {
                        return None;
                    }
                    if *rounds == 2 {
                        break;
                    }
                    *before = self.generation;
                    let (decision, fetch) = self.decide_and_fetch(Event::RefreshRequested);
                    *wait = fetch.map(|fetch| self.wait(fetch));
                    *rounds = if decision == Decision::Join {
                        *rounds + 1
                    } else {
                        2
                    };
                }
                let problem = self
                    .last_error
                    .as_deref()
                    .unwrap_or("the fetch was interrupted");
                Some(match self.generation > *before {
                    true => RequestResult::Done,
                    false => RequestResult::Failed(problem.to_owned()),
                })
            }
            ModelRequest::Ready { wait: None } if self.usable() == 0 => {
                match self.decide_and_fetch(Event::KnownKey) {
                    (_, None) => Some(self.readiness()),
                    (_, Some(fetch)) => {
                        *request = ModelRequest::Ready {
                            wait: Some(self.wait(fetch)),
                        };
                        self.poll(request)
                    }
                }
            }
            ModelRequest::Ready { wait: Some(wait) } if !self.is_over(*wait) => None,
            ModelRequest::Ready { .. } => Some(self.readiness()),
        }
    }

    /// Whether the fetch that the request waits for has ended or timed out.
    pub(super) fn is_woken(&self, request: &ModelRequest) -> bool {
        match request {
            ModelRequest::Token {
                next: Next::Wait(wait),
                ..
            } => self.is_over(*wait),
            ModelRequest::Refresh {
                wait: Some(wait), ..
            } => self.is_over(*wait),
            ModelRequest::Ready { wait: Some(wait) } => self.is_over(*wait),
            ModelRequest::Token {
                next: Next::Seen(_),
                ..
            }
            | ModelRequest::Refresh { wait: None, .. }
            | ModelRequest::Ready { wait: None } => false,
        }
    }

    fn wait(&self, fetch: usize) -> Wait {
        let limit = self.settings.policy.fetch_timeout + FETCH_GRACE;
        (fetch, self.inside.then(|| self.timer + limit))
    }

    fn is_over(&self, (fetch, until): Wait) -> bool {
        self.fetches[fetch - 1].ended || until.is_some_and(|until| self.timer >= until)
    }

    fn still_missing(&mut self, before: u64) -> RequestResult {
        let (decision, _) = self.decide_and_fetch(Event::StillUnknownKey);
        let retry_after = Duration::ZERO;
        match decision {
            Decision::NoSuchKey if self.generation == before => {
                self.refusal(Decision::Unavailable { retry_after }, NOT_LOADED)
            }
            decision @ (Decision::NoSuchKey
            | Decision::Unavailable { .. }
            | Decision::Use
            | Decision::UseAndFetch
            | Decision::Fetch
            | Decision::Join) => self.refusal(decision, NOT_LOADED),
        }
    }

    fn refusal(&self, decision: Decision, problem: &str) -> RequestResult {
        match decision {
            Decision::Unavailable { retry_after } => {
                let problem = self.last_error.as_deref().unwrap_or(problem);
                RequestResult::Unavailable(problem.to_owned(), retry_after)
            }
            Decision::NoSuchKey
            | Decision::Use
            | Decision::UseAndFetch
            | Decision::Fetch
            | Decision::Join => RequestResult::Refused(InvalidReason::UnknownKey),
        }
    }

    fn readiness(&self) -> RequestResult {
        let problem = self.last_error.as_deref().unwrap_or("there are no keys");
        match self.usable() {
            0 => RequestResult::Failed(problem.to_owned()),
            _ => RequestResult::Done,
        }
    }
}
