//! SHA-256, and a digest that identifies a value in logs without revealing it.

use aws_lc_rs::digest::{SHA256, SHA256_OUTPUT_LEN, digest};

pub(crate) type Sha256Digest = [u8; SHA256_OUTPUT_LEN];

pub(crate) fn sha256(bytes: &[u8]) -> Sha256Digest {
    let digest = digest(&SHA256, bytes);
    digest.as_ref().try_into().expect("SHA-256 has 32 bytes")
}

/// The first 8 bytes of the SHA-256 digest, as 16 hexadecimal digits.
pub(crate) fn short_digest(bytes: &[u8]) -> String {
    let digest = sha256(bytes);
    let prefix = digest.first_chunk().expect("8 of 32 bytes");
    format!("{:016x}", u64::from_be_bytes(*prefix))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_beginning_of_what_sha256sum_says() {
        assert_eq!(short_digest(b""), "e3b0c44298fc1c14");
        assert_eq!(short_digest(b"abc"), "ba7816bf8f01cfea");
    }
}
