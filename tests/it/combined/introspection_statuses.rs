//! Every status with every body: which responses mean an inactive token, and which are outages.

use std::net::SocketAddr;

use bytes::Bytes;
use http::header::AUTHORIZATION;
use http::{HeaderMap, Response, StatusCode};
use tower_bearer_auth::introspection::IntrospectionVerifierBuilder;
use tower_bearer_auth::testing::TestIssuer;
use tower_bearer_auth::{BearerAuthLayer, IntrospectionVerifier};
use tower_layer::Layer;

use crate::support::{Answer, Inner, Logs, get_with, serve};

/// A token that no log line may contain.
const TOKEN: &str = "token-of-a-client";

const STATUSES: [u16; 16] = [
    200, 201, 204, 302, 400, 401, 403, 404, 405, 410, 422, 429, 500, 502, 503, 504,
];

/// Bodies that mean an inactive token, at a status whose body the verifier evaluates.
const INACTIVE: [&str; 7] = [
    r#"{"active":false}"#,
    r#" { "active" : false } "#,
    "\u{feff}{\"active\":false}",
    r#"{"\u0061ctive":false}"#,
    r#"{"active":false,"scope":"admin","sub":"root","exp":0}"#,
    r#"{"active":false,"error":"invalid_token"}"#,
    r#"{"active":false,"Active":true}"#,
];

/// The same as RFC 6750 error codes, which the verifier accepts only with an error status.
const INVALID_TOKEN: [&str; 5] = [
    r#"{"error":"invalid_token"}"#,
    "\u{feff}{\"error\":\"invalid_token\"}",
    r#"{"error":"invalid_token","error_description":"Token was not recognised"}"#,
    r#"{"error":"invalid_\u0074oken"}"#,
    r#"{"error":"invalid_token","active_until":null}"#,
];

/// Bodies that do not determine whether a token is active, at any status.
const NOTHING: &[&[u8]] = &[
    b"",
    b" ",
    b"\xEF\xBB\xBF",
    b"<html>",
    b"false",
    b"null",
    b"[]",
    br#"[{"active":false}]"#,
    br#""active""#,
    b"{}",
    br#"{"active":null}"#,
    br#"{"active":"false"}"#,
    br#"{"active":"true"}"#,
    br#"{"active":0}"#,
    br#"{"active":1}"#,
    br#"{"active":[false]}"#,
    br#"{"active":{}}"#,
    br#"{"Active":true}"#,
    br#"{"Active":false}"#,
    br#"{"ACTIVE":false}"#,
    br#"{"data":{"active":true}}"#,
    br#"{"active":false"#,
    br#"{"active":false}{}"#,
    br#"{"active":false,}"#,
    br#"{"active":false,"active":false}"#,
    br#"{"active":false,"active":true}"#,
    br#"{"active":true,"active":true}"#,
    br#"{"active":true,"\u0061ctive":true}"#,
    br#"{"active":true,"error":"server_error"}"#,
    br#"{"error":"invalid_client"}"#,
    br#"{"active":false,"error":"invalid_client"}"#,
    br#"{"active":true,"error":"invalid_client"}"#,
    br#"{"error":"unauthorized_client"}"#,
    br#"{"error":"invalid_request"}"#,
    br#"{"error":"INVALID_TOKEN"}"#,
    br#"{"error":"invalid_token "}"#,
    br#"{"error":["invalid_token"]}"#,
    br#"{"error":{"code":"invalid_token"}}"#,
    br#"{"error":"invalid_token","error":"invalid_token"}"#,
    br#"{"active":"true","error":"invalid_token"}"#,
    br#"{"active":true,"error":"invalid_token"}"#,
    b"{\"active\":false,\"x\":\"\xFF\"}",
    b"\xEF\xBB\xBF\xEF\xBB\xBF{\"active\":false}",
    b"\xFE\xFF\0{\0}",
];

type Configure = fn(IntrospectionVerifierBuilder) -> IntrospectionVerifierBuilder;

/// An endpoint with configured responses, and a server that sends introspection requests to it.
struct Tried {
    issuer: TestIssuer,
    server: SocketAddr,
}

