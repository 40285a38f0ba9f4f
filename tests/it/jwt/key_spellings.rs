//! JWKs as issuers publish them: other encodings of the same key, and members that this crate does not read.

use std::time::{Duration, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE};
use serde_json::{Value, json};
use tower_bearer_auth::InvalidReason::BadSignature;
use tower_bearer_auth::testing::SigningKey;
use tower_bearer_auth::{Algorithm, Clock, JwtVerifier, KeySet, VerifyingKey};

use super::{base64url, from_base64url, jwt, jwt_builder, refusal, signing_key};

#[track_caller]
fn assert_verifies(key: &SigningKey, jwk: &str) {
    let set = format!("{{\"keys\":[{jwk}]}}");
    for set in [set.clone(), format!("\u{feff}{set}")] {
        let verifier = jwt_builder().jwks_json(set).build();
        let verifier = verifier.unwrap_or_else(|error| panic!("{error}: {jwk}"));
        assert_eq!(refusal(&verifier, &jwt(key).build()), None, "{jwk}");
        assert_eq!(
            refusal(&verifier, &jwt(key).tampered().build()),
            Some(BadSignature)
        );
    }
    let key = VerifyingKey::from_jwk(&format!("\u{feff} {jwk}\n"));
    key.unwrap_or_else(|error| panic!("{error}: {jwk}"));
}

#[test]
fn reported_keys_verify_their_tokens() {
    let reported: Value = serde_json::from_str(include_str!("reported_keys.json")).unwrap();
    let mut count = 0;
    for row in reported.as_array().unwrap() {
        // The `use` values of SPIFFE are opt-in.
        if row["name"] == "use-jwt-svid" || row.get("jwks").is_none() {
            continue;
        }
        let verifier = JwtVerifier::builder()
            .jwks_json(row["jwks"].to_string())
            .issuer(row["issuer"].as_str().unwrap())
            .audience(row["audience"].as_str().unwrap())
            .clock(Clock::manual(
                UNIX_EPOCH + Duration::from_secs(1_800_000_000),
            ))
            .build();
        let token = row["token"].as_str().unwrap();
        assert_eq!(refusal(&verifier.unwrap(), token), None, "{}", row["name"]);
        count += 1;
    }
    assert_eq!(count, 4);
}

/// A key with a coordinate that begins with a zero octet.
fn key_with_zero(algorithm: Algorithm, coordinate: &str) -> SigningKey {
    let starts_with_zero = |key: &SigningKey| {
        let octets = from_base64url(key.jwk()[coordinate].as_str().unwrap());
        octets[0] == 0
    };
    // One key in 256; of P-521, every second one.
    std::iter::repeat_with(|| SigningKey::generate(algorithm))
        .take(100_000)
        .find(starts_with_zero)
        .unwrap()
}

#[test]
fn a_coordinate_may_have_missing_or_additional_leading_zeros() {
    for algorithm in [Algorithm::ES256, Algorithm::ES384, Algorithm::ES512] {
        for coordinate in ["x", "y"] {
            let key = key_with_zero(algorithm, coordinate);
            let jwk = key.jwk();
            let full = from_base64url(jwk[coordinate].as_str().unwrap());
            let zeros = full.iter().take_while(|octet| **octet == 0).count();
            for octets in [
                full[zeros..].to_vec(),
                full[1..].to_vec(),
                [&[0], &full[..]].concat(),
                [&[0; 100], &full[..]].concat(),
            ] {
                let mut jwk = jwk.clone();
                jwk[coordinate] = base64url(&octets).into();
                assert_verifies(&key, &jwk.to_string());
            }
            // Octets that are missing or added at another place change the number.
            for octets in [
                full[zeros..full.len() - 1].to_vec(),
                [&full[..], &[0]].concat(),
                [&[1], &full[..]].concat(),
                vec![],
            ] {
                let mut jwk = jwk.clone();
                jwk[coordinate] = base64url(&octets).into();
                let error = VerifyingKey::from_jwk(&jwk.to_string()).unwrap_err();
                assert!(error.to_string().contains("is not a valid key"), "{error}");
            }
        }
    }
}

