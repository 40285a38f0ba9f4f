//! One question to the endpoint, over HTTP.

use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, StatusCode};
use url::Url;

use super::answer::{Answer, Head};
use super::credentials::Credentials;
use super::failure::{Cause, Failure};
use crate::outgoing;

pub(super) struct Endpoint {
    pub(super) url: Url,
    pub(super) credentials: Credentials,
    pub(super) client: reqwest::Client,
    pub(super) max_bytes: usize,
    /// The statuses that mean an inactive token, whatever the body.
    pub(super) inactive_statuses: Vec<StatusCode>,
}

impl Endpoint {
    pub(super) async fn ask(&self, token: &str) -> Result<Answer, Failure> {
        let credentials = self.credentials.headers();
        let asked_as_bearer = is_bearer(&credentials);
        let mut response = self
            .client
            .post(self.url.clone())
            .headers(credentials)
            .header(ACCEPT, "application/json")
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(self.credentials.form(token))
            .send()
            .await
            .map_err(not_sent)?;
        // A client of the user's own may follow redirects; the server that answers then was not asked.
        if *response.url() != self.url {
            return Err(Failure::new(
                Cause::WrongAnswer,
                "the answer was redirected",
            ));
        }
        if self.inactive_statuses.contains(&response.status()) {
            return Ok(Answer::Inactive);
        }
        let headers = response.headers().clone();
        let head = Head {
            status: response.status(),
            headers: &headers,
            asked_as_bearer,
        };
        head.check()?;
        let body = outgoing::read(&mut response, self.max_bytes)
            .await
            .map_err(|source| {
                let cause = match source.is::<reqwest::Error>() {
                    true => Cause::Silent,
                    false => Cause::WrongAnswer,
                };
                Failure::new(cause, source).with_headers(&headers)
            })?;
        head.read(body)
    }
}

fn not_sent(error: reqwest::Error) -> Failure {
    let cause = match (
        error.is_connect(),
        error.is_redirect() || error.is_builder(),
    ) {
        (true, _) => Cause::Down,
        (false, true) => Cause::WrongAnswer,
        (false, false) => Cause::Silent,
    };
    // Their own text has the whole URL, query and all.
    Failure::new(cause, error.without_url())
}

/// Whether a request with these headers is authorized by a token, about which the endpoint may say that it is
/// invalid.
fn is_bearer(credentials: &HeaderMap) -> bool {
    credentials.get_all(AUTHORIZATION).iter().any(|value| {
        let scheme = value.as_bytes().split(|byte| *byte == b' ').next();
        scheme.is_some_and(|scheme| {
            scheme.eq_ignore_ascii_case(b"bearer") || scheme.eq_ignore_ascii_case(b"dpop")
        })
    })
}
