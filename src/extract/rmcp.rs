//! The access token as a parameter of [`rmcp`] tools and prompts, behind a
//! [`BearerAuthLayer`](crate::BearerAuthLayer).
//!
//! ```
//! use rmcp::{ErrorData, tool, tool_router};
//! use tower_bearer_auth::{AccessToken, ScopeError};
//!
//! struct Notes;
//!
//! #[tool_router]
//! impl Notes {
//!     #[tool(description = "Returns the subject of the access token")]
//!     fn whoami(&self, token: AccessToken) -> String {
//!         token.subject().unwrap_or("a client").to_owned()
//!     }
//!
//!     #[tool(description = "Deletes every note")]
//!     async fn clear(&self, token: AccessToken) -> Result<String, ErrorData> {
//!         token.require_scopes(["notes:admin"]).map_err(ScopeError::refuse)?;
//!         Ok("done".to_owned())
//!     }
//! }
//! # Notes::tool_router();
//! ```
//!
//! Behind an [optional](crate::BearerAuthLayer::optional) layer, [`MaybeAccessToken`] also admits requests without a
//! token:
//!
//! ```
//! # use rmcp::{tool, tool_router};
//! use tower_bearer_auth::MaybeAccessToken;
//! # struct Notes;
//! # #[tool_router]
//! # impl Notes {
//! #[tool(description = "Greets")]
//! fn greet(&self, MaybeAccessToken(token): MaybeAccessToken) -> String {
//!     match token.as_ref().and_then(|token| token.subject()) {
//!         Some(name) => format!("hello {name}"),
//!         None => "hello".to_owned(),
//!     }
//! }
//! # }
//! # Notes::tool_router();
//! ```
//!
//! # How a refusal is sent
//!
//! [`ScopeError::refuse`] in a tool refuses the request with HTTP 403, and [`AuthenticationError::refuse`] with HTTP
//! 401 (RFC 9470). A parameter of type [`AccessToken`] refuses a request without a token, behind an optional layer,
//! with HTTP 401. All carry the layer's challenge, on which clients can act. This works if the server waits for the
//! tool before it starts its response: for requests of MCP 2026-07-28 or later, and without sessions if the server is
//! configured to respond with JSON. In a session of an earlier revision, the response stream has already started.
//! There, the refusal is a JSON-RPC error, code -32003, with `error`, `scope`, `resource_metadata`, `acr_values`,
//! `max_age` and, for DPoP, `algs` of the challenge in its `data`. A guard in front
//! ([`ToolScopesLayer`](crate::mcp::ToolScopesLayer), feature `mcp`) always refuses by HTTP.
//!
//! A tool that reports progress before it refuses may have started its response, so the client may get either one.
//!
//! Nothing else refuses the request. A bare `?` converts a [`ScopeError`] or [`AuthenticationError`] to an
//! [`ErrorData`], which is only that JSON-RPC error: the client gets it with HTTP 200, and does not request more scopes
//! because of it. If a tool handles a `ScopeError` itself, the client gets the result of the tool.
//!
//! | in a tool | if the token lacks the scope |
//! |---|---|
//! | `token.require_scopes([..]).map_err(ScopeError::refuse)?` | HTTP 403 with the challenge where possible, else HTTP 200 with a JSON-RPC error |
//! | `token.require_scopes([..])?` | HTTP 200 with a JSON-RPC error |
//! | `if token.require_scopes([..]).is_err() { .. }` | what the tool returns |
//!
//! Without a layer in front, and over transports other than HTTP, the caller is unknown. The client gets a JSON-RPC
//! internal error, and the log gets an error that names the missing layer.

use http::request::Parts;
use rmcp::handler::server::common::{AsRequestContext, FromContextPart};
use rmcp::model::ErrorCode;
use rmcp::service::RequestContext;
use rmcp::{ErrorData, RoleServer};
use serde_json::Value;

use crate::access_token::AccessToken;
use crate::challenge_config::ChallengeContext;
use crate::guard::{AuthenticationError, ScopeError};
use crate::identity::Identity;
use crate::refusal_slot::RefusalCause;
use crate::reject::{self, Refusal};
use crate::scopes::Scopes;
use crate::telemetry::Bearer;

/// The JSON-RPC error code of a refusal.
const REFUSED: ErrorCode = ErrorCode(reject::REFUSED);

/// The token of the request that calls a tool or prompt, or `None` for a request without one behind an
/// [optional](crate::BearerAuthLayer::optional) layer. In axum handlers, use `Option<AccessToken>` instead.
#[derive(Debug, Clone)]
#[allow(
    clippy::exhaustive_structs,
    reason = "to be taken apart in a parameter"
)]
pub struct MaybeAccessToken(pub Option<AccessToken>);

impl<C: AsRequestContext> FromContextPart<C> for AccessToken {
    fn from_context_part(context: &mut C) -> Result<Self, ErrorData> {
        Self::from_request_context_or_refuse(context.as_request_context())
    }
}

impl<C: AsRequestContext> FromContextPart<C> for MaybeAccessToken {
    fn from_context_part(context: &mut C) -> Result<Self, ErrorData> {
        Self::from_request_context(context.as_request_context())
    }
}

