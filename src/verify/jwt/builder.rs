use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use super::authority;
use super::inner::Inner;
use super::issuer_watch::IssuerWatch;
use super::remote::{MakeRemote, RemoteContext, RemoteKeys};
use super::verifier::JwtVerifier;
use crate::config_error::{ConfigError, Problems};
use crate::shown_url::ShownUrl;
use crate::verify::claims::policy::{ClaimPolicy, add};
use crate::verify::claims::token_kind::TokenKind;
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
    /// `None`: all that the keys allow.
    pub(super) algorithms: Option<Vec<Algorithm>>,
    pub(super) policy: ClaimPolicy,
    /// `None`: the default ones.
    pub(super) token_types: Option<Vec<String>>,
    /// Whether the profile of RFC 9068 is required, which has one token type.
    pub(super) rfc9068: bool,
    /// Types that are accepted in addition to the default ones.
    pub(super) more_token_types: Option<Vec<String>>,
}

/// The name of a verifier whose name is not configured.
pub(super) const DEFAULT_NAME: &str = "jwt";

impl Default for JwtVerifierBuilder {
    fn default() -> Self {
        Self {
            name: None,
            keys: Vec::new(),
            key_problems: Problems::default(),
            remotes: Vec::new(),
            key_attempts: DEFAULT_KEY_ATTEMPTS,
            algorithms: None,
            policy: ClaimPolicy::for_jwts(),
            token_types: None,
            rfc9068: false,
            more_token_types: None,
        }
    }
}

impl JwtVerifier {
    /// Configures a verifier. It needs a key, an issuer and an audience.
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
/// At least one is needed. Several calls add up.
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

    /// Keys that cannot be used, for which `build` reports these problems.
    #[cfg(feature = "serde")]
    pub(crate) fn with_unusable_keys(mut self, problems: ConfigError) -> Self {
        self.key_problems.merge(problems);
        self
    }

    /// Adds keys that are fetched. `make` runs when the verifier is built, with the other settings.
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

    /// Accepts only these algorithms. Default: all that the keys allow. Several calls add up.
    ///
    /// `build` refuses an empty list, and one that leaves no use for a key.
    pub fn algorithms(mut self, algorithms: impl IntoIterator<Item = Algorithm>) -> Self {
        add(self.algorithms.get_or_insert_default(), algorithms);
        self
    }
}

impl JwtVerifierBuilder {
    /// The finished verifier for tokens of this kind. Those of other kinds are refused.
    pub(crate) fn build_for(mut self, kind: TokenKind) -> Result<JwtVerifier, ConfigError> {
        self.policy.kind = kind;
        self.build()
    }

    /// The finished verifier. It makes no request and does not block.
    ///
    /// # Errors
    ///
    /// Reports every problem at once: no key, keys that cannot be used, no issuer or audience without the setting that
    /// accepts any, empty and contradictory settings.
    pub fn build(self) -> Result<JwtVerifier, ConfigError> {
        let mut problems = self.problems();
        let mut remotes = Vec::new();
        for make in &self.remotes {
            let context = RemoteContext {
                issuers: self.policy.issuers(),
                clock: &self.policy.clock,
            };
            match make(context) {
                Ok(remote) => remotes.push(remote),
                Err(error) => problems.merge(error),
            }
        }
        ConfigError::check(problems)?;
        let remote = remotes.pop();
        let needs_authority = self.name.is_none() && self.policy.any_issuer;
        let authority = needs_authority.then(|| authority::of(&self.keys, remote.as_deref()));
        let name = self.name.map_or(Cow::Borrowed(DEFAULT_NAME), Cow::Owned);
        Ok(JwtVerifier::new(Inner {
            keys: self.keys,
            remote,
            key_attempts: self.key_attempts,
            algorithms: self.algorithms,
            token_types: match self.token_types {
                Some(types) => TokenTypes::Only(types),
                None => {
                    let more = self.more_token_types.unwrap_or_default();
                    self.policy.kind.default_types(more)
                }
            },
            claims: self.policy.build(name, authority),
            issuer_watch: IssuerWatch::default(),
        }))
    }
}

impl fmt::Debug for JwtVerifierBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JwtVerifierBuilder")
            .field("keys", &self.keys)
            .field("issuers", &ShownUrl::of_all(self.policy.issuers()))
            .field("audiences", &self.policy.audiences())
            .finish_non_exhaustive()
    }
}
