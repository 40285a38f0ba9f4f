//! Introspection requests: authentication, limits, and failures of the authorization server.

use std::pin::pin;
use std::time::Duration;

use futures_util::future::{Either, join_all, select};
use http::header::AUTHORIZATION;
use http::{HeaderMap, StatusCode};
use serde_json::json;
use tower_bearer_auth::introspection::IntrospectionVerifierBuilder;
use tower_bearer_auth::testing::{Fault, TestIssuer};
use tower_bearer_auth::{
    BearerAuthLayer, IntrospectionVerifier, InvalidReason, StaticToken, StaticTokenVerifier,
    VerifierExt, VerifyErrorKind,
};
use tower_layer::Layer;

use super::{AUDIENCE, assert_unavailable, verify};
use crate::support::{Inner, Logs, PATIENCE, get_with, serve};

fn asking(issuer: &TestIssuer) -> IntrospectionVerifierBuilder {
    IntrospectionVerifier::builder(issuer.introspection_url()).audience(AUDIENCE)
}

fn known(issuer: &TestIssuer) -> IntrospectionVerifierBuilder {
    asking(issuer).client_secret_basic(TestIssuer::CLIENT_ID, TestIssuer::CLIENT_SECRET)
}

#[tokio::test]
async fn every_client_authentication_method_works() {
    let issuer = TestIssuer::start().await;
    let token = issuer.opaque_token(json!({"sub": "alice", "aud": AUDIENCE}));
    let headers = || {
        let value = format!("Bearer {}", TestIssuer::ACCESS_TOKEN);
        HeaderMap::from_iter([(AUTHORIZATION, value.parse().unwrap())])
    };
    let verifiers = [
        known(&issuer),
        asking(&issuer).client_secret_post(TestIssuer::CLIENT_ID, TestIssuer::CLIENT_SECRET),
        asking(&issuer).bearer_token(TestIssuer::ACCESS_TOKEN),
        asking(&issuer).headers(headers),
    ];
    for verifier in verifiers {
        let verifier = verifier.build().unwrap();
        let verified = verify(&verifier, &token).await.unwrap();
        assert_eq!(verified.subject(), Some("alice"));
        assert_eq!(verified.token().as_str(), token);
    }
    assert_eq!(issuer.introspection_requests(), 4);
}

#[tokio::test]
async fn rejected_client_credentials_are_an_outage() {
    let issuer = TestIssuer::start().await;
    let token = issuer.opaque_token(json!({"aud": AUDIENCE}));
    for verifier in [
        asking(&issuer).client_secret_basic(TestIssuer::CLIENT_ID, "wrong"),
        asking(&issuer).bearer_token("wrong"),
        asking(&issuer).without_credentials(),
    ] {
        let layer = BearerAuthLayer::new(verifier.build().unwrap());
        let server = serve(layer.layer(Inner::default())).await;
        get_with(server, &token).await.assert_outage();
    }
}

#[tokio::test]
async fn a_missing_response_is_503_and_never_401() {
    let issuer = TestIssuer::start().await;
    let waits = |limit| {
        let builder = known(&issuer).timeout(limit).without_backoff();
        builder.build().unwrap()
    };
    let serve = |verifier| serve(BearerAuthLayer::new(verifier).layer(Inner::default()));
    // One verifier for faults that end by themselves, and one for faults that never do.
    let server = serve(waits(PATIENCE)).await;
    let hurried = serve(waits(Duration::from_millis(300))).await;
    let token = issuer.opaque_token(json!({"aud": AUDIENCE}));
    get_with(server, &token).await.assert_passed();
    for fault in [
        Fault::Status(StatusCode::INTERNAL_SERVER_ERROR),
        Fault::Status(StatusCode::UNAUTHORIZED),
        Fault::Status(StatusCode::FORBIDDEN),
        Fault::Status(StatusCode::NOT_FOUND),
        Fault::Status(StatusCode::NO_CONTENT),
        Fault::Redirect(issuer.introspection_url()),
        Fault::Hang,
        Fault::Reset,
        Fault::Drip,
        Fault::Truncated,
        Fault::Oversized(65 * 1024),
        Fault::Body(String::new()),
        Fault::Body("<html>".into()),
        Fault::Body("[]".into()),
        Fault::Body("true".into()),
        Fault::Body(r#"{"active":true"#.into()),
    ] {
        issuer.introspection_fault(Some(fault.clone()));
        let server = match fault {
            Fault::Hang | Fault::Drip => hurried,
            _ => server,
        };
        let answer = get_with(server, &token).await;
        assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE, "{fault:?}");
        answer.assert_outage();
    }
    issuer.introspection_fault(None);
    get_with(server, &token).await.assert_passed();
}

