//! Keys of ML-DSA in JWKs, key sets, PEM and certificates, and those that are almost valid.

use serde_json::{Value, json};
use tower_bearer_auth::InvalidReason::UnsupportedAlgorithm;
use tower_bearer_auth::{Algorithm, KeySet, VerifyingKey};

use super::der::{NULL, algorithm, certificate, element, sequence, to_pem};
use super::keys::{assert_refused, changed};
use super::ml_dsa::{Set, sets};
use super::{base64url, jwt, jwt_builder, refusal, signing_key};

#[test]
fn a_jwk_must_have_alg_and_a_key_of_its_length() {
    for set in sets() {
        let name = set.algorithm;
        let with = |changes: Value| changed(set.jwk(), changes);
        assert_refused(&with(json!({"alg": null})), "lacks the member alg");
        assert_refused(&with(json!({"pub": null})), "lacks the member pub");
        for alg in [
            "ML-DSA",
            "ml-dsa-44",
            "ML-DSA-128",
            "SLH-DSA-SHA2-128s",
            "EdDSA",
            "HS256",
        ] {
            assert_refused(
                &with(json!({"alg": alg})),
                "has an alg that is not supported",
            );
        }
        for other in sets() {
            if other.algorithm != name {
                let jwk = with(json!({"alg": other.algorithm.as_str()}));
                assert_refused(&jwk, "is not a valid key");
            }
        }
        for key in [
            Vec::new(),
            set.public[1..].to_vec(),
            [&set.public[..], &[0]].concat(),
            set.public.repeat(2),
            // The library would read it.
            set.spki(&[], &set.public),
        ] {
            assert_refused(&with(json!({"pub": base64url(key)})), "is not a valid key");
        }
        for private in [json!(base64url([0; 32])), json!(""), json!(false)] {
            assert_refused(&with(json!({"priv": private})), "has private members");
        }
        for member in ["pub", "priv", "alg"] {
            let text = set.jwk().to_string();
            let twice = format!(r#"{{"{member}":"AA","{member}":"AA",{}"#, &text[1..]);
            let error = VerifyingKey::from_jwk(&twice).unwrap_err().to_string();
            assert!(
                error.contains(&format!("has the member {member} twice")),
                "{error}"
            );
        }
        assert_eq!(set.public.len(), set.key_length);
    }
}

#[test]
fn a_set_selects_among_keys_of_all_types() {
    let jwks: Vec<_> = sets().iter().map(Set::jwk).collect();
    let others = [Algorithm::RS256, Algorithm::EdDSA].map(|other| signing_key(other).jwk());
    let unknown = json!({"kty": "AKP", "alg": "SLH-DSA-SHA2-128s", "pub": "AA"});
    let all: Vec<_> = others.into_iter().chain(jwks).chain([unknown]).collect();
    let keys = KeySet::from_json(&json!({"keys": all}).to_string()).unwrap();
    assert_eq!(keys.keys().len(), 5);
    let verifier = jwt_builder().keys(keys).build().unwrap();
    for set in sets() {
        assert_eq!(
            refusal(&verifier, &set.good_token()),
            None,
            "{}",
            set.algorithm
        );
        for other in sets() {
            if other.algorithm != set.algorithm {
                let token = set.good_token();
                let wanted = Some(UnsupportedAlgorithm);
                assert_eq!(
                    refusal(&other.verifier(), &token),
                    wanted,
                    "{}",
                    set.algorithm
                );
            }
        }
    }
    let ed = jwt(signing_key(Algorithm::EdDSA)).build();
    assert_eq!(refusal(&verifier, &ed), None);
}

#[test]
fn a_pem_key_names_its_parameter_set() {
    for set in sets() {
        let name = set.algorithm;
        let spki = set.spki(&[], &set.public);
        let any = algorithm(&[1, 2, 840, 10045, 4, 3, 2], &[]);
        for pem in [
            to_pem("PUBLIC KEY", &spki),
            to_pem("CERTIFICATE", &certificate(&any, &spki)),
            to_pem("CERTIFICATE", &certificate(&algorithm(set.id, &[]), &spki)),
        ] {
            let verifier = jwt_builder().public_key_pem(name, &pem).build().unwrap();
            assert_eq!(refusal(&verifier, &set.good_token()), None, "{name}");
        }
        let refused = |der: &[u8], part: &str| {
            let pem = to_pem("PUBLIC KEY", der);
            let error = VerifyingKey::from_public_key_pem(name, pem)
                .unwrap_err()
                .to_string();
            assert!(error.contains(part), "{name}: {error}");
        };
        for parameters in [NULL.to_vec(), sequence(&[])] {
            let part = format!("is an {name} key with parameters");
            refused(&set.spki(&parameters, &set.public), &part);
        }
        for key in [&set.public[1..], &set.public.repeat(2), &[]] {
            refused(&set.spki(&[], key), "is not a valid key");
        }
        let unused = element(0x03, &[&[1], &set.public[..]].concat());
        let unused = sequence(&[&algorithm(set.id, &[]), &unused]);
        refused(&unused, "");
        for other in sets() {
            if other.algorithm != name {
                let part = format!("is for {} (", other.algorithm);
                refused(&other.spki(&[], &other.public), &part);
                // Its own key under another identifier.
                refused(&other.spki(&[], &set.public), &part);
            }
        }
    }
}
