//! Tokens that are bound to a key, over HTTP and with real keys: the answer to each fault.

mod answers;
mod certificates;
mod layers;
mod mcp;
mod nonces;
mod proofs;
mod rebuilt_tokens;
mod replays;
mod request_checks;
mod request_targets;

use std::net::SocketAddr;
use std::time::{Duration, UNIX_EPOCH};

use serde_json::json;
use tower_bearer_auth::possession::Dpop;
use tower_bearer_auth::testing::{DpopKey, DpopProofBuilder, SigningKey, TokenBuilder};
use tower_bearer_auth::{Algorithm, BearerAuthLayer, Clock, JwtVerifier, Verifier};
use tower_layer::Layer;

use crate::support::{Answer, Inner, get, serve};

const ISSUER: &str = "https://issuer.example.com";
const AUDIENCE: &str = "https://api.example.com";

/// The URL of every request, as clients see it. The server itself has another address.
const URL: &str = "https://api.example.com/notes";
const PATH: &str = "/notes";

/// The algorithms in challenges of a layer with the default settings.
const ALGS: &str = "RS256 RS384 RS512 PS256 PS384 PS512 ES256 ES384 ES512 EdDSA Ed25519 ML-DSA-44 ML-DSA-65 ML-DSA-87";

/// An issuer, a clock, and a client with a key.
struct World {
    issuer: SigningKey,
    client: DpopKey,
    clock: Clock,
}

impl World {
    fn new() -> Self {
        Self {
            issuer: SigningKey::generate(Algorithm::ES256),
            client: DpopKey::new(),
            clock: Clock::manual(UNIX_EPOCH + Duration::from_secs(1_800_000_000)),
        }
    }

    fn verifier(&self) -> JwtVerifier {
        JwtVerifier::builder()
            .key(self.issuer.verifying_key())
            .issuer(ISSUER)
            .audience(AUDIENCE)
            .clock(self.clock.clone())
            .build()
            .unwrap()
    }

    fn dpop(&self) -> Dpop {
        Dpop::new().origin(AUDIENCE).clock(self.clock.clone())
    }

    /// A token that is not bound to a key.
    fn plain(&self) -> TokenBuilder {
        let token = self.issuer.token().issuer(ISSUER).audience(AUDIENCE);
        token
            .subject("alice")
            .scopes(["read"])
            .clock(self.clock.clone())
    }

    /// A token that is bound to the client's key.
    fn bound(&self) -> TokenBuilder {
        self.plain().bound_to(&self.client)
    }

    /// The client's proof for a `GET` request with this token.
    fn proof(&self, token: &str) -> DpopProofBuilder {
        self.client.proof("GET", URL, token).clock(&self.clock)
    }
}

/// A server behind a layer.
struct Server {
    address: SocketAddr,
    inner: Inner,
}

impl Server {
    async fn start<V: Verifier>(layer: BearerAuthLayer<V>) -> Self {
        let inner = Inner::default();
        let address = serve(layer.layer(inner.clone())).await;
        Self { address, inner }
    }

    async fn get(&self, headers: &[(&str, &str)]) -> Answer {
        get(self.address, PATH, headers).await
    }

    /// Sends a token in the scheme DPoP with this proof.
    async fn get_with(&self, token: &str, proof: &str) -> Answer {
        let authorization = format!("DPoP {token}");
        self.get(&[("authorization", &authorization), ("dpop", proof)])
            .await
    }
}

/// The challenges of an answer, in order.
fn challenges(answer: &Answer) -> Vec<&str> {
    let fields = answer.headers.get_all("www-authenticate").iter();
    fields.map(|field| field.to_str().unwrap()).collect()
}

/// Asserts that the answer is a 401 with this error in its only challenge, that of DPoP.
#[track_caller]
fn assert_dpop_error(answer: &Answer, error: &str, description: &str) {
    assert_eq!(answer.status, 401, "{answer:?}");
    let challenge =
        format!(r#"DPoP error="{error}", algs="{ALGS}", error_description="{description}""#);
    assert_eq!(challenges(answer), [challenge]);
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let body = json!({"error": error, "error_description": description});
    assert_eq!(answer.json(), body);
}
