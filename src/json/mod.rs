//! JSON read without mercy: what a lenient reader would take for absent or equal is told apart.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;

use serde::de::{DeserializeSeed, Error, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

mod values;

pub(crate) use self::values::{MaybeText, NumericDate, Text, TextOrList};

/// How deep objects and arrays may lie in one another, anywhere in a header or payload.
const MAX_DEPTH: usize = 32;

/// How many members an object may have that nobody reads. Their names are kept while it is read.
const MAX_OTHER_MEMBERS: usize = 256;

/// An object that is read member by member.
pub(crate) trait Object<'de>: Default {
    /// Reads the value of the member called `name` where it is one that counts, and says whether it
    /// is.
    fn read<A: MapAccess<'de>>(&mut self, name: &str, members: &mut A) -> Result<bool, A::Error>;
}

/// Parses one JSON object and nothing behind it.
///
/// Members that do not count are read all the same, so that nobody later finds what cannot be read (a
/// lone surrogate, a number past all bounds) or reads the second of two where another read the first.
pub(crate) fn parse_object<'de, T: Object<'de>>(json: &'de str) -> Option<T> {
    let mut object = T::default();
    let mut deserializer = serde_json::Deserializer::from_str(json);
    deserializer
        .deserialize_map(ObjectVisitor(&mut object))
        .ok()?;
    deserializer.end().ok()?;
    Some(object)
}

/// Fills the object where it is: it is large, and moves cost.
struct ObjectVisitor<'o, T>(&'o mut T);

impl<'de, T: Object<'de>> Visitor<'de> for ObjectVisitor<'_, T> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        let mut others = Names::default();
        while let Some(Text(name)) = members.next_key()? {
            if self.0.read(&name, &mut members)? {
                continue;
            }
            check_name(&name)?;
            members.next_value::<Checked>()?;
            if !others.add(name) {
                return Err(A::Error::custom(
                    "a member occurs twice, or there are too many",
                ));
            }
        }
        Ok(())
    }
}

/// Names that are all different. The first few, which usually are all, take no allocation.
#[derive(Default)]
struct Names<'a> {
    few: [Cow<'a, str>; 8],
    count: usize,
    more: HashSet<Cow<'a, str>>,
}

impl<'a> Names<'a> {
    /// Adds a name, unless it is known or one too many.
    fn add(&mut self, name: Cow<'a, str>) -> bool {
        let few = self.count.min(self.few.len());
        if self.few[..few].contains(&name) {
            return false;
        }
        let is_new = match self.few.get_mut(self.count) {
            Some(free) => {
                *free = name;
                true
            }
            // Clients choose the names, so they are not compared one by one.
            None => self.more.insert(name),
        };
        self.count += 1;
        is_new && self.count <= MAX_OTHER_MEMBERS
    }
}

/// A member that is absent or a `T`. Unlike an `Option`, it does not take `null` for absent.
#[derive(Debug)]
pub(crate) struct Member<T>(pub(crate) Option<T>);

impl<T> Default for Member<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<T> Member<T> {
    /// Reads the value; a second one of the same name is an error. Always true, for [`Object::read`].
    pub(crate) fn read<'de, A>(&mut self, members: &mut A) -> Result<bool, A::Error>
    where
        T: Deserialize<'de>,
        A: MapAccess<'de>,
    {
        match self.0.replace(members.next_value()?) {
            None => Ok(true),
            Some(_) => Err(A::Error::custom("a member occurs twice")),
        }
    }
}

/// Whether a member is there at all, whatever its value, `null` included.
pub(crate) type Presence = Member<Checked>;

/// A value that can be read, is not too deep, and is not kept.
#[derive(Debug)]
pub(crate) struct Checked;

impl<'de> Deserialize<'de> for Checked {
    fn deserialize<D: Deserializer<'de>>(json: D) -> Result<Self, D::Error> {
        CheckedVisitor::MEMBER.deserialize(json)
    }
}

