//! The token in tools and prompts, and what becomes of what they require of it.

use std::net::SocketAddr;

use bytes::Bytes;
use http::{HeaderValue, Request, StatusCode};
use http_body_util::Full;
use rmcp::handler::server::router::prompt::PromptRouter;
use rmcp::model::{
    CallToolRequestParams, GetPromptRequestParams, PromptMessage, Role, ServerCapabilities,
    ServerConfig,
};
use rmcp::service::{RequestContext, ServiceExt};
use rmcp::transport::streamable_http_server::session::local::LocalSessionManager;
use rmcp::transport::{StreamableHttpServerConfig, StreamableHttpService};
use rmcp::{
    ErrorData, RoleServer, ServerHandler, prompt, prompt_handler, prompt_router, tool,
    tool_handler, tool_router,
};
use serde_json::{Value, json};
use tower::{Layer, ServiceBuilder, ServiceExt as _};
use tower_bearer_auth::{
    AccessToken, BearerAuthLayer, MaybeAccessToken, ProtectedResource, Refused, RequireScopesLayer,
    ScopeError, StaticToken, StaticTokenVerifier,
};
use tracing::Level;

use crate::support::{Answer, lacks_scope, no_token, send, serve};
use crate::telemetry::recorded::Recorded;

#[derive(Clone)]
struct Tools {
    prompt_router: PromptRouter<Self>,
}

#[tool_router]
impl Tools {
    fn new() -> Self {
        Self {
            prompt_router: Self::prompt_router(),
        }
    }

    #[tool(description = "Who is calling")]
    fn whoami(&self, token: AccessToken) -> String {
        token.client_id().unwrap_or("nobody").to_owned()
    }

    #[tool(description = "Who is calling, if anybody")]
    fn greet(&self, MaybeAccessToken(token): MaybeAccessToken) -> String {
        let name = token.as_ref().and_then(|token| token.client_id());
        format!("hello {}", name.unwrap_or("stranger"))
    }

