//! Whose a part is.
//!
//! Promises: every personal text of an event lies in the part 6 of one subject, and each subject has one. Refuses to
//! normalise: a subject is `(namespace, id)`, bytes exact.
//!
//! Every key reference is 0 today (the ledger key), but parts are split per subject already, so that keys per person
//! change no byte of a part.

use crate::event::{Event, Target, is_person};

/// The types of targets that are people where the tenant says nothing else.
pub const PERSON_TYPES: &[&str] = &["user", "person", "customer", "employee", "patient", "contact"];

/// A person, or the day's nobody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject<'e> {
    /// Somebody, by namespace and id.
    Person {
        /// `user` for actors and owners, its type for a target.
        namespace: &'e str,
        /// As sent.
        id: &'e str,
    },
    /// Personal text of nobody who is known.
    Unassigned,
}

impl<'e> Subject<'e> {
    /// The nearest person of an event: in `who`, else among its targets, else nobody.
    #[must_use]
    pub fn first_of(event: &'e Event<'_>) -> Subject<'e> {
        let actor =
            event.who().find(|actor| is_person(actor)).map(|actor| Subject::user(&actor.id));
        let is_human = |target: &&Target<'_>| PERSON_TYPES.contains(&&*target.kind);
        let target = || event.targets.iter().find(is_human);
        let of_target =
            |target: &'e Target<'_>| Subject::Person { namespace: &target.kind, id: &target.id };
        actor.or_else(|| target().map(of_target)).unwrap_or(Subject::Unassigned)
    }

    fn user(id: &'e str) -> Subject<'e> {
        Subject::Person { namespace: "user", id }
    }
}

/// The personal values of one subject.
pub(super) struct Personal<'e> {
    subject: Subject<'e>,
    /// Whether the event's original is its.
    pub(super) has_original: bool,
    /// Pointer and id of each target that it owns, in code-point order of the pointers.
    pub(super) owners: Vec<(String, &'e str)>,
}

/// The personal values of `event` by subject: owners in the order of their targets, then whoever has the original.
pub(super) fn personal<'e>(event: &'e Event<'_>) -> Vec<Personal<'e>> {
    let mut found: Vec<Personal<'e>> = Vec::new();
    for (position, target) in event.targets.iter().enumerate() {
        if let Some(owner) = &target.owner {
            let pointer = format!("/targets/{position}/owner");
            entry(&mut found, Subject::user(owner)).owners.push((pointer, owner));
        }
    }
    if event.original.is_some() {
        entry(&mut found, Subject::first_of(event)).has_original = true;
    }
    for personal in &mut found {
        personal.owners.sort();
    }
    found
}

/// The values of `subject`, none if it was not met yet. Linear: there are at most 65 subjects.
fn entry<'f, 'e>(found: &'f mut Vec<Personal<'e>>, subject: Subject<'e>) -> &'f mut Personal<'e> {
    let position =
        found.iter().position(|personal| personal.subject == subject).unwrap_or_else(|| {
            found.push(Personal { subject, has_original: false, owners: Vec::new() });
            found.len() - 1
        });
    found.get_mut(position).expect("found or just pushed")
}
