//! A certificate in percent-encoded PEM, as nginx and AWS write it.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use memchr::memmem;

use super::Problem;
use crate::possession::client_certificate::ClientCertificate;

const BEGIN: &[u8] = b"-----BEGIN CERTIFICATE-----";
const END: &[u8] = b"-----END CERTIFICATE-----";

/// Reads exactly one block (RFC 7468). A chain, a private key and text around the block are refused.
///
/// This is stricter than `VerifyingKey::from_public_key_pem`, whose text comes from editors and environment variables.
pub(super) fn parse(value: &[u8]) -> Result<ClientCertificate, Problem> {
    let pem = percent_decode(value).ok_or("malformed percent-encoding")?;
    let Some(block) = pem.trim_ascii().strip_prefix(BEGIN) else {
        return Err("not a certificate in PEM");
    };
    let Some(block) = block.strip_suffix(END) else {
        return Err("not one whole certificate in PEM");
    };
    if memmem::find(block, b"-----").is_some() {
        return Err("more than one PEM block");
    }
    // Proxies write line ends as LF, CRLF or a space.
    let mut base64 = block.to_vec();
    base64.retain(|octet| !octet.is_ascii_whitespace());
    let der = STANDARD.decode(base64).map_err(|_| "not base64")?;
    ClientCertificate::from_certificate(&der).ok_or("not a certificate in DER")
}

/// Decodes percent-encoding (RFC 3986 §2.1). `None` if it is malformed.
///
/// A plus sign stays one: only HTML forms encode a space as a plus sign, and base64 has plus signs.
fn percent_decode(text: &[u8]) -> Option<Cow<'_, [u8]>> {
    let mut pieces = text.split(|octet| *octet == b'%');
    let first = pieces.next()?;
    if first.len() == text.len() {
        return Some(text.into());
    }
    let mut decoded = Vec::with_capacity(text.len());
    decoded.extend_from_slice(first);
    for piece in pieces {
        let (&[high, low], rest) = piece.split_first_chunk()?;
        decoded.push(octet(high, low)?);
        decoded.extend_from_slice(rest);
    }
    Some(decoded.into())
}

/// The octet of two hexadecimal digits of either case.
pub(super) fn octet(high: u8, low: u8) -> Option<u8> {
    let digit = |digit: u8| char::from(digit).to_digit(16);
    u8::try_from(digit(high)? * 16 + digit(low)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::possession::client_certificate_from_header::test_certificate::{
        BASE64, certificate, nginx, pem,
    };

    #[test]
    fn one_certificate_is_read_however_it_is_escaped() {
        let pem = pem();
        let nginx = nginx();
        assert!(nginx.contains("%2B") && nginx.contains("%3D"), "{nginx}");
        // As the load balancers of AWS, which leave `+`, `=` and `/` as they are.
        let aws = pem.replace(' ', "%20").replace('\n', "%0A");
        assert!(aws.contains('+') && aws.contains('='), "{aws}");
        let every: String = pem.bytes().map(|octet| format!("%{octet:02X}")).collect();
        for value in [
            every.to_lowercase(),
            every,
            nginx.clone(),
            nginx.replace("%2B", "%2b").replace("%0A", "%0a"),
            aws.clone(),
            aws.replace("%0A", "%0D%0A"),
            aws.replace("%0A", "%0A%0A"),
            aws.trim_end_matches("%0A").to_owned(),
            format!("%0A%20{aws}%20%09"),
            // As Apache, which replaces line ends with spaces and escapes nothing.
            pem.trim_end().replace('\n', " "),
            format!("-----BEGIN CERTIFICATE-----{BASE64}-----END CERTIFICATE-----"),
        ] {
            assert_eq!(parse(value.as_bytes()), Ok(certificate()), "{value}");
        }
    }

    #[test]
    fn everything_else_is_refused() {
        const NO_PEM: Problem = "not a certificate in PEM";
        const NO_END: Problem = "not one whole certificate in PEM";
        let escape = |pem: &str| pem.replace(' ', "%20").replace('\n', "%0A");
        let pem = pem();
        let good = escape(&pem);
        let private = escape("-----BEGIN PRIVATE KEY-----\nMAA=\n-----END PRIVATE KEY-----\n");
        let chain = format!("{good}{good}");
        let as_form = good.replace("%20", "+");
        let (start, rest) = good.split_at(good.len() / 2);
        for (value, problem) in [
            ("%20".into(), NO_PEM),
            ("-".into(), NO_PEM),
            (BASE64.into(), NO_PEM),
            (format!(":{BASE64}:"), NO_PEM),
            (private.clone(), NO_PEM),
            (format!("{private}{good}"), NO_PEM),
            (format!("{good}{private}"), NO_END),
            (chain.clone(), "more than one PEM block"),
            (
                chain.replace("-----%0A-----", "----------"),
                "more than one PEM block",
            ),
            (format!("{good},{good}"), "more than one PEM block"),
            (format!("{good}, {good}"), "more than one PEM block"),
            (format!("text{good}"), NO_PEM),
            (format!("{good}text"), NO_END),
            (good.replace("-----END%20CERTIFICATE-----", ""), NO_END),
            (
                good.replace("-----END%20CERTIFICATE-----", "-----END%20CERTIFICATE----"),
                NO_END,
            ),
            (
                good.replace("END%20CERTIFICATE", "END%20X509%20CERTIFICATE"),
                NO_END,
            ),
            (good.replace("CERTIFICATE", "X509%20CERTIFICATE"), NO_PEM),
            (good.replace("CERTIFICATE", "TRUSTED%20CERTIFICATE"), NO_PEM),
            (good.replace("CERTIFICATE", "PUBLIC%20KEY"), NO_PEM),
            (good.replace("CERTIFICATE", "certificate"), NO_PEM),
            (good.replace("%20", "%2520"), NO_PEM),
            // The plus sign is no space.
            (as_form, NO_PEM),
            // A proxy that decodes it as a form leaves a base64 text without its plus signs.
            (good.replace('+', " "), "not base64"),
            (good.replace('+', "%20"), "not base64"),
            (good.replace('+', "-"), "not base64"),
            (good.replace('/', "_"), "not base64"),
            (good.replace('=', ""), "not base64"),
            (good.replace("=%0A", "==%0A"), "not base64"),
            (
                good.replacen("-----%0A", "-----%0AComment:%20x%0A", 1),
                "not base64",
            ),
            (format!("{start}%00{rest}"), "not base64"),
            (format!("{start}%FF{rest}"), "not base64"),
            (format!("{good}%"), "malformed percent-encoding"),
            (format!("{good}%0"), "malformed percent-encoding"),
            (format!("{good}%0G"), "malformed percent-encoding"),
            (format!("{good}%%0A"), "malformed percent-encoding"),
            (format!("{good}%+A"), "malformed percent-encoding"),
            (
                good.replace(BASE64.split_at(64).0, ""),
                "not a certificate in DER",
            ),
            (
                escape("-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----"),
                "not a certificate in DER",
            ),
            (
                escape("-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----"),
                "not a certificate in DER",
            ),
            (
                "-----BEGIN%20CERTIFICATE-----END%20CERTIFICATE-----".into(),
                NO_END,
            ),
        ] {
            assert_eq!(parse(value.as_bytes()), Err(problem), "{value}");
        }
    }
}
