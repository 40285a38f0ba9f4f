//! Log events for the keys that a set skips.

use serde_json::{Value, json};
use tower_bearer_auth::jwks::{HttpKeySource, JwksBuilder};
use tower_bearer_auth::testing::{SigningKey, TestIssuer};
use tower_bearer_auth::{Algorithm, Jwks, JwtVerifier};
use tracing::Level;

use super::recorded::{Entry, Recorded};
use crate::support::PATIENCE;

const FAULTY: &str = "keys of the document are left out";
const FOR_OTHERS: &str = "keys for other purposes are left out";

struct Fixture {
    recorded: Recorded,
    issuer: TestIssuer,
    jwks: Jwks,
    good: SigningKey,
}

impl Fixture {
    async fn new(configure: impl FnOnce(JwksBuilder) -> JwksBuilder) -> Self {
        let recorded = Recorded::start();
        let issuer = TestIssuer::start().await;
        let source = HttpKeySource::builder(issuer.jwks_url()).build().unwrap();
        let jwks = Jwks::builder(source).fetch_timeout(PATIENCE);
        Self {
            recorded,
            issuer,
            jwks: configure(jwks).build().unwrap(),
            good: SigningKey::generate(Algorithm::ES256).with_key_id("good"),
        }
    }

    /// Publishes a valid key together with these keys, and fetches them.
    async fn refresh(&self, others: &[Value]) {
        let keys: Vec<_> = [self.good.jwk()].iter().chain(others).cloned().collect();
        self.issuer.publish(Some(json!({ "keys": keys })));
        self.jwks.refresh().await.unwrap();
    }

    /// The level, the number of keys and their description, for every such event since the last call.
    fn logged(&self) -> Vec<(Level, String, String)> {
        let is_it = |entry: &Entry| [FAULTY, FOR_OTHERS].contains(&&*entry.fields["message"]);
        let events = self.recorded.events("tower_bearer_auth::keys");
        let _ = self.recorded.decisions();
        let events = events.into_iter().filter(is_it);
        let logged = events.map(|entry| {
            let fields = &entry.fields;
            assert_eq!(fields["source"], self.issuer.jwks_url());
            let level = if fields["message"] == FAULTY {
                Level::WARN
            } else {
                Level::DEBUG
            };
            assert_eq!(entry.level, level);
            (level, fields["count"].clone(), fields["which"].clone())
        });
        logged.collect()
    }
}

fn warning(count: usize, which: &str) -> (Level, String, String) {
    (Level::WARN, count.to_string(), which.to_owned())
}

fn note(count: usize, which: &str) -> (Level, String, String) {
    (Level::DEBUG, count.to_string(), which.to_owned())
}

/// An RSA key of this many octets. Only its length matters.
fn rsa(key_id: &str, octets: usize) -> Value {
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    let n = URL_SAFE_NO_PAD.encode(vec![0xa5; octets]);
    json!({"kty": "RSA", "kid": key_id, "n": n, "e": "AQAB"})
}

fn named(mut jwk: Value, key_id: &str) -> Value {
    jwk["kid"] = key_id.into();
    jwk
}

fn with(mut jwk: Value, member: &str, value: &str) -> Value {
    jwk[member] = value.into();
    jwk
}

#[tokio::test]
async fn each_kind_of_skipped_key_has_its_level() {
    let ec = || SigningKey::generate(Algorithm::ES256).jwk();
    let secret = SigningKey::generate(Algorithm::HS256).jwk();
    for (level, reason, jwk) in [
        (Level::WARN, "weak_rsa", rsa("", 128)),
        (Level::WARN, "weak_rsa", rsa("", 255)),
        (Level::WARN, "private", with(ec(), "d", "AQAB")),
        (Level::WARN, "symmetric", secret),
        (Level::WARN, "malformed", with(ec(), "x", "*")),
        (Level::WARN, "invalid_material", with(ec(), "x", "AQAB")),
        (Level::DEBUG, "not_for_verifying", with(ec(), "use", "enc")),
        (Level::DEBUG, "unknown_key_type", with(ec(), "kty", "PQK")),
        (
            Level::DEBUG,
            "unknown_curve",
            with(ec(), "crv", "secp256k1"),
        ),
        (
            Level::DEBUG,
            "unsupported_algorithm",
            with(ec(), "alg", "ES999"),
        ),
    ] {
        let fixture = Fixture::new(|jwks| jwks).await;
        fixture.refresh(&[named(jwk, "left out")]).await;
        let which = format!("\"left out\": {reason}");
        assert_eq!(fixture.logged(), [(level, "1".to_owned(), which)]);
    }
}

