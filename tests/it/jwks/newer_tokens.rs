//! Tokens that may be newer than the keys while no fetch is possible.

use std::time::Duration;

use super::{Fixture, refused, unavailable};
use tower_bearer_auth::InvalidReason;
use tower_bearer_auth::testing::TokenBuilder;

/// A set whose last successful fetch began now, and whose bucket is empty for 15 seconds.
async fn with_an_empty_bucket() -> Fixture {
    let fixture = Fixture::loaded().await;
    fixture.advance(100);
    for n in 0..2 {
        let token = unknown(&fixture).key_id(n.to_string()).build();
        let reason = refused(fixture.verify(&token).await);
        // The fetch began after the token arrived, so its result is final.
        assert_eq!(reason, InvalidReason::UnknownKey);
    }
    assert_eq!(fixture.fetches(), 3);
    fixture
}

fn unknown(fixture: &Fixture) -> TokenBuilder {
    fixture.token().key_id("unknown")
}

#[tokio::test]
async fn a_token_from_before_the_last_fetch_has_an_unknown_key_and_a_later_one_may_have_a_new_key()
{
    let fixture = with_an_empty_bucket().await;
    let fetched = fixture.clock.now();
    fixture.advance(5);
    let seconds = Duration::from_secs;
    // The leeway is a minute.
    for (issued_at, is_older) in [
        (Some(fetched - seconds(7200)), true),
        (Some(fetched - seconds(61)), true),
        (Some(fetched - seconds(60)), false),
        (Some(fetched), false),
        (Some(fetched + seconds(5)), false),
        (None, false),
    ] {
        let token = match issued_at {
            Some(at) => unknown(&fixture).issued_at(at),
            None => unknown(&fixture).without_claim("iat"),
        };
        let answer = fixture.at_once(&token.build());
        match is_older {
            true => assert_eq!(refused(answer), InvalidReason::UnknownKey, "{issued_at:?}"),
            false => assert_eq!(unavailable(answer), 10, "{issued_at:?}"),
        }
    }
    assert_eq!(fixture.fetches(), 3);
}

#[tokio::test]
async fn a_retry_after_the_announced_delay_succeeds() {
    let fixture = with_an_empty_bucket().await;
    fixture.issuer.rotate();
    let token = fixture.token().build();
    let retry_after = unavailable(fixture.at_once(&token));
    assert_eq!(retry_after, 15);
    fixture.advance(retry_after - 1);
    assert_eq!(unavailable(fixture.at_once(&token)), 1);
    fixture.advance(1);
    fixture.verify(&token).await.unwrap();
    assert_eq!(fixture.fetches(), 4);
}

#[tokio::test]
async fn only_a_token_that_could_be_valid_gets_a_retry_after() {
    let fixture = with_an_empty_bucket().await;
    for (token, reason) in [
        (unknown(&fixture).expired(), InvalidReason::Expired),
        (
            unknown(&fixture).audience("https://other.test"),
            InvalidReason::WrongAudience,
        ),
        (
            unknown(&fixture).issuer("https://other.test"),
            InvalidReason::WrongIssuer,
        ),
        (fixture.token().tampered(), InvalidReason::BadSignature),
    ] {
        assert_eq!(refused(fixture.at_once(&token.build())), reason);
    }
}

#[tokio::test]
async fn an_unchanged_document_counts_as_fetched_when_it_is_revalidated() {
    let fixture = with_an_empty_bucket().await;
    let before = unknown(&fixture).build();
    assert_eq!(unavailable(fixture.at_once(&before)), 15);
    fixture.advance(14);
    unavailable(fixture.at_once(&before));
    fixture.advance(60);
    fixture.jwks.refresh().await.unwrap();
    assert!(fixture.issuer.unchanged_answers() > 0);
    // The bucket has refilled, so the test empties it again.
    for n in 0..2 {
        let token = unknown(&fixture).key_id(n.to_string()).build();
        refused(fixture.verify(&token).await);
    }
    let reason = refused(fixture.at_once(&before));
    assert_eq!(reason, InvalidReason::UnknownKey);
}
