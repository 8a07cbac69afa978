//! From values as they are written to tests, by what the field's values are.
//!
//! Promises: a value that the field cannot have is an error with a caret under it, never a test that nothing passes.
//! Refuses to take a value for another type than the field's.

mod nested; // targets, paths, JSON

use std::ops::Range;

use super::address::Addresses;
use super::error::{Error, Reason};
use super::fields::{Filled, Kind, Spec};
use super::lexer::{Filter, Quoted, Raw};
use super::limits;
use super::number::Decimal;
use super::times::{self, Form, Moment, Span};
use super::tree::{Case, Pattern, Test};
use crate::event::suggest;
use crate::ids::{EventId, Instance};

/// What other languages call a value.
const FOREIGN_VALUES: &[(&str, &str)] = &[
    ("error", "failure"),
    ("ok", "success"),
    ("allow", "success"),
    ("allowed", "success"),
    ("fatal", "critical"),
    ("err", "error"),
    ("user", "human"),
    ("person", "human"),
    ("robot", "service"),
    ("bot", "service"),
    ("modify", "update"),
    ("view", "read"),
];

/// A comparison before a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Compare {
    /// `>`
    Above,
    /// `>=`
    AtLeast,
    /// `<`
    Below,
    /// `<=`
    AtMost,
    /// `=`: this text as it is.
    Equal,
}

/// What the values of a filter are read for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reader<'a> {
    pub(super) spec: &'static Spec,
    /// Whether a path follows the field's name.
    pub(super) has_path: bool,
    pub(super) filter: &'a Filter,
    /// Nanoseconds since 1970.
    pub(super) now: i64,
}

