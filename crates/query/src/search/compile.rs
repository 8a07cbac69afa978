//! What is asked -> tests of stored rows, and what is known of matching rows before any is read.

use event::event::DEFAULT_SCHEMA;
use event::ids::EventId;
use event::search::{
    FREE_JSON, FREE_LOG, FREE_TEXT, Field, Node as Asked, Pattern, Span, Table, Term,
    Test as AskedTest, json_text,
};
use lake::names;
use lake::rows::{ID, INDEX, INSTANCE, SEQ};

use super::Ask;
use super::json::Probe;
use super::node::{Node, Test};
use super::page::{Text, Time};
use super::walk::{Key, Piece, unread};
use crate::sight::Sight;
use crate::{Error, tables};

/// A search, ready to be asked of rows.
#[derive(Debug)]
pub(super) struct Compiled {
    /// What rows must be.
    pub(super) node: Node,
    /// What else is known of them.
    pub(super) key: Key,
    /// When they are from.
    pub(super) bounds: Bounds,
}

/// Times of which matching rows are.
#[derive(Debug)]
pub(super) struct Bounds {
    occurred: [Span; 2],
    received: Span,
}

impl Compiled {
    /// `ask` for the rows of `view`.
    pub(super) fn new(ask: &Ask<'_>, view: &lake::View, sight: &Sight) -> Result<Self, Error> {
        let kinds = match ask.search.table {
            Table::Events => tables::kinds("events"),
            Table::SystemLog => tables::kinds("system_log"),
        };
        let mut all =
            vec![Node::Test(Test::Record(kinds)), node(&ask.search.root, ask.search.table)];
        if ask.occurred != Span::default() {
            all.push(Node::Test(Test::Time(Time::Occurred, ask.occurred)));
        }
        let required = ask.search.required();
        let key = match &required.ids {
            Some(ids) => Key::Indices(with_ids(view, ids)?),
            None => {
                // INVARIANT (I9): an index tells of true names, so it is not asked for a masked one.
                let sees = |field| !sight.is_masked(field);
                let actors = required.actors.iter().filter(|_| sees(policy::Field::ActorId));
                let actors =
                    actors.map(|ids| ids.iter().map(|id| names::actor(id)).collect::<Vec<u32>>());
                let targets = required.targets.iter().filter(|_| sees(policy::Field::Targets));
                let targets = targets.map(|targets| {
                    targets.iter().map(|(kind, id)| names::target(kind, id)).collect()
                });
                Key::named(actors.chain(targets).collect())
            }
        };
        let bounds =
            Bounds { occurred: [ask.occurred, required.occurred], received: required.received };
        Ok(Self { node: Node::All(all).ordered(), key, bounds })
    }
}

impl Bounds {
    /// Whether a piece may have rows of these times.
    pub(super) fn may_be_in(&self, piece: Piece<'_>) -> bool {
        let Piece::Stored(segment) = piece else { return true };
        let about = segment.about();
        // Where it is not said when something happened, it is when it was received.
        let (first, last) = about.received_at;
        let (from, to) = about.occurred_at.unwrap_or((first, last));
        let occurred = (from.min(first), to.max(last));
        meet(&self.received, (first, last)) && self.occurred.iter().all(|span| meet(span, occurred))
    }
}

fn meet(span: &Span, (first, last): (i64, i64)) -> bool {
    span.from.is_none_or(|from| last >= from) && span.to.is_none_or(|to| first < to)
}

/// The indices of records with these ids, ascending.
fn with_ids(view: &lake::View, ids: &[[u8; 16]]) -> Result<Vec<u64>, Error> {
    let mut indices = Vec::new();
    for id in ids {
        indices.extend(lake::lookup::by_id(view, &EventId(*id)).map_err(unread)?);
    }
    indices.sort_unstable();
    indices.dedup();
    Ok(indices)
}

fn node(asked: &Asked, table: Table) -> Node {
    let all = |parts: &[Asked]| parts.iter().map(|part| node(part, table)).collect();
    match asked {
        Asked::And(parts) => Node::All(all(parts)),
        Asked::Or(parts) => Node::Any(all(parts)),
        Asked::Not(part) => Node::Not(Box::new(node(part, table))),
        Asked::Term(Term::Text(form)) => Node::Any(words(form, table)),
        Asked::Term(Term::Field { field, tests }) => match source(field) {
            Source::Json(name) => Node::Test(Test::Json(name, Probe::new(field, tests))),
            _ => Node::Any(tests.iter().flat_map(|test| of_field(field, test)).collect()),
        },
    }
}

