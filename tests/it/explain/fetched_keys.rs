//! Keys that are fetched, that are left out of the set, and that cannot be fetched.

use http::StatusCode;
use serde_json::json;
use tower_bearer_auth::jwks::{Fetched, KeySource, Validators};
use tower_bearer_auth::testing::{Fault, SigningKey, TestIssuer};
use tower_bearer_auth::verify::jwt::{CheckOutcome, Explanation};
use tower_bearer_auth::{Algorithm, Clock, JwtVerifier};

use super::{AUDIENCE, assert_decided, check, explain, failed, verdict};
use crate::support::Logs;

fn discovering(issuer: &TestIssuer) -> JwtVerifier {
    JwtVerifier::builder()
        .discover(issuer.issuer())
        .audience(AUDIENCE)
        .build()
        .unwrap()
}

fn lines(explanation: &Explanation) -> String {
    check(explanation, "keys")
        .details()
        .collect::<Vec<_>>()
        .join("\n")
}

#[tokio::test]
async fn the_keys_are_fetched_also_for_a_token_with_unacceptable_claims() {
    let issuer = TestIssuer::start().await;
    let token = issuer.token().audience("https://else.test").build();
    let verifier = discovering(&issuer);
    let explanation = explain(&verifier, &token).await;
    assert_decided(&explanation, "wrong_audience", "aud");
    assert_eq!(failed(&explanation), ["aud"]);
    assert!(explanation.is_signed());
    assert_eq!(issuer.jwks_requests(), 1);
    let lines = lines(&explanation);
    assert!(lines.contains("1 key from http://127.0.0.1:"), "{lines}");
    assert!(
        lines.contains("\"key-1\" (ES256): made the signature"),
        "{lines}"
    );
    explain(&verifier, &token).await;
    assert_eq!(issuer.jwks_requests(), 1);
}

#[tokio::test]
async fn a_text_without_a_header_causes_no_fetch() {
    let issuer = TestIssuer::start().await;
    let verifier = discovering(&issuer);
    for text in ["", "opaque", "a.b.c", "Bearer"] {
        let explanation = verifier.explain(text).await;
        assert_eq!(verdict(explanation.verdict()), "malformed");
    }
    let unsigned = issuer.token().audience(AUDIENCE).unsigned().build();
    assert_decided(
        &explain(&verifier, &unsigned).await,
        "unsupported_algorithm",
        "alg",
    );
    assert_eq!((issuer.metadata_requests(), issuer.jwks_requests()), (0, 0));
}

#[tokio::test]
async fn a_new_key_is_fetched_as_by_the_verifier() {
    let issuer = TestIssuer::start().await;
    let verifier = discovering(&issuer);
    let old = issuer.token().audience(AUDIENCE).build();
    assert_eq!(
        verdict(explain(&verifier, &old).await.verdict()),
        "accepted"
    );
    issuer.rotate();
    issuer.retire_old_keys();
    let new = issuer.token().audience(AUDIENCE).build();
    assert_eq!(verdict(verifier.explain(&new).await.verdict()), "accepted");

    let explanation = verifier.explain(&old).await;
    assert_decided(&explanation, "unknown_key", "keys");
    let keys = check(&explanation, "keys");
    assert_eq!(
        keys.expected(),
        Some("a key for ES256 with the kid \"key-1\"")
    );
    assert!(
        keys.advice().unwrap().contains("replaced the key"),
        "{explanation}"
    );
    assert!(lines(&explanation).contains("\"key-2\" (ES256): not tried, since it has another kid"));
    assert_eq!(
        check(&explanation, "signature").outcome(),
        CheckOutcome::NotReached
    );
}

