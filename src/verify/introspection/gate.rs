//! Executes the decisions of `backoff.rs`. The lock is held only while one is made.

use std::hash::{BuildHasher, RandomState};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::backoff::{
    BackoffPolicy, EndpointState, IntrospectionRequest, RequestOutcome, TokenId, Wait,
};
use crate::clock::Clock;
use crate::credentials::BearerToken;

/// Lets requests through to the endpoint, or holds them back in an outage.
pub(super) struct Gate {
    /// `None`: every request is let through.
    policy: Option<BackoffPolicy>,
    state: Mutex<EndpointState>,
    clock: Clock,
    /// With random keys, so that a client cannot construct tokens with equal IDs.
    hasher: RandomState,
}

impl Gate {
    pub(super) fn new(policy: Option<BackoffPolicy>, clock: Clock) -> Self {
        Self {
            policy,
            state: Mutex::default(),
            clock,
            hasher: RandomState::new(),
        }
    }

    pub(super) fn id_of(&self, token: &BearerToken) -> TokenId {
        TokenId(self.hasher.hash_one(token.as_str()))
    }

    /// Whether a request could begin now. It is checked before the wait for a turn.
    pub(super) fn check(&self, token: TokenId) -> Result<(), Wait> {
        self.decide(Ok(()), |policy, state, now| {
            (state, policy.check(state, now, token))
        })
    }

    /// Begins a request.
    pub(super) fn begin(&self, token: TokenId) -> Result<PendingRequest<'_>, Wait> {
        let request = self.decide(Ok(None), |policy, state, now| {
            let (state, begun) = policy.begin(state, now, token);
            (state, begun.map(Some))
        })?;
        Ok(PendingRequest {
            gate: self,
            token,
            request,
        })
    }

    /// Changes the state. Without a backoff there is none, and the result is `otherwise`.
    fn decide<T>(
        &self,
        otherwise: T,
        decide: impl FnOnce(&BackoffPolicy, EndpointState, Duration) -> (EndpointState, T),
    ) -> T {
        let Some(policy) = &self.policy else {
            return otherwise;
        };
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let (next, result) = decide(policy, *state, self.clock.monotonic());
        *state = next;
        result
    }
}

/// A request in flight. If it is dropped before it [ends](Self::end), another probe may begin.
pub(super) struct PendingRequest<'g> {
    gate: &'g Gate,
    token: TokenId,
    /// `None` after it has ended, and without a backoff.
    request: Option<IntrospectionRequest>,
}

impl PendingRequest<'_> {
    /// Ends it, and returns how long the same token has to wait now.
    pub(super) fn end(mut self, outcome: RequestOutcome) -> Option<Wait> {
        self.report(outcome);
        self.gate.check(self.token).err()
    }

    fn report(&mut self, outcome: RequestOutcome) {
        if let Some(request) = self.request.take() {
            self.gate.decide((), |policy, state, now| {
                (policy.ended(state, now, request, outcome), ())
            });
        }
    }
}

impl Drop for PendingRequest<'_> {
    fn drop(&mut self) {
        self.report(RequestOutcome::Dropped);
    }
}
