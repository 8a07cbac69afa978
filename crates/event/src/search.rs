//! The search language: `actor:ana action:invoice.* -kind:read since:24h "free text"`.
//!
//! Promises: one parser for every place that takes a search; an unknown field is an error with a caret and a suggestion,
//! never an empty answer; ids match exactly, case folds in names and free text only; bounded by `limits` in bytes, depth
//! and terms, and linear in time. Pure: `now` is an argument. `docs/reference/search.md` is the grammar in words and
//! `testdata/search/cases.tsv` in examples. Refuses to look at rows: the evaluators here are of single values.
//!
//! Upper rooms use lower ones: complete sql required | print parser | merge names judge | values | lexer | fields |
//! tree | address number times | error limits.

mod complete;
mod required;
mod sql;

mod parser;
mod print;

mod judge;
mod merge;
mod names;

mod values;

mod lexer;

mod fields;

mod tree;

mod address;
mod number;
mod times;

mod error;
pub mod limits;

use crate::ids::Timestamp;

pub use address::Addresses;
pub use complete::{Completion, Suggestion, complete};
pub use error::{Error, Reason};
pub use fields::Field;
pub use judge::{address_tests, change_path, json_at, json_tests, json_text};
pub use number::{Bound, Decimal, End, Numbers};
pub use required::Required;
pub use sql::{FREE_JSON, FREE_LOG, FREE_TEXT, FUNCTIONS, Parameter};
pub use times::Span;
pub use tree::{Begins, Case, Node, PathPattern, Pattern, Search, Table, Term, Test};

/// The search that `text` is; `now` is what `24h` and `today` are counted from.
///
/// # Errors
/// With the first thing that is wrong, where it stands, and what to write instead.
pub fn parse(text: &str, now: Timestamp) -> Result<Search, Error> {
    parser::parse(text, i64::try_from(now.0).unwrap_or(i64::MAX))
}

/// The search that these bytes are.
///
/// # Errors
/// As [`parse`], and for bytes that are not UTF-8.
pub fn parse_bytes(bytes: &[u8], now: Timestamp) -> Result<Search, Error> {
    match str::from_utf8(bytes) {
        Ok(text) => parse(text, now),
        Err(_) => {
            Err(Error::new(Reason::InvalidValue, 0..0, "the search is not UTF-8", "send UTF-8"))
        }
    }
}

#[cfg(test)]
mod tests;
