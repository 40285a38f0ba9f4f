//! Verifies tokens, and stores the revocations that follow from them.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::SystemTime;

use tower::{BoxError, ServiceExt};

use super::refusal::Refusal;
use super::seen::Seen;
use crate::access_token::AccessToken;
use crate::credentials::BearerToken;
use crate::error_chain::error_chain;
use crate::revocation::revocations::Revocations;
use crate::sha256::short_digest;
use crate::telemetry::REVOCATION;
use crate::verify::jwt::JwtVerifier;
use crate::verify_error::{InvalidReason, VerifyError};

/// What a token revokes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::revocation) enum Effect {
    Session {
        issuer: String,
        session: String,
    },
    Subject {
        issuer: String,
        subject: String,
        cutoff: SystemTime,
    },
}

/// Verifies tokens and carries them out. An endpoint shares it with its clones.
pub(in crate::revocation) struct Intake {
    component: &'static str,
    verifier: JwtVerifier,
    revocations: Revocations,
    seen: Seen,
    /// Whether the last revocation was not stored.
    has_failed: AtomicBool,
}

impl Intake {
    pub(in crate::revocation) fn new(
        component: &'static str,
        verifier: JwtVerifier,
        revocations: &Revocations,
    ) -> Self {
        Self {
            component,
            verifier,
            revocations: revocations.clone(),
            seen: Seen::default(),
            has_failed: AtomicBool::new(false),
        }
    }

    /// # Errors
    ///
    /// If the token is not acceptable, or if the keys are out of reach.
    pub(in crate::revocation) async fn verify(
        &self,
        token: &str,
    ) -> Result<AccessToken, VerifyError> {
        let malformed = |_| VerifyError::invalid(InvalidReason::Malformed);
        let token: BearerToken = token.parse().map_err(malformed)?;
        self.verifier.clone().oneshot(token).await
    }

    /// Whether this token was carried out before.
    pub(in crate::revocation) fn is_replay(&self, token: &AccessToken) -> bool {
        let (issuer, jti) = names(token);
        let is_known = self.seen.contains(issuer, jti);
        if is_known {
            let by = self.component;
            tracing::debug!(target: REVOCATION, by, "a pushed token was received before");
        }
        is_known
    }

    /// Stores the revocations, and remembers the token once all of them are stored.
    ///
    /// # Errors
    ///
    /// If one of them could not be stored. Others may be.
    pub(in crate::revocation) async fn carry_out(
        &self,
        token: &AccessToken,
        effects: &[Effect],
    ) -> Result<(), Refusal> {
        for effect in effects {
            if let Err(error) = self.revoke(effect).await {
                self.log_failure(&*error);
                return Err(Refusal::Unavailable(None));
            }
        }
        if !effects.is_empty() && self.has_failed.swap(false, Ordering::Relaxed) {
            let by = self.component;
            tracing::info!(target: REVOCATION, by, "revocations of pushed tokens are stored again");
        }
        let (issuer, jti) = names(token);
        self.seen.add(issuer, jti);
        for effect in effects {
            let revoked = match effect {
                Effect::Session { .. } => "session",
                Effect::Subject { .. } => "subject",
            };
            let token_digest = short_digest(token.token().as_bytes());
            tracing::info!(
                target: REVOCATION,
                by = self.component,
                revoked,
                issuer,
                jti,
                token_digest,
                "a pushed token revokes access tokens"
            );
        }
        Ok(())
    }

    async fn revoke(&self, effect: &Effect) -> Result<(), BoxError> {
        match effect {
            Effect::Session { issuer, session } => {
                self.revocations.revoke_session(issuer, session).await
            }
            Effect::Subject {
                issuer,
                subject,
                cutoff,
            } => {
                let revocations = &self.revocations;
                revocations.revoke_subject(issuer, subject, *cutoff).await
            }
        }
    }

    fn log_failure(&self, error: &(dyn std::error::Error + 'static)) {
        let error = error_chain(error);
        let by = self.component;
        match self.has_failed.swap(true, Ordering::Relaxed) {
            false => {
                tracing::warn!(target: REVOCATION, by, error, "revocations of pushed tokens cannot be stored");
            }
            true => {
                tracing::debug!(target: REVOCATION, by, error, "revocations of pushed tokens still cannot be stored");
            }
        }
    }
}

/// The issuer and the `jti`, which the verifier requires.
fn names(token: &AccessToken) -> (&str, &str) {
    let issuer = token.issuer().unwrap_or_default();
    (issuer, token.jwt_id().unwrap_or_default())
}

impl fmt::Debug for Intake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Intake")
            .field("verifier", &self.verifier)
            .field("revocations", &self.revocations)
            .finish_non_exhaustive()
    }
}
