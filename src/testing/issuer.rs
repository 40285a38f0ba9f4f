use std::collections::HashMap;
use std::fmt;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use aws_lc_rs::digest;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{AbortHandle, JoinSet};

use super::fault::{Fault, Reset, spoil, status};
use super::faulty_body::FaultyBody;
use super::introspection::{self, INTROSPECTION_PATH, Introspection};
use super::signing_key::SigningKey;
use super::token::TokenBuilder;
use crate::verify::keys::Algorithm;

/// An issuer on a loopback port: an HTTP server with metadata, a JWK Set, introspection, key rotation and injected
/// [faults](Fault).
///
/// Use it to test a verifier that fetches keys or introspects tokens. The server stops when the value is dropped.
///
/// ```
/// use tower_bearer_auth::JwtVerifier;
/// use tower_bearer_auth::testing::TestIssuer;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let issuer = TestIssuer::start().await;
/// # #[cfg(feature = "jwks")]
/// let verifier = JwtVerifier::builder()
///     .discover(issuer.issuer())
///     .audience("https://api.example.com")
///     .build()?;
/// let token = issuer.token().audience("https://api.example.com").build();
/// issuer.rotate();
/// # let _ = token;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct TestIssuer {
    address: SocketAddr,
    shared: Arc<Shared>,
    server: AbortHandle,
}

struct Shared {
    base: String,
    state: Mutex<State>,
}

pub(super) struct State {
    issuer: String,
    metadata_path: String,
    metadata: Option<Value>,
    keys: Vec<SigningKey>,
    rotations: usize,
    jwks: Option<Value>,
    cache_control: Option<HeaderValue>,
    jwks_fault: Option<Fault>,
    metadata_fault: Option<Fault>,
    path_faults: HashMap<String, Fault>,
    pub(super) introspection: Introspection,
    counts: Counts,
}

#[derive(Default, Clone, Copy)]
struct Counts {
    jwks: usize,
    unchanged: usize,
    metadata: usize,
}

const JWKS_PATH: &str = "/jwks";
const METADATA_PATH: &str = "/.well-known/openid-configuration";

