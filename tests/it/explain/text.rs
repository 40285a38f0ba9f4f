//! The text of an explanation, whole, and what is not in it.

use std::fs;
use std::path::Path;

use serde_json::json;
use tower_bearer_auth::jwks::{Fetched, KeyDocument, KeySource, Validators};
use tower_bearer_auth::testing::SigningKey;
use tower_bearer_auth::{Algorithm, JwtVerifier};

use super::{AUDIENCE, ISSUER, NOW, at, builder, explain, key, token, token_of, verifier};

/// Asserts that the text is that of a file in `texts/`. With `RECORD_TEXTS`, it writes the file.
#[track_caller]
fn assert_text(name: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/explain/texts");
    let path = path.join(format!("{name}.txt"));
    if std::env::var_os("RECORD_TEXTS").is_some() {
        fs::write(&path, text).unwrap();
    }
    let recorded = fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(text, recorded, "{}", path.display());
}

/// A header whose members have one order, whatever the features of serde_json.
fn header(algorithm: &str) -> String {
    format!(r#"{{"alg":"{algorithm}","kid":"key-1","typ":"JWT"}}"#)
}

#[tokio::test]
async fn an_accepted_token() {
    let token = token().scopes(["read"]).client_id("app");
    let token = token.raw_header(header("HS256")).build();
    let explanation = explain(&verifier(), &token).await;
    assert_text("accepted", &explanation.to_string());
}

/// The keys of an issuer with a key for encryption.
struct Published(SigningKey);

impl KeySource for Published {
    async fn fetch(&self, _: Option<&Validators>) -> Result<Fetched, tower::BoxError> {
        let encrypts = SigningKey::generate(Algorithm::ES256).with_key_id("key-2");
        let mut encrypts = encrypts.jwk();
        encrypts["use"] = json!("enc");
        let keys = json!({"keys": [self.0.jwk(), encrypts]});
        let document = KeyDocument::from_json(keys.to_string().as_bytes())?;
        Ok(Fetched::Document(document))
    }

    fn name(&self) -> &str {
        ISSUER
    }
}

#[tokio::test]
async fn a_token_with_several_faults() {
    let key = SigningKey::generate(Algorithm::ES256).with_key_id("key-1");
    let verifier = builder()
        .jwks_source(Published(key.clone()))
        .build()
        .unwrap();
    let token = token_of(&key)
        .audience("https://other.example.com")
        .expires_at(at(NOW - 7500))
        .issued_at(at(NOW - 11_100))
        .scopes(["read"])
        .raw_header(header("ES256"))
        .build();
    let text = explain(&verifier, &token).await.to_string();
    assert_text("refused", &text);
    let guide = include_str!("../../../docs/why-refused.md");
    assert!(guide.contains(&text), "the sample in the guide is another");
}

#[tokio::test]
async fn a_forged_token() {
    let forger = SigningKey::from_secret(Algorithm::HS256, [8; 32]).with_key_id("key-1");
    let token = token_of(&forger).issuer(format!("{ISSUER}/"));
    let token = token.raw_header(header("HS256")).build();
    let token = format!("Bearer {token}\n");
    let explanation = verifier().explain(&token).await;
    assert_text("forged", &explanation.to_string());
}

#[tokio::test]
async fn an_opaque_token() {
    let explanation = explain(&verifier(), "0J7ZkQ").await;
    assert_text("opaque", &explanation.to_string());
}

#[tokio::test]
async fn no_line_is_longer_than_a_terminal_unless_a_word_is() {
    let scopes: Vec<_> = (0..40).map(|n| format!("scope-{n}")).collect();
    let token = token()
        .scopes(scopes)
        .claim("at_hash", "x".repeat(500))
        .build();
    let text = explain(&verifier(), &token).await.to_string();
    for line in text.lines() {
        let is_long = line.chars().count() > 100;
        assert!(!is_long || line.contains(&"x".repeat(80)), "{line}");
    }
}

/// Nothing secret is in the text: no signature, no secret, no key, and no credentials or queries of configured URLs. A
/// token cannot control the terminal.
#[tokio::test]
async fn nothing_secret_and_no_control_character_is_in_the_text() {
    let key = SigningKey::from_secret(Algorithm::HS256, *b"s3cret-s3cret-s3cret-s3cret-s3cr")
        .with_key_id("k");
    let verifier = JwtVerifier::builder()
        .key(key.verifying_key())
        .issuer("https://user:s3cret@issuer.test/?key=s3cret")
        .audience("https://api.test/?key=s3cret")
        .claim_in("tenant", ["https://tenant.test/?key=s3cret"])
        .clock(tower_bearer_auth::Clock::manual(at(NOW)))
        .build()
        .unwrap();
    let nasty = "\u{1b}[31m\u{202e}\r\n\u{7}";
    let token = token_of(&key)
        .header(nasty, nasty)
        .header("kid", nasty)
        .header("typ", nasty)
        .claims(
            json!({"iss": nasty, "aud": [nasty], "tenant": nasty, "scope": nasty, "azp": nasty}),
        )
        .build();
    let signature = token.rsplit('.').next().unwrap().to_owned();
    let explanation = explain(&verifier, &token).await;
    let text = explanation.to_string();
    for secret in ["s3cret", &signature, "user:"] {
        assert!(!text.contains(secret), "{text}");
        assert!(!format!("{explanation:?}").contains(secret));
    }
    let is_bad = |c: char| (c.is_control() && c != '\n') || c == '\u{202e}';
    assert!(!text.contains(is_bad), "{text:?}");
    assert!(text.contains(r"\u{1b}[31m\u{202e}\r\n\u{7}"), "{text}");
}

#[tokio::test]
async fn debug_shows_outcomes_and_nothing_from_the_token() {
    let token = token()
        .subject("alice")
        .audience("https://else.test")
        .build();
    let explanation = explain(&verifier(), &token).await;
    let debug = format!("{explanation:?}");
    assert!(debug.contains("aud") && debug.contains("Failed") && debug.contains("WrongAudience"));
    for value in ["alice", "else.test", ISSUER, AUDIENCE, "key-1"] {
        assert!(!debug.contains(value), "{debug}");
    }
    let accepted = explain(&verifier(), &super::token().build()).await;
    assert!(format!("{accepted:?}").contains("accepted"));
    assert!(!format!("{accepted:?}").contains("alice"));
}

#[tokio::test]
async fn an_explanation_can_be_made_in_a_task_and_sent_to_another() {
    let verifier = builder().key(key().verifying_key()).build().unwrap();
    let text = token().build();
    let explanation = tokio::spawn(async move { verifier.explain(&text).await });
    assert!(explanation.await.unwrap().verdict().is_ok());
}
