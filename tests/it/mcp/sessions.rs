//! Sessions and events that belong to whoever they are for.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use futures_util::stream;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use rmcp::transport::StreamableHttpServerConfig;
use rmcp::transport::StreamableHttpService;
use rmcp::transport::streamable_http_server::session::local::LocalSessionManager;
use rmcp::transport::streamable_http_server::session::{
    EventStore, EventStoreError, EventStream, ServerSseMessage,
};
use serde_json::{Value, json};
use tower::{Layer, ServiceBuilder, service_fn};
use tower_bearer_auth::mcp::SessionBindingLayer;
use tower_bearer_auth::testing::SigningKey;
use tower_bearer_auth::{Algorithm, BearerAuthLayer, JwtVerifier};

use super::recorder::Recorder;
use crate::support::{Answer, answer_of, no_token, send, serve};

const ISSUER: &str = "https://issuer.test";
const AUDIENCE: &str = "https://api.test/mcp";

/// A server with sessions, and whoever issues tokens for it.
struct Server {
    address: SocketAddr,
    key: SigningKey,
}

fn verifier(key: &SigningKey) -> JwtVerifier {
    JwtVerifier::builder()
        .key(key.verifying_key())
        .issuers([ISSUER, "https://other.test"])
        .audience(AUDIENCE)
        .build()
        .unwrap()
}

impl Server {
    async fn start() -> Self {
        Self::with(SessionBindingLayer::new(), LocalSessionManager::default()).await
    }

    async fn with(binding: SessionBindingLayer, sessions: LocalSessionManager) -> Self {
        let key = SigningKey::generate(Algorithm::ES256);
        Self::at(&key, binding, Arc::new(sessions)).await
    }

    /// Another process of the same server, as far as its sessions are shared.
    async fn at(
        key: &SigningKey,
        binding: SessionBindingLayer,
        sessions: Arc<LocalSessionManager>,
    ) -> Self {
        let recorder = Recorder::default();
        let config = StreamableHttpServerConfig::default();
        let mcp = StreamableHttpService::new(move || Ok(recorder.clone()), sessions, config);
        let service = ServiceBuilder::new()
            .layer(BearerAuthLayer::new(verifier(key)).optional())
            .layer(binding)
            .service(mcp);
        Self {
            address: serve(service).await,
            key: key.clone(),
        }
    }

    fn token(&self, subject: &str, client: &str) -> String {
        let token = self.key.token().issuer(ISSUER).audience(AUDIENCE);
        token.subject(subject).client_id(client).build()
    }

    /// A request as somebody, or nobody.
    fn request(
        &self,
        method: &str,
        token: Option<&str>,
        headers: &[(&str, &str)],
        body: &Value,
    ) -> Request<Full<Bytes>> {
        let body = match body {
            Value::Null => Bytes::new(),
            body => body.to_string().into(),
        };
        let mut request = Request::builder()
            .method(method)
            .uri("/")
            .header("content-type", "application/json")
            .header("accept", "application/json, text/event-stream");
        if let Some(token) = token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(Full::new(body)).unwrap()
    }

    async fn send(
        &self,
        method: &str,
        token: Option<&str>,
        headers: &[(&str, &str)],
        body: &Value,
    ) -> Answer {
        send(self.address, self.request(method, token, headers, body)).await
    }

    /// Opens a session, and says that it is open.
    async fn open(&self, token: &str) -> String {
        let answer = self.send("POST", Some(token), &[], &initialize()).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        let id = answer.header("mcp-session-id").unwrap().to_owned();
        let initialized = json!({"jsonrpc": "2.0", "method": "notifications/initialized"});
        let session = [("mcp-session-id", &*id)];
        let answer = self.send("POST", Some(token), &session, &initialized).await;
        assert_eq!(answer.status, 202, "{answer:?}");
        id
    }

    /// Whether the session of this ID takes a ping from the bearer of this token.
    async fn takes(&self, id: &str, token: &str) -> bool {
        let answer = self.ping(id, token).await;
        match answer.status.as_u16() {
            200 => true,
            404 => false,
            _ => panic!("{answer:?}"),
        }
    }