#[tokio::test]
async fn keys_that_are_left_out_are_listed_with_the_reason() {
    let issuer = TestIssuer::start().await;
    let [weak, encrypts, good] = ["weak", "enc", "good"]
        .map(|name| SigningKey::generate(Algorithm::ES256).with_key_id(name));
    let n = format!("w{}", "A".repeat(169)) + "E";
    let mut encrypts_jwk = encrypts.jwk();
    encrypts_jwk["use"] = json!("enc");
    issuer.publish(Some(json!({"keys": [
        good.jwk(),
        {"kty": "RSA", "kid": "weak", "n": n, "e": "AQAB"},
        encrypts_jwk,
        {"kty": "oct", "kid": "shared", "k": "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXNlY3JldA"},
        {"kty": "EC", "crv": "P-256"},
    ]})));
    let verifier = discovering(&issuer);
    let token = |key: &SigningKey| key.token().issuer(issuer.issuer()).audience(AUDIENCE);

    let explanation = verifier.explain(&token(&encrypts).build()).await;
    assert_decided(&explanation, "unknown_key", "keys");
    let advice = check(&explanation, "keys").advice().unwrap();
    assert!(
        advice.contains("left out of the set: it is for another purpose"),
        "{advice}"
    );
    let lines = lines(&explanation);
    for line in [
        "left out of the set:",
        "  \"weak\": an RSA key of fewer than 2048",
        "  \"enc\": for another purpose than signatures (use, key_ops)",
        "  \"shared\": a shared secret",
        "  a key without kid: malformed",
    ] {
        assert!(lines.contains(line), "{line}: {lines}");
    }
    assert!(
        !explanation.to_string().contains("c2VjcmV0"),
        "{explanation}"
    );

    // A signature of the length that the weak key makes.
    let unsigned = token(&weak)
        .header("alg", "RS256")
        .stripped_signature()
        .build();
    let token = format!("{unsigned}{}", "A".repeat(171));
    let explanation = verifier.explain(&token).await;
    assert_eq!(failed(&explanation), ["keys", "signature"]);
    let signature = check(&explanation, "signature");
    assert!(
        signature.advice().unwrap().contains("fewer than 2048 bits"),
        "{explanation}"
    );
}

#[tokio::test]
async fn a_withdrawn_key_is_named() {
    let issuer = TestIssuer::start().await;
    let verifier = discovering(&issuer);
    let token = issuer.token().audience(AUDIENCE).build();
    assert_eq!(
        verdict(explain(&verifier, &token).await.verdict()),
        "accepted"
    );
    assert!(verifier.jwks().unwrap().withdraw("key-1"));
    let explanation = verifier.explain(&token).await;
    assert_decided(&explanation, "unknown_key", "keys");
    let lines = lines(&explanation);
    assert!(
        lines.contains("\"key-1\" (ES256): not tried, since it was withdrawn"),
        "{lines}"
    );
}

#[tokio::test]
async fn an_unknown_key_that_may_be_new_is_an_outage_once_the_fetches_are_used_up() {
    let issuer = TestIssuer::start().await;
    let verifier = JwtVerifier::builder()
        .discover(issuer.issuer())
        .audience(AUDIENCE)
        .clock(Clock::manual(Clock::system().now()))
        .build()
        .unwrap();
    let token = issuer.token().audience(AUDIENCE).key_id("key-9").build();
    let mut verdicts = Vec::new();
    for _ in 0..4 {
        let explanation = verifier.explain(&token).await;
        let keys = check(&explanation, "keys");
        let name = verdict(explanation.verdict());
        if name == "unavailable" {
            assert!(
                keys.advice().unwrap().contains("Try again in a minute"),
                "{explanation}"
            );
        }
        verdicts.push(name);
    }
    assert_eq!(verdicts.last(), Some(&"unavailable"), "{verdicts:?}");
}

/// Its errors have control characters in them.
struct Nasty;

impl KeySource for Nasty {
    async fn fetch(&self, _: Option<&Validators>) -> Result<Fetched, tower::BoxError> {
        Err("\u{1b}[31mred\u{1b}[0m\nline\u{202e}".into())
    }

    fn name(&self) -> &str {
        "source \u{1b}[2J"
    }
}

