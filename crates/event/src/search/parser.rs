//! From tokens to the tree.
//!
//! Promises: recursion is bounded by a limit that is checked before it; every error has a place. Precedence: `-` and
//! `NOT`, then `AND` (or nothing), then `OR`. Refuses to drop a term: what merges is said in `join_same`.

use std::ops::Range;

use super::error::{Error, Reason};
use super::fields::{self, Field, Known, Rows, Spec};
use super::lexer::{Filter, Quoted, Raw, Token, What, tokens};
use super::names;
use super::tree::{Case, Node, Pattern, Search, Table, Term, Test};
use super::values::{Compare, Reader, literal, within};
use super::{limits, merge};

/// The search that `text` is at the instant `now` (nanoseconds since 1970).
pub(super) fn parse(text: &str, now: i64) -> Result<Search, Error> {
    if text.len() > limits::SEARCH_BYTES_MAX {
        let end = (limits::SEARCH_BYTES_MAX..text.len()).find(|at| text.is_char_boundary(*at));
        return Err(Error::new(
            Reason::Limit,
            end.unwrap_or(text.len())..text.len(),
            format!("a search of more than {} bytes", limits::SEARCH_BYTES_MAX),
            "ask several shorter searches",
        ));
    }
    let tokens = tokens(text)?;
    let end = text.trim_end().len();
    let mut parser =
        Parser { text, tokens: &tokens, at: 0, end, now, depth: 0, nodes: 0, used: Vec::new() };
    let root = if tokens.is_empty() { Node::And(Vec::new()) } else { parser.or()? };
    if let Some(token) = parser.peek() {
        // Only a closing bracket ends a search early.
        return Err(group(
            token.span.clone(),
            "a bracket that was not opened",
            "open it, or leave it out; in a text, use quotes",
        ));
    }
    let table = parser.table()?;
    Ok(Search { root, table })
}

struct Parser<'a> {
    text: &'a str,
    tokens: &'a [Token],
    at: usize,
    /// Where the last token ends.
    end: usize,
    now: i64,
    depth: usize,
    nodes: usize,
    /// The fields that were asked about, and where.
    used: Vec<(Field, Range<usize>)>,
}

