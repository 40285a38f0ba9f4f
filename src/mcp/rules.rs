use std::sync::Arc;
use std::{fmt, ptr, slice};

use super::few::Few;
use super::message::{Call, LISTEN, Target};
use super::pattern::Patterns;
use super::resource_uri::{NotCanonical, comparable};
use super::rule::Rule;
use crate::access_token::AccessToken;

/// What each tool, prompt, resource, task and method of an MCP server requires: scopes, and optionally a certain
/// authentication of the user.
///
/// A pattern is a name, or a prefix followed by `*`. The most specific pattern wins: a name before a
/// prefix, and a longer prefix before a shorter one. If no pattern matches, the rule of the
/// [method](super::ScopeRulesBuilder::method) applies, and then the [default](super::ScopeRulesBuilder::default_rule).
///
/// ```
/// use tower_bearer_auth::mcp::{ScopeRules, ToolScopesLayer};
/// use tower_bearer_auth::ScopeRequirement;
///
/// let rules = ScopeRules::builder()
///     .tool("delete_note", ScopeRequirement::all(["notes:write"]))
///     .tool("admin_*", ScopeRequirement::any(["admin", "ops"]))
///     .resource("note://shared/*", ScopeRequirement::token())
///     .default_rule(ScopeRequirement::all(["notes:read"]))
///     .build()?;
/// let layer = ToolScopesLayer::new(rules.clone());
/// # let _ = layer;
/// # Ok::<(), tower_bearer_auth::ConfigError>(())
/// ```
///
/// Clones are cheap and share the rules.
#[derive(Clone)]
pub struct ScopeRules(pub(super) Arc<Rules>);

#[derive(Debug, Clone)]
pub(super) struct Rules {
    pub(super) tools: Patterns,
    pub(super) prompts: Patterns,
    pub(super) resources: Patterns,
    pub(super) tasks: Patterns,
    pub(super) methods: Patterns,
    pub(super) default: Rule,
    /// Whether some call needs no token.
    pub(super) opens_anything: bool,
}

impl Rules {
    pub(super) fn opens_anything(&self) -> bool {
        let patterns = [
            &self.tools,
            &self.prompts,
            &self.resources,
            &self.tasks,
            &self.methods,
        ];
        let mut rules = patterns.into_iter().flat_map(Patterns::rules);
        let is_open_by_itself = |method: &&str| self.methods.find(method).is_none();
        self.default == Rule::PERMIT_ALL
            || rules.any(|rule| *rule == Rule::PERMIT_ALL)
            || OPEN_METHODS.iter().any(is_open_by_itself)
            || self.methods.find_prefix(NOTIFICATIONS).is_none()
    }
}

/// Methods that open a session or a stream, list what exists, or inform, without any other effect. A client that
/// may not call these cannot discover what it may call.
const OPEN_METHODS: [&str; 9] = [
    "initialize",
    "ping",
    "server/discover",
    "tools/list",
    "prompts/list",
    "resources/list",
    "resources/templates/list",
    "skills/list",
    // Each resource in the subscription has its own rule.
    LISTEN,
];

/// The prefix of all notification methods, which are open, too.
const NOTIFICATIONS: &str = "notifications/";

impl ScopeRules {
    /// Whether the bearer of `token` may call `method` on the tool, prompt, resource or task `name`.
    ///
    /// This is the decision of [`ToolScopesLayer`](super::ToolScopesLayer) for a call with this method and target. A
    /// name, URI or ID that the layer refuses is never allowed: one with a control character or of more than 8 KiB, and
    /// a URI that is not canonical; see [`resource`](super::ScopeRulesBuilder::resource). For `completion/complete`,
    /// and for methods without a target, only the rule of the method is checked, and `name` is usually empty. For
    /// `subscriptions/listen`, `resources/subscribe` and `resources/unsubscribe`, which may come without a target, an
    /// empty `name` means that there is none.
    ///
    /// Use it to filter the lists that a server returns:
    ///
    /// ```
    /// # use tower_bearer_auth::{AccessToken, mcp::ScopeRules};
    /// fn visible<'a>(tools: &[&'a str], rules: &ScopeRules, token: &AccessToken) -> Vec<&'a str> {
    ///     let visible = |tool: &&&str| rules.allows(token, "tools/call", tool);
    ///     tools.iter().filter(visible).copied().collect()
    /// }
    /// # let _ = visible;
    /// ```
    ///
    /// If a rule requires a recent authentication, use [`allows_after_step_up`](Self::allows_after_step_up) for lists.
    ///
    /// A list that depends on the token must not be cached for other clients: since MCP 2026-07-28, mark it with
    /// `cacheScope: "private"`.
    pub fn allows(&self, token: &AccessToken, method: &str, name: &str) -> bool {
        self.is_met(method, name, |rule| rule.is_met_by(token))
    }