impl AccessToken {
    /// The token of the request. Use this in methods of a `ServerHandler` that take no extractors, such as
    /// `list_tools`.
    ///
    /// If you return the error, the client gets a JSON-RPC error with HTTP 200. To respond with 401 instead, use
    /// [`from_request_context_or_refuse`](Self::from_request_context_or_refuse).
    ///
    /// # Errors
    ///
    /// If the request passed an [optional](crate::BearerAuthLayer::optional) layer without a token, and if there is no
    /// layer in front.
    pub fn from_request_context(context: &RequestContext<RoleServer>) -> Result<Self, ErrorData> {
        match identity(context) {
            Identity::Known(token) => Ok(token.clone()),
            Identity::Anonymous(anonymous) => {
                let challenge_config = &anonymous.challenge_config;
                let scopes = challenge_config.initial_scopes();
                Refusal::NoToken.record("AccessToken", Bearer::Unknown, scopes);
                let context = challenge_config.without_token();
                let data = challenge(Refusal::NoToken, context, scopes);
                let message = "this needs an access token";
                Err(ErrorData::new(REFUSED, message, data))
            }
            Identity::NoLayer => Err(no_layer("AccessToken")),
        }
    }

    /// Like [`from_request_context`](Self::from_request_context), but refuses a request without a token with HTTP 401
    /// where [possible](crate::extract::rmcp#how-a-refusal-is-sent). A parameter of type `AccessToken` does the same.
    ///
    /// # Errors
    ///
    /// As [`from_request_context`](Self::from_request_context). Return the error at once: where HTTP 401 is possible,
    /// any other result is discarded.
    pub fn from_request_context_or_refuse(
        context: &RequestContext<RoleServer>,
    ) -> Result<Self, ErrorData> {
        let token = Self::from_request_context(context);
        if let Identity::Anonymous(anonymous) = identity(context) {
            anonymous.refusal_slot.refuse(RefusalCause::NoToken);
        }
        token
    }
}

impl MaybeAccessToken {
    /// The token of the request, if it has one; see [`AccessToken::from_request_context`].
    ///
    /// # Errors
    ///
    /// If there is no layer in front.
    pub fn from_request_context(context: &RequestContext<RoleServer>) -> Result<Self, ErrorData> {
        match identity(context) {
            Identity::Known(token) => Ok(Self(Some(token.clone()))),
            Identity::Anonymous(_) => Ok(Self(None)),
            Identity::NoLayer => Err(no_layer("MaybeAccessToken")),
        }
    }
}

/// The sender of the HTTP request. rmcp keeps the head of the request, with the layer's extensions.
fn identity(context: &RequestContext<RoleServer>) -> Identity<'_> {
    match context.extensions.get::<Parts>() {
        Some(parts) => Identity::of(&parts.extensions),
        None => Identity::NoLayer,
    }
}

fn no_layer(parameter: &'static str) -> ErrorData {
    Refusal::NoLayer.record(parameter, Bearer::Unknown, &Scopes::default());
    let message = "this server is not set up to know who is calling: it has no BearerAuthLayer";
    ErrorData::internal_error(message, None)
}

impl ScopeError {
    /// Refuses the request with HTTP 403 and the challenge where
    /// [possible](crate::extract::rmcp#how-a-refusal-is-sent), whatever the tool returns. Elsewhere, the client gets
    /// the returned JSON-RPC error.
    ///
    /// ```
    /// # use rmcp::ErrorData;
    /// use tower_bearer_auth::{AccessToken, ScopeError};
    ///
    /// fn clear(token: &AccessToken) -> Result<String, ErrorData> {
    ///     token.require_scopes(["notes:admin"]).map_err(ScopeError::refuse)?;
    ///     Ok("done".to_owned())
    /// }
    /// # let _ = clear;
    /// ```
    pub fn refuse(self) -> ErrorData {
        let required = self.required().clone();
        self.refusal_slot()
            .refuse(RefusalCause::InsufficientScope(required));
        self.into()
    }
}

/// Converts to a JSON-RPC error, code -32003, with the parameters of the challenge in its `data`. The HTTP status stays
/// 200; use [`ScopeError::refuse`] to respond with 403.
impl From<ScopeError> for ErrorData {
    fn from(error: ScopeError) -> Self {
        let data = challenge(
            Refusal::InsufficientScope,
            error.challenge_context(),
            error.required(),
        );
        Self::new(REFUSED, error.to_string(), data)
    }
}

impl AuthenticationError {
    /// Refuses the request with HTTP 401 and the challenge where
    /// [possible](crate::extract::rmcp#how-a-refusal-is-sent), whatever the tool returns. Elsewhere, the client gets
    /// the returned JSON-RPC error.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use rmcp::ErrorData;
    /// use tower_bearer_auth::{AccessToken, AuthenticationError, AuthenticationRequirement};
    ///
    /// fn transfer(token: &AccessToken) -> Result<String, ErrorData> {
    ///     let recent = AuthenticationRequirement::new().max_age(Duration::from_secs(300));
    ///     token.require_authentication(&recent).map_err(AuthenticationError::refuse)?;
    ///     Ok("done".to_owned())
    /// }
    /// # let _ = transfer;
    /// ```
    pub fn refuse(self) -> ErrorData {
        let (required, scopes) = (self.shared_required(), self.required_scopes().clone());
        self.refusal_slot()
            .refuse(RefusalCause::InsufficientAuthentication(required, scopes));
        self.into()
    }
}

/// Converts to a JSON-RPC error, code -32003, with the parameters of the challenge in its `data`. The HTTP status stays
/// 200; use [`AuthenticationError::refuse`] to respond with 401.
impl From<AuthenticationError> for ErrorData {
    fn from(error: AuthenticationError) -> Self {
        let data = challenge(
            error.refusal(),
            error.challenge_context(),
            error.required_scopes(),
        );
        Self::new(REFUSED, error.to_string(), data)
    }
}

/// The parameters of the challenge as the `data` of a JSON-RPC error.
fn challenge(
    refusal: Refusal<'_>,
    context: ChallengeContext<'_>,
    scopes: &Scopes,
) -> Option<Value> {
    let challenge = refusal.first_challenge(context, scopes)?;
    Some(challenge.to_json())
}
