//! Extracts the public key of an X.509 certificate (RFC 5280 §4.1) by its position.
//!
//! Only the key is used. Names, dates and extensions must be well-formed, but their values are not checked. So the key
//! of an expired certificate, or of another one that a browser would refuse, is accepted. A complete certificate
//! parser would refuse some of them, and would spend most of its time on unused fields.

use der::asn1::{AnyRef, BitStringRef, ContextSpecific, IntRef, ObjectIdentifier};
use der::{Decode, Reader, SliceReader, Tag, TagMode, TagNumber, Tagged};
use spki::{AlgorithmIdentifierRef, SubjectPublicKeyInfoRef};

use super::pem_block::Problem;

/// Reads a certificate and returns its SubjectPublicKeyInfo.
pub(crate) fn public_key_info(certificate: &[u8]) -> Result<SubjectPublicKeyInfoRef<'_>, Problem> {
    let parts = parts(certificate)
        .map_err(|error| format!("holds no X.509 certificate in DER: {error}"))?;
    // Both must be equal (RFC 5280 §4.1.1.2). The signature covers only the first.
    if parts.signed_algorithm != parts.algorithm {
        return Err("is a certificate that names two signature algorithms".into());
    }
    if has_unexpected_parameters(&parts.algorithm) {
        return Err(
            "is a certificate whose signature algorithm has parameters other than NULL".into(),
        );
    }
    Ok(parts.key)
}

/// The fields of a certificate that are used.
struct Parts<'a> {
    signed_algorithm: AlgorithmIdentifierRef<'a>,
    key: SubjectPublicKeyInfoRef<'a>,
    algorithm: AlgorithmIdentifierRef<'a>,
}

/// `Certificate ::= SEQUENCE { tbsCertificate, signatureAlgorithm, signature BIT STRING }`
fn parts(certificate: &[u8]) -> der::Result<Parts<'_>> {
    let mut reader = SliceReader::new(certificate)?;
    let parts = reader.sequence::<_, _, der::Error>(|reader| {
        let (signed_algorithm, key) = reader.sequence(to_be_signed)?;
        let algorithm = AlgorithmIdentifierRef::decode(reader)?;
        skip(reader, Tag::BitString)?;
        Ok(Parts {
            signed_algorithm,
            key,
            algorithm,
        })
    })?;
    reader.finish()?;
    Ok(parts)
}

/// ```text
/// TBSCertificate ::= SEQUENCE {
///     version [0] EXPLICIT INTEGER DEFAULT v1, serialNumber INTEGER, signature AlgorithmIdentifier,
///     issuer Name, validity Validity, subject Name, subjectPublicKeyInfo SubjectPublicKeyInfo,
///     issuerUniqueID [1] IMPLICIT BIT STRING OPTIONAL, subjectUniqueID [2] IMPLICIT BIT STRING OPTIONAL,
///     extensions [3] EXPLICIT Extensions OPTIONAL }
/// ```
fn to_be_signed<'a>(
    reader: &mut SliceReader<'a>,
) -> der::Result<(AlgorithmIdentifierRef<'a>, SubjectPublicKeyInfoRef<'a>)> {
    if let Some(version) = reader.context_specific::<u8>(TagNumber(0), TagMode::Explicit)?
        && version > 2
    {
        return Err(reader.error(Tag::Integer.value_error()));
    }
    IntRef::decode(reader)?;
    let algorithm = AlgorithmIdentifierRef::decode(reader)?;
    name(reader)?;
    validity(reader)?;
    name(reader)?;
    let key = SubjectPublicKeyInfoRef::decode(reader)?;
    for unique_id in [1, 2] {
        reader.context_specific::<BitStringRef<'_>>(TagNumber(unique_id), TagMode::Implicit)?;
    }
    ContextSpecific::<Extensions>::decode_explicit(reader, TagNumber(3))?;
    Ok((algorithm, key))
}

/// Whether an RSA PKCS#1 v1.5 algorithm has parameters other than `NULL`, the only ones that RFC 4055 §5 allows.
/// Certificates may be signed by any algorithm, so the parameters of others are not checked.
fn has_unexpected_parameters(algorithm: &AlgorithmIdentifierRef<'_>) -> bool {
    let parameters = algorithm.parameters;
    WITH_NULL.contains(&algorithm.oid) && !parameters.is_none_or(AnyRef::is_null)
}

/// md2, md5 and sha1 with RSA, then sha256, sha384, sha512, sha224, sha512/224 and sha512/256 with RSA.
const WITH_NULL: [ObjectIdentifier; 9] = [
    ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.2"),
    ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.4"),
    ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.5"),
    ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.11"),
    ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.12"),
    ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.13"),
    ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.14"),
    ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.15"),
    ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.16"),
];

/// `Name ::= SEQUENCE OF SET OF SEQUENCE { type OBJECT IDENTIFIER, value ANY }`
fn name(reader: &mut SliceReader<'_>) -> der::Result<()> {
    reader.sequence(|names| {
        while !names.is_finished() {
            let set = AnyRef::decode(names)?;
            set.tag().assert_eq(Tag::Set)?;
            let mut attributes = SliceReader::new(set.value())?;
            while !attributes.is_finished() {
                attributes.sequence(|attribute| {
                    skip(attribute, Tag::ObjectIdentifier)?;
                    AnyRef::decode(attribute).map(drop)
                })?;
            }
        }
        Ok(())
    })
}

/// `Validity ::= SEQUENCE { notBefore Time, notAfter Time }`
fn validity(reader: &mut SliceReader<'_>) -> der::Result<()> {
    reader.sequence(|reader| {
        for _ in 0..2 {
            match AnyRef::decode(reader)?.tag() {
                Tag::UtcTime | Tag::GeneralizedTime => {}
                other => return Err(other.unexpected_error(Some(Tag::UtcTime)).into()),
            }
        }
        Ok(())
    })
}

/// `Extensions ::= SEQUENCE OF SEQUENCE { extnID, critical BOOLEAN DEFAULT FALSE, extnValue OCTET STRING }`
struct Extensions;

impl<'a> Decode<'a> for Extensions {
    type Error = der::Error;

    fn decode<R: Reader<'a>>(reader: &mut R) -> der::Result<Self> {
        reader.sequence(|extensions| {
            while !extensions.is_finished() {
                extensions.sequence(|extension| {
                    skip(extension, Tag::ObjectIdentifier)?;
                    Option::<bool>::decode(extension)?;
                    skip(extension, Tag::OctetString)
                })?;
            }
            Ok(Self)
        })
    }
}

/// Skips a value of this type.
fn skip<'a>(reader: &mut impl Reader<'a>, tag: Tag) -> der::Result<()> {
    AnyRef::decode(reader)?.tag().assert_eq(tag).map(drop)
}
