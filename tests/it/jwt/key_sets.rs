//! JWK Sets: which keys are used, and which key a token selects.

use serde_json::{Value, json};
use tower_bearer_auth::InvalidReason::{BadSignature, UnknownKey, UnsupportedAlgorithm};
use tower_bearer_auth::testing::SigningKey;
use tower_bearer_auth::{Algorithm, KeySet};

use super::fixtures;
use super::{base64url, jwt, jwt_builder, other_signing_key, refusal, signing_key};

fn set_of(keys: impl IntoIterator<Item = Value>) -> String {
    let keys: Vec<_> = keys.into_iter().collect();
    json!({ "keys": keys }).to_string()
}

fn with(mut jwk: Value, name: &str, value: impl Into<Value>) -> Value {
    jwk[name] = value.into();
    jwk
}

/// Keys that a set may contain for other purposes.
fn for_others() -> Vec<(Value, &'static str)> {
    let ec = signing_key(Algorithm::ES256).jwk();
    let rsa = signing_key(Algorithm::RS256).jwk();
    vec![
        (
            json!({"kty": "PQK", "alg": "ML-DSA-44", "pub": "AA"}),
            "has an unknown key type (kty)",
        ),
        (
            json!({"kty": "AKP", "alg": "SLH-DSA-SHA2-128s", "pub": "AA"}),
            "has an alg that is not supported for its type",
        ),
        (
            with(ec.clone(), "crv", "secp256k1"),
            "has an unknown curve (crv)",
        ),
        (
            json!({"kty": "OKP", "crv": "X25519", "x": "AA"}),
            "has an unknown curve (crv)",
        ),
        (
            with(rsa.clone(), "use", "enc"),
            "is not for verifying signatures (use, key_ops)",
        ),
        (
            with(rsa.clone(), "alg", "RSA-OAEP"),
            "has an alg that is not supported for its type",
        ),
        (
            with(ec, "key_ops", json!(["sign"])),
            "is not for verifying signatures (use, key_ops)",
        ),
    ]
}

/// Keys that are invalid and not marked as being for another purpose.
fn broken() -> Vec<(Value, &'static str)> {
    let ec = signing_key(Algorithm::ES256).jwk();
    let rsa = signing_key(Algorithm::RS256).jwk();
    let short = base64url([7; 31]);
    vec![
        (Value::Null, "is not a JSON object"),
        ("key".into(), "is not a JSON object"),
        (json!([]), "is not a JSON object"),
        (json!({}), "lacks the member kty"),
        (
            with(ec.clone(), "kid", 7),
            "has a member kid of a wrong type",
        ),
        (
            with(ec.clone(), "key_ops", "verify"),
            "has a member key_ops of a wrong type",
        ),
        (with(ec.clone(), "d", "AQAB"), "has private members"),
        (with(ec, "x", base64url([1; 32])), "is not a valid key"),
        (
            with(rsa.clone(), "n", fixtures::RSA_1024_MODULUS),
            "has 1024 bits",
        ),
        (with(rsa, "e", "AQ"), "is not a valid key"),
        (json!({"kty": "oct", "k": short}), "has 31 bytes"),
    ]
}

#[test]
fn keys_for_other_purposes_are_skipped() {
    let good = signing_key(Algorithm::ES384).clone().with_key_id("good");
    let others = for_others().into_iter().map(|(jwk, _)| jwk);
    let set = set_of(others.chain([good.jwk()]));
    let keys = KeySet::from_json(&set).unwrap();
    let ids: Vec<_> = keys
        .into_iter()
        .map(|key| key.key_id().map(str::to_owned))
        .collect();
    assert_eq!(ids, [Some("good".to_owned())]);
    let verifier = jwt_builder().jwks_json(set).build().unwrap();
    assert_eq!(refusal(&verifier, &jwt(&good).build()), None);
}

#[test]
fn the_error_names_the_position_of_a_broken_key_in_a_set() {
    let good = signing_key(Algorithm::ES384).jwk();
    for (bad, part) in broken() {
        let set = set_of([good.clone(), bad.clone()]);
        let error = KeySet::from_json(&set).unwrap_err();
        let problems: Vec<_> = error.problems().collect();
        assert_eq!(problems.len(), 1, "{bad}: {error}");
        assert!(
            problems[0].starts_with("key 1 of the JWK Set "),
            "{bad}: {error}"
        );
        assert!(problems[0].contains(part), "{bad}: {error}");
    }
    let all = set_of(broken().into_iter().map(|(bad, _)| bad));
    let error = KeySet::from_json(&all).unwrap_err();
    assert_eq!(error.problems().count(), broken().len() + 1, "{error}");
}

