//! What is logged about a proof that is refused.

use std::io;
use std::sync::Mutex;

use tracing_subscriber::fmt::MakeWriter;

use super::*;

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Log {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

#[test]
fn the_log_names_the_rule_and_nothing_of_the_proof() {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_ansi(false)
        .with_writer(log.clone())
        .finish();
    tracing::subscriber::with_default(subscriber, || {
        for claims in [
            json!({"jti": ["s3cr3t"]}),
            json!({"s3cr3t": 1, "iat": "s3cr3t"}),
            json!({"htm": "s3cr3t"}),
            json!({"htu": "https://s3cr3t.example"}),
            json!({"ath": "s3cr3t"}),
            json!({"nonce": {"s3cr3t": "s3cr3t"}}),
            json!({"iat": 5}),
        ] {
            verify_claims(with(usual_claims(), claims)).unwrap_err();
        }
        for header in [
            json!({"typ": "s3cr3t"}),
            json!({"alg": "s3cr3t"}),
            json!({"jwk": {"kty": "s3cr3t"}}),
            json!({"jwk": with(jwk_of(&ES256), json!({"use": "s3cr3t"}))}),
        ] {
            verify(with(header_of(&ES256), header), usual_claims()).unwrap_err();
        }
        verify(r#"{"s3cr3t":1,"s3cr3t":2}"#, usual_claims()).unwrap_err();
    });
    let text = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    let lines: Vec<_> = text
        .lines()
        .map(|line| line.split_once("DEBUG ").unwrap().1)
        .collect();
    let beginning = "tower_bearer_auth::possession: the proof is refused";
    let wanted = [
        r#"part="payload" member="jti" rule="it is not a string""#,
        r#"part="payload" member="iat" rule="it is not a number of seconds since 1970""#,
        r#"part="payload" member="htm" rule="it is not the method of the request""#,
        r#"part="payload" member="htu" rule="it is not the URL of the request""#,
        r#"part="payload" member="ath" rule="it is not the digest of the access token""#,
        r#"part="payload" member="nonce" rule="it is not a string""#,
        r#"part="payload" member="iat" rule="it is too long ago""#,
        r#"part="header" member="typ" rule="it is not dpop+jwt""#,
        r#"part="header" member="alg" rule="it is not an algorithm for proofs""#,
        r#"part="header" member="kty" rule="the key is for another algorithm""#,
        r#"part="header" member="jwk" rule="not_for_verifying""#,
        r#"part="header" rule="a member occurs twice""#,
    ];
    assert_eq!(lines, wanted.map(|rule| format!("{beginning} {rule}")));
}
