//! One introspection request over HTTP.

use std::sync::Arc;

use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, StatusCode};
use url::Url;

use super::answer::{Answer, Head};
use super::credentials::Credentials;
use super::failure::{Failure, FailureCause};
use super::signed_answer::{self, AnswerVerifier};
use crate::http_client;

/// The endpoint, and how requests to it are sent.
pub(super) struct Endpoint {
    pub(super) url: Url,
    pub(super) credentials: Credentials,
    pub(super) client: reqwest::Client,
    pub(super) max_bytes: usize,
    /// The statuses that mean an inactive token, whatever the body.
    pub(super) inactive_statuses: Vec<StatusCode>,
    /// Present if answers must be signed (RFC 9701).
    pub(super) signed_answers: Option<Arc<dyn AnswerVerifier>>,
}

impl Endpoint {
    pub(super) async fn introspect(&self, token: &str) -> Result<Answer, Failure> {
        let credentials = self.credentials.headers();
        let sent_bearer_token = is_bearer(&credentials);
        let mut response = self
            .client
            .post(self.url.clone())
            .headers(credentials)
            .header(ACCEPT, self.media_type())
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(self.credentials.form(token))
            .send()
            .await
            .map_err(not_sent)?;
        // The configured client may follow redirects. Another server has then answered.
        if *response.url() != self.url {
            return Err(Failure::new(
                FailureCause::WrongAnswer,
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
            sent_bearer_token,
        };
        head.check()?;
        let body = http_client::read(&mut response, self.max_bytes)
            .await
            .map_err(|source| match source.is::<reqwest::Error>() {
                true => Failure::new(FailureCause::Silent, source).with_headers(&headers),
                false => head.wrong(&source.to_string()),
            })?;
        match &self.signed_answers {
            Some(signed_answers) if head.status == StatusCode::OK => {
                let jwt = signed_answer::take(&head, body)?;
                let answer = signed_answers.verify(jwt).await;
                let answer = answer.map_err(|error| {
                    Failure::new(FailureCause::WrongAnswer, error).with_headers(&headers)
                })?;
                head.read(answer.into_bytes())
            }
            Some(_) | None => head.read(body),
        }
    }

    fn media_type(&self) -> &'static str {
        match self.signed_answers {
            Some(_) => signed_answer::MEDIA_TYPE,
            None => "application/json",
        }
    }
}

fn not_sent(error: reqwest::Error) -> Failure {
    let cause = match (
        error.is_connect(),
        error.is_redirect() || error.is_builder(),
    ) {
        (true, _) => FailureCause::Down,
        (false, true) => FailureCause::WrongAnswer,
        (false, false) => FailureCause::Silent,
    };
    // The text of reqwest's errors contains the whole URL with its query.
    Failure::new(cause, error.without_url())
}

/// Whether these headers authorize a request with a token. The endpoint may then answer that this token is invalid.
fn is_bearer(credentials: &HeaderMap) -> bool {
    credentials.get_all(AUTHORIZATION).iter().any(|value| {
        let scheme = value.as_bytes().split(|byte| *byte == b' ').next();
        scheme.is_some_and(|scheme| {
            scheme.eq_ignore_ascii_case(b"bearer") || scheme.eq_ignore_ascii_case(b"dpop")
        })
    })
}
