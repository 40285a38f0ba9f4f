//! JSON as far down as a message says what it is about, read so that no other reader can read something else.
//!
//! Parsers disagree about members that occur twice, that differ in case only (Go's takes `Name` for
//! `name`, and `ſ` for an s), or that have a NUL in their names (C's strings end there). Such a document
//! may still be of no harm, so it is not the document that is refused but the look-up of a member that
//! another reader might find elsewhere.
//!
//! Anonymous clients choose what is read here. So each byte is looked at a few times whatever it is, and what is kept
//! is bounded.

use std::borrow::Cow;
use std::cell::Cell;
use std::fmt;

use memchr::{memchr2, memmem};
use serde::Deserializer;
use serde::de::{DeserializeSeed, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::json::PRIVATE_TO_SERDE;

/// A value, read as far as its place in a message matters.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Node<'a> {
    /// The members of these names, each of them once; an error for one that is doubtful.
    Object(Vec<(&'static str, Result<Self, Doubtful>)>),
    List(Vec<Self>),
    Text(Cow<'a, str>),
    Null,
    /// A number, a flag, or what is not looked into.
    Other,
}

/// A member that another reader might take for another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Doubtful;

/// Why a text does not become a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unparsed {
    NotJson,
    /// It has more of something than is looked at.
    TooMany(TooMany),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TooMany {
    Messages,
    Members,
    Resources,
}

/// How many messages a batch may have, and how many resources a body may name, all messages together.
const MAX_ITEMS: usize = 1_000;

/// How many members an object may have whose names are looked at: a message, its parameters, a reference or a
/// filter among them. The arguments of a tool are none of these.
const MAX_MEMBERS: usize = 1_000;

/// Where a value stands in a body, and so what matters about it.
#[derive(Debug, Clone, Copy)]
enum Place {
    /// One message, or a batch of them.
    Body,
    Message,
    Params,
    /// What `completion/complete` is about.
    Reference,
    /// What `subscriptions/listen` is about.
    Filter,
    Uris,
    /// A text, or something that is not looked into.
    Leaf,
}

impl Place {
    /// The members of an object here that are looked up, and the places of their values.
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

    /// The place of the items of a list here, if they matter.
    fn items(self) -> Option<Self> {
        match self {
            Self::Body => Some(Self::Message),
            Self::Uris => Some(Self::Leaf),
            Self::Message | Self::Params | Self::Reference | Self::Filter | Self::Leaf => None,
        }
    }
}

impl<'a> Node<'a> {
    /// Reads a body, and nothing behind it.
    pub(super) fn parse(json: &'a str) -> Result<Self, Unparsed> {
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

    /// The member called `name`; `None` where there is none, or no object.
    pub(super) fn member(&self, name: &str) -> Result<Option<&Self>, Doubtful> {
        let Self::Object(members) = self else {
            return Ok(None);
        };
        match members.iter().find(|(known, _)| *known == name) {
            Some((_, value)) => value.as_ref().map(Some).map_err(|doubtful| *doubtful),
            None => Ok(None),
        }
    }
}

/// A name, as far as it may be one of those that are looked up in an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Name {
    /// Which one a reader could take it for.
    position: usize,
    /// Whether every reader takes it for that.
    is_plain: bool,
}

/// Which of `known` some reader could take `name` for. `is_verbatim` says whether it stood there as it is, since an
/// escaped letter hides something.
///
/// The name is folded once, and only as far as one of the known names begins like it.
fn recognize(name: &str, is_verbatim: bool, known: &[(&'static str, Place)]) -> Option<Name> {
    let matches = |folded: &[u8]| {
        let is_it = |(known, _): &(&str, _)| known.as_bytes().eq_ignore_ascii_case(folded);
        known.iter().position(is_it)
    };
    let begins = |folded: &[u8]| {
        known.iter().any(|(known, _)| {
            let start = known.as_bytes().get(..folded.len());
            start.is_some_and(|start| start.eq_ignore_ascii_case(folded))
        })
    };
    let mut folded = [0; LONGEST_NAME];
    let mut length = 0;
    let doubtful = |position| Name {
        position,
        is_plain: false,
    };
    for letter in name.chars() {
        match letter {
            // Readers in C see what is in front of it, and others what is around it.
            '\0' => {
                if let Some(position) = matches(&folded[..length]) {
                    return Some(doubtful(position));
                }
            }
            // Some models have an alias in another case: `task_id` for `taskId`.
            '_' | '-' => {}
            letter => {
                for letter in fold(letter) {
                    let letter = u8::try_from(letter).ok().filter(u8::is_ascii)?;
                    *folded.get_mut(length)? = letter;
                    length += 1;
                    if !begins(&folded[..length]) {
                        return None;
                    }
                }
            }
        }
    }
    let position = matches(&folded[..length])?;
    Some(Name {
        position,
        is_plain: is_verbatim && known[position].0 == name,
    })
}

/// Of those that are looked up.
const LONGEST_NAME: usize = "resourceSubscriptions".len();

/// Up and down again, so that letters come together which only one of the two would bring together.
fn fold(letter: char) -> impl Iterator<Item = char> {
    letter.to_uppercase().flat_map(char::to_lowercase)
}

/// Whether an object anywhere in valid `json` has a member that is more than a member to some parser:
/// serde_json, with some features on, parses the text in one of its own once more, or takes it for a
/// number; and in JavaScript the members of a `__proto__` can become those of the object around it.
pub(super) fn has_private_member(json: &str) -> bool {
    // Few bodies have any of the characters that it takes.
    let has = |part: &str| memmem::find(json.as_bytes(), part.as_bytes()).is_some();
    if !has(PRIVATE_TO_SERDE) && !has(PROTO) && !has(ESCAPE_OF_ANYTHING) {
        return false;
    }
    let mut rest = json.as_bytes();
    while let Some(start) = rest.iter().position(|byte| *byte == b'"') {
        let text = &rest[start + 1..];
        let end = end_of_string(text);
        rest = text.get(end + 1..).unwrap_or_default();
        if is_private(&text[..end]) && rest.trim_ascii_start().starts_with(b":") {
            return true;
        }
    }
    false
}

/// Where the string ends that `text` begins inside of.
fn end_of_string(text: &[u8]) -> usize {
    let mut from = 0;
    while let Some(found) = find_special(text.get(from..).unwrap_or_default()) {
        let at = from + found;
        if text[at] == b'"' {
            return at;
        }
        from = at + 2;
    }
    text.len()
}

/// The first quote or backslash. A search has to be set up, which takes longer than to look at a few bytes.
fn find_special(text: &[u8]) -> Option<usize> {
    const FEW: usize = 16;
    let (near, far) = text.split_at(text.len().min(FEW));
    let near = near.iter().position(|byte| matches!(byte, b'\\' | b'"'));
    near.or_else(|| memchr2(b'\\', b'"', far).map(|found| found + FEW))
}

const PROTO: &str = "__proto__";

/// The only escape that stands for a character of these names.
const ESCAPE_OF_ANYTHING: &str = "\\u";

/// Whether this is such a name, as it stands between its quotes.
fn is_private(quoted: &[u8]) -> bool {
    starts_with(quoted, PRIVATE_TO_SERDE).is_some()
        || starts_with(quoted, PROTO).is_some_and(<[u8]>::is_empty)
}

/// What is left of `quoted` behind `start`, whose letters may be escaped there.
fn starts_with<'q>(mut quoted: &'q [u8], start: &str) -> Option<&'q [u8]> {
    for wanted in start.bytes() {
        let (letter, rest) = match quoted {
            [b'\\', b'u', rest @ ..] => unescape(rest)?,
            [letter, rest @ ..] => (*letter, rest),
            [] => return None,
        };
        if letter != wanted {
            return None;
        }
        quoted = rest;
    }
    Some(quoted)
}

/// The ASCII character of four hexadecimal digits, and what is behind them.
fn unescape(digits: &[u8]) -> Option<(u8, &[u8])> {
    let (digits, rest) = digits.split_at_checked(4)?;
    let code = digits.iter().try_fold(0, |code, digit| {
        Some(code * 16 + char::from(*digit).to_digit(16)?)
    })?;
    Some((u8::try_from(code).ok()?, rest))
}

/// What was counted in a body so far.
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

    /// Counts one more item of a list that has so many already.
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

/// Reads the name of a member, and keeps it only as one of these.
#[derive(Clone, Copy)]
struct NameReader(&'static [(&'static str, Place)]);

impl<'de> DeserializeSeed<'de> for NameReader {
    type Value = Option<Name>;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Option<Name>, D::Error> {
        json.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for NameReader {
    type Value = Option<Name>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of a member")
    }

    fn visit_borrowed_str<E>(self, name: &'de str) -> Result<Option<Name>, E> {
        Ok(recognize(name, true, self.0))
    }

    // It had escapes.
    fn visit_str<E>(self, name: &str) -> Result<Option<Name>, E> {
        Ok(recognize(name, false, self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What looking `name` up in an object gives, where that is done.
    fn look_up(object: &str, name: &str) -> Result<Option<String>, Doubtful> {
        let (body, outer): (_, &[&str]) = match name {
            "params" => (object.to_owned(), &[]),
            "resourceSubscriptions" => (
                format!(r#"{{"params":{{"notifications":{object}}}}}"#),
                &["params", "notifications"],
            ),
            _ => (format!(r#"{{"params":{object}}}"#), &["params"]),
        };
        let body = Node::parse(&body).unwrap();
        let object = outer
            .iter()
            .fold(&body, |object, name| object.member(name).unwrap().unwrap());
        Ok(object.member(name)?.map(|found| format!("{found:?}")))
    }

    #[test]
    fn a_member_is_found_under_its_own_name_only() {
        let object = r#"{"other":1,"name":"x"}"#;
        assert_eq!(look_up(object, "name"), Ok(Some("Text(\"x\")".into())));
        assert_eq!(look_up(object, "uri"), Ok(None));
        assert_eq!(Node::Null.member("name"), Ok(None));
    }

    #[test]
    fn what_another_reader_could_take_for_it_makes_a_member_doubtful() {
        for doubtful in [
            r#"{"name":1,"name":2}"#,
            r#"{"name":1,"name":2,"name":3}"#,
            r#"{"name":1,"Name":2}"#,
            r#"{"Name":1,"name":2}"#,
            r#"{"NAME":2}"#,
            r#"{"n\u0061me":1}"#,
            r#"{"name\u0000":1}"#,
            r#"{"\u0000name":1}"#,
            r#"{"na\u0000me":1}"#,
            r#"{"\u0000na\u0000me\u0000":1}"#,
            r#"{"name\u0000x":1}"#,
            r#"{"NAME\u0000x":1}"#,
            r#"{"n\u0041me":1}"#,
            r#"{"na_me":1}"#,
            r#"{"_-n_a-m_e-_":1}"#,
            r#"{"name":1,"NA-ME":2}"#,
            r#"{"na_me\u0000x":1}"#,
        ] {
            assert_eq!(look_up(doubtful, "name"), Err(Doubtful), "{doubtful}");
        }
        for doubtful in [
            r#"{"paramſ":1}"#,
            r#"{"param\u017f":1}"#,
            r#"{"PARAMſ\u0000":1}"#,
        ] {
            assert_eq!(look_up(doubtful, "params"), Err(Doubtful), "{doubtful}");
        }
        // The Kelvin sign, a dotless i, ligatures.
        assert_eq!(look_up("{\"tas\u{212a}Id\":1}", "taskId"), Err(Doubtful));
        assert_eq!(look_up("{\"ur\u{131}\":1}", "uri"), Err(Doubtful));
        let doubtful = r#"{"params":{"noti\ufb01cations":{}}}"#;
        let node = Node::parse(doubtful).unwrap();
        let params = node.member("params").unwrap().unwrap();
        assert_eq!(params.member("notifications"), Err(Doubtful));
        for doubtful in [
            r#"{"resourceſubſcriptionſ":[]}"#,
            r#"{"resource_subscriptions":[]}"#,
            r#"{"resourceSubscriptionſ":[],"resourceSubscriptions":[]}"#,
        ] {
            let looked_up = look_up(doubtful, "resourceSubscriptions");
            assert_eq!(looked_up, Err(Doubtful), "{doubtful}");
        }
    }

    /// The definition, which takes its time.
    fn is_alike(name: &str, known: &str) -> bool {
        let folded = |text: &str| -> String {
            text.chars()
                .filter(|c| !matches!(c, '\0' | '_' | '-'))
                .flat_map(char::to_uppercase)
                .flat_map(char::to_lowercase)
                .collect()
        };
        let up_to_nul = name.split('\0').next().unwrap_or_default();
        [up_to_nul, name]
            .iter()
            .any(|name| folded(name) == folded(known))
    }

    #[test]
    fn every_letter_in_every_place_is_folded_as_defined() {
        // Those that may become ASCII, those that are left out, and one of each other kind.
        let becomes_ascii = |c: &char| c.to_uppercase().all(|c| c.is_ascii());
        let letters = ('\0'..=char::MAX).filter(becomes_ascii);
        let letters: Vec<char> = letters
            .chain(['é', 'İ', 'ß', '\u{212a}', '中', '😀'])
            .collect();
        for known in [Place::Message, Place::Params, Place::Filter].map(Place::members) {
            for (name, _) in known {
                for (letter, at) in letters
                    .iter()
                    .flat_map(|c| (0..=name.len()).map(move |at| (c, at)))
                {
                    // In front of a letter, and instead of one, two or three.
                    for instead in 0..=name.len().saturating_sub(at).min(3) {
                        let changed = format!("{}{letter}{}", &name[..at], &name[at + instead..]);
                        let expected = known.iter().position(|(name, _)| is_alike(&changed, name));
                        let recognized = recognize(&changed, true, known);
                        assert_eq!(
                            recognized.map(|name| name.position),
                            expected,
                            "{changed:?}"
                        );
                        let is_plain =
                            expected.is_some_and(|position| known[position].0 == changed);
                        assert_eq!(recognized.is_some_and(|name| name.is_plain), is_plain);
                    }
                }
            }
        }
    }

    #[test]
    fn other_members_may_be_as_they_like() {
        let object = r#"{"x":1,"x":2,"nam":1,"names":1,"n a m e":1,"a\u0000":1,"ñame":1}"#;
        assert_eq!(look_up(object, "name"), Ok(None));
    }

    #[test]
    fn what_is_looked_at_is_bounded_and_what_is_not_is_not() {
        let repeated = |start: &str, part: &str, count: usize, end: &str| {
            format!("{start}{}{end}", part.repeat(count))
        };
        let params = |count| repeated(r#"{"params":{"#, r#""x":1,"#, count, r#""y":1}}"#);
        let table = [
            (
                TooMany::Messages,
                repeated("[", "{},", MAX_ITEMS, "{}]"),
                repeated("[", "{},", MAX_ITEMS - 1, "{}]"),
            ),
            (
                TooMany::Members,
                repeated("{", r#""x":1,"#, MAX_MEMBERS, r#""y":1}"#),
                repeated("{", r#""x":1,"#, MAX_MEMBERS - 1, r#""y":1}"#),
            ),
            (
                TooMany::Members,
                params(MAX_MEMBERS),
                params(MAX_MEMBERS - 1),
            ),
        ];
        for (what, over, within) in table {
            assert_eq!(Node::parse(&over), Err(Unparsed::TooMany(what)), "{what:?}");
            assert!(Node::parse(&within).is_ok(), "{what:?}");
        }
        let listening = |count| {
            repeated(
                r#"{"params":{"notifications":{"resourceSubscriptions":["#,
                r#""x:1","#,
                count,
                r#""x"]}}}"#,
            )
        };
        let resources = Err(Unparsed::TooMany(TooMany::Resources));
        assert_eq!(Node::parse(&listening(MAX_ITEMS)), resources);
        assert!(Node::parse(&listening(MAX_ITEMS - 1)).is_ok());
        // All messages together.
        let half = listening(MAX_ITEMS / 2);
        assert_eq!(Node::parse(&format!("[{half},{half}]")), resources);
        let arguments = repeated(
            r#"{"params":{"name":"x","arguments":{"#,
            r#""x":[1],"#,
            3 * MAX_MEMBERS,
            r#""y":1}}}"#,
        );
        assert!(Node::parse(&arguments).is_ok());
    }

    #[test]
    fn values_end_where_json_ends() {
        for bad in [
            "",
            "{",
            "{}{}",
            "{} x",
            "\u{feff}{}",
            "{\"a\":NaN}",
            "{'a':1}",
        ] {
            assert_eq!(Node::parse(bad), Err(Unparsed::NotJson), "{bad}");
        }
        assert_eq!(Node::parse(" \r\n\t[] ").unwrap(), Node::List(Vec::new()));
        let deep = format!("{}1{}", "[".repeat(100), "]".repeat(100));
        assert!(Node::parse(&deep).is_ok());
    }

    #[test]
    fn private_members_are_found_at_any_depth_and_in_disguise() {
        for private in [
            r#"{"$serde_json::private::RawValue":"{}"}"#,
            r#"{"a":[{"b":{"$serde_json::private::Number" : "1"}}]}"#,
            r#"{"a":{"\u0024serde_json::private::RawValue":"{}"}}"#,
            r#"{"a":{"__proto__":{"name":"x"}}}"#,
            r#"{"\u005f_proto__":{}}"#,
            r#"{"a\"":1,"b":{"$serde_json:\u003aprivate::RawValue":1}}"#,
            r#"{"\u005F\u005f\u0070\u0072\u006F\u0074\u006f\u005F_":1}"#,
            r#"{"\u0024\u0073erde_json::private::":1}"#,
            r#"{"a":"a text of more than sixteen bytes, \u0061","__proto__"  :1}"#,
        ] {
            assert!(has_private_member(private), "{private}");
        }
        for other in [
            r#"{"a":"$serde_json::private::RawValue"}"#,
            r#"{"a":"\"$serde_json::private::RawValue\":"}"#,
            r#"["$serde_json::private::RawValue",1]"#,
            r#"{"serde_json::private::RawValue":1}"#,
            r#"{"\u0061":"\"__proto__\":"}"#,
            r#"{"\\":"__proto__"}"#,
            r#"{"\u005f_proto_":1,"__proto__x":1,"\u015f_proto__":1,"\\u005f_proto__":1}"#,
            r#"{"\u005":1,"\uff5f_proto__":1,"__proto\__":1}"#,
            r#"{"a":"\u0061\"#,
            r#"{"a":"\u0061"#,
            "12",
        ] {
            assert!(!has_private_member(other), "{other}");
        }
    }
}
