//! The kinds of refusals, with their status, error code, description and reason.

use http::StatusCode;

use crate::authentication_requirement::AuthenticationRequirement;
use crate::scopes::Scopes;
use crate::telemetry::{Bearer, Decision};
use crate::verify_error::{InvalidProofReason, InvalidReason, VerifyError};

use super::refusal_map::SERVER_ERROR;

/// Why a request does not reach the inner service.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Refusal<'a> {
    /// It has no bearer token.
    NoToken,
    /// It has more than one `Authorization` header.
    RepeatedHeader,
    /// It has more than one token, not all of them in `Authorization` headers.
    TwoTokens,
    /// Its token is in a cookie, and it does not come from a page of this server.
    CrossSite,
    /// Its token is invalid.
    InvalidToken(InvalidReason),
    /// Its token is bound to a key, and its proof of possession is invalid.
    InvalidProof(InvalidProofReason),
    /// Its proof of possession needs this nonce.
    NonceRequired(&'a str),
    /// Its token lacks a scope.
    InsufficientScope,
    /// The user of its token has not authenticated like this.
    InsufficientAuthentication(&'a AuthenticationRequirement),
    /// It needs what no scope and no authentication allow.
    Forbidden,
    /// The verifier cannot check its token at the moment.
    Unavailable(&'a VerifyError),
    /// The server is misconfigured: there is no layer in front.
    NoLayer,
    /// There is no layer for it, among those of several tenants.
    UnknownTenant,
    /// The function that chooses its layer has failed.
    LayerChoiceFailed,
}

impl<'a> Refusal<'a> {
    /// The refusal for a token whose user has not authenticated like this. If no user can, there is no challenge: it
    /// would make clients retry without end.
    pub(crate) fn for_authentication(required: &'a AuthenticationRequirement) -> Self {
        match required.is_impossible() {
            true => Self::Forbidden,
            false => Self::InsufficientAuthentication(required),
        }
    }
}

impl Refusal<'_> {
    pub(super) fn parts(self) -> (StatusCode, Option<&'static str>, &'static str) {
        match self {
            Self::NoToken => (
                StatusCode::UNAUTHORIZED,
                None,
                "This server requires a bearer token",
            ),
            Self::RepeatedHeader => (
                StatusCode::BAD_REQUEST,
                Some("invalid_request"),
                "The request has more than one Authorization header",
            ),
            Self::TwoTokens => (
                StatusCode::BAD_REQUEST,
                Some("invalid_request"),
                "The request has more than one access token",
            ),
            Self::CrossSite => (
                StatusCode::FORBIDDEN,
                Some("access_denied"),
                "The token in a cookie is for requests of this server's own pages",
            ),
            Self::InvalidToken(reason) => (
                StatusCode::UNAUTHORIZED,
                Some("invalid_token"),
                reason.description(),
            ),
            Self::InvalidProof(reason) => (
                StatusCode::UNAUTHORIZED,
                Some("invalid_dpop_proof"),
                reason.description(),
            ),
            Self::NonceRequired(_) => (
                StatusCode::UNAUTHORIZED,
                Some("use_dpop_nonce"),
                "The DPoP proof needs the nonce of this response",
            ),
            Self::InsufficientScope => (
                StatusCode::FORBIDDEN,
                Some("insufficient_scope"),
                "The access token lacks a required scope",
            ),
            Self::InsufficientAuthentication(_) => (
                StatusCode::UNAUTHORIZED,
                Some("insufficient_user_authentication"),
                "The user must authenticate again or in another way",
            ),
            Self::Forbidden => (
                StatusCode::FORBIDDEN,
                Some("access_denied"),
                "No scope allows this operation",
            ),
            Self::Unavailable(_) => (
                StatusCode::SERVICE_UNAVAILABLE,
                Some("temporarily_unavailable"),
                "The access token cannot be verified at the moment",
            ),
            Self::NoLayer | Self::LayerChoiceFailed => {
                let (error, description) = SERVER_ERROR;
                (StatusCode::INTERNAL_SERVER_ERROR, Some(error), description)
            }
            Self::UnknownTenant => (
                StatusCode::NOT_FOUND,
                Some("not_found"),
                "The server has nothing at this address",
            ),
        }
    }

    /// Records that `component` refuses this bearer's request. The caller makes the answer.
    pub(crate) fn record(self, component: &'static str, bearer: Bearer<'_>, scopes: &Scopes) {
        self.decision(component, bearer, scopes, None).record();
    }

    pub(super) fn decision<'a>(
        self,
        component: &'static str,
        bearer: Bearer<'a>,
        scopes: &'a Scopes,
        status: Option<StatusCode>,
    ) -> Decision<'a>
    where
        Self: 'a,
    {
        let (_, _, description) = self.parts();
        let decision =
            Decision::refused(component, bearer, self.reason(), description).with_status(status);
        match self {
            Self::InsufficientScope => decision.with_required(scopes),
            Self::Unavailable(error) => decision.unavailable(error),
            Self::NoLayer => decision.misconfigured(),
            Self::NoToken
            | Self::RepeatedHeader
            | Self::TwoTokens
            | Self::CrossSite
            | Self::InvalidToken(_)
            | Self::InvalidProof(_)
            | Self::NonceRequired(_)
            | Self::InsufficientAuthentication(_)
            | Self::Forbidden
            | Self::UnknownTenant
            | Self::LayerChoiceFailed => decision,
        }
    }

    pub(super) fn reason(self) -> &'static str {
        match self {
            Self::NoToken => "no_token",
            Self::RepeatedHeader => "repeated_header",
            Self::TwoTokens => "two_tokens",
            Self::CrossSite => "cross_site",
            Self::InvalidToken(reason) => reason.as_str(),
            Self::InvalidProof(reason) => reason.as_str(),
            Self::NonceRequired(_) => "proof_nonce",
            Self::InsufficientScope => "insufficient_scope",
            Self::InsufficientAuthentication(_) => "insufficient_user_authentication",
            Self::Forbidden => "access_denied",
            Self::Unavailable(_) => "unavailable",
            Self::NoLayer => "no_layer",
            Self::UnknownTenant => "unknown_tenant",
            Self::LayerChoiceFailed => "layer_choice_failed",
        }
    }
}
