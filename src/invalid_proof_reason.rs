//! The reason why a proof of possession was refused.

/// The reason why a proof of possession is not acceptable (RFC 9449 §4.3). The token itself is valid.
///
/// A proof of another key than the token's is [`InvalidReason::OtherKey`](crate::InvalidReason::OtherKey).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum InvalidProofReason {
    /// The request has no proof.
    Missing,
    /// The request has more than one proof.
    Repeated,
    /// The proof is not what RFC 9449 §4.2 describes, or is too long.
    Malformed,
    /// The signature of the proof is not valid.
    BadSignature,
    /// The proof was made too long ago, or is from the future.
    Stale,
    /// The proof was made for another method or URL.
    OtherRequest,
    /// The proof was made for another access token.
    OtherToken,
    /// The proof was used before.
    Replayed,
}

impl InvalidProofReason {
    /// A sentence for the developer of the client, which is sent as `error_description`.
    pub fn description(self) -> &'static str {
        match self {
            Self::Missing => "The request has no DPoP proof",
            Self::Repeated => "The request has more than one DPoP proof",
            Self::Malformed => "The DPoP proof is malformed",
            Self::BadSignature => "The signature of the DPoP proof does not match",
            Self::Stale => "The DPoP proof is too old or from the future",
            Self::OtherRequest => "The DPoP proof is for another method or URL",
            Self::OtherToken => "The DPoP proof is for another access token",
            Self::Replayed => "The DPoP proof was used before",
        }
    }

    /// A short constant name for logs and metrics, such as `proof_stale`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Missing => "proof_missing",
            Self::Repeated => "proof_repeated",
            Self::Malformed => "proof_malformed",
            Self::BadSignature => "proof_signature",
            Self::Stale => "proof_stale",
            Self::OtherRequest => "proof_other_request",
            Self::OtherToken => "proof_other_token",
            Self::Replayed => "proof_replayed",
        }
    }
}
