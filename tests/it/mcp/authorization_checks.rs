//! Checks of a server's authorization that were proposed for the MCP conformance suite but are not part of it. The
//! tests have the names of the checks, and run against the example.

use http::{Request, StatusCode};
use http_body_util::Full;
use serde_json::{Value, json};

use super::serve_example_for;
use crate::support::authorization_server::AuthorizationServer;
use crate::support::{Answer, get, send};

/// The example, and the authorization server that it trusts.
struct Servers {
    authorization: AuthorizationServer,
    address: std::net::SocketAddr,
}

impl Servers {
    async fn start() -> Self {
        let scopes = ["notes:read", "notes:write", "admin"];
        let authorization = AuthorizationServer::start(scopes).await;
        let address = serve_example_for(&authorization).await;
        Self {
            authorization,
            address,
        }
    }

    fn resource(&self) -> String {
        format!("http://{}/mcp", self.address)
    }

    fn token<const N: usize>(&self, scopes: [&str; N]) -> String {
        let resource = self.resource();
        self.authorization.access_token("alice", &resource, scopes)
    }

    /// Calls a tool, in the form of 2026-07-28.
    async fn call(&self, token: Option<&str>, tool: &str, arguments: Value) -> Answer {
        let body = json!({
            "jsonrpc": "2.0", "id": 1, "method": "tools/call",
            "params": {"name": tool, "arguments": arguments, "_meta": {
                "io.modelcontextprotocol/protocolVersion": "2026-07-28",
                "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "1"},
                "io.modelcontextprotocol/clientCapabilities": {},
            }},
        });
        let mut request = Request::post("/mcp")
            .header("content-type", "application/json")
            .header("accept", "application/json, text/event-stream")
            .header("mcp-protocol-version", "2026-07-28")
            .header("mcp-method", "tools/call")
            .header("mcp-name", tool);
        if let Some(token) = token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        let body = Full::from(body.to_string());
        send(self.address, request.body(body).unwrap()).await
    }

    /// The metadata document at the URL in the 401.
    async fn metadata(&self) -> Value {
        let refused = self.call(None, "whoami", json!({})).await;
        let url = parameter(&refused, "resource_metadata").unwrap();
        let path = url
            .strip_prefix(&format!("http://{}", self.address))
            .unwrap();
        let answer = get(self.address, path, &[]).await;
        assert_eq!(answer.status, StatusCode::OK);
        answer.json()
    }
}

/// A parameter of the challenge, read as clients read it: up to the next quote.
fn parameter(answer: &Answer, name: &str) -> Option<String> {
    let challenge = answer.header("www-authenticate")?;
    let (_, rest) = challenge.split_once(&format!("{name}=\""))?;
    rest.split_once('"').map(|(value, _)| value.to_owned())
}

#[tokio::test]
async fn auth_invalid_token_rejected() {
    let servers = Servers::start().await;
    let resource = servers.resource();
    let elsewhere =
        servers
            .authorization
            .access_token("alice", "https://else.test", ["notes:read"]);
    let other = AuthorizationServer::start(["notes:read"]).await;
    let foreign = other.access_token("alice", &resource, ["notes:read"]);
    let good = servers.token(["notes:read"]);
    let (signed, _) = good.rsplit_once('.').unwrap();
    for bad in [
        "invalid-token",
        &elsewhere,
        &foreign,
        &format!("{signed}.AAAA"),
    ] {
        let answer = servers.call(Some(bad), "whoami", json!({})).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{bad}");
        assert_eq!(
            parameter(&answer, "error").as_deref(),
            Some("invalid_token")
        );
    }
}

