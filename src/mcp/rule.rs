use std::sync::Arc;

use crate::access_token::AccessToken;
use crate::guard::check::Required;
use crate::guard::{AuthenticationRequirement, ScopeRequirement};

/// What a tool, prompt, resource, task or method of an MCP server requires: scopes, and optionally a certain
/// authentication of the user (RFC 9470).
///
/// A [`ScopeRequirement`] converts into a rule without an authentication.
///
/// ```
/// use std::time::Duration;
/// use tower_bearer_auth::mcp::{Rule, ScopeRules};
/// use tower_bearer_auth::{AuthenticationRequirement, ScopeRequirement};
///
/// let recent = AuthenticationRequirement::new().max_age(Duration::from_secs(300));
/// let rules = ScopeRules::builder()
///     .tool("transfer_*", Rule::new(ScopeRequirement::all(["pay"])).authentication(recent))
///     .default_rule(ScopeRequirement::all(["read"]))
///     .build()?;
/// # let _ = rules;
/// # Ok::<(), tower_bearer_auth::ConfigError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    scopes: ScopeRequirement,
    authentication: Option<Arc<AuthenticationRequirement>>,
}

impl Rule {
    pub(super) const PERMIT_ALL: Self = Self {
        scopes: ScopeRequirement::PERMIT_ALL,
        authentication: None,
    };

    /// Creates a rule that requires these scopes.
    pub fn new(scopes: ScopeRequirement) -> Self {
        Self {
            scopes,
            authentication: None,
        }
    }

    /// Sets how, and how recently, the user must have authenticated. Default: no requirement. A later call replaces an
    /// earlier one. With it, the rule requires a token, even with [`ScopeRequirement::permit_all`].
    #[must_use]
    pub fn authentication(mut self, requirement: AuthenticationRequirement) -> Self {
        self.authentication = Some(Arc::new(requirement));
        self
    }

    pub(super) fn scopes(&self) -> &ScopeRequirement {
        &self.scopes
    }

    /// Whether the bearer of this token may make a call with this rule.
    pub(super) fn is_met_by(&self, token: &AccessToken) -> bool {
        let authentication = self.authentication.as_ref();
        self.scopes.is_met_by(token)
            && authentication.is_none_or(|authentication| authentication.is_met_by(token))
    }

    pub(super) fn required(&self) -> Required<'_> {
        Required {
            scopes: &self.scopes,
            authentication: self.authentication.as_ref(),
        }
    }
}

impl From<ScopeRequirement> for Rule {
    fn from(scopes: ScopeRequirement) -> Self {
        Self::new(scopes)
    }
}
