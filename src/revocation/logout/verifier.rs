use std::fmt;

use crate::config_error::ConfigError;
use crate::verify::claims::token_kind::TokenKind;
use crate::verify::jwt::{JwtVerifier, JwtVerifierBuilder};

/// Verifies logout tokens (OpenID Connect Back-Channel Logout 1.0 §2.4 and §2.6), for a
/// [`BackChannelLogout`](super::BackChannelLogout).
///
/// It is made from the settings of a [`JwtVerifier`]: keys, algorithms, issuers, leeway and clock mean the same. The
/// audience is different: it is the ID of the client that the user logged in with, and not the API.
///
/// ```
/// # #[cfg(feature = "jwks")]
/// # fn verifiers() -> Result<(), tower_bearer_auth::ConfigError> {
/// use tower_bearer_auth::revocation::LogoutTokenVerifier;
/// use tower_bearer_auth::JwtVerifier;
///
/// let issuer = "https://issuer.example.com";
/// let access_tokens = JwtVerifier::builder()
///     .discover(issuer)
///     .audience("https://api.example.com")
///     .build()?;
/// let jwks = access_tokens.jwks().expect("it fetches its keys").clone();
/// let logout_tokens = LogoutTokenVerifier::new(
///     JwtVerifier::builder()
///         .jwks(jwks)
///         .issuer(issuer)
///         .audience("client-of-the-web-app"),
/// )?;
/// # let _ = (access_tokens, logout_tokens);
/// # Ok(())
/// # }
/// ```
///
/// For several issuers with keys of their own, give each an endpoint of its own: all keys of a verifier serve all its
/// issuers.
///
/// # What is refused
///
/// A token with a form, header, signature, issuer, audience or date that [`jwt`](crate::verify::jwt#what-is-refused)
/// refuses, and a token
///
/// - whose header `typ` is neither `logout+jwt` nor `JWT`. Some issuers write no `typ`, which is accepted as well. Use
///   [`token_types`](JwtVerifierBuilder::token_types) to accept `logout+jwt` only;
/// - without `iss`, `iat`, `jti` or `exp`. Issuers that implement a draft write no `exp`:
///   [`accept_missing_expiry`](JwtVerifierBuilder::accept_missing_expiry) accepts their tokens;
/// - without the member `http://schemas.openid.net/event/backchannel-logout` in `events`, or with an event that is no
///   object;
/// - with neither `sub` nor `sid`, or with an empty `sid`;
/// - with a `nonce`, even if it is `null`.
///
/// So no ID token and no access token passes as a logout token. A [`JwtVerifier`] refuses logout tokens for their
/// `events`.
#[derive(Clone)]
pub struct LogoutTokenVerifier {
    pub(super) verifier: JwtVerifier,
}

impl LogoutTokenVerifier {
    /// Builds the verifier from the settings of a [`JwtVerifier`], of which those about scopes and the client have no
    /// effect.
    ///
    /// # Errors
    ///
    /// As [`JwtVerifierBuilder::build`], and for [`rfc9068`](JwtVerifierBuilder::rfc9068).
    pub fn new(settings: JwtVerifierBuilder) -> Result<Self, ConfigError> {
        let verifier = settings.build_for(TokenKind::Logout)?;
        Ok(Self { verifier })
    }
}

impl fmt::Debug for LogoutTokenVerifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("LogoutTokenVerifier")
            .field(&self.verifier)
            .finish()
    }
}
