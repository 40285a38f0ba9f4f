//! Smuggled, repeated and spoofed headers.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tower::service_fn;
use tower_bearer_auth::{AccessToken, BearerAuthLayer, BearerToken, ProtectedResource};
use tower_layer::Layer;

use super::Target;
use crate::support::{Inner, answer_of, serve, serve_axum, table, with_token};

/// The response to a request with these header lines. They go to the socket unchanged, because an HTTP client would
/// refuse to send some of them.
async fn raw(address: SocketAddr, lines: &[u8]) -> String {
    raw_get(address, "/", "api.example.com", lines).await
}

async fn raw_get(address: SocketAddr, path: &str, host: &str, lines: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let start = format!("GET {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n");
    let mut request = start.into_bytes();
    request.extend_from_slice(lines);
    request.extend_from_slice(b"\r\n");
    stream.write_all(&request).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    String::from_utf8(answer).unwrap()
}

#[tokio::test]
async fn no_attack_with_a_header_gets_through() {
    let target = Target::start().await;
    const NOTHING: &str = "www-authenticate: Bearer\r\n";
    const INVALID: &str = r#"www-authenticate: Bearer error="invalid_token","#;
    const REPEATED: &str = r#"www-authenticate: Bearer error="invalid_request","#;
    let table: [(&[u8], u16, &str); 26] = [
        (b"", 401, NOTHING),
        (b"authorization: Basic dXNlcjpwYXNz\r\n", 401, NOTHING),
        (b"authorization: Bearer\r\n", 401, NOTHING),
        (b"authorization: Bearer   \r\n", 401, NOTHING),
        (b"authorization:\r\n", 401, NOTHING),
        (b"authorization: Basic a, Bearer b\r\n", 401, NOTHING),
        (b"proxy-authorization: Bearer a\r\n", 401, NOTHING),
        // This server does not check DPoP proofs, so it must not accept the scheme (RFC 9449 §7.1).
        (b"authorization: DPoP reader\r\n", 401, NOTHING),
        (b"authorization: Bearerreader\r\n", 401, NOTHING),
        (b"authorization: Token reader\r\n", 401, NOTHING),
        (b"x-authorization: Bearer reader\r\n", 401, NOTHING),
        (
            b"x-forwarded-authorization: Bearer reader\r\n",
            401,
            NOTHING,
        ),
        (
            b"x-forwarded-access-token: reader\r\nx-forwarded-user: admin\r\n",
            401,
            NOTHING,
        ),
        (b"connection: authorization\r\n", 401, NOTHING),
        (
            b"authorization: Bearer a\r\nauthorization: Bearer a\r\n",
            400,
            REPEATED,
        ),
        (
            b"authorization: Bearer a\r\nauthorization:\r\n",
            400,
            REPEATED,
        ),
        (b"authorization: Bearer a b\r\n", 401, INVALID),
        (b"authorization: Bearer a, Bearer b\r\n", 401, INVALID),
        (b"authorization: Bearer\ta\r\n", 401, INVALID),
        (b"authorization: Bearer \ta\r\n", 401, INVALID),
        (b"authorization: Bearer \"a\"\r\n", 401, INVALID),
        (
            b"authorization: Bearer {\"payload\":\"e30\"}\r\n",
            401,
            INVALID,
        ),
        (b"authorization: Bearer caf\xc3\xa9\r\n", 401, INVALID),
        (b"authorization: Bearer \xff\r\n", 401, INVALID),
        (
            b"authorization: Bearer a\r\nauthorization: Bearer b\r\n",
            400,
            REPEATED,
        ),
        (
            b"authorization: Basic a\r\nAUTHORIZATION: Bearer b\r\n",
            400,
            REPEATED,
        ),
    ];
    for (lines, status, challenge) in table {
        let lines_read = lines.escape_ascii();
        let answer = raw(target.address, lines).await;
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status} ")),
            "{lines_read}: {answer}"
        );
        assert!(answer.contains(challenge), "{lines_read}: {answer}");
        assert_eq!(
            answer.matches("www-authenticate").count(),
            1,
            "{lines_read}: {answer}"
        );
    }
    assert_eq!(target.inner.calls(), 0);
}

#[tokio::test]
async fn a_query_or_a_cookie_is_no_place_for_a_token() {
    let inner = Inner::default();
    let address = serve(BearerAuthLayer::new(table()).layer(inner.clone())).await;
    let headers = [
        ("cookie", "access_token=reader"),
        ("x-access-token", "reader"),
    ];
    let answer = crate::support::get(address, "/?access_token=reader", &headers).await;
    answer.assert_refusal(401, Some("Bearer"), &crate::support::no_token());
    assert_eq!(inner.calls(), 0);
}

