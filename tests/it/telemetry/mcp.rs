//! Audit events of the MCP guards.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use futures_util::stream;
use http::{Method, Request, Response};
use http_body::Frame;
use http_body_util::{Full, StreamBody};
use serde_json::{Value, json};
use tower::{Layer, ServiceBuilder, ServiceExt, service_fn};
use tower_bearer_auth::mcp::{ScopeRules, SessionBindingLayer, ToolScopesLayer};
use tower_bearer_auth::{
    AccessToken, BearerAuthLayer, BearerToken, RequireScopesLayer, ScopeRequirement, StaticToken,
    StaticTokenVerifier, VerifyError, verify_fn,
};

use super::assert_decisions;
use super::recorded::{Fields, Recorded};
use crate::support::{Inner, answer_of};

type Expected<'a> = &'a [(&'static str, &'a str)];

const DIGEST: (&str, &str) = ("token_digest", "04f8996da763b7a9");

fn layer() -> BearerAuthLayer<StaticTokenVerifier> {
    let verifier = StaticTokenVerifier::new([
        ("user", StaticToken::new("cli")),
        ("other", StaticToken::new("other-cli")),
    ]);
    BearerAuthLayer::new(verifier).optional()
}

fn post(headers: &[(&str, &str)], body: impl Into<Bytes>) -> Request<Full<Bytes>> {
    let request = Request::post("/").header("content-type", "application/json");
    let request = headers.iter().fold(request, |request, (name, value)| {
        request.header(*name, *value)
    });
    request.body(Full::from(body.into())).unwrap()
}

/// The decision of the second guard, after the layer let the request pass.
fn second(recorded: &Recorded) -> Vec<Fields> {
    let mut decisions = recorded.decisions();
    let first = decisions.remove(0);
    assert_eq!(first["by"], "BearerAuthLayer");
    decisions
}

fn call(tool: &str) -> Value {
    json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": tool}})
}

#[tokio::test]
async fn the_tool_guard_emits_its_decisions() {
    let recorded = Recorded::start();
    let rules = ScopeRules::builder()
        .tool("secret", ScopeRequirement::all(["admin"]))
        .default_rule(ScopeRequirement::token())
        .build()
        .unwrap();
    let guard = ToolScopesLayer::new(rules).max_body_bytes(1000);
    let service = layer().layer(guard.layer(Inner::default()));
    let user = ("authorization", "Bearer user");
    let by = ("by", "ToolScopesLayer");
    let who = [("verifier", "static"), ("client_id", "cli"), DIGEST];
    let allowed = [by, ("outcome", "allowed")];

    answer_of(service.clone(), post(&[user], call("open").to_string())).await;
    assert_decisions(second(&recorded), &[&[&allowed[..], &who].concat()]);

    answer_of(service.clone(), post(&[user], call("secret").to_string())).await;
    let refused = [
        by,
        ("outcome", "refused"),
        ("reason", "insufficient_scope"),
        ("status", "403"),
        ("required", "admin"),
        ("description", "The access token lacks a required scope"),
    ];
    assert_decisions(second(&recorded), &[&[&refused[..], &who].concat()]);

    let params = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {}});
    for (request, status, reason, description) in [
        (
            post(&[user], "{"),
            "400",
            "bad_json",
            "the body is not JSON",
        ),
        (
            post(&[user], "{}"),
            "400",
            "bad_message",
            "it is neither a call nor a response",
        ),
        (
            post(&[user], params.to_string()),
            "400",
            "bad_params",
            "the parameters do not clearly name the target",
        ),
        (
            post(
                &[user, ("mcp-method", "ping"), ("mcp-method", "ping")],
                "{}",
            ),
            "400",
            "bad_headers",
            "an MCP header occurs twice",
        ),
        (
            post(&[user, ("content-encoding", "gzip")], "{}"),
            "415",
            "unsupported_encoding",
            "the body must be UTF-8 without a content encoding",
        ),
        (
            post(&[user], "x".repeat(1001)),
            "413",
            "body_too_large",
            "the body is too large",
        ),
        (
            Request::put("/")
                .header(user.0, user.1)
                .body(Full::default())
                .unwrap(),
            "405",
            "http_method",
            "MCP does not use this HTTP method",
        ),
    ] {
        answer_of(service.clone(), request).await;
        let refused: Expected<'_> = &[
            by,
            ("outcome", "refused"),
            ("reason", reason),
            ("status", status),
            ("description", description),
        ];
        assert_decisions(second(&recorded), &[&[refused, &who].concat()]);
    }
}