impl<'a> Parser<'a> {
    fn peek(&self) -> Option<&'a Token> {
        self.tokens.get(self.at)
    }

    fn next(&mut self) -> Option<&'a Token> {
        let token = self.peek()?;
        self.at += 1;
        Some(token)
    }

    fn take(&mut self, what: &What) -> bool {
        let is_there = self.peek().is_some_and(|token| token.what == *what);
        self.at += usize::from(is_there);
        is_there
    }

    /// Counts a term, a value or a group.
    fn count(&mut self, span: &Range<usize>) -> Result<(), Error> {
        self.nodes += 1;
        if self.nodes > limits::SEARCH_NODES_MAX {
            return Err(Error::new(
                Reason::Limit,
                span.clone(),
                format!("more than {} terms and values", limits::SEARCH_NODES_MAX),
                "ask several shorter searches",
            ));
        }
        Ok(())
    }

    fn or(&mut self) -> Result<Node, Error> {
        let mut nodes = vec![self.and()?];
        while self.take(&What::Or) {
            nodes.push(self.and()?);
        }
        Ok(merge::any_of(nodes))
    }

    fn and(&mut self) -> Result<Node, Error> {
        let mut members = vec![merge::Member::new(self.not()?)];
        loop {
            let is_explicit = self.take(&What::And);
            let is_next =
                self.peek().is_some_and(|token| !matches!(token.what, What::Or | What::Close));
            if !is_explicit && !is_next {
                return Ok(merge::all_of(members));
            }
            let mut member = merge::Member::new(self.not()?);
            if is_explicit {
                member.pin();
                members.last_mut().into_iter().for_each(merge::Member::pin);
            }
            members.push(member);
        }
    }

    fn not(&mut self) -> Result<Node, Error> {
        let Some(token) = self.peek() else {
            let start = self.tokens.last().map_or(0, |token| token.span.start);
            let message = "the search ends where a term must follow";
            return Err(Error::new(
                Reason::Operator,
                start..self.end,
                message,
                "write a term, or leave the operator out",
            ));
        };
        if !matches!(token.what, What::Minus | What::Not) {
            return self.primary();
        }
        self.at += 1;
        if let Some(next) = self.peek().filter(|next| matches!(next.what, What::Minus | What::Not))
        {
            let message = "a negation of a negation";
            return Err(Error::new(
                Reason::Operator,
                token.span.start..next.span.end,
                message,
                "write one - or none",
            ));
        }
        Ok(merge::negated(self.primary()?))
    }

    fn primary(&mut self) -> Result<Node, Error> {
        let Some(token) = self.next() else { return self.not() };
        let operator = |message: &str| {
            let hint = "write a term before it and behind it; as a text it goes into quotes";
            Err(Error::new(Reason::Operator, token.span.clone(), message, hint))
        };
        match &token.what {
            What::Open => self.group(&token.span),
            What::Close => Err(group(
                token.span.clone(),
                "a bracket where a term must stand",
                "write a term, or leave the brackets out",
            )),
            What::And => operator("`AND` with nothing on one side"),
            What::Or => operator("`OR` with nothing on one side"),
            What::Minus | What::Not => operator("a negation of nothing"),
            What::Text(raw) => self.free(raw),
            What::Filter(filter) => self.filter(filter, &token.span),
        }
    }

    fn group(&mut self, open: &Range<usize>) -> Result<Node, Error> {
        self.count(open)?;
        self.depth += 1;
        if self.depth > limits::SEARCH_DEPTH_MAX {
            let message = format!("groups more than {} deep", limits::SEARCH_DEPTH_MAX);
            return Err(Error::new(Reason::Limit, open.clone(), message, "nest less deeply"));
        }
        if let Some(close) = self.peek().filter(|token| token.what == What::Close) {
            return Err(group(
                open.start..close.span.end,
                "an empty group",
                "write a term into it, or leave it out",
            ));
        }
        let is_end = self.peek().is_none();
        let inner = if is_end { None } else { Some(self.or()?) };
        let Some(inner) = inner.filter(|_| self.take(&What::Close)) else {
            return Err(group(
                open.clone(),
                "a bracket that is not closed",
                "close it; in a text, use quotes",
            ));
        };
        self.depth -= 1;
        Ok(inner)
    }

    /// A word or phrase; a star alone is everything.
    fn free(&mut self, raw: &Raw) -> Result<Node, Error> {
        self.count(&raw.span)?;
        let is_nothing = raw.pieces.iter().all(String::is_empty);
        if is_nothing && raw.quoted == Quoted::No {
            return Ok(Node::And(Vec::new()));
        }
        if is_nothing {
            let message = "there is nothing in the quotes";
            return Err(Error::new(
                Reason::MissingValue,
                raw.span.clone(),
                message,
                "write a text into them",
            ));
        }
        Ok(Node::Term(Term::Text(within(Pattern::new(raw.pieces.clone(), Case::Fold)))))
    }

    fn filter(&mut self, filter: &Filter, span: &Range<usize>) -> Result<Node, Error> {
        for raw in &filter.values {
            self.count(&raw.span)?;
        }
        match fields::find(&filter.segments) {
            None => Err(names::unknown(self.text, filter, span)),
            Some(Known::Field(spec, path)) => self.field(filter, spec, path),
            Some(Known::Is) => self.is(filter),
            Some(Known::Has) => self.has(filter),
            Some(Known::Since) => self.bound(filter, Compare::AtLeast),
            Some(Known::Until) => self.bound(filter, Compare::AtMost),
        }
    }

    fn field(
        &mut self,
        filter: &Filter,
        spec: &'static Spec,
        path: Vec<String>,
    ) -> Result<Node, Error> {
        let reader = Reader { spec, has_path: !path.is_empty(), filter, now: self.now };
        let tests = reader.tests()?;
        Ok(self.term(spec.field.with_path(path), tests, &filter.name))
    }

    fn term(&mut self, field: Field, tests: Vec<Test>, span: &Range<usize>) -> Node {
        self.used.push((field.clone(), span.clone()));
        Node::Term(Term::Field { field, tests })
    }

    /// `since:` and `until:`: one time, with no sign before it.
    fn bound(&mut self, filter: &Filter, compare: Compare) -> Result<Node, Error> {
        let wrong = |span: Range<usize>, message: &str| {
            Error::new(
                Reason::WrongType,
                span,
                message,
                "write one time, or use occurred: with a sign or a range",
            )
        };
        if let [_, second, ..] = filter.values.as_slice() {
            return Err(wrong(second.span.clone(), "a bound has one time"));
        }
        let Some(raw) = filter.values.first() else { return Ok(Node::And(Vec::new())) };
        if filter.compare.is_some() || raw.text.contains("..") {
            return Err(wrong(raw.span.clone(), "a bound of time takes no sign and no range"));
        }
        let Some(spec) = Field::Occurred.spec() else { return Ok(Node::And(Vec::new())) };
        let bounded = Filter { compare: Some(compare), ..filter.clone() };
        self.field(&bounded, spec, Vec::new())
    }

    fn is(&mut self, filter: &Filter) -> Result<Node, Error> {
        let mut nodes: Vec<Node> = Vec::new();
        for raw in &filter.values {
            let word = literal(raw);
            let found = fields::IS.iter().find(|(name, _, _)| *name == word);
            if filter.compare.is_some() {
                let hint = "write is:denied, without a sign";
                let message = "`is:` has no order";
                return Err(Error::new(Reason::WrongType, raw.span.clone(), message, hint));
            }
            let Some((_, field, values)) = found else {
                return Err(names::unknown_is(raw, &word));
            };
            let tests = values.iter().map(|value| Test::Text(Pattern::exact(*value))).collect();
            nodes.push(self.term(field.clone(), tests, &raw.span));
        }
        Ok(merge::same_fields(nodes))
    }

    fn has(&mut self, filter: &Filter) -> Result<Node, Error> {
        let mut nodes = Vec::new();
        for raw in &filter.values {
            let name = literal(raw);
            let segments: Vec<String> = name.split('.').map(str::to_owned).collect();
            let wrong = |what: &str| {
                let hint = "write a field, or a path below attrs: has:session, has:attrs.ticket";
                Err(Error::new(Reason::InvalidValue, raw.span.clone(), what, hint))
            };
            if filter.compare.is_some()
                || raw.pieces.len() > 1
                || segments.iter().any(String::is_empty)
                || segments.len() > limits::PATH_SEGMENTS_MAX
            {
                return wrong("`has:` takes the name of a field");
            }
            let (spec, path) = match fields::find(&segments) {
                Some(Known::Field(spec, path)) => (spec, path),
                Some(_) => return wrong("this is no field that can be missing"),
                None => names::below_attrs(raw, &name, segments)?,
            };
            let reader = Reader { spec, has_path: !path.is_empty(), filter, now: self.now };
            let test = reader.present(&raw.span)?;
            nodes.push(self.term(spec.field.with_path(path), vec![test], &raw.span));
        }
        Ok(merge::any_of(nodes))
    }

    /// Which rows are meant, and whether they have every field that is asked about.
    fn table(&self) -> Result<Table, Error> {
        let is_log = self.used.iter().any(|(field, _)| *field == Field::Record);
        let (table, missing) = match is_log {
            true => (Table::SystemLog, Rows::Events),
            false => (Table::Events, Rows::SystemLog),
        };
        let foreign = self
            .used
            .iter()
            .find(|(field, _)| field.spec().is_some_and(|spec| spec.rows == missing));
        let Some((field, span)) = foreign else { return Ok(table) };
        let name = field.name();
        Err(match table {
            Table::SystemLog => Error::new(
                Reason::OtherTable,
                span.clone(),
                format!(
                    "`is:gap` and `is:lost` search the system log, whose rows have no `{name}`"
                ),
                "leave one of them out; the system log has action, reason, attrs, producer, instance, seq, code, id, index and times",
            ),
            Table::Events => Error::new(
                Reason::OtherTable,
                span.clone(),
                format!("events have no `{name}`"),
                "did you mean `outcome.code`?",
            )
            .instead("outcome.code"),
        })
    }
}

fn group(span: Range<usize>, message: &str, hint: &str) -> Error {
    Error::new(Reason::Group, span, message, hint)
}