#[tokio::test]
async fn auth_401_response() {
    let servers = Servers::start().await;
    let answer = servers.call(None, "whoami", json!({})).await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    // The same for a `GET` request without a body, which some clients send first.
    let answer = get(servers.address, "/mcp", &[]).await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn auth_www_authenticate_header() {
    let servers = Servers::start().await;
    let answer = servers.call(None, "whoami", json!({})).await;
    let challenge = answer.header("www-authenticate").unwrap();
    assert!(challenge.starts_with("Bearer "), "{challenge}");
    let parsed: Vec<_> = http_auth::ChallengeParser::new(challenge)
        .collect::<Result<_, _>>()
        .unwrap();
    assert_eq!(parsed.len(), 1);
}

#[tokio::test]
async fn auth_resource_metadata_param() {
    let servers = Servers::start().await;
    let expected = format!(
        "http://{}/.well-known/oauth-protected-resource/mcp",
        servers.address
    );
    let good = servers.token([]);
    for token in [None, Some("invalid"), Some(&*good)] {
        let answer = servers.call(token, "whoami", json!({})).await;
        assert!(answer.status.is_client_error());
        assert_eq!(
            parameter(&answer, "resource_metadata"),
            Some(expected.clone())
        );
    }
}

#[tokio::test]
async fn auth_www_authenticate_scope() {
    let servers = Servers::start().await;
    let answer = servers.call(None, "whoami", json!({})).await;
    assert_eq!(parameter(&answer, "scope").as_deref(), Some("notes:read"));
}

#[tokio::test]
async fn auth_prm_discovery() {
    let servers = Servers::start().await;
    let advertised = servers.metadata().await;
    // The path that clients try if they do not read the challenge.
    for path in [
        "/.well-known/oauth-protected-resource/mcp",
        "/.well-known/oauth-protected-resource",
    ] {
        let answer = get(servers.address, path, &[]).await;
        assert_eq!(answer.status, StatusCode::OK);
        assert_eq!(answer.header("content-type"), Some("application/json"));
        assert_eq!(answer.json(), advertised);
    }
}

#[tokio::test]
async fn auth_prm_resource() {
    let servers = Servers::start().await;
    assert_eq!(servers.metadata().await["resource"], servers.resource());
}

/// mcp-remote ignores the scope of a challenge if it equals `scopes_supported`, joined by spaces. So no challenge of
/// the example may equal it.
#[tokio::test]
async fn no_challenge_names_the_scopes_of_the_metadata_in_their_order() {
    let servers = Servers::start().await;
    let metadata = servers.metadata().await;
    let supported: Vec<_> = metadata["scopes_supported"]
        .as_array()
        .unwrap()
        .iter()
        .map(|scope| scope.as_str().unwrap())
        .collect();
    let reader = servers.token(["notes:read"]);
    let writer = servers.token(["notes:read", "notes:write"]);
    for (token, note) in [(None, 2), (Some(&*reader), 2), (Some(&*writer), 1)] {
        let answer = servers
            .call(token, "delete_note", json!({"id": note}))
            .await;
        assert!(answer.status.is_client_error());
        let scope = parameter(&answer, "scope").unwrap();
        assert_ne!(scope, supported.join(" "));
    }
}

#[tokio::test]
async fn auth_prm_authorization_servers() {
    let servers = Servers::start().await;
    let metadata = servers.metadata().await;
    let issuer = servers.authorization.issuer();
    assert_eq!(metadata["authorization_servers"], json!([issuer]));
    let url = format!("{issuer}/.well-known/oauth-authorization-server");
    let found: Value = reqwest::get(url).await.unwrap().json().await.unwrap();
    assert_eq!(found["issuer"], issuer);
}

#[tokio::test]
async fn auth_authenticated_request() {
    let servers = Servers::start().await;
    let token = servers.token(["notes:read"]);
    let answer = servers.call(Some(&token), "whoami", json!({})).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert!(
        answer.body.contains("alice with the scopes: notes:read"),
        "{answer:?}"
    );
}

// `auth-flow-completion`, `step-up-re-auth` and `step-up-success-after-escalation` need a client that logs in.
// `flow.rs` tests that. Here, the tests use tokens like those that such a client would get.

#[tokio::test]
async fn auth_flow_completion() {
    let servers = Servers::start().await;
    let refused = servers.call(None, "add", json!({"a": 1, "b": 2})).await;
    assert_eq!(refused.status, StatusCode::UNAUTHORIZED);
    let scope = parameter(&refused, "scope").unwrap();
    let resource = servers.metadata().await["resource"]
        .as_str()
        .unwrap()
        .to_owned();
    let token = servers
        .authorization
        .access_token("alice", &resource, [&*scope]);
    let answer = servers
        .call(Some(&token), "add", json!({"a": 1, "b": 2}))
        .await;
    assert_eq!(answer.status, StatusCode::OK);
    assert!(answer.body.contains("\"3\""), "{answer:?}");
}

/// The response to a client without the scope to delete that tries to delete a note.
async fn step_up(servers: &Servers) -> Answer {
    let reader = servers.token(["notes:read"]);
    servers
        .call(Some(&reader), "delete_note", json!({"id": 2}))
        .await
}

#[tokio::test]
async fn step_up_403_response() {
    let servers = Servers::start().await;
    let answer = step_up(&servers).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    let error = parameter(&answer, "error");
    assert_eq!(error.as_deref(), Some("insufficient_scope"));
}

#[tokio::test]
async fn step_up_scope_in_header() {
    let servers = Servers::start().await;
    let scope = parameter(&step_up(&servers).await, "scope");
    assert_eq!(scope.as_deref(), Some("notes:read notes:write"));
}

#[tokio::test]
async fn step_up_resource_metadata() {
    let servers = Servers::start().await;
    let url = parameter(&step_up(&servers).await, "resource_metadata").unwrap();
    let found: Value = reqwest::get(url).await.unwrap().json().await.unwrap();
    assert_eq!(found, servers.metadata().await);
}

#[tokio::test]
async fn step_up_re_auth() {
    let servers = Servers::start().await;
    // After the refusal, the client's token is still accepted.
    step_up(&servers).await;
    let reader = servers.token(["notes:read"]);
    let answer = servers.call(Some(&reader), "whoami", json!({})).await;
    assert_eq!(answer.status, StatusCode::OK);
}

#[tokio::test]
async fn step_up_success_after_escalation() {
    let servers = Servers::start().await;
    let scope = parameter(&step_up(&servers).await, "scope").unwrap();
    let mut scopes = scope.split(' ');
    let scopes = [scopes.next().unwrap(), scopes.next().unwrap()];
    let token = servers.token(scopes);
    let answer = servers
        .call(Some(&token), "delete_note", json!({"id": 2}))
        .await;
    assert_eq!(answer.status, StatusCode::OK);
    assert!(answer.body.contains("deleted: milk"), "{answer:?}");
}
