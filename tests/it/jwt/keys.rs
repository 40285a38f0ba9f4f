//! Which keys are taken, in which form, and which are not.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tower_bearer_auth::{Algorithm, KeySet, VerifyingKey};

use super::der::{rsa_public_key, to_pem};
use super::fixtures;
use super::{
    base64url, from_base64url, jwt, jwt_builder, other_signing_key, refusal, signing_key, verify,
};

fn jwk_of(algorithm: Algorithm) -> Value {
    signing_key(algorithm).jwk()
}

/// The JWK with these members in place of its own, `null` to leave one out.
fn changed(mut jwk: Value, changes: Value) -> Value {
    let members = jwk.as_object_mut().unwrap();
    for (name, value) in changes.as_object().unwrap() {
        match value {
            Value::Null => members.remove(name),
            value => members.insert(name.clone(), value.clone()),
        };
    }
    jwk
}

/// What is wrong with a JWK, in the words of the error.
#[track_caller]
fn refused(jwk: &Value) -> String {
    let error = VerifyingKey::from_jwk(&jwk.to_string()).unwrap_err();
    error.to_string()
}

#[track_caller]
fn assert_refused(jwk: &Value, part: &str) {
    let problem = refused(jwk);
    assert!(problem.contains(part), "{problem:?} for {jwk}");
}

const BROKEN: &str = "is not a valid key";
const UNKNOWN_CURVE: &str = "has an unknown curve (crv)";
const NOT_SUPPORTED: &str = "has an alg that is not supported for its type";
const NOT_FOR_VERIFYING: &str = "is not for verifying signatures (use, key_ops)";
const PRIVATE: &str = "has private members";

#[test]
fn keys_come_as_spki_pkcs1_and_certificates() {
    use Algorithm::{ES256, ES384, ES512, EdDSA, PS512, RS256};
    for (algorithm, pem, token) in [
        (RS256, fixtures::RSA_SPKI, fixtures::RSA_TOKEN),
        (RS256, fixtures::RSA_PKCS1, fixtures::RSA_TOKEN),
        (RS256, fixtures::RSA_CERTIFICATE, fixtures::RSA_TOKEN),
        (PS512, fixtures::RSA_4096_SPKI, fixtures::RSA_4096_TOKEN),
        (ES256, fixtures::P256_CERTIFICATE, fixtures::P256_TOKEN),
        (ES384, fixtures::P384_CERTIFICATE, fixtures::P384_TOKEN),
        (ES512, fixtures::P521_CERTIFICATE, fixtures::P521_TOKEN),
        (
            EdDSA,
            fixtures::ED25519_CERTIFICATE,
            fixtures::ED25519_TOKEN,
        ),
    ] {
        for pem in [
            pem.to_owned(),
            pem.trim_end().to_owned(),
            pem.replace('\n', "\r\n"),
            format!("subject=CN = test\nissuer=CN = test\n\n{pem}"),
            format!("{pem}\nand text behind it\n"),
        ] {
            let verifier = jwt_builder().public_key_pem(algorithm, &pem).build();
            let token = verify(&verifier.unwrap(), token);
            assert_eq!(
                token.unwrap().subject(),
                Some("alice"),
                "{algorithm}: {pem}"
            );
        }
    }
}

#[test]
fn what_is_no_pem_of_a_key_is_refused() {
    let good = fixtures::RSA_SPKI;
    for bad in [
        "",
        "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABgQC",
        "-----BEGIN PUBLIC KEY-----\n-----END PUBLIC KEY-----\n",
        "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n",
        &good.replace("END PUBLIC", "END RSA PUBLIC"),
        &good.replace("PUBLIC KEY", "CERTIFICATE REQUEST"),
        &good.replace("-----END PUBLIC KEY-----\n", ""),
        &good.replacen("MIIB", "MIIC", 1),
        &good.replace("-----", "----"),
        &good.replacen("PUBLIC KEY", "RSA PUBLIC KEY", 2),
    ] {
        let key = VerifyingKey::from_public_key_pem(Algorithm::RS256, bad);
        let error = key.expect_err(bad).to_string();
        assert!(error.starts_with("the PEM key for RS256 "), "{error}");
    }
}

