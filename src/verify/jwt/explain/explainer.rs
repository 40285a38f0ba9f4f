//! Runs the verification, and then each of its checks by itself.

use super::claims;
use super::explanation::{CheckOutcome, ExplainedCheck, Explanation, Part};
use super::form::{self, GivenText};
use super::header;
use super::words::counted;
use crate::credentials::BearerToken;
use crate::verify::jwt::JwtVerifier;
use crate::verify::jwt::inner::Inner;
use crate::verify::jwt::jws::{Header, Jws, USUAL_HEADER_LENGTH};
use crate::verify::jwt::remote::Missing;
use crate::verify_error::{InvalidReason, VerifyError};

/// How often a token is explained again if its keys are replaced in between.
const MAX_ATTEMPTS: usize = 3;

/// The length that a layer accepts by default, in bytes.
const USUAL_MAX_LENGTH: usize = 16 * 1024;

/// # Why a token is refused
impl JwtVerifier {
    /// Explains what this verifier does with a token: every check, with what was expected, what the token has and what to
    /// change. Use it in a tool for developers, such as the example `explain`, and not for requests of clients.
    ///
    /// `text` is the token. White space around it, and `Bearer` or `Authorization: Bearer` in front of it, are
    /// [noted](CheckOutcome::Noted) and ignored. A text that is no token is explained as that.
    ///
    /// The [verdict](Explanation::verdict) comes from a real verification. If there are no keys yet, they are fetched
    /// first, also for a token whose claims are unacceptable, so that the signature can be explained. The backoff and the
    /// limits of fetches apply. Events of the verification are emitted as usual, except for the warning about many tokens
    /// of another issuer.
    ///
    /// The verifier alone does not check the length of the token, proofs of possession, revocations and scopes. The layer
    /// and the guards do.
    ///
    /// The explanation contains the claims of the token and the settings of the verifier: **do not send it to clients and do
    /// not log it.**
    ///
    /// ```
    /// use tower_bearer_auth::{Algorithm, InvalidReason, JwtVerifier};
    /// use tower_bearer_auth::verify::jwt::CheckOutcome;
    /// # use tower_bearer_auth::testing::SigningKey;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let key = SigningKey::generate(Algorithm::ES256);
    /// let verifier = JwtVerifier::builder()
    ///     .key(key.verifying_key())
    ///     .issuer("https://issuer.example.com")
    ///     .audience("https://api.example.com")
    ///     .build()?;
    /// let token = key
    ///     .token()
    ///     .issuer("https://issuer.example.com")
    ///     .audience("https://other.example.com")
    ///     .build();
    /// let explanation = verifier.explain(&token).await;
    ///
    /// let audience = explanation.decisive().ok_or("accepted")?;
    /// assert_eq!(audience.name(), "aud");
    /// assert_eq!(audience.outcome(), CheckOutcome::Failed);
    /// assert_eq!(audience.reason(), Some(InvalidReason::WrongAudience));
    /// assert_eq!(audience.expected(), Some("\"https://api.example.com\""));
    /// assert_eq!(audience.found(), Some("\"https://other.example.com\""));
    /// println!("{explanation}");
    /// # Ok(())
    /// # }
    /// ```
    pub async fn explain(&self, text: &str) -> Explanation {
        let given = GivenText::read(text);
        let Ok(token) = given.token.parse::<BearerToken>() else {
            let verdict = Err(VerifyError::invalid(InvalidReason::Malformed));
            let checks = given
                .check()
                .into_iter()
                .chain([form::is_no_token(given.token)]);
            return Explanation::new(verdict, checks.collect());
        };
        // Explanations cause no warning about tokens of another issuer.
        let token = token.with_fallback();
        self.inner.load_keys(&token).await;
        let mut attempt = 1;
        loop {
            let verdict = self.inner.verify(token.clone(), None).await;
            let checks = self.inner.checks(&given, &token, verdict.as_ref().err());
            let explanation = Explanation::new(verdict, checks);
            if explanation.is_consistent() || attempt == MAX_ATTEMPTS {
                return explanation;
            }
            attempt += 1;
        }
    }
}

impl Inner {
    /// Fetches keys if there are none and the header of the token leads to them.
    async fn load_keys(&self, token: &BearerToken) {
        let end = {
            let mut buffer = [0; USUAL_HEADER_LENGTH];
            let jws = Jws::split(token.as_bytes());
            let json = jws.and_then(|jws| jws.decode_header(&mut buffer));
            let Some(Ok(header)) = json.as_deref().map(Header::parse) else {
                return;
            };
            let Ok(Some(remote)) = self.keys_for(header.algorithm) else {
                return;
            };
            if !remote.view().keys.is_empty() {
                return;
            }
            match remote.missing(remote.generation(), None) {
                Missing::Wait { end, .. } => end,
                Missing::Changed | Missing::Refused(_) => return,
            }
        };
        end.await;
    }

    fn checks(
        &self,
        given: &GivenText<'_>,
        token: &BearerToken,
        refusal: Option<&VerifyError>,
    ) -> Vec<ExplainedCheck> {
        let mut checks: Vec<_> = given.check().into_iter().collect();
        checks.push(form::is_token(given.token));
        let jws = Jws::split(token.as_bytes());
        checks.push(form::segments(given.token, jws.as_ref()));
        if let Some(jws) = jws {
            header::explain(self, &jws, refusal, &mut checks);
            claims::explain(&self.claims, &jws, &mut checks);
        }
        checks.extend(layer(given.token));
        checks
    }
}

/// What the verifier does not check.
fn layer(token: &str) -> [ExplainedCheck; 2] {
    let length = ExplainedCheck::new(Part::Layer, "length")
        .want(format!("at most {USUAL_MAX_LENGTH} bytes by default"))
        .got(counted(token.len(), "byte"));
    let length = match token.len() <= USUAL_MAX_LENGTH {
        true => length,
        false => length.outcome_is(CheckOutcome::Noted).advise(
            "A layer refuses it as too_long. Have the issuer write less into the token, such as fewer groups, or set \
             BearerAuthLayer::max_token_length(..), and the limit of headers in every proxy.",
        ),
    };
    let request = ExplainedCheck::new(Part::Layer, "request")
        .outcome_is(CheckOutcome::NotApplicable)
        .got(
            "not checked here: proofs of possession (proof_…, bound_to_key, not_bound_to_key), revocations (revoked), \
             required scopes (insufficient_scope)",
        );
    [length, request]
}
