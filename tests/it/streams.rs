//! Event streams that end when their token expires.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use futures_util::poll;
use http::{Request, Response};
use http_body::{Body, Frame};
use http_body_util::{BodyExt, Full};
use tokio::sync::mpsc;
use tower::{Layer, ServiceExt, service_fn};
use tower_bearer_auth::jwks::{HttpKeySource, Jwks};
use tower_bearer_auth::reject::ResponseBody;
use tower_bearer_auth::testing::TestIssuer;
use tower_bearer_auth::{
    BearerAuthLayer, Clock, JwtVerifier, StaticToken, StaticTokenVerifier, Verifier,
};

use crate::support::{serve, with_token};

fn start() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_800_000_000)
}

/// The events that a test sends.
struct Events {
    receiver: mpsc::UnboundedReceiver<&'static str>,
    _alive: Arc<()>,
}

impl Body for Events {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let event = self.receiver.poll_recv(cx);
        event.map(|event| event.map(|text| Ok(Frame::data(Bytes::from_static(text.as_bytes())))))
    }
}

struct Stream {
    send: mpsc::UnboundedSender<&'static str>,
    alive: std::sync::Weak<()>,
    body: Pin<Box<ResponseBody<Events>>>,
}

impl Stream {
    /// The body of a response of this type, from behind the layer.
    async fn behind<V: Verifier>(
        layer: BearerAuthLayer<V>,
        token: &str,
        content_type: &str,
    ) -> Self {
        let (send, receiver) = mpsc::unbounded_channel();
        let alive = Arc::new(());
        let weak = Arc::downgrade(&alive);
        let events = Events {
            receiver,
            _alive: alive,
        };
        let events = Arc::new(Mutex::new(Some(events)));
        let content_type = content_type.to_owned();
        let inner = service_fn(move |_: Request<Full<Bytes>>| {
            let events = events.lock().unwrap().take().unwrap();
            let response = Response::builder().header("content-type", &content_type);
            std::future::ready(Ok::<_, Infallible>(response.body(events).unwrap()))
        });
        let response = layer.layer(inner).oneshot(with_token(token)).await.unwrap();
        Self {
            send,
            alive: weak,
            body: Box::pin(response.into_body()),
        }
    }

    /// The next event, if one is ready.
    async fn next(&mut self) -> Poll<Option<Bytes>> {
        let frame = poll!(self.body.frame());
        frame.map(|frame| frame.map(|frame| frame.unwrap().into_data().unwrap()))
    }

    fn is_fed(&self) -> bool {
        self.alive.strong_count() > 0
    }
}

/// A verifier with a token that is valid for ten minutes, and one that does not expire.
fn table(clock: &Clock) -> StaticTokenVerifier {
    let end = start() + Duration::from_secs(600);
    StaticTokenVerifier::new([
        ("token", StaticToken::new("cli").expires_at(end)),
        ("eternal", StaticToken::new("cli")),
    ])
    .clock(clock.clone())
}

const SSE: &str = "text/event-stream";

#[tokio::test(start_paused = true)]
async fn a_stream_ends_by_itself_when_its_token_expires() {
    let clock = Clock::manual(start());
    let layer = BearerAuthLayer::new(table(&clock)).close_streams_at_expiry();
    let mut stream = Stream::behind(layer, "token", SSE).await;
    stream.send.send("data: 1\n\n").unwrap();
    assert_eq!(stream.next().await, Poll::Ready(Some("data: 1\n\n".into())));
    assert!(stream.next().await.is_pending());

    // Both clocks advance to a second before the expiry.
    clock.advance(Duration::from_secs(599));
    tokio::time::advance(Duration::from_secs(599)).await;
    assert!(stream.next().await.is_pending());
    assert!(stream.is_fed());
    clock.advance(Duration::from_secs(1));
    let ended = tokio::time::timeout(Duration::from_secs(2), stream.body.frame()).await;
    assert!(ended.unwrap().is_none());
    // The producer of the events sees that the stream is closed.
    assert!(!stream.is_fed());
    assert!(stream.send.send("data: 2\n\n").is_err());
    assert!(stream.body.is_end_stream());
    assert_eq!(stream.next().await, Poll::Ready(None));
}

#[tokio::test]
async fn an_event_that_comes_after_the_expiry_is_not_sent() {
    let clock = Clock::manual(start());
    let layer = BearerAuthLayer::new(table(&clock)).close_streams_at_expiry();
    let mut stream = Stream::behind(layer, "token", "Text/Event-Stream; charset=utf-8").await;
    clock.advance(Duration::from_secs(600));
    stream.send.send("data: too late\n\n").unwrap();
    assert_eq!(stream.next().await, Poll::Ready(None));
    assert!(!stream.is_fed());
}

