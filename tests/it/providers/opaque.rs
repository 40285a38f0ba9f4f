//! GitHub, Google and Discord, with test servers that respond like theirs.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde_json::{Value, json};
use tower_bearer_auth::{AccessToken, BearerAuthLayer, Verifier, VerifierExt, verify_fn};

use super::opaque_recipes::{ask_discord, ask_github, ask_github_user, ask_google, client};
use crate::support::{get_with, serve_axum};

/// An endpoint with a response for each token. It records the tokens that it receives.
#[derive(Clone, Default)]
pub(super) struct Endpoint {
    answers: Arc<HashMap<&'static str, (StatusCode, HeaderMap, Value)>>,
    refusal: StatusCode,
    received: Arc<Mutex<Vec<String>>>,
    fault: Arc<Mutex<Option<StatusCode>>>,
}

impl Endpoint {
    fn new(refusal: StatusCode, answers: impl IntoIterator<Item = (&'static str, Value)>) -> Self {
        let good = |(token, body)| (token, (StatusCode::OK, HeaderMap::new(), body));
        Self {
            answers: Arc::new(answers.into_iter().map(good).collect()),
            refusal,
            ..Self::default()
        }
    }

    fn header(mut self, token: &'static str, name: &'static str, value: &'static str) -> Self {
        let answers = Arc::get_mut(&mut self.answers).unwrap();
        let headers = &mut answers.get_mut(token).unwrap().1;
        headers.insert(name, value.parse().unwrap());
        self
    }

    pub(super) fn received(&self) -> Vec<String> {
        self.received.lock().unwrap().clone()
    }

    fn fail(&self, status: Option<StatusCode>) {
        *self.fault.lock().unwrap() = status;
    }

    fn answer(&self, token: &str) -> Response {
        self.received.lock().unwrap().push(token.to_owned());
        if let Some(status) = *self.fault.lock().unwrap() {
            return status.into_response();
        }
        match self.answers.get(token) {
            Some((status, headers, body)) => {
                (*status, headers.clone(), body.to_string()).into_response()
            }
            None => (self.refusal, r#"{"error":"invalid_token"}"#).into_response(),
        }
    }
}

/// Reads the token from the `Authorization` header. These recipes must not send it in the URL.
async fn by_header(State(endpoint): State<Endpoint>, request: Request) -> Response {
    assert_eq!(request.uri().query(), None);
    let header = request.headers()["authorization"].to_str().unwrap();
    endpoint.answer(header.strip_prefix("Bearer ").unwrap())
}

/// A server with this verifier, which responds with the parts of the access token.
async fn serve(verifier: impl Verifier) -> std::net::SocketAddr {
    let show = |token: AccessToken| async move {
        let claim = |name| token.claim::<String>(name);
        json!({
            "subject": token.subject(),
            "client": token.client_id(),
            "scopes": token.scopes().as_str(),
            "login": claim("login"),
            "expires": token.expires_at().is_some(),
        })
        .to_string()
    };
    let app = Router::new().route("/", get(show));
    serve_axum(app.layer(BearerAuthLayer::new(verifier))).await
}

const GRANT: &str = "gho_16C7e42F292c6912E7710c838347Ae178B4a";
const PERSONAL: &str = "ghp_16C7e42F292c6912E7710c838347Ae178B4a";

/// The endpoints of GitHub that the recipes use, and their URL.
pub(super) async fn github() -> (Endpoint, &'static str) {
    let grant = json!({
        "id": 1,
        "url": "https://api.github.com/authorizations/1",
        "scopes": ["public_repo", "user"],
        "token": "",
        "token_last_eight": "8347ae17",
        "hashed_token": "25f94a2a5c7fbaf499c665bc73d67c1c87e496da8985131633ee0a95819db2e8",
        "app": {"url": "https://notes.example.com", "name": "notes", "client_id": "Ov23liABCDEFGHIJKLMN"},
        "note": null, "note_url": null, "fingerprint": null, "expires_at": null,
        "updated_at": "2026-07-20T20:39:23Z",
        "created_at": "2026-07-20T17:26:27Z",
        "user": {"login": "octocat", "id": 583_231, "node_id": "MDQ6VXNlcjE=", "type": "User"},
    });
    let user = json!({"login": "octocat", "id": 583_231, "type": "User", "name": "The Octocat"});
    // `/user` accepts the tokens of other apps as well.
    let endpoint = Endpoint::new(
        StatusCode::UNAUTHORIZED,
        [
            (GRANT, grant),
            (PERSONAL, user.clone()),
            ("gho_of_another_app", user),
        ],
    )
    .header(PERSONAL, "x-oauth-scopes", "read:user, repo")
    .header("gho_of_another_app", "x-oauth-scopes", "user");

    let check = async |State(endpoint): State<Endpoint>,
                       Path(app): Path<String>,
                       headers: HeaderMap,
                       body: String|
           -> Response {
        // `Ov23liABCDEFGHIJKLMN:secret`
        let credentials = "Basic T3YyM2xpQUJDREVGR0hJSktMTU46c2VjcmV0";
        if headers["authorization"] != credentials || app != "Ov23liABCDEFGHIJKLMN" {
            return StatusCode::UNAUTHORIZED.into_response();
        }
        let body: Value = serde_json::from_str(&body).unwrap();
        let token = body["access_token"].as_str().unwrap();
        match endpoint.answer(token) {
            answer if answer.status().is_server_error() || answer.status() == 429 => answer,
            answer if token == GRANT => answer,
            _ => StatusCode::NOT_FOUND.into_response(),
        }
    };
    let app = Router::new()
        .route("/applications/{app}/token", post(check))
        .route("/user", get(by_header))
        .with_state(endpoint.clone());
    let address = serve_axum(app).await;
    (endpoint, format!("http://{address}").leak())
}

/// The verifier in the documentation.
pub(super) fn github_app(api: &'static str, secret: &'static str) -> impl Verifier {
    let http = client().unwrap();
    verify_fn(move |token| {
        let app = ("Ov23liABCDEFGHIJKLMN", secret);
        ask_github(http.clone(), api, app, token)
    })
    .cached(100)
}

#[tokio::test]
async fn a_github_app_takes_its_own_tokens() {
    let (github, api) = github().await;
    let server = serve(github_app(api, "secret")).await;
    for _ in 0..3 {
        let answer = get_with(server, GRANT).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        let wanted = json!({
            "subject": "583231", "client": "Ov23liABCDEFGHIJKLMN", "scopes": "public_repo user",
            "login": "octocat", "expires": false,
        });
        assert_eq!(answer.json(), wanted);
    }
    assert_eq!(github.received(), [GRANT]);

    let unknown = "The access token is not recognized";
    for token in ["gho_unknown", "gho_of_another_app"] {
        get_with(server, token).await.assert_invalid_token(unknown);
    }
    // Tokens without the prefix `gho_` are not sent to GitHub.
    for token in [PERSONAL, "ghu_x", "ghr_x", "eyJhbGciOiJSUzI1NiJ9.e30.c2ln"] {
        get_with(server, token).await.assert_invalid_token(unknown);
    }
    assert_eq!(
        github.received(),
        [GRANT, "gho_unknown", "gho_of_another_app"]
    );

    for status in [StatusCode::BAD_GATEWAY, StatusCode::TOO_MANY_REQUESTS] {
        github.fail(Some(status));
        get_with(server, "gho_new").await.assert_outage();
        // A cached token causes no request.
        assert_eq!(get_with(server, GRANT).await.status, 200);
    }
    github.fail(None);
    get_with(server, "gho_new")
        .await
        .assert_invalid_token(unknown);
}

#[tokio::test]
async fn a_github_app_with_a_wrong_secret_is_an_outage_and_not_an_invalid_token() {
    let (_, api) = github().await;
    let server = serve(github_app(api, "outdated")).await;
    get_with(server, GRANT).await.assert_outage();
}

#[tokio::test]
async fn personal_tokens_of_github_are_distinguished_from_those_of_apps() {
    let (github, api) = github().await;
    let http = client().unwrap();
    let verifier = verify_fn(move |token| ask_github_user(http.clone(), api, token));
    let server = serve(verifier.cached(100)).await;
    for _ in 0..2 {
        let answer = get_with(server, PERSONAL).await;
        let wanted = json!({
            "subject": "583231", "client": null, "scopes": "read:user repo",
            "login": "octocat", "expires": false,
        });
        assert_eq!(answer.json(), wanted);
    }
    let unknown = "The access token is not recognized";
    for token in ["gho_of_another_app", "ghp_unknown"] {
        get_with(server, token).await.assert_invalid_token(unknown);
    }
    assert_eq!(github.received(), [PERSONAL, "ghp_unknown"]);
    // GitHub throttles with 403.
    for status in [StatusCode::FORBIDDEN, StatusCode::INTERNAL_SERVER_ERROR] {
        github.fail(Some(status));
        get_with(server, "ghp_new").await.assert_outage();
    }
}

const GOOGLE_APP: &str = "407408718192.apps.googleusercontent.com";

fn google_token(aud: &str, azp: &str) -> Value {
    json!({
        "azp": azp,
        "aud": aud,
        "sub": "110169484474386276334",
        "scope": "openid https://www.googleapis.com/auth/userinfo.email",
        "exp": "4102444800",
        "expires_in": "3497",
        "email": "alice@example.com",
        "email_verified": "true",
        "access_type": "online",
    })
}

#[tokio::test]
async fn google_tokens_of_other_applications_are_refused() {
    let other = "999999999999.apps.googleusercontent.com";
    let mut without_openid = google_token(GOOGLE_APP, GOOGLE_APP);
    without_openid.as_object_mut().unwrap().remove("sub");
    let mut odd = google_token(GOOGLE_APP, GOOGLE_APP);
    odd["exp"] = "99999999999999999999".into();
    let answers = [
        ("ya29.good", google_token(GOOGLE_APP, GOOGLE_APP)),
        ("ya29.other", google_token(other, other)),
        ("ya29.other-presenter", google_token(GOOGLE_APP, other)),
        ("ya29.without-openid", without_openid),
        ("ya29.odd", odd),
        ("ya29.html", json!("<html>")),
    ];
    let google = Endpoint::new(StatusCode::BAD_REQUEST, answers);
    let app = Router::new().route("/tokeninfo", post(by_header));
    let address = serve_axum(app.with_state(google.clone())).await;
    let tokeninfo: &str = format!("http://{address}/tokeninfo").leak();
    let http = client().unwrap();
    let verifier = verify_fn(move |token| ask_google(http.clone(), tokeninfo, GOOGLE_APP, token));
    let server = serve(verifier.cached(100)).await;

    for _ in 0..2 {
        let answer = get_with(server, "ya29.good").await;
        let wanted = json!({
            "subject": "110169484474386276334", "client": GOOGLE_APP, "login": null,
            "scopes": "openid https://www.googleapis.com/auth/userinfo.email", "expires": true,
        });
        assert_eq!(answer.json(), wanted);
    }
    assert_eq!(google.received(), ["ya29.good"]);
    let elsewhere = "The access token is meant for another audience";
    for token in ["ya29.other", "ya29.other-presenter"] {
        get_with(server, token)
            .await
            .assert_invalid_token(elsewhere);
    }
    let answer = get_with(server, "ya29.without-openid").await;
    answer.assert_invalid_token("The access token lacks the scope openid");
    let answer = get_with(server, "ya29.unknown").await;
    answer.assert_invalid_token("The access token is not recognized");
    for token in ["ya29.odd", "ya29.html"] {
        get_with(server, token).await.assert_outage();
    }
    google.fail(Some(StatusCode::SERVICE_UNAVAILABLE));
    get_with(server, "ya29.new").await.assert_outage();
}

#[tokio::test]
async fn discord_tokens_of_other_applications_are_refused() {
    let grant = |application: &str| {
        json!({
            "application": {
                "id": application, "name": "Notes", "icon": null, "description": "",
                "bot_public": true, "bot_require_code_grant": false, "verify_key": "c4bd",
            },
            "scopes": ["guilds.join", "identify"],
            "expires": "2027-01-23T02:33:17.017000+00:00",
            "user": {"id": "268473310986240001", "username": "discord", "discriminator": "0001"},
        })
    };
    let mut without_identify = grant("159985870458322944");
    without_identify.as_object_mut().unwrap().remove("user");
    let answers = [
        ("good", grant("159985870458322944")),
        ("other", grant("999999999999999999")),
        ("without-identify", without_identify),
    ];
    let discord = Endpoint::new(StatusCode::UNAUTHORIZED, answers);
    let app = Router::new().route("/oauth2/@me", get(by_header));
    let address = serve_axum(app.with_state(discord.clone())).await;
    let api: &str = format!("http://{address}").leak();
    let http = client().unwrap();
    let verifier =
        verify_fn(move |token| ask_discord(http.clone(), api, "159985870458322944", token));
    let server = serve(verifier.cached(100)).await;

    for _ in 0..2 {
        let answer = get_with(server, "good").await;
        let wanted = json!({
            "subject": "268473310986240001", "client": "159985870458322944", "login": null,
            "scopes": "guilds.join identify", "expires": false,
        });
        assert_eq!(answer.json(), wanted);
    }
    assert_eq!(discord.received(), ["good"]);
    let answer = get_with(server, "other").await;
    answer.assert_invalid_token("The access token is meant for another audience");
    let answer = get_with(server, "without-identify").await;
    answer.assert_invalid_token("The access token lacks the scope identify");
    let answer = get_with(server, "unknown").await;
    answer.assert_invalid_token("The access token is not recognized");
    discord.fail(Some(StatusCode::TOO_MANY_REQUESTS));
    get_with(server, "new").await.assert_outage();
}
