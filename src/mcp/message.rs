//! Finds the method and the targets of JSON-RPC messages: pure functions of the body.
//!
//! The inner server parses the same bytes with another parser. A message that two parsers could read as different
//! methods or names is refused, so that the decision made here applies to what the server executes.

use std::borrow::Cow;

use super::pattern::has_control;
use super::private_member::has_private_member;
use super::tree::{Doubtful, Node, TooMany, Unparsed};

/// Why no decision is possible for a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unreadable {
    NotJson,
    /// Not a JSON-RPC message, or an ambiguous one.
    BadMessage(&'static str),
    /// The parameters do not name the target, or not clearly.
    BadParams(&'static str),
}

impl From<Doubtful> for Unreadable {
    fn from(_: Doubtful) -> Self {
        Self::BadMessage("a member occurs twice, or looks like another one")
    }
}

impl From<Unparsed> for Unreadable {
    fn from(unparsed: Unparsed) -> Self {
        match unparsed {
            Unparsed::NotJson => Self::NotJson,
            Unparsed::TooMany(TooMany::Messages) => Self::BadMessage("the batch is too long"),
            Unparsed::TooMany(TooMany::Members) => {
                Self::BadMessage("an object has too many members")
            }
            Unparsed::TooMany(TooMany::Resources) => {
                Self::BadParams("there are too many resources")
            }
        }
    }
}

/// A request or notification.
#[derive(Debug)]
pub(super) struct Call<'a> {
    pub(super) method: Cow<'a, str>,
    message: Node<'a>,
}

