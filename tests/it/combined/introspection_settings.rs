//! What the settings of an introspection verifier require of an answer, and which settings `build` refuses.

use std::error::Error;

use serde_json::{Value, json};
use tower_bearer_auth::introspection::IntrospectionVerifierBuilder;
use tower_bearer_auth::{IntrospectionVerifier, InvalidReason};

use super::introspection_answers::{active, verify_answer};
use super::{AUDIENCE, refused};

#[tokio::test]
async fn required_members_and_accepted_values_are_enforced() {
    use InvalidReason as Reason;
    let table = [
        (
            json!({"sub": "alice", "realm": {"roles": ["admin", "x"]}}),
            None,
        ),
        (json!({"sub": "alice", "realm": {"roles": "admin"}}), None),
        (
            json!({"realm": {"roles": ["admin"]}}),
            Some(Reason::MissingClaim),
        ),
        (json!({"sub": "alice"}), Some(Reason::MissingClaim)),
        (
            json!({"sub": "alice", "realm": {"roles": []}}),
            Some(Reason::InvalidClaim),
        ),
        (
            json!({"sub": "alice", "realm": {"roles": ["user"]}}),
            Some(Reason::InvalidClaim),
        ),
        (
            json!({"sub": "alice", "realm": {"roles": 1}}),
            Some(Reason::InvalidClaim),
        ),
        (
            json!({"sub": "alice", "/realm/roles": "admin"}),
            Some(Reason::MissingClaim),
        ),
    ];
    for (mut members, expected) in table {
        members["active"] = true.into();
        let answer = members.to_string();
        let result = verify_answer(&answer, |builder| {
            let builder = builder.accept_any_audience().required_claims(["sub"]);
            builder.claim_in("/realm/roles", ["admin", "owner"])
        });
        match (result.await, expected) {
            (Ok(_), None) => {}
            (result, Some(reason)) => assert_eq!(refused(result), reason, "{members}"),
            (Err(error), None) => panic!("{members}: {error:?}"),
        }
    }
}

#[tokio::test]
async fn a_configured_client_id_can_replace_the_audience() {
    for name in ["client_id", "azp", "cid", "appid"] {
        for (client, expected) in [
            (json!("notes"), None),
            (json!("other"), Some(InvalidReason::InvalidClaim)),
            (json!("notes "), Some(InvalidReason::InvalidClaim)),
            (Value::Null, Some(InvalidReason::MissingClaim)),
        ] {
            let answer = json!({"active": true, name: client}).to_string();
            let result = verify_answer(&answer, |builder| builder.claim_in(name, ["notes", "web"]));
            match (result.await, expected) {
                (Ok(_), None) => {}
                (result, Some(reason)) => assert_eq!(refused(result), reason, "{answer}"),
                (Err(error), None) => panic!("{answer}: {error:?}"),
            }
        }
    }
}

#[test]
fn settings_that_name_claims_are_validated() {
    type Configure = fn(IntrospectionVerifierBuilder) -> IntrospectionVerifierBuilder;
    let table: [(Configure, &str); 17] = [
        (|b| b.claim_in("tenant", ["blue"]), "there is no audience"),
        (
            |b| b.claim_in("client_id", [""; 0]),
            "claim_in(\"client_id\", ..) names nothing",
        ),
        (
            |b| b.claim_in("client_id", [""]),
            "claim_in(\"client_id\", ..) has an empty value",
        ),
        (
            |b| b.accept_any_audience().claim_in("", ["x"]),
            "a claim without a name",
        ),
        (
            |b| b.accept_any_audience().claim_in("/a~2", ["x"]),
            "is no JSON Pointer",
        ),
        (
            |b| b.accept_any_audience().required_claims([""]),
            "required_claims(..) has an empty value",
        ),
        (
            |b| b.accept_any_audience().required_claims(["/a~"]),
            "is no JSON Pointer",
        ),
        (
            |b| b.accept_any_audience().scope_claims([""; 0]),
            "scope_claims(..) names nothing",
        ),
        (
            |b| b.accept_any_audience().client_id_claims(["/~x"]),
            "is no JSON Pointer",
        ),
        (|b| b.accept_any_audience().name(""), "name(..) is empty"),
        // With an empty list, every issuer would be accepted.
        (
            |b| b.accept_any_audience().issuers([""; 0]),
            "issuers(..) names nothing",
        ),
        (
            |b| b.accept_any_audience().issuers(["a", ""]),
            "issuers(..) has an empty value",
        ),
        (
            |b| b.audiences(["a", ""]),
            "audiences(..) has an empty value",
        ),
        (|b| b.audiences([""; 0]), "there is no audience"),
        (
            |b| b.accept_any_audience().scope_delimiters(['a']),
            "'a' cannot separate scopes",
        ),
        (
            |b| b.accept_any_audience().scope_prefix("api app/"),
            "cannot start a scope",
        ),
        (
            |b| b.audience(AUDIENCE).accept_any_audience(),
            "contradicts",
        ),
    ];
    for (configure, problem) in table {
        let builder = IntrospectionVerifier::builder("https://issuer.test/").bearer_token("t");
        let error = configure(builder).build().unwrap_err();
        let problems: Vec<_> = error.problems().collect();
        assert_eq!(problems.len(), 1, "{problems:#?}");
        assert!(problems[0].contains(problem), "{problems:#?}");
    }
}

