//! Each reason of a refusal: the verdict, the check that decides, and what to change.

use std::collections::BTreeSet;

use tower_bearer_auth::testing::SigningKey;
use tower_bearer_auth::verify::jwt::{CheckOutcome, ExplainedCheck};
use tower_bearer_auth::{Algorithm, BearerAuthLayer, InvalidReason, JwtVerifier};
use tower_layer::Layer;

use super::{
    AUDIENCE, ISSUER, NOW, assert_decided, at, builder, check, explain, failed, key, token,
    token_of, verdict, verifier,
};
use crate::support::{Inner, get_with, serve};

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
async fn what_the_layer_checks_is_named_with_its_reasons() {
    let explanation = explain(&verifier(), &token().build()).await;
    assert_eq!(verdict(explanation.verdict()), "accepted");
    let request = check(&explanation, "request");
    assert_eq!(request.outcome(), CheckOutcome::NotApplicable);
    let text = request.found().unwrap();
    for reason in [
        "proof_…",
        "not_bound_to_key",
        "revoked",
        "insufficient_scope",
    ] {
        assert!(text.contains(reason), "{text}");
    }
}

#[tokio::test]
async fn a_token_that_is_too_long_for_a_default_layer_is_noted() {
    let layer = BearerAuthLayer::new(verifier());
    let server = serve(layer.layer(Inner::default())).await;
    let mut bytes = 10_000;
    let mut lengths = BTreeSet::new();
    while bytes < 13_000 {
        let token = token().claim("groups", "g".repeat(bytes)).build();
        let is_long = token.len() > 16 * 1024;
        let explanation = explain(&verifier(), &token).await;
        assert_eq!(verdict(explanation.verdict()), "accepted");
        let length = check(&explanation, "length");
        assert_eq!(length.outcome() == CheckOutcome::Noted, is_long);
        assert_eq!(
            length.advice().is_some_and(|a| a.contains("too_long")),
            is_long
        );
        let answer = get_with(server, &token).await;
        match is_long {
            true => answer.assert_invalid_token("The access token is too long"),
            false => answer.assert_passed(),
        }
        lengths.insert(is_long);
        bytes += 250;
    }
    assert_eq!(lengths.len(), 2);
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

#[tokio::test]
async fn checks_that_do_not_apply_and_values_of_the_token_are_shown() {
    let lenient = JwtVerifier::builder()
        .key(key().verifying_key())
        .accept_any_issuer()
        .accept_any_audience()
        .accept_future_issued_at()
        .accept_unchecked_confirmation()
        .name("lenient")
        .clock(tower_bearer_auth::Clock::manual(at(NOW)))
        .build()
        .unwrap();
    let token = token()
        .scopes(["read", "write"])
        .client_id("app")
        .expires_in(std::time::Duration::from_secs(u32::MAX.into()))
        .build();
    let explanation = explain(&lenient, &token).await;
    assert_eq!(verdict(explanation.verdict()), "accepted");
    assert!(explanation.is_signed() && explanation.decisive().is_none());
    for (name, outcome, found) in [
        ("iss", CheckOutcome::NotApplicable, format!("\"{ISSUER}\"")),
        (
            "aud",
            CheckOutcome::NotApplicable,
            format!("\"{AUDIENCE}\""),
        ),
        (
            "iat",
            CheckOutcome::NotApplicable,
            "2027-01-15T08:00:00Z, now".into(),
        ),
        ("cnf", CheckOutcome::NotApplicable, "none".into()),
        ("scopes", CheckOutcome::Passed, "read write".into()),
        ("client", CheckOutcome::Passed, "\"app\"".into()),
        ("sub", CheckOutcome::Passed, "\"alice\"".into()),
        ("kind", CheckOutcome::Passed, "an access token".into()),
    ] {
        let check = check(&explanation, name);
        assert_eq!(check.outcome(), outcome, "{name}");
        assert_eq!(check.found(), Some(&*found), "{name}");
    }
}

#[tokio::test]
async fn rights_in_a_claim_that_is_not_configured_are_noted() {
    for (claims, advice) in [
        (
            serde_json::json!({"permissions": ["read"]}),
            Some("scope_claims([\"permissions\"])"),
        ),
        (
            serde_json::json!({"realm_access": {"roles": ["read"]}}),
            Some("scope_claims([\"/realm_access/roles\"])"),
        ),
        (serde_json::json!({"roles": ["a"], "scope": "read"}), None),
        (serde_json::json!({}), None),
    ] {
        let explanation = explain(&verifier(), &token().claims(claims).build()).await;
        let scopes = check(&explanation, "scopes");
        assert_eq!(scopes.outcome() == CheckOutcome::Noted, advice.is_some());
        let contains = |advice| scopes.advice().is_some_and(|text| text.contains(advice));
        assert!(advice.is_none_or(contains), "{explanation}");
    }
    let explanation = explain(&verifier(), &token().claim("scope", "read ü").build()).await;
    let found = check(&explanation, "scopes").found().unwrap();
    assert!(found.starts_with("read; 1 name with"), "{found}");
}

#[tokio::test]
async fn a_verifier_that_accepts_few_algorithms_names_them() {
    let rsa = SigningKey::generate(Algorithm::RS256);
    let verifier = builder()
        .key(rsa.verifying_key())
        .key(key().verifying_key())
        .algorithms([Algorithm::RS256, Algorithm::HS256])
        .build()
        .unwrap();
    let token = token_of(&rsa.with_algorithm(Algorithm::PS256)).build();
    let explanation = explain(&verifier, &token).await;
    assert_decided(&explanation, "unsupported_algorithm", "algorithm");
    let algorithm = check(&explanation, "algorithm");
    assert_eq!(algorithm.expected(), Some("HS256, RS256"));
    assert!(
        algorithm.advice().unwrap().contains("algorithms(..)"),
        "{explanation}"
    );
}

#[tokio::test]
async fn the_keys_are_listed_with_what_became_of_each() {
    let [first, second, third] =
        ["a", "b", "c"].map(|name| SigningKey::generate(Algorithm::ES256).with_key_id(name));
    let unnamed = SigningKey::generate(Algorithm::ES256);
    let rsa = SigningKey::generate(Algorithm::RS256).with_key_id("b");
    let keys = [&first, &second, &unnamed, &rsa, &key()].map(SigningKey::verifying_key);
    let verifier = builder().keys(keys).build().unwrap();
    let lines = |explanation: &super::Explanation| -> Vec<String> {
        let keys = check(explanation, "keys");
        keys.details().map(str::to_owned).collect()
    };

    let explanation = explain(&verifier, &token_of(&second).build()).await;
    assert_eq!(
        lines(&explanation),
        [
            "5 keys in the configuration:",
            "  \"b\" (ES256): made the signature",
            "  a key without kid (ES256): not tried, since another key made the signature",
            "  \"a\" (ES256): not tried, since it has another kid",
            "  \"b\" (RS256): not tried, since it is for another algorithm",
            "  \"key-1\" (HS256): not tried, since it is for another algorithm",
        ]
    );
    let explanation = explain(&verifier, &token_of(&third).key_id("a").build()).await;
    assert_decided(&explanation, "bad_signature", "signature");
    assert_eq!(
        lines(&explanation)[1..3],
        [
            "  \"a\" (ES256): did not make the signature",
            "  a key without kid (ES256): did not make the signature",
        ]
    );

    let many: Vec<_> = (0..30)
        .map(|_| SigningKey::generate(Algorithm::ES256))
        .collect();
    let keys = many.iter().map(SigningKey::verifying_key);
    let verifier = builder().keys(keys).build().unwrap();
    let explanation = explain(&verifier, &token_of(&many[29]).build()).await;
    let lines = lines(&explanation);
    assert_eq!(lines.len(), 1 + 20 + 1);
    assert_eq!(
        lines[5],
        "  a key without kid (ES256): not tried, since key_attempts(..) is exhausted"
    );
    assert_eq!(lines[21], "  and 10 more");
    let names = explanation.checks().iter().map(ExplainedCheck::name);
    assert_eq!(names.filter(|name| *name == "keys").count(), 1);
}
