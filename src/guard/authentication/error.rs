use std::fmt;
use std::sync::Arc;

use http::Response;

use crate::access_token::AccessToken;
use crate::authentication_requirement::AuthenticationRequirement;
use crate::challenge_config::{ChallengeConfig, ChallengeContext};
use crate::credentials::Scheme;
use crate::refusal_slot::RefusalSlot;
use crate::reject::{Refusal, ReplyBody};
use crate::scopes::Scopes;
use crate::telemetry::{Bearer, Decision};
use crate::verify_error::VerifyError;

/// The name of the call in its decisions.
const COMPONENT: &str = "AccessToken::require_authentication";

impl AccessToken {
    /// Requires within a handler that the user has authenticated in a certain way, or recently (RFC 9470), and
    /// [records](crate::telemetry) the decision. To check without a record, use
    /// [`AuthenticationRequirement::is_met_by`].
    ///
    /// ```
    /// use std::time::Duration;
    /// use tower_bearer_auth::{AccessToken, AuthenticationError, AuthenticationRequirement};
    ///
    /// async fn transfer(token: AccessToken, amount: u64) -> Result<&'static str, AuthenticationError> {
    ///     if amount > 1_000 {
    ///         let recent = AuthenticationRequirement::new().max_age(Duration::from_secs(300));
    ///         token.require_authentication(&recent)?;
    ///     }
    ///     Ok("transferred")
    /// }
    /// # let _ = transfer;
    /// ```
    ///
    /// # Errors
    ///
    /// If the token does not show that the user has authenticated as required. The error contains the response: 401
    /// with the layer's challenge. Axum handlers can return the error itself; elsewhere, use
    /// [`AuthenticationError::to_response`].
    pub fn require_authentication(
        &self,
        requirement: &AuthenticationRequirement,
    ) -> Result<(), AuthenticationError> {
        if requirement.is_met_by(self) {
            Decision::passed(COMPONENT, Some(self)).record();
            return Ok(());
        }
        let requested = Arc::new(requirement.clone());
        let error = AuthenticationError {
            required: match self.required_authentication_so_far() {
                Some(so_far) => AuthenticationRequirement::both(so_far, &requested),
                None => Arc::clone(&requested),
            },
            requested,
            required_scopes: self.required_so_far(),
            challenge_config: self.shared_challenge_config(),
            scheme: self.scheme(),
            refusal_slot: self.refusal_slot().clone(),
        };
        error
            .refusal()
            .record(COMPONENT, Bearer::Verified(self), &error.required_scopes);
        Err(error)
    }
}

/// The user of a token has not authenticated as an operation requires.
#[derive(Debug, Clone)]
pub struct AuthenticationError {
    /// The requirement of this call.
    requested: Arc<AuthenticationRequirement>,
    /// The requirements of the guards in front, together with that of this call.
    required: Arc<AuthenticationRequirement>,
    /// The scopes of the layer and the guards in front.
    required_scopes: Scopes,
    challenge_config: Arc<ChallengeConfig>,
    scheme: Scheme,
    #[cfg_attr(
        not(feature = "rmcp"),
        allow(dead_code, reason = "only tools request a refusal")
    )]
    refusal_slot: RefusalSlot,
}

impl AuthenticationError {
    /// The authentication that the operation needs: what the guards that the request has passed require, together with
    /// the failed [`require_authentication`](AccessToken::require_authentication) call.
    pub fn required(&self) -> &AuthenticationRequirement {
        &self.required
    }

    #[cfg(feature = "rmcp")]
    pub(crate) fn shared_required(&self) -> Arc<AuthenticationRequirement> {
        Arc::clone(&self.required)
    }

    pub(crate) fn refusal(&self) -> Refusal<'_> {
        Refusal::for_authentication(&self.required)
    }

    pub(crate) fn challenge_context(&self) -> ChallengeContext<'_> {
        self.challenge_config.tried(self.scheme)
    }

    /// The scopes in the challenge.
    #[cfg(feature = "rmcp")]
    pub(crate) fn required_scopes(&self) -> &Scopes {
        &self.required_scopes
    }

    #[cfg(feature = "rmcp")]
    pub(crate) fn refusal_slot(&self) -> &RefusalSlot {
        &self.refusal_slot
    }

    /// The response to the client: 401 with the challenge (RFC 9470 §3), or 403 without one if no value of `acr` meets
    /// all requirements.
    pub fn to_response(&self) -> Response<ReplyBody> {
        let context = self.challenge_context();
        *self
            .refusal()
            .reply(COMPONENT, context, &self.required_scopes)
    }
}

impl From<AuthenticationError> for VerifyError {
    fn from(error: AuthenticationError) -> Self {
        Self::insufficient_authentication(Arc::unwrap_or_clone(error.requested))
    }
}

impl fmt::Display for AuthenticationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let required = &self.required;
        write!(f, "the user has not authenticated as required: {required}")
    }
}

impl std::error::Error for AuthenticationError {}
