//! Each proof is accepted once.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex};
use std::time::{Duration, UNIX_EPOCH};

use futures_util::future::join_all;
use tower::BoxError;
use tower_bearer_auth::possession::{Dpop, MemoryReplayStore, ProofId, ReplayStore};
use tower_bearer_auth::testing::DpopKey;
use tower_bearer_auth::{AccessToken, BearerAuthLayer, Clock, verify_fn};
use tower_layer::Layer;

use super::{AUDIENCE, PATH, Server, URL, World, assert_dpop_error};
use crate::support::{Inner, get, serve};

const REPLAYED: &str = "The DPoP proof was used before";

#[tokio::test(flavor = "multi_thread")]
async fn of_many_requests_with_one_proof_one_passes() {
    let world = World::new();
    let server = Server::start(BearerAuthLayer::new(world.verifier()).dpop(world.dpop())).await;
    let token = world.bound().build();
    let proof = world.proof(&token).build();
    let answers = join_all((0..20).map(|_| server.get_with(&token, &proof))).await;
    let (passed, refused): (Vec<_>, Vec<_>) =
        answers.iter().partition(|answer| answer.status == 200);
    assert_eq!(passed.len(), 1);
    for answer in refused {
        assert_dpop_error(answer, "invalid_dpop_proof", REPLAYED);
    }
    assert_eq!(server.inner.calls(), 1);
    // Another proof of the same client is good.
    let proof = world.proof(&token).build();
    server.get_with(&token, &proof).await.assert_passed();
}

#[tokio::test]
async fn a_refused_request_does_not_use_up_its_proof() {
    let world = World::new();
    let server = Server::start(BearerAuthLayer::new(world.verifier()).dpop(world.dpop())).await;
    let token = world.bound().build();
    let proof = world.proof(&token).build();
    // Each of these requests has the proof, and is refused for another reason.
    let path = "/other";
    let dpop = format!("DPoP {token}");
    let twice = [
        ("authorization", &*dpop),
        ("dpop", &*proof),
        ("dpop", &*proof),
    ];
    assert_eq!(server.get(&twice).await.status, 401);
    let once = [("authorization", &*dpop), ("dpop", &*proof)];
    assert_eq!(get(server.address, path, &once).await.status, 401);
    let other_token = world.bound().subject("bob").build();
    assert_eq!(server.get_with(&other_token, &proof).await.status, 401);
    let expired = world.bound().expired().build();
    assert_eq!(server.get_with(&expired, &proof).await.status, 401);
    let (rest, signature) = proof.rsplit_once('.').unwrap();
    let flipped: String = signature.chars().rev().collect();
    let forged = format!("{rest}.{flipped}");
    assert_eq!(server.get_with(&token, &forged).await.status, 401);

    server.get_with(&token, &proof).await.assert_passed();
    let answer = server.get_with(&token, &proof).await;
    assert_dpop_error(&answer, "invalid_dpop_proof", REPLAYED);
}

#[tokio::test]
async fn the_jti_of_one_client_is_not_that_of_another() {
    let world = World::new();
    let server = Server::start(BearerAuthLayer::new(world.verifier()).dpop(world.dpop())).await;
    let token = world.bound().build();
    let other = DpopKey::new();
    let token_of_other = world.plain().bound_to(&other).build();
    let proof = world.proof(&token).jti("1").build();
    server.get_with(&token, &proof).await.assert_passed();
    let proof_of_other = other.proof("GET", URL, &token_of_other).clock(&world.clock);
    let proof_of_other = proof_of_other.jti("1").build();
    server
        .get_with(&token_of_other, &proof_of_other)
        .await
        .assert_passed();
    // The same jti for another URL is another proof (RFC 9449 §11.1).
    let headers = [
        ("authorization", &*format!("DPoP {token}")),
        (
            "dpop",
            &*world
                .proof(&token)
                .jti("1")
                .htu("https://api.example.com/b")
                .build(),
        ),
    ];
    get(server.address, "/b", &headers).await.assert_passed();
    // A proof with the same jti and another time is a replay.
    world.clock.advance(Duration::from_secs(5));
    let again = world.proof(&token).jti("1").build();
    let answer = server.get_with(&token, &again).await;
    assert_dpop_error(&answer, "invalid_dpop_proof", REPLAYED);
}

#[tokio::test]
async fn clones_and_routes_share_one_memory() {
    let world = World::new();
    let dpop = world.dpop();
    let layer = BearerAuthLayer::new(world.verifier()).dpop(dpop.clone());
    let one = Server::start(layer.clone()).await;
    let clone = Server::start(layer).await;
    // A layer of its own, with the same settings.
    let other = Server::start(BearerAuthLayer::new(world.verifier()).dpop(dpop)).await;
    let token = world.bound().build();
    let proof = world.proof(&token).build();
    one.get_with(&token, &proof).await.assert_passed();
    for server in [&one, &clone, &other] {
        let answer = server.get_with(&token, &proof).await;
        assert_dpop_error(&answer, "invalid_dpop_proof", REPLAYED);
    }
}

