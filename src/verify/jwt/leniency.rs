//! What an operator who trusts an issuer may accept: checks that are given up, and shapes that are odd.

use super::builder::JwtVerifierBuilder;
use super::claims::SubjectType;

/// # Unsafe choices
///
/// Each gives up a check that the specifications ask for.
impl JwtVerifierBuilder {
    /// Accepts tokens of whatever issuer, as long as a key here made the signature.
    ///
    /// Such an issuer can name any other in its tokens, so principals include the
    /// [name](Self::name) of this verifier, or a digest of its keys.
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

    /// Accepts tokens without `exp`, which are good for ever.
    pub fn accept_missing_expiry(mut self) -> Self {
        self.accept_missing_expiry = true;
        self
    }

    /// Accepts tokens whose `iat` lies in the future.
    pub fn accept_future_issued_at(mut self) -> Self {
        self.accept_future_issued_at = true;
        self
    }

    /// Accepts tokens that are bound to a key (`cnf`: DPoP, mTLS) as plain bearer tokens, so that
    /// whoever steals one can use it. For servers where something else checks the binding.
    pub fn accept_unchecked_confirmation(mut self) -> Self {
        self.accept_unchecked_confirmation = true;
        self
    }
}

/// # Tokens that are slightly odd
///
/// For issuers that you trust and whose good tokens are refused for their shape.
impl JwtVerifierBuilder {
    /// Accepts a `sub` that is an integer, for issuers that write the number of a user: `"sub":12345` is the
    /// subject `12345`, the digits as they are written.
    ///
    /// The integer has at most 20 digits, and neither sign, fraction nor exponent. RFC 7519 §4.1.2 asks for
    /// a string, so that by default such a token is malformed.
    pub fn accept_numeric_subject(mut self) -> Self {
        self.subject_type = SubjectType::StringOrInteger;
        self
    }

    /// Accepts tokens with `at_hash` or `c_hash`, which by default mark an ID token (OpenID Connect Core
    /// §3.1.3.6): Dex writes `at_hash` into its access tokens as well.
    ///
    /// ID tokens of the issuer then pass wherever nothing else tells them apart. Require a claim that they do
    /// not have, or an audience that is not the client's ID.
    pub fn accept_hash_claims(mut self) -> Self {
        self.accept_hash_claims = true;
        self
    }
}
