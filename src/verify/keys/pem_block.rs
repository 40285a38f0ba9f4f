//! Finds and decodes the block of a PEM text (RFC 7468).
//!
//! The parser ignores text around the block, the length of lines and the form of line ends. Tools, editors and
//! environment variables change these, and they do not affect the key. `public_key_info` and `certificate` parse the
//! DER in the block strictly.

use std::borrow::Cow;

use memchr::memmem;
use pem::PemError;

use crate::json::BYTE_ORDER_MARK;

/// The label of a PEM block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Label {
    /// SubjectPublicKeyInfo.
    PublicKey,
    /// PKCS#1.
    RsaPublicKey,
    Certificate,
}

/// A problem of a PEM text, as the end of a sentence. It quotes nothing from the text except a label.
pub(crate) type Problem = Cow<'static, str>;

/// The maximum length of a PEM text, in bytes. A bundle of all root certificates is shorter.
const MAX_LENGTH: usize = 1024 * 1024;

/// Decodes the only block of a PEM text.
pub(crate) fn the_block(text: &[u8]) -> Result<(Label, Vec<u8>), Problem> {
    if text.len() > MAX_LENGTH {
        return Err("is longer than 1 MiB".into());
    }
    let labels = labels(text);
    if is_private(text, &labels) {
        return Err("is a private key; give the public one".into());
    }
    if has_escaped_line_ends(text) {
        let problem = "has line ends that are written as a backslash and an n, as in an environment variable; \
                       replace them with line ends";
        return Err(problem.into());
    }
    let label = match *labels {
        [] => return Err(without_block(text).into()),
        [label] => label,
        [..] => return Err(several(&labels)),
    };
    let block = pem::parse(block(text)).map_err(|error| broken(&error, label))?;
    let label = match block.tag() {
        "PUBLIC KEY" => Label::PublicKey,
        "RSA PUBLIC KEY" => Label::RsaPublicKey,
        // The older names mean the same (RFC 7468 §5.1).
        CERTIFICATE | "X509 CERTIFICATE" | "X.509 CERTIFICATE" => Label::Certificate,
        _ => {
            let label = shown(label);
            return Err(
                format!("is a {label}, not a PUBLIC KEY, RSA PUBLIC KEY or CERTIFICATE").into(),
            );
        }
    };
    Ok((label, block.into_contents()))
}

const CERTIFICATE: &str = "CERTIFICATE";
const BEGIN: &[u8] = b"-----BEGIN ";
const DASHES: &[u8] = b"-----";

/// The label of each `-----BEGIN` line.
fn labels(text: &[u8]) -> Vec<&[u8]> {
    memmem::find_iter(text, BEGIN)
        .map(|begin| {
            let label = &text[begin + BEGIN.len()..];
            // The search for the end is bounded. Otherwise a text of many unterminated labels would take quadratic
            // time.
            let label = &label[..label.len().min(MAX_LABEL)];
            let end = memmem::find(label, DASHES);
            &label[..end.unwrap_or(label.len())]
        })
        .collect()
}

const MAX_LABEL: usize = 64;

/// The label for error texts, or a placeholder if it is not plain uppercase text.
fn shown(label: &[u8]) -> &str {
    let is_label = |octet: &u8| matches!(octet, b'A'..=b'Z' | b'0'..=b'9' | b' ' | b'.' | b'-');
    match str::from_utf8(label) {
        Ok(text) if label.len() < MAX_LABEL && label.iter().all(is_label) => text,
        _ => "block of another kind",
    }
}

/// Whether the text contains a private key. It is refused even beside a public key, because a verifier must not have
/// private keys.
fn is_private(text: &[u8], labels: &[&[u8]]) -> bool {
    let private = memmem::Finder::new("PRIVATE KEY");
    labels.iter().any(|label| private.find(label).is_some())
        || [
            "PRIVATE KEY-----",
            "PRIVATE KEY ----",
            "PuTTY-User-Key-File-",
        ]
        .into_iter()
        .any(|mark| contains(text, mark))
}

fn has_escaped_line_ends(text: &[u8]) -> bool {
    [r"-----\n", r"-----\r", r"\n-----"]
        .into_iter()
        .any(|end| contains(text, end))
}

fn several(labels: &[&[u8]]) -> Problem {
    let count = labels.len();
    let certificates = labels
        .iter()
        .filter(|label| **label == CERTIFICATE.as_bytes());
    match certificates.count() {
        0 => format!("has {count} keys; give one, or each as a key of its own"),
        all if all == count => {
            format!("is a chain of {count} certificates; give the leaf alone, whose key signs the tokens")
        }
        some => format!("has {count} PEM blocks, {some} of them certificates; give one"),
    }
    .into()
}