/// A server that opens a session for each request without one.
async fn sessions<B>(request: Request<B>) -> Result<Response<Full<Bytes>>, Infallible> {
    let mut response = Response::new(Full::default());
    if !request.headers().contains_key("mcp-session-id") {
        let id = "5".parse().unwrap();
        response.headers_mut().insert("mcp-session-id", id);
    }
    Ok(response)
}

#[tokio::test]
async fn the_session_guard_emits_its_decisions() {
    let recorded = Recorded::start();
    let service = ServiceBuilder::new()
        .layer(layer())
        .layer(SessionBindingLayer::new())
        .service(service_fn(sessions));
    let user = ("authorization", "Bearer user");
    let by = ("by", "SessionBindingLayer");
    let allowed: Expected<'_> = &[
        by,
        ("outcome", "allowed"),
        ("verifier", "static"),
        ("client_id", "cli"),
        DIGEST,
    ];

    let opened = answer_of(service.clone(), post(&[user], "")).await;
    assert_decisions(second(&recorded), &[allowed]);
    let id = opened.header("mcp-session-id").unwrap();
    answer_of(service.clone(), post(&[user, ("mcp-session-id", id)], "")).await;
    assert_decisions(second(&recorded), &[allowed]);

    let other = ("authorization", "Bearer other");
    let stolen = post(&[other, ("mcp-session-id", id)], "");
    assert_eq!(answer_of(service.clone(), stolen).await.status, 404);
    let refused: Expected<'_> = &[
        by,
        ("outcome", "refused"),
        ("reason", "no_such_session"),
        ("status", "404"),
        ("description", "Session not found"),
        ("verifier", "static"),
        ("client_id", "other-cli"),
        ("token_digest", "d9298a10d1b07358"),
    ];
    assert_decisions(second(&recorded), &[refused]);

    let resumed = Request::get("/")
        .header(user.0, user.1)
        .header("last-event-id", "1");
    let resumed = resumed.body(Full::default()).unwrap();
    assert_eq!(answer_of(service.clone(), resumed).await.status, 405);
    let nothing: Expected<'_> = &[
        by,
        ("outcome", "refused"),
        ("reason", "nothing_to_resume"),
        ("status", "405"),
        ("description", "there are no events to resume"),
        ("verifier", "static"),
        ("client_id", "cli"),
        DIGEST,
    ];
    assert_decisions(second(&recorded), &[nothing]);

    // The guard detects a session without a principal after the server has opened it.
    assert_eq!(answer_of(service, post(&[], "")).await.status, 401);
    let anonymous: Expected<'_> = &[by, ("outcome", "anonymous")];
    let refused: Expected<'_> = &[
        by,
        ("outcome", "refused"),
        ("reason", "no_token"),
        ("status", "401"),
        ("description", "This server requires a bearer token"),
    ];
    assert_decisions(second(&recorded), &[anonymous, refused]);
}

