//! Compares the reader with serde_json: it must read all usual texts, and may read no text differently.

use proptest::prelude::*;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::{Map, Value, json};

use super::*;

type Members = Map<String, Value>;

fn read<'de, T: Deserialize<'de>>(json: &'de str) -> Result<T, NotRead> {
    let mut reader = Reader::of(json);
    let value = T::deserialize(&mut reader)?;
    reader.end()?;
    Ok(value)
}

/// What the reader reads, which serde_json must read as well.
fn check(json: &str) -> Option<Members> {
    let members = read::<Members>(json).ok();
    if let Some(members) = &members {
        let expected: Members = serde_json::from_str(json).expect(json);
        assert_eq!(*members, expected, "{json}");
    }
    members
}

#[test]
fn usual_texts_are_read() {
    let all = json!({
        "text": "a", "empty": "", "long": "0123456789abcdef0123456789abcdef", "more": "é€😀",
        "number": 0, "date": 1_700_000_000, "negative": -1, "real": 1.5, "large": u64::MAX,
        "true": true, "false": false, "null": null,
        "list": [], "texts": ["a", "b"], "nested": {"a": {"b": [1, [2], {}]}},
        "escapes": "\"\\/\u{8}\n\u{1}",
    });
    for json in [all.to_string(), serde_json::to_string_pretty(&all).unwrap()] {
        assert_eq!(check(&json), all.as_object().cloned(), "{json}");
    }
    for json in [
        "{}",
        " { } ",
        "\r\n{\t\"a\" :\n1 ,\"b\": [ 1 , 2 ] }\n",
        r#"{"\u0061":1,"b":"\ud83d\ude00","c":1e3,"d":-0,"e":123456789012345678901}"#,
        r#"{"a":999999999999999999,"b":1000000000000000000,"c":18446744073709551616}"#,
    ] {
        assert!(check(json).is_some(), "{json}");
    }
}

#[test]
fn faulty_texts_are_left_to_serde_json() {
    for json in [
        "",
        "{",
        "[]",
        "1",
        "\"a\"",
        "{}x",
        "{}{}",
        "{}]",
        "{\u{a0}}",
        "\u{feff}{}",
        "{\u{b}}",
        r#"{"a"}"#,
        r#"{"a":}"#,
        r#"{"a":1,}"#,
        r#"{,"a":1}"#,
        r#"{"a":1 "b":2}"#,
        r#"{"a" 1}"#,
        r#"{a:1}"#,
        r#"{1:1}"#,
        r#"{null:1}"#,
        r#"{"a":1]"#,
        r#"{"a":[1}}"#,
        r#"{"a":[1,]}"#,
        r#"{"a":[,1]}"#,
        r#"{"a":[1 2]}"#,
        r#"{"a":01}"#,
        r#"{"a":1.}"#,
        r#"{"a":.1}"#,
        r#"{"a":+1}"#,
        r#"{"a":-}"#,
        r#"{"a":1e}"#,
        r#"{"a":0x1}"#,
        r#"{"a":1a}"#,
        r#"{"a":--1}"#,
        r#"{"a":tru}"#,
        r#"{"a":truex}"#,
        r#"{"a":nul}"#,
        r#"{"a":NaN}"#,
        r#"{"a":True}"#,
        r#"{"a":"}"#,
        r#"{"a":"b"#,
        r#"{"a":"\"}"#,
        r#"{"a":"\x"}"#,
        r#"{"a":"\u00"}"#,
        r#"{"a":"\ud800"}"#,
        "{\"a\":\"\n\"}",
        "{\"a\":\"\u{1f}\"}",
        "{\"a\":\"0123456\t\"}",
    ] {
        assert!(serde_json::from_str::<Members>(json).is_err(), "{json}");
        assert!(read::<Members>(json).is_err(), "{json}");
    }
}

