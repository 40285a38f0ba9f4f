//! A real server on a loopback port, and a client that shows what came back. JWTs and verifiers.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::LazyLock;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tower::{Service, ServiceExt};
use tower_bearer_auth::testing::{SigningKey, TokenBuilder};
use tower_bearer_auth::{
    AccessToken, Algorithm, BearerToken, Clock, InvalidReason, JwtVerifier, JwtVerifierBuilder,
    VerifyErrorKind,
};

/// Serves `service` on a port of the system's choice until the test's runtime ends.
pub(crate) async fn serve<S, B>(service: S) -> SocketAddr
where
    S: Service<Request<Incoming>, Response = Response<B>> + Clone + Send + Sync + 'static,
    S::Future: Send,
    S::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let service = TowerToHyperService::new(service.clone());
            tokio::spawn(
                hyper::server::conn::http1::Builder::new()
                    .serve_connection(TokioIo::new(stream), service),
            );
        }
    });
    address
}

/// What a client sees.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Answer {
    /// The only value of a header; panics when there are two.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.get_all(name).iter();
        let value = values.next();
        assert!(values.next().is_none(), "two {name} headers");
        value.map(|value| value.to_str().unwrap())
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

/// Sends one request over a connection of its own.
pub(crate) async fn send(address: SocketAddr, mut request: Request<Full<Bytes>>) -> Answer {
    let stream = TcpStream::connect(address).await.unwrap();
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .unwrap();
    tokio::spawn(connection);
    let host = address.to_string().parse().unwrap();
    request.headers_mut().entry("host").or_insert(host);
    let (parts, body) = sender.send_request(request).await.unwrap().into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    Answer {
        status: parts.status,
        headers: parts.headers,
        body: String::from_utf8(body.into()).unwrap(),
    }
}

/// A `GET` of `path` with these headers.
pub(crate) async fn get(address: SocketAddr, path: &str, headers: &[(&str, &str)]) -> Answer {
    let mut request = Request::get(path).body(Full::default()).unwrap();
    for (name, value) in headers {
        let name = http::HeaderName::from_bytes(name.as_bytes()).unwrap();
        request.headers_mut().append(name, value.parse().unwrap());
    }
    send(address, request).await
}

/// A `GET` of `/` with a bearer token.
pub(crate) async fn get_with(address: SocketAddr, token: &str) -> Answer {
    get(
        address,
        "/",
        &[("authorization", &format!("Bearer {token}"))],
    )
    .await
}

/// Where axum's own server is what is to be tested.
pub(crate) async fn serve_axum(app: axum::Router) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    address
}

/// The time of all JWT tests, in seconds since 1970.
pub(crate) const NOW: u64 = 1_800_000_000;
pub(crate) const ISSUER: &str = "https://issuer.example.com";
pub(crate) const AUDIENCE: &str = "https://api.example.com";

pub(crate) fn at(seconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(seconds)
}

/// A verifier with issuer, audience and a clock that shows [`NOW`]. It still needs a key.
pub(crate) fn jwt_builder() -> JwtVerifierBuilder {
    JwtVerifier::builder()
        .issuer(ISSUER)
        .audience(AUDIENCE)
        .clock(Clock::manual(at(NOW)))
}

/// A token that [`jwt_builder`]'s verifiers accept if they know the key.
pub(crate) fn jwt(key: &SigningKey) -> TokenBuilder {
    key.token()
        .clock(Clock::manual(at(NOW)))
        .issuer(ISSUER)
        .audience(AUDIENCE)
        .subject("alice")
}

/// The one key for an algorithm. All RSA algorithms share a key, as do all HMAC algorithms, so that
/// nothing but the algorithm's name keeps them apart.
pub(crate) fn signing_key(algorithm: Algorithm) -> &'static SigningKey {
    static KEYS: LazyLock<HashMap<Algorithm, SigningKey>> = LazyLock::new(a_key_for_each_algorithm);
    &KEYS[&algorithm]
}

/// Another key for the same algorithm.
pub(crate) fn other_signing_key(algorithm: Algorithm) -> &'static SigningKey {
    static KEYS: LazyLock<HashMap<Algorithm, SigningKey>> = LazyLock::new(a_key_for_each_algorithm);
    &KEYS[&algorithm]
}

fn a_key_for_each_algorithm() -> HashMap<Algorithm, SigningKey> {
    let rsa = SigningKey::generate(Algorithm::RS256);
    let secret = SigningKey::generate(Algorithm::HS512);
    Algorithm::ALL
        .into_iter()
        .map(|algorithm| {
            let key = match algorithm.as_str().split_at(2).0 {
                "HS" => secret.clone().with_algorithm(algorithm),
                "RS" | "PS" => rsa.clone().with_algorithm(algorithm),
                _ => SigningKey::generate(algorithm),
            };
            (algorithm, key)
        })
        .collect()
}

