//! Tokens from other places than the `Authorization` header, over HTTP/1 and HTTP/2.

mod bound_tokens;
mod browsers;
mod combinations;
mod cookies;
mod cross_site;
mod headers;
mod settings;
mod web_sockets;

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Response, Version};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tower::service_fn;
use tower_bearer_auth::{AccessToken, BearerAuthLayer, Verifier};
use tower_layer::Layer;

use crate::support::{Answer, INSIDE, read, refused, serve};

const VERSIONS: [Version; 2] = [Version::HTTP_11, Version::HTTP_2];

/// What marks the pages of the server itself.
const SAME_ORIGIN: (&str, &str) = ("sec-fetch-site", "same-origin");

/// The head of the requests that reached the inner service.
type Reached = Arc<Mutex<Vec<HeaderMap>>>;

/// A server behind a layer, once for HTTP/1 and once for HTTP/2.
struct Server {
    http1: SocketAddr,
    http2: SocketAddr,
    reached: Reached,
}

impl Server {
    async fn start<V: Verifier>(layer: BearerAuthLayer<V>) -> Self {
        Self::around(|inner| layer.clone().layer(inner)).await
    }

    /// Serves the service that `wrap` makes of one that records its requests.
    async fn around<S, B>(wrap: impl Fn(Recorder) -> S) -> Self
    where
        S: tower::Service<Request<Incoming>, Response = Response<B>, Error = Infallible>,
        S: Clone + Send + Sync + 'static,
        S::Future: Send,
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let reached = Reached::default();
        let service = wrap(recorder(Arc::clone(&reached)));
        Self {
            http1: serve(service.clone()).await,
            http2: serve_http2(service).await,
            reached,
        }
    }

    async fn send(&self, version: Version, method: &Method, headers: &[(&str, &str)]) -> Answer {
        let mut request = Request::new(Full::<Bytes>::default());
        *request.method_mut() = method.clone();
        for (name, value) in headers {
            let name = http::HeaderName::from_bytes(name.as_bytes()).unwrap();
            let value = HeaderValue::from_bytes(value.as_bytes()).unwrap();
            request.headers_mut().append(name, value);
        }
        match version {
            Version::HTTP_2 => {
                *request.uri_mut() = "http://api.test/".parse().unwrap();
                let mut sender = connect_http2(self.http2).await;
                read(sender.send_request(request).await.unwrap()).await
            }
            _ => crate::support::send(self.http1, request).await,
        }
    }

    async fn get(&self, version: Version, headers: &[(&str, &str)]) -> Answer {
        self.send(version, &Method::GET, headers).await
    }

    /// The headers of the only request that has reached the inner service since the last call.
    #[track_caller]
    fn reached(&self) -> HeaderMap {
        let mut reached = std::mem::take(&mut *self.reached.lock().unwrap());
        let headers = reached.pop().expect("a request has reached the service");
        assert!(reached.is_empty());
        headers
    }

    #[track_caller]
    fn assert_nothing_reached(&self) {
        assert!(self.reached.lock().unwrap().is_empty());
    }
}

type Recorder =
    tower::util::BoxCloneSyncService<Request<Incoming>, Response<Full<Bytes>>, Infallible>;

/// Records the headers of each request, and responds with the subject of its token.
fn recorder(reached: Reached) -> Recorder {
    Recorder::new(service_fn(move |request: Request<Incoming>| {
        let token = request.extensions().get::<AccessToken>();
        let subject = token.map_or("anonymous", |token| token.subject().unwrap_or(INSIDE));
        // Over HTTP/2, hyper sends the body of an answer to HEAD.
        let body = match *request.method() {
            Method::HEAD => String::new(),
            _ => subject.to_owned(),
        };
        let response = Response::new(Full::from(body));
        reached.lock().unwrap().push(request.headers().clone());
        async { Ok(response) }
    }))
}

/// Serves `service` over HTTP/2, `CONNECT` with a protocol included.
async fn serve_http2<S, B>(service: S) -> SocketAddr
where
    S: tower::Service<Request<Incoming>, Response = Response<B>, Error = Infallible>,
    S: Clone + Send + Sync + 'static,
    S::Future: Send,
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let service = TowerToHyperService::new(service.clone());
            let mut server = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
            server.enable_connect_protocol();
            tokio::spawn(async move {
                let _ = server.serve_connection(TokioIo::new(stream), service).await;
            });
        }
    });
    address
}

async fn connect_http2(
    address: SocketAddr,
) -> hyper::client::conn::http2::SendRequest<Full<Bytes>> {
    let stream = TcpStream::connect(address).await.unwrap();
    let client = hyper::client::conn::http2::Builder::new(TokioExecutor::new());
    let (sender, connection) = client.handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    sender
}

/// The values of a header, in order.
fn values<'h>(headers: &'h HeaderMap, name: &str) -> Vec<&'h str> {
    let values = headers.get_all(name).iter();
    values.map(|value| value.to_str().unwrap()).collect()
}

/// Asserts the answer to a request with two tokens.
#[track_caller]
fn assert_two_tokens(answer: &Answer) {
    let description = "The request has more than one access token";
    let challenge = format!(r#"Bearer error="invalid_request", error_description="{description}""#);
    let body = refused("invalid_request", description);
    answer.assert_refusal(400, Some(&challenge), &body);
}

/// Asserts the answer to a request of another site with the token in a cookie.
#[track_caller]
fn assert_cross_site(answer: &Answer) {
    let description = "The token in a cookie is for requests of this server's own pages";
    answer.assert_refusal(403, None, &refused("access_denied", description));
}

#[track_caller]
fn assert_passed(answer: &Answer) {
    assert_eq!((answer.status.as_u16(), &*answer.body), (200, "alice"));
}

/// Asserts the answer to a request without a token.
#[track_caller]
fn assert_no_token(answer: &Answer) {
    answer.assert_refusal(401, Some("Bearer"), &crate::support::no_token());
}