#[tokio::test]
async fn skipped_keys_are_logged_when_they_change_and_not_at_each_refresh() {
    let fixture = Fixture::new(|jwks| jwks).await;
    let enc = with(named(fixture.good.jwk(), "enc"), "use", "enc");
    let (weak, weaker) = (rsa("weak", 255), rsa("weaker", 64));
    fixture.refresh(&[]).await;
    assert_eq!(fixture.logged(), []);

    fixture.refresh(&[weak.clone(), enc.clone()]).await;
    let weak_alone = warning(1, "\"weak\": weak_rsa");
    let enc_alone = note(1, "\"enc\": not_for_verifying");
    assert_eq!(fixture.logged(), [weak_alone.clone(), enc_alone.clone()]);

    // Unchanged, in another order, together with another valid key, and after an outage.
    fixture.jwks.refresh().await.unwrap();
    fixture.refresh(&[enc.clone(), weak.clone()]).await;
    let another = SigningKey::generate(Algorithm::EdDSA).jwk();
    fixture.refresh(&[another, weak.clone(), enc.clone()]).await;
    fixture
        .issuer
        .publish(Some(json!({"keys": [rsa("other", 64)]})));
    fixture.jwks.refresh().await.unwrap_err();
    fixture.refresh(&[weak.clone(), enc.clone()]).await;
    assert_eq!(fixture.logged(), []);

    // One key more, and only one kind of key.
    fixture.refresh(&[weak.clone(), weaker, enc.clone()]).await;
    let both = "\"weak\": weak_rsa, \"weaker\": weak_rsa";
    assert_eq!(fixture.logged(), [warning(2, both)]);
    fixture.refresh(std::slice::from_ref(&weak)).await;
    assert_eq!(fixture.logged(), [weak_alone]);
    fixture.refresh(&[]).await;
    assert_eq!(fixture.logged(), []);
    fixture.refresh(&[enc]).await;
    assert_eq!(fixture.logged(), [enc_alone]);
}

#[tokio::test]
async fn a_limit_that_skips_keys_is_logged() {
    let fixture = Fixture::new(|jwks| jwks.max_keys(2)).await;
    let key = |n: usize| {
        SigningKey::generate(Algorithm::EdDSA)
            .with_key_id(n.to_string())
            .jwk()
    };
    fixture.refresh(&[key(1)]).await;
    assert_eq!(fixture.logged(), []);
    fixture.refresh(&[key(1), key(2), key(3)]).await;
    assert_eq!(fixture.logged(), [warning(2, "2 past max_keys: too_many")]);
    fixture.refresh(&[key(4), key(5), key(6)]).await;
    assert_eq!(fixture.logged(), []);
    fixture.refresh(&[key(4), key(5), key(6), key(7)]).await;
    assert_eq!(fixture.logged(), [warning(3, "3 past max_keys: too_many")]);
}

#[tokio::test]
async fn a_key_id_cannot_forge_a_log_line_or_flood_the_log() {
    let fixture = Fixture::new(|jwks| jwks).await;
    let weak = |n: usize| rsa(&format!("{n:02}\n\u{1b}[31m{}", "k".repeat(10_000)), 128);
    let keys: Vec<_> = (0..40).map(weak).collect();
    fixture.refresh(&keys).await;
    let logged = fixture.logged();
    let [(Level::WARN, count, which)] = &logged[..] else {
        panic!("{logged:?}");
    };
    assert_eq!(count, "40");
    assert!(which.starts_with(r#""00\n\u{1b}[31mk"#), "{which}");
    assert!(
        which.ends_with(", 30 more") && which.len() < 1_000,
        "{which}"
    );
    assert!(!which.contains(char::is_control));
}

#[tokio::test]
async fn the_weak_key_that_signed_a_token_is_named() {
    for octets in [128, 255] {
        let fixture = Fixture::new(|jwks| jwks).await;
        let (issuer, audience) = (fixture.issuer.issuer(), "https://api.test");
        let verifier = JwtVerifier::builder()
            .jwks(fixture.jwks.clone())
            .issuer(&issuer)
            .audience(audience)
            .build()
            .unwrap();
        let keys = json!({"keys": [fixture.good.jwk(), rsa("weak", octets)]});
        fixture.issuer.publish(Some(keys));
        let token = fixture.good.token().issuer(&issuer).audience(audience);
        let token = token.key_id("weak").header("alg", "RS256").build();
        let (signed, _) = token.rsplit_once('.').unwrap();
        // A signature of this many octets.
        let signature = "A".repeat((octets * 8).div_ceil(6));
        let token = format!("{signed}.{signature}").parse().unwrap();
        let answer = tower::ServiceExt::oneshot(verifier, token).await;
        let reason = answer.unwrap_err().to_string();
        assert!(reason.contains("unknown key"), "{reason}");
        assert_eq!(fixture.logged(), [warning(1, "\"weak\": weak_rsa")]);
    }
}

#[tokio::test]
async fn a_document_with_only_weak_keys_is_an_outage_that_names_them() {
    let fixture = Fixture::new(|jwks| jwks).await;
    let keys = json!({"keys": [rsa("weak", 128)]});
    fixture.issuer.publish(Some(keys));
    fixture.jwks.refresh().await.unwrap_err();
    let events = fixture.recorded.events("tower_bearer_auth::keys");
    let [event] = &events[..] else {
        panic!("{events:?}");
    };
    assert_eq!(event.level, Level::WARN);
    assert!(
        event.fields["error"].contains("\"weak\": weak_rsa"),
        "{event:?}"
    );
}
