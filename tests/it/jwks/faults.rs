//! Responses that are not a JWK Set.

use std::time::Duration;

use http::StatusCode;
use reqwest::redirect;

use super::{Fixture, cause, limit_for, unavailable};
use tower_bearer_auth::jwks::HttpKeySource;
use tower_bearer_auth::testing::{Fault, TestIssuer};

const METADATA_SERVICE: &str = "http://169.254.169.254/latest/meta-data/";

/// Faults, each with a part of the error in the status.
fn faults() -> Vec<(Fault, &'static str)> {
    let body = |text: &str| Fault::Body(text.to_owned());
    let weak = r#"{"keys":[{"kty":"oct","k":"c2VjcmV0"}]}"#;
    vec![
        (Fault::Status(StatusCode::INTERNAL_SERVER_ERROR), "500"),
        (Fault::Status(StatusCode::NOT_FOUND), "404"),
        (Fault::Status(StatusCode::FORBIDDEN), "403"),
        (Fault::Status(StatusCode::NO_CONTENT), "204"),
        (Fault::Status(StatusCode::PARTIAL_CONTENT), "206"),
        (Fault::Hang, "no answer within 300ms"),
        (Fault::Delay(Duration::from_secs(20)), "no answer within"),
        (Fault::Drip, "no answer within"),
        (Fault::Reset, "error"),
        (Fault::Truncated, "error"),
        (Fault::Oversized(512 * 1024 + 1), "larger than 524288 bytes"),
        (Fault::Oversized(512 * 1024), "not JSON"),
        (body("<!doctype html><title>Log in</title>"), "not JSON"),
        (body(""), "not JSON"),
        (body(&"[".repeat(100_000)), "not JSON"),
        (body("null"), "no array"),
        (body("{}"), "no array"),
        (body("[]"), "no array"),
        (body(r#"{"issuer":"https://issuer.test"}"#), "no array"),
        (body(r#"{"keys":{}}"#), "no array"),
        (body(r#"{"keys":[]}"#), "no usable key"),
        (body(weak), "no usable key"),
        (Fault::Encoded("gzip".to_owned()), "Content-Encoding: gzip"),
        (Fault::Encoded("br".to_owned()), "Content-Encoding: br"),
        (
            Fault::Encoded("deflate".to_owned()),
            "Content-Encoding: deflate",
        ),
        (Fault::Redirect("/jwks".to_owned()), "302"),
        (Fault::Redirect(METADATA_SERVICE.to_owned()), "302"),
    ]
}

#[tokio::test]
async fn any_fault_makes_a_first_load_unavailable_until_it_is_over() {
    for (fault, word) in faults() {
        let fixture = Fixture::configured(|jwks| jwks.fetch_timeout(limit_for(&fault))).await;
        fixture.issuer.jwks_fault(Some(fault.clone()));
        let result = fixture.verify(&fixture.token().build()).await;
        let error = result.clone().unwrap_err();
        assert_eq!(unavailable(result), 1, "{fault:?}");
        assert!(cause(&error).contains(word), "{fault:?}: {error:?}");
        let status = fixture.jwks.status();
        assert!(!status.is_usable(), "{fault:?}");
        assert_eq!(status.last_success(), None, "{fault:?}");

        fixture.issuer.jwks_fault(None);
        fixture.recover().await;
        fixture.at_once(&fixture.token().build()).unwrap();
    }
}

#[tokio::test]
async fn a_fault_keeps_the_current_keys() {
    for (fault, word) in faults() {
        let fixture = Fixture::configured(|jwks| jwks.fetch_timeout(limit_for(&fault))).await;
        fixture.recover().await;
        let loaded = fixture.jwks.status().last_success();
        let token = fixture.at_once(&fixture.token().build()).unwrap();

        fixture.issuer.jwks_fault(Some(fault.clone()));
        fixture.advance(1);
        let error = fixture.jwks.refresh().await.unwrap_err();
        assert!(error.to_string().contains(word), "{fault:?}: {error}");
        let status = fixture.jwks.status();
        assert_eq!(status.keys(), 1, "{fault:?}");
        assert_eq!(status.last_success(), loaded, "{fault:?}");
        let last_error = status.last_error().unwrap();
        assert!(last_error.contains(word), "{fault:?}: {last_error}");
        fixture.at_once(&fixture.token().build()).unwrap();
        assert!(token.is_current(), "{fault:?}");
    }
}

#[tokio::test]
async fn a_slow_response_is_accepted() {
    let fixture = Fixture::new().await;
    let slow = Fault::Delay(Duration::from_millis(100));
    fixture.issuer.jwks_fault(Some(slow));
    fixture.accept(fixture.token()).await;
}

#[tokio::test]
async fn the_size_limit_is_configurable_and_counts_the_whole_document() {
    let issuer = TestIssuer::start().await;
    let padding = "x".repeat(1000);
    let mut document = serde_json::json!({"keys": [issuer.key().jwk()], "padding": padding});
    let size = document.to_string().len();
    issuer.publish(Some(document.clone()));
    let source = HttpKeySource::builder(issuer.jwks_url()).max_bytes(size);
    let fixture = Fixture::from_source(issuer, source.build().unwrap(), |jwks| jwks);
    fixture.jwks.refresh().await.unwrap();

    document["padding"] = (padding + "x").into();
    fixture.issuer.publish(Some(document));
    let error = fixture.jwks.refresh().await.unwrap_err().to_string();
    assert!(
        error.contains(&format!("larger than {size} bytes")),
        "{error}"
    );

    for bytes in [0, 16 * 1024 * 1024 + 1] {
        let source = HttpKeySource::builder(fixture.issuer.jwks_url()).max_bytes(bytes);
        assert!(
            source
                .build()
                .unwrap_err()
                .to_string()
                .contains("max_bytes")
        );
    }
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let fixture = Fixture::loaded().await;
    // The target of the redirect has valid keys, but receives no request.
    let elsewhere = TestIssuer::start().await;
    let redirect = Fault::Redirect(elsewhere.jwks_url());
    fixture.issuer.jwks_fault(Some(redirect));
    assert!(fixture.jwks.refresh().await.is_err());
    let token = fixture.signed_by(&elsewhere.key()).key_id("theirs").build();
    fixture.advance(1);
    unavailable(fixture.verify(&token).await);
    assert_eq!(elsewhere.jwks_requests() + elsewhere.metadata_requests(), 0);
}

#[tokio::test]
async fn keys_from_behind_a_redirect_are_not_used_even_if_the_client_follows_it() {
    let (issuer, elsewhere) = (TestIssuer::start().await, TestIssuer::start().await);
    issuer.jwks_fault(Some(Fault::Redirect(elsewhere.jwks_url())));
    let client = reqwest::Client::builder()
        .redirect(redirect::Policy::limited(5))
        .build()
        .unwrap();
    let source = HttpKeySource::builder(issuer.jwks_url()).client(client);
    let fixture = Fixture::from_source(issuer, source.build().unwrap(), |jwks| jwks);
    let error = fixture.jwks.refresh().await.unwrap_err().to_string();
    assert!(error.contains("redirected"), "{error}");
    assert_eq!(elsewhere.jwks_requests(), 1);
    assert!(!fixture.jwks.status().is_usable());
}
