use proptest::prelude::*;

use super::*;

const fn s(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

const POLICY: Policy = Policy {
    min: s(1),
    max: s(30),
    probe_lost_after: s(6),
};

const A: TokenId = TokenId(1);
const B: TokenId = TokenId(2);
const C: TokenId = TokenId(3);

const DOWN: Ending = Ending::Down { retry_after: None };

/// An endpoint, and the questions that it is asked.
#[derive(Default)]
struct Endpoint {
    state: State,
    now: Duration,
}

impl Endpoint {
    fn asks(&mut self, token: TokenId) -> Result<Question, Wait> {
        let allowed = POLICY.check(self.state, self.now, token);
        let (state, asked) = POLICY.ask(self.state, self.now, token);
        assert_eq!(allowed.err(), asked.err());
        self.state = state;
        asked
    }

    fn ends(&mut self, question: Question, ending: Ending) {
        self.state = POLICY.ended(self.state, self.now, question, ending);
    }

    /// Asks about a token, and ends the question at once.
    fn tries(&mut self, token: TokenId, ending: Ending) {
        let question = self.asks(token).unwrap();
        self.ends(question, ending);
    }
}

#[test]
fn backoff_doubles_up_to_its_limit_and_ends_with_an_answer() {
    let mut endpoint = Endpoint::default();
    for expected in [1, 2, 4, 8, 16, 30, 30, 30] {
        endpoint.tries(A, DOWN);
        for token in [A, B] {
            assert_eq!(endpoint.asks(token), Err(Wait(s(expected))));
        }
        endpoint.now += s(expected);
    }
    endpoint.tries(B, Ending::Answered);
    for token in [A, B, C] {
        endpoint.asks(token).unwrap();
    }
    endpoint.tries(A, DOWN);
    assert_eq!(endpoint.asks(A), Err(Wait(s(1))));
}

#[test]
fn the_servers_own_word_counts_within_the_bounds() {
    for (said, wait) in [(0, 1), (1, 1), (17, 17), (30, 30), (3600, 30)] {
        let mut endpoint = Endpoint::default();
        let retry_after = Some(s(said));
        endpoint.tries(A, Ending::Down { retry_after });
        assert_eq!(endpoint.asks(B), Err(Wait(s(wait))), "{said}");
    }
    // It makes no wait shorter.
    let mut endpoint = Endpoint::default();
    endpoint.tries(A, DOWN);
    endpoint.now += s(1);
    let retry_after = Some(s(1));
    endpoint.tries(A, Ending::Down { retry_after });
    assert_eq!(endpoint.asks(A), Err(Wait(s(2))));
}

#[test]
fn one_probe_at_a_time_and_one_that_is_dropped_makes_room() {
    let mut endpoint = Endpoint::default();
    endpoint.tries(A, DOWN);
    endpoint.now += s(1);
    let probe = endpoint.asks(B).unwrap();
    assert_eq!(endpoint.asks(A), Err(Wait(s(1))));
    endpoint.ends(probe, Ending::Dropped);
    let probe = endpoint.asks(A).unwrap();
    assert_eq!(endpoint.asks(B), Err(Wait(s(1))));
    endpoint.ends(probe, Ending::Silent);
    assert_eq!(endpoint.asks(B), Err(Wait(s(2))));
}

#[test]
fn a_probe_that_never_ends_is_lost_and_its_late_end_counts_no_failure() {
    let mut endpoint = Endpoint::default();
    endpoint.tries(A, DOWN);
    endpoint.now += s(1);
    let lost = endpoint.asks(A).unwrap();
    endpoint.now += s(5);
    endpoint.asks(B).unwrap_err();
    endpoint.now += s(1);
    let next = endpoint.asks(B).unwrap();
    endpoint.ends(lost, DOWN);
    endpoint.ends(lost, Ending::Dropped);
    assert_eq!(endpoint.asks(C), Err(Wait(s(1))));
    endpoint.ends(next, DOWN);
    assert_eq!(endpoint.asks(C), Err(Wait(s(2))));
    endpoint.ends(lost, Ending::Answered);
    endpoint.asks(C).unwrap();
}

#[test]
fn what_was_asked_before_an_outage_makes_it_no_longer() {
    let mut endpoint = Endpoint::default();
    let all: Vec<_> = (0..10)
        .map(|n| endpoint.asks(TokenId(n)).unwrap())
        .collect();
    for ending in [DOWN, Ending::Silent] {
        for question in &all {
            endpoint.ends(*question, ending);
        }
    }
    assert_eq!(endpoint.asks(A), Err(Wait(s(1))));
    // But an answer to one of them ends it.
    endpoint.ends(all[0], Ending::Answered);
    endpoint.asks(A).unwrap();
}

#[test]
fn silence_is_the_fault_of_one_token_until_another_one_meets_it() {
    let mut endpoint = Endpoint::default();
    endpoint.tries(A, Ending::Silent);
    assert_eq!(endpoint.asks(A), Err(Wait(s(1))));
    endpoint.now += s(1);
    endpoint.tries(A, Ending::Silent);
    assert_eq!(endpoint.asks(A), Err(Wait(s(2))));
    let question = endpoint.asks(B).unwrap();
    endpoint.asks(C).unwrap();
    endpoint.ends(question, Ending::Silent);
    assert_eq!(endpoint.asks(C), Err(Wait(s(1))));
}

#[test]
fn a_gateways_word_is_not_held_against_one_token_either() {
    let mut endpoint = Endpoint::default();
    for _ in 0..5 {
        endpoint.tries(A, Ending::Gateway);
    }
    endpoint.asks(A).unwrap();
    endpoint.tries(B, Ending::Gateway);
    for token in [A, B, C] {
        assert_eq!(endpoint.asks(token), Err(Wait(s(1))));
    }
}

#[test]
fn a_token_that_times_out_while_others_are_answered_is_no_outage() {
    let mut endpoint = Endpoint::default();
    let slow = [endpoint.asks(A).unwrap(), endpoint.asks(B).unwrap()];
    endpoint.now += s(1);
    endpoint.tries(C, Ending::Answered);
    endpoint.now += s(4);
    for question in slow {
        endpoint.ends(question, Ending::Silent);
    }
    for token in [A, B, C] {
        endpoint.asks(token).unwrap();
    }
}

#[test]
fn many_questions_about_one_token_at_once_are_one_failure() {
    let mut endpoint = Endpoint::default();
    let all: Vec<_> = (0..10).map(|_| endpoint.asks(A).unwrap()).collect();
    for question in all {
        endpoint.ends(question, Ending::Silent);
    }
    assert_eq!(endpoint.asks(A), Err(Wait(s(1))));
    endpoint.asks(B).unwrap();
}

/// What a random schedule does next. Questions are chosen among those that are under way.
#[derive(Debug, Clone, Copy)]
enum Step {
    Ask(u64),
    End(usize, Ending),
    Wait(u64),
}

fn step(tokens: u64, ending: impl Strategy<Value = Ending>) -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => (0..tokens).prop_map(Step::Ask),
        2 => (any::<usize>(), ending).prop_map(|(which, ending)| Step::End(which, ending)),
        1 => (0..10_000_u64).prop_map(Step::Wait),
    ]
}