/// The text from the `-----BEGIN` line on, without blank lines.
///
/// The parser does not find that line behind another dash. It also reads the text before a blank line as a header
/// (RFC 1421 §4.4), which keys do not have, and some editors double every line end.
fn block(text: &[u8]) -> Vec<u8> {
    let begin = memmem::find(text, BEGIN).unwrap_or(0);
    let lines = text[begin..]
        .split(|octet| matches!(octet, b'\n' | b'\r'))
        .map(<[u8]>::trim_ascii);
    let mut lines: Vec<_> = lines.filter(|line| !line.is_empty()).collect();
    lines.push(b"");
    lines.join(&b'\n')
}

fn broken(error: &PemError, label: &[u8]) -> Problem {
    let label = shown(label);
    match error {
        PemError::MismatchedTags(..) => {
            format!("begins as {label} and ends as something else").into()
        }
        PemError::MalformedFraming | PemError::MissingBeginTag | PemError::MissingEndTag => {
            format!("has no line -----END {label}-----, or a malformed one").into()
        }
        PemError::MissingData
        | PemError::InvalidData(_)
        | PemError::InvalidHeader(_)
        | PemError::NotUtf8(_) => "is not base64 between its first line and its last".into(),
    }
}

/// Describes a text without a PEM block, with the way to correct it where it is known.
fn without_block(text: &[u8]) -> &'static str {
    let text = text
        .strip_prefix(BYTE_ORDER_MARK.as_bytes())
        .unwrap_or(text);
    let trimmed = text.trim_ascii();
    let starts = |start: &str| trimmed.starts_with(start.as_bytes());
    let is_one_line = !trimmed.contains(&b'\n');
    match trimmed {
        [] => "is empty",
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => "is UTF-16; save it as UTF-8 or ASCII",
        [b'{', ..] => "is JSON; give a JWK to VerifyingKey::from_jwk, and a JWK Set to jwks_json",
        _ if starts("ssh-") || starts("ecdsa-sha2-") || starts("---- BEGIN SSH2") => {
            "is an OpenSSH key, not PEM; `ssh-keygen -e -m PKCS8` converts it"
        }
        _ if contains(trimmed, "-----BEGIN") || contains(trimmed, "----BEGIN") => {
            "has a broken first line; it must be -----BEGIN, a space, the label and -----"
        }
        [0x30, ..] if !trimmed.iter().all(|octet| is_text(*octet)) => {
            "is DER, not PEM; `openssl pkey -pubin -inform DER` converts a public key"
        }
        _ if starts("http://") || starts("https://") => {
            "is a URL, not PEM; give the text of the key"
        }
        _ if is_base64(trimmed) => {
            "is base64 without the lines -----BEGIN PUBLIC KEY----- and -----END PUBLIC KEY-----"
        }
        _ if is_one_line && is_path(trimmed) => {
            "is a path, not PEM; read the file and give its text"
        }
        _ => {
            "is not a PEM public key or certificate: it has no line -----BEGIN PUBLIC KEY-----, \
              -----BEGIN RSA PUBLIC KEY----- or -----BEGIN CERTIFICATE-----"
        }
    }
}

fn is_text(octet: u8) -> bool {
    matches!(octet, b' '..=b'~' | b'\t' | b'\n' | b'\r') || octet >= 0x80
}

/// Whether a text may be DER in base64. DER begins with the tag of a sequence, so its base64 begins with an M.
fn is_base64(text: &[u8]) -> bool {
    let base64 = |octet: &u8| {
        octet.is_ascii_alphanumeric() || octet.is_ascii_whitespace() || b"+/=-_".contains(octet)
    };
    text.len() >= 40 && text[0] == b'M' && text.iter().all(base64)
}

fn is_path(text: &[u8]) -> bool {
    let separates = |octet: &u8| matches!(octet, b'/' | b'\\');
    let extensions = ["pem", "crt", "cer", "cert", "der", "key", "pub", "txt"];
    let extension = text
        .rsplit(|octet| *octet == b'.')
        .next()
        .unwrap_or_default();
    text.len() <= 4096
        && (text.iter().any(separates)
            || extensions
                .iter()
                .any(|known| extension.eq_ignore_ascii_case(known.as_bytes())))
}

fn contains(text: &[u8], part: &str) -> bool {
    memmem::find(text, part.as_bytes()).is_some()
}
