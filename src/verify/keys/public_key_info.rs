//! Reads public keys in DER: SubjectPublicKeyInfo (RFC 5280 §4.1.2.7) and RSAPublicKey (RFC 8017 §A.1.1).
//!
//! The algorithm identifier is compared with the algorithm of the key, since the key bits alone are ambiguous: a point of
//! secp256k1 is as long as one of P-256, and an X25519 key as long as an Ed25519 key.

use der::asn1::{Any, AnyRef, ObjectIdentifier};
use der::{Decode, Tag, Tagged};
use pkcs1::{RsaPssParamsOwned, RsaPublicKeyRef};
use spki::{AlgorithmIdentifierOwned, SubjectPublicKeyInfoRef};

use super::algorithm::{Algorithm, KeyKind};
use super::key::{Material, coordinate_length};
use super::pem_block::Problem;

/// The key material of a SubjectPublicKeyInfo for this algorithm.
pub(crate) fn material<'a>(
    algorithm: Algorithm,
    key: &SubjectPublicKeyInfoRef<'a>,
) -> Result<Material<'a>, Problem> {
    let bits = key.subject_public_key.as_bytes();
    let bits = bits.ok_or("has a key whose bits do not fill its last octet")?;
    let parameters = key.algorithm.parameters;
    match (key.algorithm.oid, algorithm.key_kind()) {
        (RSA_ENCRYPTION, KeyKind::Rsa) => {
            // RFC 3279 §2.3.1 requires NULL, but several tools omit it.
            match parameters.is_none_or(AnyRef::is_null) {
                true => rsa(bits),
                false => Err("is an RSA key with parameters that RSA does not have".into()),
            }
        }
        (RSASSA_PSS, KeyKind::Rsa) => {
            check_pss(algorithm, parameters)?;
            rsa(bits)
        }
        (EC_PUBLIC_KEY, KeyKind::Ec) => {
            check_curve(algorithm, parameters)?;
            match bits {
                [2 | 3, x @ ..] if coordinate_length(algorithm) == Some(x.len()) => Err("has its point in compressed form; \
                                    `openssl pkey -pubin -ec_conv_form uncompressed` writes all of it"
                    .into()),
                point => Ok(Material::Ec(point)),
            }
        }
        (ED25519, KeyKind::Ed25519) => match parameters {
            None => Ok(Material::Ed25519(bits)),
            Some(_) => {
                Err("is an Ed25519 key with parameters, which it may not have (RFC 8410 §3)".into())
            }
        },
        (other, KeyKind::Rsa | KeyKind::Ec | KeyKind::Ed25519 | KeyKind::Secret) => {
            let (is, needs) = (described(other), needed(algorithm));
            Err(format!("is for {is}; {algorithm} needs {needs}").into())
        }
    }
}

/// The key material of a PKCS#1 key.
pub(crate) fn rsa(key: &[u8]) -> Result<Material<'_>, Problem> {
    let key = RsaPublicKeyRef::from_der(key)
        .map_err(|error| format!("holds no RSAPublicKey in DER: {error}"))?;
    Ok(Material::Rsa {
        n: key.modulus.as_bytes(),
        e: key.public_exponent.as_bytes(),
    })
}

/// Checks that an id-RSASSA-PSS key may be used with a PS algorithm (RFC 4055 §3.1, §3.3). A key without parameters may
/// be used with all of them. Otherwise the hashes of the message and of the mask must be that of the algorithm, and the
/// salt must not be shorter than the parameters require. In JWS, the salt is as long as the hash (RFC 7518 §3.5).
fn check_pss(algorithm: Algorithm, parameters: Option<AnyRef<'_>>) -> Result<(), Problem> {
    let (hash, salt_length) = match algorithm {
        Algorithm::PS256 => (SHA256, 32),
        Algorithm::PS384 => (SHA384, 48),
        Algorithm::PS512 => (SHA512, 64),
        Algorithm::HS256
        | Algorithm::HS384
        | Algorithm::HS512
        | Algorithm::RS256
        | Algorithm::RS384
        | Algorithm::RS512
        | Algorithm::ES256
        | Algorithm::ES384
        | Algorithm::ES512
        | Algorithm::EdDSA => {
            return Err(format!(
                "is an RSASSA-PSS key, which serves PS256, PS384 or PS512 and not {algorithm}"
            )
            .into());
        }
    };
    let Some(parameters) = parameters else {
        return Ok(());
    };
    let allowed: RsaPssParamsOwned = parameters
        .decode_as()
        .map_err(|error| format!("has broken RSASSA-PSS parameters: {error}"))?;
    // The decoder refuses a trailer field other than 1.
    let is_hash = |found: &AlgorithmIdentifierOwned| {
        found.oid == hash && found.parameters.as_ref().is_none_or(Any::is_null)
    };
    let mask = &allowed.mask_gen;
    let is_mask = mask.oid == MGF1 && mask.parameters.as_ref().is_some_and(is_hash);
    if !is_hash(&allowed.hash) {
        let found = described(allowed.hash.oid);
        return Err(format!(
            "is an RSASSA-PSS key for {found} only, which {algorithm} does not use"
        )
        .into());
    }
    if !is_mask {
        let problem =
            format!("is an RSASSA-PSS key for another mask generation than that of {algorithm}");
        return Err(problem.into());
    }
    if allowed.salt_len > salt_length {
        let found = allowed.salt_len;
        let problem = format!(
            "is an RSASSA-PSS key for salts of {found} bytes at least; those of {algorithm} have {salt_length}"
        );
        return Err(problem.into());
    }
    Ok(())
}

