//! The server: two services behind one layer, the second one for tokens with a scope of its own.

use tokio::net::TcpListener;
use tonic::service::LayerExt;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tower_bearer_auth::revocation::Revocations;
use tower_bearer_auth::{BearerAuthLayer, RequireScopesLayer, Verifier, reject};

use super::generated::admin::admin_server::AdminServer;
use super::generated::notes::notes_server::NotesServer;
use super::notes::NoteStore;

/// Serves until the process ends.
pub(crate) async fn serve<V>(
    listener: TcpListener,
    verifier: V,
    revocations: &Revocations,
) -> Result<(), tonic::transport::Error>
where
    V: Verifier,
{
    let store = NoteStore::default();
    let notes = NotesServer::new(store.clone());
    // `named_layer` keeps the name under which tonic routes to the service.
    let admin = RequireScopesLayer::all(["notes:admin"]).named_layer(AdminServer::new(store));
    let auth = BearerAuthLayer::new(verifier)
        .revocations(revocations)
        // Refusals are gRPC statuses, those of the guard too.
        .map_refusal(reject::grpc)
        // A stream ends with UNAUTHENTICATED when its token is no longer valid.
        .close_streams_at_expiry();
    Server::builder()
        .layer(auth)
        .add_service(notes)
        .add_service(admin)
        .serve_with_incoming(TcpIncoming::from(listener))
        .await
}
