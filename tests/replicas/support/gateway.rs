//! A gateway of three replicas, with its issuer and its Redis.

use std::time::Duration;

use futures_util::future::join_all;
use reqwest::Client;
use serde_json::{Value, json};
use tower_bearer_auth::testing::{DpopKey, TestIssuer, TokenBuilder};

use super::answer::Outcome;
use super::caller::Caller;
use super::redis::Redis;
use super::replica::{RESOURCE, Replica};
use super::{DEADLINE, eventually, now};

pub(crate) struct Gateway {
    pub(crate) issuer: TestIssuer,
    pub(crate) redis: Redis,
    pub(crate) replicas: Vec<Replica>,
    pub(crate) admin: String,
    client: Client,
}

const REPLICAS: usize = 3;

/// In seconds.
const TOLERATED_OUTAGE: &str = "2";

impl Gateway {
    /// `None` if Redis is not installed.
    pub(crate) async fn start() -> Option<Self> {
        let redis = Redis::start().await?;
        let issuer = TestIssuer::start().await;
        let mut gateway = Self {
            admin: token(&issuer, "admin").scopes(["admin"]).build(),
            client: client(),
            redis,
            issuer,
            replicas: Vec::new(),
        };
        for _ in 0..REPLICAS {
            gateway.replicas.push(gateway.start_replica().await);
        }
        Some(gateway)
    }

    /// Starts another replica.
    pub(crate) async fn start_replica(&self) -> Replica {
        let variables = [
            ("ISSUER", &*self.issuer.issuer()),
            ("REDIS_URL", &self.redis.url()),
            ("TOLERATE_OUTAGE", TOLERATED_OUTAGE),
        ];
        let replica = Replica::start(&self.client, &variables).await;
        replica.until_ready().await;
        replica
    }

    /// A client whose token has this name in all of its identifiers.
    pub(crate) fn bearer(&self, name: &str) -> Caller {
        Caller::bearer(token(&self.issuer, name).build())
    }

    /// The same, with a token that is bound to a key.
    pub(crate) fn bound(&self, name: &str) -> Caller {
        let key = DpopKey::new();
        let token = token(&self.issuer, name).bound_to(&key).build();
        Caller::bound(token, key)
    }

    /// The body of a request that revokes the token with this name.
    pub(crate) fn revocation(&self, name: &str) -> Value {
        json!({"issuer": self.issuer.issuer(), "jti": name, "expires_at": now() + 3_600})
    }

    /// Revokes new tokens, each at the next replica, and waits until all replicas refuse them. A replica that loads
    /// everything anew is asked again.
    pub(crate) async fn revoke_some(&self, name: &str, count: usize) -> Vec<Caller> {
        let names: Vec<_> = (0..count)
            .map(|number| format!("{name}-{number}"))
            .collect();
        let revoked = names.iter().enumerate().map(async |(number, name)| {
            let replica = &self.replicas[number % self.replicas.len()];
            let caller = self.bearer(name);
            replica
                .until(&caller, Outcome::Passed, &[Outcome::Unavailable])
                .await;
            eventually("the revocation is acknowledged", async || {
                let answer = replica.revoke(&self.admin, &self.revocation(name)).await;
                if answer.status != 204 {
                    answer.assert_unavailable();
                }
                (answer.status == 204).then_some(())
            })
            .await;
            assert_eq!(replica.whoami(&caller).await, Outcome::Revoked);
            caller
        });
        let revoked = join_all(revoked).await;
        for replica in &self.replicas {
            for caller in &revoked {
                let before = [Outcome::Passed, Outcome::Unavailable];
                replica.until(caller, Outcome::Revoked, &before).await;
            }
        }
        revoked
    }

    /// Asserts that all replicas, and one that starts now, refuse these tokens.
    pub(crate) async fn assert_revoked(&self, revoked: &[Caller]) {
        let fresh = self.start_replica().await;
        for replica in self.replicas.iter().chain([&fresh]) {
            for caller in revoked {
                assert_eq!(
                    replica.whoami(caller).await,
                    Outcome::Revoked,
                    "{}",
                    replica.url
                );
            }
        }
    }
}

/// A token of this issuer with this name in all of its identifiers.
pub(crate) fn token(issuer: &TestIssuer, name: &str) -> TokenBuilder {
    let token = issuer.token().audience(RESOURCE);
    let token = token.subject(name).client_id(name).jwt_id(name);
    token.claim("sid", name)
}

pub(crate) fn client() -> Client {
    let client = Client::builder().no_proxy().timeout(DEADLINE);
    // A connection that its replica closes at this moment would be an error.
    let client = client.pool_idle_timeout(Duration::from_secs(20));
    client.build().expect("its settings are good")
}
