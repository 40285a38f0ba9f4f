//! The error of a verifier. It does not depend on HTTP: the `reject` module turns it into a response.

use std::convert::Infallible;
use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tower::BoxError;

use crate::authentication_requirement::AuthenticationRequirement;
use crate::error_chain::find_error;
pub use crate::invalid_proof_reason::InvalidProofReason;
pub use crate::invalid_reason::InvalidReason;
use crate::scopes::Scopes;

/// The error of a verifier: the reason why a token was not verified.
///
/// | [`kind`](Self::kind) | meaning | the layer answers |
/// |---|---|---|
/// | `Invalid` | the token is not acceptable | 401 `invalid_token` |
/// | `InsufficientScope` | the token is valid and lacks a scope | 403 `insufficient_scope` |
/// | `InsufficientAuthentication` | the token is valid, and its user must authenticate again or in another way | 401 `insufficient_user_authentication` |
/// | `InvalidProof` | the token is bound to a key, and the proof of possession is not acceptable | 401 `invalid_dpop_proof` |
/// | `NonceRequired` | the proof of possession needs this nonce | 401 `use_dpop_nonce` |
/// | `Unavailable` | the token cannot be verified now | 503 with `Retry-After` |
///
/// # Errors of other layers
///
/// A verifier inside tower layers often fails with a [`BoxError`]. It converts into the first `VerifyError` in its
/// chain of [sources](Error::source), since `tower::buffer` wraps the error of the service behind it. Without one, it
/// converts into *unavailable*, as for a timeout, a full queue or a closed connection. This includes strings:
/// `Err("bad key".into())` in a `tower::service_fn` that returns `BoxError` means 503. Return [`VerifyError::invalid`]
/// to refuse a token.
#[derive(Clone)]
pub struct VerifyError(Cause);

#[derive(Clone)]
enum Cause {
    Invalid(InvalidReason),
    /// The token is invalid for a reason that would allow a fallback without [`VerifyError::without_fallback`].
    Terminal(Terminal),
    /// The cached key did not verify the signature. The issuer may have replaced the key, so a later fetch may make
    /// the token valid.
    BadSignatureForNow,
    InsufficientScope(Arc<Scopes>),
    InsufficientAuthentication(Arc<AuthenticationRequirement>),
    InvalidProof(InvalidProofReason),
    NonceRequired(Arc<str>),
    Unavailable(Arc<Outage>),
}

/// The reasons that would allow a fallback, for an error that prevents it. The type is small to keep errors small.
#[derive(Clone, Copy)]
enum Terminal {
    Malformed,
    Unrecognized,
    WrongIssuer,
}

impl Terminal {
    /// Returns `None` for a reason that never allows a fallback.
    fn of(reason: InvalidReason) -> Option<Self> {
        match reason {
            InvalidReason::Malformed => Some(Self::Malformed),
            InvalidReason::Unrecognized => Some(Self::Unrecognized),
            InvalidReason::WrongIssuer => Some(Self::WrongIssuer),
            InvalidReason::TooLong
            | InvalidReason::UnsupportedAlgorithm
            | InvalidReason::UnknownKey
            | InvalidReason::BadSignature
            | InvalidReason::Expired
            | InvalidReason::NotYetValid
            | InvalidReason::WrongAudience
            | InvalidReason::WrongType
            | InvalidReason::MissingClaim
            | InvalidReason::InvalidClaim
            | InvalidReason::BoundToKey
            | InvalidReason::OtherKey
            | InvalidReason::NotBoundToKey
            | InvalidReason::Revoked
            | InvalidReason::Other(_) => None,
        }
    }

    fn reason(self) -> InvalidReason {
        match self {
            Self::Malformed => InvalidReason::Malformed,
            Self::Unrecognized => InvalidReason::Unrecognized,
            Self::WrongIssuer => InvalidReason::WrongIssuer,
        }
    }
}

#[derive(Clone)]
struct Outage {
    source: Arc<dyn Error + Send + Sync>,
    retry_after: Option<Duration>,
}

