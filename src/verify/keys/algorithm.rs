//! The signature algorithms (RFC 7518 §3, RFC 8037 §3.1, RFC 9864, RFC 9964) and their properties.
//!
//! An algorithm is a row of the table in this file. A new algorithm for a known type of key needs only a row. A new
//! type of key also needs a [`Scheme`] and a [`KeyKind`]. The compiler then lists the places that must handle such
//! keys.

use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;

use aws_lc_rs::hmac;
use aws_lc_rs::signature::{
    self, EcdsaSigningAlgorithm, EcdsaVerificationAlgorithm, PqdsaSigningAlgorithm,
    PqdsaVerificationAlgorithm, RsaParameters, RsaSignatureEncoding,
};
use der::asn1::ObjectIdentifier;

use super::unknown_algorithm::UnknownAlgorithm;

/// Generates the enum, the table and the parser of names from one row for each algorithm.
///
/// The name is looked up for every token, so a `match` over literals is generated instead of a search in the table.
/// Everything else is looked up in the table by index.
macro_rules! algorithms {
    ($(
        $(#[$attribute:meta])*
        $variant:ident = $name:literal $(| $other_name:literal)?, $signature_lengths:expr, $scheme:expr;
    )*) => {
        /// A JWS signature algorithm.
        ///
        /// There is no variant for `none`: tokens without a signature are always refused (RFC 8725 §3.2).
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[non_exhaustive]
        pub enum Algorithm {
            $($(#[$attribute])* $variant,)*
        }

        impl Algorithm {
            /// All supported algorithms, in the order of the variants.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// Finds an algorithm by the value of `alg`. Names are case-sensitive (RFC 7515 §4.1.1).
            pub(crate) fn from_name(name: &str) -> Option<Self> {
                match name {
                    $($name $(| $other_name)? => Some(Self::$variant),)*
                    _ => None,
                }
            }
        }

        /// In the order of the variants, so that an algorithm is the index of its row.
        static ROWS: [Row; Algorithm::ALL.len()] = [$(
            Row {
                name: $name,
                #[cfg(feature = "dpop")]
                other_names: &[$($other_name)?],
                signature_lengths: $signature_lengths,
                scheme: $scheme,
            },
        )*];
    };
}

// The name in `alg`, with a second one if it has two; the length of a signature in bytes; the scheme.
algorithms! {
    /// HMAC with SHA-256.
    HS256 = "HS256", 32..=32, hmac(hmac::HMAC_SHA256, 32);
    /// HMAC with SHA-384.
    HS384 = "HS384", 48..=48, hmac(hmac::HMAC_SHA384, 48);
    /// HMAC with SHA-512.
    HS512 = "HS512", 64..=64, hmac(hmac::HMAC_SHA512, 64);
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    RS256 = "RS256", RSA_LENGTHS, rsa(&signature::RSA_PKCS1_2048_8192_SHA256, &signature::RSA_PKCS1_SHA256, None);
    /// RSASSA-PKCS1-v1_5 with SHA-384.
    RS384 = "RS384", RSA_LENGTHS, rsa(&signature::RSA_PKCS1_2048_8192_SHA384, &signature::RSA_PKCS1_SHA384, None);
    /// RSASSA-PKCS1-v1_5 with SHA-512.
    RS512 = "RS512", RSA_LENGTHS, rsa(&signature::RSA_PKCS1_2048_8192_SHA512, &signature::RSA_PKCS1_SHA512, None);
    /// RSASSA-PSS with SHA-256.
    PS256 = "PS256", RSA_LENGTHS, rsa(&signature::RSA_PSS_2048_8192_SHA256, &signature::RSA_PSS_SHA256, pss(SHA256, 32));
    /// RSASSA-PSS with SHA-384.
    PS384 = "PS384", RSA_LENGTHS, rsa(&signature::RSA_PSS_2048_8192_SHA384, &signature::RSA_PSS_SHA384, pss(SHA384, 48));
    /// RSASSA-PSS with SHA-512.
    PS512 = "PS512", RSA_LENGTHS, rsa(&signature::RSA_PSS_2048_8192_SHA512, &signature::RSA_PSS_SHA512, pss(SHA512, 64));
    /// ECDSA on P-256 with SHA-256.
    ES256 = "ES256", 64..=64, ec(&signature::ECDSA_P256_SHA256_FIXED, &signature::ECDSA_P256_SHA256_FIXED_SIGNING, P256);
    /// ECDSA on P-384 with SHA-384.
    ES384 = "ES384", 96..=96, ec(&signature::ECDSA_P384_SHA384_FIXED, &signature::ECDSA_P384_SHA384_FIXED_SIGNING, P384);
    /// ECDSA on P-521 with SHA-512.
    ES512 = "ES512", 132..=132, ec(&signature::ECDSA_P521_SHA512_FIXED, &signature::ECDSA_P521_SHA512_FIXED_SIGNING, P521);
    /// Ed25519, under its name `EdDSA` (RFC 8037) and its newer name `Ed25519` (RFC 9864).
    EdDSA = "EdDSA" | "Ed25519", 64..=64, Scheme::Ed25519;
    /// ML-DSA-44 (FIPS 204), a post-quantum algorithm. Its name in `alg` is `ML-DSA-44` (RFC 9964). A signature has
    /// 2420 bytes.
    MlDsa44 = "ML-DSA-44", 2420..=2420,
        ml_dsa(&signature::ML_DSA_44, &signature::ML_DSA_44_SIGNING, 1312, id("2.16.840.1.101.3.4.3.17"));
    /// ML-DSA-65 (FIPS 204), a post-quantum algorithm. Its name in `alg` is `ML-DSA-65` (RFC 9964). A signature has
    /// 3309 bytes.
    MlDsa65 = "ML-DSA-65", 3309..=3309,
        ml_dsa(&signature::ML_DSA_65, &signature::ML_DSA_65_SIGNING, 1952, id("2.16.840.1.101.3.4.3.18"));
    /// ML-DSA-87 (FIPS 204), a post-quantum algorithm. Its name in `alg` is `ML-DSA-87` (RFC 9964). A signature has
    /// 4627 bytes.
    MlDsa87 = "ML-DSA-87", 4627..=4627,
        ml_dsa(&signature::ML_DSA_87, &signature::ML_DSA_87_SIGNING, 2592, id("2.16.840.1.101.3.4.3.19"));
}

impl Algorithm {
    /// The name that tokens have in `alg` (RFC 7515 §4.1.1).
    pub fn as_str(self) -> &'static str {
        self.row().name
    }

    /// All names of the algorithm in `alg`.
    #[cfg(feature = "dpop")]
    pub(crate) fn names(self) -> impl Iterator<Item = &'static str> {
        let row = self.row();
        std::iter::once(row.name).chain(row.other_names.iter().copied())
    }

    /// The lengths, in bytes, that a signature may have (RFC 7518 §3, RFC 8037 §3.1, FIPS 204 §4).
    pub(crate) fn signature_lengths(self) -> &'static RangeInclusive<usize> {
        &self.row().signature_lengths
    }

    /// The type of key that the algorithm needs.
    pub(crate) fn key_kind(self) -> KeyKind {
        match self.scheme() {
            Scheme::Hmac { .. } => KeyKind::Secret,
            Scheme::Rsa { .. } => KeyKind::Rsa,
            Scheme::Ec { .. } => KeyKind::Ec,
            Scheme::Ed25519 => KeyKind::Ed25519,
            Scheme::MlDsa { .. } => KeyKind::MlDsa,
        }
    }

    /// How the algorithm signs and verifies.
    pub(crate) fn scheme(self) -> &'static Scheme {
        &self.row().scheme
    }

    /// The algorithms that need this type of key.
    pub(crate) fn of_kind(kind: KeyKind) -> impl Iterator<Item = Self> {
        let all = Self::ALL.iter().copied();
        all.filter(move |algorithm| algorithm.key_kind() == kind)
    }

    /// Whether a secret of `length` bytes is long enough. `false` for algorithms that need a public key.
    pub(crate) fn fits_secret(self, length: usize) -> bool {
        match self.scheme() {
            Scheme::Hmac {
                minimum_secret_length,
                ..
            } => length >= *minimum_secret_length,
            Scheme::Rsa { .. } | Scheme::Ec { .. } | Scheme::Ed25519 | Scheme::MlDsa { .. } => {
                false
            }
        }
    }

    fn row(self) -> &'static Row {
        &ROWS[self as usize]
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Algorithm {
    type Err = UnknownAlgorithm;

    /// Parses a name as in `alg`, such as `RS256`. Names are case-sensitive.
    ///
    /// # Errors
    ///
    /// If it is not the name of a supported algorithm.
    fn from_str(name: &str) -> Result<Self, UnknownAlgorithm> {
        Self::from_name(name).ok_or_else(|| UnknownAlgorithm::new(name))
    }
}

