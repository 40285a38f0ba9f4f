//! An MCP server whose tools and prompts take the access token, shared by `late_refusals` and `tool_tokens`.

use std::net::SocketAddr;
use std::time::{Duration, UNIX_EPOCH};

use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use rmcp::handler::server::router::prompt::PromptRouter;
use rmcp::model::{PromptMessage, Role, ServerCapabilities, ServerConfig};
use rmcp::service::RequestContext;
use rmcp::transport::streamable_http_server::session::local::LocalSessionManager;
use rmcp::transport::{StreamableHttpServerConfig, StreamableHttpService};
use rmcp::{
    ErrorData, RoleServer, ServerHandler, prompt, prompt_handler, prompt_router, tool,
    tool_handler, tool_router,
};
use serde_json::{Value, json};
use tower::Layer;
use tower_bearer_auth::{
    AccessToken, AuthenticationError, AuthenticationRequirement, BearerAuthLayer, Clock,
    MaybeAccessToken, ProtectedResource, ScopeError, StaticToken, StaticTokenVerifier,
};

use crate::support::{Answer, send, serve};

#[derive(Clone)]
pub(super) struct Tools {
    prompt_router: PromptRouter<Self>,
}

#[tool_router]
impl Tools {
    pub(super) fn new() -> Self {
        Self {
            prompt_router: Self::prompt_router(),
        }
    }

    #[tool(description = "Who is calling")]
    fn whoami(&self, token: AccessToken) -> String {
        token.client_id().unwrap_or("anonymous").to_owned()
    }

    #[tool(description = "Who is calling, if the caller has a token")]
    fn greet(&self, MaybeAccessToken(token): MaybeAccessToken) -> String {
        let name = token.as_ref().and_then(|token| token.client_id());
        format!("hello {}", name.unwrap_or("anonymous"))
    }

    #[tool(description = "Needs a scope")]
    async fn write(&self, token: AccessToken) -> Result<String, ErrorData> {
        token
            .require_scopes(["write"])
            .map_err(ScopeError::refuse)?;
        Ok("written".to_owned())
    }

    #[tool(description = "Needs a strong and recent login")]
    async fn transfer(&self, token: AccessToken) -> Result<String, ErrorData> {
        token
            .require_authentication(&step_up())
            .map_err(AuthenticationError::refuse)?;
        Ok("transferred".to_owned())
    }

    #[tool(
        description = "Needs a strong and recent login, and answers with a JSON-RPC error alone"
    )]
    async fn transfer_in_band(&self, token: AccessToken) -> Result<String, ErrorData> {
        token.require_authentication(&step_up())?;
        Ok("transferred".to_owned())
    }

    #[tool(description = "Needs a scope, and answers with a JSON-RPC error alone")]
    async fn write_in_band(&self, token: AccessToken) -> Result<String, ErrorData> {
        token.require_scopes(["write"])?;
        Ok("written".to_owned())
    }

    #[tool(description = "Converts the error for its log, and does without")]
    async fn log_and_go_on(&self, token: AccessToken) -> String {
        let logged = token.require_scopes(["write"]).map_err(ErrorData::from);
        format!("went on: {}", logged.is_err())
    }

    #[tool(description = "Refuses, and returns a result all the same")]
    async fn refuse_and_go_on(&self, token: AccessToken) -> String {
        let refused = token.require_scopes(["write"]).map_err(ScopeError::refuse);
        format!("went on: {}", refused.is_err())
    }

    #[tool(description = "Looks for a token, and does without")]
    async fn look(&self, context: RequestContext<RoleServer>) -> String {
        let token = AccessToken::from_request_context(&context);
        format!("found: {}", token.is_ok())
    }

    #[tool(description = "Looks for a token, and needs it")]
    async fn look_or_refuse(
        &self,
        context: RequestContext<RoleServer>,
    ) -> Result<String, ErrorData> {
        AccessToken::from_request_context_or_refuse(&context)?;
        Ok("found".to_owned())
    }

    #[tool(description = "Needs a scope of an enriched token")]
    async fn enriched(&self, token: AccessToken) -> Result<String, ErrorData> {
        let richer = token.to_builder().claim("plan", "gold").build();
        richer
            .require_scopes(["admin"])
            .map_err(ScopeError::refuse)?;
        Ok("done".to_owned())
    }

    #[tool(description = "Can do without")]
    async fn try_write(&self, token: AccessToken) -> String {
        match token.require_scopes(["write"]) {
            Ok(()) => "written".to_owned(),
            Err(lacking) => format!("without {}", lacking.required()),
        }
    }
}

#[prompt_router]
impl Tools {
    #[prompt(name = "me", description = "Who is asking")]
    async fn me(&self, token: AccessToken) -> Vec<PromptMessage> {
        let client = token.client_id().unwrap_or("anonymous");
        vec![PromptMessage::new_text(Role::User, client)]
    }
}

