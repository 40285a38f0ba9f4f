//! JSON-RPC messages, read for what they are about: pure functions of the body.
//!
//! The server behind reads the same bytes with a parser of its own. Wherever two parsers could come to
//! different methods or names, the message is refused, so that what is decided here holds there.

use std::borrow::Cow;

use super::pattern::has_control;
use super::private_member::has_private_member;
use super::tree::{Doubtful, Node, TooMany, Unparsed};

/// Why a body cannot be decided about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unreadable {
    NotJson,
    /// Not a JSON-RPC message, or one that could be read in two ways.
    BadMessage(&'static str),
    /// A method without what it is about.
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

/// A message that calls a method, whether it expects an answer or not.
#[derive(Debug)]
pub(super) struct Call<'a> {
    pub(super) method: Cow<'a, str>,
    message: Node<'a>,
}

/// What a call is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Target<'a> {
    Tool(&'a str),
    Prompt(&'a str),
    Resource(&'a str),
    Task(&'a str),
}

/// The calls of a body: one message, or a batch of them. Responses call nothing.
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
    /// The call, or `None` for a response. What has a method is a call whatever its `id`.
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
            // Another reader may stop at a NUL, and see another method.
            Some(Node::Text(method)) if method.len() > MAX_NAME || has_control(method) => {
                return Err(Unreadable::BadMessage(
                    "the method is too long, or has a control character",
                ));
            }
            Some(Node::Text(method)) => method.clone(),
            Some(_) => return Err(Unreadable::BadMessage("the method is not a string")),
        };
        // Whether or not the method reads it, there is one of it.
        message.member("params")?;
        Ok(Some(Self { method, message }))
    }

    /// Everything that the call is about.
    pub(super) fn targets(&self) -> Result<Vec<Target<'_>>, Unreadable> {
        let kind = Kind::of_method(&self.method);
        let is_about_something = kind.is_some() || MANIFOLD.contains(&&*self.method);
        let params = match self.message.member("params")? {
            Some(params @ Node::Object(_)) => params,
            None | Some(Node::Null) if kind.is_none() || self.may_say_nothing() => {
                return Ok(Vec::new());
            }
            Some(_) if !is_about_something => return Ok(Vec::new()),
            // Some parsers take a list for an object whose members come in order.
            None | Some(_) => return Err(NO_TARGET),
        };
        match (kind, &*self.method) {
            (Some(kind), _) => match params.member(kind.member())? {
                Some(name) => Ok(vec![kind.target(plain(name)?)]),
                None if self.may_say_nothing() => Ok(Vec::new()),
                None => Err(NO_TARGET),
            },
            (None, "completion/complete") => completed(params),
            (None, LISTEN) => listened_to(params),
            (None, _) => Ok(Vec::new()),
        }
    }

    /// Whether the server is to say what it thinks of a call that does not say what it is about. These two are
    /// gone since 2026-07-28, and clients try whether they are.
    fn may_say_nothing(&self) -> bool {
        matches!(
            &*self.method,
            "resources/subscribe" | "resources/unsubscribe"
        )
    }

    /// Whether the method is about one thing that has a name.
    pub(super) fn has_name(&self) -> bool {
        Kind::of_method(&self.method).is_some()
    }
}

/// To listen is something by itself, whatever is listened to.
pub(super) const LISTEN: &str = "subscriptions/listen";

/// Methods that can be about several things, or about one of several kinds.
const MANIFOLD: [&str; 2] = ["completion/complete", LISTEN];

/// A prompt, a resource template, or both, where a server could take it for either.
fn completed<'m>(params: &'m Node<'_>) -> Result<Vec<Target<'m>>, Unreadable> {
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

/// Every resource whose updates are asked for; there may be none.
fn listened_to<'m>(params: &'m Node<'_>) -> Result<Vec<Target<'m>>, Unreadable> {
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

/// A text that is the same to everybody, also to a reader that stops at a NUL.
fn plain<'m>(node: &'m Node<'_>) -> Result<&'m str, Unreadable> {
    match node {
        Node::Text(text) if text.len() > MAX_NAME || has_control(text) => Err(
            Unreadable::BadParams("a name is too long, or has a control character"),
        ),
        Node::Text(text) => Ok(text),
        _ => Err(NO_TARGET),
    }
}

/// In bytes: of a name, a URI or an ID.
const MAX_NAME: usize = 8 * 1024;

const NO_TARGET: Unreadable =
    Unreadable::BadParams("the parameters do not say plainly what it is about");

impl<'a> Target<'a> {
    /// What a call of `method` on `name` is about, where the method says what kind of thing it is.
    pub(super) fn of_method(method: &str, name: &'a str) -> Option<Self> {
        match method {
            LISTEN => Some(Self::Resource(name)),
            method => Some(Kind::of_method(method)?.target(name)),
        }
    }

    /// Its name, URI or ID.
    pub(super) fn as_str(&self) -> &'a str {
        match self {
            Self::Tool(name) | Self::Prompt(name) | Self::Resource(name) | Self::Task(name) => name,
        }
    }
}

/// What kind of thing a method is about, where it is about one.
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

    /// The parameter that says which one.
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
