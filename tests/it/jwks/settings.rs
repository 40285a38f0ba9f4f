//! Settings of a key set, and the values that `build` refuses.

use std::time::Duration;

use super::Fixture;
use tower_bearer_auth::Jwks;
use tower_bearer_auth::jwks::{HttpKeySource, JwksBuilder};

#[test]
fn all_settings_out_of_range_are_reported_at_once() {
    let source = || {
        HttpKeySource::builder("https://issuer.test/jwks")
            .build()
            .unwrap()
    };
    let (zero, week) = (Duration::ZERO, Duration::from_secs(8 * 24 * 3600));
    let error = Jwks::builder(source())
        .default_freshness(zero)
        .freshness_between(zero, week)
        .refresh_ahead(f64::NAN)
        .serve_stale_for(week * 2)
        .unknown_key_fetches(0, zero)
        .backoff(zero, week)
        .fetch_timeout(zero)
        .build()
        .unwrap_err();
    let problems: Vec<_> = error.problems().collect();
    assert_eq!(problems.len(), 10, "{problems:#?}");
    for name in [
        "default_freshness",
        "freshness_between, min",
        "freshness_between, max",
        "refresh_ahead",
        "serve_stale_for",
        "unknown_key_fetches, burst",
        "unknown_key_fetches, interval",
        "backoff, min",
        "backoff, max",
        "fetch_timeout",
    ] {
        assert!(error.to_string().contains(name), "{name}: {error}");
    }
    // A maximum below its minimum, and keys that would expire before they become stale.
    let minute = Duration::from_secs(60);
    let error = Jwks::builder(source())
        .freshness_between(2 * minute, minute)
        .backoff(2 * minute, minute)
        .build()
        .unwrap_err();
    assert_eq!(error.problems().count(), 2, "{error}");
    let error = Jwks::builder(source()).serve_stale_for(minute).build();
    assert!(
        error
            .unwrap_err()
            .to_string()
            .contains("serve_stale_for: 60s")
    );
}

#[test]
fn keys_never_expire_before_they_are_refreshed() {
    let hours = |hours: u64| Duration::from_secs(3600 * hours);
    let minutes = |minutes: u64| Duration::from_secs(60 * minutes);
    // The default freshness, the maximum freshness, and the maximum age of keys. Their defaults are 15 minutes, an
    // hour and a day.
    for (default, longest, serve, is_sound) in [
        (Some(hours(24)), None, Some(hours(1)), false),
        (Some(minutes(61)), None, Some(hours(1)), false),
        (Some(hours(1)), None, Some(hours(1)), true),
        (Some(hours(24)), None, Some(hours(24)), true),
        (Some(hours(24)), None, None, true),
        (Some(hours(24)), Some(minutes(10)), None, true),
        (
            Some(minutes(11)),
            Some(minutes(10)),
            Some(minutes(10)),
            false,
        ),
        (None, Some(hours(6)), Some(hours(5)), false),
        (None, Some(hours(6)), Some(hours(6)), true),
        // A default that the caller did not set must not fail.
        (None, Some(minutes(10)), Some(minutes(10)), true),
    ] {
        let source = HttpKeySource::builder("https://issuer.test/jwks").build();
        let mut jwks = Jwks::builder(source.unwrap());
        if let Some(default) = default {
            jwks = jwks.default_freshness(default);
        }
        if let Some(longest) = longest {
            jwks = jwks.freshness_between(minutes(5), longest);
        }
        if let Some(serve) = serve {
            jwks = jwks.serve_stale_for(serve);
        }
        let case = format!("{default:?}, {longest:?}, {serve:?}");
        match (jwks.build(), is_sound) {
            (Ok(_), is_sound) => assert!(is_sound, "{case}"),
            (Err(error), is_sound) => {
                assert!(!is_sound, "{case}: {error}");
                let text = error.to_string();
                assert!(text.starts_with("serve_stale_for: "), "{case}: {error}");
                assert_eq!(error.problems().count(), 1, "{case}: {error}");
            }
        }
    }
}

#[tokio::test]
async fn an_unset_default_freshness_does_not_exceed_the_maximum() {
    let minutes = |minutes: u64| Duration::from_secs(60 * minutes);
    let fixture = Fixture::configured(|jwks| {
        let jwks = jwks.freshness_between(minutes(5), minutes(10));
        jwks.serve_stale_for(minutes(10)).refresh_ahead(0.5)
    });
    let fixture = fixture.await;
    fixture.jwks.refresh().await.unwrap();
    let next = fixture.jwks.status().next_refresh().unwrap();
    // The refresh starts at half of the freshness, with a jitter of a tenth.
    assert!(next >= minutes(4) && next <= minutes(6), "{next:?}");
}

#[test]
fn settings_that_select_keys_are_validated() {
    let problems = |configure: fn(JwksBuilder) -> JwksBuilder| {
        let source = HttpKeySource::builder("https://issuer.test/jwks").build();
        let built = configure(Jwks::builder(source.unwrap())).build();
        built.map(drop).map_err(|error| error.to_string())
    };
    for (configure, problem) in [
        (
            (|jwks| jwks.key_uses(Vec::<String>::new())) as fn(JwksBuilder) -> JwksBuilder,
            "key_uses(..) names nothing",
        ),
        (
            |jwks| jwks.key_uses(["sig", ""]),
            "key_uses(..) has an empty value",
        ),
        (
            |jwks| jwks.max_keys(0),
            "max_keys: 0 is not from 1 to 10000",
        ),
        (
            |jwks| jwks.max_keys(10_001),
            "max_keys: 10001 is not from 1 to 10000",
        ),
    ] {
        assert_eq!(problems(configure), Err(problem.to_owned()));
    }
    assert_eq!(problems(|jwks| jwks.max_keys(1).key_uses(["any"])), Ok(()));
}
