//! The reader of bodies as it would be with serde_json: slower, and the reference for the tests.

use std::borrow::Cow;
use std::cell::Cell;
use std::fmt;

use serde::Deserializer;
use serde::de::{DeserializeSeed, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::json::PRIVATE_TO_SERDE;
use crate::mcp::member_name::{Name, recognize};
use crate::mcp::tree::{
    Doubtful, MAX_ITEMS, MAX_MEMBERS, Node, Place, TooMany, Unparsed, is_unfinished,
};

/// [`Node::parse`], with serde_json.
pub(super) fn parse(json: &str) -> Result<Node<'_>, Unparsed> {
    if is_unfinished(json) {
        return Err(Unparsed::NotJson);
    }
    let limits = Limits::default();
    let reader = Reader {
        place: Place::Body,
        limits: &limits,
    };
    let mut deserializer = serde_json::Deserializer::from_str(json);
    let node = reader.deserialize(&mut deserializer);
    let node = node.and_then(|node| deserializer.end().map(|()| node));
    let node = node.map_err(|_| match limits.exceeded.get() {
        Some(what) => Unparsed::TooMany(what),
        None => Unparsed::NotJson,
    })?;
    match has_private_member(json) {
        true => Err(Unparsed::PrivateMember),
        false => Ok(node),
    }
}

/// Whether some string in valid `json` is a private name and is followed by a colon.
fn has_private_member(json: &str) -> bool {
    let mut rest = json;
    while let Some(start) = rest.find('"') {
        let quoted = &rest[start..];
        let mut is_escaped = false;
        let end = quoted[1..].bytes().position(|byte| {
            let is_end = byte == b'"' && !is_escaped;
            is_escaped = byte == b'\\' && !is_escaped;
            is_end
        });
        let (quoted, behind) = quoted.split_at(end.unwrap() + 2);
        // Half a surrogate pair does not matter for the name.
        let name = serde_json::from_str(&without_surrogates(quoted)).unwrap_or_default();
        let name: String = name;
        let is_private = name == "__proto__" || name.starts_with(PRIVATE_TO_SERDE);
        if is_private && behind.trim_start().starts_with(':') {
            return true;
        }
        rest = behind;
    }
    false
}

/// Replaces the escapes of surrogates, which are not part of a private name, by that of another letter.
fn without_surrogates(quoted: &str) -> String {
    let mut plain = quoted.to_owned();
    for start in ["d8", "d9", "da", "db", "dc", "dd", "de", "df"] {
        for start in [start.to_owned(), start.to_uppercase()] {
            plain = plain.replace(&format!("\\u{start}"), "\\u30");
        }
    }
    plain
}

/// Reads the name of a member, and returns it only if it resembles one of these known names.
#[derive(Debug)]
struct NameReader<T: 'static>(&'static [(&'static str, T)]);

impl<'de, T> DeserializeSeed<'de> for NameReader<T> {
    type Value = Option<Name>;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Option<Name>, D::Error> {
        json.deserialize_str(self)
    }
}

impl<'de, T> Visitor<'de> for NameReader<T> {
    type Value = Option<Name>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of a member")
    }

    fn visit_borrowed_str<E>(self, name: &'de str) -> Result<Option<Name>, E> {
        Ok(recognize(name, true, self.0))
    }

    // serde_json calls this for a name with escapes.
    fn visit_str<E>(self, name: &str) -> Result<Option<Name>, E> {
        Ok(recognize(name, false, self.0))
    }
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
