//! What `build` refuses: all of it at once, each problem with its value, and never a secret.

use std::time::Duration;

use tower_bearer_auth::testing::SigningKey;
use tower_bearer_auth::{Algorithm, Clock, JwtVerifier, JwtVerifierBuilder, KeySet, VerifyingKey};

use super::{
    AUDIENCE, ISSUER, NOW, at, base64url, hs256_builder, jwt, jwt_builder, other_signing_key,
    refusal, signing_key, token_with, token_without,
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

/// Asserts that there are exactly these problems, each known by a part of its text.
#[track_caller]
fn assert_problems(builder: JwtVerifierBuilder, wanted: &[&str]) {
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

    // Lists with nothing in them name nothing.
    let nothing: [&str; 0] = [];
    let unnamed = keyed.issuers(nothing).audiences(nothing);
    assert_problems(unnamed, &[NO_ISSUER, NO_AUDIENCE]);
    assert_problems(jwt_builder().keys([]), &[NO_KEY]);
}

#[test]
fn every_problem_is_told_at_once_with_its_value() {
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
            "accept_any_issuer() contradicts the issuers [\"https://a.example.com\"]",
            "accept_any_audience() contradicts the audiences [\"\"]",
            "a leeway of 3601s is more than 3600s",
            "\"api app/\" cannot start a scope",
            "audiences(..) has an empty value",
            "token_types(..) names nothing",
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
fn lists_have_values_and_values_have_characters() {
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
fn a_pointer_has_whole_escapes_and_a_literal_name_needs_none() {
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
fn a_prefix_can_start_a_scope() {
    for bad in ["", " ", "api app/", "a\"", "a\\", "é", "a\n"] {
        let problem = format!("{bad:?} cannot start a scope");
        assert_problems(hs256_builder().scope_prefix(bad), &[&problem]);
    }
    for good in ["a", "api://app/", "urn:x:"] {
        assert_problems(hs256_builder().scope_prefix(good), &[]);
    }
}

#[test]
fn scopes_are_separated_by_characters_that_are_in_no_name() {
    let delimiters = |delimiters: &[char]| {
        let delimiters = delimiters.to_vec();
        hs256_builder().scope_delimiters(delimiters)
    };
    assert_problems(delimiters(&[]), &["scope_delimiters(..) names nothing"]);
    for bad in ['a', 'Z', '0', 'é', '\t', '\n', '\0', '\u{7f}'] {
        let problem = format!("{bad:?} cannot separate scopes");
        assert_problems(delimiters(&[' ', bad]), &[&problem]);
    }
    for good in [' ', ',', ';', '|', ':', '/', '+', '\u{2028}'] {
        assert_problems(delimiters(&[good]), &[]);
    }
    // A later call replaces an earlier one.
    assert_problems(delimiters(&['a']).scope_delimiters([',']), &[]);
}

#[test]
fn more_token_types_need_the_default_that_they_add_to() {
    let replaced = "also_token_types(..) adds to the default, which token_types(..) or rfc9068() \
                    replaces";
    let more = hs256_builder().also_token_types(["x+jwt"]);
    assert_problems(more.clone(), &[]);
    assert_problems(more.clone().token_types(["JWT"]), &[replaced]);
    assert_problems(more.clone().rfc9068(), &[replaced]);
    let none = [""; 0];
    let empty = "also_token_types(..) has an empty value";
    assert_problems(more.clone().also_token_types([""]), &[empty]);
    assert_problems(
        hs256_builder().also_token_types(none),
        &["also_token_types(..) names nothing"],
    );
    let no_type = "\"application/\" is no token type";
    assert_problems(more.also_token_types(["application/"]), &[no_type]);
}

#[test]
fn a_name_is_not_empty_and_tells_a_verifier_apart() {
    assert_problems(hs256_builder().name(""), &["name(..) is empty"]);
    assert_problems(hs256_builder().name("jwt"), &[]);
    assert_problems(hs256_builder().name("staff"), &[]);
    let any = JwtVerifier::builder()
        .key(signing_key(Algorithm::HS256).verifying_key())
        .accept_any_issuer()
        .audience(AUDIENCE);
    assert_problems(any.clone(), &[]);
    assert_problems(any.clone().name("staff"), &[]);
    assert_problems(any.name("jwt"), &["name(\"jwt\") is what other verifiers"]);
}

#[test]
fn a_leeway_is_an_hour_at_most() {
    let hour = Duration::from_secs(3600);
    assert_problems(hs256_builder().leeway(hour), &[]);
    assert_problems(hs256_builder().leeway(Duration::ZERO), &[]);
    for more in [hour + Duration::from_nanos(1), Duration::MAX] {
        let problem = format!("a leeway of {more:?} is more than 3600s");
        assert_problems(hs256_builder().leeway(more), &[&problem]);
    }
}

#[test]
fn known_clients_stand_in_for_the_audience() {
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
    // An audience that is named is checked all the same.
    let both = base.audience(AUDIENCE).claim_in("azp", ["app-1"]);
    let both = both.build().unwrap();
    assert_eq!(refusal(&both, &token_with("azp", "\"app-1\"")), None);
    assert!(refusal(&both, &token_without("aud")).is_some());
}

#[test]
fn a_secret_is_as_long_as_its_hash() {
    for (algorithm, length) in [
        (Algorithm::HS256, 32),
        (Algorithm::HS384, 48),
        (Algorithm::HS512, 64),
    ] {
        for short in [0, 1, length - 1] {
            let problem =
                format!("the secret for {algorithm} has {short} bytes and needs at least {length}");
            let builder = jwt_builder().secret(algorithm, vec![b'x'; short]);
            assert_problems(builder, &[&problem]);
        }
        for long in [length, length + 1, 1000] {
            assert_problems(jwt_builder().secret(algorithm, vec![b'x'; long]), &[]);
        }
    }
    for algorithm in Algorithm::ALL.into_iter().skip(3) {
        let problem = format!("the secret for {algorithm} does not fit its algorithm");
        assert_problems(jwt_builder().secret(algorithm, [7; 64]), &[&problem]);
    }
}

#[test]
fn a_pem_is_no_secret() {
    let rsa = signing_key(Algorithm::RS256);
    for pem in [
        rsa.public_key_pem(),
        rsa.private_key_pem(),
        signing_key(Algorithm::EdDSA).public_key_pem(),
        format!("\r\n  {}", rsa.public_key_pem()),
        "-----BEGIN CERTIFICATE-----".to_owned(),
    ] {
        for algorithm in [Algorithm::HS256, Algorithm::HS384, Algorithm::HS512] {
            let problem = format!("the secret for {algorithm} is a PEM text");
            assert_problems(jwt_builder().secret(algorithm, &pem), &[&problem]);
        }
    }
}

#[test]
fn a_private_key_is_no_public_one() {
    for algorithm in Algorithm::ALL.into_iter().skip(3) {
        let key = signing_key(algorithm);
        let (private, public) = (key.private_key_pem(), key.public_key_pem());
        let problem = format!("the PEM key for {algorithm} is a private key; give the public one");
        for pem in [
            private.clone(),
            format!("{private}{public}"),
            format!("{public}{private}"),
            private.replace("PRIVATE", "RSA PRIVATE"),
            private.replace("PRIVATE", "EC PRIVATE"),
            private.replace("PRIVATE", "ENCRYPTED PRIVATE"),
        ] {
            assert_problems(jwt_builder().public_key_pem(algorithm, pem), &[&problem]);
        }
    }
}

#[test]
fn a_pem_fits_the_algorithm_it_is_given_for() {
    // What keys of one group have in common is the whole key.
    let group = |algorithm: Algorithm| match algorithm.as_str() {
        name if name.starts_with("RS") || name.starts_with("PS") => "RSA",
        name => name,
    };
    let public: Vec<_> = Algorithm::ALL.into_iter().skip(3).collect();
    for given in &public {
        let pem = signing_key(*given).public_key_pem();
        for wanted in &public {
            let builder = jwt_builder().public_key_pem(*wanted, &pem);
            let problem = format!("the PEM key for {wanted} ");
            let fits = group(*given) == group(*wanted);
            let wanted_problems: &[&str] = if fits { &[] } else { &[&problem] };
            assert_problems(builder, wanted_problems);
        }
        for hmac in [Algorithm::HS256, Algorithm::HS384, Algorithm::HS512] {
            let problem = format!("the PEM key for {hmac} would have to be a secret");
            assert_problems(jwt_builder().public_key_pem(hmac, &pem), &[&problem]);
        }
    }
}

#[test]
fn no_key_is_left_without_a_use() {
    let rsa = {
        let mut jwk = signing_key(Algorithm::RS256).jwk();
        jwk.as_object_mut().unwrap().remove("alg");
        VerifyingKey::from_jwk(&jwk.to_string()).unwrap()
    };
    let ec = signing_key(Algorithm::ES256)
        .verifying_key()
        .with_key_id("ec");
    let both = jwt_builder().key(rsa).key(ec);
    assert_problems(
        both.clone()
            .algorithms([Algorithm::PS512, Algorithm::ES256]),
        &[],
    );
    assert_problems(
        both.clone().algorithms([Algorithm::PS512]),
        &["leaves no use for the key \"ec\", which is for ES256"],
    );
    assert_problems(
        both.algorithms([Algorithm::EdDSA]),
        &[
            "which is for RS256, RS384, RS512, PS256, PS384, PS512",
            "the key \"ec\"",
        ],
    );
}

#[test]
fn no_secret_shows_in_an_error_or_in_debug() {
    const SECRET: &str = "correct-horse-battery-staple-of-more-than-64-characters-0123456789-abc";
    let short = &SECRET[..31];
    let key = VerifyingKey::from_secret(Algorithm::HS256, SECRET).unwrap();
    let oct = |secret: &str, alg: &str| {
        format!(
            r#"{{"kty":"oct","k":"{}","alg":"{alg}"}}"#,
            base64url(secret)
        )
    };
    let set = |jwk: String| format!(r#"{{"keys":[{jwk}]}}"#);
    let keys = KeySet::from_json(&set(oct(SECRET, "HS256"))).unwrap();
    let builder = jwt_builder()
        .key(key.clone())
        .secret(Algorithm::HS512, SECRET)
        .keys(keys.clone());
    let verifier = builder.clone().build().unwrap();
    let signing = SigningKey::from_secret(Algorithm::HS256, SECRET);
    let private = other_signing_key(Algorithm::ES256).private_key_pem();
    let body = private.lines().nth(1).unwrap();
    let failing = [
        jwt_builder().secret(Algorithm::HS256, short),
        jwt_builder().secret(Algorithm::RS256, SECRET),
        jwt_builder().secret(Algorithm::HS256, &private),
        jwt_builder().public_key_pem(Algorithm::HS256, SECRET),
        jwt_builder().public_key_pem(Algorithm::RS256, SECRET),
        jwt_builder().public_key_pem(Algorithm::ES256, &private),
        jwt_builder().public_key_pem(Algorithm::RS256, private.replace("PRIVATE", "PUBLIC")),
        jwt_builder().jwks_json(SECRET),
        jwt_builder().jwks_json(format!("\"{SECRET}\"")),
        jwt_builder().jwks_json(set(oct(short, "HS256"))),
        jwt_builder().jwks_json(set(oct(SECRET, "RS256"))),
        jwt_builder().jwks_json(set(format!("\"{SECRET}\""))),
        jwt_builder().jwks_json(set(oct(SECRET, "HS256").replace("\"k\":", "\"k\":7,\"d\":"))),
        jwt_builder().jwks_json(set(oct(SECRET, "HS256")).replace("]}", "")),
        builder.clone().algorithms([Algorithm::ES256]),
    ];

    let mut texts = vec![
        format!("{key:?}{keys:?}{builder:?}{verifier:?}{signing:?}"),
        format!("{key:#?}{keys:#?}{builder:#?}{verifier:#?}{signing:#?}"),
    ];
    for builder in failing {
        texts.push(format!("{builder:?}"));
        let error = builder.build().unwrap_err();
        texts.push(format!("{error} {error:?}"));
    }
    let forms = [
        "correct-horse".to_owned(),
        base64url(SECRET)[..20].to_owned(),
        body[..20].to_owned(),
        format!("{:?}", &SECRET.as_bytes()[..4]).replace(['[', ']'], ""),
    ];
    for text in texts {
        for form in &forms {
            assert!(!text.contains(form), "{form} in {text}");
        }
    }
}
