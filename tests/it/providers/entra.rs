//! Entra ID: two versions of tokens, one tenant or many.

use std::collections::HashSet;

use serde_json::{Value, json};
use tower::ServiceExt;
use tower_bearer_auth::InvalidReason::{InvalidClaim, MissingClaim, WrongAudience, WrongIssuer};
use tower_bearer_auth::testing::TestIssuer;
use tower_bearer_auth::{AccessToken, BearerToken, ByIssuer, InvalidReason, Jwks, VerifyErrorKind};

use super::{
    TENANT, assert_refused, assert_refused_but, assert_taken, but, jwt, recipes, verifier,
};

const API: &str = "3f2a1b0c-9d8e-4f7a-8b6c-5d4e3f2a1b0c";
const CLIENT: &str = "11111111-2222-3333-4444-555555555555";
const SUBJECT: &str = "AAAAAAAAAAAAAAAAAAAAAIkzqFVrSaSaFHy782bbtaQ";
const BOTH_FORMS: &str = "read api://notes/read write api://notes/write";

fn v2(tenant: &str) -> Value {
    json!({
        "aud": API,
        "iss": format!("https://login.microsoftonline.com/{tenant}/v2.0"),
        "aio": "AXQAi/8TAAAA",
        "azp": CLIENT,
        "azpacr": "0",
        "name": "Alice",
        "oid": "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee",
        "preferred_username": "alice@example.com",
        "rh": "0.ARoA",
        "scp": "read write",
        "sub": SUBJECT,
        "tid": tenant,
        "uti": "fqiBqXLPj0eQa82S-IYFAA",
        "ver": "2.0",
    })
}

fn v1(tenant: &str) -> Value {
    json!({
        "aud": "api://notes",
        "iss": format!("https://sts.windows.net/{tenant}/"),
        "acr": "1",
        "aio": "AXQAi/8TAAAA",
        "amr": ["pwd"],
        "appid": CLIENT,
        "appidacr": "0",
        "ipaddr": "192.0.2.7",
        "oid": "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee",
        "scp": "read write",
        "sub": SUBJECT,
        "tid": tenant,
        "unique_name": "alice@example.com",
        "uti": "fqiBqXLPj0eQa82S-IYFAA",
        "ver": "1.0",
    })
}

#[test]
fn version_2() {
    let entra = verifier(recipes::entra);
    let claims = v2(TENANT);
    let token = assert_taken(&entra, &jwt(&claims), (SUBJECT, Some(CLIENT), BOTH_FORMS));
    assert!(token.has_scope("api://notes/read") && token.has_scope("read"));

    // A token of an application without a user.
    let application = but(
        &claims,
        json!({"scp": null, "roles": ["Notes.Read.All"], "idtyp": "app", "azpacr": "1"}),
    );
    let roles = "Notes.Read.All api://notes/Notes.Read.All";
    assert_taken(&entra, &jwt(&application), (SUBJECT, Some(CLIENT), roles));
    // A user's roles do not become scopes.
    let user = but(&claims, json!({"roles": ["Notes.Admin"]}));
    assert_taken(&entra, &jwt(&user), (SUBJECT, Some(CLIENT), BOTH_FORMS));

    // The ID token of the API's own registration has its audience.
    let id_token = json!({"azp": null, "azpacr": null, "scp": null, "nonce": "12345"});
    assert_refused_but(&entra, &claims, id_token, MissingClaim);
    let graph = json!({"aud": "00000003-0000-0000-c000-000000000000"});
    assert_refused_but(&entra, &claims, graph, WrongAudience);
    let other = v2("99999999-8888-7777-6666-555555555555");
    assert_refused(&entra, &jwt(&other), WrongIssuer);
    assert_refused(&entra, &jwt(&v1(TENANT)), WrongIssuer);
}

