//! A DPoP proof: from the text of the `DPoP` field to what it proves (RFC 9449 §4.3).
//!
//! A proof is checked in this order: its form, its key, its signature, and then its claims. The key must be the one
//! that the token is bound to, so the server verifies no signature with a key that a client has made up.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use quick_cache::sync::Cache;

use super::proof_claims::{CheckedClaims, Expected, ProofClaims};
use super::proof_header::ProofHeader;
use super::proof_key::ProofKey;
use super::proof_refusal::{ProofPart, ProofRefusal};
use crate::json::Fault;
use crate::sha256::{Sha256Digest, sha256};
use crate::verify::jwt::jws::{
    Jws, THREE_SEGMENTS, USUAL_HEADER_LENGTH, USUAL_PAYLOAD_LENGTH, USUAL_SIGNATURE_LENGTH,
};
use crate::verify::keys::algorithm::Algorithm;
use crate::verify_error::VerifyError;

/// Verifies proofs, and caches the keys of clients.
pub(super) struct ProofVerifier {
    algorithms: Vec<Algorithm>,
    max_length: usize,
    /// By the thumbprint that the token names. A key is added after it has verified a signature.
    known_keys: Cache<Box<str>, Arc<KnownKey>>,
}

/// A key, and the encoded header from which it was read. The proofs of a client usually have the same header.
struct KnownKey {
    header: Box<[u8]>,
    key: ProofKey,
}

/// The maximum number of keys in the cache. A key has about 1 KB.
const MAX_KNOWN_KEYS: usize = 1_000;

/// A proof that is valid if it was not used before, and if its nonce is accepted.
#[derive(Debug)]
pub(super) struct ValidProof {
    /// The SHA-256 thumbprint of its key.
    pub(super) key: Sha256Digest,
    /// SHA-256 over thumbprint, `htu` and `jti`, each with its length.
    pub(super) id: Sha256Digest,
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
        let signer = self.signer(&jws, expected)?;

        let mut buffer = [0; USUAL_PAYLOAD_LENGTH];
        let payload = jws
            .decode_payload_into(&mut buffer)
            .ok_or_else(|| undecodable(ProofPart::Payload))?;
        let claims = ProofClaims::parse(&payload)?;
        let claims = claims.check(expected)?;
        Ok(ValidProof {
            key: signer.key.thumbprint.0,
            id: id_of(&signer.key, &claims),
            ends_at: claims.ends_at,
            nonce: claims.nonce.map(Box::from),
        })
    }

    /// The key of the header, after it has verified the signature.
    fn signer(
        &self,
        jws: &Jws<'_>,
        expected: &Expected<'_>,
    ) -> Result<Arc<KnownKey>, ProofRefusal> {
        let header = jws.encoded_header();
        let known = self.known_keys.get(expected.thumbprint);
        if let Some(known) = known.filter(|known| *known.header == *header) {
            check_signature(jws, &known.key)?;
            return Ok(known);
        }
        let read = Arc::new(KnownKey {
            key: self.read_key(jws, expected)?,
            header: header.into(),
        });
        check_signature(jws, &read.key)?;
        let thumbprint = expected.thumbprint.into();
        self.known_keys.insert(thumbprint, Arc::clone(&read));
        Ok(read)
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
fn id_of(key: &ProofKey, claims: &CheckedClaims<'_>) -> Sha256Digest {
    let parts = [
        &key.thumbprint.0[..],
        claims.url.as_bytes(),
        claims.jti.as_bytes(),
    ];
    let mut text = Vec::with_capacity(parts.iter().map(|part| part.len() + 8).sum());
    for part in parts {
        text.extend_from_slice(&(part.len() as u64).to_be_bytes());
        text.extend_from_slice(part);
    }
    sha256(&text)
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
