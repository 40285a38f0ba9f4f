//! Members of the header and the payload that are read, and those that must not be.

use tower_bearer_auth::Algorithm;
use tower_bearer_auth::InvalidReason::{BadSignature, Malformed, UnsupportedAlgorithm};

use super::{
    base64url, check_tokens, hs256_builder, jwt, other_signing_key, refusal, signing_key, token_of,
    token_with, token_with_header, usual_claims, usual_verifier, verify,
};

#[test]
fn a_member_that_is_read_occurs_once() {
    let table = [
        ("iss", r#""https://issuer.example.com""#),
        ("sub", r#""alice""#),
        ("aud", r#""https://api.example.com""#),
        ("exp", "1800003600"),
        ("nbf", "1"),
        ("iat", "1"),
        ("jti", r#""x""#),
        ("scope", r#""x""#),
        ("scp", r#""x""#),
        ("client_id", r#""x""#),
        ("azp", r#""x""#),
        ("cid", r#""x""#),
        ("appid", r#""x""#),
        ("cnf", "{}"),
        ("at_hash", r#""x""#),
        ("c_hash", r#""x""#),
        ("events", "{}"),
        ("token_use", r#""access""#),
        ("token_type", r#""Bearer""#),
        ("typ", r#""Bearer""#),
        ("type", r#""access""#),
    ];
    for (name, json) in table {
        let escaped = format!("\\u{:04x}{}", name.as_bytes()[0], &name[1..]);
        for second in [name, &escaped] {
            for other in [json, "null", "[]"] {
                let first = usual_claims(name, &[(name, json), (second, other)]);
                let last = usual_claims(name, &[(second, other), (name, json)]);
                check_tokens([
                    (token_of(first), Some(Malformed)),
                    (token_of(last), Some(Malformed)),
                ]);
            }
        }
    }
    for (name, json) in [
        ("alg", r#""HS256""#),
        ("kid", r#""k""#),
        ("typ", r#""JWT""#),
    ] {
        let escaped = format!("\\u{:04x}{}", name.as_bytes()[0], &name[1..]);
        for second in [name, &escaped] {
            let members = format!(r#""{name}":{json},"{second}":{json}"#);
            let rest = if name == "alg" {
                ""
            } else {
                r#""alg":"HS256","#
            };
            check_tokens([(
                token_with_header(format!("{{{rest}{members}}}")),
                Some(Malformed),
            )]);
        }
    }
    // No other member may either, because an application may read it.
    for second in ["x", "\\u0078"] {
        let token = token_of(usual_claims("", &[("x", "1"), (second, "2")]));
        check_tokens([(token, Some(Malformed))]);
    }
    // A nested duplicate is accepted, but a lookup of it finds nothing.
    let token = token_of(usual_claims("", &[("x", r#"{"y":1,"y":2}"#)]));
    let token = verify(&usual_verifier(), &token).unwrap();
    assert_eq!(token.claim::<u8>("/x/y"), None);
}

#[test]
fn unread_members_must_be_well_formed_and_bounded() {
    let unreadable = ["1e400", r#""\ud800""#, r#"["\ud800"]"#, r#"{"\ud800":1}"#];
    check_tokens(unreadable.map(|json| (token_with("x", json), Some(Malformed))));
    let many = |count| {
        let members: Vec<_> = (0..count).map(|n| format!("x{n}")).collect();
        let members: Vec<_> = members.iter().map(|name| (name.as_str(), "1")).collect();
        token_of(usual_claims("", &members))
    };
    check_tokens([(many(256), None), (many(257), Some(Malformed))]);
}

#[test]
fn registered_claims_have_their_types() {
    for name in ["sub", "jti", "client_id", "azp"] {
        for json in ["7", "1.5", "true", "[]", "[\"x\"]", "{}", "{\"x\":\"y\"}"] {
            check_tokens([(token_with(name, json), Some(Malformed))]);
        }
        check_tokens([
            (token_with(name, "\"\""), None),
            (token_with(name, "null"), None),
        ]);
    }
}

#[test]
fn the_private_names_of_serde_json_are_refused() {
    for name in [
        "$serde_json::private::Number",
        "$serde_json::private::RawValue",
    ] {
        for inner in ["\"1800003600\"", "\"\\\"alice\\\"\"", "7"] {
            let magic = format!("{{\"{name}\":{inner}}}");
            for claim in [
                "iss",
                "sub",
                "aud",
                "exp",
                "nbf",
                "iat",
                "jti",
                "scope",
                "client_id",
            ] {
                check_tokens([(token_with(claim, &magic), Some(Malformed))]);
            }
            // Some builds of serde_json represent numbers like this, so the two cannot be distinguished.
            let readable = name.ends_with("Number") && inner == "\"1800003600\"";
            check_tokens([
                (token_with("x", &magic), (!readable).then_some(Malformed)),
                (
                    token_with_header(format!(r#"{{"alg":{magic}}}"#)),
                    Some(Malformed),
                ),
            ]);
        }
        let whole = serde_json::Value::from(usual_claims("", &[]));
        let whole = format!("{{\"{name}\":{whole}}}");
        check_tokens([(token_of(whole), Some(Malformed))]);
    }
}

#[test]
fn critical_extensions_and_encryption_are_refused() {
    for member in [
        r#""crit":["exp"]"#,
        r#""crit":["b64"],"b64":false"#,
        r#""crit":["b64"],"b64":true"#,
        r#""crit":["http://example.com/x"],"http://example.com/x":true"#,
        r#""crit":[]"#,
        r#""crit":null"#,
        r#""crit":"exp""#,
        r#""crit":{}"#,
        r#""crit":false"#,
        r#""\u0063rit":["exp"]"#,
        r#""b64":false"#,
        r#""b64":true"#,
        r#""b64":null"#,
        r#""zip":"DEF""#,
        r#""zip":null"#,
        r#""enc":"A256GCM""#,
        r#""enc":null"#,
    ] {
        let header = format!(r#"{{"alg":"HS256",{member}}}"#);
        check_tokens([(token_with_header(header), Some(Malformed))]);
    }
    let jwe = r#"{"alg":"PBES2-HS256+A128KW","enc":"A128CBC-HS256","p2c":2147483647,"p2s":"eA"}"#;
    let five = format!("{}.AAAA.AAAA.AAAA.AAAA", base64url(jwe));
    let without_enc = r#"{"alg":"PBES2-HS256+A128KW","p2c":2147483647,"p2s":"eA"}"#;
    check_tokens([
        (token_with_header(jwe), Some(Malformed)),
        (five, Some(Malformed)),
        // A token with five segments is not a JWS, whatever its header.
        (
            format!("{}.AAAA.AAAA.AAAA.AAAA", base64url(without_enc)),
            Some(Malformed),
        ),
        (token_with_header(without_enc), Some(UnsupportedAlgorithm)),
        (
            token_with_header(r#"{"alg":"dir"}"#),
            Some(UnsupportedAlgorithm),
        ),
    ]);
    let flattened = r#"{"protected":"eyJhbGciOiJIUzI1NiJ9","payload":"e30","signature":"AAAA"}"#;
    check_tokens([
        (flattened.to_owned(), Some(Malformed)),
        (base64url(flattened), Some(Malformed)),
    ]);
}

#[test]
fn a_key_in_the_token_header_is_ignored() {
    let own = other_signing_key(Algorithm::HS256);
    let public = other_signing_key(Algorithm::RS256).jwk();
    for (name, value) in [
        ("jwk", own.jwk()),
        ("jwk", public),
        ("jku", "https://evil.example.com/jwks".into()),
        ("x5u", "http://127.0.0.1:1/cert".into()),
        ("x5c", vec!["MIIB"].into()),
        ("jwk", serde_json::Value::Null),
    ] {
        let forged = jwt(own).header(name, value.clone()).build();
        let good = jwt(signing_key(Algorithm::HS256))
            .header(name, value)
            .build();
        check_tokens([(forged, Some(BadSignature)), (good, None)]);
    }
}

#[test]
fn a_hostile_key_id_is_only_compared() {
    let key = signing_key(Algorithm::HS256).clone().with_key_id("k");
    let verifier = hs256_builder().keys([key.verifying_key()]).build().unwrap();
    let huge = format!("\"{}\"", "k".repeat(100_000));
    for (kid, wanted) in [
        (r#""../../dev/null""#, None),
        (r#""k' OR '1'='1""#, None),
        (r#""k\u0000""#, None),
        (r#""""#, None),
        (&huge, None),
        ("7", Some(Malformed)),
        ("null", None),
        (r#"["k"]"#, Some(Malformed)),
        (r#"{"k":1}"#, Some(Malformed)),
    ] {
        let token = token_with_header(format!(r#"{{"alg":"HS256","kid":{kid}}}"#));
        // The first key has no ID, so that it is tried for all of them.
        assert_eq!(
            refusal(&verifier, &token),
            wanted,
            "{}",
            &kid[..kid.len().min(40)]
        );
    }
}
