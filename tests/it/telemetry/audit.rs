use std::convert::Infallible;
use std::time::{Duration, UNIX_EPOCH};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use tower::{Layer, ServiceExt, service_fn};
use tower_bearer_auth::testing::SigningKey;
use tower_bearer_auth::{
    Algorithm, BearerAuthLayer, Clock, JwtVerifier, RequireScopesLayer, StaticToken,
    StaticTokenVerifier, VerifyError, verify_fn,
};
use tracing::{Instrument, Level};

use super::assert_decisions;
use super::recorded::Recorded;
use crate::support::{Inner, answer_of, get, get_with, serve, table, with_token};

/// The beginnings of SHA-256 digests, by `sha256sum`.
const READER: &str = "3d0941964aa3ebdc";
const STALE: &str = "a03f2386ae06b211";
const WRONG: &str = "8810ad581e59f2bc";
const DOWN: &str = "908aec4512d80ff4";

#[tokio::test]
async fn the_layer_says_what_it_decides_about_each_request() {
    let recorded = Recorded::start();
    let layer = BearerAuthLayer::new(table()).max_token_length(16);
    let address = serve(layer.layer(Inner::default())).await;

    let by = ("by", "BearerAuthLayer");
    let refused = ("outcome", "refused");
    let unauthorized = ("status", "401");
    for (headers, fields) in [
        (
            &[][..],
            &[
                by,
                refused,
                unauthorized,
                ("reason", "no_token"),
                ("description", "This server requires a bearer token"),
            ][..],
        ),
        (
            &["Bearer reader", "Bearer reader"],
            &[
                by,
                refused,
                ("status", "400"),
                ("reason", "repeated_header"),
                (
                    "description",
                    "The request has more than one Authorization header",
                ),
            ],
        ),
        (
            &["Bearer ???"],
            &[
                by,
                refused,
                unauthorized,
                ("reason", "malformed"),
                ("description", "The access token is malformed"),
            ],
        ),
        (
            &["Bearer reader-reader-reader"],
            &[
                by,
                refused,
                unauthorized,
                ("reason", "too_long"),
                ("description", "The access token is too long"),
            ],
        ),
        (
            &["Bearer wrong"],
            &[
                by,
                refused,
                unauthorized,
                ("reason", "unrecognized"),
                ("description", "The access token is not recognized"),
                ("token_digest", WRONG),
            ],
        ),
        (
            &["Bearer stale"],
            &[
                by,
                refused,
                unauthorized,
                ("reason", "expired"),
                ("description", "The access token expired"),
                ("token_digest", STALE),
            ],
        ),
        (
            &["Bearer reader"],
            &[
                by,
                ("outcome", "allowed"),
                ("verifier", "static"),
                ("subject", "alice"),
                ("client_id", "cli"),
                ("token_digest", READER),
            ],
        ),
    ] {
        let headers: Vec<_> = headers.iter().map(|v| ("authorization", *v)).collect();
        get(address, "/", &headers).await;
        assert_decisions(recorded.decisions(), &[fields]);
    }
}

#[tokio::test]
async fn a_verifier_that_cannot_tell_is_unavailable_and_says_why() {
    let recorded = Recorded::start();
    let down = verify_fn(|_| async { Err(VerifyError::unavailable("the table is gone")) });
    let service = BearerAuthLayer::new(down).layer(Inner::default());
    answer_of(service, with_token("down")).await.assert_outage();
    assert_decisions(
        recorded.decisions(),
        &[&[
            ("by", "BearerAuthLayer"),
            ("outcome", "unavailable"),
            ("reason", "unavailable"),
            ("status", "503"),
            (
                "description",
                "The access token cannot be verified at the moment",
            ),
            ("error", "the table is gone"),
            ("token_digest", DOWN),
        ]],
    );
}

