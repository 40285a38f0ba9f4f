//! Examples of RFCs.

use ml_dsa::{ExpandedSigningKey, MlDsa44};

use super::*;
use crate::possession::dpop::proof_key::Thumbprint;

/// RFC 9449 §7.1: the proof of a request for a protected resource.
const PROOF: &str = "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMzR0Vj\
    NoUklDUkRZOXpDa0RscEJoRjQyVVFVZldWQVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERWclUwQ2R2R1JEQSIs\
    ImNydiI6IlAtMjU2In19.eyJqdGkiOiJlMWozVl9iS2ljOC1MQUVCIiwiaHRtIjoiR0VUIiwiaHR1IjoiaHR0cHM6Ly9yZXNvdXJjZS5leGFtc\
    GxlLm9yZy9wcm90ZWN0ZWRyZXNvdXJjZSIsImlhdCI6MTU2MjI2MjYxOCwiYXRoIjoiZlVIeU8ycjJaM0RaNTNFc05yV0JiMHhXWG9hTnk1OUl\
    pS0NBcWtzbVFFbyJ9.2oW9RP35yRqzhrtNP86L-Ey71EOptxRimPPToA1plemAgR6pxHF8y6-yqyVnmcw6Fy1dqd-jfxSYoMxhAJpLjA";

/// RFC 9449 §4.1: a proof for the token endpoint, without `ath`.
const TOKEN_PROOF: &str = "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMz\
    R0VjNoUklDUkRZOXpDa0RscEJoRjQyVVFVZldWQVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERWclUwQ2R2R1JE\
    QSIsImNydiI6IlAtMjU2In19.eyJqdGkiOiItQndDM0VTYzZhY2MybFRjIiwiaHRtIjoiUE9TVCIsImh0dSI6Imh0dHBzOi8vc2VydmVyLmV4Y\
    W1wbGUuY29tL3Rva2VuIiwiaWF0IjoxNTYyMjYyNjE2fQ.2-GxA6T8lP4vfrg8v-FdWP0A0zdrj8igiMLvqRMUvwnQg4PtFLbdLXiOSsX0x7NV\
    Y-FNyJK70nfbV37xRZT3Lg";

/// RFC 9449 §6.1.
const THUMBPRINT: &str = "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I";

static ACCESS_TOKEN: LazyLock<BearerToken> = LazyLock::new(|| {
    "Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU"
        .parse()
        .unwrap()
});

fn example(origin: &Origin) -> Expected<'_> {
    Expected {
        method: "GET",
        target: Target {
            origin,
            path_prefix: "",
            path: "/protectedresource",
        },
        token: &ACCESS_TOKEN,
        thumbprint: THUMBPRINT,
        window: WINDOW,
        now: Duration::from_secs(1_562_262_618),
    }
}

#[test]
fn the_proof_of_rfc_9449_is_valid_for_its_request_only() {
    let origin = Origin::of_origin("https://resource.example.org").unwrap();
    let other = Origin::of_origin("https://resource.example.com").unwrap();
    let good = example(&origin);
    let elsewhere = Target {
        origin: &other,
        ..good.target
    };
    let verify = |expected: &Expected<'_>| verifier().verify(PROOF.as_bytes(), expected);
    let valid = verify(&good).unwrap();
    assert_eq!(base64url(valid.key), THUMBPRINT);
    assert_eq!(valid.ends_at, good.now + WINDOW);
    for (expected, wanted) in [
        (
            Expected {
                method: "POST",
                ..good
            },
            "proof_other_request",
        ),
        (
            Expected {
                target: elsewhere,
                ..good
            },
            "proof_other_request",
        ),
        (
            Expected {
                token: &TOKEN,
                ..good
            },
            "proof_other_token",
        ),
        (
            Expected {
                thumbprint: &THUMBPRINT[1..],
                ..good
            },
            "proof_key",
        ),
        (
            Expected {
                now: good.now + WINDOW,
                ..good
            },
            "proof_stale",
        ),
    ] {
        assert_eq!(refusal(verify(&expected)), wanted, "{expected:?}");
    }
}

#[test]
fn a_proof_for_the_token_endpoint_is_not_valid_for_a_resource() {
    let origin = Origin::of_origin("https://server.example.com").unwrap();
    let mut expected = example(&origin);
    expected.method = "POST";
    expected.target.path = "/token";
    let result = verifier().verify(TOKEN_PROOF.as_bytes(), &expected);
    // Its signature is valid, and it has no `ath`.
    assert_eq!(refusal(result), "proof_malformed");
}

#[test]
fn thumbprints_are_those_of_the_rfcs() {
    let ml_dsa = ExpandedSigningKey::<MlDsa44>::from_seed(&[0; 32].into());
    let ml_dsa = base64url(ml_dsa.verifying_key().encode());
    for (algorithm, jwk, thumbprint) in [
        (
            // RFC 7638 §3.1.
            Algorithm::RS256,
            json!({
                "kty": "RSA",
                "n": "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRX\
                      jBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaS\
                      qzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksIN\
                      HaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw",
                "e": "AQAB",
                "alg": "RS256",
                "kid": "2011-04-29",
            }),
            "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs",
        ),
        (
            Algorithm::ES256,
            json!({
                "kty": "EC",
                "x": "l8tFrhx-34tV3hRICRDY9zCkDlpBhF42UQUfWVAWBFs",
                "y": "9VE4jf_Ok_o64zbTTlcuNJajHmt6v9TDVrU0CdvGRDA",
                "crv": "P-256",
            }),
            THUMBPRINT,
        ),
        (
            // RFC 8037 appendix A.3.
            Algorithm::EdDSA,
            json!({"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}),
            "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k",
        ),
        (
            // The `kid` of the example in RFC 9964, whose seed is all zeros.
            Algorithm::MlDsa44,
            json!({"kty": "AKP", "alg": "ML-DSA-44", "pub": ml_dsa}),
            "T4xl70S7MT6Zeq6r9V9fPJGVn76wfnXJ21-gyo0Gu6o",
        ),
    ] {
        let found = Thumbprint::of_jwk(&jwk.to_string(), algorithm).unwrap();
        assert_eq!(base64url(found.0), thumbprint, "{algorithm}");
        assert_eq!(thumbprint_of(&jwk), thumbprint);
        assert!(found.is(thumbprint));
    }
}
