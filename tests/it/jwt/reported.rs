//! Tokens of real issuers from bug reports to other libraries.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::Deserialize;
use tower::Layer as _;
use tower_bearer_auth::{BearerAuthLayer, Clock, JwtVerifier, JwtVerifierBuilder};

use super::{NOW, at};
use crate::support::{Answer, Inner, answer_of, with_token};

#[derive(Deserialize)]
struct Reported {
    name: String,
    jwks: serde_json::Value,
    token: String,
}

static REPORTED: LazyLock<BTreeMap<String, Reported>> = LazyLock::new(|| {
    let all: Vec<Reported> = serde_json::from_str(include_str!("reported_tokens.json")).unwrap();
    all.into_iter().map(|it| (it.name.clone(), it)).collect()
});

/// The result for a reported token, from the usual verifier modified by `change`.
async fn answer(name: &str, change: fn(JwtVerifierBuilder) -> JwtVerifierBuilder) -> Answer {
    let reported = &REPORTED[name];
    let builder = JwtVerifier::builder()
        .jwks_json(reported.jwks.to_string())
        .issuer("https://issuer.test")
        .audience("https://api.test")
        .clock(Clock::manual(at(NOW)));
    let layer = BearerAuthLayer::new(change(builder).build().unwrap());
    answer_of(layer.layer(Inner::default()), with_token(&reported.token)).await
}

#[tokio::test]
async fn null_for_an_optional_member_is_accepted() {
    for name in ["header-kid-null", "client_id-null", "scope-null"] {
        answer(name, |usual| usual).await.assert_passed();
    }
}

#[tokio::test]
async fn a_numeric_subject_is_refused_unless_configured() {
    let refused = answer("sub-number", |usual| usual).await;
    refused.assert_invalid_token("The access token is malformed");
    answer("sub-number", JwtVerifierBuilder::accept_numeric_subject)
        .await
        .assert_passed();
}

#[tokio::test]
async fn an_access_token_of_dex_is_refused_unless_at_hash_is_accepted() {
    let name = "at_hash (Dex access token)";
    let refused = answer(name, |usual| usual).await;
    refused.assert_invalid_token("The token is not an access token for this server");
    answer(name, JwtVerifierBuilder::accept_hash_claims)
        .await
        .assert_passed();
}
