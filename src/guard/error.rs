use std::fmt;
use std::sync::Arc;

use http::Response;

use crate::access_token::AccessToken;
use crate::challenge_config::{ChallengeConfig, ChallengeContext};
use crate::credentials::Scheme;
use crate::refusal_slot::RefusalSlot;
use crate::reject::{Refusal, ReplyBody};
use crate::scopes::Scopes;
use crate::telemetry::{Bearer, Decision};
use crate::verify_error::VerifyError;

/// The name of the call in its decisions.
const COMPONENT: &str = "AccessToken::require_scopes";

impl AccessToken {
    /// Requires all of these scopes within a handler, and [records](crate::telemetry) the decision. To check a scope
    /// without a record, use [`has_scope`](Self::has_scope).
    ///
    /// Name all scopes of the operation in one call. Clients request what the challenge names: the scopes of the layer,
    /// of the guards in front, and of this call, but not of earlier calls.
    ///
    /// # Errors
    ///
    /// If the token lacks a scope. The error holds a whole response: 403 with the layer's challenge. Axum handlers can
    /// return the error itself; elsewhere, use [`ScopeError::to_response`].
    ///
    /// # Panics
    ///
    /// If a name is not a scope (RFC 6749 §3.3), such as `read write`, which is two. Names that are known only at run
    /// time, such as those with text from a request, are parsed first. [`Scopes::try_from_names`] returns an error for
    /// a name that is not a scope, and the names of [`Scopes`] never panic:
    ///
    /// ```
    /// use tower_bearer_auth::{AccessToken, Scopes};
    ///
    /// fn may_read(token: &AccessToken, tenant: &str) -> Result<(), Box<dyn std::error::Error>> {
    ///     let required = Scopes::try_from_names([format!("{tenant}:read")])?;
    ///     Ok(token.require_scopes(required.iter())?)
    /// }
    /// # let token = AccessToken::builder("token".parse()?).scopes(["blue:read"]).build();
    /// # may_read(&token, "blue")?;
    /// # assert!(may_read(&token, "red").is_err() && may_read(&token, "red blue").is_err());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn require_scopes<I>(&self, scopes: I) -> Result<(), ScopeError>
    where
        I: IntoIterator<Item: AsRef<str>>,
    {
        let names: Vec<_> = scopes.into_iter().collect();
        if names.iter().all(|name| self.has_scope(name.as_ref())) {
            Decision::passed(COMPONENT, Some(self)).record();
            return Ok(());
        }
        // A name that is not a scope is never held, so such a name panics here with every token.
        let requested = Scopes::configured(names);
        let error = ScopeError {
            required: self.required_so_far().union(&requested),
            requested,
            challenge_config: self.shared_challenge_config(),
            scheme: self.scheme(),
            refusal_slot: self.refusal_slot().clone(),
        };
        Refusal::InsufficientScope.record(COMPONENT, Bearer::Verified(self), &error.required);
        Err(error)
    }
}

/// A token lacks a scope that an operation needs.
#[derive(Debug, Clone)]
pub struct ScopeError {
    /// The scopes of this call.
    requested: Scopes,
    /// The scopes of the layer and the guards in front, followed by those of this call.
    required: Scopes,
    challenge_config: Arc<ChallengeConfig>,
    scheme: Scheme,
    #[cfg_attr(
        not(feature = "rmcp"),
        allow(dead_code, reason = "only tools request a refusal")
    )]
    refusal_slot: RefusalSlot,
}

impl ScopeError {
    /// All scopes that the operation needs: those of the layer, of the guards that the request has passed, and of the
    /// failed [`require_scopes`](AccessToken::require_scopes) call.
    pub fn required(&self) -> &Scopes {
        &self.required
    }

    pub(crate) fn challenge_context(&self) -> ChallengeContext<'_> {
        self.challenge_config.tried(self.scheme)
    }

    #[cfg(feature = "rmcp")]
    pub(crate) fn refusal_slot(&self) -> &RefusalSlot {
        &self.refusal_slot
    }

    /// The response to the client: 403 with the challenge (RFC 6750 §3.1), or what the
    /// [mapping](crate::BearerAuthLayer::map_refusal) of the layer makes of it.
    pub fn to_response(&self) -> Response<ReplyBody> {
        *Refusal::InsufficientScope.reply(COMPONENT, self.challenge_context(), &self.required)
    }
}

impl From<ScopeError> for VerifyError {
    fn from(error: ScopeError) -> Self {
        Self::insufficient_scope(error.requested)
    }
}

impl fmt::Display for ScopeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the access token lacks a scope of: {}", self.required)
    }
}

impl std::error::Error for ScopeError {}
