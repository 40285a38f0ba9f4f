//! A key URL that redirects: the error names the target without anything that must not be logged.

use http::{HeaderValue, StatusCode};
use reqwest::redirect;

use axum::Router;
use axum::response::Response;

use crate::support::{Logs, serve_axum};
use tower_bearer_auth::Jwks;
use tower_bearer_auth::jwks::HttpKeySource;
use tower_bearer_auth::testing::{Fault, TestIssuer};

/// The error of a refresh when the key URL `/realm/jwks` responds with this status and this `Location`.
async fn problem(status: StatusCode, location: Option<HeaderValue>) -> String {
    let answer = move || {
        let mut response = Response::new(axum::body::Body::empty());
        *response.status_mut() = status;
        if let Some(location) = &location {
            let headers = response.headers_mut();
            headers.insert("location", location.clone());
        }
        response
    };
    let server = serve_axum(Router::new().fallback(async move || answer())).await;
    let source = HttpKeySource::builder(format!("http://{server}/realm/jwks?api_key=s3cret"));
    let jwks = Jwks::builder(source.build().unwrap()).build().unwrap();
    let logs = Logs::capture();
    let problem = jwks.refresh().await.unwrap_err().to_string();
    let shown = [logs.text(), format!("{:?}", jwks.status())];
    for text in shown.iter().chain([&problem]) {
        assert!(!text.contains("s3cret"), "{text}");
        assert!(
            text.len() < 2_000 && text.contains(status.as_str()),
            "{text}"
        );
    }
    problem.replace(&server.to_string(), "SERVER")
}

#[tokio::test]
async fn the_target_is_named_without_its_query_and_with_the_advice_to_configure_it() {
    for (status, location, expected) in [
        (
            302,
            "https://keys.test/jwks?api_key=s3cret#s3cret",
            "302 Found and redirects to https://keys.test/jwks; configure that URL",
        ),
        (
            301,
            "https://keys.test:8443/jwks",
            "301 Moved Permanently and redirects to https://keys.test:8443/jwks; configure that URL",
        ),
        (
            307,
            "HTTPS://Keys.test/jwks",
            "307 Temporary Redirect and redirects to https://keys.test/jwks; configure that URL",
        ),
        (
            308,
            "/jwks?s3cret",
            "308 Permanent Redirect and redirects to http://SERVER/jwks; configure that URL",
        ),
        (
            303,
            "keys",
            "303 See Other and redirects to http://SERVER/realm/keys; configure that URL",
        ),
        (
            302,
            "//keys.test/jwks",
            "redirects to http://keys.test/jwks, which is not https",
        ),
        (
            302,
            "http://keys.test/jwks",
            "redirects to http://keys.test/jwks, which is not https",
        ),
    ] {
        let status = StatusCode::from_u16(status).unwrap();
        let problem = problem(status, Some(HeaderValue::from_static(location))).await;
        assert!(problem.ends_with(expected), "{location}: {problem}");
    }
}

#[tokio::test]
async fn a_hostile_target_is_shown_escaped_or_not_at_all() {
    let long = format!("https://keys.test/{}", "x".repeat(5_000));
    for (location, expected) in [
        (
            &b"https://user:s3cret@keys.test/"[..],
            "which has credentials in it",
        ),
        (
            b"https://s3cret@keys.test/?x@y",
            "which has credentials in it",
        ),
        (b"javascript:alert(1)//s3cret", "to what is no HTTP URL"),
        (b"data:text/html,s3cret", "to what is no HTTP URL"),
        (b"file:///etc/s3cret", "to what is no HTTP URL"),
        (
            "https://keys.test/\u{202e}s3cret".as_bytes(),
            "to what is no URL",
        ),
        (b"https://keys.test/\xff\xfes3cret", "to what is no URL"),
        (b"https://[s3cret", "to what is no URL"),
        (b"https://keys.test:s3cret/", "to what is no URL"),
        (long.as_bytes(), "x…; configure that URL"),
    ] {
        let location = HeaderValue::from_bytes(location).unwrap();
        let problem = problem(StatusCode::FOUND, Some(location)).await;
        assert!(problem.contains(expected), "{expected}: {problem}");
    }
    let nowhere = problem(StatusCode::FOUND, None).await;
    assert!(
        nowhere.ends_with("302 Found and redirects without saying where"),
        "{nowhere}"
    );
    // Statuses of the class 3xx that are not redirects.
    let unchanged = problem(StatusCode::NOT_MODIFIED, None).await;
    assert!(
        unchanged.ends_with("the answer has the status 304 Not Modified"),
        "{unchanged}"
    );
}

#[tokio::test]
async fn a_target_that_the_callers_http_client_followed_is_named_as_well() {
    let (issuer, elsewhere) = (TestIssuer::start().await, TestIssuer::start().await);
    let target = elsewhere.jwks_url();
    let client = || {
        let client = reqwest::Client::builder().redirect(redirect::Policy::limited(5));
        client.build().unwrap()
    };
    for location in [
        format!("{target}?api_key=s3cret"),
        format!("{target}#s3cret"),
    ] {
        issuer.jwks_fault(Some(Fault::Redirect(location)));
        let source = HttpKeySource::builder(issuer.jwks_url()).client(client());
        let jwks = Jwks::builder(source.build().unwrap()).build().unwrap();
        let problem = jwks.refresh().await.unwrap_err().to_string();
        let expected = format!("was redirected to {target}; configure that URL");
        assert!(problem.ends_with(&expected), "{problem}");
    }
}
