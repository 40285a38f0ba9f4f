//! Refusals as gRPC statuses.

use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use http_body_util::{BodyExt, Empty};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::{TcpListener, TcpStream};
use tonic::service::LayerExt;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic::{Code, Status};
use tower_bearer_auth::revocation::Revocations;
use tower_bearer_auth::{
    AccessToken, InvalidReason, RequireScopesLayer, Verifier, VerifyError, reject, verify_fn,
};

use super::generated::admin::admin_server::AdminServer;
use super::generated::admin::{ClearReply, ClearRequest};
use super::generated::notes::{ListReply, ListRequest, WatchRequest};
use super::notes::NoteStore;
use super::{CLEAR, Client, LIST, metadata, note, serve, with_metadata, with_token};

/// Refuses certain tokens by their text.
fn verifier() -> impl Verifier {
    verify_fn(|token| async move {
        match token.as_str() {
            "expired" => Err(VerifyError::invalid(InvalidReason::Expired)),
            "down" => Err(VerifyError::unavailable("the key server is on fire")),
            "later" => Err(VerifyError::unavailable("the key server is on fire")
                .with_retry_after(Duration::from_millis(7200))),
            "nonce" => Err(VerifyError::nonce_required("n-0S6_WzA2Mj")),
            "reader" => Ok(AccessToken::builder(token).subject("alice").build()),
            _ => Ok(AccessToken::builder(token)
                .subject("alice")
                .scopes(["notes:write"])
                .build()),
        }
    })
}

type Metadata = &'static [(&'static str, &'static str)];

struct Expected {
    code: Code,
    message: &'static str,
    challenge: Option<&'static str>,
    delay: Option<u32>,
}

const TABLE: &[(Metadata, Expected)] = &[
    (
        &[],
        Expected {
            code: Code::Unauthenticated,
            message: "This server requires a bearer token",
            challenge: Some("Bearer"),
            delay: None,
        },
    ),
    (
        &[("authorization", "Bearer a"), ("authorization", "Bearer b")],
        Expected {
            code: Code::InvalidArgument,
            message: "The request has more than one Authorization header",
            challenge: Some(
                r#"Bearer error="invalid_request", error_description="The request has more than one Authorization header""#,
            ),
            delay: None,
        },
    ),
    (
        &[("authorization", "Bearer a b")],
        Expected {
            code: Code::Unauthenticated,
            message: "The access token is malformed",
            challenge: Some(
                r#"Bearer error="invalid_token", error_description="The access token is malformed""#,
            ),
            delay: None,
        },
    ),
    (
        &[("authorization", "Bearer expired")],
        Expected {
            code: Code::Unauthenticated,
            message: "The access token expired",
            challenge: Some(
                r#"Bearer error="invalid_token", error_description="The access token expired""#,
            ),
            delay: None,
        },
    ),
    (
        &[("authorization", "Bearer down")],
        Expected {
            code: Code::Unavailable,
            message: "The access token cannot be verified at the moment",
            challenge: None,
            delay: Some(5),
        },
    ),
    (
        &[("authorization", "Bearer later")],
        Expected {
            code: Code::Unavailable,
            message: "The access token cannot be verified at the moment",
            challenge: None,
            delay: Some(8),
        },
    ),
];

impl Expected {
    #[track_caller]
    fn check(&self, status: &Status) {
        assert_eq!(status.code(), self.code, "{status:?}");
        assert_eq!(status.message(), self.message);
        let challenges: Vec<_> = self.challenge.into_iter().collect();
        assert_eq!(metadata(status, "www-authenticate"), challenges);
        let delay = |factor: u32| self.delay.map(|delay| (delay * factor).to_string());
        let seconds: Vec<_> = delay(1).into_iter().collect();
        assert_eq!(metadata(status, "retry-after"), seconds);
        let milliseconds: Vec<_> = delay(1000).into_iter().collect();
        assert_eq!(metadata(status, "grpc-retry-pushback-ms"), milliseconds);
        assert_eq!(metadata(status, "cache-control"), ["no-store"]);
    }
}

