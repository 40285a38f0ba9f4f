use std::fmt;

use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::rand::{self, SystemRandom};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair};

use crate::possession::ClientCertificate;

/// A self-signed client certificate with its private key, for tests of certificate-bound tokens (RFC 8705).
///
/// Each one has its own P-256 key and serial number, the given name as its common name (`CN`), no extensions, and no
/// expiry (RFC 5280 §4.1.2.5). A TLS server accepts it if its verifier accepts any chain, or has this certificate as a
/// trust anchor.
///
/// ```
/// use axum::{Extension, Router, routing::get};
/// use tower_bearer_auth::testing::TestCertificate;
///
/// let certificate = TestCertificate::generate("alice");
/// // As if the TLS acceptor had inserted it.
/// let app: Router = Router::new()
///     .route("/", get(|| async { "hello" }))
///     .layer(Extension(certificate.client_certificate()));
/// # let _ = app;
/// ```
#[derive(Clone)]
pub struct TestCertificate {
    der: Vec<u8>,
    private_key: Vec<u8>,
}

impl TestCertificate {
    /// Generates a key and a certificate for this name.
    ///
    /// # Panics
    ///
    /// If the name is longer than 64 bytes (RFC 5280, upper bound of a common name), or if the system's random number
    /// generator fails.
    #[track_caller]
    pub fn generate(common_name: &str) -> Self {
        assert!(
            common_name.len() <= 64,
            "{common_name:?} is longer than 64 bytes"
        );
        let key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).expect(RANDOMNESS);
        let private_key = key.to_pkcs8v1().expect("a key has a PKCS#8 form");
        let to_be_signed = to_be_signed(common_name, &key);
        let signature = key
            .sign(&SystemRandom::new(), &to_be_signed)
            .expect("an EC key signs");
        Self {
            der: sequence([
                to_be_signed,
                ecdsa_with_sha256(),
                value(
                    BIT_STRING,
                    &[&[NO_UNUSED_BITS], signature.as_ref()].concat(),
                ),
            ]),
            private_key: private_key.as_ref().to_vec(),
        }
    }

    /// The certificate in DER.
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// The certificate in PEM.
    pub fn pem(&self) -> String {
        to_pem("CERTIFICATE", &self.der)
    }

    /// The private key in DER, as PKCS#8.
    pub fn private_key_der(&self) -> &[u8] {
        &self.private_key
    }

    /// The private key in PEM, as PKCS#8.
    pub fn private_key_pem(&self) -> String {
        to_pem("PRIVATE KEY", &self.private_key)
    }

    /// The extension that a TLS acceptor inserts for this certificate.
    pub fn client_certificate(&self) -> ClientCertificate {
        ClientCertificate::from_der(&self.der)
    }
}

impl fmt::Debug for TestCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TestCertificate")
            .field("thumbprint", &self.client_certificate().thumbprint())
            .finish_non_exhaustive()
    }
}

const RANDOMNESS: &str = "the system has randomness";

fn to_pem(label: &str, der: &[u8]) -> String {
    pem::encode(&pem::Pem::new(label, der))
}

/// `TBSCertificate` (RFC 5280 §4.1).
fn to_be_signed(common_name: &str, key: &EcdsaKeyPair) -> Vec<u8> {
    let mut serial_number = [0; 8];
    rand::fill(&mut serial_number).expect(RANDOMNESS);
    // Positive, and in its shortest form.
    serial_number[0] = serial_number[0] & 0x3f | 0x40;
    let name = sequence([value(
        SET,
        &sequence([
            value(OBJECT_IDENTIFIER, COMMON_NAME),
            value(UTF8_STRING, common_name.as_bytes()),
        ]),
    )]);
    let validity = sequence([
        value(UTC_TIME, b"700101000000Z"),
        value(GENERALIZED_TIME, b"99991231235959Z"),
    ]);
    let public_key: PublicKeyX509Der<'_> = key
        .public_key()
        .as_der()
        .expect("a public key has a DER form");
    sequence([
        value(EXPLICIT_0, &value(INTEGER, &[VERSION_3])),
        value(INTEGER, &serial_number),
        ecdsa_with_sha256(),
        name.clone(),
        validity,
        name,
        public_key.as_ref().to_vec(),
    ])
}

fn ecdsa_with_sha256() -> Vec<u8> {
    sequence([value(OBJECT_IDENTIFIER, ECDSA_WITH_SHA256)])
}

// The tags of DER.
const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const OBJECT_IDENTIFIER: u8 = 0x06;
const UTF8_STRING: u8 = 0x0c;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const EXPLICIT_0: u8 = 0xa0;

const VERSION_3: u8 = 2;
const NO_UNUSED_BITS: u8 = 0;

/// 2.5.4.3
const COMMON_NAME: &[u8] = &[0x55, 0x04, 0x03];
/// 1.2.840.10045.4.3.2
const ECDSA_WITH_SHA256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02];

fn sequence(values: impl IntoIterator<Item = Vec<u8>>) -> Vec<u8> {
    value(SEQUENCE, &values.into_iter().collect::<Vec<_>>().concat())
}

/// A value with its tag and its length.
fn value(tag: u8, contents: &[u8]) -> Vec<u8> {
    let [high, low] = u16::try_from(contents.len())
        .expect("a certificate of less than 64 KiB")
        .to_be_bytes();
    let head: &[u8] = match (high, low) {
        (0, 0..=0x7f) => &[tag, low],
        (0, 0x80..) => &[tag, 0x81, low],
        (1.., _) => &[tag, 0x82, high, low],
    };
    [head, contents].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verify::keys::certificate::public_key_info;
    use crate::{Algorithm, VerifyingKey};

    #[test]
    fn it_is_a_certificate_of_its_own_each_time() {
        let [one, other] = ["a", "a"].map(TestCertificate::generate);
        assert_ne!(one.der(), other.der());
        assert_ne!(one.client_certificate(), other.client_certificate());
        for name in ["", "a", &"é".repeat(32)] {
            let certificate = TestCertificate::generate(name);
            public_key_info(certificate.der()).unwrap();
            VerifyingKey::from_public_key_pem(Algorithm::ES256, certificate.pem()).unwrap();
            EcdsaKeyPair::from_pkcs8(
                &ECDSA_P256_SHA256_ASN1_SIGNING,
                certificate.private_key_der(),
            )
            .unwrap();
            let shown = format!("{certificate:?}");
            assert!(shown.contains(certificate.client_certificate().thumbprint()));
        }
    }

    #[test]
    #[should_panic(expected = "longer than 64 bytes")]
    fn a_name_that_is_too_long_for_a_common_name_panics() {
        TestCertificate::generate(&"a".repeat(65));
    }
}
