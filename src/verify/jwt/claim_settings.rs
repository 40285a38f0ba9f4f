//! Settings about the claims and the type of a JWT.

use std::time::Duration;

use super::builder::JwtVerifierBuilder;
use crate::clock::Clock;
use crate::verify::claims::audience::Audience;
use crate::verify::claims::policy::add;
use crate::verify::claims::registered::SubjectType;
use crate::verify::claims::token_type::RFC9068_TYPE;

/// # Claims
///
/// An issuer and an audience are needed, or the setting that accepts any.
impl JwtVerifierBuilder {
    /// Accepts tokens of this issuer: `iss` must be the same text, byte by byte. Several calls add up.
    pub fn issuer(self, issuer: impl Into<String>) -> Self {
        self.issuers([issuer])
    }

    /// Accepts tokens of any of these issuers; see [`issuer`](Self::issuer). Several calls add up.
    ///
    /// All keys serve all issuers. Where each issuer has its own keys, give each its own verifier.
    pub fn issuers(mut self, issuers: impl IntoIterator<Item: Into<String>>) -> Self {
        add(self.policy.issuers.get_or_insert_default(), issuers);
        self
    }

    /// Accepts tokens for this audience: `aud` is it or contains it, byte by byte. A
    /// [`ProtectedResource`](crate::ProtectedResource) is compared as a resource identifier instead; see [`Audience`].
    /// Several calls add up.
    pub fn audience(self, audience: impl Into<Audience>) -> Self {
        self.audiences([audience])
    }

    /// Accepts tokens for any of these audiences; see [`audience`](Self::audience). Several calls add up.
    pub fn audiences(mut self, audiences: impl IntoIterator<Item: Into<Audience>>) -> Self {
        add(self.policy.audiences.get_or_insert_default(), audiences);
        self
    }

    /// The largest accepted difference between the issuer's clock and this one, for `exp`, `nbf` and `iat`.
    /// Default: 60 seconds; at most an hour. A later call replaces an earlier one.
    pub fn leeway(mut self, leeway: Duration) -> Self {
        self.policy.leeway = leeway;
        self
    }

    /// Requires these claims to have a value other than `null`. Names are literal names or JSON Pointers; see
    /// [`AccessToken::claim`](crate::AccessToken::claim). Several calls add up.
    pub fn required_claims(mut self, names: impl IntoIterator<Item: Into<String>>) -> Self {
        add(&mut self.policy.required_claims, names);
        self
    }

    /// Requires the claim `name`, a string or an array of strings, to have one of `values`. Several calls add up: all
    /// must hold.
    ///
    /// On `client_id`, `azp`, `cid` or `appid` it replaces the audience, for providers whose access tokens have none,
    /// such as Cognito and Clerk.
    pub fn claim_in(
        mut self,
        name: impl Into<String>,
        values: impl IntoIterator<Item: Into<String>>,
    ) -> Self {
        let values = values.into_iter().map(Into::into).collect();
        self.policy.claims_in.push((name.into(), values));
        self
    }

    /// Accepts only tokens whose header `typ` is one of these, with or without `application/` (RFC 8725 §3.11).
    /// Default: `JWT`, `at+jwt` and no `typ`. The first call replaces the default, and further calls add up, also with
    /// [`rfc9068`](Self::rfc9068).
    ///
    /// To accept a type in addition to the default ones use [`also_token_types`](Self::also_token_types).
    pub fn token_types(mut self, types: impl IntoIterator<Item: Into<String>>) -> Self {
        add(self.token_types.get_or_insert_default(), types);
        self
    }

    /// Accepts tokens whose header `typ` is one of these, in addition to `JWT`, `at+jwt` and no `typ`. Use it for
    /// an issuer with a type of its own. Several calls add up.
    ///
    /// `build` refuses it together with [`token_types`](Self::token_types) or [`rfc9068`](Self::rfc9068),
    /// which replace the default that this adds to.
    pub fn also_token_types(mut self, types: impl IntoIterator<Item: Into<String>>) -> Self {
        add(self.more_token_types.get_or_insert_default(), types);
        self
    }

    /// Requires the profile for JWT access tokens (RFC 9068 §2): `typ` is `at+jwt`, and `iss`, `exp`, `aud`, `sub`,
    /// `client_id`, `iat` and `jti` have values.
    ///
    /// It calls [`token_types`](Self::token_types) and [`required_claims`](Self::required_claims). `build` refuses it
    /// together with other token types.
    pub fn rfc9068(mut self) -> Self {
        self.rfc9068 = true;
        self.token_types([RFC9068_TYPE]).required_claims([
            "iss",
            "exp",
            "aud",
            "sub",
            "client_id",
            "iat",
            "jti",
        ])
    }

