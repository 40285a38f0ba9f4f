//! How long a refusal waits for each kind of request body, and its `Connection` header afterwards. The service is
//! called in this process.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use http::{HeaderMap, Request, Version};
use http_body::Frame;
use tokio::sync::Semaphore;
use tokio::time::{Instant, Interval, interval};
use tower::limit::ConcurrencyLimit;
use tower::{Service, ServiceExt};
use tower_layer::Layer;

use super::refusals::{Guarded, after_reading, answer, auth, early};
use crate::support::Inner;

type Piece = Result<Frame<Bytes>, std::io::Error>;

/// One step of a request body.
enum Step {
    Frame(Piece),
    Wait,
}

/// A body that performs these steps and then ends, unless the last step waits.
#[derive(Default)]
struct Steps(VecDeque<Step>);

impl http_body::Body for Steps {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Piece>> {
        match self.0.front() {
            Some(Step::Wait) => Poll::Pending,
            _ => Poll::Ready(match self.0.pop_front() {
                Some(Step::Frame(frame)) => Some(frame),
                _ => None,
            }),
        }
    }
}

fn data(length: usize) -> Step {
    Step::Frame(Ok(Frame::data(Bytes::from(vec![b'x'; length]))))
}

fn steps(steps: impl IntoIterator<Item = Step>) -> Body {
    Body::new(Steps(steps.into_iter().collect()))
}

fn trailers() -> Step {
    Step::Frame(Ok(Frame::trailers(HeaderMap::new())))
}

fn failure() -> Step {
    Step::Frame(Err(std::io::Error::other("the client is gone")))
}

/// An endless body with a byte at a fixed interval.
struct Drip(Interval);

impl http_body::Body for Drip {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let tick = self.0.poll_tick(cx);
        tick.map(|_| Some(Ok(Frame::data(Bytes::from_static(b"x")))))
    }
}

/// An endless body of empty frames that are always ready.
struct Nothings;

impl http_body::Body for Nothings {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(Some(Ok(Frame::data(Bytes::new()))))
    }
}

/// The time that a response takes, and its `Connection` header.
async fn measure(service: Guarded, request: Request<Body>) -> (Duration, Option<String>) {
    let start = Instant::now();
    let (response, _) = answer(service, request).await;
    let connection = response.headers().get("connection");
    let connection = connection.map(|value| value.to_str().unwrap().to_owned());
    (start.elapsed(), connection)
}

fn layer() -> Guarded {
    early().remove(0).service
}

const AT_ONCE: Duration = Duration::ZERO;
const SECOND: Duration = Duration::from_secs(1);

