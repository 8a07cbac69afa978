//! Who does something, as a service knows them once they have shown who they are.
//!
//! Promises: what is not said is not in the event. Refuses to look for it: a service says whom it has authenticated.

use serde_json::{Map, Value};

/// Who does something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor {
    id: String,
    kind: Option<&'static str>,
    name: Option<String>,
    pub(super) on_behalf_of: Vec<String>,
}

impl Actor {
    /// A person.
    #[must_use]
    pub fn human(id: &str) -> Actor {
        Actor::new(id, Some("human"))
    }

    /// A service, or another program that acts for itself.
    #[must_use]
    pub fn service(id: &str) -> Actor {
        Actor::new(id, Some("service"))
    }

    /// A program that acts for somebody: say for whom with [`Actor::on_behalf_of`].
    #[must_use]
    pub fn agent(id: &str) -> Actor {
        Actor::new(id, Some("agent"))
    }

    /// Somebody who has shown nothing.
    #[must_use]
    pub fn anonymous() -> Actor {
        Actor::new("anonymous", Some("anonymous"))
    }

    /// Somebody of whom no more is known than an id.
    #[must_use]
    pub fn known_as(id: &str) -> Actor {
        Actor::new(id, None)
    }

    fn new(id: &str, kind: Option<&'static str>) -> Actor {
        Actor { id: id.to_owned(), kind, name: None, on_behalf_of: Vec::new() }
    }

    /// The name that people know them by.
    #[must_use]
    pub fn name(self, name: &str) -> Actor {
        Actor { name: Some(name.to_owned()), ..self }
    }

    /// For whom; called again, for whom that one acts.
    #[must_use]
    pub fn on_behalf_of(mut self, id: &str) -> Actor {
        self.on_behalf_of.push(id.to_owned());
        self
    }

    /// The member `actor` of an event.
    pub(super) fn json(&self) -> Value {
        let mut actor = Map::new();
        actor.insert("id".to_owned(), self.id.clone().into());
        if let Some(kind) = self.kind {
            actor.insert("kind".to_owned(), kind.into());
        }
        if let Some(name) = &self.name {
            actor.insert("name".to_owned(), name.clone().into());
        }
        Value::Object(actor)
    }
}
