//! Settings that `build` refuses. It reports every problem at once, each with the value that causes it.

use std::error::Error;
use std::time::Duration;

use tower_bearer_auth::InvalidReason::{MissingClaim, WrongType};
use tower_bearer_auth::{Algorithm, Clock, InvalidScope, JwtVerifier, JwtVerifierBuilder};

use super::{
    AUDIENCE, ISSUER, NOW, at, hs256_builder, jwt, jwt_builder, refusal, signing_key, token_with,
    token_without, verify,
};

fn problems(builder: JwtVerifierBuilder) -> Vec<String> {
    match builder.build() {
        Ok(_) => Vec::new(),
        Err(error) => {
            let problems: Vec<_> = error.problems().map(str::to_owned).collect();
            assert_eq!(error.to_string(), problems.join("; "));
            problems
        }
    }
}

/// Asserts that `build` reports exactly these problems, each given as a part of its text.
#[track_caller]
pub(super) fn assert_problems(builder: JwtVerifierBuilder, wanted: &[&str]) {
    let problems = problems(builder);
    let matching = problems.iter().zip(wanted).filter(|(p, w)| p.contains(**w));
    assert!(
        problems.len() == wanted.len() && matching.count() == wanted.len(),
        "{problems:#?}\nare not\n{wanted:#?}"
    );
}

const NO_KEY: &str = "there is no key";
const NO_ISSUER: &str = "there is no issuer";
const NO_AUDIENCE: &str = "there is no audience";

#[test]
fn a_verifier_needs_a_key_an_issuer_and_an_audience() {
    let key = signing_key(Algorithm::ES256).verifying_key();
    let empty = JwtVerifier::builder;
    assert_problems(empty(), &[NO_KEY, NO_ISSUER, NO_AUDIENCE]);
    assert_problems(empty().key(key.clone()), &[NO_ISSUER, NO_AUDIENCE]);
    let keyed = empty().key(key);
    assert_problems(keyed.clone().issuer(ISSUER), &[NO_AUDIENCE]);
    assert_problems(keyed.clone().audience(AUDIENCE), &[NO_ISSUER]);
    assert_problems(keyed.clone().issuer(ISSUER).audience(AUDIENCE), &[]);
    assert_problems(keyed.clone().accept_any_issuer(), &[NO_AUDIENCE]);
    assert_problems(keyed.clone().accept_any_audience(), &[NO_ISSUER]);
    assert_problems(keyed.clone().accept_any_issuer().accept_any_audience(), &[]);

    // Empty lists count as not configured.
    let nothing: [&str; 0] = [];
    let unnamed = keyed.issuers(nothing).audiences(nothing);
    assert_problems(unnamed, &[NO_ISSUER, NO_AUDIENCE]);
    assert_problems(jwt_builder().keys([]), &[NO_KEY]);
}

#[test]
fn every_problem_is_reported_at_once_with_its_value() {
    let builder = JwtVerifier::builder()
        .secret(Algorithm::HS256, "short")
        .public_key_pem(Algorithm::RS256, "no pem")
        .jwks_json("{}")
        .key(
            signing_key(Algorithm::EdDSA)
                .verifying_key()
                .with_key_id("one"),
        )
        .key(signing_key(Algorithm::RS512).verifying_key())
        .algorithms([Algorithm::ES256])
        .issuer("https://a.example.com")
        .accept_any_issuer()
        .audience("")
        .accept_any_audience()
        .leeway(Duration::from_secs(3601))
        .scope_prefix("api app/")
        .token_types([""; 0])
        .scope_claims(["/a~2"])
        .client_id_claims(["", "/b~"])
        .required_claims(["/c~x"])
        .claim_in("tenant", [""; 0])
        .claim_in("/d~9", [""]);
    assert_problems(
        builder,
        &[
            "the secret for HS256 has 5 bytes and needs at least 32",
            "the PEM key for RS256 is not a PEM public key or certificate",
            "the JWK Set has no array \"keys\"",
            "algorithms([ES256]) leaves no use for the key \"one\", which is for EdDSA",
            "algorithms([ES256]) leaves no use for key 1, which is for RS512",
            "token_types(..) names nothing",
            "accept_any_issuer() contradicts the issuers [\"https://a.example.com\"]",
            "accept_any_audience() contradicts the audiences [\"\"]",
            "a leeway of 3601s is more than 3600s",
            "\"api app/\" cannot start a scope",
            "audiences(..) has an empty value",
            "client_id_claims(..) has an empty value",
            "claim_in(\"tenant\", ..) names nothing",
            "claim_in(\"/d~9\", ..) has an empty value",
            "\"/d~9\" is no JSON Pointer",
            "\"/c~x\" is no JSON Pointer",
            "\"/a~2\" is no JSON Pointer",
            "\"/b~\" is no JSON Pointer",
        ],
    );
}