/// Texts that free text is looked for in.
fn words(form: &Pattern, table: Table) -> Vec<Node> {
    let (columns, json, members): (_, _, &[&str]) = match table {
        Table::Events => (FREE_TEXT, FREE_JSON, &["type", "id", "name"]),
        Table::SystemLog => (FREE_LOG, &["attrs"] as &[&str], &[]),
    };
    let escaped = json_text(form);
    let plain = columns.iter().map(|name| Test::Text(Text::Stored(name), form.clone()));
    let json = json.iter().map(|name| Test::Text(Text::Stored(name), escaped.clone()));
    let members = members.iter().map(|name| Test::Text(Text::Target(name), form.clone()));
    plain.chain(json).chain(members).map(Node::Test).collect()
}

/// The tests of which one must hold for a test of a field; none can hold if there is none.
fn of_field(field: &Field, test: &AskedTest) -> Vec<Node> {
    let tests = match (source(field), test) {
        (Source::Texts(texts), AskedTest::Present) => texts.into_iter().map(Test::There).collect(),
        (Source::Texts(texts), AskedTest::Text(form)) => {
            texts.into_iter().map(|text| Test::Text(text, form.clone())).collect()
        }
        (Source::Texts(texts), AskedTest::Addresses(addresses)) => {
            texts.into_iter().map(|text| Test::Address(text, *addresses)).collect()
        }
        (Source::Texts(_), AskedTest::Target { kind, id }) => {
            vec![Test::Target(kind.clone(), id.clone())]
        }
        (Source::Time(time), AskedTest::Time(span)) => vec![Test::Time(time, *span)],
        (Source::Time(time), AskedTest::Present) => vec![Test::Time(time, Span::default())],
        (Source::Number(name), AskedTest::Whole { min, max }) => {
            vec![Test::Number(name, *min, *max)]
        }
        (Source::Number(name), AskedTest::Present) => vec![Test::Number(name, 0, u64::MAX)],
        (Source::Bytes(name), AskedTest::Id(bytes)) => vec![Test::Bytes(name, *bytes)],
        (Source::Bytes(name), AskedTest::Present) => vec![Test::BytesThere(name)],
        _ => Vec::new(),
    };
    tests.into_iter().map(Node::Test).collect()
}

/// The text that a field is, if it is one text.
pub(super) fn text_of(field: &Field) -> Option<Text> {
    match source(field) {
        Source::Texts(texts) => texts.first().copied(),
        _ => None,
    }
}

/// What a field is made of.
enum Source {
    Texts(Vec<Text>),
    Time(Time),
    Number(&'static str),
    Bytes(&'static str),
    Json(&'static str),
}

fn source(field: &Field) -> Source {
    let one = |text| Source::Texts(vec![text]);
    match field {
        Field::Id => Source::Bytes(ID),
        Field::Instance => Source::Bytes(INSTANCE),
        Field::Index => Source::Number(INDEX),
        Field::Seq => Source::Number(SEQ),
        Field::Received => Source::Time(Time::Received),
        Field::Occurred => Source::Time(Time::Occurred),
        Field::Schema => one(Text::Default("schema", DEFAULT_SCHEMA)),
        Field::Outcome => one(Text::Default("outcome", "unknown")),
        Field::ActorKind => one(Text::Default("actor_kind", "unknown")),
        Field::Kind => one(Text::Either("kind", "kind_inferred")),
        Field::Record => one(Text::Record),
        Field::ActorRef => one(Text::ActorRef),
        Field::Target | Field::TargetId => one(Text::Target("id")),
        Field::TargetType => one(Text::Target("type")),
        Field::TargetName => one(Text::Target("name")),
        Field::TargetParent => one(Text::Target("parent")),
        Field::TargetOwner => one(Text::Target("owner")),
        Field::Ip => Source::Texts(vec![Text::Stored("ip_claimed"), Text::Stored("ip_peer")]),
        Field::Behalf => Source::Json("on_behalf_of"),
        Field::DecisionEffect | Field::DecisionPermission | Field::DecisionPolicy => {
            Source::Json("decision")
        }
        Field::Changed | Field::Old(_) | Field::New(_) => Source::Json("changes"),
        Field::Attrs(_) => Source::Json("attrs"),
        other => Source::Texts(other.column().map(Text::Stored).into_iter().collect()),
    }
}
