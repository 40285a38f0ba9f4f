//! Ways around the guard, none of which leads anywhere.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use super::{Guarded, assert_lacking, assert_rejected, call, stateless, tool};

const NEW: (&str, &str) = ("mcp-protocol-version", "2026-07-28");

#[tokio::test]
async fn headers_allow_nothing() {
    let server = Guarded::start().await;
    let wrapped = |name: &str| format!("=?base64?{}?=", STANDARD.encode(name));
    let (add, secret) = (wrapped("add"), wrapped("secret"));
    // What they say is true, or not said at all.
    let honest: [&[(&str, &str)]; 6] = [
        &[],
        &[("mcp-method", "tools/call")],
        &[("mcp-method", "tools/call"), ("mcp-name", "secret")],
        &[("mcp-name", &secret)],
        &[("mcp-protocol-version", "2025-03-26")],
        &[("x-mcp-name", "add")],
    ];
    for headers in honest {
        let answer = server.post(tool("secret"), headers).await;
        assert_lacking(&answer, "use tools:secret", &format!("{headers:?}"));
        server.assert_untouched("honest headers");
    }
    // What they say is something else, or two things.
    let dishonest: [&[(&str, &str)]; 10] = [
        &[("mcp-name", "add")],
        &[("mcp-name", &add)],
        &[("mcp-name", "")],
        &[("mcp-name", "Secret")],
        &[("mcp-method", "tools/list")],
        &[("mcp-method", "TOOLS/CALL")],
        &[("mcp-name", "secret"), ("mcp-name", "add")],
        &[("mcp-name", "add"), ("mcp-name", "secret")],
        &[("mcp-method", "tools/list"), ("mcp-method", "tools/call")],
        &[NEW, ("mcp-protocol-version", "2025-03-26")],
    ];
    for headers in dishonest {
        let answer = server.post(tool("secret"), headers).await;
        assert_rejected(&answer, 400, -32020, &format!("{headers:?}"));
        server.assert_untouched("dishonest headers");
    }
    // Nor do they get a body that is allowed to a server that believes them.
    for headers in [("mcp-name", "secret"), ("mcp-method", "vendor/secret")] {
        let answer = server.post(tool("open"), &[headers]).await;
        assert_rejected(&answer, 400, -32020, "an allowed body");
        server.assert_untouched("an allowed body");
    }
}

