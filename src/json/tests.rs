use super::fault::{NUMBER_OUT_OF_RANGE, RESERVED_NAME, TOO_DEEP, TWICE};
use super::object::MAX_OTHER_MEMBERS;
use super::*;
use serde::de::MapAccess;

#[derive(Default)]
struct Members<'a> {
    text: Member<Text<'a>>,
    other: Member<MaybeText<'a>>,
    flag: Presence,
}

impl<'de> Object<'de> for Members<'de> {
    const MEMBERS: &'static [&'static str] = &["text", "other", "flag"];

    fn read<A: MapAccess<'de>>(&mut self, name: &str, all: &mut A) -> Result<bool, A::Error> {
        match name {
            "text" => self.text.read(all),
            "other" => self.other.read(all),
            "flag" => self.flag.read(all),
            _ => Ok(false),
        }
    }
}

#[test]
fn nesting_is_bounded_and_brackets_in_strings_do_not_count() {
    let parses = |json: &str| parse_object::<Members<'_>>(json).is_ok();
    for member in ["x", "flag", "other"] {
        let nested = |open: &str, close: &str, depth| {
            format!(
                r#"{{"{member}":{}1{}}}"#,
                open.repeat(depth),
                close.repeat(depth)
            )
        };
        for (open, close) in [("[", "]"), (r#"{"a":"#, "}")] {
            assert!(parses(&nested(open, close, 31)), "{member} {open}");
            assert!(!parses(&nested(open, close, 32)), "{member} {open}");
            assert!(!parses(&nested(open, close, 100_000)), "{member} {open}");
        }
        // The representation of a number must not evade the limit.
        let number = r#"{"$serde_json::private::Number":"1","a":"#;
        assert!(!parses(&nested(number, "}", 40)), "{member}");
    }
    assert!(parses(&format!(r#"{{"a":"{}\"["}}"#, "[".repeat(100))));
    assert!(parses(&format!(r#"{{"a":[{}1]}}"#, "[],".repeat(100))));
}

#[test]
fn null_is_no_value_and_occurs_once() {
    let all = r#"{"text":null,"other":null,"flag":null}"#;
    let members: Members<'_> = parse_object(all).unwrap();
    assert!(!members.text.has_value() && !members.other.has_value() && !members.flag.has_value());
    assert!(members.text.occurs() && members.other.occurs() && members.flag.occurs());
    let none: Members<'_> = parse_object("{}").unwrap();
    assert!(!none.text.occurs() && !none.other.occurs() && !none.flag.occurs());

    for name in ["text", "other", "flag"] {
        for twice in [["null", "null"], ["null", "\"a\""], ["\"a\"", "null"]] {
            let [first, second] = twice;
            let json = format!(r#"{{"{name}":{first},"{name}":{second}}}"#);
            let fault = parse_object::<Members<'_>>(&json).map(drop).unwrap_err();
            assert_eq!(
                (fault.member(), fault.rule()),
                (Some(name), TWICE),
                "{json}"
            );
        }
    }
}

#[test]
fn a_fault_names_a_rule_and_a_known_member_and_nothing_that_was_read() {
    let deep = format!("{{\"x\":{}", "[".repeat(100));
    let very_deep = format!("{{\"x\":{}", "[".repeat(1000));
    let table = [
        ("", None, "it is not JSON"),
        ("{", None, "it is not JSON"),
        (r#"{"x":NaN}"#, None, "it is not JSON"),
        (r#"{"text":tru}"#, Some("text"), "it is not JSON"),
        ("[]", None, "it is not a JSON object"),
        (r#""expected a string""#, None, "it is not a JSON object"),
        ("{}{}", None, "text follows the JSON object"),
        (r#"{"text":7}"#, Some("text"), "it is not a string"),
        (
            r#"{"text":["a string"]}"#,
            Some("text"),
            "it is not a string",
        ),
        (r#"{"secret":1,"secret":2}"#, None, TWICE),
        (
            r#"{"x":"\ud800"}"#,
            None,
            "a string has a lone surrogate in it",
        ),
        (
            r#"{"text":"\ud800x"}"#,
            Some("text"),
            "a string has a lone surrogate in it",
        ),
        (r#"{"x":1e400}"#, None, NUMBER_OUT_OF_RANGE),
        (
            r#"{"$serde_json::private::RawValue":1}"#,
            None,
            RESERVED_NAME,
        ),
        (&deep, None, TOO_DEEP),
        (&very_deep, None, TOO_DEEP),
    ];
    for (json, member, rule) in table {
        let fault = parse_object::<Members<'_>>(json).map(drop).unwrap_err();
        assert_eq!((fault.member(), fault.rule()), (member, rule), "{json}");
    }
}

#[test]
fn unused_members_must_be_well_formed() {
    let parses = |json: &str| parse_object::<Members<'_>>(json).is_ok();
    assert!(parses(
        r#"{"x":[{"y":null,"z":1.5e3},"\ud83d\ude00",true,-1]}"#
    ));
    for bad in [
        r#"{"x":1e400}"#,
        r#"{"x":"\ud800"}"#,
        r#"{"x":["\ud800"]}"#,
        r#"{"\ud800":1}"#,
    ] {
        assert!(!parses(bad), "{bad}");
    }
}

#[test]
fn names_of_serde_json_itself_are_refused_wherever_they_stand() {
    let parses = |json: &str| parse_object::<Members<'_>>(json).is_ok();
    let number = |digits: &str| format!(r#"{{"$serde_json::private::Number":"{digits}"}}"#);
    for member in ["x", "flag", "other"] {
        let with = |value: &str| format!(r#"{{"{member}":{value}}}"#);
        // With `arbitrary_precision`, this is what a number looks like.
        assert!(parses(&with(&number("-1.5e3"))), "{member}");
        for digits in [
            "zzz", "", "+1", "1.", ".5", "01", " 1", "1e400", "inf", "NaN",
        ] {
            assert!(!parses(&with(&number(digits))), "{member} {digits}");
        }
        for value in [
            r#"{"$serde_json::private::Number":"1","a":2}"#,
            r#"{"a":1,"$serde_json::private::Number":"1"}"#,
            r#"{"$serde_json::private::Number":1}"#,
            r#"{"$serde_json::private::RawValue":"1"}"#,
            r#"[{"\u0024serde_json::private::RawValue":"1"}]"#,
        ] {
            assert!(!parses(&with(value)), "{member} {value}");
        }
    }
    assert!(!parses(&number("1")));
}

#[test]
fn other_members_are_distinguished_and_counted() {
    // A name can be written in several ways.
    let plain = |n: usize| format!(r#""m{n}":{n}"#);
    let escaped = |n: usize| format!(r#""\u006d{n}":{n}"#);
    let mixed = |n: usize| {
        if n.is_multiple_of(2) {
            plain(n)
        } else {
            escaped(n)
        }
    };
    let spellings: [&dyn Fn(usize) -> String; 3] = [&plain, &escaped, &mixed];
    let parses = |spelling: &dyn Fn(usize) -> String, count: usize, last: String| {
        let members: Vec<_> = (0..count).map(spelling).chain([last]).collect();
        parse_object::<Members<'_>>(&format!("{{{}}}", members.join(","))).is_ok()
    };
    for spelling in spellings {
        let most = MAX_OTHER_MEMBERS;
        assert!(parses(spelling, most - 1, spelling(most)));
        assert!(!parses(spelling, most, spelling(most)));
        // Below and above the number of names that need no allocation.
        for (count, again) in (1..20).flat_map(|count| (0..count).map(move |n| (count, n))) {
            for last in spellings {
                assert!(parses(spelling, count, last(count)), "{count}");
                assert!(!parses(spelling, count, last(again)), "{count} {again}");
            }
        }
    }
}
