//! A server that exchanges its caller's token to call another server (RFC 8693).

use std::collections::HashMap;
use std::net::SocketAddr;

use axum::extract::{Form, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Value, json};
use tower_bearer_auth::{
    AccessToken, BearerAuthLayer, InvalidReason, JwtVerifier, VerifierExt, VerifyError,
};

use super::opaque_recipes::{client, exchange};
use super::{KEY, clock};
use crate::support::{Answer, get_with, serve_axum};

const ISSUER: &str = "https://issuer.example.com";
const GATEWAY: &str = "https://gateway.example.com";
const INVOICES: &str = "https://invoices.example.com";

fn token(audience: &str, claims: Value) -> String {
    let token = KEY.token().clock(clock()).issuer(ISSUER).claims(claims);
    token.audience(audience).build()
}

fn verifier(audience: &str) -> JwtVerifier {
    JwtVerifier::builder()
        .clock(clock())
        .key(KEY.verifying_key())
        .issuer(ISSUER)
        .audience(audience)
        .build()
        .unwrap()
}

/// The token endpoint. It exchanges tokens that are for the gateway.
async fn token_endpoint(headers: HeaderMap, Form(form): Form<HashMap<String, String>>) -> Response {
    let refuse = |status, error: &str| (status, Json(json!({ "error": error }))).into_response();
    // `gateway:secret`
    if headers["authorization"] != "Basic Z2F0ZXdheTpzZWNyZXQ=" {
        return refuse(StatusCode::UNAUTHORIZED, "invalid_client");
    }
    let grant = "urn:ietf:params:oauth:grant-type:token-exchange";
    assert_eq!(form["grant_type"], grant);
    let token_type = "urn:ietf:params:oauth:token-type:access_token";
    assert_eq!(form["subject_token_type"], token_type);
    assert_eq!(form["resource"], INVOICES);
    assert_eq!(form["scope"], "invoices:read");
    let Ok(subject) = super::verify(&verifier(GATEWAY), &form["subject_token"]) else {
        return refuse(StatusCode::BAD_REQUEST, "invalid_request");
    };
    let claims = json!({
        "sub": subject.subject(),
        "scope": "invoices:read",
        "act": {"sub": "gateway"},
    });
    Json(json!({
        "access_token": token(INVOICES, claims),
        "issued_token_type": token_type,
        "token_type": "Bearer",
        "expires_in": 60,
    }))
    .into_response()
}

/// A server that only the gateway may call.
async fn invoices() -> SocketAddr {
    let verifier = verifier(INVOICES).check(|token: &AccessToken| match token.actor() {
        Ok(Some(actor)) if actor.subject() == Some("gateway") => Ok(()),
        Ok(_) | Err(_) => Err(VerifyError::invalid(InvalidReason::InvalidClaim)),
    });
    let show = |token: AccessToken| async move {
        let actor = token.actor().unwrap().unwrap();
        json!([token.subject(), actor.subject(), token.scopes().as_str()]).to_string()
    };
    let app = Router::new().route("/", get(show));
    serve_axum(app.layer(BearerAuthLayer::new(verifier))).await
}

#[derive(Clone, Copy)]
struct Gateway {
    token_endpoint: &'static str,
    secret: &'static str,
    invoices: SocketAddr,
}

impl Gateway {
    async fn start(secret: &'static str) -> (Self, SocketAddr) {
        let issuer = serve_axum(Router::new().route("/token", post(token_endpoint))).await;
        let gateway = Self {
            token_endpoint: format!("http://{issuer}/token").leak(),
            secret,
            invoices: invoices().await,
        };
        let app = Router::new()
            .route("/", get(Self::call))
            .with_state(gateway);
        let app = app.layer(BearerAuthLayer::new(verifier(GATEWAY)));
        (gateway, serve_axum(app).await)
    }

    async fn call(State(gateway): State<Self>, token: AccessToken) -> Response {
        let credentials = ("gateway", gateway.secret);
        let http = client().unwrap();
        match exchange(&http, gateway.token_endpoint, credentials, &token).await {
            Ok(exchanged) => get_with(gateway.invoices, &exchanged)
                .await
                .body
                .into_response(),
            Err(_) => StatusCode::BAD_GATEWAY.into_response(),
        }
    }
}

#[tokio::test]
async fn the_next_server_sees_the_user_and_the_server_that_acts_for_them() {
    let (gateway, address) = Gateway::start("secret").await;
    let user = json!({"sub": "alice", "scope": "openid invoices:read invoices:write"});
    let incoming = token(GATEWAY, user.clone());
    let answer = get_with(address, &incoming).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.json(), json!(["alice", "gateway", "invoices:read"]));

    // The next server refuses the incoming token, and one that the user got for it directly.
    let refused = async |token: &str| -> Answer { get_with(gateway.invoices, token).await };
    let elsewhere = "The access token is meant for another audience";
    refused(&incoming).await.assert_invalid_token(elsewhere);
    let direct = token(INVOICES, user);
    let unacceptable = "The access token has an unacceptable claim";
    refused(&direct).await.assert_invalid_token(unacceptable);
    // The gateway refuses the exchanged token.
    let exchanged = token(INVOICES, json!({"sub": "alice", "act": {"sub": "gateway"}}));
    get_with(address, &exchanged)
        .await
        .assert_invalid_token(elsewhere);
}

#[tokio::test]
async fn a_failed_exchange_does_not_blame_the_caller() {
    let (_, address) = Gateway::start("outdated").await;
    let answer = get_with(address, &token(GATEWAY, json!({"sub": "alice"}))).await;
    assert_eq!(answer.status, 502);
    assert_eq!(answer.header("www-authenticate"), None);
}