#[test]
fn empty_lists_and_empty_values_are_refused() {
    let none = [""; 0];
    let table = [
        (
            hs256_builder().token_types(none),
            "token_types(..) names nothing",
        ),
        (
            hs256_builder().scope_claims(none),
            "scope_claims(..) names nothing",
        ),
        (
            hs256_builder().client_id_claims(none),
            "client_id_claims(..) names nothing",
        ),
        (
            hs256_builder().claim_in("x", none),
            "claim_in(\"x\", ..) names nothing",
        ),
        (
            hs256_builder().algorithms([]),
            "algorithms(..) names nothing",
        ),
        (
            hs256_builder().claim_in("", ["x"]),
            "claim_in(..) has a claim without a name",
        ),
        (
            hs256_builder().token_types(["application/"]),
            "\"application/\" is no token type",
        ),
        (hs256_builder().issuer(""), "issuers(..) has an empty value"),
        (
            hs256_builder().audience(""),
            "audiences(..) has an empty value",
        ),
        (
            hs256_builder().issuers(["a", ""]),
            "issuers(..) has an empty value",
        ),
        (
            hs256_builder().audiences(["", "a"]),
            "audiences(..) has an empty value",
        ),
        (
            hs256_builder().token_types(["", "a"]),
            "token_types(..) has an empty value",
        ),
        (
            hs256_builder().required_claims([""]),
            "required_claims(..) has an empty value",
        ),
        (
            hs256_builder().scope_claims([""]),
            "scope_claims(..) has an empty value",
        ),
        (
            hs256_builder().client_id_claims([""]),
            "client_id_claims(..) has an empty value",
        ),
        (
            hs256_builder().claim_in("x", ["a", ""]),
            "claim_in(\"x\", ..) has an empty value",
        ),
    ];
    for (builder, problem) in table {
        assert_problems(builder, &[problem]);
    }
}

#[test]
fn a_json_pointer_must_have_complete_escapes_and_a_literal_name_needs_none() {
    for bad in ["/~", "/a~", "/a~2", "/a~~0", "/a/b~ ", "/~0~"] {
        let problem = format!("{bad:?} is no JSON Pointer (RFC 6901)");
        let wanted = &[&*problem];
        assert_problems(hs256_builder().required_claims([bad]), wanted);
        assert_problems(hs256_builder().scope_claims([bad]), wanted);
        assert_problems(hs256_builder().client_id_claims([bad]), wanted);
        assert_problems(hs256_builder().claim_in(bad, ["x"]), wanted);
    }
    for good in [
        "a~",
        "a~2/b",
        "/",
        "//",
        "/a~0~1b",
        "/a~01",
        "https://x/~me",
        " ",
        "/é",
    ] {
        assert_problems(hs256_builder().required_claims([good]), &[]);
        assert_problems(hs256_builder().claim_in(good, ["x"]), &[]);
    }
}

#[test]
fn a_scope_prefix_must_consist_of_scope_characters() {
    for bad in ["", " ", "api app/", "a\"", "a\\", "é", "a\n"] {
        let problem = format!("{bad:?} cannot start a scope");
        assert_problems(hs256_builder().scope_prefix(bad), &[&problem]);
    }
    for good in ["a", "api://app/", "urn:x:"] {
        assert_problems(hs256_builder().scope_prefix(good), &[]);
    }
}

#[test]
fn the_leeway_is_at_most_an_hour() {
    let hour = Duration::from_secs(3600);
    assert_problems(hs256_builder().leeway(hour), &[]);
    assert_problems(hs256_builder().leeway(Duration::ZERO), &[]);
    for more in [hour + Duration::from_nanos(1), Duration::MAX] {
        let problem = format!("a leeway of {more:?} is more than 3600s");
        assert_problems(hs256_builder().leeway(more), &[&problem]);
    }
}

#[test]
fn accepted_client_ids_can_replace_the_audience() {
    let base = JwtVerifier::builder()
        .key(signing_key(Algorithm::HS256).verifying_key())
        .clock(Clock::manual(at(NOW)))
        .issuer(ISSUER);
    for claim in ["client_id", "azp", "cid", "appid"] {
        let verifier = base.clone().claim_in(claim, ["app-1"]).build().unwrap();
        let token = jwt(signing_key(Algorithm::HS256)).without_claim("aud");
        let known = token.clone().claim(claim, "app-1").build();
        assert_eq!(refusal(&verifier, &known), None, "{claim}");
        for refused in [token.clone(), token.claim(claim, "app-2")] {
            assert!(refusal(&verifier, &refused.build()).is_some(), "{claim}");
        }
    }
    for other in [
        "tenant",
        "sub",
        "token_use",
        "/client_id",
        "Client_id",
        "aud",
    ] {
        assert_problems(base.clone().claim_in(other, ["x"]), &[NO_AUDIENCE]);
    }
    // A configured audience is still checked.
    let both = base.audience(AUDIENCE).claim_in("azp", ["app-1"]);
    let both = both.build().unwrap();
    assert_eq!(refusal(&both, &token_with("azp", "\"app-1\"")), None);
    assert!(refusal(&both, &token_without("aud")).is_some());
}

