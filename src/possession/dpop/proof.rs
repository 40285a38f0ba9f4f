//! A DPoP proof: from the text of the `DPoP` field to what it proves (RFC 9449 §4.3).
//!
//! A proof is checked in this order: its form, its key, its signature, and then its claims. The key must be the one
//! that the token is bound to, so the server verifies no signature with a key that a client has made up.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, SHA256_OUTPUT_LEN, digest};
use quick_cache::sync::Cache;

use super::proof_claims::{CheckedClaims, Expected, ProofClaims};
use super::proof_header::ProofHeader;
use super::proof_key::ProofKey;
use super::proof_refusal::{ProofPart, ProofRefusal};
use crate::json::Fault;
use crate::verify::jwt::jws::{
    Jws, THREE_SEGMENTS, USUAL_HEADER_LENGTH, USUAL_PAYLOAD_LENGTH, USUAL_SIGNATURE_LENGTH,
};
use crate::verify::keys::algorithm::Algorithm;
use crate::verify_error::VerifyError;

/// Verifies proofs, and caches the keys of clients.
pub(super) struct ProofVerifier {
    algorithms: Vec<Algorithm>,
    max_length: usize,
    /// By the SHA-256 digest of the encoded header, which has the key, and which the proofs of a client share. A key is
    /// added after it has verified a signature.
    known_keys: Cache<[u8; SHA256_OUTPUT_LEN], Arc<ProofKey>>,
}

/// The maximum number of keys in the cache. A key has about 1 KB.
const MAX_KNOWN_KEYS: usize = 1_000;

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
            known_keys: Cache::new(MAX_KNOWN_KEYS),
        }
    }

    /// Verifies the value of the `DPoP` field, except for its nonce and whether it was used before.
    pub(super) fn verify(
        &self,
        proof: &[u8],
        expected: &Expected<'_>,
    ) -> Result<ValidProof, VerifyError> {
        let valid = self.valid_proof(proof, expected);
        valid.map_err(ProofRefusal::log)
    }

    fn valid_proof(
        &self,
        proof: &[u8],
        expected: &Expected<'_>,
    ) -> Result<ValidProof, ProofRefusal> {
        let malformed = |rule| ProofRefusal::malformed(ProofPart::Proof, Fault::of(rule));
        if proof.len() > self.max_length {
            return Err(malformed("it is too long"));
        }
        let jws = Jws::split(proof).ok_or_else(|| malformed(THREE_SEGMENTS))?;
        let key = self.key_of_signer(&jws, expected)?;

        let mut buffer = [0; USUAL_PAYLOAD_LENGTH];
        let payload = jws
            .decode_payload_into(&mut buffer)
            .ok_or_else(|| undecodable(ProofPart::Payload))?;
        let claims = ProofClaims::parse(&payload)?;
        let claims = claims.check(expected)?;
        Ok(ValidProof {
            key: key.thumbprint.0,
            id: id_of(&key, &claims),
            ends_at: claims.ends_at,
            nonce: claims.nonce.map(Box::from),
        })
    }

    /// The key of the header, after it has verified the signature.
    fn key_of_signer(
        &self,
        jws: &Jws<'_>,
        expected: &Expected<'_>,
    ) -> Result<Arc<ProofKey>, ProofRefusal> {
        let header = digest(&SHA256, jws.encoded_header());
        let header: &[u8; SHA256_OUTPUT_LEN] =
            header.as_ref().try_into().expect("SHA-256 has 32 bytes");
        let known = self.known_keys.get(header);
        let is_known = known.is_some();
        let key = match known {
            // The header is the same, but the token may be bound to another key.
            Some(key) if key.thumbprint.is(expected.thumbprint) => key,
            Some(_) => return Err(ProofRefusal::other_key()),
            None => Arc::new(self.read_key(jws, expected)?),
        };
        check_signature(jws, &key)?;
        if !is_known {
            self.known_keys.insert(*header, Arc::clone(&key));
        }
        Ok(key)
    }

    fn read_key(&self, jws: &Jws<'_>, expected: &Expected<'_>) -> Result<ProofKey, ProofRefusal> {
        let mut buffer = [0; USUAL_HEADER_LENGTH];
        let header = jws
            .decode_header(&mut buffer)
            .ok_or_else(|| undecodable(ProofPart::Header))?;
        let malformed = |fault| ProofRefusal::malformed(ProofPart::Header, fault);
        let header = ProofHeader::parse(&header).map_err(malformed)?;
        if !self.algorithms.contains(&header.algorithm) {
            return Err(malformed(Fault::in_member("alg", "it is not accepted")));
        }
        ProofKey::read(&header, expected.thumbprint)
    }
}

fn check_signature(jws: &Jws<'_>, key: &ProofKey) -> Result<(), ProofRefusal> {
    let lengths = key.algorithm.signature_lengths();
    let mut buffer = [0; USUAL_SIGNATURE_LENGTH];
    let signature = jws
        .decode_signature(*lengths.end(), &mut buffer)
        .ok_or_else(|| undecodable(ProofPart::Signature))?;
    if !lengths.contains(&signature.len()) {
        return Err(ProofRefusal::bad_signature("it has another length"));
    }
    match key.verifies(jws.signing_input, &signature) {
        true => Ok(()),
        false => Err(ProofRefusal::bad_signature("it does not match")),
    }
}

fn undecodable(part: ProofPart) -> ProofRefusal {
    let rule = match part {
        ProofPart::Signature => "it is not base64url without padding, or too long",
        ProofPart::Proof | ProofPart::Header | ProofPart::Payload => {
            "it is not UTF-8 in base64url without padding"
        }
    };
    ProofRefusal::malformed(part, Fault::of(rule))
}

/// The ID of a proof in the replay store (RFC 9449 §11.1). Clients choose `jti`, so the ID covers the key and the URL
/// too. Each part follows its length, so that different parts never have the same concatenation.
fn id_of(key: &ProofKey, claims: &CheckedClaims<'_>) -> [u8; SHA256_OUTPUT_LEN] {
    let parts = [
        &key.thumbprint.0[..],
        claims.url.as_bytes(),
        claims.jti.as_bytes(),
    ];
    // A digest of one text is faster than one of several, which needs a context.
    let mut text = Vec::with_capacity(parts.iter().map(|part| part.len() + 8).sum());
    for part in parts {
        text.extend_from_slice(&(part.len() as u64).to_be_bytes());
        text.extend_from_slice(part);
    }
    let id = digest(&SHA256, &text);
    id.as_ref().try_into().expect("SHA-256 has 32 bytes")
}

impl fmt::Debug for ProofVerifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProofVerifier")
            .field("algorithms", &self.algorithms)
            .field("max_length", &self.max_length)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
