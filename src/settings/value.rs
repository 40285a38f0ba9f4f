//! The values of settings, or why a value is not what the setting needs.

use serde_json::Value;

/// A text, or why the value is none.
pub(super) fn text(value: &Value) -> Result<String, String> {
    match value {
        Value::String(text) if text.trim().is_empty() => Err("is empty".to_owned()),
        Value::String(text) => Ok(text.clone()),
        Value::Number(number) if number.is_u64() => Ok(number.to_string()),
        other => Err(format!("is {}, not a text", kind(other))),
    }
}

pub(super) fn texts(value: &Value) -> Result<Vec<String>, String> {
    items(value, text)
}

/// A value, or a list of several.
pub(super) fn items<T>(
    value: &Value,
    read: impl Fn(&Value) -> Result<T, String>,
) -> Result<Vec<T>, String> {
    match value {
        Value::Array(values) if values.is_empty() => Err("is an empty list".to_owned()),
        Value::Array(values) => {
            let in_list = |(position, value)| {
                read(value).map_err(|why| format!("has a mistake: item {position} {why}"))
            };
            values.iter().enumerate().map(in_list).collect()
        }
        value => Ok(vec![read(value)?]),
    }
}

pub(super) fn number<N: TryFrom<u64>>(value: &Value, what: &str) -> Result<N, String> {
    let number = match value {
        Value::Number(number) => number.as_u64(),
        Value::String(text) => text.parse().ok(),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    };
    number
        .and_then(|number| N::try_from(number).ok())
        .ok_or_else(|| format!("is {}, not {what}", shown(value)))
}

/// A value where a number or a boolean is expected, which is no secret.
pub(super) fn shown(value: &Value) -> String {
    match value {
        Value::Number(number) => number.to_string(),
        Value::Bool(flag) => flag.to_string(),
        Value::String(text) if text.trim().is_empty() => "empty".to_owned(),
        Value::String(text) => format!("{text:?}"),
        Value::Null | Value::Array(_) | Value::Object(_) => kind(value).to_owned(),
    }
}

pub(super) fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "without a value",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "a table",
    }
}
