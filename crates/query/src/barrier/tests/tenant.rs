//! Tenants with hidden rows that would break every careless cast, count and division, and the views
//! of them that callers have.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use event::Event;
use event::canonical::{Context, Stamps};
use event::code::Code;
use event::ids::{EventId, Instance, ProducerId, Seq, TenantId, Timestamp};
use event::system::{self, Item};
use lake::{Hot, RowsBuilder, Salt};
use policy::{Action, Field, Mask, MaskKey, Masks, Principal, RowScope, RowTest, Scope, Scopes};

use super::draw::Draw;

/// 2024-05-01T12:00:00Z.
const RECEIVED: u64 = 1_714_564_800_000_000_000;
const SECOND: u64 = 1_000_000_000;
const INSTANCE: Instance = Instance([0xab; 16]);
const SALT: Salt = Salt { block: 1, slot: 0 };
pub(super) const KEY: MaskKey = MaskKey([0x5e; 32]);

const ACTIONS: [&str; 6] =
    ["invoice.approve", "invoice.create", "user.login", "user.logout", "a.b", "payroll.run"];
const ACTORS: [&str; 7] = ["10", "20", "30", "ana@acme", "bo@acme", "7x", "0"];
const PRODUCERS: [&str; 3] = ["billing", "payroll", "web"];
const OUTCOMES: [&str; 4] = ["success", "denied", "failure", "partial"];
const SERVICES: [&str; 3] = ["web", "10", "job"];

/// What a scope can ask of a row, noted down when the row was made.
#[derive(Debug, Default)]
struct Noted {
    fields: BTreeMap<Field, String>,
    targets: Vec<String>,
    received: u64,
}

/// A tenant, the view of one caller, and which rows that view holds.
#[derive(Debug)]
pub(super) struct World {
    pub(super) rows: Arc<lake::View>,
    pub(super) caller: policy::View,
    pub(super) in_scope: BTreeSet<u64>,
    pub(super) masks: BTreeMap<Field, Mask>,
    pub(super) is_narrowed: bool,
}

impl World {
    pub(super) fn new(draw: &mut Draw) -> Self {
        let (rows, noted) = tenant(draw);
        let tests = scope(draw);
        let holds = |row: &Noted| tests.iter().all(|test| row.holds(test));
        let in_scope =
            noted.iter().filter(|(_, row)| holds(row)).map(|(index, _)| *index).collect();
        let masks = masks(draw);
        let is_narrowed = !tests.is_empty() || !masks.is_empty();
        let mut caller = whole();
        if !tests.is_empty() {
            caller = caller.scoped(RowScope::new(tests));
        }
        if let Some(masks) = Masks::new(KEY, masks.clone()) {
            caller = caller.masked(masks);
        }
        Self { rows, caller, in_scope, masks, is_narrowed }
    }

    /// The tenant as a question takes it.
    pub(super) fn tenant(&self) -> crate::Tenant {
        crate::Tenant { rows: Arc::clone(&self.rows), streams: crate::Streams::new(streams) }
    }
}

impl Noted {
    /// The rule of scopes, said a second time.
    fn holds(&self, test: &RowTest) -> bool {
        match test {
            RowTest::OneOf { field: Field::Targets, values } => {
                self.targets.iter().any(|target| values.contains(target))
            }
            RowTest::OneOf { field, values } => {
                self.fields.get(field).is_some_and(|text| values.contains(text))
            }
            RowTest::Like { field, pattern } => {
                let start = pattern.strip_suffix('*').expect("patterns here end on a star");
                self.fields.get(field).is_some_and(|text| text.starts_with(start))
            }
            RowTest::Received(range) => {
                range.start.0 <= self.received && self.received < range.end.0
            }
            other => panic!("no such test is drawn: {other:?}"),
        }
    }
}