#[tokio::test]
async fn the_verifiers_leeway_counts() {
    let clock = Clock::manual(start());
    let issuer = TestIssuer::start().await;
    let verifier = JwtVerifier::builder()
        .key(issuer.key().verifying_key())
        .issuer(issuer.issuer())
        .audience("api")
        .leeway(Duration::from_secs(30))
        .clock(clock.clone())
        .build()
        .unwrap();
    let token = issuer.token().audience("api").clock(clock.clone());
    let token = token.expires_in(Duration::from_secs(600)).build();
    let layer = BearerAuthLayer::new(verifier).close_streams_at_expiry();
    let mut stream = Stream::behind(layer, &token, SSE).await;
    clock.advance(Duration::from_secs(629));
    stream.send.send("data: 1\n\n").unwrap();
    assert_eq!(stream.next().await, Poll::Ready(Some("data: 1\n\n".into())));
    clock.advance(Duration::from_secs(1));
    stream.send.send("data: 2\n\n").unwrap();
    assert_eq!(stream.next().await, Poll::Ready(None));
}

#[tokio::test]
async fn a_withdrawn_key_ends_its_streams_with_the_next_event_or_within_a_second() {
    let issuer = TestIssuer::start().await;
    let source = HttpKeySource::builder(issuer.jwks_url()).build().unwrap();
    let jwks = Jwks::builder(source).build().unwrap();
    let verifier = JwtVerifier::builder()
        .jwks(jwks.clone())
        .issuer(issuer.issuer())
        .audience("api")
        .build()
        .unwrap();
    let token = issuer.token().audience("api").build();
    let layer = BearerAuthLayer::new(verifier).close_streams_at_expiry();
    let mut idle = Stream::behind(layer.clone(), &token, SSE).await;
    assert!(idle.next().await.is_pending());
    let mut stream = Stream::behind(layer, &token, SSE).await;
    assert!(stream.next().await.is_pending());
    assert!(jwks.withdraw("key-1"));
    stream.send.send("data: 1\n\n").unwrap();
    assert_eq!(stream.next().await, Poll::Ready(None));
    assert!(!stream.is_fed());
    // A stream without events ends within a second.
    tokio::time::pause();
    let ended = tokio::time::timeout(Duration::from_millis(1100), idle.body.frame()).await;
    assert!(ended.unwrap().is_none());
}

#[tokio::test]
async fn nothing_else_ends_with_its_token() {
    let clock = Clock::manual(start());
    let closing = || BearerAuthLayer::new(table(&clock)).close_streams_at_expiry();
    let mut untouched = [
        Stream::behind(closing(), "token", "application/octet-stream").await,
        Stream::behind(closing(), "token", "text/event-stream2").await,
        Stream::behind(closing(), "eternal", SSE).await,
        Stream::behind(BearerAuthLayer::new(table(&clock)), "token", SSE).await,
    ];
    clock.advance(Duration::from_secs(100_000));
    for stream in &mut untouched {
        stream.send.send("x").unwrap();
        assert_eq!(stream.next().await, Poll::Ready(Some("x".into())));
    }
}

#[tokio::test]
async fn a_client_sees_the_stream_end_properly() {
    let clock = Clock::manual(start());
    let layer = BearerAuthLayer::new(table(&clock)).close_streams_at_expiry();
    let (send, receiver) = mpsc::unbounded_channel();
    let events = Events {
        receiver,
        _alive: Arc::default(),
    };
    let events = Arc::new(Mutex::new(Some(events)));
    let inner = service_fn(move |_: Request<hyper::body::Incoming>| {
        let events = events.lock().unwrap().take().unwrap();
        let response = Response::builder().header("content-type", SSE);
        std::future::ready(Ok::<_, Infallible>(response.body(events).unwrap()))
    });
    let server = serve(layer.layer(inner)).await;
    let url = format!("http://{server}/");
    let request = reqwest::Client::new().get(url).bearer_auth("token");
    let mut response = request.send().await.unwrap();
    send.send("data: 1\n\n").unwrap();
    assert_eq!(response.chunk().await.unwrap().unwrap(), "data: 1\n\n");
    clock.advance(Duration::from_secs(600));
    send.send("data: 2\n\n").unwrap();
    // The stream ends without an error.
    assert_eq!(response.chunk().await.unwrap(), None);
}

/// The frames of a gRPC response: data, and perhaps trailers.
struct GrpcFrames(Vec<Frame<Bytes>>);

impl Body for GrpcFrames {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.0.pop().map(Ok))
    }
}

