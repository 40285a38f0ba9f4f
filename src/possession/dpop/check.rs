//! The DPoP check of a layer: it verifies the proof of a request, and records its use.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderName, HeaderValue};

use super::htu::Target;
use super::nonces::NonceState;
use super::proof::{ProofVerifier, ValidProof};
use super::proof_claims::Expected;
use super::replay_store::ProofId;
use super::settings::{Dpop, UsedProofs};
use crate::access_token::AccessToken;
use crate::challenge_config::DpopChallenge;
use crate::credentials::Scheme;
use crate::http_url::Origin;
use crate::possession::checks::{Admitted, StartedChecks};
use crate::possession::request_head::RequestHead;
use crate::sha256::sha256;
use crate::verify::keys::algorithm::Algorithm;
use crate::verify_error::{InvalidProofReason, InvalidReason, VerifyError};

const DPOP: HeaderName = HeaderName::from_static("dpop");

/// How far the clocks of two replicas may differ. A replica whose clock is behind accepts a proof for longer.
const MAX_SKEW: Duration = Duration::from_secs(5);

/// The check of a layer. Clones share everything.
#[derive(Clone)]
pub(crate) struct DpopCheck {
    shared: Arc<Shared>,
    origin: Option<Origin>,
}

struct Shared {
    settings: Dpop,
    proofs: ProofVerifier,
}

/// A proof that is valid if it was not used before.
pub(crate) struct ProvenKey {
    id: ProofId,
    keep: Duration,
    next_nonce: Option<Box<HeaderValue>>,
}

impl DpopCheck {
    pub(crate) fn new(settings: Dpop) -> Self {
        let proofs = ProofVerifier::new(settings.algorithms.clone(), settings.max_proof_length);
        Self {
            origin: settings.origin.clone(),
            shared: Arc::new(Shared { settings, proofs }),
        }
    }

    /// What challenges say about this check.
    pub(crate) fn challenge(&self) -> DpopChallenge {
        let names: Vec<_> = self.algorithms().flat_map(Algorithm::names).collect();
        DpopChallenge {
            algorithms: names.join(" ").into(),
            is_required: self.is_required(),
        }
    }

    pub(crate) fn algorithms(&self) -> impl Iterator<Item = Algorithm> {
        self.shared.settings.algorithms.iter().copied()
    }

    pub(crate) fn is_required(&self) -> bool {
        self.shared.settings.is_required
    }

    /// Sets the origin to that of a resource, unless the settings have one.
    pub(crate) fn set_resource(&mut self, identifier: &str) {
        if self.shared.settings.origin.is_none() {
            self.origin = Origin::of_url(identifier).ok();
        }
    }

    pub(crate) fn has_origin(&self) -> bool {
        self.origin.is_some()
    }

    /// Checks the proof of a request whose token is verified. `None` if the request needs none.
    pub(crate) fn check(
        &self,
        head: RequestHead<'_>,
        scheme: Scheme,
        token: &AccessToken,
    ) -> Result<Option<ProvenKey>, VerifyError> {
        let thumbprint = token.bound_to().and_then(|bound_to| bound_to.jwk());
        match (scheme, thumbprint) {
            (Scheme::Bearer, None) => Ok(None),
            (Scheme::Bearer, Some(_)) => Err(VerifyError::invalid(InvalidReason::BoundToKey)),
            (Scheme::Dpop, None) => Err(VerifyError::invalid(InvalidReason::NotBoundToKey)),
            (Scheme::Dpop, Some(thumbprint)) => self.check_proof(head, token, thumbprint).map(Some),
        }
    }

    fn check_proof(
        &self,
        head: RequestHead<'_>,
        token: &AccessToken,
        thumbprint: &str,
    ) -> Result<ProvenKey, VerifyError> {
        let mut fields = head.headers.get_all(DPOP).iter();
        let proof = match (fields.next(), fields.next()) {
            (Some(proof), None) => proof,
            (None, _) => return Err(VerifyError::invalid_proof(InvalidProofReason::Missing)),
            (Some(_), Some(_)) => {
                return Err(VerifyError::invalid_proof(InvalidProofReason::Repeated));
            }
        };
        let settings = &self.shared.settings;
        let now = settings.clock.since_epoch();
        let origin = self.origin.as_ref().expect("the layer has checked it");
        let proof = self.shared.proofs.verify(
            proof.as_bytes(),
            &Expected {
                method: head.method.as_str(),
                target: Target {
                    origin,
                    path_prefix: &settings.path_prefix,
                    path: path_of_client(head),
                },
                token: token.token(),
                thumbprint,
                window: settings.window,
                now,
            },
        )?;
        let next_nonce = self.check_nonce(&proof, now)?;
        let client = match token.principal_bytes() {
            Some(principal) => sha256(&principal),
            None => proof.key,
        };
        Ok(ProvenKey {
            id: ProofId::new(proof.id, client, proof.key),
            keep: time_to_keep(proof.ends_at, now),
            next_nonce,
        })
    }

    /// Checks the nonce, if the layer requires one. Returns a new nonce if this one expires soon.
    fn check_nonce(
        &self,
        proof: &ValidProof,
        now: Duration,
    ) -> Result<Option<Box<HeaderValue>>, VerifyError> {
        let Some(nonces) = &self.shared.settings.nonces else {
            return Ok(None);
        };
        let state = match proof.nonce.as_deref() {
            Some(nonce) => nonces.state(nonce, now),
            None => NonceState::Unknown,
        };
        match state {
            NonceState::Good => Ok(None),
            NonceState::Ending => {
                let nonce = HeaderValue::try_from(nonces.fresh(now));
                Ok(Some(Box::new(nonce.expect("a nonce is visible ASCII"))))
            }
            NonceState::Unknown => Err(VerifyError::nonce_required(nonces.fresh(now))),
        }
    }

    /// Records the use of the proof, and refuses one that was used before.
    pub(crate) fn record_use(&self, proven: ProvenKey) -> StartedChecks {
        let ProvenKey {
            id,
            keep,
            next_nonce,
        } = proven;
        let admit = |first_use: Result<bool, _>| match first_use {
            Ok(true) => Ok(Admitted { next_nonce }),
            Ok(false) => Err(VerifyError::invalid_proof(InvalidProofReason::Replayed)),
            Err(error) => Err(VerifyError::unavailable(error)),
        };
        match &self.shared.settings.used_proofs {
            UsedProofs::Memory(memory) => {
                StartedChecks::Ended(admit(memory.first_use_now(&id, keep)))
            }
            UsedProofs::Store(store) => {
                let first_use = Arc::clone(store).first_use(id, keep);
                StartedChecks::Waiting(Box::pin(async move { admit(first_use.await) }))
            }
        }
    }
}

/// How long the use of a proof must be remembered, rounded up to whole seconds: a store may round down, and would
/// forget the proof too early.
fn time_to_keep(ends_at: Duration, now: Duration) -> Duration {
    let keep = ends_at.saturating_sub(now).saturating_add(MAX_SKEW);
    let part_of_a_second = u64::from(keep.subsec_nanos() > 0);
    Duration::from_secs(keep.as_secs().saturating_add(part_of_a_second))
}

/// The path that the client requested. A nested axum router has removed its prefix from the URI.
fn path_of_client(head: RequestHead<'_>) -> &str {
    #[cfg(feature = "axum")]
    if let Some(original) = head.extensions.get::<axum::extract::OriginalUri>() {
        return original.0.path();
    }
    head.uri.path()
}

impl fmt::Debug for DpopCheck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.shared.settings.fmt(f)
    }
}
