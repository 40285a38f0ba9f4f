//! Certificates in percent-encoded PEM: the request of a trusted proxy gets the certificate of its header exactly if the
//! header has one PEM block with one certificate. Other requests get none from it, and the header is always removed.

use tower_bearer_auth::possession::ClientCertificateFromHeader;

use crate::certificates;

pub const REACHES: &[&str] = &[
    "no header",
    "no field",
    "repeated",
    "empty",
    "too long",
    "malformed escapes",
    "not one block",
    "not base64",
    "no certificate",
    "another certificate",
    "the certificate",
];

const NAME: &str = "x-ssl-cert";

/// The input is one header per line. Without input there is no header. `certificates::fields` lists placeholders.
pub fn run(data: &[u8]) -> &'static str {
    let lines = (!data.is_empty()).then_some(data);
    let Some(fields) = certificates::fields(lines) else {
        return "no header";
    };
    let layer = ClientCertificateFromHeader::escaped_pem(NAME);
    certificates::run(&layer, NAME, &fields, certificates::escaped_pem)
}
