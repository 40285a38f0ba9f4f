//! Auth0, Okta, Keycloak and Cognito.

use serde_json::json;
use tower_bearer_auth::Algorithm;
use tower_bearer_auth::InvalidReason::{
    InvalidClaim, Malformed, MissingClaim, UnsupportedAlgorithm, WrongAudience, WrongIssuer,
    WrongType,
};
use tower_bearer_auth::testing::SigningKey;

use super::{
    assert_refused, assert_refused_but, assert_taken, but, clock, id_token, jwt, jwt_of_type,
    recipes, verifier,
};

#[test]
fn auth0() {
    let auth0 = verifier(recipes::auth0);
    let claims = json!({
        "iss": "https://tenant.eu.auth0.com/",
        "sub": "auth0|6553da60a54af58e29493993",
        "aud": ["https://api.example.com", "https://tenant.eu.auth0.com/userinfo"],
        "azp": "K1AUPhZq8mRi0Q0pjhkfu1D7y6KjDQja",
        "gty": "password",
        "scope": "openid profile read:notes",
        "permissions": ["read:notes", "write:notes"],
    });
    let client = "K1AUPhZq8mRi0Q0pjhkfu1D7y6KjDQja";
    let subject = "auth0|6553da60a54af58e29493993";
    let wanted = (subject, Some(client), "openid profile read:notes");
    assert_taken(&auth0, &jwt(&claims), wanted);
    let permissions =
        verifier(|builder| recipes::auth0(builder).scope_claims(["permissions", "scope"]));
    let all = (subject, Some(client), "read:notes write:notes");
    assert_taken(&permissions, &jwt(&claims), all);

    // A token in the RFC 9068 profile, without permissions.
    let profile = but(
        &claims,
        json!({"permissions": null, "azp": null, "client_id": client, "jti": "73WakrfVbNJBaAmhQtEeDv"}),
    );
    let profile = jwt_of_type(Some("at+jwt"), &profile);
    assert_taken(&auth0, &profile, wanted);
    assert_taken(&permissions, &profile, wanted);

    assert_refused(&auth0, &jwt(&id_token(&claims, client)), WrongAudience);
    let other_api =
        json!({"aud": ["https://other.example.com", "https://tenant.eu.auth0.com/userinfo"]});
    assert_refused_but(&auth0, &claims, other_api, WrongAudience);
    let other_tenant = json!({"iss": "https://other.eu.auth0.com/"});
    assert_refused_but(&auth0, &claims, other_tenant, WrongIssuer);
    let without_slash = json!({"iss": "https://tenant.eu.auth0.com"});
    assert_refused_but(&auth0, &claims, without_slash, WrongIssuer);
    // The token of a client that requests no audience, which is an encrypted JWT, and an opaque refresh token.
    let encrypted = "eyJhbGciOiJkaXIiLCJlbmMiOiJBMjU2R0NNIn0..aXY.Y2lwaGVy.dGFn";
    assert_refused(&auth0, encrypted, Malformed);
    assert_refused(&auth0, "v1.MRjWxVQ8mGqpUpmzYGIkUu", Malformed);
}

#[test]
fn okta() {
    let okta = verifier(recipes::okta);
    let claims = json!({
        "ver": 1,
        "jti": "AT.0mP4JKAZX1iACIT4vbEDF7LpvDVjxypPMf0D7uX39RE",
        "iss": "https://example.okta.com/oauth2/default",
        "aud": "api://default",
        "cid": "0oa1gjh63g214q0Hq0g4",
        "uid": "00uid4BxXw6I6TV4m0g3",
        "scp": ["openid", "notes.read"],
        "auth_time": 1_799_999_000,
        "sub": "alice@example.com",
    });
    let client = Some("0oa1gjh63g214q0Hq0g4");
    let wanted = ("alice@example.com", client, "openid notes.read");
    let token = assert_taken(&okta, &jwt_of_type(None, &claims), wanted);
    assert_eq!(
        token.claim::<String>("uid").as_deref(),
        Some("00uid4BxXw6I6TV4m0g3")
    );

    let id_token = json!({
        "ver": 1, "jti": "ID.radCQMOQUmyvcTBmmIL0J6BaS60apUEiC7", "sub": "00uid4BxXw6I6TV4m0g3",
        "iss": "https://example.okta.com/oauth2/default", "aud": "0oa1gjh63g214q0Hq0g4",
        "amr": ["pwd"], "idp": "00oexample", "at_hash": "fPlsvVszI29LU2UhDyJ9vg",
    });
    assert_refused(&okta, &jwt_of_type(None, &id_token), WrongType);
    // An ID token without `at_hash` for an audience of the same name is refused as well.
    let odd = json!({"at_hash": null, "aud": "api://default"});
    assert_refused(&okta, &jwt(&but(&id_token, odd)), MissingClaim);
    let other_server = json!({"iss": "https://example.okta.com/oauth2/aus9o8wzkhckw9TLa0h7z"});
    assert_refused_but(&okta, &claims, other_server, WrongIssuer);
    let org_server = json!({"iss": "https://example.okta.com", "aud": "https://example.okta.com"});
    assert_refused_but(&okta, &claims, org_server, WrongIssuer);
    assert_refused_but(&okta, &claims, json!({"aud": "api://other"}), WrongAudience);
}