/// The body of a response with these headers and frames.
async fn grpc_behind<V: Verifier>(
    layer: BearerAuthLayer<V>,
    headers: &'static [(&'static str, &'static str)],
    trailers: Option<&'static [(&'static str, &'static str)]>,
) -> Pin<Box<ResponseBody<GrpcFrames>>> {
    let inner = service_fn(move |_: Request<Full<Bytes>>| {
        let mut response = Response::builder();
        for (name, value) in headers {
            response = response.header(*name, *value);
        }
        let mut frames = vec![Frame::data(Bytes::from_static(b"a message"))];
        if let Some(trailers) = trailers {
            let mut map = http::HeaderMap::new();
            for (name, value) in trailers {
                map.append(*name, value.parse().unwrap());
            }
            frames.insert(0, Frame::trailers(map));
        }
        std::future::ready(Ok::<_, Infallible>(
            response.body(GrpcFrames(frames)).unwrap(),
        ))
    });
    let response = layer
        .layer(inner)
        .oneshot(with_token("token"))
        .await
        .unwrap();
    Box::pin(response.into_body())
}

const GRPC: &[(&str, &str)] = &[("content-type", "application/grpc+proto")];

#[tokio::test]
async fn a_grpc_stream_ends_with_a_status_when_its_token_expires() {
    for content_type in ["application/grpc", "Application/gRPC+proto"] {
        let clock = Clock::manual(start());
        let layer = BearerAuthLayer::new(table(&clock)).close_streams_at_expiry();
        let mut stream = Stream::behind(layer, "token", content_type).await;
        stream.send.send("a message").unwrap();
        assert_eq!(stream.next().await, Poll::Ready(Some("a message".into())));
        assert!(stream.next().await.is_pending());
        clock.advance(Duration::from_secs(600));
        stream.send.send("too late").unwrap();
        let last = stream.body.frame().await.unwrap().unwrap();
        let trailers = last.into_trailers().unwrap();
        assert_eq!(trailers["grpc-status"], "16");
        assert_eq!(trailers["grpc-message"], "The access token expired");
        assert_eq!(trailers.len(), 2);
        assert!(!stream.is_fed());
        assert!(stream.body.is_end_stream());
        assert!(stream.body.frame().await.is_none());
    }
}

#[tokio::test]
async fn the_trailers_of_a_grpc_service_pass_unchanged() {
    let clock = Clock::manual(start());
    let layer = BearerAuthLayer::new(table(&clock)).close_streams_at_expiry();
    let trailers: &[(&str, &str)] = &[
        ("grpc-status", "5"),
        ("grpc-message", "no%20note"),
        ("x-more", "a"),
        ("x-more", "b"),
    ];
    let mut body = grpc_behind(layer, GRPC, Some(trailers)).await;
    let first = body.frame().await.unwrap().unwrap();
    assert_eq!(first.into_data().unwrap(), "a message");
    let passed = body.frame().await.unwrap().unwrap();
    let passed = passed.into_trailers().unwrap();
    assert_eq!(passed["grpc-status"], "5");
    assert_eq!(passed["grpc-message"], "no%20note");
    assert!(passed.get_all("x-more").iter().eq(["a", "b"]));
    assert_eq!(passed.len(), trailers.len());
    // No second status follows, even if the token expires now.
    clock.advance(Duration::from_secs(600));
    assert!(body.frame().await.is_none());
}

#[tokio::test]
async fn a_response_that_has_its_grpc_status_or_is_no_grpc_gets_no_trailers() {
    let others: [&[(&str, &str)]; 4] = [
        &[("content-type", "application/grpc"), ("grpc-status", "0")],
        &[("content-type", "application/grpc-web+proto")],
        &[("content-type", "application/grpc-web-text")],
        &[("content-type", "application/json")],
    ];
    for headers in others {
        let clock = Clock::manual(start());
        let layer = BearerAuthLayer::new(table(&clock)).close_streams_at_expiry();
        let mut body = grpc_behind(layer, headers, None).await;
        clock.advance(Duration::from_secs(600));
        let first = body.frame().await.unwrap().unwrap();
        assert_eq!(first.into_data().unwrap(), "a message", "{headers:?}");
        assert!(body.frame().await.is_none());
    }
    // Without the option, no stream ends.
    let clock = Clock::manual(start());
    let layer = BearerAuthLayer::new(table(&clock));
    let mut body = grpc_behind(layer, GRPC, None).await;
    clock.advance(Duration::from_secs(600));
    let first = body.frame().await.unwrap().unwrap();
    assert_eq!(first.into_data().unwrap(), "a message");
    assert!(body.frame().await.is_none());
}
