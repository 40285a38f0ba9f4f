//! A real server on a loopback port, and a client that returns the complete response.

#[path = "../../../examples/mcp_server/authorization_server/mod.rs"]
pub(crate) mod authorization_server;

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock, Mutex};
use std::task::{Context, Poll};
use std::time::{Duration, UNIX_EPOCH};

use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use reqwest::dns::{Name, Resolve, Resolving};
use tokio::net::{TcpListener, TcpStream};
use tower::{Service, ServiceExt};
use tower_bearer_auth::testing::SigningKey;
use tower_bearer_auth::{Clock, JwtVerifier, StaticToken, StaticTokenVerifier};
use tracing::dispatcher::{DefaultGuard, Dispatch, set_default};
use tracing::{Level, Subscriber};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;

/// Serves `service` on a port of the system's choice until the test's runtime ends.
pub(crate) async fn serve<S, B>(service: S) -> SocketAddr
where
    S: Service<Request<Incoming>, Response = Response<B>> + Clone + Send + Sync + 'static,
    S::Future: Send,
    S::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let service = TowerToHyperService::new(service.clone());
            tokio::spawn(
                hyper::server::conn::http1::Builder::new()
                    .serve_connection(TokioIo::new(stream), service),
            );
        }
    });
    address
}

/// The response that a client receives.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Answer {
    /// The only value of a header; panics when there are two.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.get_all(name).iter();
        let value = values.next();
        assert!(values.next().is_none(), "two {name} headers");
        value.map(|value| value.to_str().unwrap())
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap()
    }

    /// Asserts that this is a refusal with exactly this challenge and this body.
    #[track_caller]
    pub(crate) fn assert_refusal(
        &self,
        status: u16,
        challenge: Option<&str>,
        body: &serde_json::Value,
    ) {
        assert_eq!(self.status, status, "{self:?}");
        assert_eq!(self.header("www-authenticate"), challenge);
        assert_eq!(self.header("content-type"), Some("application/json"));
        assert_eq!(self.header("cache-control"), Some("no-store"));
        assert_eq!(self.header("retry-after").is_some(), status == 503);
        assert_eq!(self.json(), *body);
    }

    /// Asserts that a layer without realm and scopes refused the token.
    #[track_caller]
    pub(crate) fn assert_invalid_token(&self, description: &str) {
        let challenge =
            format!(r#"Bearer error="invalid_token", error_description="{description}""#);
        let body = refused("invalid_token", description);
        self.assert_refusal(401, Some(&challenge), &body);
    }

    /// Asserts that the verifier was unavailable.
    #[track_caller]
    pub(crate) fn assert_outage(&self) {
        let description = "The access token cannot be verified at the moment";
        self.assert_refusal(503, None, &refused("temporarily_unavailable", description));
    }

    /// Asserts that the request reached [`Inner`], or another service with the same response.
    #[track_caller]
    pub(crate) fn assert_passed(&self) {
        assert_eq!(self.status, StatusCode::OK, "{self:?}");
        assert_eq!(self.body, INSIDE);
    }

    /// Asserts that this is the response of a guard or an extractor without a layer in front.
    #[track_caller]
    pub(crate) fn assert_no_layer(&self) {
        let body = refused("server_error", "The server cannot answer this request");
        self.assert_refusal(500, None, &body);
    }
}

/// The body of a refusal with an `error`.
pub(crate) fn refused(error: &str, description: &str) -> serde_json::Value {
    serde_json::json!({"error": error, "error_description": description})
}

/// The body of the answer to a request without a token.
pub(crate) fn no_token() -> serde_json::Value {
    serde_json::json!({"error_description": "This server requires a bearer token"})
}

/// The body of a 403.
pub(crate) fn lacks_scope() -> serde_json::Value {
    refused(
        "insufficient_scope",
        "The access token lacks a required scope",
    )
}

/// Sends one request over a connection of its own.
pub(crate) async fn send(address: SocketAddr, mut request: Request<Full<Bytes>>) -> Answer {
    let stream = TcpStream::connect(address).await.unwrap();
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .unwrap();
    tokio::spawn(connection);
    let host = address.to_string().parse().unwrap();
    request.headers_mut().entry("host").or_insert(host);
    read(sender.send_request(request).await.unwrap()).await
}

/// The response of a service that is called in this process, without a connection.
pub(crate) async fn answer_of<S, B>(service: S, request: Request<Full<Bytes>>) -> Answer
where
    S: Service<Request<Full<Bytes>>, Response = Response<B>, Error: std::fmt::Debug>,
    B: http_body::Body<Error: std::fmt::Debug>,
{
    read(service.oneshot(request).await.unwrap()).await
}

