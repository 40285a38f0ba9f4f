//! Normalization, compared with a plain model of it.

use std::borrow::Cow;

use proptest::prelude::*;

use super::*;

/// The segments of a path after RFC 3986 §6.2.2, by another way: each octet is decoded, and the delimiters are marked.
fn model(url: &str) -> Option<(String, Vec<Vec<Octet>>)> {
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

/// An octet, and whether it has to stay encoded.
type Octet = (u8, bool);

fn octets(text: &str) -> Option<Vec<Octet>> {
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
        if has_dot_segment(path) {
            prop_assert_eq!(target.normalized(&url), None);
            return Ok(());
        }
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
