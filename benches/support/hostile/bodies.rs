//! Request bodies in the form that MCP clients send.

use std::fmt::Write;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderName, HeaderValue, Method};
use http_body_util::Full;
use tower_bearer_auth::mcp::{ScopeRules, ToolScopesLayer};
use tower_bearer_auth::{BearerAuthLayer, ScopeRequirement, StaticToken, StaticTokenVerifier};
use tower_layer::Layer;

use super::super::scenarios::Call;
use super::super::{Nothing, answer, authorization, request};
use super::Pair;

const BODY: usize = 64 << 10;

const fn body(name: &'static str, hostile: fn(usize) -> Call) -> Pair {
    Pair {
        name,
        base: "a body of records",
        size: BODY,
        harmless: |size| guarded(&records(size), Some(200)),
        hostile,
    }
}

pub(crate) const BODIES: &[Pair] = &[
    // Names that the guard reads.
    body("non-ASCII names before the call", |size| {
        guarded(&message(size, "", |n| format!(r#""é{n}":1,"#)), None)
    }),
    body("1 000 long non-ASCII names", |size| {
        let name = "ſ".repeat(size / 2_000);
        guarded(&long_names(size, &name), None)
    }),
    body("1 000 names that fold to a known one", |size| {
        guarded(
            &long_names(size, "\u{17f}re\u{17f}ourceSub\u{17f}cription\u{17f}"),
            None,
        )
    }),
    body("1 000 near misses", |size| {
        guarded(&long_names(size, "resourceSubscriptionſx"), None)
    }),
    body("1 000 names of joints", |size| {
        let name = "_-".repeat(size / 2_000);
        guarded(&long_names(size, &name), None)
    }),
    body("1 000 names with NULs", |size| {
        let name = "\\u0000".repeat(size / 6_000);
        guarded(&long_names(size, &name), None)
    }),
    body("one long name of a NUL each", |size| {
        let name = "\\u0000".repeat(size / 6);
        guarded(&message(size, "", |_| format!(r#""{name}":1,"#)), None)
    }),
    body("many members before the call", |size| {
        guarded(&message(size, "", |n| format!(r#""{n}":1,"#)), None)
    }),
    body("the same member again and again", |size| {
        guarded(&message(size, "", |_| r#""params":1,"#.into()), None)
    }),
    body("many members of the parameters", |size| {
        guarded(&params(size, |n| format!(r#""x{n}":1,"#)), None)
    }),
    // Names that the guard skips.
    body("non-ASCII names of arguments", |size| {
        guarded(&arguments(size, |n| format!(r#""é{n}":1,"#)), Some(200))
    }),
    body("escaped names of arguments", |size| {
        guarded(&arguments(size, |_| r#""\u0061":1,"#.into()), Some(200))
    }),
    body("names of arguments that are nearly private", |size| {
        guarded(
            &arguments(size, |_| r#""\u005f_proto_x":1,"#.into()),
            Some(200),
        )
    }),
    body(
        "names of arguments that are nearly private and escaped",
        |size| {
            let name = "\\u005f\\u005f\\u0070\\u0072\\u006f\\u0074\\u006f\\u005f";
            guarded(&arguments(size, |_| format!(r#""{name}":1,"#)), Some(200))
        },
    ),
    body("texts like a private name", |size| {
        guarded(
            &arguments(size, |_| r#""a":"__proto__","#.into()),
            Some(200),
        )
    }),
    body("escapes", |size| {
        let text = "\\u0061".repeat(size / 6);
        guarded(&arguments(size, |_| format!(r#""a":"{text}","#)), Some(200))
    }),
    body("backslashes", |size| {
        let text = "\\\\".repeat(size / 2);
        guarded(
            &arguments(size, |_| format!(r#""\u0061":"{text}","#)),
            Some(200),
        )
    }),
    body("empty texts", |size| {
        let list = r#""","#.repeat(size / 3);
        guarded(
            &arguments(size, |_| format!(r#""\u0061":[{list}0],"#)),
            Some(200),
        )
    }),
    // JSON structure.
    body("arrays in arrays", |size| {
        let depth = size / 2;
        let value = format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        guarded(&arguments(size, |_| format!(r#""a":{value},"#)), Some(200))
    }),
    body("objects in objects", |size| {
        let depth = size / 6;
        let value = format!("{}1{}", r#"{"a":"#.repeat(depth), "}".repeat(depth));
        guarded(&arguments(size, |_| format!(r#""a":{value},"#)), Some(200))
    }),
    body("arrays that do not end", |size| {
        guarded(&"[".repeat(size), Some(400))
    }),
    body("arrays in a batch that do not end", |size| {
        guarded(&format!("{}]", "[".repeat(size)), Some(400))
    }),
    body("arrays in an argument that do not end", |size| {
        let arrays = "[".repeat(size);
        guarded(&arguments(size, |_| format!(r#""a":{arrays}"#)), Some(400))
    }),
    body("a batch of empty lists", |size| {
        guarded(&format!("[{}0]", "[],".repeat(size / 3)), Some(400))
    }),
    body("lists of lists where messages could be", |size| {
        let list = format!("[{}0],", "[],".repeat(300));
        guarded(&format!("[{}0]", list.repeat(size / list.len())), Some(400))
    }),
    body("a batch of responses", |size| {
        let response = r#"{"result":1},"#;
        let count = (size / response.len()).min(999);
        guarded(
            &format!("[{}{{\"result\":1}}]", response.repeat(count)),
            Some(200),
        )
    }),
    // A body has at most a thousand calls, so these are compared with other calls and not with records.
    Pair {
        name: "a batch of calls",
        base: "a batch of calls to one tool",
        size: BODY,
        harmless: |size| guarded(&calls(size, "add_note_of_someone_else"), None),
        hostile: |size| guarded(&calls(size, "note_aaaaaaaaaaaaaaaaaab"), None),
    },
    body("a broken end", |size| {
        let mut body = records(size);
        body.pop();
        guarded(&body, Some(400))
    }),
    body("a long method", |size| {
        let method = "é".repeat(size / 2);
        guarded(&format!(r#"{{"id":1,"method":"{method}"}}"#), None)
    }),
    body("a long ID of a refused call", |size| {
        let id = "a\\\"".repeat(size / 3);
        guarded(
            &format!(r#"{{"id":"{id}","method":"tools/call"}}"#),
            Some(400),
        )
    }),
    // URIs.
    body("many resources", |size| {
        guarded(&listen(size, |n| format!("note://a/{n}")), None)
    }),
    body("many short resources", |size| {
        guarded(&listen(size, |_| "n".into()), None)
    }),
    body("the same message of many resources again", |size| {
        let mut message = listen(300, |_| "n".into());
        message.push(',');
        let count = (size / message.len()).min(999);
        guarded(
            &format!(
                "[{}{}]",
                message.repeat(count),
                message.trim_end_matches(',')
            ),
            None,
        )
    }),
    body("percent-encoded URIs", |size| {
        let uri = format!("note://a/{}", "%C3%A4".repeat(600));
        guarded(&listen(size, |_| uri.clone()), None)
    }),
    body("URIs encoded four times", |size| {
        let uri = format!("note://a/{}", "%2525252561".repeat(360));
        guarded(&listen(size, |_| uri.clone()), None)
    }),
    body("URIs encoded without end", |size| {
        let uri = format!("note://a/%{}", "25".repeat(1_800));
        guarded(&listen(size, |_| uri.clone()), None)
    }),
    body("URIs of slashes", |size| {
        let uri = format!("note://a{}", "/".repeat(3_900));
        guarded(&listen(size, |_| uri.clone()), None)
    }),
    body("URIs with a long query", |size| {
        let uri = format!("note://a/?{}", "%2f&?#".repeat(600));
        guarded(&listen(size, |_| uri.clone()), None)
    }),
];

/// A call whose arguments are what an ordinary client sends: a list of small records.
pub(super) fn records(size: usize) -> String {
    let mut items = String::new();
    let mut number = 0;
    while items.len() + 200 < size {
        write!(
            items,
            r#"{{"id":{number},"title":"Milk","text":"Ten litres, and \"fresh\" this time.","done":false}},"#
        )
        .unwrap();
        number += 1;
    }
    items.pop();
    format!(
        r#"{{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{{"name":"note_add","arguments":{{"items":[{items}]}}}}}}"#
    )
}

/// A list with as many of these items as fit into the size.
fn repeated(size: usize, mut part: impl FnMut(usize) -> String) -> String {
    let mut text = String::new();
    for number in 0.. {
        let next = part(number);
        if text.len() + next.len() + 150 > size && number > 0 {
            break;
        }
        text.push_str(&next);
    }
    text
}

/// A call that follows other members of the message.
fn message(size: usize, params: &str, member: impl Fn(usize) -> String) -> String {
    let members = repeated(size, member);
    format!(
        r#"{{{members}"jsonrpc":"2.0","id":7,"method":"tools/call","params":{{"name":"note_add"{params}}}}}"#
    )
}

/// The maximum number of members. Their names have this prefix and share the size.
fn long_names(size: usize, name: &str) -> String {
    let pad = (size / 990).saturating_sub(name.len() + 12);
    let members = repeated(size, |n| match n < 990 {
        true => format!(r#""{name}{}{n}":1,"#, "x".repeat(pad)),
        false => " ".into(),
    });
    format!(
        r#"{{{members}"jsonrpc":"2.0","id":7,"method":"tools/call","params":{{"name":"note_add"}}}}"#
    )
}

fn params(size: usize, member: impl Fn(usize) -> String) -> String {
    let members = repeated(size, member);
    format!(
        r#"{{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{{{members}"name":"note_add"}}}}"#
    )
}

fn arguments(size: usize, member: impl Fn(usize) -> String) -> String {
    let members = repeated(size, member);
    format!(
        r#"{{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{{"name":"note_add","arguments":{{{members}"z":1}}}}}}"#
    )
}

/// A batch of calls to this tool: as many as fit, up to the limit.
fn calls(size: usize, name: &str) -> String {
    let call = format!(r#"{{"method":"tools/call","params":{{"name":"{name}"}}}},"#);
    let count = (size / call.len()).min(999);
    format!("[{}{}]", call.repeat(count), call.trim_end_matches(','))
}

/// Subscribes to resources: as many as fit, up to the limit.
fn listen(size: usize, uri: impl Fn(usize) -> String) -> String {
    let mut uris = repeated(size, |n| match n < 999 {
        true => format!("\"{}\",", uri(n)),
        false => " ".into(),
    });
    uris = uris.trim_end().trim_end_matches(',').to_owned();
    format!(
        r#"{{"jsonrpc":"2.0","id":7,"method":"subscriptions/listen","params":{{"notifications":{{"resourceSubscriptions":[{uris}]}}}}}}"#
    )
}

/// Posts this body, and asserts the status if one is given.
fn guarded(body: &str, status: Option<u16>) -> Call {
    post(Bytes::from(body.to_owned()), None, status)
}

pub(super) fn post(
    body: Bytes,
    header: Option<(HeaderName, HeaderValue)>,
    status: Option<u16>,
) -> Call {
    let mut rules = ScopeRules::builder()
        .tool("add_note", ScopeRequirement::all(["write"]))
        .resource("note://b/*", ScopeRequirement::all(["write"]))
        .default_rule(ScopeRequirement::token());
    // A tool for each of many letters, so that names share a prefix with many rules.
    for length in 1..64 {
        rules = rules.tool(
            format!("note_{}*", "a".repeat(length)),
            ScopeRequirement::all(["read"]),
        );
    }
    let token = StaticToken::new("bench").scopes(["write", "read"]);
    let verifier = StaticTokenVerifier::new([("t", token)]);
    let guard = ToolScopesLayer::new(rules.build().unwrap());
    let mut service = BearerAuthLayer::new(verifier).layer(guard.layer(Nothing));
    let bearer = authorization("t");
    Box::new(move || {
        let mut request = request(&bearer, Full::new(body.clone()));
        *request.method_mut() = Method::POST;
        let json = HeaderValue::from_static("application/json");
        request.headers_mut().insert(CONTENT_TYPE, json);
        if let Some((name, value)) = &header {
            request.headers_mut().insert(name.clone(), value.clone());
        }
        let answered = answer(&mut service, request).status().as_u16();
        assert!(status.is_none_or(|status| status == answered), "{answered}");
    })
}
