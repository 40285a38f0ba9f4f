//! Inputs that were made to be expensive, each beside a harmless one of the same size: counted by `counts.rs`, timed
//! by `layer.rs`.

use std::fmt::Write;

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderName, HeaderValue, Method};
use http_body_util::{Empty, Full};
use serde_json::json;
use tower_bearer_auth::mcp::{ScopeRules, SessionBindingLayer, ToolScopesLayer};
use tower_bearer_auth::{
    BearerAuthLayer, ByIssuer, JwtVerifier, ScopeHierarchy, ScopeRequirement, StaticToken,
    StaticTokenVerifier, Verifier,
};
use tower_layer::Layer;

use super::scenarios::Call;
use super::{AUDIENCE, ISSUER, Nothing, answer, authorization, request};

/// An expensive input of some size, and a harmless one that it is compared with.
pub(crate) struct Pair {
    pub(crate) name: &'static str,
    /// What the harmless input is called: pairs that share it have one name for it.
    pub(crate) base: &'static str,
    /// In bytes, where instructions are counted.
    pub(crate) size: usize,
    pub(crate) harmless: fn(usize) -> Call,
    pub(crate) hostile: fn(usize) -> Call,
}

/// How many times as much as the harmless input a hostile one may cost.
pub(crate) const LIMIT: f64 = 3.0;

const BODY: usize = 64 << 10;
const TOKEN: usize = 16 << 10;

const fn body(name: &'static str, hostile: fn(usize) -> Call) -> Pair {
    Pair {
        name,
        base: "a body of records",
        size: BODY,
        harmless: |size| guarded(&records(size), Some(200)),
        hostile,
    }
}

