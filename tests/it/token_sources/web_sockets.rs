//! WebSockets: the token among the subprotocols, the cookie of a handshake, and connections that end with their token.

use std::net::SocketAddr;
use std::time::{Duration, UNIX_EPOCH};

use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade};
use axum::response::Response;
use axum::routing::any;
use axum::{Extension, Router};
use futures_util::{SinkExt, StreamExt};
use http::{HeaderMap, Request, StatusCode, Version};
use http_body_util::Full;
use hyper::ext::Protocol;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Error, Message as Received};
use tokio_tungstenite::{WebSocketStream, client_async};
use tower_bearer_auth::revocation::Revocations;
use tower_bearer_auth::testing::SigningKey;
use tower_bearer_auth::{AccessToken, Algorithm, BearerAuthLayer, Clock, JwtVerifier, TokenSource};

use super::bound_tokens::Proves;
use super::{
    Reached, VERSIONS, assert_cross_site, assert_no_token, assert_two_tokens, connect_http2, values,
};
use crate::support::{Answer, PATIENCE, read};

const ISSUER: &str = "https://issuer.test";
const AUDIENCE: &str = "https://api.test";

struct World {
    key: SigningKey,
    clock: Clock,
    http1: SocketAddr,
    http2: SocketAddr,
    reached: Reached,
}

impl World {
    async fn new() -> Self {
        let key = SigningKey::generate(Algorithm::ES256);
        let clock = Clock::manual(UNIX_EPOCH + Duration::from_secs(1_800_000_000));
        let verifier = JwtVerifier::builder()
            .key(key.verifying_key())
            .issuer(ISSUER)
            .audience(AUDIENCE)
            .leeway(Duration::ZERO)
            .clock(clock.clone())
            .build()
            .unwrap();
        // A layer with revocations looks at the token every second, whatever the clock says. A layer with a check waits
        // for it.
        let layer = BearerAuthLayer::new(verifier)
            .revocations(&Revocations::new())
            .check_request(Proves);
        let layer = layer.token_sources([
            TokenSource::authorization(),
            TokenSource::web_socket_protocol("bearer"),
            TokenSource::cookie("t").origin("https://app.test"),
        ]);
        let reached = Reached::default();
        let app = Router::new()
            .route("/", any(accept))
            .layer(Extension(reached.clone()))
            .layer(layer);
        Self {
            key,
            clock,
            http1: crate::support::serve_axum(app.clone()).await,
            http2: super::serve_http2(
                tower::ServiceBuilder::new()
                    .map_request(|request: Request<hyper::body::Incoming>| {
                        request.map(axum::body::Body::new)
                    })
                    .service(app),
            )
            .await,
            reached,
        }
    }

    fn token(&self) -> String {
        let token = self
            .key
            .token()
            .issuer(ISSUER)
            .audience(AUDIENCE)
            .subject("alice");
        token
            .clock(self.clock.clone())
            .expires_in(Duration::from_secs(60))
            .build()
    }

    /// Opens a WebSocket over HTTP/1 with these headers. Returns the connection, and the headers of the answer.
    async fn open(
        &self,
        headers: &[(&str, &str)],
    ) -> Result<(WebSocketStream<TcpStream>, HeaderMap), Answer> {
        let mut request = format!("ws://{}/", self.http1)
            .into_client_request()
            .unwrap();
        for (name, value) in headers {
            let name = http::HeaderName::from_bytes(name.as_bytes()).unwrap();
            request.headers_mut().append(name, value.parse().unwrap());
        }
        let stream = TcpStream::connect(self.http1).await.unwrap();
        match client_async(request, stream).await {
            Ok((socket, response)) => Ok((socket, response.headers().clone())),
            Err(Error::Http(response)) => {
                let response =
                    response.map(|body| Full::<bytes::Bytes>::from(body.unwrap_or_default()));
                Err(read(response).await)
            }
            Err(error) => panic!("{error}"),
        }
    }

    /// Sends a handshake over HTTP/2, whose connection ends at once.
    async fn connect(&self, headers: &[(&str, &str)]) -> Answer {
        let mut request = Request::connect("http://api.test/")
            .header("sec-websocket-version", "13")
            .extension(Protocol::from_static("websocket"));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut sender = connect_http2(self.http2).await;
        let response = sender
            .send_request(request.body(Full::default()).unwrap())
            .await
            .unwrap();
        let (parts, body) = response.into_parts();
        // An accepted stream stays open.
        match parts.status {
            StatusCode::OK => {
                drop(body);
                read(http::Response::from_parts(
                    parts,
                    Full::<bytes::Bytes>::default(),
                ))
                .await
            }
            _ => read(http::Response::from_parts(parts, body)).await,
        }
    }

