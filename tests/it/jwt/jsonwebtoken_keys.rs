//! Keys and algorithms of the crate `jsonwebtoken`, converted to those of this crate.

use jsonwebtoken::DecodingKey;
use jsonwebtoken::jwk::{Jwk, JwkSet};
use serde_json::json;
use tower_bearer_auth::InvalidReason::UnsupportedAlgorithm;
use tower_bearer_auth::{Algorithm, KeySet, VerifyingKey};

use super::fixtures;
use super::{base64url, from_base64url, jwt, jwt_builder, refusal, signing_key};

/// `jsonwebtoken` does not know ML-DSA and does not keep the `alg` of such a JWK, without which `pub` has no meaning.
fn is_ml_dsa(algorithm: Algorithm) -> bool {
    algorithm.as_str().starts_with("ML-DSA")
}

#[test]
fn ml_dsa_keys_of_jsonwebtoken_are_refused() {
    for algorithm in [Algorithm::MlDsa44, Algorithm::MlDsa65, Algorithm::MlDsa87] {
        let jwk: Jwk = serde_json::from_value(signing_key(algorithm).jwk()).unwrap();
        let error = VerifyingKey::try_from(&jwk).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the JWK has an alg that is not supported for its type"
        );
    }
}

#[test]
fn jwks_of_jsonwebtoken_are_converted() {
    for &algorithm in Algorithm::ALL {
        if is_ml_dsa(algorithm) {
            continue;
        }
        let key = signing_key(algorithm).clone().with_key_id("k-1");
        let mut jwk = key.jwk();
        if algorithm == Algorithm::ES512 {
            // `jsonwebtoken` does not know ES512 and does not keep the name.
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
fn a_decoding_key_serves_every_algorithm_of_its_type() {
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
        for &algorithm in Algorithm::ALL {
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
fn algorithms_have_the_same_names_in_jsonwebtoken_except_those_that_it_lacks() {
    for &algorithm in Algorithm::ALL {
        assert_eq!(algorithm.as_str().parse::<Algorithm>().unwrap(), algorithm);
        match jsonwebtoken::Algorithm::try_from(algorithm) {
            Ok(theirs) => assert_eq!(Algorithm::try_from(theirs).unwrap(), algorithm),
            Err(error) => {
                assert!(algorithm == Algorithm::ES512 || is_ml_dsa(algorithm));
                let expected = format!("jsonwebtoken does not have {algorithm}");
                assert_eq!(error.to_string(), expected);
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
fn a_pem_text_is_refused_as_the_secret_of_a_jwk_or_decoding_key() {
    let pem = fixtures::RSA_SPKI.as_bytes();
    VerifyingKey::try_from(&DecodingKey::from_secret(pem).unwrap()).unwrap_err();
    let jwk = json!({"kty": "oct", "k": base64url(pem)});
    VerifyingKey::from_jwk(&jwk.to_string()).unwrap_err();
}

#[test]
fn an_alg_that_jsonwebtoken_drops_is_derived_from_the_curve() {
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

/// The back ends of version 11 are not built here, so its keys are made of their parts.
#[cfg(feature = "jsonwebtoken-11")]
#[test]
fn keys_of_jsonwebtoken_11_are_converted_as_well() {
    use jsonwebtoken_11::jwk::{Jwk, JwkSet};

    for algorithm in [
        Algorithm::RS256,
        Algorithm::ES256,
        Algorithm::ES512,
        Algorithm::EdDSA,
    ] {
        let key = signing_key(algorithm);
        let jwk: Jwk = serde_json::from_value(key.jwk()).unwrap();
        let token = jwt(key).build();
        let one = VerifyingKey::try_from(&jwk).unwrap();
        let verifier = jwt_builder().key(one).build().unwrap();
        assert_eq!(refusal(&verifier, &token), None, "{algorithm}");
        let set = KeySet::try_from(&JwkSet { keys: vec![jwk] }).unwrap();
        let verifier = jwt_builder().keys(set).build().unwrap();
        assert_eq!(refusal(&verifier, &token), None, "{algorithm}");
    }
    for &algorithm in Algorithm::ALL {
        match jsonwebtoken_11::Algorithm::try_from(algorithm) {
            Ok(theirs) => assert_eq!(Algorithm::try_from(theirs).unwrap(), algorithm),
            Err(_) => assert!(algorithm == Algorithm::ES512 || is_ml_dsa(algorithm)),
        }
    }
    let x = signing_key(Algorithm::EdDSA).jwk();
    let x = from_base64url(x["x"].as_str().unwrap());
    let theirs = jsonwebtoken_11::DecodingKey::from_ed_der(&x);
    let key = VerifyingKey::try_from(&theirs).unwrap();
    assert_eq!(key.algorithms().collect::<Vec<_>>(), [Algorithm::EdDSA]);
}
