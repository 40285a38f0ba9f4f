//! Signed tokens, rule by rule.

use std::collections::HashMap;
use std::pin::pin;
use std::sync::LazyLock;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use tower::ServiceExt;
use tower_bearer_auth::testing::{SigningKey, TokenBuilder};
use tower_bearer_auth::{
    AccessToken, Algorithm, BearerToken, Clock, InvalidReason, JwtVerifier, JwtVerifierBuilder,
    VerifyErrorKind,
};

mod algorithms;
mod claims;
mod config;
mod dates;
mod der;
mod fixtures;
mod form;
mod issuers;
mod jsonwebtoken_keys;
mod jwk_members;
mod key_attempts;
mod key_config;
mod key_sets;
mod key_spellings;
mod keys;
mod kinds;
mod logs;
mod mapping;
mod members;
mod ml_dsa;
mod ml_dsa_keys;
mod names;
mod null;
mod odd_issuers;
mod pem_armour;
mod pem_certificates;
mod pem_der;
mod pem_pss;
mod pems;
mod reported;
mod signatures;
mod vectors;

/// The time of all JWT tests, in seconds since 1970.
const NOW: u64 = 1_800_000_000;
const ISSUER: &str = "https://issuer.example.com";
const AUDIENCE: &str = "https://api.example.com";

fn at(seconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(seconds)
}

/// A verifier with issuer, audience and a clock that shows [`NOW`]. It still needs a key.
fn jwt_builder() -> JwtVerifierBuilder {
    JwtVerifier::builder()
        .issuer(ISSUER)
        .audience(AUDIENCE)
        .clock(Clock::manual(at(NOW)))
}

/// A token that [`jwt_builder`]'s verifiers accept if they know the key.
fn jwt(key: &SigningKey) -> TokenBuilder {
    key.token()
        .clock(Clock::manual(at(NOW)))
        .issuer(ISSUER)
        .audience(AUDIENCE)
        .subject("alice")
}

/// The key for an algorithm. All RSA algorithms share a key, and all HMAC algorithms share another one, so that only
/// the name of the algorithm distinguishes them.
fn signing_key(algorithm: Algorithm) -> &'static SigningKey {
    static KEYS: LazyLock<HashMap<Algorithm, SigningKey>> = LazyLock::new(a_key_for_each_algorithm);
    &KEYS[&algorithm]
}

/// Another key for the same algorithm.
fn other_signing_key(algorithm: Algorithm) -> &'static SigningKey {
    static KEYS: LazyLock<HashMap<Algorithm, SigningKey>> = LazyLock::new(a_key_for_each_algorithm);
    &KEYS[&algorithm]
}

fn a_key_for_each_algorithm() -> HashMap<Algorithm, SigningKey> {
    let rsa = SigningKey::generate(Algorithm::RS256);
    let secret = SigningKey::generate(Algorithm::HS512);
    Algorithm::ALL
        .iter()
        .copied()
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
fn verifier_of(algorithm: Algorithm) -> JwtVerifier {
    let key = signing_key(algorithm).verifying_key();
    assert_eq!(key.algorithms().collect::<Vec<_>>(), [algorithm]);
    jwt_builder().key(key).build().unwrap()
}

/// A complete builder for tests that do not depend on the algorithm.
fn hs256_builder() -> JwtVerifierBuilder {
    jwt_builder().key(signing_key(Algorithm::HS256).verifying_key())
}

/// A token for [`hs256_builder`]'s verifiers whose payload is exactly this.
fn token_of(payload: impl Into<Vec<u8>>) -> String {
    let token = jwt(signing_key(Algorithm::HS256));
    token.raw_claims(payload).build()
}

/// One with the usual claims, of which `name` is written as this JSON.
fn token_with(name: &str, json: &str) -> String {
    token_of(usual_claims(name, &[(name, json)]))
}

/// One with the usual claims, but for `name`.
fn token_without(name: &str) -> String {
    token_of(usual_claims(name, &[]))
}

/// The usual claims as JSON, without one of them and with more members.
fn usual_claims(without: &str, more: &[(&str, &str)]) -> String {
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

/// Verifies a token with a verifier whose keys are local, so that the result is ready at once. A text that is not a
/// bearer token counts as malformed, as in the layer.
fn verify(verifier: &JwtVerifier, token: &str) -> Result<AccessToken, InvalidReason> {
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
fn refusal(verifier: &JwtVerifier, token: &str) -> Option<InvalidReason> {
    verify(verifier, token).err()
}

/// A complete verifier with default settings.
fn usual_verifier() -> JwtVerifier {
    hs256_builder().build().unwrap()
}

/// Asserts the result for a token with each JSON value of a claim.
fn check_claim(builder: JwtVerifierBuilder, claim: &str, table: &[(&str, Option<InvalidReason>)]) {
    let verifier = builder.build().unwrap();
    for (json, wanted) in table {
        let refusal = refusal(&verifier, &token_with(claim, json));
        assert_eq!(refusal, *wanted, "{claim}: {json}");
    }
}

/// A token for [`hs256_builder`]'s verifiers with this text as its header.
fn token_with_header(header: impl Into<Vec<u8>>) -> String {
    let token = jwt(signing_key(Algorithm::HS256));
    token.raw_header(header).build()
}

/// Asserts the result for each token.
fn check_tokens(tokens: impl IntoIterator<Item = (String, Option<InvalidReason>)>) {
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

fn base64url(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn from_base64url(text: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(text).unwrap()
}

/// The token with another signature.
fn with_signature(token: &str, signature: &[u8]) -> String {
    let (signed, _) = token.rsplit_once('.').unwrap();
    format!("{signed}.{}", base64url(signature))
}

/// The signature of a token, decoded.
fn signature_of(token: &str) -> Vec<u8> {
    from_base64url(token.rsplit_once('.').unwrap().1)
}
