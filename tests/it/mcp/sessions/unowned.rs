//! A session that its client cannot own is deleted.

use std::convert::Infallible;
use std::future::pending;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body::Body;
use http_body_util::{BodyExt, Full};
use rmcp::transport::StreamableHttpServerConfig;
use rmcp::transport::streamable_http_server::session::local::LocalSessionManager;
use serde_json::json;
use tower::{ServiceBuilder, service_fn};
use tower_bearer_auth::mcp::session::SessionRequestBody;
use tower_bearer_auth::mcp::{ScopeRules, SessionBindingLayer, ToolScopesLayer};
use tower_bearer_auth::testing::SigningKey;
use tower_bearer_auth::{AccessToken, Algorithm, BearerAuthLayer, ScopeRequirement};

use super::{AUDIENCE, ISSUER, Server, initialize, verifier};
use crate::mcp::recorder::Recorder;
use crate::support::{Answer, Logs, answer_of, no_token, send, serve};

/// A token without a subject or a client.
fn nameless(key: &SigningKey) -> String {
    key.token().issuer(ISSUER).audience(AUDIENCE).build()
}

fn opening(token: Option<&str>) -> Request<Full<Bytes>> {
    let body = initialize().to_string();
    let mut request = Request::post("/mcp?x=1")
        .header("host", "localhost")
        .header("content-type", "application/json")
        .header("content-length", body.len())
        .header("accept", "application/json, text/event-stream")
        .header("mcp-method", "initialize")
        .header("mcp-param-tenant", "7")
        .header("x-tenant", "7");
    if let Some(token) = token {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    request.body(Full::new(body.into())).unwrap()
}

#[track_caller]
fn assert_refused(answer: &Answer, token: Option<&str>) {
    assert_eq!(answer.header("mcp-session-id"), None);
    match token {
        Some(_) => assert_eq!(answer.status, StatusCode::FORBIDDEN, "{answer:?}"),
        None => answer.assert_refusal(401, Some("Bearer"), &no_token()),
    }
}

#[tokio::test]
async fn a_session_without_an_owner_is_deleted_before_the_refusal_is_sent() {
    let key = SigningKey::generate(Algorithm::ES256);
    let rules = ScopeRules::builder().default_rule(ScopeRequirement::deny_all());
    let guard = ToolScopesLayer::new(rules.build().unwrap());
    for with_tool_guard in [false, true] {
        let sessions = Arc::new(LocalSessionManager::default());
        let recorder = Recorder::default();
        let mcp = rmcp::transport::StreamableHttpService::new(
            move || Ok(recorder.clone()),
            Arc::clone(&sessions),
            StreamableHttpServerConfig::default(),
        );
        let outer = ServiceBuilder::new()
            .layer(BearerAuthLayer::new(verifier(&key)).optional())
            .layer(SessionBindingLayer::new());
        let address = match with_tool_guard {
            true => serve(outer.layer(guard.clone()).service(mcp)).await,
            false => serve(outer.service(mcp)).await,
        };
        for token in [None, Some(nameless(&key))] {
            let answer = send(address, opening(token.as_deref())).await;
            assert_refused(&answer, token.as_deref());
            assert!(sessions.sessions.read().await.is_empty());
        }
        let server = Server {
            address,
            key: key.clone(),
        };
        let id = server.open(&server.token("alice", "cli")).await;
        assert_eq!(sessions.sessions.read().await.len(), 1);
        assert!(server.takes(&id, &server.token("alice", "cli")).await);
    }
}

/// The parts of a request that the server received.
type Seen = Arc<Mutex<Vec<String>>>;

/// Sends a `POST` through a session guard. The server behind it opens a session and responds to a `DELETE` with the
/// status `ending`, or never if there is none.
async fn answer(ending: Option<u16>, token: Option<&str>, key: &SigningKey) -> (Answer, Seen) {
    let seen = Seen::default();
    let note = Arc::clone(&seen);
    let inner = service_fn(move |request: Request<_>| {
        let note = Arc::clone(&note);
        async move {
            let (head, body): (_, SessionRequestBody<_>) = request.into_parts();
            let is_end_stream = body.is_end_stream();
            let exact = body.size_hint().exact();
            let length = BodyExt::collect(body).await.unwrap().to_bytes().len();
            assert_eq!(exact, Some(length as u64));
            if head.method == Method::POST {
                assert!(length > 0);
                let response = Response::builder().header("mcp-session-id", "own.id");
                return Ok::<_, Infallible>(response.body(Full::<Bytes>::default()).unwrap());
            }
            assert!(is_end_stream && length == 0);
            let mut names: Vec<_> = head
                .headers
                .iter()
                .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()))
                .collect();
            names.sort();
            let who = head.extensions.get::<AccessToken>().is_some();
            note.lock().unwrap().push(format!(
                "{} {} {who} {}",
                head.method,
                head.uri,
                names.join(", ")
            ));
            match ending {
                Some(status) => Ok(Response::builder()
                    .status(status)
                    .body(Full::default())
                    .unwrap()),
                None => pending().await,
            }
        }
    });
    let service = ServiceBuilder::new()
        .layer(BearerAuthLayer::new(verifier(key)).optional())
        .layer(SessionBindingLayer::new())
        .service(inner);
    let mut request = opening(token);
    request
        .headers_mut()
        .insert("expect", "100-continue".parse().unwrap());
    (answer_of(service, request).await, seen)
}

#[tokio::test(start_paused = true)]
async fn the_delete_has_the_headers_and_extensions_of_the_request_that_opened_the_session() {
    let key = SigningKey::generate(Algorithm::ES256);
    for token in [None, Some(nameless(&key))] {
        for ending in [Some(202), Some(204), Some(405), Some(500), None] {
            let logs = Logs::capture();
            let (answer, seen) = answer(ending, token.as_deref(), &key).await;
            assert_refused(&answer, token.as_deref());
            let expected = format!(
                "DELETE /mcp?x=1 {} accept: application/json, text/event-stream, host: localhost, mcp-session-id: own.id, x-tenant: 7",
                token.is_some()
            );
            assert_eq!(*seen.lock().unwrap(), [expected]);
            let failed = match ending {
                Some(202 | 204) => None,
                Some(_) => Some("outcome=\"refused\""),
                None => Some("outcome=\"timed_out\""),
            };
            let text = logs.text();
            let logged = text.contains("a refused session could not be ended");
            assert_eq!(logged, failed.is_some(), "{ending:?}: {text}");
            if let Some(failed) = failed {
                assert!(text.contains(failed), "{text}");
            }
        }
    }
}

#[tokio::test]
async fn a_request_that_opens_no_session_deletes_none() {
    let server = Server::start().await;
    let ping = json!({"jsonrpc": "2.0", "id": 2, "method": "ping"});
    let answer = server.send("POST", None, &[], &ping).await;
    // The server's own response: the request needs a session.
    assert_eq!(answer.status, 400, "{answer:?}");
}
