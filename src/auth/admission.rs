//! The admission policy: whether the layer passes a request on, once its token was verified or could not be.

use crate::access_token::AccessToken;
use crate::challenge_config::ChallengeConfig;
use crate::refusal_slot::RefusalCause;
use crate::reject::{self, Refusal, Reply};
use crate::telemetry::{Bearer, Decision};
use crate::verify_error::{VerifyError, VerifyErrorKind};

/// Decides about a verifier's result. Records the decision, and returns the token or the refusal. `bearer` is the
/// token that was sent to the verifier, as far as the audit event needs it.
pub(super) fn admit(
    verified: Result<AccessToken, VerifyError>,
    bearer: Bearer<'_>,
    challenge_config: &ChallengeConfig,
) -> Result<AccessToken, Reply> {
    let token = verified
        .map_err(|error| reject::refuse_for(&error, Decision::LAYER, bearer, challenge_config))?;
    let bearer = Bearer::Verified(&token);
    let scopes = &challenge_config.scopes;
    // Verifiers check this too. But a cached token may have expired since, and verifiers of other crates may not check.
    if let Some(reason) = token.invalid_reason() {
        let refusal = Refusal::InvalidToken(reason);
        return Err(refusal.refuse(
            Decision::LAYER,
            bearer,
            challenge_config,
            challenge_config.initial_scopes(),
        ));
    }
    if !challenge_config
        .hierarchy
        .grants_all(token.scopes(), scopes)
    {
        return Err(Refusal::InsufficientScope.refuse(
            Decision::LAYER,
            bearer,
            challenge_config,
            scopes,
        ));
    }
    Decision::passed(Decision::LAYER, Some(&token)).record();
    Ok(token)
}

/// The outcome of a verification, for its span and its histogram.
pub(super) fn outcome(verified: &Result<AccessToken, VerifyError>) -> &'static str {
    match verified.as_ref().map_err(VerifyError::kind) {
        Ok(_) => "verified",
        Err(VerifyErrorKind::Unavailable) => "unavailable",
        Err(VerifyErrorKind::Invalid(_) | VerifyErrorKind::InsufficientScope(_)) => "refused",
    }
}

/// The refusal that a tool requested, which replaces the response. The tool has recorded the decision.
pub(super) fn reply_to(cause: &RefusalCause, challenge_config: &ChallengeConfig) -> Reply {
    match cause {
        RefusalCause::NoToken => Refusal::NoToken.reply(
            "AccessToken",
            challenge_config,
            challenge_config.initial_scopes(),
        ),
        RefusalCause::InsufficientScope(required) => Refusal::InsufficientScope.reply(
            "AccessToken::require_scopes",
            challenge_config,
            required,
        ),
    }
}
