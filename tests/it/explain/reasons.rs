//! Each reason of a refusal: the the check that decides, and what to change.

use std::collections::BTreeSet;

use tower_bearer_auth::testing::SigningKey;
use tower_bearer_auth::{Algorithm, InvalidReason, JwtVerifier};

use super::{
    ISSUER, NOW, assert_decided, at, builder, check, explain, failed, key, token, token_of,
    verifier,
};

/// A token that a verifier refuses.
struct Case {
    verifier: JwtVerifier,
    token: String,
    reason: InvalidReason,
    check: &'static str,
    /// A part of the advice.
    advice: &'static str,
}

fn with(
    verifier: JwtVerifier,
    token: String,
    reason: InvalidReason,
    words: [&'static str; 2],
) -> Case {
    let [check, advice] = words;
    Case {
        verifier,
        token,
        reason,
        check,
        advice,
    }
}

fn usual(token: String, reason: InvalidReason, words: [&'static str; 2]) -> Case {
    with(verifier(), token, reason, words)
}

fn cases() -> Vec<Case> {
    use InvalidReason::*;

    let signed = || builder().key(key().verifying_key());
    let ec = SigningKey::generate(Algorithm::ES256).with_key_id("key-1");
    let of_ec = || builder().key(ec.verifying_key()).build().unwrap();
    let other = SigningKey::generate(Algorithm::ES256).with_key_id("key-1");
    let cut = |token: String| token.rsplit_once('.').unwrap().0.to_owned();
    let too_short = |token: String| format!("{}.AAAA", cut(token));
    vec![
        usual(
            "0J7ZkQ".into(),
            Malformed,
            ["segments", "IntrospectionVerifier"],
        ),
        usual("a.b.c.d.e".into(), Malformed, ["segments", "JWE"]),
        usual(
            cut(token().build()),
            Malformed,
            ["segments", "signature is missing"],
        ),
        usual(
            "*.b.c".replace('*', "_w"),
            Malformed,
            ["header", "cut or changed"],
        ),
        usual(
            token().critical(["exp"]).build(),
            Malformed,
            ["header", "extension"],
        ),
        usual(
            token().header("zip", "DEF").build(),
            Malformed,
            ["header", "compressed"],
        ),
        usual(
            token().without_header("alg").build(),
            Malformed,
            ["header", "header"],
        ),
        usual(
            token().raw_claims("[]").build(),
            Malformed,
            ["payload", "payload"],
        ),
        usual(
            token().raw_claims([0xff]).build(),
            Malformed,
            ["payload", "cut or changed"],
        ),
        usual(
            token().claim("sub", 7).build(),
            Malformed,
            ["payload", "accept_numeric_subject"],
        ),
        usual(
            token().claim("exp", "soon").build(),
            Malformed,
            ["payload", "seconds"],
        ),
        usual(
            format!("{}.A", cut(token().build())),
            Malformed,
            ["signature", "cut or changed"],
        ),
        usual(
            token().unsigned().build(),
            UnsupportedAlgorithm,
            ["alg", "every client"],
        ),
        usual(
            token().header("alg", "XY").build(),
            UnsupportedAlgorithm,
            ["alg", "another algorithm"],
        ),
        usual(
            token_of(&ec).build(),
            UnsupportedAlgorithm,
            ["algorithm", "No configured key"],
        ),
        with(
            of_ec(),
            token().build(),
            UnsupportedAlgorithm,
            ["algorithm", "secret(..)"],
        ),
        usual(
            token().key_id("key-2").build(),
            UnknownKey,
            ["keys", "Add the key"],
        ),
        usual(
            token().tampered().build(),
            BadSignature,
            ["signature", "base64"],
        ),
        with(
            of_ec(),
            token_of(&other).build(),
            BadSignature,
            ["signature", "same kid"],
        ),
        usual(
            too_short(token().build()),
            BadSignature,
            ["signature", "was cut"],
        ),
        usual(
            token().expires_at(at(NOW - 90)).build(),
            Expired,
            ["exp", "new token"],
        ),
        usual(
            token().not_before(at(NOW + 90)).build(),
            NotYetValid,
            ["nbf", "leeway(..)"],
        ),
        usual(
            token().issued_at(at(NOW + 90)).build(),
            NotYetValid,
            ["iat", "accept_future_issued_at"],
        ),
        usual(
            token().issuer("https://else.test").build(),
            WrongIssuer,
            ["iss", "ByIssuer"],
        ),
        usual(
            token().issuer(format!("{ISSUER}/")).build(),
            WrongIssuer,
            ["iss", "issuer(\"https://issuer.example.com/\")"],
        ),
        usual(
            token().audience("https://else.test").build(),
            WrongAudience,
            ["aud", "resource="],
        ),
        usual(
            token().audiences(["a", "b"]).build(),
            WrongAudience,
            ["aud", "audience(..)"],
        ),
        usual(
            token().token_type("dpop+jwt").build(),
            WrongType,
            ["typ", "DPoP proof"],
        ),
        usual(
            token().token_type("x+jwt").build(),
            WrongType,
            ["typ", "also_token_types([\"x+jwt\"])"],
        ),
        usual(
            token().token_type("oauth-id-jag+jwt").build(),
            WrongType,
            ["typ", "exchange"],
        ),
        with(
            signed().rfc9068().build().unwrap(),
            token().build(),
            WrongType,
            ["typ", "at+jwt"],
        ),
        usual(
            token().claim("at_hash", "x").build(),
            WrongType,
            ["kind", "accept_hash_claims()"],
        ),
        usual(
            token().claim("token_use", "id").build(),
            WrongType,
            ["kind", "ID token"],
        ),
        usual(
            token().without_claim("aud").build(),
            MissingClaim,
            ["aud", "Cognito"],
        ),
        usual(
            token().without_claim("iss").build(),
            MissingClaim,
            ["iss", "accept_any_issuer"],
        ),
        usual(
            token().without_claim("exp").build(),
            MissingClaim,
            ["exp", "accept_missing_expiry"],
        ),
        with(
            signed().required_claims(["tenant"]).build().unwrap(),
            token().build(),
            MissingClaim,
            ["required tenant", "required_claims(..)"],
        ),
        with(
            signed().claim_in("tenant", ["a"]).build().unwrap(),
            token().claim("tenant", "b").build(),
            InvalidClaim,
            ["value of tenant", "claim_in(\"tenant\", ..)"],
        ),
        with(
            signed().scope_claims(["rights"]).build().unwrap(),
            token().claim("rights", 7).build(),
            InvalidClaim,
            ["scopes", "rights has another type"],
        ),
        with(
            signed().client_id_claims(["rights"]).build().unwrap(),
            token().claim("rights", 7).build(),
            InvalidClaim,
            ["client", "rights has another type"],
        ),
        usual(
            token()
                .claims(serde_json::json!({"cnf": {"jkt": "x"}}))
                .build(),
            BoundToKey,
            ["cnf", "dpop(..)"],
        ),
    ]
}

#[tokio::test]
async fn each_refusal_names_its_check_and_what_to_change() {
    for case in cases() {
        let explanation = explain(&case.verifier, &case.token).await;
        assert_decided(&explanation, case.reason.as_str(), case.check);
        let decisive = check(&explanation, case.check);
        assert_eq!(decisive.reason(), Some(case.reason));
        let advice = decisive.advice().unwrap_or_else(|| panic!("{explanation}"));
        assert!(
            advice.contains(case.advice),
            "{}: {explanation}",
            case.advice
        );
        assert!(decisive.found().is_some(), "{explanation}");
        let text = explanation.to_string();
        let start = format!(
            "REFUSED: {}. {}.",
            case.reason.as_str(),
            case.reason.description()
        );
        assert!(text.starts_with(&start), "{text}");
    }
}

/// The reasons that a JWT verifier does not give, and where their explanation stands.
const OF_OTHERS: [&str; 5] = [
    "too_long",
    "proof_key",
    "not_bound_to_key",
    "unrecognized",
    "revoked",
];

#[test]
fn there_is_a_case_for_each_reason() {
    let source = include_str!("../../../src/invalid_reason.rs");
    let names = source.lines().filter_map(|line| {
        let (variant, name) = line.trim().split_once(" => \"")?;
        let name = name.strip_suffix("\",")?;
        let is_name = name
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte == b'_');
        (variant.starts_with("Self::") && is_name).then(|| name.to_owned())
    });
    let names: BTreeSet<String> = names.collect();
    assert!(names.len() >= 17, "{names:?}");

    let explained = cases().into_iter().map(|case| case.reason.as_str());
    // `Other` is a sentence of a custom verifier.
    let explained = explained.chain(OF_OTHERS).chain(["other"]);
    let explained: BTreeSet<String> = explained.map(str::to_owned).collect();
    assert_eq!(names, explained);
}

#[tokio::test]
async fn all_faults_are_shown_at_once() {
    let token = token()
        .token_type("x+jwt")
        .audience("https://else.test")
        .expires_at(at(NOW - 7500))
        .claim("token_use", "id")
        .tampered()
        .build();
    let explanation = explain(&verifier(), &token).await;
    assert_eq!(
        failed(&explanation),
        ["typ", "signature", "kind", "aud", "exp"]
    );
    assert_decided(&explanation, "wrong_type", "typ");
    assert!(!explanation.is_signed());
    let exp = check(&explanation, "exp");
    assert_eq!(
        exp.found(),
        Some("2027-01-15T05:55:00Z, 2 hours 5 minutes ago")
    );
    assert_eq!(
        exp.expected(),
        Some("a date in the future, with 1 minute of leeway")
    );
    let text = explanation.to_string();
    assert!(
        text.contains("Claims (not trusted: they may be forged)"),
        "{text}"
    );
}

#[tokio::test]
async fn the_issuer_takes_precedence_over_other_faults() {
    let token = token()
        .issuer("https://else.test")
        .token_type("x+jwt")
        .tampered();
    let explanation = explain(&verifier(), &token.build()).await;
    assert_decided(&explanation, "wrong_issuer", "iss");
    assert_eq!(failed(&explanation), ["typ", "signature", "iss"]);
    // Also if the claims cannot be read as those of the configured issuer.
    let token = super::token().issuer("https://else.test").claim("sub", 7);
    let explanation = explain(&verifier(), &token.build()).await;
    assert_decided(&explanation, "wrong_issuer", "iss");
    assert_eq!(failed(&explanation), ["payload", "iss"]);
}
