//! Discovery of an issuer's keys from its identifier.

use std::time::Duration;

use http::StatusCode;
use serde_json::json;

use super::{AUDIENCE, Fixture, cause, limit_for, manual_clock, refused, unavailable, verify};
use crate::support::PATIENCE;
use tower_bearer_auth::jwks::Discovery;
use tower_bearer_auth::testing::{Fault, SigningKey, TestIssuer};
use tower_bearer_auth::{InvalidReason, JwtVerifier};

const OIDC: &str = "/.well-known/openid-configuration";
const OAUTH: &str = "/.well-known/oauth-authorization-server";
const DAY: u64 = 24 * 3600;

impl Fixture {
    async fn discovering() -> Self {
        Self::discovering_within(PATIENCE).await
    }

    async fn discovering_within(limit: Duration) -> Self {
        let issuer = TestIssuer::start().await;
        let clock = manual_clock();
        let source = Discovery::builder(issuer.issuer()).clock(clock.clone());
        Self::with_clock(clock, issuer, source.build().unwrap(), |jwks| {
            jwks.fetch_timeout(limit)
        })
    }

    fn metadata_fetches(&self) -> usize {
        self.issuer.metadata_requests()
    }
}

#[tokio::test]
async fn metadata_is_found_in_both_forms_of_both_kinds() {
    let tenant = |first: &str| format!("{first}/tenant/1");
    let table = [
        ("", OIDC.to_owned(), 1),
        ("", OAUTH.to_owned(), 2),
        ("/", OIDC.to_owned(), 1),
        ("/", OAUTH.to_owned(), 2),
        ("/tenant/1", format!("/tenant/1{OIDC}"), 1),
        ("/tenant/1", tenant(OAUTH), 2),
        ("/tenant/1", tenant(OIDC), 3),
        ("/tenant/1", format!("/tenant/1{OAUTH}"), 4),
        ("/tenant/1/", format!("/tenant/1{OIDC}"), 1),
        ("/tenant/1/", tenant(OAUTH), 2),
    ];
    for (name, place, requests) in table {
        let issuer = TestIssuer::start().await;
        issuer.rename(issuer.issuer() + name);
        issuer.metadata_at(place.clone());
        let verifier = JwtVerifier::builder()
            .discover(issuer.issuer())
            .audience(AUDIENCE)
            .build()
            .unwrap();
        assert_eq!(issuer.metadata_requests() + issuer.jwks_requests(), 0);
        for _ in 0..2 {
            let token = issuer.token().audience(AUDIENCE).build();
            verify(&verifier, &token).await.unwrap();
            issuer.rotate();
        }
        assert_eq!(issuer.metadata_requests(), requests, "{name} {place}");
        assert_eq!(issuer.jwks_requests(), 2);
    }
}

#[tokio::test]
async fn metadata_about_another_issuer_never_brings_keys() {
    let others = [
        |issuer: &str| format!("{issuer}/"),
        |issuer: &str| format!("{issuer}/tenant"),
        |issuer: &str| issuer[..issuer.len() - 1].to_owned(),
        |issuer: &str| issuer.replace("http:", "HTTP:"),
        |issuer: &str| issuer.replace("127.0.0.1", "localhost"),
        |issuer: &str| format!("{issuer} "),
        |_: &str| String::new(),
        |_: &str| "https://other.test".to_owned(),
    ];
    for other in others {
        let fixture = Fixture::discovering().await;
        let (issuer, other) = (fixture.issuer.issuer(), other(&fixture.issuer.issuer()));
        let jwks_uri = fixture.issuer.jwks_url();
        let metadata = json!({"issuer": other, "jwks_uri": jwks_uri});
        fixture.issuer.metadata(Some(metadata));
        let result = fixture.verify(&fixture.token().build()).await;
        let cause = cause(result.as_ref().unwrap_err());
        assert!(cause.contains(&format!("{issuer:?}")), "{cause}");
        assert!(cause.contains(&format!("{other:?}")), "{cause}");
        assert_eq!(unavailable(result), 1);
        // Metadata of another issuer is an error, so no other location is tried.
        assert_eq!((fixture.metadata_fetches(), fixture.fetches()), (1, 0));
    }
}

#[tokio::test]
async fn a_place_without_metadata_is_passed_over() {
    for fault in [
        Fault::Status(StatusCode::NOT_FOUND),
        Fault::Status(StatusCode::FORBIDDEN),
        Fault::Status(StatusCode::GONE),
        Fault::Redirect(OAUTH.into()),
        Fault::Body("<!doctype html>".into()),
        Fault::Body("[]".into()),
        Fault::Body(String::new()),
        Fault::Body("{}".into()),
    ] {
        let fixture = Fixture::discovering().await;
        fixture.issuer.metadata_at(OAUTH);
        fixture.issuer.fault_at(OIDC, Some(fault.clone()));
        fixture.jwks.refresh().await.unwrap();
        fixture.at_once(&fixture.token().build()).unwrap();
        assert_eq!(
            (fixture.metadata_fetches(), fixture.fetches()),
            (2, 1),
            "{fault:?}"
        );
    }
}

