//! The functions of the documentation of `providers` that call a provider, line by line.
//! `recipes_and_documentation_are_the_same` compares them with the documentation.

use std::time::{Duration, UNIX_EPOCH};

use http::{HeaderMap, StatusCode};
use reqwest::redirect::Policy;
use reqwest::{Client, RequestBuilder, Response};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tower_bearer_auth::{AccessToken, BearerToken, InvalidReason, VerifyError};

/// Sends a request about a token. `refused` is the status for tokens that are not valid.
async fn ask<T: DeserializeOwned>(
    question: RequestBuilder,
    refused: StatusCode,
) -> Result<(HeaderMap, T), VerifyError> {
    let failed = |error: reqwest::Error| VerifyError::unavailable(error.without_url());
    let answer = question.send().await.map_err(failed)?;
    if answer.status() == refused {
        return Err(VerifyError::invalid(InvalidReason::Unrecognized));
    }
    let answer = answer.error_for_status().map_err(failed)?;
    let headers = answer.headers().clone();
    Ok((headers, answer.json().await.map_err(failed)?))
}

/// A client with a timeout, so that an endpoint that never responds cannot block requests.
pub(super) fn client() -> reqwest::Result<Client> {
    Client::builder()
        .user_agent("notes-server")
        .timeout(Duration::from_secs(2))
        .redirect(Policy::none())
        .build()
}

#[derive(Deserialize)]
struct GitHubGrant {
    scopes: Option<Vec<String>>,
    user: GitHubUser,
}

#[derive(Deserialize)]
struct GitHubUser {
    id: u64,
    login: String,
}

pub(super) async fn ask_github(
    http: Client,
    api: &str,
    (client_id, secret): (&str, &str),
    token: BearerToken,
) -> Result<AccessToken, VerifyError> {
    if !token.as_str().starts_with("gho_") {
        return Err(VerifyError::invalid(InvalidReason::Unrecognized));
    }
    let question = http
        .post(format!("{api}/applications/{client_id}/token"))
        .basic_auth(client_id, Some(secret))
        .json(&serde_json::json!({ "access_token": token.as_str() }));
    let (_, grant): (_, GitHubGrant) = ask(question, StatusCode::NOT_FOUND).await?;
    Ok(AccessToken::builder(token)
        .verifier("github")
        .subject(grant.user.id.to_string())
        .client_id(client_id)
        .granted_scopes(grant.scopes.unwrap_or_default())
        .claim("login", grant.user.login)
        .build())
}

pub(super) async fn ask_github_user(
    http: Client,
    api: &str,
    token: BearerToken,
) -> Result<AccessToken, VerifyError> {
    if !token.as_str().starts_with("ghp_") {
        return Err(VerifyError::invalid(InvalidReason::Unrecognized));
    }
    let question = http.get(format!("{api}/user")).bearer_auth(token.as_str());
    let (headers, user): (_, GitHubUser) = ask(question, StatusCode::UNAUTHORIZED).await?;
    let scopes = headers
        .get("x-oauth-scopes")
        .and_then(|value| value.to_str().ok());
    Ok(AccessToken::builder(token)
        .verifier("github")
        .subject(user.id.to_string())
        .granted_scopes(scopes.unwrap_or_default().split(',').map(str::trim))
        .claim("login", user.login)
        .build())
}

/// Google's tokeninfo endpoint encodes numbers as strings.
#[derive(Deserialize)]
struct GoogleToken {
    aud: String,
    azp: String,
    sub: Option<String>,
    scope: String,
    exp: String,
}

pub(super) async fn ask_google(
    http: Client,
    tokeninfo: &str,
    client_id: &str,
    token: BearerToken,
) -> Result<AccessToken, VerifyError> {
    let question = http.post(tokeninfo).bearer_auth(token.as_str());
    let (_, info): (_, GoogleToken) = ask(question, StatusCode::BAD_REQUEST).await?;
    if info.aud != client_id || info.azp != client_id {
        return Err(VerifyError::invalid(InvalidReason::WrongAudience));
    }
    let Some(sub) = info.sub else {
        return Err(VerifyError::invalid(
            "The access token lacks the scope openid",
        ));
    };
    let exp: u32 = info.exp.parse().map_err(VerifyError::unavailable)?;
    Ok(AccessToken::builder(token)
        .verifier("google")
        .subject(sub)
        .client_id(info.azp)
        .audience(info.aud)
        .granted_scopes(info.scope.split(' '))
        .expires_at(UNIX_EPOCH + Duration::from_secs(exp.into()))
        .build())
}

