//! For any token, the explanation has the verdict of the verifier, and its checks lead to it.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use futures_util::FutureExt;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};
use tower::ServiceExt;
use tower_bearer_auth::testing::{Fault, SigningKey, TestIssuer};
use tower_bearer_auth::verify::jwt::{CheckOutcome, ExplainedCheck, Explanation};
use tower_bearer_auth::{
    AccessToken, Algorithm, BearerToken, Clock, JwtVerifier, JwtVerifierBuilder, VerifyError,
};

use super::{AUDIENCE, ISSUER, NOW, builder, token_of, verdict};

struct Keys {
    known: Vec<SigningKey>,
    unknown: Vec<SigningKey>,
}

static KEYS: LazyLock<Keys> = LazyLock::new(|| {
    let ec = || SigningKey::generate(Algorithm::ES256);
    Keys {
        known: vec![
            ec().with_key_id("a"),
            ec().with_key_id("b"),
            SigningKey::generate(Algorithm::RS256).with_key_id("rsa"),
            SigningKey::generate(Algorithm::HS256),
        ],
        // The last two claim to be known ones.
        unknown: vec![ec().with_key_id("c"), ec().with_key_id("a"), ec()],
    }
});

/// Verifiers with local keys, each with the number of keys that it tries.
static VERIFIERS: LazyLock<Vec<(JwtVerifier, usize)>> = LazyLock::new(|| {
    let keys = || KEYS.known.iter().map(SigningKey::verifying_key);
    let named = || keys().take(2);
    let of = |builder: JwtVerifierBuilder| builder.build().unwrap();
    let lenient = || {
        JwtVerifier::builder()
            .accept_any_issuer()
            .accept_any_audience()
            .accept_missing_expiry()
            .accept_future_issued_at()
            .accept_unchecked_confirmation()
            .accept_numeric_subject()
            .accept_hash_claims()
            .clock(Clock::manual(super::at(NOW)))
    };
    vec![
        (of(builder().keys(keys())), 4),
        (of(builder().keys(named())), 4),
        (of(builder().keys(keys()).key_attempts(8)), 8),
        (of(builder().keys(keys()).rfc9068()), 4),
        (
            of(builder().keys(named()).algorithms([Algorithm::ES256])),
            4,
        ),
        (
            of(builder()
                .keys(keys())
                .required_claims(["jti", "/deep/claim"])),
            4,
        ),
        (
            of(builder().keys(keys()).claim_in("tenant", ["t1", "t2"])),
            4,
        ),
        (
            of(builder()
                .keys(keys())
                .scope_claims(["tenant"])
                .client_id_claims(["tenant"])),
            4,
        ),
        (of(lenient().keys(keys()).name("lenient")), 4),
    ]
});

