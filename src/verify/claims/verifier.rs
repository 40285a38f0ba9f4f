//! From the text of a claims set to what a verifier establishes about the token.

use std::borrow::Cow;
use std::sync::Arc;

use super::mapping::ClaimMapping;
use super::registered::{Claims, SubjectType};
use super::rules::ClaimRules;
use crate::access_token::{Confirmations, Verified};
use crate::clock::Clock;
use crate::json::Fault;
use crate::verify_error::InvalidReason;

/// Reads and checks claims as a [`ClaimPolicy`](super::policy::ClaimPolicy) says.
///
/// The steps are separate, since each verifier has checks of its own between them.
#[derive(Debug)]
pub(crate) struct ClaimsVerifier {
    /// The name of the verifier.
    pub(crate) verifier: Cow<'static, str>,
    /// Distinguishes the principals of verifiers with equal names, if tokens name no checked issuer.
    pub(super) authority: Option<Arc<str>>,
    pub(crate) rules: ClaimRules,
    pub(crate) mapping: ClaimMapping,
    pub(super) subject_type: SubjectType,
    pub(crate) clock: Clock,
}

impl ClaimsVerifier {
    /// Reads a payload into `claims`, which are still empty. They are large, so they are filled in place.
    pub(crate) fn read<'p>(&self, claims: &mut Claims<'p>, payload: &'p str) -> Result<(), Fault> {
        claims.fill(payload, self.subject_type)
    }

    /// Completes claims that were read from the payload for another purpose.
    pub(crate) fn settle<'p>(
        &self,
        claims: &mut Claims<'p>,
        payload: &'p str,
    ) -> Result<(), Fault> {
        claims.settle_subject(payload, self.subject_type)
    }

    /// Checks the claims at this time. The layer may check that the sender possesses the key that the token is bound
    /// to.
    pub(crate) fn check(
        &self,
        claims: &Claims<'_>,
        payload: &str,
        possession_is_checked: bool,
    ) -> Result<(), InvalidReason> {
        let now = self.clock.since_epoch();
        self.rules
            .check(claims, payload, now, possession_is_checked)
            .map_err(|fault| self.rules.log(fault))
    }

    /// Fills `verified` from the claims, of which it takes some. It becomes complete with the payload, which the caller moves into it.
    pub(crate) fn fill(
        &self,
        verified: &mut Verified,
        claims: &mut Claims<'_>,
        payload: &str,
    ) -> Result<(), InvalidReason> {
        verified.verifier = self.verifier.clone();
        verified.authority = self.authority.clone();
        verified.leeway = self.rules.leeway;
        verified.clock = self.clock.clone();
        if claims.cnf.occurs() {
            verified.confirmations = Confirmations::of_claims(payload);
            verified.waives_confirmation = self.rules.accept_unchecked_confirmation;
        }
        self.mapping
            .fill(verified, claims, payload)
            .map_err(|fault| self.rules.log(fault))
    }
}
