//! The tool guard: what it permits, and that no request bypasses it.

mod agreement;
mod anonymous;
mod answers;
mod bodies;
mod bypass;
mod doubtful;
mod permitted;
mod random;

use std::net::SocketAddr;

use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use serde_json::{Value, json};
use tower::ServiceBuilder;
use tower_bearer_auth::mcp::{ScopeRules, ToolScopesLayer};
use tower_bearer_auth::{BearerAuthLayer, ScopeRequirement, StaticToken, StaticTokenVerifier};

use super::recorder::Recorder;
use crate::support::{Answer, send, serve};

/// Rules whose targets need a scope that the token `user` lacks and `admin` has. All of their names contain `secret`.
fn rules() -> ScopeRules {
    ScopeRules::builder()
        .tool("secret", ScopeRequirement::all(["tools:secret"]))
        .prompt("secret*", ScopeRequirement::all(["prompts:secret"]))
        .resource("file:///secret/*", ScopeRequirement::all(["files:secret"]))
        .resource(
            "file:///public/secret",
            ScopeRequirement::all(["files:secret"]),
        )
        .task("secret*", ScopeRequirement::all(["tasks:secret"]))
        .method("vendor/secret", ScopeRequirement::any(["ops", "admin"]))
        .default_rule(ScopeRequirement::token())
        .build()
        .unwrap()
}

/// A real server behind the guard.
struct Guarded {
    address: SocketAddr,
    recorder: Recorder,
}

impl Guarded {
    async fn start() -> Self {
        Self::with(ToolScopesLayer::new(rules())).await
    }

    async fn with(guard: ToolScopesLayer) -> Self {
        let recorder = Recorder::default();
        let user = ["use"];
        let admin = [
            "use",
            "tools:secret",
            "prompts:secret",
            "files:secret",
            "tasks:secret",
            "admin",
        ];
        let verifier = StaticTokenVerifier::new([
            ("user", StaticToken::new("cli").scopes(user)),
            ("admin", StaticToken::new("cli").scopes(admin)),
        ]);
        let service = ServiceBuilder::new()
            .layer(BearerAuthLayer::new(verifier).required_scopes(["use"]))
            .layer(guard)
            .service(recorder.service());
        let address = serve(service).await;
        Self { address, recorder }
    }

    /// Posts a body as `user`.
    async fn post(&self, body: impl Into<Bytes>, headers: &[(&str, &str)]) -> Answer {
        self.post_as("user", body, headers).await
    }

    async fn post_as(
        &self,
        token: &str,
        body: impl Into<Bytes>,
        headers: &[(&str, &str)],
    ) -> Answer {
        send(self.address, request(token, body, headers)).await
    }

    /// Asserts that the server ran nothing.
    #[track_caller]
    fn assert_untouched(&self, case: &str) {
        assert_eq!(self.recorder.take(), Vec::<String>::new(), "{case}");
    }
}

fn request(token: &str, body: impl Into<Bytes>, headers: &[(&str, &str)]) -> Request<Full<Bytes>> {
    let mut request = Request::post("/")
        .header("authorization", format!("Bearer {token}"))
        .header("accept", "application/json, text/event-stream")
        .body(Full::new(body.into()))
        .unwrap();
    for (name, value) in headers {
        let name = http::HeaderName::from_bytes(name.as_bytes()).unwrap();
        let value = http::HeaderValue::from_bytes(value.as_bytes()).unwrap();
        request.headers_mut().append(name, value);
    }
    let json = http::HeaderValue::from_static("application/json");
    request.headers_mut().entry("content-type").or_insert(json);
    request
}

/// A request of an early revision, in the words of a table.
fn call(method: &str, params: &Value) -> String {
    json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).to_string()
}

fn tool(name: &str) -> String {
    call("tools/call", &json!({"name": name, "arguments": {}}))
}

/// The same call in the form of 2026-07-28, with the headers that go with it.
fn stateless(method: &str, params: &Value) -> String {
    let mut params = params.clone();
    params["_meta"] = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "1"},
        "io.modelcontextprotocol/clientCapabilities": {
            "extensions": {"io.modelcontextprotocol/tasks": {}},
        },
    });
    call(method, &params)
}

/// Asserts that a message itself was refused, with this code.
#[track_caller]
fn assert_rejected(answer: &Answer, status: u16, code: i64, case: &str) {
    assert_eq!(answer.status, status, "{case}: {answer:?}");
    assert_eq!(answer.header("www-authenticate"), None, "{case}");
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let body = answer.json();
    assert_eq!(body["jsonrpc"], "2.0");
    assert_eq!(body["error"]["code"], code, "{case}: {body}");
    assert!(body["error"]["message"].is_string());
    assert!(!answer.body.contains("secret"), "{case}: {body}");
}

/// Asserts a refusal because the token lacks these scopes.
#[track_caller]
fn assert_lacking(answer: &Answer, scopes: &str, case: &str) {
    assert_eq!(answer.status, 403, "{case}: {answer:?}");
    let challenge = format!(
        r#"Bearer error="insufficient_scope", scope="{scopes}", error_description="The access token lacks a required scope""#
    );
    answer.assert_refusal(403, Some(&challenge), &crate::support::lacks_scope());
}

/// Asserts that a body is refused as ambiguous or unreadable.
async fn assert_refused(server: &Guarded, body: &str) {
    let answer = server.post(body.to_owned(), &[]).await;
    assert_rejected(&answer, 400, -32600, body);
    server.assert_untouched(body);
}