impl TestIssuer {
    /// Starts an issuer with one ES256 key, `key-1`.
    ///
    /// # Panics
    ///
    /// If there is no tokio runtime, or if no loopback port is available.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await;
        let listener = listener.expect("a loopback port");
        let address = listener
            .local_addr()
            .expect("a bound listener has an address");
        let base = format!("http://{address}");
        let shared = Arc::new(Shared {
            state: Mutex::new(State {
                issuer: base.clone(),
                metadata_path: METADATA_PATH.into(),
                metadata: None,
                keys: vec![SigningKey::generate(Algorithm::ES256).with_key_id("key-1")],
                rotations: 1,
                jwks: None,
                cache_control: None,
                jwks_fault: None,
                metadata_fault: None,
                path_faults: HashMap::new(),
                introspection: Introspection::default(),
                counts: Counts::default(),
            }),
            base,
        });
        let server = tokio::spawn(serve(listener, Arc::clone(&shared))).abort_handle();
        Self {
            address,
            shared,
            server,
        }
    }

    /// The issuer identifier, which is the `iss` of its tokens. Default: the URL of the server.
    pub fn issuer(&self) -> String {
        self.state().issuer.clone()
    }

    /// The URL of the JWK Set.
    pub fn jwks_url(&self) -> String {
        format!("{}{JWKS_PATH}", self.shared.base)
    }

    /// The address on which the server listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Starts a token of this issuer, which the current key signs.
    pub fn token(&self) -> TokenBuilder {
        self.key().token().issuer(self.issuer())
    }

    /// The current key, which signs new tokens.
    #[expect(clippy::missing_panics_doc, reason = "there is always a key")]
    pub fn key(&self) -> SigningKey {
        let state = self.state();
        state.keys.last().expect("there is always a key").clone()
    }

    /// Adds a key and makes it the current one. Older keys stay published.
    pub fn add_key(&self, key: SigningKey) {
        self.state().keys.push(key);
    }

    /// Generates an ES256 key, makes it the current one and returns it. Older keys stay published until they are
    /// [retired](Self::retire_old_keys).
    pub fn rotate(&self) -> SigningKey {
        let mut state = self.state();
        state.rotations += 1;
        let key_id = format!("key-{}", state.rotations);
        let key = SigningKey::generate(Algorithm::ES256).with_key_id(key_id);
        state.keys.push(key.clone());
        key
    }

    /// Publishes only the current key from now on.
    pub fn retire_old_keys(&self) {
        let mut state = self.state();
        let current = state.keys.pop();
        state.keys.clear();
        state.keys.extend(current);
    }

    /// Publishes this document instead of the JWK Set of its keys. `None` publishes its keys again.
    pub fn publish(&self, jwks: Option<Value>) {
        self.state().jwks = jwks;
    }

    /// Sends this `Cache-Control` with the JWK Set. Default: none.
    ///
    /// # Panics
    ///
    /// If the value is not a valid header value.
    #[track_caller]
    pub fn cache_control(&self, value: &str) {
        let value = HeaderValue::from_str(value).expect("a header's value");
        self.state().cache_control = Some(value);
    }

    /// Changes the issuer identifier, for example to the URL of the server with a path.
    pub fn rename(&self, issuer: impl Into<String>) {
        self.state().issuer = issuer.into();
    }

    /// Serves the metadata at this path only. Default: `/.well-known/openid-configuration`.
    pub fn metadata_at(&self, path: impl Into<String>) {
        self.state().metadata_path = path.into();
    }

    /// Serves this document instead of its own metadata. `None` serves its own again.
    pub fn metadata(&self, metadata: Option<Value>) {
        self.state().metadata = metadata;
    }

    /// Answers requests for the JWK Set with this fault from now on. `None` removes the fault.
    pub fn jwks_fault(&self, fault: Option<Fault>) {
        self.state().jwks_fault = fault;
    }

    /// Answers requests for metadata with this fault from now on. `None` removes the fault.
    pub fn metadata_fault(&self, fault: Option<Fault>) {
        self.state().metadata_fault = fault;
    }

    /// Answers requests for this path with this fault from now on, even if nothing is served there. `None` removes the
    /// fault. [`jwks_fault`](Self::jwks_fault) and [`metadata_fault`](Self::metadata_fault) take precedence.
    pub fn fault_at(&self, path: impl Into<String>, fault: Option<Fault>) {
        let faults = &mut self.state().path_faults;
        match fault {
            Some(fault) => faults.insert(path.into(), fault),
            None => faults.remove(&path.into()),
        };
    }

    /// The number of requests for the JWK Set so far.
    pub fn jwks_requests(&self) -> usize {
        self.state().counts.jwks
    }

    /// The number of requests for the JWK Set that were answered with 304 (Not Modified).
    pub fn unchanged_answers(&self) -> usize {
        self.state().counts.unchanged
    }

    /// The number of requests for metadata so far. It includes every request that is neither for the JWK Set
    /// nor an introspection request.
    pub fn metadata_requests(&self) -> usize {
        self.state().counts.metadata
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.shared.state()
    }

    pub(super) fn base(&self) -> &str {
        &self.shared.base
    }
}

