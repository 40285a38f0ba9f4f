//! The signature of a token, and the search for the key that made it.

use std::borrow::Cow;
use std::future::Future;
use std::ops::Range;
use std::pin::Pin;
use std::sync::Arc;

use super::inner::Inner;
use super::jws::{Header, Jws, USUAL_SIGNATURE_LENGTH};
use super::key_wait::Mismatch;
use super::refusal::{TokenPart, undecodable};
use super::remote::RemoteKeys;
use crate::key_state::KeyState;
use crate::verify::keys::algorithm::{Algorithm, KeyKind};
use crate::verify::keys::key::VerifyingKey;
use crate::verify::keys::signer::{Found, SignatureSearch};
use crate::verify_error::InvalidReason;

/// The lengths, in bytes, of signatures by RSA keys of 512 to 2047 bits.
const WEAK_RSA_SIGNATURE_LENGTHS: Range<usize> = 64..256;

/// The parts of a token that its signature check needs. None is trusted yet.
pub(super) struct Candidate<'t> {
    pub(super) algorithm: Algorithm,
    pub(super) key_id: Option<&'t str>,
    signing_input: &'t [u8],
    pub(super) signature: Cow<'t, [u8]>,
}

/// Why no key is tried for an algorithm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BadAlgorithm {
    /// The setting of accepted algorithms excludes it.
    NotAccepted,
    /// No key can be one for it.
    NoKey,
}

/// Why no key is tried for a signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BadSignature {
    /// It cannot be decoded.
    Encoding,
    /// The algorithm makes no signature of this length.
    Length,
}

/// The result of the search for the key that made a signature.
pub(super) enum Signer {
    Known(Arc<KeyState>),
    Missing(Mismatch),
    Later(Pin<Box<dyn Future<Output = ()> + Send>>),
}

impl Inner {
    /// The algorithm, the key ID and the signature, and the fetched keys if they may verify it.
    pub(super) fn candidate<'t>(
        &self,
        jws: &Jws<'t>,
        header: &'t Header<'_>,
        buffer: &'t mut [u8; USUAL_SIGNATURE_LENGTH],
    ) -> Result<(Candidate<'t>, Option<&dyn RemoteKeys>), InvalidReason> {
        let remote = self.keys_for(header.algorithm);
        let remote = remote.map_err(|_| InvalidReason::UnsupportedAlgorithm)?;
        let candidate = Candidate::read(jws, header, remote.is_some(), buffer);
        let candidate = candidate.map_err(|bad| match bad {
            BadSignature::Encoding => undecodable(TokenPart::Signature),
            BadSignature::Length => InvalidReason::BadSignature,
        })?;
        Ok((candidate, remote))
    }

    /// The fetched keys, if they may verify a signature with this algorithm.
    pub(super) fn keys_for(
        &self,
        algorithm: Algorithm,
    ) -> Result<Option<&dyn RemoteKeys>, BadAlgorithm> {
        let accepted = self.algorithms.as_ref();
        if accepted.is_some_and(|accepted| !accepted.contains(&algorithm)) {
            return Err(BadAlgorithm::NotAccepted);
        }
        // Secrets are never fetched.
        let remote = self
            .remote
            .as_deref()
            .filter(|_| algorithm.key_kind() != KeyKind::Secret);
        if remote.is_none() && !self.keys.iter().any(|key| key.allows(algorithm)) {
            return Err(BadAlgorithm::NoKey);
        }
        Ok(remote)
    }

    /// Searches the keys of the verifier, and then the fetched ones.
    pub(super) fn signer(
        &self,
        candidate: &Candidate<'_>,
        remote: Option<&dyn RemoteKeys>,
        may_wait: bool,
    ) -> Result<Signer, InvalidReason> {
        let find_fetched =
            remote.map(|remote| move |search: &SignatureSearch<'_>| remote.find(search, may_wait));
        self.signer_among(candidate, find_fetched)
    }

    /// [`signer`](Self::signer) with another way to search the fetched keys.
    pub(super) fn signer_among(
        &self,
        candidate: &Candidate<'_>,
        find_fetched: Option<impl FnOnce(&SignatureSearch<'_>) -> Found>,
    ) -> Result<Signer, InvalidReason> {
        let signed = |key: &VerifyingKey| candidate.is_signed_by(key);
        let search = candidate.search(self.key_attempts, &signed);
        let found = match (search.among(&self.keys), find_fetched) {
            (Found::Signer(state), _) => return Ok(Signer::Known(state)),
            (Found::NoKey, None) => return Err(InvalidReason::UnknownKey),
            (Found::NotTheSigner | Found::NotAnUnnamedSigner | Found::Later(_), None) => {
                return Err(InvalidReason::BadSignature);
            }
            (
                Found::NoKey | Found::NotTheSigner | Found::NotAnUnnamedSigner | Found::Later(_),
                Some(find_fetched),
            ) => find_fetched(&search),
        };
        Ok(match found {
            Found::Signer(state) => Signer::Known(state),
            Found::NotTheSigner => Signer::Missing(Mismatch::BadSignature),
            // The key may have been added since the last fetch.
            Found::NoKey | Found::NotAnUnnamedSigner => {
                Signer::Missing(match candidate.is_of_weak_rsa_key() {
                    true => Mismatch::TooShort,
                    false => Mismatch::UnknownKey,
                })
            }
            Found::Later(end) => Signer::Later(end),
        })
    }
}

impl<'t> Candidate<'t> {
    /// Decodes the signature and checks its length.
    ///
    /// A signature of an impossible length is refused without a key. For that of a weak RSA key the keys are
    /// fetched, so that the log names the weak key.
    pub(super) fn read(
        jws: &Jws<'t>,
        header: &'t Header<'_>,
        keys_are_fetched: bool,
        buffer: &'t mut [u8; USUAL_SIGNATURE_LENGTH],
    ) -> Result<Self, BadSignature> {
        let algorithm = header.algorithm;
        let lengths = algorithm.signature_lengths();
        let signature = jws.decode_signature(*lengths.end(), buffer);
        let signature = signature.ok_or(BadSignature::Encoding)?;
        let is_possible = lengths.contains(&signature.len());
        let candidate = Self {
            algorithm,
            key_id: header.key_id.as_deref(),
            signing_input: jws.signing_input,
            signature,
        };
        match is_possible || (keys_are_fetched && candidate.is_of_weak_rsa_key()) {
            true => Ok(candidate),
            false => Err(BadSignature::Length),
        }
    }

    pub(super) fn is_signed_by(&self, key: &VerifyingKey) -> bool {
        key.verifies(self.algorithm, self.signing_input, &self.signature)
    }

    pub(super) fn search<'a>(
        &'a self,
        attempts: usize,
        signed: &'a dyn Fn(&VerifyingKey) -> bool,
    ) -> SignatureSearch<'a> {
        SignatureSearch {
            key_id: self.key_id,
            algorithm: self.algorithm,
            attempts,
            signed,
        }
    }

    /// Whether the signature may be from an RSA key that is too weak to be accepted.
    pub(super) fn is_of_weak_rsa_key(&self) -> bool {
        let is_rsa = self.algorithm.key_kind() == KeyKind::Rsa;
        is_rsa && WEAK_RSA_SIGNATURE_LENGTHS.contains(&self.signature.len())
    }
}