#[test]
fn an_rsa_key_has_2048_bits_at_least() {
    let weak = "has 1024 bits and needs 2048 to 8192";
    let key = VerifyingKey::from_public_key_pem(Algorithm::RS256, fixtures::RSA_1024_SPKI);
    assert!(key.unwrap_err().to_string().contains(weak));
    let weak_jwk = json!({"kty": "RSA", "n": fixtures::RSA_1024_MODULUS, "e": "AQAB"});
    assert_refused(&weak_jwk, weak);

    // Zeros in front do not make a number longer.
    let n = from_base64url(fixtures::RSA_1024_MODULUS);
    let n = base64url([vec![0; 128], n].concat());
    assert_refused(&json!({"kty": "RSA", "n": n, "e": "AQAB"}), weak);
    for (length, first, part) in [
        (255, 0xff, "has 2040 bits"),
        (256, 0x7f, "has 2047 bits"),
        (1025, 0x01, "has 8193 bits"),
        (0, 0, "has 0 bits"),
    ] {
        let mut n = vec![first; length];
        n.iter_mut().skip(1).for_each(|octet| *octet = 0x55);
        assert_refused(&json!({"kty": "RSA", "n": base64url(n), "e": "AQAB"}), part);
    }
}

#[test]
fn leading_zeros_of_an_rsa_key_do_not_count() {
    let token = jwt(signing_key(Algorithm::PS384)).build();
    let jwk = jwk_of(Algorithm::PS384);
    let n = from_base64url(jwk["n"].as_str().unwrap());
    for zeros in [1, 2, 300] {
        let longer = base64url([vec![0; zeros], n.clone()].concat());
        let jwk = changed(jwk.clone(), json!({"n": longer, "e": "AAEAAQ"}));
        let key = VerifyingKey::from_jwk(&jwk.to_string()).unwrap();
        let verifier = jwt_builder().key(key).build().unwrap();
        assert_eq!(refusal(&verifier, &token), None, "{zeros}");
    }
}

#[test]
fn an_rsa_exponent_is_odd_and_more_than_one() {
    let jwk = jwk_of(Algorithm::RS256);
    let n = from_base64url(jwk["n"].as_str().unwrap());
    let bad: [&[u8]; 8] = [
        &[],
        &[0],
        &[1],
        &[2],
        &[0, 0, 1],
        &[1, 0, 0],
        &[1, 0, 0, 0, 0, 1],
        &[0xff; 256],
    ];
    for e in bad {
        assert_refused(&changed(jwk.clone(), json!({"e": base64url(e)})), BROKEN);
    }
    for e in bad
        .into_iter()
        .filter(|e| e.len() < 256 && !e.starts_with(&[0]) && !e.is_empty())
    {
        let pem = to_pem("RSA PUBLIC KEY", &rsa_public_key(&n, e));
        let key = VerifyingKey::from_public_key_pem(Algorithm::RS256, pem);
        assert!(key.is_err(), "{e:?} in PKCS#1");
    }
    // The same way of writing it, with an exponent that is sound.
    for e in [&[3][..], &[1, 0, 1]] {
        let pem = to_pem("RSA PUBLIC KEY", &rsa_public_key(&n, e));
        let key = VerifyingKey::from_public_key_pem(Algorithm::RS256, pem).unwrap();
        let verifier = jwt_builder().key(key).build().unwrap();
        let token = jwt(signing_key(Algorithm::RS256)).build();
        assert_eq!(refusal(&verifier, &token).is_none(), e == [1, 0, 1]);
    }
}

