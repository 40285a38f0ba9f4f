//! A layer that reads the client certificate from a header of a proxy.

mod client_cert;
mod envoy_xfcc;
mod escaped_pem;
mod header;
mod layer;
mod service;
#[cfg(test)]
mod test_certificate;

pub use self::layer::ClientCertificateFromHeader;
pub use self::service::ClientCertificateMiddleware;

/// The rule that a header breaks: a constant for the log.
type Problem = &'static str;
