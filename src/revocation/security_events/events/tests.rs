use serde_json::json;

use super::*;

const SET_ISSUER: &str = "https://transmitter.example.com";
const OTHER_ISSUER: &str = "https://issuer.example.com";
const CAEP: &str = "https://schemas.openid.net/secevent/caep/event-type/";
const RISC: &str = "https://schemas.openid.net/secevent/risc/event-type/";
const ISSUED: u64 = 1_800_000_000;

fn at(seconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(seconds)
}

fn set(event: &str, payload: Value) -> SecurityEventClaims {
    SecurityEventClaims {
        issuer: SET_ISSUER.into(),
        issued_at: at(ISSUED),
        subject: None,
        identifier: None,
        events: Map::from_iter([(event.to_owned(), payload)]),
    }
}

fn user(issuer: &str) -> Value {
    json!({"format": "iss_sub", "iss": issuer, "sub": "alice"})
}

fn session(user: Option<Value>) -> Value {
    json!({"format": "complex", "user": user, "session": {"format": "opaque", "id": "s1"}})
}

fn subject_until(issuer: &str, seconds: u64) -> Meaning {
    Meaning::Revokes(Effect::Subject {
        issuer: issuer.into(),
        subject: "alice".into(),
        cutoff: at(seconds),
    })
}

fn session_of(issuer: &str) -> Meaning {
    Meaning::Revokes(Effect::Session {
        issuer: issuer.into(),
        session: "s1".into(),
    })
}

fn all_events() -> [String; 5] {
    [
        format!("{CAEP}session-revoked"),
        format!("{CAEP}credential-change"),
        format!("{RISC}account-disabled"),
        format!("{RISC}account-purged"),
        format!("{RISC}sessions-revoked"),
    ]
}

#[test]
fn each_event_revokes_the_subject_until_it_happened() {
    for event in all_events() {
        let mut claims = set(&event, json!({"event_timestamp": ISSUED - 90}));
        claims.identifier = Some(user(SET_ISSUER));
        let expected = [subject_until(SET_ISSUER, ISSUED - 90)];
        assert_eq!(claims.meaning(&[]).unwrap(), expected, "{event}");
    }
}

#[test]
fn a_session_is_revoked_by_session_revoked_only() {
    for event in all_events() {
        let mut claims = set(&event, json!({}));
        claims.identifier = Some(session(Some(user(SET_ISSUER))));
        let expected = match event.ends_with("session-revoked") {
            true => session_of(SET_ISSUER),
            false => subject_until(SET_ISSUER, ISSUED),
        };
        assert_eq!(claims.meaning(&[]).unwrap(), [expected], "{event}");

        claims.identifier = Some(session(None));
        let meaning = claims.meaning(&[]).unwrap();
        match event.ends_with("session-revoked") {
            true => assert_eq!(meaning, [session_of(SET_ISSUER)]),
            false => assert!(
                matches!(meaning[..], [Meaning::UnknownSubject(_)]),
                "{event}"
            ),
        }
    }
}

#[test]
fn the_subject_is_looked_for_in_three_places_in_order() {
    let [event, ..] = all_events();
    let named = |name: &str| json!({"format": "iss_sub", "iss": SET_ISSUER, "sub": name});
    let revoked = |claims: &SecurityEventClaims| match &claims.meaning(&[]).unwrap()[..] {
        [Meaning::Revokes(Effect::Subject { subject, .. })] => subject.clone(),
        other => panic!("{other:?}"),
    };
    let mut claims = set(&event, json!({"subject": named("in the event")}));
    claims.subject = Some("at the top".into());
    claims.identifier = Some(named("sub_id"));
    assert_eq!(revoked(&claims), "sub_id");
    claims.identifier = None;
    assert_eq!(revoked(&claims), "in the event");
    claims.events[&event] = json!({"subject": null});
    assert_eq!(revoked(&claims), "at the top");
    claims.subject = None;
    let meaning = claims.meaning(&[]).unwrap();
    assert!(
        matches!(meaning[..], [Meaning::UnknownSubject(_)]),
        "{meaning:?}"
    );
}

#[test]
fn a_transmitter_speaks_for_its_issuer_and_the_configured_ones() {
    let [event, ..] = all_events();
    for identifier in [user(OTHER_ISSUER), session(Some(user(OTHER_ISSUER)))] {
        let mut claims = set(&event, json!({}));
        claims.identifier = Some(identifier);
        assert_eq!(claims.meaning(&[]), Err(Fault::ForeignIssuer));
        let unrelated = ["https://issuer.example.com.evil.example".to_owned()];
        assert_eq!(claims.meaning(&unrelated), Err(Fault::ForeignIssuer));
        for spelling in [OTHER_ISSUER.to_owned(), format!("{OTHER_ISSUER}/")] {
            assert_eq!(claims.meaning(&[spelling]).unwrap().len(), 1);
        }
    }
}

#[test]
fn timestamps_are_seconds_and_not_after_the_set() {
    let [event, ..] = all_events();
    for (timestamp, expected) in [
        (json!(ISSUED), Some(at(ISSUED))),
        (json!(null), Some(at(ISSUED))),
        (json!(ISSUED + 60), Some(at(ISSUED + 60))),
        (json!(ISSUED + 61), None),
        (
            json!(1_700_000_000.5),
            Some(at(1_700_000_000) + Duration::from_millis(500)),
        ),
        (json!(ISSUED * 1000), None),
        (json!(-1), None),
        (json!("1700000000"), None),
        (json!({}), None),
    ] {
        let mut claims = set(&event, json!({"event_timestamp": timestamp}));
        claims.identifier = Some(user(SET_ISSUER));
        let meaning = claims.meaning(&[]);
        let Some(cutoff) = expected else {
            assert_eq!(meaning, Err(Fault::BadTimestamp), "{timestamp}");
            continue;
        };
        let expected = Meaning::Revokes(Effect::Subject {
            issuer: SET_ISSUER.into(),
            subject: "alice".into(),
            cutoff,
        });
        assert_eq!(meaning.unwrap(), [expected], "{timestamp}");
    }
}

#[test]
fn other_events_mean_nothing_and_do_not_hide_known_ones() {
    let verification = "https://schemas.openid.net/secevent/ssf/event-type/verification";
    let mut claims = set(verification, json!({"state": "x", "subject": "no object"}));
    assert_eq!(claims.meaning(&[]).unwrap(), []);
    claims.identifier = Some(user(SET_ISSUER));
    for event in all_events() {
        claims.events.insert(event, json!({}));
    }
    assert_eq!(claims.meaning(&[]).unwrap().len(), 5);
}

#[test]
fn a_malformed_subject_is_refused() {
    let [event, ..] = all_events();
    let mut claims = set(&event, json!({"subject": "alice"}));
    claims.subject = Some("alice".into());
    assert_eq!(claims.meaning(&[]), Err(Fault::BadSubject));
}
