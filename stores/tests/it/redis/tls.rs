//! `rediss://` URLs.

use std::{env, fs};

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use tower_bearer_auth::possession::{ProofId, ReplayStore};
use tower_bearer_auth_stores::RedisStore;

use crate::support::redis_server::{RedisServer, with_servers};
use crate::support::{HOUR, child_test};

const URL: &str = "URL_OF_THE_CHILD";
const CHILD: &str = "redis::tls::the_child_process_uses_the_store";

/// The roots of the system come from a variable, which must not change in this process.
#[tokio::test]
async fn a_server_with_a_certificate_of_a_known_root_is_trusted_and_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let root_key = KeyPair::generate().unwrap();
    let mut root = CertificateParams::new([]).unwrap();
    root.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let root_certificate = root.self_signed(&root_key).unwrap();
    fs::write(path("root.pem"), root_certificate.pem()).unwrap();
    let other_root = root.self_signed(&KeyPair::generate().unwrap()).unwrap();
    fs::write(path("other-root.pem"), other_root.pem()).unwrap();
    let key = KeyPair::generate().unwrap();
    let server = CertificateParams::new(["localhost".to_owned()]).unwrap();
    let server = server
        .signed_by(&key, &Issuer::from_params(&root, &root_key))
        .unwrap();
    fs::write(path("server.pem"), server.pem()).unwrap();
    fs::write(path("server.key"), key.serialize_pem()).unwrap();

    let port = RedisServer::free_port().to_string();
    let (certificate, key, root) = (path("server.pem"), path("server.key"), path("root.pem"));
    let arguments = [
        "--tls-port",
        &port,
        "--tls-cert-file",
        &certificate,
        "--tls-key-file",
        &key,
        "--tls-ca-cert-file",
        &root,
        "--tls-auth-clients",
        "no",
    ];
    with_servers(&arguments, async |_server| {
        for (root, host, is_trusted) in [
            ("root.pem", "localhost", true),
            ("other-root.pem", "localhost", false),
            ("root.pem", "127.0.0.1", false),
        ] {
            let output = child_test(CHILD, "")
                .env(URL, format!("rediss://{host}:{port}"))
                .env("SSL_CERT_FILE", path(root))
                .env_remove("SSL_CERT_DIR")
                .output()
                .unwrap();
            let text = String::from_utf8_lossy(&output.stdout);
            assert!(output.status.success(), "{text}");
            assert_eq!(text.contains("accepted: true"), is_trusted, "{text}");
            assert_eq!(text.contains("certificate"), !is_trusted, "{text}");
        }
    })
    .await;
}

#[tokio::test]
#[ignore = "the child of another test"]
async fn the_child_process_uses_the_store() {
    let Ok(url) = env::var(URL) else {
        return;
    };
    let store = RedisStore::new(url).unwrap();
    match store.first_use(&ProofId::for_testing("proof"), HOUR).await {
        Ok(is_first) => println!("accepted: {is_first}"),
        Err(error) => println!("error: {error}"),
    }
}
