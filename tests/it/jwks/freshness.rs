//! The freshness lifetime of a document, and its refresh before that has elapsed.

use std::time::Duration;

use super::{Fixture, eventually};
use tower_bearer_auth::testing::Fault;

fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

#[tokio::test]
async fn what_the_issuer_says_about_freshness_counts_within_bounds() {
    let table = [
        (None, 900),
        (Some("public"), 900),
        (Some("max-age=600"), 600),
        (Some("public, max-age=600, must-revalidate"), 600),
        (Some("max-age=0"), 300),
        (Some("max-age=10"), 300),
        (Some("no-store"), 300),
        (Some("max-age=600, no-cache"), 300),
        (Some("max-age=86400"), 3600),
        (Some("max-age=99999999999999999999"), 900),
        (Some("max-age=-1"), 900),
    ];
    for (header, freshness) in table {
        let fixture = Fixture::new().await;
        if let Some(header) = header {
            fixture.issuer.cache_control(header);
        }
        fixture.jwks.refresh().await.unwrap();
        let next = fixture.jwks.status().next_refresh().unwrap();
        let (least, most) = (freshness as f64 * 0.719, freshness as f64 * 0.881);
        let next = next.as_secs_f64();
        assert!((least..most).contains(&next), "{header:?}: {next}");
    }
}

#[tokio::test]
async fn freshness_and_refresh_ahead_are_settings() {
    let fixture = Fixture::configured(|jwks| {
        jwks.default_freshness(seconds(40))
            .freshness_between(seconds(20), seconds(100))
            .refresh_ahead(0.5)
    })
    .await;
    for (header, freshness) in [
        ("public", 40.0),
        ("max-age=80", 80.0),
        ("max-age=1", 20.0),
        ("max-age=900", 100.0),
    ] {
        fixture.issuer.cache_control(header);
        fixture.jwks.refresh().await.unwrap();
        let next = fixture.jwks.status().next_refresh().unwrap().as_secs_f64();
        let expected = freshness * 0.449..freshness * 0.551;
        assert!(expected.contains(&next), "{header}: {next}");
    }
}

#[tokio::test]
async fn traffic_refreshes_the_document_in_the_background_and_no_request_waits() {
    let fixture = Fixture::loaded().await;
    let token = fixture.token().expires_in(seconds(7200)).build();
    fixture
        .issuer
        .jwks_fault(Some(Fault::Delay(Duration::from_millis(100))));
    // Before 72 % of the lifetime, no refresh is due with any jitter.
    fixture.advance(648);
    fixture.at_once(&token).unwrap();
    // From 88 % on, a refresh is due with any jitter.
    fixture.advance(792 - 648);
    assert_eq!(fixture.jwks.status().next_refresh(), Some(Duration::ZERO));
    for _ in 0..100 {
        fixture.at_once(&token).unwrap();
    }
    eventually(|| fixture.fetches() == 2).await;
    fixture.at_once(&token).unwrap();
    assert_eq!(fixture.jwks.status().age(), Some(seconds(792)));

    eventually(|| fixture.jwks.status().age() == Some(Duration::ZERO)).await;
    fixture.at_once(&token).unwrap();
    assert!(fixture.jwks.status().next_refresh().unwrap() > seconds(600));
    assert_eq!(fixture.fetches(), 2);
}

#[tokio::test]
async fn without_traffic_nothing_is_fetched() {
    let fixture = Fixture::loaded().await;
    fixture.advance(23 * 3600);
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    assert_eq!(fixture.fetches(), 1);
    // The document is stale: the first token waits for a fetch, because its key may have been withdrawn.
    let old = fixture.token().build();
    fixture.issuer.rotate();
    fixture.issuer.retire_old_keys();
    let reason = super::refused(fixture.verify(&old).await);
    assert_eq!(reason, tower_bearer_auth::InvalidReason::UnknownKey);
    fixture.at_once(&fixture.token().build()).unwrap();
}

#[tokio::test]
async fn an_unchanged_document_is_not_sent_again_and_counts_as_fresh() {
    let fixture = Fixture::loaded().await;
    let token = fixture.accept(fixture.token()).await;
    let loaded = fixture.jwks.status().last_success().unwrap();
    fixture.issuer.cache_control("max-age=3600");
    fixture.advance(600);
    fixture.jwks.refresh().await.unwrap();

    assert_eq!(fixture.issuer.unchanged_answers(), 1);
    let status = fixture.jwks.status();
    assert_eq!(status.last_success(), Some(loaded + seconds(600)));
    assert_eq!((status.keys(), status.age()), (1, Some(Duration::ZERO)));
    // The lifetime in the 304 response applies.
    assert!(status.next_refresh().unwrap() > seconds(2500));
    assert!(token.is_current());
    // After the lifetime of the first response and within that of the second.
    fixture.advance(600);
    fixture.at_once(&fixture.token().build()).unwrap();
    assert!(fixture.jwks.status().next_refresh().unwrap() > seconds(1900));

    // A changed document is sent in full. Later requests have its entity tag.
    fixture.issuer.rotate();
    fixture.jwks.refresh().await.unwrap();
    assert_eq!(fixture.issuer.unchanged_answers(), 1);
    assert_eq!(fixture.jwks.status().keys(), 2);
    fixture.jwks.refresh().await.unwrap();
    assert_eq!(fixture.issuer.unchanged_answers(), 2);
    assert_eq!(fixture.jwks.status().keys(), 2);
    assert_eq!(fixture.fetches(), 4);
}

#[tokio::test]
async fn an_unchanged_document_puts_off_the_hard_limit() {
    let fixture = Fixture::loaded().await;
    fixture.advance(23 * 3600);
    fixture.jwks.refresh().await.unwrap();
    assert_eq!(fixture.issuer.unchanged_answers(), 1);
    fixture.issuer.jwks_fault(Some(Fault::Reset));
    fixture.advance(23 * 3600);
    fixture.accept(fixture.token()).await;
    assert!(fixture.jwks.status().is_usable());
    fixture.advance(3600);
    assert!(!fixture.jwks.status().is_usable());
}

#[tokio::test]
async fn the_hard_limit_is_a_setting() {
    let fixture = Fixture::configured(|jwks| jwks.serve_stale_for(seconds(3600))).await;
    fixture.jwks.refresh().await.unwrap();
    fixture.issuer.jwks_fault(Some(Fault::Reset));
    fixture.advance(3599);
    fixture.accept(fixture.token()).await;
    fixture.advance(1);
    assert!(fixture.verify(&fixture.token().build()).await.is_err());
    assert_eq!(fixture.jwks.status().keys(), 0);
}
