//! Whether a page of this server sent a request, according to the browser.

use http::HeaderMap;
use http::header::ORIGIN;

use crate::http_url::Origin;

/// Whether the request comes from a page of one of these origins.
///
/// The browser sets `Sec-Fetch-Site` (Fetch Metadata), and no page can change it. Where it is absent, the `Origin`
/// decides (RFC 6454 §7). The result is `false` for a request with neither, with a repeated field, or from an opaque
/// origin (`null`).
pub(super) fn is_same_origin<'o>(
    headers: &HeaderMap,
    mut own: impl Iterator<Item = &'o Origin>,
) -> bool {
    let mut sites = headers.get_all("sec-fetch-site").iter();
    match (sites.next(), sites.next()) {
        (Some(site), None) => return site == "same-origin",
        (Some(_), Some(_)) => return false,
        (None, _) => {}
    }
    let mut origins = headers.get_all(ORIGIN).iter();
    match (origins.next(), origins.next()) {
        (Some(origin), None) => {
            let origin = origin.to_str();
            origin.is_ok_and(|origin| own.any(|own| own.is(origin)))
        }
        (None, _) | (Some(_), Some(_)) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_compared_by_scheme_host_and_port() {
        let own = [
            Origin::of_url("https://App.example.com/mcp").unwrap(),
            Origin::of_origin("http://127.0.0.1:8080").unwrap(),
        ];
        for (fields, expected) in [
            (&[][..], false),
            (&[("origin", "https://app.example.com")], true),
            (&[("origin", "HTTPS://APP.example.com:443")], true),
            (&[("origin", "http://127.0.0.1:8080")], true),
            (&[("origin", "http://127.0.0.1")], false),
            (&[("origin", "http://app.example.com")], false),
            (&[("origin", "https://app.example.com:8443")], false),
            (&[("origin", "https://app.example.com.evil.test")], false),
            (&[("origin", "https://evil-app.example.com")], false),
            (&[("origin", "https://user@app.example.com")], false),
            (&[("origin", "https://app.example.com/")], false),
            (&[("origin", "https://app.example.com?")], false),
            (&[("origin", "https://app.example.com#")], false),
            (
                &[("origin", "https://a.test https://app.example.com")],
                false,
            ),
            (&[("origin", "null")], false),
            (&[("origin", "")], false),
            (&[("origin", "*")], false),
            (
                &[
                    ("origin", "https://app.example.com"),
                    ("origin", "https://app.example.com"),
                ],
                false,
            ),
            (&[("sec-fetch-site", "same-origin")], true),
            (
                &[("sec-fetch-site", "same-origin"), ("origin", "null")],
                true,
            ),
            (&[("sec-fetch-site", "none")], false),
            (&[("sec-fetch-site", "same-site")], false),
            (&[("sec-fetch-site", "cross-site")], false),
            (&[("sec-fetch-site", "Same-Origin")], false),
            (&[("sec-fetch-site", "")], false),
            (
                &[
                    ("sec-fetch-site", "cross-site"),
                    ("origin", "https://app.example.com"),
                ],
                false,
            ),
            (
                &[
                    ("sec-fetch-site", "same-origin"),
                    ("sec-fetch-site", "same-origin"),
                ],
                false,
            ),
        ] {
            let mut headers = HeaderMap::new();
            for (name, value) in fields {
                headers.append(*name, value.parse().unwrap());
            }
            assert_eq!(is_same_origin(&headers, own.iter()), expected, "{fields:?}");
        }
    }
}
