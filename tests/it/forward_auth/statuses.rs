//! The statuses that each proxy gets.

use tower_bearer_auth::testing::Fault;

use super::{Server, assert_refused};
use crate::support::{Answer, get};

/// The answers about a request with two tokens, and about one while there are no keys.
async fn bad_request_and_outage(variables: &[(&str, &str)]) -> [Answer; 2] {
    let server = Server::start(variables).await;
    server.issuer.jwks_fault(Some(Fault::Reset));
    let token = format!("Bearer {}", server.token().build());
    let headers = [
        ("x-original-method", "GET"),
        ("x-original-uri", "/"),
        ("x-forwarded-method", "GET"),
        ("x-forwarded-proto", "https"),
        ("x-forwarded-host", "api.example.com"),
        ("x-forwarded-uri", "/"),
        ("host", "api.example.com"),
        ("authorization", &token),
    ];
    let twice = [&headers[..], &[("authorization", "Bearer other")]].concat();
    let path = match variables.contains(&("PROXY", "envoy")) {
        true => "/check/",
        false => "/check",
    };
    [
        get(server.address, path, &twice).await,
        get(server.address, path, &headers).await,
    ]
}

#[tokio::test]
async fn nginx_gets_what_it_can_pass_on() {
    for (variables, bad_request, outage) in [
        (&[][..], 403, 403),
        (&[("PROXY", "nginx")], 403, 403),
        (&[("STATUSES", "keep")], 400, 503),
        (&[("STATUSES", "503 = 500,400=401")], 401, 500),
        (&[("PROXY", "traefik")], 400, 503),
        (&[("PROXY", "envoy")], 400, 503),
        (&[("PROXY", "envoy"), ("STATUSES", "503=403")], 400, 403),
    ] {
        let answers = bad_request_and_outage(variables).await;
        assert_refused(&answers[0], 400, Some("invalid_request"));
        assert_refused(&answers[1], 503, Some("temporarily_unavailable"));
        let found = answers.each_ref().map(|answer| answer.status.as_u16());
        assert_eq!(found, [bad_request, outage], "{variables:?}");
        // What else the answers say stays the same.
        let challenge = answers[0].header("www-authenticate").unwrap();
        assert!(
            challenge.starts_with(r#"Bearer error="invalid_request""#),
            "{challenge}"
        );
        assert!(answers[1].header("retry-after").is_some());
        assert_eq!(answers[1].header("www-authenticate"), None);
    }
}

#[tokio::test]
async fn a_challenge_names_the_metadata_of_the_resource() {
    let server = Server::start(&[]).await;
    let answer = server.about("/notes", None).await;
    assert_refused(&answer, 401, None);
    assert_eq!(
        answer.header("www-authenticate"),
        Some(
            r#"Bearer resource_metadata="https://api.example.com/.well-known/oauth-protected-resource""#
        )
    );
}
