//! Requests that the layer refuses.

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::header::AUTHORIZATION;
use http::{HeaderValue, Method, Request, StatusCode};
use http_body_util::Empty;
use tower_bearer_auth::{
    Algorithm, BearerAuthLayer, Clock, JwtVerifierBuilder, StaticToken, StaticTokenVerifier,
    VerifierExt, VerifyError, verify_fn,
};
use tower_layer::Layer;

use super::call::{Call, calls};
use crate::support::{AUDIENCE, ISSUER, Nothing, Sample, answer, authorization, request};

pub(super) fn refused(header: Option<String>, status: u16) -> Call {
    let header =
        header.map(|header| HeaderValue::from_maybe_shared(Bytes::from_owner(header)).unwrap());
    let mut service = BearerAuthLayer::new(Sample::of(Algorithm::RS256).verifier())
        .required_scopes(["mcp:use"])
        .layer(Nothing);
    Box::new(move || {
        let mut request = Request::new(Empty::<Bytes>::new());
        if let Some(header) = &header {
            request.headers_mut().insert(AUTHORIZATION, header.clone());
        }
        assert_eq!(answer(&mut service, request).status().as_u16(), status);
    })
}

pub(super) fn two_headers() -> Call {
    let header = Sample::of(Algorithm::RS256).header();
    let mut service = BearerAuthLayer::new(Sample::of(Algorithm::RS256).verifier()).layer(Nothing);
    Box::new(move || {
        let mut request = request(&header, Empty::<Bytes>::new());
        request.headers_mut().append(AUTHORIZATION, header.clone());
        assert_eq!(
            answer(&mut service, request).status(),
            StatusCode::BAD_REQUEST
        );
    })
}

pub(super) fn six_segments() -> Call {
    let token = Sample::of(Algorithm::RS256).token;
    refused(Some(format!("Bearer {token}.{token}")), 401)
}

pub(super) fn unsupported_algorithm() -> Call {
    let token = Sample::of(Algorithm::ES256).token;
    refused(Some(format!("Bearer {token}")), 401)
}

pub(super) fn unknown_key() -> Call {
    let sample = Sample::of(Algorithm::ES256);
    let (_, rest) = sample.token.split_once('.').unwrap();
    // {"alg":"ES256","kid":"another"}
    let token = format!("eyJhbGciOiJFUzI1NiIsImtpZCI6ImFub3RoZXIifQ.{rest}");
    let layer = BearerAuthLayer::new(sample.verifier());
    calls(
        layer.layer(Nothing),
        authorization(&token),
        Method::GET,
        401,
    )
}

pub(super) fn unknown_static_token() -> Call {
    let verifier = StaticTokenVerifier::new([("another", StaticToken::new("bench"))]);
    let layer = BearerAuthLayer::new(verifier);
    calls(
        layer.layer(Nothing),
        Sample::of(Algorithm::RS256).header(),
        Method::GET,
        401,
    )
}

pub(super) fn bad_signature() -> Call {
    let mut token = Sample::of(Algorithm::RS256).token;
    let (head, signature) = token.rsplit_once('.').unwrap();
    let first = if signature.starts_with('A') { "B" } else { "A" };
    token = format!("{head}.{first}{}", &signature[1..]);
    refused(Some(format!("Bearer {token}")), 401)
}

/// An expired token: the verifier's clock is at the end of the year 9999.
pub(super) fn expired() -> Call {
    let future = SystemTime::UNIX_EPOCH + Duration::from_secs(253_402_300_799);
    refused_by(|verifier| verifier.issuer(ISSUER).clock(Clock::manual(future)))
}

pub(super) fn another_issuer() -> Call {
    refused_by(|verifier| verifier.issuer("https://another.example.com"))
}

fn refused_by(configure: impl Fn(JwtVerifierBuilder) -> JwtVerifierBuilder) -> Call {
    let sample = Sample::of(Algorithm::RS256);
    let verifier = configure(sample.verifier_builder().audience(AUDIENCE))
        .build()
        .unwrap();
    let layer = BearerAuthLayer::new(verifier);
    calls(layer.layer(Nothing), sample.header(), Method::GET, 401)
}

pub(super) fn too_little_scope() -> Call {
    let sample = Sample::of(Algorithm::RS256);
    let layer = BearerAuthLayer::new(sample.verifier().cached(1_000)).required_scopes(["admin"]);
    calls(layer.layer(Nothing), sample.header(), Method::GET, 403)
}

pub(super) fn unavailable() -> Call {
    let verifier = verify_fn(|_| async { Err(VerifyError::unavailable("the provider is down")) });
    let layer = BearerAuthLayer::new(verifier);
    calls(
        layer.layer(Nothing),
        Sample::of(Algorithm::RS256).header(),
        Method::GET,
        503,
    )
}
