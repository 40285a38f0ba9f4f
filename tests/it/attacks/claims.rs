//! Tokens with a valid signature and invalid claims.

use serde_json::json;

use super::tokens::{Attack, good};
use super::{AUDIENCE, ISSUER, Keys};

/// Valid claims, except that `name` has this JSON value.
pub(super) fn claims(name: &str, json: &str) -> String {
    let usual = [
        ("iss", format!("{ISSUER:?}")),
        ("aud", format!("{AUDIENCE:?}")),
        ("exp", "4102444800".to_owned()),
    ];
    let others = usual.iter().filter(|(usual, _)| *usual != name);
    let others = others.map(|(name, json)| format!("{name:?}:{json},"));
    format!("{{{}{name:?}:{json}}}", others.collect::<String>())
}

/// RFC 7519 §4.1, RFC 8725 §3.8, §3.9.
pub(super) fn bad_claims(keys: &Keys) -> Vec<Attack> {
    let table = [
        ("iss", r#"["https://issuer.example.com"]"#, "CVE-2025-30144"),
        (
            "iss",
            r#"["https://evil.example","https://issuer.example.com"]"#,
            "CVE-2025-30144",
        ),
        ("iss", r#""https://issuer.example.com/""#, "trailing slash"),
        (
            "iss",
            r#""https://issuer.example.com.evil.example""#,
            "prefix",
        ),
        ("iss", r#""https://issuer.example""#, "shorter"),
        ("iss", r#""HTTPS://issuer.example.com""#, "another case"),
        (
            "iss",
            r#""https://issuer.example.com@evil.example""#,
            "userinfo",
        ),
        ("iss", r#""https://issuer.example.com\u0000""#, "a NUL"),
        (
            "iss",
            r#""https://issuer.example.com:443""#,
            "the usual port",
        ),
        (
            "iss",
            r#""https://issuer.example.com/.""#,
            "a path to the same",
        ),
        ("iss", r#"{"0":"https://issuer.example.com"}"#, "an object"),
        ("iss", "null", "RFC 7519 §4.1.1"),
        ("aud", r#""https://api.example.com.evil.example""#, "prefix"),
        ("aud", r#"["https://other.example.com"]"#, "another's"),
        ("aud", r#""https://api.example.com/""#, "trailing slash"),
        (
            "aud",
            r#""https://api.example.com https://other.example.com""#,
            "two in one",
        ),
        ("aud", r#"["https://api.example.com",7]"#, "one is no name"),
        ("aud", r#"[["https://api.example.com"]]"#, "nested"),
        ("aud", "true", "a boolean"),
        ("aud", "[]", "empty"),
        ("aud", r#"{"0":"https://api.example.com"}"#, "an object"),
        ("aud", "null", "RFC 7519 §4.1.3"),
        ("exp", r#""4102444800""#, "a string (CVE-2026-25537)"),
        ("exp", "null", "no number"),
        ("exp", "1", "long ago"),
        ("exp", "-4102444800", "negative"),
        ("exp", "1e400", "infinite"),
        ("exp", "4102444800000", "milliseconds"),
        ("exp", "true", "a boolean"),
        ("exp", "0", "the beginning of time"),
        ("exp", "-0", "and its other spelling"),
        ("exp", "1.5", "long ago, and a half"),
        ("exp", "1e18", "no date"),
        (
            "exp",
            "9223372036854775808",
            "more than an i64 (CVE-2026-25537)",
        ),
        (
            "exp",
            "18446744073709551617",
            "more than a u64, and 1 with less",
        ),
        ("exp", "[4102444800]", "an array"),
        ("exp", "{}", "an object"),
        ("exp", r#""""#, "an empty string"),
        ("nbf", "1e400", "never"),
        ("nbf", "[]", "an array"),
        ("iat", r#""1""#, "a string"),
        ("nbf", "4102444799", "not yet"),
        ("nbf", r#""0""#, "a string (CVE-2026-25537)"),
        ("iat", "4102444799", "from the future"),
        ("sub", r#""alice","sub":"admin""#, "twice"),
        ("x", r#"1,"exp":9999999999"#, "exp twice"),
        ("x", "NaN", "no JSON"),
    ];
    let attack = |(name, json, why): (&str, &str, &str)| {
        let token = good(&keys.eddsa).raw_claims(claims(name, json)).build();
        (format!("{name} {json}: {why}"), token)
    };
    table.into_iter().map(attack).collect()
}

/// RFC 8725 §3.11, §3.12.
pub(super) fn other_tokens(keys: &Keys) -> Vec<Attack> {
    let token = || good(&keys.rs256);
    let bound = json!({"jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"});
    vec![
        (
            "an ID token: at_hash".into(),
            token().claim("at_hash", "x").build(),
        ),
        (
            "an ID token: c_hash".into(),
            token().claim("c_hash", "x").build(),
        ),
        (
            "an ID token: token_use".into(),
            token().claim("token_use", "id").build(),
        ),
        (
            "a refresh token".into(),
            token().claim("typ", "Refresh").build(),
        ),
        (
            "a logout token".into(),
            token().token_type("logout+jwt").build(),
        ),
        (
            "a logout token: events".into(),
            token().claim("events", json!({})).build(),
        ),
        (
            "a DPoP proof".into(),
            token().token_type("dpop+jwt").build(),
        ),
        (
            "a bound token as a plain one (RFC 7800)".into(),
            token().claim("cnf", bound).build(),
        ),
        (
            "bound to a certificate (RFC 8705 §3.1)".into(),
            token()
                .claim(
                    "cnf",
                    json!({"x5t#S256": "bwcK0esc3ACC3DB2Y5_lESsXE8o9ltc05O89jdN-dg2"}),
                )
                .build(),
        ),
        (
            "bound to nothing".into(),
            token().claim("cnf", json!({})).build(),
        ),
        ("cnf null".into(), token().claim("cnf", json!(null)).build()),
        ("no expiry".into(), token().without_claim("exp").build()),
        ("no issuer".into(), token().without_claim("iss").build()),
        ("no audience".into(), token().without_claim("aud").build()),
    ]
}
