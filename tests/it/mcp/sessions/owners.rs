//! The owner of a session.

use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use rmcp::transport::streamable_http_server::session::local::LocalSessionManager;
use serde_json::{Value, json};
use tower::{Layer, ServiceBuilder, service_fn};
use tower_bearer_auth::mcp::SessionBindingLayer;
use tower_bearer_auth::mcp::session::SessionRequestBody;
use tower_bearer_auth::testing::SigningKey;
use tower_bearer_auth::{Algorithm, BearerAuthLayer};

use super::{AUDIENCE, ISSUER, Server, assert_gone, initialize, verifier};
use crate::support::{answer_of, no_token, serve};

#[tokio::test]
async fn only_its_owner_can_use_and_delete_a_session() {
    let server = Server::start().await;
    let (alice, mallory) = (server.token("alice", "cli"), server.token("mallory", "cli"));
    let id = server.open(&alice).await;
    let session = [("mcp-session-id", &*id)];

    assert_gone(&server.ping(&id, &mallory).await);
    assert_gone(
        &server
            .send("GET", Some(&mallory), &session, &Value::Null)
            .await,
    );
    assert_gone(
        &server
            .send("DELETE", Some(&mallory), &session, &Value::Null)
            .await,
    );

    assert!(server.takes(&id, &alice).await);
    server.listen(&alice, &session).await;
    let ended = server
        .send("DELETE", Some(&alice), &session, &Value::Null)
        .await;
    assert_eq!(ended.status, 202);
    // The server's own response: the session no longer exists for its owner either.
    assert!(!server.takes(&id, &alice).await);
}

#[tokio::test]
async fn the_owner_is_identified_by_issuer_subject_and_client() {
    let server = Server::start().await;
    let id = server.open(&server.token("alice", "cli")).await;
    let base = || {
        server
            .key
            .token()
            .audience(AUDIENCE)
            .subject("alice")
            .client_id("cli")
    };
    let refreshed = base()
        .issuer(ISSUER)
        .jwt_id("another")
        .scopes(["more"])
        .build();
    assert!(server.takes(&id, &refreshed).await);
    for other in [
        base().issuer("https://other.test").build(),
        base().issuer(ISSUER).client_id("other").build(),
        base()
            .issuer(ISSUER)
            .subject("alic")
            .client_id("ecli")
            .build(),
        base().issuer(ISSUER).without_claim("sub").build(),
        base().issuer(ISSUER).without_claim("client_id").build(),
        base()
            .issuer(ISSUER)
            .without_claim("sub")
            .without_claim("client_id")
            .build(),
    ] {
        assert!(!server.takes(&id, &other).await);
    }
}

#[tokio::test]
async fn an_id_that_the_guard_did_not_issue_is_not_a_session() {
    let server = Server::start().await;
    let alice = server.token("alice", "cli");
    let id = server.open(&alice).await;
    let (own, code) = id.rsplit_once('.').unwrap();
    let elsewhere = Server::start().await;
    let foreign = elsewhere.open(&elsewhere.token("alice", "cli")).await;
    let (_, foreign_code) = foreign.rsplit_once('.').unwrap();
    let flipped = format!("{}{}", &id[..id.len() - 2], "AA");
    for forged in [
        own.to_owned(),
        format!("{own}."),
        format!(".{code}"),
        format!("{own}.{}", &code[1..]),
        format!("{own}.{code}="),
        format!("{own}.{code}.{code}"),
        format!("{own}.{foreign_code}"),
        format!("x{id}"),
        id.to_uppercase(),
        flipped,
        foreign,
        "made-up".to_owned(),
        String::new(),
    ] {
        assert_gone(&server.ping(&forged, &alice).await);
    }
    assert!(server.takes(&id, &alice).await);
}

