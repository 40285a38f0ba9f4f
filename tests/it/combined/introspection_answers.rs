//! What an answer has to hold (RFC 7662 §2.2).

use std::time::{Duration, UNIX_EPOCH};

use serde_json::{Value, json};
use tower_bearer_auth::introspection::IntrospectionVerifierBuilder;
use tower_bearer_auth::testing::{Fault, TestIssuer};
use tower_bearer_auth::{AccessToken, Clock, IntrospectionVerifier, InvalidReason, VerifyError};

use super::{AUDIENCE, refused, verify};

const NOW: u64 = 1_800_000_000;

fn clock() -> Clock {
    Clock::manual(UNIX_EPOCH + Duration::from_secs(NOW))
}

/// What comes of this answer.
async fn told(
    answer: &str,
    configure: impl FnOnce(IntrospectionVerifierBuilder) -> IntrospectionVerifierBuilder,
) -> Result<AccessToken, VerifyError> {
    let issuer = TestIssuer::start().await;
    issuer.introspection_fault(Some(Fault::Body(answer.to_owned())));
    let builder = IntrospectionVerifier::builder(issuer.introspection_url())
        .bearer_token(TestIssuer::ACCESS_TOKEN)
        .clock(clock());
    let verifier = configure(builder).build().unwrap();
    verify(&verifier, "token").await
}

/// An active answer with these members, and the audience unless it is among them.
async fn active(members: Value) -> Result<AccessToken, VerifyError> {
    let mut answer = json!({"active": true, "aud": AUDIENCE});
    let Value::Object(members) = members else {
        unreachable!()
    };
    for (name, value) in members {
        answer[name] = value;
    }
    told(&answer.to_string(), |builder| builder.audience(AUDIENCE)).await
}

#[tokio::test]
async fn a_full_answer_becomes_a_token() {
    let token = active(json!({
        "scope": "read write", "client_id": "cli", "username": "a.lice", "token_type": "Bearer",
        "exp": NOW + 60, "iat": NOW - 60, "nbf": NOW - 60, "sub": "alice", "iss": "https://issuer.test",
        "jti": "id-1", "aud": ["https://other.test", AUDIENCE], "tenant": {"id": 7},
    }))
    .await
    .unwrap();
    assert_eq!(token.subject(), Some("alice"));
    assert_eq!(token.client_id(), Some("cli"));
    assert_eq!(token.issuer(), Some("https://issuer.test"));
    assert_eq!(token.audiences(), ["https://other.test", AUDIENCE]);
    assert_eq!(token.scopes().as_str(), "read write");
    assert_eq!(token.jwt_id(), Some("id-1"));
    let at = |seconds| Some(UNIX_EPOCH + Duration::from_secs(seconds));
    assert_eq!(token.expires_at(), at(NOW + 60));
    assert_eq!(token.issued_at(), at(NOW - 60));
    assert_eq!(token.claim::<u64>("/tenant/id"), Some(7));
    assert_eq!(token.claim::<String>("username").as_deref(), Some("a.lice"));
}

