//! When the endpoint may be asked: a pure function of state, time and event.
//!
//! This file is the specification. It asks nothing and knows no clock; `gate.rs` carries out what is decided
//! here. Times are durations since an arbitrary start.
//!
//! Clients choose the tokens, so a token must not be able to start an outage for the others. An answer that a
//! token's content may have caused, such as a 500, therefore never counts. Silence counts only once two different
//! tokens met it with no answer in between: until then only the token that met it has to wait. What no token can
//! cause counts at once.

use std::time::Duration;

/// The numbers. Their defaults and bounds are in the documentation of the builder.
#[derive(Debug, Clone, Copy)]
pub(super) struct Policy {
    /// The wait after the first failure. Each further failure doubles it, up to the maximum.
    pub(super) min: Duration,
    pub(super) max: Duration,
    /// The time after which a probe that has not ended no longer keeps others from probing.
    pub(super) probe_lost_after: Duration,
}

/// What is known about the endpoint.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct State {
    outage: Option<Outage>,
    /// The one token that met silence since the last answer.
    suspect: Option<Suspect>,
    /// How many answers there were.
    answers: u64,
    /// How many probes there were, which is the ID of the next one.
    probes: u64,
}

#[derive(Debug, Clone, Copy, PartialEq)]
struct Outage {
    failures: u32,
    retry_at: Duration,
    probe: Option<Probe>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
struct Probe {
    id: u64,
    since: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq)]
struct Suspect {
    token: TokenId,
    failures: u32,
    failed_at: Duration,
    retry_at: Duration,
}

/// Tells tokens apart without keeping them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TokenId(pub(super) u64);

/// A question that is under way.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Question {
    token: TokenId,
    asked_at: Duration,
    /// How many answers there were by then.
    answers: u64,
    /// The ID of the probe, where it is one.
    probe: Option<u64>,
}

/// How a question ended.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Ending {
    /// The endpoint answered, rightly or wrongly.
    Answered,
    /// The endpoint is not available, which no token can cause.
    Down { retry_after: Option<Duration> },
    /// There was no answer, or only a part of one. The token may be the cause.
    Silent,
    /// A gateway answered in the place of the endpoint. It counts as silence does, but such an answer comes at
    /// once, so that asking again about the same token costs little.
    Gateway,
    /// The request that asked was dropped, which says nothing about the endpoint.
    Dropped,
}

/// The time to wait before the next question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Wait(pub(super) Duration);

impl Policy {
    /// Whether this token may be asked about now, and whether the question is a probe.
    pub(super) fn ask(
        &self,
        state: State,
        now: Duration,
        token: TokenId,
    ) -> (State, Result<Question, Wait>) {
        if let Err(wait) = self.check(state, now, token) {
            return (state, Err(wait));
        }
        let question = |probe| Question {
            token,
            asked_at: now,
            answers: state.answers,
            probe,
        };
        let Some(outage) = state.outage else {
            return (state, Ok(question(None)));
        };
        let id = state.probes;
        let probing = State {
            outage: Some(Outage {
                probe: Some(Probe { id, since: now }),
                ..outage
            }),
            probes: id.wrapping_add(1),
            ..state
        };
        (probing, Ok(question(Some(id))))
    }

    /// Whether [`ask`](Self::ask) would allow it, without asking.
    pub(super) fn check(&self, state: State, now: Duration, token: TokenId) -> Result<(), Wait> {
        let until = |at: Duration| Err(Wait(at.saturating_sub(now)));
        match (state.outage, state.suspect) {
            (Some(outage), _) if now < outage.retry_at => until(outage.retry_at),
            // How long the probe takes cannot be known.
            (Some(outage), _) if self.is_probing(outage, now) => Err(Wait(self.min)),
            (Some(_), _) => Ok(()),
            (None, Some(suspect)) if suspect.token == token && now < suspect.retry_at => {
                until(suspect.retry_at)
            }
            (None, _) => Ok(()),
        }
    }

    /// The state after a question.
    pub(super) fn ended(
        &self,
        state: State,
        now: Duration,
        question: Question,
        ending: Ending,
    ) -> State {
        match ending {
            Ending::Answered => State {
                outage: None,
                suspect: None,
                answers: state.answers.wrapping_add(1),
                ..state
            },
            Ending::Down { retry_after } => match state.outage {
                Some(outage) => self.probe_failed(state, outage, now, question, retry_after),
                None => self.with_outage(state, now, retry_after),
            },
            Ending::Silent | Ending::Gateway => match state.outage {
                Some(outage) => self.probe_failed(state, outage, now, question, None),
                None => self.met_silence(state, now, question, ending == Ending::Silent),
            },
            Ending::Dropped => match state.outage {
                Some(outage) if is_probe(outage, question) => State {
                    outage: Some(Outage {
                        probe: None,
                        ..outage
                    }),
                    ..state
                },
                Some(_) | None => state,
            },
        }
    }

    /// A question from before the outage says nothing new about it.
    fn probe_failed(
        &self,
        state: State,
        outage: Outage,
        now: Duration,
        question: Question,
        retry_after: Option<Duration>,
    ) -> State {
        if !is_probe(outage, question) {
            return state;
        }
        let failures = outage.failures.saturating_add(1);
        State {
            outage: Some(Outage {
                failures,
                retry_at: now.saturating_add(self.wait(failures, retry_after)),
                probe: None,
            }),
            ..state
        }
    }

    fn with_outage(&self, state: State, now: Duration, retry_after: Option<Duration>) -> State {
        State {
            outage: Some(Outage {
                failures: 1,
                retry_at: now.saturating_add(self.wait(1, retry_after)),
                probe: None,
            }),
            suspect: None,
            ..state
        }
    }

    fn met_silence(
        &self,
        state: State,
        now: Duration,
        question: Question,
        token_waits: bool,
    ) -> State {
        // Other tokens were answered meanwhile.
        if state.answers != question.answers {
            return state;
        }
        let failures = match state.suspect {
            None => 1,
            Some(suspect) if suspect.token != question.token => {
                return self.with_outage(state, now, None);
            }
            // One of several at once, which are one failure.
            Some(suspect) if question.asked_at <= suspect.failed_at => return state,
            Some(suspect) => suspect.failures.saturating_add(1),
        };
        let wait = match token_waits {
            true => self.wait(failures, None),
            false => Duration::ZERO,
        };
        State {
            suspect: Some(Suspect {
                token: question.token,
                failures,
                failed_at: now,
                retry_at: now.saturating_add(wait),
            }),
            ..state
        }
    }

    /// The server's own word counts within the bounds.
    fn wait(&self, failures: u32, retry_after: Option<Duration>) -> Duration {
        let doubled = 2_u32.saturating_pow(failures.saturating_sub(1));
        let backoff = self.min.saturating_mul(doubled);
        backoff
            .max(retry_after.unwrap_or_default())
            .clamp(self.min, self.max)
    }

    fn is_probing(&self, outage: Outage, now: Duration) -> bool {
        outage
            .probe
            .is_some_and(|probe| now < probe.since.saturating_add(self.probe_lost_after))
    }
}

fn is_probe(outage: Outage, question: Question) -> bool {
    let current = outage.probe.map(|probe| probe.id);
    current.is_some() && current == question.probe
}

#[cfg(test)]
mod tests;