    async fn handshake(&self, version: Version, headers: &[(&str, &str)]) -> Answer {
        if version == Version::HTTP_2 {
            return self.connect(headers).await;
        }
        let mut answer = upgrade(self.http1, headers).await;
        // To compare it with that of HTTP/2.
        if answer.status == StatusCode::SWITCHING_PROTOCOLS {
            answer.status = StatusCode::OK;
        }
        answer
    }
}

/// Sends a handshake over HTTP/1.
async fn upgrade(server: SocketAddr, headers: &[(&str, &str)]) -> Answer {
    let handshake = [
        ("connection", "upgrade"),
        ("upgrade", "websocket"),
        ("sec-websocket-version", "13"),
        ("sec-websocket-key", "AAAAAAAAAAAAAAAAAAAAAA=="),
    ];
    let headers: Vec<_> = handshake.iter().chain(headers).copied().collect();
    crate::support::get(server, "/", &headers).await
}

/// Accepts a WebSocket that speaks `chat.v1`, or any if the client offers none. As in the guide, it ends with its
/// token.
async fn accept(
    token: AccessToken,
    Extension(reached): Extension<Reached>,
    headers: HeaderMap,
    upgrade: WebSocketUpgrade,
) -> Response {
    reached.lock().unwrap().push(headers);
    upgrade
        .protocols(["chat.v1"])
        .on_upgrade(|socket| echo(socket, token))
}

async fn echo(mut socket: WebSocket, token: AccessToken) {
    let mut until_invalid = token.until_invalid();
    let reason = loop {
        tokio::select! {
            reason = &mut until_invalid => break reason,
            message = socket.recv() => match message {
                Some(Ok(Message::Text(text))) => {
                    let _ = socket.send(Message::Text(text)).await;
                }
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return,
            },
        }
    };
    let frame = CloseFrame {
        code: 3000,
        reason: reason.as_str().into(),
    };
    let _ = socket.send(Message::Close(Some(frame))).await;
}

const PROTOCOL: &str = "sec-websocket-protocol";

#[tokio::test]
async fn the_token_is_the_protocol_behind_the_name() {
    let world = World::new().await;
    let token = world.token();
    let offers = |text: &str| text.replace("TOKEN", &token);
    for version in VERSIONS {
        for (offered, left, selected) in [
            (&["bearer, TOKEN"][..], None, "bearer"),
            (&["bearer, TOKEN, chat.v1"], Some("chat.v1"), "chat.v1"),
            (&["chat.v1,bearer,TOKEN"], Some("chat.v1"), "chat.v1"),
            (&["bearer", "TOKEN", "chat.v1"], Some("chat.v1"), "chat.v1"),
            (
                &["bearer, TOKEN, chat.v0, chat.v1"],
                Some("chat.v0, chat.v1"),
                "chat.v1",
            ),
            // None of the others is one of the service.
            (&["bearer, TOKEN, chat.v0"], Some("chat.v0"), "bearer"),
        ] {
            println!("{version:?} {offered:?}");
            let offered: Vec<_> = offered.iter().map(|text| offers(text)).collect();
            let headers: Vec<_> = offered.iter().map(|text| (PROTOCOL, &**text)).collect();
            let answer = world.handshake(version, &headers).await;
            assert_eq!(answer.status, 200, "{answer:?}");
            assert_eq!(values(&answer.headers, PROTOCOL), [selected]);
            let reached = world.reached.lock().unwrap().pop().unwrap();
            assert_eq!(values(&reached, PROTOCOL), Vec::from_iter(left));
            assert!(!format!("{answer:?} {reached:?}").contains(&token));
        }
    }
}

