//! Refuses headers that make a request ambiguous: pure functions of the headers and the calls in the body.

use base64::engine::general_purpose::STANDARD;
use base64::{Engine, encoded_len};
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue};

use super::message::{Call, Target};
use super::rejection::Rejection;

/// Refuses headers that parsers could read differently: repeated MCP headers, content encodings, and character sets
/// other than UTF-8.
pub(super) fn check(headers: &HeaderMap) -> Result<(), Rejection> {
    // Some servers read the first value, others the last.
    let repeated = headers.keys().any(|name| {
        name.as_str().starts_with("mcp-") && headers.get_all(name).iter().nth(1).is_some()
    });
    if repeated {
        return Err(Rejection::BadHeaders("an MCP header occurs twice"));
    }
    let content_types = headers.get_all(CONTENT_TYPE);
    if content_types.iter().map(HeaderValue::len).sum::<usize>() > MAX_CONTENT_TYPE {
        return Err(Rejection::BadHeaders("the Content-Type header is too long"));
    }
    if headers.contains_key(CONTENT_ENCODING) || content_types.iter().any(has_other_charset) {
        return Err(Rejection::UnsupportedEncoding);
    }
    Ok(())
}

/// In bytes, all values together. `application/json` with a character set has about 40.
const MAX_CONTENT_TYPE: usize = 256;

/// JSON is UTF-8 (RFC 8259 §8.1), but a server that honours the `charset` parameter could read it as UTF-7.
fn has_other_charset(value: &HeaderValue) -> bool {
    let Ok(value) = value.to_str() else {
        return true;
    };
    value.split(';').skip(1).any(|parameter| {
        let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
        let charset = value.trim().trim_matches('"');
        name.trim().eq_ignore_ascii_case("charset")
            && !["utf-8", "utf8", "us-ascii"]
                .iter()
                .any(|known| charset.eq_ignore_ascii_case(known))
    })
}

// Constants, because the search for a string would parse it first.
const MCP_METHOD: HeaderName = HeaderName::from_static("mcp-method");
const MCP_NAME: HeaderName = HeaderName::from_static("mcp-name");

/// Refuses headers that name another method or target than the body (SEP-2243). The decision never depends on
/// these headers, but the inner server could route by them.
pub(super) fn check_agreement(headers: &HeaderMap, calls: &[Call<'_>]) -> Result<(), Rejection> {
    let [call] = calls else {
        // The headers describe one message, so there is nothing to compare for a batch.
        return Ok(());
    };
    if let Some(method) = headers.get(&MCP_METHOD)
        && method.as_bytes() != call.method().as_bytes()
    {
        return Err(Rejection::BadHeaders(
            "the Mcp-Method header does not match the body",
        ));
    }
    if let Some(name) = headers.get(&MCP_NAME)
        && call.has_name()
    {
        let targets = call.targets();
        if targets.is_empty() || !targets.iter().all(|target| names(name, target)) {
            return Err(Rejection::BadHeaders(
                "the Mcp-Name header does not match the body",
            ));
        }
    }
    Ok(())
}

/// Whether the header is this target's name, either as it is or in the `=?base64?…?=` form (SEP-2243).
fn names(header: &HeaderValue, target: &Target<'_>) -> bool {
    let wrapped = header
        .as_bytes()
        .strip_prefix(b"=?base64?")
        .and_then(|text| text.strip_suffix(b"?="));
    let name = target.as_str().as_bytes();
    match wrapped {
        Some(encoded) => is_encoding_of(encoded, name),
        None => header.as_bytes() == name,
    }
}

/// Whether this is the base64 of the name, which has one encoding. To encode the name is faster than to decode what the
/// client sent, and needs no memory.
fn is_encoding_of(encoded: &[u8], name: &[u8]) -> bool {
    /// Three octets become four characters.
    const PART: usize = 3 << 8;

    let mut buffer = [0; PART / 3 * 4];
    let mut parts = encoded.chunks(buffer.len());
    encoded_len(name.len(), true) == Some(encoded.len())
        && name.chunks(PART).all(|part| {
            let length = STANDARD.encode_slice(part, &mut buffer);
            length.ok().map(|length| &buffer[..length]) == parts.next()
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mcp::message::calls;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        headers
    }

    #[test]
    fn a_repeated_mcp_header_is_refused() {
        for name in [
            "mcp-method",
            "mcp-name",
            "mcp-session-id",
            "mcp-protocol-version",
            "mcp-param-region",
        ] {
            assert_eq!(check(&headers(&[(name, "a")])), Ok(()));
            let twice = check(&headers(&[(name, "a"), (name, "a")]));
            assert!(matches!(twice, Err(Rejection::BadHeaders(_))), "{name}");
        }
        assert_eq!(check(&headers(&[("accept", "a"), ("accept", "b")])), Ok(()));
    }

    #[test]
    fn content_encodings_and_other_charsets_are_refused() {
        for good in [
            "application/json",
            "application/json; charset=utf-8",
            "application/json;Charset=\"UTF-8\"",
            "application/json; profile=\"x\"",
            "text/plain",
        ] {
            assert_eq!(check(&headers(&[("content-type", good)])), Ok(()), "{good}");
        }
        for bad in [
            "application/json; charset=utf-7",
            "application/json; charset=utf-16",
            "application/json; x=y; CHARSET = \"utf-16\"",
            "application/json; charset",
        ] {
            let checked = check(&headers(&[("content-type", bad)]));
            assert_eq!(checked, Err(Rejection::UnsupportedEncoding), "{bad}");
        }
        let long = |length| format!("application/json;x={}", "y".repeat(length - 19));
        let longest = long(MAX_CONTENT_TYPE);
        assert_eq!(check(&headers(&[("content-type", &longest)])), Ok(()));
        let half = long(MAX_CONTENT_TYPE / 2 + 1);
        for too_long in [
            &[("content-type", &*long(MAX_CONTENT_TYPE + 1))][..],
            &[("content-type", &half), ("content-type", &half)],
        ] {
            let checked = check(&headers(too_long));
            assert!(
                matches!(checked, Err(Rejection::BadHeaders(_))),
                "{too_long:?}"
            );
        }
        for encoding in ["gzip", "br", "identity", ""] {
            let checked = check(&headers(&[("content-encoding", encoding)]));
            assert_eq!(checked, Err(Rejection::UnsupportedEncoding), "{encoding}");
        }
    }

    #[test]
    fn headers_that_contradict_the_body_are_refused() {
        let body = r#"{"method":"tools/call","params":{"name":"größe"}}"#;
        let calls = calls(body).unwrap();
        let agree = |pairs: &[(&'static str, &str)]| check_agreement(&headers(pairs), &calls);
        let wrapped = format!("=?base64?{}?=", STANDARD.encode("größe"));
        for good in [
            &[][..],
            &[("mcp-method", "tools/call"), ("mcp-name", "größe")],
            &[("mcp-method", "tools/call"), ("mcp-name", &wrapped)],
        ] {
            assert_eq!(agree(good), Ok(()));
        }
        let other = format!("=?base64?{}?=", STANDARD.encode("add"));
        for bad in [
            ("mcp-method", "tools/list"),
            ("mcp-method", "Tools/Call"),
            ("mcp-name", "add"),
            ("mcp-name", ""),
            ("mcp-name", other.as_str()),
            ("mcp-name", "=?base64?%?="),
        ] {
            assert!(
                matches!(agree(&[bad]), Err(Rejection::BadHeaders(_))),
                "{bad:?}"
            );
        }
    }
}
