//! Why a verifier did not vouch for a token. It knows no HTTP: `reject` turns it into an answer.

use std::convert::Infallible;
use std::error::Error;
use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use tower::BoxError;

use crate::scopes::Scopes;

/// What a verifier answers instead of an [`AccessToken`](crate::AccessToken).
///
/// | [`kind`](Self::kind) | means | the layer answers |
/// |---|---|---|
/// | `Invalid` | the token is not acceptable | 401 `invalid_token` |
/// | `InsufficientScope` | a good token without enough scope | 403 `insufficient_scope` |
/// | `Unavailable` | no answer is possible now | 503 with `Retry-After` |
///
/// # Errors of other layers
///
/// A verifier wrapped in tower layers often fails with a [`BoxError`]. Converted, it is the
/// `VerifyError` found anywhere along its chain of [sources](Error::source) (`tower::buffer` wraps
/// the error of the service behind it), and *unavailable* otherwise: a timeout, an overloaded
/// queue, a closed connection. That holds for a text as well, so `Err("bad key".into())` in a
/// `tower::service_fn` that returns `BoxError` means 503. Return [`VerifyError::invalid`] to refuse a
/// token.
#[derive(Clone)]
pub struct VerifyError(Cause);

#[derive(Clone)]
enum Cause {
    Invalid(InvalidReason),
    /// Invalid for a reason that otherwise says that the token is of another kind, which it is not.
    Terminal(Terminal),
    /// Invalid for the time being: the issuer may have replaced the key that did not verify the signature.
    BadSignatureForNow,
    InsufficientScope(Arc<Scopes>),
    Unavailable(Arc<Outage>),
}

#[derive(Clone, Copy)]
pub(crate) enum Terminal {
    Malformed,
    WrongIssuer,
}

impl Terminal {
    fn reason(self) -> InvalidReason {
        match self {
            Self::Malformed => InvalidReason::Malformed,
            Self::WrongIssuer => InvalidReason::WrongIssuer,
        }
    }
}

#[derive(Clone)]
struct Outage {
    source: Arc<dyn Error + Send + Sync>,
    retry_after: Option<Duration>,
}

/// The three ways in which a token is not verified.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum VerifyErrorKind<'a> {
    /// The token is not acceptable; another one may be.
    Invalid(InvalidReason),
    /// The token is good, but lacks these scopes.
    InsufficientScope(&'a Scopes),
    /// The verifier cannot tell at the moment.
    Unavailable,
}

impl VerifyError {
    /// The token is not acceptable.
    ///
    /// `reason` is an [`InvalidReason`] or a text of your own for the client's developer. The text
    /// is `'static`, so that it cannot repeat what the client sent.
    ///
    /// ```
    /// use tower_bearer_auth::{InvalidReason, VerifyError};
    ///
    /// let _ = VerifyError::invalid(InvalidReason::Unrecognized);
    /// let _ = VerifyError::invalid("The API key belongs to a closed account");
    /// ```
    pub fn invalid(reason: impl Into<InvalidReason>) -> Self {
        Self(Cause::Invalid(reason.into()))
    }

    /// The token is one of the verifier's kind, and not acceptable: no other verifier is to be asked.
    pub(crate) fn definite(reason: Terminal) -> Self {
        Self(Cause::Terminal(reason))
    }

    /// The cached key with the token's `kid` did not verify the signature. The issuer may have replaced the key, so caches
    /// must not keep this result.
    pub(crate) fn bad_signature_for_now() -> Self {
        Self(Cause::BadSignatureForNow)
    }

    /// Whether a later fetch of keys may make the token valid.
    #[cfg(feature = "cache")]
    pub(crate) fn is_provisional(&self) -> bool {
        matches!(self.0, Cause::BadSignatureForNow)
    }

    /// The token is good, but lacks these scopes.
    pub fn insufficient_scope(required: Scopes) -> Self {
        Self(Cause::InsufficientScope(Arc::new(required)))
    }

    /// The verifier cannot tell at the moment. The source is for logs; clients do not see it.
    ///
    /// ```
    /// use tower_bearer_auth::VerifyError;
    ///
    /// fn read_table() -> Result<String, VerifyError> {
    ///     std::fs::read_to_string("keys.txt").map_err(VerifyError::unavailable)
    /// }
    /// # let _ = read_table;
    /// ```
    pub fn unavailable(source: impl Into<BoxError>) -> Self {
        Self(Cause::Unavailable(Arc::new(Outage {
            source: source.into().into(),
            retry_after: None,
        })))
    }