#[tokio::test]
async fn the_parts_of_a_jwt_are_there_once_it_is_verified_and_not_before() {
    let recorded = Recorded::start();
    let key = SigningKey::generate(Algorithm::ES256);
    let verifier = JwtVerifier::builder()
        .key(key.verifying_key())
        .issuer("https://issuer.test")
        .audience("https://api.test")
        .build()
        .unwrap();
    let address = serve(BearerAuthLayer::new(verifier).layer(Inner::default())).await;
    let token = key
        .token()
        .issuer("https://issuer.test")
        .subject("alice\r\nmallory")
        .client_id("cli")
        .jwt_id("token-7");

    let good = token.clone().audience("https://api.test").build();
    get_with(address, &good).await.assert_passed();
    let mut decisions = recorded.decisions();
    assert_eq!(decisions.len(), 1);
    let digest = decisions[0].remove("token_digest").unwrap();
    assert!(digest.len() == 16 && digest.bytes().all(|b| b.is_ascii_hexdigit()));
    let allowed: &[(&str, &str)] = &[
        ("by", "BearerAuthLayer"),
        ("outcome", "allowed"),
        ("verifier", "jwt"),
        ("issuer", "https://issuer.test"),
        ("subject", "alice\r\nmallory"),
        ("client_id", "cli"),
        ("jti", "token-7"),
    ];
    assert_decisions(decisions, &[allowed]);

    let stray = token.audience("https://elsewhere.test").build();
    assert_eq!(get_with(address, &stray).await.status, 401);
    let mut decisions = recorded.decisions();
    let other_digest = decisions[0].remove("token_digest").unwrap();
    assert_ne!(digest, other_digest);
    let refused: &[(&str, &str)] = &[
        ("by", "BearerAuthLayer"),
        ("outcome", "refused"),
        ("reason", "wrong_audience"),
        ("status", "401"),
        (
            "description",
            "The access token is meant for another audience",
        ),
    ];
    assert_decisions(decisions, &[refused]);
}
#[tokio::test(start_paused = true)]
async fn the_end_of_a_stream_is_a_decision() {
    let recorded = Recorded::start();
    let start = UNIX_EPOCH + Duration::from_secs(1_800_000_000);
    let clock = Clock::manual(start);
    let token = StaticToken::new("cli").expires_at(start + Duration::from_secs(60));
    let verifier = StaticTokenVerifier::new([("stale", token)]).clock(clock.clone());
    let layer = BearerAuthLayer::new(verifier).close_streams_at_expiry();
    let stream = service_fn(|_: Request<Full<Bytes>>| async {
        let response = Response::builder().header("content-type", "text/event-stream");
        Ok::<_, Infallible>(response.body(Full::from("data: 1\n\n")).unwrap())
    });
    let response = layer.layer(stream).oneshot(with_token("stale")).await;
    recorded.decisions();
    clock.advance(Duration::from_secs(60));
    let body = response.unwrap().into_body();
    assert!(body.collect().await.unwrap().to_bytes().is_empty());
    assert_decisions(
        recorded.decisions(),
        &[&[
            ("by", "BearerAuthLayer"),
            ("outcome", "ended"),
            ("reason", "expired"),
            ("description", "The access token expired"),
            ("verifier", "static"),
            ("client_id", "cli"),
            ("token_digest", STALE),
        ]],
    );
}

#[tokio::test]
async fn decisions_are_made_in_the_span_of_the_request_at_debug() {
    let recorded = Recorded::start();
    let guard = RequireScopesLayer::all(["write"]);
    let service = BearerAuthLayer::new(table()).layer(guard.layer(Inner::default()));
    let request = tracing::info_span!("request");
    answer_of(service, with_token("reader"))
        .instrument(request)
        .await;
    let decisions = recorded.events("tower_bearer_auth::audit");
    assert_eq!(decisions.len(), 2);
    for decision in decisions {
        assert_eq!(decision.within, Some("request"));
        assert_eq!(decision.level, Level::DEBUG);
    }
}
