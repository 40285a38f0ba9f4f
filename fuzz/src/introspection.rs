//! The responses of an introspection endpoint, over HTTP. The verifier accepts a token exactly if the status is 200,
//! `active` is true and the members allow it. It refuses a token exactly if the endpoint reports it as inactive or a
//! member forbids it. Every other response is an outage.

use std::sync::LazyLock;
use std::time::{Duration, UNIX_EPOCH};

use http::{Response, StatusCode};
use tokio::runtime::{Builder, Runtime};
use tower::ServiceExt;
use tower_bearer_auth::introspection::IntrospectionVerifierBuilder;
use tower_bearer_auth::testing::TestIssuer;
use tower_bearer_auth::{
    AccessToken, Clock, IntrospectionVerifier, InvalidReason, VerifyErrorKind,
};

use crate::claim_rules;
use crate::input;
use crate::json::Json;
use crate::keys::{AUDIENCE, ISSUER, NOW};

pub const REACHES: &[&str] = &[
    "an outage",
    "inactive",
    "inactive by its status",
    "refused",
    "accepted",
    "accepted without an expiry",
];

/// The status that means an inactive token to [`Verifiers::lenient`].
const INACTIVE: StatusCode = StatusCode::NOT_FOUND;

struct Verifiers {
    /// Authenticates with client credentials.
    usual: IntrospectionVerifier,
    /// Authenticates with a bearer token of its own.
    bearer: IntrospectionVerifier,
    /// Accepts more responses and more tokens.
    lenient: IntrospectionVerifier,
}

/// The result of a verification.
#[derive(Debug)]
enum Outcome {
    Accepted(Box<AccessToken>),
    Inactive,
    Refused,
    Outage,
}

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
    let mut builder = Builder::new_multi_thread();
    let builder = builder.worker_threads(1).enable_all();
    builder.build().expect("a runtime")
});

static ENDPOINT: LazyLock<(TestIssuer, Verifiers)> = LazyLock::new(|| {
    let issuer = RUNTIME.block_on(TestIssuer::start());
    let builder = || {
        IntrospectionVerifier::builder(issuer.introspection_url())
            .issuer(ISSUER)
            .audience(AUDIENCE)
            .clock(Clock::manual(UNIX_EPOCH + Duration::from_secs(NOW)))
            .timeout(Duration::from_secs(60))
            .max_bytes(16 * 1024 * 1024)
            .without_backoff()
    };
    let built = |builder: IntrospectionVerifierBuilder| builder.build().expect("complete");
    let verifiers = Verifiers {
        usual: built(
            builder()
                .client_secret_basic("id", "secret")
                .required_claims(["exp"]),
        ),
        bearer: built(builder().bearer_token("ours").required_claims(["exp"])),
        lenient: built(
            builder()
                .client_secret_post("id", "secret")
                .inactive_statuses([INACTIVE])
                .accept_zero_expiry(),
        ),
    };
    (issuer, verifiers)
});

/// The first line of the input is the status, and the rest is the body. The endpoint challenges the verifier's own
/// token if the line says so.
pub fn run(data: &[u8]) -> &'static str {
    let [head, body] = input::lines(data);
    let Some((status, challenges)) = read_head(head) else {
        return "no status";
    };
    let (issuer, verifiers) = &*ENDPOINT;
    let mut response = Response::builder().status(status);
    if challenges {
        response = response.header("www-authenticate", r#"Bearer error="invalid_token""#);
    }
    let response = response.body(body.to_vec().into()).expect("good parts");
    issuer.introspection_response(Some(response));

    let said = Said::read(status, body);
    let usual = ask(&verifiers.usual);
    let reached = compare(&usual, &said);
    let bearer = ask(&verifiers.bearer);
    match may_be_about_us(status, challenges, &said) {
        true => assert!(
            matches!(bearer, Outcome::Outage),
            "{bearer:?} about our token"
        ),
        false => _ = compare(&bearer, &said),
    }
    compare_lenient(&ask(&verifiers.lenient), status, &said).unwrap_or(reached)
}

/// The status of a response with a body, and whether a second word adds a challenge.
fn read_head(line: &[u8]) -> Option<(StatusCode, bool)> {
    let line = std::str::from_utf8(line).ok()?;
    let (status, challenges) = match line.strip_suffix(" challenge") {
        Some(status) => (status, true),
        None => (line, false),
    };
    let status = status.parse::<u16>().ok()?;
    // Statuses below 200 are not final, and there are no classes above 5xx.
    let status = (200..600).contains(&status).then_some(status)?;
    Some((StatusCode::from_u16(status).ok()?, challenges))
}

fn ask(verifier: &IntrospectionVerifier) -> Outcome {
    let token = "a-token".parse().expect("a token");
    match RUNTIME.block_on(verifier.clone().oneshot(token)) {
        Ok(token) => Outcome::Accepted(Box::new(token)),
        Err(error) => match error.kind() {
            VerifyErrorKind::Invalid(InvalidReason::Unrecognized) => Outcome::Inactive,
            VerifyErrorKind::Invalid(_) => Outcome::Refused,
            VerifyErrorKind::Unavailable => Outcome::Outage,
            other => panic!("{other:?} of an introspection endpoint"),
        },
    }
}

