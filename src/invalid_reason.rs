//! The reason why a token was refused.

/// The reason why a token is not acceptable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum InvalidReason {
    /// The token does not have the form that this verifier expects.
    Malformed,
    /// The token is longer than the layer accepts.
    TooLong,
    /// The token has no signature, or one with an algorithm that no key of this verifier allows.
    UnsupportedAlgorithm,
    /// The token names a key (`kid`) that is not a key of the issuer.
    UnknownKey,
    /// The signature is not valid.
    BadSignature,
    /// The token has expired.
    Expired,
    /// The `nbf` or `iat` of the token is in the future.
    NotYetValid,
    /// The token is from another issuer.
    WrongIssuer,
    /// The token was issued for another audience.
    WrongAudience,
    /// The token is not an access token, but an ID token, a logout token or a token with another header `typ`.
    WrongType,
    /// A required claim is missing.
    MissingClaim,
    /// A claim has a wrong type or value.
    InvalidClaim,
    /// The token is bound to a key (`cnf`, RFC 7800), and the request does not show that its sender has that key.
    BoundToKey,
    /// The token is bound to another key than the one that the sender has.
    OtherKey,
    /// The request needs a token that is bound to a key, in the scheme `DPoP`.
    NotBoundToKey,
    /// The verifier does not recognize the token.
    Unrecognized,
    /// The issuer revoked the token, or withdrew the key that signed it.
    Revoked,
    /// Another reason, as a sentence for the developer of the client.
    Other(&'static str),
}

impl InvalidReason {
    /// A sentence for the developer of the client, which is sent as `error_description` (RFC 6750 §3).
    pub fn description(&self) -> &'static str {
        match self {
            Self::Malformed => "The access token is malformed",
            Self::TooLong => "The access token is too long",
            Self::UnsupportedAlgorithm => "The access token's algorithm is not accepted",
            Self::UnknownKey => "The access token is signed with an unknown key",
            Self::BadSignature => "The access token's signature does not match",
            Self::Expired => "The access token expired",
            Self::NotYetValid => "The access token is not valid yet",
            Self::WrongIssuer => "The access token is from another issuer",
            Self::WrongAudience => "The access token is meant for another audience",
            Self::WrongType => "The token is not an access token for this server",
            Self::MissingClaim => "The access token lacks a required claim",
            Self::InvalidClaim => "The access token has an unacceptable claim",
            Self::BoundToKey => {
                "The access token is bound to a key and cannot be used as a bearer token"
            }
            Self::OtherKey => "The access token is bound to another key",
            Self::NotBoundToKey => {
                "The access token must be bound to a key and sent with a DPoP proof"
            }
            Self::Unrecognized => "The access token is not recognized",
            Self::Revoked => "The access token was revoked",
            Self::Other(description) => description,
        }
    }

    /// A short constant name for logs and metrics, such as `expired`.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::TooLong => "too_long",
            Self::UnsupportedAlgorithm => "unsupported_algorithm",
            Self::UnknownKey => "unknown_key",
            Self::BadSignature => "bad_signature",
            Self::Expired => "expired",
            Self::NotYetValid => "not_yet_valid",
            Self::WrongIssuer => "wrong_issuer",
            Self::WrongAudience => "wrong_audience",
            Self::WrongType => "wrong_type",
            Self::MissingClaim => "missing_claim",
            Self::InvalidClaim => "invalid_claim",
            Self::BoundToKey => "bound_to_key",
            Self::OtherKey => "proof_key",
            Self::NotBoundToKey => "not_bound_to_key",
            Self::Unrecognized => "unrecognized",
            Self::Revoked => "revoked",
            Self::Other(_) => "other",
        }
    }
}

impl From<&'static str> for InvalidReason {
    fn from(description: &'static str) -> Self {
        Self::Other(description)
    }
}
