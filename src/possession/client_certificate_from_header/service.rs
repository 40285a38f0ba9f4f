use std::sync::Arc;
use std::task::{Context, Poll};

use http::Request;
use tower_layer::Layer;
use tower_service::Service;

use super::layer::ClientCertificateFromHeader;
use crate::possession::client_certificate::ClientCertificate;
use crate::possession::request_head::RequestHead;
use crate::telemetry::POSSESSION;

/// The service that a [`ClientCertificateFromHeader`] builds.
#[derive(Debug, Clone)]
pub struct ClientCertificateMiddleware<S> {
    inner: S,
    settings: Arc<ClientCertificateFromHeader>,
}

impl<S> Layer<S> for ClientCertificateFromHeader {
    type Service = ClientCertificateMiddleware<S>;

    fn layer(&self, inner: S) -> ClientCertificateMiddleware<S> {
        ClientCertificateMiddleware::new(inner, self.clone())
    }
}

impl<S> ClientCertificateMiddleware<S> {
    /// Wraps `inner` with this configuration.
    pub fn new(inner: S, settings: ClientCertificateFromHeader) -> Self {
        Self {
            inner,
            settings: Arc::new(settings),
        }
    }

    /// The inner service.
    pub fn get_ref(&self) -> &S {
        &self.inner
    }

    /// The inner service, mutably.
    pub fn get_mut(&mut self) -> &mut S {
        &mut self.inner
    }

    /// Returns the inner service.
    pub fn into_inner(self) -> S {
        self.inner
    }
}

impl<S, B> Service<Request<B>> for ClientCertificateMiddleware<S>
where
    S: Service<Request<B>>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> S::Future {
        replace_certificate(&self.settings, &mut request);
        self.inner.call(request)
    }
}

