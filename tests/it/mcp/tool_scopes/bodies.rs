//! Bodies in every form. The guard and the inner server read each of them identically.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body::{Body, Frame, SizeHint};
use http_body_util::{BodyExt, Full};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tower::{Layer, ServiceExt, service_fn};
use tower_bearer_auth::mcp::{ToolScopesLayer, tool_scopes::ReplayBody};

use super::{Guarded, assert_lacking, assert_rejected, request, rules, tool};
use crate::support::{read, send};

#[tokio::test]
async fn a_body_that_is_not_json_is_a_parse_error() {
    let server = Guarded::start().await;
    let secret = tool("secret");
    let marked = format!("\u{feff}{secret}");
    for body in [
        &b""[..],
        b"{",
        b"method=tools/call",
        b"\xff\xfe{\0}\0",
        b"{'method':'ping'}",
        marked.as_bytes(),
        b"{\"method\":\"ping\"}{\"method\":\"tools/call\"}",
        b"{\"method\":\"\xff\"}",
        b"{\"method\":\"ping\",}",
        b"{\"method\":\"\\ud800\"}",
    ] {
        let case = String::from_utf8_lossy(body).into_owned();
        let answer = server.post(Bytes::copy_from_slice(body), &[]).await;
        assert_rejected(&answer, 400, -32700, &case);
        assert_eq!(answer.json()["id"], serde_json::Value::Null, "{case}");
        server.assert_untouched(&case);
    }
    let spaced = format!(" \r\n\t{secret}\n");
    assert_lacking(
        &server.post(spaced, &[]).await,
        "use tools:secret",
        "spaces",
    );
}

#[tokio::test]
async fn a_body_in_another_form_is_415() {
    let server = Guarded::start().await;
    for header in [
        ("content-encoding", "gzip"),
        ("content-encoding", "identity"),
        ("content-encoding", ""),
        ("content-type", "application/json; charset=utf-16"),
        ("content-type", "application/json; charset=\"utf-7\""),
    ] {
        let answer = server.post(tool("open"), &[header]).await;
        assert_rejected(&answer, 415, -32600, &format!("{header:?}"));
        assert_eq!(answer.header("accept-encoding"), Some("identity"));
        server.assert_untouched(&format!("{header:?}"));
    }
    // The content decides, whatever the content type.
    for content_type in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "application/json; charset=UTF-8",
    ] {
        let header = ("content-type", content_type);
        let answer = server.post(tool("secret"), &[header]).await;
        assert_lacking(&answer, "use tools:secret", content_type);
    }
}

#[tokio::test]
async fn a_content_type_without_end_is_400() {
    let server = Guarded::start().await;
    let padded = |length: usize| {
        let start = "application/json";
        format!("{start}{}", ";x=y".repeat(length))
            .chars()
            .take(length)
            .collect::<String>()
    };
    for (length, passes) in [(40, true), (256, true), (257, false), (8_000, false)] {
        let content_type = padded(length);
        let answer = server
            .post(tool("open"), &[("content-type", &content_type)])
            .await;
        if passes {
            assert_eq!(
                server.recorder.take(),
                ["tool open"],
                "{length}: {answer:?}"
            );
        } else {
            assert_rejected(&answer, 400, -32020, &length.to_string());
            assert_eq!(
                answer.json()["error"]["message"],
                "the Content-Type header is too long"
            );
            server.assert_untouched("a long Content-Type");
        }
    }
}

#[tokio::test]
async fn a_body_over_the_limit_is_413_with_or_without_a_length() {
    let limit = 200;
    let server = Guarded::with(ToolScopesLayer::new(rules()).max_body_bytes(limit)).await;
    let padded = |length: usize| {
        let body = tool("open");
        format!("{body}{}", " ".repeat(length - body.len()))
    };
    let answer = server.post(padded(limit), &[]).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(server.recorder.take(), ["tool open"]);
    let answer = server.post(padded(limit + 1), &[]).await;
    assert_rejected(&answer, 413, -32600, "a length");
    server.assert_untouched("a length");

    let chunk = "x".repeat(limit);
    let chunked = format!("{:x}\r\n{chunk}\r\n1\r\nx\r\n0\r\n\r\n", limit);
    let answer = raw(&server, "transfer-encoding: chunked", &[&chunked]).await;
    assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
    // A body that declares its length is refused before it is sent.
    let answer = raw(&server, "content-length: 1000000000", &[]).await;
    assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
    server.assert_untouched("no length");
}