/// The precision of tokio's timers while time is paused.
#[track_caller]
fn assert_takes(elapsed: Duration, expected: Duration) {
    let late = elapsed.checked_sub(expected);
    assert!(
        late.is_some_and(|late| late <= Duration::from_millis(2)),
        "{elapsed:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_refusal_waits_at_most_a_second_and_only_for_a_body_that_may_end_in_time() {
    let close = Some("close");
    type Make = fn() -> Body;
    let table: [(&str, Make, Duration, Option<&str>); 13] = [
        ("empty", || Body::empty(), AT_ONCE, None),
        ("there", || Body::from("x"), AT_ONCE, None),
        ("ends", || steps([]), AT_ONCE, None),
        ("pieces", || steps([data(1), data(65_535)]), AT_ONCE, None),
        (
            "tiny",
            || steps((0..65_536).map(|_| data(1))),
            AT_ONCE,
            None,
        ),
        ("trailers", || steps([data(1), trailers()]), AT_ONCE, None),
        (
            "too long",
            || steps([data(65_536), data(1)]),
            AT_ONCE,
            close,
        ),
        ("at a stroke", || steps([data(65_537)]), AT_ONCE, close),
        ("fails", || steps([failure()]), AT_ONCE, close),
        ("fails late", || steps([data(9), failure()]), AT_ONCE, close),
        ("never comes", || steps([Step::Wait]), SECOND, close),
        ("stops", || steps([data(9), Step::Wait]), SECOND, close),
        (
            "drips",
            || Body::new(Drip(interval(SECOND / 100))),
            SECOND,
            close,
        ),
    ];
    for (name, body, expected, connection) in table {
        for version in [Version::HTTP_10, Version::HTTP_11] {
            println!("{name} {version:?}");
            let mut request = Request::post("/").body(body()).unwrap();
            *request.version_mut() = version;
            let (elapsed, said) = measure(layer(), request).await;
            assert_takes(elapsed, expected);
            assert_eq!(said.as_deref(), connection);
        }
        for version in [Version::HTTP_2, Version::HTTP_3] {
            let mut request = Request::post("/").body(body()).unwrap();
            *request.version_mut() = version;
            assert_eq!(measure(layer(), request).await, (AT_ONCE, None), "{name}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn every_refusal_waits_at_most_a_second() {
    for refusal in early() {
        let mut request = Request::builder().method(refusal.method).uri("/");
        for (name, value) in refusal.headers {
            request = request.header(*name, *value);
        }
        let request = request.body(steps([data(9), Step::Wait])).unwrap();
        let (elapsed, connection) = measure(refusal.service, request).await;
        assert_takes(elapsed, SECOND);
        assert_eq!(connection.as_deref(), Some("close"));
    }
}

#[tokio::test(start_paused = true)]
async fn the_tool_guard_finishes_a_body_that_it_has_begun_to_read() {
    let too_large = || after_reading().remove(1);
    let table = [
        (steps([data(9), data(65_536)]), AT_ONCE, None),
        (steps([data(9), data(65_537)]), AT_ONCE, Some("close")),
        (steps([data(9), Step::Wait]), SECOND, Some("close")),
        // It ends before it exceeds the limit.
        (steps([data(8), failure()]), AT_ONCE, Some("close")),
        (steps([data(8)]), AT_ONCE, None),
    ];
    for (body, expected, connection) in table {
        let refusal = too_large();
        let mut request = Request::post("/").body(body).unwrap();
        let (name, value) = refusal.headers[0];
        request.headers_mut().insert(name, value.parse().unwrap());
        let (elapsed, said) = measure(refusal.service, request).await;
        assert_takes(elapsed, expected);
        assert_eq!(said.as_deref(), connection);
    }
}

#[tokio::test(start_paused = true)]
async fn draining_stops_at_a_body_of_empty_frames() {
    // Paused time does not advance while the runtime is busy, so the test advances it.
    let request = Request::post("/").body(Body::new(Nothings)).unwrap();
    let mut waiting = pin!(measure(layer(), request));
    let mut cx = Context::from_waker(Waker::noop());
    assert!(waiting.as_mut().poll(&mut cx).is_pending());
    tokio::time::advance(SECOND).await;
    let (_, connection) = waiting.await;
    assert_eq!(connection.as_deref(), Some("close"));
}

#[test]
fn outside_a_runtime_a_pending_body_closes_the_connection() {
    let request = Request::post("/").body(steps([Step::Wait])).unwrap();
    let mut waiting = pin!(answer(layer(), request));
    let mut cx = Context::from_waker(Waker::noop());
    let Poll::Ready((response, _)) = waiting.as_mut().poll(&mut cx) else {
        panic!("it waits without a timer");
    };
    assert_eq!(response.status(), 401);
    assert_eq!(response.headers()["connection"], "close");
}

#[tokio::test(start_paused = true)]
async fn a_refused_client_that_is_slow_with_its_body_holds_no_permit() {
    let permits = Arc::new(Semaphore::new(1));
    let limited = ConcurrencyLimit::with_semaphore(Inner::default(), Arc::clone(&permits));
    let mut service = auth().layer(limited);
    for token in [None, Some("Bearer bad")] {
        let mut request = Request::post("/").body(steps([Step::Wait])).unwrap();
        if let Some(token) = token {
            let token = token.parse().unwrap();
            request.headers_mut().insert("authorization", token);
        }
        let ready = ServiceExt::<Request<Body>>::ready(&mut service).await;
        let mut response = Box::pin(ready.unwrap().call(request));
        let mut cx = Context::from_waker(Waker::noop());
        assert!(response.as_mut().poll(&mut cx).is_pending());
        assert_eq!(permits.available_permits(), 1);
        // A client that disconnects causes no problem.
        drop(response);
    }
}
