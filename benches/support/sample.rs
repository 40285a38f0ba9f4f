//! Access tokens, and the checks that the crate's verifiers are compared with.

use aws_lc_rs::hmac;
use aws_lc_rs::rsa::PublicKeyComponents;
use aws_lc_rs::signature::{self, ParsedPublicKey, RsaParameters, VerificationAlgorithm};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::HeaderValue;
use jsonwebtoken_12::jwk::Jwk;
use jsonwebtoken_12::{DecodingKey, Validation};
use serde::Deserialize;
use serde_json::Value;
use tower_bearer_auth::{Algorithm, JwtVerifier, JwtVerifierBuilder};

use super::service::authorization;

pub(crate) const ISSUER: &str = "https://login.example.com/tenants/4f1b2c3d/v2.0";
pub(crate) const AUDIENCE: &str = "https://api.example.com/mcp";

/// One access token with the claims that common providers issue, and its public key. A token has 700 to 1000 bytes,
/// with ML-DSA 3900 to 6900.
///
/// The tokens are fixed, because the number of instructions to verify a signature differs between signatures. The
/// private keys were deleted. The tokens expire in the year 9999.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Sample {
    algorithm: String,
    jwk: Value,
    pub(crate) token: String,
}

impl Sample {
    pub(crate) fn of(algorithm: Algorithm) -> Self {
        Self::find(algorithm).unwrap()
    }

    /// The sample for an algorithm, if there is one.
    pub(crate) fn find(algorithm: Algorithm) -> Option<Self> {
        let samples: Vec<Self> = serde_json::from_str(include_str!("samples.json")).unwrap();
        let is_it = |sample: &Self| sample.algorithm == algorithm.as_str();
        samples.into_iter().find(is_it)
    }

    pub(crate) fn jwk(&self) -> &Value {
        &self.jwk
    }

    /// The crate's verifier, with a configured issuer and audience.
    pub(crate) fn verifier(&self) -> JwtVerifier {
        self.verifier_builder()
            .issuer(ISSUER)
            .audience(AUDIENCE)
            .build()
            .unwrap()
    }

    /// The builder of the crate's verifier, with only the key.
    pub(crate) fn verifier_builder(&self) -> JwtVerifierBuilder {
        JwtVerifier::builder().jwks_json(self.jwk_set())
    }

    /// The JWK Set with the public key.
    pub(crate) fn jwk_set(&self) -> String {
        serde_json::json!({ "keys": [self.jwk] }).to_string()
    }

    /// The bare signature check, which is the minimum work of any verifier.
    pub(crate) fn bare_check(&self) -> BareCheck {
        let (message, signature) = self.token.rsplit_once('.').unwrap();
        BareCheck {
            key: BareKey::of(self.algorithm.parse().unwrap(), &self.jwk),
            message: message.into(),
            signature: decode(signature),
        }
    }

    /// `jsonwebtoken`, configured for the same checks. It does not support ES512 and ML-DSA.
    pub(crate) fn jsonwebtoken(&self) -> Option<(DecodingKey, Validation)> {
        let algorithm = self.algorithm.parse().ok()?;
        let jwk: Jwk = serde_json::from_value(self.jwk.clone()).ok()?;
        let mut validation = Validation::new(algorithm);
        validation.set_issuer(&[ISSUER]);
        validation.set_audience(&[AUDIENCE]);
        validation.validate_nbf = true;
        Some((DecodingKey::from_jwk(&jwk).ok()?, validation))
    }

    /// The `Authorization` header with the token.
    pub(crate) fn header(&self) -> HeaderValue {
        authorization(&self.token)
    }
}

/// A signature check of the cryptography library itself, with a parsed key.
pub(crate) struct BareCheck {
    pub(super) key: BareKey,
    pub(super) message: Vec<u8>,
    pub(super) signature: Vec<u8>,
}

#[allow(clippy::large_enum_variant, reason = "there is one of them")]
pub(super) enum BareKey {
    Secret(hmac::Key),
    Public(ParsedPublicKey),
}

impl BareCheck {
    pub(crate) fn passes(&self) -> bool {
        self.accepts(&self.signature)
    }

    /// Whether this is the signature of the message.
    pub(crate) fn accepts(&self, signature: &[u8]) -> bool {
        match &self.key {
            BareKey::Secret(key) => hmac::verify(key, &self.message, signature).is_ok(),
            BareKey::Public(key) => key.verify_sig(&self.message, signature).is_ok(),
        }
    }
}

impl BareKey {
    pub(super) fn of(algorithm: Algorithm, jwk: &Value) -> Self {
        let part = |name: &str| decode(jwk[name].as_str().unwrap());
        let secret = |algorithm| Self::Secret(hmac::Key::new(algorithm, &part("k")));
        let rsa = |parameters: &'static RsaParameters| {
            let (n, e) = (part("n"), part("e"));
            let components = PublicKeyComponents { n, e };
            Self::Public(components.to_parsed_public_key(parameters).unwrap())
        };
        let public = |algorithm: &'static dyn VerificationAlgorithm, bytes: &[u8]| {
            Self::Public(ParsedPublicKey::new(algorithm, bytes).unwrap())
        };
        let point = || [&[4], &part("x")[..], &part("y")[..]].concat();
        match algorithm {
            Algorithm::HS256 => secret(hmac::HMAC_SHA256),
            Algorithm::HS384 => secret(hmac::HMAC_SHA384),
            Algorithm::HS512 => secret(hmac::HMAC_SHA512),
            Algorithm::RS256 => rsa(&signature::RSA_PKCS1_2048_8192_SHA256),
            Algorithm::RS384 => rsa(&signature::RSA_PKCS1_2048_8192_SHA384),
            Algorithm::RS512 => rsa(&signature::RSA_PKCS1_2048_8192_SHA512),
            Algorithm::PS256 => rsa(&signature::RSA_PSS_2048_8192_SHA256),
            Algorithm::PS384 => rsa(&signature::RSA_PSS_2048_8192_SHA384),
            Algorithm::PS512 => rsa(&signature::RSA_PSS_2048_8192_SHA512),
            Algorithm::ES256 => public(&signature::ECDSA_P256_SHA256_FIXED, &point()),
            Algorithm::ES384 => public(&signature::ECDSA_P384_SHA384_FIXED, &point()),
            Algorithm::ES512 => public(&signature::ECDSA_P521_SHA512_FIXED, &point()),
            Algorithm::EdDSA => public(&signature::ED25519, &part("x")),
            Algorithm::MlDsa44 => public(&signature::ML_DSA_44, &part("pub")),
            Algorithm::MlDsa65 => public(&signature::ML_DSA_65, &part("pub")),
            Algorithm::MlDsa87 => public(&signature::ML_DSA_87, &part("pub")),
            other => panic!("no sample for {other}"),
        }
    }
}

pub(super) fn decode(base64url: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(base64url).unwrap()
}
