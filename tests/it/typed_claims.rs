//! Claims that have a type and an accessor of their own.

use serde_json::{Value, json};
use tower::ServiceExt;
use tower_bearer_auth::testing::SigningKey;
use tower_bearer_auth::{
    AccessToken, Algorithm, InvalidReason, Verifier, VerifierExt, VerifyError, VerifyErrorKind,
};

use crate::support::{self, Logs};

fn token(claims: &Value) -> AccessToken {
    raw(&claims.to_string())
}

fn raw(claims: &str) -> AccessToken {
    let token = AccessToken::builder("token".parse().unwrap());
    token.raw_claims(claims).unwrap().build()
}

#[test]
fn an_actor_and_those_before_it_are_read() {
    let token = token(&json!({
        "sub": "alice",
        "act": {"sub": "gateway", "iss": "https://issuer.test", "act": {"client_id": "app", "level": 3}},
        "may_act": {"sub": "batch"},
    }));
    let actor = token.actor().unwrap().unwrap();
    assert_eq!(actor.subject(), Some("gateway"));
    assert_eq!(actor.issuer(), Some("https://issuer.test"));
    assert_eq!(actor.client_id(), None);
    let first = actor.previous().unwrap();
    assert_eq!((first.subject(), first.client_id()), (None, Some("app")));
    assert_eq!(first.claim::<u8>("level"), Some(3));
    assert_eq!(first.claim::<String>("level"), None);
    assert!(first.previous().is_none());
    assert_eq!(token.may_act().unwrap().unwrap().subject(), Some("batch"));
    assert!(raw("{}").actor().unwrap().is_none());
}

/// Such a token must not count as one without an actor.
#[test]
fn an_actor_that_cannot_be_read_is_an_error() {
    for act in [
        r#""gateway""#,
        "[]",
        "null",
        "7",
        r#"{"sub":"a","sub":"b"}"#,
        r#"{"act":{},"act":{}}"#,
        r#"{"sub":"a","act":"b"}"#,
        r#"{"sub":"a","act":{"sub":"b","act":[]}}"#,
    ] {
        let token = raw(&format!(r#"{{"act":{act},"may_act":{act}}}"#));
        assert!(token.actor().is_err(), "{act}");
        assert!(token.may_act().is_err(), "{act}");
    }
    // An actor without a subject is one, and names nothing.
    let actor = raw(r#"{"act":{"sub":7}}"#).actor().unwrap().unwrap();
    assert_eq!(actor.subject(), None);
}

#[test]
fn methods_and_session_are_absent_if_they_have_another_type() {
    for (claims, amr, session) in [
        (
            json!({"amr": ["pwd", "otp"], "sid": "s1"}),
            vec!["pwd", "otp"],
            Some("s1"),
        ),
        (json!({}), vec![], None),
        (json!({"amr": "pwd", "sid": 7}), vec![], None),
        (json!({"amr": ["pwd", 7], "sid": null}), vec![], None),
        (json!({"amr": null, "sid": ["s1"]}), vec![], None),
    ] {
        let token = token(&claims);
        assert_eq!(token.amr(), amr, "{claims}");
        assert_eq!(token.session_id().as_deref(), session, "{claims}");
    }
}

#[test]
fn details_of_the_authorization_fit_a_type_or_are_an_error() {
    let read = |claims: &str| {
        raw(claims)
            .authorization_details::<Value>()
            .map(|it| it.len())
    };
    assert_eq!(read("{}").unwrap(), 0);
    assert_eq!(
        read(r#"{"authorization_details":[{"type":"a"},{"type":"b"}]}"#).unwrap(),
        2
    );
    for bad in ["{}", "null", r#""a""#] {
        assert!(
            read(&format!(r#"{{"authorization_details":{bad}}}"#)).is_err(),
            "{bad}"
        );
    }
    let token = raw(r#"{"authorization_details":[{"type":"a"},7]}"#);
    assert!(
        token
            .authorization_details::<serde_json::Map<String, Value>>()
            .is_err()
    );
}

#[tokio::test]
async fn a_verifier_can_require_an_actor_and_the_audit_event_names_it() {
    let key = SigningKey::generate(Algorithm::ES256);
    let verifier = support::jwts("https://issuer.test", "https://api.test", &key);
    let verifier = verifier.check(|token: &AccessToken| match token.actor() {
        Ok(Some(actor)) if actor.subject() == Some("gateway") => Ok(()),
        Ok(_) | Err(_) => Err(VerifyError::invalid(InvalidReason::InvalidClaim)),
    });
    let start = || {
        let token = key.token().issuer("https://issuer.test");
        token.audience("https://api.test").subject("alice")
    };
    let good = start().claim("act", json!({"sub": "gateway"})).build();
    for (token, is_good) in [
        (good.clone(), true),
        (start().build(), false),
        (start().claim("act", json!({"sub": "other"})).build(), false),
        (start().claim("act", json!("gateway")).build(), false),
    ] {
        match verify(&verifier, &token).await {
            Ok(_) => assert!(is_good),
            Err(error) => {
                assert!(!is_good);
                let kind = error.kind();
                assert!(matches!(
                    kind,
                    VerifyErrorKind::Invalid(InvalidReason::InvalidClaim)
                ));
            }
        }
    }
    let logs = Logs::capture();
    let layer = tower_bearer_auth::BearerAuthLayer::new(verifier);
    let service = tower_layer::Layer::layer(&layer, support::Inner::default());
    support::answer_of(service, support::with_token(&good))
        .await
        .assert_passed();
    let text = logs.text();
    assert!(text.contains(r#"actor="gateway""#), "{text}");
    drop(logs);

    // A token whose actor cannot be told must not look like one without.
    let logs = Logs::capture();
    let odd = start().claim("act", json!("gateway")).build();
    let verifier = support::jwts("https://issuer.test", "https://api.test", &key);
    let layer = tower_bearer_auth::BearerAuthLayer::new(verifier);
    let service = tower_layer::Layer::layer(&layer, support::Inner::default());
    support::answer_of(service, support::with_token(&odd))
        .await
        .assert_passed();
    let text = logs.text();
    assert!(text.contains(r#"actor="(unknown)""#), "{text}");
}

async fn verify(verifier: &impl Verifier, token: &str) -> Result<AccessToken, VerifyError> {
    let token = token.parse().unwrap();
    verifier.clone().oneshot(token).await.map_err(Into::into)
}
