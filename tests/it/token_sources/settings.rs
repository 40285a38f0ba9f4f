//! What the settings of sources accept, what they show, and what the metadata says about them.

use std::panic::{AssertUnwindSafe, catch_unwind};

use serde_json::json;
use tower_bearer_auth::{BearerAuthLayer, ProtectedResource, TokenSource};

use crate::support::{get, serve_axum, table};

/// The text of the panic.
#[track_caller]
fn panic_of<T>(build: impl FnOnce() -> T) -> String {
    let panicked = catch_unwind(AssertUnwindSafe(build));
    let text = panicked.err().expect("it panics");
    match text.downcast::<String>() {
        Ok(text) => *text,
        Err(text) => text.downcast::<&str>().unwrap().to_string(),
    }
}

#[test]
fn invalid_names_of_cookies_headers_and_protocols_are_refused() {
    for name in [
        "", "a b", "a=b", "a;b", "a,b", "\"a\"", "tökén", "a\n", "a/b", "(a)",
    ] {
        let text = panic_of(|| TokenSource::cookie(name));
        assert!(text.contains("cannot be the name of a cookie"), "{text}");
        let text = panic_of(|| TokenSource::web_socket_protocol(name));
        assert!(text.contains("cannot be a subprotocol"), "{text}");
    }
    for name in ["", "a b", "a:b", "tökén", "a\n"] {
        let text = panic_of(|| TokenSource::header(name));
        assert!(text.contains("cannot be the name of a header"), "{text}");
    }
    for name in [
        "Authorization",
        "Cookie",
        "DPoP",
        "Host",
        "Origin",
        "Sec-WebSocket-Protocol",
        "Sec-Fetch-Site",
        "Sec-WebSocket-Key",
        "Content-Length",
        "Transfer-Encoding",
        "Connection",
        "Upgrade",
        "Proxy-Authorization",
        "Referer",
    ] {
        let text = panic_of(|| TokenSource::header(name));
        assert!(
            text.contains("cannot be a header with the token alone"),
            "{text}"
        );
    }
    for (name, instead) in [
        ("AUTHORIZATION", "use TokenSource::authorization()"),
        ("cookie", "use TokenSource::cookie(..)"),
        (
            "Sec-WebSocket-Protocol",
            "use TokenSource::web_socket_protocol(..)",
        ),
    ] {
        let text = panic_of(|| TokenSource::header(name));
        assert!(text.ends_with(instead), "{text}");
    }
    for origin in [
        "",
        "app.test",
        "ftp://a.test",
        "https://",
        "https://a.test/x",
        "https://u@a.test",
        "null",
        "*",
        "https://*.a.test/b",
    ] {
        let text = panic_of(|| TokenSource::cookie("t").origin(origin));
        assert!(text.contains("cannot be an origin"), "{text}");
    }
    for source in [
        TokenSource::authorization(),
        TokenSource::header("x-token"),
        TokenSource::web_socket_protocol("bearer"),
    ] {
        let other = source.clone();
        let text = panic_of(|| source.origin("https://a.test"));
        assert!(
            text.contains("origin(..) is a setting of TokenSource::cookie(..)"),
            "{text}"
        );
        let text = panic_of(|| other.accept_cross_site_requests());
        assert!(
            text.contains("accept_cross_site_requests(..) is a setting"),
            "{text}"
        );
    }
}

#[test]
fn a_layer_needs_sources_that_differ() {
    let layer = || BearerAuthLayer::new(table());
    let text = panic_of(|| layer().token_sources([]));
    assert_eq!(text, "token_sources(..) needs at least one source");
    for twice in [
        [TokenSource::authorization(), TokenSource::authorization()],
        [
            TokenSource::cookie("t").origin("https://a.test"),
            TokenSource::cookie("t"),
        ],
        [
            TokenSource::header("x-token"),
            TokenSource::header("X-Token"),
        ],
        [
            TokenSource::web_socket_protocol("a"),
            TokenSource::web_socket_protocol("a"),
        ],
    ] {
        let text = panic_of(|| layer().token_sources(twice));
        assert!(
            text.starts_with("token_sources(..) has ") && text.ends_with(" twice"),
            "{text}"
        );
    }
    // Names of cookies and subprotocols are case-sensitive.
    let _ = layer().token_sources([TokenSource::cookie("t"), TokenSource::cookie("T")]);
    let _ = layer().token_sources(["b", "B"].map(TokenSource::web_socket_protocol));
    // A later call replaces an earlier one.
    let _ = layer()
        .token_sources([TokenSource::cookie("t")])
        .token_sources([TokenSource::cookie("t")]);
}

#[test]
fn debug_shows_the_places() {
    let layer = BearerAuthLayer::new(table()).token_sources([
        TokenSource::authorization(),
        TokenSource::cookie("t").origin("https://A.test"),
        TokenSource::header("x-token"),
        TokenSource::web_socket_protocol("bearer"),
    ]);
    let shown = format!("{layer:?}");
    for part in [
        "Authorization",
        "\"t\"",
        "https://a.test",
        "x-token",
        "bearer",
    ] {
        assert!(shown.contains(part), "{shown}");
    }
}

#[tokio::test]
async fn the_metadata_names_the_header_if_it_is_a_source() {
    let resource =
        ProtectedResource::new("https://api.test").authorization_servers(["https://i.test"]);
    let layer = || BearerAuthLayer::new(table()).resource(&resource);
    for (layer, expected) in [
        (layer(), json!(["header"])),
        (
            layer().token_sources([TokenSource::authorization(), TokenSource::cookie("t")]),
            json!(["header"]),
        ),
        (layer().token_sources([TokenSource::cookie("t")]), json!([])),
        (
            layer()
                .token_sources([TokenSource::header("x-token")])
                .client_certificates(),
            json!([]),
        ),
    ] {
        let address = serve_axum(layer.protected_resource().router()).await;
        let answer = get(address, "/.well-known/oauth-protected-resource", &[]).await;
        assert_eq!(answer.json()["bearer_methods_supported"], expected);
    }
}
