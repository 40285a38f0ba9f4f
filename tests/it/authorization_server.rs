//! The authorization server of these tests validates requests like a real one. Otherwise a flow that it accepts
//! would prove nothing.

use http::StatusCode;
use http::header::LOCATION;
use reqwest::{Client, Response, Url, redirect};
use serde_json::{Value, json};
use tower::ServiceExt;
use tower_bearer_auth::JwtVerifier;

use crate::support::authorization_server::AuthorizationServer;

const CALLBACK: &str = "http://127.0.0.1:9/callback";
const RESOURCE: &str = "https://notes.test/mcp";

/// A PKCE verifier and its challenge (RFC 7636, appendix B).
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

/// A registered client that sends valid requests, except for some parameters.
struct Fixture {
    server: AuthorizationServer,
    http: Client,
    client_id: String,
}

/// Parameters to send instead: `None` leaves one out.
type Changes<'a> = &'a [(&'a str, Option<&'a str>)];

impl Fixture {
    async fn start() -> Self {
        Self::of(AuthorizationServer::start(["read", "write"]).await).await
    }

    async fn start_lenient() -> Self {
        Self::of(AuthorizationServer::start_lenient(["read", "write"]).await).await
    }

    async fn of(server: AuthorizationServer) -> Self {
        let http = Client::builder()
            .redirect(redirect::Policy::none())
            .build()
            .unwrap();
        let mut fixture = Self {
            server,
            http,
            client_id: String::new(),
        };
        let client = json!({"redirect_uris": [CALLBACK], "token_endpoint_auth_method": "none"});
        let answer = fixture.register(&client).await;
        assert_eq!(answer.status(), StatusCode::CREATED);
        let registered: Value = answer.json().await.unwrap();
        fixture.client_id = registered["client_id"].as_str().unwrap().to_owned();
        fixture
    }

    async fn register(&self, client: &Value) -> Response {
        let url = format!("{}/register", self.server.issuer());
        self.http.post(url).json(client).send().await.unwrap()
    }

    async fn authorize(&self, changes: Changes<'_>) -> Response {
        let right = [
            ("response_type", "code"),
            ("client_id", &self.client_id),
            ("redirect_uri", CALLBACK),
            ("state", "a state"),
            ("scope", "read"),
            ("resource", RESOURCE),
            ("code_challenge", CHALLENGE),
            ("code_challenge_method", "S256"),
        ];
        let url = format!("{}/authorize", self.server.issuer());
        let url = Url::parse_with_params(&url, changed(&right, changes)).unwrap();
        self.http.get(url).send().await.unwrap()
    }

    async fn code(&self) -> String {
        let answer = self.authorize(&[]).await;
        parameter(&answer, "code").unwrap()
    }

    async fn token(&self, right: &[(&str, &str)], changes: Changes<'_>) -> Response {
        let url = format!("{}/token", self.server.issuer());
        let form = changed(right, changes);
        self.http.post(url).form(&form).send().await.unwrap()
    }

    async fn redeem(&self, code: &str, changes: Changes<'_>) -> Response {
        let right = [
            ("grant_type", "authorization_code"),
            ("code", code),
            ("client_id", &self.client_id),
            ("redirect_uri", CALLBACK),
            ("code_verifier", VERIFIER),
            ("resource", RESOURCE),
        ];
        self.token(&right, changes).await
    }

    async fn refresh(&self, refresh_token: &str, changes: Changes<'_>) -> Response {
        let right = [
            ("grant_type", "refresh_token"),
            ("refresh_token", refresh_token),
            ("client_id", &self.client_id),
            ("resource", RESOURCE),
        ];
        self.token(&right, changes).await
    }
}

fn changed<'a>(right: &[(&'a str, &'a str)], changes: Changes<'a>) -> Vec<(&'a str, &'a str)> {
    let mut parameters = right.to_vec();
    for (name, value) in changes {
        parameters.retain(|(other, _)| other != name);
        parameters.extend(value.map(|value| (*name, value)));
    }
    parameters
}

/// A parameter of the URL that the browser is sent to.
fn parameter(answer: &Response, name: &str) -> Option<String> {
    assert_eq!(answer.status(), StatusCode::FOUND, "{answer:?}");
    let location = answer.headers()[LOCATION].to_str().unwrap();
    let location = Url::parse(location).unwrap();
    assert!(location.as_str().starts_with(CALLBACK));
    let found = location.query_pairs().find(|(other, _)| other == name);
    found.map(|(_, value)| value.into_owned())
}

#[track_caller]
fn assert_token(status: StatusCode, answer: &Value) {
    assert_eq!(status, StatusCode::OK, "{answer}");
    assert!(answer["access_token"].is_string());
    assert_eq!(answer["token_type"], "Bearer");
}

