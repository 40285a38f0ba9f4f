//! Issuers that are misspelled, and what is no issuer at all.

use serde_json::json;
use tower_bearer_auth::jwks::Discovery;
use tower_bearer_auth::testing::{Fault, TestIssuer};
use tower_bearer_auth::{ByIssuer, ErasedVerifier, Jwks, JwtVerifier};

use super::{AUDIENCE, Fixture, cause, unavailable};
use crate::support::Logs;

/// The keys of an issuer by discovery, where its metadata says that it is called so.
async fn called(found: impl FnOnce(&str) -> String) -> (TestIssuer, Jwks, String) {
    let issuer = TestIssuer::start().await;
    let found = found(&issuer.issuer());
    let metadata = json!({"issuer": found, "jwks_uri": issuer.jwks_url()});
    issuer.metadata(Some(metadata));
    let source = Discovery::builder(issuer.issuer()).build().unwrap();
    let jwks = Jwks::builder(source).build().unwrap();
    (issuer, jwks, found)
}

#[tokio::test]
async fn a_misspelled_issuer_is_one_warning_that_says_what_to_configure() {
    let spellings = [
        |issuer: &str| format!("{issuer}/"),
        |issuer: &str| issuer.replace("http:", "HTTP:"),
        |issuer: &str| issuer.replace("http:", "Http:") + "/",
    ];
    for spelling in spellings {
        let (issuer, jwks, found) = called(spelling).await;
        let configured = issuer.issuer();
        let logs = Logs::capture();
        // A readiness probe finds out without a token.
        let error = jwks.ready().await.unwrap_err().to_string();
        let log = logs.text().replace("\\\"", "\"");
        for text in [&error, &log] {
            for part in [
                format!("about the issuer {found:?}, not [{configured:?}]"),
                format!(
                    "differ only in spelling, but are compared byte by byte: configure the issuer {found:?}"
                ),
                format!("{configured}/.well-known/openid-configuration: "),
            ] {
                assert!(text.contains(&part), "{part}: {text}");
            }
        }
        jwks.refresh().await.unwrap_err();
        jwks.ready().await.unwrap_err();
        assert_eq!(logs.text().matches("WARN").count(), 1, "{}", logs.text());
        assert_eq!(issuer.jwks_requests(), 0);
    }
}

#[tokio::test]
async fn another_issuer_is_no_misspelling() {
    let others = [
        |_: &str| "https://other.test".to_owned(),
        |issuer: &str| format!("{issuer}/tenant"),
        |issuer: &str| format!("{issuer}//"),
        |issuer: &str| issuer.replace("http:", "https:"),
    ];
    for other in others {
        let (_issuer, jwks, found) = called(other).await;
        let error = jwks.ready().await.unwrap_err().to_string();
        assert!(error.contains(&format!("{found:?}")), "{error}");
        assert!(!error.contains("spelling"), "{error}");
    }
    // What is not shown is what differs.
    let (_issuer, jwks, _) = called(|issuer| format!("{issuer}?s3cret")).await;
    let error = jwks.ready().await.unwrap_err().to_string();
    assert!(
        error.contains("they differ in parts that are not shown"),
        "{error}"
    );
    assert!(!error.contains("s3cret"), "{error}");
}

#[tokio::test]
async fn a_token_of_a_misspelled_issuer_waits_for_an_operator() {
    let (issuer, jwks, _) = called(|issuer| format!("{issuer}/")).await;
    let verifier = JwtVerifier::builder()
        .jwks(jwks)
        .issuer(issuer.issuer())
        .audience(AUDIENCE)
        .build()
        .unwrap();
    let token = issuer.token().audience(AUDIENCE).build();
    let result = super::verify(&verifier, &token).await;
    let cause = cause(result.as_ref().unwrap_err());
    assert!(cause.contains("configure the issuer"), "{cause}");
    unavailable(result);
}

#[test]
fn what_is_no_issuer_is_a_configuration_error_that_says_what_to_do() {
    for (issuer, word) in [
        (
            "https://i.test/.well-known/openid-configuration",
            "discover_from(..)",
        ),
        (
            "https://i.test/t/.well-known/oauth-authorization-server",
            "configure the issuer",
        ),
        (
            "https://login.microsoftonline.com/common/v2.0",
            "ByIssuer::tenants(..)",
        ),
        (
            "https://login.microsoftonline.com/organizations/v2.0",
            "tokens name their own",
        ),
        (
            "https://login.microsoftonline.com/consumers/v2.0",
            "the tenant's ID",
        ),
        (
            "https://login.microsoftonline.com/{tenantid}/v2.0",
            "ByIssuer::tenants(..)",
        ),
        ("https://i.test/{tenant}", "template"),
        ("https://i.test ", "white space"),
        (" https://i.test", "white space"),
        ("https://i.test/a realm", "white space"),
        ("https://i.test/\n", "white space"),
        ("https://i.test?", "query or fragment"),
        ("https://i.test/?tenant=s3cret", "query or fragment"),
        ("https://user:s3cret@i.test/{x}", "template"),
        ("http://i.test", "is not https (allow_http()"),
    ] {
        let verifier = JwtVerifier::builder().discover(issuer).audience(AUDIENCE);
        let errors = [
            verifier.build().unwrap_err(),
            Discovery::builder(issuer).build().unwrap_err(),
        ];
        for error in errors {
            let error = error.to_string();
            assert!(error.contains(word), "{issuer}: {error}");
            assert!(!error.contains("s3cret"), "{issuer}: {error}");
        }
    }
}

#[test]
fn an_issuer_whose_metadata_is_elsewhere_is_only_a_name() {
    for issuer in [
        "https://login.microsoftonline.com/{tenantid}/v2.0",
        "access_token_issuer",
        "https://i.test/?tenant=1",
    ] {
        let source =
            Discovery::builder(issuer).at("https://i.test/.well-known/openid-configuration");
        source.build().unwrap();
    }
    // What the advice says is there.
    let tenants = ByIssuer::new().tenants(
        "https://login.microsoftonline.com/{tenantid}/v2.0",
        |_| -> Option<ErasedVerifier> { None },
    );
    drop(tenants.unwrap());
}

#[tokio::test]
async fn metadata_may_have_a_byte_order_mark_and_null_for_what_is_optional() {
    let issuer = TestIssuer::start().await;
    let metadata = json!({
        "issuer": issuer.issuer(),
        "jwks_uri": issuer.jwks_url(),
        "introspection_endpoint": null,
        "response_types_supported": null,
    });
    let with_mark = format!("\u{feff}{metadata}");
    issuer.metadata_fault(Some(Fault::Body(with_mark)));
    let source = Discovery::builder(issuer.issuer()).build().unwrap();
    let fixture = Fixture::from_source(issuer, source, |jwks| jwks);
    fixture.accept(fixture.token()).await;
}
