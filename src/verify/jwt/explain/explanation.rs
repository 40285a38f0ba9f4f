//! The data of an explanation.

use std::borrow::Cow;
use std::fmt;

use crate::access_token::AccessToken;
use crate::verify_error::{InvalidReason, VerifyError, VerifyErrorKind};

/// Every check of a [`JwtVerifier`](crate::JwtVerifier) on one token, with what was expected, what the token has and
/// what to change. [`JwtVerifier::explain`](crate::JwtVerifier::explain) makes it.
///
/// `Display` writes it as a text for a terminal, with a mark for each check. The text contains the claims of the token
/// and the settings of the verifier. It is for the developer who has the token, and must never be part of an answer to
/// a client or of a log. It contains no signature, no secret and no key, and no credentials and queries of configured
/// URLs. `Debug` shows the outcomes of the checks and nothing from the token.
#[derive(Clone)]
pub struct Explanation {
    verdict: Result<AccessToken, VerifyError>,
    checks: Vec<ExplainedCheck>,
    decisive: Option<usize>,
}

/// One check of an [`Explanation`].
#[derive(Clone)]
pub struct ExplainedCheck {
    pub(super) part: Part,
    name: Cow<'static, str>,
    outcome: CheckOutcome,
    reason: Option<InvalidReason>,
    expected: Option<String>,
    found: Option<String>,
    advice: Option<String>,
    details: Vec<String>,
}

/// The outcome of an [`ExplainedCheck`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum CheckOutcome {
    /// The token passes the check.
    Passed,
    /// The token does not pass the check.
    Failed,
    /// The verifier does not refuse the token for this, but it is probably not what you want.
    Noted,
    /// The verifier has no such requirement, or another component has it.
    NotApplicable,
    /// The check needs a part of the token that cannot be read.
    NotReached,
}

/// What a check is about. The text has a heading for each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    Text,
    Header,
    Signature,
    Claims,
    Layer,
}

/// The check of the keys and that of the signature.
pub(super) const KEYS: &str = "keys";
pub(super) const SIGNATURE: &str = "signature";

impl Explanation {
    pub(super) fn new(
        verdict: Result<AccessToken, VerifyError>,
        checks: Vec<ExplainedCheck>,
    ) -> Self {
        let reason = match verdict.as_ref().map_err(VerifyError::kind) {
            Ok(_) => None,
            Err(VerifyErrorKind::Invalid(reason)) => Some(reason),
            Err(
                VerifyErrorKind::InsufficientScope(_)
                | VerifyErrorKind::InsufficientAuthentication(_)
                | VerifyErrorKind::InvalidProof(_)
                | VerifyErrorKind::NonceRequired(_)
                | VerifyErrorKind::Unavailable,
            ) => None,
        };
        let failed = |check: &ExplainedCheck| check.outcome == CheckOutcome::Failed;
        let decisive = match verdict.is_ok() {
            true => None,
            false => checks
                .iter()
                .position(|check| failed(check) && check.reason == reason),
        };
        Self {
            verdict,
            checks,
            decisive,
        }
    }

    /// Whether the checks lead to the verdict. They do not if the keys were replaced in between, or if the token has
    /// just expired.
    pub(super) fn is_consistent(&self) -> bool {
        match self.verdict {
            Ok(_) => self
                .checks
                .iter()
                .all(|check| check.outcome != CheckOutcome::Failed),
            Err(_) => self.decisive.is_some(),
        }
    }

    /// The result of the verifier. It comes from a real verification.
    ///
    /// A text that is not a [`BearerToken`](crate::BearerToken) counts as [`Malformed`](InvalidReason::Malformed), as
    /// in the layer.
    ///
    /// # Errors
    ///
    /// The error of the verifier if it does not accept the token, or cannot verify it because keys cannot be fetched.
    pub fn verdict(&self) -> Result<&AccessToken, &VerifyError> {
        self.verdict.as_ref()
    }

    /// All checks, in the order of the verifier. Checks after the first that fails are included if what they need can
    /// be read, so that all faults of a token are known at once.
    pub fn checks(&self) -> &[ExplainedCheck] {
        &self.checks
    }

