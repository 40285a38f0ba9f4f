//! The CORS headers, one by one.

use std::time::Duration;

use axum::Router;
use axum::routing::any;
use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, Request};
use http_body_util::Full;
use tower_bearer_auth::mcp;
use tower_bearer_auth::{BearerAuthLayer, ProtectedResource, VerifyError, verify_fn};

use crate::support::{Answer, INSIDE, send, serve_axum, table};

const METADATA: &str = "/.well-known/oauth-protected-resource/mcp";

fn resource() -> ProtectedResource {
    ProtectedResource::new("https://api.test/mcp").authorization_servers(["https://issuer.test"])
}

fn preflight(path: &str, method: &str, headers: &str) -> Request<Full<Bytes>> {
    Request::options(path)
        .header("origin", "https://app.test")
        .header("access-control-request-method", method)
        .header("access-control-request-headers", headers)
        .body(Full::default())
        .unwrap()
}

/// The members of a header that is a list, in lower case.
fn list(answer: &Answer, name: &str) -> Vec<String> {
    let value = answer.header(name).unwrap_or_default();
    value
        .split(',')
        .map(|item| item.trim().to_ascii_lowercase())
        .collect()
}

fn app() -> Router {
    Router::new()
        .route("/mcp", any(|| async { INSIDE }))
        .layer(
            BearerAuthLayer::new(table())
                .resource(&resource())
                .required_scopes(["read"]),
        )
        .merge(resource().router())
        .layer(mcp::cors())
}

#[tokio::test]
async fn a_preflight_allows_what_mcp_clients_send() {
    let server = serve_axum(app()).await;
    for header in [
        "authorization",
        "content-type",
        "accept",
        "mcp-session-id",
        "mcp-protocol-version",
        "mcp-method",
        "mcp-name",
        "mcp-param-region",
        "last-event-id",
    ] {
        for method in ["GET", "POST", "DELETE"] {
            let answer = send(server, preflight("/mcp", method, header)).await;
            // The preflight has no token, so it must not reach the auth layer.
            assert_eq!(answer.status, 200, "{answer:?}");
            assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
            assert_eq!(list(&answer, "access-control-allow-headers"), [header]);
            assert!(list(&answer, "access-control-allow-methods").contains(&method.to_lowercase()));
            assert_eq!(answer.header("access-control-max-age"), Some("3600"));
            assert_eq!(answer.header("access-control-allow-credentials"), None);
            assert_eq!(answer.header("www-authenticate"), None);
        }
    }
    let all = "authorization,mcp-protocol-version,mcp-param-x";
    let answer = send(server, preflight("/mcp", "POST", all)).await;
    assert_eq!(answer.header("access-control-allow-headers"), Some(all));
    let methods = list(&answer, "access-control-allow-methods");
    assert_eq!(methods, ["get", "post", "delete"]);
}

#[tokio::test]
async fn every_answer_shows_pages_what_they_have_to_see() {
    let down = verify_fn(|_| async { Err(VerifyError::unavailable("down")) });
    let outage = Router::new()
        .route("/mcp", any(|| async { INSIDE }))
        .layer(BearerAuthLayer::new(down))
        .layer(mcp::cors());
    let (server, outage) = (serve_axum(app()).await, serve_axum(outage).await);
    for (server, token, status) in [
        (server, Some("reader"), 200),
        (server, None, 401),
        (server, Some("nonsense"), 401),
        (server, Some("admin"), 403),
        (outage, Some("reader"), 503),
    ] {
        let mut request = Request::post("/mcp").header("origin", "https://app.test");
        if let Some(token) = token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        let answer = send(server, request.body(Full::default()).unwrap()).await;
        assert_eq!(answer.status, status);
        assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
        let exposed = list(&answer, "access-control-expose-headers");
        for header in [
            "www-authenticate",
            "mcp-session-id",
            "mcp-protocol-version",
            "retry-after",
        ] {
            assert!(
                exposed.iter().any(|name| name == header),
                "{header}: {exposed:?}"
            );
        }
    }
}

