//! A thousand issuers on one server, which counts what it is asked.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tower_bearer_auth::Algorithm;
use tower_bearer_auth::testing::SigningKey;

use crate::support::AUDIENCE;

/// A server in a thread of its own, with issuers such as `http://127.0.0.1:4321/tenant-17`. They share their key. It
/// stops when it is dropped.
pub(crate) struct Issuers {
    address: SocketAddr,
    key: SigningKey,
    pub(crate) counts: Arc<Counts>,
    _running: oneshot::Sender<Infallible>,
}

#[derive(Default)]
pub(crate) struct Counts {
    metadata: AtomicUsize,
    keys: AtomicUsize,
    others: AtomicUsize,
    connections: AtomicUsize,
    open: AtomicUsize,
    most_open: AtomicUsize,
}

impl Counts {
    /// The requests for metadata, for keys, and for anything else.
    pub(crate) fn requests(&self) -> [usize; 3] {
        [&self.metadata, &self.keys, &self.others].map(|count| count.load(Ordering::Relaxed))
    }

    /// The connections so far, and the most that were open at the same time.
    pub(crate) fn connections(&self) -> [usize; 2] {
        [&self.connections, &self.most_open].map(|count| count.load(Ordering::Relaxed))
    }
}

const METADATA: &str = "/.well-known/openid-configuration";
const KEYS: &str = "/jwks";

impl Issuers {
    pub(crate) fn start() -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let key = SigningKey::generate(Algorithm::ES256).with_key_id("key-1");
        let jwks = Bytes::from(SigningKey::jwk_set([&key]).to_string());
        let counts = Arc::new(Counts::default());
        let (running, stopped) = oneshot::channel();
        let server = serve(listener, jwks, Arc::clone(&counts));
        thread::spawn(|| {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(async {
                tokio::select! {
                    () = server => (),
                    _ = stopped => (),
                }
            });
        });
        Self {
            address,
            key,
            counts,
            _running: running,
        }
    }

    pub(crate) fn issuer(&self, number: usize) -> String {
        format!("http://{}/tenant-{number}", self.address)
    }

    pub(crate) fn metadata_url(&self, number: usize) -> String {
        format!("{}{METADATA}", self.issuer(number))
    }

    pub(crate) fn key_url(&self, number: usize) -> String {
        format!("{}{KEYS}", self.issuer(number))
    }

    pub(crate) fn token(&self, number: usize) -> String {
        let token = self.key.token().issuer(self.issuer(number));
        token.audience(AUDIENCE).subject("alice").build()
    }
}

async fn serve(listener: std::net::TcpListener, jwks: Bytes, counts: Arc<Counts>) {
    let address = listener.local_addr().unwrap();
    let listener = TcpListener::from_std(listener).unwrap();
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        let (jwks, counts) = (jwks.clone(), Arc::clone(&counts));
        counts.connections.fetch_add(1, Ordering::Relaxed);
        let open = counts.open.fetch_add(1, Ordering::Relaxed) + 1;
        counts.most_open.fetch_max(open, Ordering::Relaxed);
        tokio::spawn(async move {
            let answers = Arc::clone(&counts);
            let service = service_fn(move |request: Request<Incoming>| {
                let answer = answer(request.uri().path(), address, &jwks, &answers);
                async { Ok::<_, Infallible>(answer) }
            });
            let connection = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service);
            // A client may close its connection at any time.
            let _ = connection.await;
            counts.open.fetch_sub(1, Ordering::Relaxed);
        });
    }
}

fn answer(path: &str, address: SocketAddr, jwks: &Bytes, counts: &Counts) -> Response<Full<Bytes>> {
    if path.ends_with(KEYS) {
        counts.keys.fetch_add(1, Ordering::Relaxed);
        return Response::new(Full::new(jwks.clone()));
    }
    if let Some(tenant) = path.strip_suffix(METADATA) {
        counts.metadata.fetch_add(1, Ordering::Relaxed);
        let issuer = format!("http://{address}{tenant}");
        let metadata = json!({ "issuer": issuer, "jwks_uri": format!("{issuer}{KEYS}") });
        return Response::new(Full::new(metadata.to_string().into()));
    }
    counts.others.fetch_add(1, Ordering::Relaxed);
    let mut response = Response::new(Full::default());
    *response.status_mut() = StatusCode::NOT_FOUND;
    response
}
