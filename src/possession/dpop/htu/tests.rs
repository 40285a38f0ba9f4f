use std::borrow::Cow;

use super::*;

fn origin(text: &str) -> Origin {
    Origin::of_origin(text).unwrap_or_else(|problem| panic!("{text:?} {problem}"))
}

fn is(origin_text: &str, prefix: &str, path: &str, htu: &str) -> bool {
    let target = Target {
        origin: &origin(origin_text),
        path_prefix: prefix,
        path,
    };
    target.normalized(htu).is_some()
}

#[test]
fn equal_spellings_are_one_url() {
    for (origin, path, htus) in [
        (
            "https://api.example.com",
            "/mcp",
            &[
                "https://api.example.com/mcp",
                "HTTPS://api.example.com/mcp",
                "https://API.Example.COM/mcp",
                "https://%61pi.example.com/mcp",
                "https://%41pi%2Eexample.com/mcp",
                "https://api.example.com:443/mcp",
                "https://api.example.com:/mcp",
                "https://api.example.com/mcp?",
                "https://api.example.com/mcp?a=b&c=/../d",
                "https://api.example.com/mcp#x",
                "https://api.example.com/mcp?a#b?c",
                "https://api.example.com/%6dcp",
                "https://api.example.com/%6D%63%70",
                "https://api.example.com/./mcp",
                "https://api.example.com/a/../mcp",
                "https://api.example.com/a/%2e%2E/mcp",
                "https://api.example.com/../../mcp",
                "https://api.example.com/a/b/.././../mcp",
            ][..],
        ),
        (
            "http://h:8080/",
            "/",
            &[
                "http://h:8080",
                "http://h:8080/",
                "http://h:8080?a",
                "http://h:8080#",
                "http://H:8080/a/..",
                "http://h:8080/.",
            ],
        ),
        ("http://h:80", "", &["http://h", "http://h:80/"]),
        (
            "https://h",
            "/a%2fb/%c3%a9",
            &["https://h/a%2Fb/%C3%a9", "https://h/a%2fb/%c3%a9#"],
        ),
        (
            "https://h",
            "/a//b/",
            &["https://h/a//b/", "https://h/a//b/c/.."],
        ),
        ("https://h", "/a|b", &["https://h/a|b"]),
        (
            "https://[2001:DB8::1]:8443",
            "/",
            &[
                "https://[2001:db8:0:0:0:0:0:1]:8443/",
                "https://[2001:db8::1]:8443",
            ],
        ),
        (
            "https://[::1]:443",
            "/x",
            &["https://[::1]/x", "https://[0::1]:/x"],
        ),
    ] {
        for htu in htus {
            assert!(is(origin, "", path, htu), "{origin} {path} {htu}");
        }
    }
}

#[test]
fn other_urls_are_different() {
    let all = [
        "https://h/mcp",
        "http://h/mcp",
        "https://h/",
        "https://h/mcp/",
        "https://h//mcp",
        "https://h/MCP",
        "https://h:80/mcp",
        "https://h:8443/mcp",
        "https://h:0443/mcp",
        "https://h./mcp",
        "https://h.example/mcp",
        "https://i/mcp",
        "https://h/mcp%2F",
        "https://h/mcp%5C",
        "https://h/mcp%00",
        "https://h/mcp%20",
        "https://h/mcp%3F",
        "https://h/mcp%2523",
        "https://h/mcp%23",
        "https://h/..%2Fmcp",
        "https://h/.../mcp",
        "https://h/.mcp",
        "https://h/mcp;a",
        "https://[::1]/mcp",
        "https://[::2]/mcp",
    ];
    for one in all {
        let (origin_text, path) = one.split_at(8 + one[8..].find('/').unwrap());
        for other in all {
            assert_eq!(
                is(origin_text, "", path, other),
                one == other,
                "{one} {other}"
            );
        }
    }
}

#[test]
fn what_is_no_http_url_matches_nothing() {
    for htu in [
        "",
        "/mcp",
        "h/mcp",
        "//h/mcp",
        "https:/h/mcp",
        "https:h/mcp",
        "https//h/mcp",
        "https:///mcp",
        "https://",
        "https://:443/mcp",
        "ws://h/mcp",
        "ftp://h/mcp",
        "xhttps://h/mcp",
        " https://h/mcp",
        "https://h/mcp ",
        "https://h /mcp",
        "https://h/m\tcp",
        "https://h/mcp\n",
        "https://user@h/mcp",
        "https://user:secret@h/mcp",
        "https://@h/mcp",
        "https://h@evil.example/mcp",
        "https://h\\mcp",
        "https://h/\\mcp",
        "https:\\\\h\\mcp",
        "https://h:a/mcp",
        "https://h:-1/mcp",
        "https://h:443:443/mcp",
        "https://h/%",
        "https://h/%4",
        "https://h/%zz",
        "https://h/mcp%",
        "https://h%/mcp",
        "https://h%4/mcp",
        "https://[h]/mcp",
        "https://[::1/mcp",
        "https://::1]/mcp",
        "https://a[::1]/mcp",
        "https://[::1]a/mcp",
        "https://[v1.x]/mcp",
        "https://h/é",
        "https://é/mcp",
        "https://h/\u{0}",
        "https://h|i/mcp",
    ] {
        assert!(normalized(htu).is_none(), "{htu:?}");
    }
    // Neither as a request.
    for path in [
        "*", "mcp", "/%", "/%4", "/%zz", "/a\\b", "/é", "/a b", "/a?b", "/a#b",
    ] {
        assert!(
            !is("https://h", "", path, &format!("https://h{path}")),
            "{path}"
        );
        assert!(
            !is("https://h", "/x", path, &format!("https://h/x{path}")),
            "{path}"
        );
    }
}

