//! A WebSocket for pages in browsers, which have their token in a cookie or send it as a subprotocol:
//! `cargo run --example web_socket`, then open the URL that it prints.
//!
//! | variable | meaning | default |
//! |---|---|---|
//! | `BIND` | address and port to listen on; port 0 selects a free one | `127.0.0.1:3000` |
//! | `TOKEN_SECONDS` | the lifetime of the tokens, in seconds | `30` |
//!
//! It issues its tokens itself, and every visitor is alice. In production, an authorization server does that, and the
//! server with the login sets the cookie.

use std::env;
use std::error::Error;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{get, post};
use http::header::SET_COOKIE;
use tokio::net::TcpListener;
use tower_bearer_auth::testing::SigningKey;
use tower_bearer_auth::{AccessToken, Algorithm, BearerAuthLayer, JwtVerifier, TokenSource};

const ISSUER: &str = "https://issuer.example.com";
const AUDIENCE: &str = "https://echo.example.com";

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    tracing_subscriber::fmt()
        .with_env_filter("info,tower_bearer_auth=debug")
        .with_writer(std::io::stderr)
        .init();
    let lifetime = env::var("TOKEN_SECONDS").unwrap_or_else(|_| "30".into());
    let login = Login {
        key: SigningKey::generate(Algorithm::ES256),
        lifetime: Duration::from_secs(lifetime.parse()?),
    };
    let verifier = JwtVerifier::builder()
        .key(login.key.verifying_key())
        .issuer(ISSUER)
        .audience(AUDIENCE)
        // The tokens of an issuer with another clock need some leeway. These are our own.
        .leeway(Duration::ZERO)
        .build()?;

    let bind = env::var("BIND").unwrap_or_else(|_| "127.0.0.1:3000".into());
    let listener = TcpListener::bind(bind).await?;
    let url = format!("http://{}", listener.local_addr()?);
    println!("listening on {url}");

    let auth = BearerAuthLayer::new(verifier).token_sources([
        TokenSource::web_socket_protocol("bearer"),
        // Chromium sends no Sec-Fetch-Site with the handshake of a WebSocket.
        TokenSource::cookie("__Host-token").origin(&url),
    ]);
    let app = Router::new()
        .route("/echo", get(echo))
        .layer(auth)
        .route("/", get(|| async { Html(include_str!("page.html")) }))
        .route("/token", post(token))
        .route("/login", post(set_cookie))
        .with_state(login);
    axum::serve(listener, app).await?;
    Ok(())
}

/// Issues tokens, in the place of an authorization server.
#[derive(Clone)]
struct Login {
    key: SigningKey,
    lifetime: Duration,
}

impl Login {
    fn token(&self) -> String {
        let token = self.key.token().issuer(ISSUER).audience(AUDIENCE);
        token.subject("alice").expires_in(self.lifetime).build()
    }
}

/// Returns a token to the scripts of the page.
async fn token(State(login): State<Login>) -> String {
    login.token()
}

/// Sets a cookie with a token, which the scripts of the page cannot read.
async fn set_cookie(State(login): State<Login>) -> impl IntoResponse {
    let (token, seconds) = (login.token(), login.lifetime.as_secs());
    let cookie = format!(
        "__Host-token={token}; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age={seconds}"
    );
    [(SET_COOKIE, cookie)]
}

async fn echo(token: AccessToken, upgrade: WebSocketUpgrade) -> Response {
    upgrade
        .protocols(["echo.v1"])
        .on_upgrade(|socket| echo_until_invalid(socket, token))
}

/// Sends every message back, until the client leaves or its token is no longer valid.
async fn echo_until_invalid(mut socket: WebSocket, token: AccessToken) {
    let mut until_invalid = token.until_invalid();
    let reason = loop {
        tokio::select! {
            reason = &mut until_invalid => break reason,
            message = socket.recv() => match message {
                Some(Ok(message @ (Message::Text(_) | Message::Binary(_)))) => {
                    if socket.send(message).await.is_err() {
                        return;
                    }
                }
                // axum answers these.
                Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Close(_))) => {}
                Some(Err(_)) | None => return,
            },
        }
    };
    // The page then gets a new token and connects again.
    let frame = CloseFrame {
        code: 3000,
        reason: reason.as_str().into(),
    };
    let _ = socket.send(Message::Close(Some(frame))).await;
}
