use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll};

use foldhash::quality::RandomState;
use tower_service::Service;

use super::future::ByIssuerFuture;
use super::peek::{Named, Origin, payload};
use super::tenants::{Tenant, Tenants};
use crate::access_token::AccessToken;
use crate::config_error::ConfigError;
use crate::credentials::BearerToken;
use crate::shown_url::ShownUrl;
use crate::telemetry::CLAIMS;
use crate::verify::jwt::issuer_watch::IssuerWatch;
use crate::verify::jwt::jws::USUAL_PAYLOAD_LENGTH;
use crate::verify::jwt::payload::ReadPayload;
use crate::verify::jwt::refusal::refusal;
use crate::verify::{ErasedVerifier, ErasedVerifierFuture, Verifier, VerifierExt};
use crate::verify_error::{InvalidReason, VerifyError};

/// Sends each token to the verifier of the issuer that it names; see the
/// [module](crate::verify::by_issuer). Clones share everything.
#[derive(Clone, Default)]
#[must_use = "a verifier does nothing until it is passed to a layer"]
pub struct ByIssuer {
    known: Arc<Known>,
    watch: Arc<IssuerWatch>,
}

#[derive(Clone, Default)]
struct Known {
    issuers: HashMap<Arc<str>, ErasedVerifier, RandomState>,
    tenants: Vec<Arc<Tenants>>,
}

impl ByIssuer {
    /// A verifier without issuers, which refuses every token.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sends tokens of this issuer to this verifier. `iss` must equal the issuer byte for byte.
    ///
    /// # Panics
    ///
    /// When the issuer is empty, or already has a verifier.
    #[track_caller]
    pub fn issuer(mut self, issuer: impl Into<String>, verifier: impl Verifier) -> Self {
        let issuer: Arc<str> = issuer.into().into();
        assert!(!issuer.is_empty(), "the issuer is empty");
        let issuers = &mut Arc::make_mut(&mut self.known).issuers;
        let before = issuers.insert(Arc::clone(&issuer), verifier.erased());
        assert!(before.is_none(), "{issuer:?} has two verifiers");
        self
    }

    /// Sends tokens of other issuers to the verifier of their tenant. The tenant is the part of `iss` at the
    /// placeholder of this template. There may be several templates, as for the two versions of Entra ID's tokens.
    ///
    /// | placeholder | the tenant is | for |
    /// |---|---|---|
    /// | `{tenantid}` | the token's `tid`, which must be the same as in `iss` | Entra ID |
    /// | `{tenant}` | named by `iss` only | Keycloak realms, and other issuers with a path per tenant |
    ///
    /// A tenant is a single path segment of 1 to 64 ASCII letters, digits, `-`, `_` and `.`, and neither `.` nor `..`.
    /// For `{tenant}`, `%20` is allowed too, since the names of realms may have spaces.
    ///
    /// `resolve` gets the tenant as it is written in the token, so `my%20realm` and not `my realm`. Put into the
    /// template, it gives the issuer that the verifier must be configured with. `resolve` returns the tenant's
    /// verifier, or `None` for an unknown tenant. It is called before the token is verified, so it should look the
    /// tenant up in a local list and make no request. If it accepts any tenant, clients choose which issuers
    /// are fetched and logged. Up to 1000 verifiers are cached without expiry, so locking out a tenant also needs
    /// a [`check`](crate::VerifierExt::check). If tenants share their keys, let their verifiers share one
    /// [`Jwks`](crate::Jwks).
    ///
    /// # Errors
    ///
    /// When the template has no placeholder, when it has several, and when another template differs only in the kind
    /// of its placeholder.
    pub fn tenants<V: Verifier>(
        mut self,
        template: impl AsRef<str>,
        resolve: impl Fn(&str) -> Option<V> + Send + Sync + 'static,
    ) -> Result<Self, ConfigError> {
        let resolve = move |tenant: &str| Some(resolve(tenant)?.erased());
        let added = Tenants::new(template.as_ref(), Box::new(resolve))?;
        let tenants = &mut Arc::make_mut(&mut self.known).tenants;
        if tenants.iter().any(|known| known.has_place_of(&added)) {
            let template = ShownUrl::of(template.as_ref());
            return Err(ConfigError::of(format!(
                "the issuer template {template:?} is configured twice"
            )));
        }
        tenants.push(Arc::new(added));
        Ok(self)
    }
}

