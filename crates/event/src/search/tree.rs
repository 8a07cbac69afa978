//! What a search says, once it is read: a tree of tests on fields.
//!
//! Promises: everything is resolved (times are instants, aliases are fields, patterns are split); two searches that say
//! the same in the same order are equal. Refuses three-valued logic: a test on what is not there is false, its negation
//! true.

use super::address::Addresses;
use super::fields::Field;
use super::number::Numbers;
use super::times::Span;

/// A search.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Search {
    /// What a row must satisfy.
    pub root: Node,
    /// Which rows are looked at.
    pub table: Table,
}

/// Which rows a search looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Table {
    /// Events.
    Events,
    /// The ledger's own records, which `is:gap` and `is:lost` choose.
    SystemLog,
}

/// A condition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Node {
    /// All of them; of none: everything.
    And(Vec<Node>),
    /// One of them.
    Or(Vec<Node>),
    /// Not that.
    Not(Box<Node>),
    /// One test.
    Term(Term),
}

/// A test of a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Term {
    /// One of the searched texts holds this; the pattern begins and ends with a star.
    Text(Pattern),
    /// A field passes one of the tests.
    Field {
        /// Which field.
        field: Field,
        /// The tests, of which one is enough; there is at least one.
        tests: Vec<Test>,
    },
}

/// A test of a field's value; of a field with several values, one must pass.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Test {
    /// There is a value.
    Present,
    /// The text has this form.
    Text(Pattern),
    /// The JSON value is this number, `true`, `false` or `null`, or is a text spelled so.
    Scalar(String),
    /// The sixteen bytes are these.
    Id([u8; 16]),
    /// The number lies in this range, ends included.
    Whole {
        /// The least.
        min: u64,
        /// The largest.
        max: u64,
    },
    /// The time lies in this span; of a JSON text, the time that it says.
    Time(Span),
    /// The JSON number lies in this range.
    Number(Numbers),
    /// The address lies in this range.
    Addresses(Addresses),
    /// Type and id of one target have these forms.
    Target {
        /// The form of the type.
        kind: Pattern,
        /// The form of the id.
        id: Pattern,
    },
    /// The path of one change runs through these keys.
    Path(PathPattern),
}

/// Whether letters of either case are the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Case {
    /// They are not.
    Exact,
    /// They are: both sides are put into lower case.
    Fold,
}

/// The form of a text: what stands between stars. One piece is the whole text; the first of several is how it begins,
/// the last how it ends, the others stand between in this order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern {
    /// The pieces, in lower case if case is folded; at least one.
    pub pieces: Vec<String>,
    /// What is the same letter.
    pub case: Case,
}

/// The form of a path: patterns of keys that follow one another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathPattern {
    /// The keys; at least one.
    pub keys: Vec<Pattern>,
    /// Where the first of them stands.
    pub begins: Begins,
}

/// Where a path pattern begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Begins {
    /// At the root of what was changed.
    AtRoot,
    /// At any key.
    Anywhere,
}

impl Pattern {
    /// The whole text, as it is.
    #[must_use]
    pub fn exact(text: impl Into<String>) -> Pattern {
        Pattern { pieces: vec![text.into()], case: Case::Exact }
    }

    /// These pieces with stars between them.
    #[must_use]
    pub fn new(mut pieces: Vec<String>, case: Case) -> Pattern {
        if case == Case::Fold {
            for piece in &mut pieces {
                *piece = piece.to_lowercase();
            }
        }
        Pattern { pieces, case }
    }

    /// The whole text, if the pattern has no star.
    #[must_use]
    pub fn whole(&self) -> Option<&str> {
        match self.pieces.as_slice() {
            [whole] => Some(whole),
            _ => None,
        }
    }

    /// Whether `text` has this form.
    #[must_use]
    pub fn matches(&self, text: &str) -> bool {
        match self.case {
            Case::Exact => self.fits(text),
            Case::Fold => self.fits(&text.to_lowercase()),
        }
    }

    /// Greedy from the left: the earliest place of a piece leaves the most room for the next, so one pass is enough.
    fn fits(&self, text: &str) -> bool {
        let Some((first, others)) = self.pieces.split_first() else { return text.is_empty() };
        let Some((last, between)) = others.split_last() else { return text == first };
        let Some(mut rest) = text.strip_prefix(first.as_str()) else { return false };
        for piece in between {
            let Some((_, after)) = rest.split_once(piece.as_str()) else { return false };
            rest = after;
        }
        rest.ends_with(last.as_str())
    }
}

impl PathPattern {
    /// Whether the keys of a path run through this.
    #[must_use]
    pub fn matches<K: AsRef<str>>(&self, keys: &[K]) -> bool {
        let fits = |window: &[K]| {
            window.iter().zip(&self.keys).all(|(key, pattern)| pattern.matches(key.as_ref()))
        };
        match self.begins {
            Begins::AtRoot => keys.get(..self.keys.len()).is_some_and(fits),
            Begins::Anywhere => keys.windows(self.keys.len().max(1)).any(fits),
        }
    }
}
