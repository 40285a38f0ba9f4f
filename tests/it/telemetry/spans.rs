use http::StatusCode;
use serde_json::json;
use tower::{Layer, ServiceExt};
use tower_bearer_auth::testing::{Fault, TestIssuer};
use tower_bearer_auth::{
    AccessToken, BearerAuthLayer, IntrospectionVerifier, JwtVerifier, VerifyError, verify_fn,
};
use tracing::{Instrument, Level};

use super::recorded::{Entry, Fields, Recorded};
use crate::support::{Inner, answer_of, with_token};

const DOWN: Fault = Fault::Status(StatusCode::BAD_GATEWAY);
const AUDIENCE: &str = "https://api.test";

#[track_caller]
fn assert_span(span: &Entry, target: &str, fields: &[(&'static str, &str)]) {
    assert_eq!((span.target, span.level), (target, Level::DEBUG));
    let fields = fields.iter().map(|(name, value)| (*name, (*value).into()));
    assert_eq!(span.fields, Fields::from_iter(fields));
}

#[tokio::test]
async fn a_verification_is_a_span_of_its_request_and_a_fetch_of_keys_of_none() {
    let recorded = Recorded::start();
    let issuer = TestIssuer::start().await;
    let keys = issuer.jwks_url();
    let verifier = JwtVerifier::builder()
        .jwks_url(&keys)
        .issuer(issuer.issuer())
        .audience(AUDIENCE)
        .build()
        .unwrap();
    let service = BearerAuthLayer::new(verifier).layer(Inner::default());
    let good = issuer.token().audience(AUDIENCE).build();
    let bad = issuer.token().audience("https://elsewhere.test").build();

    issuer.jwks_fault(Some(DOWN));
    for token in [&good, &bad] {
        let request = tracing::info_span!("request");
        answer_of(service.clone(), with_token(token))
            .instrument(request)
            .await;
    }
    let verifications = recorded.spans("verify_token");
    let outcomes = ["unavailable", "refused"];
    assert_eq!(verifications.len(), outcomes.len());
    for (span, outcome) in verifications.iter().zip(outcomes) {
        assert_span(
            span,
            "tower_bearer_auth::verification",
            &[("outcome", outcome)],
        );
        assert_eq!(span.within, Some("request"));
    }

    let outages = recorded.events("tower_bearer_auth::keys");
    assert_eq!(outages.len(), 1);
    assert_eq!(outages[0].within, Some("fetch_keys"));
    let fetches = recorded.spans("fetch_keys");
    assert_eq!(fetches.len(), 1);
    let failed = [("source", &*keys), ("outcome", "failed")];
    assert_span(&fetches[0], "tower_bearer_auth::keys", &failed);
    assert_eq!(fetches[0].within, None);
    assert_eq!(fetches[0].after, Some("verify_token"));
}

#[tokio::test]
async fn a_question_to_an_introspection_endpoint_is_a_span() {
    let recorded = Recorded::start();
    let issuer = TestIssuer::start().await;
    let endpoint = issuer.introspection_url();
    let verifier = IntrospectionVerifier::builder(&endpoint)
        .client_secret_basic(TestIssuer::CLIENT_ID, TestIssuer::CLIENT_SECRET)
        .audience(AUDIENCE)
        .build()
        .unwrap();
    let service = BearerAuthLayer::new(verifier).layer(Inner::default());
    let good = issuer.opaque_token(json!({"aud": AUDIENCE}));
    answer_of(service.clone(), with_token(&good)).await;
    answer_of(service.clone(), with_token("unknown")).await;
    issuer.introspection_fault(Some(DOWN));
    answer_of(service, with_token(&good)).await;

    let spans = recorded.spans("introspect_token");
    let outcomes = ["verified", "refused", "unavailable"];
    assert_eq!(spans.len(), outcomes.len());
    for (span, outcome) in spans.iter().zip(outcomes) {
        let verifier = format!("introspection {endpoint}");
        let fields = [("verifier", &*verifier), ("outcome", outcome)];
        assert_span(span, "tower_bearer_auth::introspection", &fields);
        assert_eq!(span.within, Some("verify_token"));
    }
    let outages = recorded.events("tower_bearer_auth::introspection");
    assert_eq!(outages.len(), 1);
    assert_eq!(outages[0].within, Some("introspect_token"));
}

#[tokio::test]
async fn a_verification_whose_request_was_dropped_is_recorded_as_interrupted() {
    let recorded = Recorded::start();
    let never = verify_fn(|_| std::future::pending::<Result<AccessToken, VerifyError>>());
    let service = BearerAuthLayer::new(never).layer(Inner::default());
    let mut verification = Box::pin(service.oneshot(with_token("any")));
    assert!(futures_util::poll!(verification.as_mut()).is_pending());
    drop(verification);
    let spans = recorded.spans("verify_token");
    assert_eq!(spans.len(), 1);
    let outcome = [("outcome", "interrupted")];
    assert_span(&spans[0], "tower_bearer_auth::verification", &outcome);
}
