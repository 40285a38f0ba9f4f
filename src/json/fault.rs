//! Parse errors for logs. Their texts are constants, because the input may come from an attacker.

/// The rule that a text breaks, and the name of the member if this crate uses that member.
#[derive(Debug)]
pub(crate) struct Fault {
    member: Option<&'static str>,
    cause: FaultCause,
}

#[derive(Debug)]
enum FaultCause {
    Rule(&'static str),
    /// The message of this error may quote the input. Only [`rule_of`] reads it.
    Json(serde_json::Error),
}

/// The rules that the visitors of this module check themselves.
pub(super) const TWICE: &str = "a member occurs twice";
pub(super) const TOO_MANY: &str = "there are too many members";
pub(super) const TOO_DEEP: &str = "objects and arrays are nested too deep";
pub(super) const RESERVED_NAME: &str = "a member has a name that serde_json reserves";
pub(super) const NUMBER_OUT_OF_RANGE: &str = "a number is out of range";
pub(super) const DATE_OUT_OF_RANGE: &str = "a date is out of range";

const NOT_JSON: &str = "it is not JSON";

/// The prefixes of error messages, from this module and from serde_json, with the rule for each.
const BEGINNINGS: [(&str, &str); 12] = [
    (TWICE, TWICE),
    (TOO_MANY, TOO_MANY),
    (TOO_DEEP, TOO_DEEP),
    (RESERVED_NAME, RESERVED_NAME),
    (NUMBER_OUT_OF_RANGE, NUMBER_OUT_OF_RANGE),
    (DATE_OUT_OF_RANGE, DATE_OUT_OF_RANGE),
    ("number out of range", NUMBER_OUT_OF_RANGE),
    ("recursion limit exceeded", TOO_DEEP),
    ("trailing characters", "text follows the JSON object"),
    (
        "lone leading surrogate",
        "a string has a lone surrogate in it",
    ),
    (
        "unexpected end of hex escape",
        "a string has a lone surrogate in it",
    ),
    (
        "invalid unicode code point",
        "a string has a lone surrogate in it",
    ),
];

/// The types that the visitors expect, with the rule that another type breaks. A text precedes its own prefixes.
const EXPECTED: [(&str, &str); 5] = [
    (
        "a string or an array of strings",
        "it is neither a string nor an array of strings",
    ),
    ("a string or a number", "it is not a string"),
    ("a string", "it is not a string"),
    (
        "a number of seconds since 1970",
        "it is not a number of seconds since 1970",
    ),
    ("an object", "it is not a JSON object"),
];

impl Fault {
    /// Creates a fault that concerns no single member.
    pub(crate) fn of(rule: &'static str) -> Self {
        Self {
            member: None,
            cause: FaultCause::Rule(rule),
        }
    }

    /// Creates a fault for a rule that this member breaks.
    pub(crate) fn in_member(member: &'static str, rule: &'static str) -> Self {
        Self {
            member: Some(member),
            cause: FaultCause::Rule(rule),
        }
    }

    pub(super) fn of_json(member: Option<&'static str>, error: serde_json::Error) -> Self {
        Self {
            member,
            cause: FaultCause::Json(error),
        }
    }

    /// The name of the member, if this crate uses it.
    pub(crate) fn member(&self) -> Option<&'static str> {
        self.member
    }

    /// The rule, in words. It is computed on demand, because most faults are never logged.
    pub(crate) fn rule(&self) -> &'static str {
        match &self.cause {
            FaultCause::Rule(rule) => rule,
            FaultCause::Json(error) => rule_of(error),
        }
    }
}

/// Maps a message of `serde` or serde_json, which may quote the input, to a rule.
fn rule_of(error: &serde_json::Error) -> &'static str {
    let message = error.to_string();
    let known = |table: &[(&str, &'static str)], text: &str| {
        let row = table.iter().find(|(start, _)| text.starts_with(start));
        row.map(|(_, rule)| *rule)
    };
    if let Some(rule) = known(&BEGINNINGS, &message) {
        return rule;
    }
    let expected = message.rsplit_once(", expected ");
    let is_of_another_type = message.starts_with("invalid type");
    expected
        .filter(|_| is_of_another_type)
        .and_then(|(_, expected)| known(&EXPECTED, expected))
        .unwrap_or(NOT_JSON)
}