#[derive(Deserialize)]
struct DiscordGrant {
    application: DiscordId,
    scopes: Vec<String>,
    user: Option<DiscordId>,
}

#[derive(Deserialize)]
struct DiscordId {
    id: String,
}

pub(super) async fn ask_discord(
    http: Client,
    api: &str,
    application: &str,
    token: BearerToken,
) -> Result<AccessToken, VerifyError> {
    let question = http
        .get(format!("{api}/oauth2/@me"))
        .bearer_auth(token.as_str());
    let (_, grant): (_, DiscordGrant) = ask(question, StatusCode::UNAUTHORIZED).await?;
    if grant.application.id != application {
        return Err(VerifyError::invalid(InvalidReason::WrongAudience));
    }
    let Some(user) = grant.user else {
        return Err(VerifyError::invalid(
            "The access token lacks the scope identify",
        ));
    };
    Ok(AccessToken::builder(token)
        .verifier("discord")
        .subject(user.id)
        .client_id(grant.application.id)
        .granted_scopes(grant.scopes)
        .build())
}

#[derive(Deserialize)]
struct TokenReview {
    status: TokenReviewStatus,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct TokenReviewStatus {
    authenticated: bool,
    audiences: Vec<String>,
    user: ReviewedUser,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct ReviewedUser {
    username: String,
}

pub(super) async fn review(
    http: Client,
    api: &str,
    pod: &str,
    token: BearerToken,
) -> Result<AccessToken, VerifyError> {
    let failed = |error: reqwest::Error| VerifyError::unavailable(error.without_url());
    let own = std::fs::read_to_string(format!("{pod}/token"));
    let question = http
        .post(format!("{api}/apis/authentication.k8s.io/v1/tokenreviews"))
        .bearer_auth(own.map_err(VerifyError::unavailable)?.trim())
        .json(&serde_json::json!({
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenReview",
            "spec": { "token": token.as_str(), "audiences": ["notes"] },
        }));
    let answer = question.send().await.and_then(Response::error_for_status);
    let TokenReview { status } = answer.map_err(failed)?.json().await.map_err(failed)?;
    if !status.authenticated {
        return Err(VerifyError::invalid(InvalidReason::Unrecognized));
    }
    if !status.audiences.iter().any(|audience| audience == "notes") {
        return Err(VerifyError::invalid(InvalidReason::WrongAudience));
    }
    let user = status.user.username;
    if !user.starts_with("system:serviceaccount:jobs:") {
        return Err(VerifyError::invalid(InvalidReason::InvalidClaim));
    }
    Ok(AccessToken::builder(token)
        .verifier("kubernetes")
        .subject(user)
        .audience("notes")
        .build())
}

#[derive(Deserialize)]
struct Exchanged {
    access_token: String,
}

pub(super) async fn exchange(
    http: &Client,
    token_endpoint: &str,
    (client_id, secret): (&str, &str),
    token: &AccessToken,
) -> reqwest::Result<String> {
    let grant = [
        (
            "grant_type",
            "urn:ietf:params:oauth:grant-type:token-exchange",
        ),
        ("subject_token", token.token().as_str()),
        (
            "subject_token_type",
            "urn:ietf:params:oauth:token-type:access_token",
        ),
        ("resource", "https://invoices.example.com"),
        ("scope", "invoices:read"),
    ];
    let request = http
        .post(token_endpoint)
        .basic_auth(client_id, Some(secret));
    let answer = request.form(&grant).send().await?.error_for_status()?;
    Ok(answer.json::<Exchanged>().await?.access_token)
}
