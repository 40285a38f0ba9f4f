//! The reason why a JWK is not used, for metrics and error texts.

use std::fmt;

use super::key::BadMaterial;

/// The reason why a JWK is not used. `Display` writes it as the end of a sentence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unusable {
    NotJson,
    NotAnObject,
    /// A required member is absent or `null`.
    Missing(&'static str),
    /// A member has a wrong type, or a value that cannot be represented.
    WrongType(&'static str),
    /// A member occurs twice, so that two parsers could read different keys.
    Repeated(&'static str),
    /// A member is neither base64url nor base64.
    NotBase64(&'static str),
    UnknownKeyType,
    UnknownCurve,
    /// `alg` is not a supported signature algorithm, or not one for this key.
    UnsupportedAlgorithm,
    /// `use` or `key_ops` names another purpose, such as encryption.
    NotForVerifying,
    /// It has private members, which a verifier must not have.
    Private,
    /// It is a shared secret in a document of another server.
    Symmetric,
    Material(BadMaterial),
}

impl Unusable {
    /// A short constant name for metrics.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::NotJson
            | Self::NotAnObject
            | Self::Missing(_)
            | Self::WrongType(_)
            | Self::Repeated(_)
            | Self::NotBase64(_) => "malformed",
            Self::UnknownKeyType => "unknown_key_type",
            Self::UnknownCurve => "unknown_curve",
            Self::UnsupportedAlgorithm => "unsupported_algorithm",
            Self::NotForVerifying => "not_for_verifying",
            Self::Private => "private",
            Self::Symmetric => "symmetric",
            Self::Material(BadMaterial::WeakRsa { .. }) => "weak_rsa",
            Self::Material(BadMaterial::ShortSecret { .. }) => "short_secret",
            Self::Material(
                BadMaterial::PemAsSecret | BadMaterial::SmallOrder | BadMaterial::Invalid,
            ) => "invalid_material",
        }
    }

    /// Whether the key is legitimate and for another purpose. Such keys are ignored without a warning.
    pub(crate) fn is_for_others(self) -> bool {
        match self {
            Self::UnknownKeyType
            | Self::UnknownCurve
            | Self::UnsupportedAlgorithm
            | Self::NotForVerifying => true,
            Self::NotJson
            | Self::NotAnObject
            | Self::Missing(_)
            | Self::WrongType(_)
            | Self::Repeated(_)
            | Self::NotBase64(_)
            | Self::Private
            | Self::Symmetric
            | Self::Material(_) => false,
        }
    }
}

impl fmt::Display for Unusable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotJson => "is not JSON",
            Self::NotAnObject => "is not a JSON object",
            Self::Missing(name) => return write!(f, "lacks the member {name}"),
            Self::WrongType(name) => return write!(f, "has a member {name} of a wrong type"),
            Self::Repeated(name) => return write!(f, "has the member {name} twice"),
            Self::NotBase64(name) => return write!(f, "has a member {name} that is not base64url"),
            Self::UnknownKeyType => "has an unknown key type (kty)",
            Self::UnknownCurve => "has an unknown curve (crv)",
            Self::UnsupportedAlgorithm => "has an alg that is not supported for its type",
            Self::NotForVerifying => "is not for verifying signatures (use, key_ops)",
            Self::Private => "has private members; give the public key",
            Self::Symmetric => "is a shared secret",
            Self::Material(bad) => return bad.fmt(f),
        })
    }
}
