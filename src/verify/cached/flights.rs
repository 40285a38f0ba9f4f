//! One verification per token at a time, for all who wait for it.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, PoisonError};

use super::flight::{Course, Flight, WeakFlight};
use super::store::{Fingerprint, Outcome};
use super::sync::Mutex;

/// The verifications that are under way.
#[derive(Default)]
pub(super) struct Flights {
    by_token: Mutex<HashMap<Fingerprint, Listed>>,
}

struct Listed {
    flight: WeakFlight,
    /// Which of the flights for this token it is; an earlier one may be about to end.
    end: Arc<()>,
}

/// What a token that is not remembered gets.
pub(super) enum Joined {
    /// A verification that somebody else began.
    Theirs(Flight),
    /// One's own.
    Own(Flight),
    /// It was remembered in the meantime.
    Known(Outcome),
}

impl Flights {
    /// Joins the verification of a token that is under way, or begins it, unless `known` knows its outcome
    /// by now.
    pub(super) fn join(
        self: &Arc<Self>,
        token: Fingerprint,
        known: impl FnOnce() -> Option<Outcome>,
        verify: impl FnOnce() -> Course,
    ) -> Joined {
        let mut by_token = self.by_token.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = by_token.entry(token);
        if let Entry::Occupied(entry) = &entry
            && let Some(flight) = entry.get().flight.upgrade()
        {
            return Joined::Theirs(flight);
        }
        // One that ended since this token was looked up has left what it found.
        if let Some(outcome) = known() {
            return Joined::Known(outcome);
        }
        let verify = verify();
        let end = End {
            flights: Arc::clone(self),
            token,
            of: Arc::default(),
        };
        let of = Arc::clone(&end.of);
        let flight = Flight::new(Box::pin(async move {
            let outcome = verify.await;
            drop(end);
            outcome
        }));
        entry.insert_entry(Listed {
            flight: flight.downgrade(),
            end: of,
        });
        Joined::Own(flight)
    }
}

/// Takes a flight off the list when it has ended, or when nobody waits for it any more.
struct End {
    flights: Arc<Flights>,
    token: Fingerprint,
    of: Arc<()>,
}

impl Drop for End {
    fn drop(&mut self) {
        let flights = &self.flights.by_token;
        let mut by_token = flights.lock().unwrap_or_else(PoisonError::into_inner);
        if let Entry::Occupied(entry) = by_token.entry(self.token)
            && Arc::ptr_eq(&entry.get().end, &self.of)
        {
            entry.remove();
        }
    }
}

#[cfg(all(test, not(shuttle)))]
mod tests;