    /// The check that decided about a refused token. It is the first that failed, with two exceptions:
    ///
    /// - A token of another issuer is refused for its issuer, whatever else is wrong with it.
    /// - Claims are checked before keys are fetched, so a token with an unknown key and unacceptable claims is refused
    ///   for the claims. A token with an `nbf` or `iat` in the future is refused for it even if the known key did not
    ///   make the signature, because the issuer may have replaced the key. With
    ///   [`key_attempts`](crate::JwtVerifierBuilder::key_attempts) above 4, all claims take precedence over the keys.
    ///
    /// `None` for an accepted token. Also `None` if the keys were replaced several times during the explanation.
    pub fn decisive(&self) -> Option<&ExplainedCheck> {
        self.checks.get(self.decisive?)
    }

    /// Whether a key of the verifier made the signature of the token. If not, the header and the claims may be forged.
    pub fn is_signed(&self) -> bool {
        self.checks
            .iter()
            .any(|check| check.name == SIGNATURE && check.outcome == CheckOutcome::Passed)
    }
}

impl ExplainedCheck {
    pub(super) fn new(part: Part, name: impl Into<Cow<'static, str>>) -> Self {
        Self {
            part,
            name: name.into(),
            outcome: CheckOutcome::Passed,
            reason: None,
            expected: None,
            found: None,
            advice: None,
            details: Vec::new(),
        }
    }

    pub(super) fn not_reached(part: Part, name: &'static str) -> Self {
        Self::new(part, name).outcome_is(CheckOutcome::NotReached)
    }

    pub(super) fn outcome_is(mut self, outcome: CheckOutcome) -> Self {
        self.outcome = outcome;
        self
    }

    /// A check that refuses the token for this reason, or in an outage for none.
    pub(super) fn failed(mut self, reason: impl Into<Option<InvalidReason>>) -> Self {
        self.outcome = CheckOutcome::Failed;
        self.reason = reason.into();
        self
    }

    pub(super) fn want(mut self, text: impl Into<String>) -> Self {
        self.expected = Some(text.into());
        self
    }

    pub(super) fn got(mut self, text: impl Into<String>) -> Self {
        self.found = Some(text.into());
        self
    }

    pub(super) fn advise(mut self, text: impl Into<String>) -> Self {
        self.advice = Some(text.into());
        self
    }

    pub(super) fn list(mut self, lines: impl IntoIterator<Item = String>) -> Self {
        self.details.extend(lines);
        self
    }
}

/// # What it is about
impl ExplainedCheck {
    /// The name of the check: the name of the header member or claim, or one of `text`, `token`, `segments`, `header`,
    /// `algorithm`, `keys`, `signature`, `payload`, `kind`, `scopes`, `client`, `length` and `request`. For
    /// [`required_claims`](crate::JwtVerifierBuilder::required_claims) it begins with `required `, for
    /// [`claim_in`](crate::JwtVerifierBuilder::claim_in) with `value of `.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The outcome.
    pub fn outcome(&self) -> CheckOutcome {
        self.outcome
    }

    /// The reason for which a verifier refuses a token that fails this check alone. `None` if the check did not fail, and
    /// if keys cannot be fetched, which is no fault of the token.
    pub fn reason(&self) -> Option<InvalidReason> {
        self.reason
    }

    /// What the verifier requires, from its settings.
    pub fn expected(&self) -> Option<&str> {
        self.expected.as_deref()
    }

    /// What the token has. Long texts are shortened, and control characters are escaped.
    pub fn found(&self) -> Option<&str> {
        self.found.as_deref()
    }

    /// What to change.
    pub fn advice(&self) -> Option<&str> {
        self.advice.as_deref()
    }

    /// More lines, such as the keys that were tried and those that were left out.
    pub fn details(&self) -> impl Iterator<Item = &str> {
        self.details.iter().map(String::as_str)
    }
}

impl fmt::Debug for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verdict = self.verdict.as_ref().map(|_| "accepted");
        f.debug_struct("Explanation")
            .field("verdict", &verdict)
            .field("checks", &self.checks)
            .finish_non_exhaustive()
    }
}

/// It shows nothing from the token.
impl fmt::Debug for ExplainedCheck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ExplainedCheck")
            .field("name", &self.name)
            .field("outcome", &self.outcome)
            .field("reason", &self.reason)
            .finish_non_exhaustive()
    }
}