#[test]
fn key_members_may_be_base64_or_base64url_and_padded() {
    for &algorithm in Algorithm::ALL {
        let key = signing_key(algorithm);
        let written = [STANDARD, STANDARD_NO_PAD, URL_SAFE];
        for engine in written {
            let mut jwk = key.jwk();
            for member in ["n", "e", "x", "y", "k", "pub"] {
                if let Some(text) = jwk[member].as_str() {
                    jwk[member] = engine.encode(from_base64url(text)).into();
                } else {
                    jwk.as_object_mut().unwrap().remove(member);
                }
            }
            assert_verifies(key, &jwk.to_string());
        }
        // Tokens must be unpadded base64url.
        let verifier = jwt_builder().key(key.verifying_key()).build().unwrap();
        let token = jwt(key).build();
        assert_eq!(refusal(&verifier, &token), None);
        assert!(refusal(&verifier, &format!("{token}=")).is_some());
    }
}

/// The key's JWK with this text inserted ahead of its members.
fn with_text(key: &SigningKey, members: &str) -> String {
    format!("{{{members},{}", &key.jwk().to_string()[1..])
}

/// Members that this crate does not read, with values that serde_json cannot represent.
fn odd_members() -> Vec<String> {
    let deep = format!(r#""deep":{}1{}"#, r#"[{"a":"#.repeat(200), "}]".repeat(200));
    let very_deep = format!(r#""deep":{}{}"#, "[".repeat(20_000), "]".repeat(20_000));
    let fixed = [
        r#""iat":1e400"#,
        r#""iat":-1e400"#,
        r#""x5c":["\ud800"]"#,
        r#""x5t":"\udfff\ud800""#,
        r#""\ud800":1"#,
        r#""\ud800":1,"\ud800":2"#,
        r#""exp":123456789012345678901234567890.5e-7"#,
        r#""x5c":null,"x5c":[],"x5c":{"kty":"oct"}"#,
        r#""$serde_json::private::Number":"x""#,
        r#""$serde_json::private::RawValue":"x""#,
        r#""":"","K":1,"KTY":"oct","Kid":7,"use ":"enc""#,
        r#""ext":[true,false,null,"]}","\\\"]"]"#,
    ];
    fixed
        .into_iter()
        .map(str::to_owned)
        .chain([deep, very_deep])
        .collect()
}

#[test]
fn an_unread_member_may_have_any_value() {
    let key = signing_key(Algorithm::ES256);
    for members in odd_members() {
        assert_verifies(key, &with_text(key, &members));
        // Also after the other members.
        let jwk = key.jwk().to_string();
        assert_verifies(key, &format!("{},{members}}}", &jwk[..jwk.len() - 1]));
    }
    // Also as members of the set.
    let jwk = key.jwk();
    for members in odd_members() {
        for set in [
            format!(r#"{{{members},"keys":[{jwk}]}}"#),
            format!(r#"{{"keys":[{jwk}],{members}}}"#),
        ] {
            assert_eq!(
                KeySet::from_json(&set).unwrap().keys().len(),
                1,
                "{members}"
            );
        }
    }
}

#[test]
fn a_member_that_is_read_must_occur_once_and_be_representable() {
    let key = signing_key(Algorithm::ES256);
    let (x, kid) = (&key.jwk()["x"], r#""kid":"a""#);
    for (members, wanted) in [
        (format!(r#""x":{x}"#), "has the member x twice"),
        (format!(r#""\u0078":{x}"#), "has the member x twice"),
        (r#""x":null"#.into(), "has the member x twice"),
        (format!("{kid},{kid}"), "has the member kid twice"),
        (r#""kty":"EC""#.into(), "has the member kty twice"),
        (r#""d":null,"d":null"#.into(), "has the member d twice"),
        (
            r#""kid":"\ud800""#.into(),
            "has a member kid of a wrong type",
        ),
        (r#""kid":1e400"#.into(), "has a member kid of a wrong type"),
        (
            r#""key_ops":["verify","\ud800"]"#.into(),
            "has a member key_ops of a wrong type",
        ),
        (
            r#""key_ops":["verify",1e400]"#.into(),
            "has a member key_ops of a wrong type",
        ),
        (r#""d":1e400"#.into(), "has private members"),
    ] {
        let error = VerifyingKey::from_jwk(&with_text(key, &members)).unwrap_err();
        assert!(error.to_string().contains(wanted), "{error}: {members}");
    }
}

#[test]
fn member_names_may_be_escaped() {
    let key = signing_key(Algorithm::EdDSA);
    let jwk = key.jwk().to_string();
    assert_verifies(
        key,
        &jwk.replace("\"kty\"", r#""\u006bty""#)
            .replace("\"OKP\"", r#""O\u004bP""#),
    );
}

#[test]
fn each_key_is_read_independently() {
    let good = signing_key(Algorithm::ES256).clone().with_key_id("good");
    // The set as a whole stays valid, because the added keys are for other uses.
    for value in ["1e400", r#""\ud800""#, "[[1e400]]"] {
        let other = format!(r#"{{"kty":"PQK","alg":{value},"pub":{value}}}"#);
        let set = format!(r#"{{"keys":[{other},{},{other}]}}"#, good.jwk());
        let keys = KeySet::from_json(&set).unwrap();
        assert_eq!(keys.keys().len(), 1, "{value}");
        // The error names the position of a broken key, and the other keys are still read.
        let broken = format!(r#"{{"kty":{value}}}"#);
        let set = format!(r#"{{"keys":[{},{broken},{}]}}"#, good.jwk(), good.jwk());
        let error = KeySet::from_json(&set).unwrap_err().to_string();
        assert_eq!(
            error,
            "key 1 of the JWK Set has a member kty of a wrong type"
        );
    }
    let broken = r#"{"kid":"2026-11","kty":"RSA"}"#;
    let error = KeySet::from_json(&format!(r#"{{"keys":[{broken}]}}"#)).unwrap_err();
    let problems: Vec<_> = error.problems().collect();
    assert_eq!(
        problems[0],
        "key 0 (kid \"2026-11\") of the JWK Set lacks the member n"
    );
}

#[test]
fn a_set_must_be_valid_json() {
    let jwk = signing_key(Algorithm::ES256).jwk();
    for (set, wanted) in [
        (
            format!(r#"{{"keys":[{jwk}"#),
            "is not JSON (line 1, column ",
        ),
        (
            format!(r#"{{"keys":[{jwk},]}}"#),
            "is not JSON (line 1, column ",
        ),
        (
            format!(r#"{{"keys":[{jwk}]}} x"#),
            "is not JSON (line 1, column ",
        ),
        (
            format!("\u{feff}\u{feff}{{\"keys\":[{jwk}]}}"),
            "is not JSON (line 1, column ",
        ),
        ("x".into(), "is not JSON (line 1, column 1)"),
        (
            r#"{"keys":[{"n":"\x"}]}"#.into(),
            "is not JSON (line 1, column ",
        ),
        (
            json!({"keys": [jwk]})
                .to_string()
                .replace("\"keys\"", "\"Keys\""),
            "has no array \"keys\"",
        ),
        (
            format!(r#"{{"keys":[{jwk}],"keys":[]}}"#),
            "has the member \"keys\" twice",
        ),
        (
            format!(r#"{{"keys":null,"keys":[{jwk}]}}"#),
            "has the member \"keys\" twice",
        ),
    ] {
        let error = KeySet::from_json(&set).unwrap_err().to_string();
        assert!(
            error.starts_with(&format!("the JWK Set {wanted}")),
            "{error}"
        );
    }
}
