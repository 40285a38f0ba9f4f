//! The backoff after failures of the introspection endpoint: which tokens it affects, how long it lasts, and what
//! ends an outage.

use std::pin::pin;
use std::time::{Duration, UNIX_EPOCH};

use bytes::Bytes;
use futures_util::future::{Either, join_all, select};
use http::{Response, StatusCode};
use serde_json::json;
use tower_bearer_auth::introspection::IntrospectionVerifierBuilder;
use tower_bearer_auth::testing::{Fault, TestIssuer};
use tower_bearer_auth::{BearerAuthLayer, Clock, IntrospectionVerifier, VerifyErrorKind};
use tower_layer::Layer;

use super::{assert_unavailable, verify};
use crate::support::{Inner, Logs, get_with, serve};

const SECOND: Duration = Duration::from_secs(1);

fn clock() -> Clock {
    Clock::manual(UNIX_EPOCH + Duration::from_secs(1_800_000_000))
}

fn asking(url: impl Into<String>, clock: &Clock) -> IntrospectionVerifierBuilder {
    IntrospectionVerifier::builder(url)
        .client_secret_basic(TestIssuer::CLIENT_ID, TestIssuer::CLIENT_SECRET)
        .accept_any_audience()
        .clock(clock.clone())
}

fn known(issuer: &TestIssuer, clock: &Clock) -> IntrospectionVerifierBuilder {
    asking(issuer.introspection_url(), clock)
}

fn response(status: u16, retry_after: Option<&str>, body: &'static str) -> Response<Bytes> {
    let mut response = Response::builder().status(status);
    if let Some(value) = retry_after {
        response = response.header("retry-after", value);
    }
    response.body(body.into()).unwrap()
}

/// The `Retry-After` of an unavailable result, in seconds.
async fn wait_of(verifier: &IntrospectionVerifier, token: &str) -> Option<Duration> {
    let error = verify(verifier, token).await.unwrap_err();
    let kind = error.kind();
    assert!(matches!(kind, VerifyErrorKind::Unavailable), "{error:?}");
    error.retry_after()
}

#[tokio::test]
async fn after_a_failed_request_further_tokens_get_503_without_a_request() {
    const INVALID_CLIENT: &str = r#"{"error":"invalid_client"}"#;
    for down in [
        response(503, None, ""),
        response(429, None, ""),
        response(200, None, INVALID_CLIENT),
        response(400, None, INVALID_CLIENT),
        response(401, None, INVALID_CLIENT),
        response(403, None, INVALID_CLIENT),
    ] {
        let (issuer, clock) = (TestIssuer::start().await, clock());
        let verifier = known(&issuer, &clock).build().unwrap();
        let server = serve(BearerAuthLayer::new(verifier).layer(Inner::default())).await;
        let good = issuer.opaque_token(json!({"sub": "alice"}));
        issuer.introspection_response(Some(down.clone()));
        let mut questions = 0;
        for wait in [1, 2, 4, 8, 16, 30, 30] {
            for token in ["one", "two", "one", &good] {
                let answer = get_with(server, token).await;
                answer.assert_outage();
                let seconds = wait.to_string();
                assert_eq!(answer.header("retry-after"), Some(&*seconds), "{down:?}");
            }
            questions += 1;
            assert_eq!(issuer.introspection_requests(), questions, "{down:?}");
            clock.advance(wait * SECOND - Duration::from_millis(1));
            get_with(server, "three").await.assert_outage();
            assert_eq!(issuer.introspection_requests(), questions, "{down:?}");
            clock.advance(Duration::from_millis(1));
        }
        issuer.introspection_response(None);
        get_with(server, &good).await.assert_passed();
        let unknown = get_with(server, "one").await;
        unknown.assert_invalid_token("The access token is not recognized");
    }
}

