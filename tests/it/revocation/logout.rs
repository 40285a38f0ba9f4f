//! OpenID Connect Back-Channel Logout 1.0: which logout tokens end what, and which are refused.

use std::time::Duration;

use tower_bearer_auth::revocation::{BackChannelLogout, LogoutTokenVerifier, Revocations};
use tower_bearer_auth::testing::{Fault, TokenBuilder};

use super::endpoints::{PATH, Server, World, assert_unavailable, events, now, until_status};
use crate::support::{Answer, Logs, refused};
use crate::telemetry::recorded::Recorded;

pub(super) const CLIENT: &str = "web-app";
pub(super) const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";
pub(super) const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");
pub(super) const REVOKES: &str = "a pushed token revokes access tokens";

impl World {
    pub(super) fn logout(&self) -> BackChannelLogout {
        let verifier = LogoutTokenVerifier::new(self.settings(CLIENT)).unwrap();
        BackChannelLogout::new(verifier, &self.revocations)
    }

    pub(super) async fn serve_logout(&self) -> Server<'_> {
        self.serve(self.logout().router(PATH)).await
    }

    /// A logout token for a session of a user.
    pub(super) fn logout_token(&self) -> TokenBuilder {
        let token = self.issuer.logout_token(CLIENT);
        token.subject("alice").claim("sid", "s1")
    }
}

pub(super) async fn log_out(server: &Server<'_>, token: &str) -> Answer {
    server.post(&[FORM], format!("logout_token={token}")).await
}

#[track_caller]
pub(super) fn assert_logged_out(answer: &Answer) {
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert_eq!(answer.body, "");
}

#[track_caller]
pub(super) fn assert_refused(answer: &Answer, description: &str) {
    assert_eq!(answer.status, 400, "{answer:?}");
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(answer.json(), refused("invalid_request", description));
}

#[tokio::test]
async fn a_logout_ends_the_session_and_no_other() {
    let world = World::new().await;
    let server = world.serve_logout().await;
    let of_session = |session: &str| world.access_token().claim("sid", session).build();
    let (token, other) = (of_session("s1"), of_session("s2"));
    let without_session = world.access_token().build();
    for token in [&token, &other, &without_session] {
        server.assert_accepts(token).await;
    }
    assert_logged_out(&log_out(&server, &world.logout_token().build()).await);
    // The first one was cached. A refreshed token of the session is refused as well.
    let now = now();
    let later = now + Duration::from_secs(30);
    let refreshed = world.access_token().claim("sid", "s1").issued_at(later);
    server.assert_revoked(&token).await;
    server.assert_revoked(&refreshed.build()).await;
    server.assert_accepts(&other).await;
    server.assert_accepts(&without_session).await;
}

#[tokio::test]
async fn without_a_session_the_subject_is_logged_out_until_then() {
    let world = World::new().await;
    let server = world.serve_logout().await;
    let now = now();
    let second = Duration::from_secs(1);
    let at = |time| {
        world
            .access_token()
            .issued_at(time)
            .claim("sid", "s1")
            .build()
    };
    let logout = world.logout_token().without_claim("sid").issued_at(now);
    let before = at(now - second);
    server.assert_accepts(&before).await;
    assert_logged_out(&log_out(&server, &logout.build()).await);
    server.assert_revoked(&before).await;
    server.assert_revoked(&at(now)).await;
    server.assert_accepts(&at(now + second)).await;
    let bob = world.access_token().subject("bob").issued_at(now - second);
    server.assert_accepts(&bob.build()).await;
}

#[tokio::test]
async fn a_session_without_subject_is_enough() {
    let world = World::new().await;
    let server = world.serve_logout().await;
    let token = world.access_token().claim("sid", "s1").build();
    let logout = world.logout_token().without_claim("sub").build();
    assert_logged_out(&log_out(&server, &logout).await);
    server.assert_revoked(&token).await;
}

#[tokio::test]
async fn subjects_are_logged_out_too_where_access_tokens_have_no_session() {
    let world = World::new().await;
    let logout = world.logout().also_revoke_subjects();
    let server = world.serve(logout.router(PATH)).await;
    let without_session = world.access_token().build();
    server.assert_accepts(&without_session).await;
    assert_logged_out(&log_out(&server, &world.logout_token().build()).await);
    server.assert_revoked(&without_session).await;
    assert_eq!(world.revocations.status().revocations(), 2);
}

