//! JSON read without mercy: what a lenient reader would take for absent or equal is told apart.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;
use std::marker::PhantomData;

use serde::de::{DeserializeSeed, Error, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

mod fault;
mod members;
mod values;

pub(crate) use self::fault::Fault;
use self::fault::{NUMBER_OUT_OF_RANGE, RESERVED_NAME, TOO_DEEP, TOO_MANY, TWICE};
pub(crate) use self::members::written_members;
pub(crate) use self::values::{MaybeText, NumericDate, Text, TextOrList, TextOrNumber};

/// The byte order mark that a reader may ignore in front of a JSON text (RFC 8259 §8.1).
pub(crate) const BYTE_ORDER_MARK: &str = "\u{feff}";

/// How deep objects and arrays may lie in one another, anywhere in a header or payload.
const MAX_DEPTH: usize = 32;

/// How many other members an object may have, which this crate does not use. Their names are kept while the object is
/// read.
const MAX_OTHER_MEMBERS: usize = 256;

/// An object that is read member by member.
pub(crate) trait Object<'de>: Default {
    /// The names of the members that count: those that a log may name.
    const MEMBERS: &'static [&'static str];

    /// Reads the value of the member called `name` where it is one that counts, and says whether it
    /// is.
    fn read<A: MapAccess<'de>>(&mut self, name: &str, members: &mut A) -> Result<bool, A::Error>;
}

/// Parses one JSON object and nothing behind it; as [`fill_object`].
pub(crate) fn parse_object<'de, T: Object<'de>>(json: &'de str) -> Result<T, Fault> {
    let mut object = T::default();
    fill_object(&mut object, json)?;
    Ok(object)
}

/// Parses one JSON object and nothing behind it into `object`, which has no members yet. It is filled where it is,
/// since it may be large, and moves cost.
///
/// Members that do not count are read all the same, so that nobody later finds what cannot be read (a
/// lone surrogate, a number past all bounds) or reads the second of two where another read the first.
pub(crate) fn fill_object<'de, T: Object<'de>>(
    object: &mut T,
    json: &'de str,
) -> Result<(), Fault> {
    let mut faulty = None;
    let mut deserializer = serde_json::Deserializer::from_str(json);
    let visitor = ObjectVisitor {
        object,
        faulty: &mut faulty,
    };
    let read = deserializer
        .deserialize_map(visitor)
        .and_then(|()| deserializer.end());
    read.map_err(|error| Fault::of_json(faulty, error))
}

struct ObjectVisitor<'o, T> {
    object: &'o mut T,
    /// Set when a member that counts cannot be read, and not before.
    faulty: &'o mut Option<&'static str>,
}

impl<'de, T: Object<'de>> Visitor<'de> for ObjectVisitor<'_, T> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        let mut others = Names::default();
        while let Some(Text(name)) = members.next_key()? {
            match self.object.read(&name, &mut members) {
                Ok(true) => continue,
                Ok(false) => {}
                Err(error) => {
                    *self.faulty = T::MEMBERS.iter().copied().find(|known| *known == name);
                    return Err(error);
                }
            }
            check_name(&name)?;
            members.next_value::<Checked>()?;
            others.add(name).map_err(A::Error::custom)?;
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
    fn add(&mut self, name: Cow<'a, str>) -> Result<(), &'static str> {
        let few = self.count.min(self.few.len());
        if self.few[..few].contains(&name) {
            return Err(TWICE);
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
        match (is_new, self.count <= MAX_OTHER_MEMBERS) {
            (false, _) => Err(TWICE),
            (true, true) => Ok(()),
            (true, false) => Err(TOO_MANY),
        }
    }
}

/// A member that is absent, `null` or a `T`.
///
/// `null` says as much as an absent member, and is remembered only so that the member cannot occur again.
#[derive(Debug, Default)]
pub(crate) enum Member<T> {
    #[default]
    Absent,
    Null,
    Value(T),
}

impl<T> Member<T> {
    /// The value, if the member has one.
    pub(crate) fn get(&self) -> Option<&T> {
        match self {
            Self::Value(value) => Some(value),
            Self::Absent | Self::Null => None,
        }
    }

    /// The value, if the member has one.
    pub(crate) fn into_value(self) -> Option<T> {
        match self {
            Self::Value(value) => Some(value),
            Self::Absent | Self::Null => None,
        }
    }

    /// Whether the member has a value.
    pub(crate) fn has_value(&self) -> bool {
        self.get().is_some()
    }

    /// Whether the member occurs, `null` included.
    pub(crate) fn occurs(&self) -> bool {
        !matches!(self, Self::Absent)
    }

    /// Reads the value; a second one of the same name is an error. Always true, for [`Object::read`].
    #[inline]
    pub(crate) fn read<'de, A>(&mut self, members: &mut A) -> Result<bool, A::Error>
    where
        T: Nullable<'de>,
        A: MapAccess<'de>,
    {
        self.set(members.next_value_seed(OrNull(PhantomData))?)
    }

    /// Takes the value that was read, unless there was one before.
    #[inline]
    pub(crate) fn set<E: Error>(&mut self, value: Option<T>) -> Result<bool, E> {
        if self.occurs() {
            return Err(E::custom(TWICE));
        }
        *self = match value {
            Some(value) => Self::Value(value),
            None => Self::Null,
        };
        Ok(true)
    }
}

/// A type whose values may be `null` instead.
pub(crate) trait Nullable<'de>: Deserialize<'de> {
    /// Reads a value, or `null`. A type that is read often does it in one step.
    fn or_null<D: Deserializer<'de>>(json: D) -> Result<Option<Self>, D::Error> {
        Option::deserialize(json)
    }
}

impl Nullable<'_> for Checked {}

/// Reads a `T` or `null`.
struct OrNull<T>(PhantomData<T>);

impl<'de, T: Nullable<'de>> DeserializeSeed<'de> for OrNull<T> {
    type Value = Option<T>;

    #[inline]
    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Option<T>, D::Error> {
        T::or_null(json)
    }
}

/// Whether a member [occurs](Member::occurs) at all, whatever its value, `null` included.
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
            false => Err(E::custom(TOO_DEEP)),
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
        true => Err(E::custom(RESERVED_NAME)),
    }
}

/// Nobody can tell the number in disguise from an object that has this member, so what passes must be a number.
fn check_number<E: Error>(digits: &str) -> Result<(), E> {
    let is_finite = digits.parse().is_ok_and(f64::is_finite);
    match is_finite && digits.parse::<serde_json::Number>().is_ok() {
        true => Ok(()),
        false => Err(E::custom(NUMBER_OUT_OF_RANGE)),
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
                Some(Text(_)) => Err(A::Error::custom(RESERVED_NAME)),
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
mod tests;