/// A verifier for one algorithm alone.
pub(crate) fn verifier_of(algorithm: Algorithm) -> JwtVerifier {
    let key = signing_key(algorithm).verifying_key();
    assert_eq!(key.algorithms().collect::<Vec<_>>(), [algorithm]);
    jwt_builder().key(key).build().unwrap()
}

/// A builder that lacks nothing, for where the algorithm does not matter.
pub(crate) fn hs256_builder() -> JwtVerifierBuilder {
    jwt_builder().key(signing_key(Algorithm::HS256).verifying_key())
}

/// A token for [`hs256_builder`]'s verifiers whose payload is exactly this.
pub(crate) fn token_of(payload: impl Into<Vec<u8>>) -> String {
    let token = jwt(signing_key(Algorithm::HS256));
    token.raw_claims(payload).build()
}

/// One with the usual claims, of which `name` is written as this JSON.
pub(crate) fn token_with(name: &str, json: &str) -> String {
    token_of(usual_claims(name, &[(name, json)]))
}

/// One with the usual claims, but for `name`.
pub(crate) fn token_without(name: &str) -> String {
    token_of(usual_claims(name, &[]))
}

/// The usual claims as JSON, without one of them and with more members.
pub(crate) fn usual_claims(without: &str, more: &[(&str, &str)]) -> String {
    let usual = [
        ("iss", &*format!("\"{ISSUER}\"")),
        ("aud", &*format!("\"{AUDIENCE}\"")),
        ("sub", "\"alice\""),
        ("exp", &*(NOW + 3600).to_string()),
    ];
    let members: Vec<_> = usual
        .iter()
        .filter(|(name, _)| *name != without)
        .chain(more)
        .map(|(name, json)| format!("\"{name}\":{json}"))
        .collect();
    format!("{{{}}}", members.join(","))
}

/// Asks a JWT verifier, which has its keys at hand and so answers without waiting. What is no
/// bearer token to begin with counts as malformed, as the layer answers it.
pub(crate) fn verify(verifier: &JwtVerifier, token: &str) -> Result<AccessToken, InvalidReason> {
    let token: BearerToken = token.parse().map_err(|_| InvalidReason::Malformed)?;
    let answer = pin!(verifier.clone().oneshot(token));
    match answer.poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Pending => panic!("a verifier with local keys waits"),
        Poll::Ready(Ok(token)) => Ok(token),
        Poll::Ready(Err(error)) => match error.kind() {
            VerifyErrorKind::Invalid(reason) => Err(reason),
            other => panic!("{other:?}"),
        },
    }
}

/// Why a token is refused; `None` when it is accepted.
pub(crate) fn refusal(verifier: &JwtVerifier, token: &str) -> Option<InvalidReason> {
    verify(verifier, token).err()
}

/// The verifier that lacks nothing and has nothing special.
pub(crate) fn usual_verifier() -> JwtVerifier {
    hs256_builder().build().unwrap()
}

/// Rows of a claim's JSON and of what becomes of a token with it.
pub(crate) fn check_claim(
    builder: JwtVerifierBuilder,
    claim: &str,
    table: &[(&str, Option<InvalidReason>)],
) {
    let verifier = builder.build().unwrap();
    for (json, wanted) in table {
        let refusal = refusal(&verifier, &token_with(claim, json));
        assert_eq!(refusal, *wanted, "{claim}: {json}");
    }
}

/// A token for [`hs256_builder`]'s verifiers with this text as its header.
pub(crate) fn token_with_header(header: impl Into<Vec<u8>>) -> String {
    let token = jwt(signing_key(Algorithm::HS256));
    token.raw_header(header).build()
}

/// What becomes of each token.
pub(crate) fn check_tokens(tokens: impl IntoIterator<Item = (String, Option<InvalidReason>)>) {
    let verifier = usual_verifier();
    for (position, (token, wanted)) in tokens.into_iter().enumerate() {
        let start = &token[..token.len().min(200)];
        assert_eq!(
            refusal(&verifier, &token),
            wanted,
            "number {position}: {start}"
        );
    }
}

pub(crate) fn base64url(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

pub(crate) fn from_base64url(text: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(text).unwrap()
}

/// The token with another signature.
pub(crate) fn with_signature(token: &str, signature: &[u8]) -> String {
    let (signed, _) = token.rsplit_once('.').unwrap();
    format!("{signed}.{}", base64url(signature))
}

/// The signature of a token, decoded.
pub(crate) fn signature_of(token: &str) -> Vec<u8> {
    from_base64url(token.rsplit_once('.').unwrap().1)
}
