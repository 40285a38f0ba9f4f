use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::authority;
use super::issuer_watch::IssuerWatch;
use super::remote::{MakeRemote, RemoteContext, RemoteKeys};
use super::verifier::{Inner, JwtVerifier};
use crate::clock::Clock;
use crate::config_error::{ConfigError, Problems};
use crate::shown_url::ShownUrl;
use crate::verify::claims::audience::Audience;
use crate::verify::claims::mapping::ClaimMapping;
use crate::verify::claims::registered::SubjectType;
use crate::verify::claims::rules::ClaimRules;
use crate::verify::claims::token_type::TokenTypes;
use crate::verify::keys::algorithm::Algorithm;
use crate::verify::keys::key::VerifyingKey;
use crate::verify::keys::key_set::KeySet;
use crate::verify::keys::signer::DEFAULT_KEY_ATTEMPTS;

/// Configures a [`JwtVerifier`]; see [`JwtVerifier::builder`].
///
/// Nothing fails before [`build`](Self::build), which then reports every problem at once.
#[derive(Clone)]
#[must_use = "a builder does nothing until `build`"]
pub struct JwtVerifierBuilder {
    pub(super) name: Option<String>,
    pub(super) keys: Vec<VerifyingKey>,
    /// The problems of keys that could not be added.
    pub(super) key_problems: Problems,
    /// Where keys are fetched from.
    pub(super) remotes: Vec<MakeRemote>,
    pub(super) key_attempts: usize,
    pub(super) algorithms: Option<Vec<Algorithm>>,
    pub(super) issuers: Vec<String>,
    pub(super) any_issuer: bool,
    pub(super) audiences: Vec<Audience>,
    pub(super) any_audience: bool,
    pub(super) token_types: Option<Vec<String>>,
    /// Types that are accepted in addition to the default ones.
    pub(super) more_token_types: Option<Vec<String>>,
    pub(super) required_claims: Vec<String>,
    pub(super) claims_in: Vec<(String, Vec<String>)>,
    pub(super) leeway: Duration,
    pub(super) accept_missing_expiry: bool,
    pub(super) accept_future_issued_at: bool,
    pub(super) accept_unchecked_confirmation: bool,
    pub(super) accept_hash_claims: bool,
    pub(super) subject_type: SubjectType,
    pub(super) scope_claims: Option<Vec<String>>,
    pub(super) merge_scope_claims: bool,
    pub(super) scope_delimiters: Option<Vec<char>>,
    pub(super) client_id_claims: Option<Vec<String>>,
    pub(super) scope_prefix: Option<String>,
    pub(super) clock: Clock,
}

/// The name of a verifier whose name is not configured.
pub(super) const DEFAULT_NAME: &str = "jwt";

const DEFAULT_LEEWAY: Duration = Duration::from_secs(60);

impl Default for JwtVerifierBuilder {
    fn default() -> Self {
        Self {
            name: None,
            keys: Vec::new(),
            key_problems: Problems::default(),
            remotes: Vec::new(),
            key_attempts: DEFAULT_KEY_ATTEMPTS,
            algorithms: None,
            issuers: Vec::new(),
            any_issuer: false,
            audiences: Vec::new(),
            any_audience: false,
            token_types: None,
            more_token_types: None,
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
            client_id_claims: None,
            scope_prefix: None,
            clock: Clock::system(),
        }
    }
}

impl JwtVerifier {
    /// Starts a verifier. It needs a key, an issuer and an audience.
    pub fn builder() -> JwtVerifierBuilder {
        JwtVerifierBuilder::default()
    }
}

impl JwtVerifierBuilder {
    /// Names the verifier in [audit events](crate::telemetry), in metrics and in the
    /// [principals](crate::AccessToken::principal) of its tokens. Default: `jwt`.
    ///
    /// Principals of verifiers with different names are never equal. Name a verifier that
    /// [accepts any issuer](Self::accept_any_issuer): without a name, its principals change when its
    /// keys or their source change, and sessions that are bound to them end.
    ///
    /// `build` refuses an empty name, and the name that other verifiers have by default where any issuer is accepted.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }
}

/// # Keys
///
/// At least one is needed; several work side by side.
impl JwtVerifierBuilder {
    /// Adds a key.
    pub fn key(mut self, key: VerifyingKey) -> Self {
        self.keys.push(key);
        self
    }

