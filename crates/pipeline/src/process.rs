//! Event -> event: the stateless steps between decoding and sealing.
//!
//! Today there is one: the look-up of the event's schema. (The kind of an event that names none is inferred by `event`
//! when it is stamped, from a table with a version; it changes no claim, so it is no step.) A step that fails makes the
//! event a dead letter: it obeyed the format, so it is kept and never dropped.
//!
//! It refuses to fetch anything: what a step needs to know is in [`Steps`], made by the server beforehand.

use event::code::Code;
use event::event::Event;
use std::collections::BTreeSet;

/// The schema that every tenant has.
const BUILT_IN_SCHEMA: &str = "indelible.event@1";

/// What the steps know of one tenant.
#[derive(Debug, Clone, Default)]
pub struct Steps {
    schemas: BTreeSet<String>,
}

/// Why an event could not be processed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code} at `{field}`")]
pub struct Failed {
    /// The code under which it becomes a dead letter.
    pub code: Code,
    /// JSON pointer to the member at fault.
    pub field: &'static str,
}

impl Steps {
    /// Steps for a tenant that has registered `schemas` (`name@version`) beside the built-in one.
    pub fn new(schemas: impl IntoIterator<Item = String>) -> Self {
        Self { schemas: schemas.into_iter().collect() }
    }

    /// Runs every step on `event`.
    ///
    /// # Errors
    /// When a step fails; the event is then a dead letter.
    pub fn run(&self, event: &Event<'_>) -> Result<(), Failed> {
        match event.schema.as_deref() {
            None | Some(BUILT_IN_SCHEMA) => Ok(()),
            Some(name) if self.schemas.contains(name) => Ok(()),
            Some(_) => Err(Failed { code: Code::SchemaUnknown, field: "/schema" }),
        }
    }
}

#[cfg(test)]
mod tests;
