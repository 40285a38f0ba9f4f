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
    /// Requires all of these scopes of the token, in the middle of a handler. What comes of it is a decision that is
    /// [recorded](crate::telemetry); [`has_scope`](Self::has_scope) only looks.
    ///
    /// Name all that the operation needs in one call. The challenge names these scopes after those of the layer and
    /// of the guards in front, but not those of an earlier call, and clients ask for what it names.
    ///
    /// # Errors
    ///
    /// When the token lacks one, which it also does when the name is not a scope (RFC 6749 §3.3). The
    /// error is a whole response: 403 with the layer's challenge. Axum handlers return
    /// it as it is; elsewhere there is [`ScopeError::to_response`].
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
    /// What was asked for here.
    asked: Scopes,
    /// The same, after what the layer and the guards in front require.
    required: Scopes,
    protection: Arc<Protection>,
    #[cfg_attr(
        not(feature = "rmcp"),
        allow(dead_code, reason = "only tools are late")
    )]
    late_refusal: LateRefusal,
}

impl ScopeError {
    /// Everything that the operation needs: the scopes of the layer, those of the guards that the request has
    /// passed, and what was asked for here.
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

    /// The answer to the client: 403 with the challenge.
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