    /// Adds keys, such as those of a [`KeySet`].
    pub fn keys(mut self, keys: impl IntoIterator<Item = VerifyingKey>) -> Self {
        self.keys.extend(keys);
        self
    }

    /// Adds a secret shared with the issuer; see [`VerifyingKey::from_secret`].
    pub fn secret(self, algorithm: Algorithm, secret: impl AsRef<[u8]>) -> Self {
        self.imported(VerifyingKey::from_secret(algorithm, secret).map(Some))
    }

    /// Adds a public key or certificate in PEM; see [`VerifyingKey::from_public_key_pem`].
    pub fn public_key_pem(self, algorithm: Algorithm, pem: impl AsRef<[u8]>) -> Self {
        self.imported(VerifyingKey::from_public_key_pem(algorithm, pem).map(Some))
    }

    /// Adds the keys of a JWK Set held locally; see [`KeySet::from_json`].
    pub fn jwks_json(self, json: impl AsRef<str>) -> Self {
        self.imported(KeySet::from_json(json.as_ref()))
    }

    fn imported(
        mut self,
        keys: Result<impl IntoIterator<Item = VerifyingKey>, ConfigError>,
    ) -> Self {
        match keys {
            Ok(keys) => self.keys.extend(keys),
            Err(error) => self.key_problems.merge(error),
        }
        self
    }

    /// Adds keys that are fetched, by what the rest of the configuration says when it is built.
    pub(crate) fn remote_keys(
        mut self,
        make: impl Fn(RemoteContext<'_>) -> Result<Arc<dyn RemoteKeys>, ConfigError>
        + Send
        + Sync
        + 'static,
    ) -> Self {
        self.remotes.push(Arc::new(make));
        self
    }

    /// The number of keys of one set that are tried for one token if its `kid` does not select a single key: the token
    /// has no `kid`, several keys have the same one, or keys have none. Default: 4; from 1 to 64.
    ///
    /// Raise it for an issuer that publishes more keys of one algorithm and writes no `kid` into its tokens.
    /// Above 4, the claims are checked before any key is tried, so that a token with unacceptable claims costs no
    /// signature check.
    pub fn key_attempts(mut self, attempts: usize) -> Self {
        self.key_attempts = attempts;
        self
    }

    /// Takes only these algorithms. By default, all that the keys allow. A later call replaces an earlier
    /// one.
    pub fn algorithms(mut self, algorithms: impl IntoIterator<Item = Algorithm>) -> Self {
        self.algorithms = Some(algorithms.into_iter().collect());
        self
    }
}

/// # Claims
///
/// An issuer and an audience are needed, or the explicit refusal to check one.
impl JwtVerifierBuilder {
    /// Accepts tokens of this issuer: `iss` must be the same text, to the byte.
    pub fn issuer(mut self, issuer: impl Into<String>) -> Self {
        self.issuers.push(issuer.into());
        self
    }

    /// Accepts tokens of any of these issuers.
    ///
    /// All keys serve all issuers. Where each issuer has its own keys, give each its own verifier.
    pub fn issuers(mut self, issuers: impl IntoIterator<Item: Into<String>>) -> Self {
        self.issuers.extend(issuers.into_iter().map(Into::into));
        self
    }

    /// Accepts tokens meant for this audience: `aud` is it or contains it, to the byte. A
    /// [`ProtectedResource`](crate::ProtectedResource) is compared as an identifier of a resource
    /// instead; see [`Audience`].
    pub fn audience(mut self, audience: impl Into<Audience>) -> Self {
        self.audiences.push(audience.into());
        self
    }

    /// Accepts tokens meant for any of these audiences.
    pub fn audiences(mut self, audiences: impl IntoIterator<Item: Into<Audience>>) -> Self {
        self.audiences.extend(audiences.into_iter().map(Into::into));
        self
    }

    /// How far the issuer's clock and this one may be apart, for `exp`, `nbf` and `iat`.
    /// Default: 60 seconds; at most an hour.
    pub fn leeway(mut self, leeway: Duration) -> Self {
        self.leeway = leeway;
        self
    }

