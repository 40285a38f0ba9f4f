use super::not_canonical::{
    ADDRESS, AUTHORITY, DRIVE, EMPTY_SEGMENT, ENCODED_ORIGIN, NOT_ASCII, TRAILING_DOT,
};
use super::*;

/// The comparable text, or the reason why there is none.
fn text(uri: &str) -> Result<String, NotCanonical> {
    comparable(uri).map(|uri| uri.text.into_owned())
}

#[test]
fn a_uri_is_normalized_for_comparison() {
    let table = [
        ("file:///a/b", "file:///a/b"),
        ("FILE://Host/A", "file://host/A"),
        ("https://Host:8443/a//b", "https://host:8443/a//b"),
        ("http://127.0.0.1:3000/a", "http://127.0.0.1:3000/a"),
        ("https://[::1]:8443/a", "https://[::1]:8443/a"),
        ("note://shared//a", "note://shared//a"),
        ("fetch:https://x", "fetch:https://x"),
        ("file:///%73ecret/%61", "file:///secret/a"),
        ("file:///100%25", "file:///100%"),
        ("file:///a%20b", "file:///a b"),
        ("file:///a...b/..c", "file:///a...b/..c"),
        ("urn:Note:1", "urn:Note:1"),
        ("URN:Note:1", "urn:Note:1"),
        ("note://{id}", "note://{id}"),
        ("%", "%"),
        ("file:///a%zz", "file:///a%zz"),
        ("file:///%", "file:///%"),
        ("file:///%4", "file:///%4"),
        ("file:///%%61%", "file:///%a%"),
        (
            "https://h/x?u=https%3A%2F%2Fa",
            "https://h/x?u=https%3A%2F%2Fa",
        ),
        (
            "https://h/x?u=https%253a%252F%252Fa",
            "https://h/x?u=https%253a%252F%252Fa",
        ),
        (
            "https://h/x?u=a%2Eb%5Cc#%2F%2ea%2f",
            "https://h/x?u=a.b%5Cc#%2F.a%2F",
        ),
        ("https://h/x#a%2fb?c", "https://h/x#a%2Fb?c"),
        ("note://n?a=%3f%2f", "note://n?a=%3F%2F"),
        // Unreserved characters are decoded, delimiters are not, and all others are encoded.
        ("note://n?%61%2d%2E%5f%7e%5A%30", "note://n?a-._~Z0"),
        (
            "note://n?%26%3d%2b%23%25%2a%5b%5D%40%3a",
            "note://n?%26%3D%2B%23%25%2A%5B%5D%40%3A",
        ),
        ("note://n?a=b&c=d+e%20f", "note://n?a=b&c=d+e%20f"),
        ("note://n?:/?#[]@!$&'()*+,;=", "note://n?:/?#[]@!$&'()*+,;="),
        ("note://n?a b", "note://n?a%20b"),
        ("note://n?\u{e4}={x}", "note://n?%C3%A4=%7Bx%7D"),
        ("note://n?%c3%a4=%7bx%7d", "note://n?%C3%A4=%7Bx%7D"),
        ("note://n?100%", "note://n?100%25"),
        ("note://n?100%25", "note://n?100%25"),
        ("note://n?%zz%4", "note://n?%25zz%254"),
        (
            "note://n?a=%2526&b=%25C3%25A4",
            "note://n?a=%2526&b=%25C3%25A4",
        ),
        ("Note?A=b:C", "Note?A=b:C"),
        ("a?b%3aC", "a?b%3AC"),
        ("note://a%20b/c", "note://a b/c"),
        ("note://[::1]/c", "note://[::1]/c"),
        ("note://123.1/c", "note://123.1/c"),
        ("DB://u@Host:5432/A", "db://u@host:5432/A"),
        ("file:///c:/A", "file:///C:/A"),
        ("FILE:///c%3a/A", "file:///C:/A"),
        ("file:///C:", "file:///C:"),
        ("file://h/c:/a", "file://h/C:/a"),
        ("file:///cd/c:/a|b", "file:///cd/c:/a|b"),
        ("https://[2001:DB8::1]/a", "https://[2001:db8::1]/a"),
        ("ordinary text", "ordinary text"),
        // Text before a colon that is not a scheme keeps its case.
        ("Secret/1?x:y", "Secret/1?x:y"),
        ("Secret/1?x%3ay", "Secret/1?x%3Ay"),
        ("Secret/a:b", "Secret/a:b"),
        ("Secret#x:y", "Secret#x:y"),
        ("Two Words:x", "Two Words:x"),
        ("1A:x", "1A:x"),
        ("", ""),
    ];
    for (uri, expected) in table {
        assert_eq!(text(uri).as_deref(), Ok(expected), "{uri}");
    }
}

