//! The certificate of the client, as the TLS acceptor or a proxy reports it.

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// The certificate with which the client of this connection has authenticated itself (RFC 8705): an extension of the
/// request. It contains only the thumbprint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientCertificate {
    thumbprint: Box<str>,
}

impl ClientCertificate {
    /// The certificate with this encoding in DER.
    pub fn from_der(der: &[u8]) -> Self {
        Self::from_digest(digest(&SHA256, der).as_ref())
    }

    /// The certificate whose encoding has this SHA-256 digest.
    pub(super) fn from_digest(digest: &[u8]) -> Self {
        Self {
            thumbprint: URL_SAFE_NO_PAD.encode(digest).into(),
        }
    }

    /// The SHA-256 thumbprint in base64url without padding, as in `x5t#S256` (RFC 8705 §3.1).
    pub fn thumbprint(&self) -> &str {
        &self.thumbprint
    }
}
