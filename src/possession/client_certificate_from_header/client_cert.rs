//! `Client-Cert: :BASE64:` (RFC 9440).

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use super::Problem;
use crate::possession::client_certificate::ClientCertificate;

/// Reads a byte sequence without parameters: base64 of the certificate in DER between two colons (RFC 9651 §3.3.5).
pub(super) fn parse(value: &[u8]) -> Result<ClientCertificate, Problem> {
    let Some(base64) = value
        .strip_prefix(b":")
        .and_then(|value| value.strip_suffix(b":"))
    else {
        return Err("not a byte sequence");
    };
    if base64.contains(&b':') {
        return Err("more than one certificate");
    }
    let der = LENIENT.decode(base64).map_err(|_| "not base64")?;
    ClientCertificate::from_certificate(&der).ok_or("not a certificate in DER")
}

/// Recipients should accept base64 without padding, and with bits after its end (RFC 9651 §4.2.7).
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::possession::client_certificate_from_header::test_certificate::{
        BASE64, certificate,
    };

    #[test]
    fn a_byte_sequence_with_a_certificate_is_read() {
        let unpadded = BASE64.trim_end_matches('=');
        assert_ne!(unpadded, BASE64);
        for base64 in [BASE64, unpadded] {
            let value = format!(":{base64}:");
            assert_eq!(parse(value.as_bytes()), Ok(certificate()), "{value}");
        }
    }

    #[test]
    fn everything_else_is_refused() {
        let (start, end) = BASE64.split_at(64);
        let url_safe = BASE64.replace('+', "-").replace('/', "_");
        assert_ne!(url_safe, BASE64);
        for (value, problem) in [
            (":".into(), "not a byte sequence"),
            ("::".into(), "not a certificate in DER"),
            (BASE64.into(), "not a byte sequence"),
            (format!(":{BASE64}"), "not a byte sequence"),
            (format!("{BASE64}:"), "not a byte sequence"),
            (format!("\"{BASE64}\""), "not a byte sequence"),
            (format!(":{BASE64}:;a=1"), "not a byte sequence"),
            (
                format!(":{BASE64}:, :{BASE64}:"),
                "more than one certificate",
            ),
            (
                format!(":{BASE64}:,:{BASE64}:"),
                "more than one certificate",
            ),
            (
                format!(":{BASE64}: :{BASE64}:"),
                "more than one certificate",
            ),
            (format!(":{BASE64}=:"), "not base64"),
            (format!(":{url_safe}:"), "not base64"),
            (format!(": {BASE64}:"), "not base64"),
            (format!(":{BASE64} :"), "not base64"),
            (format!(":{start} {end}:"), "not base64"),
            (format!(":{start}\t{end}:"), "not base64"),
            (format!(":{start}%0A{end}:"), "not base64"),
            (format!(":{}:", BASE64.replace('+', "%2B")), "not base64"),
            (format!(":{start}:"), "not a certificate in DER"),
            (format!(":{end}:"), "not a certificate in DER"),
            (
                format!(":{}AAAA:", BASE64.trim_end_matches('=')),
                "not a certificate in DER",
            ),
            (":AAAA:".into(), "not a certificate in DER"),
            // The DER of an empty sequence.
            (":MAA=:".into(), "not a certificate in DER"),
        ] {
            assert_eq!(parse(value.as_bytes()), Err(problem), "{value}");
        }
        assert_eq!(parse(b":\xff\xfe:"), Err("not base64"));
    }
}
