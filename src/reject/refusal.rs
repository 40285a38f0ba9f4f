use std::time::Duration;

use http::header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderName, HeaderValue, Response, StatusCode};

use crate::authentication_requirement::AuthenticationRequirement;
use crate::challenge_config::ChallengeContext;
use crate::credentials::Scheme;
use crate::scopes::Scopes;
use crate::telemetry::{Bearer, Decision};
use crate::verify_error::{InvalidProofReason, InvalidReason, VerifyError};

use super::challenge::{Challenge, Params};
use super::refused::Refused;
use super::reply_body::ReplyBody;
use super::written::{Offer, write};

/// The `Retry-After` of a 503 for which the verifier gives no delay.
const DEFAULT_RETRY_AFTER: Duration = Duration::from_secs(5);

/// The field for the nonce of the next proof (RFC 9449 §8.1).
pub(crate) const DPOP_NONCE: HeaderName = HeaderName::from_static("dpop-nonce");

/// An answer of this crate. Boxed to keep futures small.
pub(crate) type Reply = Box<Response<ReplyBody>>;

/// Why a request does not reach the inner service.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Refusal<'a> {
    /// It has no bearer token.
    NoToken,
    /// It has more than one `Authorization` header.
    RepeatedHeader,
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
    Failed,
}

impl<'a> Refusal<'a> {
    /// The user of the token has not authenticated like this. If no user can, a challenge would only make clients try
    /// again and again.
    pub(crate) fn for_authentication(required: &'a AuthenticationRequirement) -> Self {
        match required.is_impossible() {
            true => Self::Forbidden,
            false => Self::InsufficientAuthentication(required),
        }
    }
}

