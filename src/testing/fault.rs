use std::convert::Infallible;
use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_ENCODING, HeaderName, LOCATION};
use http::{HeaderValue, Response, StatusCode};

use super::faulty_body::FaultyBody;

/// An injected fault in an answer of a [`TestIssuer`](super::TestIssuer).
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Fault {
    /// An empty answer with this status.
    Status(StatusCode),
    /// The server never answers.
    Hang,
    /// The server closes the connection instead of answering.
    Reset,
    /// The correct answer, after this delay.
    Delay(Duration),
    /// A body of one byte every 10 milliseconds that never ends.
    Drip,
    /// A body that ends in an error before it is complete.
    Truncated,
    /// A body of this many bytes.
    Oversized(usize),
    /// This text as the body, instead of the document.
    Body(String),
    /// A redirect to this URL.
    Redirect(String),
    /// A compressed body with this `Content-Encoding`, such as `gzip`.
    Encoded(String),
}

/// The error with which hyper closes the connection instead of answering.
#[derive(Debug)]
pub(super) struct Reset;

impl fmt::Display for Reset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("reset on demand")
    }
}

impl std::error::Error for Reset {}

pub(super) async fn spoil(
    response: Response<FaultyBody>,
    fault: Option<Fault>,
) -> Result<Response<FaultyBody>, Reset> {
    match fault {
        None => Ok(response),
        Some(Fault::Status(code)) => Ok(status(code)),
        Some(Fault::Hang) => {
            let never: Infallible = std::future::pending().await;
            match never {}
        }
        Some(Fault::Reset) => Err(Reset),
        Some(Fault::Delay(delay)) => {
            tokio::time::sleep(delay).await;
            Ok(response)
        }
        Some(Fault::Drip) => Ok(Response::new(FaultyBody::drip())),
        Some(Fault::Truncated) => Ok(Response::new(FaultyBody::truncated())),
        Some(Fault::Oversized(bytes)) => Ok(Response::new(FaultyBody::whole(Bytes::from(vec![
                b' ';
                bytes
            ])))),
        Some(Fault::Body(text)) => Ok(Response::new(FaultyBody::whole(text.into()))),
        Some(Fault::Redirect(to)) => {
            let mut response = status(StatusCode::FOUND);
            set_header(&mut response, LOCATION, &to, "/");
            Ok(response)
        }
        Some(Fault::Encoded(coding)) => {
            let mut response = Response::new(FaultyBody::whole(Bytes::from_static(COMPRESSED)));
            set_header(&mut response, CONTENT_ENCODING, &coding, "gzip");
            Ok(response)
        }
    }
}

/// An empty body in gzip.
const COMPRESSED: &[u8] = b"\x1f\x8b\x08\0\0\0\0\0\0\x03\x03\0\0\0\0\0\0\0\0\0";

/// Sets a header to `value`, which may be in UTF-8, or to `instead` if `value` is not a valid header value.
fn set_header(
    response: &mut Response<FaultyBody>,
    name: HeaderName,
    value: &str,
    instead: &'static str,
) {
    let value = HeaderValue::from_bytes(value.as_bytes());
    let value = value.unwrap_or(HeaderValue::from_static(instead));
    response.headers_mut().insert(name, value);
}

pub(super) fn status(status: StatusCode) -> Response<FaultyBody> {
    let mut response = Response::new(FaultyBody::whole(Bytes::new()));
    *response.status_mut() = status;
    response
}
