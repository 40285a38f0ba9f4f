//! The audit events of guards behind the layer, and of extractors in handlers.

use axum::Router;
use axum::routing::get as route;
use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use serde::Deserialize;
use tower::Layer;
use tower_bearer_auth::{
    AccessToken, BearerAuthLayer, Claims, RequireScopesLayer, ScopeError, ScopeRequirement,
};

use super::assert_decisions;
use super::recorded::Recorded;
use crate::support::{Inner, answer_of, get, serve_axum, table, with_token};

/// The beginning of a SHA-256 digest, by `sha256sum`.
const READER: &str = "3d0941964aa3ebdc";

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
            ScopeRequirement::deny_all(),
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
async fn a_request_without_a_token_is_anonymous_until_a_guard_requires_a_token() {
    let recorded = Recorded::start();
    let layer = BearerAuthLayer::new(table()).optional();
    let anonymous: &[_] = &[("by", "BearerAuthLayer"), ("outcome", "anonymous")];
    let request = || Request::new(Full::<Bytes>::default());

    let open = RequireScopesLayer::new(ScopeRequirement::permit_all());
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
