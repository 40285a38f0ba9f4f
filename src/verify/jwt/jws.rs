//! Splits and decodes a compact JWS (RFC 7515 §7.1) and parses its header (§4). Nothing is trusted yet.

use std::borrow::Cow;

use memchr::memchr;
use serde::de::MapAccess;

use crate::base64url;
use crate::json::{Fault, Member, Object, Text, parse_object};
use crate::verify::keys::algorithm::Algorithm;

/// The three segments of a compact JWS, still encoded.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Jws<'t> {
    /// The signed bytes: the first two segments and the dot between them.
    pub(crate) signing_input: &'t [u8],
    header: &'t [u8],
    payload: &'t [u8],
    signature: &'t [u8],
}

/// The rule that a text breaks if [`Jws::split`] refuses it.
pub(crate) const THREE_SEGMENTS: &str = "it does not have three segments with dots between them";

/// In bytes, that of RSA with 8192 bits. Only ML-DSA signatures are longer.
pub(crate) const USUAL_SIGNATURE_LENGTH: usize = 1024;

/// The size of the buffer for a header, in bytes. Most headers fit; one with certificates needs an allocation.
pub(crate) const USUAL_HEADER_LENGTH: usize = 256;

/// The size of the buffer for a payload, in bytes. Most payloads fit, also before they are decoded.
pub(crate) const USUAL_PAYLOAD_LENGTH: usize = 1024;

impl<'t> Jws<'t> {
    /// Splits a token at its two dots. A token with five segments is a JWE (RFC 7516), which is not supported.
    pub(crate) fn split(token: &'t [u8]) -> Option<Self> {
        let first = memchr(b'.', token)?;
        let (header, rest) = (&token[..first], &token[first + 1..]);
        let second = memchr(b'.', rest)?;
        let (payload, signature) = (&rest[..second], &rest[second + 1..]);
        if memchr(b'.', signature).is_some() {
            return None;
        }
        Some(Self {
            signing_input: &token[..first + 1 + second],
            header,
            payload,
            signature,
        })
    }

    /// The encoded header as sent: a DPoP check compares it with that of the last proof of a key.
    #[cfg(feature = "dpop")]
    pub(crate) fn encoded_header(&self) -> &'t [u8] {
        self.header
    }

    /// Decodes the header into the buffer if it fits.
    pub(crate) fn decode_header<'b>(
        &self,
        buffer: &'b mut [u8; USUAL_HEADER_LENGTH],
    ) -> Option<Cow<'b, str>> {
        decode_text_into(buffer, self.header)
    }

    pub(crate) fn decode_payload(&self) -> Option<String> {
        decode_text(self.payload)
    }

    /// Decodes the payload into the buffer if it fits. For claims that are only looked at.
    pub(crate) fn decode_payload_into<'b>(
        &self,
        buffer: &'b mut [u8; USUAL_PAYLOAD_LENGTH],
    ) -> Option<Cow<'b, str>> {
        decode_text_into(buffer, self.payload)
    }

    /// Decodes into the buffer where the signatures of the algorithm fit it, and into a `Vec` where the `longest` does not,
    /// so that no token pays for a buffer as large as an ML-DSA signature.
    pub(crate) fn decode_signature<'b>(
        &self,
        longest: usize,
        buffer: &'b mut [u8; USUAL_SIGNATURE_LENGTH],
    ) -> Option<Cow<'b, [u8]>> {
        if longest > buffer.len() {
            return base64url::decode(self.signature).map(Cow::Owned);
        }
        let length = base64url::decode_into(buffer, self.signature)?;
        Some(Cow::Borrowed(&buffer[..length]))
    }
}

/// Decodes strict base64url. All of the text must be UTF-8, also parts that are never read.
fn decode_text(segment: &[u8]) -> Option<String> {
    String::from_utf8(base64url::decode(segment)?).ok()
}