#[test]
fn a_uri_that_a_url_parser_would_rewrite_is_not_compared() {
    for bad in [
        " note://secret/1",
        "note://secret/1 ",
        "\u{a0}note://secret/1",
        "%20note://secret/1",
        "file:/secret/x",
        "file:secret/x",
        "file://localhost/secret",
        "file:///public//etc/passwd",
        "file:///public%3f//etc/passwd",
        "file:///public%23//etc/passwd",
        "https:/h/x",
        "https:h/x",
        "https:///h/x",
        "https://h",
        "https://h?x",
        "https://h:443/x",
        "http://h:080/x",
        "http://h:/x",
        "http://user@h/x",
        "http://0x7f.1/x",
        "http://127.1/x",
        "http://2130706433/x",
        "https://\u{ff28}ost/x",
        "note://\u{e4}/x",
    ] {
        assert!(comparable(bad).is_err(), "{bad:?}");
    }
}

#[test]
fn a_uri_that_is_encoded_many_times_is_refused_early() {
    let endless = format!("x:%{}", "25".repeat(1_000_000));
    assert_eq!(text(&endless), Err(ENCODED_TWICE));
    let endless = format!("x:?%{}", "25".repeat(1_000_000));
    assert_eq!(text(&endless), Err(ENCODED_TWICE));
}

#[test]
fn a_uri_with_dot_segments_or_hidden_delimiters_is_not_compared() {
    for bad in [
        "file:///public/../secret",
        "file:///public/./secret",
        "file:///public/..",
        "file:///public/..?x",
        "file:///public/..#x",
        "file:///public/..;x/secret",
        "..",
        "file:///public/%2e%2e/secret",
        "file:///public/.%2E/secret",
        "file:///public%2fsecret",
        "file:///public%2Fsecret",
        "file:///public%5csecret",
        "file:///public\\..\\secret",
        "file:///public/%252e%252e/secret",
        "file:///public/%25252fsecret",
        "file:///public/%00",
        "file:///public/\n",
        "file:///public/%ff",
        "note://n%3fa",
        "note://n%23a",
        "https://h/x%3Fuser=me&",
        "file:///a%2520b",
        "file:///%%36%31",
        "file:///%2541",
        // An encoded scheme or host is one for some servers only.
        "file%3A///public/a",
        "%66ile:///public/a",
        "file:/%2F/public/a",
        "urn%3Anote:1",
        "https://%68/x",
        "https://h%3A8443/x",
        "https://u%40h/x",
        // Only some servers treat this part as a query.
        "file:///public/a%3f/%2e%2e/secret",
        "file:///public/a%3f%2fsecret",
        "file:///public/a%23%2fsecret",
        "file:///public/a%253f%2fsecret",
        "file:///public/a?b/%2e%2e/%2e%2e/secret",
        "file:///public/a?b%2f..%2f..%2fsecret",
        "file:///public/a?b%2f%2e%2e%2fsecret",
        "file:///public/a?b%252f%252e%252e%252fsecret",
        "file:///public/a?b%5c..%5csecret",
        // Servers disagree about an unreserved character that is encoded twice.
        "note://n?%2561",
        "note://n?%%36%31",
        "note://n#%252D",
        "note://n?%25252561",
        "note://n?%25c2%2580",
        "note://n?%c2%25a1",
        "note://n?%25%36%31",
        "note://n?%252%35%36%31",
        "file:///public/a?b%5c%2e%2e",
        "file:///public/a?%2e%2e",
        "file:///public/a#%2e%2e/secret",
        "file:///public/a?b\\..\\secret",
        "file:///public/a?b\\c",
        "file:///public/a?%00",
        "file:///public/a?%0a",
        "file:///public/a?b%20",
        "file:///public/a?%ff",
        "https://h%2fx?y",
        "https://h%5cx?y",
        "https://h%3f.test%2f?y",
    ] {
        assert!(comparable(bad).is_err(), "{bad}");
    }
}

