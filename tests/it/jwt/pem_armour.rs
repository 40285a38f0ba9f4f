//! The text around a PEM block, as tools, editors and environment variables change it, and texts that are not PEM.

use tower_bearer_auth::{Algorithm, VerifyingKey};

use super::der::{from_pem, to_pem};
use super::{fixtures, jwt, jwt_builder, other_signing_key, refusal, signing_key};

#[track_caller]
fn problem(algorithm: Algorithm, pem: impl AsRef<[u8]>) -> String {
    let error = VerifyingKey::from_public_key_pem(algorithm, pem).unwrap_err();
    let start = format!("the PEM key for {algorithm} ");
    let error = error.to_string();
    error.strip_prefix(&start).expect(&error).to_owned()
}

#[test]
fn text_around_a_key_is_ignored() {
    let key = signing_key(Algorithm::ES256);
    let pem = key.public_key_pem().replace("\r\n", "\n");
    let one_line = pem.replace('\n', " ");
    let body: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
    let lines = |width: usize| {
        let body: Vec<_> = body
            .as_bytes()
            .chunks(width)
            .map(|line| str::from_utf8(line).unwrap())
            .collect();
        format!(
            "-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n",
            body.join("\n")
        )
    };
    let bags =
        "Bag Attributes\n    localKeyID: 01 02 \n    friendlyName: k\\nx\nsubject=CN = test\n";
    for text in [
        pem.clone(),
        pem.trim_end().to_owned(),
        pem.replace('\n', "\r\n"),
        pem.replace('\n', "\r"),
        pem.replace('\n', "\r\r\n"),
        pem.replace('\n', "\n\n"),
        pem.replace('\n', " \n"),
        pem.replace('\n', "\n    "),
        pem.replace('\n', "\n\t"),
        one_line,
        lines(1),
        lines(3),
        lines(76),
        lines(1000),
        format!("\u{feff}{pem}"),
        format!("\n \r\n\t{pem}\n\n\0"),
        format!("# the key of the issuer -- staging\n{pem}"),
        format!("{bags}{pem}{bags}"),
        format!("key with a \\n in its name\n{pem}"),
        format!("-{pem}"),
        format!("--------{pem}"),
        format!("-----BEGIN{pem}"),
        format!("----- BEGIN -----BEG{pem}-"),
        format!("name: value\n\n{pem}name: value\n\n-----END"),
    ] {
        let verifier = jwt_builder()
            .public_key_pem(Algorithm::ES256, &text)
            .build();
        let verifier = verifier.unwrap_or_else(|error| panic!("{error}: {text:?}"));
        assert_eq!(refusal(&verifier, &jwt(key).build()), None, "{text:?}");
    }
    // Comments need not be UTF-8.
    let latin = [b"Schl\xfcssel\n", pem.as_bytes()].concat();
    VerifyingKey::from_public_key_pem(Algorithm::ES256, latin).unwrap();
}

#[test]
fn private_keys_are_refused_by_their_label() {
    let public = signing_key(Algorithm::RS256).public_key_pem();
    let private = signing_key(Algorithm::RS256).private_key_pem();
    let wanted = "is a private key; give the public one";
    assert_eq!(problem(Algorithm::RS256, &private), wanted);
    assert_eq!(
        problem(Algorithm::RS256, format!("{public}{private}")),
        wanted
    );
    assert_eq!(problem(Algorithm::HS256, &private), wanted);
    for label in [
        "PRIVATE KEY",
        "RSA PRIVATE KEY",
        "EC PRIVATE KEY",
        "DSA PRIVATE KEY",
        "ENCRYPTED PRIVATE KEY",
        "OPENSSH PRIVATE KEY",
        "ANY PRIVATE KEY",
        "PGP PRIVATE KEY BLOCK",
    ] {
        for text in [
            to_pem(label, &from_pem(&public)),
            to_pem(label, b"x").replace('\n', "\\n"),
        ] {
            assert_eq!(problem(Algorithm::RS256, &text), wanted, "{label}");
        }
    }
    assert_eq!(
        problem(Algorithm::RS256, "PuTTY-User-Key-File-3: ssh-rsa\n"),
        wanted
    );
    // Also without its first line.
    let (_, cut) = private.split_once('\n').unwrap();
    assert_eq!(problem(Algorithm::RS256, cut), wanted);
}

#[test]
fn several_blocks_are_counted_and_a_certificate_chain_is_named_as_such() {
    let pem = |algorithm| signing_key(algorithm).public_key_pem();
    let (one, two) = (
        pem(Algorithm::RS256),
        other_signing_key(Algorithm::RS256).public_key_pem(),
    );
    let certificate = fixtures::RSA_CERTIFICATE;
    for (text, wanted) in [
        (
            format!("{one}{two}"),
            "has 2 keys; give one, or each as a key of its own",
        ),
        (
            format!("{one}{one}"),
            "has 2 keys; give one, or each as a key of its own",
        ),
        (
            format!("{one}\n{two}\n{}", pem(Algorithm::ES256)),
            "has 3 keys; give one, or each as a key of its own",
        ),
        (
            certificate.repeat(2),
            "is a chain of 2 certificates; give the leaf alone, whose key signs the tokens",
        ),
        (
            format!("1 s:CN = a\n{certificate}2 s:CN = b\n{certificate}{certificate}"),
            "is a chain of 3 certificates; give the leaf alone, whose key signs the tokens",
        ),
        (
            format!("{certificate}{one}"),
            "has 2 PEM blocks, 1 of them certificates; give one",
        ),
    ] {
        assert_eq!(problem(Algorithm::RS256, &text), wanted);
        let error = jwt_builder().public_key_pem(Algorithm::RS256, text).build();
        assert!(error.unwrap_err().to_string().contains(wanted));
    }
}