/// The type of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum KeyKind {
    Secret,
    Rsa,
    Ec,
    Ed25519,
    /// A key of any of the three parameter sets, each of which is an algorithm.
    MlDsa,
}

struct Row {
    name: &'static str,
    /// Further values of `alg` for the same algorithm.
    #[cfg(feature = "dpop")]
    other_names: &'static [&'static str],
    signature_lengths: RangeInclusive<usize>,
    scheme: Scheme,
}

/// How an algorithm signs and verifies, and the size of its keys.
pub(crate) enum Scheme {
    Hmac {
        hash: hmac::Algorithm,
        /// In bytes. A secret is at least as long as the hash (RFC 7518 §3.2).
        minimum_secret_length: usize,
    },
    Rsa {
        verification: &'static RsaParameters,
        #[cfg_attr(
            not(feature = "testing"),
            expect(dead_code, reason = "only test keys sign")
        )]
        signing: &'static RsaSignatureEncoding,
        /// `None` for RSASSA-PKCS1-v1_5.
        pss: Option<Pss>,
    },
    Ec {
        verification: &'static EcdsaVerificationAlgorithm,
        #[cfg_attr(
            not(feature = "testing"),
            expect(dead_code, reason = "only test keys sign")
        )]
        signing: &'static EcdsaSigningAlgorithm,
        curve: Curve,
    },
    Ed25519,
    /// ML-DSA with an empty context (RFC 9964).
    MlDsa {
        verification: &'static PqdsaVerificationAlgorithm,
        #[cfg_attr(
            not(feature = "testing"),
            expect(dead_code, reason = "only test keys sign")
        )]
        signing: &'static PqdsaSigningAlgorithm,
        /// In bytes.
        public_key_length: usize,
        /// The algorithm of a SubjectPublicKeyInfo (RFC 9881 §2).
        id: ObjectIdentifier,
    },
}

