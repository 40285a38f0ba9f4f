//! Issuers that are known only when they come.

use quick_cache::sync::Cache;

use super::service::{ByIssuer, Route};
use crate::config_error::ConfigError;
use crate::shown_url::ShownUrl;
use crate::verify::{ErasedVerifier, Verifier, VerifierExt};

/// What of an issuer's name names the tenant, and how a token has to name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Placeholder {
    /// `{tenantid}`: the token's `tid` is the same.
    TenantId,
    /// `{tenant}`: the issuer's name is all there is.
    Tenant,
}

impl Placeholder {
    const ALL: [Self; 2] = [Self::TenantId, Self::Tenant];

    fn as_str(self) -> &'static str {
        match self {
            Self::TenantId => "{tenantid}",
            Self::Tenant => "{tenant}",
        }
    }
}

/// How many verifiers are kept. Others are made anew when they are needed.
const CAPACITY: usize = 1_000;

type Resolve = dyn Fn(&str) -> Option<ErasedVerifier> + Send + Sync;

/// Tenants of one template, which the user's function resolves.
pub(super) struct Tenants {
    template: Box<str>,
    before: Box<str>,
    placeholder: Placeholder,
    after: Box<str>,
    resolve: Box<Resolve>,
    known: Cache<Box<str>, Route>,
}

impl ByIssuer {
    /// Sends tokens of issuers that have no verifier of their own to that of their tenant, which stands in the
    /// issuer's name for a placeholder of this template. There may be several templates, as for the two versions
    /// of Entra ID's tokens.
    ///
    /// | placeholder | the tenant is | for |
    /// |---|---|---|
    /// | `{tenantid}` | the token's `tid`, which must be the same as in `iss` | Entra ID |
    /// | `{tenant}` | what stands in `iss`, and nowhere else | Keycloak realms, and other issuers with a path per tenant |
    ///
    /// A tenant is 1 to 64 letters, digits, `-`, `_` and `.`, and neither `.` nor `..`. For `{tenant}`, `%20` counts
    /// as one of the characters, since realms may have a space in their names. It is never a part of two segments.
    ///
    /// `resolve` gets the tenant as it stands in the token, so `my%20realm` and not `my realm`: put into the
    /// template, it gives the issuer that the verifier has to compare with. It says which tenants there are, and
    /// makes a verifier for each. It is called before the token is known to be genuine, so it should look the
    /// tenant up in a list of its own and make no request. If it takes any tenant, clients choose which issuers
    /// are fetched and logged. The last thousand verifiers are kept for as long as this lives, so a tenant that is
    /// to be locked out needs a [`check`](crate::VerifierExt::check) as well. Where tenants share their keys, let
    /// them share one [`Jwks`](crate::Jwks).
    ///
    /// # Errors
    ///
    /// When the template has no placeholder, or several, and when there is a template that differs in nothing but
    /// the kind of its placeholder.
    pub fn tenants<V: Verifier>(
        self,
        template: impl AsRef<str>,
        resolve: impl Fn(&str) -> Option<V> + Send + Sync + 'static,
    ) -> Result<Self, ConfigError> {
        let template = template.as_ref();
        let (before, placeholder, after) = split(template).ok_or_else(|| {
            let names = Placeholder::ALL.map(Placeholder::as_str).join(" or ");
            let template = ShownUrl::of(template);
            ConfigError::of(format!(
                "the issuer template {template:?} does not have {names} once"
            ))
        })?;
        if self.all_tenants().any(|known| known.is_of(before, after)) {
            let template = ShownUrl::of(template);
            return Err(ConfigError::of(format!(
                "the issuer template {template:?} is there twice"
            )));
        }
        Ok(self.add_tenants(Tenants {
            template: template.into(),
            before: before.into(),
            placeholder,
            after: after.into(),
            resolve: Box::new(move |tenant| Some(resolve(tenant)?.erased())),
            known: Cache::new(CAPACITY),
        }))
    }
}

/// A template with exactly one placeholder, in its parts.
fn split(template: &str) -> Option<(&str, Placeholder, &str)> {
    let places = Placeholder::ALL.into_iter().flat_map(|placeholder| {
        let name = placeholder.as_str();
        let places = template.match_indices(name);
        places.map(move |(at, _)| (&template[..at], placeholder, &template[at + name.len()..]))
    });
    let mut places = places.fuse();
    match (places.next(), places.next()) {
        (Some(place), None) => Some(place),
        (None, _) | (Some(_), Some(_)) => None,
    }
}

impl Tenants {
    fn is_of(&self, before: &str, after: &str) -> bool {
        (&*self.before, &*self.after) == (before, after)
    }

    pub(super) fn template(&self) -> &str {
        &self.template
    }

    /// The verifier for a token that names this issuer, and this tenant in its `tid`.
    pub(super) fn route(&self, tenant_id: Option<&str>, issuer: &str) -> Option<Route> {
        let tenant = issuer
            .strip_prefix(&*self.before)?
            .strip_suffix(&*self.after)?;
        let is_tenant = match self.placeholder {
            Placeholder::TenantId => tenant_id == Some(tenant) && is_tenant_id(tenant),
            Placeholder::Tenant => is_tenant_name(tenant),
        };
        if !is_tenant {
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
fn is_tenant_id(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && !matches!(text, "." | "..")
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
}

/// The same, with encoded spaces in it.
fn is_tenant_name(text: &str) -> bool {
    text.len() <= 64 && is_tenant_id(&text.replace("%20", "-"))
}
