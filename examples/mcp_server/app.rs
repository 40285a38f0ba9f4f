//! The server itself, apart from where its keys come from and where it listens.

use std::sync::Arc;

use axum::Router;
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, Method, header};
use axum::routing::get;
use rmcp::handler::server::common::Extension;
use rmcp::model::{ServerCapabilities, ServerConfig};
use rmcp::transport::streamable_http_server::session::local::LocalSessionManager;
use rmcp::transport::{StreamableHttpServerConfig, StreamableHttpService};
use rmcp::{ErrorData, ServerHandler, tool, tool_handler, tool_router};
use tower_bearer_auth::{AccessToken, BearerAuthLayer, RequireScopesLayer, Verifier};
use tower_http::cors::{AllowOrigin, CorsLayer};
use tower_http::trace::TraceLayer;

/// An MCP server at `/mcp` and a plain route at `/admin`, both for bearers of good tokens only.
pub(crate) fn app(verifier: impl Verifier) -> Router {
    // Whoever runs this elsewhere names its own hosts here: it is what stops DNS rebinding.
    let config = StreamableHttpServerConfig::default()
        .with_allowed_hosts(["localhost", "127.0.0.1", "::1"])
        .with_allowed_origins(["http://localhost:*", "http://127.0.0.1:*"]);
    let mcp = StreamableHttpService::new(
        || Ok(Notes),
        Arc::new(LocalSessionManager::default()),
        config,
    );

    Router::new()
        .route("/admin", get(admin))
        .route_layer(RequireScopesLayer::all(["admin"]))
        .nest_service("/mcp", mcp)
        // Everything above needs a token. What comes below runs first.
        .layer(BearerAuthLayer::new(verifier).realm("notes"))
        .layer(cors())
        .layer(TraceLayer::new_for_http())
}

async fn admin(token: AccessToken) -> String {
    format!("Welcome, {}.\n", token.subject().unwrap_or("admin"))
}

/// Browsers send no token with a preflight, so CORS goes outside the auth layer.
fn cors() -> CorsLayer {
    let local = AllowOrigin::predicate(|origin: &HeaderValue, _| {
        ["http://localhost:", "http://127.0.0.1:"]
            .iter()
            .any(|prefix| origin.as_bytes().starts_with(prefix.as_bytes()))
    });
    CorsLayer::new()
        .allow_origin(local)
        .allow_methods([Method::GET, Method::POST, Method::DELETE])
        .allow_headers([
            // A wildcard would not cover it.
            header::AUTHORIZATION,
            header::CONTENT_TYPE,
            HeaderName::from_static("mcp-session-id"),
            HeaderName::from_static("mcp-protocol-version"),
            HeaderName::from_static("mcp-method"),
            HeaderName::from_static("mcp-name"),
            HeaderName::from_static("last-event-id"),
        ])
        .expose_headers([
            header::WWW_AUTHENTICATE,
            HeaderName::from_static("mcp-session-id"),
            HeaderName::from_static("mcp-protocol-version"),
        ])
}

struct Notes;

#[tool_router]
impl Notes {
    #[tool(description = "Tells who the access token says you are")]
    fn whoami(&self, Extension(request): Extension<Parts>) -> Result<String, ErrorData> {
        let token = request
            .extensions
            .get::<AccessToken>()
            .ok_or_else(|| ErrorData::internal_error("no auth layer in front", None))?;
        Ok(format!(
            "{} with the scopes: {}",
            token.subject().unwrap_or("nobody"),
            token.scopes()
        ))
    }
}

#[tool_handler]
impl ServerHandler for Notes {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
            .with_instructions("Ask whoami.")
    }
}
