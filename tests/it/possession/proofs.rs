//! Every check of a proof, over HTTP (RFC 9449 §4.3).

use std::time::Duration;

use serde_json::{Value, json};
use tower_bearer_auth::testing::{DpopKey, DpopProofBuilder};
use tower_bearer_auth::{Algorithm, BearerAuthLayer};

use super::{Server, URL, World, assert_dpop_error, challenges};
use crate::support::Logs;

const MALFORMED: &str = "The DPoP proof is malformed";
const SIGNATURE: &str = "The signature of the DPoP proof does not match";
const STALE: &str = "The DPoP proof is too old or from the future";
const OTHER_REQUEST: &str = "The DPoP proof is for another method or URL";
const OTHER_TOKEN: &str = "The DPoP proof is for another access token";

type Change = Box<dyn Fn(DpopProofBuilder) -> DpopProofBuilder>;

fn change(change: impl Fn(DpopProofBuilder) -> DpopProofBuilder + 'static) -> Change {
    Box::new(change)
}

/// Proofs that are refused, by the names of OpenID's FAPI 2 test and of the MCP profile where these have one.
fn bad(world: &World) -> Vec<(&'static str, &'static str, Change)> {
    let now = world.clock.now();
    let at = move |seconds: i64| match seconds < 0 {
        true => now - Duration::from_secs(seconds.unsigned_abs()),
        false => now + Duration::from_secs(seconds.unsigned_abs()),
    };
    let other = DpopKey::new();
    let mut rows = vec![
        (
            "typ missing",
            MALFORMED,
            change(|p| p.without_header("typ")),
        ),
        ("typ wrong", MALFORMED, change(|p| p.typ("jwt"))),
        ("typ of a token", MALFORMED, change(|p| p.typ("at+jwt"))),
        ("alg none", MALFORMED, change(DpopProofBuilder::unsigned)),
        ("alg of a secret", MALFORMED, change(|p| p.alg("HS256"))),
        ("alg of another key", MALFORMED, change(|p| p.alg("RS256"))),
        (
            "alg of another curve",
            MALFORMED,
            change(|p| p.alg("ES384")),
        ),
        ("alg unknown", MALFORMED, change(|p| p.alg("ES256K"))),
        (
            "alg missing",
            MALFORMED,
            change(|p| p.without_header("alg")),
        ),
        (
            "jwk missing",
            MALFORMED,
            change(|p| p.without_header("jwk")),
        ),
        (
            "jwk is private",
            MALFORMED,
            change(DpopProofBuilder::with_private_key),
        ),
        ("jwk is a text", MALFORMED, change(|p| p.jwk("x"))),
        ("jwk is null", MALFORMED, change(|p| p.jwk(Value::Null))),
        (
            "crit",
            MALFORMED,
            change(|p| p.header("crit", json!(["exp"]))),
        ),
        (
            "crit null",
            MALFORMED,
            change(|p| p.header("crit", Value::Null)),
        ),
        ("b64", MALFORMED, change(|p| p.header("b64", false))),
        ("jti missing", MALFORMED, change(|p| p.without_claim("jti"))),
        ("jti empty", MALFORMED, change(|p| p.jti(""))),
        ("jti a number", MALFORMED, change(|p| p.jti(1))),
        ("htm missing", MALFORMED, change(|p| p.without_claim("htm"))),
        ("htu missing", MALFORMED, change(|p| p.without_claim("htu"))),
        ("iat missing", MALFORMED, change(|p| p.without_claim("iat"))),
        (
            "iat a text",
            MALFORMED,
            change(|p| p.claim("iat", "1800000000")),
        ),
        ("ath missing", MALFORMED, change(|p| p.without_claim("ath"))),
        ("nonce a number", MALFORMED, change(|p| p.nonce(1))),
        ("htm wrong", OTHER_REQUEST, change(|p| p.htm("POST"))),
        ("htm in lower case", OTHER_REQUEST, change(|p| p.htm("get"))),
        (
            "htu of another path",
            OTHER_REQUEST,
            change(|p| p.htu("https://api.example.com/note")),
        ),
        (
            "htu with a slash",
            OTHER_REQUEST,
            change(|p| p.htu("https://api.example.com/notes/")),
        ),
        (
            "htu of another host",
            OTHER_REQUEST,
            change(|p| p.htu("https://example.com/notes")),
        ),
        (
            "htu of another port",
            OTHER_REQUEST,
            change(|p| p.htu("https://api.example.com:8443/notes")),
        ),
        (
            "htu of another scheme",
            OTHER_REQUEST,
            change(|p| p.htu("http://api.example.com/notes")),
        ),
        ("htu is a path", OTHER_REQUEST, change(|p| p.htu("/notes"))),
        (
            "htu with a user",
            OTHER_REQUEST,
            change(|p| p.htu("https://u@api.example.com/notes")),
        ),
        (
            "htu with a final dot",
            OTHER_REQUEST,
            change(|p| p.htu("https://api.example.com./notes")),
        ),
        (
            "ath of another token",
            OTHER_TOKEN,
            change(|p| p.ath("fUHyO2r2Z3DZ53EsNrWBb0xWXoaNy59IiKCAqksmQEo")),
        ),
        (
            "ath with padding",
            OTHER_TOKEN,
            change(|p| p.ath("fUHyO2r2Z3DZ53EsNrWBb0xWXoaNy59IiKCAqksmQEo=")),
        ),
        (
            "signature broken",
            SIGNATURE,
            change(DpopProofBuilder::broken_signature),
        ),
        ("iat too old", STALE, change(move |p| p.issued_at(at(-61)))),
        ("iat ahead", STALE, change(move |p| p.issued_at(at(61)))),
        ("iat zero", STALE, change(|p| p.claim("iat", 0))),
        (
            "iat in the year 9999",
            STALE,
            change(|p| p.claim("iat", 253_402_300_799_u64)),
        ),
        (
            "exp over",
            STALE,
            change(move |p| p.claim("exp", 1_800_000_000_u64)),
        ),
        (
            "nbf ahead",
            STALE,
            change(move |p| p.claim("nbf", 1_800_000_061_u64)),
        ),
    ];
    rows.push((
        "signed by another key",
        SIGNATURE,
        change(move |p| p.signed_by(&other)),
    ));
    rows
}

