//! A search as a statement of SQL.
//!
//! Promises: the statement finds the rows that the search finds; every value is a parameter, so no text of a search becomes
//! a part of the statement. A test on what is not there is false and its negation true, which SQL says with `coalesce`.
//! Refuses to be short: limits of the query engine can refuse a statement whose search was fine.

use super::fields::{Field, Kind};
use super::judge::json_text;
use super::print;
use super::times::{self, Span};
use super::tree::{Case, Node, Pattern, Search, Table, Term, Test};
use crate::json;

/// A parameter's value, in the order of their numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Parameter {
    /// A text.
    Text(String),
    /// A whole number.
    Whole(u64),
    /// A time, in nanoseconds since 1970-01-01T00:00:00Z.
    Time(i64),
}

impl Parameter {
    /// The value as a literal of SQL.
    #[must_use]
    pub fn to_literal(&self) -> String {
        match self {
            Parameter::Text(text) => format!("'{}'", text.replace('\'', "''")),
            Parameter::Whole(number) => number.to_string(),
            Parameter::Time(time) => {
                format!("to_timestamp('{}')", times::instant(*time).unwrap_or_default())
            }
        }
    }
}

/// The functions that statements call: `has_target(type, id)`; `target_like(member, pattern)` and
/// `has_target_like(type pattern, id pattern)` with patterns of LIKE, where member is `type`, `id`, `name`, `parent` or
/// `owner`, with `lower_` before it to be put into lower case;
/// `ip_in(address, range)`; `json_is(json, pointer, value)`, `change_at(changes, path)` and
/// `change_is(changes, 'old' or 'new', pointer, value)` with values as they stand in a search.
pub const FUNCTIONS: &[&str] = &[
    "coalesce",
    "contains",
    "lower",
    "starts_with",
    "has_target",
    "has_target_like",
    "target_like",
    "ip_in",
    "json_is",
    "change_at",
    "change_is",
];

/// The text columns that free text looks into; it looks into types, ids and names of targets as well.
pub const FREE_TEXT: &[&str] = &[
    "action",
    "outcome_code",
    "reason",
    "actor_id",
    "actor_name",
    "actor_email",
    "service",
    "host",
    "ip_claimed",
    "ip_peer",
    "user_agent",
    "session_id",
    "request_id",
    "operation_id",
    "producer",
];
/// The JSON columns that it looks into, as they are written.
pub const FREE_JSON: &[&str] = &["on_behalf_of", "attrs", "changes"];
/// The text columns of `system_log` that it looks into; it looks into `attrs` as well.
pub const FREE_LOG: &[&str] = &["action", "reason", "producer", "code", "field"];

impl Search {
    /// The statement, newest rows first, and its parameters `$1`, `$2` and so on.
    #[must_use]
    pub fn to_sql(&self) -> (String, Vec<Parameter>) {
        let mut writer = Writer { table: self.table, parameters: Vec::new() };
        let table = match self.table {
            Table::Events => "events",
            Table::SystemLog => "system_log",
        };
        let is_all = matches!(&self.root, Node::And(nodes) if nodes.is_empty());
        let condition =
            if is_all { String::new() } else { format!(" WHERE {}", writer.node(&self.root)) };
        (format!("SELECT * FROM {table}{condition} ORDER BY index DESC"), writer.parameters)
    }
}

struct Writer {
    table: Table,
    parameters: Vec<Parameter>,
}

impl Writer {
    fn node(&mut self, node: &Node) -> String {
        match node {
            Node::And(nodes) if nodes.is_empty() => "true".to_owned(),
            Node::And(nodes) => self.joined(nodes, " AND "),
            Node::Or(nodes) => self.joined(nodes, " OR "),
            Node::Not(inner) => format!("NOT coalesce({}, false)", self.node(inner)),
            Node::Term(Term::Text(pattern)) => self.free(pattern),
            Node::Term(Term::Field { field, tests }) => self.field(field, tests),
        }
    }

    fn joined(&mut self, nodes: &[Node], sign: &str) -> String {
        let inner = nodes.iter().map(|node| match node {
            Node::And(inner) | Node::Or(inner) if !inner.is_empty() => {
                format!("({})", self.node(node))
            }
            node => self.node(node),
        });
        inner.collect::<Vec<_>>().join(sign)
    }

    fn text(&mut self, text: impl Into<String>) -> String {
        self.push(Parameter::Text(text.into()))
    }

    fn push(&mut self, parameter: Parameter) -> String {
        self.parameters.push(parameter);
        format!("${}", self.parameters.len())
    }

