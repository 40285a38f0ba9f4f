//! Refusals over HTTP/2, where each request has its own stream.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::Body;
use bytes::Bytes;
use http::Request;
use http_body::Frame;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::service::TowerToHyperService;
use tokio::time::Instant;
use tower::ServiceExt;

use super::refusals::{Guarded, early};

/// A body that stays pending forever.
struct Never;

impl http_body::Body for Never {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Pending
    }
}

/// A client of `service`, over a new HTTP/2 connection with prior knowledge.
async fn connect(service: Guarded) -> hyper::client::conn::http2::SendRequest<Never> {
    let (ours, theirs) = tokio::io::duplex(16 * 1024);
    let service =
        service.map_request(|request: Request<hyper::body::Incoming>| request.map(Body::new));
    let server = hyper::server::conn::http2::Builder::new(TokioExecutor::new())
        .serve_connection(TokioIo::new(theirs), TowerToHyperService::new(service));
    tokio::spawn(server);
    let client = hyper::client::conn::http2::Builder::new(TokioExecutor::new());
    let (sender, connection) = client.handshake(TokioIo::new(ours)).await.unwrap();
    tokio::spawn(connection);
    sender
}

#[tokio::test(start_paused = true)]
async fn no_refusal_waits_for_the_body_or_has_a_connection_header() {
    for (number, refusal) in early().into_iter().enumerate() {
        println!("{number}: {}", refusal.status);
        let mut sender = connect(refusal.service).await;
        let start = Instant::now();
        for extra in [None, Some(("content-length", "65537"))] {
            let mut request = Request::builder()
                .method(refusal.method)
                .uri("http://api.test/");
            for (name, value) in refusal.headers.iter().copied().chain(extra) {
                request = request.header(name, value);
            }
            let response = sender.send_request(request.body(Never).unwrap());
            let response = response.await.unwrap();
            assert_eq!(response.status(), refusal.status);
            assert!(!response.headers().contains_key("connection"));
        }
        assert_eq!(start.elapsed(), std::time::Duration::ZERO);
    }
}
