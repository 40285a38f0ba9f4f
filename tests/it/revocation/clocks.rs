//! Replicas and a store whose clocks differ, by up to nine of the ten minutes for which revocations are kept longer.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tower::{BoxError, Layer};
use tower_bearer_auth::revocation::Revocations;
use tower_bearer_auth::testing::{SigningKey, TokenBuilder};
use tower_bearer_auth::{Algorithm, BearerAuthLayer, Clock, JwtVerifier};
use tower_bearer_auth_stores::RedbStore;

use crate::support::{Inner, PATIENCE, answer_of, with_token};

const ISSUER: &str = "https://issuer.example.com";
const AUDIENCE: &str = "https://api.example.com";
const KINDS: [&str; 4] = ["jti", "sub", "client_id", "sid"];

const MINUTE: Duration = Duration::from_secs(60);
const APART: Duration = Duration::from_secs(9 * 60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// The time that the issuer and the verifiers agree about.
fn start() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_800_000_000)
}

/// A process, with its own clock.
struct Replica {
    clock: Clock,
    verifier: JwtVerifier,
    revocations: Revocations,
}

#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    Passed,
    Revoked,
    Expired,
    NotYetValid,
}

impl Replica {
    async fn start(key: &SigningKey, store: &RedbStore, clock: Clock) -> Self {
        let revocations = Revocations::builder().clock(clock.clone());
        let verifier = JwtVerifier::builder()
            .key(key.verifying_key())
            .issuer(ISSUER)
            .audience(AUDIENCE)
            .clock(clock.clone());
        Self {
            clock,
            verifier: verifier.build().unwrap(),
            revocations: revocations.open(store.clone()).await.unwrap(),
        }
    }

    async fn send(&self, token: &str) -> Outcome {
        let layer = BearerAuthLayer::new(self.verifier.clone()).revocations(&self.revocations);
        let answer = answer_of(layer.layer(Inner::default()), with_token(token)).await;
        if answer.status == 200 {
            return Outcome::Passed;
        }
        let reasons = [
            ("The access token was revoked", Outcome::Revoked),
            ("The access token expired", Outcome::Expired),
            ("The access token is not valid yet", Outcome::NotYetValid),
        ];
        let found = reasons
            .into_iter()
            .find(|(text, _)| answer.body.contains(text));
        let (description, outcome) = found.unwrap_or_else(|| panic!("{answer:?}"));
        answer.assert_invalid_token(description);
        outcome
    }

