//! What is wrong with a search, where, and what to write instead.
//!
//! Promises: a span lies inside the text and on character boundaries; what is `instead` can be parsed, or gets a step
//! further. Refuses to guess silently: a correction is shown, never applied.

use std::fmt::Write as _;
use std::ops::Range;

use crate::code::Code;

/// Characters of the query that are printed above a caret.
const SHOWN_CHARS: usize = 72;

/// Defines the reasons and their texts from one list.
macro_rules! reasons {
    ($($(#[$doc:meta])+ $variant:ident = $text:literal;)+) => {
        /// Why a search cannot be read, as one word group.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Reason {
            $($(#[$doc])+ $variant,)+
        }

        impl Reason {
            /// Every reason.
            pub const ALL: &'static [Reason] = &[$(Reason::$variant),+];

            /// The word group.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Reason::$variant => $text,)+ }
            }
        }
    };
}

reasons! {
    /// There is no field of this name.
    UnknownField = "unknown_field";
    /// A field has no value after its colon.
    MissingValue = "missing_value";
    /// A value is not one that the field can have.
    InvalidValue = "invalid_value";
    /// A comparison or range where there is no order, or a pattern where there is no text.
    WrongType = "wrong_type";
    /// A range that ends before it begins.
    EmptyRange = "empty_range";
    /// A quote that is not closed, or stands inside a word.
    Quote = "quote";
    /// A group that is not closed, was not opened, or is empty.
    Group = "group";
    /// `AND`, `OR`, `NOT` or `-` without what they need.
    Operator = "operator";
    /// A spelling of another language, with ours in the hint.
    Foreign = "foreign";
    /// A field that the chosen table has not.
    OtherTable = "other_table";
    /// One of the limits.
    Limit = "limit";
}

/// Why a search cannot be read, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    /// Why, for programs.
    pub reason: Reason,
    /// The bytes of the search that it is about.
    pub span: Range<usize>,
    /// Why, for people.
    pub message: String,
    /// What to do about it.
    pub hint: String,
    /// The part at `span`, mended.
    pub instead: Option<String>,
}

impl Error {
    /// An error without a mended text.
    pub(super) fn new(
        reason: Reason,
        span: Range<usize>,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) -> Error {
        Error { reason, span, message: message.into(), hint: hint.into(), instead: None }
    }

    /// The same with what to write at its span.
    #[must_use]
    pub(super) fn instead(mut self, text: impl Into<String>) -> Error {
        self.instead = Some(text.into());
        self
    }

    /// The code of the answer.
    #[must_use]
    pub fn code(&self) -> Code {
        match self.reason {
            Reason::Limit => Code::QueryLimit,
            _ => Code::QueryInvalid,
        }
    }

    /// The character of `query` that the caret stands under, from 1.
    #[must_use]
    pub fn column(&self, query: &str) -> usize {
        query.get(..self.span.start).unwrap_or(query).chars().count() + 1
    }

    /// All of `query`, mended.
    #[must_use]
    pub fn mended(&self, query: &str) -> Option<String> {
        let instead = self.instead.as_deref()?;
        let (before, after) = (query.get(..self.span.start)?, query.get(self.span.end..)?);
        Some(format!("{before}{instead}{after}"))
    }

    /// Message, the query with carets under the place, hint, and the query mended if that is known. Lines end with `\n`.
    #[must_use]
    pub fn render(&self, query: &str) -> String {
        let mut text = format!("{}\n", self.message);
        let before = self.column(query) - 1;
        let width = query.get(self.span.clone()).unwrap_or("").chars().count().max(1);
        let skipped = before.saturating_sub(SHOWN_CHARS / 2);
        let shown = query.chars().skip(skipped).take(SHOWN_CHARS).map(printable);
        let width = width.min(SHOWN_CHARS.saturating_sub(before - skipped).max(1));
        text.push_str("  ");
        text.extend(shown);
        text.push_str("\n  ");
        text.extend(std::iter::repeat_n(' ', before - skipped));
        text.extend(std::iter::repeat_n('^', width));
        text.push('\n');
        // Writing to a text cannot fail.
        let _ = writeln!(text, "hint: {}", self.hint);
        if let Some(mended) = self.mended(query) {
            let _ = writeln!(text, "try: {}", mended.chars().map(printable).collect::<String>());
        }
        text
    }
}

/// A terminal gets no character that moves its cursor, so that the caret stays under its place.
fn printable(character: char) -> char {
    if character.is_control() { ' ' } else { character }
}