/// Reads a value, which lies at this depth if it is an object or an array.
#[derive(Clone, Copy)]
struct CheckedVisitor {
    depth: usize,
}

impl CheckedVisitor {
    /// For the value of a member of the outermost object.
    const MEMBER: Self = Self { depth: 2 };

    fn inside(self) -> Self {
        Self {
            depth: self.depth + 1,
        }
    }

    fn check_depth<E: Error>(self) -> Result<(), E> {
        match self.depth <= MAX_DEPTH {
            true => Ok(()),
            false => Err(E::custom("too deep")),
        }
    }
}

impl<'de> DeserializeSeed<'de> for CheckedVisitor {
    type Value = Checked;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Checked, D::Error> {
        json.deserialize_any(self)
    }
}

/// What serde_json's own member names begin with. They mean something to it by the features that somebody in the
/// build turned on, so an object that really has one would be read in two ways.
pub(crate) const PRIVATE_TO_SERDE: &str = "$serde_json::private::";

/// How serde_json hands over a number with `arbitrary_precision`: as an object with this one member.
const NUMBER_IN_DISGUISE: &str = "$serde_json::private::Number";

fn check_name<E: Error>(name: &str) -> Result<(), E> {
    match name.starts_with(PRIVATE_TO_SERDE) {
        false => Ok(()),
        true => Err(E::custom("a name of serde_json's own")),
    }
}

/// Nobody can tell the number in disguise from an object that has this member, so what passes must be a number.
fn check_number<E: Error>(digits: &str) -> Result<(), E> {
    let is_finite = digits.parse().is_ok_and(f64::is_finite);
    match is_finite && digits.parse::<serde_json::Number>().is_ok() {
        true => Ok(()),
        false => Err(E::custom("a number out of range")),
    }
}

