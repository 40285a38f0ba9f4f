//! The one place that makes access decisions into audit events and counts.

#[cfg(feature = "mcp")]
use std::cell::Cell;
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
use crate::sha256::short_digest;
use crate::verify_error::{InvalidReason, VerifyError};

/// An access decision about a request, with the component that made it and the reason.
#[derive(Debug)]
#[must_use = "a decision does nothing until `record`"]
pub(crate) struct Decision<'a> {
    component: &'static str,
    bearer: Bearer<'a>,
    outcome: Outcome,
    reason: Option<&'static str>,
    description: Option<&'static str>,
    status: Option<StatusCode>,
    /// The scopes in the challenge.
    required: Option<&'a Scopes>,
    error: Option<&'a VerifyError>,
}

/// The outcome of a decision.
#[derive(Debug, Clone, Copy)]
enum Outcome {
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
    Unknown,
    /// No verifier has accepted the token.
    Unverified(&'a BearerToken),
    Verified(&'a AccessToken),
}

impl<'a> Bearer<'a> {
    pub(crate) fn verified(self) -> Option<&'a AccessToken> {
        match self {
            Self::Verified(token) => Some(token),
            Self::Unknown | Self::Unverified(_) => None,
        }
    }

    fn token_digest(self) -> Option<String> {
        let token = match self {
            Self::Unknown => return None,
            Self::Unverified(token) => token,
            Self::Verified(token) => token.token(),
        };
        Some(short_digest(token.as_bytes()))
    }
}

impl<'a> From<Option<&'a AccessToken>> for Bearer<'a> {
    fn from(token: Option<&'a AccessToken>) -> Self {
        token.map_or(Self::Unknown, Self::Verified)
    }
}

impl<'a> From<Option<&'a BearerToken>> for Bearer<'a> {
    fn from(token: Option<&'a BearerToken>) -> Self {
        token.map_or(Self::Unknown, Self::Unverified)
    }
}

impl<'a> Decision<'a> {
    /// The name of the layer in its decisions.
    pub(crate) const LAYER: &'static str = "BearerAuthLayer";

    /// The decision to pass the request on.
    pub(crate) fn passed(component: &'static str, token: Option<&'a AccessToken>) -> Self {
        let outcome = match token {
            Some(_) => Outcome::Allowed,
            None => Outcome::Anonymous,
        };
        Self::new(component, token.into(), outcome)
    }

    /// The decision to refuse the request. `reason` and `description` are constants of this crate.
    pub(crate) fn refused(
        component: &'static str,
        bearer: Bearer<'a>,
        reason: &'static str,
        description: &'static str,
    ) -> Self {
        Self {
            reason: Some(reason),
            description: Some(description),
            ..Self::new(component, bearer, Outcome::Refused)
        }
    }

    /// The decision to end a stream whose token is no longer valid.
    pub(crate) fn ended(
        component: &'static str,
        token: &'a AccessToken,
        reason: InvalidReason,
    ) -> Self {
        Self {
            reason: Some(reason.as_str()),
            description: Some(reason.description()),
            ..Self::new(component, Bearer::Verified(token), Outcome::Ended)
        }
    }

    fn new(component: &'static str, bearer: Bearer<'a>, outcome: Outcome) -> Self {
        Self {
            component,
            bearer,
            outcome,
            reason: None,
            description: None,
            status: None,
            required: None,
            error: None,
        }
    }

    /// Adds the status of the answer. It is absent if a handler or a tool chooses the answer.
    pub(crate) fn with_status(self, status: Option<StatusCode>) -> Self {
        Self { status, ..self }
    }

    /// Adds the scopes in the challenge.
    pub(crate) fn with_required(self, scopes: &'a Scopes) -> Self {
        Self {
            required: Some(scopes),
            ..self
        }
    }

    /// The request is refused because the verifier cannot check its token.
    pub(crate) fn unavailable(self, error: &'a VerifyError) -> Self {
        Self {
            outcome: Outcome::Unavailable,
            error: Some(error),
            ..self
        }
    }

    /// The request is refused because there is no layer in front of the component.
    pub(crate) fn misconfigured(self) -> Self {
        Self {
            outcome: Outcome::Misconfigured,
            ..self
        }
    }

    /// Emits the audit event and counts the decision, unless it is about a request of this crate's own.
    pub(crate) fn record(&self) {
        #[cfg(feature = "mcp")]
        if OWN_REQUEST.get() {
            return;
        }
        let component = self.component;
        if let Outcome::Misconfigured = self.outcome {
            tracing::error!(
                target: SETUP,
                by = component,
                "{component} needs a BearerAuthLayer in front of it, and there is none"
            );
        }
        let outcome = self.outcome.as_str();
        let token = self.bearer.verified();
        measure::count_decision(component, outcome, self.reason, token);
        tracing::event!(
            target: AUDIT,
            Level::DEBUG,
            by = component,
            outcome,
            reason = self.reason,
            status = self.status.map(|status| status.as_u16()),
            description = self.description,
            required = self.required.map(Scopes::as_str),
            verifier = token.map(AccessToken::verifier),
            issuer = token.and_then(AccessToken::issuer),
            subject = token.and_then(AccessToken::subject),
            client_id = token.and_then(AccessToken::client_id),
            actor = token.and_then(actor),
            jti = token.and_then(AccessToken::jwt_id),
            token_digest = self.bearer.token_digest(),
            error = self.error.and_then(Error::source).map(error_chain),
            "access decision"
        );
    }
}

/// The subject of the party that acts for that of the token, or else its client.
fn actor(token: &AccessToken) -> Option<String> {
    const UNKNOWN: &str = "(unknown)";
    let Ok(actor) = token.actor() else {
        return Some(UNKNOWN.to_owned());
    };
    let actor = actor?;
    let name = actor.subject().or(actor.client_id());
    Some(name.unwrap_or(UNKNOWN).to_owned())
}

#[cfg(feature = "mcp")]
thread_local! {
    /// Whether this thread polls the response to a request of this crate's own.
    static OWN_REQUEST: Cell<bool> = const { Cell::new(false) };
}

/// Polls the response to a request that no client sent. The decisions of the services behind are not recorded, because
/// there is one for each request of a client. What runs in a task of its own, such as behind a buffer, is recorded.
#[cfg(feature = "mcp")]
pub(crate) fn poll_own_request<T>(poll: impl FnOnce() -> T) -> T {
    /// Restores the value if `poll` panics, too.
    struct Before(bool);

    impl Drop for Before {
        fn drop(&mut self) {
            OWN_REQUEST.set(self.0);
        }
    }

    let _before = Before(OWN_REQUEST.replace(true));
    poll()
}

/// Whether some subscriber may record `DEBUG` events, such as decisions.
///
/// It does not use `tracing::enabled!`, which evaluates every filter. After that, a subscriber with several filters can
/// lose the next event.
pub(crate) fn is_recorded() -> bool {
    LevelFilter::current() >= Level::DEBUG
}