    /// Tells clients of an unavailable verifier when to come back, rounded up to whole seconds.
    /// On other errors it does nothing.
    #[must_use]
    pub fn with_retry_after(mut self, delay: Duration) -> Self {
        if let Cause::Unavailable(outage) = &mut self.0 {
            Arc::make_mut(outage).retry_after = Some(delay);
        }
        self
    }

    /// Which of the three it is, with what belongs to it.
    pub fn kind(&self) -> VerifyErrorKind<'_> {
        match &self.0 {
            Cause::Invalid(reason) => VerifyErrorKind::Invalid(*reason),
            Cause::BadSignatureForNow => VerifyErrorKind::Invalid(InvalidReason::BadSignature),
            Cause::Terminal(definite) => VerifyErrorKind::Invalid(definite.reason()),
            Cause::InsufficientScope(required) => VerifyErrorKind::InsufficientScope(required),
            Cause::Unavailable(_) => VerifyErrorKind::Unavailable,
        }
    }

    /// Whether the token is none of the kind that the verifier is for, so that another verifier may know
    /// it: it is not of its form, it is unknown to it, or somebody else issued it. A token that *is* of
    /// its kind and is refused, or that it cannot tell about now, is nobody else's business.
    pub fn allows_fallback(&self) -> bool {
        matches!(
            self.0,
            Cause::Invalid(
                InvalidReason::Malformed | InvalidReason::Unrecognized | InvalidReason::WrongIssuer
            )
        )
    }

    /// When to come back, where an unavailable verifier knows.
    pub fn retry_after(&self) -> Option<Duration> {
        match &self.0 {
            Cause::Unavailable(outage) => outage.retry_after,
            _ => None,
        }
    }
}

impl From<BoxError> for VerifyError {
    fn from(error: BoxError) -> Self {
        let mut link: Option<&(dyn Error + 'static)> = Some(&*error);
        while let Some(current) = link {
            if let Some(found) = current.downcast_ref::<Self>() {
                return found.clone();
            }
            link = match current.downcast_ref::<io::Error>() {
                // Its own source is the one of the error inside it, which it skips.
                Some(wrapper) => wrapper.get_ref().map(|inner| inner as _),
                None => current.source(),
            };
        }
        Self::unavailable(error)
    }
}

impl From<Infallible> for VerifyError {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}

impl fmt::Display for VerifyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Cause::Invalid(reason) => f.write_str(reason.description()),
            Cause::BadSignatureForNow => f.write_str(InvalidReason::BadSignature.description()),
            Cause::Terminal(definite) => f.write_str(definite.reason().description()),
            Cause::InsufficientScope(required) => {
                write!(f, "the access token lacks a scope of: {required}")
            }
            Cause::Unavailable(_) => f.write_str("the access token cannot be verified now"),
        }
    }
}

impl fmt::Debug for VerifyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Cause::Invalid(reason) => f.debug_tuple("Invalid").field(reason).finish(),
            Cause::BadSignatureForNow => {
                let reason = InvalidReason::BadSignature;
                f.debug_tuple("Invalid").field(&reason).finish()
            }
            Cause::Terminal(definite) => {
                f.debug_tuple("Invalid").field(&definite.reason()).finish()
            }
            Cause::InsufficientScope(required) => {
                f.debug_tuple("InsufficientScope").field(required).finish()
            }
            Cause::Unavailable(outage) => f
                .debug_struct("Unavailable")
                .field("source", &outage.source)
                .field("retry_after", &outage.retry_after)
                .finish(),
        }
    }
}

impl Error for VerifyError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match &self.0 {
            Cause::Unavailable(outage) => Some(&*outage.source),
            _ => None,
        }
    }
}