/// Checks that the key names the curve of the algorithm (RFC 5480 §2.1.1). Explicit curve parameters are refused, since
/// they can describe any curve.
fn check_curve(algorithm: Algorithm, parameters: Option<AnyRef<'_>>) -> Result<(), Problem> {
    let wanted = match algorithm {
        Algorithm::ES256 => P256,
        Algorithm::ES384 => P384,
        Algorithm::ES512 => P521,
        Algorithm::HS256
        | Algorithm::HS384
        | Algorithm::HS512
        | Algorithm::RS256
        | Algorithm::RS384
        | Algorithm::RS512
        | Algorithm::PS256
        | Algorithm::PS384
        | Algorithm::PS512
        | Algorithm::EdDSA => return Err("is an EC key".into()),
    };
    let needs = needed(algorithm);
    let problem = match parameters.map(|parameters| (parameters.tag(), parameters)) {
        Some((Tag::ObjectIdentifier, name)) => match name.decode_as::<ObjectIdentifier>() {
            Ok(curve) if curve == wanted => return Ok(()),
            Ok(curve) => format!("is an EC key on {}", described(curve)),
            Err(error) => format!("has a broken name of a curve: {error}"),
        },
        Some((Tag::Sequence, _)) => {
            "is an EC key with explicit curve parameters instead of a named curve".into()
        }
        Some(_) | None => "is an EC key that does not name its curve".into(),
    };
    Err(format!("{problem}; {algorithm} needs {needs}").into())
}

/// The type of key that the algorithm needs.
fn needed(algorithm: Algorithm) -> &'static str {
    match algorithm {
        Algorithm::HS256 | Algorithm::HS384 | Algorithm::HS512 => "a secret",
        Algorithm::RS256 | Algorithm::RS384 | Algorithm::RS512 => "an RSA key",
        Algorithm::PS256 | Algorithm::PS384 | Algorithm::PS512 => "an RSA or RSASSA-PSS key",
        Algorithm::ES256 => "a key on P-256",
        Algorithm::ES384 => "a key on P-384",
        Algorithm::ES512 => "a key on P-521",
        Algorithm::EdDSA => "an Ed25519 key",
    }
}

/// The name of an algorithm or curve, followed by its identifier.
fn described(id: ObjectIdentifier) -> String {
    match NAMES.iter().find(|(known, _)| *known == id) {
        Some((_, name)) => format!("{name} ({id})"),
        None => format!("an unknown algorithm or curve ({id})"),
    }
}

const RSA_ENCRYPTION: ObjectIdentifier = id("1.2.840.113549.1.1.1");
const RSASSA_PSS: ObjectIdentifier = id("1.2.840.113549.1.1.10");
const MGF1: ObjectIdentifier = id("1.2.840.113549.1.1.8");
const EC_PUBLIC_KEY: ObjectIdentifier = id("1.2.840.10045.2.1");
const ED25519: ObjectIdentifier = id("1.3.101.112");
const P256: ObjectIdentifier = id("1.2.840.10045.3.1.7");
const P384: ObjectIdentifier = id("1.3.132.0.34");
const P521: ObjectIdentifier = id("1.3.132.0.35");
const SHA256: ObjectIdentifier = id("2.16.840.1.101.3.4.2.1");
const SHA384: ObjectIdentifier = id("2.16.840.1.101.3.4.2.2");
const SHA512: ObjectIdentifier = id("2.16.840.1.101.3.4.2.3");

const fn id(text: &str) -> ObjectIdentifier {
    ObjectIdentifier::new_unwrap(text)
}

/// Names of algorithms and curves, for the text of errors.
const NAMES: [(ObjectIdentifier, &str); 33] = [
    (RSA_ENCRYPTION, "RSA"),
    (RSASSA_PSS, "RSASSA-PSS"),
    (EC_PUBLIC_KEY, "ECDSA"),
    (ED25519, "Ed25519"),
    (P256, "P-256"),
    (P384, "P-384"),
    (P521, "P-521"),
    (SHA256, "SHA-256"),
    (SHA384, "SHA-384"),
    (SHA512, "SHA-512"),
    (id("1.3.14.3.2.26"), "SHA-1"),
    (id("2.16.840.1.101.3.4.2.4"), "SHA-224"),
    (id("1.2.840.113549.1.1.7"), "RSAES-OAEP"),
    (id("1.2.840.113549.1.3.1"), "Diffie-Hellman"),
    (id("1.2.840.10046.2.1"), "Diffie-Hellman"),
    (id("1.2.840.10040.4.1"), "DSA"),
    (id("1.3.132.1.12"), "ECDH"),
    (id("1.3.132.1.13"), "ECMQV"),
    (id("1.3.101.110"), "X25519"),
    (id("1.3.101.111"), "X448"),
    (id("1.3.101.113"), "Ed448"),
    (id("2.16.840.1.101.3.4.3.17"), "ML-DSA-44"),
    (id("2.16.840.1.101.3.4.3.18"), "ML-DSA-65"),
    (id("2.16.840.1.101.3.4.3.19"), "ML-DSA-87"),
    (id("1.3.132.0.10"), "secp256k1"),
    (id("1.2.840.10045.3.1.1"), "P-192"),
    (id("1.3.132.0.33"), "P-224"),
    (id("1.3.36.3.3.2.8.1.1.7"), "brainpoolP256r1"),
    (id("1.3.36.3.3.2.8.1.1.8"), "brainpoolP256t1"),
    (id("1.3.36.3.3.2.8.1.1.11"), "brainpoolP384r1"),
    (id("1.3.36.3.3.2.8.1.1.12"), "brainpoolP384t1"),
    (id("1.3.36.3.3.2.8.1.1.13"), "brainpoolP512r1"),
    (id("1.2.156.10197.1.301"), "SM2"),
];
