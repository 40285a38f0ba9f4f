use proptest::prelude::*;

use super::*;

const fn s(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// The expected values below follow from the defaults, so a changed default fails these tests.
const POLICY: Policy = Policy::DEFAULT;

/// A token whose key is not in the set, and which was issued before the last fetch.
const UNKNOWN: Event = Event::UnknownKey {
    may_be_newer: false,
};

/// A token whose key is not in the set, and which may have been issued after the last fetch.
const NEWER: Event = Event::UnknownKey { may_be_newer: true };

/// A key set that applies events to its state, at a time that the test sets.
#[derive(Default)]
struct Set {
    state: State,
    now: Duration,
}

fn unavailable_for(retry_after: Duration) -> Decision {
    Decision::Unavailable { retry_after }
}

impl Set {
    fn on(&mut self, event: Event) -> Decision {
        let (state, decision) = POLICY.decide(self.state, self.now, event);
        self.state = state;
        decision
    }

    fn fetched(&mut self) {
        let (freshness, jitter) = (None, 0.0);
        self.on(Event::Fetched { freshness, jitter });
    }

    fn loaded() -> Self {
        let mut set = Self::default();
        assert_eq!(set.on(UNKNOWN), Decision::Fetch);
        set.fetched();
        set
    }
}

#[test]
fn the_first_tokens_share_one_fetch_and_its_failure() {
    let mut set = Set::default();
    assert_eq!(set.on(UNKNOWN), Decision::Fetch);
    assert_eq!(set.on(UNKNOWN), Decision::Join);
    set.on(Event::FetchFailed);
    let retry_after = s(1);
    assert_eq!(set.on(UNKNOWN), Decision::Unavailable { retry_after });
    assert_eq!(
        set.on(Event::StillUnknownKey),
        Decision::Unavailable { retry_after }
    );
    set.now += s(1);
    assert_eq!(set.on(UNKNOWN), Decision::Fetch);
}

#[test]
fn backoff_doubles_up_to_its_limit_and_ends_with_a_success() {
    let mut set = Set::default();
    for expected in [1, 2, 4, 8, 16, 32, 60, 60, 60] {
        assert_eq!(set.on(UNKNOWN), Decision::Fetch);
        set.on(Event::FetchFailed);
        let retry_after = s(expected);
        assert_eq!(set.on(UNKNOWN), Decision::Unavailable { retry_after });
        set.now += retry_after;
    }
    assert_eq!(set.on(UNKNOWN), Decision::Fetch);
    set.fetched();
    assert_eq!(set.on(Event::KnownKey), Decision::Use);
}

#[test]
fn a_refresh_starts_at_four_fifths_of_the_freshness_and_only_once() {
    let mut set = Set::loaded();
    set.now = s(719);
    assert_eq!(set.on(Event::KnownKey), Decision::Use);
    set.now = s(720);
    assert_eq!(set.on(Event::KnownKey), Decision::UseAndFetch);
    assert_eq!(set.on(Event::KnownKey), Decision::Use);
    assert_eq!(set.on(UNKNOWN), Decision::Join);
}

#[test]
fn what_the_source_says_about_freshness_is_kept_within_bounds() {
    for (said, used) in [
        (None, 900),
        (Some(0), 300),
        (Some(600), 600),
        (Some(86_400), 3600),
    ] {
        let mut set = Set::loaded();
        let freshness = said.map(s);
        set.on(Event::Fetched {
            freshness,
            jitter: 0.0,
        });
        assert_eq!(
            set.state.refresh_at(),
            Some(s(used).mul_f64(0.8)),
            "{said:?}"
        );
    }
}

#[test]
fn unknown_keys_cause_two_fetches_and_then_one_per_interval() {
    let mut set = Set::loaded();
    for _ in 0..2 {
        assert_eq!(set.on(UNKNOWN), Decision::Fetch);
        set.fetched();
        assert_eq!(set.on(Event::StillUnknownKey), Decision::NoSuchKey);
    }
    assert_eq!(set.on(UNKNOWN), Decision::NoSuchKey);
    set.now += s(14);
    assert_eq!(set.on(UNKNOWN), Decision::NoSuchKey);
    set.now += s(1);
    assert_eq!(set.on(UNKNOWN), Decision::Fetch);
    set.fetched();
    assert_eq!(set.on(UNKNOWN), Decision::NoSuchKey);
    // A long pause refills the bucket, but not beyond its capacity.
    set.now += s(3600);
    for _ in 0..2 {
        assert_eq!(set.on(UNKNOWN), Decision::Fetch);
        set.fetched();
    }
    assert_eq!(set.on(UNKNOWN), Decision::NoSuchKey);
}

#[test]
fn with_an_empty_bucket_a_failing_source_is_unavailable_and_a_working_one_is_sure() {
    let mut set = Set::loaded();
    for _ in 0..2 {
        assert_eq!(set.on(UNKNOWN), Decision::Fetch);
        set.on(Event::FetchFailed);
        assert!(matches!(
            set.on(Event::StillUnknownKey),
            Decision::Unavailable { .. }
        ));
        set.now += s(2);
    }
    assert!(matches!(set.on(UNKNOWN), Decision::Unavailable { .. }));
    assert_eq!(set.on(Event::RefreshRequested), Decision::Fetch);
    set.fetched();
    assert_eq!(set.on(UNKNOWN), Decision::NoSuchKey);
}

#[test]
fn with_an_empty_bucket_a_token_that_may_be_newer_than_the_set_comes_back_when_a_fetch_is_possible()
{
    let mut set = Set::loaded();
    set.now = s(100);
    for _ in 0..2 {
        assert_eq!(set.on(NEWER), Decision::Fetch);
        assert_eq!(set.on(NEWER), Decision::Join);
        set.fetched();
        // This fetch began after the token arrived.
        assert_eq!(set.on(Event::StillUnknownKey), Decision::NoSuchKey);
    }
    for (now, retry_after) in [(100, 15), (101, 14), (114, 1)] {
        set.now = s(now);
        assert_eq!(set.on(NEWER), unavailable_for(s(retry_after)));
        assert_eq!(set.on(UNKNOWN), Decision::NoSuchKey);
    }
    set.now = s(115);
    assert_eq!(set.on(NEWER), Decision::Fetch);
}

#[test]
fn keys_serve_through_an_outage_up_to_the_hard_limit() {
    let mut set = Set::loaded();
    set.now = s(24 * 3600 - 10);
    assert_eq!(set.on(Event::KnownKey), Decision::Fetch);
    set.on(Event::FetchFailed);
    assert_eq!(set.on(Event::KnownKey), Decision::Use);
    set.now += s(1);
    assert_eq!(set.on(Event::KnownKey), Decision::UseAndFetch);
    set.on(Event::FetchFailed);
    set.now = s(24 * 3600);
    assert_eq!(set.on(Event::KnownKey), Decision::Fetch);
    set.on(Event::FetchFailed);
    assert!(matches!(
        set.on(Event::KnownKey),
        Decision::Unavailable { .. }
    ));
}

#[test]
fn after_a_time_without_traffic_the_first_token_waits_for_fresh_keys() {
    let mut set = Set::loaded();
    set.now = s(899);
    assert_eq!(set.on(Event::KnownKey), Decision::UseAndFetch);
    set.fetched();
    set.now += s(900);
    assert_eq!(set.on(Event::KnownKey), Decision::Fetch);
    assert_eq!(set.on(Event::KnownKey), Decision::Join);
    // The source does not answer: requests use the stale keys, and none waits again.
    set.on(Event::FetchFailed);
    assert_eq!(set.on(Event::KnownKey), Decision::Use);
    set.now += s(3600);
    assert_eq!(set.on(Event::KnownKey), Decision::UseAndFetch);
}

#[test]
fn a_fetch_that_never_ends_is_lost_and_one_that_is_interrupted_is_no_failure() {
    let mut set = Set::default();
    assert_eq!(set.on(UNKNOWN), Decision::Fetch);
    set.now += s(5);
    assert_eq!(set.on(UNKNOWN), Decision::Join);
    set.now += s(1);
    let retry_after = s(1);
    assert_eq!(set.on(UNKNOWN), Decision::Unavailable { retry_after });
    set.now += s(1);
    assert_eq!(set.on(UNKNOWN), Decision::Fetch);
    set.on(Event::FetchInterrupted);
    assert_eq!(set.on(UNKNOWN), Decision::Fetch);
}

#[test]
fn a_failure_after_the_timeout_is_counted_once() {
    for request_arrives in [false, true] {
        let mut set = Set::default();
        set.on(UNKNOWN);
        set.now += s(6);
        if request_arrives {
            assert_eq!(set.on(UNKNOWN), unavailable_for(s(1)));
        }
        set.on(Event::FetchFailed);
        assert_eq!(set.on(UNKNOWN), unavailable_for(s(1)));
        set.now += s(1);
        assert_eq!(set.on(UNKNOWN), Decision::Fetch);
        set.on(Event::FetchFailed);
        assert_eq!(set.on(UNKNOWN), unavailable_for(s(2)));
    }
}

/// One step of a random schedule.
#[derive(Debug, Clone, Copy)]
enum Step {
    Known,
    Unknown { may_be_newer: bool },
    Refresh,
    Succeed(Option<u64>, f64),
    Fail,
    Wait(u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        Just(Step::Known),
        any::<bool>().prop_map(|may_be_newer| Step::Unknown { may_be_newer }),
        any::<bool>().prop_map(|may_be_newer| Step::Unknown { may_be_newer }),
        Just(Step::Refresh),
        (proptest::option::of(0..100_000_u64), -1.0..=1.0).prop_map(|(f, j)| Step::Succeed(f, j)),
        Just(Step::Fail),
        (0..20_u64).prop_map(Step::Wait),
        (0..100_000_u64).prop_map(Step::Wait),
    ]
}

proptest! {
    #[test]
    fn the_invariants_hold_for_every_schedule(steps in proptest::collection::vec(step(), 1..400)) {
        let mut set = Set { now: s(1_000_000), ..Set::default() };
        let mut fetching: Option<Duration> = None;
        let mut last_success: Option<Duration> = None;
        let mut refresh_from: Option<Duration> = None;
        let mut last_failed = false;
        let mut spent: Vec<Duration> = Vec::new();

        for step in steps {
            let now = set.now;
            if fetching.is_some_and(|since| now >= since + POLICY.fetch_timeout + FETCH_GRACE) {
                fetching = None;
                last_failed = true;
            }
            let usable = last_success.is_some_and(|at| now < at + POLICY.serve_stale_for);
            let decision = match step {
                Step::Known => set.on(Event::KnownKey),
                Step::Unknown { may_be_newer } => set.on(Event::UnknownKey { may_be_newer }),
                Step::Refresh => set.on(Event::RefreshRequested),
                Step::Wait(seconds) => { set.now += s(seconds); continue }
                Step::Succeed(freshness, jitter) if fetching.is_some() => {
                    let freshness = freshness.map(s);
                    set.on(Event::Fetched { freshness, jitter });
                    fetching = None;
                    last_success = Some(now);
                    last_failed = false;
                    // Never before 72 % of the shortest freshness, never after the longest.
                    let at = set.state.refresh_at().unwrap();
                    prop_assert!(at >= now + POLICY.min_freshness.mul_f64(0.719));
                    prop_assert!(at <= now + POLICY.max_freshness);
                    refresh_from = Some(at);
                    continue
                }
                Step::Fail if fetching.is_some() => {
                    set.on(Event::FetchFailed);
                    fetching = None;
                    last_failed = true;
                    continue
                }
                Step::Succeed(..) | Step::Fail => continue,
            };
            match decision {
                Decision::Fetch | Decision::UseAndFetch => {
                    prop_assert!(fetching.is_none(), "two concurrent fetches");
                    fetching = Some(now);
                    if decision == Decision::UseAndFetch {
                        prop_assert!(usable, "an early refresh without usable keys");
                        prop_assert!(refresh_from.is_some_and(|at| now >= at), "too early");
                    } else if matches!(step, Step::Unknown { .. }) && usable {
                        spent.push(now);
                    }
                }
                Decision::Use => prop_assert!(usable, "a key past the hard limit"),
                Decision::Join => prop_assert!(fetching.is_some(), "waiting for nothing"),
                Decision::NoSuchKey => {
                    let is_newer = matches!(step, Step::Unknown { may_be_newer: true });
                    prop_assert!(usable && !last_failed && !is_newer, "a 401 that may be wrong");
                }
                Decision::Unavailable { retry_after } => {
                    let is_newer = matches!(step, Step::Unknown { may_be_newer: true });
                    let bucket_is_empty = is_newer && retry_after <= POLICY.unknown_key_interval;
                    prop_assert!(last_failed || bucket_is_empty, "a 503 though the source works");
                }
            }
        }
        // In any period: at most the burst, plus one fetch per interval.
        for (i, from) in spent.iter().enumerate() {
            for (j, to) in spent.iter().enumerate().skip(i) {
                let interval = POLICY.unknown_key_interval.as_secs();
                let allowed = 2 + (*to - *from).as_secs() / interval;
                prop_assert!((j - i + 1) as u64 <= allowed, "more fetches than the bucket allows");
            }
        }
    }
}