async fn read(answer: Response) -> (StatusCode, Value) {
    (answer.status(), answer.json().await.unwrap())
}

async fn assert_refused(answer: Response, error: &str) {
    assert_eq!(answer.headers()["cache-control"], "no-store");
    assert!(!answer.headers().contains_key(LOCATION));
    let (status, body) = read(answer).await;
    assert!(status.is_client_error(), "{status}");
    assert_eq!(body, json!({ "error": error }));
}

#[tokio::test]
async fn a_code_works_once() {
    let fixture = Fixture::start().await;
    let code = fixture.code().await;
    let (status, answer) = read(fixture.redeem(&code, &[]).await).await;
    assert_token(status, &answer);
    assert_refused(fixture.redeem(&code, &[]).await, "invalid_grant").await;
}

#[tokio::test]
async fn a_code_is_refused_without_its_matching_parameters() {
    let fixture = Fixture::start().await;
    let long = "x".repeat(VERIFIER.len());
    let table = [
        ("code_verifier", None, "invalid_grant"),
        ("code_verifier", Some(long.as_str()), "invalid_grant"),
        ("code_verifier", Some(CHALLENGE), "invalid_grant"),
        ("redirect_uri", None, "invalid_grant"),
        (
            "redirect_uri",
            Some("http://127.0.0.1:9/other"),
            "invalid_grant",
        ),
        ("client_id", None, "invalid_grant"),
        ("client_id", Some("another"), "invalid_grant"),
        ("resource", None, "invalid_target"),
        (
            "resource",
            Some("https://elsewhere.test/mcp"),
            "invalid_target",
        ),
        ("code", Some("invented"), "invalid_grant"),
        ("code", None, "invalid_request"),
        ("grant_type", Some("password"), "unsupported_grant_type"),
        ("grant_type", None, "invalid_request"),
    ];
    for (name, value, error) in table {
        let code = fixture.code().await;
        let answer = fixture.redeem(&code, &[(name, value)]).await;
        assert_refused(answer, error).await;
    }
}

#[tokio::test]
async fn a_wrong_verifier_invalidates_the_code() {
    let fixture = Fixture::start().await;
    let code = fixture.code().await;
    let wrong = [("code_verifier", Some(CHALLENGE))];
    assert_refused(fixture.redeem(&code, &wrong).await, "invalid_grant").await;
    assert_refused(fixture.redeem(&code, &[]).await, "invalid_grant").await;
}

#[tokio::test]
async fn a_refresh_token_works_once_and_for_no_more_than_was_granted() {
    let fixture = Fixture::start().await;
    let code = fixture.code().await;
    let (_, first) = read(fixture.redeem(&code, &[]).await).await;
    let first = first["refresh_token"].as_str().unwrap();
    let (status, second) = read(fixture.refresh(first, &[]).await).await;
    assert_token(status, &second);
    assert_eq!(second["scope"], "read");
    assert_refused(fixture.refresh(first, &[]).await, "invalid_grant").await;

    let second = second["refresh_token"].as_str().unwrap();
    let more = [("scope", Some("read write"))];
    assert_refused(fixture.refresh(second, &more).await, "invalid_scope").await;
}

#[tokio::test]
async fn the_browser_is_not_redirected_to_an_address_that_is_not_registered() {
    let fixture = Fixture::start().await;
    let table = [
        (
            "redirect_uri",
            "http://127.0.0.1:9/callback/",
            "invalid_request",
        ),
        (
            "redirect_uri",
            "https://elsewhere.test/callback",
            "invalid_request",
        ),
        ("client_id", "another", "invalid_client"),
    ];
    for (name, value, error) in table {
        let answer = fixture.authorize(&[(name, Some(value))]).await;
        assert_refused(answer, error).await;
    }
    for uris in [
        json!([]),
        json!(["http://elsewhere.test/"]),
        json!(["https://x.test/#"]),
    ] {
        let client = json!({"redirect_uris": uris, "token_endpoint_auth_method": "none"});
        assert_refused(fixture.register(&client).await, "invalid_redirect_uri").await;
    }
}

#[tokio::test]
async fn other_wrong_requests_come_back_to_the_client_with_its_state() {
    let fixture = Fixture::start().await;
    let table = [
        ("response_type", Some("token"), "unsupported_response_type"),
        ("code_challenge", None, "invalid_request"),
        ("code_challenge_method", None, "invalid_request"),
        ("code_challenge_method", Some("plain"), "invalid_request"),
        ("resource", None, "invalid_target"),
        ("scope", None, "invalid_scope"),
        ("scope", Some("read admin"), "invalid_scope"),
    ];
    for (name, value, error) in table {
        let answer = fixture.authorize(&[(name, value)]).await;
        assert_eq!(parameter(&answer, "error").as_deref(), Some(error));
        assert_eq!(parameter(&answer, "state").as_deref(), Some("a state"));
        let issuer = Some(fixture.server.issuer());
        assert_eq!(parameter(&answer, "iss").as_deref(), issuer);
        assert_eq!(parameter(&answer, "code"), None);
    }
}

