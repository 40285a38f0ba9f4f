//! Reads the calls of a body with their methods and targets: pure functions, and the only reading of a body before the
//! decision. What a [`Call`] holds needs no further check.
//!
//! The inner server parses the same bytes with another parser. A message that two parsers could read as different
//! methods or names is refused, so that the decision made here applies to what the server executes.

use std::borrow::Cow;

use super::few::Few;
use super::pattern::has_control;
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
            Unparsed::PrivateMember => {
                Self::BadMessage("a member has a name that a parser keeps for itself")
            }
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

/// A request or notification, with everything that the decision about it depends on.
#[derive(Debug)]
pub(super) struct Call<'a> {
    method: Cow<'a, str>,
    shape: Shape,
    targets: Few<Target<'a>>,
}

/// The thing that a call operates on: its name, URI or ID, without control characters.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Target<'a> {
    Tool(Cow<'a, str>),
    Prompt(Cow<'a, str>),
    Resource(Cow<'a, str>),
    Task(Cow<'a, str>),
}

/// The calls in a body, which is one message or a batch. Responses are left out.
pub(super) fn calls(json: &str) -> Result<Few<Call<'_>>, Unreadable> {
    let messages = match Node::parse(json)? {
        Node::List(messages) if messages.is_empty() => {
            return Err(Unreadable::BadMessage("the batch is empty"));
        }
        Node::List(messages) => messages,
        message @ (Node::Object(_) | Node::Text(_) | Node::Null | Node::Other) => {
            let call = Call::of_message(message)?;
            return Ok(call.map_or(Few::none(), Few::One));
        }
    };
    let calls = messages.into_iter().map(Call::of_message);
    calls.filter_map(Result::transpose).collect()
}

impl<'a> Call<'a> {
    /// The call, or `None` for a response. A message with a method is a call, whatever its `id`.
    fn of_message(mut message: Node<'a>) -> Result<Option<Self>, Unreadable> {
        let is_response = message.take("result")?.is_some() | message.take("error")?.is_some();
        let method = match message.take("method")? {
            None if is_response => return Ok(None),
            None => {
                return Err(Unreadable::BadMessage(
                    "it is neither a call nor a response",
                ));
            }
            Some(_) if is_response => {
                return Err(Unreadable::BadMessage("it is both a call and a response"));
            }
            Some(Node::Text(method)) => plain_method(method)?,
            Some(Node::Object(_) | Node::List(_) | Node::Null | Node::Other) => {
                return Err(Unreadable::BadMessage("the method is not a string"));
            }
        };
        // Refuses repeated `params` even if the method does not use them.
        let params = message.take("params")?;
        let shape = Shape::of_method(&method);
        let targets = targets(&method, shape, params)?;
        Ok(Some(Self {
            method,
            shape,
            targets,
        }))
    }

    /// The call of `method` on the target `name`, which must pass the checks of a call in a body. The name is not used
    /// if the method has no target, or a target whose kind the method alone does not tell. An empty name is no target if
    /// the method may come without one.
    pub(super) fn on_target(method: &'a str, name: &'a str) -> Result<Self, Unreadable> {
        let method = plain_method(Cow::Borrowed(method))?;
        let name = plain(Node::Text(Cow::Borrowed(name)))?;
        let shape = Shape::of_method(&method);
        let targets = match shape {
            Shape::Named(_) if name.is_empty() && may_omit_target(&method) => Few::none(),
            Shape::Named(kind) => Few::One(kind.target(name)),
            Shape::Filter if name.is_empty() => Few::none(),
            Shape::Filter => Few::One(Target::Resource(name)),
            Shape::Reference | Shape::Bare => Few::none(),
        };
        Ok(Self {
            method,
            shape,
            targets,
        })
    }

    pub(super) fn method(&self) -> &str {
        &self.method
    }

    pub(super) fn targets(&self) -> &[Target<'a>] {
        &self.targets
    }

    /// Whether the method has exactly one target, which the `Mcp-Name` header repeats.
    pub(super) fn has_name(&self) -> bool {
        matches!(self.shape, Shape::Named(_))
    }

    /// Whether the rule of the method applies besides the rules of the targets: `subscriptions/listen` opens a stream,
    /// whatever resources are in its filter.
    pub(super) fn needs_method_rule(&self) -> bool {
        self.targets.is_empty() || matches!(self.shape, Shape::Filter)
    }
}

/// Where the parameters of a method name its targets.
#[derive(Debug, Clone, Copy)]
enum Shape {
    /// In one member, which is required.
    Named(TargetKind),
    /// In the `ref` of `completion/complete`.
    Reference,
    /// In the filter of `subscriptions/listen`.
    Filter,
    /// Nowhere.
    Bare,
}

/// The kind of a method's only target.
#[derive(Debug, Clone, Copy)]
enum TargetKind {
    Tool,
    Prompt,
    Resource,
    Task,
}

impl Shape {
    fn of_method(method: &str) -> Self {
        match method {
            "tools/call" => Self::Named(TargetKind::Tool),
            "prompts/get" => Self::Named(TargetKind::Prompt),
            "resources/read"
            | "resources/subscribe"
            | "resources/unsubscribe"
            | "resources/directory/read"
            | "skills/get" => Self::Named(TargetKind::Resource),
            "completion/complete" => Self::Reference,
            LISTEN => Self::Filter,
            "tasks/list" => Self::Bare,
            _ if method.starts_with("tasks/") => Self::Named(TargetKind::Task),
            _ => Self::Bare,
        }
    }
}

/// The method whose parameters filter what it listens to.
pub(super) const LISTEN: &str = "subscriptions/listen";

impl TargetKind {
    /// The parameter that names the target.
    fn member(self) -> &'static str {
        match self {
            Self::Tool | Self::Prompt => "name",
            Self::Resource => "uri",
            Self::Task => "taskId",
        }
    }

    fn target(self, name: Cow<'_, str>) -> Target<'_> {
        match self {
            Self::Tool => Target::Tool(name),
            Self::Prompt => Target::Prompt(name),
            Self::Resource => Target::Resource(name),
            Self::Task => Target::Task(name),
        }
    }
}

/// All targets that these parameters name.
fn targets<'a>(
    method: &str,
    shape: Shape,
    params: Option<Node<'a>>,
) -> Result<Few<Target<'a>>, Unreadable> {
    let mut params = match (shape, params) {
        (Shape::Bare, _) => return Ok(Few::none()),
        (Shape::Named(_) | Shape::Reference | Shape::Filter, Some(params @ Node::Object(_))) => {
            params
        }
        (Shape::Reference | Shape::Filter, None | Some(Node::Null)) => return Ok(Few::none()),
        (Shape::Named(_), None | Some(Node::Null)) if may_omit_target(method) => {
            return Ok(Few::none());
        }
        // Some parsers accept an array as an object with its members in order.
        (
            Shape::Named(_) | Shape::Reference | Shape::Filter,
            None | Some(Node::List(_) | Node::Text(_) | Node::Null | Node::Other),
        ) => return Err(NO_TARGET),
    };
    match shape {
        Shape::Named(kind) => match params.take(kind.member())? {
            Some(name) => Ok(Few::One(kind.target(plain(name)?))),
            None if may_omit_target(method) => Ok(Few::none()),
            None => Err(NO_TARGET),
        },
        Shape::Reference => reference_targets(params),
        Shape::Filter => filter_targets(params),
        Shape::Bare => Ok(Few::none()),
    }
}

