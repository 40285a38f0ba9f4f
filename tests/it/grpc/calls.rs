//! Calls with good tokens.

use futures_util::stream;
use tower_bearer_auth::revocation::Revocations;
use tower_bearer_auth::{StaticToken, StaticTokenVerifier};

use super::generated::admin::{ClearReply, ClearRequest};
use super::generated::notes::{ListReply, ListRequest, WatchRequest};
use super::{CLEAR, Client, LIST, note, serve, with_token};

fn tokens() -> StaticTokenVerifier {
    StaticTokenVerifier::new([
        ("alice", StaticToken::new("alice").scopes(["notes:write"])),
        ("bob", StaticToken::new("bob").scopes(["notes:write"])),
        ("admin", StaticToken::new("ops").scopes(["notes:admin"])),
    ])
}

#[tokio::test]
async fn a_service_gets_the_caller_of_unary_and_streaming_calls() {
    let address = serve(tokens(), &Revocations::new()).await;
    let client = Client::connect(address).await;
    let notes = stream::iter([note("one"), note("two")]);
    assert_eq!(client.add(with_token(notes, "alice")).await.unwrap(), 2);
    client.add_one("of bob", "bob").await;

    let list = with_token(ListRequest {}, "alice");
    let reply = client.unary::<_, ListReply>(LIST, list).await.unwrap();
    assert_eq!(reply.into_inner().notes, [note("one"), note("two")]);

    let watch = client.watch(with_token(WatchRequest {}, "alice")).await;
    let mut watched = watch.unwrap().into_inner();
    client.add_one("of bob", "bob").await;
    client.add_one("three", "alice").await;
    for text in ["one", "two", "three"] {
        assert_eq!(watched.message().await.unwrap(), Some(note(text)));
    }
}

#[tokio::test]
async fn a_guarded_service_admits_its_scope() {
    let address = serve(tokens(), &Revocations::new()).await;
    let client = Client::connect(address).await;
    client.add_one("one", "alice").await;
    let clear = with_token(ClearRequest {}, "admin");
    let reply = client.unary::<_, ClearReply>(CLEAR, clear).await.unwrap();
    assert_eq!(reply.into_inner().removed, 1);
}
