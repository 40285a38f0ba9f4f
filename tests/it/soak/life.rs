//! The life of the issuer, hour by hour, and its effect on each class of tokens.

use std::time::Duration;

use http::StatusCode;
use tower_bearer_auth::testing::Fault;

use super::answers::{Answers, LATER, NO, OK};
use super::gateway::Gateway;
use super::tokens::{Class, Deck};

/// A period in which the clock stands still and all clients send requests.
pub(super) struct Hour {
    pub(super) name: &'static str,
    /// The time that passes before it.
    pub(super) seconds: u64,
    /// The event at its beginning.
    pub(super) change: fn(&mut Life<'_>),
    /// The event while the requests are in flight.
    pub(super) meanwhile: Option<fn(&mut Life<'_>)>,
    /// Whether the key source works, and whether its status reports that at the end of the hour.
    pub(super) healthy: bool,
    /// The permitted statuses, by class in the order of [`Class`]: `+` 200, `-` 401, `?` 503, `*` 200 or 401,
    /// `^` 200 or 503, `~` 401 or 503, `#` any of these.
    expected: &'static str,
}

/// Who lives it.
pub(super) struct Life<'a> {
    pub(super) number: usize,
    pub(super) gateway: &'a Gateway,
    pub(super) deck: &'a mut Deck,
}

const MINUTE: u64 = 60;
const HOUR: u64 = 3600;

/// After this time one more fetch for unknown keys is possible in every case.
const REFILL: u64 = 15;

/// After this time a failing source is fetched again, however long it has been failing.
const BACKOFF: u64 = 61;

// An expectation is as exact as the documentation of `Jwks`. If a fetch is possible when the hour begins, the first
// token with an unknown key causes it and the others wait for it, so all of them see its result. Only tokens whose
// key was present before may still use that key. If no fetch is possible, a token that may be newer than the last
// fetch gets 503. Tokens of the next key are made in the hour in which they are first sent. After an outage of the
// introspection endpoint, one token is sent there as a probe, and the others get 503 until it is answered.
#[rustfmt::skip]
pub(super) static LIFE: [Hour; 18] = [
    // The columns: newest, next, older, gone, brief; made up, undated, forged; opaque, introspected.
    Hour { name: "no keys, or none that may be used after a day", seconds: 25 * HOUR, healthy: false,
        change: |l| {
            l.deck.bury();
            l.deck.renew(l.gateway);
            l.keys_fail(Fault::Status(StatusCode::SERVICE_UNAVAILABLE));
        },
        meanwhile: None, expected: "????- ??? +-" },
    Hour { name: "no metadata either", seconds: BACKOFF, healthy: false,
        change: |l| { l.metadata_fails(Fault::Reset); l.keys_fail(Fault::Body("nonsense".into())) },
        meanwhile: None, expected: "????- ??? +-" },
    Hour { name: "the issuer is up", seconds: BACKOFF, healthy: true,
        change: |l| l.heal(),
        meanwhile: None, expected: "+~+-- -~- +-" },
    Hour { name: "a rotation", seconds: REFILL, healthy: true,
        change: |l| { l.publish(); l.deck.adopt() },
        meanwhile: None, expected: "+~+-- -~- +-" },
    Hour { name: "a rotation in the midst of it, perhaps without a fetch left", seconds: 0, healthy: true,
        change: |_| {},
        meanwhile: Some(|l| l.publish()), expected: "+#+-- -~- +-" },
    Hour { name: "it is found", seconds: REFILL, healthy: true,
        change: |l| { l.deck.adopt(); l.make_brief() },
        meanwhile: None, expected: "+~+-+ -~- +-" },
    Hour { name: "the older keys are withdrawn", seconds: REFILL, healthy: true,
        change: |l| l.gateway.staff.issuer.retire_old_keys(),
        meanwhile: None, expected: "+~#-+ -~- +-" },
    Hour { name: "and gone", seconds: 1, healthy: true,
        change: |l| l.deck.bury(),
        meanwhile: None, expected: "+~+~+ -~- +-" },
    Hour { name: "hours without traffic, and all keys replaced", seconds: 3 * HOUR, healthy: true,
        change: |l| { l.publish(); l.gateway.staff.issuer.retire_old_keys(); l.deck.adopt(); l.deck.bury() },
        meanwhile: None, expected: "+~+-- -~- +-" },
    Hour { name: "an outage", seconds: REFILL, healthy: false,
        change: |l| {
            let empty = Fault::Body(r#"{"keys":[]}"#.into());
            let fault = l.one_of([Fault::Truncated, empty, Fault::Reset]);
            l.keys_fail(fault);
        },
        meanwhile: None, expected: "+?+?- ??- +-" },
    Hour { name: "nothing answers, in one way or another", seconds: BACKOFF, healthy: false,
        change: |l| {
            let fault = l.one_of([Fault::Hang, Fault::Reset, Fault::Drip]);
            l.everything_fails(fault);
        },
        meanwhile: None, expected: "+?+?- ??- ??" },
    Hour { name: "all keys are replaced, unseen", seconds: 20 * MINUTE, healthy: false,
        change: |l| {
            l.heal();
            l.publish();
            l.gateway.staff.issuer.retire_old_keys();
            l.keys_fail(Fault::Oversized(1 << 20));
        },
        meanwhile: None, expected: "+?+?- ??- ^~" },
    Hour { name: "the outage goes on for hours", seconds: 5 * HOUR, healthy: false,
        change: |l| {
            let elsewhere = Fault::Redirect(l.gateway.partners.issuer.jwks_url());
            let fault = l.one_of([elsewhere, Fault::Status(StatusCode::NOT_FOUND)]);
            l.keys_fail(fault);
        },
        meanwhile: None, expected: "+?+?- ??- +-" },
    Hour { name: "the issuer is up again", seconds: BACKOFF, healthy: true,
        change: |l| l.heal(),
        meanwhile: None, expected: "*+*-- -~- +-" },
    Hour { name: "with other keys", seconds: 1, healthy: true,
        change: |l| { l.deck.adopt(); l.deck.bury() },
        meanwhile: None, expected: "+~+-- -~- +-" },
    Hour { name: "stale keys, and a slow issuer with another one", seconds: 16 * MINUTE, healthy: true,
        change: |l| { l.publish(); l.deck.adopt(); l.keys_fail(Fault::Delay(Duration::from_millis(200))) },
        meanwhile: None, expected: "+~+-- -~- +-" },
    Hour { name: "introspection fails", seconds: 1, healthy: true,
        change: |l| {
            l.heal();
            let refused = Fault::Status(StatusCode::UNAUTHORIZED);
            let fault = l.one_of([Fault::Truncated, refused, Fault::Reset]);
            l.introspection_fails(fault);
        },
        meanwhile: None, expected: "+~+-- -~- ??" },
    Hour { name: "all is well, and the older keys are withdrawn meanwhile", seconds: 13 * MINUTE, healthy: true,
        change: |l| l.heal(),
        meanwhile: Some(|l| l.gateway.staff.issuer.retire_old_keys()), expected: "+~*-- -~- ^~" },
];

impl Hour {
    pub(super) fn expected(&self, class: Class) -> Answers {
        let mut columns = self.expected.chars().filter(|&column| column != ' ');
        match columns.nth(class as usize) {
            Some('+') => OK,
            Some('-') => NO,
            Some('?') => LATER,
            Some('*') => OK.or(NO),
            Some('^') => OK.or(LATER),
            Some('~') => NO.or(LATER),
            Some('#') => OK.or(NO).or(LATER),
            other => panic!("{:?} says {other:?} of {class:?}", self.name),
        }
    }
}

impl Life<'_> {
    /// Each life has another one.
    fn one_of<const N: usize>(&self, faults: [Fault; N]) -> Fault {
        faults[self.number % N].clone()
    }

    /// Publishes the next key besides those that are.
    fn publish(&mut self) {
        let issuer = &self.gateway.staff.issuer;
        issuer.add_key(self.deck.next_key.clone());
    }

    fn make_brief(&mut self) {
        let key = self.gateway.staff.issuer.key();
        self.deck.make_brief(&key);
    }

    fn keys_fail(&mut self, fault: Fault) {
        self.gateway.staff.issuer.jwks_fault(Some(fault));
    }

    fn metadata_fails(&mut self, fault: Fault) {
        self.gateway.staff.issuer.metadata_fault(Some(fault));
    }

    fn introspection_fails(&mut self, fault: Fault) {
        self.gateway.staff.issuer.introspection_fault(Some(fault));
    }

    fn everything_fails(&mut self, fault: Fault) {
        self.metadata_fails(fault.clone());
        self.introspection_fails(fault.clone());
        self.keys_fail(fault);
    }

    fn heal(&mut self) {
        let issuer = &self.gateway.staff.issuer;
        issuer.jwks_fault(None);
        issuer.metadata_fault(None);
        issuer.introspection_fault(None);
    }
}