    /// The clock that dates are compared with. Default: the system's. A later call replaces an earlier one.
    pub fn clock(mut self, clock: Clock) -> Self {
        self.policy.clock = clock;
        self
    }
}

/// # Reading scopes and the client
impl JwtVerifierBuilder {
    /// Reads scopes from the first of these claims that has a value other than `null`: a space-delimited string, or an
    /// array with one scope per item. Names are literal names or JSON Pointers. Default: `scope`, then `scp`.
    /// The first call replaces the default, and further calls add up, in their order.
    pub fn scope_claims(mut self, names: impl IntoIterator<Item: Into<String>>) -> Self {
        add(self.policy.scope_claims.get_or_insert_default(), names);
        self
    }

    /// Reads scopes from all [`scope_claims`](Self::scope_claims) that a token has, instead of the first one. Use it
    /// for issuers that write scopes of the client into one claim and roles of the user into another.
    ///
    /// A role of the user then grants what a scope of the same name grants.
    pub fn merge_scope_claims(mut self) -> Self {
        self.policy.merge_scope_claims = true;
        self
    }

    /// Splits scope strings at these characters: `scope_delimiters([' ', ','])` for an issuer that writes `read,write`.
    /// An array still has one scope per item. Default: a space (RFC 6749 §3.3). The first call replaces the default, and
    /// further calls add up.
    ///
    /// `build` refuses an empty list, letters, digits and control characters.
    pub fn scope_delimiters(mut self, delimiters: impl IntoIterator<Item = char>) -> Self {
        add(
            self.policy.scope_delimiters.get_or_insert_default(),
            delimiters,
        );
        self
    }

    /// Makes a scope match with and without this prefix. A later call replaces an earlier one. Default: none.
    ///
    /// Entra ID requires clients to request `api://app/read` and then writes `read` into the token. Use the long form in
    /// layers and guards, so that challenges tell clients the scope to request.
    pub fn scope_prefix(mut self, prefix: impl Into<String>) -> Self {
        self.policy.scope_prefix = Some(prefix.into());
        self
    }

    /// Reads the client from the first of these claims that has a value other than `null`. Default: `client_id`, `azp`,
    /// `cid`, then `appid`. The first call replaces the default, and further calls add up, in their order.
    pub fn client_id_claims(mut self, names: impl IntoIterator<Item: Into<String>>) -> Self {
        add(self.policy.client_id_claims.get_or_insert_default(), names);
        self
    }
}

/// # Unsafe choices
///
/// Each gives up a check that the specifications require.
impl JwtVerifierBuilder {
    /// Accepts tokens of any issuer if one of the verifier's keys made the signature.
    ///
    /// The holder of such a key can write any `iss` into a token. So principals include the [name](Self::name) of this
    /// verifier or, without a name, a digest of its keys and key source.
    pub fn accept_any_issuer(mut self) -> Self {
        self.policy.any_issuer = true;
        self
    }

    /// Accepts tokens that were issued for other services, which those services can then replay
    /// here (RFC 8707 §2, RFC 9068 §4).
    pub fn accept_any_audience(mut self) -> Self {
        self.policy.any_audience = true;
        self
    }

    /// Accepts tokens without `exp`, which never expire.
    pub fn accept_missing_expiry(mut self) -> Self {
        self.policy.accept_missing_expiry = true;
        self
    }

    /// Accepts tokens whose `iat` lies in the future.
    pub fn accept_future_issued_at(mut self) -> Self {
        self.policy.accept_future_issued_at = true;
        self
    }

    /// Accepts tokens that are bound to a key (`cnf`: DPoP, mTLS) as plain bearer tokens, so that an attacker can use a
    /// stolen one. Use it only if another component checks the binding. A layer that checks proofs or certificates
    /// checks those of such tokens too.
    pub fn accept_unchecked_confirmation(mut self) -> Self {
        self.policy.accept_unchecked_confirmation = true;
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
        self.policy.subject_type = SubjectType::StringOrInteger;
        self
    }

    /// Accepts tokens with `at_hash` or `c_hash`. By default these claims mark an ID token (OpenID Connect Core
    /// §3.1.3.6), but Dex writes `at_hash` into its access tokens as well.
    ///
    /// ID tokens of the issuer are then accepted unless another check refuses them. Require a claim that ID tokens do not
    /// have, or an audience that is not the client's ID.
    pub fn accept_hash_claims(mut self) -> Self {
        self.policy.accept_hash_claims = true;
        self
    }
}
