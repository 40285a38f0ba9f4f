//! Misspelled issuers, and texts that are not valid issuers.

use serde_json::json;
use tower_bearer_auth::jwks::Discovery;
use tower_bearer_auth::testing::{Fault, TestIssuer};
use tower_bearer_auth::{ByIssuer, ErasedVerifier, Jwks, JwtVerifier};

use super::{AUDIENCE, Fixture, cause, unavailable};
use crate::support::Logs;

/// A key set by discovery for an issuer whose metadata has this `issuer`.
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
async fn a_misspelled_issuer_logs_one_warning_with_the_spelling_to_configure() {
    let spellings = [
        |issuer: &str| format!("{issuer}/"),
        |issuer: &str| issuer.replace("http:", "HTTP:"),
        |issuer: &str| issuer.replace("http:", "Http:") + "/",
    ];
    for spelling in spellings {
        let (issuer, jwks, found) = called(spelling).await;
        let configured = issuer.issuer();
        let logs = Logs::capture();
        // A readiness probe finds the problem without a token.
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
async fn another_issuer_is_not_a_misspelling() {
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
    // The difference is in a part that is not shown.
    let (_issuer, jwks, _) = called(|issuer| format!("{issuer}?s3cret")).await;
    let error = jwks.ready().await.unwrap_err().to_string();
    assert!(
        error.contains("they differ in parts that are not shown"),
        "{error}"
    );
    assert!(!error.contains("s3cret"), "{error}");
}

#[tokio::test]
async fn a_token_of_a_misspelled_issuer_gets_503_with_the_correction_as_its_cause() {
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
fn an_invalid_issuer_is_a_configuration_error_with_advice() {
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
fn an_issuer_with_a_separate_metadata_url_may_be_any_text() {
    for issuer in [
        "https://login.microsoftonline.com/{tenantid}/v2.0",
        "access_token_issuer",
        "https://i.test/?tenant=1",
    ] {
        let source =
            Discovery::builder(issuer).at("https://i.test/.well-known/openid-configuration");
        source.build().unwrap();
    }
    // The alternatives that the advice names exist.
    let tenants = ByIssuer::new().tenants(
        "https://login.microsoftonline.com/{tenantid}/v2.0",
        |_| -> Option<ErasedVerifier> { None },
    );
    drop(tenants.unwrap());
}

#[tokio::test]
async fn metadata_may_have_a_byte_order_mark_and_null_for_optional_members() {
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
