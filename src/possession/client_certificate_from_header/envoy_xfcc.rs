//! `X-Forwarded-Client-Cert`, as Envoy writes it.

use super::Problem;
use super::escaped_pem::{self, octet};
use crate::possession::client_certificate::ClientCertificate;

/// Reads one element: pairs of a key and a value, separated by semicolons.
///
/// Each proxy on the path appends an element. So several elements come from several hops, and the server cannot know
/// which one is for this client.
///
/// Envoy copies names from the client's certificate (`URI`, `DNS`) without escaping them. So a client with a self-made
/// certificate can inject pairs and elements. Envoy itself writes `Hash` and `Cert`, so a repeated one or a
/// disagreement between the two is refused.
pub(super) fn parse(value: &[u8]) -> Result<ClientCertificate, Problem> {
    let mut by_hash = None;
    let mut by_certificate = None;
    let mut rest = value;
    loop {
        let (key, after_key) = split_key(rest)?;
        let (value, after_value) = split_value(after_key)?;
        let repeated = if key.eq_ignore_ascii_case(b"Hash") {
            by_hash.replace(from_hash(&value)?).is_some()
        } else if key.eq_ignore_ascii_case(b"Cert") {
            by_certificate
                .replace(escaped_pem::parse(&value)?)
                .is_some()
        } else {
            false
        };
        if repeated {
            return Err("a repeated Hash or Cert");
        }
        rest = match after_value {
            [] => break,
            [b';', rest @ ..] => rest,
            [b',', ..] => return Err(SEVERAL_HOPS),
            [..] => return Err(MALFORMED),
        };
    }
    match (by_hash, by_certificate) {
        (Some(hash), Some(certificate)) if hash != certificate => {
            Err("a Hash that is not that of the Cert")
        }
        (Some(certificate), _) | (None, Some(certificate)) => Ok(certificate),
        (None, None) => Err("neither Hash nor Cert"),
    }
}

const MALFORMED: Problem = "not pairs of a key and a value";
const SEVERAL_HOPS: Problem = "more than one hop";

/// Splits a key and its equals sign off.
fn split_key(text: &[u8]) -> Result<(&[u8], &[u8]), Problem> {
    let end = text
        .iter()
        .position(|octet| !octet.is_ascii_alphanumeric())
        .unwrap_or(text.len());
    match text.split_at(end) {
        ([_, ..], [b'=', rest @ ..]) => Ok((&text[..end], rest)),
        (_, [b',', ..]) => Err(SEVERAL_HOPS),
        (_, _) => Err(MALFORMED),
    }
}

/// Splits a value off, and removes its quotes and escapes.
fn split_value(text: &[u8]) -> Result<(Vec<u8>, &[u8]), Problem> {
    let Some(quoted) = text.strip_prefix(b"\"") else {
        let end = text
            .iter()
            .position(|octet| matches!(octet, b';' | b','))
            .unwrap_or(text.len());
        let (value, rest) = text.split_at(end);
        // Another parser could read a quote inside the value as the start of a quoted value.
        if value.contains(&b'"') {
            return Err(MALFORMED);
        }
        return Ok((value.to_vec(), rest));
    };
    let mut value = Vec::new();
    let mut octets = quoted.iter();
    while let Some(octet) = octets.next() {
        match octet {
            b'"' => return Ok((value, octets.as_slice())),
            // Names have escapes of their own (RFC 4514 §2.4), which are escapes here too.
            b'\\' => value.push(*octets.next().ok_or(MALFORMED)?),
            octet => value.push(*octet),
        }
    }
    Err(MALFORMED)
}

