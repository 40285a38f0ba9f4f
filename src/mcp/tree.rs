//! Reads the parts of a JSON body that name the method and the targets, and detects what parsers read differently.
//!
//! The guard decides about one reading of a body, and the server behind acts on another: it parses the same bytes with a
//! parser of its own. Where the two readings differ, a client could show the guard one tool and run another. So this
//! reader accepts no reading but the one that all parsers share.
//!
//! Parsers disagree about members that occur twice (the first or the last one counts), that differ in case only (Go's
//! parser accepts `Name` for `name`, and `ſ` for an s), or that have a NUL in their names (C strings end there). Such a
//! document can be harmless, for example in the arguments of a tool, so reading it succeeds. Only [taking](Node::take) a
//! member fails that another parser might find elsewhere. A member that no rule depends on is no reason to refuse a message.
//!
//! Anonymous clients choose the input, so the work per byte and the memory are bounded:
//!
//! - what no decision depends on is [skipped](Scanner::skip) at any depth, with one bit of memory per open list or object;
//! - an object keeps at most one entry for each known member, however often it occurs;
//! - a name is compared with the known ones only as far as it resembles one of them (`member_name`);
//! - messages, inspected members and resources are counted, and reading stops at the limit.

use std::borrow::Cow;

use super::member_name::{Name, recognize};
use super::scanner::{NotJson, Scanner};

/// A JSON value, read only as deep as its place in a message requires.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Node<'a> {
    /// The known members by name, each once; an error for an ambiguous one.
    Object(Vec<(&'static str, Result<Self, Doubtful>)>),
    List(Vec<Self>),
    Text(Cow<'a, str>),
    Null,
    /// A number, a boolean, or a value that is not inspected.
    Other,
}

/// A member that another parser might read under a different name, or with a different value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Doubtful;

/// Why a text cannot be read as a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unparsed {
    NotJson,
    /// It exceeds a limit.
    TooMany(TooMany),
    /// A member has a name that some parser treats specially (`private_member`).
    PrivateMember,
}

impl From<NotJson> for Unparsed {
    fn from(_: NotJson) -> Self {
        Self::NotJson
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TooMany {
    Messages,
    Members,
    Resources,
}

/// The maximum number of messages in a batch, and of resources that all messages of a body name together.
const MAX_ITEMS: usize = 1_000;

/// The maximum number of members of an object whose names are compared: a message, its parameters, a reference or a
/// filter. It does not apply to the arguments of a tool.
pub(super) const MAX_MEMBERS: usize = 1_000;

/// The place of a value in a body, which determines what is read of it.
#[derive(Debug, Clone, Copy)]
enum Place {
    /// One message, or a batch of them.
    Body,
    Message,
    Params,
    /// The `ref` of `completion/complete`.
    Reference,
    /// The `notifications` of `subscriptions/listen`.
    Filter,
    Uris,
    /// A string, or a value that is not inspected.
    Leaf,
}

impl Place {
    /// The known members of an object in this place, and the places of their values.
    fn members(self) -> &'static [(&'static str, Self)] {
        match self {
            Self::Body | Self::Message => &[
                ("method", Self::Leaf),
                ("params", Self::Params),
                ("result", Self::Leaf),
                ("error", Self::Leaf),
            ],
            Self::Params => &[
                ("name", Self::Leaf),
                ("uri", Self::Leaf),
                ("taskId", Self::Leaf),
                ("ref", Self::Reference),
                ("notifications", Self::Filter),
            ],
            Self::Reference => &[("name", Self::Leaf), ("uri", Self::Leaf)],
            Self::Filter => &[("resourceSubscriptions", Self::Uris)],
            Self::Uris | Self::Leaf => &[],
        }
    }

    /// The place of the items of a list in this place, if they are read.
    fn items(self) -> Option<Self> {
        match self {
            Self::Body => Some(Self::Message),
            Self::Uris => Some(Self::Leaf),
            Self::Message | Self::Params | Self::Reference | Self::Filter | Self::Leaf => None,
        }
    }
}

impl<'a> Node<'a> {
    /// Reads a whole body. Trailing text other than white space is an error.
    pub(super) fn parse(json: &'a str) -> Result<Self, Unparsed> {
        if is_unfinished(json) {
            return Err(Unparsed::NotJson);
        }
        let mut reader = Reader {
            scanner: Scanner::new(json),
            resources: 0,
        };
        let node = reader.node(Place::Body)?;
        reader.scanner.end()?;
        match reader.scanner.has_private_member() {
            true => Err(Unparsed::PrivateMember),
            false => Ok(node),
        }
    }

    /// Removes the member called `name` and returns its value; `None` if it is absent, or this is not an object.
    pub(super) fn take(&mut self, name: &str) -> Result<Option<Self>, Doubtful> {
        let Self::Object(members) = self else {
            return Ok(None);
        };
        match members.iter().position(|(known, _)| *known == name) {
            Some(at) => members.swap_remove(at).1.map(Some),
            None => Ok(None),
        }
    }
}

/// Whether `json` begins as an object or a list, and does not end as one.
///
/// A truncated body of 4 MiB would otherwise be read to its end before the reader noticed.
fn is_unfinished(json: &str) -> bool {
    let json = json.trim_matches([' ', '\t', '\n', '\r']).as_bytes();
    match json {
        [b'{', rest @ ..] => rest.last() != Some(&b'}'),
        [b'[', rest @ ..] => rest.last() != Some(&b']'),
        _ => false,
    }
}

/// Reads the nodes of a body.
struct Reader<'a> {
    scanner: Scanner<'a>,
    /// The number of resources so far.
    resources: usize,
}

