//! Security events pushed by RFC 8935: which events revoke what.

use std::time::{Duration, UNIX_EPOCH};

use serde_json::{Value, json};
use tower_bearer_auth::revocation::{SecurityEventVerifier, SecurityEvents};
use tower_bearer_auth::testing::{Fault, TokenBuilder};

use super::endpoints::{PATH, Server, World, assert_unavailable, events, now, until_status};
use crate::support::{Answer, Logs};
use crate::telemetry::recorded::Recorded;

pub(super) const RECEIVER: &str = "https://receiver.example.com";
pub(super) const SET: (&str, &str) = ("content-type", "application/secevent+jwt");
pub(super) const REVOKES: &str = "a pushed token revokes access tokens";
pub(super) const CAEP: &str = "https://schemas.openid.net/secevent/caep/event-type";
pub(super) const RISC: &str = "https://schemas.openid.net/secevent/risc/event-type";

impl World {
    pub(super) fn security_events(&self) -> SecurityEvents {
        let verifier = SecurityEventVerifier::new(self.settings(RECEIVER)).unwrap();
        SecurityEvents::new(verifier, &self.revocations)
    }

    pub(super) async fn serve_events(&self) -> Server<'_> {
        self.serve(self.security_events().router(PATH)).await
    }

    /// The subject of events: alice.
    pub(super) fn alice(&self) -> Value {
        json!({"format": "iss_sub", "iss": self.issuer.issuer(), "sub": "alice"})
    }

    /// A SET that disables alice's account.
    pub(super) fn set(&self) -> TokenBuilder {
        let event = format!("{RISC}/account-disabled");
        let set = self.issuer.security_event(RECEIVER, event, json!({}));
        set.claim("sub_id", self.alice())
    }
}

pub(super) async fn push(server: &Server<'_>, set: &str) -> Answer {
    server.post(&[SET], set.to_owned()).await
}

#[track_caller]
pub(super) fn assert_received(answer: &Answer) {
    assert_eq!(answer.status, 202, "{answer:?}");
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert_eq!(answer.body, "");
}

#[track_caller]
pub(super) fn assert_refused(answer: &Answer, error: &str, description: &str) {
    assert_eq!(answer.status, 400, "{answer:?}");
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(answer.header("content-language"), Some("en"));
    let body = json!({"err": error, "description": description});
    assert_eq!(answer.json(), body);
}

#[tokio::test]
async fn each_event_refuses_the_tokens_of_its_subject() {
    let hour = Duration::from_secs(3600);
    let event_time = now() - hour;
    let seconds = event_time.duration_since(UNIX_EPOCH).unwrap().as_secs();
    for event in [
        format!("{CAEP}/session-revoked"),
        format!("{CAEP}/credential-change"),
        format!("{RISC}/account-disabled"),
        format!("{RISC}/account-purged"),
        format!("{RISC}/sessions-revoked"),
    ] {
        for timestamp in [None, Some(seconds)] {
            let world = World::new().await;
            let server = world.serve_events().await;
            let at = |time| world.access_token().issued_at(time).build();
            let early = at(event_time - hour);
            let late = at(event_time + hour / 2);
            server.assert_accepts(&early).await;
            server.assert_accepts(&late).await;
            let payload = json!({"event_timestamp": timestamp});
            let set = world.issuer.security_event(RECEIVER, &event, payload);
            let set = set.claim("sub_id", world.alice()).build();
            assert_received(&push(&server, &set).await);
            server.assert_revoked(&early).await;
            // The SET is from now, and the event may be older.
            match timestamp {
                None => server.assert_revoked(&late).await,
                Some(_) => server.assert_accepts(&late).await,
            }
            let bob = world
                .access_token()
                .subject("bob")
                .issued_at(event_time - hour);
            server.assert_accepts(&bob.build()).await;
        }
    }
}

