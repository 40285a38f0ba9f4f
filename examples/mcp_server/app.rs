//! The app with all its layers. `main.rs` adds the verifier and the listener.

use std::sync::Arc;

use axum::Router;
use axum::http::{HeaderValue, Request};
use axum::routing::get;
use rmcp::transport::streamable_http_server::session::local::LocalSessionManager;
use rmcp::transport::{StreamableHttpServerConfig, StreamableHttpService};
use tower::ServiceBuilder;
use tower_bearer_auth::mcp::{self, SessionBindingLayer, ToolScopesLayer};
use tower_bearer_auth::possession::Dpop;
use tower_bearer_auth::{
    AccessToken, BearerAuthLayer, ConfigError, ProtectedResource, RequireScopesLayer, Verifier,
};
use tower_http::trace::TraceLayer;

use super::notes::{self, Notes};

/// An MCP server at `/mcp` and a plain route at `/admin`. Both require a valid token, and a token that is bound to a key
/// by DPoP requires a proof. Without `dpop`, such a token is refused.
pub(crate) fn app(
    verifier: impl Verifier,
    resource: &ProtectedResource,
    dpop: Option<Dpop>,
) -> Result<Router, ConfigError> {
    let rules = notes::rules()?;
    let notes = Notes::new();
    // List any other host names of the server here. The check prevents DNS rebinding.
    let config = StreamableHttpServerConfig::default()
        .with_allowed_hosts(["localhost", "127.0.0.1", "::1"])
        .with_allowed_origins(["http://localhost:*", "http://127.0.0.1:*"]);
    let sessions = Arc::new(LocalSessionManager::default());
    let mcp = ServiceBuilder::new()
        .layer(SessionBindingLayer::new())
        .layer(ToolScopesLayer::new(rules))
        .service(StreamableHttpService::new(
            move || Ok(notes.clone()),
            sessions,
            config,
        ));

    // The layer requires the scopes that every request needs, `initialize` included: clients request them at
    // login. A client that lacks another scope later gets 403, and only some clients then request it. Without
    // `required_scopes` the first challenge has all scopes of the resource, which clients without step-up need
    // (docs/mcp-server.md lists them). The rules of the tools apply in either case.
    // In a `RequireScopesLayer` behind this layer, `notes:read` would not be in the first challenge, and
    // clients that do not step up on `initialize` (the Python SDKs) could not connect.
    let mut auth = BearerAuthLayer::new(verifier)
        .realm("notes")
        .resource(resource)
        .required_scopes(["notes:read"])
        .close_streams_at_expiry();
    if let Some(dpop) = dpop {
        auth = auth.dpop(dpop);
    }
    // The layer's resource says in its metadata whether the layer checks proofs.
    let metadata = auth.protected_resource().router();
    Ok(Router::new()
        .route("/admin", get(admin))
        .route_layer(RequireScopesLayer::all(["admin"]))
        .nest_service("/mcp", mcp)
        // Everything above needs a token. The layers below run first.
        .layer(auth)
        .merge(metadata)
        .layer(mcp::cors().allow_origins_if(|origin, _| is_local(origin)))
        .layer(
            TraceLayer::new_for_http().make_span_with(|request: &Request<_>| {
                let path = request.uri().path();
                tracing::info_span!("request", method = %request.method(), path)
            }),
        ))
}

async fn admin(token: AccessToken) -> String {
    format!("Welcome, {}.\n", token.subject().unwrap_or("admin"))
}

fn is_local(origin: &HeaderValue) -> bool {
    ["http://localhost:", "http://127.0.0.1:"]
        .iter()
        .any(|prefix| origin.as_bytes().starts_with(prefix.as_bytes()))
}