#[tokio::test]
async fn a_bad_proof_is_refused_and_nothing_of_it_is_shown() {
    let world = World::new();
    let logs = Logs::capture();
    let server = Server::start(BearerAuthLayer::new(world.verifier()).dpop(world.dpop())).await;
    let token = world.bound().build();
    for (name, description, change) in bad(&world) {
        let proof = change(world.proof(&token).claim("secret", "hush-hush")).build();
        let answer = server.get_with(&token, &proof).await;
        println!("{name}");
        assert_dpop_error(&answer, "invalid_dpop_proof", description);
        let text = logs.text();
        assert!(!text.contains(&proof) && !text.contains("hush-hush") && !text.contains(&token));
    }
    for proof in ["", "x", "a.b", "a.b.c", "a.b.c.d", "é", "a.b.c, a.b.c"] {
        let answer = server.get_with(&token, proof).await;
        assert_dpop_error(&answer, "invalid_dpop_proof", MALFORMED);
    }
    let good = world.proof(&token).build();
    let dpop = format!("DPoP {token}");
    let twice = [
        ("authorization", &*dpop),
        ("dpop", &*good),
        ("dpop", &*good),
    ];
    let answer = server.get(&twice).await;
    assert_dpop_error(
        &answer,
        "invalid_dpop_proof",
        "The request has more than one DPoP proof",
    );
    let long = world
        .proof(&token)
        .claim("x", "x".repeat(16 * 1024))
        .build();
    let answer = server.get_with(&token, &long).await;
    assert_dpop_error(&answer, "invalid_dpop_proof", MALFORMED);
    assert_eq!(server.inner.calls(), 0);
    server.get_with(&token, &good).await.assert_passed();
    let text = logs.text();
    for reason in [
        "proof_malformed",
        "proof_signature",
        "proof_stale",
        "proof_other_request",
        "proof_other_token",
        "proof_repeated",
    ] {
        assert!(text.contains(reason), "{reason}");
    }
}

#[tokio::test]
async fn a_good_proof_may_be_spelled_in_several_ways() {
    let world = World::new();
    let server = Server::start(BearerAuthLayer::new(world.verifier()).dpop(world.dpop())).await;
    let token = world.bound().build();
    let now = world.clock.now();
    let rows: Vec<(&str, Change)> = vec![
        ("as it is", change(|p| p)),
        (
            "htu with query and fragment",
            change(|p| p.htu("https://api.example.com/notes?a=b#c")),
        ),
        (
            "htu in upper case",
            change(|p| p.htu("HTTPS://API.Example.com/notes")),
        ),
        (
            "htu with the default port",
            change(|p| p.htu("https://api.example.com:443/notes")),
        ),
        (
            "htu with encoded letters",
            change(|p| p.htu("https://api.example.com/%6Eotes")),
        ),
        (
            "htu with dot segments",
            change(|p| p.htu("https://api.example.com/x/../notes")),
        ),
        (
            "iat a minute ago",
            change(move |p| p.issued_at(now - Duration::from_secs(59))),
        ),
        (
            "iat in a minute",
            change(move |p| p.issued_at(now + Duration::from_secs(59))),
        ),
        (
            "iat with a fraction",
            change(|p| p.claim("iat", 1_800_000_000.5)),
        ),
        (
            "exp and nbf",
            change(|p| {
                p.claim("exp", 1_800_000_010_u64)
                    .claim("nbf", 1_800_000_000_u64)
            }),
        ),
        (
            "more members",
            change(|p| {
                p.header("kid", "k")
                    .claim("sub", "x")
                    .claim("aud", json!(["x"]))
            }),
        ),
        ("a nonce without need", change(|p| p.nonce("abc"))),
    ];
    for (name, change) in rows {
        let proof = change(world.proof(&token)).build();
        let answer = server.get_with(&token, &proof).await;
        assert_eq!(answer.status, 200, "{name}: {answer:?}");
    }
}