#[tokio::test]
async fn an_unreachable_endpoint_gets_no_request_until_the_backoff_has_elapsed() {
    let (issuer, clock) = (TestIssuer::start().await, clock());
    let url = issuer.introspection_url();
    drop(issuer);
    let verifier = asking(url, &clock).build().unwrap();
    assert_eq!(wait_of(&verifier, "one").await, Some(SECOND));
    assert_eq!(wait_of(&verifier, "two").await, Some(SECOND));
    clock.advance(SECOND);
    assert_eq!(wait_of(&verifier, "two").await, Some(2 * SECOND));
}

#[tokio::test]
async fn a_failure_caused_by_one_token_is_not_an_outage_for_other_tokens() {
    let (issuer, clock) = (TestIssuer::start().await, clock());
    let verifier = known(&issuer, &clock).build().unwrap();
    let good = issuer.opaque_token(json!({}));
    let statuses = [500, 501, 404, 401, 403, 400, 422, 302];
    let wrong = statuses.map(|status| response(status, None, ""));
    let bodies = ["", "<html>", r#"{"active":"true"}"#, "{}"];
    let wrong = wrong.into_iter();
    for wrong in wrong.chain(bodies.map(|body| response(200, None, body))) {
        // However many tokens cause such a failure.
        for token in ["one", "two", "three", "four"] {
            issuer.introspection_response(Some(wrong.clone()));
            assert_unavailable(verify(&verifier, token).await);
            issuer.introspection_response(None);
            verify(&verifier, &good).await.unwrap();
        }
        issuer.introspection_response(Some(wrong.clone()));
        for token in ["one", "two", "three", "four"] {
            let requests = issuer.introspection_requests();
            assert_unavailable(verify(&verifier, token).await);
            assert_eq!(issuer.introspection_requests(), requests + 1, "{wrong:?}");
        }
    }
}

#[tokio::test]
async fn a_missing_response_backs_off_its_token_and_a_second_one_backs_off_all_tokens() {
    for fault in [Fault::Hang, Fault::Reset, Fault::Drip, Fault::Truncated] {
        let (issuer, clock) = (TestIssuer::start().await, clock());
        let limit = Duration::from_millis(300);
        let verifier = known(&issuer, &clock).timeout(limit).build().unwrap();
        let good = issuer.opaque_token(json!({}));
        let silent = |is_silent: bool| {
            issuer.introspection_fault(is_silent.then(|| fault.clone()));
        };
        silent(true);
        assert_eq!(wait_of(&verifier, "one").await, Some(SECOND), "{fault:?}");
        silent(false);
        assert_eq!(wait_of(&verifier, "one").await, Some(SECOND), "{fault:?}");
        verify(&verifier, &good).await.unwrap();
        // The endpoint responded, which resets the backoff of the token.
        verify(&verifier, "one").await.unwrap_err();

        silent(true);
        assert_eq!(wait_of(&verifier, "one").await, Some(SECOND));
        assert_eq!(wait_of(&verifier, "two").await, Some(SECOND));
        silent(false);
        let requests = issuer.introspection_requests();
        assert_eq!(wait_of(&verifier, &good).await, Some(SECOND), "{fault:?}");
        assert_eq!(issuer.introspection_requests(), requests);
        clock.advance(SECOND);
        verify(&verifier, &good).await.unwrap();
    }
}

#[tokio::test]
async fn a_gateway_error_is_an_outage_once_a_second_token_gets_one() {
    for status in [StatusCode::BAD_GATEWAY, StatusCode::GATEWAY_TIMEOUT] {
        let (issuer, clock) = (TestIssuer::start().await, clock());
        let verifier = known(&issuer, &clock).build().unwrap();
        issuer.introspection_fault(Some(Fault::Status(status)));
        for _ in 0..3 {
            assert_eq!(wait_of(&verifier, "one").await, None);
        }
        assert_eq!(wait_of(&verifier, "two").await, Some(SECOND));
        assert_eq!(wait_of(&verifier, "three").await, Some(SECOND));
        assert_eq!(issuer.introspection_requests(), 4);
    }
}

#[tokio::test]
async fn one_request_at_a_time_probes_and_a_cancelled_probe_allows_another() {
    let (issuer, clock) = (TestIssuer::start().await, clock());
    let verifier = known(&issuer, &clock).timeout(60 * SECOND).build().unwrap();
    let good = issuer.opaque_token(json!({}));
    issuer.introspection_response(Some(response(503, None, "")));
    assert_unavailable(verify(&verifier, "one").await);
    clock.advance(SECOND);

    issuer.introspection_response(None);
    issuer.introspection_fault(Some(Fault::Hang));
    let mut probe = Box::pin(verify(&verifier, &good));
    let verification = async {
        while issuer.introspection_requests() < 2 {
            tokio::task::yield_now().await;
        }
    };
    let mut verification = pin!(verification);
    let first = select(&mut probe, verification.as_mut()).await;
    assert!(matches!(first, Either::Right(_)));
    let all = join_all((0..100).map(|_| wait_of(&verifier, &good))).await;
    assert!(all.iter().all(|wait| *wait == Some(SECOND)), "{all:?}");
    assert_eq!(issuer.introspection_requests(), 2);

    drop(probe);
    issuer.introspection_fault(None);
    verify(&verifier, &good).await.unwrap();
    let all = join_all((0..100).map(|_| verify(&verifier, &good))).await;
    assert!(all.iter().all(Result::is_ok));
}

#[tokio::test]
async fn requests_in_flight_complete_when_an_outage_begins() {
    let (issuer, clock) = (TestIssuer::start().await, clock());
    let verifier = known(&issuer, &clock).timeout(60 * SECOND).build().unwrap();
    let good = issuer.opaque_token(json!({}));
    issuer.introspection_fault(Some(Fault::Delay(Duration::from_millis(200))));
    let under_way = verify(&verifier, &good);
    let outage = async {
        while issuer.introspection_requests() < 1 {
            tokio::task::yield_now().await;
        }
        issuer.introspection_fault(Some(Fault::Status(StatusCode::SERVICE_UNAVAILABLE)));
        assert_eq!(wait_of(&verifier, "one").await, Some(SECOND));
        assert_eq!(wait_of(&verifier, "two").await, Some(SECOND));
    };
    let (under_way, ()) = futures_util::join!(under_way, outage);
    under_way.unwrap();
    // The endpoint responded, so the next token causes a request.
    issuer.introspection_fault(None);
    verify(&verifier, &good).await.unwrap();
}

/// A token that waits for a permit when the outage begins is subject to the backoff.
#[tokio::test]
async fn a_token_that_waits_for_a_permit_causes_no_request_in_an_outage() {
    let (issuer, clock) = (TestIssuer::start().await, clock());
    let verifier = known(&issuer, &clock)
        .max_concurrency(1)
        .timeout(60 * SECOND)
        .build()
        .unwrap();
    issuer.introspection_response(Some(response(503, None, "")));
    let all = (0..20).map(|number| format!("token-{number}"));
    let all = all.map(|token| async { wait_of(&verifier, &{ token }).await });
    let all = join_all(all).await;
    assert!(all.iter().all(|wait| *wait == Some(SECOND)), "{all:?}");
    assert_eq!(issuer.introspection_requests(), 1);
}

#[tokio::test]
async fn the_endpoints_retry_after_is_clamped_to_the_bounds() {
    for (said, expected, wait) in [
        ("0", 0, 1),
        ("1", 1, 1),
        ("17", 17, 17),
        ("30", 30, 30),
        ("120", 120, 30),
        ("99999999", 3600, 30),
        ("soon", 1, 1),
        ("-5", 1, 1),
        ("Wed, 21 Oct 2026 07:28:00 GMT", 1, 1),
    ] {
        let (issuer, clock) = (TestIssuer::start().await, clock());
        let verifier = known(&issuer, &clock).build().unwrap();
        issuer.introspection_response(Some(response(503, Some(said), "")));
        assert_eq!(
            wait_of(&verifier, "one").await,
            Some(expected * SECOND),
            "{said}"
        );
        assert_eq!(
            wait_of(&verifier, "two").await,
            Some(wait * SECOND),
            "{said}"
        );
    }
}

#[tokio::test]
async fn the_bounds_are_configurable_and_the_backoff_can_be_disabled() {
    let (issuer, clock) = (TestIssuer::start().await, clock());
    let down = response(503, None, "");
    issuer.introspection_response(Some(down));
    let minute = 60 * SECOND;
    let verifier = known(&issuer, &clock)
        .backoff(minute, minute)
        .build()
        .unwrap();
    for _ in 0..3 {
        assert_eq!(wait_of(&verifier, "one").await, Some(minute));
        clock.advance(minute);
    }
    assert_eq!(issuer.introspection_requests(), 3);
    let verifier = known(&issuer, &clock).without_backoff().build().unwrap();
    for token in ["one", "two", "one"] {
        assert_eq!(wait_of(&verifier, token).await, None);
    }
    assert_eq!(issuer.introspection_requests(), 6);

    for (min, max, problem) in [
        (0, 30_000, Some("backoff, min: 0ns")),
        (99, 30_000, Some("backoff, min: 99ms")),
        (100, 100, None),
        (1000, 999, Some("backoff, max: 999ms")),
        (3_600_000, 3_600_000, None),
        (1000, 3_600_001, Some("backoff, max: 3600.001s")),
    ] {
        let [min, max] = [min, max].map(Duration::from_millis);
        let built = known(&issuer, &clock).backoff(min, max).build();
        match (built, problem) {
            (Ok(_), None) => {}
            (Err(error), Some(problem)) => {
                assert!(error.to_string().contains(problem), "{error}");
            }
            (built, _) => panic!("{min:?} {max:?}: {built:?}"),
        }
    }
}

#[tokio::test]
async fn an_outage_logs_one_warning_and_suppressed_requests_are_in_the_audit_event() {
    let logs = Logs::capture();
    let (issuer, clock) = (TestIssuer::start().await, clock());
    let verifier = known(&issuer, &clock).build().unwrap();
    let server = serve(BearerAuthLayer::new(verifier).layer(Inner::default())).await;
    let good = issuer.opaque_token(json!({}));
    issuer.introspection_response(Some(response(503, None, "")));
    for _ in 0..3 {
        get_with(server, &good).await.assert_outage();
        get_with(server, "other").await.assert_outage();
        clock.advance(60 * SECOND);
    }
    issuer.introspection_response(None);
    get_with(server, &good).await.assert_passed();

    let text = logs.text();
    let count = |part: &str| text.matches(part).count();
    assert_eq!(count("WARN"), 1, "{text}");
    assert_eq!(count("tokens still cannot be introspected"), 2, "{text}");
    let held_back = "the backoff has not elapsed";
    assert_eq!(count(held_back), 3, "{text}");
    assert_eq!(count("works again"), 1, "{text}");
    assert!(!text.contains(&good), "{text}");
}

/// The concurrency limit of this server does not indicate an outage of the endpoint.
#[tokio::test]
async fn a_token_that_gets_its_permit_too_late_is_not_an_outage() {
    let (issuer, clock) = (TestIssuer::start().await, clock());
    let limit = Duration::from_millis(300);
    let busy = known(&issuer, &clock).max_concurrency(1).timeout(limit);
    let verifier = busy.build().unwrap();
    let good = issuer.opaque_token(json!({}));
    issuer.introspection_fault(Some(Fault::Hang));
    // The second token gets a permit when the first has used up the time limit of both.
    let (first, second) = futures_util::join!(wait_of(&verifier, "one"), wait_of(&verifier, "two"));
    assert_eq!((first, second), (Some(SECOND), None));
    issuer.introspection_fault(None);
    verify(&verifier, &good).await.unwrap();
}
