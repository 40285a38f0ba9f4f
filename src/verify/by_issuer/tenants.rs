//! Issuers that the user's function resolves when a token names them.

use std::sync::Arc;

use quick_cache::sync::Cache;

use crate::config_error::ConfigError;
use crate::shown_url::ShownUrl;
use crate::verify::ErasedVerifier;

/// The placeholder of a template. It defines which claims name the tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Placeholder {
    /// `{tenantid}`: `iss` and `tid` both name the tenant.
    TenantId,
    /// `{tenant}`: `iss` alone names the tenant.
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

/// The maximum number of cached verifiers, since clients choose the tenants that are resolved. An evicted verifier is
/// resolved again when it is needed. The cache does not evict a tenant that comes often for one that comes once.
const CAPACITY: usize = 1_000;

pub(super) type Resolve = dyn Fn(&str) -> Option<ErasedVerifier> + Send + Sync;

/// The issuer of a tenant, and the verifier for its tokens.
pub(super) type Tenant = (Arc<str>, ErasedVerifier);

/// The tenants of one template, which the user's function resolves.
pub(super) struct Tenants {
    template: Box<str>,
    before: Box<str>,
    placeholder: Placeholder,
    after: Box<str>,
    resolve: Box<Resolve>,
    known: Cache<Box<str>, Tenant>,
}

impl Tenants {
    pub(super) fn new(template: &str, resolve: Box<Resolve>) -> Result<Self, ConfigError> {
        let (before, placeholder, after) = split(template).ok_or_else(|| {
            let names = Placeholder::ALL.map(Placeholder::as_str).join(" or ");
            let template = ShownUrl::of(template);
            ConfigError::of(format!(
                "the issuer template {template:?} does not have {names} once"
            ))
        })?;
        Ok(Self {
            template: template.into(),
            before: before.into(),
            placeholder,
            after: after.into(),
            resolve,
            known: Cache::new(CAPACITY),
        })
    }

    /// Whether the templates differ at most in the kind of their placeholders.
    pub(super) fn has_place_of(&self, other: &Self) -> bool {
        (&*self.before, &*self.after) == (&*other.before, &*other.after)
    }

    pub(super) fn template(&self) -> &str {
        &self.template
    }

    /// The verifier for a token that names this issuer, and this tenant in its `tid`.
    pub(super) fn route(&self, tenant_id: Option<&str>, issuer: &str) -> Option<Tenant> {
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
        self.known.insert(tenant.into(), Tenant::clone(&route));
        Some(route)
    }
}

/// Splits a template at its only placeholder.
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

/// Whether a text is one path segment without characters that are special in a URL.
fn is_tenant_id(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && !matches!(text, "." | "..")
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
}

/// As [`is_tenant_id`], with encoded spaces allowed.
fn is_tenant_name(text: &str) -> bool {
    text.len() <= 64 && is_tenant_id(&text.replace("%20", "-"))
}