#[tool_handler]
#[prompt_handler(router = self.prompt_router)]
impl ServerHandler for Tools {
    fn get_info(&self) -> ServerConfig {
        let capabilities = ServerCapabilities::builder()
            .enable_tools()
            .enable_prompts();
        ServerConfig::new(capabilities.build())
    }
}

pub(super) fn stateless() -> StreamableHttpServerConfig {
    StreamableHttpServerConfig::default().with_legacy_session_mode(false)
}

pub(super) fn service(
    config: StreamableHttpServerConfig,
) -> StreamableHttpService<Tools, LocalSessionManager> {
    StreamableHttpService::new(|| Ok(Tools::new()), Default::default(), config)
}

pub(super) fn layer() -> BearerAuthLayer<StaticTokenVerifier> {
    let verifier = StaticTokenVerifier::new([
        ("reader", StaticToken::new("cli").scopes(["read"])),
        ("writer", StaticToken::new("cli").scopes(["read", "write"])),
        ("strong", strong(NOW)),
        ("stale", strong(NOW - 301)),
    ])
    .clock(Clock::manual(UNIX_EPOCH + Duration::from_secs(NOW)));
    let resource = ProtectedResource::new("https://api.test/mcp").scopes(["read", "write"]);
    BearerAuthLayer::new(verifier)
        .realm("notes")
        .resource(&resource)
}

/// The time of the server, in seconds since 1970.
pub(super) const NOW: u64 = 1_800_000_000;

/// A token whose user has authenticated at this time, with a phishing-resistant method.
fn strong(auth_time: u64) -> StaticToken {
    let token = StaticToken::new("cli").scopes(["read"]);
    token.claim("acr", "phr").claim("auth_time", auth_time)
}

pub(super) fn step_up() -> AuthenticationRequirement {
    AuthenticationRequirement::new()
        .acr(["phr", "phrh"])
        .max_age(Duration::from_secs(300))
}

pub(super) async fn serve_behind(
    layer: BearerAuthLayer<StaticTokenVerifier>,
    config: StreamableHttpServerConfig,
) -> SocketAddr {
    serve(layer.layer(service(config))).await
}

pub(super) const METADATA: &str =
    r#"resource_metadata="https://api.test/.well-known/oauth-protected-resource/mcp""#;

pub(super) fn insufficient(scope: &str) -> String {
    format!(
        r#"Bearer realm="notes", error="insufficient_scope", scope="{scope}", {METADATA}, error_description="The access token lacks a required scope""#
    )
}

/// The challenge for a user who has not authenticated as [`step_up`] requires.
pub(super) fn insufficient_authentication(scope: &str) -> String {
    format!(
        r#"Bearer realm="notes", error="insufficient_user_authentication", scope="{scope}", {METADATA}, acr_values="phr phrh", max_age="300", error_description="The user must authenticate again or in another way""#
    )
}

/// Calls a tool.
pub(super) async fn call(
    server: SocketAddr,
    token: Option<&str>,
    tool: &str,
    is_new: bool,
) -> Answer {
    send(server, request(token, tool, is_new)).await
}

/// A request that calls a tool, in the form of revision 2026-07-28 or of an earlier one.
pub(super) fn request(token: Option<&str>, tool: &str, is_new: bool) -> Request<Full<Bytes>> {
    let mut params = json!({"name": tool, "arguments": {}});
    let mut request = Request::post("/")
        .header("content-type", "application/json")
        .header("accept", "application/json, text/event-stream");
    if let Some(token) = token {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    if is_new {
        params["_meta"] = json!({
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "1"},
            "io.modelcontextprotocol/clientCapabilities": {},
        });
        request = request
            .header("mcp-protocol-version", "2026-07-28")
            .header("mcp-method", "tools/call")
            .header("mcp-name", tool);
    }
    let body = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params});
    let body = Full::new(Bytes::from(body.to_string()));
    request.body(body).unwrap()
}

/// The JSON-RPC message in a response, which is JSON or an event stream.
pub(super) fn message(answer: &Answer) -> Value {
    assert_eq!(answer.status, 200, "{answer:?}");
    match answer.body.strip_prefix('{') {
        Some(_) => answer.json(),
        None => {
            let mut data = answer
                .body
                .lines()
                .filter_map(|line| line.strip_prefix("data: {"));
            serde_json::from_str(&format!("{{{}", data.next().unwrap())).unwrap()
        }
    }
}

pub(super) fn text(answer: &Answer) -> String {
    let message = message(answer);
    let text = message["result"]["content"][0]["text"].as_str();
    text.unwrap_or_else(|| panic!("{message}")).to_owned()
}

#[track_caller]
pub(super) fn assert_refused_in_band(message: &Value, data: &Value) {
    assert_eq!(message["error"]["code"], -32003, "{message}");
    assert_eq!(message["error"]["data"], *data, "{message}");
}