/// A proxy and this server could read such headers differently (RFC 9112 §5.1, §5.2), so this server refuses the
/// request.
#[tokio::test]
async fn no_smuggled_header_is_taken_for_a_token() {
    let inner = Inner::default();
    let address = serve(BearerAuthLayer::new(table()).layer(inner.clone())).await;
    let malformed: [&[u8]; 5] = [
        b"authorization : Bearer reader\r\n",
        b"x-a: b\r\n authorization: Bearer reader\r\n",
        b"authorization: Bearer\r\n reader\r\n",
        b"x-a: b\rauthorization: Bearer reader\r\n",
        b"x-a: b\0\r\nauthorization: Bearer reader\r\n",
    ];
    for lines in malformed {
        let answer = raw(address, lines).await;
        assert!(
            answer.starts_with("HTTP/1.1 400 "),
            "{}: {answer}",
            lines.escape_ascii()
        );
    }
    // A trailer field must not be merged into the headers (RFC 9110 §6.5.1).
    let lines = b"transfer-encoding: chunked\r\ntrailer: authorization\r\n\r\n1\r\na\r\n0\r\n\
        authorization: Bearer reader\r\n";
    let answer = raw(address, lines).await;
    assert!(answer.starts_with("HTTP/1.1 401 "), "{answer}");
    assert!(answer.contains("www-authenticate: Bearer\r\n"), "{answer}");
    assert_eq!(inner.calls(), 0);
}

#[tokio::test]
async fn where_to_get_a_token_does_not_come_from_the_request() {
    let resource = ProtectedResource::new("https://api.example.com/mcp")
        .authorization_servers(["https://issuer.example.com"]);
    let layer = BearerAuthLayer::new(table()).resource(&resource);
    let guarded = axum::Router::new()
        .fallback(|| async { "inside" })
        .layer(layer);
    let address = serve_axum(resource.router().merge(guarded)).await;
    let lines = b"x-forwarded-host: evil.example\r\nx-forwarded-proto: http\r\nforwarded: host=evil.example\r\n\
        x-original-url: /admin\r\nx-forwarded-for: 127.0.0.1\r\nx-user: admin\r\n";
    let metadata = "https://api.example.com/.well-known/oauth-protected-resource/mcp";
    for host in [
        "api.example.com",
        "evil.example",
        "evil.example:80",
        "evil.example\"x",
    ] {
        for path in ["/", "/mcp", "//evil.example/", "http://evil.example/"] {
            let answer = raw_get(address, path, host, lines).await;
            assert!(
                answer.starts_with("HTTP/1.1 401 "),
                "{host}, {path}: {answer}"
            );
            assert!(
                answer.contains(&format!(r#"resource_metadata="{metadata}""#)),
                "{host}, {path}: {answer}"
            );
            assert!(!answer.contains("evil"), "{host}, {path}: {answer}");
        }
        let path = "/.well-known/oauth-protected-resource/mcp";
        let answer = raw_get(address, path, host, lines).await;
        assert!(answer.starts_with("HTTP/1.1 200 "), "{host}: {answer}");
        assert!(
            answer.contains(r#""resource":"https://api.example.com/mcp""#),
            "{host}: {answer}"
        );
        assert!(!answer.contains("evil"), "{host}: {answer}");
    }
}

#[tokio::test]
async fn an_identity_that_is_already_there_is_not_believed() {
    let seen = Arc::<Mutex<Vec<Option<String>>>>::default();
    let inner = {
        let seen = Arc::clone(&seen);
        service_fn(
            move |request: http::Request<http_body_util::Full<bytes::Bytes>>| {
                let token = request.extensions().get::<AccessToken>();
                let who = token.and_then(|token| token.client_id().map(str::to_owned));
                seen.lock().unwrap().push(who);
                std::future::ready(Ok::<_, std::convert::Infallible>(http::Response::new(
                    http_body_util::Full::<bytes::Bytes>::default(),
                )))
            },
        )
    };
    let forged = |mut request: http::Request<http_body_util::Full<bytes::Bytes>>| {
        let token: BearerToken = "forged".parse().unwrap();
        let admin = AccessToken::builder(token).client_id("admin").build();
        request.extensions_mut().insert(admin);
        request
    };
    let optional = BearerAuthLayer::new(table()).optional().layer(inner);
    let anonymous = http::Request::new(http_body_util::Full::default());
    answer_of(optional.clone(), forged(anonymous)).await;
    answer_of(optional, forged(with_token("reader"))).await;
    let seen = seen.lock().unwrap();
    assert_eq!(seen.len(), 2);
    assert_eq!(seen[0], None);
    assert_ne!(seen[1].as_deref(), Some("admin"));
    assert!(seen[1].is_some());
}