#[tokio::test]
async fn a_strict_server_registers_public_clients_alone_and_a_lenient_one_registers_others_as_such()
{
    let strict = Fixture::start().await;
    let lenient = Fixture::start_lenient().await;
    // An absent method means `client_secret_basic` (RFC 7591 §2).
    for method in [
        None,
        Some("client_secret_basic"),
        Some("client_secret_post"),
    ] {
        let mut client = json!({"redirect_uris": [CALLBACK]});
        if let Some(method) = method {
            client["token_endpoint_auth_method"] = json!(method);
        }
        let answer = strict.register(&client).await;
        assert_refused(answer, "invalid_client_metadata").await;

        // The response has the registered metadata, without a secret.
        let (status, registered) = read(lenient.register(&client).await).await;
        assert_eq!(status, StatusCode::CREATED, "{method:?}");
        assert_eq!(registered["token_endpoint_auth_method"], "none");
        assert_eq!(registered["redirect_uris"], json!([CALLBACK]));
        assert!(registered["client_secret"].is_null(), "{registered}");
    }
    // A client that requests authentication by a key must not be registered without it.
    for method in ["private_key_jwt", "tls_client_auth", ""] {
        let client = json!({"redirect_uris": [CALLBACK], "token_endpoint_auth_method": method});
        for fixture in [&strict, &lenient] {
            let answer = fixture.register(&client).await;
            assert_refused(answer, "invalid_client_metadata").await;
        }
    }
}

#[tokio::test]
async fn a_lenient_server_takes_the_resource_of_the_grant_where_a_token_request_has_none() {
    let fixture = Fixture::start_lenient().await;
    let verifier = JwtVerifier::builder()
        .discover(fixture.server.issuer())
        .audience(RESOURCE)
        .build()
        .unwrap();
    let without = [("resource", None)];
    let code = fixture.code().await;
    let (status, first) = read(fixture.redeem(&code, &without).await).await;
    assert_token(status, &first);
    let refresh_token = first["refresh_token"].as_str().unwrap();
    let (status, second) = read(fixture.refresh(refresh_token, &without).await).await;
    assert_token(status, &second);
    for answer in [first, second] {
        let token = answer["access_token"].as_str().unwrap().parse().unwrap();
        verifier.clone().oneshot(token).await.unwrap();
    }
}

#[tokio::test]
async fn a_lenient_server_is_strict_about_everything_else() {
    let fixture = Fixture::start_lenient().await;
    let elsewhere = Some("https://elsewhere.test/mcp");
    let table = [
        ("code_verifier", None, "invalid_grant"),
        ("code_verifier", Some(CHALLENGE), "invalid_grant"),
        ("redirect_uri", None, "invalid_grant"),
        ("client_id", None, "invalid_grant"),
        ("client_id", Some("another"), "invalid_grant"),
        ("resource", elsewhere, "invalid_target"),
    ];
    for (name, value, error) in table {
        let code = fixture.code().await;
        let answer = fixture.redeem(&code, &[(name, value)]).await;
        assert_refused(answer, error).await;
        // Each code works once, whatever the response.
        assert_refused(fixture.redeem(&code, &[]).await, "invalid_grant").await;
    }
    for (name, error) in [
        ("code_challenge", "invalid_request"),
        ("code_challenge_method", "invalid_request"),
        ("resource", "invalid_target"),
        ("scope", "invalid_scope"),
    ] {
        let answer = fixture.authorize(&[(name, None)]).await;
        assert_eq!(parameter(&answer, "error").as_deref(), Some(error));
    }
    let unregistered = [("redirect_uri", Some("http://127.0.0.1:9/callback/"))];
    let answer = fixture.authorize(&unregistered).await;
    assert_refused(answer, "invalid_request").await;
    let client = json!({"redirect_uris": ["http://elsewhere.test/"]});
    assert_refused(fixture.register(&client).await, "invalid_redirect_uri").await;
}

#[tokio::test]
async fn a_manually_issued_token_has_the_claims_of_a_requested_one() {
    let server = AuthorizationServer::start(["read", "write"]).await;
    let verifier = JwtVerifier::builder()
        .discover(server.issuer())
        .audience(RESOURCE)
        .rfc9068()
        .build()
        .unwrap();
    let token = server.access_token("bob", RESOURCE, ["write"]);
    let verified = verifier.oneshot(token.parse().unwrap()).await.unwrap();
    assert_eq!(verified.subject(), Some("bob"));
    assert_eq!(verified.scopes().as_str(), "write");
}