#[test]
fn a_set_without_a_verification_key_is_refused() {
    let empty = KeySet::from_json(r#"{"keys":[]}"#).unwrap_err();
    let problems: Vec<_> = empty.problems().collect();
    assert_eq!(problems, ["the JWK Set has no key to verify with"]);

    let set = set_of(for_others().into_iter().map(|(jwk, _)| jwk));
    let error = jwt_builder().jwks_json(set).build().unwrap_err();
    let mut problems = error.problems();
    for (position, (_, part)) in for_others().into_iter().enumerate() {
        let wanted = format!("key {position} of the JWK Set {part}");
        assert_eq!(problems.next(), Some(&*wanted));
    }
    assert_eq!(
        problems.next(),
        Some("the JWK Set has no key to verify with")
    );
    assert_eq!(problems.next(), None);
}

#[test]
fn a_text_that_is_not_a_jwk_set_is_refused() {
    for text in [
        "",
        "null",
        "[]",
        "{}",
        r#"{"keys":null}"#,
        r#"{"keys":{}}"#,
        r#"{"keys":"x"}"#,
        r#"{"keys":[],"keys":[]}"#,
        r#"{"keys":[],"\u006beys":[]}"#,
        r#"[{"keys":[]}]"#,
    ] {
        assert!(KeySet::from_json(text).is_err(), "{text}");
    }
    // A single JWK is not a set.
    let key = signing_key(Algorithm::ES256).jwk();
    assert!(KeySet::from_json(&key.to_string()).is_err());
    let two = format!("{0}{0}", set_of([key]));
    assert!(KeySet::from_json(&two).is_err());
}

#[test]
fn a_key_is_selected_by_key_id_and_algorithm() {
    let named = |algorithm, id: &str| signing_key(algorithm).clone().with_key_id(id);
    let rsa = named(Algorithm::RS256, "same");
    let ec = named(Algorithm::ES256, "same");
    let other_ec = other_signing_key(Algorithm::ES256)
        .clone()
        .with_key_id("other");
    let set = SigningKey::jwk_set([&rsa, &ec, &other_ec]).to_string();
    let verifier = jwt_builder().jwks_json(set).build().unwrap();

    let nameless = |key: &SigningKey| jwt(key).without_header("kid");
    let wrong = |key: &SigningKey, id: &str| jwt(key).key_id(id);
    let table = [
        (jwt(&rsa), None),
        (jwt(&ec), None),
        (jwt(&other_ec), None),
        // Without a `kid`, all keys for the algorithm are tried.
        (nameless(&rsa), None),
        (nameless(&ec), None),
        (nameless(&other_ec), None),
        (nameless(&ec).tampered(), Some(BadSignature)),
        // With a `kid`, keys with other IDs are not tried.
        (wrong(&ec, "other"), Some(BadSignature)),
        (wrong(&other_ec, "same"), Some(BadSignature)),
        // The key ID is known, but belongs to a key for another algorithm.
        (wrong(&rsa, "other"), Some(UnknownKey)),
        (wrong(&ec, "unknown"), Some(UnknownKey)),
        (wrong(&ec, "Same"), Some(UnknownKey)),
        (wrong(&ec, ""), Some(UnknownKey)),
        (
            jwt(signing_key(Algorithm::EdDSA)).key_id("same"),
            Some(UnsupportedAlgorithm),
        ),
    ];
    for (position, (token, wanted)) in table.into_iter().enumerate() {
        assert_eq!(
            refusal(&verifier, &token.build()),
            wanted,
            "number {position}"
        );
    }
}

#[test]
fn two_keys_may_share_a_key_id_and_an_algorithm() {
    let keys = [
        signing_key(Algorithm::EdDSA),
        other_signing_key(Algorithm::EdDSA),
    ];
    let [one, two] = keys.map(|key| key.clone().with_key_id("same"));
    let set = SigningKey::jwk_set([&one, &two]).to_string();
    let verifier = jwt_builder().jwks_json(set).build().unwrap();
    for key in [&one, &two] {
        assert_eq!(refusal(&verifier, &jwt(key).build()), None);
        assert_eq!(
            refusal(&verifier, &jwt(key).tampered().build()),
            Some(BadSignature)
        );
    }
}

#[test]
fn a_key_without_an_id_is_tried_for_every_token() {
    let key = signing_key(Algorithm::ES512);
    let verifier = jwt_builder().key(key.verifying_key()).build().unwrap();
    for token in [jwt(key), jwt(key).key_id("any"), jwt(key).key_id("")] {
        assert_eq!(refusal(&verifier, &token.build()), None);
    }
}

#[test]
fn at_most_four_keys_are_tried() {
    let keys: Vec<_> = (0..5)
        .map(|_| SigningKey::generate(Algorithm::EdDSA))
        .collect();
    let nameless = jwt_builder().keys(keys.iter().map(SigningKey::verifying_key));
    let nameless = nameless.build().unwrap();
    let named = keys.iter().enumerate().map(|(n, key)| {
        let key = key.verifying_key();
        key.with_key_id(n.to_string())
    });
    let named = jwt_builder().keys(named).build().unwrap();
    for (position, key) in keys.iter().enumerate() {
        let wanted = (position >= 4).then_some(BadSignature);
        assert_eq!(refusal(&nameless, &jwt(key).build()), wanted, "{position}");
        assert_eq!(refusal(&named, &jwt(key).build()), wanted, "{position}");
        // A token with a `kid` finds every key.
        let token = jwt(key).key_id(position.to_string()).build();
        assert_eq!(refusal(&named, &token), None, "{position}");
    }
}

#[test]
fn a_secret_too_short_for_its_alg_is_an_error_in_a_set() {
    let short = json!({"kty": "oct", "k": base64url([7; 32]), "alg": "HS512"});
    let set = set_of([signing_key(Algorithm::ES256).jwk(), short]);
    let error = KeySet::from_json(&set).unwrap_err();
    assert_eq!(
        error.to_string(),
        "key 1 of the JWK Set has 32 bytes and needs at least 64"
    );
}

#[test]
fn the_key_with_the_tokens_kid_is_tried_before_keys_without_an_id() {
    let unnamed = (0..4).map(|_| SigningKey::generate(Algorithm::EdDSA).verifying_key());
    let named = SigningKey::generate(Algorithm::EdDSA).with_key_id("k");
    let verifier = jwt_builder().keys(unnamed).key(named.verifying_key());
    let verifier = verifier.build().unwrap();
    assert_eq!(refusal(&verifier, &jwt(&named).build()), None);
}
