//! A DPoP proof: from the text of the `DPoP` field to what it proves (RFC 9449 §4.3).

use std::time::Duration;

use super::htu::Target;
use crate::verify::keys::algorithm::Algorithm;
use crate::verify_error::VerifyError;

/// Verifies proofs. Keys of clients that were seen before are remembered.
#[derive(Debug)]
pub(super) struct ProofVerifier {
    algorithms: Vec<Algorithm>,
    max_length: usize,
}

/// What a proof must be for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Expected<'a> {
    pub(super) method: &'a str,
    pub(super) target: Target<'a>,
    /// The access token, as sent.
    pub(super) token: &'a [u8],
    /// The thumbprint of the key that the token is bound to (`jkt`).
    pub(super) thumbprint: &'a str,
    /// How far `iat` may be from `now`, in both directions.
    pub(super) window: Duration,
    /// The time since 1970.
    pub(super) now: Duration,
}

/// A proof that is valid if it was not used before, and if its nonce is accepted.
#[derive(Debug)]
pub(super) struct ValidProof {
    /// The SHA-256 thumbprint of its key.
    pub(super) key: [u8; 32],
    /// SHA-256 over thumbprint, `htu` and `jti`, each with its length.
    pub(super) id: [u8; 32],
    /// The time since 1970 at which the proof is no longer accepted.
    pub(super) ends_at: Duration,
    pub(super) nonce: Option<Box<str>>,
}

impl ProofVerifier {
    pub(super) fn new(algorithms: Vec<Algorithm>, max_length: usize) -> Self {
        Self {
            algorithms,
            max_length,
        }
    }

    /// Verifies the value of the `DPoP` field, except for its nonce and whether it was used before.
    pub(super) fn verify(
        &self,
        _proof: &[u8],
        _expected: &Expected<'_>,
    ) -> Result<ValidProof, VerifyError> {
        unimplemented!()
    }
}
