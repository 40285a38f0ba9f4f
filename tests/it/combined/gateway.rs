//! The `gateway` example: its combined verifiers, and its configuration for another issuer.

use std::time::Duration;

use serde_json::json;
use tower::ServiceBuilder;
use tower_bearer_auth::testing::{Fault, TestIssuer};
use tower_bearer_auth::{
    BearerAuthLayer, ByIssuer, CacheLayer, IntrospectionVerifier, JwtVerifier, StaticToken,
    StaticTokenVerifier, VerifierExt,
};
use tower_layer::Layer;

use crate::support::{Inner, get, get_with, serve, serve_axum};

const AUDIENCE: &str = "https://gateway.test";

// The `main` of the example reads the environment and listens on the configured address.
#[allow(dead_code, reason = "the rest of it is for a terminal")]
#[path = "../../../examples/gateway.rs"]
mod example;

/// The example with these environment variables.
fn with(variables: &[(&str, &str)]) -> Result<Option<example::Trusted>, String> {
    example::Trusted::from_variables(|name| {
        let variable = variables.iter().find(|(known, _)| *known == name);
        variable.map(|(_, value)| (*value).to_owned())
    })
}

#[tokio::test]
async fn the_issuer_and_its_introspection_endpoint_come_from_the_environment() {
    let issuer = TestIssuer::start().await;
    let (name, endpoint) = (issuer.issuer(), issuer.introspection_url());
    let known = [
        ("ISSUER", &*name),
        ("AUDIENCE", AUDIENCE),
        ("INTROSPECTION_URL", &*endpoint),
    ];
    let by_client = [
        ("INTROSPECTION_CLIENT_ID", TestIssuer::CLIENT_ID),
        ("INTROSPECTION_CLIENT_SECRET", TestIssuer::CLIENT_SECRET),
    ];
    let by_token = [("INTROSPECTION_TOKEN", TestIssuer::ACCESS_TOKEN)];
    let opaque = |audience: &str| {
        issuer.opaque_token(json!({"sub": "olga", "aud": audience, "scope": "read"}))
    };
    let jwt = || issuer.token().audience(AUDIENCE).subject("alice");
    let [alice, olga] = ["alice", "olga"].map(|name_| format!("{name_}, from {name}\n"));
    for credentials in [by_client.as_slice(), &by_token] {
        let trusted = with(&[known.as_slice(), credentials].concat());
        let verifier = trusted.unwrap().unwrap().verifier().unwrap();
        let server = serve_axum(example::app(verifier)).await;
        for (token, path, status, body) in [
            (jwt().scopes(["read"]).build(), "/", 200, Some(&alice)),
            (opaque(AUDIENCE), "/", 200, Some(&olga)),
            (jwt().scopes(["read"]).build(), "/admin", 403, None),
            (
                jwt().scopes(["read", "admin"]).build(),
                "/admin",
                200,
                Some(&alice),
            ),
            (opaque("https://elsewhere.test"), "/", 401, None),
            ("unknown".into(), "/", 401, None),
            // The key in the source code is not used with real issuers.
            ("key-of-the-reports".into(), "/", 401, None),
        ] {
            let header = format!("Bearer {token}");
            let answer = get(server, path, &[("authorization", &header)]).await;
            assert_eq!(answer.status, status, "{path} {answer:?}");
            if let Some(body) = body {
                assert_eq!(answer.body, *body);
            }
        }
    }

    // Without an introspection endpoint, opaque tokens are refused. API keys need configuration.
    let requests = issuer.introspection_requests();
    let api_key = [
        ("ISSUER", &*name),
        ("AUDIENCE", AUDIENCE),
        ("API_KEY", "key-1"),
    ];
    let verifier = with(&api_key).unwrap().unwrap().verifier().unwrap();
    let server = serve_axum(example::app(verifier)).await;
    for (token, status) in [("key-1", 200), (&*opaque(AUDIENCE), 401)] {
        assert_eq!(get_with(server, token).await.status, status, "{token}");
    }
    assert_eq!(issuer.introspection_requests(), requests);
}

#[test]
fn contradictory_variables_are_refused() {
    const ISSUER: (&str, &str) = ("ISSUER", "https://issuer.test");
    const FOR: (&str, &str) = ("AUDIENCE", AUDIENCE);
    const URL: (&str, &str) = ("INTROSPECTION_URL", "https://issuer.test/introspect");
    const ID: (&str, &str) = ("INTROSPECTION_CLIENT_ID", "gateway");
    const SECRET: (&str, &str) = ("INTROSPECTION_CLIENT_SECRET", "hunter2");
    const TOKEN: (&str, &str) = ("INTROSPECTION_TOKEN", "hunter2");
    assert!(with(&[]).unwrap().is_none());
    for (variables, missing) in [
        (&[FOR][..], "no ISSUER"),
        (&[URL, ID, SECRET], "no ISSUER"),
        (&[TOKEN], "no ISSUER"),
        (&[ISSUER], "needs an AUDIENCE"),
        (&[ISSUER, FOR, ID, SECRET], "no INTROSPECTION_URL"),
        (&[ISSUER, FOR, ("API_KEY", "hunter2 hunter2")], "API_KEY"),
        (&[ISSUER, FOR, URL], "INTROSPECTION_URL needs"),
        (&[ISSUER, FOR, URL, ID], "INTROSPECTION_URL needs"),
        (&[ISSUER, FOR, URL, SECRET], "INTROSPECTION_URL needs"),
        (
            &[ISSUER, FOR, URL, ID, SECRET, TOKEN],
            "INTROSPECTION_URL needs",
        ),
    ] {
        let Err(problem) = with(variables) else {
            panic!("{variables:?}");
        };
        assert!(problem.contains(missing), "{variables:?}: {problem}");
        assert!(!problem.contains("hunter2"), "{problem}");
    }
    for variables in [
        &[ISSUER, FOR][..],
        &[ISSUER, FOR, URL, ID, SECRET],
        &[ISSUER, FOR, URL, TOKEN],
    ] {
        let trusted = with(variables).unwrap().unwrap();
        assert!(trusted.verifier().is_ok(), "{variables:?}");
    }
}

#[tokio::test]
async fn every_kind_of_token_reaches_only_its_own_verifier() {
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
        .timeout(Duration::from_secs(5))
        .build()
        .unwrap();
    let opaque = ServiceBuilder::new()
        .layer(CacheLayer::new(100))
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
    // None of these tokens was sent to the introspection endpoint.
    assert_eq!(staff.introspection_requests(), 0);

    let token = staff.opaque_token(json!({"sub": "olga", "aud": AUDIENCE}));
    for _ in 0..3 {
        get_with(server, &token).await.assert_passed();
    }
    assert_eq!(staff.introspection_requests(), 1);
    let answer = get_with(server, "made-up").await;
    answer.assert_invalid_token("The access token is not recognized");

    // An outage of one component affects only its own tokens that are not cached.
    staff.introspection_fault(Some(Fault::Reset));
    get_with(server, "another").await.assert_outage();
    get_with(server, &token).await.assert_passed();
    get_with(server, "key-1").await.assert_passed();
    let good = partners.token().audience(AUDIENCE).build();
    get_with(server, &good).await.assert_passed();
}