impl Reader<'_> {
    /// The tests that the values are.
    pub(super) fn tests(&self) -> Result<Vec<Test>, Error> {
        let mut tests: Vec<Test> = Vec::new();
        if let (Some(compare), [_, second, ..]) =
            (self.filter.compare, self.filter.values.as_slice())
            && compare != Compare::Equal
        {
            let hint = "write one value behind the sign, or several without one";
            let message = "a comparison with several values";
            return Err(Error::new(Reason::WrongType, second.span.clone(), message, hint));
        }
        for raw in &self.filter.values {
            for test in self.value(raw)? {
                if !tests.contains(&test) {
                    tests.push(test);
                }
            }
        }
        Ok(tests)
    }

    fn value(&self, raw: &Raw) -> Result<Vec<Test>, Error> {
        let is_bare = raw.quoted == Quoted::No;
        if is_bare {
            self.refuse_foreign(raw)?;
        }
        if is_bare && raw.pieces.iter().all(String::is_empty) && raw.pieces.len() > 1 {
            return self.present(&raw.span).map(|test| vec![test]);
        }
        if self.spec.kind == Kind::Json && !self.has_path {
            return Err(self.needs_path());
        }
        if self.spec.kind != Kind::Json && literal(raw).is_empty() {
            return Err(self.invalid(raw, "a value", "there is nothing in the quotes"));
        }
        match self.spec.kind {
            Kind::Uuid => self.uuid(raw),
            Kind::Hex => self.hex(raw),
            Kind::Whole => self.whole(raw),
            Kind::Time => self.time(raw).map(Test::Time),
            Kind::Word => self.pattern(raw, Case::Exact).map(Test::Text),
            Kind::Name => self.pattern(raw, Case::Fold).map(Test::Text),
            Kind::Prose => self.prose(raw),
            Kind::Choice(allowed) => self.choice(raw, allowed),
            Kind::Rank(allowed) => return self.rank(raw, allowed),
            Kind::Address => self.addresses(raw).map(Test::Addresses),
            Kind::Target => self.target(raw),
            Kind::Path => self.path(raw).map(Test::Path),
            Kind::Json => self.json(raw),
        }
        .map(|test| vec![test])
    }

    /// `field:*`
    pub(super) fn present(&self, span: &Range<usize>) -> Result<Test, Error> {
        let name = self.spec.name;
        if self.filter.compare.is_some() {
            return Err(self.unordered(span.clone()));
        }
        if self.spec.kind == Kind::Json && !self.has_path && name != "attrs" {
            return Err(self.needs_path());
        }
        match self.spec.filled {
            Filled::Sometimes => Ok(Test::Present),
            Filled::Always => Err(Error::new(
                Reason::InvalidValue,
                span.clone(),
                format!("every row has `{name}`"),
                "leave it out",
            )),
        }
    }

    /// `!x`, `/x/` and `@me`, which mean something elsewhere.
    fn refuse_foreign(&self, raw: &Raw) -> Result<(), Error> {
        let text = raw.text.as_str();
        let name = self.spec.name;
        if let Some(rest) = text.strip_prefix('!').filter(|rest| !rest.is_empty()) {
            let error = Error::new(
                Reason::Foreign,
                self.filter.name.start..raw.span.end,
                "not is written before the field",
                format!("write -{name}:{rest}; a value that begins with ! goes into quotes"),
            );
            return Err(match self.filter.values.as_slice() {
                [_] => error.instead(format!("-{name}:{rest}")),
                _ => error,
            });
        }
        let is_regex = self.spec.kind != Kind::Path
            && text.len() > 2
            && text.starts_with('/')
            && (text.ends_with('/') || text.ends_with("/i"));
        if is_regex {
            return Err(Error::new(
                Reason::Foreign,
                raw.span.clone(),
                "a search has no regular expressions",
                "use * for any characters, `sql` with regexp_like, or put the value into quotes",
            ));
        }
        if text == "@me" {
            return Err(Error::new(
                Reason::InvalidValue,
                raw.span.clone(),
                "a search does not know who `@me` is",
                "write the id; an id that is spelled @me goes into quotes",
            ));
        }
        Ok(())
    }

    fn invalid(&self, raw: &Raw, what: &str, hint: impl Into<String>) -> Error {
        let shown: String = raw.text.chars().take(40).collect();
        Error::new(Reason::InvalidValue, raw.span.clone(), format!("`{shown}` is not {what}"), hint)
    }

    fn unordered(&self, span: Range<usize>) -> Error {
        let name = self.spec.name;
        let hint = format!("write {name}:value, with * for any characters");
        Error::new(Reason::WrongType, span, format!("`{name}` has no order"), hint)
    }

    fn needs_path(&self) -> Error {
        let name = self.spec.name;
        let message = format!("`{name}` needs a path");
        let hint = format!("write {name}.role:value");
        Error::new(Reason::MissingValue, self.filter.name.clone(), message, hint)
    }

    /// No order, and no pattern either.
    fn only_equal(&self, raw: &Raw) -> Result<(), Error> {
        match self.filter.compare {
            None | Some(Compare::Equal) => Ok(()),
            Some(_) => Err(self.unordered(raw.span.clone())),
        }
    }

    fn pattern(&self, raw: &Raw, case: Case) -> Result<Pattern, Error> {
        self.only_equal(raw)?;
        Ok(match self.filter.compare {
            Some(_) => Pattern::exact(literal(raw)),
            None => Pattern::new(raw.pieces.clone(), case),
        })
    }

    fn prose(&self, raw: &Raw) -> Result<Test, Error> {
        let pattern = self.pattern(raw, Case::Fold)?;
        let is_part = self.filter.compare.is_none() && pattern.pieces.len() == 1;
        Ok(Test::Text(if is_part { within(pattern) } else { pattern }))
    }

    fn uuid(&self, raw: &Raw) -> Result<Test, Error> {
        self.only_equal(raw)?;
        let id = EventId::parse(&literal(raw)).map_err(|_| {
            self.invalid(
                raw,
                "an event id",
                "an id is 32 hexadecimal digits in groups of 8-4-4-4-12",
            )
        })?;
        Ok(Test::Id(id.0))
    }

    fn hex(&self, raw: &Raw) -> Result<Test, Error> {
        self.only_equal(raw)?;
        let instance = Instance::parse(&literal(raw)).map_err(|_| {
            self.invalid(raw, "an instance", "an instance is 32 hexadecimal digits")
        })?;
        Ok(Test::Id(instance.0))
    }

    fn choice(&self, raw: &Raw, allowed: &[&str]) -> Result<Test, Error> {
        self.only_equal(raw)?;
        let text = literal(raw);
        if allowed.contains(&text.as_str()) {
            return Ok(Test::Text(Pattern::exact(text)));
        }
        let error = self.invalid(
            raw,
            &format!("a value of `{}`", self.spec.name),
            format!("one of: {}", allowed.join(", ")),
        );
        let foreign = FOREIGN_VALUES.iter().find(|(other, _)| text.eq_ignore_ascii_case(other));
        let foreign = foreign.map(|(_, ours)| *ours).filter(|ours| allowed.contains(ours));
        let begun = || {
            let begin: String = text.to_lowercase().chars().take(3).collect();
            allowed.iter().copied().find(|value| begin.len() == 3 && value.starts_with(&begin))
        };
        Err(match foreign.or_else(|| suggest::nearest(&text, allowed)).or_else(begun) {
            Some(meant) => error.instead(meant),
            None => error,
        })
    }

    /// A comparison of values in order means all values on that side.
    fn rank(&self, raw: &Raw, allowed: &[&str]) -> Result<Vec<Test>, Error> {
        let text = literal(raw);
        let Some(at) = allowed.iter().position(|value| *value == text) else {
            let plain = Filter { compare: None, ..self.filter.clone() };
            return Reader { filter: &plain, ..*self }.choice(raw, allowed).map(|test| vec![test]);
        };
        let is_meant = |position: usize| match self.filter.compare {
            Some(Compare::Above) => position > at,
            Some(Compare::AtLeast) => position >= at,
            Some(Compare::Below) => position < at,
            Some(Compare::AtMost) => position <= at,
            None | Some(Compare::Equal) => position == at,
        };
        let meant = allowed.iter().enumerate().filter(|(position, _)| is_meant(*position));
        let tests: Vec<Test> = meant.map(|(_, value)| Test::Text(Pattern::exact(*value))).collect();
        if tests.is_empty() { Err(empty(raw.span.clone())) } else { Ok(tests) }
    }

    fn whole(&self, raw: &Raw) -> Result<Test, Error> {
        let number = |text: &str| {
            let is_plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
            text.parse::<u64>().ok().filter(|_| is_plain).ok_or_else(|| {
                self.invalid(raw, "a whole number", "write digits, or a range like 10..20")
            })
        };
        let (min, max) = match (range(raw), self.filter.compare) {
            (Some(_), Some(_)) => return Err(compared_range(raw)),
            (Some((from, to)), None) => (
                if from.is_empty() { 0 } else { number(from)? },
                if to.is_empty() { u64::MAX } else { number(to)? },
            ),
            (None, compare) => {
                let value = number(&literal(raw))?;
                match compare {
                    None | Some(Compare::Equal) => (value, value),
                    Some(Compare::AtLeast) => (value, u64::MAX),
                    Some(Compare::AtMost) => (0, value),
                    Some(Compare::Above) => {
                        (value.checked_add(1).ok_or_else(|| empty(raw.span.clone()))?, u64::MAX)
                    }
                    Some(Compare::Below) => {
                        (0, value.checked_sub(1).ok_or_else(|| empty(raw.span.clone()))?)
                    }
                }
            }
        };
        if min > max { Err(empty(raw.span.clone())) } else { Ok(Test::Whole { min, max }) }
    }

    fn moment(&self, raw: &Raw, text: &str) -> Result<Moment, Error> {
        times::parse(text, self.now).ok_or_else(|| self.invalid(raw, "a time", times::FORMS))
    }

    /// A time, by itself or compared.
    pub(super) fn time(&self, raw: &Raw) -> Result<Span, Error> {
        let span = match (range(raw), self.filter.compare) {
            (Some(_), Some(_)) => return Err(compared_range(raw)),
            (Some((from, to)), None) => {
                let bound = |text: &str| match text {
                    "" => Ok(None),
                    text => self.moment(raw, text).map(Some),
                };
                let (from, to) = (bound(from)?, bound(to)?);
                Span { from: from.map(|moment| moment.start), to: to.map(|moment| moment.end) }
            }
            (None, compare) => {
                let moment = self.moment(raw, &literal(raw))?;
                side(compare, moment)
            }
        };
        match (span.from, span.to) {
            (Some(from), Some(to)) if from >= to => Err(empty(raw.span.clone())),
            _ => Ok(span),
        }
    }

    fn addresses(&self, raw: &Raw) -> Result<Addresses, Error> {
        self.only_equal(raw)?;
        let hint = "write an address, a block like 10.0.0.0/8, or a range like 10.0.0.1..10.0.0.9";
        if let Some((first, last)) = range(raw) {
            let (first, last) = (first.parse(), last.parse());
            let (Ok(first), Ok(last)) = (first, last) else {
                return Err(self.invalid(raw, "a range of addresses", hint));
            };
            return Addresses::between(first, last).ok_or_else(|| empty(raw.span.clone()));
        }
        let error = self.invalid(raw, "an address", hint);
        Addresses::parse(&literal(raw)).ok_or_else(|| match dotted_glob(&raw.text) {
            Some(meant) => error.instead(meant),
            None => error,
        })
    }
}

