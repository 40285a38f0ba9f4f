//! Settings about the members of an answer.

use std::time::Duration;

use super::builder::IntrospectionVerifierBuilder;
use crate::clock::Clock;
use crate::verify::claims::audience::Audience;
use crate::verify::claims::policy::add;
use crate::verify::claims::registered::SubjectType;

/// # Claims
///
/// The members of an answer are the claims of a JWT, by name and by type (RFC 7662 §2.2). An audience is needed, or the
/// setting that accepts any.
impl IntrospectionVerifierBuilder {
    /// Accepts tokens of this issuer: `iss` must be present and the same text, byte by byte. Several calls add up.
    /// By default it is not checked, since the endpoint knows only its own tokens.
    pub fn issuer(self, issuer: impl Into<String>) -> Self {
        self.issuers([issuer])
    }

    /// Accepts tokens of any of these issuers; see [`issuer`](Self::issuer). Several calls add up.
    ///
    /// `build` refuses an empty list, with which every issuer would be accepted.
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

    /// Accepts tokens that were issued for other services, and tokens without an audience. Use it only if the endpoint
    /// decides whether this server may accept a token.
    pub fn accept_any_audience(mut self) -> Self {
        self.policy.any_audience = true;
        self
    }

    /// Requires these members to have a value other than `null`; see
    /// [`JwtVerifierBuilder::required_claims`](crate::JwtVerifierBuilder::required_claims). An `exp` that
    /// [`accept_zero_expiry`](Self::accept_zero_expiry) ignores counts as missing. Several calls add up.
    pub fn required_claims(mut self, names: impl IntoIterator<Item: Into<String>>) -> Self {
        add(&mut self.policy.required_claims, names);
        self
    }

    /// Requires the member `name`, a string or an array of strings, to have one of `values`; see
    /// [`JwtVerifierBuilder::claim_in`](crate::JwtVerifierBuilder::claim_in). Several calls add up: all must hold.
    ///
    /// On `client_id`, `azp`, `cid` or `appid` it replaces the audience, for endpoints that answer without `aud`, such as
    /// Doorkeeper's.
    pub fn claim_in(
        mut self,
        name: impl Into<String>,
        values: impl IntoIterator<Item: Into<String>>,
    ) -> Self {
        let values = values.into_iter().map(Into::into).collect();
        self.policy.claims_in.push((name.into(), values));
        self
    }

    /// The largest accepted difference between the clock of the authorization server and this one, for `exp`, `nbf` and
    /// `iat`. Default: 60 seconds; at most an hour. A later call replaces an earlier one.
    pub fn leeway(mut self, leeway: Duration) -> Self {
        self.policy.leeway = leeway;
        self
    }

    /// Treats `"exp": 0` as a token that does not expire, as Doorkeeper writes it. By default such a token is expired.
    /// Only the integer `0` counts.
    pub fn accept_zero_expiry(mut self) -> Self {
        self.accept_zero_expiry = true;
        self
    }

    /// Accepts a `sub` that is an integer: `"sub":12345` is the subject `12345`. By default such an answer is refused; see
    /// [`JwtVerifierBuilder::accept_numeric_subject`](crate::JwtVerifierBuilder::accept_numeric_subject).
    pub fn accept_numeric_subject(mut self) -> Self {
        self.policy.subject_type = SubjectType::StringOrInteger;
        self
    }

    /// Accepts tokens that are bound to a key (`cnf`: DPoP, mTLS) as plain bearer tokens, so that an attacker can use a
    /// stolen one. Use it only if another component checks the binding. A layer that checks proofs or certificates
    /// checks those of such tokens too.
    pub fn accept_unchecked_confirmation(mut self) -> Self {
        self.policy.accept_unchecked_confirmation = true;
        self
    }

    /// The clock for dates and for the backoff. Default: the system's. A later call replaces an earlier one.
    pub fn clock(mut self, clock: Clock) -> Self {
        self.policy.clock = clock;
        self
    }
}

/// # Reading scopes and the client
impl IntrospectionVerifierBuilder {
    /// Reads scopes from the first of these members that has a value; see
    /// [`JwtVerifierBuilder::scope_claims`](crate::JwtVerifierBuilder::scope_claims). Default: `scope`, then `scp`.
    /// The first call replaces the default, and further calls add up, in their order.
    pub fn scope_claims(mut self, names: impl IntoIterator<Item: Into<String>>) -> Self {
        add(self.policy.scope_claims.get_or_insert_default(), names);
        self
    }

    /// Reads scopes from all [`scope_claims`](Self::scope_claims) that an answer has, instead of the first one; see
    /// [`JwtVerifierBuilder::merge_scope_claims`](crate::JwtVerifierBuilder::merge_scope_claims).
    pub fn merge_scope_claims(mut self) -> Self {
        self.policy.merge_scope_claims = true;
        self
    }

    /// Splits scope strings at these characters; see
    /// [`JwtVerifierBuilder::scope_delimiters`](crate::JwtVerifierBuilder::scope_delimiters). Default: a space. The first
    /// call replaces the default, and further calls add up.
    pub fn scope_delimiters(mut self, delimiters: impl IntoIterator<Item = char>) -> Self {
        add(
            self.policy.scope_delimiters.get_or_insert_default(),
            delimiters,
        );
        self
    }

    /// Makes a scope match with and without this prefix; see
    /// [`JwtVerifierBuilder::scope_prefix`](crate::JwtVerifierBuilder::scope_prefix). Default: none. A later call replaces
    /// an earlier one.
    pub fn scope_prefix(mut self, prefix: impl Into<String>) -> Self {
        self.policy.scope_prefix = Some(prefix.into());
        self
    }

    /// Reads the client from the first of these members that has a value; see
    /// [`JwtVerifierBuilder::client_id_claims`](crate::JwtVerifierBuilder::client_id_claims). Default: `client_id`, `azp`,
    /// `cid`, then `appid`. The first call replaces the default, and further calls add up, in their order.
    pub fn client_id_claims(mut self, names: impl IntoIterator<Item: Into<String>>) -> Self {
        add(self.policy.client_id_claims.get_or_insert_default(), names);
        self
    }
}