#[tokio::test]
async fn only_the_boolean_true_is_active() {
    for active in ["false", "\"true\"", "1", "null", "[true]", "{}"] {
        let answer = format!(r#"{{"active":{active},"aud":"{AUDIENCE}"}}"#);
        let told = told(&answer, |builder| builder.audience(AUDIENCE)).await;
        assert_eq!(refused(told), InvalidReason::Unrecognized, "{active}");
    }
    for answer in [
        "{}",
        r#"{"Active":true}"#,
        r#"{"active":false,"active":true}"#,
        r#"{"active":true,"active":true}"#,
    ] {
        let told = told(answer, IntrospectionVerifierBuilder::accept_any_audience).await;
        assert_eq!(refused(told), InvalidReason::Unrecognized, "{answer}");
    }
    let least = told(
        r#"{"active":true}"#,
        IntrospectionVerifierBuilder::accept_any_audience,
    );
    assert_eq!(least.await.unwrap().expires_at(), None);
}

#[tokio::test]
async fn dates_are_checked_where_they_are() {
    use InvalidReason as Reason;
    let table = [
        (json!({"exp": NOW - 59}), None),
        (json!({"exp": NOW - 60}), Some(Reason::Expired)),
        (json!({"nbf": NOW + 60}), None),
        (json!({"nbf": NOW + 61}), Some(Reason::NotYetValid)),
        (json!({"iat": NOW + 61}), Some(Reason::NotYetValid)),
        (json!({"exp": "1800000060"}), Some(Reason::InvalidClaim)),
        (json!({"exp": null}), None),
        (json!({"exp": -1}), Some(Reason::InvalidClaim)),
    ];
    for (members, expected) in table {
        let told = active(members.clone()).await;
        match expected {
            None => assert!(told.is_ok(), "{members}"),
            Some(reason) => assert_eq!(refused(told), reason, "{members}"),
        }
    }
}

#[tokio::test]
async fn what_is_no_bearer_access_token_is_refused() {
    use InvalidReason as Reason;
    let table = [
        (json!({"token_type": "bearer"}), None),
        (json!({"token_type": "BEARER"}), None),
        (json!({"token_type": null}), None),
        (json!({"token_type": "DPoP"}), Some(Reason::BoundToKey)),
        (json!({"token_type": "mac"}), Some(Reason::WrongType)),
        (json!({"token_type": 1}), Some(Reason::WrongType)),
        (json!({"cnf": {"jkt": "x"}}), Some(Reason::BoundToKey)),
        (json!({"cnf": null}), Some(Reason::BoundToKey)),
        (json!({"token_use": "access_token"}), None),
        (
            json!({"token_use": "refresh_token"}),
            Some(Reason::WrongType),
        ),
        (json!({"typ": "Bearer"}), None),
        (json!({"typ": "Refresh"}), Some(Reason::WrongType)),
        (json!({"at_hash": "x"}), Some(Reason::WrongType)),
    ];
    for (members, expected) in table {
        let told = active(members.clone()).await;
        match expected {
            None => assert!(told.is_ok(), "{members}"),
            Some(reason) => assert_eq!(refused(told), reason, "{members}"),
        }
    }
    let bound = json!({"active": true, "cnf": {"jkt": "x"}}).to_string();
    let accepted = told(&bound, |b| {
        b.accept_any_audience().accept_unchecked_confirmation()
    });
    assert!(accepted.await.is_ok());
}

#[tokio::test]
async fn audience_and_issuer_hold_where_they_are_configured() {
    use InvalidReason as Reason;
    let configured = |answer: Value| async move {
        told(&answer.to_string(), |builder| {
            builder.audience(AUDIENCE).issuer("https://issuer.test")
        })
        .await
    };
    let table = [
        (
            json!({"active": true, "aud": AUDIENCE, "iss": "https://issuer.test"}),
            None,
        ),
        (
            json!({"active": true, "aud": [AUDIENCE], "iss": "https://issuer.test"}),
            None,
        ),
        (
            json!({"active": true, "iss": "https://issuer.test"}),
            Some(Reason::MissingClaim),
        ),
        (
            json!({"active": true, "aud": AUDIENCE}),
            Some(Reason::MissingClaim),
        ),
        (
            json!({"active": true, "aud": "https://other.test", "iss": "https://issuer.test"}),
            Some(Reason::WrongAudience),
        ),
        (
            json!({"active": true, "aud": AUDIENCE, "iss": "https://issuer.test/"}),
            Some(Reason::WrongIssuer),
        ),
        (
            json!({"active": true, "aud": AUDIENCE, "iss": ["https://issuer.test"]}),
            Some(Reason::InvalidClaim),
        ),
    ];
    for (answer, expected) in table {
        let told = configured(answer.clone()).await;
        match expected {
            None => assert!(told.is_ok(), "{answer}"),
            Some(reason) => assert_eq!(refused(told), reason, "{answer}"),
        }
    }
}

#[tokio::test]
async fn scopes_are_a_list_in_either_form_and_wherever_they_are() {
    for scope in [json!("read write"), json!(["read", "write"])] {
        let token = active(json!({"scope": scope})).await.unwrap();
        assert_eq!(token.scopes().as_str(), "read write");
    }
    let answer = json!({"active": true, "realm_access": {"roles": ["admin"]}, "app": "cli"});
    let answer = answer.to_string();
    let token = told(&answer, |builder| {
        builder
            .accept_any_audience()
            .scope_claims(["/realm_access/roles"])
            .client_id_claims(["app"])
    });
    let token = token.await.unwrap();
    assert_eq!(token.scopes().as_str(), "admin");
    assert_eq!(token.client_id(), Some("cli"));
}