#[tokio::test]
async fn metadata_is_for_every_origin_with_and_without_the_layer() {
    let bare = serve_axum(resource().router()).await;
    let inside = serve_axum(app()).await;
    for server in [bare, inside] {
        let get = Request::get(METADATA).header("origin", "https://app.test");
        let answer = send(server, get.body(Full::default()).unwrap()).await;
        // `header` panics if there are two.
        assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
        assert_eq!(answer.status, 200);
        let preflight_request = preflight(METADATA, "GET", "mcp-protocol-version");
        let answer = send(server, preflight_request).await;
        assert!(answer.status.is_success(), "{answer:?}");
        assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
        let allowed = list(&answer, "access-control-allow-headers");
        assert!(
            allowed == ["*"] || allowed == ["mcp-protocol-version"],
            "{allowed:?}"
        );
    }
}

#[tokio::test]
async fn an_origin_can_be_the_only_one() {
    let only = HeaderValue::from_static("https://app.test");
    let app = Router::new()
        .route("/mcp", any(|| async { INSIDE }))
        .layer(BearerAuthLayer::new(table()))
        .layer(mcp::cors().allow_origins([only]));
    let server = serve_axum(app).await;
    let mut other = preflight("/mcp", "POST", "authorization");
    other
        .headers_mut()
        .insert("origin", HeaderValue::from_static("https://evil.test"));
    let answer = send(server, other).await;
    assert_ne!(
        answer.header("access-control-allow-origin"),
        Some("https://evil.test")
    );
    let answer = send(server, preflight("/mcp", "POST", "authorization")).await;
    assert_eq!(
        answer.header("access-control-allow-origin"),
        Some("https://app.test")
    );
}

#[tokio::test]
async fn a_function_can_decide_about_origins_and_lists_can_grow() {
    let cors = mcp::cors()
        .allow_origins_if(|origin, head| origin == "https://app.test" && head.uri.path() == "/mcp")
        .allow_methods([Method::PUT])
        .expose_headers([HeaderName::from_static("x-request-id")])
        .max_age(Duration::from_secs(60));
    let app = Router::new()
        .route("/mcp", any(|| async { INSIDE }))
        .route("/other", any(|| async { INSIDE }))
        .layer(BearerAuthLayer::new(table()))
        .layer(cors);
    let server = serve_axum(app).await;
    let answer = send(server, preflight("/mcp", "PUT", "authorization")).await;
    assert_eq!(
        answer.header("access-control-allow-origin"),
        Some("https://app.test")
    );
    assert_eq!(answer.header("access-control-max-age"), Some("60"));
    let methods = list(&answer, "access-control-allow-methods");
    assert_eq!(methods, ["get", "post", "delete", "put"]);
    let other = send(server, preflight("/other", "PUT", "authorization")).await;
    assert_eq!(other.header("access-control-allow-origin"), None);
    let get = Request::get("/mcp").header("origin", "https://app.test");
    let answer = send(server, get.body(Full::default()).unwrap()).await;
    let exposed = list(&answer, "access-control-expose-headers");
    assert!(exposed.contains(&"x-request-id".to_owned()), "{exposed:?}");
    assert!(
        exposed.contains(&"www-authenticate".to_owned()),
        "{exposed:?}"
    );
}

#[test]
#[should_panic(expected = "`*` is not an origin")]
fn a_wildcard_is_not_an_origin() {
    drop(mcp::cors().allow_origins([HeaderValue::from_static("*")]));
}

#[tokio::test]
async fn inside_the_auth_layer_a_preflight_is_401() {
    // In this order of layers, the auth layer refuses the preflight.
    let app = Router::new()
        .route("/mcp", any(|| async { INSIDE }))
        .layer(mcp::cors())
        .layer(BearerAuthLayer::new(table()));
    let server = serve_axum(app).await;
    let answer = send(server, preflight("/mcp", "POST", "authorization")).await;
    assert_eq!(answer.status, 401);
}
