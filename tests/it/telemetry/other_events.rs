//! Events that are not about a single request.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use serde_json::json;
use tower::Layer as _;
use tower_bearer_auth::testing::{Fault, TestIssuer};
use tower_bearer_auth::{
    BearerAuthLayer, IntrospectionVerifier, ProtectedResource, RequireScopesLayer, VerifyError,
    verify_fn,
};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};

use super::assert_events;
use super::recorded::Recorded;
use crate::support::{Inner, answer_of, listen, with_token};

#[tokio::test]
async fn an_outage_of_introspection_is_logged_at_its_beginning_and_its_end() {
    let recorded = Recorded::start();
    let issuer = TestIssuer::start().await;
    let endpoint = issuer.introspection_url();
    let verifier = IntrospectionVerifier::builder(format!("{endpoint}?key=secret"))
        .client_secret_basic(TestIssuer::CLIENT_ID, TestIssuer::CLIENT_SECRET)
        .accept_any_audience()
        .build()
        .unwrap();
    let service = BearerAuthLayer::new(verifier).layer(Inner::default());
    let token = issuer.opaque_token(json!({}));
    issuer.introspection_fault(Some(Fault::Status(http::StatusCode::BAD_GATEWAY)));
    answer_of(service.clone(), with_token(&token)).await;
    answer_of(service.clone(), with_token(&token)).await;
    issuer.introspection_fault(None);
    answer_of(service, with_token(&token)).await.assert_passed();

    // In place of the query, the first digits of `printf key=secret | sha256sum`.
    let name = format!("introspection {endpoint}?0b60fff1753750c4");
    let verifier = ("verifier", &*name);
    let error = ("error", "the introspection endpoint answers 502");
    let message = |text| ("message", text);
    assert_events(
        &recorded,
        "tower_bearer_auth::introspection",
        &[
            (
                Level::WARN,
                &[message("tokens cannot be introspected"), verifier, error],
            ),
            (
                Level::DEBUG,
                &[
                    message("tokens still cannot be introspected"),
                    verifier,
                    error,
                ],
            ),
            (
                Level::INFO,
                &[message("the introspection endpoint works again"), verifier],
            ),
        ],
    );
}

#[tokio::test]
async fn mistakes_in_the_setup_are_logged() {
    let recorded = Recorded::start();
    let guard = RequireScopesLayer::all(["read"]).layer(Inner::default());
    answer_of(guard, with_token("reader")).await;
    let resource = ProtectedResource::new("https://api.test");
    let _: Router = resource.router();
    let missing = "RequireScopesLayer needs a BearerAuthLayer in front of it, and there is none";
    let nameless = "the metadata names no authorization server, so clients cannot find out where to get a token";
    assert_events(
        &recorded,
        "tower_bearer_auth::setup",
        &[
            (
                Level::ERROR,
                &[("message", missing), ("by", "RequireScopesLayer")],
            ),
            (
                Level::WARN,
                &[("message", nameless), ("resource", "https://api.test")],
            ),
        ],
    );
}

/// With several filters, `tracing_subscriber` stores their results when the crate checks whether an event is enabled.
/// If the crate then emitted no event, the next event would be filtered by these results.
#[tokio::test]
async fn a_subscriber_to_decisions_takes_no_event_from_another_subscriber() {
    let (all, some) = (Arc::<AtomicUsize>::default(), Arc::<AtomicUsize>::default());
    let audited = Targets::new()
        .with_default(Level::INFO)
        .with_target(tower_bearer_auth::telemetry::AUDIT, Level::DEBUG);
    let subscriber = tracing_subscriber::registry()
        .with(Counting(Arc::clone(&some)).with_filter(LevelFilter::INFO))
        .with(Counting(Arc::clone(&all)).with_filter(audited));
    let _listening = listen(subscriber);
    let verifier = verify_fn(|_| async {
        tracing::info!(target: "application", "a verifier of its own");
        Err(VerifyError::invalid("no"))
    });
    let service = BearerAuthLayer::new(verifier).layer(Inner::default());
    answer_of(service, with_token("any")).await;
    assert_eq!(some.load(Ordering::Relaxed), 1);
    assert_eq!(all.load(Ordering::Relaxed), 2);
}

struct Counting(Arc<AtomicUsize>);

impl<S: Subscriber> Layer<S> for Counting {
    fn on_event(&self, _: &Event<'_>, _: Context<'_, S>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}
