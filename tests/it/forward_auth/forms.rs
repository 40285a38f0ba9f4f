//! How each proxy says what the client requested.

use http::{Method, Request};
use http_body_util::Full;

use super::{Server, assert_passed, assert_refused};
use crate::support::{Answer, get, send};

const NGINX: &[(&str, &str)] = &[("x-original-method", "GET"), ("x-original-uri", "/notes")];

const TRAEFIK: &[(&str, &str)] = &[
    ("x-forwarded-method", "GET"),
    ("x-forwarded-proto", "https"),
    ("x-forwarded-host", "api.example.com"),
    ("x-forwarded-uri", "/notes?page=2"),
];

const UNNAMED: &str = "The check does not name one request";

#[tokio::test]
async fn each_header_is_needed_once() {
    for (proxy, headers) in [("nginx", NGINX), ("traefik", TRAEFIK)] {
        let server = Server::start(&[("PROXY", proxy), ("STATUSES", "keep")]).await;
        let authorization = format!("Bearer {}", server.token().build());
        let all: Vec<_> = headers
            .iter()
            .copied()
            .chain([("authorization", &*authorization)])
            .collect();
        assert_passed(&server.ask(&all).await, Some("alice"));
        for (index, header) in headers.iter().enumerate() {
            let mut without = all.clone();
            without.remove(index);
            let twice = [&all[..], &[*header]].concat();
            let joined = format!("{0}, {0}", header.1);
            let mut as_list = all.clone();
            as_list[index].1 = &joined;
            for asked in [without, twice] {
                let answer = server.ask(&asked).await;
                assert_refused(&answer, 400, Some("invalid_request"));
                assert_eq!(answer.status, 400);
                assert_eq!(
                    answer.json()["error_description"],
                    UNNAMED,
                    "{proxy} {header:?}"
                );
            }
            // As a proxy would write it that joins fields.
            let answer = server.ask(&as_list).await;
            assert!(
                matches!(answer.status.as_u16(), 400 | 403),
                "{proxy} {header:?}"
            );
        }
        // What another proxy would send is not enough.
        let other: Vec<_> = [NGINX, TRAEFIK].concat();
        let own = |name: &str| headers.iter().any(|(known, _)| *known == name);
        let other: Vec<_> = other.into_iter().filter(|(name, _)| !own(name)).collect();
        let answer = server.ask(&other).await;
        assert_refused(&answer, 400, Some("invalid_request"));
    }
}

#[tokio::test]
async fn nginx_may_use_headers_of_other_names() {
    let server = Server::start(&[
        ("METHOD_HEADER", "X-Sent-Method"),
        ("URI_HEADER", "x-original-url"),
    ])
    .await;
    let authorization = format!("Bearer {}", server.token().build());
    let with = async |url: &str| {
        let headers = [
            ("x-sent-method", "GET"),
            ("x-original-url", url),
            ("authorization", &authorization),
        ];
        server.ask(&headers).await
    };
    for url in [
        "/notes",
        "https://api.example.com/notes?a=b",
        "HTTPS://API.EXAMPLE.COM:443/",
        "https://api.example.com",
        "https://api.example.com/https://other.example.com",
    ] {
        assert_passed(&with(url).await, Some("alice"));
    }
    for url in [
        "http://api.example.com/notes",
        "https://other.example.com/notes",
        "https://api.example.com:8443/notes",
        "https://api.example.com.evil.example/",
    ] {
        assert_refused(&with(url).await, 403, Some("access_denied"));
    }
    for url in [
        "notes",
        "*",
        "api.example.com:443",
        "https:/api.example.com/",
        "https://user@api.example.com/",
        "https://api.example.com@evil.example/",
        "https://api.example.com?x",
        "https://api.example.com#/x",
        "https:///notes",
        "://api.example.com/",
        "ht tp://api.example.com/",
        "/no tes",
    ] {
        assert_refused(&with(url).await, 400, Some("invalid_request"));
    }
    assert_refused(&server.ask(NGINX).await, 400, Some("invalid_request"));
}

#[tokio::test]
async fn a_method_is_one_token() {
    let server = Server::start(&[]).await;
    let authorization = format!("Bearer {}", server.token().build());
    for (method, status) in [
        ("GET", 200),
        ("PROPFIND", 200),
        ("", 400),
        ("GET POST", 400),
        ("GET,POST", 400),
        ("GET/1", 400),
    ] {
        let headers = [
            ("x-original-method", method),
            ("x-original-uri", "/"),
            ("authorization", &authorization),
        ];
        let answer = server.ask(&headers).await;
        assert_eq!(
            answer.header("x-auth-status"),
            Some(&*status.to_string()),
            "{method:?}"
        );
    }
}

