//! What every match has, so that a look-up can begin there.
//!
//! Promises: a row that matches satisfies all that is said here; the reverse is not promised. Refuses to look into
//! negations.

use super::fields::Field;
use super::times::Span;
use super::tree::{Node, Search, Term, Test};

/// Conditions that every match satisfies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Required {
    /// Its id is one of these.
    pub ids: Option<Vec<[u8; 16]>>,
    /// Its actor's id is one of these.
    pub actors: Option<Vec<String>>,
    /// One of its targets has one of these types and ids.
    pub targets: Option<Vec<(String, String)>>,
    /// Its index is not below this.
    pub min_index: u64,
    /// Its index is not above this.
    pub max_index: u64,
    /// It happened then; of a row without a time of its own, it was received then.
    pub occurred: Span,
    /// It was received then.
    pub received: Span,
}

impl Required {
    const NOTHING: Required = Required {
        ids: None,
        actors: None,
        targets: None,
        min_index: 0,
        max_index: u64::MAX,
        occurred: Span { from: None, to: None },
        received: Span { from: None, to: None },
    };
}

impl Search {
    /// What every match has.
    #[must_use]
    pub fn required(&self) -> Required {
        of_node(&self.root)
    }
}

fn of_node(node: &Node) -> Required {
    match node {
        Node::And(nodes) => nodes.iter().map(of_node).fold(Required::NOTHING, meet),
        Node::Or(nodes) => nodes.iter().map(of_node).reduce(join).unwrap_or(Required::NOTHING),
        Node::Term(Term::Field { field, tests }) => {
            tests.iter().map(|test| of_test(field, test)).reduce(join).unwrap_or(Required::NOTHING)
        }
        Node::Not(_) | Node::Term(Term::Text(_)) => Required::NOTHING,
    }
}

fn of_test(field: &Field, test: &Test) -> Required {
    let mut required = Required::NOTHING;
    match (field, test) {
        (Field::Id, Test::Id(id)) => required.ids = Some(vec![*id]),
        (Field::Actor, Test::Text(pattern)) => {
            required.actors = pattern.whole().map(|id| vec![id.to_owned()]);
        }
        (Field::Target, Test::Target { kind, id }) => {
            let both = kind.whole().zip(id.whole());
            required.targets = both.map(|(kind, id)| vec![(kind.to_owned(), id.to_owned())]);
        }
        (Field::Index, Test::Whole { min, max }) => {
            (required.min_index, required.max_index) = (*min, *max);
        }
        (Field::Occurred, Test::Time(span)) => required.occurred = *span,
        (Field::Received, Test::Time(span)) => required.received = *span,
        _ => {}
    }
    required
}

/// What holds if both do. Of two lists the shorter is kept: either is true.
fn meet(a: Required, b: Required) -> Required {
    Required {
        ids: shorter(a.ids, b.ids),
        actors: shorter(a.actors, b.actors),
        targets: shorter(a.targets, b.targets),
        min_index: a.min_index.max(b.min_index),
        max_index: a.max_index.min(b.max_index),
        occurred: a.occurred.meet(&b.occurred),
        received: a.received.meet(&b.received),
    }
}

/// What holds if one of them does.
fn join(a: Required, b: Required) -> Required {
    Required {
        ids: both(a.ids, b.ids),
        actors: both(a.actors, b.actors),
        targets: both(a.targets, b.targets),
        min_index: a.min_index.min(b.min_index),
        max_index: a.max_index.max(b.max_index),
        occurred: a.occurred.join(&b.occurred),
        received: a.received.join(&b.received),
    }
}

fn shorter<T>(a: Option<Vec<T>>, b: Option<Vec<T>>) -> Option<Vec<T>> {
    match (a, b) {
        (Some(a), Some(b)) => Some(if b.len() < a.len() { b } else { a }),
        (a, b) => a.or(b),
    }
}

fn both<T: PartialEq>(a: Option<Vec<T>>, b: Option<Vec<T>>) -> Option<Vec<T>> {
    let (mut all, more) = a.zip(b)?;
    for value in more {
        if !all.contains(&value) {
            all.push(value);
        }
    }
    Some(all)
}
