//! `X-Forwarded-Client-Cert` of Envoy, and `Client-Cert` (RFC 9440): the request of a trusted proxy gets the certificate
//! of its header exactly if the header names one. Other requests get none from it, and the header is always removed.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use tower_bearer_auth::possession::ClientCertificateFromHeader;

use crate::certificates::{self, Expected};
use crate::input;

pub const REACHES: &[&str] = &[
    "no header",
    "no field",
    "repeated",
    "empty",
    "too long",
    "not pairs",
    "several hops",
    "neither Hash nor Cert",
    "a repeated Hash or Cert",
    "a malformed Hash",
    "a Hash that is not that of the Cert",
    "a Hash",
    "not a byte sequence",
    "malformed escapes",
    "not one block",
    "not base64",
    "no certificate",
    "another certificate",
    "the certificate",
];

/// The first line selects the header: `client-cert`, otherwise `X-Forwarded-Client-Cert`. Each further line is one field.
/// `certificates::fields` lists placeholders.
pub fn run(data: &[u8]) -> &'static str {
    let [which, rest] = input::lines(data);
    let lines = data.contains(&b'\n').then_some(rest);
    let Some(fields) = certificates::fields(lines) else {
        return "no header";
    };
    match which {
        b"client-cert" => certificates::run(
            &ClientCertificateFromHeader::client_cert(),
            "client-cert",
            &fields,
            client_cert,
        ),
        _ => {
            let name = "x-forwarded-client-cert";
            certificates::run(
                &ClientCertificateFromHeader::envoy_xfcc(),
                name,
                &fields,
                xfcc,
            )
        }
    }
}

/// Base64 between colons, also without all of its padding (RFC 9651 §4.2.7).
fn client_cert(value: &str) -> Expected {
    let parts: Vec<_> = value.split(':').collect();
    let ["", base64, ""] = parts[..] else {
        return Expected::Nothing("not a byte sequence");
    };
    match certificates::decode(base64) {
        Some((der, _)) => certificates::certificate(&der),
        None => Expected::Nothing("not base64"),
    }
}

/// One element, with a `Hash`, a `Cert`, or both of the same certificate.
fn xfcc(value: &str) -> Expected {
    let elements = split(value, ',');
    let [element] = &elements[..] else {
        return Expected::Nothing("several hops");
    };
    let pairs = split(element, ';');
    let pairs: Option<Vec<_>> = pairs.iter().map(|text| pair(text)).collect();
    let Some(pairs) = pairs else {
        return Expected::Nothing("not pairs");
    };
    let values = |name: &str| -> Vec<&String> {
        let named = pairs
            .iter()
            .filter(|(key, _)| key.eq_ignore_ascii_case(name));
        named.map(|(_, value)| value).collect()
    };
    match (&values("hash")[..], &values("cert")[..]) {
        ([], []) => Expected::Nothing("neither Hash nor Cert"),
        ([hash], []) if is_hash(hash) => Expected::Certificate("a Hash", of_hash(hash)),
        ([_], []) => Expected::Nothing("a malformed Hash"),
        ([], [cert]) => certificates::escaped_pem(cert),
        ([hash], [cert]) => match certificates::escaped_pem(cert) {
            Expected::Certificate(_, thumbprint) | Expected::Perhaps(thumbprint)
                if !is_hash(hash) || of_hash(hash) != thumbprint =>
            {
                Expected::Nothing("a Hash that is not that of the Cert")
            }
            expected => expected,
        },
        (_, _) => Expected::Nothing("a repeated Hash or Cert"),
    }
}

/// Splits at a separator outside of quotes. A backslash in quotes escapes the next character.
fn split(text: &str, separator: char) -> Vec<String> {
    let mut parts = vec![String::new()];
    let (mut is_quoted, mut is_escaped) = (false, false);
    for character in text.chars() {
        let part = parts.last_mut().expect("one part or more");
        match character {
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = is_quoted,
            '"' => is_quoted = !is_quoted,
            _ if character == separator && !is_quoted => {
                parts.push(String::new());
                continue;
            }
            _ => {}
        }
        part.push(character);
    }
    parts
}

/// A key of letters and digits, and a value, with quotes around all of it or none.
fn pair(text: &str) -> Option<(&str, String)> {
    let (key, value) = text.split_once('=')?;
    if key.is_empty() || !key.chars().all(|c| c.is_ascii_alphanumeric()) {
        return None;
    }
    let Some(quoted) = value.strip_prefix('"') else {
        return (!value.contains('"')).then(|| (key, value.to_owned()));
    };
    let mut unescaped = String::new();
    let mut characters = quoted.chars();
    loop {
        match characters.next()? {
            '"' => break,
            '\\' => unescaped.push(characters.next()?),
            other => unescaped.push(other),
        }
    }
    characters.as_str().is_empty().then_some((key, unescaped))
}

/// The thumbprint of 64 hexadecimal digits.
fn of_hash(hash: &str) -> String {
    let octet = |at| u8::from_str_radix(&hash[at..at + 2], 16).expect("hexadecimal digits");
    let octets: Vec<u8> = (0..64).step_by(2).map(octet).collect();
    URL_SAFE_NO_PAD.encode(octets)
}

fn is_hash(text: &str) -> bool {
    text.len() == 64 && text.chars().all(|c| c.is_ascii_hexdigit())
}
