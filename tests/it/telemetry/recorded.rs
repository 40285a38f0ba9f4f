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
pub(crate) struct Told {
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
    told: Arc<Mutex<Vec<Told>>>,
    _guard: DefaultGuard,
}

impl Recorded {
    pub(crate) fn start() -> Self {
        let told = Arc::<Mutex<Vec<Told>>>::default();
        let recorder = Recorder(Arc::clone(&told));
        let subscriber = tracing_subscriber::registry().with(recorder);
        Self {
            told,
            _guard: listen(subscriber),
        }
    }

    pub(crate) fn spans(&self, name: &str) -> Vec<Told> {
        self.of(|told| told.id.is_some() && told.name == name)
    }

    pub(crate) fn events(&self, target: &str) -> Vec<Told> {
        self.of(|told| told.id.is_none() && told.target == target)
    }

    /// The decisions since the last call. Clears all recorded events and spans.
    pub(crate) fn decisions(&self) -> Vec<Fields> {
        let decisions = self.events(tower_bearer_auth::telemetry::AUDIT);
        self.told.lock().unwrap().clear();
        decisions.into_iter().map(|told| told.fields).collect()
    }

    fn of(&self, wanted: impl Fn(&Told) -> bool) -> Vec<Told> {
        let told = self.told.lock().unwrap();
        told.iter().filter(|told| wanted(told)).cloned().collect()
    }
}

struct Recorder(Arc<Mutex<Vec<Told>>>);

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Recorder {
    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut told = told(event.metadata());
        event.record(&mut Visitor(&mut told.fields));
        told.within = context.event_span(event).map(|span| span.name());
        self.0.lock().unwrap().push(told);
    }

    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let mut told = told(attributes.metadata());
        attributes.record(&mut Visitor(&mut told.fields));
        let span = context.span(id).unwrap();
        told.within = span.parent().map(|span| span.name());
        told.id = Some(id.clone());
        self.0.lock().unwrap().push(told);
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, _: Context<'_, S>) {
        self.change(id, |told| values.record(&mut Visitor(&mut told.fields)));
    }

    fn on_follows_from(&self, id: &Id, follows: &Id, context: Context<'_, S>) {
        let name = context.span(follows).unwrap().name();
        self.change(id, |told| told.after = Some(name));
    }
}

impl Recorder {
    fn change(&self, id: &Id, change: impl FnOnce(&mut Told)) {
        let mut told = self.0.lock().unwrap();
        // Span IDs are reused, so the last one counts.
        let span = told
            .iter_mut()
            .rev()
            .find(|told| told.id.as_ref() == Some(id));
        // A span from before the last call of `decisions` is no longer recorded.
        if let Some(span) = span {
            change(span);
        }
    }
}

fn told(metadata: &tracing::Metadata<'static>) -> Told {
    Told {
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
