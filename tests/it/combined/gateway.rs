//! The verifiers of the `gateway` example, put together.

use std::time::Duration;

use serde_json::json;
use tower::ServiceBuilder;
use tower_bearer_auth::testing::{Fault, TestIssuer};
use tower_bearer_auth::{
    BearerAuthLayer, ByIssuer, CacheLayer, IntrospectionVerifier, JwtVerifier, StaticToken,
    StaticTokenVerifier, VerifierExt,
};
use tower_layer::Layer;

use crate::support::{Inner, get_with, serve};

const AUDIENCE: &str = "https://gateway.test";

#[tokio::test]
async fn every_kind_of_token_finds_its_verifier_and_no_other() {
    let (staff, partners) = (TestIssuer::start().await, TestIssuer::start().await);
    let api_keys = StaticTokenVerifier::new([("key-1", StaticToken::new("reports"))]);
    let jwts_of = |issuer: &TestIssuer| {
        let builder = JwtVerifier::builder().discover(issuer.issuer());
        builder.audience(AUDIENCE).build().unwrap()
    };
    let jwts = ByIssuer::new()
        .issuer(staff.issuer(), jwts_of(&staff))
        .issuer(partners.issuer(), jwts_of(&partners));
    let introspection = IntrospectionVerifier::builder(staff.introspection_url())
        .client_secret_basic(TestIssuer::CLIENT_ID, TestIssuer::CLIENT_SECRET)
        .audience(AUDIENCE)
        .build()
        .unwrap();
    let opaque = ServiceBuilder::new()
        .layer(CacheLayer::new(100))
        .timeout(Duration::from_secs(5))
        .service(introspection);
    let layer = BearerAuthLayer::new(api_keys.or_else(jwts).or_else(opaque));
    let server = serve(layer.layer(Inner::default())).await;

    get_with(server, "key-1").await.assert_passed();
    for issuer in [&staff, &partners] {
        let good = issuer.token().audience(AUDIENCE).build();
        get_with(server, &good).await.assert_passed();
        let expired = issuer.token().audience(AUDIENCE).expired().build();
        let answer = get_with(server, &expired).await;
        answer.assert_invalid_token("The access token expired");
    }
    // None of these was sent to anybody.
    assert_eq!(staff.introspection_requests(), 0);

    let token = staff.opaque_token(json!({"sub": "olga", "aud": AUDIENCE}));
    for _ in 0..3 {
        get_with(server, &token).await.assert_passed();
    }
    assert_eq!(staff.introspection_requests(), 1);
    let answer = get_with(server, "made-up").await;
    answer.assert_invalid_token("The access token is not recognized");

    // An outage of one concerns its own tokens, and those that are not remembered.
    staff.introspection_fault(Some(Fault::Reset));
    get_with(server, "another").await.assert_outage();
    get_with(server, &token).await.assert_passed();
    get_with(server, "key-1").await.assert_passed();
    let good = partners.token().audience(AUDIENCE).build();
    get_with(server, &good).await.assert_passed();
}
