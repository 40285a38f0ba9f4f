//! Documents with keys of every kind, each read on its own.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::{Fixture, refused};
use tower_bearer_auth::testing::SigningKey;
use tower_bearer_auth::{Algorithm, InvalidReason};

fn bytes(length: usize) -> String {
    // Odd, and with its first bit set, as the modulus of an RSA key is.
    URL_SAFE_NO_PAD.encode(vec![0xa5; length])
}

fn with(mut jwk: Value, member: &str, value: impl Into<Value>) -> Value {
    jwk[member] = value.into();
    jwk
}

fn without(mut jwk: Value, member: &str) -> Value {
    jwk.as_object_mut().unwrap().remove(member).unwrap();
    jwk
}

/// Keys that are of no use here, each with the reason why.
fn hostile(rsa: &SigningKey) -> Vec<(&'static str, Value)> {
    let ec = || SigningKey::generate(Algorithm::ES256).jwk();
    let p384 = SigningKey::generate(Algorithm::ES384).jwk();
    let ed = SigningKey::generate(Algorithm::EdDSA).jwk();
    let secret = SigningKey::generate(Algorithm::HS256).jwk();
    let x = |length: usize| json!({"kty": "OKP", "x": bytes(length), "use": "sig"});
    let swapped = {
        let jwk = ec();
        with(jwk.clone(), "y", jwk["x"].clone())
    };
    vec![
        (
            "unknown_key_type",
            json!({"kty": "AKP", "alg": "ML-DSA-44", "kid": "pq", "pub": bytes(1312)}),
        ),
        (
            "unknown_key_type",
            json!({"kty": "rsa", "n": bytes(256), "e": "AQAB"}),
        ),
        (
            "unknown_curve",
            json!({"kty": "EC", "crv": "secp256k1", "alg": "ES256K", "x": bytes(32), "y": bytes(32)}),
        ),
        ("unknown_curve", with(x(57), "crv", "Ed448")),
        ("unknown_curve", with(x(32), "crv", "X25519")),
        (
            "not_for_verifying",
            with(with(rsa.jwk(), "use", "enc"), "alg", "RSA-OAEP"),
        ),
        ("not_for_verifying", with(ec(), "key_ops", json!(["sign"]))),
        ("not_for_verifying", with(ec(), "key_ops", json!([]))),
        (
            "unsupported_algorithm",
            with(without(rsa.jwk(), "use"), "alg", "RSA-OAEP-256"),
        ),
        ("unsupported_algorithm", with(rsa.jwk(), "alg", "ES256")),
        ("unsupported_algorithm", with(p384, "alg", "ES256")),
        ("unsupported_algorithm", with(ec(), "alg", "none")),
        (
            "weak_rsa",
            json!({"kty": "RSA", "n": bytes(128), "e": "AQAB"}),
        ),
        (
            "weak_rsa",
            json!({"kty": "RSA", "n": bytes(2048), "e": "AQAB"}),
        ),
        ("invalid_material", with(rsa.jwk(), "e", "AQ")),
        ("invalid_material", with(ec(), "x", bytes(31))),
        ("invalid_material", with(ec(), "x", bytes(33))),
        ("invalid_material", swapped),
        ("invalid_material", with(ed, "x", bytes(31))),
        ("malformed", with(ec(), "kid", 7)),
        ("malformed", with(ec(), "key_ops", "verify")),
        ("malformed", with(ec(), "alg", json!(["ES256"]))),
        ("invalid_material", with(ec(), "x", bytes(32) + "=")),
        ("malformed", with(ec(), "x", bytes(32) + "*")),
        ("malformed", without(ec(), "y")),
        ("malformed", without(ec(), "kty")),
        ("malformed", Value::Null),
        ("malformed", json!("a string")),
        ("malformed", json!([])),
        ("private", with(rsa.jwk(), "d", bytes(256))),
        ("private", with(rsa.jwk(), "p", bytes(128))),
        ("private", with(ec(), "d", bytes(32))),
        ("symmetric", secret),
    ]
}

#[tokio::test]
async fn hostile_keys_do_no_harm_to_the_good_ones_beside_them() {
    let fixture = Fixture::new().await;
    let good = [Algorithm::ES256, Algorithm::EdDSA, Algorithm::RS256]
        .map(|algorithm| SigningKey::generate(algorithm).with_key_id(algorithm.as_str()));
    let hostile = hostile(&good[2]);
    // A good key at the beginning, in the middle and at the end.
    let mut keys: Vec<_> = hostile.iter().map(|(_, jwk)| jwk.clone()).collect();
    keys.insert(0, good[0].jwk());
    keys.insert(keys.len() / 2, good[1].jwk());
    keys.push(good[2].jwk());
    fixture.issuer.publish(Some(json!({ "keys": keys })));

    for key in &good {
        fixture.accept(fixture.signed_by(key)).await;
    }
    let status = fixture.jwks.status();
    assert_eq!((status.keys(), status.last_error()), (3, None));
    let mut expected = BTreeMap::new();
    for (reason, _) in hostile {
        *expected.entry(reason).or_insert(0) += 1;
    }
    assert_eq!(status.skipped().collect::<BTreeMap<_, _>>(), expected);
    assert_eq!(fixture.fetches(), 1);
}