/// Removes the header. In a request of a trusted proxy, replaces the certificate with that of the header.
fn replace_certificate<B>(settings: &ClientCertificateFromHeader, request: &mut Request<B>) {
    let is_trusted = settings.trusts(RequestHead::of(request));
    let header = settings.header();
    let field = header.take(request.headers_mut());
    if !is_trusted {
        if field.is_some() {
            settings.warn_if_nothing_is_trusted();
            tracing::debug!(
                target: POSSESSION,
                header = header.name(),
                "a client certificate in a header is removed, because it comes from no trusted proxy"
            );
        }
        return;
    }
    // The certificate of the connection is the proxy's own, not the client's.
    request.extensions_mut().remove::<ClientCertificate>();
    let Some(field) = field else { return };
    match header.parse(&field) {
        Ok(Some(certificate)) => {
            request.extensions_mut().insert(certificate);
        }
        Ok(None) => {}
        Err(problem) => tracing::debug!(
            target: POSSESSION,
            header = header.name(),
            problem,
            "a client certificate in a header is refused"
        ),
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use tower::{ServiceExt, service_fn};

    use super::*;
    use crate::possession::client_certificate_from_header::test_certificate::{
        BASE64, HASH, certificate, nginx,
    };

    const XFCC: &str = "x-forwarded-client-cert";

    /// The certificate of the connection, which is the proxy's.
    fn of_connection() -> ClientCertificate {
        ClientCertificate::from_der(b"the proxy's")
    }

    /// The certificate that the inner service sees, and the headers.
    async fn inner(
        layer: &ClientCertificateFromHeader,
        headers: &[(&'static str, String)],
    ) -> (Option<ClientCertificate>, Vec<String>) {
        let mut request = Request::new(());
        request.extensions_mut().insert(of_connection());
        for (name, value) in headers {
            let value = value.parse().unwrap();
            request.headers_mut().append(*name, value);
        }
        let seen = service_fn(async |request: Request<()>| {
            let certificate = request.extensions().get().cloned();
            let names = request.headers().keys().map(ToString::to_string);
            Ok::<_, Infallible>((certificate, names.collect()))
        });
        layer.layer(seen).oneshot(request).await.unwrap()
    }

    /// Each form, with its header and a good value.
    fn forms() -> [(ClientCertificateFromHeader, &'static str, String); 4] {
        type Form = ClientCertificateFromHeader;
        [
            (Form::client_cert(), "client-cert", format!(":{BASE64}:")),
            (Form::envoy_xfcc(), XFCC, format!("Hash={HASH}")),
            (Form::envoy_xfcc(), XFCC, format!("Cert=\"{}\"", nginx())),
            (Form::escaped_pem("X-SSL-Cert"), "x-ssl-cert", nginx()),
        ]
    }

    #[tokio::test]
    async fn the_certificate_of_the_header_replaces_that_of_a_trusted_connection() {
        for (layer, name, value) in forms() {
            let layer = layer.trusted(|_| true);
            for value in [value.clone(), format!(" {value}\t")] {
                let (found, headers) = inner(&layer, &[(name, value), ("a", "b".into())]).await;
                assert_eq!(found, Some(certificate()), "{name}");
                assert_eq!(headers, ["a"]);
            }
        }
    }

    #[tokio::test]
    async fn a_trusted_connection_without_a_good_header_leaves_no_certificate() {
        for (layer, name, value) in forms() {
            let layer = layer.trusted(|_| true);
            let too_long = match name {
                XFCC => format!("{value};By={}", "a".repeat(64 * 1024)),
                _ => format!("{value}{}", "%20".repeat(64 * 1024 / 3)),
            };
            for values in [
                vec![],
                vec![""],
                vec!["  "],
                vec!["-"],
                vec!["(null)"],
                vec![&value, &value],
                vec![&value, ""],
                vec!["", &value],
                vec!["", ""],
                vec![&value, "-"],
                vec![&format!("{value},{value}")],
                vec![&format!("{value}, {value}")],
                vec![&too_long],
            ] {
                let headers: Vec<_> = values.iter().map(|text| (name, (*text).into())).collect();
                let found = inner(&layer, &headers).await;
                assert_eq!(found, (None, vec![]), "{name}: {values:?}");
            }
        }
    }

    #[tokio::test]
    async fn the_header_of_another_client_is_removed_and_not_read() {
        for (layer, name, value) in forms() {
            for layer in [layer.clone(), layer.clone().trusted(|_| false)] {
                for count in 0..3 {
                    let headers = vec![(name, value.clone()); count];
                    let found = inner(&layer, &headers).await;
                    assert_eq!(found, (Some(of_connection()), vec![]), "{name}, {count}");
                }
            }
        }
    }

    #[tokio::test]
    async fn the_chain_beside_a_certificate_is_removed() {
        let chain = || ("client-cert-chain", format!(":{BASE64}:"));
        let layer = ClientCertificateFromHeader::client_cert();
        let found = inner(&layer, &[chain(), chain()]).await;
        assert_eq!(found, (Some(of_connection()), vec![]));
        let layer = layer.trusted(|_| true);
        assert_eq!(inner(&layer, &[chain()]).await, (None, vec![]));
        let both = [chain(), ("client-cert", format!(":{BASE64}:")), chain()];
        assert_eq!(inner(&layer, &both).await, (Some(certificate()), vec![]));
    }

    #[tokio::test]
    async fn trust_is_decided_for_each_request_from_its_whole_head() {
        let layer = ClientCertificateFromHeader::envoy_xfcc()
            .trusted(|_| panic!("replaced"))
            .trusted(|head: RequestHead<'_>| {
                // Also where the header is missing, and before it is removed.
                head.headers.get("from").is_some_and(|from| from == "proxy")
                    && head.extensions.get::<ClientCertificate>() == Some(&of_connection())
            });
        let value = || (XFCC, format!("Hash={HASH}"));
        let from = |from: &str| ("from", from.to_owned());
        for (headers, expected) in [
            (vec![value(), from("proxy")], Some(certificate())),
            (vec![from("proxy")], None),
            (vec![value(), from("elsewhere")], Some(of_connection())),
            (vec![value()], Some(of_connection())),
            (vec![], Some(of_connection())),
        ] {
            assert_eq!(inner(&layer, &headers).await.0, expected, "{headers:?}");
        }
    }

    #[test]
    #[should_panic(expected = "\"x ssl\" cannot be the name of a header")]
    fn a_name_that_no_header_can_have_panics() {
        let _ = ClientCertificateFromHeader::escaped_pem("x ssl");
    }

    #[test]
    fn debug_shows_the_header_and_whether_a_proxy_is_trusted() {
        let layer = ClientCertificateFromHeader::escaped_pem("x-ssl-cert");
        let shown = format!("{layer:?}");
        assert!(
            shown.contains("x-ssl-cert") && shown.contains("trusts: false"),
            "{shown}"
        );
    }
}
