//! The text of a JWK or a JWK Set, cut into the texts of its parts.
//!
//! A `serde_json::Value` cannot hold every JSON text: a number past all bounds and a lone surrogate are errors,
//! wherever they stand, and so is a nesting of 128. One such member of one JWK would cost a whole set. Here the
//! text is checked without being represented, and a value is represented only when it is read. serde_json does
//! the scanning, which neither recurses nor depends on its features.

use std::borrow::Cow;

use serde::de::IgnoredAny;
use serde_json::Deserializer;

use crate::json::Text;

/// A JSON value, as it is written.
#[derive(Debug, Clone, Copy)]
pub(super) struct JsonText<'a>(&'a str);

impl<'a> JsonText<'a> {
    /// Checks that `text` is one JSON value.
    pub(super) fn parse(text: &'a str) -> Result<Self, serde_json::Error> {
        serde_json::from_str::<IgnoredAny>(text)?;
        Ok(Self(text.trim_matches(WHITE_SPACE)))
    }

    /// The text of the value, which is all that is parsed of it.
    pub(super) fn as_str(self) -> &'a str {
        self.0
    }

    pub(super) fn is_null(self) -> bool {
        self.0 == "null"
    }

    /// The string that this is. `None` also for one that is not Unicode, for which JSON has a form.
    pub(super) fn string(self) -> Option<Cow<'a, str>> {
        let Text(text) = serde_json::from_str(self.0).ok()?;
        Some(text)
    }

    /// The elements of the array that this is.
    pub(super) fn elements(self) -> Option<Elements<'a>> {
        let rest = self.0.strip_prefix('[')?;
        Some(Elements(Rest(rest)))
    }

    /// The members of the object that this is, in their order.
    pub(super) fn members(self) -> Option<Members<'a>> {
        let rest = self.0.strip_prefix('{')?;
        Some(Members(Rest(rest)))
    }
}

/// Elements of an array.
pub(super) struct Elements<'a>(Rest<'a>);

impl<'a> Iterator for Elements<'a> {
    type Item = JsonText<'a>;

    fn next(&mut self) -> Option<JsonText<'a>> {
        self.0.next_value()
    }
}

/// Names and values of an object.
pub(super) struct Members<'a>(Rest<'a>);

impl<'a> Iterator for Members<'a> {
    type Item = (JsonText<'a>, JsonText<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        Some((self.0.next_value()?, self.0.next_value()?))
    }
}

/// What is left of an array or object behind its bracket. It is well-formed, so that each value ends where
/// serde_json says, and what stands between two values says nothing.
struct Rest<'a>(&'a str);

impl<'a> Rest<'a> {
    fn next_value(&mut self) -> Option<JsonText<'a>> {
        let between = |c| WHITE_SPACE.contains(&c) || c == ',' || c == ':';
        let start = self.0.trim_start_matches(between);
        let mut values = Deserializer::from_str(start).into_iter::<IgnoredAny>();
        // The closing bracket is no value, and ends this.
        values.next()?.ok()?;
        let (value, rest) = start.split_at_checked(values.byte_offset())?;
        self.0 = rest;
        Some(JsonText(value))
    }
}

/// RFC 8259 §2.
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