#[test]
fn keycloak() {
    let keycloak = verifier(recipes::keycloak);
    let claims = json!({
        "jti": "d58f5dc8-fd8f-462b-8a19-716f8f83985b",
        "iss": "https://sso.example.com/realms/staff",
        "aud": ["notes-api", "account"],
        "sub": "36fa0f91-f94d-4a0c-afed-6b7d952e47da",
        "typ": "Bearer",
        "azp": "notes-web",
        "sid": "2a88c258-f73a-4103-b862-e1fbd8f4e04e",
        "acr": "1",
        "allowed-origins": ["https://notes.example.com"],
        "realm_access": {"roles": ["offline_access", "default-roles-staff"]},
        "resource_access": {
            "notes-api": {"roles": ["reader", "writer", "two words"]},
            "account": {"roles": ["manage-account", "view-profile"]},
        },
        "scope": "openid email profile",
        "email_verified": true,
        "preferred_username": "alice",
    });
    let subject = "36fa0f91-f94d-4a0c-afed-6b7d952e47da";
    let wanted = (subject, Some("notes-web"), "reader writer");
    let token = assert_taken(&keycloak, &jwt(&claims), wanted);
    let realm: Vec<String> = token.claim("/realm_access/roles").unwrap();
    assert_eq!(realm, ["offline_access", "default-roles-staff"]);

    // A user without a role in the client.
    let no_role = but(
        &claims,
        json!({"resource_access": {"account": {"roles": []}}}),
    );
    let wanted = (subject, Some("notes-web"), "");
    assert_taken(&keycloak, &jwt(&no_role), wanted);

    for typ in ["ID", "Refresh", "Offline", "Logout"] {
        assert_refused_but(&keycloak, &claims, json!({"typ": typ}), WrongType);
    }
    // Refresh tokens are for Keycloak itself, which signs them with a secret.
    let secret = SigningKey::generate(Algorithm::HS512).with_key_id("key-1");
    let refresh = secret.token().clock(clock()).claims(claims.clone());
    assert_refused(&keycloak, &refresh.build(), UnsupportedAlgorithm);
    // A token without an audience mapper.
    assert_refused_but(&keycloak, &claims, json!({"aud": "account"}), WrongAudience);
    assert_refused_but(&keycloak, &claims, json!({"aud": null}), MissingClaim);
    let other_realm = json!({"iss": "https://sso.example.com/realms/partners"});
    assert_refused_but(&keycloak, &claims, other_realm, WrongIssuer);
}

#[test]
fn cognito() {
    let cognito = verifier(recipes::cognito);
    let claims = json!({
        "sub": "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee",
        "cognito:groups": ["editors"],
        "iss": "https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_Example1",
        "version": 2,
        "client_id": "1example23456789",
        "origin_jti": "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeef",
        "event_id": "64f513be-32db-42b0-b78e-b02127b4f463",
        "token_use": "access",
        "scope": "openid notes-api/read",
        "auth_time": 1_799_999_000,
        "jti": "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeef0",
        "username": "alice",
    });
    let subject = "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee";
    let wanted = (subject, Some("1example23456789"), "openid notes-api/read");
    let token = assert_taken(&cognito, &jwt_of_type(None, &claims), wanted);
    let groups: Vec<String> = token.claim("cognito:groups").unwrap();
    assert_eq!(groups, ["editors"]);

    let id = but(
        &claims,
        json!({
            "token_use": "id", "aud": "1example23456789", "client_id": null,
            "cognito:username": "alice", "at_hash": "vH3zSmZ0nXb5k1gKDZ7C4w",
        }),
    );
    assert_refused(&cognito, &jwt_of_type(None, &id), WrongType);
    assert_refused(
        &cognito,
        &jwt(&but(&id, json!({"at_hash": null}))),
        WrongType,
    );
    assert_refused_but(&cognito, &claims, json!({"token_use": null}), MissingClaim);
    let other_client = json!({"client_id": "9example87654321"});
    assert_refused_but(&cognito, &claims, other_client, InvalidClaim);
    let other_pool =
        json!({"iss": "https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_Example2"});
    assert_refused_but(&cognito, &claims, other_pool, WrongIssuer);
    let refresh =
        "eyJjdHkiOiJKV1QiLCJlbmMiOiJBMjU2R0NNIiwiYWxnIjoiUlNBLU9BRVAifQ.a2V5.aXY.Y2lwaGVy.dGFn";
    assert_refused(&cognito, refresh, Malformed);
}
