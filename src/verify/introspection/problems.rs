//! What can be wrong with an introspection verifier's configuration.

use std::time::Duration;

use http::StatusCode;
use tokio::sync::Semaphore;
use url::Url;

use super::builder::IntrospectionVerifierBuilder;
use crate::config_error::{Problem, Problems};
use crate::http_client::{HAS_TLS, NEEDS_TLS, has_credentials, is_loopback};
use crate::shown_url::ShownUrl;

const LONGEST_TIMEOUT: Duration = Duration::from_secs(60);
const LARGEST_ANSWER: usize = 16 * 1024 * 1024;
const SHORTEST_BACKOFF: Duration = Duration::from_millis(100);
const LONGEST_BACKOFF: Duration = Duration::from_secs(3600);

impl IntrospectionVerifierBuilder {
    /// The URL of the endpoint, or why it cannot be used.
    pub(super) fn endpoint_url(&self) -> Result<Url, Problem> {
        let problem = |why: &str| {
            let shown = ShownUrl::of(&self.endpoint);
            format!("the introspection endpoint {shown:?} {why}")
        };
        let url = Url::parse(&self.endpoint)
            .map_err(|error| Problem::caused_by(&problem("is not a URL"), error))?;
        if has_credentials(&url) {
            let hint = "has credentials in it; use client_secret_basic(..)";
            return Err(problem(hint).into());
        }
        match url.scheme() {
            "https" if self.client.is_none() && !HAS_TLS => Err(problem(NEEDS_TLS).into()),
            "https" => Ok(url),
            "http" if self.allow_http || is_loopback(&url) => Ok(url),
            _ => Err(problem("is not https").into()),
        }
    }

    /// Every problem except those of the URL, in the order of the settings.
    pub(super) fn problems(&self) -> Problems {
        let mut problems = Problems::default();
        self.check_credentials(&mut problems);
        self.policy.problems(&mut problems);
        self.check_statuses(&mut problems);
        self.check_numbers(&mut problems);
        problems
    }

    fn check_credentials(&self, problems: &mut Problems) {
        match self.credentials.as_slice() {
            [credentials] => problems.extend(credentials.problem().map(str::to_owned)),
            [] => problems.push(
                "there are no credentials for the introspection endpoint; name them with \
                 client_secret_basic(..), or spell out without_credentials()",
            ),
            several => problems.push(format!("there are several credentials: {several:?}")),
        }
    }

    fn check_statuses(&self, problems: &mut Problems) {
        for status in &self.inactive_statuses {
            if !status.is_client_error() || *status == StatusCode::TOO_MANY_REQUESTS {
                let status = status.as_u16();
                problems.push(format!(
                    "inactive_statuses: {status} says nothing about a token; use 400 to 499, except 429"
                ));
            }
        }
        if self.name.as_ref().is_some_and(String::is_empty) {
            problems.push("name(..) is empty");
        }
    }

    fn check_numbers(&self, problems: &mut Problems) {
        if self.timeout.is_zero() || self.timeout > LONGEST_TIMEOUT {
            let timeout = self.timeout;
            problems.push(format!("timeout: {timeout:?} is not up to 60 s"));
        }
        if !(1..=LARGEST_ANSWER).contains(&self.max_bytes) {
            let bytes = self.max_bytes;
            problems.push(format!("max_bytes: {bytes} is not from 1 to 16 MiB"));
        }
        if !(1..=Semaphore::MAX_PERMITS).contains(&self.max_concurrency) {
            let calls = self.max_concurrency;
            problems.push(format!("max_concurrency: {calls} is no number of calls"));
        }
        if let Some((min, max)) = self.backoff {
            for (name, value, least) in [("min", min, SHORTEST_BACKOFF), ("max", max, min)] {
                if !(least..=LONGEST_BACKOFF).contains(&value) {
                    problems.push(format!(
                        "backoff, {name}: {value:?} is not from {least:?} to {LONGEST_BACKOFF:?}"
                    ));
                }
            }
        }
    }
}