#[tokio::test]
async fn a_client_at_its_bound_gets_503_and_other_clients_do_not() {
    let world = World::new();
    let store = MemoryReplayStore::new(100)
        .max_per_client(2)
        .clock(world.clock.clone());
    let dpop = world.dpop().replay_store(store);
    let server = Server::start(BearerAuthLayer::new(world.verifier()).dpop(dpop)).await;
    let token = world.bound().build();
    for _ in 0..2 {
        let proof = world.proof(&token).build();
        server.get_with(&token, &proof).await.assert_passed();
    }
    let proof = world.proof(&token).build();
    let answer = server.get_with(&token, &proof).await;
    answer.assert_outage();
    // Another key of the same user does not get around the bound.
    let key = DpopKey::new();
    let of_same_user = world.plain().bound_to(&key).build();
    let other_proof = key
        .proof("GET", URL, &of_same_user)
        .clock(&world.clock)
        .build();
    server
        .get_with(&of_same_user, &other_proof)
        .await
        .assert_outage();
    // Other users are not affected.
    let of_bob = world.bound().subject("bob").build();
    let proof_of_bob = world.proof(&of_bob).build();
    server
        .get_with(&of_bob, &proof_of_bob)
        .await
        .assert_passed();
    // The store forgets the proofs after the window.
    world.clock.advance(Duration::from_secs(121));
    let token = world.bound().build();
    let proof = world.proof(&token).build();
    server.get_with(&token, &proof).await.assert_passed();
}

/// A store that other processes could share. It fails while it is unavailable.
#[derive(Clone, Default)]
struct SharedStore {
    used: Arc<Mutex<HashSet<[u8; 32]>>>,
    is_away: Arc<Mutex<bool>>,
}

impl ReplayStore for SharedStore {
    async fn first_use(&self, proof: &ProofId, keep: Duration) -> Result<bool, BoxError> {
        assert!(keep <= Duration::from_secs(120));
        tokio::task::yield_now().await;
        match *self.is_away.lock().unwrap() {
            true => Err("the store is away".into()),
            false => Ok(self.used.lock().unwrap().insert(*proof.id())),
        }
    }
}

#[tokio::test]
async fn a_store_that_fails_is_an_outage_for_bound_tokens_alone() {
    let world = World::new();
    let store = SharedStore::default();
    let replica = || {
        let dpop = world.dpop().replay_store(store.clone());
        Server::start(BearerAuthLayer::new(world.verifier()).dpop(dpop))
    };
    let (one, other) = (replica().await, replica().await);
    let token = world.bound().build();
    let proof = world.proof(&token).build();
    *store.is_away.lock().unwrap() = true;
    one.get_with(&token, &proof).await.assert_outage();
    let bearer = format!("Bearer {}", world.plain().build());
    one.get(&[("authorization", &bearer)]).await.assert_passed();
    *store.is_away.lock().unwrap() = false;
    one.get_with(&token, &proof).await.assert_passed();
    let answer = other.get_with(&token, &proof).await;
    assert_dpop_error(&answer, "invalid_dpop_proof", REPLAYED);
}

#[tokio::test]
async fn a_token_that_expires_while_the_store_is_called_is_refused() {
    /// A store in which time passes.
    struct SlowStore(Clock);

    impl ReplayStore for SlowStore {
        async fn first_use(&self, _: &ProofId, _: Duration) -> Result<bool, BoxError> {
            self.0.advance(Duration::from_secs(60));
            Ok(true)
        }
    }

    let world = World::new();
    let clock = world.clock.clone();
    let jkt = world.client.thumbprint();
    let of_clock = clock.clone();
    let verifier = verify_fn(move |token| {
        let token = AccessToken::builder(token)
            .subject("alice")
            .claim("cnf", serde_json::json!({"jkt": jkt}))
            .clock(of_clock.clone())
            .expires_at(of_clock.now() + Duration::from_secs(60))
            .build();
        async move { Ok::<_, tower_bearer_auth::VerifyError>(token) }
    });
    let dpop = world.dpop().replay_store(SlowStore(clock));
    let inner = Inner::default();
    let layer = BearerAuthLayer::new(verifier).dpop(dpop);
    let address = serve(layer.layer(inner.clone())).await;
    let proof = world
        .client
        .proof("GET", &format!("{AUDIENCE}{PATH}"), "opaque");
    let proof = proof.clock(&world.clock).build();
    let headers = [("authorization", "DPoP opaque"), ("dpop", &*proof)];
    let answer = get(address, PATH, &headers).await;
    assert_dpop_error(&answer, "invalid_token", "The access token expired");
    assert_eq!(inner.calls(), 0);
}

#[tokio::test]
async fn replicas_whose_clocks_differ_do_not_accept_a_proof_twice() {
    /// A store that forgets a proof as soon as it may, and rounds times down, as a database does.
    #[derive(Clone)]
    struct Table(Clock, Arc<Mutex<HashMap<[u8; 32], u64>>>);

    impl ReplayStore for Table {
        async fn first_use(&self, proof: &ProofId, keep: Duration) -> Result<bool, BoxError> {
            let now = self.0.now().duration_since(UNIX_EPOCH)?.as_secs();
            let mut ends = self.1.lock().unwrap();
            ends.retain(|_, end| *end > now);
            let is_first = !ends.contains_key(proof.id());
            ends.entry(*proof.id()).or_insert(now + keep.as_secs());
            Ok(is_first)
        }
    }

    let world = World::new();
    let store = Table(world.clock.clone(), Arc::default());
    let behind = Clock::manual(world.clock.now() - Duration::from_secs(5));
    let replica = |clock: &Clock| {
        let dpop = Dpop::new().origin(AUDIENCE).clock(clock.clone());
        let dpop = dpop.replay_store(store.clone());
        Server::start(BearerAuthLayer::new(world.verifier()).dpop(dpop))
    };
    let (one, other) = (replica(&world.clock).await, replica(&behind).await);
    let token = world.bound().build();
    let proof = world.proof(&token).build();
    one.get_with(&token, &proof).await.assert_passed();
    for seconds in [30, 29, 1, 1, 2, 1, 1, 1] {
        for clock in [&world.clock, &behind] {
            clock.advance(Duration::from_secs(seconds));
        }
        let answer = other.get_with(&token, &proof).await;
        assert_eq!(answer.status, 401, "{answer:?}");
    }
    assert_eq!(other.inner.calls(), 0);
}
