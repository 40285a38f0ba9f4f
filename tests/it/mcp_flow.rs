//! What an MCP client goes through, from its first 401 to the results of tools: the OAuth client of
//! `rmcp`, a protected server, and a real authorization server.

use std::future::ready;
use std::sync::{Arc, Mutex};

use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::middleware::{Next, from_fn, map_response};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::StatusCode;
use http::header::{LOCATION, WWW_AUTHENTICATE};
use reqwest::Url;
use rmcp::model::{CallToolRequestParams, ProtocolVersion, ServerCapabilities, ServerConfig};
use rmcp::service::{
    ClientInitializeError, ClientLifecycleMode, ClientServiceExt, RunningService, ServiceError,
};
use rmcp::transport::auth::{
    AuthClient, AuthorizationCallback, AuthorizationRequest, OAuthState, WWWAuthenticateParams,
};
use rmcp::transport::streamable_http_client::{
    StreamableHttpClient, StreamableHttpClientTransportConfig, StreamableHttpError,
};
use rmcp::transport::streamable_http_server::session::local::LocalSessionManager;
use rmcp::transport::{
    StreamableHttpClientTransport, StreamableHttpServerConfig, StreamableHttpService,
};
use rmcp::{RoleClient, ServerHandler, tool, tool_handler, tool_router};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tower_bearer_auth::{AccessToken, BearerAuthLayer, JwtVerifier};

use crate::support::authorization_server::{AuthorizationServer, USER};

const CALLBACK: &str = "http://127.0.0.1:9/callback";

/// A protected server and the authorization server it trusts.
struct Servers {
    authorization: AuthorizationServer,
    /// The protected server's URL, which is also the resource that tokens are for.
    resource: Url,
}

impl Servers {
    async fn start() -> Self {
        let authorization = AuthorizationServer::start(["notes:read", "notes:write"]).await;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let resource = format!("http://{}/mcp", listener.local_addr().unwrap());
        serve_app(listener, authorization.issuer()).await;
        Self {
            authorization,
            resource: resource.parse().unwrap(),
        }
    }

    fn metadata_url(&self) -> Url {
        let path = "/.well-known/oauth-protected-resource/mcp";
        self.resource.join(path).unwrap()
    }

    /// What the client makes of a challenge.
    fn read(&self, challenge: &str) -> WWWAuthenticateParams {
        WWWAuthenticateParams::parse(challenge, &self.resource)
    }

    async fn connect(
        &self,
        client: impl StreamableHttpClient + Sync,
        lifecycle: ClientLifecycleMode,
    ) -> Result<RunningService<RoleClient, ()>, ClientInitializeError> {
        let config = StreamableHttpClientTransportConfig::with_uri(self.resource.as_str());
        let transport = StreamableHttpClientTransport::with_client(client, config);
        ().serve_with_lifecycle(transport, lifecycle).await
    }

    /// Has the user log in.
    async fn log_in(&self, request: AuthorizationRequest) -> AuthClient<reqwest::Client> {
        let mut state = OAuthState::new(self.resource.as_str(), None).await.unwrap();
        state.start_authorization(request).await.unwrap();
        let url = state.get_authorization_url().await.unwrap();
        state.handle_callback_url(&visit(&url).await).await.unwrap();
        let manager = state.into_authorization_manager().unwrap();
        AuthClient::new(reqwest::Client::new(), manager)
    }
}

/// A request for what the challenge says, and nothing more.
fn least() -> AuthorizationRequest {
    AuthorizationRequest::new(CALLBACK).with_initial_scope_selection()
}

/// What the browser does with a link: the user agrees, and it is sent back to this URL.
async fn visit(url: &str) -> String {
    let browser = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .unwrap();
    let answer = browser.get(url).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::FOUND, "{answer:?}");
    answer.headers()[LOCATION].to_str().unwrap().to_owned()
}

/// Has the user agree to more, while the client stays connected.
async fn step_up(client: &AuthClient<reqwest::Client>, scope: &str) {
    let manager = client.auth_manager.lock().await;
    let url = manager.request_scope_upgrade(scope).await.unwrap();
    let callback = AuthorizationCallback::from_redirect_url(&visit(&url).await).unwrap();
    manager
        .exchange_code_for_token_with_issuer(
            &callback.code,
            &callback.csrf_token,
            callback.issuer.as_deref(),
        )
        .await
        .unwrap();
}

async fn call(
    client: &RunningService<RoleClient, ()>,
    tool: &'static str,
) -> Result<String, ServiceError> {
    let result = client.call_tool(CallToolRequestParams::new(tool)).await?;
    Ok(result.content[0].as_text().unwrap().text.clone())
}