impl Tried {
    async fn with(configure: Configure) -> Self {
        let issuer = TestIssuer::start().await;
        let builder = IntrospectionVerifier::builder(issuer.introspection_url());
        let builder = configure(builder.accept_any_audience().without_backoff());
        let layer = BearerAuthLayer::new(builder.build().unwrap());
        let server = serve(layer.layer(Inner::default())).await;
        Self { issuer, server }
    }

    async fn answered_with(&self, response: Response<Bytes>) -> Answer {
        self.issuer.introspection_response(Some(response));
        get_with(self.server, TOKEN).await
    }
}

fn basic(builder: IntrospectionVerifierBuilder) -> IntrospectionVerifierBuilder {
    builder.client_secret_basic(TestIssuer::CLIENT_ID, TestIssuer::CLIENT_SECRET)
}

fn bearer(builder: IntrospectionVerifierBuilder) -> IntrospectionVerifierBuilder {
    builder.bearer_token(TestIssuer::ACCESS_TOKEN)
}

fn response(status: u16, body: impl AsRef<[u8]>) -> Response<Bytes> {
    let body = Bytes::copy_from_slice(body.as_ref());
    let response = Response::builder().status(status);
    response.body(body).unwrap()
}

#[track_caller]
fn assert_inactive(answer: &Answer) {
    answer.assert_invalid_token("The access token is not recognized");
}

#[tokio::test]
async fn a_body_is_evaluated_at_200_and_at_the_three_statuses_of_a_refused_request() {
    let tried = Tried::with(basic).await;
    let (mut inactive, mut outages) = (0, 0);
    for status in STATUSES {
        let said = INACTIVE.map(|body| (body.as_bytes(), [200, 400, 401, 403].as_slice()));
        let words = INVALID_TOKEN.map(|body| (body.as_bytes(), [400, 401, 403].as_slice()));
        let nothing = NOTHING.iter().map(|body| (*body, [].as_slice()));
        for (body, counts_at) in said.into_iter().chain(words).chain(nothing) {
            let answer = tried.answered_with(response(status, body)).await;
            let shown = String::from_utf8_lossy(body);
            match counts_at.contains(&status) {
                true => {
                    assert_eq!(answer.status, 401, "{status} {shown}");
                    assert_inactive(&answer);
                    inactive += 1;
                }
                false => {
                    assert_eq!(answer.status, 503, "{status} {shown}");
                    answer.assert_outage();
                    outages += 1;
                }
            }
        }
    }
    assert_eq!(inactive, 4 * INACTIVE.len() + 3 * INVALID_TOKEN.len());
    let all = STATUSES.len() * (INACTIVE.len() + INVALID_TOKEN.len() + NOTHING.len());
    assert_eq!(inactive + outages, all);
}

#[tokio::test]
async fn active_true_is_accepted_only_at_200_and_a_byte_order_mark_is_ignored() {
    let tried = Tried::with(basic).await;
    for body in [
        r#"{"active":true}"#,
        "\u{feff}{\"active\":true,\"sub\":\"alice\"}",
        r#"{"active":true,"error":null}"#,
        r#"{"active":true,"error":""}"#,
        // The verifier does not read this member.
        r#"{"active":true,"Active":false,"data":{"active":false}}"#,
    ] {
        for status in STATUSES {
            let answer = tried.answered_with(response(status, body)).await;
            match status {
                200 => answer.assert_passed(),
                _ => answer.assert_outage(),
            }
        }
    }
}

