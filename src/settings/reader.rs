//! Reads the values of a [`Table`] as what its settings are, and collects the problems.

use std::collections::BTreeSet;
use std::str::FromStr;
use std::time::Duration;

use serde_json::{Map, Value};
use zeroize::Zeroizing;

use super::file;
use super::table::Table;
use super::value::{items, kind, number, shown, text, texts};
use crate::config_error::{ConfigError, Problem, Problems};
use crate::verify::keys::algorithm::Algorithm;

/// A setting with a problem reads as one that is not set, and its problem is reported once.
///
/// Texts are accepted for numbers and booleans, and integers for texts: some crates read every environment variable as
/// a text, others read `280123` as a number where it is the name of an audience.
pub(super) struct Reader<'t> {
    table: &'t Table,
    problems: Problems,
    broken: BTreeSet<&'static str>,
}

impl<'t> Reader<'t> {
    pub(super) fn new(table: &'t Table) -> Self {
        let mut problems = Problems::default();
        problems.extend(table.problems());
        Self {
            table,
            problems,
            broken: BTreeSet::new(),
        }
    }

    /// Returns `Ok` if there is no problem.
    pub(super) fn finish(self) -> Result<(), ConfigError> {
        ConfigError::check(self.problems)
    }

    pub(super) fn is_set(&self, key: &str) -> bool {
        self.table.get(key).is_some()
    }

    /// Whether one of these settings has a problem.
    pub(super) fn is_broken(&self, keys: &[&str]) -> bool {
        keys.iter().any(|key| self.broken.contains(key))
    }

    pub(super) fn problem(&mut self, key: &'static str, problem: impl Into<Problem>) {
        self.broken.insert(key);
        self.problems.push(problem);
    }

    pub(super) fn merge(&mut self, key: &'static str, error: ConfigError) {
        self.broken.insert(key);
        self.problems.merge(error);
    }

    /// Reports settings of which only one can be set, and returns the first that is.
    pub(super) fn one_of(&mut self, keys: &[&'static str]) -> Option<&'static str> {
        let mut set = keys.iter().copied().filter(|key| self.is_set(key));
        let first = set.next();
        let others: Vec<_> = set.collect();
        for (other, first) in others.into_iter().zip(first.into_iter().cycle()) {
            let problem = format!("`{other}` and `{first}` contradict each other; set one of them");
            self.problem(other, problem);
        }
        first
    }

    /// Whether a setting is `true`. `false` is the same as no setting.
    pub(super) fn flag(&mut self, key: &'static str) -> bool {
        self.read(key, |value| match value {
            Value::Bool(flag) => Ok(*flag),
            Value::String(text) if text == "true" => Ok(true),
            Value::String(text) if text == "false" => Ok(false),
            other => Err(format!("is {}, not true or false", shown(other))),
        })
        .unwrap_or_default()
    }

    pub(super) fn text(&mut self, key: &'static str) -> Option<String> {
        self.read(key, text)
    }

    /// A text without which there is a problem.
    pub(super) fn required_text(&mut self, key: &'static str) -> Option<String> {
        if !self.is_set(key) {
            self.problem(key, format!("`{key}` is missing"));
        }
        self.text(key)
    }

    /// The characters of a text, which may be a space.
    pub(super) fn characters(&mut self, key: &'static str) -> Option<Vec<char>> {
        self.read(key, |value| match value {
            Value::String(text) if text.is_empty() => Err("is empty".to_owned()),
            Value::String(text) => Ok(text.chars().collect()),
            other => Err(format!("is {}, not a text", kind(other))),
        })
    }

    /// A text, or a list of texts.
    pub(super) fn texts(&mut self, key: &'static str) -> Option<Vec<String>> {
        self.read(key, texts)
    }

    pub(super) fn number<N: TryFrom<u64>>(&mut self, key: &'static str) -> Option<N> {
        self.read(key, |value| number(value, "a whole number"))
    }

    /// A number, or a list of numbers.
    #[cfg(feature = "introspection")]
    pub(super) fn numbers<N: TryFrom<u64>>(&mut self, key: &'static str) -> Option<Vec<N>> {
        self.read(key, |value| {
            items(value, |item| number(item, "a whole number"))
        })
    }

    pub(super) fn seconds(&mut self, key: &'static str) -> Option<Duration> {
        self.read(key, |value| number(value, "a whole number of seconds"))
            .map(Duration::from_secs)
    }

    pub(super) fn algorithms(&mut self, key: &'static str) -> Option<Vec<Algorithm>> {
        self.read(key, |value| {
            items(value, |item| {
                Algorithm::from_str(&text(item)?).map_err(|error| format!("has a mistake: {error}"))
            })
        })
    }

    /// A table with names that the settings do not know in advance.
    pub(super) fn table(&mut self, key: &'static str) -> Option<&'t Map<String, Value>> {
        self.read(key, |value| match value {
            Value::Object(members) if members.is_empty() => Err("is empty".to_owned()),
            Value::Object(members) => Ok(members),
            other => Err(format!("is {}, not a table", kind(other))),
        })
    }

    /// A table of names, each with a text or a list of texts.
    pub(super) fn named_texts(&mut self, key: &'static str) -> Vec<(String, Vec<String>)> {
        let mut named = Vec::new();
        for (name, values) in self.table(key).into_iter().flatten() {
            match texts(values) {
                Ok(values) => named.push((name.clone(), values)),
                Err(why) => self.problem(key, format!("`{key}.{name}` {why}")),
            }
        }
        named
    }

    /// The value of a setting that `check` accepts.
    #[cfg(feature = "dpop")]
    pub(super) fn checked<T>(
        &mut self,
        key: &'static str,
        value: Option<T>,
        check: impl FnOnce(&T) -> Result<(), String>,
    ) -> Option<T> {
        let value = value?;
        match check(&value) {
            Ok(()) => Some(value),
            Err(why) => {
                self.problem(key, format!("`{key}`: {why}"));
                None
            }
        }
    }

    /// The text in the file with this path.
    pub(super) fn file_text(&mut self, key: &'static str) -> Option<Zeroizing<String>> {
        let path = self.text(key)?;
        file::read_text(key, &path)
            .map_err(|problem| self.problem(key, problem))
            .ok()
    }

    /// Tables with an algorithm and a file each: `[{ algorithm = "RS256", file = "issuer.pem" }]`. `import` makes the
    /// key of a file.
    pub(super) fn key_files<K>(
        &mut self,
        key: &'static str,
        import: impl Fn(Algorithm, &[u8]) -> Result<K, ConfigError>,
    ) -> Vec<K> {
        let entries = self.read(key, |value| match value {
            Value::Array(entries) if entries.is_empty() => Err("is an empty list".to_owned()),
            Value::Array(entries) => Ok(entries),
            other => Err(format!("is {}, not a list of tables", kind(other))),
        });
        let mut keys = Vec::new();
        for (position, entry) in entries.into_iter().flatten().enumerate() {
            let label = format!("{key}[{position}]");
            match file::key_file(&label, entry, &import) {
                Ok(imported) => keys.push(imported),
                Err(error) => self.merge(key, error),
            }
        }
        keys
    }

    fn read<T>(
        &mut self,
        key: &'static str,
        read: impl FnOnce(&'t Value) -> Result<T, String>,
    ) -> Option<T> {
        if self.broken.contains(key) {
            return None;
        }
        let value = match self.table.get(key)? {
            Value::Null => Err("has no value".to_owned()),
            value => read(value),
        };
        value
            .map_err(|why| self.problem(key, format!("`{key}` {why}")))
            .ok()
    }
}