#[test]
fn the_values_of_several_calls_of_a_list_setting_add_up() {
    let builder = jwt_builder()
        .key(signing_key(Algorithm::HS256).verifying_key())
        .key(signing_key(Algorithm::ES256).verifying_key())
        .algorithms([Algorithm::HS256])
        .algorithms([Algorithm::ES256])
        .issuer("https://second.example.com")
        .audience("https://second.example.com/api")
        .token_types(["x+jwt"])
        .token_types(["at+jwt"])
        .scope_claims(["first"])
        .scope_claims(["second"])
        .scope_delimiters([','])
        .scope_delimiters([';'])
        .client_id_claims(["cid"])
        .client_id_claims(["app"])
        .required_claims(["iss", "exp", "aud", "sub", "client_id", "iat", "jti"])
        .required_claims(["one"])
        .required_claims(["two"]);
    let verifier = builder.build().unwrap();
    let token = |algorithm: Algorithm| {
        jwt(signing_key(algorithm))
            .client_id("client")
            .jwt_id("id-1")
            .claim("one", 1)
            .claim("two", 2)
    };
    for algorithm in [Algorithm::HS256, Algorithm::ES256] {
        for token_type in ["x+jwt", "at+jwt"] {
            let token = token(algorithm).token_type(token_type).build();
            assert_eq!(refusal(&verifier, &token), None, "{algorithm} {token_type}");
        }
        let plain = token(algorithm).token_type("JWT").build();
        assert_eq!(refusal(&verifier, &plain), Some(WrongType));
    }
    let token = token(Algorithm::HS256).token_type("x+jwt");
    for (issuer, audience) in [
        (ISSUER, "https://second.example.com/api"),
        ("https://second.example.com", AUDIENCE),
    ] {
        let token = token.clone().issuer(issuer).audience(audience).build();
        assert_eq!(refusal(&verifier, &token), None, "{issuer} {audience}");
    }
    for missing in ["one", "two", "sub"] {
        let token = token.clone().without_claim(missing).build();
        assert_eq!(refusal(&verifier, &token), Some(MissingClaim), "{missing}");
    }
    // Claims are read in the order of the calls.
    let token = token.claim("second", "c;d").claim("app", "second");
    let second = verify(&verifier, &token.clone().build()).unwrap();
    assert_eq!(second.scopes().as_str(), "c d");
    assert_eq!(second.client_id(), Some("second"));
    let token = token.claim("first", "a,b").claim("cid", "first");
    let first = verify(&verifier, &token.build()).unwrap();
    assert_eq!(first.scopes().as_str(), "a b");
    assert_eq!(first.client_id(), Some("first"));
}

#[test]
fn a_configuration_error_has_the_cause_of_its_first_problem() {
    let builder = hs256_builder().leeway(Duration::from_secs(3601));
    let error = builder.scope_prefix("api app/").build().unwrap_err();
    assert_eq!(error.problems().count(), 2);
    assert!(error.source().unwrap().is::<InvalidScope>());
    let error = hs256_builder().name("").build().unwrap_err();
    assert!(error.source().is_none());
}

#[test]
fn the_profile_of_rfc_9068_has_one_token_type() {
    let problem = "rfc9068() accepts at+jwt alone, and token_types(..) also names \"JWT\"";
    assert_problems(hs256_builder().token_types(["JWT"]).rfc9068(), &[problem]);
    assert_problems(hs256_builder().rfc9068().token_types(["JWT"]), &[problem]);
    let same = ["application/AT+jwt", "at+JWT"];
    assert_problems(hs256_builder().rfc9068().token_types(same), &[]);
}

#[test]
fn an_empty_list_of_audiences_is_a_problem_also_where_a_client_stands_in() {
    let builder = |audiences: &[&str]| {
        JwtVerifier::builder()
            .secret(Algorithm::HS256, [7; 32])
            .issuer(ISSUER)
            .claim_in("azp", ["client"])
            .audiences(audiences.iter().copied())
    };
    assert_problems(builder(&[]), &["audiences(..) names nothing"]);
    assert_problems(builder(&[AUDIENCE]), &[]);
}