/// The certificate with this SHA-256 digest in hexadecimal.
fn from_hash(hexadecimal: &[u8]) -> Result<ClientCertificate, Problem> {
    const PROBLEM: Problem = "a Hash that is not 64 hexadecimal digits";
    let (pairs, []) = hexadecimal.as_chunks() else {
        return Err(PROBLEM);
    };
    let octets: Option<Vec<u8>> = pairs.iter().map(|&[high, low]| octet(high, low)).collect();
    let digest = octets.and_then(|octets| octets.try_into().ok());
    digest
        .as_ref()
        .map(ClientCertificate::from_digest)
        .ok_or(PROBLEM)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::possession::client_certificate_from_header::test_certificate::{
        HASH, certificate, nginx,
    };

    #[test]
    fn the_hash_or_the_certificate_of_one_element_is_read() {
        let cert = nginx();
        let upper = HASH.to_uppercase();
        assert_ne!(upper, HASH);
        for value in [
            format!("Hash={HASH}"),
            format!("Hash={upper}"),
            format!("hash={HASH}"),
            format!("HASH=\"{HASH}\""),
            format!("Cert=\"{cert}\""),
            format!("Cert={cert}"),
            format!("By=;Hash={HASH}"),
            format!("By=spiffe://a/b?c=d;Hash={HASH};URI=spiffe://e"),
            format!("Hash={HASH};Cert=\"{cert}\""),
            format!("Cert=\"{cert}\";Hash={HASH}"),
            format!(
                "By=http://a;Hash={HASH};Subject=\"/C=US/L=San Francisco/CN=a,b;c\";URI=;DNS=a;DNS=b"
            ),
            // Text in quotes is no pair and no element.
            format!("Hash={HASH};Subject=\"CN=\\\";Hash=00\""),
            format!("Hash={HASH};Subject=\"CN=\\\",Hash=00\""),
            format!("Subject=\"CN=a\\\\\";Hash={HASH}"),
            format!("Subject=\"CN=a\\,b\";Hash={HASH}"),
            format!("Subject=\"\";Hash={HASH}"),
            format!("Hash={HASH};Chain=\"{cert}{cert}\""),
            format!("Hash={HASH};Future=1"),
            format!("Hash=\"\\{HASH}\""),
        ] {
            assert_eq!(parse(value.as_bytes()), Ok(certificate()), "{value}");
        }
    }

    #[test]
    fn everything_else_is_refused() {
        const NO_HASH: Problem = "a Hash that is not 64 hexadecimal digits";
        const REPEATED: Problem = "a repeated Hash or Cert";
        let cert = nginx();
        let other = "00".repeat(32);
        let short = &HASH[2..];
        for (value, problem) in [
            // More than one hop, also where only one of them has a certificate.
            (format!("Hash={HASH},Hash={other}"), SEVERAL_HOPS),
            (format!("Hash={HASH}, Hash={HASH}"), SEVERAL_HOPS),
            (format!("By=a,Hash={HASH}"), SEVERAL_HOPS),
            (format!("Hash={HASH},By=a"), SEVERAL_HOPS),
            (format!("Hash={HASH},"), SEVERAL_HOPS),
            (format!(",Hash={HASH}"), SEVERAL_HOPS),
            (format!("Hash={HASH};,By=a"), SEVERAL_HOPS),
            (format!("Hash={HASH};Subject=\"a\",By=a"), SEVERAL_HOPS),
            (",".into(), SEVERAL_HOPS),
            // Names of a certificate that its client made itself.
            (format!("Hash={HASH};URI=a;Hash={other}"), REPEATED),
            (format!("Hash={HASH};URI=a,Hash={other}"), SEVERAL_HOPS),
            (format!("Hash={HASH};URI=a\";x=\"b"), MALFORMED),
            (format!("Hash={HASH};hash={HASH}"), REPEATED),
            (format!("Cert=\"{cert}\";Cert=\"{cert}\""), REPEATED),
            (
                format!("Hash={other};Cert=\"{cert}\""),
                "a Hash that is not that of the Cert",
            ),
            (
                format!("Cert=\"{cert}\";Hash={other}"),
                "a Hash that is not that of the Cert",
            ),
            ("By=a;Subject=\"CN=a\"".into(), "neither Hash nor Cert"),
            (format!("Chain=\"{cert}\""), "neither Hash nor Cert"),
            (format!("By=\"Hash={HASH}\""), "neither Hash nor Cert"),
            ("Hash=".into(), NO_HASH),
            ("Hash=\"\"".into(), NO_HASH),
            (format!("Hash={short}"), NO_HASH),
            (format!("Hash={HASH}00"), NO_HASH),
            (format!("Hash={short}g0"), NO_HASH),
            (format!("Hash={short}+0"), NO_HASH),
            (format!("Hash= {HASH}"), NO_HASH),
            (format!("Hash={HASH} "), NO_HASH),
            (format!("Hash=0x{HASH}"), NO_HASH),
            (format!("Hash==\"{HASH}\""), MALFORMED),
            (format!("Hash=\"{HASH}"), MALFORMED),
            (format!("Hash={HASH}\""), MALFORMED),
            (format!("Hash=\"{HASH}\"x"), MALFORMED),
            (format!("Hash=\"{HASH}\\"), MALFORMED),
            (format!("Hash=\"{HASH}\\\""), MALFORMED),
            (format!("Hash={HASH};"), MALFORMED),
            (format!(";Hash={HASH}"), MALFORMED),
            (format!("Hash={HASH};;By=a"), MALFORMED),
            (format!("Hash={HASH}; By=a"), MALFORMED),
            (format!("Hash ={HASH}"), MALFORMED),
            (format!("=a;Hash={HASH}"), MALFORMED),
            ("Hash".into(), MALFORMED),
            (HASH.into(), MALFORMED),
            ("Cert=".into(), "not a certificate in PEM"),
            (format!("Cert=\"{cert}{cert}\""), "more than one PEM block"),
            (
                format!("Hash={HASH};Cert=\"{}\"", cert.replace("%2B", "-")),
                "not base64",
            ),
            (
                format!("Hash={HASH};Cert=\"%\""),
                "malformed percent-encoding",
            ),
        ] {
            assert_eq!(parse(value.as_bytes()), Err(problem), "{value}");
        }
    }
}
