//! Public keys: the forms in which they are accepted, and the keys that are refused.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tower_bearer_auth::{Algorithm, VerifyingKey};

use super::der::{rsa_public_key, to_pem};
use super::fixtures;
use super::{base64url, from_base64url, jwt, jwt_builder, refusal, signing_key, verify};

pub(super) fn jwk_of(algorithm: Algorithm) -> Value {
    signing_key(algorithm).jwk()
}

/// The JWK with these members in place of its own, `null` to leave one out.
pub(super) fn changed(mut jwk: Value, changes: Value) -> Value {
    let members = jwk.as_object_mut().unwrap();
    for (name, value) in changes.as_object().unwrap() {
        match value {
            Value::Null => members.remove(name),
            value => members.insert(name.clone(), value.clone()),
        };
    }
    jwk
}

/// The error for a JWK that is refused.
#[track_caller]
fn refused(jwk: &Value) -> String {
    let error = VerifyingKey::from_jwk(&jwk.to_string()).unwrap_err();
    error.to_string()
}

#[track_caller]
pub(super) fn assert_refused(jwk: &Value, part: &str) {
    let problem = refused(jwk);
    assert!(problem.contains(part), "{problem:?} for {jwk}");
}

const BROKEN: &str = "is not a valid key";
const UNKNOWN_CURVE: &str = "has an unknown curve (crv)";

#[test]
fn keys_are_accepted_as_spki_pkcs1_and_certificates() {
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
fn a_text_that_is_not_a_pem_key_is_refused() {
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
fn an_rsa_key_must_have_at_least_2048_bits() {
    let weak = "has 1024 bits and needs 2048 to 8192";
    let key = VerifyingKey::from_public_key_pem(Algorithm::RS256, fixtures::RSA_1024_SPKI);
    assert!(key.unwrap_err().to_string().contains(weak));
    let weak_jwk = json!({"kty": "RSA", "n": fixtures::RSA_1024_MODULUS, "e": "AQAB"});
    assert_refused(&weak_jwk, weak);

    // Leading zeros do not make a number longer.
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
fn leading_zeros_of_an_rsa_key_are_ignored() {
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
fn an_rsa_exponent_must_be_odd_and_greater_than_one() {
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
    // The same encoding with a valid exponent.
    for e in [&[3][..], &[1, 0, 1]] {
        let pem = to_pem("RSA PUBLIC KEY", &rsa_public_key(&n, e));
        let key = VerifyingKey::from_public_key_pem(Algorithm::RS256, pem).unwrap();
        let verifier = jwt_builder().key(key).build().unwrap();
        let token = jwt(signing_key(Algorithm::RS256)).build();
        assert_eq!(refusal(&verifier, &token).is_none(), e == [1, 0, 1]);
    }
}

#[test]
fn a_jwk_point_that_is_not_on_its_curve_is_refused() {
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
        // The right point, but split at the wrong position.
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
    // Another encoding of the same key.
    let pem = signing_key(Algorithm::EdDSA).public_key_pem();
    let spki = STANDARD.decode(pem.lines().nth(1).unwrap()).unwrap();
    assert_refused(&changed(ed, json!({"x": base64url(spki)})), BROKEN);
}

#[test]
fn other_curves_and_key_types_are_refused() {
    let ec = jwk_of(Algorithm::ES256);
    let ed = jwk_of(Algorithm::EdDSA);
    for curve in ["secp256k1", "P-224", "p-256", "P256", "Ed25519", ""] {
        assert_refused(&changed(ec.clone(), json!({"crv": curve})), UNKNOWN_CURVE);
    }
    for curve in ["X25519", "Ed448", "X448", "P-256", "ed25519", ""] {
        assert_refused(&changed(ed.clone(), json!({"crv": curve})), UNKNOWN_CURVE);
    }
    for kind in ["akp", "rsa", "ec", "OCT", "PQK", ""] {
        assert_refused(
            &changed(ec.clone(), json!({"kty": kind})),
            "has an unknown key type",
        );
    }
    let pem = fixtures::SECP256K1_SPKI;
    assert!(VerifyingKey::from_public_key_pem(Algorithm::ES256, pem).is_err());
}
