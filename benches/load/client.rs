//! The client: connections that send one request after the other.

use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::future::try_join_all;
use hdrhistogram::Histogram;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HOST};
use http::{HeaderValue, Method, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use super::{Error, Result};

/// The target of the requests.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Target {
    Route,
    Mcp,
}

/// The maximum number of requests per connection in a turn.
const MAX_REQUESTS: usize = 100_000;

const CALL: &str = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"add","arguments":{"a":2,"b":3}}}"#;

impl Target {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Route => "a route",
            Self::Mcp => "an MCP tool",
        }
    }

    fn request(self, address: &str, authorization: &HeaderValue) -> Request<Full<Bytes>> {
        let (method, path, body) = match self {
            Self::Route => (Method::GET, "/notes", ""),
            Self::Mcp => (Method::POST, "/mcp", CALL),
        };
        Request::builder()
            .method(method)
            .uri(path)
            .header(HOST, address)
            .header(AUTHORIZATION, authorization)
            .header(ACCEPT, "application/json, text/event-stream")
            .header(CONTENT_TYPE, "application/json")
            .header("mcp-protocol-version", "2025-06-18")
            .body(Full::from(body))
            .expect("the parts are constant")
    }

    fn is_right(self, body: &[u8]) -> bool {
        let expected = match self {
            Self::Route => "milk",
            Self::Mcp => r#""text":"5""#,
        };
        body.windows(expected.len())
            .any(|part| part == expected.as_bytes())
    }
}

/// Sends requests over this many connections for one turn. Returns the latencies in nanoseconds.
pub(crate) async fn run(
    address: &str,
    target: Target,
    authorization: &HeaderValue,
    connections: usize,
    turn: Duration,
) -> Result<Histogram<u64>> {
    let mut senders = Vec::new();
    for _ in 0..connections {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        senders.push(sender);
    }
    // The first request of each connection is not measured.
    for sender in &mut senders {
        send(sender, target.request(address, authorization), target).await?;
    }

    let end = Instant::now() + turn;
    let busy = senders.into_iter().map(|mut sender| async move {
        let mut latencies = Histogram::new(3)?;
        for _ in 0..MAX_REQUESTS {
            let start = Instant::now();
            if start >= end {
                break;
            }
            send(&mut sender, target.request(address, authorization), target).await?;
            latencies.record(start.elapsed().as_nanos() as u64)?;
        }
        Ok::<_, Error>(latencies)
    });
    let mut all = Histogram::new(3)?;
    for latencies in try_join_all(busy).await? {
        all.add(latencies)?;
    }
    Ok(all)
}

async fn send(
    sender: &mut http1::SendRequest<Full<Bytes>>,
    request: Request<Full<Bytes>>,
    target: Target,
) -> Result<()> {
    sender.ready().await?;
    let response = sender.send_request(request).await?;
    let status = response.status();
    let body = response.into_body().collect().await?.to_bytes();
    match status == StatusCode::OK && target.is_right(&body) {
        true => Ok(()),
        false => Err(format!("{status}: {}", String::from_utf8_lossy(&body)).into()),
    }
}