#[tokio::test]
async fn a_member_that_could_be_another_one_is_refused_at_every_level() {
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
    // Beside what is allowed there is, under another spelling, what is not.
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
                // Alone it is there for one reader and not for another.
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

/// That a body is refused as one that could be read in two ways, or in none.
async fn assert_refused(server: &Guarded, body: &str) {
    let answer = server.post(body.to_owned(), &[]).await;
    assert_rejected(&answer, 400, -32600, body);
    server.assert_untouched(body);
}

#[tokio::test]
async fn a_message_that_is_two_things_or_none_is_refused() {
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
async fn members_that_a_parser_keeps_for_itself_are_refused_at_every_depth() {
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
async fn a_call_is_a_call_whatever_its_id() {
    let server = Guarded::start().await;
    for id in [
        "",
        r#""id":null,"#,
        r#""id":1.5,"#,
        r#""id":{},"#,
        r#""id":1,"id":2,"#,
    ] {
        let body = format!(
            r#"{{"jsonrpc":"2.0",{id}"method":"tools/call","params":{{"name":"secret"}}}}"#
        );
        let answer = server.post(body.clone(), &[]).await;
        assert_lacking(&answer, "use tools:secret", &body);
        server.assert_untouched(&body);
    }
}

#[tokio::test]
async fn a_batch_needs_what_all_its_messages_need() {
    let server = Guarded::start().await;
    let batch = |messages: &[String]| format!("[{}]", messages.join(","));
    let (open, secret) = (tool("open"), tool("secret"));
    let prompt = call("prompts/get", &json!({"name": "secret"}));
    for (messages, scopes) in [
        (vec![open.clone(), secret.clone()], "use tools:secret"),
        (vec![secret.clone(), open.clone()], "use tools:secret"),
        (
            vec![open.clone(), prompt.clone(), secret.clone()],
            "use prompts:secret tools:secret",
        ),
        (
            vec![r#"{"id":1,"result":{}}"#.to_owned(), secret.clone()],
            "use tools:secret",
        ),
    ] {
        let body = batch(&messages);
        let answer = server.post(body.clone(), &[]).await;
        assert_lacking(&answer, scopes, &body);
        server.assert_untouched(&body);
    }
    // Nested ones are no messages.
    assert_refused(&server, &format!("[[{secret}]]")).await;
    assert_refused(&server, &format!("[{open},1]")).await;
}

#[tokio::test]
async fn every_method_that_names_something_is_seen() {
    let server = Guarded::start().await;
    let complete = |reference: &serde_json::Value| json!({"ref": reference, "argument": {"name": "a", "value": ""}});
    let prompt = json!({"type": "ref/prompt", "name": "secret"});
    let resource = json!({"type": "ref/resource", "uri": "file:///secret/{x}"});
    let disguised = json!({"type": "ref/prompt", "name": "open", "uri": "file:///secret/a"});
    let listen =
        json!({"notifications": {"resourceSubscriptions": ["x:open", "file:///secret/a"]}});
    let uri = json!({"uri": "file:///secret/a"});
    let task = json!({"taskId": "secret-1", "inputResponses": {}});
    let table = [
        ("tools/call", json!({"name": "secret"}), "tools:secret"),
        (
            "tools/call",
            json!({"name": "secret", "arguments": {"name": "open"}}),
            "tools:secret",
        ),
        ("prompts/get", json!({"name": "secret"}), "prompts:secret"),
        (
            "prompts/get",
            json!({"name": "secret_plans"}),
            "prompts:secret",
        ),
        ("resources/read", uri.clone(), "files:secret"),
        ("resources/subscribe", uri.clone(), "files:secret"),
        ("resources/unsubscribe", uri.clone(), "files:secret"),
        ("resources/directory/read", uri, "files:secret"),
        (
            "skills/get",
            json!({"uri": "file:///secret/a/SKILL.md"}),
            "files:secret",
        ),
        ("completion/complete", complete(&prompt), "prompts:secret"),
        ("completion/complete", complete(&resource), "files:secret"),
        ("completion/complete", complete(&disguised), "files:secret"),
        ("subscriptions/listen", listen, "files:secret"),
        ("tasks/get", task.clone(), "tasks:secret"),
        ("tasks/result", task.clone(), "tasks:secret"),
        ("tasks/cancel", task.clone(), "tasks:secret"),
        ("tasks/update", task, "tasks:secret"),
        ("vendor/secret", json!({}), "ops"),
    ];
    for (method, params, scope) in table {
        let old = server.post(call(method, &params), &[]).await;
        assert_lacking(&old, &format!("use {scope}"), method);
        let new = [NEW, ("mcp-method", method)];
        let new = server.post(stateless(method, &params), &new).await;
        assert_lacking(&new, &format!("use {scope}"), method);
        server.assert_untouched(method);
        // And it is only for the lack of that scope. Some are for old clients, and some for new ones.
        server.post_as("admin", call(method, &params), &[]).await;
        let name = params["name"].as_str().or(params["uri"].as_str());
        let name = name.or(params["taskId"].as_str());
        let mut headers = vec![NEW, ("mcp-method", method)];
        headers.extend(name.map(|name| ("mcp-name", name)));
        let new = stateless(method, &params);
        server.post_as("admin", new, &headers).await;
        assert!(!server.recorder.take().is_empty(), "{method}");
    }
}

#[tokio::test]
async fn names_that_end_early_or_are_no_text_are_refused() {
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

#[tokio::test]
async fn a_uri_in_disguise_is_seen_through_or_refused() {
    let server = Guarded::start().await;
    let read = |uri: &str| call("resources/read", &json!({"uri": uri}));
    for uri in [
        "file:///secret/a",
        "FILE:///secret/a",
        "file:///%73ecret/a",
        "file:///%73%65%63%72%65%74/a",
        "file:///public/secret",
        "File:///public/secret",
        "file:///public/%73ecret",
        "file:///secret/a?x=%2Fpublic%2F",
        "file:///secret/a#x%2Ey",
        "file:///%73ecret/?u=https%3A%2F%2Fa",
    ] {
        let answer = server.post(read(uri), &[]).await;
        assert_lacking(&answer, "use files:secret", uri);
        server.assert_untouched(uri);
    }
    for uri in [
        "file:///public/../secret/a",
        "file:///public/./../secret/a",
        "file:///public/..;/secret/a",
        "file:///public/%2e%2e/secret/a",
        "file:///public/%2E./secret/a",
        "file:///public%2f..%2fsecret/a",
        "file:///secret%2fa",
        "file:///public\\..\\secret\\a",
        "file:///public/%5c../secret",
        "file:///public/%252e%252e/secret/a",
        "file:///secret/%00",
        // Through a query, or what is one to some readers.
        "file:///public/a?/../../secret/a",
        "file:///public/a?/%2e%2e/%2e%2e/secret/a",
        "file:///public/a?%2f..%2f..%2fsecret/a",
        "file:///public/a?%252f%252e%252e%252fsecret/a",
        "file:///public/a?%5c..%5c..%5csecret%5ca",
        "file:///public/a?\\..\\..\\secret\\a",
        "file:///public/a#/%2e%2e/%2e%2e/secret/a",
        "file:///public/a%3f/%2e%2e/secret/a",
        "file:///public/a%3f%2f..%2fsecret/a",
        "file:///public/a%23%2fsecret",
        "file:///secret%2fa?x",
        "file:///secret%2fa#x",
        "file:///public/%2e%2e/secret/a?x=%2f",
    ] {
        let answer = server.post(read(uri), &[]).await;
        assert_rejected(&answer, 400, -32602, uri);
        server.assert_untouched(uri);
    }
}