/// What the client's access token says.
async fn claims(client: &AuthClient<reqwest::Client>) -> Value {
    let token = client.get_access_token().await.unwrap();
    let payload = token.split('.').nth(1).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap()
}

#[tokio::test]
async fn a_client_gets_from_401_to_a_tool_result_and_steps_up_for_another() {
    get_from_401_to_a_tool_result_and_step_up(ClientLifecycleMode::Initialize).await;
}

#[tokio::test]
async fn so_does_a_client_without_a_session() {
    get_from_401_to_a_tool_result_and_step_up(ClientLifecycleMode::Discover {
        preferred_versions: vec![ProtocolVersion::V_2026_07_28],
    })
    .await;
}

async fn get_from_401_to_a_tool_result_and_step_up(lifecycle: ClientLifecycleMode) {
    let servers = Servers::start().await;
    let resource = servers.resource.as_str();

    // Nobody has logged in: the server says where one does, and for what.
    let refused = servers
        .connect(reqwest::Client::new(), lifecycle.clone())
        .await
        .unwrap_err();
    assert!(refused.is_authorization_required(), "{refused:?}");
    let challenge = refused.auth_challenge().unwrap().to_owned();
    let read = servers.read(&challenge);
    assert_eq!(read.resource_metadata_url, Some(servers.metadata_url()));
    assert_eq!(read.scope.as_deref(), Some("notes:read"));
    assert_eq!(read.error, None);

    // The client registers, and asks for the scope of the challenge.
    let http = servers.log_in(least().with_challenge(challenge)).await;
    let [registration] = &servers.authorization.registrations()[..] else {
        panic!("not one registration")
    };
    assert_eq!(registration.redirect_uris, [CALLBACK]);
    assert_eq!(registration.scope.as_deref(), Some("notes:read"));
    let [first] = &servers.authorization.authorizations()[..] else {
        panic!("not one authorization request")
    };
    assert_eq!(first.resource.as_deref(), Some(resource));
    assert_eq!(first.scope.as_deref(), Some("notes:read"));
    assert_eq!(first.code_challenge_method.as_deref(), Some("S256"));

    // The token is for this server, and good for one tool.
    let token = claims(&http).await;
    assert_eq!(token["iss"], servers.authorization.issuer());
    assert_eq!(token["aud"], resource);
    assert_eq!(token["sub"], USER);
    assert_eq!(token["client_id"], first.client_id);
    assert_eq!(token["scope"], "notes:read");
    let client = servers.connect(http.clone(), lifecycle).await.unwrap();
    assert_eq!(call(&client, "list_notes").await.unwrap(), "milk");

    // The other tool is refused before it does anything, and the challenge names what it needs.
    let refused = call(&client, "delete_note").await.unwrap_err();
    let ServiceError::TransportSend(refused) = refused else {
        panic!("refused in another way: {refused:?}")
    };
    let refused = refused
        .error
        .downcast_ref::<StreamableHttpError<reqwest::Error>>()
        .unwrap();
    let StreamableHttpError::InsufficientScope(lacking) = refused else {
        panic!("refused in another way: {refused:?}")
    };
    let read = servers.read(refused.auth_challenge().unwrap());
    assert!(read.is_insufficient_scope());
    assert_eq!(read.resource_metadata_url, Some(servers.metadata_url()));
    assert_eq!(read.scope.as_deref(), lacking.get_required_scope());
    let required = read.scope.unwrap();
    assert!(required.split(' ').any(|scope| scope == "notes:write"));
    assert_eq!(call(&client, "list_notes").await.unwrap(), "milk");

    // The user agrees to more. The new token still has what the old one had.
    step_up(&http, &required).await;
    let [_, second] = &servers.authorization.authorizations()[..] else {
        panic!("not two authorization requests")
    };
    assert_eq!(second.resource.as_deref(), Some(resource));
    assert_eq!(second.scope.as_deref(), Some("notes:read notes:write"));
    assert_eq!(second.client_id, first.client_id);
    let token = claims(&http).await;
    assert_eq!(token["aud"], resource);
    assert_eq!(token["scope"], "notes:read notes:write");

    // The same call, over the same connection.
    assert_eq!(call(&client, "delete_note").await.unwrap(), "deleted milk");
    assert_eq!(call(&client, "list_notes").await.unwrap(), "");
    client.cancel().await.unwrap();
}

