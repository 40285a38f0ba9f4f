//! One request has one token, and every source takes its credentials out of it.

use bytes::Bytes;
use http::Version;
use tower_bearer_auth::{BearerAuthLayer, Refused, TokenSource, Verifier};
use tower_layer::Layer;

use super::{Server, VERSIONS, assert_passed, assert_two_tokens, values};
use crate::support::{Inner, answer_of, table};
use crate::telemetry::recorded::Recorded;

fn layer() -> BearerAuthLayer<impl Verifier> {
    BearerAuthLayer::new(table())
        .max_token_length(16)
        .token_sources([
            TokenSource::authorization(),
            TokenSource::cookie("t"),
            TokenSource::cookie("u"),
            TokenSource::header("x-token"),
            TokenSource::header("x-other"),
            TokenSource::web_socket_protocol("bearer"),
        ])
}

/// One credential of each source, good and bad.
const CREDENTIALS: [&[(&str, &str)]; 6] = [
    &[
        ("authorization", "Bearer reader"),
        ("authorization", "Bearer ?"),
        ("authorization", "DPoP reader"),
    ],
    &[
        ("cookie", "t=reader"),
        ("cookie", "a=1; t=?"),
        ("cookie", "t=readerreaderreader"),
    ],
    &[("cookie", "u=reader"), ("cookie", "u=stale")],
    &[("x-token", "reader"), ("x-token", "Bearer reader")],
    &[("x-other", "reader"), ("x-other", "\"\"")],
    &[
        ("sec-websocket-protocol", "bearer, reader"),
        ("sec-websocket-protocol", "x, bearer, ?"),
    ],
];

/// What makes the request a handshake, and the page one of the server.
const HANDSHAKE: [(&str, &str); 3] = [
    ("connection", "upgrade"),
    ("upgrade", "websocket"),
    ("sec-fetch-site", "same-origin"),
];

#[tokio::test]
async fn two_credentials_are_refused_from_whatever_sources() {
    let server = Server::start(layer()).await;
    let optional = Server::start(layer().optional()).await;
    for (index, ones) in CREDENTIALS.iter().enumerate() {
        for others in &CREDENTIALS[index + 1..] {
            for one in *ones {
                for other in *others {
                    println!("{one:?} {other:?}");
                    let headers: Vec<_> = HANDSHAKE.into_iter().chain([*one, *other]).collect();
                    for server in [&server, &optional] {
                        assert_two_tokens(&server.get(Version::HTTP_11, &headers).await);
                        server.assert_nothing_reached();
                    }
                    let is_protocol = [one, other]
                        .iter()
                        .any(|(name, _)| name.starts_with("sec-"));
                    if !is_protocol {
                        assert_two_tokens(&server.get(Version::HTTP_2, &[*one, *other]).await);
                        server.assert_nothing_reached();
                    }
                }
            }
        }
    }
}

#[tokio::test]
async fn a_single_credential_passes_and_every_place_is_emptied() {
    let server = Server::start(layer()).await;
    for ones in CREDENTIALS {
        let headers: Vec<_> = HANDSHAKE.into_iter().chain([ones[0]]).collect();
        assert_passed(&server.get(Version::HTTP_11, &headers).await);
        let reached = server.reached();
        for (name, _) in CREDENTIALS.iter().map(|ones| ones[0]) {
            assert!(!reached.contains_key(name), "{name}");
        }
    }
    // Places that have nothing that counts as a token.
    for version in VERSIONS {
        let headers = [
            ("authorization", "Basic eDp5"),
            ("cookie", "a=1; t=; u="),
            ("x-token", ""),
            ("x-other", "reader"),
            ("sec-websocket-protocol", "x, bearer, reader"),
        ];
        assert_passed(&server.get(version, &headers).await);
        let reached = server.reached();
        assert_eq!(values(&reached, "cookie"), ["a=1"]);
        assert_eq!(values(&reached, "sec-websocket-protocol"), ["x"]);
        for name in ["authorization", "x-token", "x-other"] {
            assert!(!reached.contains_key(name), "{name}");
        }
    }
}

#[tokio::test]
async fn nothing_of_a_refused_token_is_logged_or_answered() {
    let recorded = Recorded::start();
    let service = layer().layer(Inner::default());
    for (method, headers, reason, status) in [
        (
            "GET",
            &[("cookie", "t=xyzzy"), ("x-token", "xyzzy")][..],
            "two_tokens",
            400,
        ),
        ("GET", &[("cookie", "t=xyzzy; t=xyzzy")], "two_tokens", 400),
        ("POST", &[("cookie", "t=xyzzy")], "cross_site", 403),
        ("GET", &[("cookie", "t=xyzzy?")], "malformed", 401),
        ("GET", &[("x-token", "Bearer xyzzy")], "malformed", 401),
    ] {
        let mut request = http::Request::builder().method(method).uri("/?xyzzy");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request
            .body(http_body_util::Full::<Bytes>::default())
            .unwrap();
        let response = tower::ServiceExt::oneshot(service.clone(), request)
            .await
            .unwrap();
        let refused = response.extensions().get::<Refused>().unwrap();
        assert_eq!(
            (refused.reason(), refused.status().as_u16()),
            (reason, status)
        );
        let shown = format!("{:?}", response.headers());
        assert!(!shown.contains("xyzzy"), "{shown}");
        let decisions = recorded.decisions();
        let [decision] = &decisions[..] else {
            panic!("{decisions:?}");
        };
        assert_eq!(decision["reason"], reason);
        assert_eq!(decision["status"], status.to_string());
        assert!(!format!("{decision:?}").contains("xyzzy"), "{decision:?}");
    }
}

#[tokio::test]
async fn an_inner_layer_reports_that_an_outer_one_has_taken_the_cookie() {
    let recorded = Recorded::start();
    let request = |headers: &[(&str, &str)]| {
        let mut request = http::Request::get("/");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(http_body_util::Full::default()).unwrap()
    };
    let cookie = ("cookie", "t=reader");
    let service = layer().layer(layer().layer(Inner::default()));
    let answer = answer_of(service.clone(), request(&[cookie])).await;
    answer.assert_refusal(401, Some("Bearer"), &crate::support::no_token());
    let events = recorded.events("tower_bearer_auth::setup");
    assert_eq!(events.len(), 1, "{events:?}");
    assert!(events[0].fields["message"].contains("inside another one"));
    // Layers with tokens of their own in different places.
    let outer = BearerAuthLayer::new(table()).token_sources([TokenSource::header("x-outer")]);
    let service = outer.layer(layer().layer(Inner::default()));
    let both = [("x-outer", "writer"), cookie];
    answer_of(service, request(&both)).await.assert_passed();
    assert_eq!(recorded.events("tower_bearer_auth::setup").len(), 1);
}
