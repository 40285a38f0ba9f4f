//! The model of the key set: the policy, driven by plain sequential code without futures, tasks, locks or channels.

use std::time::Duration;

use super::keys::{DOCUMENTS, ISSUED, LEEWAY, Name};
use super::schedule::{Answer, Settings};
use super::source::BROKEN;
use crate::verify::jwks::cache::LOST;
use crate::verify::jwks::document::DocumentError;
use crate::verify::jwks::policy::{Decision, Event, State};

pub(super) struct Model {
    pub(super) settings: Settings,
    pub(super) now: Duration,
    /// The time of the runtime's timers.
    pub(super) timer: Duration,
    /// Whether the current poll takes place inside the runtime.
    pub(super) inside: bool,
    pub(super) state: State,
    pub(super) keys: Option<Keys>,
    pub(super) generation: u64,
    /// For each key state, by its number, whether the key is withdrawn.
    pub(super) withdrawn: Vec<bool>,
    etag: Option<u64>,
    pub(super) last_success: Option<Duration>,
    pub(super) last_error: Option<String>,
    /// When the last successful fetch began.
    as_of: Duration,
    /// All fetches since the start. The number of a fetch is its index plus one.
    pub(super) fetches: Vec<Fetch>,
}

pub(super) struct Keys {
    /// Each key, with the number of its state.
    pub(super) list: Vec<(Name, usize)>,
    pub(super) refresh_at: Duration,
    pub(super) stale_at: Duration,
    pub(super) dead_at: Duration,
}

#[derive(Default)]
pub(super) struct Fetch {
    began: Duration,
    started: Option<Duration>,
    /// The entity tag that the source receives with this fetch.
    pub(super) etag: Option<u64>,
    pub(super) answer: Option<Answer>,
    pub(super) ended: bool,
}

impl Model {
    pub(super) fn new(settings: Settings, now: Duration) -> Self {
        Self {
            settings,
            now,
            timer: Duration::ZERO,
            inside: true,
            state: State::default(),
            keys: None,
            generation: 0,
            withdrawn: Vec::new(),
            etag: None,
            last_success: None,
            last_error: None,
            as_of: Duration::ZERO,
            fetches: Vec::new(),
        }
    }

    fn decide(&mut self, event: Event) -> Decision {
        // If the fetch ends later after all, its own result replaces this error.
        if self.settings.policy.has_lost_fetch(self.state, self.now) {
            self.last_error = Some(LOST.into());
        }
        let (state, decision) = self.settings.policy.decide(self.state, self.now, event);
        self.state = state;
        decision
    }

    /// The policy's decision, and the number of the fetch to wait for.
    pub(super) fn decide_and_fetch(&mut self, event: Event) -> (Decision, Option<usize>) {
        let decision = self.decide(event);
        if matches!(decision, Decision::Fetch | Decision::UseAndFetch) {
            let (etag, began) = (self.etag, self.now);
            self.fetches.push(Fetch {
                etag,
                began,
                ..Fetch::default()
            });
            if !self.inside {
                self.end(
                    self.fetches.len(),
                    Some(Err("keys are fetched in a tokio runtime".into())),
                );
            }
        }
        let waits = matches!(decision, Decision::Fetch | Decision::Join);
        (decision, waits.then_some(self.fetches.len()))
    }

    /// Whether a token may have been issued since the last successful fetch began.
    pub(super) fn may_be_newer(&self, token: usize) -> bool {
        ISSUED[token].is_none_or(|issued| issued + LEEWAY >= self.as_of)
    }

    pub(super) fn usable(&self) -> usize {
        let keys = self.keys.as_ref().filter(|keys| self.now < keys.dead_at);
        let in_use = |keys: &Keys| {
            keys.list
                .iter()
                .filter(|(_, state)| !self.withdrawn[*state])
                .count()
        };
        keys.map_or(0, in_use)
    }

    /// Runs the tasks that are ready. `next` is the answer that the source has ready for the next fetch.
    pub(super) fn run(&mut self, next: &mut Option<Answer>) {
        for number in 1..=self.fetches.len() {
            let fetch = &mut self.fetches[number - 1];
            if fetch.ended {
                continue;
            }
            if fetch.started.is_none() {
                fetch.answer = next.take();
            }
            let limit = self.settings.policy.fetch_timeout;
            let timeout = *fetch.started.get_or_insert(self.timer) + limit;
            match fetch.answer {
                Some(answer) => self.end(number, Some(answer.fetch_result())),
                None if self.timer >= timeout => {
                    self.end(number, Some(Err(format!("no answer within {limit:?}"))))
                }
                None => {}
            }
        }
    }

