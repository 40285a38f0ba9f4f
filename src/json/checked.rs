//! Checks and discards the values that this crate does not use. The rules are the same as for used values.

use std::fmt;

use serde::de::{DeserializeSeed, Error, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::fault::{NUMBER_OUT_OF_RANGE, RESERVED_NAME, TOO_DEEP};
use super::text::{Nullable, Text};

/// The maximum nesting depth of objects and arrays, anywhere in a header or payload.
const MAX_DEPTH: usize = 32;

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
pub(super) struct CheckedVisitor {
    depth: usize,
}

impl CheckedVisitor {
    /// The visitor for the value of a member of the outermost object.
    pub(super) const MEMBER: Self = Self { depth: 2 };

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

/// The prefix of serde_json's private member names. Their meaning depends on features of serde_json, which any crate
/// in the build can enable. So an object with such a member could be read in different ways.
pub(crate) const PRIVATE_TO_SERDE: &str = "$serde_json::private::";

/// With `arbitrary_precision`, serde_json represents a number as an object with this one member.
pub(super) const NUMBER_IN_DISGUISE: &str = "$serde_json::private::Number";

pub(super) fn check_name<E: Error>(name: &str) -> Result<(), E> {
    match name.starts_with(PRIVATE_TO_SERDE) {
        false => Ok(()),
        true => Err(E::custom(RESERVED_NAME)),
    }
}

/// Checks the digits of a number in disguise. A visitor cannot distinguish such a number from an object with this
/// member, so the text must be a number.
pub(super) fn check_number<E: Error>(digits: &str) -> Result<(), E> {
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

impl Nullable<'_> for Checked {}