    async fn ping(&self, id: &str, token: &str) -> Answer {
        let ping = json!({"jsonrpc": "2.0", "id": 2, "method": "ping"});
        self.send("POST", Some(token), &[("mcp-session-id", id)], &ping)
            .await
    }

    /// The stream that a `GET` opens.
    async fn listen(&self, token: &str, headers: &[(&str, &str)]) -> reqwest::Response {
        let url = format!("http://{}/", self.address);
        let mut request = reqwest::Client::new().get(url).bearer_auth(token);
        request = request.header("accept", "text/event-stream");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 200);
        response
    }
}

fn initialize() -> Value {
    json!({
        "jsonrpc": "2.0", "id": 1, "method": "initialize",
        "params": {
            "protocolVersion": "2025-11-25", "capabilities": {},
            "clientInfo": {"name": "test", "version": "1"},
        },
    })
}

#[track_caller]
fn assert_gone(answer: &Answer) {
    assert_eq!(answer.status, 404, "{answer:?}");
    assert_eq!(answer.header("www-authenticate"), None);
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let expected = json!({
        "jsonrpc": "2.0", "id": null, "error": {"code": -32001, "message": "Session not found"},
    });
    assert_eq!(answer.json(), expected);
}

#[tokio::test]
async fn a_session_is_used_and_ended_by_its_owner_alone() {
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
    // The server's own answer: it is gone for its owner, too.
    assert!(!server.takes(&id, &alice).await);
}

#[tokio::test]
async fn an_owner_is_an_issuer_a_subject_and_a_client_whatever_the_token() {
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
async fn an_id_that_was_not_given_out_is_no_session() {
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
    let other = Server::at(&key, with(1), Arc::clone(&sessions)).await;
    let stranger = Server::at(&key, with(2), sessions).await;
    let alice = one.token("alice", "cli");
    let id = one.open(&alice).await;
    assert!(other.takes(&id, &alice).await);
    assert!(!stranger.takes(&id, &alice).await);
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
async fn a_token_that_names_nobody_opens_no_session() {
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

    // What needs no session it may do.
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
async fn a_stranger_behind_an_optional_layer_is_asked_for_a_token() {
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
    let inner = service_fn(|_: Request<Full<Bytes>>| async {
        Ok::<_, std::convert::Infallible>(Response::new(Full::<Bytes>::default()))
    });
    let service = SessionBindingLayer::new().layer(inner);
    let request = Request::new(Full::default());
    answer_of(service, request).await.assert_no_layer();
}

#[tokio::test]
async fn the_server_behind_knows_its_own_ids_only() {
    let inner = service_fn(|request: Request<hyper::body::Incoming>| async move {
        let seen = |name: &str| {
            let values = request.headers().get_all(name).iter();
            let values: Vec<_> = values.map(|value| value.to_str().unwrap()).collect();
            values.join("|")
        };
        let body = format!("{}, {}", seen("mcp-session-id"), seen("last-event-id"));
        let response = Response::builder().header("mcp-session-id", "a.b.c");
        Ok::<_, std::convert::Infallible>(response.body(Full::<Bytes>::from(body)).unwrap())
    });
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
    // An event ID that is none means nothing outside of a GET.
    let headers = [("mcp-session-id", id), ("last-event-id", "7")];
    let used = server
        .send("POST", Some(&alice), &headers, &Value::Null)
        .await;
    assert_eq!(used.body, "a.b.c, ");
}

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

/// The events of every session in one place, by numbers that anybody can count.
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
async fn a_store_of_all_events_gives_nobody_those_of_others() {
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
        // Since 2026-07-28 a server replays without any session.
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
async fn a_stream_is_otherwise_what_it_was() {
    let inner = service_fn(|request: Request<hyper::body::Incoming>| async move {
        drop(request.into_body().collect().await);
        let text = "event: x\nid: 7\ndata: id: 8\n\n: note\n\nid:\ndata: end\n\n";
        let response = Response::builder()
            .header("content-type", "text/event-stream")
            .header("content-length", text.len());
        Ok::<_, std::convert::Infallible>(response.body(Full::<Bytes>::from(text)).unwrap())
    });
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
