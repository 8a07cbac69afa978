//! A compiled search: tests of stored rows, joined by and, or and not.
//!
//! A row either matches or does not: where a value is missing a test does not hold, and its negation does. Rows are
//! narrowed test by test, cheap tests first, so that JSON is read only where everything else holds. It knows no grammar
//! (that is `event::search`) and no policy (rows come as their caller sees them).

use event::search::{Addresses, Case, Pattern, Span};

use super::json::Probe;
use super::page::{Page, Selection, Text, Time};
use crate::Error;

/// What rows must be.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Node {
    /// Every one of these holds; every row, if there is none.
    All(Vec<Self>),
    /// One of these holds; no row, if there is none.
    Any(Vec<Self>),
    /// It does not hold.
    Not(Box<Self>),
    /// One test.
    Test(Test),
}

/// One test of a row.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Test {
    /// It has such a text.
    There(Text),
    /// One of its texts has this form.
    Text(Text, Pattern),
    /// One of its texts is one of these addresses.
    Address(Text, Addresses),
    /// One of its targets has a type and an id of these forms.
    Target(Pattern, Pattern),
    /// Its time, in nanoseconds, is in this span.
    Time(Time, Span),
    /// Its number is between these, both ends included.
    Number(&'static str, u64, u64),
    /// It has these sixteen bytes.
    Bytes(&'static str, [u8; 16]),
    /// It has such bytes at all.
    BytesThere(&'static str),
    /// It is a record of one of these kinds.
    Record(Vec<u8>),
    /// Its JSON column passes.
    Json(&'static str, Probe),
}

impl Node {
    /// The rows of `among` that match.
    pub(super) fn keep(&self, page: Page<'_>, among: Selection) -> Result<Selection, Error> {
        if among.is_empty() {
            return Ok(among);
        }
        match self {
            Self::All(nodes) => nodes.iter().try_fold(among, |left, node| node.keep(page, left)),
            Self::Any(nodes) => {
                let (mut left, mut found) = (among, Vec::new());
                for node in nodes {
                    let more = node.keep(page, left.clone())?;
                    left = without(left, &more);
                    found.extend(more);
                }
                found.sort_unstable();
                Ok(found)
            }
            Self::Not(node) => {
                let held = node.keep(page, among.clone())?;
                Ok(without(among, &held))
            }
            Self::Test(test) => test.keep(page, among),
        }
    }

    /// The stored columns that it looks at.
    pub(super) fn needs(&self) -> Vec<&'static str> {
        match self {
            Self::All(nodes) | Self::Any(nodes) => nodes.iter().flat_map(Self::needs).collect(),
            Self::Not(node) => node.needs(),
            Self::Test(test) => test.needs(),
        }
    }

    /// The same with cheap tests before dear ones.
    pub(super) fn ordered(self) -> Self {
        let sorted = |nodes: Vec<Self>| {
            let mut nodes: Vec<Self> = nodes.into_iter().map(Self::ordered).collect();
            nodes.sort_by_key(Self::cost);
            nodes
        };
        match self {
            Self::All(nodes) => Self::All(sorted(nodes)),
            Self::Any(nodes) => Self::Any(sorted(nodes)),
            Self::Not(node) => Self::Not(Box::new(node.ordered())),
            Self::Test(test) => Self::Test(test),
        }
    }

    fn cost(&self) -> u64 {
        match self {
            Self::All(nodes) | Self::Any(nodes) => {
                nodes.iter().map(Self::cost).fold(0, u64::saturating_add)
            }
            Self::Not(node) => node.cost(),
            Self::Test(test) => test.cost(),
        }
    }
}

impl Test {
    fn keep(&self, page: Page<'_>, among: Selection) -> Result<Selection, Error> {
        match self {
            Self::There(text) => page.with_text(*text, among, |_| true),
            Self::Text(text, form) => page.with_text(*text, among, |text| form.matches(text)),
            Self::Address(text, addresses) => {
                page.with_text(*text, among, |text| addresses.contains(text))
            }
            Self::Target(kind, id) => {
                page.with_target(among, |one, other| kind.matches(one) && id.matches(other))
            }
            Self::Time(time, span) => page.with_time(*time, among, |at| span.contains(at)),
            Self::Number(name, from, to) => {
                page.with_number(name, among, |number| (*from..=*to).contains(&number))
            }
            Self::Bytes(name, bytes) => page.with_bytes(name, among, |other| bytes == other),
            Self::BytesThere(name) => page.with_bytes(name, among, |_| true),
            Self::Record(kinds) => page.with_record(among, |kind| kinds.contains(&kind)),
            Self::Json(name, probe) => {
                page.with_text(Text::Stored(name), among, |json| probe.holds(json))
            }
        }
    }

    fn needs(&self) -> Vec<&'static str> {
        match self {
            Self::There(text) | Self::Text(text, _) | Self::Address(text, _) => text.needs(),
            Self::Target(..) => vec![lake::rows::TARGETS],
            Self::Time(time, _) => time.needs(),
            Self::Number(name, ..)
            | Self::Json(name, _)
            | Self::Bytes(name, _)
            | Self::BytesThere(name) => vec![name],
            Self::Record(_) => vec![lake::rows::RECORD],
        }
    }

    /// How dear a test of one row is, roughly, in comparisons of numbers.
    fn cost(&self) -> u64 {
        match self {
            Self::Number(..) | Self::Time(..) | Self::Record(_) | Self::There(_) => 1,
            Self::Bytes(..) | Self::BytesThere(_) => 1,
            Self::Text(_, form) if form.case == Case::Fold => 30,
            Self::Text(..) | Self::Target(..) => 4,
            Self::Address(..) => 30,
            Self::Json(..) => 300,
        }
    }
}

/// The rows of `all` that are not in `some`, both ascending.
fn without(all: Selection, some: &[u32]) -> Selection {
    let mut some = some.iter().peekable();
    let mut left = all;
    left.retain(|row| {
        while some.next_if(|other| **other < *row).is_some() {}
        some.peek().is_none_or(|other| **other != *row)
    });
    left
}