    #[tool(description = "Needs a scope")]
    async fn write(&self, token: AccessToken) -> Result<String, ErrorData> {
        token
            .require_scopes(["write"])
            .map_err(ScopeError::refuse)?;
        Ok("written".to_owned())
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
        let client = token.client_id().unwrap_or("nobody");
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

fn stateless() -> StreamableHttpServerConfig {
    StreamableHttpServerConfig::default().with_legacy_session_mode(false)
}

fn service(
    config: StreamableHttpServerConfig,
) -> StreamableHttpService<Tools, LocalSessionManager> {
    StreamableHttpService::new(|| Ok(Tools::new()), Default::default(), config)
}

fn layer() -> BearerAuthLayer<StaticTokenVerifier> {
    let verifier = StaticTokenVerifier::new([
        ("reader", StaticToken::new("cli").scopes(["read"])),
        ("writer", StaticToken::new("cli").scopes(["read", "write"])),
    ]);
    let resource = ProtectedResource::new("https://api.test/mcp").scopes(["read", "write"]);
    BearerAuthLayer::new(verifier)
        .realm("notes")
        .resource(&resource)
}

async fn serve_behind(
    layer: BearerAuthLayer<StaticTokenVerifier>,
    config: StreamableHttpServerConfig,
) -> SocketAddr {
    serve(layer.layer(service(config))).await
}

const METADATA: &str =
    r#"resource_metadata="https://api.test/.well-known/oauth-protected-resource/mcp""#;

fn insufficient(scope: &str) -> String {
    format!(
        r#"Bearer realm="notes", error="insufficient_scope", scope="{scope}", {METADATA}, error_description="The access token lacks a required scope""#
    )
}

/// Calls a tool.
async fn call(server: SocketAddr, token: Option<&str>, tool: &str, is_new: bool) -> Answer {
    send(server, request(token, tool, is_new)).await
}

/// A call of a tool, in the form of 2026-07-28 or of a revision before.
fn request(token: Option<&str>, tool: &str, is_new: bool) -> Request<Full<Bytes>> {
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

/// The JSON-RPC message in an answer of either type.
fn message(answer: &Answer) -> Value {
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

fn text(answer: &Answer) -> String {
    let message = message(answer);
    let text = message["result"]["content"][0]["text"].as_str();
    text.unwrap_or_else(|| panic!("{message}")).to_owned()
}

#[tokio::test]
async fn a_scope_that_a_tool_finds_lacking_is_403_where_the_server_waits_for_it() {
    // New requests wait whatever the response's type, old ones where it is JSON.
    for (config, is_new) in waiting() {
        let server = serve_behind(layer().required_scopes(["read"]), config).await;
        for _ in 0..20 {
            let refused = call(server, Some("reader"), "write", is_new).await;
            refused.assert_refusal(403, Some(&insufficient("read write")), &lacks_scope());
        }
        let good = call(server, Some("writer"), "write", is_new).await;
        assert_eq!(text(&good), "written");
        let enriched = call(server, Some("writer"), "enriched", is_new).await;
        enriched.assert_refusal(403, Some(&insufficient("read admin")), &lacks_scope());
        // Who only asks is not refused.
        let without = call(server, Some("reader"), "try_write", is_new).await;
        assert_eq!(text(&without), "without read write");
    }
}

/// Every configuration in which the server waits for a tool before it answers, and whether the request is new.
fn waiting() -> [(StreamableHttpServerConfig, bool); 4] {
    [
        (StreamableHttpServerConfig::default(), true),
        (stateless(), true),
        (stateless().with_json_response(true), true),
        (stateless().with_json_response(true), false),
    ]
}

#[tokio::test]
async fn only_a_call_that_says_so_refuses_the_request() {
    let data = json!({
        "error": "insufficient_scope",
        "scope": "read write",
        "resource_metadata": "https://api.test/.well-known/oauth-protected-resource/mcp",
    });
    for (config, is_new) in waiting() {
        let server = serve_behind(layer().required_scopes(["read"]), config).await;
        let call = |tool| call(server, Some("reader"), tool, is_new);
        assert_refused_in_band(&message(&call("write_in_band").await), &data);
        assert_eq!(text(&call("log_and_go_on").await), "went on: true");
        let refused = call("refuse_and_go_on").await;
        refused.assert_refusal(403, Some(&insufficient("read write")), &lacks_scope());
    }
}

#[tokio::test]
async fn looking_for_a_token_refuses_no_request_that_has_none() {
    let challenge = format!(r#"Bearer realm="notes", scope="read write", {METADATA}"#);
    for (config, is_new) in waiting() {
        let server = serve_behind(layer().optional(), config).await;
        let call = |token, tool| call(server, token, tool, is_new);
        assert_eq!(text(&call(None, "look").await), "found: false");
        assert_eq!(text(&call(Some("reader"), "look").await), "found: true");
        let refused = call(None, "look_or_refuse").await;
        refused.assert_refusal(401, Some(&challenge), &no_token());
        assert_eq!(text(&call(Some("reader"), "look_or_refuse").await), "found");
    }
}

#[tokio::test]
async fn a_tool_names_what_the_guards_in_front_require_too() {
    let service = ServiceBuilder::new()
        .layer(layer())
        .layer(RequireScopesLayer::all(["read"]))
        .service(service(StreamableHttpServerConfig::default()));
    let server = serve(service).await;
    let refused = call(server, Some("reader"), "write", true).await;
    refused.assert_refusal(403, Some(&insufficient("read write")), &lacks_scope());
    // Enriched in between, too.
    let refused = call(server, Some("reader"), "enriched", true).await;
    refused.assert_refusal(403, Some(&insufficient("read admin")), &lacks_scope());
}

#[tokio::test]
async fn a_late_refusal_says_which_it_is() {
    let server = layer().optional().layer(service(stateless()));
    let table = [
        (
            Some("reader"),
            "write",
            ["insufficient_scope", "AccessToken::require_scopes"],
        ),
        (None, "whoami", ["no_token", "AccessToken"]),
    ];
    for (token, tool, expected) in table {
        let mut request = request(token, tool, true);
        let host = HeaderValue::from_static("localhost");
        request.headers_mut().insert("host", host);
        let response = server.clone().oneshot(request).await.unwrap();
        let refused = response.extensions().get::<Refused>().unwrap();
        assert_eq!([refused.reason(), refused.component()], expected);
        assert_eq!(refused.status(), response.status());
        let challenges = response.headers().get_all("www-authenticate");
        assert!(refused.challenges().eq(challenges));
    }
}

#[tokio::test]
async fn a_tool_decides_once_and_says_so_whoever_answers() {
    let recorded = Recorded::start();
    let server = serve_behind(layer(), stateless()).await;
    let refused = call(server, Some("reader"), "write", true).await;
    assert_eq!(refused.status, 403);
    let decisions = recorded.decisions();
    let said: Vec<_> = decisions
        .iter()
        .map(|decision| (&*decision["by"], &*decision["outcome"]))
        .collect();
    let tool = ("AccessToken::require_scopes", "refused");
    assert_eq!(said, [("BearerAuthLayer", "allowed"), tool]);
    assert_eq!(decisions[1]["required"], "write");
    assert_eq!(decisions[1]["client_id"], "cli");
}

#[track_caller]
fn assert_refused_in_band(message: &Value, data: &Value) {
    assert_eq!(message["error"]["code"], -32003, "{message}");
    assert_eq!(message["error"]["data"], *data, "{message}");
}

#[tokio::test]
async fn elsewhere_it_is_a_json_rpc_error_however_fast_the_tool_is() {
    let data = json!({
        "error": "insufficient_scope",
        "scope": "read write",
        "resource_metadata": "https://api.test/.well-known/oauth-protected-resource/mcp",
    });
    // A stream that has begun.
    let server = serve_behind(layer().required_scopes(["read"]), stateless()).await;
    for _ in 0..50 {
        let refused = call(server, Some("reader"), "write", false).await;
        assert_refused_in_band(&message(&refused), &data);
    }
    // A session.
    let config = StreamableHttpServerConfig::default();
    let server = serve_behind(layer().required_scopes(["read"]), config).await;
    let transport = rmcp::transport::StreamableHttpClientTransport::from_config(
        rmcp::transport::streamable_http_client::StreamableHttpClientTransportConfig::with_uri(
            format!("http://{server}/"),
        )
        .auth_header("reader"),
    );
    let client = ().serve(transport).await.unwrap();
    for _ in 0..20 {
        let refused = client
            .call_tool(CallToolRequestParams::new("write"))
            .await
            .unwrap_err();
        let rmcp::ServiceError::McpError(error) = refused else {
            panic!("refused in another way: {refused:?}")
        };
        assert_eq!(error.code.0, -32003);
        assert_eq!(error.data, Some(data.clone()));
        assert_eq!(
            error.message,
            "the access token lacks a scope of: read write"
        );
    }
    client.cancel().await.unwrap();
}

#[tokio::test]
async fn tools_and_prompts_know_who_is_calling() {
    let config = StreamableHttpServerConfig::default();
    let server = serve_behind(layer(), config).await;
    let config =
        rmcp::transport::streamable_http_client::StreamableHttpClientTransportConfig::with_uri(
            format!("http://{server}/"),
        );
    let transport =
        rmcp::transport::StreamableHttpClientTransport::from_config(config.auth_header("reader"));
    let client = ().serve(transport).await.unwrap();
    for (tool, expected) in [("whoami", "cli"), ("greet", "hello cli")] {
        let result = client
            .call_tool(CallToolRequestParams::new(tool))
            .await
            .unwrap();
        assert_eq!(result.content[0].as_text().unwrap().text, expected);
    }
    let prompt = client
        .get_prompt(GetPromptRequestParams::new("me"))
        .await
        .unwrap();
    assert!(format!("{prompt:?}").contains("cli"), "{prompt:?}");
    client.cancel().await.unwrap();
}

#[tokio::test]
async fn behind_an_optional_layer_a_tool_asks_for_a_token_only_if_it_needs_one() {
    let server = serve_behind(layer().optional(), StreamableHttpServerConfig::default()).await;
    assert_eq!(
        text(&call(server, None, "greet", true).await),
        "hello stranger"
    );
    assert_eq!(
        text(&call(server, Some("reader"), "greet", true).await),
        "hello cli"
    );
    let challenge = format!(r#"Bearer realm="notes", scope="read write", {METADATA}"#);
    let refused = call(server, None, "whoami", true).await;
    refused.assert_refusal(401, Some(&challenge), &no_token());

    let server = serve_behind(layer().optional(), stateless()).await;
    let refused = message(&call(server, None, "whoami", false).await);
    let data = json!({
        "scope": "read write",
        "resource_metadata": "https://api.test/.well-known/oauth-protected-resource/mcp",
    });
    assert_refused_in_band(&refused, &data);
}

#[tokio::test]
async fn a_missing_layer_is_said_clearly_and_logged() {
    let recorded = Recorded::start();
    let server = serve(service(stateless().with_json_response(true))).await;
    for (tool, parameter) in [("whoami", "AccessToken"), ("greet", "MaybeAccessToken")] {
        let error = message(&call(server, None, tool, false).await);
        assert_eq!(error["error"]["code"], -32603, "{error}");
        let said = error["error"]["message"].as_str().unwrap();
        assert!(said.contains("BearerAuthLayer"), "{said}");
        let setup = recorded.events("tower_bearer_auth::setup");
        assert_eq!(setup.len(), 1);
        assert_eq!(setup[0].level, Level::ERROR);
        let logged =
            format!("{parameter} needs a BearerAuthLayer in front of it, and there is none");
        assert_eq!(setup[0].fields["message"], logged);
        let decisions = recorded.decisions();
        assert_eq!(decisions.len(), 1);
        let said = |field| &*decisions[0][field];
        let misconfigured = [parameter, "misconfigured", "no_layer"];
        assert_eq!(["by", "outcome", "reason"].map(said), misconfigured);
    }
}

#[tokio::test]
async fn over_another_transport_there_is_nobody_to_ask() {
    let (ours, theirs) = tokio::io::duplex(4096);
    let server = tokio::spawn(async move {
        let server = Tools::new().serve(theirs).await.unwrap();
        server.waiting().await
    });
    let client = ().serve(ours).await.unwrap();
    let refused = client
        .call_tool(CallToolRequestParams::new("whoami"))
        .await
        .unwrap_err();
    assert!(
        format!("{refused:?}").contains("BearerAuthLayer"),
        "{refused:?}"
    );
    client.cancel().await.unwrap();
    server.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_guard_further_out_leaves_the_slot_alone() {
    let service = ServiceBuilder::new()
        .layer(layer())
        .layer(tower_bearer_auth::mcp::SessionBindingLayer::new())
        .service(service(StreamableHttpServerConfig::default()));
    let server = serve(service).await;
    let refused = call(server, Some("reader"), "write", true).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    let challenge = refused.header("www-authenticate").unwrap();
    assert_eq!(challenge, insufficient("write"));
}