/// The kinds of [`VerifyError`].
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum VerifyErrorKind<'a> {
    /// The token is not acceptable.
    Invalid(InvalidReason),
    /// The token is valid and lacks one of these scopes.
    InsufficientScope(&'a Scopes),
    /// The token is valid, and its user has not authenticated like this (RFC 9470).
    InsufficientAuthentication(&'a AuthenticationRequirement),
    /// The token is valid, and the proof that its sender has the key of the token is not acceptable.
    InvalidProof(InvalidProofReason),
    /// The token is valid, and the proof needs this nonce (RFC 9449 §9).
    NonceRequired(&'a str),
    /// The token cannot be verified now.
    Unavailable,
}

impl VerifyError {
    /// Creates the error for a token that is not acceptable.
    ///
    /// `reason` is an [`InvalidReason`] or a sentence for the developer of the client. The sentence is `'static`, so
    /// that it cannot contain input from the client.
    ///
    /// With the reasons `Malformed`, `Unrecognized` and `WrongIssuer`, [`or_else`](crate::VerifierExt::or_else) falls
    /// back to the next verifier; see [`without_fallback`](Self::without_fallback).
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

    /// Prevents a fallback to another verifier. [`allows_fallback`](Self::allows_fallback) then returns `false`.
    ///
    /// Use it if the token belongs to this verifier although it is malformed or not recognized. Another verifier,
    /// which may be less strict, then cannot accept it. Errors that allow no fallback are not changed.
    ///
    /// ```
    /// use tower_bearer_auth::{
    ///     AccessToken, InvalidReason, StaticToken, StaticTokenVerifier, VerifierExt, VerifyError, verify_fn,
    /// };
    /// # use tower::ServiceExt;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let session_ids = verify_fn(|token| async move {
    ///     let Some(id) = token.as_str().strip_prefix("session-") else {
    ///         // Not a session ID: the other verifier may recognize it.
    ///         return Err(VerifyError::invalid(InvalidReason::Malformed));
    ///     };
    ///     match id.parse::<u64>() {
    ///         Ok(id) => Ok(AccessToken::builder(token.clone()).subject(id.to_string()).build()),
    ///         // A malformed session ID: no other verifier may accept it.
    ///         Err(_) => Err(VerifyError::invalid(InvalidReason::Malformed).without_fallback()),
    ///     }
    /// });
    /// let keys = StaticTokenVerifier::new([
    ///     ("key-1", StaticToken::new("reports")),
    ///     ("session-x", StaticToken::new("never accepted")),
    /// ]);
    /// let verifier = session_ids.or_else(keys);
    /// # let verify = |token: &str| verifier.clone().oneshot(token.parse().unwrap());
    ///
    /// assert!(verify("session-7").await.is_ok());
    /// assert!(verify("key-1").await.is_ok());
    /// assert!(verify("session-x").await.is_err());
    /// # }
    /// ```
    #[must_use]
    pub fn without_fallback(self) -> Self {
        let terminal = match &self.0 {
            Cause::Invalid(reason) => Terminal::of(*reason),
            Cause::Terminal(_)
            | Cause::BadSignatureForNow
            | Cause::InsufficientScope(_)
            | Cause::InsufficientAuthentication(_)
            | Cause::InvalidProof(_)
            | Cause::NonceRequired(_)
            | Cause::Unavailable(_) => None,
        };
        match terminal {
            Some(terminal) => Self(Cause::Terminal(terminal)),
            None => self,
        }
    }

    /// Creates the error for a signature that the cached key with the token's `kid` did not verify. The issuer may
    /// have replaced the key, so caches must not keep this result.
    pub(crate) fn bad_signature_for_now() -> Self {
        Self(Cause::BadSignatureForNow)
    }

    /// Whether a later fetch of keys may make the token valid.
    #[cfg(feature = "cache")]
    pub(crate) fn is_provisional(&self) -> bool {
        matches!(self.0, Cause::BadSignatureForNow)
    }

    /// Creates the error for a valid token that lacks one of these scopes.
    pub fn insufficient_scope(required: Scopes) -> Self {
        Self(Cause::InsufficientScope(Arc::new(required)))
    }

    /// Creates the error for a valid token whose user has not authenticated like this (RFC 9470).
    pub fn insufficient_authentication(required: AuthenticationRequirement) -> Self {
        Self(Cause::InsufficientAuthentication(Arc::new(required)))
    }

    /// Creates the error for a proof of possession that is not acceptable, in a
    /// [`RequestCheck`](crate::possession::RequestCheck).
    pub fn invalid_proof(reason: InvalidProofReason) -> Self {
        Self(Cause::InvalidProof(reason))
    }

    /// Creates the error for a proof of possession that needs this nonce (RFC 9449 §9), in a
    /// [`RequestCheck`](crate::possession::RequestCheck).
    ///
    /// # Panics
    ///
    /// If the nonce is empty, or has a character other than those of RFC 9449 §8.1: visible ASCII without `"` and `\`.
    #[track_caller]
    pub fn nonce_required(nonce: impl Into<Arc<str>>) -> Self {
        let nonce = nonce.into();
        let is_allowed = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\\');
        assert!(
            !nonce.is_empty() && nonce.bytes().all(is_allowed),
            "a nonce has visible ASCII characters only, without quotes and backslashes"
        );
        Self(Cause::NonceRequired(nonce))
    }

    /// Creates the error for a token that cannot be verified now. The source is logged and is not sent to clients.
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

    /// Sets the delay after which clients should retry, rounded up to whole seconds in `Retry-After`. Errors other
    /// than *unavailable* are not changed.
    #[must_use]
    pub fn with_retry_after(mut self, delay: Duration) -> Self {
        if let Cause::Unavailable(outage) = &mut self.0 {
            Arc::make_mut(outage).retry_after = Some(delay);
        }
        self
    }

    /// The kind of the error.
    pub fn kind(&self) -> VerifyErrorKind<'_> {
        match &self.0 {
            Cause::Invalid(reason) => VerifyErrorKind::Invalid(*reason),
            Cause::BadSignatureForNow => VerifyErrorKind::Invalid(InvalidReason::BadSignature),
            Cause::Terminal(terminal) => VerifyErrorKind::Invalid(terminal.reason()),
            Cause::InsufficientScope(required) => VerifyErrorKind::InsufficientScope(required),
            Cause::InsufficientAuthentication(required) => {
                VerifyErrorKind::InsufficientAuthentication(required)
            }
            Cause::InvalidProof(reason) => VerifyErrorKind::InvalidProof(*reason),
            Cause::NonceRequired(nonce) => VerifyErrorKind::NonceRequired(nonce),
            Cause::Unavailable(_) => VerifyErrorKind::Unavailable,
        }
    }

    /// Whether another verifier may recognize this token, which [`or_else`](crate::VerifierExt::or_else) then calls.
    ///
    /// It is `true` for the reasons `Malformed`, `Unrecognized` and `WrongIssuer`, unless the verifier called
    /// [`without_fallback`](Self::without_fallback). It is `false` for a token that the verifier recognizes and
    /// refuses, and for a token that it cannot verify now.
    pub fn allows_fallback(&self) -> bool {
        match &self.0 {
            Cause::Invalid(reason) => Terminal::of(*reason).is_some(),
            Cause::Terminal(_)
            | Cause::BadSignatureForNow
            | Cause::InsufficientScope(_)
            | Cause::InsufficientAuthentication(_)
            | Cause::InvalidProof(_)
            | Cause::NonceRequired(_)
            | Cause::Unavailable(_) => false,
        }
    }

    /// The delay after which clients should retry, if the verifier is unavailable and set one.
    pub fn retry_after(&self) -> Option<Duration> {
        self.outage()?.retry_after
    }

    fn outage(&self) -> Option<&Outage> {
        match &self.0 {
            Cause::Unavailable(outage) => Some(outage),
            Cause::Invalid(_)
            | Cause::Terminal(_)
            | Cause::BadSignatureForNow
            | Cause::InsufficientScope(_)
            | Cause::InsufficientAuthentication(_)
            | Cause::InvalidProof(_)
            | Cause::NonceRequired(_) => None,
        }
    }
}

impl From<BoxError> for VerifyError {
    fn from(error: BoxError) -> Self {
        if let Some(found) = find_error::<Self>(&*error) {
            return found.clone();
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
            Cause::Terminal(terminal) => f.write_str(terminal.reason().description()),
            Cause::InsufficientScope(required) => {
                write!(f, "the access token lacks a scope of: {required}")
            }
            Cause::InsufficientAuthentication(required) => {
                write!(f, "the user has not authenticated as required: {required}")
            }
            Cause::InvalidProof(reason) => f.write_str(reason.description()),
            Cause::NonceRequired(_) => f.write_str("the proof of possession needs a nonce"),
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
            Cause::Terminal(terminal) => {
                f.debug_tuple("Invalid").field(&terminal.reason()).finish()
            }
            Cause::InsufficientScope(required) => {
                f.debug_tuple("InsufficientScope").field(required).finish()
            }
            Cause::InsufficientAuthentication(required) => f
                .debug_tuple("InsufficientAuthentication")
                .field(required)
                .finish(),
            Cause::InvalidProof(reason) => f.debug_tuple("InvalidProof").field(reason).finish(),
            Cause::NonceRequired(_) => f.write_str("NonceRequired(..)"),
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
        Some(&*self.outage()?.source)
    }
}

#[cfg(test)]
mod tests;
