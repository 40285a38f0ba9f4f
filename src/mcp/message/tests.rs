use super::*;

/// The method and targets of each call, or the error.
fn targets(json: &str) -> Result<Vec<(String, Vec<String>)>, Unreadable> {
    let calls = calls(json)?;
    let parts = calls.iter().map(|call| {
        let targets = call.targets().iter();
        let targets = targets.map(|target| format!("{target:?}"));
        (call.method().to_owned(), targets.collect())
    });
    Ok(parts.collect())
}

fn call(method: &str, params: &str) -> String {
    format!(r#"{{"jsonrpc":"2.0","id":1,"method":"{method}","params":{params}}}"#)
}

#[test]
fn each_method_has_its_targets() {
    let table = [
        (
            "tools/call",
            r#"{"name":"a","arguments":{"name":"b"}}"#,
            r#"Tool("a")"#,
        ),
        ("prompts/get", r#"{"name":"a"}"#, r#"Prompt("a")"#),
        (
            "resources/read",
            r#"{"uri":"x://a"}"#,
            r#"Resource("x://a")"#,
        ),
        (
            "resources/subscribe",
            r#"{"uri":"x://a"}"#,
            r#"Resource("x://a")"#,
        ),
        (
            "resources/unsubscribe",
            r#"{"uri":"x://a"}"#,
            r#"Resource("x://a")"#,
        ),
        (
            "resources/directory/read",
            r#"{"uri":"x://a"}"#,
            r#"Resource("x://a")"#,
        ),
        ("skills/get", r#"{"uri":"x://a"}"#, r#"Resource("x://a")"#),
        ("tasks/get", r#"{"taskId":"7"}"#, r#"Task("7")"#),
        ("tasks/whatever", r#"{"taskId":"7"}"#, r#"Task("7")"#),
        (
            "completion/complete",
            r#"{"ref":{"type":"ref/prompt","name":"a"}}"#,
            r#"Prompt("a")"#,
        ),
        (
            "completion/complete",
            r#"{"ref":{"type":"ref/prompt","name":"a","uri":"x://{b}"}}"#,
            r#"Prompt("a") Resource("x://{b}")"#,
        ),
        (
            "subscriptions/listen",
            r#"{"notifications":{"resourceSubscriptions":["x://a","x://b"]}}"#,
            r#"Resource("x://a") Resource("x://b")"#,
        ),
        (
            "subscriptions/listen",
            r#"{"notifications":{"toolsListChanged":true}}"#,
            "",
        ),
        ("subscriptions/listen", "{}", ""),
        ("tools/list", r#"{"name":"a"}"#, ""),
        ("tasks/list", "null", ""),
        ("tools/call ", r#"{"name":"a"}"#, ""),
        ("vendor/do", r#"{"Name":"a","NAME":"b"}"#, ""),
        ("vendor/do", r#"["a"]"#, ""),
        ("resources/subscribe", "{}", ""),
        ("resources/subscribe", "null", ""),
        ("resources/unsubscribe", "{}", ""),
        ("resources/subscribe", r#"{"name":"a"}"#, ""),
        ("completion/complete", "{}", ""),
        (
            "completion/complete",
            r#"{"ref":{"type":"ref/prompt"}}"#,
            "",
        ),
    ];
    for (method, params, expected) in table {
        let read = targets(&call(method, params)).unwrap();
        assert_eq!(read[0].0, method);
        assert_eq!(read[0].1.join(" "), expected, "{method} {params}");
    }
}

#[test]
fn ambiguous_messages_are_refused() {
    let doubtful = [
        r#"{"method":"ping","method":"tools/call"}"#,
        r#"{"method":"ping","Method":"tools/call"}"#,
        r#"{"METHOD":"tools/call"}"#,
        r#"{"method":"ping","params":{},"Params":{"name":"a"}}"#,
        r#"{"method":"ping","param\u017f":{"name":"a"}}"#,
        r#"{"method":"tools/call","params":{"name":"a","name":"b"}}"#,
        r#"{"method":"tools/call","params":{"name":"a","Name":"b"}}"#,
        r#"{"method":"tools/call","params":{"name":"a","name\u0000":"b"}}"#,
        r#"{"method":"tools/call","params":{"n\u0061me":"a"}}"#,
        r#"{"method":"completion/complete","params":{"ref":{"name":"a","NAME":"b"}}}"#,
        r#"{"method":"completion/complete","params":{"ref":{"name":"a"},"Ref":{"name":"b"}}}"#,
        r#"{"method":"subscriptions/listen","params":{"notifications":{},"Notifications":{}}}"#,
        r#"{"method":"resources/read","params":{"uri":"a","URI":"b"}}"#,
        r#"{"method":"tasks/get","params":{"taskId":"a","taskid":"b"}}"#,
        r#"{"method":"tasks/get","params":{"task_id":"b"}}"#,
        r#"{"method":"subscriptions/listen","params":{"notifications":{"resource_subscriptions":["b"]}}}"#,
        r#"{"result":{},"Method":"tools/call"}"#,
        r#"{"method":"ping","Result":{}}"#,
    ];
    for json in doubtful {
        assert_eq!(targets(json), Err(Doubtful.into()), "{json}");
    }
    for json in [
        r#"{"method":"tools/call","result":{},"params":{"name":"a"}}"#,
        r#"{"method":"tools/call","error":null,"params":{"name":"a"}}"#,
        r#"{"id":1}"#,
        r#"{"method":1}"#,
        r#"{"method":"tools/call\u0000","params":{"name":"a"}}"#,
        r#"{"method":"tools/call","params":{"__proto__":{"name":"a"}}}"#,
        r#"{"method":null}"#,
        "[]",
        "1",
        "null",
        r#""method""#,
        r#"[[{"method":"ping"}]]"#,
        r#"[{"method":"ping"},1]"#,
        r#"{"method":"ping","params":{"x":[{"$serde_json::private::RawValue":"1"}]}}"#,
    ] {
        assert!(
            matches!(targets(json), Err(Unreadable::BadMessage(_))),
            "{json}"
        );
    }
}

#[test]
fn a_target_that_is_absent_or_not_plain_text_is_refused() {
    for (method, params) in [
        ("tools/call", r#"["a"]"#),
        ("tools/call", "{}"),
        ("tools/call", "null"),
        ("tasks/get", "{}"),
        ("resources/read", r#"{"name":"a"}"#),
        ("completion/complete", r#"[{"name":"a"}]"#),
        (
            "subscriptions/listen",
            r#"[{"resourceSubscriptions":["a"]}]"#,
        ),
        ("tools/call", r#"{"name":null}"#),
        ("tools/call", r#"{"name":["a"]}"#),
        ("tools/call", r#"{"name":"a\u0000"}"#),
        ("tools/call", r#"{"name":"a\n"}"#),
        ("completion/complete", r#"{"ref":"a"}"#),
        ("completion/complete", r#"{"ref":["ref/prompt","a"]}"#),
        (
            "subscriptions/listen",
            r#"{"notifications":[null,null,null,["x"]]}"#,
        ),
        (
            "subscriptions/listen",
            r#"{"notifications":{"resourceSubscriptions":"x"}}"#,
        ),
        (
            "subscriptions/listen",
            r#"{"notifications":{"resourceSubscriptions":[1]}}"#,
        ),
    ] {
        let read = targets(&call(method, params));
        assert!(
            matches!(read, Err(Unreadable::BadParams(_))),
            "{method} {params}"
        );
    }
}

#[test]
fn responses_have_no_targets_and_batches_those_of_all_calls() {
    assert_eq!(targets(r#"{"id":1,"result":{"name":"a"}}"#), Ok(Vec::new()));
    assert_eq!(targets(r#"{"id":1,"error":{}}"#), Ok(Vec::new()));
    let batch = format!(
        "[{},{},{}]",
        call("tools/call", r#"{"name":"a"}"#),
        r#"{"id":1,"result":{}}"#,
        r#"{"method":"tools/call","params":{"name":"b"}}"#
    );
    let read = targets(&batch).unwrap();
    let names: Vec<_> = read.iter().map(|(_, targets)| targets.join(" ")).collect();
    assert_eq!(names, [r#"Tool("a")"#, r#"Tool("b")"#]);
}

#[test]
fn a_body_that_is_not_json_has_its_own_error() {
    for body in ["", "{", "{}{}", "\u{feff}{}", "name=x"] {
        assert!(matches!(calls(body), Err(Unreadable::NotJson)), "{body:?}");
    }
}