#[test]
fn each_reason_to_refuse_a_uri_is_named() {
    for (uri, reason) in [
        ("note://a ", WHITE_SPACE),
        ("note://a\\b", BACKSLASH),
        ("note://a/%0a", CONTROL),
        ("note://a/../b", DOT_SEGMENT),
        ("note://a?%2e%2e%2fc", DOT_SEGMENT),
        ("note://a%2fb", ENCODED_DELIMITER),
        ("note://a?%2561", ENCODED_TWICE),
        ("note://a/%2520", ENCODED_TWICE),
        ("note://a/%ff", NOT_UTF8),
        ("note://a%2eb", ENCODED_DOT),
        ("https://h:443/", AUTHORITY),
        ("file://h:80/", AUTHORITY),
        ("file://u@h/", AUTHORITY),
        ("https://a:b:8443/", AUTHORITY),
        ("https://\u{e4}.test/", AUTHORITY),
        ("note://\u{e4}/1", NOT_ASCII),
        ("note://%c3%a4/1", NOT_ASCII),
        ("urn%3Anote:1", ENCODED_ORIGIN),
        ("note://x%40secret/1", ENCODED_ORIGIN),
        ("note://secret%3a9/1", ENCODED_ORIGIN),
        ("note://secret%3A/1", ENCODED_ORIGIN),
        ("note://%5b::1]/1", ENCODED_ORIGIN),
        ("http://127.1/x", ADDRESS),
        ("file://127.1/x", ADDRESS),
        ("file://0x7f000001/x", ADDRESS),
        ("https://[::0]/x", ADDRESS),
        ("https://[0:0:0:0:0:0:0:1]:8443/x", ADDRESS),
        ("https://[::ffff:7f00:1]/x", ADDRESS),
        ("https://[::ffff:127.0.0.1]/x", ADDRESS),
        ("https://[::127.0.0.1]/x", ADDRESS),
        ("https://[fe80::1%25eth0]/x", AUTHORITY),
        ("https://[h]/x", ADDRESS),
        ("https://h[::1]/x", ADDRESS),
        ("note://[::01]/x", ADDRESS),
        ("note://u@[::01]:9/x", ADDRESS),
        ("https://h./x", TRAILING_DOT),
        ("https://h.:8443/x", TRAILING_DOT),
        ("file://localhost./x", TRAILING_DOT),
        ("note://secret./1", TRAILING_DOT),
        ("file://c:/x", DRIVE),
        ("file://C|/x", DRIVE),
        ("file:///c|/x", DRIVE),
        ("file:///C%7C", DRIVE),
        ("file:///a//b", EMPTY_SEGMENT),
    ] {
        assert_eq!(text(uri), Err(reason), "{uri}");
    }
}

#[test]
fn what_a_server_may_drop_must_be_in_the_pattern() {
    for (uri, pattern, expected) in [
        ("note://a/1", "", Ok(())),
        ("note://a/1?x", "", Ok(())),
        ("https://h:8443/x", "", Ok(())),
        ("note://[::1]/x", "", Ok(())),
        ("note:a@b:9", "", Ok(())),
        ("note://u@a/1", "note://u@", Err(USER_OR_PORT)),
        ("note://u@a/1", "note://u@a", Ok(())),
        ("note://a:9/1", "note://a:", Err(USER_OR_PORT)),
        ("note://a:99", "note://a:9", Err(USER_OR_PORT)),
        ("note://a:9", "note://a:9", Ok(())),
        ("note://a:/1", "note://a", Err(USER_OR_PORT)),
        ("note://[::1]:9/1", "note://[::1]", Err(USER_OR_PORT)),
        ("note://a?", "note://a", Err(EMPTY_QUERY)),
        ("note://a?", "note://a?", Ok(())),
        ("note://a?#x", "note://a", Err(EMPTY_QUERY)),
        ("note://a?#x", "note://a?", Err(FRAGMENT)),
        ("note://a#", "note://a", Err(FRAGMENT)),
        ("note://a#?", "note://a#", Ok(())),
        ("note://a?b%23#c", "note://a?b%23", Err(FRAGMENT)),
        ("note://a?b%23#c", "note://a?b%23#", Ok(())),
    ] {
        let comparable = comparable(uri).unwrap();
        assert_eq!(
            comparable.check_covered(pattern.len()),
            expected,
            "{uri} {pattern}"
        );
    }
}
