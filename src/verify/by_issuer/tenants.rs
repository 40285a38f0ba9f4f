//! Issuers that are known only when they come.

use quick_cache::sync::Cache;

use super::service::{ByIssuer, Route};
use crate::config_error::ConfigError;
use crate::shown_url::ShownUrl;
use crate::verify::{ErasedVerifier, Verifier, VerifierExt};

/// Where a tenant stands in an issuer's name.
const PLACE: &str = "{tenantid}";

/// How many verifiers are kept. Others are made anew when they are needed.
const CAPACITY: usize = 1_000;

type Resolve = dyn Fn(&str) -> Option<ErasedVerifier> + Send + Sync;

/// Tenants that somebody resolves.
pub(super) struct Tenants {
    before: Box<str>,
    after: Box<str>,
    resolve: Box<Resolve>,
    known: Cache<Box<str>, Route>,
}

impl ByIssuer {
    /// Sends tokens of issuers that have no verifier of their own to that of their tenant: the `tid` of the
    /// token, which must be what stands in its `iss` for the `{tenantid}` of this template. There may be several
    /// templates, as for the two versions of Entra ID's tokens.
    ///
    /// `resolve` says which tenants there are, and makes a verifier for each; it is asked before anybody
    /// looked whether the token is genuine, so it should know its tenants, and make no request. If it takes
    /// whoever comes, strangers decide what is fetched, and whose outages are in the log. The last thousand
    /// verifiers are kept for as long as this lives, so a tenant that is to be locked out needs a
    /// [`check`](crate::VerifierExt::check) as well. Where tenants share their keys, let them share one
    /// [`Jwks`](crate::Jwks).
    ///
    /// A tenant is 1 to 64 letters, digits, `-`, `_` and `.`, and neither `.` nor `..`.
    ///
    /// # Errors
    ///
    /// When the template has no `{tenantid}`, or two, and when it is there already.
    pub fn tenants<V: Verifier>(
        self,
        template: impl AsRef<str>,
        resolve: impl Fn(&str) -> Option<V> + Send + Sync + 'static,
    ) -> Result<Self, ConfigError> {
        let template = template.as_ref();
        let mut parts = template.split(PLACE);
        let (Some(before), Some(after), None) = (parts.next(), parts.next(), parts.next()) else {
            let template = ShownUrl::of(template);
            return Err(ConfigError::of(format!(
                "the issuer template {template:?} does not have {PLACE} once"
            )));
        };
        if self.all_tenants().any(|known| known.is_of(before, after)) {
            let template = ShownUrl::of(template);
            return Err(ConfigError::of(format!(
                "the issuer template {template:?} is there twice"
            )));
        }
        Ok(self.add_tenants(Tenants {
            before: before.into(),
            after: after.into(),
            resolve: Box::new(move |tenant| Some(resolve(tenant)?.erased())),
            known: Cache::new(CAPACITY),
        }))
    }
}

impl Tenants {
    fn is_of(&self, before: &str, after: &str) -> bool {
        (&*self.before, &*self.after) == (before, after)
    }

    /// The verifier for a token of this tenant that names this issuer.
    pub(super) fn route(&self, tenant: &str, issuer: &str) -> Option<Route> {
        let in_issuer = issuer
            .strip_prefix(&*self.before)?
            .strip_suffix(&*self.after)?;
        if in_issuer != tenant || !is_tenant(tenant) {
            return None;
        }
        if let Some(route) = self.known.get(tenant) {
            return Some(route);
        }
        let route = (issuer.into(), (self.resolve)(tenant)?);
        self.known.insert(tenant.into(), Route::clone(&route));
        Some(route)
    }
}

/// What can stand in a URL for itself alone.
fn is_tenant(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && !matches!(text, "." | "..")
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
}