impl<'de> Visitor<'de> for CheckedVisitor {
    type Value = Checked;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_bool<E>(self, _: bool) -> Result<Checked, E> {
        Ok(Checked)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Checked, E> {
        Ok(Checked)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Checked, E> {
        Ok(Checked)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Checked, E> {
        Ok(Checked)
    }

    fn visit_str<E>(self, _: &str) -> Result<Checked, E> {
        Ok(Checked)
    }

    fn visit_unit<E>(self) -> Result<Checked, E> {
        Ok(Checked)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Checked, A::Error> {
        self.check_depth()?;
        while items.next_element_seed(self.inside())?.is_some() {}
        Ok(Checked)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Checked, A::Error> {
        let mut name = members.next_key()?;
        if let Some(Text(first)) = &name
            && first == NUMBER_IN_DISGUISE
        {
            let Text(digits) = members.next_value()?;
            check_number(&digits)?;
            // A number lies no deeper than what it is in, so this comes before the depth is looked at.
            return match members.next_key()? {
                None => Ok(Checked),
                Some(Text(_)) => Err(A::Error::custom("a number with members")),
            };
        }
        self.check_depth()?;
        while let Some(Text(other)) = name {
            check_name(&other)?;
            members.next_value_seed(self.inside())?;
            name = members.next_key()?;
        }
        Ok(Checked)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Default)]
    struct Members<'a> {
        text: Member<Text<'a>>,
        other: Member<MaybeText<'a>>,
        flag: Presence,
    }

    impl<'de> Object<'de> for Members<'de> {
        fn read<A: MapAccess<'de>>(&mut self, name: &str, all: &mut A) -> Result<bool, A::Error> {
            match name {
                "text" => self.text.read(all),
                "other" => self.other.read(all),
                "flag" => self.flag.read(all),
                _ => Ok(false),
            }
        }
    }

    #[test]
    fn nesting_is_bounded_and_brackets_in_strings_do_not_count() {
        let parses = |json: &str| parse_object::<Members<'_>>(json).is_some();
        for member in ["x", "flag", "other"] {
            let nested = |open: &str, close: &str, depth| {
                format!(
                    r#"{{"{member}":{}1{}}}"#,
                    open.repeat(depth),
                    close.repeat(depth)
                )
            };
            for (open, close) in [("[", "]"), (r#"{"a":"#, "}")] {
                assert!(parses(&nested(open, close, 31)), "{member} {open}");
                assert!(!parses(&nested(open, close, 32)), "{member} {open}");
                assert!(!parses(&nested(open, close, 100_000)), "{member} {open}");
            }
            // What passes for a number is not a way down.
            let number = r#"{"$serde_json::private::Number":"1","a":"#;
            assert!(!parses(&nested(number, "}", 40)), "{member}");
        }
        assert!(parses(&format!(r#"{{"a":"{}\"["}}"#, "[".repeat(100))));
        assert!(parses(&format!(r#"{{"a":[{}1]}}"#, "[],".repeat(100))));
    }

    #[test]
    fn null_is_neither_absent_nor_a_string() {
        assert!(parse_object::<Members<'_>>(r#"{"text":null}"#).is_none());
        let members: Members<'_> = parse_object(r#"{"other":null,"flag":null}"#).unwrap();
        assert!(members.text.0.is_none() && members.flag.0.is_some());
        assert!(matches!(members.other.0, Some(MaybeText::Other)));
    }

    #[test]
    fn members_that_nobody_reads_can_be_read() {
        let parses = |json: &str| parse_object::<Members<'_>>(json).is_some();
        assert!(parses(
            r#"{"x":[{"y":null,"z":1.5e3},"\ud83d\ude00",true,-1]}"#
        ));
        for bad in [
            r#"{"x":1e400}"#,
            r#"{"x":"\ud800"}"#,
            r#"{"x":["\ud800"]}"#,
            r#"{"\ud800":1}"#,
        ] {
            assert!(!parses(bad), "{bad}");
        }
    }

    #[test]
    fn names_of_serde_json_itself_are_refused_wherever_they_stand() {
        let parses = |json: &str| parse_object::<Members<'_>>(json).is_some();
        let number = |digits: &str| format!(r#"{{"$serde_json::private::Number":"{digits}"}}"#);
        for member in ["x", "flag", "other"] {
            let with = |value: &str| format!(r#"{{"{member}":{value}}}"#);
            // With `arbitrary_precision`, this is what a number looks like.
            assert!(parses(&with(&number("-1.5e3"))), "{member}");
            for digits in [
                "zzz", "", "+1", "1.", ".5", "01", " 1", "1e400", "inf", "NaN",
            ] {
                assert!(!parses(&with(&number(digits))), "{member} {digits}");
            }
            for value in [
                r#"{"$serde_json::private::Number":"1","a":2}"#,
                r#"{"a":1,"$serde_json::private::Number":"1"}"#,
                r#"{"$serde_json::private::Number":1}"#,
                r#"{"$serde_json::private::RawValue":"1"}"#,
                r#"[{"\u0024serde_json::private::RawValue":"1"}]"#,
            ] {
                assert!(!parses(&with(value)), "{member} {value}");
            }
        }
        assert!(!parses(&number("1")));
    }

    #[test]
    fn other_members_are_told_apart_and_counted() {
        let parses = |names: &[usize]| {
            let members: Vec<_> = names.iter().map(|n| format!(r#""m{n}":{n}"#)).collect();
            parse_object::<Members<'_>>(&format!("{{{}}}", members.join(","))).is_some()
        };
        let different: Vec<_> = (0..MAX_OTHER_MEMBERS).collect();
        assert!(parses(&different));
        assert!(!parses(
            &[different.as_slice(), &[MAX_OTHER_MEMBERS]].concat()
        ));
        // Both sides of where names move to the heap.
        for count in 1..12 {
            for again in 0..count {
                assert!(
                    !parses(&[&different[..count], &[again]].concat()),
                    "{count} {again}"
                );
            }
        }
    }
}