#[tokio::test]
async fn a_client_that_only_knows_the_url_finds_the_rest() {
    let servers = Servers::start().await;
    let answer = reqwest::get(servers.resource.clone()).await.unwrap();
    assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
    let challenge = answer.headers()[WWW_AUTHENTICATE].to_str().unwrap();
    let pointer = servers.read(challenge).resource_metadata_url;
    assert_eq!(pointer, Some(servers.metadata_url()));

    let http = servers.log_in(least()).await;
    let [asked] = &servers.authorization.authorizations()[..] else {
        panic!("not one authorization request")
    };
    assert_eq!(asked.resource.as_deref(), Some(servers.resource.as_str()));
    assert_eq!(asked.scope.as_deref(), Some("notes:read"));

    let lifecycle = ClientLifecycleMode::Initialize;
    let client = servers.connect(http, lifecycle).await.unwrap();
    assert_eq!(call(&client, "list_notes").await.unwrap(), "milk");
    client.cancel().await.unwrap();
}

#[tokio::test]
async fn a_client_that_likes_to_ask_once_asks_for_all_that_the_metadata_lists() {
    let servers = Servers::start().await;
    let http = servers.log_in(AuthorizationRequest::new(CALLBACK)).await;
    assert_eq!(claims(&http).await["scope"], "notes:read notes:write");

    let lifecycle = ClientLifecycleMode::Initialize;
    let client = servers.connect(http, lifecycle).await.unwrap();
    assert_eq!(call(&client, "delete_note").await.unwrap(), "deleted milk");
    client.cancel().await.unwrap();
}

#[tokio::test]
async fn a_refreshed_token_is_as_good_as_the_first() {
    let servers = Servers::start().await;
    let http = servers.log_in(least()).await;
    let first = http.get_access_token().await.unwrap();
    let lifecycle = ClientLifecycleMode::Initialize;
    let client = servers.connect(http.clone(), lifecycle).await.unwrap();

    let manager = http.auth_manager.lock().await;
    manager.refresh_token().await.unwrap();
    drop(manager);

    assert_ne!(http.get_access_token().await.unwrap(), first);
    let token = claims(&http).await;
    assert_eq!(token["aud"], servers.resource.as_str());
    assert_eq!(token["scope"], "notes:read");
    assert_eq!(call(&client, "list_notes").await.unwrap(), "milk");
    client.cancel().await.unwrap();
}

/// Serves an MCP server at `/mcp` whose tools need scopes of their own, and its metadata.
async fn serve_app(listener: TcpListener, issuer: &str) {
    let origin = format!("http://{}", listener.local_addr().unwrap());
    let resource = format!("{origin}/mcp");
    let verifier = JwtVerifier::builder()
        .discover(issuer)
        .audience(&resource)
        .build()
        .unwrap();

    let notes = Notes::new();
    let mcp = StreamableHttpService::new(
        move || Ok(notes.clone()),
        Arc::new(LocalSessionManager::default()),
        StreamableHttpServerConfig::default(),
    );

    let path = "/.well-known/oauth-protected-resource/mcp";
    let metadata_url = format!("{origin}{path}");
    let metadata = json!({
        "resource": resource,
        "authorization_servers": [issuer],
        "scopes_supported": ["notes:read", "notes:write"],
        "bearer_methods_supported": ["header"],
    });
    let point_to_metadata = move |mut response: Response| {
        if let Some(challenge) = response.headers_mut().get_mut(WWW_AUTHENTICATE) {
            let text = challenge.to_str().unwrap();
            let text = format!("{text}, resource_metadata=\"{metadata_url}\"");
            *challenge = text.parse().unwrap();
        }
        ready(response)
    };
    let app = Router::new()
        .nest_service("/mcp", mcp)
        .layer(from_fn(guard_tools))
        .layer(BearerAuthLayer::new(verifier).required_scopes(["notes:read"]))
        .layer(map_response(point_to_metadata))
        .route(path, get(async move || Json(metadata)));
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
}

/// Requires another scope of those who call the tool that changes something.
async fn guard_tools(request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, 1024 * 1024).await.unwrap();
    let message: Value = serde_json::from_slice(&body).unwrap_or_default();
    if message["method"] == "tools/call" && message["params"]["name"] == "delete_note" {
        let token = parts.extensions.get::<AccessToken>().unwrap();
        if let Err(error) = token.require_scopes(["notes:write"]) {
            return error.into_response();
        }
    }
    next.run(Request::from_parts(parts, Body::from(body))).await
}

#[derive(Clone)]
struct Notes {
    texts: Arc<Mutex<Vec<&'static str>>>,
}

#[tool_router]
impl Notes {
    fn new() -> Self {
        Self {
            texts: Arc::new(Mutex::new(vec!["milk"])),
        }
    }

    #[tool(description = "Lists the notes")]
    fn list_notes(&self) -> String {
        self.texts.lock().unwrap().join("\n")
    }

    #[tool(description = "Deletes the last note")]
    fn delete_note(&self) -> String {
        let last = self.texts.lock().unwrap().pop().unwrap();
        format!("deleted {last}")
    }
}

#[tool_handler]
impl ServerHandler for Notes {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
    }
}
