//! What both targets of certificates in headers share: a known certificate, the middleware, and the forms of a
//! certificate, read a second time.

use std::convert::Infallible;
use std::future::ready;
use std::iter;

use http::header::{HeaderMap, HeaderName, HeaderValue};
use http::request::Request;
use tower::{Layer, ServiceExt, service_fn};
use tower_bearer_auth::possession::{ClientCertificate, ClientCertificateFromHeader};

use crate::pem::{certified, key_info};
use crate::poll;

/// The certificate that the corpora use.
const PEM: &str = include_str!("../keys/client.certificate.pem");

/// The SHA-256 digest of its DER, in hexadecimal and in base64url.
const HASH: &str = "096e4046def696476b7ee05c3f701cea17e6b52e275f4467fd176a8524a679ba";
const THUMBPRINT: &str = "CW5ARt72lkdrfuBcP3Ac6hfmtS4nX0Rn_RdqhSSmebo";

/// The maximum length of a header, in bytes.
const MAX_LENGTH: usize = 64 * 1024;

/// Another header of each request, which must stay.
const OTHER: HeaderName = HeaderName::from_static("client-cert-other");

/// The certificate that a header has, as its thumbprint.
#[derive(Debug)]
pub(crate) enum Expected {
    /// None. The text is the name of the reason.
    Nothing(&'static str),
    /// This one.
    Certificate(&'static str, String),
    /// This one, or none: its key is at the right position, and what is around it may be malformed.
    Perhaps(String),
}

/// The fields of a header, one per line. In them, `{pem}`, `{der}` and `{hash}` stand for the known certificate in
/// percent-encoded PEM, its DER in base64, and its digest in hexadecimal. `None` if no header can have such a value.
pub(crate) fn fields(lines: Option<&[u8]>) -> Option<Vec<HeaderValue>> {
    let lines = lines
        .into_iter()
        .flat_map(|lines| lines.split(|octet| *octet == b'\n'));
    let value = |line: &[u8]| {
        let text = latin(line)
            .replace("{pem}", &escaped(PEM))
            .replace("{der}", &base64_of(PEM))
            .replace("{hash}", HASH);
        let octets: Vec<u8> = text.chars().map(|character| character as u8).collect();
        HeaderValue::from_bytes(&octets).ok()
    };
    lines.take(3).map(value).collect()
}

/// Sends the fields through the middleware, as from a proxy and as from elsewhere. `read` reads a single value.
pub(crate) fn run(
    layer: &ClientCertificateFromHeader,
    name: &'static str,
    fields: &[HeaderValue],
    read: impl Fn(&str) -> Expected,
) -> &'static str {
    let connection = ClientCertificate::from_der(b"that of the proxy");
    for untrusted in [layer.clone(), layer.clone().trusted(|_| false)] {
        let found = send(&untrusted, name, fields, &connection);
        assert_eq!(
            found.as_deref(),
            Some(connection.thumbprint()),
            "it comes from elsewhere"
        );
    }
    let expected = match fields {
        [] => Expected::Nothing("no field"),
        [value] => match latin(value.as_bytes()).trim_matches([' ', '\t']) {
            "" => Expected::Nothing("empty"),
            value if value.chars().count() > MAX_LENGTH => Expected::Nothing("too long"),
            value => read(value),
        },
        [..] => Expected::Nothing("repeated"),
    };
    let found = send(&layer.clone().trusted(|_| true), name, fields, &connection);
    match expected {
        Expected::Nothing(reached) => {
            assert_eq!(found, None, "{reached}");
            reached
        }
        Expected::Certificate(reached, certificate) => {
            assert_eq!(found, Some(certificate), "{reached}");
            reached
        }
        Expected::Perhaps(certificate) => match found {
            Some(found) => {
                assert_eq!(found, certificate, "another certificate than the header's");
                "another certificate"
            }
            None => "no certificate",
        },
    }
}

/// The thumbprint of the certificate that the inner service sees. The header must be gone.
fn send(
    layer: &ClientCertificateFromHeader,
    name: &'static str,
    fields: &[HeaderValue],
    connection: &ClientCertificate,
) -> Option<String> {
    let mut request = Request::new(());
    request.extensions_mut().insert(connection.clone());
    for field in fields {
        request.headers_mut().append(name, field.clone());
    }
    request
        .headers_mut()
        .insert(OTHER, HeaderValue::from_static("stays"));
    let inner = service_fn(|request: Request<()>| {
        let certificate = request.extensions().get::<ClientCertificate>().cloned();
        ready(Ok::<_, Infallible>((
            certificate,
            request.headers().clone(),
        )))
    });
    let seen = poll::now(layer.layer(inner).oneshot(request));
    let (certificate, headers): (_, HeaderMap) = seen.expect("infallible");
    let names: Vec<_> = headers.keys().collect();
    assert_eq!(names, [OTHER], "the header is removed, and no other");
    certificate.map(|certificate: ClientCertificate| certificate.thumbprint().to_owned())
}

/// A percent-encoded PEM with one certificate.
pub(crate) fn escaped_pem(value: &str) -> Expected {
    let Some(pem) = unescaped(value) else {
        return Expected::Nothing("malformed escapes");
    };
    let parts: Vec<_> = pem.trim_matches(is_space).split("-----").collect();
    let ["", "BEGIN CERTIFICATE", body, "END CERTIFICATE", ""] = parts[..] else {
        return Expected::Nothing("not one block");
    };
    let body: String = body
        .chars()
        .filter(|character| !is_space(*character))
        .collect();
    match decode(&body) {
        Some((der, true)) => certificate(&der),
        Some((_, false)) | None => Expected::Nothing("not base64"),
    }
}

/// The certificate with this DER.
pub(crate) fn certificate(der: &[u8]) -> Expected {
    let thumbprint = ClientCertificate::from_der(der).thumbprint().to_owned();
    if der == decode(&base64_of(PEM)).expect("base64").0 {
        assert_eq!(thumbprint, THUMBPRINT);
        return Expected::Certificate("the certificate", thumbprint);
    }
    match certified(der).and_then(key_info) {
        Some(_) => Expected::Perhaps(thumbprint),
        None => Expected::Nothing("no certificate"),
    }
}

/// One character per octet.
fn latin(octets: &[u8]) -> String {
    octets.iter().map(|octet| char::from(*octet)).collect()
}

fn is_space(character: char) -> bool {
    matches!(character, ' ' | '\t' | '\n' | '\x0c' | '\r')
}

/// Replaces `%` and two hexadecimal digits by a character.
fn unescaped(text: &str) -> Option<String> {
    let mut characters = text.chars();
    let next = move || {
        Some(match characters.next()? {
            '%' => {
                let mut digit = || characters.next()?.to_digit(16);
                let code = digit().zip(digit()).map(|(high, low)| high * 16 + low);
                code.and_then(char::from_u32)
            }
            other => Some(other),
        })
    };
    iter::from_fn(next).collect()
}

fn escaped(text: &str) -> String {
    let escape = |octet: u8| match octet {
        b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' | b'-' => char::from(octet).to_string(),
        other => format!("%{other:02X}"),
    };
    text.bytes().map(escape).collect()
}

fn base64_of(pem: &str) -> String {
    pem.lines().filter(|line| !line.contains("-----")).collect()
}

/// Decodes base64, and says whether it is canonical. `None` if it is not base64, even without padding.
pub(crate) fn decode(text: &str) -> Option<(Vec<u8>, bool)> {
    let digits = text.trim_end_matches('=');
    let padding = text.len() - digits.len();
    let missing = [Some(0), None, Some(2), Some(1)][digits.len() % 4]?;
    let (mut octets, mut bits, mut count) = (Vec::new(), 0, 0);
    for digit in digits.chars() {
        bits = bits << 6 | sextet(digit)?;
        count += 6;
        if count >= 8 {
            count -= 8;
            octets.push((bits >> count) as u8);
            bits &= (1 << count) - 1;
        }
    }
    (padding <= missing).then_some((octets, padding == missing && bits == 0))
}

fn sextet(digit: char) -> Option<u32> {
    let alphabet = ('A'..='Z')
        .chain('a'..='z')
        .chain('0'..='9')
        .chain(['+', '/']);
    (0..)
        .zip(alphabet)
        .find(|(_, other)| *other == digit)
        .map(|(value, _)| value)
}
