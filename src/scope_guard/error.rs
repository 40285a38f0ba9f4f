use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use http::Response;
use http_body_util::Full;

use crate::access_token::AccessToken;
use crate::late_refusal::LateRefusal;
use crate::protection::Protection;
use crate::reject::Refusal;
use crate::scopes::Scopes;
use crate::telemetry::{Bearer, Decision};
use crate::verify_error::VerifyError;

const WHO: &str = "AccessToken::require_scopes";

impl AccessToken {
    /// Requires all of these scopes within a handler, and [records](crate::telemetry) the decision. To check a scope
    /// without a record, use [`has_scope`](Self::has_scope).
    ///
    /// Name all scopes of the operation in one call. Clients request what the challenge names: the scopes of the layer,
    /// of the guards in front, and of this call, but not of earlier calls.
    ///
    /// # Errors
    ///
    /// If the token lacks a scope. A name that is not a valid scope (RFC 6749 §3.3) counts as lacking. The
    /// error holds a whole response: 403 with the layer's challenge. Axum handlers can return
    /// the error itself; elsewhere, use [`ScopeError::to_response`].
    pub fn require_scopes<I>(&self, scopes: I) -> Result<(), ScopeError>
    where
        I: IntoIterator<Item: AsRef<str>>,
    {
        let names: Vec<_> = scopes.into_iter().collect();
        if names.iter().all(|name| self.has_scope(name.as_ref())) {
            Decision::passed(WHO, Some(self)).record();
            return Ok(());
        }
        let asked = Scopes::lossy(names);
        let error = ScopeError {
            required: self.required_so_far().union(&asked),
            asked,
            protection: self.shared_protection(),
            late_refusal: self.late_refusal().clone(),
        };
        Refusal::InsufficientScope.record(WHO, Bearer::Verified(self), &error.required);
        Err(error)
    }
}

/// A token lacks a scope that an operation needs.
#[derive(Debug, Clone)]
pub struct ScopeError {
    /// The scopes of this call.
    asked: Scopes,
    /// The scopes of the layer and the guards in front, followed by those of this call.
    required: Scopes,
    protection: Arc<Protection>,
    #[cfg_attr(
        not(feature = "rmcp"),
        allow(dead_code, reason = "only tools are late")
    )]
    late_refusal: LateRefusal,
}

impl ScopeError {
    /// All scopes that the operation needs: those of the layer, of the guards that the request has passed, and of the
    /// failed [`require_scopes`](AccessToken::require_scopes) call.
    pub fn required(&self) -> Scopes {
        self.required.clone()
    }

    #[cfg(feature = "rmcp")]
    pub(crate) fn protection(&self) -> &Protection {
        &self.protection
    }

    #[cfg(feature = "rmcp")]
    pub(crate) fn late_refusal(&self) -> &LateRefusal {
        &self.late_refusal
    }

    /// The response to the client: 403 with the challenge (RFC 6750 §3.1).
    pub fn to_response(&self) -> Response<Full<Bytes>> {
        *Refusal::InsufficientScope.reply(WHO, &self.protection, &self.required)
    }
}

impl From<ScopeError> for VerifyError {
    fn from(error: ScopeError) -> Self {
        Self::insufficient_scope(error.asked)
    }
}

impl fmt::Display for ScopeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the access token lacks a scope of: {}", self.required)
    }
}

impl std::error::Error for ScopeError {}
