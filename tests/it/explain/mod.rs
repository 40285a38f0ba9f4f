//! `JwtVerifier::explain`: the verdict is that of the verifier, and the checks say why.

mod command;
mod fetched_keys;
mod properties;
mod reasons;
mod shown;
mod surroundings;
mod text;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tower::ServiceExt;
use tower_bearer_auth::testing::{SigningKey, TokenBuilder};
use tower_bearer_auth::verify::jwt::{CheckOutcome, ExplainedCheck, Explanation};
use tower_bearer_auth::{
    AccessToken, Algorithm, Clock, JwtVerifier, JwtVerifierBuilder, VerifyError, VerifyErrorKind,
};

const NOW: u64 = 1_800_000_000;
const ISSUER: &str = "https://issuer.example.com";
const AUDIENCE: &str = "https://api.example.com";

fn at(seconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(seconds)
}

/// A key whose tokens are the same in every run.
fn key() -> SigningKey {
    SigningKey::from_secret(Algorithm::HS256, [7; 32]).with_key_id("key-1")
}

fn builder() -> JwtVerifierBuilder {
    JwtVerifier::builder()
        .issuer(ISSUER)
        .audience(AUDIENCE)
        .clock(Clock::manual(at(NOW)))
}

fn verifier() -> JwtVerifier {
    builder().key(key().verifying_key()).build().unwrap()
}

fn token_of(key: &SigningKey) -> TokenBuilder {
    key.token()
        .clock(Clock::manual(at(NOW)))
        .issuer(ISSUER)
        .audience(AUDIENCE)
        .subject("alice")
}

fn token() -> TokenBuilder {
    token_of(&key())
}

/// `accepted`, `unavailable`, or the reason.
fn verdict(result: Result<&AccessToken, &VerifyError>) -> &'static str {
    match result.map_err(VerifyError::kind) {
        Ok(_) => "accepted",
        Err(VerifyErrorKind::Invalid(reason)) => reason.as_str(),
        Err(VerifyErrorKind::Unavailable) => "unavailable",
        Err(other) => panic!("{other:?}"),
    }
}

/// Explains a token, and asserts that the verifier decides the same.
async fn explain(verifier: &JwtVerifier, token: &str) -> Explanation {
    let explanation = verifier.explain(token).await;
    if let Ok(token) = token.parse() {
        let result = verifier.clone().oneshot(token).await;
        assert_eq!(verdict(explanation.verdict()), verdict(result.as_ref()));
    }
    explanation
}

#[track_caller]
fn check<'e>(explanation: &'e Explanation, name: &str) -> &'e ExplainedCheck {
    let mut found = explanation
        .checks()
        .iter()
        .filter(|check| check.name() == name);
    let check = found
        .next()
        .unwrap_or_else(|| panic!("no {name}: {explanation}"));
    assert!(found.next().is_none(), "two of {name}: {explanation}");
    check
}

fn failed(explanation: &Explanation) -> Vec<&str> {
    let checks = explanation.checks().iter();
    let failed = checks.filter(|check| check.outcome() == CheckOutcome::Failed);
    failed.map(ExplainedCheck::name).collect()
}

/// Asserts the verdict and the check that decided.
#[track_caller]
fn assert_decided(explanation: &Explanation, reason: &str, name: &str) {
    assert_eq!(verdict(explanation.verdict()), reason, "{explanation}");
    let decisive = explanation.decisive().map(ExplainedCheck::name);
    assert_eq!(decisive, Some(name), "{explanation}");
    assert_eq!(check(explanation, name).outcome(), CheckOutcome::Failed);
    assert!(
        explanation
            .to_string()
            .contains(&format!("The check that decides: {name}"))
    );
}
