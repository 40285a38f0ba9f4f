//! Sets of keys: which of them are taken, which one a token means, and those of other crates.

use jsonwebtoken::DecodingKey;
use jsonwebtoken::jwk::{Jwk, JwkSet};
use serde_json::{Value, json};
use tower_bearer_auth::InvalidReason::{BadSignature, UnknownKey, UnsupportedAlgorithm};
use tower_bearer_auth::testing::SigningKey;
use tower_bearer_auth::{Algorithm, KeySet, VerifyingKey};

use super::fixtures;
use super::{base64url, from_base64url, jwt, jwt_builder, other_signing_key, refusal, signing_key};

fn set_of(keys: impl IntoIterator<Item = Value>) -> String {
    let keys: Vec<_> = keys.into_iter().collect();
    json!({ "keys": keys }).to_string()
}

fn with(mut jwk: Value, name: &str, value: impl Into<Value>) -> Value {
    jwk[name] = value.into();
    jwk
}

/// Keys that a set may well hold for others.
fn for_others() -> Vec<(Value, &'static str)> {
    let ec = signing_key(Algorithm::ES256).jwk();
    let rsa = signing_key(Algorithm::RS256).jwk();
    vec![
        (
            json!({"kty": "AKP", "alg": "ML-DSA-44", "pub": "AA"}),
            "has an unknown key type (kty)",
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

/// Keys that cannot be used, though nothing says that they are for another purpose.
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
fn keys_for_others_are_left_out_of_a_set() {
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
fn a_broken_key_in_a_set_is_told_by_its_position() {
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
fn a_set_without_a_key_to_verify_with_is_refused() {
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
fn what_is_no_set_is_refused() {
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
    // A key is no set.
    let key = signing_key(Algorithm::ES256).jwk();
    assert!(KeySet::from_json(&key.to_string()).is_err());
    let two = format!("{0}{0}", set_of([key]));
    assert!(KeySet::from_json(&two).is_err());
}

#[test]
fn a_key_id_and_an_algorithm_together_name_a_key() {
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
        // The wrong one is not helped out by the others.
        (wrong(&ec, "other"), Some(BadSignature)),
        (wrong(&other_ec, "same"), Some(BadSignature)),
        // Known, but for another algorithm.
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
fn a_key_without_an_id_fits_every_token() {
    let key = signing_key(Algorithm::ES512);
    let verifier = jwt_builder().key(key.verifying_key()).build().unwrap();
    for token in [jwt(key), jwt(key).key_id("any"), jwt(key).key_id("")] {
        assert_eq!(refusal(&verifier, &token.build()), None);
    }
}

#[test]
fn four_keys_are_tried_and_no_more() {
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
        // With its name, each is found.
        let token = jwt(key).key_id(position.to_string()).build();
        assert_eq!(refusal(&named, &token), None, "{position}");
    }
}

#[test]
fn keys_of_jsonwebtoken_are_taken_over() {
    for algorithm in Algorithm::ALL {
        let key = signing_key(algorithm).clone().with_key_id("k-1");
        let mut jwk = key.jwk();
        if algorithm == Algorithm::ES512 {
            // They do not know the name, and do not keep it.
            jwk.as_object_mut().unwrap().remove("alg");
        }
        let jwk: Jwk = serde_json::from_value(jwk).unwrap();
        let set = JwkSet {
            keys: vec![jwk.clone()],
        };
        let token = jwt(&key).build();

        let one = VerifyingKey::try_from(&jwk).unwrap();
        assert_eq!(one.key_id(), Some("k-1"), "{algorithm}");
        let verifier = jwt_builder().key(one).build().unwrap();
        assert_eq!(refusal(&verifier, &token), None, "{algorithm}");

        let all = KeySet::try_from(&set).unwrap();
        let verifier = jwt_builder().keys(all).build().unwrap();
        assert_eq!(refusal(&verifier, &token), None, "{algorithm}");
    }
    let none = JwkSet { keys: Vec::new() };
    assert!(KeySet::try_from(&none).is_err());
    let weak = json!({"kty": "RSA", "n": fixtures::RSA_1024_MODULUS, "e": "AQAB"});
    let weak: Jwk = serde_json::from_value(weak).unwrap();
    assert!(VerifyingKey::try_from(&weak).is_err());
    assert!(KeySet::try_from(&JwkSet { keys: vec![weak] }).is_err());
}

#[test]
fn decoding_keys_serve_every_algorithm_of_their_kind() {
    use Algorithm::{ES256, ES384, ES512, EdDSA, HS256, HS384, HS512};
    let pem = |algorithm| signing_key(algorithm).public_key_pem();
    let ec = |algorithm| DecodingKey::from_ec_pem(pem(algorithm).as_bytes()).unwrap();
    let ec_components = |algorithm| {
        let jwk = signing_key(algorithm).jwk();
        let [x, y] = ["x", "y"].map(|name| jwk[name].as_str().unwrap().to_owned());
        DecodingKey::from_ec_components(&x, &y).unwrap()
    };
    let rsa = signing_key(Algorithm::RS256).jwk();
    let [n, e] = ["n", "e"].map(|name| rsa[name].as_str().unwrap());
    let rsa_pem = pem(Algorithm::RS256);
    let all_rsa = &Algorithm::ALL[3..9];
    let secret = signing_key(HS512).jwk();
    let secret = from_base64url(secret["k"].as_str().unwrap());
    let x = signing_key(EdDSA).jwk();
    let table = [
        (
            DecodingKey::from_secret(&secret).unwrap(),
            &[HS256, HS384, HS512][..],
        ),
        (
            DecodingKey::from_rsa_pem(rsa_pem.as_bytes()).unwrap(),
            all_rsa,
        ),
        (DecodingKey::from_rsa_components(n, e).unwrap(), all_rsa),
        (ec(ES256), &[ES256]),
        (ec(ES384), &[ES384]),
        (ec(ES512), &[ES512]),
        (ec_components(ES256), &[ES256]),
        (ec_components(ES384), &[ES384]),
        (ec_components(ES512), &[ES512]),
        (
            DecodingKey::from_ed_pem(pem(EdDSA).as_bytes()).unwrap(),
            &[EdDSA],
        ),
        (
            DecodingKey::from_ed_components(x["x"].as_str().unwrap()).unwrap(),
            &[EdDSA],
        ),
    ];
    for (theirs, algorithms) in table {
        let key = VerifyingKey::try_from(&theirs).unwrap();
        assert_eq!(key.algorithms().collect::<Vec<_>>(), algorithms);
        assert_eq!(key.key_id(), None);
        let verifier = jwt_builder().key(key).build().unwrap();
        for algorithm in Algorithm::ALL {
            let token = jwt(signing_key(algorithm)).build();
            let wanted = (!algorithms.contains(&algorithm)).then_some(UnsupportedAlgorithm);
            assert_eq!(
                refusal(&verifier, &token),
                wanted,
                "{algorithm} by {algorithms:?}"
            );
        }
    }

    for (bad, part) in [
        (
            DecodingKey::from_secret(&secret[..31]).unwrap(),
            "fits no algorithm",
        ),
        (DecodingKey::from_ec_der(&[4; 64]), "fits no algorithm"),
        (DecodingKey::from_ec_der(&[4; 65]), "is not a valid key"),
        (DecodingKey::from_ed_der(&[4; 31]), "is not a valid key"),
        (
            DecodingKey::from_rsa_der(b"DER"),
            "holds no RSAPublicKey in DER",
        ),
        (DecodingKey::from_ed_der(&[0; 32]), "of small order"),
        (
            DecodingKey::from_rsa_raw_components(&[0xff; 128], &[1, 0, 1]),
            "has 1024 bits",
        ),
        (
            DecodingKey::from_rsa_pem(fixtures::RSA_1024_SPKI.as_bytes()).unwrap(),
            "has 1024 bits",
        ),
        (
            DecodingKey::from_rsa_components(n, "AQ").unwrap(),
            "is not a valid key",
        ),
    ] {
        let error = VerifyingKey::try_from(&bad).unwrap_err().to_string();
        assert!(
            error.starts_with("the DecodingKey ") && error.contains(part),
            "{error}"
        );
    }
}

#[test]
fn algorithms_have_the_same_names_in_jsonwebtoken_but_for_es512() {
    for algorithm in Algorithm::ALL {
        assert_eq!(algorithm.as_str().parse::<Algorithm>().unwrap(), algorithm);
        match jsonwebtoken::Algorithm::try_from(algorithm) {
            Ok(theirs) => assert_eq!(Algorithm::try_from(theirs).unwrap(), algorithm),
            Err(error) => {
                assert_eq!(algorithm, Algorithm::ES512);
                assert_eq!(error.to_string(), "jsonwebtoken does not have ES512");
            }
        }
    }
    assert_eq!("Ed25519".parse::<Algorithm>().unwrap(), Algorithm::EdDSA);
    for name in ["none", "", "rs256", "RS256 ", "ES256K", "Ed448"] {
        let error = name.parse::<Algorithm>().unwrap_err().to_string();
        assert_eq!(error, format!("{name:?} is not a supported algorithm"));
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
fn a_pem_is_no_secret_in_a_jwk_or_decoding_key() {
    let pem = fixtures::RSA_SPKI.as_bytes();
    VerifyingKey::try_from(&DecodingKey::from_secret(pem).unwrap()).unwrap_err();
    let jwk = json!({"kty": "oct", "k": base64url(pem)});
    VerifyingKey::from_jwk(&jwk.to_string()).unwrap_err();
}

#[test]
fn an_alg_that_jsonwebtoken_forgets_is_told_by_the_curve() {
    for (algorithm, name) in [(Algorithm::ES512, "ES512"), (Algorithm::EdDSA, "Ed25519")] {
        let mut jwk = signing_key(algorithm).jwk();
        jwk["alg"] = name.into();
        let jwk: Jwk = serde_json::from_value(jwk).unwrap();
        let key = VerifyingKey::try_from(&jwk).unwrap();
        assert_eq!(key.algorithms().collect::<Vec<_>>(), [algorithm]);
        let set = JwkSet { keys: vec![jwk] };
        assert_eq!(KeySet::try_from(&set).unwrap().keys().len(), 1);
    }
}

#[test]
fn the_key_that_a_token_names_is_tried_before_those_without_id() {
    let unnamed = (0..4).map(|_| SigningKey::generate(Algorithm::EdDSA).verifying_key());
    let named = SigningKey::generate(Algorithm::EdDSA).with_key_id("k");
    let verifier = jwt_builder().keys(unnamed).key(named.verifying_key());
    let verifier = verifier.build().unwrap();
    assert_eq!(refusal(&verifier, &jwt(&named).build()), None);
}