#[tokio::test]
async fn audience_and_issuer_are_checked_when_configured() {
    use InvalidReason as Reason;
    let configured = |answer: Value| async move {
        verify_answer(&answer.to_string(), |builder| {
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
        let result = configured(answer.clone()).await;
        match expected {
            None => assert!(result.is_ok(), "{answer}"),
            Some(reason) => assert_eq!(refused(result), reason, "{answer}"),
        }
    }
}

#[tokio::test]
async fn scopes_may_be_a_string_or_an_array_in_any_configured_claim() {
    for scope in [json!("read write"), json!(["read", "write"])] {
        let token = active(json!({"scope": scope})).await.unwrap();
        assert_eq!(token.scopes().as_str(), "read write");
    }
    let answer = json!({"active": true, "realm_access": {"roles": ["admin"]}, "app": "cli"});
    let answer = answer.to_string();
    let token = verify_answer(&answer, |builder| {
        builder
            .accept_any_audience()
            .scope_claims(["/realm_access/roles"])
            .client_id_claims(["app"])
    });
    let token = token.await.unwrap();
    assert_eq!(token.scopes().as_str(), "admin");
    assert_eq!(token.client_id(), Some("cli"));
}

#[tokio::test]
async fn several_issuers_and_audiences_are_accepted() {
    let verify = |issuer: &str, audience: &str| {
        let answer = json!({"active": true, "iss": issuer, "aud": audience}).to_string();
        async move {
            let result = verify_answer(&answer, |builder| {
                let builder = builder
                    .issuer("https://one.test")
                    .issuers(["https://two.test"]);
                builder.audience("one").audiences(["two"])
            });
            result.await.map(drop)
        }
    };
    for issuer in ["https://one.test", "https://two.test"] {
        for audience in ["one", "two"] {
            assert!(
                verify(issuer, audience).await.is_ok(),
                "{issuer} {audience}"
            );
        }
    }
    assert!(verify("https://three.test", "one").await.is_err());
    assert!(verify("https://one.test", "three").await.is_err());
}

#[tokio::test]
async fn scopes_and_a_numeric_subject_are_read_as_a_jwt_verifier_reads_them() {
    let answer = r#"{"active":true,"sub":12345678901234567890,"scope":"read,write","roles":["x"]}"#;
    let token = verify_answer(answer, |builder| {
        builder
            .accept_any_audience()
            .accept_numeric_subject()
            .scope_claims(["scope"])
            .scope_claims(["roles"])
            .merge_scope_claims()
            .scope_delimiters([','])
            .scope_prefix("api/")
    });
    let token = token.await.unwrap();
    assert_eq!(token.subject(), Some("12345678901234567890"));
    let scopes = "read api/read write api/write x api/x";
    assert_eq!(token.scopes().as_str(), scopes);

    let strict = verify_answer(answer, |builder| builder.accept_any_audience());
    assert_eq!(refused(strict.await), InvalidReason::InvalidClaim);
}

#[test]
fn an_endpoint_that_is_not_a_url_is_the_cause_of_the_error() {
    let builder = IntrospectionVerifier::builder("/introspect?secret").bearer_token("t");
    let error = builder.audience(AUDIENCE).build().unwrap_err();
    assert!(!error.to_string().contains("secret"), "{error}");
    let cause = error.source().unwrap().to_string();
    assert!(error.to_string().ends_with(&cause), "{error}");
}
