//! Public keys in PEM: a PEM verifies a token exactly if it has the key at the specified position, under its own
//! algorithm identifier.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::sync::LazyLock;
use std::time::{Duration, UNIX_EPOCH};

use tower_bearer_auth::{Algorithm, Clock, JwtVerifier};

use crate::keys::{AUDIENCE, EC, ED, ISSUER, KeyPair, NOW, RSA, RSA_PUBLIC_PEM};
use crate::signed::{self, verify};

pub const REACHES: &[&str] = &[
    "refused",
    "another key",
    "the key of an RSA token",
    "the key of an EC token",
    "the key of an Ed25519 token",
];

/// A key whose token is verified with every PEM.
struct Known {
    algorithm: Algorithm,
    reached: &'static str,
    /// The AlgorithmIdentifiers that the key may have, in DER.
    identifiers: &'static [&'static [u8]],
    /// The content of the bit string.
    bits: Vec<u8>,
    token: String,
}

static KNOWN: LazyLock<[Known; 3]> = LazyLock::new(|| {
    let ec = include_str!("../keys/ec.pub.pem");
    let ed = include_str!("../keys/ed.pub.pem");
    let rsa: &[&[u8]] = &[
        b"\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01\x05\x00",
        b"\x30\x0b\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01",
    ];
    let p256: &[&[u8]] =
        &[b"\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07"];
    [
        Known::new(
            Algorithm::RS256,
            "RS256",
            &RSA,
            RSA_PUBLIC_PEM,
            rsa,
            REACHES[2],
        ),
        Known::new(Algorithm::ES256, "ES256", &EC, ec, p256, REACHES[3]),
        Known::new(
            Algorithm::EdDSA,
            "EdDSA",
            &ED,
            ed,
            &[b"\x30\x05\x06\x03\x2b\x65\x70"],
            REACHES[4],
        ),
    ]
});

impl Known {
    fn new(
        algorithm: Algorithm,
        name: &str,
        key: &KeyPair,
        pem: &str,
        identifiers: &'static [&'static [u8]],
        reached: &'static str,
    ) -> Self {
        let header = format!(r#"{{"alg":"{name}"}}"#);
        let claims = format!(
            r#"{{"iss":"{ISSUER}","aud":"{AUDIENCE}","exp":{}}}"#,
            NOW + 60
        );
        let (_, der) = block(pem.as_bytes()).expect("a PEM");
        let (_, bits) = key_info(&der).expect("a key");
        Self {
            algorithm,
            reached,
            identifiers,
            bits: bits.to_vec(),
            token: signed::token(header.as_bytes(), claims.as_bytes(), key),
        }
    }

    /// Whether the block contains this key.
    fn is(&self, label: &str, der: &[u8]) -> bool {
        let info = match label {
            "PUBLIC KEY" => Some(der),
            "CERTIFICATE" => certified(der),
            "RSA PUBLIC KEY" => {
                return self.algorithm == Algorithm::RS256 && der == &self.bits[1..];
            }
            _ => None,
        };
        info.and_then(key_info).is_some_and(|(identifier, bits)| {
            self.identifiers.contains(&identifier) && bits == self.bits
        })
    }
}

/// The input is the PEM, or an octet that selects one of three PEM labels, followed by the DER.
pub fn run(data: &[u8]) -> &'static str {
    let is_pem = data.windows(10).any(|window| window == b"-----BEGIN");
    let pem = match data {
        [which, der @ ..] if !is_pem => {
            let label = ["PUBLIC KEY", "RSA PUBLIC KEY", "CERTIFICATE"][usize::from(which % 3)];
            let body = STANDARD.encode(der);
            format!("-----BEGIN {label}-----\n{body}\n-----END {label}-----\n").into_bytes()
        }
        _ => data.to_vec(),
    };
    let found = block(&pem);
    let mut reached = "refused";
    for known in &*KNOWN {
        let is_there = found
            .as_ref()
            .is_some_and(|(label, der)| known.is(label, der));
        let verifier = JwtVerifier::builder()
            .public_key_pem(known.algorithm, &pem)
            .issuer(ISSUER)
            .audience(AUDIENCE)
            .clock(Clock::manual(UNIX_EPOCH + Duration::from_secs(NOW)))
            .build();
        let verifies = match &verifier {
            Ok(verifier) => verify(verifier, &known.token).is_ok(),
            Err(error) => {
                let text = error.to_string();
                assert!(
                    text.starts_with("the PEM key for ") && text.len() < 400,
                    "{text}"
                );
                false
            }
        };
        assert!(is_there || !verifies, "{} without its key", known.algorithm);
        // In a certificate, more than the key may be invalid.
        let must = found
            .as_ref()
            .is_some_and(|(label, _)| label != "CERTIFICATE" && is_plain(&pem));
        assert!(
            verifies || !(is_there && must),
            "{} has its key",
            known.algorithm
        );
        match (verifies, &verifier) {
            (true, _) => reached = known.reached,
            (false, Ok(_)) if reached == "refused" => reached = "another key",
            (false, Ok(_) | Err(_)) => {}
        }
    }
    reached
}