/// Whether a call without a target passes on to the server. MCP 2026-07-28 removed these two methods, and clients
/// probe whether the server still has them.
fn may_omit_target(method: &str) -> bool {
    matches!(method, "resources/subscribe" | "resources/unsubscribe")
}

/// The prompt or the resource template of a completion; both if a server could read the reference as either.
fn reference_targets(mut params: Node<'_>) -> Result<Few<Target<'_>>, Unreadable> {
    let mut reference = match params.take("ref")? {
        None => return Ok(Few::none()),
        Some(reference @ Node::Object(_)) => reference,
        Some(Node::List(_) | Node::Text(_) | Node::Null | Node::Other) => return Err(NO_TARGET),
    };
    let mut targets = Few::none();
    if let Some(name) = reference.take("name")? {
        targets.push(Target::Prompt(plain(name)?));
    }
    if let Some(uri) = reference.take("uri")? {
        targets.push(Target::Resource(plain(uri)?));
    }
    Ok(targets)
}

/// Every resource whose updates the client subscribes to; there may be none.
fn filter_targets(mut params: Node<'_>) -> Result<Few<Target<'_>>, Unreadable> {
    let mut filter = match params.take("notifications")? {
        None | Some(Node::Null) => return Ok(Few::none()),
        Some(filter @ Node::Object(_)) => filter,
        Some(Node::List(_) | Node::Text(_) | Node::Other) => return Err(NO_TARGET),
    };
    match filter.take("resourceSubscriptions")? {
        None | Some(Node::Null) => Ok(Few::none()),
        Some(Node::List(uris)) => {
            let targets = uris.into_iter().map(plain);
            targets.map(|uri| uri.map(Target::Resource)).collect()
        }
        Some(Node::Object(_) | Node::Text(_) | Node::Other) => Err(NO_TARGET),
    }
}

/// A method that every parser reads alike. A parser that stops at a NUL would see another one.
fn plain_method(method: Cow<'_, str>) -> Result<Cow<'_, str>, Unreadable> {
    match method.len() > MAX_NAME || has_control(&method) {
        true => Err(Unreadable::BadMessage(
            "the method is too long, or has a control character",
        )),
        false => Ok(method),
    }
}

/// The name, URI or ID of a target, which every parser reads alike.
fn plain(name: Node<'_>) -> Result<Cow<'_, str>, Unreadable> {
    match name {
        Node::Text(name) if name.len() > MAX_NAME || has_control(&name) => Err(
            Unreadable::BadParams("a name is too long, or has a control character"),
        ),
        Node::Text(name) => Ok(name),
        Node::Object(_) | Node::List(_) | Node::Null | Node::Other => Err(NO_TARGET),
    }
}

/// The longest method, name, URI or ID, in bytes.
const MAX_NAME: usize = 8 * 1024;

const NO_TARGET: Unreadable =
    Unreadable::BadParams("the parameters do not clearly name the target");

impl Target<'_> {
    /// The name, URI or ID.
    pub(super) fn as_str(&self) -> &str {
        match self {
            Self::Tool(name) | Self::Prompt(name) | Self::Resource(name) | Self::Task(name) => name,
        }
    }
}

#[cfg(test)]
mod tests;
