//! The warning about a misspelled issuer, which is logged once.

use tower::ServiceExt as _;
use tower_bearer_auth::InvalidReason::{BadSignature, WrongIssuer};
use tower_bearer_auth::telemetry::SETUP;
use tower_bearer_auth::testing::{SigningKey, TestIssuer};
use tower_bearer_auth::{Algorithm, ByIssuer, JwtVerifier, VerifierExt};
use tracing::Level;

use super::{AUDIENCE, ISSUER, hs256_builder, jwt, refusal, signing_key, usual_verifier};
use crate::telemetry::recorded::{Fields, Recorded};

/// The other fields of the warnings whose message contains `message`.
fn warnings(recorded: &Recorded, message: &str) -> Vec<Fields> {
    let events = recorded.events(SETUP);
    let events = events.into_iter().map(|event| {
        assert_eq!(event.level, Level::WARN);
        event.fields
    });
    let of_interest = events.filter(|fields| fields["message"].contains(message));
    of_interest
        .map(|mut fields| {
            fields.remove("message");
            fields
        })
        .collect()
}

const SPELLED: &str = "spelled differently";
const ANOTHER: &str = "tokens keep naming another issuer than the configured one";

fn fields(fields: &[(&'static str, &str)]) -> Fields {
    let fields = fields
        .iter()
        .map(|(name, value)| (*name, (*value).to_owned()));
    fields.collect()
}

fn of(issuer: &str, key: &SigningKey) -> String {
    jwt(key).issuer(issuer).build()
}

#[test]
fn a_misspelled_issuer_is_warned_about_once_if_the_signature_is_good() {
    for near in [
        "https://issuer.example.com/",
        "https://ISSUER.example.com",
        "HTTPS://issuer.example.com",
        "https://issuer.example.com:443",
        "https://Issuer.example.com:443/",
    ] {
        let recorded = Recorded::start();
        let verifier = hs256_builder().name("api").build().unwrap();
        // Forged tokens, which any client can make, log nothing.
        let forged = of(near, &SigningKey::generate(Algorithm::HS256));
        assert_eq!(refusal(&verifier, &forged), Some(WrongIssuer), "{near}");
        assert_eq!(warnings(&recorded, SPELLED), [], "{near}");

        for _ in 0..30 {
            let token = of(near, signing_key(Algorithm::HS256));
            assert_eq!(refusal(&verifier, &token), Some(WrongIssuer), "{near}");
        }
        let once = fields(&[
            ("verifier", "api"),
            ("configured", ISSUER),
            ("issuer", near),
        ]);
        assert_eq!(warnings(&recorded, SPELLED), [once], "{near}");
        assert_eq!(warnings(&recorded, ANOTHER), [], "{near}");
    }
}

#[test]
fn another_issuer_is_not_reported_as_a_misspelling() {
    let recorded = Recorded::start();
    for other in [
        "http://issuer.example.com",
        "https://issuer.example.com//",
        "https://issuer.example.com:8443",
        "https://issuer.example.com/a",
        "https://issuer.example.co",
        "issuer.example.com",
        "",
    ] {
        let token = of(other, signing_key(Algorithm::HS256));
        assert_eq!(refusal(&usual_verifier(), &token), Some(WrongIssuer));
    }
    assert_eq!(warnings(&recorded, SPELLED), []);
}

#[test]
fn ten_tokens_of_another_issuer_in_a_row_are_warned_about_once_until_one_is_accepted() {
    let recorded = Recorded::start();
    let verifier = usual_verifier();
    let another = of(
        "https://secret.test",
        &SigningKey::generate(Algorithm::HS256),
    );
    let good = of(ISSUER, signing_key(Algorithm::HS256));
    let forged = of(ISSUER, &SigningKey::generate(Algorithm::HS256));
    for _ in 0..9 {
        assert_eq!(refusal(&verifier, &another), Some(WrongIssuer));
    }
    assert_eq!(refusal(&verifier, &good), None);
    for _ in 0..9 {
        refusal(&verifier, &another);
    }
    assert_eq!(warnings(&recorded, ANOTHER), []);
    // A token that is refused for another reason does not confirm the issuer.
    assert_eq!(refusal(&verifier, &forged), Some(BadSignature));
    refusal(&verifier, &another);
    let once = fields(&[
        ("verifier", "jwt"),
        ("configured", r#"["https://issuer.example.com"]"#),
        ("tokens", "10"),
    ]);
    assert_eq!(warnings(&recorded, ANOTHER), std::slice::from_ref(&once));
    for _ in 0..100 {
        refusal(&verifier.clone(), &another);
    }
    assert_eq!(warnings(&recorded, ANOTHER).len(), 1);
    refusal(&verifier, &good);
    for _ in 0..100 {
        refusal(&verifier, &another);
    }
    assert_eq!(warnings(&recorded, ANOTHER), [once.clone(), once]);
}

#[tokio::test]
async fn a_verifier_with_a_fallback_does_not_warn_about_tokens_of_other_issuers() {
    let recorded = Recorded::start();
    let key = SigningKey::generate(Algorithm::ES256);
    let second = "https://second.test";
    let behind = JwtVerifier::builder()
        .key(key.verifying_key())
        .issuer(second)
        .audience(AUDIENCE)
        .build()
        .unwrap();
    let verifier = usual_verifier().or_else(behind);
    let token = key.token().issuer(second).audience(AUDIENCE).build();
    for _ in 0..30 {
        let token = verifier.clone().oneshot(token.parse().unwrap()).await;
        assert_eq!(token.unwrap().issuer(), Some(second));
    }
    assert_eq!(warnings(&recorded, ANOTHER), []);
    // The last verifier has no fallback.
    for _ in 0..30 {
        let token = of("https://third.test", &key).parse().unwrap();
        verifier.clone().oneshot(token).await.unwrap_err();
    }
    let warned = warnings(&recorded, ANOTHER);
    assert_eq!(warned.len(), 1);
    assert_eq!(warned[0]["configured"], r#"["https://second.test"]"#);
}

#[tokio::test]
async fn a_misspelled_issuer_among_several_is_warned_about() {
    let recorded = Recorded::start();
    let verifier = ByIssuer::new()
        .issuer("https://b.test", usual_verifier())
        .issuer(ISSUER, usual_verifier());
    let ask = async |token: String| verifier.clone().oneshot(token.parse().unwrap()).await;
    let key = signing_key(Algorithm::HS256);
    for round in 1..=2 {
        for _ in 0..30 {
            ask(of("https://issuer.example.com/", key))
                .await
                .unwrap_err();
        }
        assert_eq!(warnings(&recorded, ANOTHER).len(), round);
        ask(of(ISSUER, key)).await.unwrap();
    }
    let configured = r#"["https://b.test", "https://issuer.example.com"]"#;
    assert_eq!(warnings(&recorded, ANOTHER)[0]["configured"], configured);
}

#[tokio::test]
async fn a_near_miss_starts_the_first_fetch_of_keys_and_another_issuer_does_not() {
    let issuer = TestIssuer::start().await;
    let verifier = JwtVerifier::builder()
        .jwks_url(issuer.jwks_url())
        .issuer(format!("{}/", issuer.issuer()))
        .audience(AUDIENCE)
        .build()
        .unwrap();
    let refused = async |verifier: &JwtVerifier, token: String| {
        let error = verifier.clone().oneshot(token.parse().unwrap()).await;
        let error = error.unwrap_err();
        assert!(error.allows_fallback(), "{error:?}");
    };
    let recorded = Recorded::start();
    let other_issuer = issuer.token().issuer("https://t").audience(AUDIENCE);
    refused(&verifier, other_issuer.build()).await;
    assert_eq!(issuer.jwks_requests(), 0);

    let near = issuer.token().audience(AUDIENCE).build();
    // A single token of another issuer does not start a fetch either.
    refused(&verifier, near.clone()).await;
    tokio::task::yield_now().await;
    assert_eq!(issuer.jwks_requests(), 0);
    let warned = async {
        while warnings(&recorded, SPELLED).is_empty() {
            refused(&verifier, near.clone()).await;
            tokio::task::yield_now().await;
        }
    };
    let patience = crate::support::PATIENCE;
    tokio::time::timeout(patience, warned).await.unwrap();
    assert_eq!(issuer.jwks_requests(), 1);
    let warned = warnings(&recorded, SPELLED);
    assert_eq!(warned[0]["issuer"], issuer.issuer());
}

#[test]
fn debug_shows_the_issuers_of_a_verifier() {
    let shown = format!("{:?}", usual_verifier());
    assert!(
        shown.contains(ISSUER) && shown.contains(AUDIENCE),
        "{shown}"
    );
}
