//! The cause of an outage or a configuration error is in its text and in the log.

use std::error::Error;
use std::process::Command;

use tokio::net::TcpListener;
use tower_bearer_auth::Jwks;
use tower_bearer_auth::jwks::{Discovery, HttpKeySource, KeySource};

use crate::support::{Logs, NoNames};

/// Asserts that a fetch fails, and that the error and the one `WARN` event contain each of these texts.
async fn assert_causes(source: impl KeySource, causes: &[&str]) {
    let jwks = Jwks::builder(source).build().unwrap();
    let logs = Logs::capture();
    let error = jwks.refresh().await.unwrap_err().to_string();
    let log = logs.text();
    assert_eq!(log.matches("WARN").count(), 1, "{log}");
    for text in [&error, &log] {
        for cause in causes {
            assert!(text.contains(cause), "{cause}: {text}");
        }
        assert!(!text.contains("s3cret"), "{text}");
    }
}

/// A port on which no server listens any more.
async fn closed_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    listener.local_addr().unwrap().port()
}

#[tokio::test]
async fn a_refused_connection_is_named_in_the_error() {
    let base = format!("http://127.0.0.1:{}", closed_port().await);
    let http = HttpKeySource::builder(format!("{base}/jwks?api_key=s3cret"));
    assert_causes(http.build().unwrap(), &["onnection refused"]).await;
    let discovery = Discovery::builder(&base).build().unwrap();
    let location = format!("{base}/.well-known/openid-configuration cannot be read: ");
    assert_causes(discovery, &[&location, "onnection refused"]).await;
}

#[tokio::test]
async fn an_unresolvable_host_is_named_in_the_error() {
    let client = || {
        let client = reqwest::Client::builder().no_proxy().dns_resolver(NoNames);
        client.build().unwrap()
    };
    let causes = ["dns error", "there are no names here"];
    let http = HttpKeySource::builder("https://keys.test/jwks?api_key=s3cret").client(client());
    assert_causes(http.build().unwrap(), &causes).await;
    let discovery = Discovery::builder("https://issuer.test").client(client());
    let location = "https://issuer.test/.well-known/openid-configuration cannot be read: ";
    let causes = [&causes[..], &[location]].concat();
    assert_causes(discovery.build().unwrap(), &causes).await;
}

#[tokio::test]
async fn a_failed_tls_handshake_is_named_in_the_error() {
    // The server responds, but not with TLS.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("https://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let hello = b"HTTP/1.1 400 Bad Request\r\n\r\n";
            let _ = tokio::io::AsyncWriteExt::write_all(&mut stream, hello).await;
        }
    });
    let http = HttpKeySource::builder(format!("{base}/jwks?api_key=s3cret"));
    assert_causes(http.build().unwrap(), &["corrupt message"]).await;
    let location = format!("{base}/.well-known/openid-configuration cannot be read: ");
    let discovery = Discovery::builder(&base).build().unwrap();
    assert_causes(discovery, &[&location, "corrupt message"]).await;
}

/// Set in the child process that [`a_machine_without_certificate_authorities_is_a_named_cause`] starts.
const CHILD: &str = "TOWER_BEARER_AUTH_TEST_WITHOUT_CA";

#[test]
fn a_machine_without_certificate_authorities_is_a_named_cause() {
    if std::env::var_os(CHILD).is_some() {
        return without_certificate_authorities();
    }
    let name = "jwks::causes::a_machine_without_certificate_authorities_is_a_named_cause";
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", name, "--nocapture"])
        .env(CHILD, "1")
        .env("SSL_CERT_FILE", "/nonexistent/certificates.pem")
        .env("SSL_CERT_DIR", "/nonexistent/certificates")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&child.stdout);
    assert!(
        child.status.success() && said.contains("1 passed"),
        "{child:?}"
    );
}

fn without_certificate_authorities() {
    let errors = [
        HttpKeySource::builder("https://keys.test/jwks")
            .build()
            .err(),
        Discovery::builder("https://issuer.test").build().err(),
        Jwks::from_url("https://keys.test/jwks").err(),
    ];
    for error in errors {
        let error = error.unwrap();
        let text = error.to_string();
        let cause = text.strip_prefix("there is no HTTP client: builder error: ");
        let cause = cause.unwrap_or_else(|| panic!("{text}"));
        assert!(cause.to_lowercase().contains("certificate"), "{text}");
        // The source chain of the error has the causes as well.
        assert!(error.source().unwrap().source().is_some(), "{error:?}");
    }
}
