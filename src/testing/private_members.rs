//! The members that make a JWK a private one (RFC 7518 §6, RFC 8037 §2, RFC 9964 §3).

use aws_lc_rs::encoding::{AsBigEndian, AsDer, Curve25519SeedBin, EcPrivateKeyBin, Pkcs8V1Der};
use aws_lc_rs::signature::RsaKeyPair;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use der::asn1::OctetStringRef;
use der::{Decode, Reader, SliceReader};
use pkcs1::RsaPrivateKeyRef;
use serde_json::{Value, json};
use spki::AlgorithmIdentifierRef;

use super::signing_key::{Private, SigningKey};

impl SigningKey {
    /// The private key as a JWK with the members that it needs.
    pub(super) fn private_jwk(&self) -> Value {
        let mut jwk = self.required_members();
        let secret = match self.private() {
            // The only member of such a key is secret.
            Private::Secret(_) => json!({}),
            Private::Rsa(key) => rsa(key),
            Private::Ec(key) => {
                let d: EcPrivateKeyBin<'_> = key.private_key().as_be_bytes().expect(EXPORTABLE);
                json!({ "d": base64url(d.as_ref()) })
            }
            Private::Ed25519(key) => {
                let seed = key.seed().expect(EXPORTABLE);
                let d: Curve25519SeedBin<'_> = seed.as_be_bytes().expect(EXPORTABLE);
                json!({ "d": base64url(d.as_ref()) })
            }
            Private::MlDsa(key) => {
                let pkcs8 = key.to_pkcs8v1().expect(EXPORTABLE);
                // The seed is at its end (RFC 9881 §6).
                let (_, seed) = pkcs8.as_ref().split_at(pkcs8.as_ref().len() - SEED_LENGTH);
                json!({ "priv": base64url(seed) })
            }
        };
        let (Value::Object(jwk_members), Value::Object(secret)) = (&mut jwk, secret) else {
            unreachable!("JWKs are objects")
        };
        jwk_members.extend(secret);
        jwk
    }
}

const EXPORTABLE: &str = "a private key has a form for export";
const SEED_LENGTH: usize = 32;

fn rsa(key: &RsaKeyPair) -> Value {
    let pkcs8: Pkcs8V1Der<'_> = key.as_der().expect(EXPORTABLE);
    let private_key = rsa_private_key(pkcs8.as_ref()).expect("PKCS#8 with an RSAPrivateKey");
    let key = RsaPrivateKeyRef::from_der(private_key).expect("an RSAPrivateKey");
    json!({
        "d": base64url(key.private_exponent.as_bytes()),
        "p": base64url(key.prime1.as_bytes()),
        "q": base64url(key.prime2.as_bytes()),
        "dp": base64url(key.exponent1.as_bytes()),
        "dq": base64url(key.exponent2.as_bytes()),
        "qi": base64url(key.coefficient.as_bytes()),
    })
}

/// The private key in a PKCS#8 document (RFC 5208 §5).
fn rsa_private_key(pkcs8: &[u8]) -> der::Result<&[u8]> {
    let mut reader = SliceReader::new(pkcs8)?;
    reader.sequence(|fields| {
        let _version = u8::decode(fields)?;
        let _algorithm = AlgorithmIdentifierRef::decode(fields)?;
        let key = <&OctetStringRef>::decode(fields)?;
        Ok(key.as_bytes())
    })
}

fn base64url(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}
