//! Sources of the `jwks_client_rs` crate.

use jwks_client_rs::source::WebSource;
use serde_json::json;
use tower::ServiceExt;
use tower_bearer_auth::jwks::{Jwks, JwksClientSource};
use tower_bearer_auth::testing::{Fault, SigningKey, TestIssuer};
use tower_bearer_auth::{Algorithm, InvalidReason, JwtVerifier, VerifyErrorKind};

const AUDIENCE: &str = "https://api.test";

fn keys_of(issuer: &TestIssuer) -> Jwks {
    let url = issuer.jwks_url().parse().unwrap();
    let source = WebSource::builder().build(url).unwrap();
    Jwks::builder(JwksClientSource(source)).build().unwrap()
}

/// The result for a token signed with `key`.
async fn outcome(issuer: &TestIssuer, jwks: &Jwks, key: &SigningKey) -> Result<(), String> {
    let verifier = JwtVerifier::builder()
        .jwks(jwks.clone())
        .issuer(issuer.issuer())
        .audience(AUDIENCE)
        .build()
        .unwrap();
    let token = key
        .token()
        .issuer(issuer.issuer())
        .audience(AUDIENCE)
        .build();
    match verifier.oneshot(token.parse().unwrap()).await {
        Ok(_) => Ok(()),
        Err(error) => Err(match error.kind() {
            VerifyErrorKind::Invalid(reason) => reason.as_str().to_owned(),
            other => format!("{other:?}"),
        }),
    }
}

#[tokio::test]
async fn every_kind_of_key_comes_through() {
    let issuer = TestIssuer::start().await;
    let jwks = keys_of(&issuer);
    let keys = [Algorithm::RS256, Algorithm::ES384, Algorithm::EdDSA]
        .map(|algorithm| SigningKey::generate(algorithm).with_key_id(algorithm.as_str()));
    for key in &keys {
        issuer.add_key(key.clone());
    }
    for key in &keys {
        assert_eq!(outcome(&issuer, &jwks, key).await, Ok(()), "{key:?}");
    }
    assert_eq!(jwks.status().keys(), 4);
    assert_eq!(issuer.jwks_requests(), 1);
}

#[tokio::test]
async fn a_key_for_encryption_is_left_out() {
    let issuer = TestIssuer::start().await;
    let key = SigningKey::generate(Algorithm::PS256).with_key_id("enc");
    let mut jwk = key.jwk();
    jwk["use"] = "enc".into();
    issuer.publish(Some(json!({"keys": [issuer.key().jwk(), jwk]})));
    let jwks = keys_of(&issuer);
    assert_eq!(outcome(&issuer, &jwks, &issuer.key()).await, Ok(()));
    let refused = outcome(&issuer, &jwks, &key).await;
    assert_eq!(refused, Err(InvalidReason::UnknownKey.as_str().to_owned()));
    assert_eq!(
        jwks.status().skipped().collect::<Vec<_>>(),
        [("not_for_verifying", 1)]
    );
}

#[tokio::test]
async fn a_source_that_fails_is_unavailable() {
    let issuer = TestIssuer::start().await;
    issuer.jwks_fault(Some(Fault::Reset));
    let jwks = keys_of(&issuer);
    let refused = outcome(&issuer, &jwks, &issuer.key()).await;
    assert_eq!(refused, Err("Unavailable".to_owned()));
    assert!(jwks.status().last_error().is_some());
}