#[tokio::test]
async fn the_layer_refuses_calls_of_every_kind() {
    let address = serve(verifier(), &Revocations::new()).await;
    // One connection for all: no refusal ends it.
    let client = Client::connect(address).await;
    for (credentials, expected) in TABLE {
        let list = with_metadata(ListRequest {}, credentials);
        let unary = client.unary::<_, ListReply>(LIST, list).await;
        expected.check(&unary.unwrap_err());

        let watch = with_metadata(WatchRequest {}, credentials);
        expected.check(&client.watch(watch).await.unwrap_err());

        // The client has not sent any note, and never will.
        let notes = with_metadata(stream::pending(), credentials);
        expected.check(&client.add(notes).await.unwrap_err());

        // The client would go on forever.
        let notes = with_metadata(stream::repeat(note("again")), credentials);
        expected.check(&client.add(notes).await.unwrap_err());
    }
    client.add_one("one", "good").await;
}

#[tokio::test]
async fn a_nonce_is_in_the_metadata() {
    let address = serve(verifier(), &Revocations::new()).await;
    let client = Client::connect(address).await;
    let list = with_token(ListRequest {}, "nonce");
    let refused = client.unary::<_, ListReply>(LIST, list).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unauthenticated);
    assert_eq!(metadata(&refused, "dpop-nonce"), ["n-0S6_WzA2Mj"]);
}

#[tokio::test]
async fn a_guard_inherits_the_mapping() {
    let address = serve(verifier(), &Revocations::new()).await;
    let client = Client::connect(address).await;
    let clear = with_token(ClearRequest {}, "good");
    let refused = client.unary::<_, ClearReply>(CLEAR, clear).await;
    let expected = Expected {
        code: Code::PermissionDenied,
        message: "The access token lacks a required scope",
        challenge: Some(
            r#"Bearer error="insufficient_scope", scope="notes:admin", error_description="The access token lacks a required scope""#,
        ),
        delay: None,
    };
    expected.check(&refused.unwrap_err());
}

#[tokio::test]
async fn a_service_refuses_with_the_answer_of_the_layer() {
    let address = serve(verifier(), &Revocations::new()).await;
    let client = Client::connect(address).await;
    let notes = with_token(stream::repeat(note("again")), "reader");
    let expected = Expected {
        code: Code::PermissionDenied,
        message: "The access token lacks a required scope",
        challenge: Some(
            r#"Bearer error="insufficient_scope", scope="notes:write", error_description="The access token lacks a required scope""#,
        ),
        delay: None,
    };
    expected.check(&client.add(notes).await.unwrap_err());
}

#[tokio::test]
async fn a_guard_without_a_layer_is_an_internal_error() {
    let guard = RequireScopesLayer::all(["notes:admin"]).map_refusal(reject::grpc);
    let admin = guard.named_layer(AdminServer::new(NoteStore::default()));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = Server::builder().add_service(admin);
    tokio::spawn(server.serve_with_incoming(TcpIncoming::from(listener)));
    let client = Client::connect(address).await;
    let clear = with_token(ClearRequest {}, "good");
    let refused = client.unary::<_, ClearReply>(CLEAR, clear).await;
    let expected = Expected {
        code: Code::Internal,
        message: "The server cannot answer this request",
        challenge: None,
        delay: None,
    };
    expected.check(&refused.unwrap_err());
}

#[tokio::test]
async fn a_refusal_is_a_trailers_only_response() {
    let address = serve(verifier(), &Revocations::new()).await;
    let stream = TcpStream::connect(address).await.unwrap();
    let client = hyper::client::conn::http2::Builder::new(TokioExecutor::new());
    let (mut sender, connection) = client.handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let request = http::Request::post(format!("http://{address}{LIST}"))
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .body(Empty::<Bytes>::new());
    let response = sender.send_request(request.unwrap()).await.unwrap();
    assert_eq!(response.status(), 200);
    let headers = response.headers();
    assert_eq!(headers["content-type"], "application/grpc");
    assert_eq!(headers["grpc-status"], "16");
    assert_eq!(
        headers["grpc-message"],
        "This server requires a bearer token"
    );
    assert!(!headers.contains_key("content-length"));
    assert!(!headers.contains_key("connection"));
    // The headers ended the stream.
    assert!(http_body::Body::is_end_stream(response.body()));
    let body = response.into_body().collect().await.unwrap();
    assert!(body.trailers().is_none());
    assert!(body.to_bytes().is_empty());
}
