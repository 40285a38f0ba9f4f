use proptest::prelude::*;

use super::*;

const fn s(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

const POLICY: BackoffPolicy = BackoffPolicy {
    min: s(1),
    max: s(30),
    probe_lost_after: s(6),
};

const A: TokenId = TokenId(1);
const B: TokenId = TokenId(2);
const C: TokenId = TokenId(3);

const DOWN: RequestOutcome = RequestOutcome::Down { retry_after: None };

/// An endpoint that applies requests and their outcomes to its state, at a time that the test sets.
#[derive(Default)]
struct Endpoint {
    state: EndpointState,
    now: Duration,
}

impl Endpoint {
    fn begins(&mut self, token: TokenId) -> Result<IntrospectionRequest, Wait> {
        let allowed = POLICY.check(self.state, self.now, token);
        let (state, in_flight) = POLICY.begin(self.state, self.now, token);
        assert_eq!(allowed.err(), in_flight.err());
        self.state = state;
        in_flight
    }

    fn ends(&mut self, request: IntrospectionRequest, outcome: RequestOutcome) {
        self.state = POLICY.ended(self.state, self.now, request, outcome);
    }

    /// Begins a request for a token, and ends it at once with this outcome.
    fn tries(&mut self, token: TokenId, outcome: RequestOutcome) {
        let request = self.begins(token).unwrap();
        self.ends(request, outcome);
    }
}

#[test]
fn backoff_doubles_up_to_its_limit_and_ends_with_an_answer() {
    let mut endpoint = Endpoint::default();
    for expected in [1, 2, 4, 8, 16, 30, 30, 30] {
        endpoint.tries(A, DOWN);
        for token in [A, B] {
            assert_eq!(endpoint.begins(token), Err(Wait(s(expected))));
        }
        endpoint.now += s(expected);
    }
    endpoint.tries(B, RequestOutcome::Answered);
    for token in [A, B, C] {
        endpoint.begins(token).unwrap();
    }
    endpoint.tries(A, DOWN);
    assert_eq!(endpoint.begins(A), Err(Wait(s(1))));
}

#[test]
fn retry_after_counts_within_the_bounds() {
    for (said, wait) in [(0, 1), (1, 1), (17, 17), (30, 30), (3600, 30)] {
        let mut endpoint = Endpoint::default();
        let retry_after = Some(s(said));
        endpoint.tries(A, RequestOutcome::Down { retry_after });
        assert_eq!(endpoint.begins(B), Err(Wait(s(wait))), "{said}");
    }
    // `Retry-After` does not shorten the backoff.
    let mut endpoint = Endpoint::default();
    endpoint.tries(A, DOWN);
    endpoint.now += s(1);
    let retry_after = Some(s(1));
    endpoint.tries(A, RequestOutcome::Down { retry_after });
    assert_eq!(endpoint.begins(A), Err(Wait(s(2))));
}

#[test]
fn one_probe_at_a_time_and_one_that_is_dropped_makes_room() {
    let mut endpoint = Endpoint::default();
    endpoint.tries(A, DOWN);
    endpoint.now += s(1);
    let probe = endpoint.begins(B).unwrap();
    assert_eq!(endpoint.begins(A), Err(Wait(s(1))));
    endpoint.ends(probe, RequestOutcome::Dropped);
    let probe = endpoint.begins(A).unwrap();
    assert_eq!(endpoint.begins(B), Err(Wait(s(1))));
    endpoint.ends(probe, RequestOutcome::Silent);
    assert_eq!(endpoint.begins(B), Err(Wait(s(2))));
}

#[test]
fn a_probe_that_never_ends_is_lost_and_its_late_end_counts_no_failure() {
    let mut endpoint = Endpoint::default();
    endpoint.tries(A, DOWN);
    endpoint.now += s(1);
    let lost = endpoint.begins(A).unwrap();
    endpoint.now += s(5);
    endpoint.begins(B).unwrap_err();
    endpoint.now += s(1);
    let next = endpoint.begins(B).unwrap();
    endpoint.ends(lost, DOWN);
    endpoint.ends(lost, RequestOutcome::Dropped);
    assert_eq!(endpoint.begins(C), Err(Wait(s(1))));
    endpoint.ends(next, DOWN);
    assert_eq!(endpoint.begins(C), Err(Wait(s(2))));
    endpoint.ends(lost, RequestOutcome::Answered);
    endpoint.begins(C).unwrap();
}

#[test]
fn a_request_that_began_before_an_outage_does_not_prolong_it() {
    let mut endpoint = Endpoint::default();
    let all: Vec<_> = (0..10)
        .map(|n| endpoint.begins(TokenId(n)).unwrap())
        .collect();
    for outcome in [DOWN, RequestOutcome::Silent] {
        for request in &all {
            endpoint.ends(*request, outcome);
        }
    }
    assert_eq!(endpoint.begins(A), Err(Wait(s(1))));
    // But an answer to one of these requests ends the outage.
    endpoint.ends(all[0], RequestOutcome::Answered);
    endpoint.begins(A).unwrap();
}

#[test]
fn a_missing_answer_backs_off_one_token_until_a_second_token_gets_none() {
    let mut endpoint = Endpoint::default();
    endpoint.tries(A, RequestOutcome::Silent);
    assert_eq!(endpoint.begins(A), Err(Wait(s(1))));
    endpoint.now += s(1);
    endpoint.tries(A, RequestOutcome::Silent);
    assert_eq!(endpoint.begins(A), Err(Wait(s(2))));
    let request = endpoint.begins(B).unwrap();
    endpoint.begins(C).unwrap();
    endpoint.ends(request, RequestOutcome::Silent);
    assert_eq!(endpoint.begins(C), Err(Wait(s(1))));
}

#[test]
fn an_answer_of_a_gateway_backs_off_no_single_token() {
    let mut endpoint = Endpoint::default();
    for _ in 0..5 {
        endpoint.tries(A, RequestOutcome::Gateway);
    }
    endpoint.begins(A).unwrap();
    endpoint.tries(B, RequestOutcome::Gateway);
    for token in [A, B, C] {
        assert_eq!(endpoint.begins(token), Err(Wait(s(1))));
    }
}

#[test]
fn a_timeout_while_other_tokens_are_answered_is_no_outage() {
    let mut endpoint = Endpoint::default();
    let slow = [endpoint.begins(A).unwrap(), endpoint.begins(B).unwrap()];
    endpoint.now += s(1);
    endpoint.tries(C, RequestOutcome::Answered);
    endpoint.now += s(4);
    for request in slow {
        endpoint.ends(request, RequestOutcome::Silent);
    }
    for token in [A, B, C] {
        endpoint.begins(token).unwrap();
    }
}

#[test]
fn concurrent_requests_for_one_token_are_one_failure() {
    let mut endpoint = Endpoint::default();
    let all: Vec<_> = (0..10).map(|_| endpoint.begins(A).unwrap()).collect();
    for request in all {
        endpoint.ends(request, RequestOutcome::Silent);
    }
    assert_eq!(endpoint.begins(A), Err(Wait(s(1))));
    endpoint.begins(B).unwrap();
}

/// One step of a random schedule. `End` selects one of the requests in flight.
#[derive(Debug, Clone, Copy)]
enum Step {
    Begin(u64),
    End(usize, RequestOutcome),
    Wait(u64),
}

fn step(
    tokens: u64,
    outcome: impl Strategy<Value = RequestOutcome>,
) -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => (0..tokens).prop_map(Step::Begin),
        2 => (any::<usize>(), outcome).prop_map(|(which, outcome)| Step::End(which, outcome)),
        1 => (0..10_000_u64).prop_map(Step::Wait),
    ]
}