#[tokio::test]
async fn a_place_in_trouble_is_not_passed_over() {
    for fault in [
        Fault::Status(StatusCode::INTERNAL_SERVER_ERROR),
        Fault::Status(StatusCode::SERVICE_UNAVAILABLE),
        Fault::Reset,
        Fault::Hang,
        Fault::Drip,
        Fault::Truncated,
        Fault::Oversized(512 * 1024 + 1),
        Fault::Status(StatusCode::TOO_MANY_REQUESTS),
    ] {
        let fixture = Fixture::discovering_within(limit_for(&fault)).await;
        // The next location has a valid document.
        fixture.issuer.metadata_at(OAUTH);
        fixture.issuer.fault_at(OIDC, Some(fault.clone()));
        unavailable(fixture.verify(&fixture.token().build()).await);
        assert_eq!(
            (fixture.metadata_fetches(), fixture.fetches()),
            (1, 0),
            "{fault:?}"
        );

        fixture.issuer.fault_at(OIDC, None);
        fixture.recover().await;
        fixture.at_once(&fixture.token().build()).unwrap();
    }
}

#[tokio::test]
async fn metadata_is_fetched_once_a_day() {
    let fixture = Fixture::discovering().await;
    fixture.jwks.refresh().await.unwrap();
    for (hours, expected) in [(0, 1), (12, 1), (11, 1), (1, 2), (23, 2), (1, 3)] {
        fixture.advance(hours * 3600);
        fixture.jwks.refresh().await.unwrap();
        assert_eq!(fixture.metadata_fetches(), expected);
    }
    // Failures of the metadata URL do not matter while the metadata is fresh.
    fixture.issuer.metadata_fault(Some(Fault::Reset));
    fixture.advance(DAY - 1);
    fixture.jwks.refresh().await.unwrap();
    assert_eq!(fixture.metadata_fetches(), 3);
}

#[tokio::test]
async fn a_key_url_that_is_gone_sends_back_to_the_metadata() {
    let fixture = Fixture::discovering().await;
    fixture.jwks.refresh().await.unwrap();
    // Other failures of the key URL do not cause a fetch of the metadata.
    for fault in [Fault::Status(StatusCode::BAD_GATEWAY), Fault::Reset] {
        fixture.issuer.jwks_fault(Some(fault));
        for _ in 0..2 {
            fixture.jwks.refresh().await.unwrap_err();
        }
        assert_eq!(fixture.metadata_fetches(), 1);
    }

    let moved = TestIssuer::start().await;
    let metadata = json!({"issuer": fixture.issuer.issuer(), "jwks_uri": moved.jwks_url()});
    fixture.issuer.metadata(Some(metadata));
    fixture
        .issuer
        .jwks_fault(Some(Fault::Status(StatusCode::NOT_FOUND)));
    fixture.jwks.refresh().await.unwrap_err();
    fixture.jwks.refresh().await.unwrap();
    assert_eq!(fixture.metadata_fetches(), 2);
    assert_eq!(moved.jwks_requests(), 1);
    fixture
        .at_once(&fixture.signed_by(&moved.key()).build())
        .unwrap();
}

#[tokio::test]
async fn tags_of_one_key_url_are_not_sent_to_another() {
    let fixture = Fixture::discovering().await;
    fixture.jwks.refresh().await.unwrap();
    fixture.jwks.refresh().await.unwrap();
    assert_eq!(fixture.issuer.unchanged_answers(), 1);

    // The same document at another URL, with the same entity tag.
    let moved = TestIssuer::start().await;
    moved.publish(Some(SigningKey::jwk_set([&fixture.issuer.key()])));
    let metadata = json!({"issuer": fixture.issuer.issuer(), "jwks_uri": moved.jwks_url()});
    fixture.issuer.metadata(Some(metadata));
    fixture.advance(DAY);
    for unchanged in [0, 1] {
        fixture.jwks.refresh().await.unwrap();
        assert_eq!(moved.unchanged_answers(), unchanged);
    }
    assert_eq!(moved.jwks_requests(), 2);
}

#[tokio::test]
async fn what_metadata_says_about_algorithms_is_not_used() {
    let fixture = Fixture::discovering().await;
    fixture.issuer.metadata(Some(json!({
        "issuer": fixture.issuer.issuer(),
        "jwks_uri": fixture.issuer.jwks_url(),
        "id_token_signing_alg_values_supported": ["HS256", "none"],
        "access_token_signing_alg_values_supported": ["none"],
    })));
    fixture.jwks.refresh().await.unwrap();
    fixture.at_once(&fixture.token().build()).unwrap();
    assert_eq!(
        refused(fixture.at_once(&fixture.token().unsigned().build())),
        InvalidReason::UnsupportedAlgorithm
    );
}

#[tokio::test]
async fn a_hopeless_token_looks_nothing_up() {
    let fixture = Fixture::discovering().await;
    for (token, reason) in [
        (fixture.token().expired(), InvalidReason::Expired),
        (
            fixture.token().issuer(fixture.issuer.issuer() + "/"),
            InvalidReason::WrongIssuer,
        ),
    ] {
        assert_eq!(refused(fixture.at_once(&token.build())), reason);
    }
    assert_eq!((fixture.metadata_fetches(), fixture.fetches()), (0, 0));
}