/// Why a token is not acceptable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum InvalidReason {
    /// Not of the form that this verifier reads.
    Malformed,
    /// Longer than the layer accepts.
    TooLong,
    /// Signed with an algorithm that no key here allows, or not signed.
    UnsupportedAlgorithm,
    /// The key it names is not one of the issuer's.
    UnknownKey,
    /// The signature does not match.
    BadSignature,
    /// Past its expiry.
    Expired,
    /// Before its `nbf`, or issued in the future.
    NotYetValid,
    /// Issued by somebody else.
    WrongIssuer,
    /// Meant for another audience.
    WrongAudience,
    /// A token of another kind: an ID token, a logout token, another header `typ`.
    WrongType,
    /// A claim that is required here is missing.
    MissingClaim,
    /// A claim has a wrong type or value.
    InvalidClaim,
    /// Bound to a key (`cnf`, RFC 7800) whose possession nobody checked.
    BoundToKey,
    /// Unknown to the verifier.
    Unrecognized,
    /// Withdrawn by its issuer.
    Revoked,
    /// Another reason, in the words of the verifier.
    Other(&'static str),
}

impl InvalidReason {
    /// A sentence for the developer of the client, as it stands in `error_description`.
    pub fn description(&self) -> &'static str {
        match self {
            Self::Malformed => "The access token is malformed",
            Self::TooLong => "The access token is too long",
            Self::UnsupportedAlgorithm => "The access token's algorithm is not accepted",
            Self::UnknownKey => "The access token is signed with an unknown key",
            Self::BadSignature => "The access token's signature does not match",
            Self::Expired => "The access token expired",
            Self::NotYetValid => "The access token is not valid yet",
            Self::WrongIssuer => "The access token is from another issuer",
            Self::WrongAudience => "The access token is meant for another audience",
            Self::WrongType => "The token is not an access token for this server",
            Self::MissingClaim => "The access token lacks a required claim",
            Self::InvalidClaim => "The access token has an unacceptable claim",
            Self::BoundToKey => {
                "The access token is bound to a key and cannot be used as a bearer token"
            }
            Self::Unrecognized => "The access token is not recognized",
            Self::Revoked => "The access token was revoked",
            Self::Other(description) => description,
        }
    }

    /// A short constant name for logs and metrics, such as `expired`.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::TooLong => "too_long",
            Self::UnsupportedAlgorithm => "unsupported_algorithm",
            Self::UnknownKey => "unknown_key",
            Self::BadSignature => "bad_signature",
            Self::Expired => "expired",
            Self::NotYetValid => "not_yet_valid",
            Self::WrongIssuer => "wrong_issuer",
            Self::WrongAudience => "wrong_audience",
            Self::WrongType => "wrong_type",
            Self::MissingClaim => "missing_claim",
            Self::InvalidClaim => "invalid_claim",
            Self::BoundToKey => "bound_to_key",
            Self::Unrecognized => "unrecognized",
            Self::Revoked => "revoked",
            Self::Other(_) => "other",
        }
    }
}

impl From<&'static str> for InvalidReason {
    fn from(description: &'static str) -> Self {
        Self::Other(description)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct Wrapper(BoxError);

    impl fmt::Display for Wrapper {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("wrapped")
        }
    }

    impl Error for Wrapper {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            Some(&*self.0)
        }
    }

    #[test]
    fn a_refusal_is_found_inside_wrappers() {
        let refusal: BoxError = VerifyError::invalid(InvalidReason::Expired).into();
        let wrapped: BoxError = Wrapper(Wrapper(refusal).into()).into();
        let error = VerifyError::from(wrapped);
        assert!(matches!(
            error.kind(),
            VerifyErrorKind::Invalid(InvalidReason::Expired)
        ));
    }

    #[test]
    fn a_refusal_is_found_inside_an_io_error() {
        let refusal = VerifyError::invalid(InvalidReason::Expired);
        let error = VerifyError::from(BoxError::from(io::Error::other(refusal)));
        assert!(matches!(error.kind(), VerifyErrorKind::Invalid(_)));
    }

    #[test]
    fn every_other_error_is_unavailable_and_keeps_its_source() {
        let error = VerifyError::from(BoxError::from("bad key"));
        assert!(matches!(error.kind(), VerifyErrorKind::Unavailable));
        assert_eq!(error.source().unwrap().to_string(), "bad key");
        assert_eq!(error.retry_after(), None);
        let delay = Duration::from_secs(3);
        assert_eq!(error.with_retry_after(delay).retry_after(), Some(delay));
    }

    #[test]
    fn the_error_stays_small() {
        assert!(size_of::<VerifyError>() <= 3 * size_of::<usize>());
    }
}
