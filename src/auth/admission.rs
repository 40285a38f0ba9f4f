//! The admission policy: whether the layer passes a request on, once its token was verified or could not be.

use std::sync::Arc;

use crate::access_token::AccessToken;
use crate::challenge_config::{ChallengeConfig, ChallengeContext};
use crate::credentials::{BoundFlag, Scheme};
use crate::refusal_slot::RefusalCause;
use crate::reject::{self, Refusal, Reply};
use crate::telemetry::{Bearer, Decision};
use crate::verify_error::{InvalidReason, VerifyError, VerifyErrorKind};

/// Decides about one request, and records the decision if it refuses the request.
#[derive(Debug, Clone)]
pub(super) struct Admission {
    pub(super) challenge_config: Arc<ChallengeConfig>,
    pub(super) scheme: Scheme,
}

impl Admission {
    /// The token, if the verifier accepted it. `bearer` is the token that was sent to the verifier, as far as the audit
    /// event needs it.
    pub(super) fn verified(
        &self,
        verified: Result<AccessToken, VerifyError>,
        bearer: Bearer<'_>,
    ) -> Result<AccessToken, Reply> {
        let token = verified
            .map_err(|error| reject::refuse_for(&error, Decision::LAYER, bearer, self.context()))?;
        self.check_current(&token)?;
        Ok(token)
    }

    /// Refuses a token that is no longer valid. Verifiers check this too. But a cached token may have expired since, and
    /// verifiers of other crates may not check.
    pub(super) fn check_current(&self, token: &AccessToken) -> Result<(), Reply> {
        match token.invalid_reason() {
            Some(reason) => Err(self.refuse_token(reason, token)),
            None => Ok(()),
        }
    }

    /// Refuses a token that is bound to a key, for a layer that checks nothing but the token.
    pub(super) fn check_unbound(&self, token: &AccessToken) -> Result<(), Reply> {
        match token.bound_to().is_some() && !token.waives_confirmation() {
            true => Err(self.refuse_token(InvalidReason::BoundToKey, token)),
            false => Ok(()),
        }
    }

    /// Refuses a token that a verifier has found to be bound to a key, and that has no key any more.
    pub(super) fn check_still_bound(
        &self,
        token: &AccessToken,
        bound_flag: &BoundFlag,
    ) -> Result<(), Reply> {
        token
            .check_still_bound(bound_flag)
            .map_err(|reason| self.refuse_token(reason, token))
    }

    fn refuse_token(&self, reason: InvalidReason, token: &AccessToken) -> Reply {
        Refusal::InvalidToken(reason).refuse(
            Decision::LAYER,
            Bearer::Verified(token),
            self.context(),
            self.challenge_config.initial_scopes(),
        )
    }

    /// The answer to a request that a check refuses.
    pub(super) fn refuse_for(&self, error: &VerifyError, token: &AccessToken) -> Reply {
        let bearer = Bearer::Verified(token);
        reject::refuse_for(error, Decision::LAYER, bearer, self.context())
    }

    /// Admits a request with this valid token if the token has the scopes that the layer requires.
    pub(super) fn admit(&self, token: &AccessToken) -> Result<(), Reply> {
        let challenge_config = &self.challenge_config;
        let scopes = &challenge_config.scopes;
        if !challenge_config
            .hierarchy
            .grants_all(token.scopes(), scopes)
        {
            return Err(Refusal::InsufficientScope.refuse(
                Decision::LAYER,
                Bearer::Verified(token),
                self.context(),
                scopes,
            ));
        }
        Decision::passed(Decision::LAYER, Some(token)).record();
        Ok(())
    }

    /// The refusal that a tool requested, which replaces the response. The tool has recorded the decision.
    pub(super) fn reply_to(&self, cause: &RefusalCause) -> Reply {
        match cause {
            RefusalCause::NoToken => Refusal::NoToken.reply(
                "AccessToken",
                self.context(),
                self.challenge_config.initial_scopes(),
            ),
            RefusalCause::InsufficientScope(required) => Refusal::InsufficientScope.reply(
                "AccessToken::require_scopes",
                self.context(),
                required,
            ),
        }
    }

    fn context(&self) -> ChallengeContext<'_> {
        self.challenge_config.tried(self.scheme)
    }
}

/// The outcome of a verification, for its span and its histogram.
pub(super) fn outcome(verified: &Result<AccessToken, VerifyError>) -> &'static str {
    match verified.as_ref().map_err(VerifyError::kind) {
        Ok(_) => "verified",
        Err(VerifyErrorKind::Unavailable) => "unavailable",
        Err(
            VerifyErrorKind::Invalid(_)
            | VerifyErrorKind::InvalidProof(_)
            | VerifyErrorKind::NonceRequired(_)
            | VerifyErrorKind::InsufficientScope(_),
        ) => "refused",
    }
}