#[tokio::test]
async fn traefik_names_the_origin_which_must_be_that_of_the_resource() {
    let server = Server::start(&[("PROXY", "traefik")]).await;
    let authorization = format!("Bearer {}", server.token().build());
    for (proto, host, status) in [
        ("https", "api.example.com", 200),
        ("https", "API.example.com:443", 200),
        // A WebSocket.
        ("wss", "api.example.com", 200),
        ("http", "api.example.com", 403),
        ("ws", "api.example.com", 403),
        ("https", "other.example.com", 403),
        ("https", "api.example.com:80", 403),
        ("https", "api.example.com:443443", 403),
        ("https", "api.example.com.", 403),
        ("https", "", 400),
        ("", "api.example.com", 400),
        ("https", "a@api.example.com", 400),
        ("https", "api.example.com/x", 400),
        ("https", "api.example.com, other.example.com", 400),
        ("https,http", "api.example.com", 400),
    ] {
        let headers = [
            ("x-forwarded-method", "GET"),
            ("x-forwarded-proto", proto),
            ("x-forwarded-host", host),
            ("x-forwarded-uri", "/notes"),
            ("authorization", &authorization),
        ];
        let answer = server.ask(&headers).await;
        assert_eq!(answer.status, status, "{proto} {host} {answer:?}");
        match status {
            200 => assert_passed(&answer, Some("alice")),
            403 => assert_refused(&answer, 403, Some("access_denied")),
            _ => assert_refused(&answer, 400, Some("invalid_request")),
        }
    }
}

#[tokio::test]
async fn envoy_passes_the_request_itself_behind_a_prefix() {
    let variables = [
        ("PROXY", "envoy"),
        ("CHECK_PATH", "/auth/check"),
        ("SCOPES", "/admin=admin"),
    ];
    let server = Server::start(&variables).await;
    let authorization = format!("Bearer {}", server.token().build());
    let ask = async |method: &str, path: &str, host: &str| -> Answer {
        let request = Request::builder()
            .method(Method::from_bytes(method.as_bytes()).unwrap())
            .uri(path)
            .header("host", host)
            .header("authorization", &authorization)
            // Of no meaning here.
            .header("x-original-uri", "/other")
            .header("x-forwarded-uri", "/other");
        send(server.address, request.body(Full::default()).unwrap()).await
    };
    let host = "api.example.com";
    for (method, path) in [
        ("GET", "/auth/check/"),
        ("POST", "/auth/check/notes?x=1"),
        ("DELETE", "/auth/check/auth/check"),
    ] {
        assert_passed(&ask(method, path, host).await, Some("alice"));
    }
    let answer = ask("GET", "/auth/check/admin", host).await;
    assert_refused(&answer, 403, Some("insufficient_scope"));
    for path in [
        "/auth/check",
        "/auth/checknotes",
        "/notes",
        "/",
        "/auth//check/",
    ] {
        assert_refused(&ask("GET", path, host).await, 404, Some("not_found"));
    }
    for other in ["other.example.com", "api.example.com:8443"] {
        let answer = ask("GET", "/auth/check/notes", other).await;
        assert_refused(&answer, 403, Some("access_denied"));
    }
    let answer = ask("GET", "/auth/check/notes", "").await;
    assert_refused(&answer, 400, Some("invalid_request"));
    let answer = ask("GET", "/auth/check//admin", host).await;
    assert_refused(&answer, 400, Some("invalid_request"));
    // Two hosts are refused here or by hyper.
    let headers = [
        ("host", host),
        ("host", host),
        ("authorization", &*authorization),
    ];
    let answer = get(server.address, "/auth/check/notes", &headers).await;
    assert_eq!(answer.status, 400, "{answer:?}");
}

#[tokio::test]
async fn a_peer_that_is_not_trusted_learns_nothing() {
    for proxy in ["nginx", "traefik", "envoy"] {
        let variables = [("PROXY", proxy), ("TRUSTED_PEERS", "10.0.0.1, fd00::/8")];
        let server = Server::start(&variables).await;
        let authorization = format!("Bearer {}", server.token().build());
        let headers = [NGINX, TRAEFIK, &[("authorization", &*authorization)]].concat();
        // Headers do not say which peer it is.
        let claims = [
            ("x-forwarded-for", "10.0.0.1"),
            ("x-real-ip", "10.0.0.1"),
            ("forwarded", "for=10.0.0.1"),
        ];
        let headers = [&headers[..], &claims].concat();
        for path in ["/check", "/check/notes", "/other"] {
            let answer = get(server.address, path, &headers).await;
            assert_eq!(answer.status, 403, "{proxy}");
            assert_refused(&answer, 403, Some("access_denied"));
            let description = "The check does not come from a trusted proxy";
            assert_eq!(answer.json()["error_description"], description);
        }
        // Clients need it, and it is public.
        let path = "/.well-known/oauth-protected-resource";
        let metadata = get(server.address, path, &[]).await;
        assert_eq!(metadata.json()["resource"], super::RESOURCE);
    }
}

#[tokio::test]
async fn a_check_at_another_path_is_not_found() {
    let server = Server::start(&[("CHECK_PATH", "/ask")]).await;
    let token = format!("Bearer {}", server.token().build());
    let headers = [NGINX, &[("authorization", &*token)]].concat();
    assert_passed(&get(server.address, "/ask", &headers).await, Some("alice"));
    for path in ["/check", "/ask/", "/askx", "/", "//ask", "/%61sk"] {
        let answer = get(server.address, path, &headers).await;
        assert_refused(&answer, 404, Some("not_found"));
    }
}
