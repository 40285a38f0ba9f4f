//! Requests that the layer accepts.

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, StatusCode, Uri};
use http_body_util::Empty;
use serde_json::json;
use tower_bearer_auth::possession::Dpop;
use tower_bearer_auth::testing::TestIssuer;
use tower_bearer_auth::{
    AccessToken, Algorithm, BearerAuthLayer, ByIssuer, Clock, IntrospectionVerifier,
    RequireScopesLayer, StaticToken, StaticTokenVerifier, VerifierExt, VerifyError,
};
use tower_layer::Layer;
use tower_service::Service;

use super::call::{Call, calls, good};
use crate::support::proofs::{self, BoundSample};
use crate::support::{AUDIENCE, ISSUER, Nothing, Sample, answer, authorization, request};

pub(super) fn jwt(algorithm: Algorithm) -> Call {
    let sample = Sample::of(algorithm);
    good(sample.verifier(), sample.header())
}

pub(super) fn cached(method: Method) -> Call {
    let sample = Sample::of(Algorithm::RS256);
    let layer = BearerAuthLayer::new(sample.verifier().cached(1_000));
    calls(layer.layer(Nothing), sample.header(), method, 200)
}

/// A bearer token, which a layer that checks proofs takes as well.
pub(super) fn cached_behind_dpop() -> Call {
    let sample = Sample::of(Algorithm::RS256);
    let layer = BearerAuthLayer::new(sample.verifier().cached(1_000))
        .dpop(Dpop::new().origin(proofs::ORIGIN));
    calls(layer.layer(Nothing), sample.header(), Method::GET, 200)
}

const DPOP: HeaderName = HeaderName::from_static("dpop");

/// A remembered token with the proof of a client that the layer has seen before.
///
/// A layer accepts each proof once. After the last proof, a new layer takes over, which has not seen the client. Its
/// cost is that of a request or two, for several hundred requests.
pub(super) fn dpop() -> Call {
    let sample = BoundSample::load();
    let shared = |text: String| HeaderValue::from_maybe_shared(Bytes::from_owner(text)).unwrap();
    let token = shared(format!("DPoP {}", sample.token));
    let proofs: Vec<_> = sample.proofs().into_iter().map(shared).collect();
    let verifier = sample.verifier().cached(1_000);
    let issued_at = SystemTime::UNIX_EPOCH + Duration::from_secs(proofs::ISSUED_AT);
    let service = move || {
        let dpop = Dpop::new()
            .origin(proofs::ORIGIN)
            .clock(Clock::manual(issued_at));
        BearerAuthLayer::new(verifier.clone())
            .dpop(dpop)
            .layer(Nothing)
    };
    let (mut current, mut next) = (service(), 0);
    let mut call = move || {
        if next == proofs.len() {
            (current, next) = (service(), 0);
        }
        let mut request = request(&token, Empty::<Bytes>::new());
        *request.uri_mut() = Uri::from_static(proofs::PATH);
        request.headers_mut().insert(DPOP, proofs[next].clone());
        next += 1;
        assert_eq!(answer(&mut current, request).status(), StatusCode::OK);
    };
    call();
    Box::new(call)
}

pub(super) fn guarded() -> Call {
    let sample = Sample::of(Algorithm::RS256);
    let layer = BearerAuthLayer::new(sample.verifier().cached(1_000)).required_scopes(["mcp:use"]);
    let guards = (
        RequireScopesLayer::all(["notes:read"]),
        RequireScopesLayer::any(["admin", "notes:write"]),
    );
    let service = layer.layer(guards.0.layer(guards.1.layer(Nothing)));
    calls(service, sample.header(), Method::GET, 200)
}

pub(super) fn static_token() -> Call {
    let token = Sample::of(Algorithm::RS256).token;
    let header = authorization(&token);
    let meaning = StaticToken::new("bench").scopes(["read"]);
    good(StaticTokenVerifier::new([(token, meaning)]), header)
}

/// The length of the test issuer's opaque tokens.
const OPAQUE_LENGTH: usize = 32;

pub(super) fn introspected() -> Call {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let issuer = runtime.block_on(TestIssuer::start());
    let token = issuer.opaque_token(json!({ "aud": AUDIENCE, "scope": "read", "sub": "alice" }));
    assert_eq!(token.len(), OPAQUE_LENGTH);
    let verifier = IntrospectionVerifier::builder(issuer.introspection_url())
        .client_secret_post(TestIssuer::CLIENT_ID, TestIssuer::CLIENT_SECRET)
        .audience(AUDIENCE)
        .build()
        .unwrap()
        .cached(1_000);
    let verified: Result<AccessToken, VerifyError> =
        runtime.block_on(verifier.clone().call(token.parse().unwrap()));
    verified.unwrap();
    let mut call = good(verifier, authorization(&token));
    Box::new(move || {
        let _keep_running = (&runtime, &issuer);
        call();
    })
}

pub(super) fn by_issuer(issuers: usize) -> Call {
    let sample = Sample::of(Algorithm::RS256);
    let others = (1..issuers).map(|number| format!("https://issuer-{number}.example.com"));
    let verifiers = others.fold(ByIssuer::new(), |all, issuer| {
        all.issuer(issuer, sample.verifier())
    });
    good(verifiers.issuer(ISSUER, sample.verifier()), sample.header())
}
