//! What an explanation shows of the claims, the keys and the layer.

use std::collections::BTreeSet;

use tower_bearer_auth::testing::SigningKey;
use tower_bearer_auth::verify::jwt::{CheckOutcome, ExplainedCheck};
use tower_bearer_auth::{Algorithm, BearerAuthLayer, JwtVerifier};
use tower_layer::Layer;

use super::{
    AUDIENCE, ISSUER, NOW, assert_decided, at, builder, check, explain, key, token, token_of,
    verdict, verifier,
};
use crate::support::{Inner, get_with, serve};

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
