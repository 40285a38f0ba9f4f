use serde::de::IgnoredAny;

use super::*;

/// Whether the whole text is one value, as the scanner and as serde_json see it.
fn is_json(text: &str) -> bool {
    let mut scanner = Scanner::new(text);
    let is_json = scanner.skip().and_then(|()| scanner.end()).is_ok();
    assert_eq!(
        is_json,
        serde_json::from_str::<IgnoredAny>(text).is_ok(),
        "{text:?}"
    );
    is_json
}

#[test]
fn every_byte_is_accepted_in_a_string_or_not_wherever_it_stands() {
    for length in [0, 1, 6, 7, 8, 9, 14, 15, 16, 17, 31, 40] {
        for letter in ('\0'..='\u{ff}').chain(['\u{2028}', '\u{d7ff}', '\u{ffff}', '😀']) {
            let text = format!("\"{}{letter}{}\"", "x".repeat(length), "y".repeat(20));
            let is_accepted = letter >= ' ' && !matches!(letter, '"' | '\\');
            assert_eq!(is_json(&text), is_accepted, "{text:?}");
        }
    }
}

#[test]
fn every_escape_is_accepted_or_not_wherever_it_stands() {
    for length in 0..36 {
        for rest in ["", "yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy"] {
            for letter in '\0'..='\u{ff}' {
                is_json(&format!("\"{}\\{letter}{rest}\"", "x".repeat(length)));
                is_json(&format!(
                    "\"{}\\{letter}\\{letter}{rest}\"",
                    "x".repeat(length)
                ));
                is_json(&format!("\"{}\\u00{letter}f{rest}\"", "x".repeat(length)));
            }
            for backslashes in 0..36 {
                let text = format!(
                    "\"{}{}{rest}\"",
                    "x".repeat(length),
                    "\\".repeat(backslashes)
                );
                assert_eq!(is_json(&text), backslashes % 2 == 0, "{text}");
            }
        }
    }
}

#[test]
fn a_string_is_read_as_serde_json_reads_it() {
    let escapes = [
        "\\n", "\\\"", "\\\\", "\\/", "\\b", "\\f", "\\r", "\\t", "\\u0041", "é", "x",
    ];
    let units = [
        "\\u00E9", "\\ud800", "\\uDBFF", "\\udc00", "\\udfff", "\\uffff", "\\ud7ff", "\\ue000",
    ];
    for one in escapes.iter().chain(&units) {
        for two in escapes.iter().chain(&units) {
            for three in escapes.iter().chain(&units) {
                let text = format!("\"{one}{two}{three}\"");
                let read = Scanner::new(&text).text();
                let expected = serde_json::from_str::<String>(&text);
                assert_eq!(read.ok().as_deref(), expected.ok().as_deref(), "{text}");
            }
        }
    }
}

#[test]
fn lists_and_objects_can_be_nested_to_any_depth() {
    for depth in [1, 2, 63, 64, 65, 127, 128, 129, 1000] {
        let lists = format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        let objects = format!("{}1{}", "{\"a\":".repeat(depth), "}".repeat(depth));
        let mixed = format!("{}1{}", "[{\"a\":".repeat(depth), "}]".repeat(depth));
        for good in [&lists, &objects, &mixed] {
            assert!(is_json(good), "{good}");
            assert!(!is_json(&good[..good.len() - 1]), "{good}");
            assert!(!is_json(&format!("{good}]")), "{good}");
            assert!(!is_json(&good.replacen(']', "}", 1)) || !good.contains(']'));
            assert!(is_json(&format!("[{good},{good},[{good}]]")));
        }
    }
}

#[test]
fn numbers_are_those_of_the_grammar() {
    for sign in ["", "-", "+", "--"] {
        for integer in ["", "0", "1", "01", "10", "1_"] {
            for fraction in ["", ".", ".0", ".5.", ".e"] {
                for exponent in ["", "e", "e1", "E+1", "e-", "e--1", "e1.5"] {
                    let number = format!("{sign}{integer}{fraction}{exponent}");
                    is_json(&number);
                    is_json(&format!("[{number}]"));
                    is_json(&format!("{{\"a\":{number} }}"));
                }
            }
        }
    }
}