fn any_ending() -> impl Strategy<Value = Ending> {
    let retry_after = proptest::option::of((0..100_u64).prop_map(s));
    prop_oneof![
        Just(Ending::Answered),
        retry_after.prop_map(|retry_after| Ending::Down { retry_after }),
        Just(Ending::Silent),
        Just(Ending::Gateway),
        Just(Ending::Dropped),
    ]
}

proptest! {
    #[test]
    fn whatever_happens_the_promises_hold(steps in proptest::collection::vec(step(4, any_ending()), 1..300)) {
        let mut endpoint = Endpoint { now: s(1_000_000), ..Endpoint::default() };
        let mut asked: Vec<Question> = Vec::new();
        let mut last_probe: Option<(u64, Duration)> = None;
        let mut outage_until: Option<Duration> = None;
        for step in steps {
            match step {
                Step::Wait(milliseconds) => endpoint.now += Duration::from_millis(milliseconds),
                Step::Ask(token) => match endpoint.asks(TokenId(token)) {
                    Ok(question) => {
                        prop_assert!(outage_until.is_none_or(|until| endpoint.now >= until), "too early");
                        prop_assert_eq!(question.probe.is_some(), outage_until.is_some());
                        if let Some(id) = question.probe {
                            let alone = last_probe.is_none_or(|(_, since)| endpoint.now >= since + s(6));
                            prop_assert!(alone, "two probes at once");
                            last_probe = Some((id, endpoint.now));
                        }
                        asked.push(question);
                    }
                    Err(Wait(wait)) => prop_assert!(wait > Duration::ZERO && wait <= POLICY.max),
                },
                Step::End(_, _) if asked.is_empty() => {}
                Step::End(which, ending) => {
                    let question = asked.swap_remove(which % asked.len());
                    let was_out = outage_until.is_some();
                    endpoint.ends(question, ending);
                    let is_probe = last_probe.is_some_and(|(id, _)| question.probe == Some(id));
                    match ending {
                        Ending::Answered => {
                            (outage_until, last_probe) = (None, None);
                            for token in 0..4 {
                                prop_assert!(POLICY.check(endpoint.state, endpoint.now, TokenId(token)).is_ok());
                            }
                        }
                        Ending::Dropped if is_probe => last_probe = None,
                        Ending::Dropped => {}
                        Ending::Down { .. } if !was_out || is_probe => {
                            (outage_until, last_probe) = (Some(endpoint.now + POLICY.min), None);
                        }
                        Ending::Silent | Ending::Gateway if is_probe => {
                            (outage_until, last_probe) = (Some(endpoint.now + POLICY.min), None);
                        }
                        Ending::Silent | Ending::Gateway if !was_out && endpoint.state.outage.is_some() => {
                            outage_until = Some(endpoint.now + POLICY.min);
                        }
                        Ending::Down { .. } | Ending::Silent | Ending::Gateway => {}
                    }
                }
            }
            // However bad it is: once the longest wait is over and no probe is under way, every token has a chance.
            let later = endpoint.now + POLICY.max + POLICY.probe_lost_after;
            for token in 0..4 {
                prop_assert!(POLICY.check(endpoint.state, later, TokenId(token)).is_ok());
            }
        }
    }

    #[test]
    fn one_token_alone_keeps_no_other_waiting(
        steps in proptest::collection::vec(step(1, prop_oneof![
            Just(Ending::Answered), Just(Ending::Silent), Just(Ending::Gateway), Just(Ending::Dropped),
        ]), 1..300)
    ) {
        let mut endpoint = Endpoint::default();
        let mut asked: Vec<Question> = Vec::new();
        for step in steps {
            match step {
                Step::Wait(milliseconds) => endpoint.now += Duration::from_millis(milliseconds),
                Step::Ask(token) => asked.extend(endpoint.asks(TokenId(token))),
                Step::End(_, _) if asked.is_empty() => {}
                Step::End(which, ending) => {
                    let question = asked.swap_remove(which % asked.len());
                    endpoint.ends(question, ending);
                }
            }
            prop_assert!(POLICY.check(endpoint.state, endpoint.now, TokenId(7)).is_ok());
        }
    }
}
