//! Single flight: requests with the same token share one verification.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, PoisonError};

use super::flight::{Course, Flight, WeakFlight};
use super::store::{Fingerprint, Outcome};
use super::sync::Mutex;

/// The verifications that are in progress.
#[derive(Default)]
pub(super) struct Flights {
    by_token: Mutex<HashMap<Fingerprint, Listed>>,
}

struct Listed {
    flight: WeakFlight,
    /// Identifies the flight, since an earlier one for this token may still be ending.
    end: Arc<()>,
}

/// How a request gets the outcome for its token.
pub(super) enum Joined {
    /// From a verification that another request started.
    Theirs(Flight),
    /// From a verification that this request started.
    Own(Flight),
    /// From the cache.
    Known(Outcome),
}

impl Flights {
    /// Joins the verification of a token that is in progress. If there is none, returns the outcome that `known`
    /// has, or else starts a verification.
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
        // A verification that ended since the first lookup has stored its outcome.
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

/// Removes a flight from the list when it has ended or when its last waiter was dropped.
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
