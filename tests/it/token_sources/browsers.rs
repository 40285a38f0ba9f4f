//! Pages of other origins, with a CORS layer outside, inside and absent.

use axum::Router;
use axum::routing::any;
use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, Request, header};
use http_body_util::Full;
use tower_bearer_auth::{AccessToken, BearerAuthLayer, TokenSource, Verifier, mcp};
use tower_http::cors::CorsLayer;

use super::{assert_cross_site, assert_no_token};
use crate::support::{send, serve_axum, table};

const APP: &str = "https://app.test";

fn auth() -> BearerAuthLayer<impl Verifier> {
    BearerAuthLayer::new(table()).token_sources([
        TokenSource::authorization(),
        TokenSource::cookie("t"),
        TokenSource::header("x-token"),
    ])
}

fn routes() -> Router {
    let whoami = |token: AccessToken| async move { token.subject().unwrap().to_owned() };
    Router::new().route("/", any(whoami))
}

/// As docs/cors.md has it for cookies.
fn with_credentials() -> CorsLayer {
    CorsLayer::new()
        .allow_origin(HeaderValue::from_static(APP))
        .allow_credentials(true)
        .allow_methods([Method::GET, Method::POST])
        .allow_headers([
            header::AUTHORIZATION,
            header::CONTENT_TYPE,
            HeaderName::from_static("x-token"),
        ])
        .expose_headers([header::WWW_AUTHENTICATE])
}

fn request(method: Method, headers: &[(&str, &str)]) -> Request<Full<Bytes>> {
    let mut request = Request::builder()
        .method(method)
        .uri("/")
        .header("origin", APP);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(Full::default()).unwrap()
}

/// The preflight for a `POST` with a header of this name.
fn preflight(name: &str) -> Request<Full<Bytes>> {
    let asks = [
        ("access-control-request-method", "POST"),
        ("access-control-request-headers", name),
    ];
    request(Method::OPTIONS, &asks)
}

#[tokio::test]
async fn a_preflight_has_no_token_and_passes_where_cors_is_outside() {
    for (app, name) in [
        (
            routes().layer(auth()).layer(with_credentials()),
            "authorization",
        ),
        (routes().layer(auth()).layer(with_credentials()), "x-token"),
        (routes().layer(auth()).layer(mcp::cors()), "authorization"),
        (routes().layer(auth()).layer(mcp::cors()), "x-token"),
    ] {
        let server = serve_axum(app).await;
        let answer = send(server, preflight(name)).await;
        assert_eq!(answer.status, 200);
        let allowed = answer.header("access-control-allow-headers").unwrap();
        assert!(allowed.contains(name), "{allowed}");
    }
    for app in [
        routes().layer(auth()),
        routes().layer(with_credentials()).layer(auth()),
    ] {
        let server = serve_axum(app).await;
        assert_no_token(&send(server, preflight("authorization")).await);
    }
}

#[tokio::test]
async fn cors_lets_a_page_of_another_origin_read_but_not_forge() {
    let server = serve_axum(routes().layer(auth()).layer(with_credentials())).await;
    let cookie = ("cookie", "t=reader");
    let same_site = ("sec-fetch-site", "same-site");
    // A safe request with credentials may be read by the origin that CORS names.
    let answer = send(server, request(Method::GET, &[cookie, same_site])).await;
    assert_eq!((answer.status.as_u16(), &*answer.body), (200, "alice"));
    assert_eq!(answer.header("access-control-allow-origin"), Some(APP));
    assert_eq!(
        answer.header("access-control-allow-credentials"),
        Some("true")
    );
    // The page can read why another one was refused.
    let answer = send(server, request(Method::POST, &[cookie, same_site])).await;
    assert_eq!(answer.header("access-control-allow-origin"), Some(APP));
    assert_cross_site(&answer);
    // It sends its token itself.
    for token in [("authorization", "Bearer reader"), ("x-token", "reader")] {
        for method in [Method::GET, Method::POST] {
            let answer = send(server, request(method, &[token, same_site])).await;
            assert_eq!((answer.status.as_u16(), &*answer.body), (200, "alice"));
        }
    }
    // A form of another site needs no preflight, and gets nowhere.
    for app in [
        routes().layer(auth()),
        routes().layer(auth()).layer(mcp::cors()),
    ] {
        let server = serve_axum(app).await;
        let form = ("content-type", "application/x-www-form-urlencoded");
        let cross_site = ("sec-fetch-site", "cross-site");
        assert_cross_site(&send(server, request(Method::POST, &[cookie, form, cross_site])).await);
        // `mcp::cors()` never lets a browser show a page what it sent a cookie for.
        let answer = send(server, request(Method::GET, &[cookie, cross_site])).await;
        assert_eq!(answer.header("access-control-allow-credentials"), None);
    }
}