    /// Requires these claims to be there and not `null`, by literal name or JSON Pointer (see
    /// [`AccessToken::claim`](crate::AccessToken::claim)).
    pub fn required_claims(mut self, names: impl IntoIterator<Item: Into<String>>) -> Self {
        self.required_claims
            .extend(names.into_iter().map(Into::into));
        self
    }

    /// Requires the claim `name`, a string or an array of strings, to have one of `values`. Several
    /// calls must all hold.
    ///
    /// On `client_id`, `azp`, `cid` or `appid` it stands in for the audience, for providers whose
    /// access tokens have none, such as Cognito and Clerk.
    pub fn claim_in(
        mut self,
        name: impl Into<String>,
        values: impl IntoIterator<Item: Into<String>>,
    ) -> Self {
        let values = values.into_iter().map(Into::into).collect();
        self.claims_in.push((name.into(), values));
        self
    }

    /// Takes only tokens whose header `typ` is one of these, with or without `application/`. By
    /// default, `JWT`, `at+jwt` and none at all. A later call replaces an earlier one, that of
    /// [`rfc9068`](Self::rfc9068) included.
    pub fn token_types(mut self, types: impl IntoIterator<Item: Into<String>>) -> Self {
        self.token_types = Some(types.into_iter().map(Into::into).collect());
        self
    }

    /// Also accepts tokens whose header `typ` is one of these, in addition to `JWT`, `at+jwt` and no `typ`. Use it for
    /// an issuer with a type of its own. Several calls add up.
    ///
    /// `build` refuses it together with [`token_types`](Self::token_types) or [`rfc9068`](Self::rfc9068),
    /// which replace the default that this adds to.
    pub fn also_token_types(mut self, types: impl IntoIterator<Item: Into<String>>) -> Self {
        let types = types.into_iter().map(Into::into);
        self.more_token_types.get_or_insert_default().extend(types);
        self
    }

    /// Holds tokens to the profile for JWT access tokens (RFC 9068 §2): `typ` is `at+jwt`, and `iss`,
    /// `exp`, `aud`, `sub`, `client_id`, `iat` and `jti` are there.
    pub fn rfc9068(self) -> Self {
        self.token_types(["at+jwt"]).required_claims([
            "iss",
            "exp",
            "aud",
            "sub",
            "client_id",
            "iat",
            "jti",
        ])
    }

    /// The clock that dates are compared with. Default: the system's.
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }
}

impl JwtVerifierBuilder {
    /// The finished verifier. It makes no request and waits for nothing.
    ///
    /// # Errors
    ///
    /// Every problem at once: no key, keys that cannot be used, no issuer or audience and no explicit
    /// word that none is checked, empty and contradictory settings.
    pub fn build(self) -> Result<JwtVerifier, ConfigError> {
        let mut problems = self.problems();
        let mut remotes = Vec::new();
        for make in &self.remotes {
            let context = RemoteContext {
                issuers: &self.issuers,
                clock: &self.clock,
            };
            match make(context) {
                Ok(remote) => remotes.push(remote),
                Err(error) => problems.merge(error),
            }
        }
        ConfigError::check(problems)?;
        let remote = remotes.pop();
        let needs_authority = self.name.is_none() && self.any_issuer;
        let authority = needs_authority.then(|| authority::of(&self.keys, remote.as_deref()));
        Ok(JwtVerifier::new(Inner {
            name: self.name.map_or(Cow::Borrowed(DEFAULT_NAME), Cow::Owned),
            authority,
            keys: self.keys,
            remote,
            key_attempts: self.key_attempts,
            algorithms: self.algorithms,
            token_types: match self.token_types {
                Some(types) => TokenTypes::Only(types),
                None => TokenTypes::UsualAnd(self.more_token_types.unwrap_or_default()),
            },
            subject_type: self.subject_type,
            rules: ClaimRules {
                issuers: self.issuers,
                audiences: self.audiences,
                required_claims: self.required_claims,
                claims_in: self.claims_in,
                leeway: self.leeway,
                accept_missing_expiry: self.accept_missing_expiry,
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
            clock: self.clock,
            issuer_watch: IssuerWatch::default(),
        }))
    }
}

impl fmt::Debug for JwtVerifierBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JwtVerifierBuilder")
            .field("keys", &self.keys)
            .field("issuers", &ShownUrl::of_all(&self.issuers))
            .field("audiences", &self.audiences)
            .finish_non_exhaustive()
    }
}
