//! The example `explain`: its options, its exit codes and its text, with a real issuer.

use tower_bearer_auth::Algorithm;
use tower_bearer_auth::testing::{Fault, SigningKey, TestIssuer};

use super::AUDIENCE;

#[allow(dead_code, reason = "its `main` is for a terminal")]
#[path = "../../../examples/explain.rs"]
mod example;

/// The text and whether the token is accepted. The words are separated by spaces.
async fn run(words: &str, input: &str) -> Result<(String, bool), String> {
    let arguments = words
        .split(' ')
        .filter(|word| !word.is_empty())
        .map(str::to_owned);
    example::run(arguments, || Ok(input.to_owned())).await
}

#[tokio::test]
async fn a_token_is_read_from_the_command_line_or_the_standard_input() {
    let issuer = TestIssuer::start().await;
    let options = format!("--issuer {} --audience {AUDIENCE}", issuer.issuer());
    let token = issuer.token().audience(AUDIENCE).scopes(["read"]).build();
    for (words, input) in [
        (options.clone(), format!("{token}\n")),
        (
            format!("{options} -"),
            format!("Authorization: Bearer {token}\r\n"),
        ),
        (format!("{options} {token}"), String::new()),
        (
            format!("{token} --issuer={} --audience={AUDIENCE}", issuer.issuer()),
            String::new(),
        ),
        (
            format!(
                "{options} --jwks {} --leeway 5 --algorithm ES256",
                issuer.jwks_url()
            ),
            token.clone(),
        ),
        (
            format!(
                "--issuer {} --any-audience --required-scope read",
                issuer.issuer()
            ),
            token.clone(),
        ),
        (format!("{options} --scope-claim aud"), token.clone()),
    ] {
        let (text, is_accepted) = run(&words, &input).await.unwrap();
        assert!(is_accepted, "{words}: {text}");
        assert!(text.starts_with("ACCEPTED by the verifier\n"), "{text}");
        assert!(text.contains("made the signature"), "{text}");
    }
}

#[tokio::test]
async fn a_refused_token_and_an_outage_are_explained() {
    let issuer = TestIssuer::start().await;
    let options = format!("--issuer {} --audience {AUDIENCE}", issuer.issuer());
    let token = || issuer.token().audience(AUDIENCE);
    let elsewhere = token().audience("https://else.test").build();
    let (text, is_accepted) = run(&options, &elsewhere).await.unwrap();
    assert!(
        !is_accepted && text.starts_with("REFUSED: wrong_audience."),
        "{text}"
    );

    let words = format!("{options} --required-scope read --required-scope admin");
    let (text, is_accepted) = run(&words, &token().scopes(["read"]).build())
        .await
        .unwrap();
    assert!(!is_accepted, "{text}");
    assert!(
        text.ends_with("REFUSED: insufficient_scope. The token lacks: admin"),
        "{text}"
    );

    issuer.metadata_fault(Some(Fault::Reset));
    let (text, is_accepted) = run(&options, &token().build()).await.unwrap();
    assert!(!is_accepted && text.starts_with("UNAVAILABLE: "), "{text}");
    assert!(text.contains("/.well-known/openid-configuration"), "{text}");
}

#[tokio::test]
async fn wrong_options_are_named() {
    let key = SigningKey::generate(Algorithm::ES256).token().build();
    let issuer = "--issuer https://issuer.test";
    for (words, problem) in [
        (String::new(), "--issuer is missing"),
        ("--audience a".into(), "--issuer is missing"),
        (issuer.to_owned(), "audience"),
        (format!("{issuer} --audience"), "--audience needs a value"),
        (
            format!("{issuer} --leeway x"),
            "--leeway x: no number of seconds",
        ),
        (format!("{issuer} --algorithm none"), "none"),
        (
            format!("{issuer} --audience a --issuer https://b.test"),
            "needs --jwks",
        ),
        (
            format!("{issuer} --audience a --jwks http://keys.test"),
            "http",
        ),
        (
            format!("{issuer} --audience a {key} {key}"),
            "more than one token",
        ),
        (
            format!("{issuer} --nothing x"),
            "there is no option --nothing",
        ),
    ] {
        let error = run(&words, &key).await.unwrap_err();
        assert!(error.contains(problem), "{words}: {error}");
        assert!(!error.contains(&key), "{error}");
    }
    assert!(example::USAGE.contains("--required-scope"));
}
