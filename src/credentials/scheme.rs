//! The scheme and the part of the request in which a token is sent.

/// The authentication scheme (RFC 9110 §11.1) in which a request sends its token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Scheme {
    /// `Bearer` (RFC 6750 §2.1).
    #[default]
    Bearer,
    /// `DPoP` (RFC 9449 §7.1): the token is bound to a key, and the request has a proof of that key.
    Dpop,
}

impl Scheme {
    /// The name in the `Authorization` and `WWW-Authenticate` fields: `Bearer` or `DPoP`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Bearer => "Bearer",
            Self::Dpop => "DPoP",
        }
    }
}

/// The part of a request that contained its token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Carrier {
    Authorization,
    Cookie,
    Header,
    WebSocketProtocol,
}