/// [`decode_text`] into the buffer if the segment fits.
fn decode_text_into<'b>(buffer: &'b mut [u8], segment: &[u8]) -> Option<Cow<'b, str>> {
    if base64url::decoded_length(segment.len()) > buffer.len() {
        return decode_text(segment).map(Cow::Owned);
    }
    let length = base64url::decode_into(buffer, segment)?;
    std::str::from_utf8(&buffer[..length])
        .ok()
        .map(Cow::Borrowed)
}

/// The members of a header that are used: the algorithm, the key ID and the type of the token.
///
/// `jwk`, `jku`, `x5u` and `x5c` are not read: an attacker could put a key of their own there.
#[derive(Debug)]
pub(crate) struct Header<'a> {
    pub(crate) algorithm: Algorithm,
    pub(crate) key_id: Option<Cow<'a, str>>,
    pub(crate) token_type: Option<Cow<'a, str>>,
}

#[derive(Default)]
struct HeaderMembers<'a> {
    alg: Member<Text<'a>>,
    kid: Member<Text<'a>>,
    typ: Member<Text<'a>>,
    /// `crit`, `b64`, `zip` or `enc`, whatever its value.
    unsupported: Option<&'static str>,
}

/// Header members that refuse a token: no critical extension is supported (RFC 7515 §4.1.11), including unencoded
/// payloads (RFC 7797), and `zip` and `enc` belong to JWE.
pub(crate) const UNSUPPORTED: [&str; 4] = ["crit", "b64", "zip", "enc"];

impl<'de> Object<'de> for HeaderMembers<'de> {
    const MEMBERS: &'static [&'static str] = &["alg", "kid", "typ"];

    fn read<A: MapAccess<'de>>(&mut self, name: &str, members: &mut A) -> Result<bool, A::Error> {
        match name.as_bytes() {
            b"alg" => self.alg.read(members),
            b"kid" => self.kid.read(members),
            b"typ" => self.typ.read(members),
            _ => {
                let unsupported = UNSUPPORTED.into_iter().find(|known| *known == name);
                self.unsupported = self.unsupported.or(unsupported);
                Ok(false)
            }
        }
    }
}

/// Why a header is refused, before any key is looked up.
#[derive(Debug)]
pub(crate) enum BadHeader {
    Malformed(Fault),
    UnsupportedAlgorithm,
}

