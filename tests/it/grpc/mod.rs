//! The example `grpc_server`, called by a real gRPC client over HTTP/2.

mod calls;
mod refusals;
mod streams;

#[path = "../../../examples/grpc_server/generated/mod.rs"]
pub(crate) mod generated;
#[path = "../../../examples/grpc_server/notes.rs"]
mod notes;
#[path = "../../../examples/grpc_server/server.rs"]
mod server;

use std::net::SocketAddr;

use futures_util::Stream;
use http::uri::PathAndQuery;
use prost::Message;
use tokio::net::TcpListener;
use tonic::client::Grpc;
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Response, Status, Streaming};
use tonic_prost::ProstCodec;
use tower_bearer_auth::Verifier;
use tower_bearer_auth::revocation::Revocations;

use self::generated::notes::Note;

const LIST: &str = "/notes.v1.Notes/List";
const WATCH: &str = "/notes.v1.Notes/Watch";
const ADD: &str = "/notes.v1.Notes/Add";
const CLEAR: &str = "/admin.v1.Admin/Clear";

/// Serves the example with this verifier.
async fn serve<V: Verifier>(verifier: V, revocations: &Revocations) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let revocations = revocations.clone();
    tokio::spawn(async move { server::serve(listener, verifier, &revocations).await });
    address
}

/// A client with one connection.
#[derive(Clone)]
struct Client {
    channel: Channel,
}

impl Client {
    async fn connect(address: SocketAddr) -> Self {
        let endpoint = Endpoint::from_shared(format!("http://{address}")).unwrap();
        let channel = endpoint.connect().await.unwrap();
        Self { channel }
    }

    async fn ready(&self) -> Grpc<Channel> {
        let mut client = Grpc::new(self.channel.clone());
        client.ready().await.unwrap();
        client
    }

    async fn unary<M, R>(
        &self,
        path: &'static str,
        request: Request<M>,
    ) -> Result<Response<R>, Status>
    where
        M: Message + 'static,
        R: Message + Default + 'static,
    {
        let path = PathAndQuery::from_static(path);
        let codec = ProstCodec::<M, R>::default();
        self.ready().await.unary(request, path, codec).await
    }

    async fn watch(&self, request: Request<Watch>) -> Result<Response<Streaming<Note>>, Status> {
        let path = PathAndQuery::from_static(WATCH);
        let codec = ProstCodec::default();
        let mut client = self.ready().await;
        client.server_streaming(request, path, codec).await
    }

    async fn add<S>(&self, notes: Request<S>) -> Result<u64, Status>
    where
        S: Stream<Item = Note> + Send + 'static,
    {
        let path = PathAndQuery::from_static(ADD);
        let codec = ProstCodec::<Note, generated::notes::AddReply>::default();
        let mut client = self.ready().await;
        let reply = client.client_streaming(notes, path, codec).await?;
        Ok(reply.into_inner().added)
    }

    async fn add_one(&self, text: &str, token: &str) {
        let notes = futures_util::stream::iter([note(text)]);
        let added = self.add(with_token(notes, token)).await.unwrap();
        assert_eq!(added, 1);
    }
}

use self::generated::notes::WatchRequest as Watch;

fn note(text: &str) -> Note {
    let text = text.to_owned();
    Note { text }
}

/// A request with the credentials `Bearer token`.
fn with_token<T>(message: T, token: &str) -> Request<T> {
    with_metadata(message, &[("authorization", &format!("Bearer {token}"))])
}

fn with_metadata<T>(message: T, metadata: &[(&'static str, &str)]) -> Request<T> {
    let mut request = Request::new(message);
    for (name, value) in metadata {
        request.metadata_mut().append(*name, value.parse().unwrap());
    }
    request
}

/// The values of one name in the metadata of a status.
fn metadata<'s>(status: &'s Status, name: &str) -> Vec<&'s str> {
    let values = status.metadata().get_all(name).iter();
    values.map(|value| value.to_str().unwrap()).collect()
}
