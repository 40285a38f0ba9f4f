use std::time::Duration;

use http::{HeaderName, Method, header};
use tower_http::cors::{AllowHeaders, Any, CorsLayer};

/// A CORS layer for an MCP server that browsers may call: allows what an MCP client sends and needs to read.
///
/// | | |
/// |---|---|
/// | origins | any: browsers do not attach a bearer token by themselves, so a foreign page gains nothing. Restrict it with [`allow_origin`](CorsLayer::allow_origin) |
/// | methods | `GET`, `POST`, `DELETE` |
/// | request headers | all that the preflight requests: a wildcard would not cover `Authorization`, and a list cannot name `Mcp-Param-*` |
/// | exposed headers | `WWW-Authenticate`, `Mcp-Session-Id`, `Mcp-Protocol-Version`, `Retry-After` |
/// | preflights | answered, and cacheable for one hour |
///
/// Add it outside the auth layer, because browsers send preflights without a token:
///
/// ```
/// # use axum::{Router, routing::post};
/// # use tower_bearer_auth::{BearerAuthLayer, StaticToken, StaticTokenVerifier};
/// use http::HeaderValue;
/// use tower_bearer_auth::mcp;
///
/// # let verifier = StaticTokenVerifier::new([("dev-token", StaticToken::new("dev"))]);
/// let app: Router = Router::new()
///     .route("/mcp", post(|| async { "hello" }))
///     .layer(BearerAuthLayer::new(verifier))
///     .layer(mcp::cors().allow_origin(HeaderValue::from_static("https://app.example.com")));
/// # let _ = app;
/// ```
pub fn cors() -> CorsLayer {
    CorsLayer::new()
        .allow_origin(Any)
        .allow_methods([Method::GET, Method::POST, Method::DELETE])
        .allow_headers(AllowHeaders::mirror_request())
        .expose_headers([
            header::WWW_AUTHENTICATE,
            HeaderName::from_static("mcp-session-id"),
            HeaderName::from_static("mcp-protocol-version"),
            header::RETRY_AFTER,
        ])
        .max_age(Duration::from_secs(60 * 60))
}
