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
async fn an_active_answer_needs_nothing_else() {
    let least = told(
        r#"{"active":true}"#,
        IntrospectionVerifierBuilder::accept_any_audience,
    );
    let least = least.await.unwrap();
    assert_eq!(least.expires_at(), None);
    assert_eq!(least.subject(), None);
    assert_eq!(least.scopes().as_str(), "");
}

#[tokio::test]
async fn nothing_in_an_inactive_answer_is_read() {
    for members in [
        "",
        r#","aud":"https://other.test""#,
        r#","exp":"x","iss":1,"cnf":{}"#,
    ] {
        let answer = format!(r#"{{"active":false,"sub":"root","scope":"admin"{members}}}"#);
        let told = told(&answer, |builder| builder.audience(AUDIENCE)).await;
        assert_eq!(refused(told), InvalidReason::Unrecognized, "{answer}");
    }
}

/// A server that writes down what it does not know.
#[tokio::test]
async fn a_member_that_is_null_is_absent() {
    use InvalidReason as Reason;
    let optional = [
        "client_id",
        "username",
        "token_type",
        "exp",
        "iat",
        "nbf",
        "sub",
        "iss",
        "jti",
        "scope",
        "scp",
        "azp",
        "cid",
        "appid",
        "typ",
        "token_use",
        "error",
    ];
    for name in optional {
        let token = active(json!({ name: null })).await;
        let token = token.unwrap_or_else(|error| panic!("{name}: {error:?}"));
        assert_eq!(token.client_id(), None, "{name}");
        assert_eq!(token.expires_at(), None, "{name}");
        assert_eq!(token.scopes().as_str(), "", "{name}");
    }
    let all = optional.map(|name| (name.to_owned(), Value::Null));
    let all = Value::Object(all.into_iter().collect());
    active(all.clone()).await.unwrap();

    // The next in line counts.
    let token = active(json!({"client_id": null, "azp": "cli", "scope": null, "scp": "read"}));
    let token = token.await.unwrap();
    assert_eq!(token.client_id(), Some("cli"));
    assert_eq!(token.scopes().as_str(), "read");

    // A member that is required is then missing.
    for name in [
        "aud",
        "iss",
        "sub",
        "exp",
        "client_id",
        "nbf",
        "iat",
        "jti",
        "tenant",
    ] {
        let answer = json!({"active": true, name: null}).to_string();
        let told = told(&answer, |builder| match name {
            "aud" => builder.audience(AUDIENCE),
            "iss" => builder.accept_any_audience().issuer("https://issuer.test"),
            name => builder.accept_any_audience().required_claims([name]),
        });
        assert_eq!(refused(told.await), Reason::MissingClaim, "{name}");
    }
    // What is refused for being there stays refused.
    for (name, reason) in [
        ("cnf", Reason::BoundToKey),
        ("events", Reason::WrongType),
        ("at_hash", Reason::WrongType),
        ("c_hash", Reason::WrongType),
    ] {
        let told = active(json!({ name: null })).await;
        assert_eq!(refused(told), reason, "{name}");
    }
}

#[tokio::test]
async fn an_expiry_of_zero_is_none_on_demand() {
    use InvalidReason as Reason;
    let with = |exp: &str, accept: bool| {
        let answer = format!(r#"{{"active":true,"exp":{exp}}}"#);
        async move {
            told(&answer, |builder| {
                let builder = builder.accept_any_audience().leeway(Duration::ZERO);
                match accept {
                    true => builder.accept_zero_expiry(),
                    false => builder,
                }
            })
            .await
        }
    };
    assert_eq!(refused(with("0", false).await), Reason::Expired);
    let token = with("0", true).await.unwrap();
    assert_eq!(token.expires_at(), None);
    for exp in [
        "1",
        "0.0",
        "-0",
        "-0.0",
        "0e1",
        "1e-400",
        "1e-12",
        "0.5",
        "1799999999",
    ] {
        assert_eq!(refused(with(exp, true).await), Reason::Expired, "{exp}");
    }
    for exp in ["\"0\"", "false", "[0]", "{}", "-1"] {
        assert_eq!(
            refused(with(exp, true).await),
            Reason::InvalidClaim,
            "{exp}"
        );
    }
    // Both of two count for nothing.
    let twice = told(r#"{"active":true,"exp":0,"exp":0}"#, |builder| {
        builder.accept_any_audience().accept_zero_expiry()
    });
    assert_eq!(refused(twice.await), Reason::InvalidClaim);
    let later = with("1800000001", true).await.unwrap();
    assert!(later.expires_at().is_some());
    // What does not expire has no expiry.
    let required = told(r#"{"active":true,"exp":0}"#, |builder| {
        let builder = builder.accept_any_audience().accept_zero_expiry();
        builder.required_claims(["exp"])
    });
    assert_eq!(refused(required.await), Reason::MissingClaim);
    // The other dates count.
    let early = told(r#"{"active":true,"exp":0,"nbf":1800000061}"#, |builder| {
        builder.accept_any_audience().accept_zero_expiry()
    });
    assert_eq!(refused(early.await), Reason::NotYetValid);
}

#[tokio::test]
async fn required_members_and_accepted_values_hold() {
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
        let told = told(&answer, |builder| {
            let builder = builder.accept_any_audience().required_claims(["sub"]);
            builder.claim_in("/realm/roles", ["admin", "owner"])
        });
        match (told.await, expected) {
            (Ok(_), None) => {}
            (told, Some(reason)) => assert_eq!(refused(told), reason, "{members}"),
            (Err(error), None) => panic!("{members}: {error:?}"),
        }
    }
}

#[tokio::test]
async fn a_client_that_is_named_stands_in_for_an_audience() {
    for name in ["client_id", "azp", "cid", "appid"] {
        for (client, expected) in [
            (json!("notes"), None),
            (json!("other"), Some(InvalidReason::InvalidClaim)),
            (json!("notes "), Some(InvalidReason::InvalidClaim)),
            (Value::Null, Some(InvalidReason::MissingClaim)),
        ] {
            let answer = json!({"active": true, name: client}).to_string();
            let told = told(&answer, |builder| builder.claim_in(name, ["notes", "web"]));
            match (told.await, expected) {
                (Ok(_), None) => {}
                (told, Some(reason)) => assert_eq!(refused(told), reason, "{answer}"),
                (Err(error), None) => panic!("{answer}: {error:?}"),
            }
        }
    }
}

#[test]
fn settings_that_name_claims_are_checked() {
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
        (json!({"exp": 0}), Some(Reason::Expired)),
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
        (json!({"token_type": "access_token"}), None),
        (json!({"token_type": "Access_Token"}), None),
        (json!({"token_type": "dpop"}), Some(Reason::BoundToKey)),
        (json!({"token_type": "access"}), Some(Reason::WrongType)),
        (
            json!({"token_type": "access_token "}),
            Some(Reason::WrongType),
        ),
        (
            json!({"token_type": "refresh_token"}),
            Some(Reason::WrongType),
        ),
        (json!({"token_type": "N_A"}), Some(Reason::WrongType)),
        (json!({"token_type": ""}), Some(Reason::WrongType)),
        (json!({"token_type": ["Bearer"]}), Some(Reason::WrongType)),
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