    /// A term; always one expression that can stand beside an operator.
    fn field(&mut self, field: &Field, tests: &[Test]) -> String {
        let whole = |test: &Test| match test {
            Test::Text(pattern) => pattern.whole().map(str::to_owned),
            _ => None,
        };
        let is_list = tests.len() > 1 && has_own_column(field);
        let all: Option<Vec<String>> = tests.iter().map(whole).collect();
        if let (Some(values), Some(column), true) = (all, self.column(field), is_list) {
            let is_folded = tests
                .iter()
                .any(|test| matches!(test, Test::Text(pattern) if pattern.case == Case::Fold));
            let column = if is_folded { format!("lower({column})") } else { column };
            let values: Vec<String> = values.into_iter().map(|value| self.text(value)).collect();
            return format!("{column} IN ({})", values.join(", "));
        }
        if !field.path().is_empty() {
            return self.json(field, tests);
        }
        let mut parts: Vec<String> = tests.iter().map(|test| self.test(field, test)).collect();
        match (parts.pop(), parts.is_empty()) {
            (Some(only), true) => only,
            (last, _) => {
                parts.extend(last);
                format!("({})", parts.join(" OR "))
            }
        }
    }

    fn column(&self, field: &Field) -> Option<String> {
        match (field, self.table) {
            // A system record has no time of its own.
            (Field::Occurred, Table::SystemLog) => Some("received_at".to_owned()),
            (field, _) => field.column().map(str::to_owned),
        }
    }

    fn test(&mut self, field: &Field, test: &Test) -> String {
        let column = self.column(field).unwrap_or_default();
        match (field, test) {
            (Field::Ip, Test::Present) => {
                "(ip_claimed IS NOT NULL OR ip_peer IS NOT NULL)".to_owned()
            }
            (Field::Ip, Test::Addresses(addresses)) => {
                let range = self.text(addresses.to_text());
                format!("(ip_in(ip_claimed, {range}) OR ip_in(ip_peer, {range}))")
            }
            (Field::Behalf, Test::Text(_)) => self.member("on_behalf_of", "id", test),
            (Field::DecisionEffect, test) => self.member("decision", "effect", test),
            (Field::DecisionPermission, test) => self.member("decision", "permission", test),
            (Field::DecisionPolicy, test) => self.member("decision", "policy", test),
            (Field::Target, Test::Present) => self.target("id", &any()),
            (_, Test::Target { kind, id }) => self.both(kind, id),
            (Field::TargetType, test) => self.target_member("type", test),
            (Field::TargetId, test) => self.target_member("id", test),
            (Field::TargetName, test) => self.target_member("name", test),
            (Field::TargetParent, test) => self.target_member("parent", test),
            (Field::TargetOwner, test) => self.target_member("owner", test),
            (_, test) => self.plain(&column, test),
        }
    }

    /// A test of a column that holds the value itself.
    fn plain(&mut self, column: &str, test: &Test) -> String {
        match test {
            Test::Text(pattern) => self.pattern(column, pattern),
            Test::Id(id) if column == "id" => {
                let id = self.text(crate::ids::EventId(*id).to_string());
                format!("{column} = {id}")
            }
            Test::Id(id) => {
                let id = self.text(crate::ids::Instance(*id).to_string());
                format!("{column} = {id}")
            }
            Test::Whole { min, max } => self.whole(column, *min, *max),
            Test::Time(span) => self.span(column, *span),
            Test::Addresses(addresses) => {
                let range = self.text(addresses.to_text());
                format!("ip_in({column}, {range})")
            }
            Test::Path(_) => {
                let path = self.value(test);
                format!("change_at({column}, {path})")
            }
            _ => format!("{column} IS NOT NULL"),
        }
    }

    fn pattern(&mut self, column: &str, pattern: &Pattern) -> String {
        let column = match pattern.case {
            Case::Exact => column.to_owned(),
            Case::Fold => format!("lower({column})"),
        };
        match pattern.pieces.as_slice() {
            [whole] => format!("{column} = {}", self.text(whole)),
            [first, last] if last.is_empty() => {
                format!("starts_with({column}, {})", self.text(first))
            }
            [first, only, last] if first.is_empty() && last.is_empty() => {
                format!("contains({column}, {})", self.text(only))
            }
            _ => format!("{column} LIKE {}", self.text(like(pattern))),
        }
    }

    fn whole(&mut self, column: &str, min: u64, max: u64) -> String {
        match (min, max) {
            (min, max) if min == max => format!("{column} = {}", self.push(Parameter::Whole(min))),
            (min, u64::MAX) => format!("{column} >= {}", self.push(Parameter::Whole(min))),
            (0, max) => format!("{column} <= {}", self.push(Parameter::Whole(max))),
            (min, max) => {
                let (min, max) =
                    (self.push(Parameter::Whole(min)), self.push(Parameter::Whole(max)));
                format!("({column} >= {min} AND {column} <= {max})")
            }
        }
    }