/// A stream of each producer.
fn streams() -> Result<Vec<crate::Stream>, crate::Error> {
    let stream = |(number, producer): (usize, &&str)| crate::Stream {
        producer: ProducerId::parse(producer).unwrap(),
        instance: Instance([u8::try_from(number).unwrap(); 16]),
        next_seq: 4 + u64::try_from(number).unwrap(),
        last_seen: Timestamp(RECEIVED),
        last_index: u64::try_from(number).ok().filter(|number| *number > 0),
        gaps_in_log: 1,
    };
    Ok(PRODUCERS.iter().enumerate().map(stream).collect())
}

/// The view of a credential that may read everything.
pub(super) fn whole() -> policy::View {
    let scopes = Scopes::NONE.with(Scope::Read);
    let principal = Principal { tenant: name(), producer: None, scopes };
    policy::decide(&principal, Action::Read, &name()).into_view().unwrap()
}

fn name() -> TenantId {
    TenantId::parse("acme").unwrap()
}

fn tenant(draw: &mut Draw) -> (Arc<lake::View>, BTreeMap<u64, Noted>) {
    let hot = Hot::new(u64::MAX);
    let mut noted = BTreeMap::new();
    let end = 30 + u64::try_from(draw.below(40)).unwrap();
    for index in 0..end {
        if draw.hits(2) {
            hot.skip(&name(), index + 1);
            continue;
        }
        let received = RECEIVED + index / 3 * 700 * SECOND;
        let mut builder = RowsBuilder::new();
        let mut row = record(draw, index, &mut builder);
        row.received = received;
        let placed = builder.finish().place(index, Timestamp(received));
        hot.append(&name(), vec![placed], Vec::new()).unwrap();
        noted.insert(index, row);
    }
    (hot.view(&name()), noted)
}