/// The parameters of RSASSA-PSS (RFC 7518 §3.5).
#[derive(Debug)]
pub(crate) struct Pss {
    /// The hash of the message and of the mask.
    pub(crate) hash: ObjectIdentifier,
    /// In bytes. The salt is as long as the hash.
    pub(crate) salt_length: u8,
}

/// An elliptic curve.
#[derive(Debug)]
pub(crate) struct Curve {
    /// The value of `crv` in a JWK (RFC 7518 §6.2.1.1).
    pub(crate) name: &'static str,
    /// The namedCurve in a SubjectPublicKeyInfo (RFC 5480 §2.1.1.1).
    pub(crate) id: ObjectIdentifier,
    /// In bytes (RFC 7518 §6.2.1.2).
    pub(crate) coordinate_length: usize,
}

/// The lengths of RSA signatures in bytes. A signature is as long as the modulus, which has 2048 to 8192 bits.
const RSA_LENGTHS: RangeInclusive<usize> = 256..=1024;

const P256: Curve = curve("P-256", id("1.2.840.10045.3.1.7"), 32);
const P384: Curve = curve("P-384", id("1.3.132.0.34"), 48);
const P521: Curve = curve("P-521", id("1.3.132.0.35"), 66);

pub(crate) const SHA256: ObjectIdentifier = id("2.16.840.1.101.3.4.2.1");
pub(crate) const SHA384: ObjectIdentifier = id("2.16.840.1.101.3.4.2.2");
pub(crate) const SHA512: ObjectIdentifier = id("2.16.840.1.101.3.4.2.3");