#[tokio::test]
async fn a_session_for_a_token_without_a_principal_is_refused_after_it_was_opened() {
    let recorded = Recorded::start();
    let nameless = verify_fn(|token: BearerToken| async {
        Ok::<_, VerifyError>(AccessToken::builder(token).build())
    });
    let service = ServiceBuilder::new()
        .layer(BearerAuthLayer::new(nameless))
        .layer(SessionBindingLayer::new())
        .service(service_fn(sessions));
    let opened = answer_of(service, post(&[("authorization", "Bearer user")], "")).await;
    assert_eq!(opened.status, 403);
    let by = ("by", "SessionBindingLayer");
    let verifier = ("verifier", "custom");
    let allowed: Expected<'_> = &[by, ("outcome", "allowed"), verifier, DIGEST];
    let description =
        "the access token names neither a subject nor a client, so it cannot own a session";
    let refused: Expected<'_> = &[
        by,
        ("outcome", "refused"),
        ("reason", "session_without_principal"),
        ("status", "403"),
        ("description", description),
        verifier,
        DIGEST,
    ];
    assert_decisions(second(&recorded), &[allowed, refused]);
}

#[tokio::test]
async fn the_end_of_a_refused_session_is_no_decision_of_its_own() {
    let recorded = Recorded::start();
    let nameless = verify_fn(|token: BearerToken| async {
        Ok::<_, VerifyError>(AccessToken::builder(token).scopes(["tools"]).build())
    });
    let rules = ScopeRules::builder().default_rule(ScopeRequirement::permit_all());
    let deleted = Arc::<AtomicUsize>::default();
    let count = Arc::clone(&deleted);
    let service = ServiceBuilder::new()
        .layer(BearerAuthLayer::new(nameless).optional())
        .layer(SessionBindingLayer::new())
        .layer(ToolScopesLayer::new(rules.build().unwrap()))
        .layer(RequireScopesLayer::new(ScopeRequirement::permit_all()))
        .service(service_fn(move |request: Request<_>| {
            let is_delete = request.method() == Method::DELETE;
            count.fetch_add(usize::from(is_delete), Ordering::SeqCst);
            if let (true, Some(token)) = (is_delete, request.extensions().get::<AccessToken>()) {
                token.require_scopes(["tools"]).unwrap();
            }
            sessions(request)
        }));
    let ping = json!({"jsonrpc": "2.0", "id": 1, "method": "ping"}).to_string();
    let user = ("authorization", "Bearer user");
    for (headers, status, outcome) in [(&[][..], 401, "anonymous"), (&[user], 403, "allowed")] {
        let answer = answer_of(service.clone(), post(headers, ping.clone())).await;
        assert_eq!(answer.status, status);
        let decisions = recorded.decisions();
        let decisions: Vec<_> = decisions
            .iter()
            .map(|decision| (&*decision["by"], &*decision["outcome"]))
            .collect();
        assert_eq!(
            decisions,
            [
                ("BearerAuthLayer", outcome),
                ("SessionBindingLayer", outcome),
                ("ToolScopesLayer", outcome),
                ("RequireScopesLayer", outcome),
                ("SessionBindingLayer", "refused"),
            ]
        );
    }
    assert_eq!(deleted.load(Ordering::SeqCst), 2);

    // Later requests are recorded.
    let request = post(&[user, ("mcp-session-id", "forged")], ping);
    assert_eq!(answer_of(service, request).await.status, 404);
    assert_eq!(second(&recorded).len(), 1);
}

#[tokio::test]
async fn a_body_that_breaks_off_is_logged() {
    let recorded = Recorded::start();
    let rules = ScopeRules::builder().default_rule(ScopeRequirement::token());
    let guard = ToolScopesLayer::new(rules.build().unwrap());
    let service = layer().layer(guard.layer(Inner::default()));
    let broken = stream::iter([Ok(Frame::data(Bytes::from("{"))), Err("gone")]);
    let request = Request::post("/")
        .header("content-type", "application/json")
        .header("authorization", "Bearer user")
        .body(StreamBody::new(broken))
        .unwrap();
    let answer = service.oneshot(request).await.unwrap();
    assert_eq!(answer.status(), 400);
    let refused: Expected<'_> = &[
        ("by", "ToolScopesLayer"),
        ("outcome", "refused"),
        ("reason", "body_incomplete"),
        ("status", "400"),
        ("description", "the body is incomplete"),
        ("verifier", "static"),
        ("client_id", "cli"),
        DIGEST,
    ];
    assert_decisions(second(&recorded), &[refused]);
}
