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
//! - what no decision depends on is skipped as [`IgnoredAny`], at any depth, without an allocation;
//! - an object keeps at most one entry for each known member, however often it occurs;
//! - a name is compared with the known ones only as far as it resembles one of them (`member_name`);
//! - messages, inspected members and resources are counted, and reading stops at the limit.

use std::borrow::Cow;
use std::cell::Cell;
use std::fmt;

use memchr::memchr_iter;
use serde::Deserializer;
use serde::de::{DeserializeSeed, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::member_name::{Name, NameReader};
use crate::json::end_of_string;

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
        if is_unfinished(json) || is_never_closed(json.as_bytes()) {
            return Err(Unparsed::NotJson);
        }
        let limits = Limits::default();
        let reader = Reader {
            place: Place::Body,
            limits: &limits,
        };
        let mut deserializer = serde_json::Deserializer::from_str(json);
        let node = reader.deserialize(&mut deserializer);
        node.and_then(|node| deserializer.end().map(|()| node))
            .map_err(|_| match limits.exceeded.get() {
                Some(what) => Unparsed::TooMany(what),
                None => Unparsed::NotJson,
            })
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
/// A truncated body of 4 MiB would otherwise be read to its end before the parser noticed.
fn is_unfinished(json: &str) -> bool {
    let json = json.trim_matches([' ', '\t', '\n', '\r']).as_bytes();
    match json {
        [b'{', rest @ ..] => rest.last() != Some(&b'}'),
        [b'[', rest @ ..] => rest.last() != Some(&b']'),
        _ => false,
    }
}

/// Bodies from this size on are searched for lists that are never closed. serde_json keeps a list of what is open until
/// the text ends; for a large body, that costs more than the search.
const LARGE_BODY: usize = 256 * 1024;

/// Whether a large `json` consists of `[` to a good part, and opens more lists and objects than it closes.
fn is_never_closed(json: &[u8]) -> bool {
    if json.len() < LARGE_BODY {
        return false;
    }
    let opened = memchr_iter(b'[', json).count();
    if opened < json.len() / 4 || opened <= memchr_iter(b']', json).count() {
        return false;
    }
    let mut depth = 0_isize;
    let mut at = 0;
    while let Some(byte) = json.get(at) {
        at += 1;
        match byte {
            b'[' | b'{' => depth += 1,
            b']' | b'}' => depth -= 1,
            b'"' => match end_of_string(&json[at..]) {
                Some(end) => at += end + 1,
                None => break,
            },
            _ => {}
        }
    }
    depth > 0
}

/// The running counts of a body, and the limit that it exceeded.
#[derive(Debug, Default)]
struct Limits {
    resources: Cell<usize>,
    exceeded: Cell<Option<TooMany>>,
}

impl Limits {
    fn exceed<E: Error>(&self, what: TooMany) -> E {
        self.exceeded.set(Some(what));
        E::custom("too many")
    }

    /// Checks whether a list that has `count` items may have one more.
    fn check_item<E: Error>(&self, place: Place, count: usize) -> Result<(), E> {
        match place {
            Place::Body if count >= MAX_ITEMS => Err(self.exceed(TooMany::Messages)),
            Place::Uris if self.resources.get() >= MAX_ITEMS => {
                Err(self.exceed(TooMany::Resources))
            }
            Place::Uris => {
                self.resources.set(self.resources.get() + 1);
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
}

/// Reads the node of a place.
#[derive(Clone, Copy)]
struct Reader<'l> {
    place: Place,
    limits: &'l Limits,
}

impl Reader<'_> {
    fn at(self, place: Place) -> Self {
        Self { place, ..self }
    }
}

impl<'de> DeserializeSeed<'de> for Reader<'_> {
    type Value = Node<'de>;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Node<'de>, D::Error> {
        json.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Reader<'_> {
    type Value = Node<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Node<'de>, E> {
        Ok(Node::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Node<'de>, E> {
        Ok(Node::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_unit<E>(self) -> Result<Node<'de>, E> {
        Ok(Node::Null)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Node<'de>, E> {
        Ok(Node::Other)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Node<'de>, E> {
        Ok(Node::Other)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Node<'de>, E> {
        Ok(Node::Other)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Node<'de>, E> {
        Ok(Node::Other)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Node<'de>, A::Error> {
        let Some(place) = self.place.items() else {
            while items.next_element::<IgnoredAny>()?.is_some() {}
            return Ok(Node::Other);
        };
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(self.at(place))? {
            self.limits.check_item(self.place, list.len())?;
            list.push(item);
        }
        Ok(Node::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Node<'de>, A::Error> {
        let known = self.place.members();
        if known.is_empty() {
            while members.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
            return Ok(Node::Other);
        }
        let mut object: Vec<(&'static str, Result<Node<'de>, Doubtful>)> = Vec::new();
        let mut count = 0;
        while let Some(name) = members.next_key_seed(NameReader(known))? {
            count += 1;
            if count > MAX_MEMBERS {
                return Err(self.limits.exceed(TooMany::Members));
            }
            let Some(Name { position, is_plain }) = name else {
                members.next_value::<IgnoredAny>()?;
                continue;
            };
            // The first occurrence is kept if every parser reads its name alike. Any further one, in whatever
            // spelling, makes the member doubtful for good: its value is skipped, and the kept one is dropped.
            let (name, place) = known[position];
            let earlier = object.iter_mut().find(|(known, _)| *known == name);
            match earlier {
                None if is_plain => {
                    let value = members.next_value_seed(self.at(place))?;
                    object.push((name, Ok(value)));
                }
                None => {
                    members.next_value::<IgnoredAny>()?;
                    object.push((name, Err(Doubtful)));
                }
                Some((_, value)) => {
                    members.next_value::<IgnoredAny>()?;
                    *value = Err(Doubtful);
                }
            }
        }
        Ok(Node::Object(object))
    }
}

#[cfg(test)]
mod tests;