#[test]
fn version_1() {
    let entra = verifier(recipes::entra_v1);
    let claims = v1(TENANT);
    assert_taken(&entra, &jwt(&claims), (SUBJECT, Some(CLIENT), BOTH_FORMS));
    let by_id = but(&claims, json!({"aud": API}));
    assert_taken(&entra, &jwt(&by_id), (SUBJECT, Some(CLIENT), BOTH_FORMS));

    let id_token = json!({"appid": null, "appidacr": null, "scp": null, "aud": API});
    assert_refused_but(&entra, &claims, id_token, MissingClaim);
    let graph = json!({"aud": "https://graph.microsoft.com"});
    assert_refused_but(&entra, &claims, graph, WrongAudience);
    let without_slash = json!({"iss": format!("https://sts.windows.net/{TENANT}")});
    assert_refused_but(&entra, &claims, without_slash, WrongIssuer);
    assert_refused(&entra, &jwt(&v2(TENANT)), WrongIssuer);
    let list = json!({"scp": {"read": true}});
    assert_refused_but(&entra, &claims, list, InvalidReason::Malformed);
    assert_refused_but(
        &entra,
        &claims,
        json!({"scp": null, "roles": 7}),
        InvalidClaim,
    );
}

#[test]
fn the_application_id_uri_of_an_mcp_server_is_its_url() {
    let entra = verifier(recipes::entra_mcp);
    let claims = but(&v2(TENANT), json!({"scp": "read"}));
    let scopes = "read https://mcp.example.com/mcp/read";
    let token = assert_taken(&entra, &jwt(&claims), (SUBJECT, Some(CLIENT), scopes));
    assert!(token.has_scope("https://mcp.example.com/mcp/read"));

    let id_token = json!({"azp": null, "azpacr": null, "scp": null, "nonce": "12345"});
    assert_refused_but(&entra, &claims, id_token, MissingClaim);
    // Version 1 writes the Application ID URI into `aud`, and has another issuer.
    let version_1 = but(&v1(TENANT), json!({"aud": "https://mcp.example.com/mcp"}));
    assert_refused(&entra, &jwt(&version_1), WrongIssuer);
    let uri = json!({"aud": "https://mcp.example.com/mcp"});
    assert_refused_but(&entra, &claims, uri, WrongAudience);
    let graph = json!({"aud": "00000003-0000-0000-c000-000000000000"});
    assert_refused_but(&entra, &claims, graph, WrongAudience);
}

async fn ask(verifier: &ByIssuer, token: String) -> Result<AccessToken, InvalidReason> {
    let token: BearerToken = token.parse().unwrap();
    let answer = verifier.clone().oneshot(token).await;
    answer.map_err(|error| match error.kind() {
        VerifyErrorKind::Invalid(reason) => reason,
        other => panic!("{other:?}"),
    })
}

#[tokio::test]
async fn many_tenants_of_both_versions() {
    let microsoft = TestIssuer::start().await;
    let keys = Jwks::from_url(microsoft.jwks_url()).unwrap();
    let customers = HashSet::from([TENANT.to_owned()]);
    let entra = recipes::entra_tenants(customers, keys.clone(), keys).unwrap();
    let token = |claims: Value| microsoft.token().claims(claims).build();

    for claims in [v1(TENANT), v2(TENANT)] {
        let taken = ask(&entra, token(claims.clone())).await.unwrap();
        assert_eq!(taken.client_id(), Some(CLIENT));
        assert_eq!(taken.issuer(), claims["iss"].as_str());
        assert!(taken.has_scope("api://notes/read"));
    }
    let other_tenant = "99999999-8888-7777-6666-555555555555";
    for claims in [
        v1(other_tenant),
        v2(other_tenant),
        // Tokens whose issuer and `tid` name different tenants.
        but(&v2(other_tenant), json!({"tid": TENANT})),
        but(&v2(TENANT), json!({"tid": other_tenant})),
        but(&v2("{tenantid}"), json!({"tid": TENANT})),
    ] {
        let refusal = ask(&entra, token(claims)).await.unwrap_err();
        assert_eq!(refusal, WrongIssuer);
    }
    let id_tokens = [
        but(&v2(TENANT), json!({"azp": null, "scp": null})),
        but(&v1(TENANT), json!({"appid": null, "scp": null, "aud": API})),
    ];
    for claims in id_tokens {
        let refusal = ask(&entra, token(claims)).await.unwrap_err();
        assert_eq!(refusal, MissingClaim);
    }
    let other_api = but(&v2(TENANT), json!({"aud": CLIENT}));
    let refusal = ask(&entra, token(other_api)).await.unwrap_err();
    assert_eq!(refusal, WrongAudience);
}
