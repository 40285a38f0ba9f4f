//! What a replica has answered.

use reqwest::{Response, StatusCode, header::HeaderMap};
use serde_json::{Value, json};

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    headers: HeaderMap,
    pub(crate) body: String,
}

/// The answers that a request with a good signature can get.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    Passed,
    /// 401: the token is revoked.
    Revoked,
    /// 401: the proof was used before.
    Replayed,
    /// 503: a store is out of reach.
    Unavailable,
}

impl Answer {
    pub(super) async fn read(response: Response) -> reqwest::Result<Self> {
        Ok(Self {
            status: response.status(),
            headers: response.headers().clone(),
            body: response.text().await?,
        })
    }

    /// Checks status, headers and body, which belong together.
    #[track_caller]
    pub(crate) fn outcome(&self) -> Outcome {
        match self.status {
            StatusCode::OK => Outcome::Passed,
            StatusCode::UNAUTHORIZED if self.body.contains("revoked") => {
                self.assert_refusal("invalid_token", "The access token was revoked");
                Outcome::Revoked
            }
            StatusCode::UNAUTHORIZED => {
                self.assert_refusal("invalid_dpop_proof", "The DPoP proof was used before");
                Outcome::Replayed
            }
            StatusCode::SERVICE_UNAVAILABLE => {
                self.assert_unavailable();
                Outcome::Unavailable
            }
            _ => panic!("{self:?}"),
        }
    }

    #[track_caller]
    fn assert_refusal(&self, error: &str, description: &str) {
        let challenges = self.headers.get_all("www-authenticate");
        let challenges: Vec<_> = challenges
            .iter()
            .filter_map(|one| one.to_str().ok())
            .collect();
        let expected = format!(r#"error="{error}""#);
        assert!(challenges.join(", ").contains(&expected), "{self:?}");
        let expected = format!(r#"error_description="{description}""#);
        assert!(challenges.join(", ").contains(&expected), "{self:?}");
        assert!(!self.headers.contains_key("retry-after"), "{self:?}");
        let body: Value = serde_json::from_str(&self.body).unwrap();
        assert_eq!(
            body,
            json!({"error": error, "error_description": description})
        );
    }

    /// 503, with the time after which to try again.
    #[track_caller]
    pub(crate) fn assert_unavailable(&self) {
        assert_eq!(self.status, StatusCode::SERVICE_UNAVAILABLE, "{self:?}");
        let after = self.headers.get("retry-after");
        let seconds = after.and_then(|after| after.to_str().ok()?.parse().ok());
        assert!(matches!(seconds, Some(1..=60)), "{self:?}");
        assert!(!self.headers.contains_key("www-authenticate"), "{self:?}");
        if self.headers["content-type"] == "application/json" {
            let description = "The access token cannot be verified at the moment";
            let body: Value = serde_json::from_str(&self.body).unwrap();
            let expected =
                json!({"error": "temporarily_unavailable", "error_description": description});
            assert_eq!(body, expected);
        } else {
            assert_eq!(self.body, "the revocation was not stored, try again\n");
        }
    }
}
