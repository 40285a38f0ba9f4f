//! Signatures that prove nothing, and tokens in a form that makes some verifiers skip the signature.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::json;
use tower_bearer_auth::Algorithm;
use tower_bearer_auth::testing::SigningKey;

use super::Keys;
use super::tokens::{Attack, good, with_signature};

fn decode(text: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(text).unwrap()
}

fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// RFC 8725 §2.1: no encoding of a public key is a secret (CVE-2016-10555, CVE-2026-44699).
pub(super) fn public_keys_as_secrets(keys: &Keys) -> Vec<Attack> {
    let mut attacks = Vec::new();
    let set = SigningKey::jwk_set([&keys.rs256, &keys.es256, &keys.eddsa]);
    // In a DER public key, 24 octets precede the PKCS #1 key of RSA, and 26 or 12 octets precede the point.
    for (key, before) in [(&keys.rs256, 24), (&keys.es256, 26), (&keys.eddsa, 12)] {
        let pem = key.public_key_pem();
        let body: String = pem.lines().filter(|line| !line.starts_with("--")).collect();
        let der = STANDARD.decode(&body).unwrap();
        let jwk = key.jwk();
        let member = ["n", "x"].iter().find_map(|name| jwk[*name].as_str());
        let secrets = [
            ("DER", der.clone()),
            ("DER without its algorithm", der[before..].to_vec()),
            ("DER in hexadecimal", hex(&der).into_bytes()),
            ("PEM without armour", body.into_bytes()),
            ("PEM with a NUL", format!("{pem}\0").into_bytes()),
            ("PEM with CRLF", crlf(&pem).into_bytes()),
            ("modulus or coordinate, decoded", decode(member.unwrap())),
            ("JWK Set", set.to_string().into_bytes()),
            ("key ID", key.key_id().unwrap().into()),
            ("one NUL (CVE-2019-20933)", vec![0]),
        ];
        for (form, secret) in secrets {
            for hmac in [Algorithm::HS256, Algorithm::HS384, Algorithm::HS512] {
                let forger = SigningKey::from_secret(hmac, secret.clone());
                let token = good(&forger).key_id(key.key_id().unwrap()).build();
                attacks.push((format!("{hmac} with {}'s {form}", key.algorithm()), token));
            }
        }
    }
    attacks
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn crlf(text: &str) -> String {
    text.replace("\r\n", "\n").replace('\n', "\r\n")
}

/// RFC 8725 §3.1: the server's own key with another algorithm, and texts similar to the name of an algorithm.
pub(super) fn other_algorithms(keys: &Keys) -> Vec<Attack> {
    let others = [
        Algorithm::RS384,
        Algorithm::RS512,
        Algorithm::PS256,
        Algorithm::PS384,
        Algorithm::PS512,
    ];
    let mut attacks: Vec<Attack> = others
        .into_iter()
        .map(|other| {
            let token = good(&keys.rs256.clone().with_algorithm(other)).build();
            (format!("{other} by the key for RS256"), token)
        })
        .collect();
    for name in ["ES256K", "ES256\0", "ES256 ", "Es256", "ES512", "ESB256"] {
        let token = good(&keys.es256).header("alg", name).build();
        attacks.push((format!("ES256 said to be {name:?}"), token));
    }
    for name in ["Ed448", "eddsa", "Ed25519ph", "EdDSA,none"] {
        let token = good(&keys.eddsa).header("alg", name).build();
        attacks.push((format!("EdDSA said to be {name:?}"), token));
    }
    for alg in [
        json!(["EdDSA"]),
        json!({"EdDSA": 1}),
        json!(0),
        json!(null),
        json!(true),
    ] {
        let token = good(&keys.eddsa).header("alg", alg.clone()).build();
        attacks.push((format!("alg {alg} (RFC 7515 §4.1.1)"), token));
    }
    attacks
}

/// The order of P-256.
const ORDER: &str = "_____wAAAAD__________7zm-q2nF56E87nKwvxjJVE";
/// The order L of the group of Ed25519, least significant octet first.
const ED25519_ORDER: &str = "7dP1XBpjEljWnPei3vneFAAAAAAAAAAAAAAAAAAAABA";

/// Signatures with numbers out of range (CVE-2022-21449; RFC 8017 §8.2.2; RFC 8032 §5.1.7).
pub(super) fn values_out_of_range(keys: &Keys) -> Vec<Attack> {
    let mut attacks = Vec::new();
    let mut attack = |name: &str, token: &str, signature: &[u8]| {
        attacks.push((name.to_owned(), with_signature(token, &encode(signature))));
    };
    let signed = |key: &SigningKey| {
        let token = good(key).build();
        let signature = decode(token.rsplit_once('.').unwrap().1);
        (token, signature)
    };

    let (token, signature) = signed(&keys.es256);
    let (r, s) = signature.split_at(32);
    let (order, zero, one) = (decode(ORDER), [0; 32], [[0; 31].as_slice(), &[1]].concat());
    attack("r = 0 (CVE-2022-21449)", &token, &[&zero, s].concat());
    attack("s = 0 (CVE-2022-21449)", &token, &[r, &zero].concat());
    attack("r = n", &token, &[&order, s].concat());
    attack("s = n", &token, &[r, &order].concat());
    attack("r = s = n", &token, &[&*order, &order].concat());
    attack("r = s = 1", &token, &[&*one, &one].concat());
    attack("s, then r", &token, &[s, r].concat());
    attack("DER of the true signature", &token, &der(r, s));
    let wide = [&[0], r, &[0], s].concat();
    attack("r and s, each with a zero in front", &token, &wide);

    let (token, signature) = signed(&keys.rs256);
    let modulus = decode(keys.rs256.jwk()["n"].as_str().unwrap());
    let number = |last| [vec![0; modulus.len() - 1], vec![last]].concat();
    attack("RSA, 0", &token, &number(0));
    attack("RSA, 1", &token, &number(1));
    attack("RSA, the modulus", &token, &modulus);
    attack(
        "RSA, a zero in front",
        &token,
        &[&[0], &*signature].concat(),
    );

    let (token, signature) = signed(&keys.eddsa);
    let (r, s) = signature.split_at(32);
    let order = decode(ED25519_ORDER);
    attack(
        "EdDSA, S + L (RFC 8032 §5.1.7)",
        &token,
        &[r, &sum(s, &order)].concat(),
    );
    attack("EdDSA, S = 0", &token, &[r, &zero].concat());
    attack("EdDSA, all zero", &token, &[0; 64]);
    // R is the neutral element, and S is zero.
    let neutral = [&[1], [0; 63].as_slice()].concat();
    attack("EdDSA, R of small order", &token, &neutral);
    attacks
}

/// The DER form of an ECDSA signature, `SEQUENCE { INTEGER r, INTEGER s }` (RFC 3279 §2.2.3).
fn der(r: &[u8], s: &[u8]) -> Vec<u8> {
    let integer = |value: &[u8]| {
        let start = value.iter().position(|octet| *octet != 0).unwrap();
        let mut octets = value[start..].to_vec();
        if octets[0] & 0x80 != 0 {
            octets.insert(0, 0);
        }
        [&[2, u8::try_from(octets.len()).unwrap()], &*octets].concat()
    };
    let both = [integer(r), integer(s)].concat();
    [&[0x30, u8::try_from(both.len()).unwrap()], &*both].concat()
}

/// The sum of two numbers, least significant octet first.
fn sum(one: &[u8], other: &[u8]) -> Vec<u8> {
    let mut carry = 0;
    let octets = one.iter().zip(other).map(|(one, other)| {
        let sum = u16::from(*one) + u16::from(*other) + carry;
        carry = sum >> 8;
        sum.to_le_bytes()[0]
    });
    octets.collect()
}

/// Nested tokens, and unencrypted tokens in the form of encrypted ones (RFC 7516; RFC 7519 §5.2).
pub(super) fn wrapped(keys: &Keys) -> Vec<Attack> {
    let inner = good(&keys.rs256).build();
    let unsigned = good(&keys.rs256).unsigned().build();
    let mut attacks = vec![
        (
            "a signed token around a signed one".to_owned(),
            good(&keys.rs256)
                .header("cty", "JWT")
                .raw_claims(inner.clone())
                .build(),
        ),
        (
            "a signed token around an unsigned one".to_owned(),
            good(&keys.rs256)
                .header("cty", "JWT")
                .raw_claims(unsigned.clone())
                .build(),
        ),
        (
            "a token as a string of JSON".to_owned(),
            good(&keys.rs256).raw_claims(format!("{inner:?}")).build(),
        ),
        (
            "a token behind a token".to_owned(),
            format!("{inner}.{inner}"),
        ),
        (
            "one token's header, and then a token".to_owned(),
            format!("{}.{inner}", encode("{}")),
        ),
    ];
    let headers = [
        json!({"alg": "dir", "enc": "A128CBC-HS256", "cty": "JWT"}),
        json!({"alg": "RSA-OAEP-256", "enc": "A256GCM", "cty": "JWT", "kid": "our-RS256"}),
        json!({"alg": "RSA1_5", "enc": "A128GCM", "kid": "our-RS256"}),
        json!({"alg": "ECDH-ES", "enc": "A128GCM", "epk": keys.es256.jwk()}),
        json!({"alg": "PBES2-HS512+A256KW", "enc": "A256GCM", "p2s": "AAAA", "p2c": u32::MAX}),
        json!({"alg": "dir", "enc": "A256GCM", "zip": "DEF"}),
        json!({"alg": "none", "enc": "none"}),
    ];
    for header in headers {
        // A verifier that decrypts first and does not verify the content accepts a plain token (RFC 8725 §2.2).
        let token = format!(
            "{}..AAAAAAAAAAAAAAAA.{}.AAAA",
            encode(header.to_string()),
            encode(&unsigned)
        );
        attacks.push((format!("encrypted, it says: {header}"), token));
    }
    attacks
}

/// Headers that two parsers could read differently (RFC 7515 §4, §10.12).
pub(super) fn ambiguous_headers(keys: &Keys) -> Vec<Attack> {
    let deep = format!(
        r#"{{"alg":"EdDSA","x":{}1{}}}"#,
        "[".repeat(4_000),
        "]".repeat(4_000)
    );
    let headers = [
        r#"{"alg":"EdDSA","alg":"EdDSA"}"#,
        r#"{"alg":"none","alg":"EdDSA"}"#,
        r#"{"alg":"EdDSA","kid":"our-EdDSA","kid":"our-RS256"}"#,
        r#"{"alg":"EdDSA","typ":"JWT","typ":"at+jwt"}"#,
        r#"{"alg":"EdDSA","typ":7}"#,
        r#"{"alg":"EdDSA","typ":["at+jwt"]}"#,
        r#"{"alg":"EdDSA","crit":["b64"],"b64":false}"#,
        r#"{"alg":"EdDSA","crit":["b64"],"b64":true}"#,
        r#"{"alg":"EdDSA"}{}"#,
        r#"{"alg":"EdDSA",}"#,
        r#"["EdDSA"]"#,
        r#""EdDSA""#,
        "{'alg':'EdDSA'}",
        "{\"alg\":\"EdDSA\"}\0",
        "\u{feff}{\"alg\":\"EdDSA\"}",
        "{}",
        "",
        &deep,
    ];
    headers
        .into_iter()
        .map(|header| {
            let token = good(&keys.eddsa).raw_header(header).build();
            let shown: String = header.chars().take(60).collect();
            (format!("the header {shown:?}"), token)
        })
        .collect()
}