/// Reads a response to its end.
pub(crate) async fn read<B>(response: Response<B>) -> Answer
where
    B: http_body::Body<Error: std::fmt::Debug>,
{
    let (parts, body) = response.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    Answer {
        status: parts.status,
        headers: parts.headers,
        body: String::from_utf8(body.into()).unwrap(),
    }
}

/// A `GET` request of `/` with a bearer token, for a service that is called in this process.
pub(crate) fn with_token(token: &str) -> Request<Full<Bytes>> {
    Request::get("/")
        .header("authorization", format!("Bearer {token}"))
        .body(Full::default())
        .unwrap()
}

/// Sends a `GET` request of `path` with these headers.
pub(crate) async fn get(address: SocketAddr, path: &str, headers: &[(&str, &str)]) -> Answer {
    let mut request = Request::get(path).body(Full::default()).unwrap();
    for (name, value) in headers {
        let name = http::HeaderName::from_bytes(name.as_bytes()).unwrap();
        request.headers_mut().append(name, value.parse().unwrap());
    }
    send(address, request).await
}

/// Sends a `GET` request of `/` with a bearer token.
pub(crate) async fn get_with(address: SocketAddr, token: &str) -> Answer {
    get(
        address,
        "/",
        &[("authorization", &format!("Bearer {token}"))],
    )
    .await
}

/// Serves `app` with axum's own server.
pub(crate) async fn serve_axum(app: axum::Router) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    address
}

/// A verifier with four tokens. `reader` has the scope `read`, `writer` has `read write`, and `admin` has `admin`.
/// `stale` has expired.
pub(crate) fn table() -> StaticTokenVerifier {
    let now = UNIX_EPOCH + Duration::from_secs(1_800_000_000);
    StaticTokenVerifier::new([
        (
            "reader",
            StaticToken::new("cli").subject("alice").scopes(["read"]),
        ),
        ("writer", StaticToken::new("cli").scopes(["read", "write"])),
        ("admin", StaticToken::new("cli").scopes(["admin"])),
        (
            "stale",
            StaticToken::new("cli").scopes(["read"]).expires_at(now),
        ),
    ])
    .clock(Clock::manual(now))
}

/// A time limit that no test reaches, even on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// A verifier for JWTs with this issuer, audience and key.
pub(crate) fn jwts(issuer: &str, audience: &str, key: &SigningKey) -> JwtVerifier {
    JwtVerifier::builder()
        .key(key.verifying_key())
        .issuer(issuer)
        .audience(audience)
        .build()
        .unwrap()
}

/// The body of [`Inner`]'s response.
pub(crate) const INSIDE: &str = "inside";

/// An inner service that counts its calls.
#[derive(Clone, Default)]
pub(crate) struct Inner {
    calls: Arc<AtomicUsize>,
}

impl Inner {
    pub(crate) fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }
}

impl<B> Service<Request<B>> for Inner {
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<B>) -> Self::Future {
        self.calls.fetch_add(1, Ordering::SeqCst);
        ready(Ok(Response::new(Full::from(INSIDE))))
    }
}

/// Makes `subscriber` receive the events of this thread while the guard lives.
pub(crate) fn listen(subscriber: impl Subscriber + Send + Sync + 'static) -> DefaultGuard {
    // With a single subscriber in the process, the first thread that reaches an event decides
    // for all threads whether `tracing` enables it.
    static SECOND: LazyLock<Dispatch> =
        LazyLock::new(|| Dispatch::new(tracing_subscriber::registry()));
    LazyLock::force(&SECOND);
    set_default(&Dispatch::new(subscriber))
}

/// Captures what the crate logs on this thread, at every level, until it is dropped.
pub(crate) struct Logs {
    written: Arc<Mutex<Vec<u8>>>,
    _guard: DefaultGuard,
}

impl Logs {
    pub(crate) fn capture() -> Self {
        Self::of("tower_bearer_auth")
    }

    /// Captures the events with this target.
    pub(crate) fn of(target: &str) -> Self {
        let written = Arc::<Mutex<Vec<u8>>>::default();
        let writer = Writer(Arc::clone(&written));
        let lines = tracing_subscriber::fmt::layer()
            .with_ansi(false)
            .with_writer(move || writer.clone());
        let targets = Targets::new().with_target(target, Level::TRACE);
        let subscriber = tracing_subscriber::registry().with(lines).with(targets);
        Self {
            written,
            _guard: listen(subscriber),
        }
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.written.lock().unwrap().clone()).unwrap()
    }
}

#[derive(Clone)]
struct Writer(Arc<Mutex<Vec<u8>>>);

impl io::Write for Writer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A resolver of reqwest that resolves no name, so that no request leaves this machine.
pub(crate) struct NoNames;

impl Resolve for NoNames {
    fn resolve(&self, _: Name) -> Resolving {
        Box::pin(ready(Err("there are no names here".into())))
    }
}