#[tokio::test]
async fn each_form_of_a_subject_is_understood() {
    let world = World::new().await;
    let issuer = world.issuer.issuer();
    let user = world.alice();
    let old = json!({"subject_type": "iss-sub", "iss": issuer, "sub": "alice"});
    let session = json!({"format": "opaque", "id": "s1"});
    let complex = json!({"format": "complex", "user": user, "session": session});
    for (event, claim, payload, ends_session_only) in [
        (
            "session-revoked",
            Some(("sub_id", user.clone())),
            json!({}),
            false,
        ),
        (
            "session-revoked",
            Some(("sub_id", complex.clone())),
            json!({}),
            true,
        ),
        (
            "session-revoked",
            Some(("sub_id", json!({"format": "complex", "session": session}))),
            json!({}),
            true,
        ),
        (
            "session-revoked",
            None,
            json!({"subject": {"user": old, "session": session}}),
            true,
        ),
        (
            "credential-change",
            Some(("sub_id", complex)),
            json!({}),
            false,
        ),
        ("session-revoked", None, json!({"subject": old}), false),
        ("session-revoked", None, json!({"subject": user}), false),
        (
            "session-revoked",
            Some(("sub", json!("alice"))),
            json!({}),
            false,
        ),
    ] {
        let world = World::new().await;
        let server = world.serve_events().await;
        // The issuer of this world.
        let here = |value: Value| -> Value {
            let text = value.to_string().replace(&issuer, &world.issuer.issuer());
            serde_json::from_str(&text).unwrap()
        };
        let of_session = |session: &str| world.access_token().claim("sid", session).build();
        let (token, other_session) = (of_session("s1"), of_session("s2"));
        server.assert_accepts(&token).await;
        let mut set =
            world
                .issuer
                .security_event(RECEIVER, format!("{CAEP}/{event}"), here(payload.clone()));
        if let Some((name, value)) = claim.clone() {
            set = set.claim(name, here(value));
        }
        let recorded = Recorded::start();
        assert_received(&push(&server, &set.build()).await);
        server.assert_revoked(&token).await;
        match ends_session_only {
            true => server.assert_accepts(&other_session).await,
            false => server.assert_revoked(&other_session).await,
        }
        let revoked = events(&recorded, REVOKES);
        assert_eq!(revoked.len(), 1, "{claim:?} {payload}");
        let expected = if ends_session_only {
            "session"
        } else {
            "subject"
        };
        assert_eq!(revoked[0]["revoked"], expected);
        assert_eq!(revoked[0]["by"], "SecurityEvents");
    }
}

#[tokio::test]
async fn a_subject_of_another_format_is_accepted_with_a_warning() {
    let world = World::new().await;
    let server = world.serve_events().await;
    let warning = "a security event revokes nothing, because its subject is no issuer and subject";
    for identifier in [
        json!({"format": "email", "email": "alice@example.com"}),
        json!({"format": "opaque", "id": "s1"}),
        json!({"format": "complex", "tenant": {"format": "opaque", "id": "t"}}),
        json!(null),
    ] {
        let recorded = Recorded::start();
        let set = world.set().claim("sub_id", identifier).build();
        assert_received(&push(&server, &set).await);
        let warnings = events(&recorded, warning);
        assert_eq!(warnings.len(), 1);
        assert_eq!(warnings[0]["event"], format!("{RISC}/account-disabled"));
        assert!(!warnings[0]["jti"].is_empty());
    }
    server.assert_nothing_revoked();
}

#[tokio::test]
async fn other_events_are_accepted() {
    let world = World::new().await;
    let server = world.serve_events().await;
    for event in [
        "https://schemas.openid.net/secevent/ssf/event-type/verification".to_owned(),
        format!("{CAEP}/token-claims-change"),
        format!("{RISC}/account-enabled"),
        "http://schemas.openid.net/event/backchannel-logout".to_owned(),
    ] {
        let set = world
            .issuer
            .security_event(RECEIVER, event, json!({"state": "x"}));
        let opaque = json!({"format": "opaque", "id": "stream"});
        assert_received(&push(&server, &set.claim("sub_id", opaque).build()).await);
    }
    server.assert_nothing_revoked();
}

#[tokio::test]
async fn a_transmitter_speaks_for_other_issuers_only_if_that_is_configured() {
    const OTHER: &str = "https://issuer.example.com";
    let world = World::new().await;
    let foreign = json!({"format": "iss_sub", "iss": OTHER, "sub": "alice"});
    let set = world.set().claim("sub_id", foreign).build();
    let server = world.serve_events().await;
    let recorded = Recorded::start();
    for _ in 0..2 {
        let answer = push(&server, &set).await;
        let description = "The transmitter does not speak for the issuer of the subject";
        assert_refused(&answer, "access_denied", description);
    }
    server.assert_nothing_revoked();
    let warning =
        "a transmitter does not speak for the issuer of a subject: see subject_issuers(..)";
    assert_eq!(events(&recorded, warning).len(), 2);

    let trusting = world.security_events().subject_issuers([OTHER]);
    let server = world.serve(trusting.router(PATH)).await;
    assert_received(&push(&server, &set).await);
    assert_eq!(world.revocations.status().revocations(), 1);
    // It still speaks for its own issuer.
    let token = world.access_token().build();
    assert_received(&push(&server, &world.set().build()).await);
    server.assert_revoked(&token).await;
}