#[tokio::test]
async fn a_handshake_without_one_good_token_is_refused() {
    let world = World::new().await;
    let token = world.token();
    let good = format!("bearer, {token}");
    let twice = format!("bearer, {token}, bearer, {token}");
    let authorization = format!("Bearer {token}");
    for version in VERSIONS {
        for offered in [
            &[][..],
            &["bearer"],
            &["chat.v1"],
            &["chat.v1, bearer"],
            &["Bearer, x"],
        ] {
            let headers: Vec<_> = offered.iter().map(|text| (PROTOCOL, *text)).collect();
            assert_no_token(&world.handshake(version, &headers).await);
        }
        for (offered, description) in [
            ("bearer, chat.v1", "The access token is malformed"),
            ("bearer, \"x\"", "The access token is malformed"),
            ("bearer, x y", "The access token is malformed"),
        ] {
            let answer = world.handshake(version, &[(PROTOCOL, offered)]).await;
            answer.assert_invalid_token(description);
        }
        for headers in [
            &[(PROTOCOL, &*twice)][..],
            &[(PROTOCOL, &good), (PROTOCOL, &good)],
            &[(PROTOCOL, "bearer, bearer")],
            &[(PROTOCOL, &good), ("authorization", &authorization)],
        ] {
            assert_two_tokens(&world.handshake(version, headers).await);
        }
        assert!(world.reached.lock().unwrap().is_empty());
        // A token from another source does not change the protocols of a handshake.
        let headers = [(PROTOCOL, "chat.v1"), ("authorization", &authorization)];
        let answer = world.handshake(version, &headers).await;
        assert_eq!(values(&answer.headers, PROTOCOL), ["chat.v1"]);
        world.reached.lock().unwrap().clear();
    }
    // Other requests have no subprotocols.
    let answer = crate::support::get(world.http1, "/", &[(PROTOCOL, &good)]).await;
    assert_no_token(&answer);
}

#[tokio::test]
async fn an_optional_layer_selects_no_protocol_for_an_anonymous_client() {
    let anonymous = any(|upgrade: WebSocketUpgrade| async { upgrade.on_upgrade(|_| async {}) });
    let layer = BearerAuthLayer::new(crate::support::table())
        .token_sources([TokenSource::web_socket_protocol("bearer")])
        .optional();
    let app = Router::new().route("/", anonymous).layer(layer);
    let http1 = crate::support::serve_axum(app).await;
    for (offered, selected) in [(None, None), (Some("bearer, reader"), Some("bearer"))] {
        let headers: Vec<_> = offered
            .into_iter()
            .map(|offered| (PROTOCOL, offered))
            .collect();
        let answer = upgrade(http1, &headers).await;
        assert_eq!(answer.status, 101);
        assert_eq!(answer.header(PROTOCOL), selected);
    }
}

#[tokio::test]
async fn the_cookie_of_a_handshake_is_for_pages_of_the_server() {
    let world = World::new().await;
    let cookie = format!("a=1; t={}", world.token());
    for version in VERSIONS {
        for (headers, passes) in [
            (&[][..], false),
            (&[("origin", "https://app.test")], true),
            (&[("origin", "https://evil.test")], false),
            (&[("origin", "null")], false),
            (&[("sec-fetch-site", "same-origin")], true),
            (
                &[
                    ("sec-fetch-site", "same-site"),
                    ("origin", "https://app.test"),
                ],
                false,
            ),
        ] {
            println!("{version:?} {headers:?}");
            let headers: Vec<_> = headers
                .iter()
                .copied()
                .chain([("cookie", &*cookie)])
                .collect();
            let answer = world.handshake(version, &headers).await;
            if passes {
                assert_eq!(answer.status, 200, "{answer:?}");
                // It offered no protocol, so it must get none.
                assert!(!answer.headers.contains_key(PROTOCOL));
                let reached = world.reached.lock().unwrap().pop().unwrap();
                assert_eq!(reached["cookie"], "a=1");
            } else {
                assert_cross_site(&answer);
            }
        }
    }
}

#[tokio::test]
async fn a_connection_ends_with_its_token() {
    let world = World::new().await;
    let offered = format!("bearer, {}", world.token());
    let Ok((mut socket, _)) = world.open(&[(PROTOCOL, &offered)]).await else {
        panic!("it is accepted");
    };
    socket.send(Received::text("hello")).await.unwrap();
    let echoed = timeout(PATIENCE, socket.next()).await.unwrap();
    assert_eq!(echoed.unwrap().unwrap(), Received::text("hello"));
    world.clock.advance(Duration::from_secs(60));
    let closed = timeout(2 * PATIENCE, socket.next()).await.unwrap();
    let Received::Close(Some(frame)) = closed.unwrap().unwrap() else {
        panic!("a close frame");
    };
    assert_eq!(
        (frame.code, frame.reason.as_str()),
        (CloseCode::from(3000), "expired")
    );
    // The next handshake with the token is refused.
    let answer = world.open(&[(PROTOCOL, &offered)]).await.unwrap_err();
    answer.assert_invalid_token("The access token expired");
}