#[tokio::test]
async fn an_unknown_or_revoked_token_is_401() {
    let issuer = TestIssuer::start().await;
    let verifier = known(&issuer).build().unwrap();
    let server = serve(BearerAuthLayer::new(verifier).layer(Inner::default())).await;
    let token = issuer.opaque_token(json!({"aud": AUDIENCE}));
    get_with(server, &token).await.assert_passed();
    issuer.revoke(&token);
    for gone in [&*token, "made-up"] {
        let answer = get_with(server, gone).await;
        answer.assert_invalid_token("The access token is not recognized");
    }
}

#[tokio::test]
async fn the_number_of_concurrent_requests_is_limited() {
    let issuer = TestIssuer::start().await;
    let patient = || known(&issuer).timeout(Duration::from_secs(60));
    let verifier = patient().max_concurrency(2).build().unwrap();
    let token = issuer.opaque_token(json!({"aud": AUDIENCE}));
    issuer.introspection_fault(Some(Fault::Hang));
    let mut all = Box::pin(join_all((0..10).map(|_| verify(&verifier, &token))));
    let two = async {
        while issuer.introspection_requests() < 2 {
            tokio::task::yield_now().await;
        }
    };
    assert!(matches!(
        select(&mut all, pin!(two)).await,
        Either::Right(_)
    ));
    // By the time another token's request completes, a third request would have arrived.
    issuer.introspection_fault(None);
    let other = patient().build().unwrap();
    let other_call = pin!(verify(&other, &token));
    assert!(matches!(
        select(&mut all, other_call).await,
        Either::Right((Ok(_), _))
    ));
    assert_eq!(issuer.introspection_requests(), 3);

    // A cancelled caller releases its permit.
    drop(all);
    verify(&verifier, &token).await.unwrap();
}

#[tokio::test]
async fn an_outage_logs_one_warning_without_a_secret() {
    let logs = Logs::capture();
    let issuer = TestIssuer::start().await;
    let verifier = known(&issuer).build().unwrap();
    let token = issuer.opaque_token(json!({"aud": AUDIENCE}));
    issuer.introspection_fault(Some(Fault::Status(StatusCode::BAD_GATEWAY)));
    for _ in 0..3 {
        assert_unavailable(verify(&verifier, &token).await);
    }
    issuer.introspection_fault(None);
    verify(&verifier, &token).await.unwrap();

    let text = logs.text();
    assert_eq!(text.matches("WARN").count(), 1, "{text}");
    assert!(text.contains("answers 502"), "{text}");
    assert!(text.contains("works again"), "{text}");
    let builder = known(&issuer);
    let shown = format!("{text} {verifier:?} {builder:?}");
    assert!(shown.contains("client_secret_basic"));
    for secret in [TestIssuer::CLIENT_SECRET, &token] {
        assert!(!shown.contains(secret), "{shown}");
    }
}

#[tokio::test]
async fn an_unreachable_endpoint_is_an_outage_and_does_not_prevent_the_start() {
    let verifier = IntrospectionVerifier::builder("http://127.0.0.1:9/introspect")
        .bearer_token("token")
        .accept_any_audience()
        .build()
        .unwrap();
    assert_unavailable(verify(&verifier, "token").await);
}

