use std::sync::Arc;

use super::pattern::{Patterns, split_star};
use super::resource_uri::comparable;
use super::rule::Rule;
use super::rules::{Rules, ScopeRules};
use crate::config_error::{ConfigError, Problems};
use crate::guard::ScopeRequirement;

impl ScopeRules {
    /// Starts an empty set of rules. A [default rule](ScopeRulesBuilder::default_rule) is required.
    pub fn builder() -> ScopeRulesBuilder {
        ScopeRulesBuilder {
            patterns: Vec::new(),
            default: None,
        }
    }
}

/// Builds [`ScopeRules`]; see [`ScopeRules::builder`].
#[derive(Debug, Clone)]
#[must_use = "a builder does nothing until `build`"]
pub struct ScopeRulesBuilder {
    patterns: Vec<(Subject, String, Rule)>,
    default: Option<Rule>,
}

/// What a pattern selects.
#[derive(Debug, Clone, Copy)]
enum Subject {
    Tool,
    Prompt,
    Resource,
    Task,
    Method,
}

impl Subject {
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
    pub fn tool(self, pattern: impl Into<String>, rule: impl Into<Rule>) -> Self {
        self.with(Subject::Tool, pattern, rule.into())
    }

    /// Sets what a prompt requires: `prompts/get`, and `completion/complete` for its arguments.
    pub fn prompt(self, pattern: impl Into<String>, rule: impl Into<Rule>) -> Self {
        self.with(Subject::Prompt, pattern, rule.into())
    }

    /// Sets what a resource requires, by its URI: `resources/read`, `resources/subscribe`,
    /// `resources/unsubscribe`, `resources/directory/read`, `skills/get`, each resource of
    /// `subscriptions/listen`, and `completion/complete` for a URI template.
    ///
    /// One spelling of each URI is sure to work: lower-case scheme and host, and a path and query that are
    /// percent-encoded once, as `encodeURIComponent` or a URI template does it. Other spellings of the same resource
    /// select the same rule, or are refused. Before the comparison,
    ///
    /// - scheme and host become lower-case, and the letter of a drive (`file:///c:/`) upper-case;
    /// - the path is percent-decoded once, so that `a%20b` is `a b`, and `%C3%A9` is `é`;
    /// - after the first `?` or `#`, only letters, digits and `-._~` are decoded (RFC 3986 §6.2.2.2). Delimiters are
    ///   not: `…?user=me&*` does not match `…?user=me%26x`. All other characters are compared in encoded form, with
    ///   upper-case digits.
    ///
    /// Only a `*` that is written as such is a wildcard. `%2A` in the path is the character, which `*` in a URI is too.
    ///
    /// A URI that some server could read as another resource is not canonical. It is refused with 400, and the message
    /// and the log say why:
    ///
    /// - it has a `.` or `..` segment, encoded or not, a `\`, a control character, or white space at either end;
    /// - it has an encoded `/`, `\`, `.`, `?` or `#` in its path, an encoded scheme, or an encoded `@`, `:`, `[` or `]`
    ///   in its authority;
    /// - its path is encoded twice, or a letter, digit or one of `-._~` in its query is;
    /// - it has the scheme http, https, ws, wss, ftp or file, in a form that a URL parser would rewrite (`https:/h`,
    ///   `https://h` without a path, a default port, a user name, an encoded host, `http://127.1/`, `file:/x`,
    ///   `file:///a//b`, `file://C:/x`, `file:///C|/x`);
    /// - its authority is not ASCII;
    /// - its host ends in a dot, or is an IPv6 address that is not in the form of RFC 5952, or contains an IPv4
    ///   address;
    /// - it has another scheme, and a user name or a port, unless the pattern that matches has the whole authority:
    ///   `db://host:5432/*` admits `db://host:5432/x`, and `db://host:*`, `db://*` and `*` do not;
    /// - it has a fragment or an empty query, which many servers drop, unless the pattern that matches has the `#` or
    ///   the `?`: `note://1#*`, `note://1?*`.
    ///
    /// Patterns must be canonical, too. The exceptions are exact patterns for resources without a canonical URI: with
    /// an encoded `/`, `\`, `?`, `#` or control character in the path, encoded white space at either end, something
    /// that is encoded twice or not in UTF-8, or, in a scheme that is not one of those above, an authority that is not
    /// ASCII. Such a pattern matches only its own spelling; all others are refused.
    ///
    /// Rules without a single resource pattern accept every URI.
    ///
    /// The server may accept more spellings of a resource, which select other rules here: doubled slashes
    /// (`note://a//b`), `;` and what follows it in a path segment, another case of the path, another Unicode
    /// normalization, parameters of the query in another order, additional parameters, a `&` at the end, or `+` for a
    /// space. Exact patterns, and those that end in the query, do not cover these, so use a
    /// [default rule](Self::default_rule) that denies.
    pub fn resource(self, pattern: impl Into<String>, rule: impl Into<Rule>) -> Self {
        self.with(Subject::Resource, pattern, rule.into())
    }