#[test]
fn a_point_lies_on_its_curve() {
    for (algorithm, length) in [
        (Algorithm::ES256, 32),
        (Algorithm::ES384, 48),
        (Algorithm::ES512, 66),
    ] {
        let jwk = jwk_of(algorithm);
        let x = from_base64url(jwk["x"].as_str().unwrap());
        assert_eq!(x.len(), length);
        let mut off = x.clone();
        off[length - 1] ^= 1;
        for (what, coordinate) in [
            ("not on the curve", off),
            ("zero", vec![0; length]),
            ("more than the field holds", vec![0xff; length]),
            ("longer", [&[1], &x[..]].concat()),
            ("cut", x[..length - 1].to_vec()),
            ("empty", Vec::new()),
        ] {
            let coordinate = base64url(coordinate);
            for name in ["x", "y"] {
                let jwk = changed(jwk.clone(), json!({name: coordinate}));
                let problem = refused(&jwk);
                assert!(
                    problem.contains(BROKEN),
                    "{algorithm} {name} {what}: {problem}"
                );
            }
        }
        // The right point, but cut in the wrong place.
        let y = from_base64url(jwk["y"].as_str().unwrap());
        let (longer, shorter) = ([&x, &y[..1]].concat(), &y[1..]);
        let cut = json!({"x": base64url(longer), "y": base64url(shorter)});
        assert_refused(&changed(jwk.clone(), cut), BROKEN);
        // The key of one curve under the name of another.
        for curve in ["P-256", "P-384", "P-521"] {
            let alg = json!({"crv": curve, "alg": null});
            let key = VerifyingKey::from_jwk(&changed(jwk.clone(), alg).to_string());
            assert_eq!(key.is_ok(), jwk["crv"] == curve, "{algorithm} as {curve}");
        }
    }
    let ed = jwk_of(Algorithm::EdDSA);
    for length in [0, 31, 33] {
        assert_refused(
            &changed(ed.clone(), json!({"x": base64url(vec![9; length])})),
            BROKEN,
        );
    }
    // Another form of the same key.
    let pem = signing_key(Algorithm::EdDSA).public_key_pem();
    let spki = STANDARD.decode(pem.lines().nth(1).unwrap()).unwrap();
    assert_refused(&changed(ed, json!({"x": base64url(spki)})), BROKEN);
}

#[test]
fn other_curves_and_types_are_not_taken() {
    let ec = jwk_of(Algorithm::ES256);
    let ed = jwk_of(Algorithm::EdDSA);
    for curve in ["secp256k1", "P-224", "p-256", "P256", "Ed25519", ""] {
        assert_refused(&changed(ec.clone(), json!({"crv": curve})), UNKNOWN_CURVE);
    }
    for curve in ["X25519", "Ed448", "X448", "P-256", "ed25519", ""] {
        assert_refused(&changed(ed.clone(), json!({"crv": curve})), UNKNOWN_CURVE);
    }
    for kind in ["AKP", "rsa", "ec", "OCT", "PQK", ""] {
        assert_refused(
            &changed(ec.clone(), json!({"kty": kind})),
            "has an unknown key type",
        );
    }
    let pem = fixtures::SECP256K1_SPKI;
    assert!(VerifyingKey::from_public_key_pem(Algorithm::ES256, pem).is_err());
}

#[test]
fn a_jwk_says_what_it_is_for() {
    for algorithm in Algorithm::ALL {
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
        // Some serializers write a null for everything they leave out.
        assert_refused(&with(json!({"kty": null})), "lacks the member kty");
        for member in ["use", "key_ops", "alg", "kid", "x5c"] {
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
        // The name of another kind of key.
        let other = match algorithm {
            Algorithm::ES256 => "ES384",
            _ => "ES256",
        };
        assert_refused(&with(json!({"alg": other})), NOT_SUPPORTED);
    }
}

#[test]
fn a_jwk_has_all_its_members_and_nothing_private() {
    for algorithm in Algorithm::ALL {
        let jwk = jwk_of(algorithm);
        let members = ["kty", "crv", "x", "y", "n", "e", "k"];
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
        for member in ["x", "y", "n", "e", "k"] {
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
            for member in ["d", "p", "q", "dp", "dq", "qi", "oth"] {
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
fn a_secret_in_a_jwk_serves_what_it_is_long_enough_for() {
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
