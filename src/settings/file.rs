//! Keys and secrets from files.

use std::fs::File;
use std::io::{self, Read};
use std::str::FromStr;

use serde_json::Value;
use zeroize::Zeroizing;

use super::table::unknown;
use super::value::{kind, text};
use crate::config_error::{ConfigError, Problem, Problems};
use crate::verify::keys::algorithm::Algorithm;

/// Of a file, in bytes. A device that never ends is no key.
const MAX_LENGTH: u64 = 1024 * 1024;

/// The content of a file, without one newline at its end.
pub(super) fn read(label: &str, path: &str) -> Result<Zeroizing<Vec<u8>>, Problem> {
    let read = || -> io::Result<_> {
        let mut content = Zeroizing::new(Vec::new());
        let file = File::open(path)?;
        file.take(MAX_LENGTH + 1).read_to_end(&mut content)?;
        Ok(content)
    };
    // Not the path: it may be a secret that was written in the place of one.
    let mut content = read()
        .map_err(|error| Problem::caused_by(&format!("`{label}`: cannot read its file"), error))?;
    if content.len() as u64 > MAX_LENGTH {
        return Err(format!("`{label}`: {path:?} is larger than 1 MiB").into());
    }
    for newline in [b'\n', b'\r'] {
        if content.last() == Some(&newline) {
            content.pop();
        } else {
            break;
        }
    }
    if content.trim_ascii().is_empty() {
        return Err(format!("`{label}`: {path:?} is empty").into());
    }
    Ok(content)
}

/// The content of a text file, without one newline at its end.
pub(super) fn read_text(label: &str, path: &str) -> Result<Zeroizing<String>, Problem> {
    let content = read(label, path)?;
    match std::str::from_utf8(&content) {
        Ok(text) => Ok(Zeroizing::new(text.to_owned())),
        Err(_) => Err(format!("`{label}`: {path:?} is not UTF-8").into()),
    }
}

/// The key of a table with an algorithm and a file.
pub(super) fn key_file<K>(
    label: &str,
    entry: &Value,
    import: impl Fn(Algorithm, &[u8]) -> Result<K, ConfigError>,
) -> Result<K, ConfigError> {
    const KEYS: [&str; 2] = ["algorithm", "file"];
    let Value::Object(members) = entry else {
        let problem = format!("`{label}` is {}, not a table", kind(entry));
        return Err(ConfigError::of(problem));
    };
    let mut problems = Problems::default();
    for key in members.keys().filter(|key| !KEYS.contains(&key.as_str())) {
        problems.push(format!("`{label}`: {}", unknown(key, &KEYS)));
    }
    let mut member = |key: &str| match members.get(key).map(text) {
        Some(Ok(value)) => Some(value),
        Some(Err(why)) => {
            problems.push(format!("`{label}.{key}` {why}"));
            None
        }
        None => {
            problems.push(format!("`{label}` has no `{key}`"));
            None
        }
    };
    let (name, path) = (member("algorithm"), member("file"));
    let algorithm = name.and_then(|name| {
        let parsed = Algorithm::from_str(&name);
        parsed
            .map_err(|error| problems.push(format!("`{label}.algorithm`: {error}")))
            .ok()
    });
    let file = format!("{label}.file");
    let content = path.and_then(|path| match read(&file, &path) {
        Ok(content) => Some((path, content)),
        Err(problem) => {
            problems.push(problem);
            None
        }
    });
    ConfigError::check(problems)?;
    let (Some(algorithm), Some((path, content))) = (algorithm, content) else {
        unreachable!("each that is missing is a problem")
    };
    import(algorithm, &content).map_err(|error| in_file(&file, &path, &error))
}

/// The problems of a file's content.
pub(super) fn in_file(label: &str, path: &str, error: &ConfigError) -> ConfigError {
    ConfigError::of(format!("`{label}`: {path:?} cannot be used: {error}"))
}