impl<'a> Header<'a> {
    pub(crate) fn parse(json: &'a str) -> Result<Self, BadHeader> {
        let members: HeaderMembers<'a> = parse_object(json).map_err(BadHeader::Malformed)?;
        let fault = |member, rule| BadHeader::Malformed(Fault::in_member(member, rule));
        if let Some(member) = members.unsupported {
            return Err(fault(member, "no token may have this header member"));
        }
        let name = members.alg.into_value();
        let name = name.ok_or_else(|| fault("alg", "it is missing"))?;
        Ok(Self {
            algorithm: Algorithm::from_name(&name.0).ok_or(BadHeader::UnsupportedAlgorithm)?,
            key_id: members.kid.into_value().map(|text| text.0),
            token_type: members.typ.into_value().map(|text| text.0),
        })
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

    use super::*;

    #[test]
    fn a_compact_jws_has_three_segments() {
        let jws = Jws::split(b"aa.bb.cc").unwrap();
        assert_eq!(jws.signing_input, b"aa.bb");
        assert_eq!(
            (jws.header, jws.payload, jws.signature),
            (&b"aa"[..], &b"bb"[..], &b"cc"[..])
        );
        for other in ["", "a", "a.b", "a.b.c.d", "a.b.c.d.e"] {
            assert!(Jws::split(other.as_bytes()).is_none(), "{other}");
        }
    }

    #[test]
    fn segments_are_strict_base64url() {
        // "YQ" is the canonical form of "a"; "YR" differs in bits that no octet uses.
        assert_eq!(decode_text(b"YQ").as_deref(), Some("a"));
        for bad in ["YQ==", "YR", "Y", "Y Q", "YQ\n", "+/==", "_w"] {
            assert_eq!(decode_text(bad.as_bytes()), None, "{bad}");
            assert_eq!(decode_text_into(&mut [0; 8], bad.as_bytes()), None, "{bad}");
        }
        // In the buffer and beside it.
        for size in [0, 1, 2, 8] {
            let mut buffer = [0; 8];
            let text = decode_text_into(&mut buffer[..size], b"YQ");
            assert_eq!(text.as_deref(), Some("a"), "{size}");
        }
    }

    #[test]
    fn only_a_long_signature_is_decoded_outside_the_buffer() {
        for length in [0, 1, 64, 1023, 1024, 1025, 2420, 4627, 4628] {
            let signature = vec![0xa5; length];
            let token = format!("a.b.{}", URL_SAFE_NO_PAD.encode(&signature));
            let jws = Jws::split(token.as_bytes()).unwrap();
            let mut buffer = [0; USUAL_SIGNATURE_LENGTH];
            for longest in [64, 1024] {
                let decoded = jws.decode_signature(longest, &mut buffer);
                let fits = length <= USUAL_SIGNATURE_LENGTH;
                assert_eq!(decoded.is_some(), fits, "{length}");
                let is_in_buffer = decoded.is_some_and(
                    |decoded| matches!(decoded, Cow::Borrowed(decoded) if decoded == signature),
                );
                assert_eq!(is_in_buffer, fits, "{length}");
            }
            let decoded = jws.decode_signature(1025, &mut buffer);
            assert_eq!(decoded.as_deref(), Some(&*signature), "{length}");

            let bad = format!("{token}*");
            let jws = Jws::split(bad.as_bytes()).unwrap();
            for longest in [1024, 4627] {
                assert!(jws.decode_signature(longest, &mut buffer).is_none());
            }
        }
    }

    #[test]
    fn a_header_is_read_strictly() {
        let header = Header::parse(r#"{"alg":"RS256","k\u0069d":"a","typ":"JWT","x":{"y":[1]}}"#);
        let header = header.unwrap();
        assert_eq!(header.algorithm, Algorithm::RS256);
        assert_eq!(header.key_id.as_deref(), Some("a"));
        assert_eq!(header.token_type.as_deref(), Some("JWT"));

        let header = Header::parse(r#"{"alg":"RS256","kid":null,"typ":null}"#).unwrap();
        assert_eq!((header.key_id, header.token_type), (None, None));

        let malformed = [
            r#"{}"#,
            r#"["RS256"]"#,
            r#""RS256""#,
            r#"null"#,
            r#"{"alg":null}"#,
            r#"{"alg":["RS256"]}"#,
            r#"{"alg":"RS256","alg":"RS256"}"#,
            r#"{"alg":"RS256","kid":null,"kid":"a"}"#,
            r#"{"alg":"RS256","typ":"JWT","typ":null}"#,
            r#"{"alg":"RS256","\u0061lg":"none"}"#,
            r#"{"alg":"RS256","kid":7}"#,
            r#"{"alg":"RS256","typ":["JWT"]}"#,
            r#"{"alg":"RS256","crit":[]}"#,
            r#"{"alg":"RS256","crit":null}"#,
            r#"{"alg":"RS256","crit":["b64"],"b64":false}"#,
            r#"{"alg":"RS256","b64":true}"#,
            r#"{"alg":"RS256","zip":"DEF"}"#,
            r#"{"alg":"RS256","enc":"A256GCM"}"#,
            r#"{"alg":"RS256"}{}"#,
            r#"{"alg":"RS256"} x"#,
            "\u{feff}{\"alg\":\"RS256\"}",
            r#"{"alg":"RS256",}"#,
            r#"{"alg":"RS256","x":NaN}"#,
        ];
        for json in malformed {
            let refusal = Header::parse(json).unwrap_err();
            assert!(matches!(refusal, BadHeader::Malformed(_)), "{json}");
        }
        for name in [
            "none",
            "None",
            "NONE",
            "nOnE",
            "",
            "rs256",
            "RS256 ",
            "dir",
            "PBES2-HS256+A128KW",
        ] {
            let json = format!(r#"{{"alg":"{name}"}}"#);
            let refusal = Header::parse(&json).unwrap_err();
            assert!(matches!(refusal, BadHeader::UnsupportedAlgorithm), "{json}");
        }
    }
}
