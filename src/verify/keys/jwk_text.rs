//! Splits the text of a JWK or a JWK Set into the texts of its values.
//!
//! Parsing a whole JWK Set into a `serde_json::Value` fails for a number out of range, a lone surrogate or a nesting
//! of 128 levels. One such member in one JWK would make the whole set unusable. So this module checks only the syntax
//! of the text, and parses a value when it is used. serde_json's scan of the text does not recurse, and does not
//! depend on the features that other crates enable.

use std::borrow::Cow;

use serde::de::IgnoredAny;
use serde_json::Deserializer;

use crate::json::Text;

/// The text of a JSON value, which is syntactically valid.
#[derive(Debug, Clone, Copy)]
pub(crate) struct JsonText<'a>(&'a str);

impl<'a> JsonText<'a> {
    /// Checks that `text` is one JSON value.
    pub(crate) fn parse(text: &'a str) -> Result<Self, serde_json::Error> {
        serde_json::from_str::<IgnoredAny>(text)?;
        Ok(Self(text.trim_matches(WHITE_SPACE)))
    }

    /// The text of the value, without white space around it.
    pub(crate) fn as_str(self) -> &'a str {
        self.0
    }

    pub(crate) fn is_null(self) -> bool {
        self.0 == "null"
    }

    /// The value if it is a string. `None` also for a string with a lone surrogate, which JSON syntax allows.
    pub(crate) fn string(self) -> Option<Cow<'a, str>> {
        let Text(text) = serde_json::from_str(self.0).ok()?;
        Some(text)
    }

    /// The elements in order, if the value is an array.
    pub(crate) fn elements(self) -> Option<Elements<'a>> {
        let rest = self.0.strip_prefix('[')?;
        Some(Elements(Rest(rest)))
    }

    /// The members in order, if the value is an object.
    pub(crate) fn members(self) -> Option<Members<'a>> {
        let rest = self.0.strip_prefix('{')?;
        Some(Members(Rest(rest)))
    }
}

/// Iterates over the elements of an array.
pub(crate) struct Elements<'a>(Rest<'a>);

impl<'a> Iterator for Elements<'a> {
    type Item = JsonText<'a>;

    fn next(&mut self) -> Option<JsonText<'a>> {
        self.0.next_value()
    }
}

/// Iterates over the names and values of an object.
pub(crate) struct Members<'a>(Rest<'a>);

impl<'a> Iterator for Members<'a> {
    type Item = (JsonText<'a>, JsonText<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        Some((self.0.next_value()?, self.0.next_value()?))
    }
}

/// The part of an array or object that is not read yet. The text is known to be well-formed, so the characters between
/// two values are skipped without a check.
struct Rest<'a>(&'a str);

impl<'a> Rest<'a> {
    fn next_value(&mut self) -> Option<JsonText<'a>> {
        let between = |c| WHITE_SPACE.contains(&c) || c == ',' || c == ':';
        let start = self.0.trim_start_matches(between);
        let mut values = Deserializer::from_str(start).into_iter::<IgnoredAny>();
        // The closing bracket is not a value and ends the iteration.
        values.next()?.ok()?;
        let (value, rest) = start.split_at_checked(values.byte_offset())?;
        self.0 = rest;
        Some(JsonText(value))
    }
}

/// The white space of JSON (RFC 8259 §2).
const WHITE_SPACE: [char; 4] = [' ', '\t', '\n', '\r'];

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> JsonText<'_> {
        JsonText::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    #[test]
    fn an_array_is_cut_into_its_elements() {
        for elements in [
            &[][..],
            &["1"],
            &["1", "-2.5e3", "1e400", "true", "false", "null"],
            &[
                "\"\"",
                "\"]\"",
                r#""\"],[""#,
                r#""\\""#,
                r#""\ud800""#,
                "\"é\u{10ffff}\"",
            ],
            &["[]", "{}", "[[]]", "[{}]", r#"{"a":[1,2],"]":"}"}"#],
            &["null", "[null]", "null"],
        ] {
            for (open, between, close) in [("[", ",", "]"), (" [\t", "\r,\n", " ]\n")] {
                let text = format!("{open}{}{close}", elements.join(between));
                let cut: Vec<_> = parse(&text)
                    .elements()
                    .unwrap()
                    .map(JsonText::as_str)
                    .collect();
                assert_eq!(cut, elements, "{text}");
                assert!(parse(&text).members().is_none());
            }
        }
        for text in ["1", "null", "{}", "\"[]\""] {
            assert!(parse(text).elements().is_none(), "{text}");
        }
    }

    #[test]
    fn an_object_is_cut_into_its_members() {
        let text = r#" { "a" : 1e400 , "":[{"b":2}],"\u0061":"\udfff","\ud800":{"a":3} } "#;
        let members: Vec<_> = parse(text)
            .members()
            .unwrap()
            .map(|(name, value)| (name.string(), value.as_str()))
            .collect();
        let name = |name: &'static str| Some(name.into());
        assert_eq!(
            members,
            [
                (name("a"), "1e400"),
                (name(""), r#"[{"b":2}]"#),
                (name("a"), r#""\udfff""#),
                (None, r#"{"a":3}"#),
            ]
        );
        assert_eq!(parse("{}").members().unwrap().count(), 0);
        assert!(parse("[]").members().is_none());
    }

    #[test]
    fn what_is_not_json_is_refused() {
        for text in [
            "",
            " ",
            "[",
            "]",
            "[1",
            "[1,]",
            "[,1]",
            "[1 2]",
            "[1:2]",
            "{\"a\"}",
            "{\"a\":}",
            "{a:1}",
            "{\"a\",1}",
            "{\"a\":1,}",
            "[01]",
            "[.5]",
            "[+1]",
            "[NaN]",
            "[\"\n\"]",
            "[\"\\x\"]",
            "[\"\\ud80\"]",
            "[]]",
            "[] []",
            "nul",
            "'a'",
            "\u{feff}[]",
            "\u{a0}[]",
        ] {
            assert!(JsonText::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn nesting_takes_no_stack() {
        let deep = format!("[{}1{},2]", "[".repeat(1_000_000), "]".repeat(1_000_000));
        let cut: Vec<_> = parse(&deep)
            .elements()
            .unwrap()
            .map(JsonText::as_str)
            .collect();
        assert_eq!((cut.len(), cut[1]), (2, "2"));
        let deep = format!(
            "{{\"a\":{}1{}}}",
            r#"{"a":"#.repeat(500_000),
            "}".repeat(500_000)
        );
        assert_eq!(parse(&deep).members().unwrap().count(), 1);
    }

    #[test]
    fn a_string_is_read_by_its_meaning() {
        assert_eq!(parse(r#""\u006bid""#).string().unwrap(), "kid");
        for other in [
            "1",
            "null",
            "[]",
            r#""\ud800""#,
            r#"{"$serde_json::private::RawValue":"1"}"#,
        ] {
            assert!(parse(other).string().is_none(), "{other}");
        }
        assert!(parse(" null\n").is_null());
        assert!(!parse("\"null\"").is_null());
    }
}
