//! Events that are not about a single request.

use axum::Router;
use serde_json::json;
use tower::Layer;
use tower_bearer_auth::testing::{Fault, TestIssuer};
use tower_bearer_auth::{
    BearerAuthLayer, IntrospectionVerifier, Jwks, ProtectedResource, RequireScopesLayer,
};
use tracing::Level;

use super::recorded::{Fields, Recorded};
use crate::support::{Inner, answer_of, with_token};

type Expected<'a> = (Level, &'a [(&'static str, &'a str)]);

#[track_caller]
fn assert_events(recorded: &Recorded, target: &str, expected: &[Expected<'_>]) {
    let events = recorded.events(target);
    let events: Vec<_> = events.iter().map(|e| (e.level, e.fields.clone())).collect();
    let expected: Vec<_> = expected
        .iter()
        .map(|(level, fields)| {
            let fields = fields.iter().map(|(name, value)| (*name, (*value).into()));
            (*level, Fields::from_iter(fields))
        })
        .collect();
    assert_eq!(events, expected);
}

#[tokio::test]
async fn an_outage_of_keys_is_told_at_its_beginning_and_its_end() {
    let recorded = Recorded::start();
    let issuer = TestIssuer::start().await;
    let url = issuer.jwks_url();
    let source = tower_bearer_auth::jwks::HttpKeySource::builder(format!("{url}?key=secret"));
    let jwks = Jwks::builder(source.build().unwrap()).build().unwrap();
    jwks.refresh().await.unwrap();
    issuer.jwks_fault(Some(Fault::Status(http::StatusCode::BAD_GATEWAY)));
    jwks.refresh().await.unwrap_err();
    jwks.refresh().await.unwrap_err();
    issuer.jwks_fault(None);
    jwks.refresh().await.unwrap();

    let source = ("source", &*url);
    let error = ("error", "the answer has the status 502 Bad Gateway");
    let message = |text| ("message", text);
    let works = "keys refreshed, the source works again";
    let keys = ("keys", "1");
    assert_events(
        &recorded,
        "tower_bearer_auth::keys",
        &[
            (Level::INFO, &[message("keys refreshed"), source, keys]),
            (
                Level::WARN,
                &[message("keys cannot be fetched"), source, error],
            ),
            (
                Level::DEBUG,
                &[message("keys still cannot be fetched"), source, error],
            ),
            (Level::INFO, &[message(works), source, keys]),
        ],
    );
}

#[tokio::test]
async fn an_outage_of_introspection_is_told_at_its_beginning_and_its_end() {
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

    // The first half of what `printf key=secret | sha256sum` says, in the place of the query.
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
async fn mistakes_in_the_setup_are_told() {
    let recorded = Recorded::start();
    let guard = RequireScopesLayer::all(["read"]).layer(Inner::default());
    answer_of(guard, with_token("reader")).await;
    let resource = ProtectedResource::new("https://api.test");
    let _: Router = resource.router();
    let missing = "RequireScopesLayer needs a BearerAuthLayer in front of it, and there is none";
    let nameless =
        "the metadata names no authorization server, and clients cannot know where to get a token";
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