#[tokio::test]
async fn a_replayed_token_is_accepted_and_changes_nothing() {
    let world = World::new().await;
    let server = world.serve_logout().await;
    let recorded = Recorded::start();
    let token = world.logout_token().build();
    for _ in 0..3 {
        assert_logged_out(&log_out(&server, &token).await);
    }
    assert_eq!(
        events(&recorded, "a pushed token was received before").len(),
        2
    );
    let revoked = events(&recorded, REVOKES);
    assert_eq!(revoked.len(), 1);
    assert_eq!(revoked[0]["revoked"], "session");
    assert_eq!(revoked[0]["issuer"], world.issuer.issuer());
    assert_eq!(revoked[0]["token_digest"].len(), 16);
    assert_eq!(world.revocations.status().revocations(), 1);
}

#[tokio::test]
async fn the_log_contains_neither_token_nor_names() {
    let world = World::new().await;
    let server = world.serve_logout().await;
    let token = world
        .logout_token()
        .subject("alice-secret")
        .claim("sid", "session-secret");
    let logs = Logs::capture();
    let good = token.clone().build();
    let bad = token.tampered().build();
    log_out(&server, &good).await;
    log_out(&server, &bad).await;
    let text = logs.text();
    assert!(text.contains(REVOKES), "{text}");
    for secret in [
        "alice-secret",
        "session-secret",
        &good,
        good.split('.').nth(1).unwrap(),
        &bad,
    ] {
        assert!(!text.contains(secret), "{text}");
    }
}

#[tokio::test]
async fn without_keys_nothing_is_acknowledged_and_the_token_can_be_sent_again() {
    let world = World::new().await;
    let server = world.serve_logout().await;
    world
        .issuer
        .jwks_fault(Some(Fault::Status(http::StatusCode::BAD_GATEWAY)));
    let token = world.logout_token().build();
    assert_unavailable(&log_out(&server, &token).await);
    server.assert_nothing_revoked();
    world.issuer.jwks_fault(None);
    assert_logged_out(&until_status(200, || log_out(&server, &token)).await);
    let access_token = world.access_token().claim("sid", "s1").build();
    server.assert_revoked(&access_token).await;
}

#[tokio::test]
async fn without_the_store_nothing_is_acknowledged_and_the_token_can_be_sent_again() {
    let world = World::new().await;
    let logout = world.logout().also_revoke_subjects();
    let server = world.serve(logout.router(PATH)).await;
    let access_token = world.access_token().claim("sid", "s1").build();
    let recorded = Recorded::start();
    world.store.switch_off(true);
    let token = world.logout_token().build();
    for _ in 0..3 {
        assert_unavailable(&log_out(&server, &token).await);
    }
    server.assert_nothing_revoked();
    server.assert_accepts(&access_token).await;
    world.store.switch_off(false);
    assert_logged_out(&log_out(&server, &token).await);
    server.assert_revoked(&access_token).await;
    let logged = |message| events(&recorded, message).len();
    assert_eq!(logged("revocations of pushed tokens cannot be stored"), 1);
    assert_eq!(
        logged("revocations of pushed tokens still cannot be stored"),
        2
    );
    assert_eq!(logged("revocations of pushed tokens are stored again"), 1);
    assert_eq!(logged(REVOKES), 2);
}

#[tokio::test]
async fn a_flood_of_tokens_is_bounded_by_the_capacity() {
    let mut world = World::new().await;
    world.revocations = Revocations::builder().capacity(2).in_memory();
    let server = world.serve_logout().await;
    let session = |name: &str| world.logout_token().claim("sid", name).build();
    // Each has another `jti`.
    for _ in 0..100 {
        assert_logged_out(&log_out(&server, &session("s1")).await);
    }
    assert_eq!(world.revocations.status().revocations(), 1);
    assert_logged_out(&log_out(&server, &session("s2")).await);
    let recorded = Recorded::start();
    for _ in 0..2 {
        assert_unavailable(&log_out(&server, &session("s3")).await);
    }
    let warnings = events(&recorded, "revocations of pushed tokens cannot be stored");
    assert_eq!(warnings.len(), 1);
    assert!(warnings[0]["error"].contains("too many"), "{warnings:?}");
    assert_eq!(world.revocations.status().revocations(), 2);
}
