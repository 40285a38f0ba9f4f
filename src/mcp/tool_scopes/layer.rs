use std::sync::Arc;

use http::Response;
use tower_layer::Layer;

use super::service::ToolScopes;
use super::settings::Settings;
use crate::mcp::rules::ScopeRules;
use crate::reject::{RefusalMap, Refused, ReplyBody};

/// Admits a call only if its token has the scopes of the tool, prompt, resource or task that the call names.
///
/// An MCP server serves all tools under one URL, so a guard per route cannot tell them apart. The headers that name
/// the tool are optional, and the client can set them freely. This layer decides from the body. Put it behind a
/// [`BearerAuthLayer`](crate::BearerAuthLayer), directly around the MCP service; see [`mcp`](crate::mcp).
///
/// ```
/// # use axum::{Router, routing::post};
/// # use tower_bearer_auth::{StaticToken, StaticTokenVerifier};
/// use tower::ServiceBuilder;
/// use tower_bearer_auth::mcp::{ScopeRules, ToolScopesLayer};
/// use tower_bearer_auth::{BearerAuthLayer, ScopeRequirement};
///
/// # let verifier = StaticTokenVerifier::new([("dev-token", StaticToken::new("dev"))]);
/// # let mcp_service = post(|| async { "an MCP service" });
/// let rules = ScopeRules::builder()
///     .tool("search", ScopeRequirement::token())
///     .tool("delete_note", ScopeRequirement::all(["notes:write"]))
///     .default_rule(ScopeRequirement::deny_all())
///     .build()?;
/// let layers = ServiceBuilder::new()
///     .layer(BearerAuthLayer::new(verifier))
///     .layer(ToolScopesLayer::new(rules));
/// let app: Router = Router::new().route_service("/mcp", mcp_service).layer(layers);
/// # let _ = app;
/// # Ok::<(), tower_bearer_auth::ConfigError>(())
/// ```
///
/// It refuses every request that it cannot decide about. The inner service never sees a refused request:
///
/// | the request | status |
/// |---|---|
/// | has a token that lacks a required scope | 403 with all the scopes that the message needs |
/// | has a token whose user has not authenticated as a [rule](crate::mcp::Rule::authentication) requires | 401 with all the scopes that the message needs, `acr_values` and `max_age` |
/// | names a target that is [denied to all](crate::ScopeRequirement::deny_all), or several whose rules have no common value of `acr` | 403 without a challenge |
/// | has a body that is not JSON | 400, JSON-RPC -32700 |
/// | is not a JSON-RPC message, is both a call and a response, has more than 1 000 members or messages, or has a relevant member twice, in another spelling, or under a name that some parser treats specially | 400, -32600 |
/// | names no target, a target with a control character or of more than 8 KiB, more than 1 000 resources, or a resource URI that is not [canonical](crate::mcp::ScopeRulesBuilder::resource) | 400, -32602 |
/// | has an MCP header twice, one that contradicts the body, or over 256 bytes of `Content-Type` | 400, -32020 |
/// | has a `Content-Encoding`, or a character set other than UTF-8 | 415 |
/// | has a body over the limit | 413; 401 without a token |
/// | has no token, behind an [optional](crate::BearerAuthLayer::optional) layer, and no rule [permits all](crate::ScopeRequirement::permit_all) | 401 |
/// | is neither `POST` nor one of `GET`, `HEAD`, `DELETE`, `OPTIONS`, which pass unread | 405 |
///
/// Without a [`BearerAuthLayer`](crate::BearerAuthLayer) in front, every request gets 500.
///
/// A batch needs the scopes and the authentications of all its messages. Responses of the client, for example to
/// sampling requests, need no scope. From a caller without a token, they pass only if some rule permits all.
#[derive(Debug, Clone)]
pub struct ToolScopesLayer {
    settings: Arc<Settings>,
}

impl ToolScopesLayer {
    /// Creates a layer that enforces these rules.
    pub fn new(rules: ScopeRules) -> Self {
        Self {
            settings: Arc::new(Settings::new(rules)),
        }
    }

    /// Sets the largest body to read into memory, in bytes. Default: 4 MiB, which is also the limit of rmcp.
    ///
    /// For a caller without a token, behind an [optional](crate::BearerAuthLayer::optional) layer, the limit is at most
    /// 64 KiB. If no rule admits such callers, their bodies are not read for a decision.
    ///
    /// This does not limit how long a client may take to send the body: put a timeout around the server.
    #[must_use]
    pub fn max_body_bytes(mut self, bytes: usize) -> Self {
        Arc::make_mut(&mut self.settings).max_body_bytes = bytes;
        self
    }

    /// Maps each refusal of this layer to an answer of your own. Default: the
    /// [mapping](crate::BearerAuthLayer::map_refusal) of the auth layer in front. See [answers of your
    /// own](crate::reject#answers-of-your-own). A later call replaces an earlier one.
    #[must_use]
    pub fn map_refusal<F, R>(mut self, map: F) -> Self
    where
        F: Fn(&Refused, Response<ReplyBody>) -> Response<R> + Send + Sync + 'static,
        R: Into<ReplyBody>,
    {
        Arc::make_mut(&mut self.settings).refusal_map = Some(RefusalMap::new(map));
        self
    }
}

impl<S> Layer<S> for ToolScopesLayer {
    type Service = ToolScopes<S>;

    fn layer(&self, inner: S) -> ToolScopes<S> {
        ToolScopes::with_settings(inner, Arc::clone(&self.settings))
    }
}
