//! How a token must be written: segments, base64url, UTF-8 and JSON.

use tower_bearer_auth::Algorithm;
use tower_bearer_auth::InvalidReason::{Malformed, MissingClaim};

use super::{
    ISSUER, base64url, check_tokens, signing_key, token_of, token_with, token_with_header,
    usual_claims,
};

/// Signs these two segments unchanged, so that only their form can be invalid.
fn signed(header: &str, payload: &str) -> String {
    let input = format!("{header}.{payload}");
    let signature = signing_key(Algorithm::HS256).sign(input.as_bytes());
    format!("{input}.{}", base64url(signature))
}

const HEADER: &str = r#"{"alg":"HS256"}"#;

#[test]
fn a_token_has_three_segments() {
    let good = token_with("x", "1");
    let (header, rest) = good.split_once('.').unwrap();
    let (payload, signature) = rest.split_once('.').unwrap();
    check_tokens([
        (good.clone(), None),
        (header.to_owned(), Some(Malformed)),
        (format!("{header}.{payload}"), Some(Malformed)),
        (format!("{good}."), Some(Malformed)),
        (format!(".{good}"), Some(Malformed)),
        (format!("{good}.{signature}"), Some(Malformed)),
        (format!("{header}..{payload}.{signature}"), Some(Malformed)),
        (format!("{good}.{payload}.{signature}"), Some(Malformed)),
        (format!("{header}....{signature}"), Some(Malformed)),
        ("..".to_owned(), Some(Malformed)),
        (".".to_owned(), Some(Malformed)),
        (format!("..{signature}"), Some(Malformed)),
        (signed("", payload), Some(Malformed)),
        (signed(header, ""), Some(Malformed)),
        (".".repeat(1_000_000), Some(Malformed)),
        (
            format!("{header}{}", ".".repeat(1_000_000)),
            Some(Malformed),
        ),
        ("A".repeat(1_000_000), Some(Malformed)),
    ]);
}

#[test]
fn segments_are_base64url_without_padding_or_stray_bits() {
    let payload = usual_claims("", &[]);
    // All three lengths modulo three, with and without unused bits in the last character.
    for fill in ["", " ", "  "] {
        let header = base64url(format!("{HEADER}{fill}"));
        let payload = base64url(format!("{payload}{fill}"));
        check_tokens([(signed(&header, &payload), None)]);
        for bad in bad_spellings(&header) {
            check_tokens([(signed(&bad, &payload), Some(Malformed))]);
        }
        for bad in bad_spellings(&payload) {
            check_tokens([(signed(&header, &bad), Some(Malformed))]);
        }
        let good = signed(&header, &payload);
        let (input, signature) = good.rsplit_once('.').unwrap();
        for bad in bad_spellings(signature) {
            check_tokens([(format!("{input}.{bad}"), Some(Malformed))]);
        }
    }
}

/// Invalid spellings of the same octets. A lenient decoder would accept some of them.
fn bad_spellings(good: &str) -> Vec<String> {
    let mut bad: Vec<_> = ["=", "==", "\n", " ", "\t", "\r\n", "\0", "A", "é"]
        .iter()
        .map(|extra| format!("{good}{extra}"))
        // With one more character, the text can be a valid spelling of one more octet.
        .filter(|text| !text.ends_with('A') || good.len().is_multiple_of(4))
        .collect();
    bad.push(format!(" {good}"));
    bad.push(format!("{}\n{}", &good[..8], &good[8..]));
    bad.push(format!("{}={}", &good[..8], &good[8..]));
    bad.push(format!("{}%{}", &good[..8], &good[8..]));
    bad.push(format!("{}~{}", &good[..8], &good[9..]));
    if !good.len().is_multiple_of(4) {
        const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        let (start, last) = good.split_at(good.len() - 1);
        let value = ALPHABET.iter().position(|c| *c == last.as_bytes()[0]);
        // No octet uses the lowest bit.
        let stray = ALPHABET[value.unwrap() ^ 1];
        bad.push(format!("{start}{}", stray as char));
        let padding = "=".repeat(4 - good.len() % 4);
        bad.push(format!("{good}{padding}"));
    }
    bad
}