const fn token(name: &'static str, hostile: fn(usize) -> Call) -> Pair {
    Pair {
        name,
        base: "a token of groups",
        size: TOKEN,
        harmless: |size| signed(r#"{"alg":"HS256"}"#, &claims(&ordinary_claims(size)), 200),
        hostile,
    }
}

pub(crate) const BODIES: &[Pair] = &[
    // Names that are looked at.
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
    // Names that are not.
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
    // Structure.
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
    body("a batch of calls", |size| {
        let call = r#"{"method":"tools/call","params":{"name":"note_aaaaaaaaaaaaaaaaab"}},"#;
        let count = (size / call.len()).min(999);
        guarded(
            &format!("[{}{}]", call.repeat(count), call.trim_end_matches(',')),
            None,
        )
    }),
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

pub(crate) const TOKENS: &[Pair] = &[
    token("a header of many members", |size| {
        let members: String = (0..256).map(|n| format!(r#","name-{n:030}":1"#)).collect();
        let header = padded(r#"{"alg":"HS256""#, &members, "}", size * 3 / 4 - 100);
        signed(&header, "{}", 401)
    }),
    token("a header of short names", |size| {
        let members: String = (0..256).map(|n| format!(r#","{n}":1"#)).collect();
        let header = padded(r#"{"alg":"HS256""#, &members, "}", size * 3 / 4 - 100);
        signed(&header, "{}", 401)
    }),
    token("a header of escapes", |size| {
        let member = r#""\u0061":1,"#;
        let members = member.repeat(size * 3 / 4 / member.len() - 20);
        signed(
            &format!(r#"{{"alg":"HS256","x":{{{members}"a":1}}}}"#),
            "{}",
            401,
        )
    }),
    token("a long kid", |size| {
        let header = format!(r#"{{"alg":"HS256","kid":"{}"}}"#, "k".repeat(size / 2));
        signed(&header, &claims(""), 401)
    }),
    token("many claims", |size| {
        let members: String = (0..230).map(|n| format!(r#","name-{n:030}":1"#)).collect();
        let members = padded("", &members, "", size * 3 / 4 - 600);
        signed(r#"{"alg":"HS256"}"#, &claims(&members), 200)
    }),
    token("claims nested deeply", |size| {
        let value = format!("{}{}", "[".repeat(30), "]".repeat(30));
        let values = vec![value; size * 3 / 4 / 61 - 20].join(",");
        signed(
            r#"{"alg":"HS256"}"#,
            &claims(&format!(r#","x":[{values}]"#)),
            200,
        )
    }),
    token("claims of escaped names", |size| {
        let member = r#""\u0061":1,"#;
        let members = member.repeat(size * 3 / 4 / member.len() - 80);
        signed(
            r#"{"alg":"HS256"}"#,
            &claims(&format!(r#","x":{{{members}"a":1}}"#)),
            200,
        )
    }),
    token("a payload that is no JSON", |size| {
        signed(r#"{"alg":"HS256"}"#, &"{".repeat(size * 3 / 4 - 60), 401)
    }),
    token("a huge aud", |size| {
        let list = r#""","#.repeat(size / 4 - 300);
        let aud = format!(r#"{{"iss":"{ISSUER}","exp":9999999999,"aud":[{list}"{AUDIENCE}"]}}"#);
        signed(r#"{"alg":"HS256"}"#, &aud, 200)
    }),
    token("a huge aud that does not fit", |size| {
        let list = r#""","#.repeat(size / 4 - 300);
        let aud = format!(r#"{{"iss":"{ISSUER}","exp":9999999999,"aud":[{list}"x"]}}"#);
        signed(r#"{"alg":"HS256"}"#, &aud, 401)
    }),
    token("a huge aud of escapes", |size| {
        let list = r#""\u0061","#.repeat(size / 12 - 100);
        let aud = format!(r#"{{"iss":"{ISSUER}","exp":9999999999,"aud":[{list}"{AUDIENCE}"]}}"#);
        signed(r#"{"alg":"HS256"}"#, &aud, 200)
    }),
    token("many scopes", |size| {
        let count = size * 3 / 4 / 4 - 150;
        let scopes: Vec<String> = (0..count).map(|n| format!("{n:x}")).collect();
        let claim = format!(r#","scope":"{}""#, scopes.join(" "));
        signed(r#"{"alg":"HS256"}"#, &claims(&claim), 200)
    }),
    token("many scopes in a list", |size| {
        let count = size * 3 / 4 / 6 - 150;
        let scopes: Vec<String> = (0..count).map(|n| format!("\"{n:x}\"")).collect();
        let claim = format!(r#","scp":[{}]"#, scopes.join(","));
        signed(r#"{"alg":"HS256"}"#, &claims(&claim), 200)
    }),
    token("a scope list of spaces", |size| {
        let claim = format!(r#","scope":"{}x""#, " ".repeat(size * 3 / 4 - 500));
        signed(r#"{"alg":"HS256"}"#, &claims(&claim), 200)
    }),
    Pair {
        name: "an origin of many members",
        base: "an origin of many members",
        size: TOKEN,
        harmless: |size| unsigned(&claims(&ordinary_claims(size))),
        hostile: |size| {
            let members: String = (0..230).map(|n| format!(r#","name-{n:030}":1"#)).collect();
            unsigned(&claims(&padded("", &members, "", size * 3 / 4 - 600)))
        },
    },
    Pair {
        name: "a long text with a token's dots",
        base: "a long text with a token's dots",
        size: TOKEN,
        harmless: |size| bearer(&"a".repeat(size)),
        hostile: |size| bearer(&".".repeat(size)),
    },
    Pair {
        name: "a header field of equals signs",
        base: "a header field of equals signs",
        size: TOKEN,
        harmless: |size| bearer(&"a".repeat(size)),
        hostile: |size| bearer(&"=".repeat(size)),
    },
    Pair {
        name: "parameters of a content type",
        base: "parameters of a content type",
        size: TOKEN,
        harmless: |size| {
            with_header(
                CONTENT_TYPE,
                &format!("application/json;x={}", "a".repeat(size)),
            )
        },
        hostile: |size| {
            with_header(
                CONTENT_TYPE,
                &format!("application/json{}", ";x=y".repeat(size / 4)),
            )
        },
    },
    Pair {
        name: "a wrapped name",
        base: "a wrapped name",
        size: TOKEN,
        harmless: |size| with_header(HeaderName::from_static("mcp-name"), &"a".repeat(size)),
        hostile: |size| {
            let name = format!("=?base64?{}?=", "YWFh".repeat(size / 4));
            with_header(HeaderName::from_static("mcp-name"), &name)
        },
    },
    Pair {
        name: "a long session ID",
        base: "a long session ID",
        size: TOKEN,
        harmless: |size| in_session(&"a".repeat(size)),
        hostile: |size| in_session(&format!("{}.{}", "a".repeat(size), "A".repeat(43))),
    },
];

/// A call whose arguments are what an ordinary client sends: a list of small records.
fn records(size: usize) -> String {
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

/// As many of these as fit.
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

/// A call behind members of the message.
fn message(size: usize, params: &str, member: impl Fn(usize) -> String) -> String {
    let members = repeated(size, member);
    format!(
        r#"{{{members}"jsonrpc":"2.0","id":7,"method":"tools/call","params":{{"name":"note_add"{params}}}}}"#
    )
}

/// As many members as may be, with names that begin with this and share the size.
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

/// Listens to resources: as many as fit, and may be.
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

/// Posts this body; with no status, whatever comes of it.
fn guarded(body: &str, status: Option<u16>) -> Call {
    post(Bytes::from(body.to_owned()), None, status)
}

fn with_header(name: HeaderName, value: &str) -> Call {
    post(
        records(1_000).into(),
        Some((name, value.parse().unwrap())),
        None,
    )
}

fn post(body: Bytes, header: Option<(HeaderName, HeaderValue)>, status: Option<u16>) -> Call {
    let mut rules = ScopeRules::builder()
        .tool("add_note", ScopeRequirement::all(["write"]))
        .resource("note://b/*", ScopeRequirement::all(["write"]))
        .default_rule(ScopeRequirement::token());
    // A tool for each of many letters, so that names have something in common with many rules.
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

const SECRET: &[u8] = b"a secret of thirty-two bytes: 01";

fn ours() -> JwtVerifier {
    let jwk =
        json!({ "kty": "oct", "alg": "HS256", "kid": "a", "k": URL_SAFE_NO_PAD.encode(SECRET) });
    JwtVerifier::builder()
        .jwks_json(json!({ "keys": [jwk] }).to_string())
        .issuer(ISSUER)
        .audience(AUDIENCE)
        .build()
        .unwrap()
}

/// Claims that pass, and these members.
fn claims(more: &str) -> String {
    format!(r#"{{"iss":"{ISSUER}","aud":"{AUDIENCE}","exp":9999999999,"sub":"alice"{more}}}"#)
}

/// A list of groups, as an issuer writes it.
fn ordinary_claims(size: usize) -> String {
    let group = r#""8b1a9953-c461-4d1b-b0e5-1e4bb52d1f33","#;
    let groups = group.repeat((size * 3 / 4 - 400) / group.len());
    format!(r#","groups":[{}]"#, groups.trim_end_matches(','))
}

fn padded(start: &str, members: &str, end: &str, size: usize) -> String {
    let room = size.saturating_sub(start.len() + members.len() + end.len() + 20);
    format!(r#"{start}{members},"pad":"{}"{end}"#, "p".repeat(room))
}

fn jws(header: &str, payload: &str) -> String {
    let input = [header, payload]
        .map(|part| URL_SAFE_NO_PAD.encode(part))
        .join(".");
    let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET);
    let code = URL_SAFE_NO_PAD.encode(hmac::sign(&key, input.as_bytes()));
    format!("{input}.{code}")
}

fn through(verifier: impl Verifier, token: &str, status: Option<u16>) -> Call {
    let header = HeaderValue::from_maybe_shared(Bytes::from_owner(format!("Bearer {token}")));
    let header = header.unwrap();
    let hierarchy = ScopeHierarchy::new().implies("admin", ["read", "write"]);
    let layer = BearerAuthLayer::new(verifier).scope_hierarchy(hierarchy);
    let mut service = layer.layer(Nothing);
    Box::new(move || {
        let answered = answer(&mut service, request(&header, Empty::<Bytes>::new()))
            .status()
            .as_u16();
        assert!(status.is_none_or(|status| status == answered), "{answered}");
    })
}

/// A signed token to our verifier.
fn signed(header: &str, payload: &str, status: u16) -> Call {
    let token = jws(header, payload);
    assert!(token.len() <= TOKEN, "{}", token.len());
    through(ours(), &token, Some(status))
}

/// A token of another key to a verifier that looks at its issuer first.
fn unsigned(payload: &str) -> Call {
    let mut token = jws(r#"{"alg":"HS256"}"#, payload);
    token.truncate(token.len() - 43);
    token.push_str(&"A".repeat(43));
    through(ByIssuer::new().issuer(ISSUER, ours()), &token, Some(401))
}

fn bearer(token: &str) -> Call {
    through(ours(), token, Some(401))
}

fn in_session(id: &str) -> Call {
    let verifier = StaticTokenVerifier::new([("t", StaticToken::new("bench"))]);
    let mut service =
        BearerAuthLayer::new(verifier).layer(SessionBindingLayer::new().layer(Nothing));
    let (bearer, id) = (authorization("t"), HeaderValue::from_str(id).unwrap());
    Box::new(move || {
        let mut request = request(&bearer, Full::<Bytes>::default());
        request.headers_mut().insert("mcp-session-id", id.clone());
        assert_eq!(answer(&mut service, request).status(), 404);
    })
}
