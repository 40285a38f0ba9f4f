//! The checks of a layer, and the decision whether together they prove each key that a token is bound to.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use http::HeaderValue;
use serde_json::Value;

use super::client_certificate::ClientCertificate;
#[cfg(feature = "dpop")]
use super::dpop::{DpopCheck, ProvenKey};
use super::request_check::{CheckFuture, Checked, ErasedCheck, RequestCheck};
use super::request_head::RequestHead;
use crate::access_token::AccessToken;
use crate::credentials::Scheme;
#[cfg(feature = "dpop")]
use crate::verify::keys::algorithm::Algorithm;
use crate::verify_error::{InvalidReason, VerifyError};

/// The checks that a layer makes of a request after it has verified the token.
#[derive(Clone, Default)]
pub(crate) struct Checks {
    #[cfg(feature = "dpop")]
    pub(crate) dpop: Option<DpopCheck>,
    pub(crate) client_certificates: bool,
    own: Vec<Arc<dyn ErasedCheck>>,
}

/// What the checks add to the response.
#[derive(Debug, Default)]
pub(crate) struct Admitted {
    /// A nonce for the client's next proof (RFC 9449 §8.2). Boxed, because few responses have one.
    pub(crate) next_nonce: Option<Box<HeaderValue>>,
}

/// The result of starting the checks: a decision, or a future that yields it.
pub(crate) enum StartedChecks {
    Ended(Result<Admitted, VerifyError>),
    Waiting(ChecksFuture),
}

pub(crate) type ChecksFuture = Pin<Box<dyn Future<Output = Result<Admitted, VerifyError>> + Send>>;

/// The state of a request that has passed each check that completes at once.
struct Begun {
    /// Whether the token is bound to something that only a check of the application's own can prove.
    needs_own_proof: bool,
    #[cfg(feature = "dpop")]
    proven_key: Option<ProvenKey>,
}

impl Checks {
    pub(crate) fn add(&mut self, check: impl RequestCheck) {
        self.own.push(Arc::new(check));
    }

    /// The members of the metadata of a resource that say which proofs are checked (RFC 9728 §2).
    pub(crate) fn metadata(&self) -> Vec<(&'static str, Value)> {
        let mut members = Vec::new();
        #[cfg(feature = "dpop")]
        if let Some(dpop) = &self.dpop {
            let algorithms: Vec<_> = dpop.algorithms().flat_map(Algorithm::names).collect();
            members.push(("dpop_signing_alg_values_supported", algorithms.into()));
            if dpop.is_required() {
                members.push(("dpop_bound_access_tokens_required", true.into()));
            }
        }
        if self.client_certificates {
            members.push(("tls_client_certificate_bound_access_tokens", true.into()));
        }
        members
    }

    /// Checks a request whose token is verified.
    ///
    /// The use of a proof is recorded last, so that a request that another check refuses does not use up its proof.
    pub(crate) fn start(
        &self,
        head: RequestHead<'_>,
        scheme: Scheme,
        token: &AccessToken,
    ) -> StartedChecks {
        let begun = match self.begin(head, scheme, token) {
            Ok(begun) => begun,
            Err(error) => return StartedChecks::Ended(Err(error)),
        };
        if self.own.is_empty() {
            return match begun.needs_own_proof {
                true => StartedChecks::Ended(Err(VerifyError::invalid(InvalidReason::BoundToKey))),
                false => self.finish(begun),
            };
        }
        let own: Vec<_> = self
            .own
            .iter()
            .map(|check| check.check(head, scheme, token))
            .collect();
        let checks = self.clone();
        StartedChecks::Waiting(Box::pin(async move {
            let is_proven = is_proven(own).await?;
            if begun.needs_own_proof && !is_proven {
                return Err(VerifyError::invalid(InvalidReason::BoundToKey));
            }
            match checks.finish(begun) {
                StartedChecks::Ended(result) => result,
                StartedChecks::Waiting(future) => future.await,
            }
        }))
    }

    fn begin(
        &self,
        head: RequestHead<'_>,
        scheme: Scheme,
        token: &AccessToken,
    ) -> Result<Begun, VerifyError> {
        let bound_to = token.bound_to();
        let certificate = bound_to.and_then(|bound_to| bound_to.certificate());
        if let Some(thumbprint) = certificate.filter(|_| self.client_certificates) {
            let reason = match head.extensions.get::<ClientCertificate>() {
                None => Some(InvalidReason::BoundToKey),
                Some(presented) if presented.thumbprint() != thumbprint => {
                    Some(InvalidReason::OtherKey)
                }
                Some(_) => None,
            };
            if let Some(reason) = reason {
                return Err(VerifyError::invalid(reason));
            }
        }
        #[cfg(feature = "dpop")]
        let (proven_key, checks_jwk) = match &self.dpop {
            Some(dpop) => (dpop.check(head, scheme, token)?, true),
            None => (None, false),
        };
        #[cfg(not(feature = "dpop"))]
        let checks_jwk = {
            let _ = scheme;
            false
        };
        let needs_own_proof = bound_to.is_some_and(|bound_to| {
            bound_to.has_unknown()
                || (bound_to.jwk().is_some() && !checks_jwk)
                || (certificate.is_some() && !self.client_certificates)
        });
        Ok(Begun {
            needs_own_proof: needs_own_proof && !token.waives_confirmation(),
            #[cfg(feature = "dpop")]
            proven_key,
        })
    }

    /// Records the use of the proof, if the request has one.
    fn finish(&self, begun: Begun) -> StartedChecks {
        #[cfg(feature = "dpop")]
        if let (Some(dpop), Some(proven_key)) = (&self.dpop, begun.proven_key) {
            return dpop.record_use(proven_key);
        }
        let _ = begun;
        StartedChecks::Ended(Ok(Admitted::default()))
    }
}

/// Awaits the checks one after the other, until the first refusal. Returns whether one has proved the key.
async fn is_proven(checks: Vec<CheckFuture>) -> Result<bool, VerifyError> {
    let mut is_proven = false;
    for check in checks {
        is_proven |= match check.await? {
            Checked::Proven => true,
            Checked::Passed => false,
        };
    }
    Ok(is_proven)
}

impl fmt::Debug for Checks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Checks")
            .field("client_certificates", &self.client_certificates)
            .field("own", &self.own.len())
            .finish_non_exhaustive()
    }
}
