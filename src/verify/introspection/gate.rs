//! Carries out what `backoff.rs` decides. The lock is held for the decision alone.

use std::hash::{BuildHasher, RandomState};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::backoff::{Ending, Policy, Question, State, TokenId, Wait};
use crate::bearer::BearerToken;
use crate::clock::Clock;

/// Lets questions through to the endpoint, or holds them back in an outage.
pub(super) struct Gate {
    /// `None` lets every question through.
    policy: Option<Policy>,
    state: Mutex<State>,
    clock: Clock,
    /// With random keys, so that no client can make up tokens with equal IDs.
    hasher: RandomState,
}

impl Gate {
    pub(super) fn new(policy: Option<Policy>, clock: Clock) -> Self {
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

    /// Whether it makes sense to wait for a turn.
    pub(super) fn check(&self, token: TokenId) -> Result<(), Wait> {
        self.decide(Ok(()), |policy, state, now| {
            (state, policy.check(state, now, token))
        })
    }

    /// Begins a question.
    pub(super) fn ask(&self, token: TokenId) -> Result<OpenQuestion<'_>, Wait> {
        let question = self.decide(Ok(None), |policy, state, now| {
            let (state, asked) = policy.ask(state, now, token);
            (state, asked.map(Some))
        })?;
        Ok(OpenQuestion {
            gate: self,
            token,
            question,
        })
    }

    /// `otherwise` is the result where there is no backoff.
    fn decide<T>(
        &self,
        otherwise: T,
        decide: impl FnOnce(&Policy, State, Duration) -> (State, T),
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

/// A question that is under way. One that is dropped before it [ends](Self::end) makes room for another probe.
pub(super) struct OpenQuestion<'g> {
    gate: &'g Gate,
    token: TokenId,
    /// `None` once it ended, and where there is no backoff.
    question: Option<Question>,
}

impl OpenQuestion<'_> {
    /// Ends it. The result is how long the same token has to wait now.
    pub(super) fn end(mut self, ending: Ending) -> Option<Wait> {
        self.report(ending);
        self.gate.check(self.token).err()
    }

    fn report(&mut self, ending: Ending) {
        if let Some(question) = self.question.take() {
            self.gate.decide((), |policy, state, now| {
                (policy.ended(state, now, question, ending), ())
            });
        }
    }
}

impl Drop for OpenQuestion<'_> {
    fn drop(&mut self) {
        self.report(Ending::Dropped);
    }
}
