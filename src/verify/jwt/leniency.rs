//! Settings that give up a check or accept tokens of an unusual shape.

use super::builder::JwtVerifierBuilder;
use crate::verify::claims::registered::SubjectType;

/// # Unsafe choices
///
/// Each gives up a check that the specifications ask for.
impl JwtVerifierBuilder {
    /// Accepts tokens of any issuer if one of the verifier's keys made the signature.
    ///
    /// The holder of such a key can write any `iss` into a token. So principals include the [name](Self::name) of this
    /// verifier or, without a name, a digest of its keys and key source.
    pub fn accept_any_issuer(mut self) -> Self {
        self.any_issuer = true;
        self
    }

    /// Accepts tokens that were issued for other services, which those services can then replay
    /// here (RFC 8707 §2, RFC 9068 §4).
    pub fn accept_any_audience(mut self) -> Self {
        self.any_audience = true;
        self
    }

    /// Accepts tokens without `exp`, which never expire.
    pub fn accept_missing_expiry(mut self) -> Self {
        self.accept_missing_expiry = true;
        self
    }

    /// Accepts tokens whose `iat` lies in the future.
    pub fn accept_future_issued_at(mut self) -> Self {
        self.accept_future_issued_at = true;
        self
    }

    /// Accepts tokens that are bound to a key (`cnf`: DPoP, mTLS) as plain bearer tokens, so that an attacker can use a
    /// stolen one. Use it only if another component checks the binding.
    pub fn accept_unchecked_confirmation(mut self) -> Self {
        self.accept_unchecked_confirmation = true;
        self
    }
}

/// # Tokens of an unusual shape
///
/// For issuers that you trust and whose valid tokens are refused for their shape.
impl JwtVerifierBuilder {
    /// Accepts a `sub` that is an integer, for issuers that write a numeric user ID: `"sub":12345` is the subject
    /// `12345`.
    ///
    /// The integer has at most 20 digits and no sign, fraction or exponent. RFC 7519 §4.1.2 requires a string, so by
    /// default such a token is malformed.
    pub fn accept_numeric_subject(mut self) -> Self {
        self.subject_type = SubjectType::StringOrInteger;
        self
    }

    /// Accepts tokens with `at_hash` or `c_hash`. By default these claims mark an ID token (OpenID Connect Core
    /// §3.1.3.6), but Dex writes `at_hash` into its access tokens as well.
    ///
    /// ID tokens of the issuer are then accepted unless another check refuses them. Require a claim that ID tokens do not
    /// have, or an audience that is not the client's ID.
    pub fn accept_hash_claims(mut self) -> Self {
        self.accept_hash_claims = true;
        self
    }
}
