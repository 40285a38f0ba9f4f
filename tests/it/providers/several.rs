//! One resource that accepts JWTs of two issuers, opaque tokens and its own API keys.

use axum::Router;
use axum::routing::get;
use serde_json::json;
use tower_bearer_auth::{
    AccessToken, BearerAuthLayer, ByIssuer, StaticToken, StaticTokenVerifier, VerifierExt,
};

use super::opaque::{github, github_app};
use super::{but, jwt, recipes, verifier};
use crate::support::{get_with, serve_axum};

#[tokio::test]
async fn each_token_goes_to_the_verifier_that_it_is_for() {
    let (github, api) = github().await;
    let api_keys = StaticTokenVerifier::new([("key-1", StaticToken::new("reports"))]);
    // The verifier in the documentation.
    let jwts = ByIssuer::new()
        .issuer("https://tenant.eu.auth0.com/", verifier(recipes::auth0))
        .issuer(
            "https://token.actions.githubusercontent.com",
            verifier(recipes::github_actions),
        );
    let verifier = jwts.or_else(github_app(api, "secret")).or_else(api_keys);
    let show = |token: AccessToken| async move {
        let who = token.subject().or(token.client_id());
        who.unwrap_or_default().to_owned()
    };
    let app = Router::new().route("/", get(show));
    let server = serve_axum(app.layer(BearerAuthLayer::new(verifier))).await;

    let user = json!({
        "iss": "https://tenant.eu.auth0.com/", "aud": "https://api.example.com", "sub": "auth0|1",
    });
    let job = json!({
        "iss": "https://token.actions.githubusercontent.com", "aud": "https://api.example.com",
        "sub": "repo:octo-org/octo-repo:ref:refs/heads/main", "ref": "refs/heads/main",
        "repository_id": "74312345",
    });
    let grant = "gho_16C7e42F292c6912E7710c838347Ae178B4a";
    let table = [
        (jwt(&user), "auth0|1"),
        (jwt(&job), "repo:octo-org/octo-repo:ref:refs/heads/main"),
        (grant.to_owned(), "583231"),
        ("key-1".to_owned(), "reports"),
    ];
    for (token, who) in table {
        assert_eq!(get_with(server, &token).await.body, who);
    }

    // The rules of the token's issuer apply, and their refusal is final.
    let mixed = but(
        &user,
        json!({"iss": "https://token.actions.githubusercontent.com"}),
    );
    let answer = get_with(server, &jwt(&mixed)).await;
    answer.assert_invalid_token("The access token lacks a required claim");
    let elsewhere = but(&user, json!({"aud": "https://other.example.com"}));
    let answer = get_with(server, &jwt(&elsewhere)).await;
    answer.assert_invalid_token("The access token is meant for another audience");
    // JWTs of unknown issuers and unknown API keys reach the last verifier, but are not sent to GitHub.
    let foreign = but(&user, json!({"iss": "https://evil.example.com/"}));
    for token in [jwt(&foreign), "key-2".to_owned()] {
        let answer = get_with(server, &token).await;
        answer.assert_invalid_token("The access token is not recognized");
    }
    assert_eq!(github.received(), [grant]);
}