    fn span(&mut self, column: &str, span: Span) -> String {
        let from =
            span.from.map(|from| format!("{column} >= {}", self.push(Parameter::Time(from))));
        let to = span.to.map(|to| format!("{column} < {}", self.push(Parameter::Time(to))));
        match (from, to) {
            (Some(from), Some(to)) => format!("({from} AND {to})"),
            (from, to) => from.or(to).unwrap_or_else(|| "true".to_owned()),
        }
    }

    fn member(&mut self, column: &str, key: &str, test: &Test) -> String {
        let (pointer, value) = (self.text(format!("/{key}")), self.value(test));
        format!("json_is({column}, {pointer}, {value})")
    }

    /// Tests of what stands at a path.
    fn json(&mut self, field: &Field, tests: &[Test]) -> String {
        let (pointer, values) =
            (self.text(pointer(field.path())), self.text(print::values(Kind::Json, tests)));
        match field {
            Field::Old(_) => format!("change_is(changes, 'old', {pointer}, {values})"),
            Field::New(_) => format!("change_is(changes, 'new', {pointer}, {values})"),
            _ => format!("json_is(attrs, {pointer}, {values})"),
        }
    }

    fn target_member(&mut self, member: &str, test: &Test) -> String {
        match test {
            Test::Text(pattern) => self.target(member, pattern),
            _ => self.target(member, &any()),
        }
    }

    fn target(&mut self, member: &str, pattern: &Pattern) -> String {
        let lower = if pattern.case == Case::Fold { "lower_" } else { "" };
        let pattern = self.text(like(pattern));
        format!("target_like('{lower}{member}', {pattern})")
    }

    fn both(&mut self, kind: &Pattern, id: &Pattern) -> String {
        match (kind.whole(), id.whole()) {
            (Some(kind), Some(id)) => {
                let (kind, id) = (self.text(kind), self.text(id));
                format!("has_target({kind}, {id})")
            }
            _ => {
                let (kind, id) = (self.text(like(kind)), self.text(like(id)));
                format!("has_target_like({kind}, {id})")
            }
        }
    }

    /// A test as it stands behind the colon of a search.
    fn value(&mut self, test: &Test) -> String {
        let kind = if matches!(test, Test::Path(_)) { Kind::Path } else { Kind::Json };
        self.text(print::values(kind, std::slice::from_ref(test)))
    }

    fn free(&mut self, pattern: &Pattern) -> String {
        let (columns, json): (&[&str], &[&str]) = match self.table {
            Table::Events => (FREE_TEXT, FREE_JSON),
            Table::SystemLog => (FREE_LOG, &["attrs"]),
        };
        let mut parts: Vec<String> = Vec::new();
        let plain = self.contained(pattern);
        parts.extend(columns.iter().map(|column| plain(column)));
        if self.table == Table::Events {
            let form = self.text(like(pattern));
            parts.extend(
                ["type", "id", "name"]
                    .map(|member| format!("target_like('lower_{member}', {form})")),
            );
        }
        let escaped = self.contained(&json_text(pattern));
        parts.extend(json.iter().map(|column| escaped(column)));
        format!("({})", parts.join(" OR "))
    }

    /// A test of many columns with one parameter.
    fn contained(&mut self, pattern: &Pattern) -> impl Fn(&str) -> String + use<> {
        let (is_one, parameter) = match pattern.pieces.as_slice() {
            [_, only, _] => (true, self.text(only)),
            _ => (false, self.text(like(pattern))),
        };
        move |column| match is_one {
            true => format!("contains(lower({column}), {parameter})"),
            false => format!("lower({column}) LIKE {parameter}"),
        }
    }
}

/// Whether the column's value is what the test is about.
fn has_own_column(field: &Field) -> bool {
    field.spec().is_none_or(|spec| {
        matches!(spec.kind, Kind::Word | Kind::Name | Kind::Choice(_) | Kind::Rank(_))
    }) && !matches!(field.column(), Some("targets" | "decision" | "on_behalf_of"))
}

fn any() -> Pattern {
    Pattern::new(vec![String::new(), String::new()], Case::Exact)
}

/// The pattern as LIKE has it.
fn like(pattern: &Pattern) -> String {
    let piece =
        |piece: &String| piece.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
    pattern.pieces.iter().map(piece).collect::<Vec<_>>().join("%")
}

fn pointer(path: &[String]) -> String {
    let mut pointer = String::new();
    path.iter().for_each(|key| json::push_token(&mut pointer, key));
    pointer
}