    /// Sets what a task requires, by its ID: `tasks/get`, `tasks/result`, `tasks/update`, `tasks/cancel`.
    /// Servers generate the IDs, so the pattern is usually `*`. The server must check who owns a task.
    pub fn task(self, pattern: impl Into<String>, rule: impl Into<Rule>) -> Self {
        self.with(Subject::Task, pattern, rule.into())
    }

    /// Sets what a method requires if it has no target, or its target matches no pattern.
    ///
    /// Without such a rule, `initialize`, `ping`, `server/discover`, the lists of tools, prompts, resources,
    /// templates and skills, `subscriptions/listen` and all notifications are
    /// [open](ScopeRequirement::permit_all) to every request that the layer in front admits. All other methods require
    /// what the default rule says.
    pub fn method(self, pattern: impl Into<String>, rule: impl Into<Rule>) -> Self {
        self.with(Subject::Method, pattern, rule.into())
    }

    /// Sets what everything else requires. It has no default: you must decide whether unlisted tools are open.
    /// [`ScopeRequirement::deny_all`] denies them.
    pub fn default_rule(mut self, rule: impl Into<Rule>) -> Self {
        self.default = Some(rule.into());
        self
    }

    fn with(mut self, subject: Subject, pattern: impl Into<String>, rule: Rule) -> Self {
        self.patterns.push((subject, pattern.into(), rule));
        self
    }

    /// Builds the rules.
    ///
    /// # Errors
    ///
    /// Reports all problems at once: no default rule; a pattern that is empty, occurs twice, has a control character,
    /// or has a `*` elsewhere than at its end; a resource pattern that is not canonical, see
    /// [`resource`](Self::resource).
    pub fn build(self) -> Result<ScopeRules, ConfigError> {
        let mut problems = Problems::default();
        let mut rules = Rules {
            tools: Patterns::default(),
            prompts: Patterns::default(),
            resources: Patterns::default(),
            tasks: Patterns::default(),
            methods: Patterns::default(),
            default: self
                .default
                .clone()
                .unwrap_or(Rule::new(ScopeRequirement::deny_all())),
            opens_anything: false,
        };
        if self.default.is_none() {
            problems.push(
                "there is no default rule; say with default_rule(..) what everything else needs",
            );
        }
        for (subject, pattern, rule) in self.patterns {
            let added = match subject {
                Subject::Tool => rules.tools.insert(&pattern, rule),
                Subject::Prompt => rules.prompts.insert(&pattern, rule),
                Subject::Task => rules.tasks.insert(&pattern, rule),
                Subject::Method => rules.methods.insert(&pattern, rule),
                Subject::Resource => insert_resource(&mut rules.resources, &pattern, rule),
            };
            if let Err(why) = added {
                problems.push(format!("{}({pattern:?}, ..) {why}", subject.setter()));
            }
        }
        ConfigError::check(problems)?;
        rules.opens_anything = rules.opens_anything();
        Ok(ScopeRules(Arc::new(rules)))
    }
}

/// Adds a resource pattern in the form in which URIs are compared.
fn insert_resource(
    resources: &mut Patterns,
    pattern: &str,
    rule: Rule,
) -> Result<(), &'static str> {
    let (_, is_prefix) = split_star(pattern)?;
    match comparable(pattern) {
        Ok(comparable) if is_prefix && comparable.ends_in_drive_letter() => Err(
            "ends in a letter that could be a drive's, which is compared in upper case; write `file:///C:/*`",
        ),
        // The literal `*` is still the last character. `%2A` has become one, too, but stands for itself.
        Ok(comparable) if is_prefix => {
            let prefix = &comparable.text[..comparable.text.len() - "*".len()];
            resources.insert_prefix(prefix, rule)
        }
        Ok(comparable) => resources.insert_exact(&comparable.text, rule),
        Err(why) if !is_prefix && why.is_of_every_spelling() && pattern.trim() == pattern => {
            resources.insert_exact(pattern, rule)
        }
        Err(why) => Err(why.predicate()),
    }
}
