//! A proxy terminates TLS and sends the certificate of the client in a header.

use aws_lc_rs::digest::{SHA256, digest};
use axum::middleware::map_request;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, Request};
use http_body_util::Full;
use tower_bearer_auth::possession::{ClientCertificate, ClientCertificateFromHeader, RequestHead};
use tower_bearer_auth::testing::TestCertificate;
use tower_layer::Layer;

use super::{ANOTHER, NOT_PROVEN, Server, certificates, checked};
use crate::support::{Inner, Logs, answer_of};

/// A form of the header, its name, and how a proxy writes a certificate in it.
type Form = (
    fn() -> ClientCertificateFromHeader,
    &'static str,
    fn(&TestCertificate) -> String,
);

const FORMS: [Form; 4] = [
    (
        ClientCertificateFromHeader::client_cert,
        "client-cert",
        |certificate| format!(":{}:", STANDARD.encode(certificate.der())),
    ),
    (
        ClientCertificateFromHeader::envoy_xfcc,
        "x-forwarded-client-cert",
        |certificate| {
            let hash = hexadecimal_digest(certificate.der());
            format!("By=spiffe://proxy;Hash={hash};Subject=\"CN=\\\"alice\\\",O=a;b\"")
        },
    ),
    (
        ClientCertificateFromHeader::envoy_xfcc,
        "x-forwarded-client-cert",
        |certificate| format!("Cert=\"{}\"", escaped(certificate)),
    ),
    (
        || ClientCertificateFromHeader::escaped_pem("x-ssl-cert"),
        "x-ssl-cert",
        escaped,
    ),
];

fn hexadecimal_digest(octets: &[u8]) -> String {
    let digest = digest(&SHA256, octets);
    digest
        .as_ref()
        .iter()
        .map(|octet| format!("{octet:02x}"))
        .collect()
}

fn escaped(certificate: &TestCertificate) -> String {
    let escape = |octet: u8| match octet {
        b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' | b'-' => char::from(octet).to_string(),
        _ => format!("%{octet:02X}"),
    };
    certificate.pem().bytes().map(escape).collect()
}

/// A server that trusts the header from a proxy with this certificate. It refuses requests in which the header remains.
async fn behind(proxy: &TestCertificate, form: fn() -> ClientCertificateFromHeader) -> Server {
    let proxy = proxy.client_certificate();
    Server::start(move |app, issuer| {
        let certificates = form().trusted(move |head: RequestHead<'_>| {
            head.extensions.get::<ClientCertificate>() == Some(&proxy)
        });
        let app = app.layer(map_request(
            async |headers: HeaderMap, request: axum::extract::Request| {
                for (_, name, _) in FORMS {
                    let is_kept = headers.contains_key(name);
                    assert!(!is_kept, "{name}");
                }
                request
            },
        ));
        checked(app, issuer).layer(certificates)
    })
    .await
}

#[tokio::test]
async fn behind_a_proxy_the_certificate_is_that_of_the_header() {
    let [alice, mallory] = certificates();
    let proxy = TestCertificate::generate("proxy");
    for (form, name, write) in FORMS {
        let server = behind(&proxy, form).await;
        let bound = server.token(Some(&alice));
        let plain = server.token(None);
        let header = |certificate| (name, write(certificate));
        let empty = || (name, String::new());
        for (headers, refusal) in [
            (vec![header(&alice)], None),
            (vec![header(&mallory)], Some(ANOTHER)),
            (vec![], Some(NOT_PROVEN)),
            (vec![empty()], Some(NOT_PROVEN)),
            // The proxy kept what the client sent, and added its own.
            (vec![header(&alice), header(&mallory)], Some(NOT_PROVEN)),
            (vec![header(&mallory), header(&alice)], Some(NOT_PROVEN)),
            (vec![header(&alice), empty()], Some(NOT_PROVEN)),
            (
                vec![(name, format!("{},{}", write(&alice), write(&mallory)))],
                Some(NOT_PROVEN),
            ),
            (vec![(name, "none".into())], Some(NOT_PROVEN)),
        ] {
            let answer = server.get(Some(&proxy), &bound, &headers).await;
            match refusal {
                None => answer.assert_passed(),
                Some(description) => answer.assert_invalid_token(description),
            }
            // A header that is refused does not refuse a token that needs no certificate.
            let answer = server.get(Some(&proxy), &plain, &headers).await;
            answer.assert_passed();
        }
    }
}