/// What the response means, by the table in the documentation of `introspection`.
#[derive(Debug)]
enum Said {
    Nothing,
    /// The body is not JSON, or has an unrepresentable value (`1e400`) in a member that the verifier does not read.
    Unreadable,
    /// `true` where an error code means inactive, and not `active`.
    Inactive {
        by_word: bool,
    },
    Active(String),
}

impl Said {
    fn read(status: StatusCode, body: &[u8]) -> Self {
        let body = body.strip_prefix("\u{feff}".as_bytes()).unwrap_or(body);
        let Ok(text) = std::str::from_utf8(body) else {
            return Self::Nothing;
        };
        let Some(json) = Json::parse(body) else {
            return Self::Unreadable;
        };
        let Some(members) = json.as_members() else {
            return Self::Nothing;
        };
        let count = |name| members.iter().filter(|(n, _)| n == name).count();
        if count("active") > 1 || count("error") > 1 {
            return Self::Nothing;
        }
        let error = json.member("error").and_then(Json::as_text);
        let error = error.filter(|error| !error.is_empty());
        let is_error_status = [400, 401, 403].contains(&status.as_u16());
        match (status.as_u16(), json.member("active"), error) {
            (_, _, Some("invalid_client")) => Self::Nothing,
            (200, Some(Json::Bool(true)), None) => Self::Active(text.to_owned()),
            (200, Some(Json::Bool(false)), _) => Self::Inactive { by_word: false },
            (_, Some(Json::Bool(false)), _) if is_error_status => Self::Inactive { by_word: false },
            (_, None, Some("invalid_token")) if is_error_status => Self::Inactive { by_word: true },
            _ => Self::Nothing,
        }
    }
}

fn may_be_about_us(status: StatusCode, challenges: bool, said: &Said) -> bool {
    let by_word = matches!(said, Said::Inactive { by_word: true });
    status == StatusCode::UNAUTHORIZED
        && (by_word || (challenges && matches!(said, Said::Inactive { .. })))
}

fn compare(outcome: &Outcome, said: &Said) -> &'static str {
    match (outcome, said) {
        (Outcome::Outage, Said::Nothing | Said::Unreadable) => "an outage",
        (Outcome::Inactive | Outcome::Refused, Said::Unreadable) => "refused",
        (Outcome::Inactive, Said::Inactive { .. }) => "inactive",
        (Outcome::Accepted(token), Said::Active(text)) => {
            let claims = claim_rules::read(text, NOW, 60);
            let claims = claims.unwrap_or_else(|why| panic!("accepted, and should not be: {why}"));
            assert!(is_bearer(&claims), "accepted, and of another type");
            claim_rules::assert_agreement(token, &claims, text);
            "accepted"
        }
        (Outcome::Refused, Said::Active(text)) => {
            let accepted = claim_rules::read(text, NOW, 60).is_ok_and(|claims| is_bearer(&claims));
            assert!(!accepted, "refused, and should not be");
            "refused"
        }
        _ => panic!("{outcome:?}, and the endpoint says {said:?}"),
    }
}

fn is_bearer(claims: &Json) -> bool {
    match claims.member("token_type") {
        None | Some(Json::Null) => true,
        Some(Json::Text(name)) => ["bearer", "access_token"].contains(&&*name.to_ascii_lowercase()),
        Some(_) => false,
    }
}

/// One more status means inactive. `exp` is optional, and zero means no expiry.
fn compare_lenient(outcome: &Outcome, status: StatusCode, said: &Said) -> Option<&'static str> {
    if status == INACTIVE {
        assert!(
            matches!(outcome, Outcome::Inactive),
            "{outcome:?} at {status}"
        );
        return Some("inactive by its status");
    }
    let Said::Active(text) = said else {
        compare(outcome, said);
        return None;
    };
    let Some(text) = with_expiry(text) else {
        compare(outcome, said);
        return None;
    };
    let accepted = claim_rules::read(&text, NOW, 60).is_ok_and(|claims| is_bearer(&claims));
    match outcome {
        Outcome::Accepted(token) => {
            assert!(accepted, "accepted without an expiry, and should not be");
            assert_eq!(token.expires_at(), None);
            Some("accepted without an expiry")
        }
        Outcome::Refused => {
            assert!(!accepted, "refused without an expiry, and should not be");
            None
        }
        other => panic!("{other:?} of an active token"),
    }
}

/// The response with a valid `exp` in place of a zero, a `null` or a missing one. `None` if it has any other `exp`.
fn with_expiry(text: &str) -> Option<String> {
    let json = Json::parse(text.as_bytes())?;
    let members = json.as_members()?;
    match json.member("exp") {
        None => {}
        Some(Json::Null) => {}
        Some(Json::Number(number)) if number.as_u64() == Some(0) => {}
        Some(_) => return None,
    }
    if members.iter().filter(|(name, _)| name == "exp").count() > 1 {
        return None;
    }
    let later = format!("\"exp\":{}", NOW + 60);
    let others = members.iter().filter(|(name, _)| name != "exp");
    let others = others.map(|(name, value)| {
        format!(
            "{}:{}",
            Json::Text(name.clone()).to_value(),
            value.to_value()
        )
    });
    Some(format!(
        "{{{}}}",
        others.chain([later]).collect::<Vec<_>>().join(",")
    ))
}
