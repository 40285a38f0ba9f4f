//! Attempts to bypass the tool guard, all of which fail.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use tower_bearer_auth::ScopeRequirement;
use tower_bearer_auth::mcp::{ScopeRules, ToolScopesLayer};

use super::{Guarded, assert_lacking, assert_refused, assert_rejected, call, stateless, tool};

const NEW: (&str, &str) = ("mcp-protocol-version", "2026-07-28");

#[tokio::test]
async fn headers_grant_no_permission() {
    let server = Guarded::start().await;
    let wrapped = |name: &str| format!("=?base64?{}?=", STANDARD.encode(name));
    let (add, secret) = (wrapped("add"), wrapped("secret"));
    // The headers agree with the body, or are absent.
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
    // The headers contradict the body, or occur twice.
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
    // A permitted body is refused as well, because a server may believe the headers.
    for headers in [("mcp-name", "secret"), ("mcp-method", "vendor/secret")] {
        let answer = server.post(tool("open"), &[headers]).await;
        assert_rejected(&answer, 400, -32020, "an allowed body");
        server.assert_untouched("an allowed body");
    }
}

#[tokio::test]
async fn a_call_is_checked_with_every_kind_of_id() {
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
async fn a_batch_needs_the_scopes_of_all_its_messages() {
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
    // Nested batches are not messages.
    assert_refused(&server, &format!("[[{secret}]]")).await;
    assert_refused(&server, &format!("[{open},1]")).await;
}

#[tokio::test]
async fn every_method_that_names_a_target_is_checked() {
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
        // The missing scope is the only reason. Some methods belong to old revisions, and some to new ones.
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
async fn a_disguised_uri_is_normalized_or_refused() {
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
        // Through a query, or through text that some parsers read as a query.
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
        // A fragment, which no pattern has.
        "file:///secret/a#x%2Ey",
        "file:///public/%2e%2e/secret/a?x=%2f",
    ] {
        let answer = server.post(read(uri), &[]).await;
        assert_rejected(&answer, 400, -32602, uri);
        server.assert_untouched(uri);
    }
}

#[tokio::test]
async fn an_encoded_delimiter_in_a_query_is_not_a_delimiter() {
    let rules = ScopeRules::builder()
        .resource("https://h.test/x?user=me&*", ScopeRequirement::token())
        .resource(
            "https://h.test/x?%74ag=a%2fb%c3%a4*",
            ScopeRequirement::token(),
        )
        .resource("https://h.test/x#me=*", ScopeRequirement::token())
        .resource("https://h.test/open?*", ScopeRequirement::token())
        .resource("https://h.test/p/x", ScopeRequirement::token())
        .resource(
            "https://h.test/open?doc=secret&*",
            ScopeRequirement::all(["files:secret"]),
        )
        .default_rule(ScopeRequirement::all(["files:secret"]))
        .build()
        .unwrap();
    let server = Guarded::with(ToolScopesLayer::new(rules)).await;
    let read = |query: &str| {
        call(
            "resources/read",
            &json!({"uri": format!("https://h.test/{query}")}),
        )
    };
    for query in [
        "x?user=me&",
        "x?user=me&a=%26",
        "x?%75ser=m%65&x",
        "x?tag=a%2Fb%C3%A4",
        "x?tag=%61%2fb\u{e4}c",
        "x#%6de=",
        "open?doc=secret%26x",
        "open?doc%3dsecret&x",
        "open?doc=secret",
    ] {
        let answer = server.post(read(query), &[]).await;
        assert_eq!(answer.status, 200, "{query}: {answer:?}");
        assert_eq!(
            server.recorder.take(),
            [format!("resource https://h.test/{query}")]
        );
    }
    for query in [
        "x?user=me%26x",
        "x?user=me%26x&",
        "x?user%3Dme&",
        "x?user%3dme&",
        "x?user=me%2526x",
        "x?user=me%2Bx",
        "x?user=me%23&",
        "x?user=me%25&",
        "x?user=me",
        "x?tag=a/b%C3%A4",
        "x?tag=a%252Fb%C3%A4",
        "open?doc=secret&",
        "open?d%6fc=s%65cret&x",
    ] {
        let answer = server.post(read(query), &[]).await;
        assert_lacking(&answer, "use files:secret", query);
        server.assert_untouched(query);
    }
    // One server decodes once, and another one twice.
    for query in [
        "x?user=m%2565&",
        "x?%2575ser=me&",
        "open?doc=%2573ecret&",
        "x?%%37%35ser=me&",
        // An encoded `?` or `#` begins no query for one server, and begins one for a server that decodes first.
        "x%3fuser=me&",
        "x%3Fuser=me&",
        "x%23me=",
        "p/x%3Fsecret",
        "p/x%23secret",
        // A fragment that no pattern has.
        "x#me%3D",
    ] {
        let answer = server.post(read(query), &[]).await;
        assert_rejected(&answer, 400, -32602, query);
        server.assert_untouched(query);
    }
}

#[tokio::test]
async fn what_only_some_servers_compare_bypasses_no_rule() {
    const PASSED: u16 = 200;
    const LACKING: u16 = 403;
    const REFUSED: u16 = 400;
    let secret = || ScopeRequirement::all(["files:secret"]);
    let rules = ScopeRules::builder()
        .resource("note://secret/*", secret())
        .resource("note://one/1", secret())
        .resource("note://one/2#a", ScopeRequirement::token())
        .resource("note://one/a%2Fb", secret())
        .resource("note://[::1]/*", secret())
        .resource("db://host:5432/*", ScopeRequirement::token())
        .resource("db://me@host/*", ScopeRequirement::token())
        .resource("db://host/*", secret())
        .resource("file:///C:/secret/*", secret())
        .resource("file://10.0.0.1/secret/*", secret())
        .resource("https://[::1]/secret", secret())
        .resource("star/a%2A", secret())
        .default_rule(ScopeRequirement::token())
        .build()
        .unwrap();
    let server = Guarded::with(ToolScopesLayer::new(rules)).await;
    for (uri, expected) in [
        // A user name or a port, which a server that looks at the host ignores.
        ("note://secret/1", LACKING),
        ("NOTE://SECRET/1", LACKING),
        ("note://x@secret/1", REFUSED),
        ("note://x:y@secret/1", REFUSED),
        ("note://@secret/1", REFUSED),
        ("note://secret:9/1", REFUSED),
        ("note://secret:/1", REFUSED),
        ("note://x%40secret/1", REFUSED),
        ("note://secret%3A9/1", REFUSED),
        ("note://secret./1", REFUSED),
        ("note://other/1", PASSED),
        ("db://host:5432/x", PASSED),
        ("DB://HOST:5432/x", PASSED),
        ("db://host:05432/x", REFUSED),
        ("db://host:/x", REFUSED),
        ("db://host:5433/x", REFUSED),
        ("db://x@host:5432/x", REFUSED),
        ("db://me@host/x", PASSED),
        ("db://you@host/x", REFUSED),
        ("db://me@host:1/x", REFUSED),
        ("db://host/x", LACKING),
        // Fragments and empty queries, which are not part of what a server retrieves.
        ("note://one/1", LACKING),
        ("note://one/1#", REFUSED),
        ("note://one/1#x", REFUSED),
        ("note://one/1?", REFUSED),
        ("note://one/1?#x", REFUSED),
        ("note://secret/1#x", REFUSED),
        ("note://one/2", PASSED),
        ("note://one/2#a", PASSED),
        ("note://one/2#b", REFUSED),
        ("note://one/a%2Fb", LACKING),
        ("note://one/a%2fb", REFUSED),
        // Addresses.
        ("note://[::1]/1", LACKING),
        ("note://[0::1]/1", REFUSED),
        ("note://[::1]:9/1", REFUSED),
        ("https://[::1]/secret", LACKING),
        ("https://[0:0::1]/secret", REFUSED),
        ("https://[::ffff:1.2.3.4]/secret", REFUSED),
        ("file://10.0.0.1/secret/a", LACKING),
        ("file://10.1/secret/a", REFUSED),
        ("file://0xa.0.0.1/secret/a", REFUSED),
        // Drives.
        ("file:///C:/secret/a", LACKING),
        ("file:///c:/secret/a", LACKING),
        ("file:///c%3A/secret/a", LACKING),
        ("file:///C|/secret/a", REFUSED),
        ("file:///c%7C/secret/a", REFUSED),
        ("file://C:/secret/a", REFUSED),
        ("file://c|/secret/a", REFUSED),
        ("file:///c:/public/a", PASSED),
        // An encoded `*` is no wildcard.
        ("star/a*", LACKING),
        ("star/a%2A", LACKING),
        ("star/a%2a", LACKING),
        ("star/ab", PASSED),
        ("star/a*b", PASSED),
    ] {
        let read = call("resources/read", &json!({"uri": uri}));
        let answer = server.post(read, &[]).await;
        match expected {
            REFUSED => assert_rejected(&answer, 400, -32602, uri),
            LACKING => assert_lacking(&answer, "use files:secret", uri),
            _ => {
                assert_eq!(answer.status, PASSED, "{uri}: {answer:?}");
                assert_eq!(server.recorder.take(), [format!("resource {uri}")]);
            }
        }
        server.assert_untouched(uri);
    }
}
