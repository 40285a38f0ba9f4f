//! A token that is bound to a key, and proofs for requests with it (RFC 9449).

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde_json::{Value, json};
use tower_bearer_auth::{Algorithm, JwtVerifier};

use super::sample::{AUDIENCE, BareCheck, BareKey, ISSUER, decode};

/// An RS256 token that is bound to an ES256 key, with as many proofs as there are signatures.
///
/// They are fixed for the same reason as a [`Sample`](super::sample::Sample). The private keys were deleted. The file has only the
/// signatures of the proofs, because the rest follows from their numbers.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct BoundSample {
    /// The key of the issuer.
    jwk: Value,
    pub(crate) token: String,
    /// The key of the client.
    client_jwk: Value,
    signatures: Vec<String>,
}

/// When the proofs were issued, in seconds since 1970.
pub(crate) const ISSUED_AT: u64 = 1_780_000_000;

/// The origin of the URL for which the proofs are.
pub(crate) const ORIGIN: &str = "https://api.example.com";

/// The path of that URL.
pub(crate) const PATH: &str = "/mcp";

impl BoundSample {
    pub(crate) fn load() -> Self {
        serde_json::from_str(include_str!("proofs.json")).unwrap()
    }

    pub(crate) fn verifier(&self) -> JwtVerifier {
        let keys = json!({ "keys": [self.jwk] });
        JwtVerifier::builder()
            .jwks_json(keys.to_string())
            .issuer(ISSUER)
            .audience(AUDIENCE)
            .build()
            .unwrap()
    }

    /// The proofs for `GET` requests, each of which is accepted once.
    pub(crate) fn proofs(&self) -> Vec<String> {
        let numbered = self.signatures.iter().enumerate();
        numbered
            .map(|(number, signature)| format!("{}.{signature}", self.signing_input(number)))
            .collect()
    }

    /// The bare signature checks of the proofs.
    pub(crate) fn bare_checks(&self) -> Vec<BareCheck> {
        let numbered = self.signatures.iter().enumerate();
        numbered
            .map(|(number, signature)| BareCheck {
                key: BareKey::of(Algorithm::ES256, &self.client_jwk),
                message: self.signing_input(number).into(),
                signature: decode(signature),
            })
            .collect()
    }

    fn signing_input(&self, number: usize) -> String {
        let jwk = &self.client_jwk;
        let header = format!(r#"{{"typ":"dpop+jwt","alg":"ES256","jwk":{jwk}}}"#);
        let ath = URL_SAFE_NO_PAD.encode(digest(&SHA256, self.token.as_bytes()));
        let claims = format!(
            r#"{{"jti":"0b7f6d0e-3c1a-4f5b-9d2e-{number:012x}","htm":"GET","htu":"{ORIGIN}{PATH}","iat":{ISSUED_AT},"ath":"{ath}"}}"#
        );
        let [header, claims] = [header, claims].map(|part| URL_SAFE_NO_PAD.encode(part));
        format!("{header}.{claims}")
    }
}
