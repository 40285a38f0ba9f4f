//! Texts that are more or less than a token.

use tower_bearer_auth::verify::jwt::CheckOutcome;

use super::{assert_decided, check, token, verdict, verifier};

#[tokio::test]
async fn white_space_and_a_scheme_around_the_token_are_noted() {
    let token = token().build();
    for (text, found) in [
        (format!(" {token}\r\n"), "white space around it"),
        (format!("Bearer {token}"), "the scheme Bearer"),
        (format!("bearer   {token}"), "the scheme Bearer"),
        (format!("DPoP {token}"), "the scheme DPoP"),
        (
            format!("Authorization: Bearer {token}\n"),
            "white space around it, the name of the header, the scheme Bearer",
        ),
    ] {
        let explanation = verifier().explain(&text).await;
        assert_eq!(verdict(explanation.verdict()), "accepted", "{text}");
        let check = check(&explanation, "text");
        assert_eq!(check.outcome(), CheckOutcome::Noted);
        assert_eq!(check.found(), Some(found));
        assert!(
            check
                .advice()
                .unwrap()
                .contains("Authorization: Bearer TOKEN")
        );
    }
    let explanation = verifier().explain(&token).await;
    assert!(
        explanation
            .checks()
            .iter()
            .all(|check| check.name() != "text")
    );
}

#[tokio::test]
async fn a_text_that_is_no_token_is_explained_as_that() {
    let token = token().build();
    let (start, end) = token.split_at(40);
    for (text, found, advice) in [
        (String::new(), "nothing", "standard input"),
        ("Bearer ".into(), "the character", "Copy the token again"),
        ("  \n".into(), "nothing", "standard input"),
        (
            format!("{start}\n{end}"),
            "white space after 40 bytes",
            "Join the lines",
        ),
        (
            format!("\"{token}\""),
            "the character \\\" after 0 bytes",
            "quotes",
        ),
        (
            format!("{{\"access_token\":\"{token}\"}}"),
            "the character {",
            "access_token",
        ),
        ("$TOKEN".into(), "the character $", "variable"),
        (
            "a%2Eb".into(),
            "the character % after 1 byte",
            "percent-encoded",
        ),
        ("a=b".into(), "another place than the end", "Copy"),
        ("-----BEGIN PUBLIC KEY-----".into(), "white space", "PEM"),
        ("é".into(), "the character é", "Copy"),
        ("a\u{0}".into(), "\\0", "Copy"),
        (
            format!("Bearer Bearer {token}"),
            "white space after 6 bytes",
            "Join the lines",
        ),
    ] {
        let explanation = verifier().explain(&text).await;
        if text == "Bearer " {
            // Without a token behind it, it is a token called `Bearer`.
            assert_decided(&explanation, "malformed", "segments");
            continue;
        }
        assert_decided(&explanation, "malformed", "token");
        let check = check(&explanation, "token");
        assert!(check.found().unwrap().contains(found), "{explanation}");
        assert!(check.advice().unwrap().contains(advice), "{explanation}");
        assert!(
            check.expected().unwrap().contains("RFC 6750"),
            "{explanation}"
        );
    }
}
