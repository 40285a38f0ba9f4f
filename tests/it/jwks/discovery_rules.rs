//! The key URLs that metadata may name, and the issuers that `build` refuses.

use serde_json::{Value, json};

use super::{AUDIENCE, Fixture, cause, manual_clock, unavailable, verify};
use tower_bearer_auth::jwks::Discovery;
use tower_bearer_auth::testing::TestIssuer;
use tower_bearer_auth::{Jwks, JwtVerifier};

/// The cause of the outage when the issuer has this metadata.
async fn failure(metadata: impl FnOnce(&TestIssuer) -> Value) -> String {
    let issuer = TestIssuer::start().await;
    issuer.metadata(Some(metadata(&issuer)));
    let source = Discovery::builder(issuer.issuer()).build().unwrap();
    let fixture = Fixture::from_source(issuer, source, |jwks| jwks);
    let result = fixture.verify(&fixture.token().build()).await;
    let cause = cause(result.as_ref().unwrap_err());
    unavailable(result);
    assert_eq!(fixture.fetches(), 0, "{cause}");
    cause
}

#[tokio::test]
async fn a_loopback_document_points_to_https_or_to_this_machine() {
    for url in [
        "http://keys.test/jwks",
        "http://10.0.0.1/jwks",
        "http://169.254.169.254/latest/meta-data/",
        "http://localhost.keys.test/jwks",
        "ftp://127.0.0.1/jwks",
        "file:///etc/passwd",
        "data:application/json,{}",
    ] {
        let cause = failure(|issuer| json!({"issuer": issuer.issuer(), "jwks_uri": url})).await;
        assert!(cause.contains("is not https"), "{url}: {cause}");
    }
    for url in ["", "/jwks", "keys", "//127.0.0.1/jwks", "http://[::1/jwks"] {
        let cause = failure(|issuer| json!({"issuer": issuer.issuer(), "jwks_uri": url})).await;
        assert!(cause.contains("is not a URL"), "{url}: {cause}");
    }
}

#[tokio::test]
async fn incomplete_metadata_loads_no_keys() {
    let incomplete = [
        |issuer: &TestIssuer| json!({"issuer": issuer.issuer()}),
        |issuer: &TestIssuer| json!({"issuer": issuer.issuer(), "jwks_uri": null}),
        |issuer: &TestIssuer| json!({"issuer": issuer.issuer(), "jwks_uri": ["x"]}),
        |issuer: &TestIssuer| json!({"issuer": null, "jwks_uri": issuer.jwks_url()}),
        |issuer: &TestIssuer| json!({"issuer": [issuer.issuer()], "jwks_uri": issuer.jwks_url()}),
        |issuer: &TestIssuer| json!({"jwks_uri": issuer.jwks_url()}),
    ];
    for metadata in incomplete {
        // Incomplete metadata counts as missing. The error of the last location is a 404.
        let cause = failure(metadata).await;
        assert!(cause.contains("404"), "{cause}");
    }
}

/// An issuer under a public host name, which only the test's HTTP client resolves to this machine.
async fn under_a_public_name(jwks_uri: impl FnOnce(&TestIssuer) -> String) -> (TestIssuer, Jwks) {
    let issuer = TestIssuer::start().await;
    let client = reqwest::Client::builder()
        .resolve("issuer.test", issuer.address())
        .build()
        .unwrap();
    issuer.rename(format!("http://issuer.test:{}", issuer.address().port()));
    let metadata = json!({"issuer": issuer.issuer(), "jwks_uri": jwks_uri(&issuer)});
    issuer.metadata(Some(metadata));
    let source = Discovery::builder(issuer.issuer()).client(client);
    let source = source.allow_http().build().unwrap();
    (issuer, Jwks::builder(source).build().unwrap())
}

#[tokio::test]
async fn a_document_from_elsewhere_does_not_point_to_this_machine() {
    let (issuer, jwks) = under_a_public_name(|issuer| issuer.issuer() + "/jwks").await;
    jwks.refresh().await.unwrap();
    assert_eq!(issuer.jwks_requests(), 1);

    for name in [
        "127.0.0.1",
        "127.1.2.3",
        "2130706433",
        "localhost",
        "x.localhost",
    ] {
        let url = |issuer: &TestIssuer| format!("http://{name}:{}/jwks", issuer.address().port());
        let (issuer, jwks) = under_a_public_name(url).await;
        let error = jwks.refresh().await.unwrap_err().to_string();
        assert!(error.contains("points to this machine"), "{name}: {error}");
        assert_eq!(issuer.jwks_requests(), 0);
    }
    let (_issuer, jwks) = under_a_public_name(|_| "https://[::1]/jwks".to_owned()).await;
    let error = jwks.refresh().await.unwrap_err().to_string();
    assert!(error.contains("points to this machine"), "{error}");
}

#[tokio::test]
async fn metadata_may_live_elsewhere_but_must_be_about_a_configured_issuer() {
    let issuer = TestIssuer::start().await;
    let url = format!("{}/b2c/metadata?p=policy", issuer.issuer());
    issuer.rename("https://login.test/tenant/v2.0/");
    issuer.metadata_at("/b2c/metadata");
    let verifier = |issuers: &[&str]| {
        let clock = manual_clock();
        let verifier = JwtVerifier::builder().discover_from(&url).clock(clock);
        let verifier = verifier.issuers(issuers.iter().copied()).audience(AUDIENCE);
        verifier.build().unwrap()
    };
    let token = || issuer.token().audience(AUDIENCE).clock(manual_clock());

    let right = verifier(&["https://other.test", "https://login.test/tenant/v2.0/"]);
    verify(&right, &token().build()).await.unwrap();
    assert_eq!((issuer.metadata_requests(), issuer.jwks_requests()), (1, 1));

    let wrong = verifier(&["https://login.test/tenant/v2.0"]);
    let token = token().issuer("https://login.test/tenant/v2.0").build();
    unavailable(verify(&wrong, &token).await);
    // The metadata is not fetched from the issuer's own URL either.
    assert_eq!((issuer.metadata_requests(), issuer.jwks_requests()), (2, 1));
}

#[test]
fn an_issuer_that_cannot_be_looked_up_is_a_configuration_error() {
    for issuer in [
        "",
        "issuer",
        "issuer.test",
        "http://issuer.test",
        "https://",
        "https://issuer.test/?tenant=1",
        "https://issuer.test/#tenant",
        "https://user:secret@issuer.test",
        "urn:issuer",
    ] {
        let verifier = JwtVerifier::builder().discover(issuer).audience(AUDIENCE);
        let error = verifier.build().unwrap_err().to_string();
        assert!(!error.contains("secret"), "{error}");
        assert!(Discovery::builder(issuer).build().is_err(), "{issuer}");
    }
    for url in ["", "/metadata", "http://issuer.test/metadata"] {
        let verifier = JwtVerifier::builder().discover_from(url).audience(AUDIENCE);
        let verifier = verifier.issuer("https://issuer.test");
        assert_eq!(verifier.build().unwrap_err().problems().count(), 1, "{url}");
    }
}