#[tokio::test]
async fn replicas_with_one_secret_share_sessions_and_others_do_not() {
    let key = SigningKey::generate(Algorithm::ES256);
    let sessions = Arc::new(LocalSessionManager::default());
    let with = |secret: u8| SessionBindingLayer::new().secret([secret; 32]);
    let one = Server::at(&key, with(1), Arc::clone(&sessions)).await;
    let replica = Server::at(&key, with(1), Arc::clone(&sessions)).await;
    let other = Server::at(&key, with(2), sessions).await;
    let alice = one.token("alice", "cli");
    let id = one.open(&alice).await;
    assert!(replica.takes(&id, &alice).await);
    assert!(!other.takes(&id, &alice).await);
}

#[tokio::test]
async fn two_ids_at_once_are_refused() {
    let server = Server::start().await;
    let alice = server.token("alice", "cli");
    let id = server.open(&alice).await;
    let own = [("mcp-session-id", &*id), ("mcp-session-id", &*id)];
    let events = [
        ("mcp-session-id", &*id),
        ("last-event-id", "0"),
        ("last-event-id", "1"),
    ];
    for headers in [&own[..], &events] {
        for method in ["GET", "POST", "DELETE"] {
            let answer = server
                .send(method, Some(&alice), headers, &Value::Null)
                .await;
            assert_eq!(answer.status, 400, "{answer:?}");
            assert_eq!(answer.json()["error"]["code"], -32020);
        }
    }
    assert!(server.takes(&id, &alice).await);
}

#[tokio::test]
async fn a_token_without_a_principal_opens_no_session() {
    let server = Server::start().await;
    let nameless = server.key.token().issuer(ISSUER).audience(AUDIENCE).build();
    let answer = server
        .send("POST", Some(&nameless), &[], &initialize())
        .await;
    assert_eq!(answer.status, 403, "{answer:?}");
    assert_eq!(answer.header("mcp-session-id"), None);
    assert_eq!(answer.header("www-authenticate"), None);
    let message = answer.json()["error"]["message"]
        .as_str()
        .unwrap()
        .to_owned();
    assert!(
        message.contains("neither a subject nor a client"),
        "{message}"
    );

    // Requests that need no session are allowed.
    let call = json!({
        "jsonrpc": "2.0", "id": 1, "method": "tools/call",
        "params": {"name": "open", "_meta": {
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "1"},
            "io.modelcontextprotocol/clientCapabilities": {},
        }},
    });
    let headers = [
        ("mcp-protocol-version", "2026-07-28"),
        ("mcp-method", "tools/call"),
        ("mcp-name", "open"),
    ];
    let answer = server.send("POST", Some(&nameless), &headers, &call).await;
    assert_eq!(answer.status, 200, "{answer:?}");
}

#[tokio::test]
async fn an_anonymous_client_behind_an_optional_layer_is_challenged() {
    let server = Server::start().await;
    let id = server.open(&server.token("alice", "cli")).await;
    let session = [("mcp-session-id", &*id)];
    for method in ["GET", "POST", "DELETE"] {
        let answer = server.send(method, None, &session, &Value::Null).await;
        answer.assert_refusal(401, Some("Bearer"), &no_token());
    }
    let answer = server.send("POST", None, &[], &initialize()).await;
    answer.assert_refusal(401, Some("Bearer"), &no_token());
}

#[tokio::test]
async fn without_a_layer_in_front_nothing_is_bound() {
    let inner = service_fn(|_: Request<SessionRequestBody<Full<Bytes>>>| async {
        Ok::<_, std::convert::Infallible>(Response::new(Full::<Bytes>::default()))
    });
    let service = SessionBindingLayer::new().layer(inner);
    let request = Request::new(Full::default());
    answer_of(service, request).await.assert_no_layer();
}