#[tokio::test]
async fn each_hostile_key_alone_makes_no_key_set() {
    let rsa = SigningKey::generate(Algorithm::RS256).with_key_id("rsa");
    let fixture = Fixture::loaded().await;
    for (reason, jwk) in hostile(&rsa) {
        fixture.issuer.publish(Some(json!({"keys": [jwk]})));
        let error = fixture.jwks.refresh().await.unwrap_err().to_string();
        assert!(error.contains(reason), "{jwk}: {error}");
        assert_eq!(fixture.jwks.status().keys(), 1);
    }
    fixture.at_once(&fixture.token().build()).unwrap();
}

#[tokio::test]
async fn a_published_secret_verifies_nothing() {
    let fixture = Fixture::new().await;
    let secret = SigningKey::generate(Algorithm::HS256).with_key_id("secret");
    let keys = [fixture.issuer.key().jwk(), secret.jwk()];
    fixture.issuer.publish(Some(json!({ "keys": keys })));
    fixture.jwks.refresh().await.unwrap();
    let token = fixture.signed_by(&secret);
    for token in [token.clone(), token.without_header("kid")] {
        assert_eq!(
            refused(fixture.at_once(&token.build())),
            InvalidReason::UnsupportedAlgorithm
        );
    }
}

#[tokio::test]
async fn a_document_of_more_than_a_hundred_keys_is_used_up_to_there() {
    let fixture = Fixture::new().await;
    let keys: Vec<_> = (0..105)
        .map(|n| SigningKey::generate(Algorithm::EdDSA).with_key_id(n.to_string()))
        .collect();
    fixture.issuer.publish(Some(SigningKey::jwk_set(&keys)));
    for key in &keys[..100] {
        fixture.accept(fixture.signed_by(key)).await;
    }
    let token = fixture.signed_by(&keys[100]).build();
    assert_eq!(
        refused(fixture.verify(&token).await),
        InvalidReason::UnknownKey
    );
    let status = fixture.jwks.status();
    assert_eq!(status.keys(), 100);
    assert_eq!(status.skipped().collect::<Vec<_>>(), [("too_many", 5)]);
}

#[tokio::test]
async fn an_rsa_key_without_alg_serves_all_rsa_algorithms() {
    let fixture = Fixture::new().await;
    let key = SigningKey::generate(Algorithm::RS256).with_key_id("rsa");
    let jwk = without(without(key.jwk(), "alg"), "use");
    fixture.issuer.publish(Some(json!({"keys": [jwk]})));
    let all = Algorithm::ALL.into_iter().filter(|algorithm| {
        let name = algorithm.as_str();
        name.starts_with("RS") || name.starts_with("PS")
    });
    for algorithm in all {
        let key = key.clone().with_algorithm(algorithm);
        fixture.accept(fixture.signed_by(&key)).await;
    }
    assert_eq!(fixture.fetches(), 1);
}

#[tokio::test]
async fn an_rsa_key_with_alg_serves_that_alone() {
    let fixture = Fixture::new().await;
    let key = SigningKey::generate(Algorithm::RS256).with_key_id("rsa");
    fixture.issuer.publish(Some(SigningKey::jwk_set([&key])));
    fixture.accept(fixture.signed_by(&key)).await;
    let other = key.with_algorithm(Algorithm::PS256);
    assert_eq!(
        refused(fixture.verify(&fixture.signed_by(&other).build()).await),
        InvalidReason::UnknownKey
    );
}

#[tokio::test]
async fn a_modulus_with_a_leading_zero_is_the_same_key() {
    let fixture = Fixture::new().await;
    let key = SigningKey::generate(Algorithm::RS256).with_key_id("rsa");
    let jwk = key.jwk();
    let mut padded = URL_SAFE_NO_PAD.decode(jwk["n"].as_str().unwrap()).unwrap();
    padded.insert(0, 0);
    let jwk = with(jwk, "n", URL_SAFE_NO_PAD.encode(padded));
    fixture.issuer.publish(Some(json!({"keys": [jwk]})));
    fixture.accept(fixture.signed_by(&key)).await;
}
