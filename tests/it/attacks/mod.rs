//! The catalogue of attacks. Each has succeeded against some implementation, and is sent over HTTP to a real server
//! here. These tests check that no attack passes the complete stack. Tests of the single rules are beside each rule,
//! such as in `tests/it/jwt/`.

mod claims;
mod forged;
mod headers;
mod tenants;
mod tokens;

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::Value;
use tower_bearer_auth::testing::SigningKey;
use tower_bearer_auth::{Algorithm, BearerAuthLayer, ByIssuer, CacheLayer, JwtVerifier, KeySet};
use tower_layer::Layer;

use crate::support::{Answer, Inner, Logs, serve};

const ISSUER: &str = "https://issuer.example.com";
const AUDIENCE: &str = "https://api.example.com";

/// A server under attack, with what the tests need to check its responses.
struct Target {
    address: SocketAddr,
    /// A server with the same keys, whose verifier is one of several and caches refusals.
    gateway: SocketAddr,
    inner: Inner,
    logs: Logs,
    keys: Keys,
}

/// The keys that the server trusts.
struct Keys {
    rs256: SigningKey,
    es256: SigningKey,
    eddsa: SigningKey,
}

impl Keys {
    fn generate() -> Self {
        let key = |algorithm: Algorithm| {
            SigningKey::generate(algorithm).with_key_id(format!("our-{algorithm}"))
        };
        Self {
            rs256: key(Algorithm::RS256),
            es256: key(Algorithm::ES256),
            eddsa: key(Algorithm::EdDSA),
        }
    }
}

impl Target {
    async fn start() -> Self {
        let keys = Keys::generate();
        let set = SigningKey::jwk_set([&keys.rs256, &keys.es256, &keys.eddsa]);
        let verifier = JwtVerifier::builder()
            .keys(KeySet::from_json(&set.to_string()).unwrap().keys().to_vec())
            .issuer(ISSUER)
            .audience(AUDIENCE)
            .build()
            .unwrap();
        let inner = Inner::default();
        let logs = Logs::capture();
        let memory = CacheLayer::new(1000).remember_refusals(Duration::from_secs(60));
        let gateway = memory.layer(ByIssuer::new().issuer(ISSUER, verifier.clone()));
        let address = serve(BearerAuthLayer::new(verifier).layer(inner.clone())).await;
        let gateway = serve(BearerAuthLayer::new(gateway).layer(inner.clone())).await;
        Self {
            address,
            gateway,
            inner,
            logs,
            keys,
        }
    }

    /// Asserts that the response is a 401 for an invalid token, and that neither the response nor the log repeats the
    /// token.
    #[track_caller]
    fn assert_refused(&self, attack: &str, sent: &str, answer: &Answer) {
        assert_eq!(answer.status, 401, "{attack}: {answer:?}");
        assert_eq!(self.inner.calls(), 0, "{attack} got through");
        let body = answer.json();
        assert_eq!(body["error"], "invalid_token", "{attack}");
        let Value::String(description) = &body["error_description"] else {
            panic!("{attack}: {body}");
        };
        let challenge =
            format!(r#"Bearer error="invalid_token", error_description="{description}""#);
        let sent_back = answer.header("www-authenticate");
        assert_eq!(sent_back, Some(&*challenge), "{attack}");
        // Short segments could occur in a log by chance.
        let logged = self.logs.text();
        for segment in sent.split('.').filter(|segment| segment.len() > 12) {
            let repeated = challenge.contains(segment) || logged.contains(segment);
            assert!(
                !repeated,
                "{attack}: the challenge or the log repeats the token"
            );
        }
    }
}