/// Writes a request to a socket, with its body in these pieces. Reads the response until its JSON body is complete or
/// the connection ends.
async fn raw(server: &Guarded, header: &str, pieces: &[&str]) -> String {
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let head = format!(
        "POST / HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer user\r\n\
         content-type: application/json\r\naccept: application/json, text/event-stream\r\n\
         connection: close\r\n{header}\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    for piece in pieces {
        stream.write_all(piece.as_bytes()).await.unwrap();
        stream.flush().await.unwrap();
    }
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn a_body_in_pieces_is_the_same_body() {
    let server = Guarded::start().await;
    for (name, status) in [("open", "HTTP/1.1 200"), ("secret", "HTTP/1.1 403")] {
        let body = tool(name);
        let pieces: Vec<String> = body.chars().map(|c| format!("1\r\n{c}\r\n")).collect();
        let mut pieces: Vec<&str> = pieces.iter().map(String::as_str).collect();
        pieces.push("0\r\n\r\n");
        let answer = raw(&server, "transfer-encoding: chunked", &pieces).await;
        assert!(answer.starts_with(status), "{answer}");
    }
    assert_eq!(server.recorder.take(), ["tool open"]);
}

#[tokio::test]
async fn an_incomplete_body_runs_nothing() {
    let server = Guarded::start().await;
    let body = tool("open");
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let head = format!(
        "POST / HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer user\r\n\
         content-type: application/json\r\naccept: application/json, text/event-stream\r\n\
         content-length: {}\r\n\r\n{body}",
        body.len() + 1
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.shutdown().await.unwrap();
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    server.assert_untouched("half a body");
}

/// A body in these frames, of which the last may be trailers or an error.
struct Frames(Vec<io::Result<Frame<Bytes>>>);

impl Body for Frames {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        match self.0.is_empty() {
            true => Poll::Ready(None),
            false => Poll::Ready(Some(self.0.remove(0))),
        }
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::default()
    }
}

#[tokio::test]
async fn the_inner_server_receives_every_byte_and_the_trailers() {
    let seen = service_fn(|request: Request<ReplayBody<Frames>>| async move {
        let is_end_stream = request.body().is_end_stream();
        let exact = request.body().size_hint().exact();
        let collected = request.into_body().collect().await?;
        let trailer = collected
            .trailers()
            .map(|trailers| trailers["checksum"].clone());
        let body = collected.to_bytes();
        assert_eq!(exact, Some(body.len() as u64));
        assert!(!is_end_stream);
        let mut response = Response::new(Full::new(body));
        response
            .headers_mut()
            .extend(trailer.map(|value| (http::header::ETAG, value)));
        Ok::<_, io::Error>(response)
    });
    let guard = ToolScopesLayer::new(rules()).layer(seen);
    let body = " {\"method\" :\"ping\",\"x\":[1.50, \"\\u00e9\"]}\n";
    let trailers = HeaderMap::from_iter([("checksum".parse().unwrap(), "7".parse().unwrap())]);
    for split in [1, 7, body.len()] {
        let mut frames: Vec<_> = body
            .as_bytes()
            .chunks(split)
            .map(|chunk| Ok(Frame::data(Bytes::copy_from_slice(chunk))))
            .collect();
        frames.push(Ok(Frame::trailers(trailers.clone())));
        let answer = read(
            guard
                .clone()
                .oneshot(with_caller(Frames(frames)))
                .await
                .unwrap(),
        )
        .await;
        assert_eq!(answer.body, body);
        assert_eq!(answer.header("etag"), Some("7"));
    }
    let broken = Frames(vec![
        Ok(Frame::data(Bytes::from_static(b"{\"method\":"))),
        Err(io::Error::other("gone")),
    ]);
    let answer = read(guard.oneshot(with_caller(broken)).await.unwrap()).await;
    assert_rejected(&answer, 400, -32600, "broken");
}

/// A request with the extensions that a layer inserts, such as the caller's identity.
fn with_caller(body: Frames) -> Request<Frames> {
    let mut request = request("user", "", &[]).map(|_| body);
    let extensions = caller_extensions();
    *request.extensions_mut() = extensions;
    request
}

fn caller_extensions() -> http::Extensions {
    use tower_bearer_auth::{BearerAuthLayer, StaticToken, StaticTokenVerifier};
    let verifier = StaticTokenVerifier::new([("user", StaticToken::new("cli"))]);
    let take = service_fn(|request: Request<Full<Bytes>>| async move {
        Ok::<_, io::Error>(
            Response::builder()
                .extension(request.extensions().clone())
                .body(Full::<Bytes>::default())
                .unwrap(),
        )
    });
    let layered = BearerAuthLayer::new(verifier).layer(take);
    let response = futures(layered.oneshot(request("user", "", &[])));
    let mut response = response.unwrap();
    response
        .extensions_mut()
        .remove::<http::Extensions>()
        .unwrap()
}

/// Everything here is ready at once.
fn futures<T>(future: impl Future<Output = T>) -> T {
    let mut future = std::pin::pin!(future);
    let mut cx = Context::from_waker(std::task::Waker::noop());
    match future.as_mut().poll(&mut cx) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("it is not ready at once"),
    }
}

#[tokio::test]
async fn methods_without_a_message_pass_unread_and_other_methods_are_refused() {
    let server = Guarded::start().await;
    for method in ["GET", "HEAD", "DELETE", "OPTIONS"] {
        let mut request = request("user", tool("secret"), &[]);
        *request.method_mut() = method.parse().unwrap();
        let answer = send(server.address, request).await;
        // The inner server has its own response to these methods and reads no body.
        assert_eq!(answer.status, 405, "{method}");
        assert_ne!(
            answer.header("content-type"),
            Some("application/json"),
            "{method}"
        );
        server.assert_untouched(method);
    }
    for method in ["PUT", "PATCH", "TRACE", "QUERY", "post"] {
        let mut request = request("user", tool("open"), &[]);
        *request.method_mut() = method.parse().unwrap();
        let answer = send(server.address, request).await;
        assert_rejected(&answer, 405, -32600, method);
        assert_eq!(
            answer.header("allow"),
            Some("GET, HEAD, POST, DELETE, OPTIONS")
        );
        server.assert_untouched(method);
    }
}
