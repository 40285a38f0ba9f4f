use std::fmt;

use crate::config_error::ConfigError;
use crate::verify::claims::token_kind::TokenKind;
use crate::verify::jwt::{JwtVerifier, JwtVerifierBuilder};

/// Verifies security event tokens, SETs (RFC 8417), for [`SecurityEvents`](super::SecurityEvents).
///
/// It is made from the settings of a [`JwtVerifier`]: keys, algorithms, issuers, leeway and clock mean the same. The
/// issuer is the transmitter of the events. The audience is the one that the transmitter has for this receiver.
///
/// ```
/// # #[cfg(feature = "jwks")]
/// # fn verifier() -> Result<(), tower_bearer_auth::ConfigError> {
/// use tower_bearer_auth::JwtVerifier;
/// use tower_bearer_auth::revocation::SecurityEventVerifier;
///
/// let verifier = SecurityEventVerifier::new(
///     JwtVerifier::builder()
///         .jwks_url("https://transmitter.example.com/jwks.json")
///         .issuer("https://transmitter.example.com")
///         .audience("https://api.example.com"),
/// )?;
/// # let _ = verifier;
/// # Ok(())
/// # }
/// ```
///
/// # What is refused
///
/// A token with a form, header, signature, issuer, audience or date that [`jwt`](crate::verify::jwt#what-is-refused)
/// refuses, and a token
///
/// - whose header `typ` is not `secevent+jwt`. A SET needs neither `exp` nor `sub` and can have any event, so that only
///   its type distinguishes it from other tokens of the issuer (RFC 8417 §4.5), and the Shared Signals Framework
///   requires the type. For a transmitter that writes `JWT`, use
///   [`also_token_types`](JwtVerifierBuilder::also_token_types);
/// - without `iss`, `iat` or `jti`;
/// - without `events`, or with an event that is no object.
///
/// A SET has no `exp` as a rule. If it has one, it is checked.
#[derive(Clone)]
pub struct SecurityEventVerifier {
    pub(super) verifier: JwtVerifier,
}

impl SecurityEventVerifier {
    /// Builds the verifier from the settings of a [`JwtVerifier`], of which those about scopes and the client have no
    /// effect.
    ///
    /// # Errors
    ///
    /// As [`JwtVerifierBuilder::build`], and for [`rfc9068`](JwtVerifierBuilder::rfc9068).
    pub fn new(settings: JwtVerifierBuilder) -> Result<Self, ConfigError> {
        let verifier = settings.build_for(TokenKind::SecurityEvent)?;
        Ok(Self { verifier })
    }
}

impl fmt::Debug for SecurityEventVerifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SecurityEventVerifier")
            .field(&self.verifier)
            .finish()
    }
}
