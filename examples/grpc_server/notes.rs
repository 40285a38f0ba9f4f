//! The services. The layer in front has verified the token of every request.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::{Stream, StreamExt, stream};
use tokio::sync::broadcast;
use tokio_stream::wrappers::BroadcastStream;
use tonic::{Request, Response, Status, Streaming};
use tower_bearer_auth::{AccessToken, ScopeError};

use super::generated::admin::admin_server::Admin;
use super::generated::admin::{ClearReply, ClearRequest};
use super::generated::notes::notes_server::Notes;
use super::generated::notes::{AddReply, ListReply, ListRequest, Note, WatchRequest};

/// The notes of all callers. Clones share them.
#[derive(Clone)]
pub(crate) struct NoteStore {
    notes: Arc<Mutex<Vec<OwnedNote>>>,
    added: broadcast::Sender<OwnedNote>,
}

#[derive(Clone)]
struct OwnedNote {
    owner: Box<str>,
    note: Note,
}

impl Default for NoteStore {
    fn default() -> Self {
        Self {
            notes: Arc::default(),
            added: broadcast::Sender::new(64),
        }
    }
}

impl NoteStore {
    fn lock(&self) -> MutexGuard<'_, Vec<OwnedNote>> {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, owner: &str, note: Note) {
        let owner = owner.into();
        let note = OwnedNote { owner, note };
        let mut notes = self.lock();
        notes.push(note.clone());
        // An error means that no caller watches.
        let _ = self.added.send(note);
    }
}

/// The token of a request, from its extensions.
fn token<T>(request: &Request<T>) -> Result<&AccessToken, Status> {
    let token = request.extensions().get();
    token.ok_or_else(|| Status::internal("There is no layer in front"))
}

fn caller<T>(request: &Request<T>) -> Result<Box<str>, Status> {
    let token = token(request)?;
    let caller = token.subject().or(token.client_id());
    let caller = caller.ok_or_else(|| Status::permission_denied("The token names no caller"))?;
    Ok(caller.into())
}

/// The gRPC status of the refusal, with the challenge in its metadata.
fn status(error: &ScopeError) -> Status {
    let refused = Status::from_header_map(error.to_response().headers());
    refused.unwrap_or_else(|| Status::permission_denied(error.to_string()))
}

fn of_owner(notes: &[OwnedNote], owner: &str) -> Vec<Note> {
    let own = notes.iter().filter(|note| *note.owner == *owner);
    own.map(|note| note.note.clone()).collect()
}

#[tonic::async_trait]
impl Notes for NoteStore {
    type WatchStream = Pin<Box<dyn Stream<Item = Result<Note, Status>> + Send>>;

    async fn list(&self, request: Request<ListRequest>) -> Result<Response<ListReply>, Status> {
        let caller = caller(&request)?;
        let notes = of_owner(&self.lock(), &caller);
        Ok(Response::new(ListReply { notes }))
    }

    async fn watch(
        &self,
        request: Request<WatchRequest>,
    ) -> Result<Response<Self::WatchStream>, Status> {
        let caller = caller(&request)?;
        let (known, added) = {
            let notes = self.lock();
            (of_owner(&notes, &caller), self.added.subscribe())
        };
        let added = BroadcastStream::new(added).filter_map(move |note| {
            let note = match note {
                Ok(note) if note.owner == caller => Some(Ok(note.note)),
                Ok(_) => None,
                Err(_) => Some(Err(Status::data_loss("The client is too slow"))),
            };
            std::future::ready(note)
        });
        let notes = stream::iter(known.into_iter().map(Ok)).chain(added);
        Ok(Response::new(Box::pin(notes)))
    }

    async fn add(&self, request: Request<Streaming<Note>>) -> Result<Response<AddReply>, Status> {
        token(&request)?
            .require_scopes(["notes:write"])
            .map_err(|error| status(&error))?;
        let caller = caller(&request)?;
        let mut notes = request.into_inner();
        let mut added = 0;
        while let Some(note) = notes.message().await? {
            self.add(&caller, note);
            added += 1;
        }
        Ok(Response::new(AddReply { added }))
    }
}

#[tonic::async_trait]
impl Admin for NoteStore {
    async fn clear(&self, _: Request<ClearRequest>) -> Result<Response<ClearReply>, Status> {
        let removed = std::mem::take(&mut *self.lock()).len();
        let removed = u64::try_from(removed).unwrap_or(u64::MAX);
        Ok(Response::new(ClearReply { removed }))
    }
}
