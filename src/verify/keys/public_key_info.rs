//! Reads public keys in DER: SubjectPublicKeyInfo (RFC 5280 §4.1.2.7) and RSAPublicKey (RFC 8017 §A.1.1).
//!
//! The algorithm identifier is compared with the algorithm of the key, since the key bits alone are ambiguous: a point
//! of secp256k1 is as long as one of P-256, and an X25519 key as long as an Ed25519 key.

use der::asn1::{Any, AnyRef, ObjectIdentifier};
use der::{Decode, Tag, Tagged};
use pkcs1::{RsaPssParamsOwned, RsaPublicKeyRef};
use spki::{AlgorithmIdentifierOwned, SubjectPublicKeyInfoRef};

use super::algorithm::{Algorithm, Curve, Pss, SHA256, SHA384, SHA512, Scheme};
use super::key::Material;
use super::pem_block::Problem;

/// Extracts the key material of a SubjectPublicKeyInfo, which must fit this algorithm.
pub(crate) fn material<'a>(
    algorithm: Algorithm,
    key: &SubjectPublicKeyInfoRef<'a>,
) -> Result<Material<'a>, Problem> {
    let bits = key.subject_public_key.as_bytes();
    let bits = bits.ok_or("has a key whose length in bits is not a multiple of 8")?;
    let parameters = key.algorithm.parameters;
    match (key.algorithm.oid, algorithm.scheme()) {
        (RSA_ENCRYPTION, Scheme::Rsa { .. }) => {
            // RFC 3279 §2.3.1 requires NULL, but several tools omit it.
            match parameters.is_none_or(AnyRef::is_null) {
                true => rsa(bits),
                false => Err("is an RSA key with parameters that RSA does not have".into()),
            }
        }
        (RSASSA_PSS, Scheme::Rsa { pss, .. }) => {
            let pss = pss.as_ref().ok_or_else(|| {
                format!(
                    "is an RSASSA-PSS key, which serves PS256, PS384 or PS512 and not {algorithm}"
                )
            })?;
            check_pss(algorithm, pss, parameters)?;
            rsa(bits)
        }
        (EC_PUBLIC_KEY, Scheme::Ec { curve, .. }) => {
            check_curve(algorithm, curve, parameters)?;
            match bits {
                [2 | 3, x @ ..] if x.len() == curve.coordinate_length => Err("has its point in compressed form; \
                                    `openssl pkey -pubin -ec_conv_form uncompressed` writes all of it"
                    .into()),
                point => Ok(Material::Ec(point)),
            }
        }
        (ED25519, Scheme::Ed25519) => match parameters {
            None => Ok(Material::Ed25519(bits)),
            Some(_) => {
                Err("is an Ed25519 key with parameters, which it may not have (RFC 8410 §3)".into())
            }
        },
        (found, Scheme::MlDsa { id, .. }) if found == *id => match parameters {
            None => Ok(Material::MlDsa(bits)),
            Some(_) => Err(format!(
                "is an {algorithm} key with parameters, which it may not have (RFC 9881 §2)"
            )
            .into()),
        },
        (
            other,
            Scheme::Hmac { .. }
            | Scheme::Rsa { .. }
            | Scheme::Ec { .. }
            | Scheme::Ed25519
            | Scheme::MlDsa { .. },
        ) => {
            let (is, needs) = (described(other), needed(algorithm));
            Err(format!("is for {is}; {algorithm} needs {needs}").into())
        }
    }
}

/// Parses a PKCS#1 key.
pub(crate) fn rsa(key: &[u8]) -> Result<Material<'_>, Problem> {
    let key = RsaPublicKeyRef::from_der(key)
        .map_err(|error| format!("holds no RSAPublicKey in DER: {error}"))?;
    Ok(Material::Rsa {
        n: key.modulus.as_bytes(),
        e: key.public_exponent.as_bytes(),
    })
}

