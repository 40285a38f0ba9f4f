//! The members of a JWK: its purpose, its algorithm, its key ID, and the members that it must or must not have.

use serde_json::{Value, json};
use tower_bearer_auth::{Algorithm, KeySet, VerifyingKey};

use super::keys::{assert_refused, changed, jwk_of};
use super::{base64url, other_signing_key};

const NOT_SUPPORTED: &str = "has an alg that is not supported for its type";
const NOT_FOR_VERIFYING: &str = "is not for verifying signatures (use, key_ops)";
const PRIVATE: &str = "has private members";

#[test]
fn a_jwk_must_be_for_verifying_signatures() {
    for &algorithm in Algorithm::ALL {
        let jwk = jwk_of(algorithm);
        let with = |changes: Value| changed(jwk.clone(), changes);
        for ops in [
            json!(["verify"]),
            json!(["sign", "verify"]),
            json!(["x", "verify"]),
        ] {
            let jwk = with(json!({"use": null, "key_ops": ops}));
            assert!(VerifyingKey::from_jwk(&jwk.to_string()).is_ok(), "{jwk}");
        }
        for purpose in ["enc", "Sig", "", "x"] {
            assert_refused(&with(json!({"use": purpose})), NOT_FOR_VERIFYING);
        }
        for ops in [
            json!(["sign"]),
            json!(["encrypt", "wrapKey"]),
            json!([]),
            json!(["Verify"]),
        ] {
            assert_refused(&with(json!({"key_ops": ops})), NOT_FOR_VERIFYING);
        }
        for ops in [
            json!("verify"),
            json!({"verify": true}),
            json!(["verify", 7]),
            json!(7),
        ] {
            assert_refused(
                &with(json!({"key_ops": ops})),
                "a member key_ops of a wrong type",
            );
        }
        for member in ["kty", "use", "alg", "kid"] {
            let part = format!("has a member {member} of a wrong type");
            assert_refused(&with(json!({member: 7})), &part);
        }
        // Some serializers write `null` for absent members.
        assert_refused(&with(json!({"kty": null})), "lacks the member kty");
        for member in ["use", "key_ops", "alg", "kid", "x5c"] {
            if member == "alg" && jwk["kty"] == "AKP" {
                assert_refused(&with(json!({"alg": null})), "lacks the member alg");
                continue;
            }
            VerifyingKey::from_jwk(&with(json!({member: null})).to_string()).unwrap();
            let mut with_null = jwk.clone();
            with_null[member] = Value::Null;
            VerifyingKey::from_jwk(&with_null.to_string()).unwrap();
        }
        for alg in [
            "none", "RSA-OAEP", "ECDH-ES", "A256KW", "ES256K", "hs256", "",
        ] {
            assert_refused(&with(json!({"alg": alg})), NOT_SUPPORTED);
        }
        // An algorithm of another key type or curve.
        let other = match algorithm {
            Algorithm::ES256 => "ES384",
            _ => "ES256",
        };
        assert_refused(&with(json!({"alg": other})), NOT_SUPPORTED);
    }
}

#[test]
fn a_jwk_must_have_its_required_members_and_no_private_ones() {
    for &algorithm in Algorithm::ALL {
        let jwk = jwk_of(algorithm);
        let members = ["kty", "crv", "x", "y", "n", "e", "k", "pub"];
        for member in members
            .into_iter()
            .filter(|member| jwk.get(member).is_some())
        {
            let lacks = format!("lacks the member {member}");
            assert_refused(&changed(jwk.clone(), json!({member: null})), &lacks);
            let mut with_null = jwk.clone();
            with_null[member] = Value::Null;
            assert_refused(&with_null, &lacks);
            for bad in [json!(7), json!(["AQAB"]), json!({})] {
                let wrong = format!("has a member {member} of a wrong type");
                assert_refused(&changed(jwk.clone(), json!({member: bad})), &wrong);
            }
        }
        for member in ["x", "y", "n", "e", "k", "pub"] {
            let Some(text) = jwk.get(member) else {
                continue;
            };
            let text = text.as_str().unwrap();
            let wrong = format!("has a member {member} that is not base64url");
            for bad in [
                format!("{text}====="),
                format!("{text}\n"),
                format!("+_{}", &text[2..]),
                format!("{text}."),
            ] {
                assert_refused(&changed(jwk.clone(), json!({member: bad})), &wrong);
            }
        }
        if !algorithm.as_str().starts_with("HS") {
            for member in ["d", "p", "q", "dp", "dq", "qi", "oth", "priv"] {
                for value in [json!("AQAB"), json!(""), json!([]), json!(false)] {
                    assert_refused(&changed(jwk.clone(), json!({member: value})), PRIVATE);
                }
                let mut with_null = jwk.clone();
                with_null[member] = Value::Null;
                VerifyingKey::from_jwk(&with_null.to_string()).unwrap();
            }
        }
    }
    for text in [
        "",
        "null",
        "7",
        "\"key\"",
        "[]",
        "{}",
        "{\"kty\":\"RSA\"",
        "{}{}",
    ] {
        assert!(VerifyingKey::from_jwk(text).is_err(), "{text}");
    }
}

#[test]
fn a_secret_in_a_jwk_serves_the_algorithms_that_it_is_long_enough_for() {
    use Algorithm::{HS256, HS384, HS512};
    let secret = |length: usize| json!({"kty": "oct", "k": base64url(vec![7; length])});
    for (length, wanted) in [
        (32, &[HS256][..]),
        (47, &[HS256]),
        (48, &[HS256, HS384]),
        (64, &[HS256, HS384, HS512]),
    ] {
        let key = VerifyingKey::from_jwk(&secret(length).to_string()).unwrap();
        assert_eq!(key.algorithms().collect::<Vec<_>>(), wanted, "{length}");
    }
    for length in [0, 1, 31] {
        let part = format!("has {length} bytes and needs at least 32");
        assert_refused(&secret(length), &part);
    }
}

#[test]
fn a_key_keeps_its_id() {
    let jwk = changed(jwk_of(Algorithm::ES256), json!({"kid": "k-1"}));
    let key = VerifyingKey::from_jwk(&jwk.to_string()).unwrap();
    assert_eq!(key.key_id(), Some("k-1"));
    assert_eq!(key.with_key_id("k-2").key_id(), Some("k-2"));
    let set = json!({"keys": [jwk, other_signing_key(Algorithm::EdDSA).jwk()]});
    let set = KeySet::from_json(&set.to_string()).unwrap();
    let ids: Vec<_> = set.keys().iter().map(VerifyingKey::key_id).collect();
    assert_eq!(ids, [Some("k-1"), None]);
}