#[tokio::test]
async fn the_error_of_a_key_source_cannot_control_the_terminal() {
    let verifier = super::builder().jwks_source(Nasty).build().unwrap();
    let key = SigningKey::generate(Algorithm::ES256);
    let explanation = verifier.explain(&super::token_of(&key).build()).await;
    assert_decided(&explanation, "unavailable", "keys");
    let text = explanation.to_string();
    assert!(text.contains(r"\u{1b}[31mred"), "{text}");
    let is_bad = |c: char| (c.is_control() && c != '\n') || c == '\u{202e}';
    assert!(!text.contains(is_bad), "{text:?}");
}

#[tokio::test]
async fn explanations_cause_no_warning_about_tokens_of_another_issuer() {
    let issuer = TestIssuer::start().await;
    let verifier = discovering(&issuer);
    let token = issuer
        .token()
        .audience(AUDIENCE)
        .issuer("https://else.test")
        .build();
    let logs = Logs::capture();
    for _ in 0..12 {
        assert_decided(&verifier.explain(&token).await, "wrong_issuer", "iss");
    }
    let log = logs.text();
    assert!(!log.contains("WARN") && !log.contains("else.test"), "{log}");
}

/// Explains a valid token of an issuer whose keys cannot be fetched, and asserts that these causes are named.
async fn assert_outage(verifier: &JwtVerifier, token: &str, causes: &[&str]) {
    let explanation = explain(verifier, token).await;
    assert_decided(&explanation, "unavailable", "keys");
    let keys = check(&explanation, "keys");
    assert_eq!(keys.reason(), None);
    assert!(keys.advice().unwrap().contains("curl"), "{explanation}");
    let text = explanation.to_string();
    assert!(text.starts_with("UNAVAILABLE: "), "{text}");
    let found = keys.found().unwrap();
    for cause in causes {
        assert!(found.contains(cause), "{cause}: {found}");
    }
    assert!(lines(&explanation).contains("never fetched"), "{text}");
    assert!(!text.contains("s3cret"), "{text}");
}

#[tokio::test]
async fn keys_and_metadata_that_cannot_be_fetched_are_an_outage_with_its_cause() {
    let issuer = TestIssuer::start().await;
    let token = issuer.token().audience(AUDIENCE).build();
    let not_found = Some(Fault::Status(StatusCode::NOT_FOUND));

    issuer.metadata_fault(not_found.clone());
    let causes = ["/.well-known/openid-configuration answers 404"];
    assert_outage(&discovering(&issuer), &token, &causes).await;
    issuer.metadata_fault(None);

    issuer.jwks_fault(not_found);
    assert_outage(&discovering(&issuer), &token, &["/jwks", "404"]).await;
    issuer.jwks_fault(Some(Fault::Body("<html>".into())));
    assert_outage(&discovering(&issuer), &token, &["is not JSON"]).await;
    issuer.jwks_fault(None);

    let metadata = json!({"issuer": "https://else.test", "jwks_uri": issuer.jwks_url()});
    issuer.metadata(Some(metadata));
    assert_outage(&discovering(&issuer), &token, &["https://else.test"]).await;
    issuer.metadata(None);

    // The server speaks no TLS.
    let url = format!("https://{}/jwks?api_key=s3cret", issuer.address());
    let verifier = JwtVerifier::builder()
        .jwks_url(url)
        .issuer(issuer.issuer())
        .audience(AUDIENCE)
        .build()
        .unwrap();
    assert_outage(&verifier, &token, &["error sending request"]).await;

    // A token with unacceptable claims is refused also then.
    let expired = issuer.token().audience(AUDIENCE).expired().build();
    let explanation = explain(&verifier, &expired).await;
    assert_decided(&explanation, "expired", "exp");
    assert_eq!(failed(&explanation), ["keys", "exp"]);
    let keys = check(&explanation, "keys");
    assert_eq!(keys.reason(), None);
    assert!(
        keys.found().unwrap().contains("error sending request"),
        "{explanation}"
    );
    assert!(keys.advice().unwrap().contains("curl"), "{explanation}");
}