/// A token that may have several faults.
#[derive(Debug, Clone)]
struct Plan {
    key: usize,
    header: Vec<(&'static str, Value)>,
    claims: Vec<(&'static str, Value)>,
    change: Change,
}

#[derive(Debug, Clone)]
enum Change {
    None,
    Tampered,
    Stripped,
    Cut(usize),
    /// Another character at this position.
    Replaced(usize, char),
    Longer,
}

impl Plan {
    fn build(&self, issuer: &str) -> String {
        let key = KEYS
            .known
            .iter()
            .chain(&KEYS.unknown)
            .nth(self.key)
            .unwrap();
        let mut token = token_of(key).issuer(issuer);
        for (name, value) in &self.header {
            token = match value {
                Value::Null => token.without_header(name),
                value => token.header(*name, value.clone()),
            };
        }
        for (name, value) in &self.claims {
            token = match value {
                Value::Null => token.without_claim(*name),
                value if value == "ISSUER/" => token.claim(*name, format!("{issuer}/")),
                value => token.claim(*name, value.clone()),
            };
        }
        let mut text = match self.change {
            Change::Tampered => token.tampered().build(),
            Change::Stripped => token.stripped_signature().build(),
            Change::None | Change::Cut(_) | Change::Replaced(..) | Change::Longer => token.build(),
        };
        match self.change {
            Change::None | Change::Tampered | Change::Stripped => {}
            Change::Cut(length) => text.truncate(length % text.len()),
            Change::Replaced(position, character) => {
                let position = position % text.len();
                text.replace_range(position..=position, character.encode_utf8(&mut [0; 4]));
            }
            Change::Longer => text.push_str(".x"),
        }
        text
    }
}

fn some(
    table: Vec<(&'static str, Value)>,
    at_most: usize,
) -> impl Strategy<Value = Vec<(&'static str, Value)>> {
    prop::collection::vec(prop::sample::select(table), 0..=at_most)
}

fn plan() -> impl Strategy<Value = Plan> {
    let header = vec![
        ("typ", json!("at+jwt")),
        ("typ", json!("dpop+jwt")),
        ("typ", Value::Null),
        ("typ", json!(7)),
        ("kid", json!("a")),
        ("kid", json!("zzz")),
        ("kid", Value::Null),
        ("alg", json!("none")),
        ("alg", json!("RS256")),
        ("alg", json!("HS256")),
        ("alg", Value::Null),
        ("crit", json!(["exp"])),
        ("jku", json!("https://else.test/jwks")),
    ];
    let claims = vec![
        ("iss", json!("https://else.test")),
        ("iss", json!("ISSUER/")),
        ("iss", Value::Null),
        ("iss", json!(7)),
        ("aud", json!(["x", AUDIENCE])),
        ("aud", json!("x")),
        ("aud", Value::Null),
        ("aud", json!({})),
        ("exp", json!(NOW - 60)),
        ("exp", json!(NOW - 59)),
        ("exp", json!("later")),
        ("exp", Value::Null),
        ("nbf", json!(NOW + 61)),
        ("nbf", json!(NOW + 60)),
        ("iat", json!(NOW + 61)),
        ("sub", json!(7)),
        ("jti", json!("j")),
        ("deep", json!({"claim": 1})),
        ("tenant", json!("t1")),
        ("tenant", json!("t3")),
        ("tenant", json!(7)),
        ("at_hash", json!("h")),
        ("token_use", json!("id")),
        ("typ", json!("refresh")),
        ("cnf", json!({"jkt": "x"})),
        ("scope", json!("read secret-scope")),
        ("scope", json!(7)),
    ];
    let change = prop_oneof![
        12 => Just(Change::None),
        2 => Just(Change::Tampered),
        1 => Just(Change::Stripped),
        1 => any::<usize>().prop_map(Change::Cut),
        2 => (any::<usize>(), prop::sample::select(vec!['.', 'A', '=', ' ', '"']))
            .prop_map(|(position, character)| Change::Replaced(position, character)),
        1 => Just(Change::Longer),
    ];
    (0..7_usize, some(header, 2), some(claims, 3), change).prop_map(
        |(key, header, claims, change)| Plan {
            key,
            header,
            claims,
            change,
        },
    )
}

fn is_about_the_signature(check: &ExplainedCheck) -> bool {
    ["keys", "signature"].contains(&check.name())
}

/// Asserts that the checks lead to the verdict, and that nothing secret is shown.
fn assert_sound(
    explanation: &Explanation,
    result: Result<&AccessToken, &VerifyError>,
    token: &str,
    attempts: usize,
) {
    assert_eq!(
        verdict(explanation.verdict()),
        verdict(result),
        "{explanation}"
    );
    let failed = |check: &&ExplainedCheck| check.outcome() == CheckOutcome::Failed;
    let first = explanation.checks().iter().find(failed);
    assert_eq!(first.is_some(), result.is_err(), "{explanation}");
    if let Some(first) = first {
        let decisive = explanation
            .decisive()
            .unwrap_or_else(|| panic!("{explanation}"));
        let reason = decisive
            .reason()
            .map_or("unavailable", |reason| reason.as_str());
        assert_eq!(reason, verdict(result), "{explanation}");
        // The documented exceptions.
        let claims_are_first = |check: &ExplainedCheck| {
            let has_key = check.name() == "signature" && check.outcome() == CheckOutcome::Failed;
            let has_key = has_key
                && !explanation
                    .checks()
                    .iter()
                    .any(|c| c.name() == "keys" && failed(&c));
            is_about_the_signature(check) && (attempts > 4 || !has_key || reason == "not_yet_valid")
        };
        let is_first = first.name() == decisive.name();
        assert!(
            is_first || reason == "wrong_issuer" || claims_are_first(first),
            "{explanation}"
        );
    }
    let text = explanation.to_string();
    let signature = token.rsplit('.').next().unwrap();
    assert!(signature.len() < 20 || !text.contains(signature), "{text}");
    let debug = format!("{explanation:?}");
    for secret in [ISSUER, AUDIENCE, "alice", "secret-scope", "else.test"] {
        assert!(!debug.contains(secret), "{debug}");
    }
}

fn verify(verifier: &JwtVerifier, token: &str) -> Option<Result<AccessToken, VerifyError>> {
    let token: BearerToken = token.parse().ok()?;
    verifier.clone().oneshot(token).now_or_never()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3_000))]
    #[test]
    fn an_explanation_agrees_with_the_verifier(plan in plan(), which in 0..9_usize) {
        let (verifier, attempts) = &VERIFIERS[which];
        let token = plan.build(ISSUER);
        let explanation = verifier.explain(&token).now_or_never().unwrap();
        let Some(result) = verify(verifier, token.trim()) else {
            prop_assert_eq!(verdict(explanation.verdict()), "malformed");
            return Ok(());
        };
        assert_sound(&explanation, result.as_ref(), &token, *attempts);
    }
}

