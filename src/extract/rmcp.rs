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
//!     #[tool(description = "Tells who the access token says you are")]
//!     fn whoami(&self, token: AccessToken) -> String {
//!         token.subject().unwrap_or("nobody").to_owned()
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
//! Behind an [optional](crate::BearerAuthLayer::optional) layer, [`MaybeAccessToken`] takes whoever comes:
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
//!         None => "hello stranger".to_owned(),
//!     }
//! }
//! # }
//! # Notes::tool_router();
//! ```
//!
//! # What becomes of a refusal
//!
//! [`ScopeError::refuse`] in a tool, and a parameter of type [`AccessToken`] in a call that an optional layer passed
//! on without a token, are answered as an HTTP 403 or 401 with the layer's challenge wherever the
//! server waits for the tool before it starts its response: for requests of MCP 2026-07-28 or later, and
//! without sessions where it is configured to answer with JSON. Clients can act on those. In a session of
//! an earlier revision the response is a stream that has begun by then; there the refusal is a JSON-RPC
//! error, code -32003, with `error`, `scope` and `resource_metadata` of the challenge in its `data`. A
//! guard in front ([`ToolScopesLayer`](crate::mcp::ToolScopesLayer), feature `mcp`) always answers by HTTP.
//!
//! A tool that reports progress before it refuses has begun its response, too, and may be answered either way.
//!
//! Only these refuse the request. The conversion of a [`ScopeError`] to an [`ErrorData`], which is what a bare `?`
//! does, makes that JSON-RPC error and nothing else: the client gets it with HTTP 200, and cannot ask for more
//! scope by it. A tool that handles a `ScopeError` and goes on has its result sent.
//!
//! | in a tool | when the scope is lacking |
//! |---|---|
//! | `token.require_scopes([..]).map_err(ScopeError::refuse)?` | HTTP 403 with the challenge, as far as possible |
//! | `token.require_scopes([..])?` | HTTP 200 with a JSON-RPC error |
//! | `if token.require_scopes([..]).is_err() { .. }` | what the tool returns |
//!
//! Without a layer in front, and over other transports than HTTP, there is nobody to ask: a JSON-RPC
//! internal error, and an error in the log that names what is missing.

use http::request::Parts;
use rmcp::handler::server::common::{AsRequestContext, FromContextPart};
use rmcp::model::ErrorCode;
use rmcp::service::RequestContext;
use rmcp::{ErrorData, RoleServer};
use serde_json::{Map, Value};

use crate::access_token::AccessToken;
use crate::caller::Caller;
use crate::late_refusal::Lack;
use crate::protection::Protection;
use crate::reject::Refusal;
use crate::scope_guard::ScopeError;
use crate::scopes::Scopes;
use crate::telemetry::Bearer;

/// The code of a JSON-RPC error that stands for a refusal. MCP has none for it; this one is from the range
/// that JSON-RPC leaves to servers, apart from those that MCP and its SDKs use.
const REFUSED: ErrorCode = ErrorCode(-32003);

/// The token of whoever calls a tool or prompt, if there is one: what `Option<AccessToken>` is to
/// axum handlers.
///
/// `None` is for requests without a token behind an [optional](crate::BearerAuthLayer::optional) layer.
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
    /// The token of the caller: for the methods of a `ServerHandler`, which get no parameters of their own, such as
    /// `list_tools`.
    ///
    /// It changes nothing about the answer: return the error, and the client gets it as a JSON-RPC error with HTTP
    /// 200; handle it, and the client does not learn of it. To answer 401 instead, use
    /// [`from_request_context_or_refuse`](Self::from_request_context_or_refuse).
    ///
    /// # Errors
    ///
    /// When the request came without a token through an
    /// [optional](crate::BearerAuthLayer::optional) layer, and when there is no layer in front.
    pub fn from_request_context(context: &RequestContext<RoleServer>) -> Result<Self, ErrorData> {
        match caller(context) {
            Caller::Known(token) => Ok(token.clone()),
            Caller::Anonymous(anonymous) => {
                let protection = &anonymous.protection;
                let scopes = protection.initial_scopes();
                Refusal::NoToken.record("AccessToken", Bearer::Nobody, scopes);
                let data = challenge(None, scopes, protection);
                let message = "this needs an access token";
                Err(ErrorData::new(REFUSED, message, Some(data)))
            }
            Caller::Unasked => Err(no_layer("AccessToken")),
        }
    }

    /// The same, and a request without a token is refused: with HTTP 401 where that is
    /// [still possible](crate::extract::rmcp#what-becomes-of-a-refusal). A parameter of type `AccessToken` does this.
    ///
    /// # Errors
    ///
    /// As [`from_request_context`](Self::from_request_context). Return the error at once: what else is returned is
    /// not sent.
    pub fn from_request_context_or_refuse(
        context: &RequestContext<RoleServer>,
    ) -> Result<Self, ErrorData> {
        let token = Self::from_request_context(context);
        if let Caller::Anonymous(anonymous) = caller(context) {
            anonymous.late_refusal.refuse(Lack::Token);
        }
        token
    }
}

impl MaybeAccessToken {
    /// The token of whoever sent this request, if there is one; see
    /// [`AccessToken::from_request_context`].
    ///
    /// # Errors
    ///
    /// When there is no layer in front.
    pub fn from_request_context(context: &RequestContext<RoleServer>) -> Result<Self, ErrorData> {
        match caller(context) {
            Caller::Known(token) => Ok(Self(Some(token.clone()))),
            Caller::Anonymous(_) => Ok(Self(None)),
            Caller::Unasked => Err(no_layer("MaybeAccessToken")),
        }
    }
}

/// Who sent the HTTP request. rmcp keeps its head, which has what the layer left.
fn caller(context: &RequestContext<RoleServer>) -> Caller<'_> {
    match context.extensions.get::<Parts>() {
        Some(parts) => Caller::of(&parts.extensions),
        None => Caller::Unasked,
    }
}

fn no_layer(parameter: &'static str) -> ErrorData {
    Refusal::NoLayer.record(parameter, Bearer::Nobody, &Scopes::default());
    let message = "this server is not set up to know who is calling: it has no BearerAuthLayer";
    ErrorData::internal_error(message, None)
}

impl ScopeError {
    /// Refuses the request: with HTTP 403 and the challenge where that is
    /// [still possible](crate::extract::rmcp#what-becomes-of-a-refusal), whatever the tool returns, and with the
    /// JSON-RPC error that this returns elsewhere.
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
        self.late_refusal().refuse(Lack::Scopes(self.required()));
        self.into()
    }
}

/// The JSON-RPC error alone, code -32003, with what a challenge would say in its `data`. It does not change the
/// HTTP status of the answer; [`ScopeError::refuse`] does.
impl From<ScopeError> for ErrorData {
    fn from(error: ScopeError) -> Self {
        let data = challenge(
            Some("insufficient_scope"),
            &error.required(),
            error.protection(),
        );
        Self::new(REFUSED, error.to_string(), Some(data))
    }
}

/// What a challenge would say.
fn challenge(error: Option<&str>, scopes: &Scopes, protection: &Protection) -> Value {
    let scope = Some(scopes.as_str()).filter(|scopes| !scopes.is_empty());
    let members = [
        ("error", error),
        ("scope", scope),
        ("resource_metadata", protection.resource_metadata.as_deref()),
    ];
    members
        .into_iter()
        .filter_map(|(name, value)| Some((name.to_owned(), value?.into())))
        .collect::<Map<String, Value>>()
        .into()
}
