//! Strict JSON: it rejects duplicate members, deep nesting and values that parsers read differently.

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

/// The maximum nesting depth of objects and arrays, anywhere in a header or payload.
const MAX_DEPTH: usize = 32;

/// The maximum number of members that this crate does not use, per object. Their names are kept while the object is
/// read.
const MAX_OTHER_MEMBERS: usize = 256;

/// An object that is read member by member.
pub(crate) trait Object<'de>: Default {
    /// The names of the members that this object uses. A log may name them.
    const MEMBERS: &'static [&'static str];

    /// Reads the value of the member called `name` if this object uses it. Returns whether it does.
    fn read<A: MapAccess<'de>>(&mut self, name: &str, members: &mut A) -> Result<bool, A::Error>;
}

/// Parses a text that is one JSON object; see [`fill_object`].
pub(crate) fn parse_object<'de, T: Object<'de>>(json: &'de str) -> Result<T, Fault> {
    let mut object = T::default();
    fill_object(&mut object, json)?;
    Ok(object)
}

/// Parses a text that is one JSON object into `object`, which has no members yet. It is filled in place, since it may
/// be large to move.
///
/// Unused members are checked too, so that a later parser of the same text neither fails (at a lone surrogate, or a
/// number out of range) nor picks another one of two members with the same name.
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
    /// The used member that could not be read.
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

/// A set of names. The first few, usually all, need no allocation and no hash.
#[derive(Default)]
struct Names<'a> {
    few: [&'a str; 16],
    /// The number of names in `few`.
    count: usize,
    /// All others, and those that are written with escapes.
    more: HashSet<Cow<'a, str>>,
}

impl<'a> Names<'a> {
    /// Adds a name. Fails for a duplicate and past [`MAX_OTHER_MEMBERS`].
    fn add(&mut self, name: Cow<'a, str>) -> Result<(), &'static str> {
        if self.few[..self.count].contains(&&*name) {
            return Err(TWICE);
        }
        let is_new = match (name, self.few.get_mut(self.count)) {
            (Cow::Borrowed(name), Some(free)) if !self.more.contains(name) => {
                *free = name;
                self.count += 1;
                true
            }
            // A hash set, since clients choose the names: comparing each with each would be quadratic.
            (name, _) => self.more.insert(name),
        };
        match (is_new, self.count + self.more.len() <= MAX_OTHER_MEMBERS) {
            (false, _) => Err(TWICE),
            (true, true) => Ok(()),
            (true, false) => Err(TOO_MANY),
        }
    }
}

/// A member that is absent, `null` or a `T`.
///
/// `null` means the same as an absent member. It is kept only to detect a duplicate.
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

    /// Reads the value. A duplicate is an error. Returns `true`, as [`Object::read`] must.
    #[inline]
    pub(crate) fn read<'de, A>(&mut self, members: &mut A) -> Result<bool, A::Error>
    where
        T: Nullable<'de>,
        A: MapAccess<'de>,
    {
        self.set(members.next_value_seed(OrNull(PhantomData))?)
    }

    /// Stores the value that was read. A duplicate is an error.
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
    /// Reads a value, or `null`. Types that are read often override this to do it in one step.
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

/// A member of which only the [presence](Member::occurs) matters, `null` included.
pub(crate) type Presence = Member<Checked>;

/// A value that was checked and discarded.
#[derive(Debug)]
pub(crate) struct Checked;

impl<'de> Deserialize<'de> for Checked {
    fn deserialize<D: Deserializer<'de>>(json: D) -> Result<Self, D::Error> {
        CheckedVisitor::MEMBER.deserialize(json)
    }
}

/// Checks a value. `depth` is its nesting depth if it is an object or an array.
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

/// The prefix of serde_json's private member names. Their meaning depends on features that any crate in the build can
/// enable, so an object with such a member would be read in different ways.
pub(crate) const PRIVATE_TO_SERDE: &str = "$serde_json::private::";

/// With `arbitrary_precision`, serde_json represents a number as an object with this one member.
const NUMBER_IN_DISGUISE: &str = "$serde_json::private::Number";

fn check_name<E: Error>(name: &str) -> Result<(), E> {
    match name.starts_with(PRIVATE_TO_SERDE) {
        false => Ok(()),
        true => Err(E::custom(RESERVED_NAME)),
    }
}

/// A visitor cannot distinguish such a number from an object that has this member, so the text must be a number.
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
            // A number adds no depth, so this precedes the depth check.
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