#[test]
fn every_problem_is_reported_at_once() {
    let error = IntrospectionVerifier::builder("http://issuer.test/introspect")
        .client_secret_basic("", "hunter2")
        .bearer_token("hunter3")
        .timeout(Duration::ZERO)
        .max_bytes(0)
        .max_concurrency(0)
        .leeway(Duration::from_secs(7200))
        .build()
        .unwrap_err();
    let problems: Vec<_> = error.problems().collect();
    assert_eq!(problems.len(), 7, "{problems:#?}");
    for part in [
        "not https",
        "several credentials",
        "no audience",
        "timeout",
        "max_bytes",
        "max_concurrency",
        "leeway",
    ] {
        assert!(
            problems.iter().any(|p| p.contains(part)),
            "{part}: {problems:#?}"
        );
    }
    assert!(!error.to_string().contains("hunter"), "{error}");

    for (endpoint, part) in [
        ("", "is not a URL"),
        ("/introspect", "is not a URL"),
        ("ftp://issuer.test", "is not https"),
        ("http://10.0.0.1/", "is not https"),
        ("https://me:hunter2@issuer.test/", "has credentials"),
    ] {
        let builder = IntrospectionVerifier::builder(endpoint).bearer_token("t");
        let error = builder.audience(AUDIENCE).build().unwrap_err();
        assert!(error.to_string().contains(part), "{error}");
        assert!(!error.to_string().contains("hunter2"), "{error}");
    }
    let builder = || IntrospectionVerifier::builder("https://issuer.test/");
    for (verifier, part) in [
        (builder().audience(AUDIENCE), "no credentials"),
        (
            builder().audience(AUDIENCE).client_secret_post("", "s"),
            "ID is empty",
        ),
        (
            builder().audience(AUDIENCE).client_secret_post("id", ""),
            "secret is empty",
        ),
        (
            builder().audience(AUDIENCE).bearer_token("a b"),
            "cannot be sent in a header",
        ),
        (
            builder().audience("").bearer_token("t"),
            "has an empty value",
        ),
        (
            builder()
                .audience(AUDIENCE)
                .accept_any_audience()
                .bearer_token("t"),
            "contradicts",
        ),
    ] {
        let error = verifier.build().unwrap_err();
        assert!(error.to_string().contains(part), "{error}");
    }
    assert!(
        builder()
            .audience(AUDIENCE)
            .bearer_token("t")
            .build()
            .is_ok()
    );
    let plain = IntrospectionVerifier::builder("http://issuer.test/").bearer_token("t");
    assert!(plain.allow_http().audience(AUDIENCE).build().is_ok());
}

#[tokio::test]
async fn the_endpoints_retry_after_is_passed_on() {
    // A separate server, because the test issuer has no such fault.
    let busy = axum::Router::new()
        .fallback(|| async { (StatusCode::TOO_MANY_REQUESTS, [("retry-after", "17")], "") });
    let endpoint = crate::support::serve_axum(busy).await;
    let verifier = IntrospectionVerifier::builder(format!("http://{endpoint}/"))
        .bearer_token("token")
        .audience(AUDIENCE)
        .build()
        .unwrap();
    let error = verify(&verifier, "token").await.unwrap_err();
    assert_eq!(error.retry_after(), Some(Duration::from_secs(17)));
    let server = serve(BearerAuthLayer::new(verifier).layer(Inner::default())).await;
    let answer = get_with(server, "token").await;
    assert_eq!(answer.header("retry-after"), Some("17"));
}

