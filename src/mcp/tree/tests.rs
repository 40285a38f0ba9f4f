use proptest::prelude::*;

use super::*;

mod reference;

/// Looks `name` up in the kind of object that has it.
fn look_up(object: &str, name: &str) -> Result<Option<String>, Doubtful> {
    let (body, outer): (_, &[&str]) = match name {
        "params" => (object.to_owned(), &[]),
        "resourceSubscriptions" => (
            format!(r#"{{"params":{{"notifications":{object}}}}}"#),
            &["params", "notifications"],
        ),
        _ => (format!(r#"{{"params":{object}}}"#), &["params"]),
    };
    let body = Node::parse(&body).unwrap();
    let mut object = outer
        .iter()
        .fold(body, |mut object, name| object.take(name).unwrap().unwrap());
    Ok(object.take(name)?.map(|found| format!("{found:?}")))
}

#[test]
fn a_member_is_found_under_its_own_name_only() {
    let object = r#"{"other":1,"name":"x"}"#;
    assert_eq!(look_up(object, "name"), Ok(Some("Text(\"x\")".into())));
    assert_eq!(look_up(object, "uri"), Ok(None));
    assert_eq!(Node::Null.take("name"), Ok(None));
}

#[test]
fn a_name_that_another_parser_could_confuse_with_it_makes_a_member_doubtful() {
    for doubtful in [
        r#"{"name":1,"name":2}"#,
        r#"{"name":1,"name":2,"name":3}"#,
        r#"{"name":1,"Name":2}"#,
        r#"{"Name":1,"name":2}"#,
        r#"{"NAME":2}"#,
        r#"{"n\u0061me":1}"#,
        r#"{"name\u0000":1}"#,
        r#"{"\u0000name":1}"#,
        r#"{"na\u0000me":1}"#,
        r#"{"\u0000na\u0000me\u0000":1}"#,
        r#"{"name\u0000x":1}"#,
        r#"{"NAME\u0000x":1}"#,
        r#"{"n\u0041me":1}"#,
        r#"{"na_me":1}"#,
        r#"{"_-n_a-m_e-_":1}"#,
        r#"{"name":1,"NA-ME":2}"#,
        r#"{"na_me\u0000x":1}"#,
    ] {
        assert_eq!(look_up(doubtful, "name"), Err(Doubtful), "{doubtful}");
    }
    for doubtful in [
        r#"{"paramſ":1}"#,
        r#"{"param\u017f":1}"#,
        r#"{"PARAMſ\u0000":1}"#,
    ] {
        assert_eq!(look_up(doubtful, "params"), Err(Doubtful), "{doubtful}");
    }
    // The Kelvin sign, a dotless i, ligatures.
    assert_eq!(look_up("{\"tas\u{212a}Id\":1}", "taskId"), Err(Doubtful));
    assert_eq!(look_up("{\"ur\u{131}\":1}", "uri"), Err(Doubtful));
    let doubtful = r#"{"params":{"noti\ufb01cations":{}}}"#;
    let mut node = Node::parse(doubtful).unwrap();
    let mut params = node.take("params").unwrap().unwrap();
    assert_eq!(params.take("notifications"), Err(Doubtful));
    for doubtful in [
        r#"{"resourceſubſcriptionſ":[]}"#,
        r#"{"resource_subscriptions":[]}"#,
        r#"{"resourceSubscriptionſ":[],"resourceSubscriptions":[]}"#,
    ] {
        let looked_up = look_up(doubtful, "resourceSubscriptions");
        assert_eq!(looked_up, Err(Doubtful), "{doubtful}");
    }
}

#[test]
fn unknown_members_are_ignored() {
    let object = r#"{"x":1,"x":2,"nam":1,"names":1,"n a m e":1,"a\u0000":1,"ñame":1}"#;
    assert_eq!(look_up(object, "name"), Ok(None));
}

#[test]
fn only_what_is_inspected_is_limited() {
    let repeated = |start: &str, part: &str, count: usize, end: &str| {
        format!("{start}{}{end}", part.repeat(count))
    };
    let params = |count| repeated(r#"{"params":{"#, r#""x":1,"#, count, r#""y":1}}"#);
    let table = [
        (
            TooMany::Messages,
            repeated("[", "{},", MAX_ITEMS, "{}]"),
            repeated("[", "{},", MAX_ITEMS - 1, "{}]"),
        ),
        (
            TooMany::Members,
            repeated("{", r#""x":1,"#, MAX_MEMBERS, r#""y":1}"#),
            repeated("{", r#""x":1,"#, MAX_MEMBERS - 1, r#""y":1}"#),
        ),
        (
            TooMany::Members,
            params(MAX_MEMBERS),
            params(MAX_MEMBERS - 1),
        ),
    ];
    for (what, over, within) in table {
        assert_eq!(Node::parse(&over), Err(Unparsed::TooMany(what)), "{what:?}");
        assert!(Node::parse(&within).is_ok(), "{what:?}");
    }
    let listening = |count| {
        repeated(
            r#"{"params":{"notifications":{"resourceSubscriptions":["#,
            r#""x:1","#,
            count,
            r#""x"]}}}"#,
        )
    };
    let resources = Err(Unparsed::TooMany(TooMany::Resources));
    assert_eq!(Node::parse(&listening(MAX_ITEMS)), resources);
    assert!(Node::parse(&listening(MAX_ITEMS - 1)).is_ok());
    // The limit applies to all messages together.
    let half = listening(MAX_ITEMS / 2);
    assert_eq!(Node::parse(&format!("[{half},{half}]")), resources);
    let arguments = repeated(
        r#"{"params":{"name":"x","arguments":{"#,
        r#""x":[1],"#,
        3 * MAX_MEMBERS,
        r#""y":1}}}"#,
    );
    assert!(Node::parse(&arguments).is_ok());
}

#[test]
fn trailing_text_is_refused() {
    for bad in [
        "",
        "{",
        "{}{}",
        "{} x",
        "\u{feff}{}",
        "{\"a\":NaN}",
        "{'a':1}",
        // Out of range, whatever features of serde_json are on.
        "{\"method\":1e999}",
    ] {
        assert_eq!(Node::parse(bad), Err(Unparsed::NotJson), "{bad}");
    }
    assert_eq!(Node::parse(" \r\n\t[] ").unwrap(), Node::List(Vec::new()));
    let deep = format!("{}1{}", "[".repeat(100), "]".repeat(100));
    assert!(Node::parse(&deep).is_ok());
}

#[test]
fn a_large_body_of_lists_that_are_never_closed_is_refused() {
    const LARGE_BODY: usize = 256 * 1024;
    let lists = "[".repeat(LARGE_BODY);
    for never_closed in [
        format!("{lists}]"),
        format!(r#"{{"method":"x","params":{{"a":{lists}}}}}"#),
        format!(r#"["]]]",{lists}"\"]]]"]"#),
    ] {
        assert_eq!(Node::parse(&never_closed), Err(Unparsed::NotJson));
    }
    // Brackets in strings are no lists.
    let closed = format!(r#"{{"method":"{lists}","params":"\"{lists}"}}"#);
    assert!(Node::parse(&closed).is_ok());
    let nested = format!(r#"{{"params":{{"a":{lists}{}}}}}"#, "]".repeat(LARGE_BODY));
    assert!(Node::parse(&nested).is_ok());
}

/// Texts of strings, as they are written between quotes, and of other values.
const STRINGS: &[&str] = &[
    "",
    "method",
    "params",
    "result",
    "error",
    "name",
    "uri",
    "taskId",
    "ref",
    "notifications",
    "id",
    "resourceSubscriptions",
    "Method",
    "na\\u006de",
    "name\\u0000",
    "task_id",
    "jsonrpc",
    "arguments",
    "tools/call",
    "\\ud83d\\ude00",
    "\\ud83d",
    "\\ude00",
    "\\ud83d\\n",
    "\\ud83d\\ud83d\\ude00",
    "\\uD83Dx",
    "\\u00e9\\\"\\\\\\/\\b\\f\\r\\t",
    "é",
    "param\u{17f}",
    "\u{7f}",
    "😀",
    "a text of more than sixteen bytes, \\\"quoted\\\"",
    "\\\\\\\\\\\\\\\\\\\\",
    "a text of 15 by\\\\",
    "a text of 14 b\\u0041",
    "__proto__",
    "\\u005f_proto__",
    "__prot\\u006f__",
    "__proto__x",
    "$serde_json::private::RawValue",
    "\\u0024serde_json::private::",
    "\\\"__proto__",
    "x\\\"",
    "\\\\",
];
const SCALARS: &[&str] = &[
    "0",
    "-0",
    "1",
    "-12",
    "1.5",
    "1e5",
    "1E+5",
    "-1.25e-7",
    "1e999",
    "-1e999",
    "1e-999",
    "18446744073709551616",
    "1.7976931348623157e308",
    "1.7976931348623159e308",
    "true",
    "false",
    "null",
];
/// What makes valid JSON invalid, or another document.
const FRAGMENTS: &[&str] = &[
    "\"", "\\", "\\u", "\\u12", "\\x", "{", "}", "[", "]", ",", ":", "{}", "[]", " ", "\n", "\t",
    "\r", "\u{b}", "\u{a0}", "\0", "\u{1f}", "01", "-", "+1", "1.", ".5", "1e", "0x1", "tru",
    "nulll", "NaN", "//", "é", "\u{feff}", "/", "\\\"", "\\\n",
];

/// JSON as a client could write it.
fn json() -> impl Strategy<Value = String> {
    let string = || prop::sample::select(STRINGS).prop_map(|text| format!("\"{text}\""));
    let space = || prop::sample::select(&["", "", "", " ", "\n\t\r "][..]);
    let scalar = prop::sample::select(SCALARS).prop_map(str::to_owned);
    prop_oneof![string(), scalar].prop_recursive(5, 40, 6, move |value| {
        let value = (space(), value, space()).prop_map(|(a, value, b)| format!("{a}{value}{b}"));
        let member = (space(), string(), space(), value.clone());
        let member = member.prop_map(|(a, name, b, value)| format!("{a}{name}{b}:{value}"));
        prop_oneof![
            prop::collection::vec(value, 0..6).prop_map(|items| format!("[{}]", items.join(","))),
            prop::collection::vec(member, 0..6)
                .prop_map(|members| format!("{{{}}}", members.join(","))),
        ]
    })
}

/// Replaces up to so many characters at one place of a text.
fn changed(text: &str, place: prop::sample::Index, removed: usize, fragment: &str) -> String {
    let mut letters: Vec<char> = text.chars().collect();
    let start = place.index(letters.len() + 1);
    let end = (start + removed).min(letters.len());
    letters.splice(start..end, fragment.chars());
    letters.into_iter().collect()
}

/// Whether serde_json reads numbers as it does by default. With `arbitrary_precision`, it presents them as objects.
fn reads_plain_numbers() -> bool {
    serde_json::from_str::<serde_json::Number>("1e999").is_err()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4_000, ..ProptestConfig::default() })]

    #[test]
    fn bodies_are_read_as_with_serde_json(
        json in json(),
        changes in prop::collection::vec(
            (any::<prop::sample::Index>(), 0..3_usize, prop::sample::select(FRAGMENTS)), 0..3),
    ) {
        if !reads_plain_numbers() {
            return Ok(());
        }
        prop_assert_eq!(Node::parse(&json), reference::parse(&json));
        let mut text = json;
        for (place, removed, fragment) in changes {
            text = changed(&text, place, removed, fragment);
            prop_assert_eq!(Node::parse(&text), reference::parse(&text), "{}", text);
        }
    }

    #[test]
    fn texts_that_are_hardly_json_are_read_as_with_serde_json(
        parts in prop::collection::vec(
            prop_oneof![
                prop::sample::select(FRAGMENTS),
                prop::sample::select(STRINGS),
                prop::sample::select(SCALARS),
            ],
            0..8,
        ),
    ) {
        if !reads_plain_numbers() {
            return Ok(());
        }
        let text = parts.concat();
        for text in [format!("[{text}]"), format!("{{\"a\":{text}}}"), format!("[\"{text}\"]"), text] {
            prop_assert_eq!(Node::parse(&text), reference::parse(&text), "{}", text);
        }
    }
}