/// Explains random tokens with a verifier that fetches its keys. Returns the verdicts.
async fn explain_many(issuer: &TestIssuer, count: usize) -> BTreeSet<&'static str> {
    let public = KEYS.known.iter();
    let public = public.filter(|key| key.algorithm() != Algorithm::HS256);
    issuer.publish(Some(SigningKey::jwk_set(public)));
    let verifier = JwtVerifier::builder()
        .discover(issuer.issuer())
        .audience(AUDIENCE)
        .clock(Clock::manual(super::at(NOW)))
        .build()
        .unwrap();
    let mut runner = TestRunner::deterministic();
    let plan = plan();
    let mut verdicts = BTreeSet::new();
    for _ in 0..count {
        let plan = plan.new_tree(&mut runner).unwrap().current();
        let token = plan.build(&issuer.issuer());
        let explanation = verifier.explain(&token).await;
        let Ok(token) = token.trim().parse::<BearerToken>() else {
            assert_eq!(verdict(explanation.verdict()), "malformed");
            continue;
        };
        let result = verifier.clone().oneshot(token.clone()).await;
        assert_sound(&explanation, result.as_ref(), token.as_str(), 4);
        verdicts.insert(verdict(result.as_ref()));
    }
    verdicts
}

#[tokio::test]
async fn an_explanation_agrees_with_a_verifier_whose_keys_are_fetched() {
    let issuer = TestIssuer::start().await;
    let verdicts = explain_many(&issuer, 1_000).await;
    assert!(
        verdicts.len() >= 8 && verdicts.contains("accepted"),
        "{verdicts:?}"
    );
}

#[tokio::test]
async fn an_explanation_agrees_with_a_verifier_whose_keys_cannot_be_fetched() {
    let issuer = TestIssuer::start().await;
    issuer.jwks_fault(Some(Fault::Status(http::StatusCode::BAD_GATEWAY)));
    let verdicts = explain_many(&issuer, 500).await;
    assert!(
        verdicts.contains("unavailable") && verdicts.contains("expired"),
        "{verdicts:?}"
    );
    assert!(!verdicts.contains("accepted"), "{verdicts:?}");
}
