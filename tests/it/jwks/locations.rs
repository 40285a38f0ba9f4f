//! Failures at each metadata location, and how the error and the log describe them.

use std::collections::HashMap;

use axum::Router;
use axum::body::Body;
use axum::response::Response;
use http::{HeaderMap, Request, StatusCode};
use serde_json::json;

use crate::support::{Logs, serve_axum};
use tower_bearer_auth::Jwks;
use tower_bearer_auth::jwks::Discovery;

/// The response of a location: the status, a header, and the body.
type Answer = (u16, Option<(&'static str, &'static str)>, Vec<u8>);

const LOCATIONS: [&str; 4] = [
    "/tenant/.well-known/openid-configuration",
    "/.well-known/oauth-authorization-server/tenant",
    "/.well-known/openid-configuration/tenant",
    "/tenant/.well-known/oauth-authorization-server",
];

/// A server with responses for these paths, and 404 for all others.
async fn server(answers: impl IntoIterator<Item = (&'static str, Answer)>) -> String {
    let answers: HashMap<_, _> = answers.into_iter().collect();
    let answer = async move |request: Request<Body>| {
        let not_found = (404, None, Vec::new());
        let answer = answers.get(request.uri().path()).cloned();
        let (status, header, body) = answer.unwrap_or(not_found);
        let mut response = Response::new(Body::from(body));
        *response.status_mut() = StatusCode::from_u16(status).unwrap();
        if let Some((name, value)) = header {
            response.headers_mut().insert(name, value.parse().unwrap());
        }
        response
    };
    let address = serve_axum(Router::new().fallback(answer)).await;
    format!("http://{address}")
}

/// The error of a refresh and its log event, both with the server's address removed.
async fn problem(server: &str) -> (String, String) {
    let source = Discovery::builder(format!("{server}/tenant"));
    let jwks = Jwks::builder(source.build().unwrap()).build().unwrap();
    let logs = Logs::capture();
    let problem = jwks.refresh().await.unwrap_err().to_string();
    let without_server = |text: &str| text.replace(server, "");
    (without_server(&problem), without_server(&logs.text()))
}

/// Ways in which a location has no metadata, each with its description in the error.
fn absent() -> Vec<(Answer, &'static str)> {
    let text = |body: &str| body.as_bytes().to_vec();
    let html = Some(("content-type", "text/html; charset=utf-8"));
    let json = Some(("content-type", "application/json"));
    vec![
        ((404, None, text("no")), "answers 404 Not Found"),
        ((401, None, vec![]), "answers 401 Unauthorized"),
        ((403, html, text("<html>")), "answers 403 Forbidden"),
        ((410, None, vec![]), "answers 410 Gone"),
        (
            (
                302,
                Some(("location", "https://login.test/?s3cret")),
                vec![],
            ),
            "answers 302 Found and redirects to https://login.test/; configure that URL with discover_from(..)",
        ),
        (
            (301, Some(("location", "javascript:s3cret")), vec![]),
            "answers 301 Moved Permanently and redirects to what is no HTTP URL",
        ),
        (
            (200, html, text("<!doctype html><title>Log in</title>")),
            "has no issuer metadata: it is not a JSON object (its Content-Type is text/html)",
        ),
        (
            (200, json, text("[]")),
            "has no issuer metadata: it is not a JSON object (its Content-Type is application/json)",
        ),
        ((200, None, vec![]), "has no issuer metadata: it is empty"),
        ((204, None, vec![]), "has no issuer metadata: it is empty"),
        (
            (200, json, text("{}")),
            "has no issuer metadata: it has no issuer",
        ),
        (
            (200, json, text(r#"{"issuer":null,"jwks_uri":"x"}"#)),
            "has no issuer metadata: it has no issuer",
        ),
        (
            (200, json, text(r#"{"issuer":"x","jwks_uri":null}"#)),
            "has no issuer metadata: it has no jwks_uri",
        ),
        (
            (200, json, text(r#"{"issuer":"x","jwks_uri":["y"]}"#)),
            "has no issuer metadata: its jwks_uri is not a string",
        ),
        (
            (200, Some(("content-encoding", "gzip")), text("\u{1f}")),
            "has no issuer metadata: the answer is compressed or encoded (Content-Encoding: gzip), which the request does not accept",
        ),
        (
            (200, Some(("content-encoding", "br")), text("{}")),
            "has no issuer metadata: the answer is compressed or encoded (Content-Encoding: br), which the request does not accept",
        ),
    ]
}

#[tokio::test]
async fn the_error_lists_every_location_with_its_url_and_problem() {
    let faults = absent();
    for (position, location) in LOCATIONS.into_iter().enumerate() {
        for (answer, said) in &faults {
            let (problem, log) = problem(&server([(location, answer.clone())]).await).await;
            let said_of = |place: usize| match place == position {
                true => format!("{} {said}", LOCATIONS[place]),
                false => format!("{} answers 404 Not Found", LOCATIONS[place]),
            };
            let expected = [0, 1, 2, 3].map(said_of).join("; ");
            assert_eq!(problem, format!("keys cannot be fetched: {expected}"));
            assert!(log.contains(&expected) && log.contains("WARN"), "{log}");
            assert_eq!(log.lines().count(), 1, "{log}");
        }
    }
    // All locations fail at once, each in a different way.
    for start in 0..faults.len() {
        let at = |place: usize| &faults[(start + place) % faults.len()];
        let answers = [0, 1, 2, 3].map(|place| (LOCATIONS[place], at(place).0.clone()));
        let (problem, log) = problem(&server(answers).await).await;
        let expected = [0, 1, 2, 3].map(|place| format!("{} {}", LOCATIONS[place], at(place).1));
        let expected = expected.join("; ");
        assert_eq!(problem, format!("keys cannot be fetched: {expected}"));
        assert!(log.contains(&expected), "{log}");
        assert!(!log.contains("s3cret"), "{log}");
    }
}

#[tokio::test]
async fn a_server_error_is_named_and_ends_the_search() {
    for (status, said) in [
        (500, "answers 500 Internal Server Error"),
        (502, "answers 502 Bad Gateway"),
        (503, "answers 503 Service Unavailable"),
        (429, "answers 429 Too Many Requests"),
        (408, "answers 408 Request Timeout"),
        (425, "answers 425 Too Early"),
    ] {
        for (position, location) in LOCATIONS.into_iter().enumerate() {
            let trouble = (location, (status, None, b"<html>s3cret".to_vec()));
            let (problem, log) = problem(&server([trouble]).await).await;
            let before = LOCATIONS[..position].iter();
            let before = before.map(|place| format!("{place} answers 404 Not Found; "));
            let expected = format!("{}{location} {said}", before.collect::<String>());
            assert_eq!(problem, format!("keys cannot be fetched: {expected}"));
            assert!(log.contains(&expected) && log.contains("WARN"), "{log}");
        }
    }
    // A response that breaks off counts as none, and the error includes the cause.
    let longer = Some(("content-length", "10"));
    let broken = (LOCATIONS[1], (200, longer, b"{}".to_vec()));
    let (problem, log) = problem(&server([broken]).await).await;
    let expected = format!("{} cannot be read: error ", LOCATIONS[1]);
    assert!(problem.contains(&expected), "{problem}");
    assert!(log.contains(&expected), "{log}");
}

#[tokio::test]
async fn an_error_in_metadata_names_its_url() {
    let metadata = |issuer: &str, jwks_uri: &str| {
        let document = json!({"issuer": issuer, "jwks_uri": jwks_uri});
        (LOCATIONS[1], (200, None, document.to_string().into_bytes()))
    };
    let before = format!(
        "keys cannot be fetched: {} answers 404 Not Found; ",
        LOCATIONS[0]
    );
    let other = server([metadata("https://other.test?s3cret", "https://keys.test/")]).await;
    let (problem, _) = problem(&other).await;
    let expected = r#": the metadata is about the issuer "https://other.test", not ["/tenant"]"#;
    assert_eq!(problem, format!("{before}{}{expected}", LOCATIONS[1]));
}

/// The URLs and the server's responses have their maximum length.
#[tokio::test]
async fn four_long_locations_fit_into_the_error_and_its_length_is_limited() {
    let tenant = "t".repeat(150);
    let target = format!("https://login.test/{}", "x".repeat(2_000));
    let answer = async move || {
        let headers = HeaderMap::from_iter([(http::header::LOCATION, target.parse().unwrap())]);
        (StatusCode::FOUND, headers)
    };
    let address = serve_axum(Router::new().fallback(answer)).await;
    let source = Discovery::builder(format!("http://{address}/{tenant}"));
    let jwks = Jwks::builder(source.build().unwrap()).build().unwrap();
    let problem = jwks.refresh().await.unwrap_err().to_string();
    assert_eq!(
        problem
            .matches("answers 302 Found and redirects to")
            .count(),
        4
    );
    assert!(
        problem.ends_with("configure that URL with discover_from(..)"),
        "{problem}"
    );
    assert!(problem.chars().count() < 2_100, "{}", problem.len());
}