impl Refusal<'_> {
    /// Refuses this bearer's request: records the decision of `component`, and returns the answer. `scopes` are those
    /// that the client needs.
    pub(crate) fn refuse(
        self,
        component: &'static str,
        bearer: Bearer<'_>,
        context: ChallengeContext<'_>,
        scopes: &Scopes,
    ) -> Reply {
        let reply = self.reply(component, context, scopes);
        self.decision(component, bearer, scopes, Some(reply.status()))
            .record();
        reply
    }

    /// Only the answer, for a decision that `component` has recorded.
    pub(crate) fn reply(
        self,
        component: &'static str,
        context: ChallengeContext<'_>,
        scopes: &Scopes,
    ) -> Reply {
        let (status, error, description) = self.parts();
        let offers = self.offers(context);
        let challenge = |offer| self.challenge(offer, context, scopes);
        let (challenges, body) = write(offers, challenge, error, description);

        let mut response = Response::new(ReplyBody::new(body));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        match self {
            Self::Unavailable(error) => {
                headers.insert(RETRY_AFTER, retry_after(error));
            }
            Self::NonceRequired(nonce) => {
                let nonce = HeaderValue::from_str(nonce).expect("`VerifyError` checked it");
                headers.insert(DPOP_NONCE, nonce);
            }
            Self::NoToken
            | Self::RepeatedHeader
            | Self::InvalidToken(_)
            | Self::InvalidProof(_)
            | Self::InsufficientScope
            | Self::InsufficientAuthentication(_)
            | Self::Forbidden
            | Self::NoLayer
            | Self::UnknownTenant
            | Self::Failed => {}
        }
        let [first, second] = &challenges;
        if let Some(challenge) = first {
            headers.insert(WWW_AUTHENTICATE, challenge.clone());
        }
        if let Some(challenge) = second {
            headers.append(WWW_AUTHENTICATE, challenge.clone());
        }
        Refused::mark(&mut response, component, self.reason(), challenges);
        Box::new(response)
    }

    /// The challenges, if a client can react to the refusal. The error is in the challenge of the scheme that the
    /// client tried. The challenge of the other scheme has none (RFC 9449 §7.1). It is sent if the client could use
    /// that scheme.
    fn offers(self, context: ChallengeContext<'_>) -> [Option<Offer>; 2] {
        let offer = |scheme, has_error| Some(Offer { scheme, has_error });
        let (accepts_dpop, accepts_bearer) = match &context.config.dpop {
            None => (false, true),
            Some(dpop) => (true, !dpop.is_required),
        };
        match (self, context.scheme) {
            (
                Self::Forbidden
                | Self::Unavailable(_)
                | Self::NoLayer
                | Self::UnknownTenant
                | Self::Failed,
                _,
            ) => [None, None],
            // The client can use the scheme that it has used.
            (Self::InsufficientScope | Self::InsufficientAuthentication(_), scheme) => {
                [offer(scheme, true), None]
            }
            _ if !accepts_dpop => [offer(Scheme::Bearer, true), None],
            (Self::InvalidToken(_), Scheme::Dpop)
            | (Self::InvalidProof(_) | Self::NonceRequired(_), _) => {
                [offer(Scheme::Dpop, true), None]
            }
            // The layer requires DPoP, so a Bearer challenge would mislead the client.
            (Self::NoToken | Self::RepeatedHeader | Self::InvalidToken(_), _)
                if !accepts_bearer =>
            {
                [offer(Scheme::Dpop, true), None]
            }
            (Self::NoToken | Self::RepeatedHeader, _) => {
                [offer(Scheme::Bearer, true), offer(Scheme::Dpop, true)]
            }
            (Self::InvalidToken(_), Scheme::Bearer) => {
                [offer(Scheme::Bearer, true), offer(Scheme::Dpop, false)]
            }
        }
    }

    /// The first challenge, for an answer that has room for one.
    #[cfg(feature = "rmcp")]
    pub(crate) fn first_challenge<'a>(
        self,
        context: ChallengeContext<'a>,
        scopes: &'a Scopes,
    ) -> Option<Challenge<'a>>
    where
        Self: 'a,
    {
        let [offer, _] = self.offers(context);
        Some(self.challenge(offer?, context, scopes))
    }

    #[inline]
    fn challenge<'a>(
        self,
        Offer { scheme, has_error }: Offer,
        context: ChallengeContext<'a>,
        scopes: &'a Scopes,
    ) -> Challenge<'a>
    where
        Self: 'a,
    {
        let config = context.config;
        let (_, error, description) = self.parts();
        let error = error.filter(|_| has_error);
        // No scope repairs a malformed request.
        let is_malformed = matches!(self, Self::RepeatedHeader);
        let authentication = match self {
            Self::InsufficientAuthentication(required) => Some(required),
            Self::NoToken
            | Self::RepeatedHeader
            | Self::InvalidToken(_)
            | Self::InvalidProof(_)
            | Self::NonceRequired(_)
            | Self::InsufficientScope
            | Self::Forbidden
            | Self::Unavailable(_)
            | Self::NoLayer
            | Self::UnknownTenant
            | Self::Failed => None,
        };
        let dpop = config.dpop.as_ref().filter(|_| scheme == Scheme::Dpop);
        Challenge {
            scheme,
            params: Params {
                realm: config.realm.as_deref(),
                error,
                algs: dpop.map(|dpop| &*dpop.algorithms),
                scope: if is_malformed { "" } else { scopes.as_str() },
                resource_metadata: config
                    .resource_metadata
                    .as_deref()
                    .filter(|_| !is_malformed),
                acr_values: authentication.and_then(AuthenticationRequirement::acr_values),
                max_age: authentication.and_then(AuthenticationRequirement::max_age_seconds),
                // A challenge without `error` has no description (RFC 6750 §3.1).
                description: error.and(Some(description)),
            },
        }
    }

    fn parts(self) -> (StatusCode, Option<&'static str>, &'static str) {
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
            Self::NoLayer | Self::Failed => (
                StatusCode::INTERNAL_SERVER_ERROR,
                Some("server_error"),
                "The server cannot answer this request",
            ),
            Self::UnknownTenant => (
                StatusCode::NOT_FOUND,
                Some("not_found"),
                "The server has nothing at this address",
            ),
        }
    }

    /// Records that `component` refuses this bearer's request. The caller decides about the answer.
    pub(crate) fn record(self, component: &'static str, bearer: Bearer<'_>, scopes: &Scopes) {
        self.decision(component, bearer, scopes, None).record();
    }

    fn decision<'a>(
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
            | Self::InvalidToken(_)
            | Self::InvalidProof(_)
            | Self::NonceRequired(_)
            | Self::InsufficientAuthentication(_)
            | Self::Forbidden
            | Self::UnknownTenant
            | Self::Failed => decision,
        }
    }

    fn reason(self) -> &'static str {
        match self {
            Self::NoToken => "no_token",
            Self::RepeatedHeader => "repeated_header",
            Self::InvalidToken(reason) => reason.as_str(),
            Self::InvalidProof(reason) => reason.as_str(),
            Self::NonceRequired(_) => "proof_nonce",
            Self::InsufficientScope => "insufficient_scope",
            Self::InsufficientAuthentication(_) => "insufficient_user_authentication",
            Self::Forbidden => "access_denied",
            Self::Unavailable(_) => "unavailable",
            Self::NoLayer => "no_layer",
            Self::UnknownTenant => "unknown_tenant",
            Self::Failed => "layer_choice_failed",
        }
    }
}

fn retry_after(error: &VerifyError) -> HeaderValue {
    let delay = error.retry_after().unwrap_or(DEFAULT_RETRY_AFTER);
    let part_of_a_second = u64::from(delay.subsec_nanos() > 0);
    let rounded_up = delay.as_secs().saturating_add(part_of_a_second);
    HeaderValue::from(rounded_up.max(1))
}
