//! The error and the log event for a proof that is refused.

use crate::json::Fault;
use crate::telemetry::POSSESSION;
use crate::verify_error::{InvalidProofReason, InvalidReason, VerifyError};

/// The reason for which a proof is refused, and the rule that it breaks.
#[derive(Debug)]
pub(super) struct ProofRefusal {
    reason: Reason,
    part: ProofPart,
    fault: Fault,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reason {
    OtherKey,
    Proof(InvalidProofReason),
}

/// The part of a proof that breaks a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ProofPart {
    Proof,
    Header,
    Payload,
    Signature,
}

impl ProofPart {
    fn as_str(self) -> &'static str {
        match self {
            Self::Proof => "proof",
            Self::Header => "header",
            Self::Payload => "payload",
            Self::Signature => "signature",
        }
    }
}

impl ProofRefusal {
    pub(super) fn malformed(part: ProofPart, fault: Fault) -> Self {
        Self {
            reason: Reason::Proof(InvalidProofReason::Malformed),
            part,
            fault,
        }
    }

    /// The key of the proof is not the one that the token is bound to.
    pub(super) fn other_key() -> Self {
        Self {
            reason: Reason::OtherKey,
            part: ProofPart::Header,
            fault: Fault::in_member("jwk", "it is not the key that the token is bound to"),
        }
    }

    pub(super) fn bad_signature(rule: &'static str) -> Self {
        Self {
            reason: Reason::Proof(InvalidProofReason::BadSignature),
            part: ProofPart::Signature,
            fault: Fault::of(rule),
        }
    }

    /// A claim that is well-formed and does not fit.
    pub(super) fn in_claim(
        reason: InvalidProofReason,
        claim: &'static str,
        rule: &'static str,
    ) -> Self {
        Self {
            reason: Reason::Proof(reason),
            part: ProofPart::Payload,
            fault: Fault::in_member(claim, rule),
        }
    }

    /// Logs which rule the proof breaks, and never anything from the proof.
    pub(super) fn log(self) -> VerifyError {
        tracing::debug!(
            target: POSSESSION,
            part = self.part.as_str(),
            member = self.fault.member(),
            rule = self.fault.rule(),
            "the proof is refused",
        );
        match self.reason {
            Reason::OtherKey => VerifyError::invalid(InvalidReason::OtherKey),
            Reason::Proof(reason) => VerifyError::invalid_proof(reason),
        }
    }
}
