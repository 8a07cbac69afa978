//! A recorder for tests: what a service records stays in memory and can be asked for.
//!
//! Promises: an event passes the same checks as on its way to a spool, and keeps the order of its recording. Refuses to
//! send.

use std::fmt::Write as _;
use std::sync::{Arc, Mutex, PoisonError};

use event::ids::Seq;
use serde_json::Value;

use crate::report::Counters;

/// What was recorded.
#[derive(Debug, Clone, Default)]
pub struct Recorder {
    events: Arc<Mutex<Vec<Value>>>,
}

/// What an event should be.
#[derive(Debug, Clone)]
#[must_use = "an expectation is checked by `once`, `times` or `never`"]
pub struct Expected<'a> {
    recorder: &'a Recorder,
    wanted: Vec<(String, Value)>,
}

impl Recorder {
    /// Every event, in the order of recording.
    #[must_use]
    pub fn events(&self) -> Vec<Value> {
        self.events.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Forgets what was recorded.
    pub fn clear(&self) {
        self.events.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Events of this action.
    pub fn expect(&self, action: &str) -> Expected<'_> {
        let expected = Expected { recorder: self, wanted: Vec::new() };
        expected.with("/action", action)
    }

    /// Takes an event, which was checked.
    pub(super) fn take(&self, event: &[u8]) -> Seq {
        let mut events = self.events.lock().unwrap_or_else(PoisonError::into_inner);
        events.push(serde_json::from_slice(event).unwrap_or_default());
        Seq(u64::try_from(events.len()).unwrap_or(u64::MAX))
    }

    pub(super) fn counters(&self) -> Counters {
        let recorded = u64::try_from(self.events().len()).unwrap_or(u64::MAX);
        Counters { recorded, ..Counters::default() }
    }
}

impl<'a> Expected<'a> {
    /// Done by this actor.
    pub fn actor(self, id: &str) -> Expected<'a> {
        self.with("/actor/id", id)
    }

    /// Done first of all to this target.
    pub fn target(self, kind: &str, id: &str) -> Expected<'a> {
        self.with("/targets/0/type", kind).with("/targets/0/id", id)
    }

    /// Ended so: `success`, `failure`, `denied`, `partial`.
    pub fn outcome(self, status: &str) -> Expected<'a> {
        self.with("/outcome/status", status)
    }

    /// Has this value at an RFC 6901 pointer.
    pub fn with(mut self, pointer: &str, value: impl Into<Value>) -> Expected<'a> {
        self.wanted.push((pointer.to_owned(), value.into()));
        self
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        let is_wanted = |event: &&Value| {
            let mut wanted = self.wanted.iter();
            wanted.all(|(pointer, value)| event.pointer(pointer) == Some(value))
        };
        self.recorder.events().iter().filter(is_wanted).count()
    }

    /// There is one.
    ///
    /// # Panics
    /// With all that was recorded, if there is none or more than one.
    #[track_caller]
    pub fn once(&self) {
        self.times(1);
    }

    /// There is none.
    ///
    /// # Panics
    /// With all that was recorded, if there is one.
    #[track_caller]
    pub fn never(&self) {
        self.times(0);
    }

    /// There are so many.
    ///
    /// # Panics
    /// With all that was recorded, if there are not.
    #[track_caller]
    pub fn times(&self, expected: usize) {
        let found = self.count();
        assert!(found == expected, "{expected} events expected, {found} found: {self}");
    }
}

impl std::fmt::Display for Expected<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut text = String::new();
        for (pointer, value) in &self.wanted {
            let _ = write!(text, " {pointer}={value}");
        }
        write!(f, "wanted{text}; recorded")?;
        self.recorder.events().iter().try_for_each(|event| write!(f, "\n  {event}"))
    }
}
