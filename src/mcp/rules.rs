use std::fmt;
use std::sync::Arc;

use super::message::{LISTEN, Target};
use super::pattern::{Patterns, has_control};
use super::resource_uri::comparable;
use crate::access_token::AccessToken;
use crate::config_error::{ConfigError, Problems};
use crate::guard::ScopeRequirement;

/// The scopes that each tool, prompt, resource, task and method of an MCP server requires.
///
/// A pattern is a name, or a prefix followed by `*`. The most specific pattern wins: a name before a
/// prefix, and a longer prefix before a shorter one. If no pattern matches, the rule of the
/// [method](ScopeRulesBuilder::method) applies, and then the [default](ScopeRulesBuilder::default_rule).
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
pub struct ScopeRules(Arc<Rules>);

#[derive(Debug, Clone)]
struct Rules {
    tools: Patterns,
    prompts: Patterns,
    resources: Patterns,
    tasks: Patterns,
    methods: Patterns,
    default: ScopeRequirement,
    /// Whether some call needs no token.
    opens_anything: bool,
}

impl Rules {
    fn opens_anything(&self) -> bool {
        const ANYONE: ScopeRequirement = ScopeRequirement::ANYONE;
        let patterns = [
            &self.tools,
            &self.prompts,
            &self.resources,
            &self.tasks,
            &self.methods,
        ];
        let mut requirements = patterns.into_iter().flat_map(Patterns::requirements);
        let is_open_by_itself = |method: &&str| self.methods.find(method).is_none();
        self.default == ANYONE
            || requirements.any(|requirement| *requirement == ANYONE)
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

/// No rule can be chosen for a target: its URI could mean a different resource to the server.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Ambiguous;

impl ScopeRules {
    /// Starts an empty set of rules. A [default rule](ScopeRulesBuilder::default_rule) is required.
    pub fn builder() -> ScopeRulesBuilder {
        ScopeRulesBuilder {
            patterns: Vec::new(),
            default: None,
        }
    }

    /// Whether the bearer of `token` may call `method` on the tool, prompt, resource or task `name`.
    ///
    /// For `completion/complete`, and for methods without a target, this checks the rule of the method only. A `name`
    /// with a control character is never allowed. Use this to filter the lists that a server returns:
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
    /// A list that depends on the token must not be cached for other clients: since MCP 2026-07-28, mark it with
    /// `cacheScope: "private"`.
    pub fn allows(&self, token: &AccessToken, method: &str, name: &str) -> bool {
        if has_control(name) {
            return false;
        }
        let Some(target) = Target::of_method(method, name) else {
            return self.for_method(method).is_met_by(token);
        };
        let may_listen = method != LISTEN || self.for_method(method).is_met_by(token);
        let rule = self.for_target(method, &target);
        may_listen && rule.is_ok_and(|rule| rule.is_met_by(token))
    }

    /// Whether a caller without a token may make some call.
    pub(super) fn opens_anything(&self) -> bool {
        self.0.opens_anything
    }

    /// The rule of a method that has no target.
    pub(super) fn for_method(&self, method: &str) -> &ScopeRequirement {
        const ANYONE: &ScopeRequirement = &ScopeRequirement::ANYONE;
        let is_open = OPEN_METHODS.contains(&method) || method.starts_with(NOTIFICATIONS);
        match self.0.methods.find(method) {
            Some(rule) => rule,
            None if is_open => ANYONE,
            None => &self.0.default,
        }
    }

    pub(super) fn for_target(
        &self,
        method: &str,
        target: &Target<'_>,
    ) -> Result<&ScopeRequirement, Ambiguous> {
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

fn find_resource<'a>(
    resources: &'a Patterns,
    uri: &str,
) -> Result<Option<&'a ScopeRequirement>, Ambiguous> {
    // An exact match is unambiguous. Without resource rules, an ambiguous URI can bypass none.
    if let Some(rule) = resources.exact(uri) {
        return Ok(Some(rule));
    }
    if resources.is_empty() {
        return Ok(None);
    }
    let uri = comparable(uri).ok_or(Ambiguous)?;
    Ok(resources.find(&uri))
}

impl fmt::Debug for ScopeRules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Builds [`ScopeRules`]; see [`ScopeRules::builder`].
#[derive(Debug, Clone)]
#[must_use = "a builder does nothing until `build`"]
pub struct ScopeRulesBuilder {
    patterns: Vec<(Kind, String, ScopeRequirement)>,
    default: Option<ScopeRequirement>,
}

#[derive(Debug, Clone, Copy)]
enum Kind {
    Tool,
    Prompt,
    Resource,
    Task,
    Method,
}

impl Kind {
    fn setter(self) -> &'static str {
        match self {
            Self::Tool => "tool",
            Self::Prompt => "prompt",
            Self::Resource => "resource",
            Self::Task => "task",
            Self::Method => "method",
        }
    }
}

impl ScopeRulesBuilder {
    /// Sets what a tool, or every tool whose name matches the prefix, requires: `tools/call`.
    pub fn tool(self, pattern: impl Into<String>, requirement: ScopeRequirement) -> Self {
        self.with(Kind::Tool, pattern, requirement)
    }