/// The thing that a call operates on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Target<'a> {
    Tool(&'a str),
    Prompt(&'a str),
    Resource(&'a str),
    Task(&'a str),
}

/// The calls in a body, which is one message or a batch. Responses are left out.
pub(super) fn calls(body: &[u8]) -> Result<Vec<Call<'_>>, Unreadable> {
    let json = std::str::from_utf8(body).map_err(|_| Unreadable::NotJson)?;
    let root = Node::parse(json)?;
    if has_private_member(json) {
        return Err(Unreadable::BadMessage(
            "a member has a name that a parser keeps for itself",
        ));
    }
    let messages = match root {
        Node::List(messages) if messages.is_empty() => {
            return Err(Unreadable::BadMessage("the batch is empty"));
        }
        Node::List(messages) => messages,
        message => vec![message],
    };
    let calls = messages.into_iter().map(Call::of_message);
    calls.filter_map(Result::transpose).collect()
}

impl<'a> Call<'a> {
    /// The call, or `None` for a response. A message with a method is a call, whatever its `id`.
    fn of_message(message: Node<'a>) -> Result<Option<Self>, Unreadable> {
        let is_response = message.member("result")?.is_some() | message.member("error")?.is_some();
        let method = match message.member("method")? {
            None if is_response => return Ok(None),
            None => {
                return Err(Unreadable::BadMessage(
                    "it is neither a call nor a response",
                ));
            }
            Some(_) if is_response => {
                return Err(Unreadable::BadMessage("it is both a call and a response"));
            }
            // A parser that stops at a NUL would see another method.
            Some(Node::Text(method)) if method.len() > MAX_NAME || has_control(method) => {
                return Err(Unreadable::BadMessage(
                    "the method is too long, or has a control character",
                ));
            }
            Some(Node::Text(method)) => method.clone(),
            Some(_) => return Err(Unreadable::BadMessage("the method is not a string")),
        };
        // Refuses repeated `params` even if the method does not use them.
        message.member("params")?;
        Ok(Some(Self { method, message }))
    }

    /// All targets of the call.
    pub(super) fn targets(&self) -> Result<Vec<Target<'_>>, Unreadable> {
        let kind = Kind::of_method(&self.method);
        let has_target = kind.is_some() || MULTI_TARGET.contains(&&*self.method);
        let params = match self.message.member("params")? {
            Some(params @ Node::Object(_)) => params,
            None | Some(Node::Null) if kind.is_none() || self.may_omit_target() => {
                return Ok(Vec::new());
            }
            Some(_) if !has_target => return Ok(Vec::new()),
            // Some parsers accept an array as an object with its members in order.
            None | Some(_) => return Err(NO_TARGET),
        };
        match (kind, &*self.method) {
            (Some(kind), _) => match params.member(kind.member())? {
                Some(name) => Ok(vec![kind.target(plain(name)?)]),
                None if self.may_omit_target() => Ok(Vec::new()),
                None => Err(NO_TARGET),
            },
            (None, "completion/complete") => completion_targets(params),
            (None, LISTEN) => subscription_targets(params),
            (None, _) => Ok(Vec::new()),
        }
    }

    /// Whether a call without a target passes on to the server. MCP 2026-07-28 removed these two methods, and clients
    /// probe whether the server still has them.
    fn may_omit_target(&self) -> bool {
        matches!(
            &*self.method,
            "resources/subscribe" | "resources/unsubscribe"
        )
    }

    /// Whether the method has exactly one target.
    pub(super) fn has_name(&self) -> bool {
        Kind::of_method(&self.method).is_some()
    }
}

/// Has a rule of its own, besides the rule of each resource in its filter.
pub(super) const LISTEN: &str = "subscriptions/listen";

/// Methods that can have several targets, or a target of several kinds.
const MULTI_TARGET: [&str; 2] = ["completion/complete", LISTEN];

/// The prompt or the resource template of a completion; both if a server could read the reference as either.
fn completion_targets<'m>(params: &'m Node<'_>) -> Result<Vec<Target<'m>>, Unreadable> {
    let reference = match params.member("ref")? {
        None => return Ok(Vec::new()),
        Some(reference @ Node::Object(_)) => reference,
        Some(_) => return Err(NO_TARGET),
    };
    let mut targets = Vec::new();
    if let Some(name) = reference.member("name")? {
        targets.push(Target::Prompt(plain(name)?));
    }
    if let Some(uri) = reference.member("uri")? {
        targets.push(Target::Resource(plain(uri)?));
    }
    Ok(targets)
}

/// Every resource whose updates the client subscribes to; there may be none.
fn subscription_targets<'m>(params: &'m Node<'_>) -> Result<Vec<Target<'m>>, Unreadable> {
    let filter = match params.member("notifications")? {
        None | Some(Node::Null) => return Ok(Vec::new()),
        Some(filter @ Node::Object(_)) => filter,
        Some(_) => return Err(NO_TARGET),
    };
    match filter.member("resourceSubscriptions")? {
        None | Some(Node::Null) => Ok(Vec::new()),
        Some(Node::List(uris)) => uris
            .iter()
            .map(|uri| Ok(Target::Resource(plain(uri)?)))
            .collect(),
        Some(_) => Err(NO_TARGET),
    }
}

/// A string that every parser reads alike, including one that stops at a NUL.
fn plain<'m>(node: &'m Node<'_>) -> Result<&'m str, Unreadable> {
    match node {
        Node::Text(text) if text.len() > MAX_NAME || has_control(text) => Err(
            Unreadable::BadParams("a name is too long, or has a control character"),
        ),
        Node::Text(text) => Ok(text),
        _ => Err(NO_TARGET),
    }
}

/// The longest method, name, URI or ID, in bytes.
const MAX_NAME: usize = 8 * 1024;

const NO_TARGET: Unreadable =
    Unreadable::BadParams("the parameters do not say plainly what it is about");

impl<'a> Target<'a> {
    /// The target `name` of a call of `method`, if the method implies the kind of its target.
    pub(super) fn of_method(method: &str, name: &'a str) -> Option<Self> {
        match method {
            LISTEN => Some(Self::Resource(name)),
            method => Some(Kind::of_method(method)?.target(name)),
        }
    }

    /// The name, URI or ID.
    pub(super) fn as_str(&self) -> &'a str {
        match self {
            Self::Tool(name) | Self::Prompt(name) | Self::Resource(name) | Self::Task(name) => name,
        }
    }
}

/// The kind of a method's only target.
#[derive(Clone, Copy)]
enum Kind {
    Tool,
    Prompt,
    Resource,
    Task,
}

impl Kind {
    fn of_method(method: &str) -> Option<Self> {
        match method {
            "tools/call" => Some(Self::Tool),
            "prompts/get" => Some(Self::Prompt),
            "resources/read"
            | "resources/subscribe"
            | "resources/unsubscribe"
            | "resources/directory/read"
            | "skills/get" => Some(Self::Resource),
            "tasks/list" => None,
            _ if method.starts_with("tasks/") => Some(Self::Task),
            _ => None,
        }
    }

    /// The parameter that names the target.
    fn member(self) -> &'static str {
        match self {
            Self::Tool | Self::Prompt => "name",
            Self::Resource => "uri",
            Self::Task => "taskId",
        }
    }

    fn target(self, name: &str) -> Target<'_> {
        match self {
            Self::Tool => Target::Tool(name),
            Self::Prompt => Target::Prompt(name),
            Self::Resource => Target::Resource(name),
            Self::Task => Target::Task(name),
        }
    }
}

#[cfg(test)]
mod tests;