#[tokio::test]
async fn a_configured_status_means_inactive_with_any_body() {
    let statuses = [401, 404].map(|status| StatusCode::from_u16(status).unwrap());
    let configures: [Configure; 2] = [basic, bearer];
    for configure in configures {
        let issuer = TestIssuer::start().await;
        let builder = IntrospectionVerifier::builder(issuer.introspection_url());
        let builder = configure(builder.accept_any_audience().without_backoff());
        let builder = builder.inactive_statuses(statuses).inactive_statuses([]);
        let layer = BearerAuthLayer::new(builder.build().unwrap());
        let server = serve(layer.layer(Inner::default())).await;
        let tried = Tried { issuer, server };
        let bodies = INACTIVE.map(str::as_bytes).into_iter();
        for body in bodies.chain(NOTHING.iter().copied()) {
            for status in [401, 404] {
                assert_inactive(&tried.answered_with(response(status, body)).await);
            }
        }
        tried.answered_with(response(405, "")).await.assert_outage();
        tried
            .answered_with(response(403, r#"{"error":"invalid_client"}"#))
            .await
            .assert_outage();
        assert_inactive(
            &tried
                .answered_with(response(403, r#"{"active":false}"#))
                .await,
        );
    }
}

#[test]
fn statuses_unrelated_to_the_token_cannot_be_configured() {
    // One HTTP client for all rows, because each new client loads the system's certificate authorities.
    let client = reqwest::Client::new();
    let all = (100..=999).map(|status| StatusCode::from_u16(status).unwrap());
    for status in all {
        let built = IntrospectionVerifier::builder("https://issuer.test/introspect")
            .client(client.clone())
            .bearer_token("token")
            .accept_any_audience()
            .inactive_statuses([StatusCode::NOT_FOUND, status])
            .build();
        let is_good = status.is_client_error() && status != 429;
        match built {
            Ok(_) => assert!(is_good, "{status}"),
            Err(error) => {
                assert!(!is_good, "{status}");
                let named = format!("inactive_statuses: {} ", status.as_u16());
                assert_eq!(error.problems().count(), 1);
                assert!(error.to_string().contains(&named), "{error}");
            }
        }
    }
}

/// RFC 6750 §3.1: an endpoint that refuses the resource server's own token responds with `invalid_token` as well.
#[tokio::test]
async fn invalid_token_with_401_may_refer_to_the_token_of_the_resource_server() {
    let header = |value: &'static str| {
        move |builder: IntrospectionVerifierBuilder| {
            let headers = HeaderMap::from_iter([(AUTHORIZATION, value.parse().unwrap())]);
            builder.headers(move || headers.clone())
        }
    };
    let as_bearer = Tried::with(bearer).await;
    let challenge = r#"Bearer realm="as", error="invalid_token""#;
    let said = r#"{"error":"invalid_token"}"#;
    let with_challenge = |body: &str| {
        let mut response = response(401, body);
        let headers = response.headers_mut();
        headers.append("www-authenticate", "Basic".parse().unwrap());
        headers.append("www-authenticate", challenge.parse().unwrap());
        response
    };
    as_bearer
        .answered_with(response(401, said))
        .await
        .assert_outage();
    as_bearer
        .answered_with(with_challenge(said))
        .await
        .assert_outage();
    as_bearer
        .answered_with(with_challenge(""))
        .await
        .assert_outage();
    let inactive = r#"{"active":false}"#;
    let answer = as_bearer.answered_with(with_challenge(inactive)).await;
    answer.assert_outage();

    // Unambiguous responses still count: `active` alone, and statuses that are not for refused tokens.
    assert_inactive(&as_bearer.answered_with(response(401, inactive)).await);
    for status in [400, 403] {
        assert_inactive(&as_bearer.answered_with(response(status, said)).await);
    }

    // The `Authorization` header that is sent decides, not how it was configured.
    for (value, is_token) in [
        ("Bearer introspector", true),
        ("bearer introspector", true),
        ("DPoP introspector", true),
        ("Basic aWQ6c2VjcmV0", false),
        ("ApiKey 1", false),
    ] {
        let issuer = TestIssuer::start().await;
        let builder = IntrospectionVerifier::builder(issuer.introspection_url());
        let builder = header(value)(builder.accept_any_audience().without_backoff());
        let layer = BearerAuthLayer::new(builder.build().unwrap());
        let server = serve(layer.layer(Inner::default())).await;
        let tried = Tried { issuer, server };
        let answer = tried.answered_with(response(401, said)).await;
        match is_token {
            true => answer.assert_outage(),
            false => assert_inactive(&answer),
        }
    }
}

#[tokio::test]
async fn an_identity_content_encoding_is_accepted() {
    let tried = Tried::with(basic).await;
    for encoding in ["", "identity", "Identity", "utf-8", "UTF-8, identity"] {
        let mut active = response(200, r#"{"active":true,"sub":"alice"}"#);
        let encoding = encoding.parse().unwrap();
        active.headers_mut().insert("content-encoding", encoding);
        tried.answered_with(active).await.assert_passed();
    }
}

#[tokio::test]
async fn an_unusable_response_logs_one_warning_with_the_problem() {
    let encoded = |status: u16| {
        let mut response = response(status, [0x1F, 0x8B, 0x08]);
        let headers = response.headers_mut();
        headers.insert("content-encoding", "gzip".parse().unwrap());
        response
    };
    let table = [
        (
            response(200, r#"{"active":"true"}"#),
            r#""active" is not a boolean"#,
        ),
        (
            response(200, r#"{"active":1}"#),
            r#""active" is not a boolean"#,
        ),
        (
            response(200, r#"{"active":null}"#),
            r#""active" is not a boolean"#,
        ),
        (response(200, "{}"), r#"no "active""#),
        (
            response(200, r#"{"active":true,"active":true}"#),
            r#""active" occurs twice"#,
        ),
        (
            response(200, r#"{"error":"invalid_client"}"#),
            "invalid_client",
        ),
        (
            response(401, r#"{"error":"invalid_client"}"#),
            "answers 401: it does not accept the credentials of this server (invalid_client)",
        ),
        (
            response(200, r#"{"error":"invalid_token"}"#),
            r#"the error invalid_token and no "active""#,
        ),
        (response(401, ""), "answers 401"),
        (response(404, r#"{"active":false}"#), "answers 404"),
        (
            response(403, r#"{"error":"insufficient_scope"}"#),
            "its error is insufficient_scope",
        ),
        // The log does not quote the endpoint, whose response may contain the token.
        (
            response(403, format!(r#"{{"error":"no token {TOKEN}"}}"#)),
            "its error is that no RFC defines",
        ),
        (response(200, "<html>"), "it is not a JSON object"),
        (response(200, r#"{"active":tru}"#), "it is not JSON"),
        (response(200, b"{\"\xFF"), "it is not UTF-8"),
        (encoded(200), "Content-Encoding: gzip"),
        (encoded(401), "Content-Encoding: gzip"),
    ];
    for (response, expected) in table {
        let logs = Logs::capture();
        let issuer = TestIssuer::start().await;
        issuer.introspection_response(Some(response.clone()));
        let builder = IntrospectionVerifier::builder(issuer.introspection_url());
        let builder = basic(builder).accept_any_audience().without_backoff();
        let layer = BearerAuthLayer::new(builder.build().unwrap());
        let server = serve(layer.layer(Inner::default())).await;
        for _ in 0..3 {
            get_with(server, TOKEN).await.assert_outage();
        }
        let text = logs.text().replace("\\\"", "\"");
        let warnings: Vec<_> = text.lines().filter(|line| line.contains("WARN")).collect();
        assert_eq!(warnings.len(), 1, "{text}");
        assert!(warnings[0].contains(expected), "{expected}: {text}");
        assert!(!text.contains(TOKEN), "{text}");
    }
}

#[tokio::test]
async fn a_refused_token_is_not_logged_as_an_outage() {
    let logs = Logs::capture();
    let tried = Tried::with(basic).await;
    for status in [200, 400, 401, 403] {
        assert_inactive(
            &tried
                .answered_with(response(status, r#"{"active":false}"#))
                .await,
        );
    }
    let text = logs.text();
    assert!(!text.contains("WARN"), "{text}");
    assert!(text.contains("unrecognized"), "{text}");
}

#[tokio::test]
async fn a_body_is_read_up_to_the_limit_at_each_status() {
    let limited: Configure = |builder| basic(builder).max_bytes(1000);
    let tried = Tried::with(limited).await;
    let padded = |bytes: usize| format!("{:<bytes$}", r#"{"active":false}"#);
    for status in [200, 400, 401, 403] {
        assert_inactive(&tried.answered_with(response(status, padded(1000))).await);
        tried
            .answered_with(response(status, padded(1001)))
            .await
            .assert_outage();
    }
}
