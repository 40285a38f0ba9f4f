//! Tokens of grants that are not a provider's own: client credentials, and the authorization of a company's users.

use serde_json::{Value, json};
use tower_bearer_auth::InvalidReason::{
    InvalidClaim, MissingClaim, Other, WrongAudience, WrongIssuer, WrongType,
};

use super::{assert_refused, assert_refused_but, assert_taken, but, jwt, jwt_of_type};
use super::{recipes, verifier};

fn job() -> Value {
    json!({
        "iss": "https://issuer.example.com",
        "aud": "https://api.example.com",
        "client_id": "reports-job",
        "sub": "reports-job",
        "scope": "reports:write",
    })
}

#[test]
fn client_credentials() {
    let jobs = verifier(recipes::client_credentials);
    for token_type in [None, Some("JWT"), Some("at+jwt")] {
        let token = jwt_of_type(token_type, &job());
        let wanted = ("reports-job", Some("reports-job"), "reports:write");
        assert_taken(&jobs, &token, wanted);
    }
    // Some providers have another `sub`.
    let account = "7c9e6679-7425-40de-944b-e07fc1f90ae7";
    let token = jwt(&but(&job(), json!({"sub": account})));
    let wanted = (account, Some("reports-job"), "reports:write");
    assert_taken(&jobs, &token, wanted);
    // Others have none.
    let without_subject = jwt(&but(&job(), json!({"sub": null})));
    let token = super::verify(&jobs, &without_subject).unwrap();
    assert_eq!(token.subject(), None);
    assert_eq!(token.client_id(), Some("reports-job"));
    assert!(token.principal().is_some());

    let other_client = json!({"client_id": "other-job", "sub": "reports-job"});
    assert_refused_but(&jobs, &job(), other_client, InvalidClaim);
    assert_refused_but(&jobs, &job(), json!({"client_id": null}), MissingClaim);
}

#[test]
fn a_server_for_users_refuses_tokens_without_a_user() {
    let users = recipes::of_a_user(verifier(recipes::client_credentials));
    let user = jwt(&but(&job(), json!({"sub": "alice"})));
    assert_taken(
        &users,
        &user,
        ("alice", Some("reports-job"), "reports:write"),
    );

    let refusal = Other("The access token is not of a user");
    assert_refused(&users, &jwt(&job()), refusal);
    assert_refused_but(&users, &job(), json!({"sub": null}), refusal);
}

#[test]
fn the_access_token_of_an_id_jag_is_accepted_and_the_id_jag_is_refused() {
    let server = verifier(recipes::enterprise_managed);
    let claims = json!({
        "iss": "https://auth.example.com",
        "aud": "https://mcp.example.com/mcp",
        "sub": "U019488227",
        "client_id": "f53f191f9311af35",
        "jti": "9e43f81b64a33f20116179",
        "scope": "notes:read notes:write",
    });
    let wanted = (
        "U019488227",
        Some("f53f191f9311af35"),
        "notes:read notes:write",
    );
    for token_type in [None, Some("JWT"), Some("at+jwt")] {
        assert_taken(&server, &jwt_of_type(token_type, &claims), wanted);
    }

    // An ID-JAG is for the authorization server, and from the company's identity provider.
    let id_jag = but(
        &claims,
        json!({
            "iss": "https://login.company.example",
            "aud": "https://auth.example.com",
            "resource": "https://mcp.example.com/mcp",
        }),
    );
    let of_the_same_issuer = but(&id_jag, json!({"iss": "https://auth.example.com"}));
    for token_type in [
        "oauth-id-jag+jwt",
        "application/oauth-id-jag+jwt",
        "OAUTH-ID-JAG+JWT",
    ] {
        for claims in [&of_the_same_issuer, &claims] {
            assert_refused(&server, &jwt_of_type(Some(token_type), claims), WrongType);
        }
        assert_refused(
            &server,
            &jwt_of_type(Some(token_type), &id_jag),
            WrongIssuer,
        );
    }
    // Other claims refuse one whose issuer does not write the type.
    assert_refused(&server, &jwt(&id_jag), WrongIssuer);
    assert_refused(&server, &jwt(&of_the_same_issuer), WrongAudience);
}