/// The label and the content of the only block of a well-formed text.
fn block(text: &[u8]) -> Option<(String, Vec<u8>)> {
    // The text around the block may be in any encoding.
    let text = String::from_utf8_lossy(text);
    // The dashes of an `END` line can begin another block.
    if text.matches("-----BEGIN ").count() != 1 {
        return None;
    }
    let (_, rest) = text.split_once("-----BEGIN ")?;
    let (label, rest) = rest.split_once("-----")?;
    let (body, _) = rest.split_once(&format!("-----END {label}-----"))?;
    let body: String = body.split_whitespace().collect();
    let der = STANDARD.decode(body).ok()?;
    Some((label.to_owned(), der))
}

/// Whether the text is printable ASCII without anything like a private key or an escaped line end, for which a PEM is
/// refused.
fn is_plain(text: &[u8]) -> bool {
    let has = |part: &[u8]| text.windows(part.len()).any(|window| window == part);
    let is_printable = |octet: &u8| matches!(octet, b'\n' | b'\r' | b' '..=b'~');
    text.iter().all(is_printable) && ![&b"PRIVATE KEY"[..], b"\\", b"PuTTY"].into_iter().any(has)
}

/// The AlgorithmIdentifier of a SubjectPublicKeyInfo, and the content of its bit string.
pub(crate) fn key_info(der: &[u8]) -> Option<(&[u8], &[u8])> {
    let (content, rest) = value(der, 0x30)?;
    let (identifier, bits) = content.split_at(length(content)?);
    let (bits, behind) = value(bits, 0x03)?;
    (rest.is_empty() && behind.is_empty() && identifier[0] == 0x30).then_some((identifier, bits))
}

/// The SubjectPublicKeyInfo of a certificate, read from its position.
pub(crate) fn certified(der: &[u8]) -> Option<&[u8]> {
    let (content, rest) = value(der, 0x30)?;
    let (mut signed, _) = value(content, 0x30)?;
    if signed.first() == Some(&0xa0) {
        signed = &signed[length(signed)?..];
    }
    // Serial number, algorithm, issuer, validity, subject.
    for _ in 0..5 {
        signed = &signed[length(signed)?..];
    }
    rest.is_empty().then_some(&signed[..length(signed)?])
}

/// The content of the first value, which must have this tag, and the rest of the input.
fn value(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let length = length(der)?;
    let header = match der[1] {
        0..0x80 => 2,
        long => 2 + usize::from(long & 0x7f),
    };
    (der[0] == tag).then(|| (&der[header..length], &der[length..]))
}

/// The length of the first value including its header. The input must contain all of it.
fn length(der: &[u8]) -> Option<usize> {
    let (header, content) = match *der {
        [_, short @ 0..=0x7f, ..] => (2, usize::from(short)),
        [_, 0x81, one, ..] if one >= 0x80 => (3, usize::from(one)),
        [_, 0x82, one, two, ..] if one > 0 => (4, usize::from(u16::from_be_bytes([one, two]))),
        [_, 0x83, one, two, three, ..] if one > 0 => {
            (5, u32::from_be_bytes([0, one, two, three]) as usize)
        }
        _ => return None,
    };
    (header + content <= der.len()).then_some(header + content)
}
