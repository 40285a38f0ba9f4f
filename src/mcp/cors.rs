use std::time::Duration;

use http::{HeaderName, Method, header};
use tower_http::cors::{AllowHeaders, Any, CorsLayer};

/// CORS for an MCP server that browsers may call: what an MCP client sends, and what it has to see.
///
/// | | |
/// |---|---|
/// | origins | any: a bearer token is not sent by the browser itself, so a foreign page gains nothing. Narrow it with [`allow_origin`](CorsLayer::allow_origin) |
/// | methods | `GET`, `POST`, `DELETE` |
/// | request headers | those that the client asks for, `Authorization` and `Mcp-Param-*` among them: a wildcard does not cover the former, and a list cannot name the latter |
/// | exposed headers | `WWW-Authenticate`, `Mcp-Session-Id`, `Mcp-Protocol-Version`, `Retry-After` |
/// | preflights | answered, and remembered for an hour |
///
/// It goes outside the auth layer, since browsers send no token with a preflight:
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
