//! An OAuth 2.1 authorization server on a loopback port, for public clients that act for one user.

mod oauth_error;
mod registration;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use aws_lc_rs::{digest, rand};
use axum::extract::rejection::{FormRejection, JsonRejection, QueryRejection};
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Form, Json, Router};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{StatusCode, header};
use reqwest::Url;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tower_bearer_auth::testing::{DpopKey, SigningKey, TokenBuilder};
use tower_bearer_auth::{Algorithm, Scopes};
use tower_http::cors::CorsLayer;

use self::oauth_error::{NO_STORE, OAuthError};
use self::registration::{Mode, Registration};

/// The user, who consents to every request.
pub(crate) const USER: &str = "alice";

const LIFETIME: Duration = Duration::from_secs(3600);

/// A running server. It registers every client, and records all requests.
#[derive(Clone)]
pub(crate) struct AuthorizationServer {
    shared: Arc<Shared>,
}

struct Shared {
    issuer: String,
    key: SigningKey,
    mode: Mode,
    scopes: Vec<String>,
    records: Mutex<Records>,
}

#[derive(Default)]
struct Records {
    /// By client ID.
    clients: HashMap<String, Registration>,
    authorizations: Vec<Authorization>,
    /// By code. The first request with a code removes it.
    codes: HashMap<String, Grant>,
    refresh_tokens: HashMap<String, Grant>,
}

/// An authorization request as received (RFC 6749 §4.1.1, RFC 7636 §4.3, RFC 8707 §2.1).
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Authorization {
    pub(crate) response_type: Option<String>,
    pub(crate) client_id: String,
    pub(crate) redirect_uri: String,
    pub(crate) state: Option<String>,
    pub(crate) scope: Option<String>,
    pub(crate) resource: Option<String>,
    pub(crate) code_challenge: Option<String>,
    pub(crate) code_challenge_method: Option<String>,
}

/// The grant: the client, scopes and resource that the user consented to.
#[derive(Clone)]
struct Grant {
    client_id: String,
    redirect_uri: String,
    code_challenge: String,
    resource: String,
    scope: Scopes,
}

/// A token request as received.
#[derive(Deserialize)]
struct TokenRequest {
    grant_type: String,
    client_id: Option<String>,
    code: Option<String>,
    redirect_uri: Option<String>,
    code_verifier: Option<String>,
    refresh_token: Option<String>,
    resource: Option<String>,
    scope: Option<String>,
}

impl AuthorizationServer {
    /// Starts a server with these scopes and an ES256 key. It serves until the runtime stops.
    ///
    /// It refuses requests that rely on defaults, so that a test client must send complete requests.
    /// For other clients use [`start_lenient`](Self::start_lenient).
    pub(crate) async fn start<const N: usize>(scopes: [&str; N]) -> Self {
        Self::start_in(Mode::Strict, scopes).await
    }

    /// Starts a server that also accepts requests without parameters that common clients omit: the authentication
    /// method in a registration, and `resource` in a token request.
    pub(crate) async fn start_lenient<const N: usize>(scopes: [&str; N]) -> Self {
        Self::start_in(Mode::Lenient, scopes).await
    }

    async fn start_in<const N: usize>(mode: Mode, scopes: [&str; N]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = Self {
            shared: Arc::new(Shared {
                issuer: format!("http://{}", listener.local_addr().unwrap()),
                key: SigningKey::generate(Algorithm::ES256).with_key_id("key-1"),
                mode,
                scopes: scopes.map(str::to_owned).to_vec(),
                records: Mutex::default(),
            }),
        };
        let app = Router::new()
            .route(
                "/.well-known/oauth-authorization-server",
                get(Self::metadata),
            )
            .route("/jwks", get(Self::jwks))
            .route("/register", post(Self::register))
            .route("/authorize", get(Self::authorize))
            .route("/token", post(Self::token))
            // Clients may run in browsers.
            .layer(CorsLayer::permissive())
            .with_state(server.clone());
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        server
    }

    /// The issuer identifier, which is the server's URL.
    pub(crate) fn issuer(&self) -> &str {
        &self.shared.issuer
    }

    /// Issues an access token without a token request.
    pub(crate) fn access_token<const N: usize>(
        &self,
        subject: &str,
        resource: &str,
        scopes: [&str; N],
    ) -> String {
        self.token_for(subject, "by-hand", resource)
            .scopes(scopes)
            .build()
    }