    pub(super) fn shut_down_runtime(&mut self) {
        for number in 1..=self.fetches.len() {
            if !self.fetches[number - 1].ended {
                self.end(number, None);
            }
        }
    }

    fn end(&mut self, number: usize, result: Option<Result<FetchResult, String>>) {
        self.fetches[number - 1].ended = true;
        // A later fetch has begun: the result of this one is discarded.
        if number != self.fetches.len() {
            return;
        }
        let held = self.keys.as_ref().map(|keys| keys.list.clone());
        match (result, held) {
            (None, _) => drop(self.decide(Event::FetchInterrupted)),
            (Some(Err(problem)), _) => self.fail(problem),
            (Some(Ok((None, _, freshness))), Some(list)) => self.succeed(list, freshness),
            (Some(Ok((None, ..))), None) => {
                self.fail("the source has nothing new, but there are no keys".into());
            }
            (Some(Ok((Some(names), etag, freshness))), held) => {
                self.etag = etag;
                let list = self.continued(names, &held.unwrap_or_default());
                self.succeed(list, freshness);
            }
        }
    }

    /// A key whose material was in the old set keeps its state. Material that is in the old set only is withdrawn.
    fn continued(&mut self, names: &[Name], held: &[(Name, usize)]) -> Vec<(Name, usize)> {
        let mut list: Vec<(Name, usize)> = Vec::new();
        for name in names {
            let same = |(other, _): &&(Name, usize)| other.material == name.material;
            let state = held.iter().find(same).or(list.iter().find(same));
            let state = state.map_or(self.withdrawn.len(), |(_, state)| *state);
            if state == self.withdrawn.len() {
                self.withdrawn.push(false);
            }
            list.push((*name, state));
        }
        for (_, state) in held {
            self.withdrawn[*state] |= list.iter().all(|(_, kept)| kept != state);
        }
        list
    }

    fn succeed(&mut self, list: Vec<(Name, usize)>, freshness: Option<Duration>) {
        let jitter = (self.settings.jitter)();
        self.decide(Event::Fetched { freshness, jitter });
        self.generation += 1;
        self.last_error = None;
        self.last_success = Some(self.now);
        self.as_of = self.fetches.last().expect("one succeeded").began;
        let loaded = "what was fetched is loaded";
        self.keys = Some(Keys {
            list,
            refresh_at: self.state.refresh_at().expect(loaded),
            stale_at: self.state.stale_at().expect(loaded),
            dead_at: self.state.dead_at().expect(loaded),
        });
    }

    fn fail(&mut self, problem: String) {
        self.decide(Event::FetchFailed);
        self.last_error = Some(problem);
    }

    pub(super) fn withdraw(&mut self, key_id: &str) -> bool {
        let list = self.keys.as_ref().map_or(&[][..], |keys| &keys.list);
        let named = list.iter().filter(|(name, _)| name.key_id == Some(key_id));
        let states: Vec<usize> = named.map(|(_, state)| *state).collect();
        for state in &states {
            self.withdrawn[*state] = true;
        }
        !states.is_empty()
    }
}

/// The keys, or `None` if they are unchanged; the entity tag; the freshness.
type FetchResult = (Option<&'static [Name]>, Option<u64>, Option<Duration>);

impl Answer {
    fn fetch_result(self) -> Result<FetchResult, String> {
        match self {
            Self::Document {
                document,
                freshness,
                etag,
            } => Ok((
                Some(DOCUMENTS[document]),
                etag,
                freshness.map(Duration::from_secs),
            )),
            Self::Unchanged { freshness } => Ok((None, None, freshness.map(Duration::from_secs))),
            Self::Error => Err(BROKEN.into()),
            Self::Garbage => Err(DocumentError::NotJson.to_string()),
            Self::NoKeys => Err(DocumentError::NoUsableKey(Default::default()).to_string()),
            Self::Panic => Err("the key source panicked".into()),
        }
    }
}