/// Checks that an id-RSASSA-PSS key may be used with a PS algorithm (RFC 4055 §3.1, §3.3).
///
/// A key without parameters may be used with all PS algorithms. Otherwise the hashes of the message and of the mask
/// must be that of the algorithm, and the salt must not be shorter than the parameters require. In JWS, the salt is as
/// long as the hash (RFC 7518 §3.5).
fn check_pss(
    algorithm: Algorithm,
    &Pss { hash, salt_length }: &Pss,
    parameters: Option<AnyRef<'_>>,
) -> Result<(), Problem> {
    let Some(parameters) = parameters else {
        return Ok(());
    };
    let allowed: RsaPssParamsOwned = parameters
        .decode_as()
        .map_err(|error| format!("has malformed RSASSA-PSS parameters: {error}"))?;
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
        let problem = format!(
            "is an RSASSA-PSS key for another mask generation function than that of {algorithm}"
        );
        return Err(problem.into());
    }
    if allowed.salt_len > salt_length {
        let found = allowed.salt_len;
        let problem = format!(
            "is an RSASSA-PSS key for salts of at least {found} bytes; {algorithm} uses {salt_length}"
        );
        return Err(problem.into());
    }
    Ok(())
}

/// Checks that the key names the curve of the algorithm (RFC 5480 §2.1.1). Explicit curve parameters are refused,
/// since they can describe any curve.
fn check_curve(
    algorithm: Algorithm,
    wanted: &Curve,
    parameters: Option<AnyRef<'_>>,
) -> Result<(), Problem> {
    let needs = needed(algorithm);
    let problem = match parameters.map(|parameters| (parameters.tag(), parameters)) {
        Some((Tag::ObjectIdentifier, name)) => match name.decode_as::<ObjectIdentifier>() {
            Ok(curve) if curve == wanted.id => return Ok(()),
            Ok(curve) => format!("is an EC key on {}", described(curve)),
            Err(error) => format!("has a malformed curve identifier: {error}"),
        },
        Some((Tag::Sequence, _)) => {
            "is an EC key with explicit curve parameters instead of a named curve".into()
        }
        Some(_) | None => "is an EC key that does not name its curve".into(),
    };
    Err(format!("{problem}; {algorithm} needs {needs}").into())
}

/// Describes the type of key that the algorithm needs.
fn needed(algorithm: Algorithm) -> String {
    match algorithm.scheme() {
        Scheme::Hmac { .. } => "a secret".into(),
        Scheme::Rsa { pss: None, .. } => "an RSA key".into(),
        Scheme::Rsa { pss: Some(_), .. } => "an RSA or RSASSA-PSS key".into(),
        Scheme::Ec { curve, .. } => format!("a key on {}", curve.name),
        Scheme::Ed25519 => "an Ed25519 key".into(),
        Scheme::MlDsa { .. } => format!("an {algorithm} key"),
    }
}

/// Describes an algorithm or a curve by its name, followed by its object identifier.
fn described(id: ObjectIdentifier) -> String {
    let supported = Algorithm::ALL
        .iter()
        .find_map(|algorithm| match algorithm.scheme() {
            Scheme::Ec { curve, .. } if curve.id == id => Some(curve.name),
            Scheme::MlDsa { id: known, .. } if *known == id => Some(algorithm.as_str()),
            Scheme::Hmac { .. }
            | Scheme::Rsa { .. }
            | Scheme::Ec { .. }
            | Scheme::Ed25519
            | Scheme::MlDsa { .. } => None,
        });
    let known = || NAMES.iter().find(|(known, _)| *known == id);
    match supported.or_else(|| known().map(|(_, name)| *name)) {
        Some(name) => format!("{name} ({id})"),
        None => format!("an unknown algorithm or curve ({id})"),
    }
}

const RSA_ENCRYPTION: ObjectIdentifier = id("1.2.840.113549.1.1.1");
const RSASSA_PSS: ObjectIdentifier = id("1.2.840.113549.1.1.10");
const MGF1: ObjectIdentifier = id("1.2.840.113549.1.1.8");
const EC_PUBLIC_KEY: ObjectIdentifier = id("1.2.840.10045.2.1");
const ED25519: ObjectIdentifier = id("1.3.101.112");

const fn id(text: &str) -> ObjectIdentifier {
    ObjectIdentifier::new_unwrap(text)
}

/// The names of algorithms and curves for error texts, except those in the table of [`Algorithm`].
const NAMES: [(ObjectIdentifier, &str); 27] = [
    (RSA_ENCRYPTION, "RSA"),
    (RSASSA_PSS, "RSASSA-PSS"),
    (EC_PUBLIC_KEY, "ECDSA"),
    (ED25519, "Ed25519"),
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
