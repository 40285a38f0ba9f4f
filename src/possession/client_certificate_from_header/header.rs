//! The header that a proxy sets: its name and its form.

use http::header::{HeaderMap, HeaderName, HeaderValue};

use super::{Problem, client_cert, envoy_xfcc, escaped_pem};
use crate::possession::client_certificate::ClientCertificate;

#[derive(Debug, Clone)]
pub(super) struct Header {
    name: HeaderName,
    form: Form,
}

#[derive(Debug, Clone, Copy)]
enum Form {
    ClientCert,
    EnvoyXfcc,
    EscapedPem,
}

/// The maximum length of a value, in bytes. A certificate has 1 to 2 KB, and one with an ML-DSA-87 key and signature 8.
const MAX_LENGTH: usize = 64 * 1024;

const CLIENT_CERT: HeaderName = HeaderName::from_static("client-cert");
const CLIENT_CERT_CHAIN: HeaderName = HeaderName::from_static("client-cert-chain");
const X_FORWARDED_CLIENT_CERT: HeaderName = HeaderName::from_static("x-forwarded-client-cert");

impl Header {
    pub(super) fn client_cert() -> Self {
        Self {
            name: CLIENT_CERT,
            form: Form::ClientCert,
        }
    }

    pub(super) fn envoy_xfcc() -> Self {
        Self {
            name: X_FORWARDED_CLIENT_CERT,
            form: Form::EnvoyXfcc,
        }
    }

    pub(super) fn escaped_pem(name: HeaderName) -> Self {
        Self {
            name,
            form: Form::EscapedPem,
        }
    }

    pub(super) fn name(&self) -> &str {
        self.name.as_str()
    }

    /// Removes the header, each of its fields. `None` if there is none.
    pub(super) fn take(&self, headers: &mut HeaderMap) -> Option<Field> {
        match self.form {
            Form::ClientCert => drop(headers.remove(CLIENT_CERT_CHAIN)),
            Form::EnvoyXfcc | Form::EscapedPem => {}
        }
        let is_repeated = headers.get_all(&self.name).iter().nth(1).is_some();
        let value = headers.remove(&self.name)?;
        Some(match is_repeated {
            true => Field::Repeated,
            false => Field::Single(value),
        })
    }

    /// Reads the certificate. `None` if the value is empty, as some proxies send it for clients without a certificate.
    pub(super) fn parse(&self, field: &Field) -> Result<Option<ClientCertificate>, Problem> {
        let value = match field {
            Field::Single(value) => value.as_bytes().trim_ascii(),
            Field::Repeated => return Err("repeated"),
        };
        if value.is_empty() {
            return Ok(None);
        }
        if value.len() > MAX_LENGTH {
            return Err("longer than 64 KiB");
        }
        let parse = match self.form {
            Form::ClientCert => client_cert::parse,
            Form::EnvoyXfcc => envoy_xfcc::parse,
            Form::EscapedPem => escaped_pem::parse,
        };
        parse(value).map(Some)
    }
}

/// A header that was removed from a request.
#[derive(Debug)]
pub(super) enum Field {
    Single(HeaderValue),
    Repeated,
}
