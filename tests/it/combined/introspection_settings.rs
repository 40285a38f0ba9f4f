//! What the settings of an introspection verifier require of an answer, and which settings `build` refuses.

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
    let table: [(Configure, &str); 11] = [
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