impl<'a> Reader<'a> {
    fn node(&mut self, place: Place) -> Result<Node<'a>, Unparsed> {
        match self.scanner.peek()? {
            b'{' => self.object(place),
            b'[' => self.list(place),
            b'"' => Ok(Node::Text(self.scanner.text()?)),
            _ => match self.scanner.scalar()? {
                "null" => Ok(Node::Null),
                scalar if is_in_range(scalar) => Ok(Node::Other),
                _ => Err(Unparsed::NotJson),
            },
        }
    }

    fn list(&mut self, place: Place) -> Result<Node<'a>, Unparsed> {
        let Some(item_place) = place.items() else {
            self.scanner.skip()?;
            return Ok(Node::Other);
        };
        self.scanner.take(b'[')?;
        let mut list = Vec::new();
        while self.scanner.has_next(b']', list.is_empty())? {
            let item = self.node(item_place)?;
            self.check_item(place, list.len())?;
            list.push(item);
        }
        Ok(Node::List(list))
    }

    /// Checks whether a list that has `count` items may have one more.
    fn check_item(&mut self, place: Place, count: usize) -> Result<(), Unparsed> {
        match place {
            Place::Body if count >= MAX_ITEMS => Err(Unparsed::TooMany(TooMany::Messages)),
            Place::Uris if self.resources >= MAX_ITEMS => {
                Err(Unparsed::TooMany(TooMany::Resources))
            }
            Place::Uris => {
                self.resources += 1;
                Ok(())
            }
            Place::Body
            | Place::Message
            | Place::Params
            | Place::Reference
            | Place::Filter
            | Place::Leaf => Ok(()),
        }
    }

    fn object(&mut self, place: Place) -> Result<Node<'a>, Unparsed> {
        let known = place.members();
        self.scanner.take(b'{')?;
        let mut object: Vec<(&'static str, Result<Node<'a>, Doubtful>)> = Vec::new();
        let mut count = 0;
        while self.scanner.has_next(b'}', count == 0)? {
            let name = self.scanner.name()?;
            let name = recognize(name.text, name.is_verbatim, known);
            count += 1;
            if count > MAX_MEMBERS && !known.is_empty() {
                return Err(Unparsed::TooMany(TooMany::Members));
            }
            self.scanner.colon()?;
            let Some(Name { position, is_plain }) = name else {
                self.scanner.skip()?;
                continue;
            };
            // The first occurrence is kept if every parser reads its name alike. Any further one, in whatever
            // spelling, makes the member doubtful for good: its value is skipped, and the kept one is dropped.
            let (name, place) = known[position];
            let earlier = object.iter_mut().find(|(known, _)| *known == name);
            match earlier {
                None if is_plain => {
                    let value = self.node(place)?;
                    object.push((name, Ok(value)));
                }
                None => {
                    self.scanner.skip()?;
                    object.push((name, Err(Doubtful)));
                }
                Some((_, value)) => {
                    self.scanner.skip()?;
                    *value = Err(Doubtful);
                }
            }
        }
        match known {
            [] => Ok(Node::Other),
            [_, ..] => Ok(Node::Object(object)),
        }
    }
}

/// Whether a scalar is no number that exceeds the range of an `f64`. Some parsers refuse such a number.
fn is_in_range(scalar: &str) -> bool {
    let may_exceed = scalar.len() > MAX_PLAIN_DIGITS || scalar.contains(['e', 'E']);
    !may_exceed || matches!(scalar, "true" | "false") || serde_json::from_str::<f64>(scalar).is_ok()
}

/// A number with so many characters and without an exponent is in the range of an `f64`.
const MAX_PLAIN_DIGITS: usize = 300;

#[cfg(test)]
mod tests;