    /// Sets what a prompt requires: `prompts/get`, and `completion/complete` for its arguments.
    pub fn prompt(self, pattern: impl Into<String>, requirement: ScopeRequirement) -> Self {
        self.with(Kind::Prompt, pattern, requirement)
    }

    /// Sets what a resource requires, by its URI: `resources/read`, `resources/subscribe`,
    /// `resources/unsubscribe`, `resources/directory/read`, `skills/get`, each resource of
    /// `subscriptions/listen`, and `completion/complete` for a URI template.
    ///
    /// The comparison ignores the case of scheme and host, and decodes percent-encoding. A request is refused with 400
    /// unless a pattern names its URI exactly, if the URI
    ///
    /// - has a `.` or `..` segment, a `\`, or white space at either end,
    /// - has an encoded delimiter in its path (`%2f`, `%2e`, `%5c`), or
    /// - has the scheme http, https, ws, wss, ftp or file, in a form that a URL parser would rewrite (`https:/h`, a
    ///   default port, `file:/x`).
    ///
    /// After the first `?` or `#`, only letters, digits and `-._~` are decoded (RFC 3986 §6.2.2.2). Delimiters are
    /// not: `…?user=me&*` does not match `…?user=me%26x`, and `https://h/x?u=https%3a%2f%2fa` is compared as
    /// `https://h/x?u=https%3A%2F%2Fa`. Characters that a query must encode, such as a space or `é`, are compared in
    /// encoded form. A letter, digit or one of `-._~` that is encoded twice is refused with 400.
    ///
    /// The server may accept more spellings of a resource, such as parameters in another order, or `+` for a space. A
    /// pattern that ends in the query does not cover these, so use a [default rule](Self::default_rule) that denies.
    pub fn resource(self, pattern: impl Into<String>, requirement: ScopeRequirement) -> Self {
        self.with(Kind::Resource, pattern, requirement)
    }

    /// Sets what a task requires, by its ID: `tasks/get`, `tasks/result`, `tasks/update`, `tasks/cancel`.
    /// Servers generate the IDs, so the pattern is usually `*`. The server must check who owns a task.
    pub fn task(self, pattern: impl Into<String>, requirement: ScopeRequirement) -> Self {
        self.with(Kind::Task, pattern, requirement)
    }

    /// Sets what a method requires if it has no target, or its target matches no pattern.
    ///
    /// Without such a rule, `initialize`, `ping`, `server/discover`, the lists of tools, prompts, resources,
    /// templates and skills, `subscriptions/listen` and all notifications are
    /// [open](ScopeRequirement::anyone) to every request that the layer in front admits. All other methods require
    /// what the default rule says.
    pub fn method(self, pattern: impl Into<String>, requirement: ScopeRequirement) -> Self {
        self.with(Kind::Method, pattern, requirement)
    }

    /// Sets what everything else requires. It has no default: you must decide whether unlisted tools are open.
    /// [`ScopeRequirement::nobody`] denies them.
    pub fn default_rule(mut self, requirement: ScopeRequirement) -> Self {
        self.default = Some(requirement);
        self
    }

    fn with(
        mut self,
        kind: Kind,
        pattern: impl Into<String>,
        requirement: ScopeRequirement,
    ) -> Self {
        self.patterns.push((kind, pattern.into(), requirement));
        self
    }

    /// Builds the rules.
    ///
    /// # Errors
    ///
    /// Reports all problems at once: no default rule; a pattern that is empty, occurs twice, has a control character,
    /// or has a `*` elsewhere than at its end; a resource prefix that could match other resources than it names.
    pub fn build(self) -> Result<ScopeRules, ConfigError> {
        let mut problems = Problems::default();
        let mut rules = Rules {
            tools: Patterns::default(),
            prompts: Patterns::default(),
            resources: Patterns::default(),
            tasks: Patterns::default(),
            methods: Patterns::default(),
            default: self.default.clone().unwrap_or(ScopeRequirement::nobody()),
            opens_anything: false,
        };
        if self.default.is_none() {
            problems.push(
                "there is no default rule; say with default_rule(..) what everything else needs",
            );
        }
        for (kind, pattern, requirement) in self.patterns {
            let added = match kind {
                Kind::Tool => rules.tools.insert(&pattern, requirement),
                Kind::Prompt => rules.prompts.insert(&pattern, requirement),
                Kind::Task => rules.tasks.insert(&pattern, requirement),
                Kind::Method => rules.methods.insert(&pattern, requirement),
                Kind::Resource => insert_resource(&mut rules.resources, &pattern, requirement),
            };
            if let Err(why) = added {
                problems.push(format!("{}({pattern:?}, ..) {why}", kind.setter()));
            }
        }
        ConfigError::check(problems)?;
        rules.opens_anything = rules.opens_anything();
        Ok(ScopeRules(Arc::new(rules)))
    }
}

/// Adds a resource pattern in the normalized form in which URIs are compared.
fn insert_resource(
    resources: &mut Patterns,
    pattern: &str,
    requirement: ScopeRequirement,
) -> Result<(), &'static str> {
    match comparable(pattern) {
        Some(comparable) => resources.insert(&comparable, requirement),
        None if pattern.ends_with('*') => Err("could mean other resources than it names"),
        // Matches only a URI that is spelled exactly like it.
        None => resources.insert(pattern, requirement),
    }
}