fn record(draw: &mut Draw, index: u64, builder: &mut RowsBuilder) -> Noted {
    let producer = draw.one(&PRODUCERS);
    let (tenant, sender) = (name(), ProducerId::parse(producer).unwrap());
    let stream = draw.hits(80).then_some((INSTANCE, Seq(index + 1)));
    let id = EventId::of_stream(&sender, INSTANCE, Seq(index + 1));
    let item = Item { tenant: &tenant, producer: &sender, stream, id };
    let kind = draw.below(100);
    if kind < 10 {
        let record = match kind {
            0..5 => system::dead_letter(&item, Code::SchemaUnknown, "/schema", r#"{"a":1}"#),
            _ => system::refused(&item, Code::MissingField, "/actor"),
        };
        builder.push(&record.event, &record.stamps, SALT);
        return own(&record.kind.action(), producer);
    }
    let (json, mut noted) = event(draw);
    let parsed = Event::parse(json.as_bytes()).unwrap_or_else(|error| panic!("{error:?}: {json}"));
    let peer_ip = draw.hits(70).then_some("127.0.0.1");
    let context =
        Context { tenant: &tenant, producer: &sender, mapping: None, peer_ip, credential: None };
    builder.push(&parsed, &Stamps::new(&parsed, &context, stream, || id), SALT);
    noted.fields.insert(Field::Producer, producer.to_owned());
    noted
}

fn own(action: &str, producer: &str) -> Noted {
    let fields = [
        (Field::Action, action),
        (Field::ActorId, system::ACTOR_ID),
        (Field::Outcome, "unknown"),
        (Field::Producer, producer),
    ];
    let fields = fields.into_iter().map(|(field, text)| (field, text.to_owned())).collect();
    Noted { fields, ..Noted::default() }
}

/// An event, and what a scope can ask of it.
fn event(draw: &mut Draw) -> (String, Noted) {
    let mut noted = Noted::default();
    let (action, actor) = (draw.one(&ACTIONS), draw.one(&ACTORS));
    let mut members = vec![format!(r#""action":"{action}""#)];
    let mut who = format!(r#""id":"{actor}""#);
    if draw.hits(50) {
        who += &format!(r#","kind":"{}""#, draw.one(&["human", "service", "agent"]));
    }
    if draw.hits(50) {
        who += &format!(r#","name":"Name {actor}","email":"{}@acme.example""#, draw.below(3));
    }
    members.push(format!(r#""actor":{{{who}}}"#));
    let mut note = |field, text: &str| noted.fields.insert(field, text.to_owned());
    note(Field::Action, action);
    note(Field::ActorId, actor);
    note(Field::Outcome, "unknown");
    if draw.hits(80) {
        let status = draw.one(&OUTCOMES);
        note(Field::Outcome, status);
        let code = draw.below(5);
        let reason = draw.one(&["5", "over the limit", "0", "-3"]);
        members.push(format!(
            r#""outcome":{{"status":"{status}","code":"E{code}","reason":"{reason}"}}"#
        ));
    }
    if draw.hits(70) {
        let service = draw.one(&SERVICES);
        note(Field::Service, service);
        let (host, ip) = (draw.below(4), draw.below(9));
        members.push(format!(
            r#""origin":{{"service":"{service}","host":"h{host}","ip":"10.0.0.{ip}","user_agent":"curl/{ip}"}}"#
        ));
    }
    if draw.hits(70) {
        noted.targets = (0..=draw.below(3)).map(|_| format!("t/{}", draw.below(5))).collect();
        let shown: Vec<String> = noted.targets.iter().map(|target| format!("{target:?}")).collect();
        members.push(format!(r#""targets":[{}]"#, shown.join(",")));
    }
    more(draw, &mut members);
    (format!("{{{}}}", members.join(",")), noted)
}

/// Members that no scope asks for.
fn more(draw: &mut Draw, members: &mut Vec<String>) {
    let (day, hour, n) = (1 + draw.below(3), draw.below(24), draw.below(9));
    let all = [
        format!(r#""occurred_at":"2024-05-0{day}T{hour:02}:0{n}:00.5+02:00""#),
        format!(r#""attrs":{{"n":{n},"amount":{}.25}}"#, draw.below(1000)),
        format!(r#""changes":[{{"path":"/p{n}","op":"replace","old":{n},"new":{hour}}}]"#),
        format!(r#""severity":"{}""#, draw.one(&["info", "notice", "warning"])),
        format!(r#""on_behalf_of":["{}"]"#, draw.one(&ACTORS)),
        format!(r#""correlation":{{"session_id":"s{n}","request_id":"{hour}"}}"#),
        format!(r#""kind":"{}""#, draw.one(&["read", "update", "login"])),
    ];
    for member in all {
        if draw.hits(50) {
            members.push(member);
        }
    }
}

fn scope(draw: &mut Draw) -> Vec<RowTest> {
    let mut tests = Vec::new();
    let mut set = |draw: &mut Draw, field, from: &[&str]| {
        let values = from.iter().filter(|_| draw.hits(60)).map(|text| (*text).to_owned());
        tests.push(RowTest::OneOf { field, values: values.collect() });
    };
    if draw.hits(40) {
        set(draw, Field::Producer, &PRODUCERS);
    }
    if draw.hits(25) {
        set(draw, Field::ActorId, &ACTORS);
    }
    if draw.hits(25) {
        set(draw, Field::Outcome, &[&OUTCOMES[..], &["unknown"]].concat());
    }
    if draw.hits(10) {
        set(draw, Field::Targets, &["t/0", "t/1", "t/2", "t/3"]);
    }
    if draw.hits(25) {
        let pattern = draw.one(&["invoice.*", "user.*", "*", "i*"]).to_owned();
        tests.push(RowTest::Like { field: Field::Action, pattern });
    }
    if draw.hits(20) {
        let from = RECEIVED + u64::try_from(draw.below(5)).unwrap() * 700 * SECOND;
        tests.push(RowTest::Received(Timestamp(from)..Timestamp(from + 14_000 * SECOND)));
    }
    tests
}

fn masks(draw: &mut Draw) -> BTreeMap<Field, Mask> {
    if draw.hits(30) {
        return BTreeMap::new();
    }
    let chance = draw.one(&[&10, &25]);
    let all = Field::ALL.iter().copied();
    let drawn = all.filter(|_| draw.hits(*chance)).collect::<Vec<_>>();
    let mask = |draw: &mut Draw| if draw.hits(50) { Mask::Hidden } else { Mask::Hashed };
    drawn.into_iter().map(|field| (field, mask(draw))).collect()
}
