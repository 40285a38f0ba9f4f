//! Mapped answers over HTTP/1 and HTTP/2.

use std::net::SocketAddr;

use axum::body::Body;
use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tower::ServiceExt;
use tower_bearer_auth::{RequireScopesLayer, ScopeRequirement, reject};
use tower_layer::Layer;

use super::{Guarded, auth, guarded};
use crate::support::Inner;

#[derive(Debug, Clone, Copy, PartialEq)]
enum Protocol {
    Http1,
    Http2,
}

const BOTH: [Protocol; 2] = [Protocol::Http1, Protocol::Http2];

async fn serve(service: Guarded) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let service =
        service.map_request(|request: Request<hyper::body::Incoming>| request.map(Body::new));
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let service = TowerToHyperService::new(service.clone());
            tokio::spawn(async move {
                let server = hyper_util::server::conn::auto::Builder::new(TokioExecutor::new());
                let connection = server.serve_connection(TokioIo::new(stream), service);
                let _ = connection.await;
            });
        }
    });
    address
}

/// Sends requests with this method and body one after the other over one connection.
async fn exchange(
    protocol: Protocol,
    address: SocketAddr,
    method: Method,
    bodies: &[Bytes],
) -> Vec<(StatusCode, HeaderMap, Bytes)> {
    let io = TokioIo::new(TcpStream::connect(address).await.unwrap());
    let request = |body: &Bytes| {
        let request = Request::builder().method(&method);
        let request = request.uri(format!("http://{address}/"));
        let request = request.header("host", "api.test");
        request.body(Full::new(body.clone())).unwrap()
    };
    let mut answers = Vec::new();
    let mut keep = async |response: Response<hyper::body::Incoming>| {
        let (head, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        answers.push((head.status, head.headers, body));
    };
    match protocol {
        Protocol::Http1 => {
            let (mut sender, connection) = hyper::client::conn::http1::handshake(io).await.unwrap();
            tokio::spawn(connection);
            for body in bodies {
                sender.ready().await.unwrap();
                keep(sender.send_request(request(body)).await.unwrap()).await;
            }
        }
        Protocol::Http2 => {
            let client = hyper::client::conn::http2::Builder::new(TokioExecutor::new());
            let (mut sender, connection) = client.handshake(io).await.unwrap();
            tokio::spawn(connection);
            for body in bodies {
                sender.ready().await.unwrap();
                keep(sender.send_request(request(body)).await.unwrap()).await;
            }
        }
    }
    answers
}

const PAGE: &str = "<!doctype html><title>Log in</title>";

fn page() -> Vec<(&'static str, Guarded)> {
    let map = |_: &tower_bearer_auth::Refused, response: Response<reject::ReplyBody>| {
        response.map(|_| PAGE)
    };
    let guard = RequireScopesLayer::new(ScopeRequirement::token()).layer(Inner::default());
    let layer = guarded(auth().map_refusal(map).layer(Inner::default()));
    let behind = guarded(auth().map_refusal(map).optional().layer(guard));
    vec![("layer", layer), ("guard", behind)]
}

#[tokio::test]
async fn the_length_is_that_of_the_mapped_body() {
    for protocol in BOTH {
        for (name, service) in page() {
            let address = serve(service).await;
            let bodies = [Bytes::new(), Bytes::from_static(b"ignored")];
            let answers = exchange(protocol, address, Method::POST, &bodies).await;
            for (status, headers, body) in answers {
                assert_eq!(status, 401, "{protocol:?} {name}");
                assert_eq!(headers["content-length"], PAGE.len().to_string());
                assert_eq!(headers["www-authenticate"], r#"Bearer realm="notes""#);
                assert!(!headers.contains_key("connection"));
                assert_eq!(body, PAGE);
            }
        }
    }
}

#[tokio::test]
async fn a_head_request_gets_the_length_and_no_body() {
    for protocol in BOTH {
        for (name, service) in page() {
            let address = serve(service).await;
            let bodies = [Bytes::new(), Bytes::new()];
            let answers = exchange(protocol, address, Method::HEAD, &bodies).await;
            assert_eq!(answers.len(), 2);
            for (status, headers, body) in answers {
                assert_eq!(status, 401, "{protocol:?} {name}");
                assert_eq!(headers["content-length"], PAGE.len().to_string());
                assert!(body.is_empty());
            }
        }
    }
}

#[tokio::test]
async fn a_head_request_without_a_mapping_gets_no_body_either() {
    for protocol in BOTH {
        let address = serve(guarded(auth().layer(Inner::default()))).await;
        let bodies = [Bytes::new(), Bytes::new()];
        let answers = exchange(protocol, address, Method::HEAD, &bodies).await;
        for (status, headers, body) in answers {
            assert_eq!(status, 401, "{protocol:?}");
            assert_eq!(headers["content-length"], "59");
            assert!(body.is_empty());
        }
    }
}

#[tokio::test]
async fn a_body_that_is_too_long_to_read_closes_an_http1_connection() {
    for protocol in BOTH {
        for (name, service) in page() {
            let address = serve(service).await;
            let body = Bytes::from(vec![b' '; 64 * 1024 + 1]);
            let answers = exchange(protocol, address, Method::POST, &[body]).await;
            let [(status, headers, body)] = &answers[..] else {
                panic!("not one answer");
            };
            assert_eq!(*status, 401, "{protocol:?} {name}");
            assert_eq!(body, PAGE);
            let connection = headers
                .get("connection")
                .map(|value| value.to_str().unwrap());
            let expected = (protocol == Protocol::Http1).then_some("close");
            assert_eq!(connection, expected, "{name}");
        }
    }
}

#[tokio::test]
async fn ready_made_answers_have_the_right_length() {
    for protocol in BOTH {
        let layers = [
            guarded(
                auth()
                    .map_refusal(reject::problem_details)
                    .layer(Inner::default()),
            ),
            guarded(auth().map_refusal(reject::json_rpc).layer(Inner::default())),
        ];
        for service in layers {
            let address = serve(service).await;
            let answers = exchange(protocol, address, Method::GET, &[Bytes::new()]).await;
            for (status, headers, body) in answers {
                assert_eq!(status, 401);
                assert_eq!(headers["content-length"], body.len().to_string());
                assert!(serde_json::from_slice::<serde_json::Value>(&body).is_ok());
            }
        }
    }
}
