use std::error::Error;

use http::StatusCode;
use tracing::Level;
use tracing::level_filters::LevelFilter;

use super::measure;
use super::names::{AUDIT, SETUP};
use crate::access_token::AccessToken;
use crate::credentials::BearerToken;
use crate::error_chain::error_chain;
use crate::scopes::Scopes;
use crate::short_digest::short_digest;
use crate::verify_error::VerifyError;

/// An access decision about a request, with its component and reason.
#[derive(Debug)]
pub(crate) struct Decision<'a> {
    pub(crate) by: &'static str,
    pub(crate) bearer: Bearer<'a>,
    pub(crate) outcome: Outcome,
    pub(crate) reason: Option<&'static str>,
    pub(crate) description: Option<&'static str>,
    pub(crate) status: Option<StatusCode>,
    /// The scopes in the challenge.
    pub(crate) required: Option<&'a Scopes>,
    pub(crate) error: Option<&'a VerifyError>,
}

/// The outcome of a decision.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Outcome {
    Allowed,
    /// Allowed without a token.
    Anonymous,
    Refused,
    /// The verifier cannot check the token at the moment.
    Unavailable,
    /// There is no layer in front, so no decision was possible. It is logged as an error.
    Misconfigured,
    /// A stream was allowed and has ended, since its token expired or its key was withdrawn.
    Ended,
}

impl Outcome {
    fn as_str(self) -> &'static str {
        match self {
            Self::Allowed => "allowed",
            Self::Anonymous => "anonymous",
            Self::Refused => "refused",
            Self::Unavailable => "unavailable",
            Self::Misconfigured => "misconfigured",
            Self::Ended => "ended",
        }
    }
}

/// The bearer that a decision is about, as far as known.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Bearer<'a> {
    /// The request has no token, or none that could be read.
    Nobody,
    /// No verifier has accepted the token.
    Unverified(&'a BearerToken),
    Verified(&'a AccessToken),
}

impl<'a> Bearer<'a> {
    pub(crate) fn verified(self) -> Option<&'a AccessToken> {
        match self {
            Self::Verified(token) => Some(token),
            Self::Nobody | Self::Unverified(_) => None,
        }
    }

    fn token_digest(self) -> Option<String> {
        let token = match self {
            Self::Nobody => return None,
            Self::Unverified(token) => token,
            Self::Verified(token) => token.token(),
        };
        Some(short_digest(token.as_bytes()))
    }
}

impl<'a> From<Option<&'a AccessToken>> for Bearer<'a> {
    fn from(token: Option<&'a AccessToken>) -> Self {
        token.map_or(Self::Nobody, Self::Verified)
    }
}

impl<'a> From<Option<&'a BearerToken>> for Bearer<'a> {
    fn from(token: Option<&'a BearerToken>) -> Self {
        token.map_or(Self::Nobody, Self::Unverified)
    }
}

impl<'a> Decision<'a> {
    /// The name of the layer in its decisions.
    pub(crate) const LAYER: &'static str = "BearerAuthLayer";

    /// The decision to pass the request on.
    pub(crate) fn passed(by: &'static str, token: Option<&'a AccessToken>) -> Self {
        Self {
            by,
            bearer: token.into(),
            outcome: match token {
                Some(_) => Outcome::Allowed,
                None => Outcome::Anonymous,
            },
            reason: None,
            description: None,
            status: None,
            required: None,
            error: None,
        }
    }

    /// Emits the audit event and counts it.
    pub(crate) fn record(&self) {
        if let Outcome::Misconfigured = self.outcome {
            let by = self.by;
            tracing::error!(
                target: SETUP,
                by,
                "{by} needs a BearerAuthLayer in front of it, and there is none"
            );
        }
        let outcome = self.outcome.as_str();
        let token = self.bearer.verified();
        measure::count_decision(self.by, outcome, self.reason, token);
        tracing::event!(
            target: AUDIT,
            Level::DEBUG,
            by = self.by,
            outcome,
            reason = self.reason,
            status = self.status.map(|status| status.as_u16()),
            description = self.description,
            required = self.required.map(Scopes::as_str),
            verifier = token.map(AccessToken::verifier),
            issuer = token.and_then(AccessToken::issuer),
            subject = token.and_then(AccessToken::subject),
            client_id = token.and_then(AccessToken::client_id),
            jti = token.and_then(AccessToken::jwt_id),
            token_digest = self.bearer.token_digest(),
            error = self.error.and_then(Error::source).map(error_chain),
            "access decision"
        );
    }
}

/// Whether a subscriber may record `DEBUG` events, such as decisions.
///
/// It does not use `tracing::enabled!`, which evaluates every filter. After that, a subscriber with several filters can
/// lose the next event.
pub(crate) fn may_be_heard() -> bool {
    LevelFilter::current() >= Level::DEBUG
}