#[test]
fn escaped_line_ends_are_named_in_the_error() {
    let pem = signing_key(Algorithm::RS256)
        .public_key_pem()
        .replace("\r\n", "\n");
    for end in [r"\n", r"\r\n", r"\r"] {
        for text in [
            pem.replace('\n', end),
            pem.trim_end().replace('\n', end),
            format!("\"{}\"", pem.trim_end().replace('\n', end)),
        ] {
            let problem = problem(Algorithm::RS256, &text);
            assert!(
                problem.starts_with("has line ends that are written as a backslash and an n"),
                "{problem}"
            );
        }
    }
}

#[test]
fn a_text_that_is_not_pem_is_described_in_the_error() {
    let der = from_pem(fixtures::RSA_SPKI);
    let body: String = fixtures::RSA_SPKI
        .lines()
        .filter(|line| !line.starts_with('-'))
        .collect();
    let utf_16 = fixtures::RSA_SPKI.encode_utf16().flat_map(u16::to_le_bytes);
    let utf_16: Vec<u8> = [0xff, 0xfe].into_iter().chain(utf_16).collect();
    let jwk = signing_key(Algorithm::RS256).jwk().to_string();
    let general = "is not a PEM public key or certificate";
    let table: Vec<(&[u8], &str)> = vec![
        (b"", "is empty"),
        (b" \r\n\t", "is empty"),
        ("\u{feff}".as_bytes(), "is empty"),
        (&der, "is DER, not PEM"),
        (&utf_16, "is UTF-16"),
        (
            jwk.as_bytes(),
            "is JSON; give a JWK to VerifyingKey::from_jwk",
        ),
        (
            body.as_bytes(),
            "is base64 without the lines -----BEGIN PUBLIC KEY-----",
        ),
        (
            b"ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABgQC me@here",
            "is an OpenSSH key",
        ),
        (
            b"ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTY=",
            "is an OpenSSH key",
        ),
        (
            b"---- BEGIN SSH2 PUBLIC KEY ----\nAAAA\n---- END SSH2 PUBLIC KEY ----",
            "is an OpenSSH key",
        ),
        (b"/etc/keys/issuer.pem", "is a path, not PEM"),
        (b"./MII/key\n", "is a path, not PEM"),
        (b"C:\\keys\\issuer.crt", "is a path, not PEM"),
        (b"issuer.pem", "is a path, not PEM"),
        (b"https://issuer.example.com/key.pem", "is a URL, not PEM"),
        (b"a secret of some length", general),
        (b"one/line\nanother/line", general),
        (b"MII", general),
        (
            b"----BEGIN PUBLIC KEY----\nAAAA\n----END PUBLIC KEY----",
            "has a broken first line",
        ),
        (b"-----BEGIN", "has a broken first line"),
    ];
    for (text, wanted) in table {
        let problem = problem(Algorithm::RS256, text);
        let shown = String::from_utf8_lossy(text);
        assert!(problem.starts_with(wanted), "{problem:?} for {shown:?}");
    }
}

#[test]
fn a_broken_block_is_located_in_the_error() {
    let good = fixtures::RSA_SPKI;
    let no_base64 = "is not base64 between its first line and its last";
    for (text, wanted) in [
        (
            good.replace("-----END PUBLIC KEY-----\n", ""),
            "has no line -----END PUBLIC KEY-----",
        ),
        (
            good.replace("END PUBLIC KEY-----", "END PUBLIC KEY--"),
            "has no line -----END PUBLIC KEY-----",
        ),
        (
            good.replace("END PUBLIC", "END RSA PUBLIC"),
            "begins as PUBLIC KEY and ends as something else",
        ),
        (
            good.replace("PUBLIC KEY", "CERTIFICATE REQUEST"),
            "is a CERTIFICATE REQUEST, not a PUBLIC KEY",
        ),
        (
            good.replace("PUBLIC KEY", "EC PARAMETERS"),
            "is a EC PARAMETERS, not a PUBLIC KEY",
        ),
        (
            good.replace("PUBLIC KEY", "public key"),
            "is a block of another kind, not a PUBLIC KEY",
        ),
        (
            good.replace("PUBLIC KEY", "TRUSTED CERTIFICATE"),
            "is a TRUSTED CERTIFICATE, not a",
        ),
        (good.replacen("MIIB", "MI*B", 1), no_base64),
        (good.replacen("MIIB", "MIB", 1), no_base64),
        (good.replacen("MIIB", "M\u{e9}IB", 1), no_base64),
        (
            good.replacen("\nMIIB", "\nComment: a key\n\nMIIB", 1),
            no_base64,
        ),
        (
            "-----BEGIN PUBLIC KEY-----\n-----END PUBLIC KEY-----".into(),
            "holds no SubjectPublicKeyInfo in DER",
        ),
        (
            format!("-----BEGIN {}", "A".repeat(100)),
            "has no line -----END",
        ),
    ] {
        let problem = problem(Algorithm::RS256, &text);
        assert!(problem.contains(wanted), "{problem:?} for {text:?}");
    }
}

#[test]
fn the_size_of_a_text_is_limited() {
    let pem = signing_key(Algorithm::ES256).public_key_pem();
    let padded = |length: usize| format!("{}{pem}", " ".repeat(length - pem.len()));
    VerifyingKey::from_public_key_pem(Algorithm::ES256, padded(1024 * 1024)).unwrap();
    let longer = problem(Algorithm::ES256, padded(1024 * 1024 + 1));
    assert_eq!(longer, "is longer than 1 MiB");
}