#[test]
fn a_text_is_read_to_its_end_whatever_the_visitor_takes() {
    struct First;

    impl<'de> Visitor<'de> for First {
        type Value = ();

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
            members.next_entry::<IgnoredAny, IgnoredAny>()?;
            Ok(())
        }
    }

    assert!(read_object(r#"{"a":1}"#, First).is_err());
    assert!(read_object(r#"{"a":1,"b":2}"#, First).is_err());
}

#[test]
fn nesting_takes_no_more_stack_than_in_serde_json() {
    for depth in [1, 126, 127, 128, 200, 100_000] {
        for (open, close) in [("[", "]"), (r#"{"a":"#, "}")] {
            let json = format!("{{\"a\":{}1{}}}", open.repeat(depth), close.repeat(depth));
            let is_read = serde_json::from_str::<Members>(&json).is_ok();
            assert_eq!(read::<Members>(&json).is_ok(), is_read, "{depth}");
        }
    }
}

/// A value as issuers write them, and others.
fn value() -> impl Strategy<Value = Value> {
    let text = prop_oneof![4 => "[ -~]{0,24}", 1 => ".{0,12}", 1 => "[\"\\\\\n\u{0}]{0,3}"];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        (0_u64..2_000_000_000).prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        text.clone().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 30, 5, move |inner| {
        let members = proptest::collection::vec((text.clone(), inner.clone()), 0..5);
        prop_oneof![
            proptest::collection::vec(inner, 0..5).prop_map(Value::from),
            members.prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

/// The text of a string with escapes, most of them good.
fn escaped() -> impl Strategy<Value = String> {
    let pieces = [
        "a",
        "é",
        "😀",
        " ",
        "0123456789",
        r"\n",
        r#"\""#,
        r"\\",
        r"\/",
        r"\b",
        r"\u0061",
        r"\u00e9",
        r"\u20AC",
        r"\ud83d\ude00",
        r"\uD83D\uDE00",
        r"\u0000",
        r"\ud83d",
        r"\ude00",
        r"\ud83dx",
        r"\ud83d\n",
        r"\ud83d\u0061",
        r"\ude00\ud83d",
        r"\x",
        r"\u12",
        r"\u12g4",
        r"\U0061",
        "\n",
        "\u{1f}",
        "\u{7f}",
    ];
    proptest::collection::vec(prop::sample::select(pieces.to_vec()), 0..8)
        .prop_map(|pieces| pieces.concat())
}

fn changes() -> impl Strategy<Value = Vec<(prop::sample::Index, u8, char)>> {
    let characters: Vec<char> = "{}[],:\"\\ \n\t01239-+.eEutfn/\u{0}\u{1f}\u{7f}\u{e9}\u{2028}"
        .chars()
        .collect();
    let change = (
        any::<prop::sample::Index>(),
        0..3_u8,
        prop::sample::select(characters),
    );
    proptest::collection::vec(change, 1..4)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn a_text_is_read_as_by_serde_json(
        members in proptest::collection::vec(("[a-z_:/]{0,12}", value()), 0..6),
        is_pretty: bool,
        changes in changes(),
    ) {
        let members: Members = members.into_iter().collect();
        let json = match is_pretty {
            true => serde_json::to_string_pretty(&members).unwrap(),
            false => serde_json::to_string(&members).unwrap(),
        };
        prop_assert!(check(&json).is_some(), "{json}");
        let mut text: Vec<char> = json.chars().collect();
        for (at, kind, character) in changes {
            let at = at.index(text.len().max(1));
            match kind {
                0 if at < text.len() => { text.remove(at); }
                1 if at < text.len() => text[at] = character,
                _ => text.insert(at, character),
            }
        }
        check(&text.into_iter().collect::<String>());
    }

    #[test]
    fn escapes_are_read_as_by_serde_json(name in escaped(), text in escaped()) {
        let json = format!(r#"{{"{name}":"{text}"}}"#);
        let is_read = serde_json::from_str::<Members>(&json).is_ok();
        prop_assert_eq!(check(&json).is_some(), is_read, "{}", json);
    }
}
