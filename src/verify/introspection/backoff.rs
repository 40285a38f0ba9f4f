//! Decides when a request to the endpoint may be sent: a pure function of state, time and event.
//!
//! This file is the specification. It does no I/O and reads no clock; `gate.rs` executes its decisions. Times are
//! durations since an arbitrary start.
//!
//! Clients choose the tokens, so one token must not start an outage for the others. An answer that the content of a
//! token may have caused, such as a 500, therefore never counts as an outage. A missing answer counts only if two
//! different tokens got none and no request was answered in between. Until then only the first of these tokens backs
//! off. A failure that no token can cause counts at once.

use std::time::Duration;

/// The numbers. Their defaults and bounds are in the documentation of the builder.
#[derive(Debug, Clone, Copy)]
pub(super) struct BackoffPolicy {
    /// The wait after the first failure. Each further failure doubles it, up to the maximum.
    pub(super) min: Duration,
    pub(super) max: Duration,
    /// After this time, a probe that has not ended no longer prevents another one.
    pub(super) probe_lost_after: Duration,
}

/// The state of the endpoint, as far as its answers show it.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct EndpointState {
    outage: Option<Outage>,
    /// The token whose request was not answered since the last answer.
    suspect: Option<Suspect>,
    /// Counts the answers.
    answers: u64,
    /// Counts the probes. The count is the ID of the next one.
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

/// A request in flight.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct IntrospectionRequest {
    token: TokenId,
    began_at: Duration,
    /// The count of answers when it began.
    answers: u64,
    /// The ID of the probe if it is one.
    probe: Option<u64>,
}

/// How a request ended.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum RequestOutcome {
    /// The endpoint answered, whatever the answer is.
    Answered,
    /// The endpoint is not available, which no token can cause.
    Down { retry_after: Option<Duration> },
    /// No answer arrived, or only a part of one. The token may be the cause.
    Silent,
    /// A gateway answered in place of the endpoint. It counts as [`Silent`](Self::Silent) does, but the token does not
    /// back off: such an answer arrives at once, so that a retry costs little.
    Gateway,
    /// The future was dropped, which says nothing about the endpoint.
    Dropped,
}

/// The time until the next request may be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Wait(pub(super) Duration);

impl BackoffPolicy {
    /// Begins a request for this token, as a probe in an outage, or returns how long it has to wait.
    pub(super) fn begin(
        &self,
        state: EndpointState,
        now: Duration,
        token: TokenId,
    ) -> (EndpointState, Result<IntrospectionRequest, Wait>) {
        if let Err(wait) = self.check(state, now, token) {
            return (state, Err(wait));
        }
        let request = |probe| IntrospectionRequest {
            token,
            began_at: now,
            answers: state.answers,
            probe,
        };
        let Some(outage) = state.outage else {
            return (state, Ok(request(None)));
        };
        let id = state.probes;
        let probing = EndpointState {
            outage: Some(Outage {
                probe: Some(Probe { id, since: now }),
                ..outage
            }),
            probes: id.wrapping_add(1),
            ..state
        };
        (probing, Ok(request(Some(id))))
    }

    /// Whether [`begin`](Self::begin) would allow a request now.
    pub(super) fn check(
        &self,
        state: EndpointState,
        now: Duration,
        token: TokenId,
    ) -> Result<(), Wait> {
        let until = |at: Duration| Err(Wait(at.saturating_sub(now)));
        match (state.outage, state.suspect) {
            (Some(outage), _) if now < outage.retry_at => until(outage.retry_at),
            // The end of the probe is not known in advance.
            (Some(outage), _) if self.is_probing(outage, now) => Err(Wait(self.min)),
            (Some(_), _) => Ok(()),
            (None, Some(suspect)) if suspect.token == token && now < suspect.retry_at => {
                until(suspect.retry_at)
            }
            (None, _) => Ok(()),
        }
    }

    /// The state after a request has ended.
    pub(super) fn ended(
        &self,
        state: EndpointState,
        now: Duration,
        request: IntrospectionRequest,
        outcome: RequestOutcome,
    ) -> EndpointState {
        match outcome {
            RequestOutcome::Answered => EndpointState {
                outage: None,
                suspect: None,
                answers: state.answers.wrapping_add(1),
                ..state
            },
            RequestOutcome::Down { retry_after } => match state.outage {
                Some(outage) => self.probe_failed(state, outage, now, request, retry_after),
                None => self.with_outage(state, now, retry_after),
            },
            RequestOutcome::Silent | RequestOutcome::Gateway => match state.outage {
                Some(outage) => self.probe_failed(state, outage, now, request, None),
                None => self.met_silence(state, now, request, outcome == RequestOutcome::Silent),
            },
            RequestOutcome::Dropped => match state.outage {
                Some(outage) if is_probe(outage, request) => EndpointState {
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

    /// A request that began before the outage says nothing new about it, so only a probe counts.
    fn probe_failed(
        &self,
        state: EndpointState,
        outage: Outage,
        now: Duration,
        request: IntrospectionRequest,
        retry_after: Option<Duration>,
    ) -> EndpointState {
        if !is_probe(outage, request) {
            return state;
        }
        let failures = outage.failures.saturating_add(1);
        EndpointState {
            outage: Some(Outage {
                failures,
                retry_at: now.saturating_add(self.wait(failures, retry_after)),
                probe: None,
            }),
            ..state
        }
    }

    fn with_outage(
        &self,
        state: EndpointState,
        now: Duration,
        retry_after: Option<Duration>,
    ) -> EndpointState {
        EndpointState {
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
        state: EndpointState,
        now: Duration,
        request: IntrospectionRequest,
        token_waits: bool,
    ) -> EndpointState {
        // The endpoint answered other requests meanwhile.
        if state.answers != request.answers {
            return state;
        }
        let failures = match state.suspect {
            None => 1,
            Some(suspect) if suspect.token != request.token => {
                return self.with_outage(state, now, None);
            }
            // Concurrent requests for one token are one failure.
            Some(suspect) if request.began_at <= suspect.failed_at => return state,
            Some(suspect) => suspect.failures.saturating_add(1),
        };
        let wait = match token_waits {
            true => self.wait(failures, None),
            false => Duration::ZERO,
        };
        EndpointState {
            suspect: Some(Suspect {
                token: request.token,
                failures,
                failed_at: now,
                retry_at: now.saturating_add(wait),
            }),
            ..state
        }
    }

    /// The backoff after this number of failures. `Retry-After` can extend it up to the maximum.
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

fn is_probe(outage: Outage, request: IntrospectionRequest) -> bool {
    let current = outage.probe.map(|probe| probe.id);
    current.is_some() && current == request.probe
}

#[cfg(test)]
mod tests;
