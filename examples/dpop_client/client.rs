//! The client: it signs a proof for each request, and remembers the nonce of the server.

use http::header::{ACCEPT, AUTHORIZATION, WWW_AUTHENTICATE};
use http::{HeaderMap, StatusCode};
use reqwest::RequestBuilder;
use serde_json::{Value, json};
use tower_bearer_auth::testing::DpopKey;

/// Calls tools of an MCP server.
pub(crate) struct Client {
    http: reqwest::Client,
    url: String,
    key: DpopKey,
    token: String,
    /// The last nonce of the server, which the next proof has (RFC 9449 §8.2).
    nonce: Option<String>,
}

/// A response of the server.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Client {
    pub(crate) fn new(url: impl Into<String>, key: DpopKey, token: impl Into<String>) -> Self {
        Self {
            http: reqwest::Client::new(),
            url: url.into(),
            key,
            token: token.into(),
            nonce: None,
        }
    }

    /// Calls a tool without a token. The challenges of the answer tell whether the server supports DPoP.
    pub(crate) async fn call_without_token(
        &self,
        tool: &str,
        arguments: &Value,
    ) -> reqwest::Result<Answer> {
        read(self.request(tool, arguments)).await
    }

    /// Calls a tool with the token and a proof. If the server requires another nonce, calls it once more with that.
    /// Returns all answers, the last of which counts.
    pub(crate) async fn call(
        &mut self,
        tool: &str,
        arguments: &Value,
    ) -> reqwest::Result<Vec<Answer>> {
        let answer = self.call_once(tool, arguments).await?;
        let mut answers = vec![answer];
        if wants_nonce(&answers[0]) {
            answers.push(self.call_once(tool, arguments).await?);
        }
        Ok(answers)
    }

    async fn call_once(&mut self, tool: &str, arguments: &Value) -> reqwest::Result<Answer> {
        // Each request needs a new proof: the server accepts each proof once.
        let mut proof = self.key.proof("POST", &self.url, &self.token);
        if let Some(nonce) = &self.nonce {
            proof = proof.nonce(nonce.as_str());
        }
        let request = self
            .request(tool, arguments)
            .header(AUTHORIZATION, format!("DPoP {}", self.token))
            .header("dpop", proof.build());
        let answer = read(request).await?;
        // Good answers can have a new nonce as well.
        if let Some(nonce) = answer.headers.get("dpop-nonce") {
            self.nonce = nonce.to_str().ok().map(str::to_owned);
        }
        Ok(answer)
    }

    /// A tool call of MCP version 2026-07-28, which needs no session.
    fn request(&self, tool: &str, arguments: &Value) -> RequestBuilder {
        let version = "2026-07-28";
        let meta = json!({
            "io.modelcontextprotocol/protocolVersion": version,
            "io.modelcontextprotocol/clientInfo": {"name": "dpop_client", "version": "1"},
            "io.modelcontextprotocol/clientCapabilities": {},
        });
        let parameters = json!({"name": tool, "arguments": arguments, "_meta": meta});
        self.http
            .post(&self.url)
            .header(ACCEPT, "application/json, text/event-stream")
            .header("mcp-protocol-version", version)
            .header("mcp-method", "tools/call")
            .header("mcp-name", tool)
            .json(&json!({
                "jsonrpc": "2.0",
                "id": 1,
                "method": "tools/call",
                "params": parameters,
            }))
    }
}

/// Whether the server has refused the proof for its nonce only (RFC 9449 §9).
fn wants_nonce(answer: &Answer) -> bool {
    let challenges = answer.headers.get_all(WWW_AUTHENTICATE).iter();
    answer.status == StatusCode::UNAUTHORIZED
        && challenges
            .filter_map(|challenge| challenge.to_str().ok())
            .any(|challenge| {
                challenge.starts_with("DPoP ") && challenge.contains(r#"error="use_dpop_nonce""#)
            })
}

async fn read(request: RequestBuilder) -> reqwest::Result<Answer> {
    let response = request.send().await?;
    Ok(Answer {
        status: response.status(),
        headers: response.headers().clone(),
        body: response.text().await?,
    })
}