fn any_outcome() -> impl Strategy<Value = RequestOutcome> {
    let retry_after = proptest::option::of((0..100_u64).prop_map(s));
    prop_oneof![
        Just(RequestOutcome::Answered),
        retry_after.prop_map(|retry_after| RequestOutcome::Down { retry_after }),
        Just(RequestOutcome::Silent),
        Just(RequestOutcome::Gateway),
        Just(RequestOutcome::Dropped),
    ]
}

proptest! {
    #[test]
    fn the_promises_hold_for_any_sequence_of_events(steps in proptest::collection::vec(step(4, any_outcome()), 1..300)) {
        let mut endpoint = Endpoint { now: s(1_000_000), ..Endpoint::default() };
        let mut in_flight: Vec<IntrospectionRequest> = Vec::new();
        let mut last_probe: Option<(u64, Duration)> = None;
        let mut outage_until: Option<Duration> = None;
        for step in steps {
            match step {
                Step::Wait(milliseconds) => endpoint.now += Duration::from_millis(milliseconds),
                Step::Begin(token) => match endpoint.begins(TokenId(token)) {
                    Ok(request) => {
                        prop_assert!(outage_until.is_none_or(|until| endpoint.now >= until), "too early");
                        prop_assert_eq!(request.probe.is_some(), outage_until.is_some());
                        if let Some(id) = request.probe {
                            let alone = last_probe.is_none_or(|(_, since)| endpoint.now >= since + s(6));
                            prop_assert!(alone, "two concurrent probes");
                            last_probe = Some((id, endpoint.now));
                        }
                        in_flight.push(request);
                    }
                    Err(Wait(wait)) => prop_assert!(wait > Duration::ZERO && wait <= POLICY.max),
                },
                Step::End(_, _) if in_flight.is_empty() => {}
                Step::End(which, outcome) => {
                    let request = in_flight.swap_remove(which % in_flight.len());
                    let was_out = outage_until.is_some();
                    endpoint.ends(request, outcome);
                    let is_probe = last_probe.is_some_and(|(id, _)| request.probe == Some(id));
                    match outcome {
                        RequestOutcome::Answered => {
                            (outage_until, last_probe) = (None, None);
                            for token in 0..4 {
                                prop_assert!(POLICY.check(endpoint.state, endpoint.now, TokenId(token)).is_ok());
                            }
                        }
                        RequestOutcome::Dropped if is_probe => last_probe = None,
                        RequestOutcome::Dropped => {}
                        RequestOutcome::Down { .. } if !was_out || is_probe => {
                            (outage_until, last_probe) = (Some(endpoint.now + POLICY.min), None);
                        }
                        RequestOutcome::Silent | RequestOutcome::Gateway if is_probe => {
                            (outage_until, last_probe) = (Some(endpoint.now + POLICY.min), None);
                        }
                        RequestOutcome::Silent | RequestOutcome::Gateway if !was_out && endpoint.state.outage.is_some() => {
                            outage_until = Some(endpoint.now + POLICY.min);
                        }
                        RequestOutcome::Down { .. } | RequestOutcome::Silent | RequestOutcome::Gateway => {}
                    }
                }
            }
            // In every state: once the longest backoff has elapsed and no probe is in flight, every token may be
            // introspected.
            let later = endpoint.now + POLICY.max + POLICY.probe_lost_after;
            for token in 0..4 {
                prop_assert!(POLICY.check(endpoint.state, later, TokenId(token)).is_ok());
            }
        }
    }

    #[test]
    fn a_single_token_makes_no_other_token_wait(
        steps in proptest::collection::vec(step(1, prop_oneof![
            Just(RequestOutcome::Answered), Just(RequestOutcome::Silent), Just(RequestOutcome::Gateway), Just(RequestOutcome::Dropped),
        ]), 1..300)
    ) {
        let mut endpoint = Endpoint::default();
        let mut in_flight: Vec<IntrospectionRequest> = Vec::new();
        for step in steps {
            match step {
                Step::Wait(milliseconds) => endpoint.now += Duration::from_millis(milliseconds),
                Step::Begin(token) => in_flight.extend(endpoint.begins(TokenId(token))),
                Step::End(_, _) if in_flight.is_empty() => {}
                Step::End(which, outcome) => {
                    let request = in_flight.swap_remove(which % in_flight.len());
                    endpoint.ends(request, outcome);
                }
            }
            prop_assert!(POLICY.check(endpoint.state, endpoint.now, TokenId(7)).is_ok());
        }
    }
}
