//! Streams that end with their token.

use std::time::Duration;

use tonic::{Code, Streaming};
use tower_bearer_auth::revocation::Revocations;
use tower_bearer_auth::testing::{SigningKey, TokenBuilder};
use tower_bearer_auth::{Algorithm, Clock, JwtVerifier};

use super::generated::notes::{ListReply, ListRequest, Note, WatchRequest};
use super::{Client, LIST, note, serve, with_token};

const ISSUER: &str = "https://issuer.example.com";

/// The example, its issuer, and the clock of its verifier.
struct Scene {
    key: SigningKey,
    clock: Clock,
    revocations: Revocations,
    client: Client,
}

impl Scene {
    async fn new() -> Self {
        let key = SigningKey::generate(Algorithm::ES256);
        let clock = Clock::manual(std::time::UNIX_EPOCH + Duration::from_secs(1_800_000_000));
        let revocations = Revocations::builder().clock(clock.clone()).in_memory();
        let verifier = JwtVerifier::builder()
            .key(key.verifying_key())
            .issuer(ISSUER)
            .audience("notes")
            .leeway(Duration::ZERO)
            .clock(clock.clone())
            .build()
            .unwrap();
        let address = serve(verifier, &revocations).await;
        Self {
            key,
            clock,
            revocations,
            client: Client::connect(address).await,
        }
    }

    /// A token that is valid for ten minutes.
    fn token(&self, id: &str) -> String {
        TokenBuilder::new(&self.key)
            .clock(self.clock.clone())
            .issuer(ISSUER)
            .audience("notes")
            .subject("alice")
            .jwt_id(id)
            .scopes(["notes:write"])
            .expires_in(Duration::from_secs(600))
            .build()
    }

    async fn watch(&self, token: &str) -> Streaming<Note> {
        let watch = self.client.watch(with_token(WatchRequest {}, token)).await;
        watch.unwrap().into_inner()
    }
}

#[tokio::test]
async fn a_stream_ends_as_unauthenticated_when_its_token_expires() {
    let scene = Scene::new().await;
    let token = scene.token("old");
    let mut watched = scene.watch(&token).await;
    scene.client.add_one("one", &token).await;
    assert_eq!(watched.message().await.unwrap(), Some(note("one")));

    scene.clock.advance(Duration::from_secs(600));
    // This note would be the next message.
    scene.client.add_one("two", &scene.token("new")).await;
    let ended = watched.message().await.unwrap_err();
    assert_eq!(ended.code(), Code::Unauthenticated);
    assert_eq!(ended.message(), "The access token expired");
    // The client gets a new token and goes on.
    let mut watched = scene.watch(&scene.token("new")).await;
    assert_eq!(watched.message().await.unwrap(), Some(note("one")));
    assert_eq!(watched.message().await.unwrap(), Some(note("two")));
}

#[tokio::test]
async fn a_stream_ends_as_unauthenticated_when_its_token_is_revoked() {
    let scene = Scene::new().await;
    let token = scene.token("stolen");
    let mut watched = scene.watch(&token).await;
    let mut other = scene.watch(&scene.token("other")).await;
    scene.client.add_one("one", &token).await;
    assert_eq!(watched.message().await.unwrap(), Some(note("one")));
    assert_eq!(other.message().await.unwrap(), Some(note("one")));

    let end = scene.clock.now() + Duration::from_secs(600);
    let revoked = scene.revocations.revoke_token(ISSUER, "stolen", end).await;
    revoked.unwrap();
    // It ends by itself, within a second.
    let ended = watched.message().await.unwrap_err();
    assert_eq!(ended.code(), Code::Unauthenticated);
    assert_eq!(ended.message(), "The access token was revoked");
    scene.client.add_one("two", &scene.token("new")).await;
    assert_eq!(other.message().await.unwrap(), Some(note("two")));
}

#[tokio::test]
async fn a_unary_answer_stays_as_it_is() {
    let scene = Scene::new().await;
    let list = with_token(ListRequest {}, &scene.token("one"));
    let reply = scene.client.unary::<_, ListReply>(LIST, list).await;
    assert!(reply.unwrap().into_inner().notes.is_empty());
}

/// The service has done what it was called for. A client that sees another status would call again.
#[tokio::test]
async fn the_result_of_a_call_that_outlives_its_token_is_sent() {
    let scene = Scene::new().await;
    let token = scene.token("old");
    let mut watched = scene.watch(&scene.token("watcher")).await;
    let (notes, mut receiver) = tokio::sync::mpsc::unbounded_channel();
    let notes_of_client = futures_util::stream::poll_fn(move |cx| receiver.poll_recv(cx));
    let client = scene.client.clone();
    let added = tokio::spawn(async move { client.add(with_token(notes_of_client, &token)).await });
    notes.send(note("one")).unwrap();
    assert_eq!(watched.message().await.unwrap(), Some(note("one")));

    scene.clock.advance(Duration::from_secs(600));
    drop(notes);
    assert_eq!(added.await.unwrap().unwrap(), 1);
}
