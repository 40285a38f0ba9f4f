//! The settings of a verifier that are about claims: shared by the builders of JWT and introspection verifiers.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use super::audience::Audience;
use super::mapping::ClaimMapping;
use super::registered::SubjectType;
use super::rules::ClaimRules;
use super::token_kind::TokenKind;
use super::verifier::ClaimsVerifier;
use crate::clock::Clock;

/// What a verifier requires of claims and reads from them, while it is being configured.
///
/// The public builders document each setting. In an `Option`, `None` means that the default applies; an empty list is a
/// mistake, which [`problems`](Self::problems) reports.
#[derive(Clone)]
pub(crate) struct ClaimPolicy {
    pub(crate) kind: TokenKind,
    /// Whether an issuer must be configured, unless [`any_issuer`](Self::any_issuer) is set. An introspection endpoint
    /// knows only its own tokens, so it needs none.
    needs_issuer: bool,
    pub(crate) issuers: Option<Vec<String>>,
    pub(crate) any_issuer: bool,
    pub(crate) audiences: Option<Vec<Audience>>,
    pub(crate) any_audience: bool,
    pub(crate) required_claims: Vec<String>,
    /// Claims, each with its accepted values.
    pub(crate) claims_in: Vec<(String, Vec<String>)>,
    pub(crate) leeway: Duration,
    pub(crate) accept_missing_expiry: bool,
    pub(crate) accept_future_issued_at: bool,
    pub(crate) accept_unchecked_confirmation: bool,
    pub(crate) accept_hash_claims: bool,
    pub(crate) subject_type: SubjectType,
    pub(crate) scope_claims: Option<Vec<String>>,
    pub(crate) merge_scope_claims: bool,
    pub(crate) scope_delimiters: Option<Vec<char>>,
    pub(crate) scope_prefix: Option<String>,
    pub(crate) client_id_claims: Option<Vec<String>>,
    pub(crate) clock: Clock,
}

const DEFAULT_LEEWAY: Duration = Duration::from_secs(60);

impl ClaimPolicy {
    /// The defaults for JWTs: an issuer must be configured, and tokens must have an `exp`.
    pub(crate) fn for_jwts() -> Self {
        Self {
            kind: TokenKind::default(),
            needs_issuer: true,
            issuers: None,
            any_issuer: false,
            audiences: None,
            any_audience: false,
            required_claims: Vec::new(),
            claims_in: Vec::new(),
            leeway: DEFAULT_LEEWAY,
            accept_missing_expiry: false,
            accept_future_issued_at: false,
            accept_unchecked_confirmation: false,
            accept_hash_claims: false,
            subject_type: SubjectType::String,
            scope_claims: None,
            merge_scope_claims: false,
            scope_delimiters: None,
            scope_prefix: None,
            client_id_claims: None,
            clock: Clock::system(),
        }
    }

    /// The defaults for answers of an introspection endpoint. It knows which tokens are its own and when they expire, so
    /// neither an issuer nor an `exp` is required.
    #[cfg(feature = "introspection")]
    pub(crate) fn for_introspection() -> Self {
        Self {
            needs_issuer: false,
            accept_missing_expiry: true,
            ..Self::for_jwts()
        }
    }

    pub(super) fn needs_issuer(&self) -> bool {
        self.needs_issuer && !self.any_issuer
    }

    /// The configured issuers, of which there may be none.
    pub(crate) fn issuers(&self) -> &[String] {
        self.issuers.as_deref().unwrap_or_default()
    }

    /// The configured audiences, of which there may be none.
    pub(crate) fn audiences(&self) -> &[Audience] {
        self.audiences.as_deref().unwrap_or_default()
    }

    /// The finished policy of the verifier with this name. `authority` distinguishes the principals of verifiers whose
    /// name does not.
    pub(crate) fn build(
        self,
        verifier: Cow<'static, str>,
        authority: Option<Arc<str>>,
    ) -> ClaimsVerifier {
        ClaimsVerifier {
            verifier,
            authority,
            rules: ClaimRules {
                kind: self.kind,
                issuers: self.issuers.unwrap_or_default(),
                audiences: self.audiences.unwrap_or_default(),
                required_claims: self.required_claims,
                claims_in: self.claims_in,
                leeway: self.leeway,
                accept_missing_expiry: self.accept_missing_expiry || !self.kind.needs_expiry(),
                accept_future_issued_at: self.accept_future_issued_at,
                accept_unchecked_confirmation: self.accept_unchecked_confirmation,
                accept_hash_claims: self.accept_hash_claims,
            },
            mapping: ClaimMapping {
                scope_claims: self.scope_claims,
                merge_scope_claims: self.merge_scope_claims,
                scope_delimiters: self.scope_delimiters,
                client_id_claims: self.client_id_claims,
                scope_prefix: self.scope_prefix,
            },
            subject_type: self.subject_type,
            clock: self.clock,
        }
    }
}

/// Adds values to a setting that is a list: every call of its setter adds.
pub(crate) fn add<T>(list: &mut Vec<T>, values: impl IntoIterator<Item: Into<T>>) {
    list.extend(values.into_iter().map(Into::into));
}