    /// Waits until it has this number of revocations.
    async fn has(&self, count: usize) {
        let received = async {
            while self.revocations.status().revocations() < count {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(PATIENCE, received).await.unwrap();
    }

    async fn revoke(&self, kind: &str, name: &str, expires_at: SystemTime) -> Result<(), BoxError> {
        match kind {
            "jti" => {
                self.revocations
                    .revoke_token(ISSUER, name, expires_at)
                    .await
            }
            "sub" => self.revocations.revoke_subject(ISSUER, name, start()).await,
            "client_id" => self.revocations.revoke_client(ISSUER, name, start()).await,
            _ => self.revocations.revoke_session(ISSUER, name).await,
        }
    }
}

/// Sends so many requests, each second, that the table removes all that has ended by this clock.
async fn sweep(replica: &Replica, token: &str) {
    for _ in 0..64 {
        replica.clock.advance(Duration::from_secs(1));
        for _ in 0..16 {
            replica.send(token).await;
        }
    }
}

/// A token that was issued at the start and lives for a day, which is the longest life, with a name that is revoked in
/// this claim.
fn token(key: &SigningKey, kind: &str) -> String {
    token_with(key, |claim| if claim == kind { "it" } else { "another" })
}

/// The same without such a name.
fn bystander(key: &SigningKey) -> String {
    token_with(key, |_| "another")
}

fn token_with(key: &SigningKey, name: impl Fn(&str) -> &'static str) -> String {
    let token = TokenBuilder::new(key).issuer(ISSUER).audience(AUDIENCE);
    let token = token.issued_at(start()).expires_at(start() + DAY);
    let claims = KINDS.iter();
    claims
        .fold(token, |token, claim| token.claim(*claim, name(claim)))
        .build()
}

#[tokio::test]
async fn replicas_whose_clocks_differ_refuse_the_same_tokens_until_they_expire() {
    let key = SigningKey::generate(Algorithm::ES256);
    let folder = tempfile::tempdir().unwrap();
    for ahead in 0..8 {
        // Each clock shows the start, or is ahead of it. None is behind that of the issuer, since tokens from the
        // future are refused.
        let clock = |bit: u32| {
            let is_ahead = ahead >> bit & 1 == 1;
            Clock::manual(start() + if is_ahead { APART } else { Duration::ZERO })
        };
        let store_clock = clock(0);
        let path = folder.path().join(ahead.to_string());
        let store = RedbStore::open_with_clock(path, store_clock.clone()).unwrap();
        let revoking = Replica::start(&key, &store, clock(1)).await;
        let other = Replica::start(&key, &store, clock(2)).await;
        for kind in KINDS {
            let token = token(&key, kind);
            assert_eq!(other.send(&token).await, Outcome::Passed);
            revoking.revoke(kind, "it", start() + DAY).await.unwrap();
        }
        other.has(KINDS.len()).await;
        // Until the last second of the leeway, by the clock of the replica that verifies.
        let left = start() + DAY + MINUTE - Duration::from_secs(1);
        let left = left.duration_since(other.clock.now()).unwrap();
        for (number, step) in [Duration::ZERO, left / 2, left - left / 2]
            .into_iter()
            .enumerate()
        {
            for clock in [&store_clock, &revoking.clock, &other.clock] {
                clock.advance(step);
            }
            // The store and the replicas remove what has ended.
            let sweep = format!("sweep-{number}");
            revoking.revoke("sid", &sweep, start()).await.unwrap();
            other.revoke("sid", &sweep, start()).await.unwrap();
            let fresh = Replica::start(&key, &store, other.clock.clone()).await;
            for kind in KINDS {
                let token = token(&key, kind);
                for replica in [&other, &fresh] {
                    let outcome = replica.send(&token).await;
                    assert_eq!(outcome, Outcome::Revoked, "{kind}, {ahead:03b}, {number}");
                }
            }
            assert_eq!(other.send(&bystander(&key)).await, Outcome::Passed);
        }
        other.clock.advance(Duration::from_secs(1));
        for kind in KINDS {
            let token = token(&key, kind);
            assert_eq!(other.send(&token).await, Outcome::Expired);
        }
    }
}

#[tokio::test]
async fn a_clock_that_jumps_by_the_life_of_a_token_and_back_accepts_nothing_revoked() {
    let key = SigningKey::generate(Algorithm::ES256);
    let folder = tempfile::tempdir().unwrap();
    for (number, is_forwards) in [true, false].into_iter().enumerate() {
        let path = folder.path().join(number.to_string());
        let clock = Clock::manual(start());
        let store = RedbStore::open_with_clock(path, Clock::manual(start())).unwrap();
        let replica = Replica::start(&key, &store, clock.clone()).await;
        let steady = Replica::start(&key, &store, Clock::manual(start())).await;
        for kind in KINDS {
            replica.revoke(kind, "it", start() + DAY).await.unwrap();
        }
        steady.has(KINDS.len()).await;
        clock.set(if is_forwards {
            start() + DAY
        } else {
            start() - DAY
        });
        for kind in KINDS {
            let token = token(&key, kind);
            // In its leeway, or before it was issued.
            let expected = match is_forwards {
                true => Outcome::Revoked,
                false => Outcome::NotYetValid,
            };
            assert_eq!(replica.send(&token).await, expected, "{kind}");
            assert_eq!(steady.send(&token).await, Outcome::Revoked);
        }
        // All that has ended by more than the margin would be gone now, and come back with a load only.
        sweep(&replica, &bystander(&key)).await;
        clock.set(start());
        for kind in KINDS {
            let token = token(&key, kind);
            for replica in [&replica, &steady] {
                assert_eq!(replica.send(&token).await, Outcome::Revoked, "{kind}");
            }
        }
        assert_eq!(replica.send(&bystander(&key)).await, Outcome::Passed);
    }
}