/// The times on one side of a moment. A bare duration means: since then.
fn side(compare: Option<Compare>, moment: Moment) -> Span {
    let Moment { start, end, form } = moment;
    match compare {
        None if form == Form::Ago => Span { from: Some(start), to: None },
        None | Some(Compare::Equal) => Span { from: Some(start), to: Some(end) },
        Some(Compare::AtLeast) => Span { from: Some(start), to: None },
        Some(Compare::Above) => Span { from: Some(end), to: None },
        Some(Compare::Below) => Span { from: None, to: Some(start) },
        Some(Compare::AtMost) => Span { from: None, to: Some(end) },
    }
}

/// The same as a part of a text.
pub(super) fn within(pattern: Pattern) -> Pattern {
    let mut pieces = vec![String::new()];
    pieces.extend(pattern.pieces.into_iter().filter(|piece| !piece.is_empty()));
    pieces.push(String::new());
    Pattern { pieces, case: pattern.case }
}

/// Whether a JSON text and another JSON value can be spelled like this.
pub(super) fn is_scalar(text: &str) -> bool {
    matches!(text, "true" | "false" | "null") || Decimal::parse(text).is_some()
}

/// The value as one text, stars and all.
pub(super) fn literal(raw: &Raw) -> String {
    raw.pieces.join("*")
}

/// The ends of `a..b`, either of which may be missing.
fn range(raw: &Raw) -> Option<(&str, &str)> {
    let ends = raw.text.split_once("..")?;
    (raw.quoted == Quoted::No && ends != ("", "")).then_some(ends)
}

fn empty(span: Range<usize>) -> Error {
    Error::new(Reason::EmptyRange, span, "nothing lies in this range", "put the smaller end first")
}

fn compared_range(raw: &Raw) -> Error {
    Error::new(
        Reason::WrongType,
        raw.span.clone(),
        "a comparison of a range",
        "write either a comparison (>=10) or a range (10..20)",
    )
}

/// `10.2.*` as a block.
fn dotted_glob(text: &str) -> Option<String> {
    let parts: Vec<&str> = text.strip_suffix(".*")?.trim_end_matches(".*").split('.').collect();
    let is_octet = |part: &&str| part.parse::<u8>().is_ok_and(|octet| octet.to_string() == **part);
    if parts.len() > 3 || !parts.iter().all(is_octet) {
        return None;
    }
    let mut octets = parts.clone();
    octets.resize(4, "0");
    Some(format!("{}/{}", octets.join("."), parts.len() * 8))
}