#[tokio::test]
async fn the_inner_server_sees_only_its_own_ids() {
    let inner = service_fn(
        |request: Request<SessionRequestBody<hyper::body::Incoming>>| async move {
            let seen = |name: &str| {
                let values = request.headers().get_all(name).iter();
                let values: Vec<_> = values.map(|value| value.to_str().unwrap()).collect();
                values.join("|")
            };
            let body = format!("{}, {}", seen("mcp-session-id"), seen("last-event-id"));
            let response = Response::builder().header("mcp-session-id", "a.b.c");
            Ok::<_, std::convert::Infallible>(response.body(Full::<Bytes>::from(body)).unwrap())
        },
    );
    let key = SigningKey::generate(Algorithm::ES256);
    let service = ServiceBuilder::new()
        .layer(BearerAuthLayer::new(verifier(&key)))
        .layer(SessionBindingLayer::default())
        .service(inner);
    let server = Server {
        address: serve(service).await,
        key,
    };
    let alice = server.token("alice", "cli");
    let opened = server.send("POST", Some(&alice), &[], &Value::Null).await;
    assert_eq!(opened.body, ", ");
    let id = opened.header("mcp-session-id").unwrap();
    assert!(id.starts_with("a.b.c."), "{id}");
    assert!(id.bytes().all(|byte| (0x21..=0x7e).contains(&byte)));
    let session = [("mcp-session-id", id)];
    let used = server
        .send("POST", Some(&alice), &session, &Value::Null)
        .await;
    assert_eq!(used.body, "a.b.c, ");
    assert_eq!(used.header("mcp-session-id"), Some(id));
    // An invalid event ID is ignored outside of a GET.
    let headers = [("mcp-session-id", id), ("last-event-id", "7")];
    let used = server
        .send("POST", Some(&alice), &headers, &Value::Null)
        .await;
    assert_eq!(used.body, "a.b.c, ");
}

#[tokio::test]
async fn an_id_of_more_than_1_kib_is_neither_a_session_nor_an_event_id() {
    let inner = service_fn(
        |request: Request<SessionRequestBody<hyper::body::Incoming>>| async move {
            let length = request.headers()["x-length"].to_str().unwrap();
            let id = "a".repeat(length.parse().unwrap());
            let response = Response::builder().header("mcp-session-id", id);
            let response = response.body(Full::<Bytes>::default());
            Ok::<_, std::convert::Infallible>(response.unwrap())
        },
    );
    let key = SigningKey::generate(Algorithm::ES256);
    let service = ServiceBuilder::new()
        .layer(BearerAuthLayer::new(verifier(&key)))
        .layer(SessionBindingLayer::default())
        .service(inner);
    let server = Server {
        address: serve(service).await,
        key,
    };
    let alice = server.token("alice", "cli");
    for (length, is_known) in [("1024", true), ("1025", false), ("12000", false)] {
        let length = ("x-length", length);
        let opened = server
            .send("POST", Some(&alice), &[length], &Value::Null)
            .await;
        let id = opened.header("mcp-session-id").unwrap();
        let headers = [length, ("mcp-session-id", id)];
        let used = server
            .send("POST", Some(&alice), &headers, &Value::Null)
            .await;
        match is_known {
            true => assert_eq!(used.status, 200, "{used:?}"),
            false => assert_gone(&used),
        }
    }
    let event = format!("{}.{}", "a".repeat(1025), "A".repeat(43));
    let headers = [("x-length", "1"), ("last-event-id", &*event)];
    let answer = server
        .send("GET", Some(&alice), &headers, &Value::Null)
        .await;
    assert_eq!(answer.status, 405, "{answer:?}");
    assert_eq!(answer.header("allow"), Some("POST"));
}

#[test]
#[should_panic(expected = "too short for sessions")]
fn a_short_secret_panics() {
    let _ = SessionBindingLayer::new().secret([0; 31]);
}

#[test]
fn debug_shows_no_secret() {
    let layer = SessionBindingLayer::new().secret(b"hunter2-hunter2-hunter2-hunter2-");
    assert_eq!(format!("{layer:?}"), "SessionBindingLayer { .. }");
}
