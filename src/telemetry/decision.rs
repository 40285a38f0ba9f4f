use std::error::Error;

use http::StatusCode;
use tracing::Level;
use tracing::level_filters::LevelFilter;

use super::{AUDIT, SETUP, measure};
use crate::access_token::AccessToken;
use crate::bearer::BearerToken;
use crate::error_chain::error_chain;
use crate::scopes::Scopes;
use crate::short_digest::short_digest;
use crate::verify_error::VerifyError;

/// What was decided about a request, by whom, and why.
#[derive(Debug)]
pub(crate) struct Decision<'a> {
    pub(crate) by: &'static str,
    pub(crate) bearer: Bearer<'a>,
    pub(crate) outcome: Outcome,
    pub(crate) reason: Option<&'static str>,
    pub(crate) description: Option<&'static str>,
    pub(crate) status: Option<StatusCode>,
    /// The scopes that the client is told to ask for.
    pub(crate) required: Option<&'a Scopes>,
    pub(crate) error: Option<&'a VerifyError>,
}

/// Which way it went.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Outcome {
    Allowed,
    /// Allowed without a token.
    Anonymous,
    Refused,
    /// The verifier cannot tell.
    Unavailable,
    /// Nobody could decide, for want of a layer in front: a mistake of the server's, which it is told.
    Misconfigured,
    /// What was allowed is over.
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

/// Whom a decision is about, as far as that is known.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Bearer<'a> {
    /// Somebody without a token, or with none that could be read.
    Nobody,
    /// Somebody whose token nobody vouched for.
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
    /// By what name the layer says what it decided.
    pub(crate) const LAYER: &'static str = "BearerAuthLayer";

    /// The request goes on.
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

    /// Tells whoever wants to know.
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

/// Whether what is told at `DEBUG`, as decisions are, may reach anybody. Not `tracing::enabled!`, which asks every
/// filter, and after which a subscriber with several of them can lose the next event.
pub(crate) fn may_be_heard() -> bool {
    LevelFilter::current() >= Level::DEBUG
}