const fn hmac(hash: hmac::Algorithm, minimum_secret_length: usize) -> Scheme {
    Scheme::Hmac {
        hash,
        minimum_secret_length,
    }
}

const fn rsa(
    verification: &'static RsaParameters,
    signing: &'static RsaSignatureEncoding,
    pss: Option<Pss>,
) -> Scheme {
    Scheme::Rsa {
        verification,
        signing,
        pss,
    }
}

const fn pss(hash: ObjectIdentifier, salt_length: u8) -> Option<Pss> {
    Some(Pss { hash, salt_length })
}

/// ECDSA with the signature format of JWS: the two numbers side by side, not DER (RFC 7518 §3.4).
const fn ec(
    verification: &'static EcdsaVerificationAlgorithm,
    signing: &'static EcdsaSigningAlgorithm,
    curve: Curve,
) -> Scheme {
    Scheme::Ec {
        verification,
        signing,
        curve,
    }
}

const fn ml_dsa(
    verification: &'static PqdsaVerificationAlgorithm,
    signing: &'static PqdsaSigningAlgorithm,
    public_key_length: usize,
    id: ObjectIdentifier,
) -> Scheme {
    Scheme::MlDsa {
        verification,
        signing,
        public_key_length,
        id,
    }
}

const fn curve(name: &'static str, id: ObjectIdentifier, coordinate_length: usize) -> Curve {
    Curve {
        name,
        id,
        coordinate_length,
    }
}

const fn id(text: &str) -> ObjectIdentifier {
    ObjectIdentifier::new_unwrap(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_algorithm_is_known_by_its_own_name_alone() {
        for (index, &algorithm) in Algorithm::ALL.iter().enumerate() {
            assert_eq!(algorithm as usize, index);
            assert_eq!(Algorithm::from_name(algorithm.as_str()), Some(algorithm));
            assert_eq!(
                algorithm.to_string().parse::<Algorithm>().unwrap(),
                algorithm
            );
            let lowercase = algorithm.as_str().to_lowercase();
            assert_eq!(Algorithm::from_name(&lowercase), None);
        }
        assert_eq!(Algorithm::from_name("Ed25519"), Some(Algorithm::EdDSA));
    }

    #[test]
    fn the_sizes_of_a_row_agree() {
        for &algorithm in Algorithm::ALL {
            let lengths = algorithm.signature_lengths();
            match algorithm.scheme() {
                Scheme::Hmac {
                    hash,
                    minimum_secret_length,
                } => {
                    let length = hash.digest_algorithm().output_len();
                    assert_eq!(
                        (*minimum_secret_length, lengths),
                        (length, &(length..=length))
                    );
                }
                Scheme::Rsa { pss, .. } => {
                    assert_eq!(lengths, &RSA_LENGTHS);
                    assert_eq!(pss.is_some(), algorithm.as_str().starts_with("PS"));
                }
                Scheme::Ec { curve, .. } => {
                    let length = 2 * curve.coordinate_length;
                    assert_eq!(lengths, &(length..=length), "{algorithm}");
                }
                Scheme::Ed25519 => assert_eq!(lengths, &(64..=64)),
                #[cfg(feature = "testing")]
                Scheme::MlDsa {
                    signing,
                    public_key_length,
                    ..
                } => {
                    let length = signing.signature_len();
                    assert_eq!(lengths, &(length..=length), "{algorithm}");
                    assert_eq!(*public_key_length, signing.public_key_len());
                }
                #[cfg(not(feature = "testing"))]
                Scheme::MlDsa { .. } => {}
            }
        }
    }
}