impl Known {
    /// Starts the verification of a token by the verifier of its issuer, which gets the payload as it was read here.
    fn verify(
        &self,
        token: &BearerToken,
    ) -> Result<(Arc<str>, ErasedVerifierFuture), InvalidReason> {
        let mut buffer = [0; USUAL_PAYLOAD_LENGTH];
        let payload = payload(token.as_bytes(), &mut buffer)?;
        let Ok(mut read) = ReadPayload::read(&payload) else {
            // The verifier may be one that accepts more than this crate does. Otherwise it finds the fault again.
            let origin = Origin::of(&payload)?;
            let route = self.route(origin.named())?;
            return Ok((
                Arc::clone(route.issuer()),
                route.verifier().verify(token.clone()),
            ));
        };
        let route = self.route(Named::by(&read.claims))?;
        let verification = route.verifier().verify_read(token.clone(), &mut read);
        Ok((Arc::clone(route.issuer()), verification))
    }

    fn route(&self, named: Named<'_>) -> Result<Route<'_>, InvalidReason> {
        let issuer = named.issuer.ok_or_else(|| {
            tracing::debug!(target: CLAIMS, claim = "iss", "a required claim is missing");
            InvalidReason::MissingClaim
        })?;
        let known = self.issuers.get_key_value(issuer);
        let tenant = || {
            let mut tenants = self.tenants.iter();
            tenants.find_map(|tenants| tenants.route(named.tenant, issuer))
        };
        let route = known.map(|(issuer, verifier)| Route::Known(issuer, verifier));
        route.or_else(|| tenant().map(Route::Tenant)).ok_or_else(|| {
            let issuers = self.issuers.len();
            tracing::debug!(target: CLAIMS, issuers, "there is no verifier for the token's issuer");
            InvalidReason::WrongIssuer
        })
    }

    /// The configured issuers, and the templates.
    fn names(&self) -> Vec<&str> {
        let mut names: Vec<_> = self.issuers.keys().map(|issuer| &**issuer).collect();
        names.sort_unstable();
        names.extend(self.tenants.iter().map(|tenants| tenants.template()));
        names
    }
}

/// The issuer that a token names, and the verifier for its tokens.
enum Route<'k> {
    Known(&'k Arc<str>, &'k ErasedVerifier),
    Tenant(Tenant),
}

impl Route<'_> {
    fn issuer(&self) -> &Arc<str> {
        match self {
            Self::Known(issuer, _) => issuer,
            Self::Tenant((issuer, _)) => issuer,
        }
    }

    fn verifier(&self) -> &ErasedVerifier {
        match self {
            Self::Known(_, verifier) => verifier,
            Self::Tenant((_, verifier)) => verifier,
        }
    }
}

impl Service<BearerToken> for ByIssuer {
    type Response = AccessToken;
    type Error = VerifyError;
    type Future = ByIssuerFuture;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), VerifyError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, token: BearerToken) -> ByIssuerFuture {
        match self.known.verify(&token) {
            Ok((issuer, verification)) => {
                let watch = Arc::clone(&self.watch);
                ByIssuerFuture::verifying(verification, issuer, watch)
            }
            Err(reason) => {
                if reason == InvalidReason::WrongIssuer && !token.has_fallback() {
                    self.watch
                        .another("ByIssuer", || self.known.names().into_iter());
                }
                ByIssuerFuture::refused(refusal(&token, reason))
            }
        }
    }
}

impl fmt::Debug for ByIssuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut issuers: Vec<_> = self.known.issuers.keys().collect();
        issuers.sort_unstable();
        f.debug_struct("ByIssuer")
            .field("issuers", &ShownUrl::of_all(issuers))
            .finish_non_exhaustive()
    }
}
