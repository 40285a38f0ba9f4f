//! JWK Sets with every kind of key. Each key is read independently.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::{Fixture, refused};
use tower_bearer_auth::jwks::KeyDocument;
use tower_bearer_auth::testing::{Fault, SigningKey};
use tower_bearer_auth::{Algorithm, InvalidReason};

fn bytes(length: usize) -> String {
    // Odd and with its highest bit set, like the modulus of an RSA key.
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

/// Unusable keys, each with the reason.
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
            json!({"kty": "PQK", "alg": "ML-DSA-44", "kid": "pq", "pub": bytes(1312)}),
        ),
        (
            "malformed",
            json!({"kty": "AKP", "kid": "pq", "pub": bytes(1312)}),
        ),
        (
            "unsupported_algorithm",
            json!({"kty": "AKP", "alg": "SLH-DSA-SHA2-128s", "pub": bytes(32)}),
        ),
        (
            "unsupported_algorithm",
            json!({"kty": "AKP", "alg": "ES256", "pub": bytes(1312)}),
        ),
        (
            "invalid_material",
            json!({"kty": "AKP", "alg": "ML-DSA-65", "pub": bytes(1312)}),
        ),
        (
            "private",
            json!({"kty": "AKP", "alg": "ML-DSA-44", "pub": bytes(1312), "priv": bytes(32)}),
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
async fn good_keys_work_beside_hostile_ones() {
    let fixture = Fixture::new().await;
    let good = [Algorithm::ES256, Algorithm::EdDSA, Algorithm::RS256]
        .map(|algorithm| SigningKey::generate(algorithm).with_key_id(algorithm.as_str()));
    let hostile = hostile(&good[2]);
    // Good keys at the beginning, in the middle and at the end.
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
async fn a_set_with_only_a_hostile_key_is_refused() {
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

fn ed25519_keys(count: usize) -> Vec<SigningKey> {
    let key = |n: usize| SigningKey::generate(Algorithm::EdDSA).with_key_id(n.to_string());
    (0..count).map(key).collect()
}

#[tokio::test]
async fn the_signer_may_be_any_of_a_thousand_keys() {
    let fixture = Fixture::new().await;
    let keys = ed25519_keys(1_001);
    fixture.issuer.publish(Some(SigningKey::jwk_set(&keys)));
    for key in [&keys[0], &keys[151], &keys[999]] {
        fixture.accept(fixture.signed_by(key)).await;
    }
    let token = fixture.signed_by(&keys[1_000]).build();
    assert_eq!(
        refused(fixture.verify(&token).await),
        InvalidReason::UnknownKey
    );
    let status = fixture.jwks.status();
    assert_eq!(status.keys(), 1_000);
    assert_eq!(status.skipped().collect::<Vec<_>>(), [("too_many", 1)]);
}

#[tokio::test]
async fn the_maximum_number_of_keys_is_configurable() {
    let keys = ed25519_keys(1_005);
    let document = SigningKey::jwk_set(&keys);
    for (limit, left_out) in [(1, 1_004), (100, 905), (1_004, 1), (1_005, 0), (10_000, 0)] {
        let fixture = Fixture::configured(|jwks| jwks.max_keys(limit)).await;
        fixture.issuer.publish(Some(document.clone()));
        fixture.jwks.refresh().await.unwrap();
        let status = fixture.jwks.status();
        assert_eq!(status.keys(), 1_005 - left_out);
        let skipped: Vec<_> = status.skipped().collect();
        let expected = [("too_many", left_out)];
        assert_eq!(skipped, &expected[..usize::from(left_out > 0)]);
    }
}

#[test]
fn at_most_ten_thousand_keys_of_a_document_are_kept() {
    let key = SigningKey::generate(Algorithm::EdDSA).jwk().to_string();
    let keys = vec![key; 12_000].join(",");
    let document = KeyDocument::from_json(format!("{{\"keys\":[{keys}]}}").as_bytes()).unwrap();
    assert_eq!(document.keys().len(), 1_000);
    assert_eq!(
        document.skipped().collect::<Vec<_>>(),
        [("too_many", 11_000)]
    );
}

/// Each `use` of a key, and whether three sets accept it: one with the defaults, one for SPIFFE, and one for both.
const KEY_USES: [(Option<&str>, [bool; 3]); 6] = [
    (None, [true, true, true]),
    (Some("sig"), [true, false, true]),
    (Some("jwt-svid"), [false, true, true]),
    (Some("x509-svid"), [false, false, false]),
    (Some("enc"), [false, false, false]),
    (Some("SIG"), [false, false, false]),
];

#[tokio::test]
async fn the_accepted_key_uses_are_configurable() {
    for set in 0..3 {
        let fixture = Fixture::configured(|jwks| match set {
            0 => jwks,
            1 => jwks.key_uses(["jwt-svid"]),
            _ => jwks.key_uses(["sig", "jwt-svid"]),
        });
        let fixture = fixture.await;
        let keys: Vec<_> = ed25519_keys(KEY_USES.len());
        let jwks = keys
            .iter()
            .zip(KEY_USES)
            .map(|(key, (usage, _))| match usage {
                Some(usage) => with(key.jwk(), "use", usage),
                None => without(key.jwk(), "use"),
            });
        let jwks: Vec<_> = jwks.collect();
        fixture.issuer.publish(Some(json!({ "keys": jwks })));
        fixture.jwks.refresh().await.unwrap();
        for (key, (usage, is_taken)) in keys.iter().zip(KEY_USES) {
            let token = fixture.signed_by(key).issued_at(fixture.an_hour_ago());
            let is_good = fixture.verify(&token.build()).await.is_ok();
            assert_eq!(is_good, is_taken[set], "{usage:?} in set {set}");
        }
        // A set with only such a key replaces the valid keys.
        for (jwk, (usage, is_taken)) in jwks.iter().zip(KEY_USES) {
            fixture.issuer.publish(Some(json!({"keys": [jwk]})));
            let refreshed = fixture.jwks.refresh().await;
            assert_eq!(refreshed.is_ok(), is_taken[set], "{usage:?} in set {set}");
            assert!(fixture.jwks.status().is_usable());
        }
    }
}

#[tokio::test]
async fn a_byte_order_mark_before_a_key_set_is_ignored() {
    let fixture = Fixture::new().await;
    let set = SigningKey::jwk_set([&fixture.issuer.key()]);
    let answer = Fault::Body(format!("\u{feff}{set}"));
    fixture.issuer.jwks_fault(Some(answer));
    fixture.accept(fixture.token()).await;
}

#[tokio::test]
async fn the_status_names_the_skipped_keys() {
    let fixture = Fixture::new().await;
    let good = SigningKey::generate(Algorithm::ES256).with_key_id("good");
    let weak = json!({"kty": "RSA", "n": bytes(128), "e": "AQAB", "kid": "weak\n"});
    let enc = with(without(good.jwk(), "kid"), "use", "enc");
    let keys = json!({"keys": [weak, good.jwk(), enc]});
    fixture.issuer.publish(Some(keys));
    fixture.jwks.refresh().await.unwrap();
    let status = fixture.verifier.jwks().unwrap().status();
    let left_out: Vec<_> = status.left_out().keys().collect();
    let expected = [(Some(r"weak\n"), "weak_rsa"), (None, "not_for_verifying")];
    assert_eq!(left_out, expected);
}

#[tokio::test]
async fn an_rsa_key_without_alg_serves_all_rsa_algorithms() {
    let fixture = Fixture::new().await;
    let key = SigningKey::generate(Algorithm::RS256).with_key_id("rsa");
    let jwk = without(without(key.jwk(), "alg"), "use");
    fixture.issuer.publish(Some(json!({"keys": [jwk]})));
    let all = Algorithm::ALL.iter().copied().filter(|algorithm| {
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
