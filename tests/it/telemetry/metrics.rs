use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use futures_util::poll;
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle, PrometheusRecorder};
use serde_json::json;
use tokio::sync::Semaphore;
use tower::Layer;
use tower_bearer_auth::revocation::Revocations;
use tower_bearer_auth::testing::TestIssuer;
use tower_bearer_auth::{
    AccessToken, BearerAuthLayer, CacheLayer, Clock, IntrospectionVerifier, InvalidReason,
    JwtVerifier, RequireScopesLayer, VerifierExt, VerifyError, telemetry, verify_fn,
};

use crate::support::{Inner, answer_of, table, with_token};

const AUDIENCE: &str = "https://api.test";

/// The samples and comments that a scrape returns now.
pub(crate) fn scrape(handle: &PrometheusHandle) -> Vec<String> {
    handle.run_upkeep();
    handle.render().lines().map(str::to_owned).collect()
}

pub(crate) fn recorder() -> (PrometheusRecorder, PrometheusHandle) {
    let recorder = PrometheusBuilder::new().build_recorder();
    let handle = recorder.handle();
    (recorder, handle)
}

#[track_caller]
pub(crate) fn assert_samples(samples: &[String], expected: &[&str]) {
    for sample in expected {
        let there = samples.iter().any(|found| found == sample);
        assert!(there, "{sample} is not among {samples:#?}");
    }
}

/// The number of time series of a metric.
fn series(samples: &[String], name: &str) -> usize {
    let labelled = format!("{name}{{");
    samples.iter().filter(|s| s.starts_with(&labelled)).count()
}

#[tokio::test]
async fn decisions_are_counted_and_unknown_tokens_add_no_series() {
    let (recorder, handle) = recorder();
    let _listening = metrics::set_default_local_recorder(&recorder);
    telemetry::describe_metrics();
    let guard = RequireScopesLayer::all(["write"]);
    let service = BearerAuthLayer::new(table().cached(100)).layer(guard.layer(Inner::default()));
    for token in ["reader", "writer", "writer", "stale"] {
        answer_of(service.clone(), with_token(token)).await;
    }
    for number in 0..50 {
        answer_of(service.clone(), with_token(&format!("made-up-{number}"))).await;
    }

    let samples = scrape(&handle);
    let count = "bearer_auth_decisions_total";
    let lookups = "bearer_auth_cache_lookups_total";
    assert_samples(
        &samples,
        &[
            "# HELP bearer_auth_decisions_total Decisions about requests, of the layer and of guards behind it",
            &format!(
                r#"{count}{{by="BearerAuthLayer",outcome="allowed",reason="",verifier="static"}} 3"#
            ),
            &format!(
                r#"{count}{{by="BearerAuthLayer",outcome="refused",reason="expired",verifier=""}} 1"#
            ),
            &format!(
                r#"{count}{{by="BearerAuthLayer",outcome="refused",reason="unrecognized",verifier=""}} 50"#
            ),
            &format!(
                r#"{count}{{by="RequireScopesLayer",outcome="allowed",reason="",verifier="static"}} 2"#
            ),
            &format!(
                r#"{count}{{by="RequireScopesLayer",outcome="refused",reason="insufficient_scope",verifier="static"}} 1"#
            ),
            &format!(r#"{lookups}{{result="hit"}} 1"#),
            &format!(r#"{lookups}{{result="miss"}} 53"#),
            r#"bearer_auth_verification_seconds_count{outcome="verified"} 3"#,
            r#"bearer_auth_verification_seconds_count{outcome="refused"} 51"#,
        ],
    );
    assert_eq!(series(&samples, count), 5);
    assert_eq!(series(&samples, lookups), 2);
}

#[tokio::test]
async fn what_is_asked_of_others_is_measured() {
    let (recorder, handle) = recorder();
    let _listening = metrics::set_default_local_recorder(&recorder);
    let issuer = TestIssuer::start().await;
    let jwts = JwtVerifier::builder()
        .discover(issuer.issuer())
        .audience(AUDIENCE)
        .build()
        .unwrap();
    let opaque = IntrospectionVerifier::builder(issuer.introspection_url())
        .client_secret_basic(TestIssuer::CLIENT_ID, TestIssuer::CLIENT_SECRET)
        .audience(AUDIENCE)
        .build()
        .unwrap();
    let service = BearerAuthLayer::new(jwts.or_else(opaque)).layer(Inner::default());
    let jwt = issuer.token().audience(AUDIENCE).build();
    let token = issuer.opaque_token(json!({"aud": AUDIENCE}));
    for token in [&*jwt, &jwt, &token, "unknown-token"] {
        answer_of(service.clone(), with_token(token)).await;
    }
    assert_samples(
        &scrape(&handle),
        &[
            r#"bearer_auth_key_fetch_seconds_count{outcome="fetched"} 1"#,
            r#"bearer_auth_introspection_seconds_count{outcome="verified"} 1"#,
            r#"bearer_auth_introspection_seconds_count{outcome="refused"} 1"#,
            r#"bearer_auth_verification_seconds_count{outcome="verified"} 3"#,
            r#"bearer_auth_verification_seconds_count{outcome="refused"} 1"#,
        ],
    );
}

#[tokio::test]
async fn lookups_that_join_others_and_refusals_remembered_are_counted() {
    let (recorder, handle) = recorder();
    let _listening = metrics::set_default_local_recorder(&recorder);
    let gate = Arc::new(Semaphore::new(0));
    let hold = Arc::clone(&gate);
    let verifier = verify_fn(move |_| {
        let gate = Arc::clone(&hold);
        async move {
            let _turn = gate.acquire().await;
            Err::<AccessToken, _>(VerifyError::invalid(InvalidReason::Unrecognized))
        }
    });
    let cache = CacheLayer::new(100).remember_refusals(Duration::from_secs(60));
    let service = BearerAuthLayer::new(cache.layer(verifier)).layer(Inner::default());
    let ask = || answer_of(service.clone(), with_token("any"));
    let (mut first, mut second) = (Box::pin(ask()), Box::pin(ask()));
    assert!(poll!(first.as_mut()).is_pending() && poll!(second.as_mut()).is_pending());
    gate.add_permits(1);
    for answer in [first.await, second.await, ask().await] {
        assert_eq!(answer.status, 401);
    }
    assert_samples(
        &scrape(&handle),
        &[
            r#"bearer_auth_cache_lookups_total{result="miss"} 1"#,
            r#"bearer_auth_cache_lookups_total{result="joined"} 1"#,
            r#"bearer_auth_cache_lookups_total{result="refused"} 1"#,
        ],
    );
}

#[tokio::test]
async fn revocations_are_counted_until_they_are_removed() {
    let (recorder, handle) = recorder();
    let _listening = metrics::set_default_local_recorder(&recorder);
    let start = UNIX_EPOCH + Duration::from_secs(1_800_000_000);
    let clock = Clock::manual(start);
    let revocations = Revocations::builder().clock(clock.clone()).capacity(3);
    let revocations = revocations.in_memory();
    let assert_count = |count| {
        assert_samples(
            &scrape(&handle),
            &[&format!("bearer_auth_revocations {count}")],
        );
    };
    for jti in ["a", "b", "b", "c"] {
        revocations.revoke_token("", jti, start).await.unwrap();
    }
    assert_count(3);
    clock.advance(Duration::from_secs(7200));
    // There is no room, so those that have ended are removed.
    revocations.revoke_session("", "s").await.unwrap();
    assert_count(1);
    drop(revocations);
    assert_count(0);
}
