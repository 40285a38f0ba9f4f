//! A key source whose answers, and their times, the schedule sets.

use std::panic::resume_unwind;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use tokio::sync::oneshot;
use tower::BoxError;

use super::keys::document;
use super::schedule::Answer;
use crate::verify::jwks::{Fetched, KeyDocument, KeySource, Validators};

#[derive(Clone, Default)]
pub(super) struct Source {
    state: Arc<Mutex<SourceState>>,
}

/// The fetches that reached the source.
#[derive(Default)]
pub(super) struct SourceState {
    pub(super) fetches: Vec<ReceivedFetch>,
    pub(super) answer_next: Option<Answer>,
}

pub(super) struct ReceivedFetch {
    pub(super) etag: Option<u64>,
    answer: Option<oneshot::Sender<Answer>>,
    /// The source's answer.
    pub(super) answered: Option<Answer>,
    /// Whether the future of the fetch was dropped: it completed, timed out or was cancelled.
    pub(super) ended: bool,
}

impl Source {
    pub(super) fn state(&self) -> MutexGuard<'_, SourceState> {
        self.state.lock().unwrap()
    }

    /// Answers one of the pending fetches, and returns its index.
    pub(super) fn answer(&self, nth: usize, answer: Answer) -> Option<usize> {
        let mut state = self.state();
        let waiting = |received: &ReceivedFetch| received.answer.is_some() && !received.ended;
        let waiting: Vec<usize> = (0..state.fetches.len())
            .filter(|&fetch| waiting(&state.fetches[fetch]))
            .collect();
        let fetch = *waiting.get(nth % waiting.len().max(1))?;
        let received = &mut state.fetches[fetch];
        received.answered = Some(answer);
        let sender = received.answer.take()?;
        sender.send(answer).ok().map(|()| fetch)
    }
}

impl KeySource for Source {
    async fn fetch(&self, known: Option<&Validators>) -> Result<Fetched, BoxError> {
        let etag = known.map(|known| known.etag().to_str().unwrap().parse().unwrap());
        let (sender, answer) = oneshot::channel();
        let fetch = {
            let mut state = self.state();
            let answered = state.answer_next.take();
            state.fetches.push(ReceivedFetch {
                etag,
                answer: match answered {
                    Some(answer) => {
                        sender.send(answer).unwrap();
                        None
                    }
                    None => Some(sender),
                },
                answered,
                ended: false,
            });
            state.fetches.len() - 1
        };
        let _ended = Ended(self, fetch);
        answer.await?.fetched()
    }
}

struct Ended<'a>(&'a Source, usize);

impl Drop for Ended<'_> {
    fn drop(&mut self) {
        self.0.state().fetches[self.1].ended = true;
    }
}

pub(super) const BROKEN: &str = "the source is broken";

impl Answer {
    fn fetched(self) -> Result<Fetched, BoxError> {
        match self {
            Self::Document {
                document: number,
                freshness,
                etag,
            } => {
                let etag = etag.map(|etag| Validators::from_etag(etag.into()));
                let document = document(number)
                    .with_freshness(freshness.map(Duration::from_secs))
                    .with_validators(etag);
                Ok(Fetched::Document(document))
            }
            Self::Unchanged { freshness } => Ok(Fetched::Unchanged {
                freshness: freshness.map(Duration::from_secs),
            }),
            Self::Error => Err(BROKEN.into()),
            Self::Garbage => Ok(Fetched::Document(KeyDocument::from_json(b"<html>")?)),
            Self::NoKeys => Ok(Fetched::Document(KeyDocument::from_json(
                br#"{"keys":[]}"#,
            )?)),
            // Unwinds like a panic, but does not call the panic hook, which would print a message.
            Self::Panic => resume_unwind(Box::new("the source panics")),
        }
    }
}