#[test]
fn the_standard_alphabet_is_refused() {
    // Octets whose encoding contains the two characters in which the alphabets differ.
    let text = "\u{fb}\u{ff}?>?>~~~";
    let header = base64url(format!(r#"{{"alg":"HS256","x":"{text}"}}"#));
    let payload = base64url(usual_claims("", &[("x", &format!("\"{text}\""))]));
    let standard = |text: &str| text.replace('-', "+").replace('_', "/");
    assert_ne!(standard(&header), header);
    assert_ne!(standard(&payload), payload);
    check_tokens([
        (signed(&header, &payload), None),
        (signed(&standard(&header), &payload), Some(Malformed)),
        (signed(&header, &standard(&payload)), Some(Malformed)),
    ]);
    let token = (0..)
        .map(|n| token_with("n", &n.to_string()))
        .find(|token| token.rsplit_once('.').unwrap().1.contains(['-', '_']));
    let token = token.unwrap();
    let (input, signature) = token.rsplit_once('.').unwrap();
    check_tokens([
        (token.clone(), None),
        (format!("{input}.{}", standard(signature)), Some(Malformed)),
    ]);
}

#[test]
fn a_header_and_a_payload_are_one_json_object_each() {
    let claims = usual_claims("", &[]);
    let around = |json: &str| {
        vec![
            format!("[{json}]"),
            format!("{json}{{}}"),
            format!("{json}{json}"),
            format!("{{}}{json}"),
            format!("{json},"),
            format!("{json} x"),
            format!("{json}\0"),
            format!("\u{feff}{json}"),
            format!("\u{a0}{json}"),
            format!("// {json}"),
            json.replacen('}', ",}", 1),
            json.replace('"', "'"),
            json[..json.len() - 1].to_owned(),
            serde_json::Value::from(json).to_string(),
        ]
    };
    let others = [
        "", " ", "{", "[]", "\"\"", "0", "null", "true", "NaN", "{alg:1}",
    ];
    let others = || others.iter().map(|json| (*json).to_owned());
    for bad in around(HEADER).into_iter().chain(others()) {
        check_tokens([(token_with_header(bad), Some(Malformed))]);
    }
    for bad in around(&claims).into_iter().chain(others()) {
        check_tokens([(token_of(bad), Some(Malformed))]);
    }
    // An array of the members in some order is no object either.
    let list = format!(r#"["{ISSUER}","alice","x",1800003600,1,1,"id"]"#);
    check_tokens([
        (token_of(list), Some(Malformed)),
        (token_with_header("{}"), Some(Malformed)),
        (token_of("{}"), Some(MissingClaim)),
        // White space around it is JSON's own.
        (token_of(format!(" \r\n\t{claims}\n")), None),
        (token_with_header(format!(" \r\n\t{HEADER}\n")), None),
    ]);
}

#[test]
fn invalid_utf_8_is_refused_even_in_claims_that_the_verifier_ignores() {
    for bad in [
        &b"\xff"[..],
        b"\xc3",
        b"\xc3\x28",
        b"\xa0",
        // Overlong, a surrogate, past the last character.
        b"\xc0\xaf",
        b"\xed\xa0\x80",
        b"\xf4\x90\x80\x80",
    ] {
        let claims = usual_claims("", &[]);
        for (start, end) in [
            (r#","x":""#, r#""}"#),
            (r#","x"#, r#"":1}"#),
            (r#","x":{"y":[""#, r#""]}}"#),
            (r#","jti":""#, r#""}"#),
            ("}", ""),
        ] {
            let spoil = |json: &str| {
                let json = json.strip_suffix('}').unwrap().as_bytes();
                [json, start.as_bytes(), bad, end.as_bytes()].concat()
            };
            check_tokens([
                (token_of(spoil(&claims)), Some(Malformed)),
                (token_with_header(spoil(HEADER)), Some(Malformed)),
            ]);
        }
    }
    check_tokens([
        (token_with("x", "\"a\nb\""), Some(Malformed)),
        (token_with("x", "\"\\q\""), Some(Malformed)),
        (token_with("sub", r#""\ud800""#), Some(Malformed)),
        (token_with("sub", r#""\ud83d\ude00 é \u0000""#), None),
    ]);
}

#[test]
fn nesting_ends_at_32() {
    // The object itself is the first level.
    let nested = |levels: usize| format!("{}1{}", "[".repeat(levels - 1), "]".repeat(levels - 1));
    let objects = |levels: usize| {
        let levels = levels - 1;
        format!("{}1{}", "{\"x\":".repeat(levels), "}".repeat(levels))
    };
    let in_header = |json: String| token_with_header(format!(r#"{{"alg":"HS256","x":{json}}}"#));
    check_tokens([
        (token_with("x", &nested(32)), None),
        (token_with("x", &nested(33)), Some(Malformed)),
        (token_with("x", &objects(32)), None),
        (token_with("x", &objects(33)), Some(Malformed)),
        (in_header(nested(32)), None),
        (in_header(nested(33)), Some(Malformed)),
        (in_header(objects(32)), None),
        (in_header(objects(33)), Some(Malformed)),
        (token_with("x", &nested(100_000)), Some(Malformed)),
        (in_header(nested(100_000)), Some(Malformed)),
        (token_with("x", &"[".repeat(100_000)), Some(Malformed)),
        (token_of("{\"x\":".repeat(100_000)), Some(Malformed)),
        (token_of("[".repeat(100_000)), Some(Malformed)),
        // Brackets beside each other or in a string do not nest.
        (token_with("x", &format!("[{}0]", "[],".repeat(1000))), None),
        (
            token_with("x", &format!("\"\\\"{}\"", "[".repeat(1000))),
            None,
        ),
        // An escaped backslash, so that the quote after it ends the string.
        (
            token_with("x", &format!("\"\\\\\",\"y\":{}", nested(33))),
            Some(Malformed),
        ),
    ]);
}
