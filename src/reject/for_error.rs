//! The refusal for the error of a verifier or a check.

use crate::challenge_config::ChallengeContext;
use crate::telemetry::Bearer;
use crate::verify_error::{VerifyError, VerifyErrorKind};

use super::refusal::Refusal;
use super::reply_body::Reply;

/// Refuses the request for the error of a verifier or a check.
pub(crate) fn refuse_for(
    error: &VerifyError,
    component: &'static str,
    bearer: Bearer<'_>,
    context: ChallengeContext<'_>,
) -> Reply {
    let refuse = |refusal: Refusal<'_>, scopes| refusal.refuse(component, bearer, context, scopes);
    let scopes = context.config.initial_scopes();
    match error.kind() {
        VerifyErrorKind::Invalid(reason) => refuse(Refusal::InvalidToken(reason), scopes),
        VerifyErrorKind::InvalidProof(reason) => refuse(Refusal::InvalidProof(reason), scopes),
        VerifyErrorKind::NonceRequired(nonce) => refuse(Refusal::NonceRequired(nonce), scopes),
        VerifyErrorKind::InsufficientScope(required) => {
            let scopes = context.config.scopes.union(required);
            refuse(Refusal::InsufficientScope, &scopes)
        }
        VerifyErrorKind::InsufficientAuthentication(required) => refuse(
            Refusal::for_authentication(required),
            &context.config.scopes,
        ),
        VerifyErrorKind::Unavailable => refuse(Refusal::Unavailable(error), scopes),
    }
}
