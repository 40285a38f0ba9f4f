//! Verifies signed introspection responses with the keys of their issuer (RFC 9701).

use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tower::ServiceExt;

use super::claims::token_kind::{INTROSPECTION_CLAIM, TokenKind};
use super::introspection::{AnswerFuture, AnswerVerifier, IntrospectionVerifierBuilder};
use super::jwt::{JwtVerifier, JwtVerifierBuilder};
use crate::access_token::AccessToken;
use crate::config_error::ConfigError;
use crate::json::written_members;
use crate::verify_error::{InvalidReason, VerifyError, VerifyErrorKind};

/// Verifies the signed responses of an introspection endpoint (RFC 9701), for
/// [`signed_responses`](IntrospectionVerifierBuilder::signed_responses). Use it if the responses cross a proxy or a
/// network that you do not trust, or if your security profile requires it.
///
/// It is made from the settings of a [`JwtVerifier`]: keys, algorithms, issuers, leeway and clock mean the same. The
/// audience is different: it is this server as a client of the authorization server, usually its client ID.
///
/// ```
/// # #[cfg(feature = "jwks")]
/// # fn verifier(secret: &str) -> Result<(), tower_bearer_auth::ConfigError> {
/// use tower_bearer_auth::{
///     IntrospectionResponseVerifier, IntrospectionVerifier, JwtVerifier,
/// };
///
/// let responses = IntrospectionResponseVerifier::new(
///     JwtVerifier::builder()
///         .discover("https://issuer.example.com")
///         .audience("notes-server"),
/// )?;
/// let verifier = IntrospectionVerifier::builder("https://issuer.example.com/introspect")
///     .client_secret_basic("notes-server", secret)
///     .signed_responses(responses)
///     .audience("https://api.example.com")
///     .build()?;
/// # let _ = verifier;
/// # Ok(())
/// # }
/// ```
///
/// # What is refused
///
/// A response with a form, header, signature, issuer, audience or date that [`jwt`](crate::verify::jwt#what-is-refused)
/// refuses, and a response
///
/// - whose header `typ` is not `token-introspection+jwt`;
/// - without `iss` or `iat`, or with a `token_introspection` that is not an object;
/// - that is older than 5 minutes and the leeway.
///
/// A response does not say which token it is about (RFC 9701 has no member for it). An attacker between the two servers
/// cannot change a response, but can send one again within these minutes: for a token that was revoked meanwhile, or for
/// another token. Error statuses are not signed, so it can also make tokens refused. So the connection still needs TLS.
///
/// Encrypted responses are not supported. A [`JwtVerifier`] refuses signed responses for their type, and for their
/// `token_introspection` if the issuer writes another type. So none of them passes as an access token.
#[derive(Clone)]
pub struct IntrospectionResponseVerifier {
    verifier: JwtVerifier,
}

/// The maximum age of a response, without the leeway.
const MAX_AGE: Duration = Duration::from_secs(300);

impl IntrospectionResponseVerifier {
    /// Builds the verifier from the settings of a [`JwtVerifier`]. Settings about scopes and the client have no effect.
    ///
    /// # Errors
    ///
    /// If [`JwtVerifierBuilder::build`] would fail, or if the settings contain
    /// [`rfc9068`](JwtVerifierBuilder::rfc9068).
    pub fn new(settings: JwtVerifierBuilder) -> Result<Self, ConfigError> {
        let verifier = settings.build_for(TokenKind::Introspection)?;
        Ok(Self { verifier })
    }
}

/// # Signed responses
impl IntrospectionVerifierBuilder {
    /// Requires responses that the authorization server has signed (RFC 9701), and requests them in the `Accept` field.
    /// Default: plain JSON, which is as trustworthy as its connection. A later call replaces an earlier one.
    ///
    /// Configure the authorization server to sign the responses for this client
    /// (`introspection_signed_response_alg`, RFC 9701 §6).
    pub fn signed_responses(self, verifier: IntrospectionResponseVerifier) -> Self {
        self.with_signed_answers(Arc::new(verifier))
    }
}

impl AnswerVerifier for IntrospectionResponseVerifier {
    fn verify(&self, jwt: String) -> AnswerFuture {
        let verifier = self.verifier.clone();
        Box::pin(async move {
            let jwt = jwt.trim_ascii().parse();
            let jwt = jwt.map_err(|_| Unacceptable::NotAJwt)?;
            let response = verifier.oneshot(jwt).await;
            Ok(members(&response.map_err(Unacceptable::from)?)?)
        })
    }
}

/// The members of a verified response.
fn members(response: &AccessToken) -> Result<String, Unacceptable> {
    let verified = response.verified();
    let issued_at = verified.issued_at.ok_or(Unacceptable::TooOld)?;
    let oldest = verified
        .clock
        .since_epoch()
        .saturating_sub(MAX_AGE + verified.leeway);
    if issued_at < oldest {
        return Err(Unacceptable::TooOld);
    }
    // As written: a parsed number could lose digits.
    let member = written_members(response.raw_claims()).find(|it| it.name == INTROSPECTION_CLAIM);
    let member = member.ok_or(Unacceptable::NotAJwt)?;
    Ok(member.value.to_owned())
}

/// Why a signed response is not used.
#[derive(Debug)]
enum Unacceptable {
    NotAJwt,
    TooOld,
    Refused(InvalidReason),
    /// The keys of the issuer are out of reach.
    NoKeys(VerifyError),
}

impl From<VerifyError> for Unacceptable {
    fn from(error: VerifyError) -> Self {
        match error.kind() {
            VerifyErrorKind::Invalid(reason) => Self::Refused(reason),
            VerifyErrorKind::Unavailable
            | VerifyErrorKind::InsufficientScope(_)
            | VerifyErrorKind::InsufficientAuthentication(_)
            | VerifyErrorKind::InvalidProof(_)
            | VerifyErrorKind::NonceRequired(_) => Self::NoKeys(error),
        }
    }
}

impl fmt::Display for Unacceptable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the signed answer of the introspection endpoint ")?;
        match self {
            Self::NotAJwt => f.write_str("is not a JWT"),
            Self::TooOld => f.write_str("is too old"),
            Self::Refused(reason) => write!(f, "is refused: {}", reason.as_str()),
            Self::NoKeys(_) => f.write_str("cannot be verified now"),
        }
    }
}

impl Error for Unacceptable {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            // Not the error itself: its kind is about another token than that of the request.
            Self::NoKeys(error) => error.source(),
            Self::NotAJwt | Self::TooOld | Self::Refused(_) => None,
        }
    }
}

impl fmt::Debug for IntrospectionResponseVerifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("IntrospectionResponseVerifier")
            .field(&self.verifier)
            .finish()
    }
}
