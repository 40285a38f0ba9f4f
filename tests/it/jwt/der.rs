//! A DER encoder for structures that no tool produces.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

pub(super) const RSA_ENCRYPTION: &[u64] = &[1, 2, 840, 113549, 1, 1, 1];
pub(super) const RSASSA_PSS: &[u64] = &[1, 2, 840, 113549, 1, 1, 10];
pub(super) const EC_PUBLIC_KEY: &[u64] = &[1, 2, 840, 10045, 2, 1];
pub(super) const ED25519: &[u64] = &[1, 3, 101, 112];
pub(super) const NULL: &[u8] = &[5, 0];

pub(super) fn to_pem(label: &str, der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let lines: Vec<_> = text
        .as_bytes()
        .chunks(64)
        .map(|line| str::from_utf8(line).unwrap())
        .collect();
    format!(
        "-----BEGIN {label}-----\n{}\n-----END {label}-----\n",
        lines.join("\n")
    )
}

/// The DER content of a PEM block.
pub(super) fn from_pem(pem: &str) -> Vec<u8> {
    let lines = pem.lines().filter(|line| !line.starts_with("-----"));
    STANDARD.decode(lines.collect::<String>()).unwrap()
}

pub(super) fn element(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = u32::try_from(content.len()).unwrap().to_be_bytes();
    let length = match length {
        [0, 0, 0, short @ ..0x80] => vec![short],
        [0, 0, 0, one] => vec![0x81, one],
        [0, 0, one, two] => vec![0x82, one, two],
        [0, one, two, three] => vec![0x83, one, two, three],
        [..] => panic!("too long"),
    };
    [&[tag], &length[..], content].concat()
}

pub(super) fn sequence(parts: &[&[u8]]) -> Vec<u8> {
    element(0x30, &parts.concat())
}

/// A positive INTEGER with these octets.
pub(super) fn integer(number: &[u8]) -> Vec<u8> {
    match number[0] {
        0x80.. => element(0x02, &[&[0], number].concat()),
        _ => element(0x02, number),
    }
}

pub(super) fn bit_string(octets: &[u8]) -> Vec<u8> {
    element(0x03, &[&[0], octets].concat())
}

/// The content inside an explicit context-specific tag.
pub(super) fn explicit(number: u8, content: &[u8]) -> Vec<u8> {
    element(0xa0 | number, content)
}

pub(super) fn oid(arcs: &[u64]) -> Vec<u8> {
    let mut content = vec![u8::try_from(40 * arcs[0] + arcs[1]).unwrap()];
    for arc in &arcs[2..] {
        let groups = (1..=9).find(|n| arc >> (7 * n) == 0).unwrap();
        for group in (0..groups).rev() {
            let more = if group > 0 { 0x80 } else { 0 };
            content.push((arc >> (7 * group)) as u8 & 0x7f | more);
        }
    }
    element(0x06, &content)
}

/// An AlgorithmIdentifier. The parameters are DER, and may be nothing.
pub(super) fn algorithm(id: &[u64], parameters: &[u8]) -> Vec<u8> {
    sequence(&[&oid(id), parameters])
}

/// A SubjectPublicKeyInfo.
pub(super) fn public_key_info(id: &[u64], parameters: &[u8], key: &[u8]) -> Vec<u8> {
    sequence(&[&algorithm(id, parameters), &bit_string(key)])
}

/// An RSAPublicKey.
pub(super) fn rsa_public_key(n: &[u8], e: &[u8]) -> Vec<u8> {
    sequence(&[&integer(n), &integer(e)])
}

/// A certificate with this SubjectPublicKeyInfo and signature algorithm. Its signature is not valid.
pub(super) fn certificate(signature_algorithm: &[u8], key: &[u8]) -> Vec<u8> {
    let name = sequence(&[&element(
        0x31,
        &sequence(&[&oid(&[2, 5, 4, 3]), &element(0x0c, b"test")]),
    )]);
    let date = element(0x17, b"200101000000Z");
    let signed = sequence(&[
        &explicit(0, &[2, 1, 2]),
        &integer(&[1]),
        signature_algorithm,
        &name,
        &sequence(&[&date, &date]),
        &name,
        key,
    ]);
    sequence(&[&signed, signature_algorithm, &bit_string(&[1; 64])])
}