    /// Issues an access token that is bound to this key, without a token request.
    pub(crate) fn bound_token<const N: usize>(
        &self,
        subject: &str,
        resource: &str,
        scopes: [&str; N],
        key: &DpopKey,
    ) -> String {
        self.token_for(subject, "by-hand", resource)
            .scopes(scopes)
            .bound_to(key)
            .build()
    }

    fn token_for(&self, subject: &str, client_id: &str, resource: &str) -> TokenBuilder {
        self.shared
            .key
            .token()
            .token_type("at+jwt")
            .issuer(self.issuer())
            .audience(resource)
            .subject(subject)
            .client_id(client_id)
            .jwt_id(random())
            .expires_in(LIFETIME)
    }

    /// The registrations so far.
    pub(crate) fn registrations(&self) -> Vec<Registration> {
        self.records().clients.values().cloned().collect()
    }

    /// The authorization requests so far, in order.
    pub(crate) fn authorizations(&self) -> Vec<Authorization> {
        self.records().authorizations.clone()
    }

    fn records(&self) -> MutexGuard<'_, Records> {
        self.shared.records.lock().unwrap()
    }

    /// The metadata (RFC 8414 §2).
    async fn metadata(State(server): State<Self>) -> Json<Value> {
        let issuer = server.issuer();
        Json(json!({
            "issuer": issuer,
            "authorization_endpoint": format!("{issuer}/authorize"),
            "token_endpoint": format!("{issuer}/token"),
            "registration_endpoint": format!("{issuer}/register"),
            "jwks_uri": format!("{issuer}/jwks"),
            "scopes_supported": server.shared.scopes,
            "response_types_supported": ["code"],
            "grant_types_supported": ["authorization_code", "refresh_token"],
            "token_endpoint_auth_methods_supported": ["none"],
            "code_challenge_methods_supported": ["S256"],
            "authorization_response_iss_parameter_supported": true,
        }))
    }

    async fn jwks(State(server): State<Self>) -> Json<Value> {
        Json(SigningKey::jwk_set([&server.shared.key]))
    }

    /// The registration endpoint (RFC 7591 §3).
    async fn register(
        State(server): State<Self>,
        registration: Result<Json<Registration>, JsonRejection>,
    ) -> Result<Response, OAuthError> {
        let Json(registration) = registration?;
        registration.check(server.shared.mode)?;
        let client_id = random();
        let answer = json!({
            "client_id": client_id,
            "redirect_uris": registration.redirect_uris,
            // This applies even if the client requested a secret.
            "token_endpoint_auth_method": "none",
            "grant_types": ["authorization_code", "refresh_token"],
            "response_types": ["code"],
            "scope": registration.scope,
        });
        server.records().clients.insert(client_id, registration);
        Ok((StatusCode::CREATED, NO_STORE, Json(answer)).into_response())
    }

    /// The authorization endpoint (RFC 6749 §4.1.2), with `iss` of RFC 9207.
    async fn authorize(
        State(server): State<Self>,
        request: Result<Query<Authorization>, QueryRejection>,
    ) -> Result<Response, OAuthError> {
        let Query(request) = request?;
        server.records().authorizations.push(request.clone());

        // Redirect the browser only if the client and its redirect URI are registered (§4.1.2.1).
        let redirect_uri = match server.records().clients.get(&request.client_id) {
            Some(client) if client.redirect_uris.contains(&request.redirect_uri) => {
                Url::parse(&request.redirect_uri).map_err(|_| OAuthError("invalid_request"))?
            }
            Some(_) => return Err(OAuthError("invalid_request")),
            None => return Err(OAuthError("invalid_client")),
        };
        let (name, value) = match server.consent(&request) {
            Ok(grant) => {
                let code = random();
                server.records().codes.insert(code.clone(), grant);
                ("code", code)
            }
            Err(OAuthError(error)) => ("error", error.to_owned()),
        };
        let mut location = redirect_uri;
        location
            .query_pairs_mut()
            .append_pair(name, &value)
            .append_pair("iss", server.issuer());
        if let Some(state) = &request.state {
            location.query_pairs_mut().append_pair("state", state);
        }
        Ok((StatusCode::FOUND, [(header::LOCATION, location.as_str())]).into_response())
    }

    fn consent(&self, request: &Authorization) -> Result<Grant, OAuthError> {
        if request.response_type.as_deref() != Some("code") {
            return Err(OAuthError("unsupported_response_type"));
        }
        // The default method is `plain` (RFC 7636 §4.3).
        let (Some(code_challenge), Some("S256")) = (
            &request.code_challenge,
            request.code_challenge_method.as_deref(),
        ) else {
            return Err(OAuthError("invalid_request"));
        };
        let Some(resource) = &request.resource else {
            return Err(OAuthError("invalid_target"));
        };
        let scope = Scopes::parse(request.scope.as_deref().unwrap_or_default())
            .map_err(|_| OAuthError("invalid_scope"))?;
        let known = |name: &str| self.shared.scopes.iter().any(|scope| scope == name);
        // There is no default scope, so a request without scopes fails (RFC 6749 §3.3).
        if scope.is_empty() || !scope.iter().all(known) {
            return Err(OAuthError("invalid_scope"));
        }
        Ok(Grant {
            client_id: request.client_id.clone(),
            redirect_uri: request.redirect_uri.clone(),
            code_challenge: code_challenge.clone(),
            resource: resource.clone(),
            scope,
        })
    }

    /// The token endpoint (RFC 6749 §4.1.3 and §6).
    async fn token(
        State(server): State<Self>,
        request: Result<Form<TokenRequest>, FormRejection>,
    ) -> Result<Response, OAuthError> {
        let Form(request) = request?;
        let (grant, scope) = match request.grant_type.as_str() {
            "authorization_code" => server.redeem_code(&request)?,
            "refresh_token" => server.redeem_refresh_token(&request)?,
            _ => return Err(OAuthError("unsupported_grant_type")),
        };
        let access_token = server
            .token_for(USER, &grant.client_id, &grant.resource)
            .scopes(scope.iter())
            .build();
        let refresh_token = random();
        let answer = json!({
            "access_token": access_token,
            "token_type": "Bearer",
            "expires_in": LIFETIME.as_secs(),
            "refresh_token": refresh_token,
            "scope": scope.as_str(),
        });
        server.records().refresh_tokens.insert(refresh_token, grant);
        Ok((NO_STORE, Json(answer)).into_response())
    }

    fn redeem_code(&self, request: &TokenRequest) -> Result<(Grant, Scopes), OAuthError> {
        let code = request.code.as_ref();
        let code = code.ok_or(OAuthError("invalid_request"))?;
        // Removed even if this request fails: a stolen code allows one guess of the verifier.
        let grant = self.records().codes.remove(code);
        let grant = grant.ok_or(OAuthError("invalid_grant"))?;
        grant.check_client(request, self.shared.mode)?;

        let verifier = request.code_verifier.as_deref();
        let verified = verifier.is_some_and(|v| s256(v) == grant.code_challenge);
        if !verified || request.redirect_uri.as_ref() != Some(&grant.redirect_uri) {
            return Err(OAuthError("invalid_grant"));
        }
        let scope = grant.scope.clone();
        Ok((grant, scope))
    }

    /// Refreshes a grant. The new access token may have fewer scopes than the grant. The next refresh token has all.
    fn redeem_refresh_token(&self, request: &TokenRequest) -> Result<(Grant, Scopes), OAuthError> {
        let token = request.refresh_token.as_ref();
        let token = token.ok_or(OAuthError("invalid_request"))?;
        // Refresh tokens of public clients rotate (OAuth 2.1 §4.3.1).
        let grant = self.records().refresh_tokens.remove(token);
        let grant = grant.ok_or(OAuthError("invalid_grant"))?;
        grant.check_client(request, self.shared.mode)?;

        let scope = match &request.scope {
            Some(scope) => Scopes::parse(scope).map_err(|_| OAuthError("invalid_scope"))?,
            None => grant.scope.clone(),
        };
        if !grant.scope.is_superset(&scope) {
            return Err(OAuthError("invalid_scope"));
        }
        Ok((grant, scope))
    }
}

impl Grant {
    fn check_client(&self, request: &TokenRequest, mode: Mode) -> Result<(), OAuthError> {
        if request.client_id.as_ref() != Some(&self.client_id) {
            return Err(OAuthError("invalid_grant"));
        }
        match (&request.resource, mode) {
            (Some(resource), _) if *resource == self.resource => Ok(()),
            // The token's audience is the resource that the user consented to (RFC 8707 §2.2).
            (None, Mode::Lenient) => Ok(()),
            (None, Mode::Strict) | (Some(_), _) => Err(OAuthError("invalid_target")),
        }
    }
}

/// The code challenge of a verifier (RFC 7636 §4.6).
fn s256(verifier: &str) -> String {
    URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, verifier.as_bytes()))
}

/// 256 random bits, for codes, tokens and identifiers.
fn random() -> String {
    let mut bytes = [0; 32];
    rand::fill(&mut bytes).unwrap();
    URL_SAFE_NO_PAD.encode(bytes)
}