impl Drop for TestIssuer {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The correct answer, and the fault to apply to it.
    fn answer(&self, path: &str, headers: &HeaderMap) -> (Response<FaultyBody>, Option<Fault>) {
        let mut state = self.state();
        let fault_here = state.path_faults.get(path).cloned();
        if path == JWKS_PATH {
            state.counts.jwks += 1;
            let fault = state.jwks_fault.clone().or(fault_here);
            let document = match &state.jwks {
                Some(document) => document.clone(),
                None => SigningKey::jwk_set(&state.keys),
            };
            let response = json_response(&document, headers, state.cache_control.clone());
            if fault.is_none() && response.status() == StatusCode::NOT_MODIFIED {
                state.counts.unchanged += 1;
            }
            return (response, fault);
        }
        state.counts.metadata += 1;
        if path != state.metadata_path {
            return (status(StatusCode::NOT_FOUND), fault_here);
        }
        let metadata = state.metadata.clone().unwrap_or_else(|| {
            json!({
                "issuer": state.issuer,
                "jwks_uri": format!("{}{JWKS_PATH}", self.base),
                "introspection_endpoint": format!("{}{INTROSPECTION_PATH}", self.base),
                "response_types_supported": ["code"],
            })
        });
        let fault = state.metadata_fault.clone().or(fault_here);
        (json_response(&metadata, &HeaderMap::new(), None), fault)
    }
}

impl Shared {
    /// The correct answer to an introspection request, and the fault to apply to it.
    fn introspect(
        &self,
        headers: &HeaderMap,
        form: &[u8],
    ) -> (Response<FaultyBody>, Option<Fault>) {
        let mut state = self.state();
        let state = &mut *state;
        let introspection = &mut state.introspection;
        introspection.requests += 1;
        if let Some(response) = introspection.response.clone() {
            return (response.map(FaultyBody::whole), introspection.fault.clone());
        }
        let (status, answer) = introspection.answer(headers, form);
        let fault = introspection.fault.clone();
        if status == StatusCode::OK && introspection::wants_signed(headers) {
            let key = state.keys.last().expect("an issuer has a key");
            let jwt = introspection::signed(key, &state.issuer, answer).build();
            return (
                introspection::jwt_response(jwt).map(FaultyBody::whole),
                fault,
            );
        }
        let mut response = json_response(&answer, &HeaderMap::new(), None);
        *response.status_mut() = status;
        (response, fault)
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared")
            .field("base", &self.base)
            .finish_non_exhaustive()
    }
}

async fn serve(listener: TcpListener, shared: Arc<Shared>) {
    // When this task is aborted, dropping the set closes all connections.
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let shared = Arc::clone(&shared);
        connections.spawn(async move {
            // Injected faults end connections with an error.
            let _ = serve_connection(stream, shared).await;
        });
        while connections.try_join_next().is_some() {}
    }
}

async fn serve_connection(stream: TcpStream, shared: Arc<Shared>) -> Result<(), hyper::Error> {
    let service = service_fn(move |request: Request<Incoming>| {
        let shared = Arc::clone(&shared);
        async move {
            let (head, body) = request.into_parts();
            let (response, fault) = match head.uri.path() {
                INTROSPECTION_PATH if head.method == Method::POST => {
                    let form = body.collect().await.map_err(|_| Reset)?.to_bytes();
                    shared.introspect(&head.headers, &form)
                }
                path => shared.answer(path, &head.headers),
            };
            spoil(response, fault).await
        }
    });
    hyper::server::conn::http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service)
        .await
}

/// Responds with a document and its entity tag, or with 304 if the request has that tag.
fn json_response(
    document: &Value,
    request: &HeaderMap,
    cache_control: Option<HeaderValue>,
) -> Response<FaultyBody> {
    let body = document.to_string();
    let digest = digest::digest(&digest::SHA256, body.as_bytes());
    let etag = format!("\"{}\"", URL_SAFE_NO_PAD.encode(&digest.as_ref()[..12]));
    let known = request
        .get(IF_NONE_MATCH)
        .is_some_and(|known| known == etag.as_str());

    let mut response = match known {
        true => status(StatusCode::NOT_MODIFIED),
        false => Response::new(FaultyBody::whole(body.into())),
    };
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(
        ETAG,
        HeaderValue::from_str(&etag).expect("base64url in quotes"),
    );
    if let Some(value) = cache_control {
        headers.insert(CACHE_CONTROL, value);
    }
    response
}