#[tokio::test]
async fn a_response_after_a_redirect_is_not_trusted() {
    let elsewhere = axum::Router::new().fallback(|| async { r#"{"active":true}"# });
    let elsewhere = crate::support::serve_axum(elsewhere).await;
    let issuer = TestIssuer::start().await;
    issuer.introspection_fault(Some(Fault::Redirect(format!("http://{elsewhere}/"))));
    let verifier = IntrospectionVerifier::builder(issuer.introspection_url())
        .bearer_token(TestIssuer::ACCESS_TOKEN)
        .client(reqwest::Client::new())
        .accept_any_audience()
        .build()
        .unwrap();
    assert_unavailable(verify(&verifier, "token").await);
}

#[tokio::test]
async fn principals_of_two_verifiers_with_one_endpoint_differ_by_their_names() {
    let issuer = TestIssuer::start().await;
    let token = issuer.opaque_token(json!({"sub": "1", "aud": AUDIENCE}));
    let named = async |name: Option<&str>| {
        let builder = match name {
            Some(name) => known(&issuer).name(name),
            None => known(&issuer),
        };
        verify(&builder.build().unwrap(), &token).await.unwrap()
    };
    let (first, again) = (named(Some("first")).await, named(Some("first")).await);
    let (second, nameless) = (named(Some("second")).await, named(None).await);
    assert_eq!(first.verifier(), "first");
    assert_eq!(first.principal(), again.principal());
    assert_ne!(first.principal(), second.principal());
    assert_ne!(first.principal(), nameless.principal());
    let url = format!("introspection {}", issuer.introspection_url());
    assert_eq!(nameless.verifier(), url);
}

/// For different clients, an endpoint may use different subjects for one user, or one subject for two users.
#[tokio::test]
async fn two_clients_of_one_endpoint_have_distinct_principals() {
    let issuer = TestIssuer::start().await;
    let answer = r#"{"active":true,"sub":"1"}"#;
    issuer.introspection_response(Some(http::Response::new(answer.into())));
    let url = issuer.introspection_url();
    let builder = || IntrospectionVerifier::builder(&url).accept_any_audience();
    let mut principals = Vec::new();
    for builder in [
        builder().client_secret_basic("one", "s"),
        builder().client_secret_basic("two", "s"),
        builder().bearer_token("t"),
    ] {
        let token = verify(&builder.build().unwrap(), "token").await.unwrap();
        assert_eq!(token.verifier(), format!("introspection {url}"));
        principals.push(token.principal());
    }
    for (position, principal) in principals.iter().enumerate() {
        assert!(!principals[..position].contains(principal), "{position}");
    }
    // The same client with another secret or another authentication method has the same principals.
    let same = builder().client_secret_post("one", "t").build().unwrap();
    let same = verify(&same, "token").await.unwrap();
    assert_eq!(same.principal(), principals[0]);
}

#[test]
fn a_url_is_shown_without_its_query() {
    let url = "https://user:hunter2@issuer.test/introspect?api_key=hunter2#hunter2";
    let builder = IntrospectionVerifier::builder(url).bearer_token("hunter2");
    assert!(!format!("{builder:?}").contains("hunter2"), "{builder:?}");
    let url = "https://issuer.test/introspect?api_key=hunter2";
    let builder = IntrospectionVerifier::builder(url).bearer_token("hunter2");
    let builder = builder.accept_any_audience();
    let shown = format!("{builder:?}");
    let shown = format!("{shown} {:?}", builder.build().unwrap());
    assert!(!shown.contains("hunter2"), "{shown}");
    assert_eq!(shown.matches("https://issuer.test/introspect").count(), 2);
}

#[tokio::test]
async fn two_endpoints_have_distinct_principals() {
    let members = json!({"sub": "1", "iss": "https://same.test", "aud": AUDIENCE});
    let mut principals = Vec::new();
    for _ in 0..2 {
        let issuer = TestIssuer::start().await;
        let token = issuer.opaque_token(members.clone());
        let verifier = known(&issuer).build().unwrap();
        principals.push(verify(&verifier, &token).await.unwrap().principal());
    }
    assert_ne!(principals[0], principals[1]);
}

#[tokio::test]
async fn a_token_that_the_endpoint_recognizes_gets_no_fallback() {
    let issuer = TestIssuer::start().await;
    let claims = json!({"sub": "alice", "aud": AUDIENCE, "iss": "https://one.example.com"});
    let token = issuer.opaque_token(claims);
    let table = || StaticTokenVerifier::new([(token.clone(), StaticToken::new("table"))]);
    let configured = known(&issuer).issuer("https://two.example.com");
    let verifier = configured.build().unwrap().or_else(table());
    let refused = verify(&verifier, &token).await.unwrap_err();
    assert!(matches!(
        refused.kind(),
        VerifyErrorKind::Invalid(InvalidReason::WrongIssuer)
    ));
    // The endpoint does not know this one.
    let unknown = StaticTokenVerifier::new([("key-1", StaticToken::new("table"))]);
    let verifier = known(&issuer).build().unwrap().or_else(unknown);
    let accepted = verify(&verifier, "key-1").await.unwrap();
    assert_eq!(accepted.client_id(), Some("table"));
}
