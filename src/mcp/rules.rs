use std::fmt;
use std::sync::Arc;

use super::message::{LISTEN, Target};
use super::pattern::{Patterns, has_control};
use super::resource_uri::comparable;
use crate::access_token::AccessToken;
use crate::config_error::{ConfigError, Problems};
use crate::scope_guard::ScopeRequirement;

/// What each tool, prompt, resource, task and method of an MCP server asks for.
///
/// A pattern is a name, or a prefix followed by `*`. The most specific one wins: a name before a
/// prefix, and a longer prefix before a shorter one. What no pattern is about falls to the rule of its
/// [method](ScopeRulesBuilder::method), and then to the [default](ScopeRulesBuilder::default_rule).
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
/// Clones share everything.
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
    /// Whether there is a call that needs no token.
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

/// What opens a session or a stream, looks around or informs, and does nothing by itself. A client that
/// is not allowed these cannot find out what it is allowed.
const OPEN_METHODS: [&str; 9] = [
    "initialize",
    "ping",
    "server/discover",
    "tools/list",
    "prompts/list",
    "resources/list",
    "resources/templates/list",
    "skills/list",
    // Each resource in it has its own rule.
    LISTEN,
];

/// What the names of all notifications begin with. They are open, too.
const NOTIFICATIONS: &str = "notifications/";

/// A target whose rule cannot be told: a URI that may mean another resource than it seems to.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Ambiguous;

impl ScopeRules {
    /// Starts rules without any.
    pub fn builder() -> ScopeRulesBuilder {
        ScopeRulesBuilder {
            patterns: Vec::new(),
            default: None,
        }
    }

    /// Whether the bearer of `token` may call `method` on the tool, prompt, resource or task called
    /// `name`; for methods without any, and for `completion/complete`, which is about a prompt or a resource,
    /// `name` does not matter. For a server's own lists:
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
    /// A list that depends on the token is not one to share: since MCP 2026-07-28 it is marked so with
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

    /// Whether there is a call that a caller without a token may make.
    pub(super) fn opens_anything(&self) -> bool {
        self.0.opens_anything
    }

    /// The rule of a method that is about nothing in particular.
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
        // That a method is open by itself does not open what it is about.
        let of_method = || rules.methods.find(method);
        Ok(rule.or_else(of_method).unwrap_or(&rules.default))
    }
}

fn find_resource<'a>(
    resources: &'a Patterns,
    uri: &str,
) -> Result<Option<&'a ScopeRequirement>, Ambiguous> {
    // Named to the letter, it means what it says. Without any rules there is none to get around.
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

/// Puts [`ScopeRules`] together; see [`ScopeRules::builder`].
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
    /// What the tool called this, or all tools whose names start with this, ask for: `tools/call`.
    pub fn tool(self, pattern: impl Into<String>, requirement: ScopeRequirement) -> Self {
        self.with(Kind::Tool, pattern, requirement)
    }

    /// What a prompt asks for: `prompts/get`, and `completion/complete` for its arguments.
    pub fn prompt(self, pattern: impl Into<String>, requirement: ScopeRequirement) -> Self {
        self.with(Kind::Prompt, pattern, requirement)
    }

    /// What a resource asks for, by its URI: `resources/read`, `resources/subscribe`,
    /// `resources/unsubscribe`, `resources/directory/read`, `skills/get`, each resource of
    /// `subscriptions/listen`, and `completion/complete` for a URI template.
    ///
    /// URIs are compared with scheme and host in whatever case, and with percent-encoding undone. One
    /// that climbs (`..`), hides a delimiter in its path (`%2f`, `%2e`, `%5c`), has a `\`, has white space at an end,
    /// or is of http, https, ws, wss, ftp or file in a form that a URL parser would rewrite (`https:/h`, a default
    /// port, `file:/x`), is refused with 400 unless a pattern names it to the letter.
    ///
    /// Behind the first `?` or `#` only letters, digits and `-._~` are decoded, since they mean the same either way
    /// (RFC 3986 §6.2.2.2). Delimiters stay as they are: `…?user=me&*` does not match `…?user=me%26x`, and
    /// `https://h/x?u=https%3a%2f%2fa` is compared as `https://h/x?u=https%3A%2F%2Fa`. What may not stand in a query as
    /// it is, such as a space or `é`, is compared encoded. Only `.` and `..` between slashes, and a letter, digit or
    /// one of `-._~` that is encoded twice, are refused there as well. A server that reads parameters in any order, or
    /// a `+` as a space, knows more spellings of one resource than a pattern that ends in the query. Close the default
    /// all the same: what else a server takes for the same
    /// resource, only it knows.
    pub fn resource(self, pattern: impl Into<String>, requirement: ScopeRequirement) -> Self {
        self.with(Kind::Resource, pattern, requirement)
    }

    /// What a task asks for, by its ID: `tasks/get`, `tasks/result`, `tasks/update`, `tasks/cancel`.
    /// Servers make IDs up, so the pattern is usually `*`; whose task it is, is for the server to
    /// check.
    pub fn task(self, pattern: impl Into<String>, requirement: ScopeRequirement) -> Self {
        self.with(Kind::Task, pattern, requirement)
    }

    /// What a method asks for where it is about nothing that has a rule of its own.
    ///
    /// Without one, `initialize`, `ping`, `server/discover`, the lists of tools, prompts, resources,
    /// templates and skills, `subscriptions/listen` and all notifications are
    /// [open](ScopeRequirement::anyone), as far as the layer in front is; everything else falls to the
    /// default.
    pub fn method(self, pattern: impl Into<String>, requirement: ScopeRequirement) -> Self {
        self.with(Kind::Method, pattern, requirement)
    }

    /// What everything else asks for. There is no default for it: whether a tool that nobody thought of is
    /// open is for the server to say. [`ScopeRequirement::nobody`] closes it.
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

    /// The finished rules.
    ///
    /// # Errors
    ///
    /// Every problem at once: no default rule; a pattern that is empty, occurs twice, or has a `*` elsewhere
    /// than at its end; a resource whose URI could mean another one.
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

/// Resources are compared in another form than they have, and so are their patterns.
fn insert_resource(
    resources: &mut Patterns,
    pattern: &str,
    requirement: ScopeRequirement,
) -> Result<(), &'static str> {
    match comparable(pattern) {
        Some(comparable) => resources.insert(&comparable, requirement),
        None if pattern.ends_with('*') => Err("could mean other resources than it names"),
        // To the letter only.
        None => resources.insert(pattern, requirement),
    }
}