#[test]
fn the_path_that_a_proxy_removes_is_a_part_of_the_url() {
    for (prefix, path, htu) in [
        ("/tools", "/mcp", "https://h/tools/mcp"),
        ("/tools", "/", "https://h/tools/"),
        ("/tools", "", "https://h/tools"),
        ("/t%6fols", "/mcp", "https://h/tools/mcp"),
        ("/tools", "/%6dcp", "https://h/tools/mcp"),
        ("/a/../tools", "/mcp", "https://h/tools/mcp"),
    ] {
        assert!(is("https://h", prefix, path, htu), "{prefix} {path} {htu}");
        assert!(!is("https://h", "", path, htu), "{prefix} {path} {htu}");
        assert!(
            !is("https://h", "/other", path, htu),
            "{prefix} {path} {htu}"
        );
    }
    // No proof matches a path that servers interpret in two ways.
    for path in [
        "/../mcp",
        "/a/../mcp",
        "/./mcp",
        "/%2e./mcp",
        "/%2E%2e/mcp",
        "/.%2E",
        "/mcp/..",
        "/mcp/.",
    ] {
        for htu in [
            "https://h/mcp",
            "https://h/tools/mcp",
            "https://h/",
            &format!("https://h{path}"),
        ] {
            assert!(!is("https://h", "", path, htu), "{path} {htu}");
            assert!(!is("https://h", "/tools", path, htu), "{path} {htu}");
        }
    }
    for path in ["/...", "/.a", "/a..", "/..a", "/%2ea", "/a.b/c"] {
        assert!(
            is("https://h", "", path, &format!("https://h{path}")),
            "{path}"
        );
    }
    assert!(!is("https://h", "/tools", "/mcp", "https://h/mcp"));
    assert!(!is(
        "https://h",
        "/tools",
        "/mcp",
        "https://h/tools/tools/mcp"
    ));
    assert!(!is("https://h", "/tools", "/%zz", "https://h/tools/%zz"));
}

#[test]
fn an_origin_has_nothing_but_scheme_host_and_port() {
    for (text, normal) in [
        ("https://api.example.com", "https://api.example.com"),
        ("HTTPS://API.example.com:443/", "https://api.example.com"),
        ("http://localhost:3000", "http://localhost:3000"),
        ("http://[0:0::1]:80", "http://[::1]"),
    ] {
        assert_eq!(origin(text).as_str(), normal);
        assert_eq!(
            Origin::of_url(&format!("{}/mcp/a?b", text.trim_end_matches('/'))),
            Ok(origin(text))
        );
    }
    for (text, problem) in [
        ("", "is not a URL"),
        ("api.example.com", "is not a URL"),
        ("ftp://h", "is neither https nor http"),
        ("https://", "has no host"),
        ("https://:443", "has no host"),
        ("https://a@h", "has credentials in it"),
        ("https://h/mcp", "has a path"),
        ("https://h//", "has a path"),
        ("https://h?", "has a query or a fragment"),
        ("https://h/#a", "has a query or a fragment"),
        ("https://h:x", "has a port that is not a number"),
        ("https://a b", "has a host that no URL may have"),
        ("https://[::x]", "has a host that no URL may have"),
        ("https://ä", "has a host that no URL may have"),
    ] {
        assert_eq!(Origin::of_origin(text), Err(problem), "{text}");
    }
}

#[test]
fn a_normalized_url_is_not_copied() {
    for url in [
        "https://h/",
        "http://h:8080/a%2Fb/c",
        "https://h/a..b/.c/...?query",
    ] {
        assert!(matches!(normalized(url), Some(Cow::Borrowed(_))), "{url}");
    }
    assert_eq!(normalized("https://h/a?b").as_deref(), Some("https://h/a"));
}

#[test]
fn a_long_url_takes_linear_time() {
    // Quadratic work on these would take a minute.
    const LENGTH: usize = 300_000;
    for part in [
        "a", "/", "/.", "/..", "/a/..", "%41", "%2e", "%2F", "/%2e%2e", "/a", ":", ".",
    ] {
        let path = part.repeat(LENGTH / part.len());
        let _ = normalized(&format!("https://h/{path}"));
        let _ = normalized(&format!("https://h/{path}/.."));
        let _ = normalized(&format!("https://{path}"));
        let _ = normalized(&format!("https://[{path}]"));
    }
    let back = "/a".repeat(LENGTH / 4) + &"/..".repeat(LENGTH / 6);
    assert!(normalized(&format!("https://h{back}")).is_some());
}
