//! The members of an introspection response (RFC 7662 §2.2).

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

/// The verifier's result for this response body.
pub(super) async fn verify_answer(
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

/// The result for an active response with these members, and with the audience unless they include one.
pub(super) async fn active(members: Value) -> Result<AccessToken, VerifyError> {
    let mut answer = json!({"active": true, "aud": AUDIENCE});
    let Value::Object(members) = members else {
        unreachable!()
    };
    for (name, value) in members {
        answer[name] = value;
    }
    verify_answer(&answer.to_string(), |builder| builder.audience(AUDIENCE)).await
}

#[tokio::test]
async fn a_complete_response_becomes_a_token() {
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
    assert!(token.audiences().eq(["https://other.test", AUDIENCE]));
    assert_eq!(token.scopes().as_str(), "read write");
    assert_eq!(token.jwt_id(), Some("id-1"));
    let at = |seconds| Some(UNIX_EPOCH + Duration::from_secs(seconds));
    assert_eq!(token.expires_at(), at(NOW + 60));
    assert_eq!(token.issued_at(), at(NOW - 60));
    assert_eq!(token.claim::<u64>("/tenant/id"), Some(7));
    assert_eq!(token.claim::<String>("username").as_deref(), Some("a.lice"));
}

#[tokio::test]
async fn active_is_the_only_required_member() {
    let least = verify_answer(
        r#"{"active":true}"#,
        IntrospectionVerifierBuilder::accept_any_audience,
    );
    let least = least.await.unwrap();
    assert_eq!(least.expires_at(), None);
    assert_eq!(least.subject(), None);
    assert_eq!(least.scopes().as_str(), "");
}

#[tokio::test]
async fn other_members_of_an_inactive_response_are_ignored() {
    for members in [
        "",
        r#","aud":"https://other.test""#,
        r#","exp":"x","iss":1,"cnf":{}"#,
    ] {
        let answer = format!(r#"{{"active":false,"sub":"root","scope":"admin"{members}}}"#);
        let result = verify_answer(&answer, |builder| builder.audience(AUDIENCE)).await;
        assert_eq!(refused(result), InvalidReason::Unrecognized, "{answer}");
    }
}

/// Some authorization servers write `null` for members that they have no value for.
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

    // The next claim in order is used.
    let token = active(json!({"client_id": null, "azp": "cli", "scope": null, "scp": "read"}));
    let token = token.await.unwrap();
    assert_eq!(token.client_id(), Some("cli"));
    assert_eq!(token.scopes().as_str(), "read");

    // A required member that is `null` is missing.
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
        let result = verify_answer(&answer, |builder| match name {
            "aud" => builder.audience(AUDIENCE),
            "iss" => builder.accept_any_audience().issuer("https://issuer.test"),
            name => builder.accept_any_audience().required_claims([name]),
        });
        assert_eq!(refused(result.await), Reason::MissingClaim, "{name}");
    }
    // A member whose presence refuses a token does so with `null` as well.
    for (name, reason) in [
        ("cnf", Reason::BoundToKey),
        ("events", Reason::WrongType),
        ("at_hash", Reason::WrongType),
        ("c_hash", Reason::WrongType),
    ] {
        let result = active(json!({ name: null })).await;
        assert_eq!(refused(result), reason, "{name}");
    }
}

#[tokio::test]
async fn an_expiry_of_zero_means_none_when_accepted() {
    use InvalidReason as Reason;
    let with = |exp: &str, accept: bool| {
        let answer = format!(r#"{{"active":true,"exp":{exp}}}"#);
        async move {
            verify_answer(&answer, |builder| {
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
    // A member that occurs twice is invalid.
    let twice = verify_answer(r#"{"active":true,"exp":0,"exp":0}"#, |builder| {
        builder.accept_any_audience().accept_zero_expiry()
    });
    assert_eq!(refused(twice.await), Reason::InvalidClaim);
    let later = with("1800000001", true).await.unwrap();
    assert!(later.expires_at().is_some());
    // A token that does not expire lacks a required `exp`.
    let required = verify_answer(r#"{"active":true,"exp":0}"#, |builder| {
        let builder = builder.accept_any_audience().accept_zero_expiry();
        builder.required_claims(["exp"])
    });
    assert_eq!(refused(required.await), Reason::MissingClaim);
    // The other dates are still checked.
    let early = verify_answer(r#"{"active":true,"exp":0,"nbf":1800000061}"#, |builder| {
        builder.accept_any_audience().accept_zero_expiry()
    });
    assert_eq!(refused(early.await), Reason::NotYetValid);
}

#[tokio::test]
async fn dates_are_checked_when_present() {
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
        let result = active(members.clone()).await;
        match expected {
            None => assert!(result.is_ok(), "{members}"),
            Some(reason) => assert_eq!(refused(result), reason, "{members}"),
        }
    }
}

#[tokio::test]
async fn a_token_that_is_not_a_bearer_access_token_is_refused() {
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
        let result = active(members.clone()).await;
        match expected {
            None => assert!(result.is_ok(), "{members}"),
            Some(reason) => assert_eq!(refused(result), reason, "{members}"),
        }
    }
    let bound = json!({"active": true, "cnf": {"jkt": "x"}}).to_string();
    let accepted = verify_answer(&bound, |b| {
        b.accept_any_audience().accept_unchecked_confirmation()
    });
    assert!(accepted.await.is_ok());
}