#[tokio::test]
async fn several_events_are_carried_out_together_or_not_at_all() {
    let world = World::new().await;
    let server = world.serve_events().await;
    let with_events = |events: Value| world.set().without_claim("sub_id").claim("events", events);
    let about = |name: &str| json!({"subject": {"format": "iss_sub", "iss": world.issuer.issuer(), "sub": name}});
    let names = (
        format!("{CAEP}/session-revoked"),
        format!("{RISC}/account-purged"),
    );
    let one_is_bad = json!({&names.0: about("alice"), &names.1: {"subject": "bob"}});
    let answer = push(&server, &with_events(one_is_bad).build()).await;
    assert_refused(
        &answer,
        "invalid_request",
        "The subject does not conform to its format",
    );
    server.assert_nothing_revoked();
    // Issued before the events, which end the tokens until then.
    let [alice, bob] = ["alice", "bob"].map(|name| world.access_token().subject(name).build());
    let both = json!({&names.0: about("alice"), &names.1: about("bob")});
    assert_received(&push(&server, &with_events(both).build()).await);
    server.assert_revoked(&alice).await;
    server.assert_revoked(&bob).await;
}

#[tokio::test]
async fn a_set_that_is_sent_again_is_accepted_and_changes_nothing() {
    let world = World::new().await;
    let server = world.serve_events().await;
    let recorded = Recorded::start();
    let set = world.set().build();
    for _ in 0..3 {
        assert_received(&push(&server, &set).await);
    }
    assert_eq!(events(&recorded, REVOKES).len(), 1);
    assert_eq!(
        events(&recorded, "a pushed token was received before").len(),
        2
    );
}

#[tokio::test]
async fn without_keys_nothing_is_acknowledged_and_the_set_can_be_sent_again() {
    let world = World::new().await;
    let server = world.serve_events().await;
    world
        .issuer
        .jwks_fault(Some(Fault::Status(http::StatusCode::BAD_GATEWAY)));
    // Issued before the event, which ends the tokens until then.
    let token = world.access_token().build();
    let set = world.set().build();
    assert_unavailable(&push(&server, &set).await);
    server.assert_nothing_revoked();
    world.issuer.jwks_fault(None);
    assert_received(&until_status(202, || push(&server, &set)).await);
    server.assert_revoked(&token).await;
}

#[tokio::test]
async fn without_the_store_nothing_is_acknowledged_and_the_set_can_be_sent_again() {
    let world = World::new().await;
    let server = world.serve_events().await;
    let token = world.access_token().build();
    world.store.switch_off(true);
    let set = world.set().build();
    assert_unavailable(&push(&server, &set).await);
    server.assert_nothing_revoked();
    server.assert_accepts(&token).await;
    world.store.switch_off(false);
    assert_received(&push(&server, &set).await);
    server.assert_revoked(&token).await;
}

#[tokio::test]
async fn the_log_contains_neither_set_nor_names() {
    let world = World::new().await;
    let events = world
        .security_events()
        .require_authorization("Bearer secret-of-the-stream");
    let debugged = format!("{events:?}");
    let server = world.serve(events.router(PATH)).await;
    let issuer = world.issuer.issuer();
    let identifier = json!({"format": "iss_sub", "iss": issuer, "sub": "alice-secret"});
    let set = world.set().claim("sub_id", identifier).build();
    let logs = Logs::capture();
    for authorization in ["Bearer secret-of-the-stream", "Bearer secret-of-another"] {
        let headers = [SET, ("authorization", authorization)];
        server.post(&headers, set.clone()).await;
    }
    let text = logs.text() + &debugged;
    assert!(text.contains(REVOKES), "{text}");
    for secret in [
        "alice-secret",
        "secret-of",
        &set,
        set.split('.').nth(1).unwrap(),
    ] {
        assert!(!text.contains(secret), "{text}");
    }
}
