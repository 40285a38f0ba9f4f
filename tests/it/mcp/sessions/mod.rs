//! Sessions and events are bound to the principal that they belong to.

mod events;
mod owners;
mod unowned;

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use rmcp::transport::streamable_http_server::session::local::LocalSessionManager;
use rmcp::transport::{StreamableHttpServerConfig, StreamableHttpService};
use serde_json::{Value, json};
use tower::ServiceBuilder;
use tower_bearer_auth::mcp::SessionBindingLayer;
use tower_bearer_auth::testing::SigningKey;
use tower_bearer_auth::{Algorithm, BearerAuthLayer, JwtVerifier};

use super::recorder::Recorder;
use crate::support::{Answer, send, serve};

const ISSUER: &str = "https://issuer.test";
const AUDIENCE: &str = "https://api.test/mcp";

/// A server with sessions, and the key that signs tokens for it.
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

    /// A request with a token, or without one.
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

    /// Opens a session and confirms it with the `initialized` notification.
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