    /// Like [`allows`](Self::allows), but ignores how the user has [authenticated](Rule::authentication).
    ///
    /// Use it to filter lists if some rules require an authentication. A client does not call a tool that is not in the
    /// list, so it would never get the challenge.
    pub fn allows_after_step_up(&self, token: &AccessToken, method: &str, name: &str) -> bool {
        self.is_met(method, name, |rule| rule.scopes().is_met_by(token))
    }

    fn is_met(&self, method: &str, name: &str, is_met: impl Fn(&Rule) -> bool) -> bool {
        let Ok(call) = Call::on_target(method, name) else {
            return false;
        };
        self.rules_for(slice::from_ref(&call))
            .is_ok_and(|all| all.iter().all(|rule| is_met(rule)))
    }

    /// The rules of these calls, each rule once: together, they are what the calls require. An error if a rule cannot
    /// be chosen for a resource.
    ///
    /// Both the layer and [`allows`](Self::allows) decide by this function alone, so that a list never shows what the
    /// layer would refuse, or hides what it would admit.
    pub(super) fn rules_for<'r>(
        &'r self,
        calls: &[Call<'_>],
    ) -> Result<Few<&'r Rule>, NotCanonical> {
        let mut all: Few<&'r Rule> = Few::none();
        // A thousand resources under one rule add that rule once.
        let mut require = |rule: &'r Rule| {
            if !all.iter().any(|known| ptr::eq(*known, rule)) {
                all.push(rule);
            }
        };
        for call in calls {
            if call.needs_method_rule() {
                require(self.for_method(call.method()));
            }
            for target in call.targets() {
                require(self.for_target(call.method(), target)?);
            }
        }
        Ok(all)
    }

    /// Whether a caller without a token may make some call.
    pub(super) fn opens_anything(&self) -> bool {
        self.0.opens_anything
    }

    /// The rule of a method that has no target.
    fn for_method(&self, method: &str) -> &Rule {
        const PERMIT_ALL: &Rule = &Rule::PERMIT_ALL;
        let is_open = OPEN_METHODS.contains(&method) || method.starts_with(NOTIFICATIONS);
        match self.0.methods.find(method) {
            Some(rule) => rule,
            None if is_open => PERMIT_ALL,
            None => &self.0.default,
        }
    }

    fn for_target(&self, method: &str, target: &Target<'_>) -> Result<&Rule, NotCanonical> {
        let rules = &*self.0;
        let rule = match target {
            Target::Tool(name) => rules.tools.find(name),
            Target::Prompt(name) => rules.prompts.find(name),
            Target::Task(id) => rules.tasks.find(id),
            Target::Resource(uri) => find_resource(&rules.resources, uri)?,
        };
        // A method that is open by default does not open its targets.
        let of_method = || rules.methods.find(method);
        Ok(rule.or_else(of_method).unwrap_or(&rules.default))
    }
}

/// The rule of the pattern that matches a URI best.
fn find_resource<'a>(resources: &'a Patterns, uri: &str) -> Result<Option<&'a Rule>, NotCanonical> {
    // An exact match is unambiguous. Without resource rules, there is no rule that another spelling could bypass.
    if let Some(rule) = resources.exact(uri) {
        return Ok(Some(rule));
    }
    if resources.is_empty() {
        return Ok(None);
    }
    let uri = comparable(uri)?;
    let found = resources.find_covering(&uri.text);
    uri.check_covered(found.map_or(0, |(_, length)| length))?;
    Ok(found.map(|(rule, _)| rule))
}

impl fmt::Debug for ScopeRules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
