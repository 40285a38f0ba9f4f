//! The catalogue of attacks: each is one that somebody fell for, sent over HTTP to a real server. What is refused
//! in detail, and why, is tested where it is decided (`tests/it/jwt/` and others); here it is that nothing
//! gets past the whole.

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

/// A server under attack, and what it must not do.
struct Target {
    address: SocketAddr,
    /// The same, but its verifier is one of several, and what it refused is remembered.
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

    /// That the answer is a 401 which says that the token is bad, and repeats nothing of it.
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
        // No segment of the token that would be recognized.
        let logged = self.logs.text();
        for segment in sent.split('.').filter(|segment| segment.len() > 12) {
            let repeated = challenge.contains(segment) || logged.contains(segment);
            assert!(!repeated, "{attack}: something repeats the token");
        }
    }
}
