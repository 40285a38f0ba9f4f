use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

use super::signing_key::SigningKey;
use crate::verify::keys::Algorithm;
use crate::verify::keys::algorithm::KeyKind;

/// The key of a client, to which access tokens are bound, and which signs the proof of each request (RFC 9449).
///
/// Bind a token to it with [`TokenBuilder::bound_to`](super::TokenBuilder::bound_to) or
/// [`TestIssuer::opaque_token_bound_to`](super::TestIssuer::opaque_token_bound_to), and make proofs with
/// [`proof`](Self::proof). Clones share the key. `Debug` does not show it.
///
/// ```
/// use tower_bearer_auth::Algorithm;
/// use tower_bearer_auth::testing::{DpopKey, SigningKey};
///
/// let key = DpopKey::generate(Algorithm::EdDSA);
/// let issuer = SigningKey::generate(Algorithm::ES256);
/// let token = issuer.token().subject("alice").bound_to(&key).build();
///
/// // A request with this proof is accepted once.
/// let proof = key.proof("GET", "https://api.example.com/notes", &token).build();
/// // This one is for another method than that of the request.
/// let wrong = key.proof("GET", "https://api.example.com/notes", &token).htm("POST").build();
/// # let _ = (proof, wrong);
/// ```
#[derive(Debug, Clone)]
pub struct DpopKey {
    key: SigningKey,
}

impl DpopKey {
    /// Generates an ES256 key, which most clients use.
    ///
    /// # Panics
    ///
    /// If the system's random number generator fails.
    pub fn new() -> Self {
        Self::generate(Algorithm::ES256)
    }

    /// Generates a key for this algorithm.
    ///
    /// # Panics
    ///
    /// If the algorithm is HS256, HS384 or HS512, which have no public key, or if the system's random number generator
    /// fails.
    #[track_caller]
    pub fn generate(algorithm: Algorithm) -> Self {
        Self::from_signing_key(SigningKey::generate(algorithm))
    }

    /// Uses this key, for example one that was [read](SigningKey::from_private_key_pem) from a file. Its key ID has no
    /// effect.
    ///
    /// # Panics
    ///
    /// If its algorithm is HS256, HS384 or HS512, which have no public key.
    #[track_caller]
    pub fn from_signing_key(key: SigningKey) -> Self {
        let algorithm = key.algorithm();
        assert!(
            algorithm.key_kind() != KeyKind::Secret,
            "{algorithm} has no public key, which a proof needs"
        );
        Self { key }
    }

    /// The key as a [`SigningKey`], for example to write it into a file.
    pub fn signing_key(&self) -> &SigningKey {
        &self.key
    }

    /// The algorithm that the key signs with.
    pub fn algorithm(&self) -> Algorithm {
        self.key.algorithm()
    }

    /// The public key as a JWK with the members that it needs (RFC 7518 §6, RFC 8037 §2, RFC 9964 §3).
    pub fn jwk(&self) -> Value {
        self.key.required_members()
    }

    /// The SHA-256 thumbprint of the public key in base64url, as in `jkt` of the claim `cnf` (RFC 7638, RFC 9964 §6).
    pub fn thumbprint(&self) -> String {
        thumbprint(&self.jwk())
    }
}

impl Default for DpopKey {
    fn default() -> Self {
        Self::new()
    }
}

/// The SHA-256 thumbprint of a JWK (RFC 7638 §3). It covers all members, which must be texts that JSON does not escape.
fn thumbprint(jwk: &Value) -> String {
    let members = jwk.as_object().into_iter().flatten();
    let mut members: Vec<_> = members
        .map(|(name, value)| format!("\"{name}\":{value}"))
        .collect();
    members.sort_unstable();
    let json = format!("{{{}}}", members.join(","));
    URL_SAFE_NO_PAD.encode(digest(&SHA256, json.as_bytes()))
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::signature::{KeyPair, ML_DSA_44_SIGNING, PqdsaKeyPair};
    use serde_json::json;

    use super::*;

    #[test]
    fn thumbprints_are_those_of_the_rfcs() {
        let rsa = "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw";
        let (x, y) = (
            "l8tFrhx-34tV3hRICRDY9zCkDlpBhF42UQUfWVAWBFs",
            "9VE4jf_Ok_o64zbTTlcuNJajHmt6v9TDVrU0CdvGRDA",
        );
        let ed25519 = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";
        // The seed of the key in the RFC's example is all zeros.
        let ml_dsa = PqdsaKeyPair::from_seed(&ML_DSA_44_SIGNING, &[0; 32]).unwrap();
        let ml_dsa = URL_SAFE_NO_PAD.encode(ml_dsa.public_key());
        for (rfc, jwk, expected) in [
            (
                "RFC 7638 §3.1",
                json!({"kty": "RSA", "n": rsa, "e": "AQAB"}),
                "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs",
            ),
            (
                "RFC 9449 §6.1",
                json!({"kty": "EC", "x": x, "y": y, "crv": "P-256"}),
                "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I",
            ),
            (
                "RFC 8037 §A.3",
                json!({"kty": "OKP", "crv": "Ed25519", "x": ed25519}),
                "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k",
            ),
            (
                "RFC 9964 §A.1.1",
                json!({"kty": "AKP", "alg": "ML-DSA-44", "pub": ml_dsa}),
                "T4xl70S7MT6Zeq6r9V9fPJGVn76wfnXJ21-gyo0Gu6o",
            ),
        ] {
            assert_eq!(thumbprint(&jwk), expected, "{rfc}");
        }
    }
}
