//! Cross-site request forgery: a cookie counts in requests of the server's own pages only.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use http::{Method, Version};
use tower_bearer_auth::{
    AccessToken, BearerAuthLayer, ProtectedResource, TokenSource, Verifier, verify_fn,
};

use super::{SAME_ORIGIN, Server, VERSIONS, assert_cross_site, assert_no_token, assert_passed};
use crate::support::table;

const COOKIE: (&str, &str) = ("cookie", "a=1; t=reader");

fn resource() -> ProtectedResource {
    ProtectedResource::new("https://api.test/notes").authorization_servers(["https://issuer.test"])
}

fn cookie() -> TokenSource {
    TokenSource::cookie("t").origin("https://App.test:8443")
}

#[tokio::test]
async fn a_request_that_may_change_something_comes_from_an_own_page() {
    let plain = BearerAuthLayer::new(table());
    let before = plain
        .clone()
        .resource(&resource())
        .token_sources([cookie()]);
    let after = plain.token_sources([cookie()]).resource(&resource());
    for layer in [before, after] {
        let server = Server::start(layer).await;
        for version in VERSIONS {
            for (headers, passes) in [
                (&[][..], false),
                (&[SAME_ORIGIN], true),
                (&[SAME_ORIGIN, ("origin", "https://evil.test")], true),
                (&[("sec-fetch-site", "same-site")], false),
                (&[("sec-fetch-site", "cross-site")], false),
                (&[("sec-fetch-site", "none")], false),
                (&[("sec-fetch-site", "")], false),
                (&[("sec-fetch-site", "same-origin, same-origin")], false),
                (&[SAME_ORIGIN, SAME_ORIGIN], false),
                (&[SAME_ORIGIN, ("sec-fetch-site", "cross-site")], false),
                (
                    &[
                        ("sec-fetch-site", "cross-site"),
                        ("origin", "https://api.test"),
                    ],
                    false,
                ),
                (&[("origin", "https://api.test")], true),
                (&[("origin", "https://api.test:443")], true),
                (&[("origin", "https://app.test:8443")], true),
                (&[("origin", "https://app.test")], false),
                (&[("origin", "http://api.test")], false),
                (&[("origin", "https://api.test.evil.test")], false),
                (&[("origin", "https://evil.test")], false),
                (&[("origin", "null")], false),
                (&[("origin", "")], false),
                (
                    &[
                        ("origin", "https://api.test"),
                        ("origin", "https://api.test"),
                    ],
                    false,
                ),
                (&[("referer", "https://api.test/")], false),
                (&[("x-requested-with", "XMLHttpRequest")], false),
            ] {
                println!("{version:?} {headers:?}");
                let headers: Vec<_> = headers.iter().copied().chain([COOKIE]).collect();
                for method in [Method::POST, Method::DELETE, "get".parse().unwrap()] {
                    let answer = server.send(version, &method, &headers).await;
                    if passes {
                        assert_passed(&answer);
                        assert_eq!(server.reached()["cookie"], "a=1");
                    } else {
                        assert_cross_site(&answer);
                        server.assert_nothing_reached();
                    }
                }
                // A safe method changes nothing.
                assert_passed(&server.get(version, &headers).await);
                server.reached();
                // Over HTTP/1, the handshake of a WebSocket is a GET request.
                if version == Version::HTTP_11 {
                    let handshake: Vec<_> = headers
                        .iter()
                        .copied()
                        .chain([("connection", "upgrade"), ("upgrade", "h2c, WebSocket")])
                        .collect();
                    let answer = server.get(version, &handshake).await;
                    match passes {
                        true => drop(server.reached()),
                        false => assert_cross_site(&answer),
                    }
                    server.assert_nothing_reached();
                }
            }
        }
    }
}

#[tokio::test]
async fn without_a_resource_and_an_origin_only_sec_fetch_site_counts() {
    let layer = BearerAuthLayer::new(table()).token_sources([TokenSource::cookie("t")]);
    let server = Server::start(layer).await;
    let own = ("origin", "http://api.test");
    assert_cross_site(
        &server
            .send(Version::HTTP_2, &Method::POST, &[COOKIE, own])
            .await,
    );
    let answer = server
        .send(Version::HTTP_2, &Method::POST, &[COOKIE, SAME_ORIGIN])
        .await;
    assert_passed(&answer);
}

#[tokio::test]
async fn the_check_concerns_the_cookie_alone() {
    let layer = BearerAuthLayer::new(table()).token_sources([
        TokenSource::cookie("t"),
        TokenSource::authorization(),
        TokenSource::header("x-token"),
    ]);
    let server = Server::start(layer.clone()).await;
    let optional = Server::start(layer.optional()).await;
    let evil = ("origin", "https://evil.test");
    for version in VERSIONS {
        for token in [("authorization", "Bearer reader"), ("x-token", "reader")] {
            let answer = server.send(version, &Method::POST, &[token, evil]).await;
            assert_passed(&answer);
            server.reached();
        }
        // Nothing that a browser added.
        assert_no_token(
            &server
                .send(version, &Method::POST, &[("cookie", "t="), evil])
                .await,
        );
        let answer = optional
            .send(version, &Method::POST, &[("cookie", "a=1"), evil])
            .await;
        assert_eq!(answer.body, "anonymous");
        optional.reached();
        // A bad cookie is not the way to become anonymous.
        assert_cross_site(&optional.send(version, &Method::POST, &[COOKIE, evil]).await);
        optional.assert_nothing_reached();
    }
}

#[tokio::test]
async fn accept_cross_site_requests_accepts_the_cookie_from_every_site() {
    let source = TokenSource::cookie("t").accept_cross_site_requests();
    let layer = BearerAuthLayer::new(table()).token_sources([source]);
    let server = Server::start(layer).await;
    for version in VERSIONS {
        let cross_site = [COOKIE, ("sec-fetch-site", "cross-site"), ("origin", "null")];
        assert_passed(&server.send(version, &Method::POST, &cross_site).await);
        assert_eq!(server.reached()["cookie"], "a=1");
    }
}

/// A verifier that counts its calls.
fn counting(calls: &Arc<AtomicUsize>) -> impl Verifier {
    let calls = Arc::clone(calls);
    verify_fn(move |token| {
        calls.fetch_add(1, Ordering::SeqCst);
        async move { Ok(AccessToken::builder(token).subject("alice").build()) }
    })
}

#[tokio::test]
async fn a_request_of_another_site_does_not_reach_the_verifier() {
    let calls = Arc::default();
    let layer = BearerAuthLayer::new(counting(&calls)).token_sources([TokenSource::cookie("t")]);
    let server = Server::start(layer).await;
    assert_cross_site(
        &server
            .send(Version::HTTP_11, &Method::POST, &[COOKIE])
            .await,
    );
    assert_eq!(calls.load(Ordering::SeqCst), 0);
    server
        .send(Version::HTTP_11, &Method::POST, &[COOKIE, SAME_ORIGIN])
        .await;
    assert_eq!(calls.load(Ordering::SeqCst), 1);
}
