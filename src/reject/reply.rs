//! The answer to a refused request.

use std::time::Duration;

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderName, HeaderValue, Response};

use crate::authentication_requirement::AuthenticationRequirement;
use crate::challenge_config::ChallengeContext;
use crate::credentials::Scheme;
use crate::scopes::Scopes;
use crate::telemetry::Bearer;
use crate::verify_error::VerifyError;

use super::challenge::{Challenge, Params, write_quoted};
use super::refusal::Refusal;
use super::refusal_map::answer;
use super::refused::Refused;
use super::reply_body::{Reply, ReplyBody};

/// The `Retry-After` of a 503 for which the verifier gives no delay.
const DEFAULT_RETRY_AFTER: Duration = Duration::from_secs(5);

/// The field for the nonce of the next proof (RFC 9449 §8.1).
pub(crate) const DPOP_NONCE: HeaderName = HeaderName::from_static("dpop-nonce");

/// A challenge to send.
#[derive(Debug, Clone, Copy)]
struct Offer {
    scheme: Scheme,
    has_error: bool,
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
        let (status, _, _) = self.parts();
        let reply = self.reply(component, context, scopes);
        self.decision(component, bearer, scopes, Some(status))
            .record();
        reply
    }

    /// Returns only the answer, for a decision that `component` has already recorded.
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

        let mut response = Box::new(Response::new(ReplyBody::new(body)));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        let mut delay = None;
        match self {
            Self::Unavailable(error) => {
                let seconds = retry_after(error);
                headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
                delay = Some(Duration::from_secs(seconds));
            }
            Self::NonceRequired(nonce) => {
                let nonce = HeaderValue::from_str(nonce).expect("`VerifyError` checked it");
                headers.insert(DPOP_NONCE, nonce);
            }
            Self::NoToken
            | Self::RepeatedHeader
            | Self::TwoTokens
            | Self::CrossSite
            | Self::InvalidToken(_)
            | Self::InvalidProof(_)
            | Self::InsufficientScope
            | Self::InsufficientAuthentication(_)
            | Self::Forbidden
            | Self::NoLayer
            | Self::UnknownTenant
            | Self::LayerChoiceFailed => {}
        }
        let [first, second] = &challenges;
        if let Some(challenge) = first {
            headers.insert(WWW_AUTHENTICATE, challenge.clone());
        }
        if let Some(challenge) = second {
            headers.append(WWW_AUTHENTICATE, challenge.clone());
        }
        let refused = Refused {
            component,
            reason: self.reason(),
            status,
            error,
            description,
            retry_after: delay,
            challenges,
            is_json_rpc: false,
        };
        answer(refused, response, context.refusal_map)
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
                Self::CrossSite
                | Self::Forbidden
                | Self::Unavailable(_)
                | Self::NoLayer
                | Self::UnknownTenant
                | Self::LayerChoiceFailed,
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
            (Self::NoToken | Self::RepeatedHeader | Self::TwoTokens | Self::InvalidToken(_), _)
                if !accepts_bearer =>
            {
                [offer(Scheme::Dpop, true), None]
            }
            (Self::NoToken | Self::RepeatedHeader | Self::TwoTokens, _) => {
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
        let is_malformed = matches!(self, Self::RepeatedHeader | Self::TwoTokens);
        let authentication = match self {
            Self::InsufficientAuthentication(required) => Some(required),
            Self::NoToken
            | Self::RepeatedHeader
            | Self::TwoTokens
            | Self::CrossSite
            | Self::InvalidToken(_)
            | Self::InvalidProof(_)
            | Self::NonceRequired(_)
            | Self::InsufficientScope
            | Self::Forbidden
            | Self::Unavailable(_)
            | Self::NoLayer
            | Self::UnknownTenant
            | Self::LayerChoiceFailed => None,
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
}

/// The delay in whole seconds, at least one.
fn retry_after(error: &VerifyError) -> u64 {
    let delay = error.retry_after().unwrap_or(DEFAULT_RETRY_AFTER);
    let part_of_a_second = u64::from(delay.subsec_nanos() > 0);
    let rounded_up = delay.as_secs().saturating_add(part_of_a_second);
    rounded_up.max(1)
}

/// The initial capacity, in bytes, for a challenge and its body. It fits most.
const USUAL_LENGTH: usize = 512;

/// The values of the `WWW-Authenticate` fields and the body. They share one allocation with their clones.
#[inline]
fn write<'a>(
    [first, second]: [Option<Offer>; 2],
    challenge: impl Fn(Offer) -> Challenge<'a>,
    error: Option<&str>,
    description: &str,
) -> ([Option<HeaderValue>; 2], Bytes) {
    let mut text = String::with_capacity(USUAL_LENGTH);
    if let Some(first) = first {
        challenge(first).write(&mut text);
    }
    let first_length = text.len();
    if let Some(second) = second {
        challenge(second).write(&mut text);
    }
    let second_length = text.len() - first_length;
    text.push('{');
    if let Some(error) = error {
        text.push_str("\"error\":");
        write_quoted(error, &mut text);
        text.push(',');
    }
    text.push_str("\"error_description\":");
    write_quoted(description, &mut text);
    text.push('}');

    let mut body = Bytes::from(text);
    let first = first.map(|_| header(body.split_to(first_length)));
    let second = second.map(|_| header(body.split_to(second_length)));
    ([first, second], body)
}

fn header(text: Bytes) -> HeaderValue {
    let header = HeaderValue::from_maybe_shared(text);
    header.expect("every character is visible ASCII or a space")
}
