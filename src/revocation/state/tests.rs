use std::time::UNIX_EPOCH;

use super::*;
use crate::access_token::AccessToken;
use crate::clock::Clock;
use crate::revocation::entry::ALL_TOKENS;
use crate::revocation::store::Position;

const START: Duration = Duration::from_secs(1_800_000_000);

fn state(clock: &Clock) -> State {
    State::in_memory(Settings {
        clock: clock.clone(),
        ..Settings::default()
    })
}

fn session(name: &str, ends_in: u64) -> Revocation {
    Revocation {
        id: RevocationId::new(RevocationKind::Session, "", name),
        cutoff: ALL_TOKENS,
        ends_at: START.as_secs() + ends_in,
    }
}

#[test]
fn a_token_is_looked_up_once_for_each_change() {
    let clock = Clock::manual(UNIX_EPOCH + START);
    let state = state(&clock);
    let mark = || state.mark.load(Ordering::Relaxed);
    let token = AccessToken::builder("any".parse().unwrap());
    let token = token.claim("sid", "s1").build().into_verified();
    assert_eq!(mark(), NOTHING);
    state.check(&token).unwrap();
    assert!(token.not_revoked.is(NOTHING));

    state.add([session("other", 100)]);
    let first = mark();
    state.check(&token).unwrap();
    assert!(token.not_revoked.is(first));
    // A token with other claims is another token.
    assert!(!Verified::clone(&token).not_revoked.is(first));

    state.add([session("another", 100)]);
    assert_ne!(mark(), first);
    assert!(!token.not_revoked.is(mark()));
    state.add([session("s1", 100)]);
    for _ in 0..2 {
        state.check(&token).unwrap_err();
        assert!(!token.not_revoked.is(mark()));
    }
}

#[test]
fn nothing_is_looked_up_once_everything_has_ended() {
    let clock = Clock::manual(UNIX_EPOCH + START);
    let state = state(&clock);
    state.add([session("s1", 100), session("s2", 100)]);
    let new_token = || AccessToken::builder("any".parse().unwrap()).build();
    clock.advance(Duration::from_secs(100));
    // Requests with new tokens remove it, a part of the table at a time.
    for _ in 0..64 * LOOKUPS_PER_SWEEP {
        clock.advance(Duration::from_secs(1));
        state.check(&new_token().into_verified()).unwrap();
    }
    assert_eq!(state.len(), 0);
    assert_eq!(state.mark.load(Ordering::Relaxed), NOTHING);
}

#[test]
fn a_mark_is_never_used_twice() {
    let clock = Clock::manual(UNIX_EPOCH + START);
    let states = [state(&clock), state(&clock)];
    let mut marks = Vec::new();
    for number in 0..10 {
        for state in &states {
            state.add([session(&number.to_string(), 100)]);
            marks.push(state.mark.load(Ordering::Relaxed));
        }
    }
    let count = marks.len();
    marks.sort_unstable();
    marks.dedup();
    assert_eq!(marks.len(), count);
}

#[test]
fn a_token_is_not_looked_up_again_while_the_store_has_nothing_new() {
    let clock = Clock::manual(UNIX_EPOCH + START);
    let state = State::with_feed(Settings {
        clock: clock.clone(),
        ..Settings::default()
    });
    let mark = || state.mark.load(Ordering::Relaxed);
    let now = || clock.monotonic();
    let position = || Position::new("1");
    state.add([session("s1", 100)]);
    assert_eq!(mark(), INCOMPLETE);
    state.update_feed(|feed| feed.loaded(position(), now()));
    let loaded = mark();
    assert!(loaded > INCOMPLETE);
    state.update_feed(|feed| feed.followed(position(), now()));
    assert_eq!(mark(), loaded);
    state.update_feed(Feed::failed);
    assert_eq!(mark(), INCOMPLETE);
    state.update_feed(|feed| feed.followed(position(), now()));
    assert!(mark() > loaded);
}
