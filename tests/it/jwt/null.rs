//! An optional member that is `null` counts as absent.

use tower_bearer_auth::InvalidReason::{
    BoundToKey, Malformed, MissingClaim, UnsupportedAlgorithm, WrongType,
};
use tower_bearer_auth::{Algorithm, InvalidReason};

use super::{
    check_claim, check_tokens, hs256_builder, refusal, signing_key, token_of, token_with,
    token_with_header, token_without, usual_claims, usual_verifier, verify,
};

/// Every claim that is read, with the reason for the refusal if it is `null`.
const CLAIMS: [(&str, Option<InvalidReason>); 21] = [
    ("iss", Some(MissingClaim)),
    ("aud", Some(MissingClaim)),
    ("exp", Some(MissingClaim)),
    ("sub", None),
    ("nbf", None),
    ("iat", None),
    ("jti", None),
    ("scope", None),
    ("scp", None),
    ("client_id", None),
    ("azp", None),
    ("cid", None),
    ("appid", None),
    ("token_use", None),
    ("token_type", None),
    ("typ", None),
    ("type", None),
    ("cnf", Some(BoundToKey)),
    ("events", Some(WrongType)),
    ("at_hash", Some(WrongType)),
    ("c_hash", Some(WrongType)),
];

#[test]
fn a_claim_that_is_null_is_absent_unless_its_presence_means_something() {
    for (claim, wanted) in CLAIMS {
        check_claim(hs256_builder(), claim, &[("null", wanted)]);
        let marks = [BoundToKey, WrongType].map(Some);
        if !marks.contains(&wanted) {
            let absent = refusal(&usual_verifier(), &token_without(claim));
            assert_eq!(absent, wanted, "{claim}");
        }
    }
}

#[test]
fn a_required_claim_that_is_null_is_missing() {
    let marks = ["cnf", "events", "at_hash", "c_hash"];
    let claims = CLAIMS.into_iter().map(|(claim, _)| claim);
    let others = ["tenant", "https://x/roles"];
    for claim in claims.chain(others).filter(|claim| !marks.contains(claim)) {
        let builder = hs256_builder().required_claims([claim]);
        check_claim(builder.clone(), claim, &[("null", Some(MissingClaim))]);
        let lookup = hs256_builder().claim_in(claim, ["x"]);
        check_claim(lookup, claim, &[("null", Some(MissingClaim))]);
        let verifier = builder.build().unwrap();
        let absent = refusal(&verifier, &token_without(claim));
        assert_eq!(absent, Some(MissingClaim), "{claim}");
    }
}

#[test]
fn accessors_return_nothing_for_claims_that_are_null() {
    let payload = usual_claims(
        "sub",
        &[
            ("sub", "null"),
            ("jti", "null"),
            ("iat", "null"),
            ("client_id", "null"),
            ("scope", "null"),
        ],
    );
    let token = verify(&usual_verifier(), &token_of(payload.clone())).unwrap();
    assert_eq!(
        (token.subject(), token.client_id(), token.jwt_id()),
        (None, None, None)
    );
    assert_eq!(token.issued_at(), None);
    assert!(token.scopes().is_empty());
    assert_eq!(token.principal(), None);
    assert_eq!(token.raw_claims(), payload);

    let any_expiry = hs256_builder().accept_missing_expiry().build().unwrap();
    let token = verify(&any_expiry, &token_with("exp", "null")).unwrap();
    assert_eq!(token.expires_at(), None);
}

#[test]
fn a_member_that_is_null_must_not_occur_twice() {
    for (claim, _) in CLAIMS {
        for twice in [["null", "null"], ["null", "\"x\""], ["\"x\"", "null"]] {
            let members = twice.map(|json| (claim, json));
            check_tokens([(token_of(usual_claims(claim, &members)), Some(Malformed))]);
        }
    }
}

#[test]
fn null_in_a_list_is_an_item_of_the_wrong_type() {
    for claim in ["aud", "scope", "scp"] {
        check_claim(hs256_builder(), claim, &[("[null]", Some(Malformed))]);
    }
}

#[test]
fn a_header_member_that_is_null_is_absent_unless_its_presence_means_something() {
    let key = signing_key(Algorithm::HS256)
        .verifying_key()
        .with_key_id("k");
    let named = super::jwt_builder().key(key).build().unwrap();
    let usual = usual_verifier();
    for (members, wanted) in [
        (r#","kid":null"#, None),
        (r#","typ":null"#, None),
        (r#","kid":null,"typ":null"#, None),
        (r#","jwk":null,"x5c":null"#, None),
        (r#","crit":null"#, Some(Malformed)),
        (r#","b64":null"#, Some(Malformed)),
        (r#","enc":null"#, Some(Malformed)),
        (r#","zip":null"#, Some(Malformed)),
        (r#","kid":null,"kid":null"#, Some(Malformed)),
        (r#","typ":null,"typ":"JWT""#, Some(Malformed)),
    ] {
        let token = token_with_header(format!(r#"{{"alg":"HS256"{members}}}"#));
        assert_eq!(refusal(&usual, &token), wanted, "{members}");
        assert_eq!(refusal(&named, &token), wanted, "{members}");
    }
    check_tokens([
        (token_with_header(r#"{"alg":null}"#), Some(Malformed)),
        (
            token_with_header(r#"{"alg":"null"}"#),
            Some(UnsupportedAlgorithm),
        ),
    ]);
    // A required type is then missing.
    let only = hs256_builder().token_types(["JWT"]).build().unwrap();
    let untyped = token_with_header(r#"{"alg":"HS256","typ":null}"#);
    assert_eq!(refusal(&only, &untyped), Some(WrongType));
}
