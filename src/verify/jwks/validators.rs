use http::HeaderValue;

/// What a source recognizes its own document by (RFC 9110 §8.8).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Validators {
    etag: HeaderValue,
}

impl Validators {
    /// The document's entity tag.
    pub fn from_etag(etag: HeaderValue) -> Self {
        Self { etag }
    }

    /// The document's entity tag, for `If-None-Match`.
    pub fn etag(&self) -> &HeaderValue {
        &self.etag
    }
}