#[tokio::test]
async fn the_certificate_of_the_proxy_is_never_that_of_a_client() {
    let [alice, _] = certificates();
    let proxy = TestCertificate::generate("proxy");
    for (form, name, write) in FORMS {
        let server = behind(&proxy, form).await;
        let bound = server.token(Some(&proxy));
        let answer = server.get(Some(&proxy), &bound, &[]).await;
        answer.assert_invalid_token(NOT_PROVEN);
        let answer = server
            .get(Some(&proxy), &bound, &[(name, "none".into())])
            .await;
        answer.assert_invalid_token(NOT_PROVEN);
        let answer = server
            .get(Some(&proxy), &bound, &[(name, write(&alice))])
            .await;
        answer.assert_invalid_token(ANOTHER);
    }
}

#[tokio::test]
async fn a_client_that_reaches_the_server_directly_cannot_send_the_header_itself() {
    let [alice, mallory] = certificates();
    let proxy = TestCertificate::generate("proxy");
    for (form, name, write) in FORMS {
        let server = behind(&proxy, form).await;
        let bound = server.token(Some(&alice));
        let forged = [(name, write(&alice))];
        let answer = server.get(Some(&mallory), &bound, &forged).await;
        answer.assert_invalid_token(ANOTHER);
        let answer = server.get(None, &bound, &forged).await;
        answer.assert_invalid_token(NOT_PROVEN);
        // The certificate of the connection still counts.
        let other = [(name, write(&mallory))];
        server
            .get(Some(&alice), &bound, &other)
            .await
            .assert_passed();
        server.get(Some(&alice), &bound, &[]).await.assert_passed();
    }
}

#[tokio::test]
async fn no_header_is_read_if_no_proxy_is_trusted() {
    let [alice, _] = certificates();
    for (form, name, write) in FORMS {
        let server = Server::start(|app, issuer| checked(app, issuer).layer(form())).await;
        let bound = server.token(Some(&alice));
        let header = [(name, write(&alice))];
        let answer = server.get(None, &bound, &header).await;
        answer.assert_invalid_token(NOT_PROVEN);
        server
            .get(Some(&alice), &bound, &header)
            .await
            .assert_passed();
    }
}

#[tokio::test]
async fn the_log_names_the_reason_for_ignoring_a_header_and_never_its_value() {
    const SECRET: &str = "s3cret";
    let layers = [
        ClientCertificateFromHeader::client_cert(),
        ClientCertificateFromHeader::client_cert().trusted(|_| false),
        ClientCertificateFromHeader::client_cert().trusted(|_| true),
    ];
    for (layer, [first, second]) in layers.into_iter().zip([
        ["no proxy is trusted", "no trusted proxy"],
        ["no trusted proxy", "no trusted proxy"],
        ["not a byte sequence", "not a byte sequence"],
    ]) {
        for expected in [first, second] {
            let logs = Logs::capture();
            let request = Request::get("/").header("client-cert", SECRET);
            let request = request.body(Full::default()).unwrap();
            // Clones share whether they have warned.
            let answer = answer_of(layer.clone().layer(Inner::default()), request).await;
            answer.assert_passed();
            let text = logs.text();
            assert!(text.contains(expected), "{expected}: {text}");
            assert_eq!(
                text.contains("WARN"),
                expected == "no proxy is trusted",
                "{text}"
            );
            assert!(
                text.contains("client-cert") && !text.contains(SECRET),
                "{text}"
            );
        }
        let logs = Logs::capture();
        let request = Request::get("/").body(Full::default()).unwrap();
        let answer = answer_of(layer.layer(Inner::default()), request).await;
        answer.assert_passed();
        assert_eq!(logs.text(), "");
    }
}
