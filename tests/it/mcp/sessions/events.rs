//! The owner of an event.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use futures_util::stream;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use rmcp::transport::streamable_http_server::session::local::LocalSessionManager;
use rmcp::transport::streamable_http_server::session::{
    EventStore, EventStoreError, EventStream, ServerSseMessage,
};
use serde_json::Value;
use tower::{ServiceBuilder, service_fn};
use tower_bearer_auth::mcp::SessionBindingLayer;
use tower_bearer_auth::mcp::session::SessionRequestBody;
use tower_bearer_auth::testing::SigningKey;
use tower_bearer_auth::{Algorithm, BearerAuthLayer};

use super::{Server, assert_gone, verifier};
use crate::support::serve;

/// The ID of the last event in a stream.
fn last_event_id(events: &str) -> String {
    let mut ids = events.lines().filter_map(|line| line.strip_prefix("id: "));
    ids.next_back().unwrap().to_owned()
}

#[tokio::test]
async fn events_are_replayed_to_their_owner() {
    let server = Server::start().await;
    let (alice, mallory) = (server.token("alice", "cli"), server.token("mallory", "cli"));
    let id = server.open(&alice).await;
    let session = [("mcp-session-id", &*id)];
    let mut stream = server.listen(&alice, &session).await;
    let events = stream.chunk().await.unwrap().unwrap();
    let event = last_event_id(std::str::from_utf8(&events).unwrap());
    assert!(event.starts_with("0."), "{events:?}");

    let own = [session[0], ("last-event-id", &*event)];
    server.listen(&alice, &own).await;

    let hers = server.open(&mallory).await;
    let without = [("last-event-id", &*event)];
    let stolen = [("mcp-session-id", &*hers), without[0]];
    let invented = [("mcp-session-id", &*hers), ("last-event-id", "0")];
    let unsigned = [
        ("last-event-id", "0"),
        ("mcp-protocol-version", "2026-07-28"),
    ];
    for headers in [&without[..], &stolen, &invented, &unsigned] {
        let answer = server
            .send("GET", Some(&mallory), headers, &Value::Null)
            .await;
        assert_eq!(answer.status, 405, "{headers:?}");
        assert_eq!(answer.header("allow"), Some("POST"));
        assert_eq!(answer.header("content-type"), Some("application/json"));
    }
    assert_gone(&server.send("GET", Some(&mallory), &own, &Value::Null).await);
}

/// A store with the events of all sessions, numbered consecutively and so guessable.
#[derive(Default)]
struct Numbered {
    events: Mutex<Vec<(String, ServerSseMessage)>>,
    replays: Mutex<HashMap<String, usize>>,
}

#[async_trait::async_trait]
impl EventStore for Numbered {
    async fn store_event(
        &self,
        stream: &str,
        event: &ServerSseMessage,
    ) -> Result<String, EventStoreError> {
        let mut events = self.events.lock().unwrap();
        events.push((stream.to_owned(), event.clone()));
        Ok(events.len().to_string())
    }

    async fn replay_events_after(&self, last: &str) -> Result<EventStream, EventStoreError> {
        *self
            .replays
            .lock()
            .unwrap()
            .entry(last.to_owned())
            .or_default() += 1;
        Ok(Box::pin(stream::empty()))
    }
}

#[tokio::test]
async fn a_shared_event_store_replays_events_only_to_their_owner() {
    let store = Arc::new(Numbered::default());
    let sessions = LocalSessionManager::default().with_event_store(store.clone());
    let server = Server::with(SessionBindingLayer::new(), sessions).await;
    let (alice, mallory) = (server.token("alice", "cli"), server.token("mallory", "cli"));
    let (id, hers) = (server.open(&alice).await, server.open(&mallory).await);
    let answer = server.ping(&id, &alice).await;
    let event = last_event_id(&answer.body);
    let (number, _) = event.split_once('.').unwrap();

    for event in [number, &event] {
        let headers = [("mcp-session-id", &*hers), ("last-event-id", event)];
        let answer = server
            .send("GET", Some(&mallory), &headers, &Value::Null)
            .await;
        assert_eq!(answer.status, 405);
        // Since revision 2026-07-28 a server replays events without a session.
        let headers = [
            ("mcp-protocol-version", "2026-07-28"),
            ("last-event-id", event),
        ];
        let answer = server
            .send("GET", Some(&mallory), &headers, &Value::Null)
            .await;
        assert_eq!(answer.status, 405);
    }
    assert!(store.replays.lock().unwrap().is_empty());

    for headers in [
        [("mcp-session-id", &*id), ("last-event-id", &*event)],
        [
            ("mcp-protocol-version", "2026-07-28"),
            ("last-event-id", &*event),
        ],
    ] {
        let answer = server
            .send("GET", Some(&alice), &headers, &Value::Null)
            .await;
        assert_eq!(answer.status, 200, "{answer:?}");
    }
    assert_eq!(store.replays.lock().unwrap().get(number), Some(&2));
}

#[tokio::test]
async fn a_stream_is_otherwise_unchanged() {
    let inner = service_fn(
        |request: Request<SessionRequestBody<hyper::body::Incoming>>| async move {
            drop(request.into_body().collect().await);
            let text = "event: x\nid: 7\ndata: id: 8\n\n: note\n\nid:\ndata: end\n\n";
            let response = Response::builder()
                .header("content-type", "text/event-stream")
                .header("content-length", text.len());
            Ok::<_, std::convert::Infallible>(response.body(Full::<Bytes>::from(text)).unwrap())
        },
    );
    let key = SigningKey::generate(Algorithm::ES256);
    let service = ServiceBuilder::new()
        .layer(BearerAuthLayer::new(verifier(&key)))
        .layer(SessionBindingLayer::new())
        .service(inner);
    let server = Server {
        address: serve(service).await,
        key,
    };
    let alice = server.token("alice", "cli");
    let answer = server.send("POST", Some(&alice), &[], &Value::Null).await;
    let id = last_event_id(&answer.body);
    assert!(id.starts_with("7."));
    let expected = format!("event: x\nid: {id}\ndata: id: 8\n\n: note\n\nid:\ndata: end\n\n");
    assert_eq!(answer.body, expected);
}
