//! How terms become one: what a space between them means.
//!
//! Promises: terms of one field that stand side by side are any of their values, as a list with commas is; an explicit
//! `AND`, a comparison and a range keep a term to itself. Groups in groups of the same kind are one. Refuses to reorder.

use super::fields::{Field, Kind};
use super::tree::{Case, Node, Term, Test};

/// A condition among others that must all hold.
#[derive(Debug)]
pub(super) struct Member {
    node: Node,
    is_pinned: bool,
}

impl Member {
    /// One that may become one with others.
    pub(super) fn new(node: Node) -> Member {
        Member { node, is_pinned: false }
    }

    /// Keeps it to itself.
    pub(super) fn pin(&mut self) {
        self.is_pinned = true;
    }
}

/// All of them.
pub(super) fn all_of(members: Vec<Member>) -> Node {
    let mut kept: Vec<Member> = Vec::new();
    for member in members {
        let same = kept.iter_mut().find(|other| {
            !member.is_pinned && !other.is_pinned && are_same(&other.node, &member.node)
        });
        match same {
            Some(other) => absorb(&mut other.node, member.node),
            None => kept.push(member),
        }
    }
    let mut flat = Vec::new();
    for member in kept {
        match member.node {
            Node::And(inner) => flat.extend(inner),
            node => flat.push(node),
        }
    }
    single(flat, Node::And)
}

/// One of them.
pub(super) fn any_of(nodes: Vec<Node>) -> Node {
    let mut flat = Vec::new();
    for node in nodes {
        match node {
            Node::Or(inner) => flat.extend(inner),
            node => flat.push(node),
        }
    }
    single(flat, Node::Or)
}

/// One of them, where those of one field become one term.
pub(super) fn same_fields(nodes: Vec<Node>) -> Node {
    let mut kept: Vec<Node> = Vec::new();
    for node in nodes {
        match kept.iter_mut().find(|other| are_same(other, &node)) {
            Some(other) => absorb(other, node),
            None => kept.push(node),
        }
    }
    any_of(kept)
}

/// Not that.
pub(super) fn negated(node: Node) -> Node {
    match node {
        Node::Not(inner) => *inner,
        node => Node::Not(Box::new(node)),
    }
}

/// Whether two terms are values of one field that a list with commas could hold.
pub(super) fn are_same(a: &Node, b: &Node) -> bool {
    let (
        Node::Term(Term::Field { field, tests }),
        Node::Term(Term::Field { field: other, tests: others }),
    ) = (a, b)
    else {
        return false;
    };
    let are_values = tests.iter().chain(others).all(is_value);
    field == other && are_values && (!has_two_signs(field) || sign(tests) == sign(others))
}

fn absorb(into: &mut Node, node: Node) {
    if let (Node::Term(Term::Field { tests, .. }), Node::Term(Term::Field { tests: more, .. })) =
        (into, node)
    {
        for test in more {
            if !tests.contains(&test) {
                tests.push(test);
            }
        }
    }
}

fn single(mut nodes: Vec<Node>, many: fn(Vec<Node>) -> Node) -> Node {
    match (nodes.pop(), nodes.is_empty()) {
        (Some(only), true) => only,
        (Some(last), false) => {
            nodes.push(last);
            many(nodes)
        }
        (None, _) => many(nodes),
    }
}

/// A bound is no value: two of them on one field are meant together.
fn is_value(test: &Test) -> bool {
    match test {
        Test::Text(_)
        | Test::Scalar(_)
        | Test::Id(_)
        | Test::Addresses(_)
        | Test::Target { .. }
        | Test::Path(_) => true,
        Test::Whole { min, max } => min == max,
        Test::Present | Test::Time(_) | Test::Number(_) => false,
    }
}

/// Whether `field:=x` and `field:x` differ by more than stars.
fn has_two_signs(field: &Field) -> bool {
    field.spec().is_some_and(|spec| matches!(spec.kind, Kind::Name | Kind::Prose))
}

fn sign(tests: &[Test]) -> Option<Case> {
    tests.iter().find_map(|test| match test {
        Test::Text(pattern) => Some(pattern.case),
        _ => None,
    })
}
