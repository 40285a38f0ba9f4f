use super::*;

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
    ] {
        assert_eq!(Node::parse(bad), Err(Unparsed::NotJson), "{bad}");
    }
    assert_eq!(Node::parse(" \r\n\t[] ").unwrap(), Node::List(Vec::new()));
    let deep = format!("{}1{}", "[".repeat(100), "]".repeat(100));
    assert!(Node::parse(&deep).is_ok());
}

#[test]
fn a_large_body_of_lists_that_are_never_closed_is_refused() {
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
