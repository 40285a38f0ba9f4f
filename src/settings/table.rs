//! A table of settings as it was read: the values of known keys, and the problems of all others.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::Value;

/// The values are checked later, with everything else, so that one error names every problem.
#[derive(Clone, Default)]
pub(super) struct Table {
    values: BTreeMap<&'static str, Value>,
    problems: BTreeSet<String>,
}

impl Table {
    /// Reads a table. It is not read as a struct: serde leaves out unknown keys of a struct that is flattened.
    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
        name: &'static str,
        keys: &'static [&'static str],
    ) -> Result<Self, D::Error> {
        deserializer.deserialize_map(TableVisitor { name, keys })
    }

    pub(super) fn get(&self, key: &str) -> Option<&Value> {
        self.values.get(key)
    }

    /// The problems of keys, in the order of the keys.
    pub(super) fn problems(&self) -> impl Iterator<Item = &str> {
        self.problems.iter().map(String::as_str)
    }
}

/// Shows the keys without their values: a value can be a secret that was written under the wrong key.
impl fmt::Debug for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.values.keys()).finish()
    }
}

struct TableVisitor {
    name: &'static str,
    keys: &'static [&'static str],
}

impl<'de> Visitor<'de> for TableVisitor {
    type Value = Table;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the table of {}", self.name)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Table, A::Error> {
        let mut table = Table::default();
        while let Some(key) = map.next_key::<String>()? {
            let Some(known) = self.keys.iter().find(|known| **known == key) else {
                map.next_value::<IgnoredAny>()?;
                table.problems.insert(unknown(&key, self.keys));
                continue;
            };
            if table.values.insert(known, map.next_value()?).is_some() {
                table.problems.insert(format!("`{known}` is set twice"));
            }
        }
        Ok(table)
    }
}

/// The problem of a key that no setting has.
pub(super) fn unknown(key: &str, keys: &[&str]) -> String {
    let is_similar = |known: &&&str| known.starts_with(key) || key.starts_with(**known);
    let similar = keys.iter().filter(is_similar).max_by_key(|key| key.len());
    match similar {
        Some(known) if !key.is_empty() => {
            format!("{key:?} is not a setting; did you mean `{known}`?")
        }
        Some(_) | None => format!("{key:?} is not a setting"),
    }
}

/// A struct of settings that only deserialization fills.
macro_rules! settings {
    ($(#[$attribute:meta])* $name:ident, $keys:expr) => {
        $(#[$attribute])*
        #[derive(Clone, Default)]
        pub struct $name {
            table: $crate::settings::table::Table,
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let name = stringify!($name);
                let table = $crate::settings::table::Table::deserialize(deserializer, name, $keys)?;
                Ok(Self { table })
            }
        }

        /// Shows the keys that are set, without their values.
        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.debug_tuple(stringify!($name)).field(&self.table).finish()
            }
        }
    };
}

pub(super) use settings;
