use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;
use std::marker::PhantomData;

use serde::Deserializer;
use serde::de::{DeserializeSeed, Error, MapAccess, Visitor};

use super::checked::{Checked, check_name};
use super::fault::{Fault, TOO_MANY, TWICE};
use super::reader::read_object;
use super::text::{Nullable, Text};

/// The byte order mark that a reader may ignore in front of a JSON text (RFC 8259 §8.1).
pub(crate) const BYTE_ORDER_MARK: &str = "\u{feff}";

/// The maximum number of members per object that this crate does not use. The parser keeps their names to detect
/// duplicates.
pub(super) const MAX_OTHER_MEMBERS: usize = 256;

/// An object that is read member by member.
pub(crate) trait Object<'de>: Default {
    /// The names of the members that this object uses. Only these names may appear in logs.
    const MEMBERS: &'static [&'static str];

    /// Reads the value of the member called `name` and returns `true`, or returns `false` if this object does not use
    /// it.
    fn read<A: MapAccess<'de>>(&mut self, name: &str, members: &mut A) -> Result<bool, A::Error>;
}

/// Parses a text that is one JSON object; see [`fill_object`].
pub(crate) fn parse_object<'de, T: Object<'de>>(json: &'de str) -> Result<T, Fault> {
    let mut object = T::default();
    fill_object(&mut object, json)?;
    Ok(object)
}

/// Parses a text that is one JSON object into `object`, which must have no members yet. Objects are filled in place,
/// because a large one is expensive to move.
///
/// Unused members are checked too. So a later parser of the same text does not fail at a lone surrogate or a number
/// out of range, and cannot choose the other one of two members with the same name.
pub(crate) fn fill_object<'de, T: Object<'de>>(
    object: &mut T,
    json: &'de str,
) -> Result<(), Fault> {
    let visitor = ObjectVisitor {
        object,
        faulty: &mut None,
    };
    if read_object(json, visitor).is_ok() {
        return Ok(());
    }
    *object = T::default();
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
    /// The member that this object uses and that could not be read.
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

/// A set of names. The first 16, which are usually all, need no allocation and no hash.
#[derive(Default)]
struct Names<'a> {
    few: [&'a str; 16],
    /// The number of names in `few`.
    count: usize,
    /// All other names, and names that are written with escapes.
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
            // A hash set, because an attacker chooses the names: comparing all pairs would take quadratic time.
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
/// `null` has the meaning of an absent member. The variant exists to detect a duplicate.
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
