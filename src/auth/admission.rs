//! The admission policy: whether the layer passes a request on, once its token was verified or could not be.

use std::sync::Arc;

use crate::access_token::AccessToken;
use crate::challenge_config::{ChallengeConfig, ChallengeContext};
use crate::credentials::{Carrier, PossessionMark, Scheme};
use crate::possession::{Admitted, Checks, ChecksFuture, RequestHead, StartedChecks};
use crate::refusal_slot::RefusalCause;
use crate::reject::{self, Refusal, Reply};
use crate::telemetry::{Bearer, Decision};
use crate::verify_error::{InvalidReason, VerifyError, VerifyErrorKind};

/// Decides about one request, and records the decision if it refuses the request.
#[derive(Debug, Clone)]
pub(super) struct Admission {
    pub(super) challenge_config: Arc<ChallengeConfig>,
    pub(super) scheme: Scheme,
    /// The part of the request that contained the token.
    pub(super) carrier: Carrier,
}

impl Admission {
    /// The token, if the verifier accepted it and it is still valid. `bearer` is the token that was sent to the
    /// verifier, as far as the audit event needs it.
    #[inline]
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

    /// Refuses a token that is no longer valid. Verifiers check this too. But a cached token may have expired since,
    /// and verifiers of other crates may not check.
    #[inline]
    fn check_current(&self, token: &AccessToken) -> Result<(), Reply> {
        if let Some(reason) = token.verified().invalid_reason() {
            return Err(self.refuse_token(reason, token));
        }
        match &self.challenge_config.revocations {
            Some(revocations) => revocations
                .check(token.verified())
                .map_err(|error| self.refuse_for(&error, token)),
            None => Ok(()),
        }
    }

    /// Starts the checks of a request with this valid token. Decides at once if no check waits for I/O.
    #[inline]
    pub(super) fn begin(
        &self,
        token: &AccessToken,
        checks: Option<(&Checks, &PossessionMark)>,
        head: RequestHead<'_>,
    ) -> Result<Progress, Reply> {
        // A browser adds a cookie by itself, so it proves nothing about the sender, not even with a certificate.
        if self.carrier == Carrier::Cookie && token.bound_to().is_some() {
            return Err(self.refuse_token(InvalidReason::BoundToKey, token));
        }
        let Some((checks, possession_mark)) = checks else {
            // Nothing here can prove that the sender has the key.
            if token.bound_to().is_some() && !token.waives_confirmation() {
                return Err(self.refuse_token(InvalidReason::BoundToKey, token));
            }
            self.check_scopes(token)?;
            return Ok(Progress::Admitted(Admitted::default()));
        };
        // A verifier has recorded that the token is bound to a key, and a wrapping verifier has dropped the key.
        if let Err(reason) = token.check_still_bound(possession_mark) {
            return Err(self.refuse_token(reason, token));
        }
        match checks.start(head, self.scheme, token) {
            StartedChecks::Ended(result) => self.end(token, result).map(Progress::Admitted),
            StartedChecks::Waiting(checks) => Ok(Progress::Waiting(checks)),
        }
    }

    /// Decides about a request whose checks have waited. The token may have expired meanwhile.
    pub(super) fn end_after_wait(
        &self,
        token: &AccessToken,
        result: Result<Admitted, VerifyError>,
    ) -> Result<Admitted, Reply> {
        self.check_current(token)?;
        self.end(token, result)
    }

    fn end(
        &self,
        token: &AccessToken,
        result: Result<Admitted, VerifyError>,
    ) -> Result<Admitted, Reply> {
        let admitted = result.map_err(|error| self.refuse_for(&error, token))?;
        self.check_scopes(token)?;
        Ok(admitted)
    }

    /// Checks the scopes that the layer requires. It is the last check, so it records that the request passes.
    #[inline]
    fn check_scopes(&self, token: &AccessToken) -> Result<(), Reply> {
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

    fn refuse_for(&self, error: &VerifyError, token: &AccessToken) -> Reply {
        let bearer = Bearer::Verified(token);
        reject::refuse_for(error, Decision::LAYER, bearer, self.context())
    }

    fn refuse_token(&self, reason: InvalidReason, token: &AccessToken) -> Reply {
        Refusal::InvalidToken(reason).refuse(
            Decision::LAYER,
            Bearer::Verified(token),
            self.context(),
            self.challenge_config.initial_scopes(),
        )
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
            RefusalCause::InsufficientAuthentication(required, scopes) => {
                Refusal::for_authentication(required).reply(
                    "AccessToken::require_authentication",
                    self.context(),
                    scopes,
                )
            }
        }
    }

    fn context(&self) -> ChallengeContext<'_> {
        self.challenge_config.tried(self.scheme)
    }
}

/// A decision about a request, or the checks that it waits for.
pub(super) enum Progress {
    Admitted(Admitted),
    /// A check waits for something.
    Waiting(ChecksFuture),
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
            | VerifyErrorKind::InsufficientScope(_)
            | VerifyErrorKind::InsufficientAuthentication(_),
        ) => "refused",
    }
}
