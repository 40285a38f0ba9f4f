//! A certificate for the tests of the forms.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::possession::client_certificate::ClientCertificate;

/// The DER in base64, with each of its special characters.
pub(super) const BASE64: &str = "\
    MIIBdzCCAR2gAwIBAgIURBd/9eHmAMv2Syy3dxbGE/bL/UUwCgYIKoZIzj0EAwIwETEPMA0GA1UEAwwGY2xpZW50MB4XDTI2MTEy\
    OTE5NDYzMFoXDTI2MTEzMDE5NDYzMFowETEPMA0GA1UEAwwGY2xpZW50MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEMFf484WT\
    5pi9ytGeV+dBNq/GU6Ltm9FKmWvs32noy28lzQ/TF3WI51/Lpp0GHASPHtQ85FOPjssxvq/PguQaU6NTMFEwHQYDVR0OBBYEFHZs\
    VdKlOWcGqUxU1PIwQDt7bMQ8MB8GA1UdIwQYMBaAFHZsVdKlOWcGqUxU1PIwQDt7bMQ8MA8GA1UdEwEB/wQFMAMBAf8wCgYIKoZI\
    zj0EAwIDSAAwRQIhAI7a7ZhOw+PvqgT+ICL/bh72jDd1Reb6u1+UhB8igXBLAiBoc2oWYgvXNym/TtEvRbGn/meusRXs59+sWuK2\
    3TXBig==";

/// The SHA-256 digest of the DER in hexadecimal.
pub(super) const HASH: &str = "096e4046def696476b7ee05c3f701cea17e6b52e275f4467fd176a8524a679ba";

/// The digest in base64url.
const THUMBPRINT: &str = "CW5ARt72lkdrfuBcP3Ac6hfmtS4nX0Rn_RdqhSSmebo";

pub(super) fn certificate() -> ClientCertificate {
    let certificate = ClientCertificate::from_der(&STANDARD.decode(BASE64).unwrap());
    assert_eq!(certificate.thumbprint(), THUMBPRINT);
    certificate
}

/// The certificate in PEM, in lines of 64 characters.
pub(super) fn pem() -> String {
    let mut pem = String::from("-----BEGIN CERTIFICATE-----\n");
    for line in BASE64.as_bytes().chunks(64) {
        pem.push_str(str::from_utf8(line).unwrap());
        pem.push('\n');
    }
    pem + "-----END CERTIFICATE-----\n"
}

/// The PEM as nginx and Envoy escape it.
pub(super) fn nginx() -> String {
    let mut escaped = String::new();
    for octet in pem().bytes() {
        match octet {
            b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' | b'-' => escaped.push(octet.into()),
            octet => escaped.push_str(&format!("%{octet:02X}")),
        }
    }
    escaped
}
