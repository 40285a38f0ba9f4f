use std::convert::Infallible;
use std::time::{Duration, UNIX_EPOCH};

use axum::Router;
use axum::routing::get as route;
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use serde::Deserialize;
use tower::{Layer, ServiceExt, service_fn};
use tower_bearer_auth::testing::SigningKey;
use tower_bearer_auth::{
    AccessToken, Algorithm, BearerAuthLayer, Claims, Clock, JwtVerifier, RequireScopesLayer,
    ScopeError, ScopeRequirement, StaticToken, StaticTokenVerifier, VerifyError, verify_fn,
};
use tracing::{Instrument, Level};

use super::assert_decisions;
use super::recorded::Recorded;
use crate::support::{Inner, answer_of, get, get_with, serve, serve_axum, table, with_token};

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

const READERS_TOKEN: [(&str, &str); 4] = [
    ("verifier", "static"),
    ("subject", "alice"),
    ("client_id", "cli"),
    ("token_digest", READER),
];

/// A decision about the token `reader`.
fn about_reader(rest: &[(&'static str, &'static str)]) -> Vec<(&'static str, &'static str)> {
    [rest, &READERS_TOKEN].concat()
}

#[tokio::test]
async fn every_guard_behind_it_says_what_it_decides() {
    let recorded = Recorded::start();
    let layer = BearerAuthLayer::new(table());
    let passed = about_reader(&[("by", "BearerAuthLayer"), ("outcome", "allowed")]);
    let lacking = ("description", "The access token lacks a required scope");
    let forbidden = ("description", "No scope allows this operation");
    let by = ("by", "RequireScopesLayer");
    for (requirement, fields) in [
        (
            ScopeRequirement::all(["read"]),
            about_reader(&[by, ("outcome", "allowed")]),
        ),
        (
            ScopeRequirement::all(["read", "write"]),
            about_reader(&[
                by,
                ("outcome", "refused"),
                ("reason", "insufficient_scope"),
                ("status", "403"),
                ("required", "read write"),
                lacking,
            ]),
        ),
        (
            ScopeRequirement::nobody(),
            about_reader(&[
                by,
                ("outcome", "refused"),
                ("reason", "access_denied"),
                ("status", "403"),
                forbidden,
            ]),
        ),
    ] {
        let guard = RequireScopesLayer::new(requirement);
        let service = layer.layer(guard.layer(Inner::default()));
        answer_of(service, with_token("reader")).await;
        assert_decisions(recorded.decisions(), &[&passed, &fields]);
    }
}

#[tokio::test]
async fn whoever_comes_without_a_token_is_anonymous_until_one_is_needed() {
    let recorded = Recorded::start();
    let layer = BearerAuthLayer::new(table()).optional();
    let anonymous: &[_] = &[("by", "BearerAuthLayer"), ("outcome", "anonymous")];
    let request = || Request::new(Full::<Bytes>::default());

    let open = RequireScopesLayer::new(ScopeRequirement::anyone());
    let service = layer.layer(open.layer(Inner::default()));
    answer_of(service, request()).await.assert_passed();
    let guard: &[_] = &[("by", "RequireScopesLayer"), ("outcome", "anonymous")];
    assert_decisions(recorded.decisions(), &[anonymous, guard]);

    let service = layer.layer(RequireScopesLayer::all(["read"]).layer(Inner::default()));
    assert_eq!(answer_of(service, request()).await.status, 401);
    let guard: &[_] = &[
        ("by", "RequireScopesLayer"),
        ("outcome", "refused"),
        ("reason", "no_token"),
        ("status", "401"),
        ("description", "This server requires a bearer token"),
    ];
    assert_decisions(recorded.decisions(), &[anonymous, guard]);
}

#[tokio::test]
async fn handlers_say_what_they_decide_and_once() {
    #[derive(Deserialize)]
    struct Tenant {
        #[allow(dead_code, reason = "no token has one")]
        tenant: u64,
    }
    let recorded = Recorded::start();
    let app = Router::new()
        .route(
            "/required",
            route(|token: AccessToken| async move {
                assert!(!token.has_scope("write"));
                token.require_scopes(["read"])?;
                token.require_scopes(["write"])?;
                Ok::<_, ScopeError>(())
            }),
        )
        .route(
            "/claims",
            route(|_: Claims<Tenant>| async { "unreachable" }),
        )
        .layer(BearerAuthLayer::new(table()).optional());
    let address = serve_axum(app).await;
    let reader = [("authorization", "Bearer reader")];
    let passed = about_reader(&[("by", "BearerAuthLayer"), ("outcome", "allowed")]);

    assert_eq!(get(address, "/required", &reader).await.status, 403);
    let by = ("by", "AccessToken::require_scopes");
    let allowed = about_reader(&[by, ("outcome", "allowed")]);
    let refused = about_reader(&[
        by,
        ("outcome", "refused"),
        ("reason", "insufficient_scope"),
        ("required", "write"),
        ("description", "The access token lacks a required scope"),
    ]);
    assert_decisions(recorded.decisions(), &[&passed, &allowed, &refused]);

    assert_eq!(get(address, "/claims", &reader).await.status, 401);
    let misfit = about_reader(&[
        ("by", "Claims"),
        ("outcome", "refused"),
        ("reason", "invalid_claim"),
        ("description", "The access token has an unacceptable claim"),
    ]);
    assert_decisions(recorded.decisions(), &[&passed, &misfit]);

    let anonymous: &[_] = &[("by", "BearerAuthLayer"), ("outcome", "anonymous")];
    for (path, extractor) in [("/required", "AccessToken"), ("/claims", "Claims")] {
        assert_eq!(get(address, path, &[]).await.status, 401);
        let refused: &[_] = &[
            ("by", extractor),
            ("outcome", "refused"),
            ("reason", "no_token"),
            ("description", "This server requires a bearer token"),
        ];
        assert_decisions(recorded.decisions(), &[anonymous, refused]);
    }
}

#[tokio::test]
async fn a_guard_without_a_layer_is_misconfigured() {
    let recorded = Recorded::start();
    let service = RequireScopesLayer::all(["read"]).layer(Inner::default());
    answer_of(service, with_token("reader"))
        .await
        .assert_no_layer();
    assert_decisions(
        recorded.decisions(),
        &[&[
            ("by", "RequireScopesLayer"),
            ("outcome", "misconfigured"),
            ("reason", "no_layer"),
            ("status", "500"),
            ("description", "The server cannot answer this request"),
        ]],
    );
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
