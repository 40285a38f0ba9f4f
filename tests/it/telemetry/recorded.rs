//! A subscriber that records events and spans as data.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex};

use tracing::dispatcher::DefaultGuard;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;

use crate::support::listen;

pub(crate) type Fields = BTreeMap<&'static str, String>;

/// A recorded event or span. The message of an event is one of its fields.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) target: &'static str,
    pub(crate) level: tracing::Level,
    pub(crate) name: &'static str,
    pub(crate) fields: Fields,
    /// The parent span.
    pub(crate) within: Option<&'static str>,
    /// The span that this span follows from.
    pub(crate) after: Option<&'static str>,
    id: Option<Id>,
}

/// Records the events and spans of this thread until it is dropped.
pub(crate) struct Recorded {
    entries: Arc<Mutex<Vec<Entry>>>,
    _guard: DefaultGuard,
}

impl Recorded {
    pub(crate) fn start() -> Self {
        let entries = Arc::<Mutex<Vec<Entry>>>::default();
        let recorder = Recorder(Arc::clone(&entries));
        let subscriber = tracing_subscriber::registry().with(recorder);
        Self {
            entries,
            _guard: listen(subscriber),
        }
    }

    pub(crate) fn spans(&self, name: &str) -> Vec<Entry> {
        self.of(|entry| entry.id.is_some() && entry.name == name)
    }

    pub(crate) fn events(&self, target: &str) -> Vec<Entry> {
        self.of(|entry| entry.id.is_none() && entry.target == target)
    }

    /// The decisions since the last call. Clears all recorded events and spans.
    pub(crate) fn decisions(&self) -> Vec<Fields> {
        let decisions = self.events(tower_bearer_auth::telemetry::AUDIT);
        self.entries.lock().unwrap().clear();
        decisions.into_iter().map(|entry| entry.fields).collect()
    }

    fn of(&self, wanted: impl Fn(&Entry) -> bool) -> Vec<Entry> {
        let entries = self.entries.lock().unwrap();
        entries
            .iter()
            .filter(|entry| wanted(entry))
            .cloned()
            .collect()
    }
}

struct Recorder(Arc<Mutex<Vec<Entry>>>);

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Recorder {
    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut entry = new_entry(event.metadata());
        event.record(&mut Visitor(&mut entry.fields));
        entry.within = context.event_span(event).map(|span| span.name());
        self.0.lock().unwrap().push(entry);
    }

    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let mut entry = new_entry(attributes.metadata());
        attributes.record(&mut Visitor(&mut entry.fields));
        let span = context.span(id).unwrap();
        entry.within = span.parent().map(|span| span.name());
        entry.id = Some(id.clone());
        self.0.lock().unwrap().push(entry);
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, _: Context<'_, S>) {
        self.change(id, |entry| values.record(&mut Visitor(&mut entry.fields)));
    }

    fn on_follows_from(&self, id: &Id, follows: &Id, context: Context<'_, S>) {
        let name = context.span(follows).unwrap().name();
        self.change(id, |entry| entry.after = Some(name));
    }
}

impl Recorder {
    fn change(&self, id: &Id, change: impl FnOnce(&mut Entry)) {
        let mut entries = self.0.lock().unwrap();
        // Span IDs are reused, so the last one counts.
        let span = entries
            .iter_mut()
            .rev()
            .find(|entry| entry.id.as_ref() == Some(id));
        // A span from before the last call of `decisions` is no longer recorded.
        if let Some(span) = span {
            change(span);
        }
    }
}

fn new_entry(metadata: &tracing::Metadata<'static>) -> Entry {
    Entry {
        target: metadata.target(),
        level: *metadata.level(),
        name: metadata.name(),
        fields: Fields::new(),
        within: None,
        after: None,
        id: None,
    }
}

struct Visitor<'a>(&'a mut Fields);

impl Visit for Visitor<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0.insert(field.name(), format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name(), value.to_owned());
    }
}