#[tokio::test]
async fn each_algorithm_proves_and_only_those_that_the_layer_accepts() {
    let world = World::new();
    let server = Server::start(BearerAuthLayer::new(world.verifier()).dpop(world.dpop())).await;
    let one = world.dpop().algorithms([Algorithm::ES384]);
    let strict = Server::start(BearerAuthLayer::new(world.verifier()).dpop(one)).await;
    let all = Algorithm::ALL.iter().copied();
    for algorithm in all.filter(|algorithm| !algorithm.as_str().starts_with("HS")) {
        let key = DpopKey::generate(algorithm);
        let token = world.plain().bound_to(&key).build();
        // The second proof of a client finds its key in memory.
        for _ in 0..2 {
            let proof = key.proof("GET", URL, &token).clock(&world.clock).build();
            let answer = server.get_with(&token, &proof).await;
            assert_eq!(answer.status, 200, "{algorithm}: {answer:?}");
            let answer = strict.get_with(&token, &proof).await;
            assert_eq!(
                answer.status == 200,
                algorithm == Algorithm::ES384,
                "{algorithm}"
            );
            if algorithm != Algorithm::ES384 {
                let challenge = format!(
                    r#"DPoP error="invalid_dpop_proof", algs="ES384", error_description="{MALFORMED}""#
                );
                assert_eq!(challenges(&answer), [challenge]);
            }
            let proof = key.proof("GET", URL, &token).clock(&world.clock);
            let answer = server
                .get_with(&token, &proof.broken_signature().build())
                .await;
            assert_dpop_error(&answer, "invalid_dpop_proof", SIGNATURE);
        }
    }
}

#[tokio::test]
async fn a_key_in_memory_is_no_key_for_another_token() {
    let world = World::new();
    let server = Server::start(BearerAuthLayer::new(world.verifier()).dpop(world.dpop())).await;
    let token = world.bound().build();
    let proof = world.proof(&token).build();
    server.get_with(&token, &proof).await.assert_passed();
    let stolen = world.plain().bound_to(&DpopKey::new()).build();
    let answer = server
        .get_with(&stolen, &world.proof(&stolen).build())
        .await;
    assert_dpop_error(
        &answer,
        "invalid_token",
        "The access token is bound to another key",
    );
}

#[tokio::test]
async fn the_window_is_configurable_up_to_that_of_the_mcp_profile() {
    let world = World::new();
    let dpop = world.dpop().window(Duration::from_secs(300));
    let server = Server::start(BearerAuthLayer::new(world.verifier()).dpop(dpop)).await;
    let token = world.bound().build();
    let now = world.clock.now();
    for (age, status) in [(299, 200), (301, 401)] {
        let age = Duration::from_secs(age);
        for at in [now - age, now + age] {
            let proof = world.proof(&token).issued_at(at).build();
            assert_eq!(server.get_with(&token, &proof).await.status, status);
        }
    }
    for window in [Duration::ZERO, Duration::from_secs(301)] {
        let made =
            std::panic::catch_unwind(|| tower_bearer_auth::possession::Dpop::new().window(window));
        assert!(made.is_err());
    }
}

#[tokio::test]
async fn a_prefix_that_a_proxy_removed_is_part_of_the_url() {
    let world = World::new();
    let dpop = world.dpop().path_prefix("/tools");
    let server = Server::start(BearerAuthLayer::new(world.verifier()).dpop(dpop)).await;
    let token = world.bound().build();
    let answer = server.get_with(&token, &world.proof(&token).build()).await;
    assert_dpop_error(&answer, "invalid_dpop_proof", OTHER_REQUEST);
    let proof = world
        .proof(&token)
        .htu("https://api.example.com/tools/notes")
        .build();
    server.get_with(&token, &proof).await.assert_passed();
}
