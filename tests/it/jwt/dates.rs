//! The period in which a token is valid: `exp`, `nbf`, `iat`, the leeway and the clock.

use std::time::Duration;

use tower_bearer_auth::Clock;
use tower_bearer_auth::InvalidReason::{Expired, Malformed, MissingClaim, NotYetValid};

use super::{
    NOW, at, check_claim, hs256_builder, refusal, token_with, token_without, usual_verifier, verify,
};

#[test]
fn a_token_is_good_up_to_its_expiry_and_the_leeway() {
    // NOW is 1_800_000_000, the leeway 60.
    let table = [
        ("253402300799", None),
        ("1800000001", None),
        ("1800000000.5", None),
        ("1800000000", None),
        ("1.8e9", None),
        ("1799999941", None),
        ("1799999940.5", None),
        ("1799999940", Some(Expired)),
        ("1799999940.0", Some(Expired)),
        ("1799999939.5", Some(Expired)),
        ("1799999939", Some(Expired)),
        ("0", Some(Expired)),
        ("0.5", Some(Expired)),
        ("-0", Some(Expired)),
        ("1e-400", Some(Expired)),
    ];
    check_claim(hs256_builder(), "exp", &table);

    let table = [
        ("1800000000", Some(Expired)),
        ("1799999999.5", Some(Expired)),
        ("1800000000.5", None),
        ("1800000001", None),
    ];
    check_claim(hs256_builder().leeway(Duration::ZERO), "exp", &table);

    // Leeway and clock may be fractional as well: 1800000000.25 less 1.5 is 1799999998.75.
    let table = [
        ("1799999999", None),
        ("1799999998.875", None),
        ("1799999998.75", Some(Expired)),
        ("1799999998", Some(Expired)),
    ];
    let builder = hs256_builder()
        .leeway(Duration::from_millis(1500))
        .clock(Clock::manual(at(NOW) + Duration::from_millis(250)));
    check_claim(builder, "exp", &table);
}

#[test]
fn a_token_is_not_good_before_nbf_and_iat_less_the_leeway() {
    let table = [
        ("0", None),
        ("1799999999", None),
        ("1800000000", None),
        ("1800000059.5", None),
        ("1800000060", None),
        ("1800000060.5", Some(NotYetValid)),
        ("1800000061", Some(NotYetValid)),
        ("253402300799", Some(NotYetValid)),
    ];
    check_claim(hs256_builder(), "nbf", &table);
    check_claim(hs256_builder(), "iat", &table);
    let table = [
        ("1800000000", None),
        ("1800000000.5", Some(NotYetValid)),
        ("1800000001", Some(NotYetValid)),
    ];
    check_claim(hs256_builder().leeway(Duration::ZERO), "nbf", &table);
    check_claim(hs256_builder().leeway(Duration::ZERO), "iat", &table);
}

#[test]
fn what_is_no_number_from_1970_to_9999_is_no_date() {
    for json in [
        "\"1800000060\"",
        "\"\"",
        "true",
        "[1800000060]",
        "{}",
        "{\"$serde_json::private::Number\":\"1800000060\"}",
        "-1",
        "-0.5",
        "-1800000060",
        "1e400",
        "-1e400",
        "NaN",
        "Infinity",
        "+1800000060",
        "01800000060",
        "0x6B49D23C",
        "1800000060.",
        "253402300800",
        // Milliseconds.
        "1800000060000",
        "9223372036854775807",
        "18446744073709551615",
        "18446744073709551616",
        "1e308",
    ] {
        for claim in ["exp", "nbf", "iat"] {
            for builder in [
                hs256_builder(),
                hs256_builder()
                    .accept_missing_expiry()
                    .accept_future_issued_at(),
            ] {
                check_claim(builder, claim, &[(json, Some(Malformed))]);
            }
        }
    }
}

#[test]
fn only_spelled_out_does_a_token_live_for_ever_or_come_from_the_future() {
    assert_eq!(
        refusal(&usual_verifier(), &token_without("exp")),
        Some(MissingClaim)
    );
    let verifier = hs256_builder().accept_missing_expiry().build().unwrap();
    let token = verify(&verifier, &token_without("exp")).unwrap();
    assert_eq!(token.expires_at(), None);
    assert!(token.is_current());
    let past = token_with("exp", "1799999940");
    assert_eq!(refusal(&verifier, &past), Some(Expired));

    let future = hs256_builder().accept_future_issued_at();
    check_claim(future.clone(), "iat", &[("253402300799", None)]);
    check_claim(future, "nbf", &[("1800000061", Some(NotYetValid))]);
}

#[test]
fn a_token_expires_under_a_running_verifier() {
    let clock = Clock::manual(at(NOW));
    let verifier = hs256_builder().clock(clock.clone()).build().unwrap();
    let jwt = token_with("exp", &(NOW + 10).to_string());
    let token = verify(&verifier, &jwt).unwrap();
    clock.advance(Duration::from_millis(69_999));
    assert_eq!(refusal(&verifier, &jwt), None);
    assert!(token.is_current());
    clock.advance(Duration::from_millis(1));
    assert_eq!(refusal(&verifier, &jwt), Some(Expired));
    assert!(!token.is_current());
}
