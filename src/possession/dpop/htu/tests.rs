use std::borrow::Cow;

use proptest::prelude::*;

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
        // What the client requested: the proxy has not looked at the segments.
        ("/tools", "/../mcp", "https://h/mcp"),
    ] {
        assert!(is("https://h", prefix, path, htu), "{prefix} {path} {htu}");
        assert!(
            !is("https://h", "", path, htu) || path == "/../mcp",
            "{prefix} {path} {htu}"
        );
        assert!(
            !is("https://h", "/other", path, htu) || path == "/../mcp",
            "{prefix} {path} {htu}"
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
        assert_eq!(&*origin(text).0, normal);
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

/// The segments of a path after RFC 3986 §6.2.2, by another way: each octet is decoded, and the delimiters are marked.
fn model(url: &str) -> Option<(String, Vec<Vec<(u8, bool)>>)> {
    let url = url.split(['?', '#']).next()?;
    let (scheme, rest) = url.split_once("://")?;
    let scheme = scheme.to_ascii_lowercase();
    let (authority, path) = match rest.split_once('/') {
        Some((authority, path)) => (authority, path),
        None => (rest, ""),
    };
    let authority = octets(authority)?
        .into_iter()
        .map(|(octet, is_encoded)| match is_encoded {
            true => format!("<{octet}>"),
            false => char::from(octet).to_ascii_lowercase().to_string(),
        })
        .collect::<String>();
    let default_port = if scheme == "https" { ":443" } else { ":80" };
    let authority = authority.strip_suffix(default_port).unwrap_or(&authority);
    let authority = authority.strip_suffix(':').unwrap_or(authority);
    let mut segments: Vec<Vec<_>> = Vec::new();
    let mut is_directory = false;
    for segment in path.split('/') {
        let segment = octets(segment)?;
        let is_dots =
            |count| segment.len() == count && segment.iter().all(|octet| *octet == (b'.', false));
        is_directory = is_dots(1) || is_dots(2);
        if is_dots(2) {
            segments.pop();
        } else if !is_dots(1) {
            segments.push(segment);
        }
    }
    if is_directory {
        segments.push(Vec::new());
    }
    Some((format!("{scheme} {authority}"), segments))
}

/// Each octet, and whether it has to stay encoded.
fn octets(text: &str) -> Option<Vec<(u8, bool)>> {
    let mut octets = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        if first == '%' {
            let octet = u8::from_str_radix(rest.get(1..3)?, 16).ok()?;
            let is_unreserved =
                char::from(octet).is_ascii_alphanumeric() || "-._~".contains(char::from(octet));
            octets.push((octet, !is_unreserved));
            rest = &rest[3..];
        } else {
            octets.push((u8::try_from(first).ok()?, false));
            rest = &rest[first.len_utf8()..];
        }
    }
    Some(octets)
}

fn some_url() -> impl Strategy<Value = String> {
    let scheme = prop_oneof!["https", "http", "HTTPS", "hTtP"];
    let host = prop_oneof![
        "[ab]",
        "[aA%]{1,2}",
        "%[46]1",
        "%2[eEfF]",
        "a\\.",
        "\\[::1\\]",
        "[a-c]%41"
    ];
    let port = prop_oneof!["", "", ":", ":443", ":80", ":8", ":0443"];
    let segment = prop_oneof![
        "[ab]",
        "",
        "\\.",
        "\\.\\.",
        "%2[eE]",
        "\\.%2e",
        "%2[fF]",
        "%5[cC]",
        "%[46]1",
        "%[0-7][0-9a-fA-F]",
        "[a.]{1,3}",
        "[|;:@]",
        "%",
    ];
    let path = proptest::collection::vec(segment, 0..5);
    let path = path.prop_map(|segments| {
        segments
            .iter()
            .map(|segment| format!("/{segment}"))
            .collect::<String>()
    });
    (
        scheme,
        host,
        port,
        path,
        prop_oneof!["", "", "\\?a/\\.\\.", "#b"],
    )
        .prop_map(|(scheme, host, port, path, end)| format!("{scheme}://{host}{port}{path}{end}"))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn normalization_is_idempotent(url in some_url()) {
        if let Some(once) = normalized(&url) {
            prop_assert_eq!(normalized(&once), Some(Cow::Borrowed(&*once)));
        }
    }

    #[test]
    fn urls_are_equal_if_and_only_if_the_model_says_so(one in some_url(), other in some_url()) {
        if let (Some(first), Some(second)) = (normalized(&one), normalized(&other)) {
            prop_assert_eq!(first == second, model(&one) == model(&other), "{} {}", one, other);
        }
    }

    #[test]
    fn a_url_is_the_request_for_it(url in some_url(), other in some_url(), at in 0..8_usize) {
        let Some(normal) = normalized(&url) else { return Ok(()) };
        let origin = Origin::of_url(&url).unwrap();
        let path = &HttpUrl::parse(&url).unwrap().path;
        let slash = path.match_indices('/').nth(at).map_or(0, |(at, _)| at);
        let (path_prefix, path) = path.split_at(slash);
        let target = Target { origin: &origin, path_prefix, path };
        prop_assert_eq!(target.normalized(&url), Some(normal.clone()));
        prop_assert_eq!(target.normalized(&normal), Some(Cow::Borrowed(&*normal)));
        let is_same = normalized(&other).is_some_and(|other| other == normal);
        prop_assert_eq!(target.normalized(&other).is_some(), is_same);
    }

    #[test]
    fn no_text_makes_it_panic(one in "\\PC*", other in "https?://[a:\\[\\]%.é]{0,5}/[%./é\\\\]{0,9}") {
        let _ = (normalized(&one), normalized(&other));
    }
}
