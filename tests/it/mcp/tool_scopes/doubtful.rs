//! Messages that two parsers could read differently, all of which are refused.

use super::{Guarded, assert_refused, assert_rejected};

#[tokio::test]
async fn an_ambiguous_member_name_is_refused_at_every_level() {
    let server = Guarded::start().await;
    let spellings = |name: &str| {
        let (first, rest) = name.split_at(1);
        [
            name.to_owned(),
            name.to_uppercase(),
            format!("{}{rest}", first.to_uppercase()),
            format!(r"{name}\u0000"),
            format!(r"\u0000{name}"),
            format!(r"{name}\u0000x"),
            format!(r"\u{:04x}{rest}", first.as_bytes()[0]),
            name.replace('s', "\u{17f}"),
            name.replace('s', r"\u017f"),
            name.replace('k', "\u{212a}"),
        ]
    };
    // A permitted value and, under another spelling of the same name, a forbidden one.
    for spelling in spellings("method") {
        let body = format!(
            r#"{{"jsonrpc":"2.0","id":1,"method":"ping","{spelling}":"tools/call","params":{{"name":"secret"}}}}"#
        );
        assert_refused(&server, &body).await;
    }
    for spelling in spellings("params") {
        let body = format!(
            r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"open"}},"{spelling}":{{"name":"secret"}}}}"#
        );
        assert_refused(&server, &body).await;
    }
    let table = [
        ("tools/call", "name", r#""open""#, r#""secret""#),
        ("prompts/get", "name", r#""open""#, r#""secret""#),
        (
            "resources/read",
            "uri",
            r#""x:open""#,
            r#""file:///secret/a""#,
        ),
        (
            "resources/subscribe",
            "uri",
            r#""x:open""#,
            r#""file:///secret/a""#,
        ),
        ("tasks/get", "taskId", r#""open""#, r#""secret-1""#),
        (
            "completion/complete",
            "ref",
            r#"{"name":"open"}"#,
            r#"{"name":"secret"}"#,
        ),
        (
            "subscriptions/listen",
            "notifications",
            "{}",
            r#"{"resourceSubscriptions":["file:///secret/a"]}"#,
        ),
    ];
    for (method, member, open, secret) in table {
        for spelling in spellings(member) {
            for members in [
                format!(r#""{member}":{open},"{spelling}":{secret}"#),
                format!(r#""{spelling}":{secret},"{member}":{open}"#),
            ] {
                let body = format!(
                    r#"{{"jsonrpc":"2.0","id":1,"method":"{method}","params":{{{members}}}}}"#
                );
                assert_refused(&server, &body).await;
            }
            if spelling != member {
                // Without the permitted value, one parser finds the member and another does not.
                let body = format!(
                    r#"{{"jsonrpc":"2.0","id":1,"method":"{method}","params":{{"{spelling}":{secret}}}}}"#
                );
                assert_refused(&server, &body).await;
            }
        }
    }
    for reference in [
        r#"{"type":"ref/prompt","name":"open","NAME":"secret"}"#,
        r#"{"type":"ref/prompt","name":"open","name":"secret"}"#,
        r#"{"type":"ref/resource","uri":"x:open","ur\u0069":"file:///secret/a"}"#,
    ] {
        let body = format!(
            r#"{{"jsonrpc":"2.0","id":1,"method":"completion/complete","params":{{"ref":{reference},"argument":{{"name":"a","value":""}}}}}}"#
        );
        assert_refused(&server, &body).await;
    }
    let filter = r#"{"resourceSubscriptions":[],"RESOURCESUBSCRIPTIONS":["file:///secret/a"]}"#;
    let body = format!(
        r#"{{"jsonrpc":"2.0","id":1,"method":"subscriptions/listen","params":{{"notifications":{filter}}}}}"#
    );
    assert_refused(&server, &body).await;
}

#[tokio::test]
async fn a_message_of_two_kinds_or_of_none_is_refused() {
    let server = Guarded::start().await;
    for body in [
        r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"secret"},"result":{}}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"secret"},"error":null}"#,
        r#"{"jsonrpc":"2.0","id":1,"METHOD":"tools/call","params":{"name":"secret"},"result":{}}"#,
        r#"{"jsonrpc":"2.0","id":1}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":["tools/call"],"params":{"name":"secret"}}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":null,"params":{"name":"secret"}}"#,
        r#""tools/call""#,
        "7",
        "null",
        "[]",
        "[[]]",
    ] {
        assert_refused(&server, body).await;
    }
}

#[tokio::test]
async fn members_reserved_by_a_parser_are_refused_at_every_depth() {
    let server = Guarded::start().await;
    let raw = r#"{"$serde_json::private::RawValue":"{\"name\":\"secret\"}"}"#;
    for body in [
        format!(r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{raw}}}"#),
        raw.to_owned(),
        format!(r#"[{raw}]"#),
        r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"open","arguments":{"a":[{"$serde_json::private::Number":"1"}]}}}"#.to_owned(),
        r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"open","arguments":{"\u0024serde_json::private::RawValue":"1"}}}"#.to_owned(),
    ] {
        assert_refused(&server, &body).await;
    }
}

#[tokio::test]
async fn names_with_control_characters_or_of_another_type_are_refused() {
    let server = Guarded::start().await;
    for params in [
        r#"{"name":"secret\u0000"}"#,
        r#"{"name":"open\u0000secret"}"#,
        r#"{"name":"secret\n"}"#,
        r#"{"name":["secret"]}"#,
        r#"{"name":{"name":"secret"}}"#,
        r#"{"name":null}"#,
        r#"["secret"]"#,
        r#""secret""#,
    ] {
        let body = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{params}}}"#);
        let answer = server.post(body.clone(), &[]).await;
        assert_rejected(&answer, 400, -32602, &body);
        assert_eq!(answer.json()["id"], 1, "{body}");
        server.assert_untouched(&body);
    }
}
