//! The flow of an MCP client from its first 401 to the results of tools, with the OAuth client of `rmcp`, a
//! protected server, and a real authorization server.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::StatusCode;
use http::header::{LOCATION, WWW_AUTHENTICATE};
use reqwest::Url;
use rmcp::RoleClient;
use rmcp::model::{CallToolRequestParams, ProtocolVersion};
use rmcp::service::{
    ClientInitializeError, ClientLifecycleMode, ClientServiceExt, RunningService, ServiceError,
};
use rmcp::transport::StreamableHttpClientTransport;
use rmcp::transport::auth::{
    AuthClient, AuthorizationCallback, AuthorizationRequest, OAuthState, WWWAuthenticateParams,
};
use rmcp::transport::streamable_http_client::{
    StreamableHttpClient, StreamableHttpClientTransportConfig, StreamableHttpError,
};
use serde_json::{Value, json};

use super::serve_example_for;
use crate::support::authorization_server::{AuthorizationServer, USER};

const CALLBACK: &str = "http://127.0.0.1:9/callback";

/// The result of `whoami` for a client that requested only the scope of the challenge.
const READER: &str = "alice with the scopes: notes:read";

/// A protected server and the authorization server it trusts.
struct Servers {
    authorization: AuthorizationServer,
    /// The protected server's URL, which is also the resource that tokens are for.
    resource: Url,
}

impl Servers {
    async fn start() -> Self {
        let scopes = ["notes:read", "notes:write", "admin"];
        let authorization = AuthorizationServer::start(scopes).await;
        let address = serve_example_for(&authorization).await;
        let resource = format!("http://{address}/mcp").parse().unwrap();
        Self {
            authorization,
            resource,
        }
    }

    fn metadata_url(&self) -> Url {
        let path = "/.well-known/oauth-protected-resource/mcp";
        self.resource.join(path).unwrap()
    }

    /// The challenge as the client parses it.
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

/// Requests only the scope of the challenge.
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
    request: CallToolRequestParams,
) -> Result<String, ServiceError> {
    let result = client.call_tool(request).await?;
    Ok(result.content[0].as_text().unwrap().text.clone())
}

async fn whoami(client: &RunningService<RoleClient, ()>) -> String {
    let request = CallToolRequestParams::new("whoami");
    call(client, request).await.unwrap()
}

async fn delete_milk(client: &RunningService<RoleClient, ()>) -> Result<String, ServiceError> {
    let Value::Object(arguments) = json!({"id": 2}) else {
        unreachable!()
    };
    let request = CallToolRequestParams::new("delete_note").with_arguments(arguments);
    call(client, request).await
}

/// The claims of the client's access token.
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
async fn a_client_without_a_session_gets_from_401_to_a_tool_result() {
    get_from_401_to_a_tool_result_and_step_up(ClientLifecycleMode::Discover {
        preferred_versions: vec![ProtocolVersion::V_2026_07_28],
    })
    .await;
}

async fn get_from_401_to_a_tool_result_and_step_up(lifecycle: ClientLifecycleMode) {
    let servers = Servers::start().await;
    let resource = servers.resource.as_str();

    // Without a token, the challenge names the authorization server and the scope.
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

    // The client registers, and requests the scope of the challenge.
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

    // The token is for this server, and has the scope for one tool.
    let token = claims(&http).await;
    assert_eq!(token["iss"], servers.authorization.issuer());
    assert_eq!(token["aud"], resource);
    assert_eq!(token["sub"], USER);
    assert_eq!(token["client_id"], first.client_id);
    assert_eq!(token["scope"], "notes:read");
    let client = servers.connect(http.clone(), lifecycle).await.unwrap();
    assert_eq!(whoami(&client).await, READER);

    // The other tool is refused before it does anything, and the challenge names what it needs.
    let refused = delete_milk(&client).await.unwrap_err();
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
    assert_eq!(whoami(&client).await, READER);

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
    assert_eq!(delete_milk(&client).await.unwrap(), "deleted: milk");
    delete_milk(&client).await.unwrap_err();
    client.cancel().await.unwrap();
}

#[tokio::test]
async fn a_client_that_knows_only_the_url_discovers_the_rest() {
    let servers = Servers::start().await;
    let answer = reqwest::get(servers.resource.clone()).await.unwrap();
    assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
    let challenge = answer.headers()[WWW_AUTHENTICATE].to_str().unwrap();
    let pointer = servers.read(challenge).resource_metadata_url;
    assert_eq!(pointer, Some(servers.metadata_url()));

    let http = servers.log_in(least()).await;
    let [authorization] = &servers.authorization.authorizations()[..] else {
        panic!("not one authorization request")
    };
    assert_eq!(
        authorization.resource.as_deref(),
        Some(servers.resource.as_str())
    );
    assert_eq!(authorization.scope.as_deref(), Some("notes:read"));

    let lifecycle = ClientLifecycleMode::Initialize;
    let client = servers.connect(http, lifecycle).await.unwrap();
    assert_eq!(whoami(&client).await, READER);
    client.cancel().await.unwrap();
}

#[tokio::test]
async fn a_client_may_request_all_scopes_of_the_metadata_at_once() {
    let servers = Servers::start().await;
    let http = servers.log_in(AuthorizationRequest::new(CALLBACK)).await;
    assert_eq!(claims(&http).await["scope"], "notes:read notes:write");

    let lifecycle = ClientLifecycleMode::Initialize;
    let client = servers.connect(http, lifecycle).await.unwrap();
    assert_eq!(delete_milk(&client).await.unwrap(), "deleted: milk");
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
    assert_eq!(whoami(&client).await, READER);
    client.cancel().await.unwrap();
}
