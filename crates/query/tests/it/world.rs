//! Tenants with known rows, and a thread to ask them on.

use std::sync::Arc;

use event::Event;
use event::canonical::{Context, Stamps};
use event::code::Code;
use event::ids::{EventId, Instance, ProducerId, Seq, TenantId, Timestamp};
use event::system::{self, Item};
use indelible_query::limits::STACK_BYTES;
use indelible_query::{
    Allowance, Answer, Error, Limits, Parameter, Question, Recorded, Stream, Streams, Tenant,
};
use lake::{Hot, Rows, RowsBuilder, Salt, View};
use policy::{Action, Principal, Scope, Scopes};
use tokio::runtime::Runtime;

/// 2024-05-01T12:00:00Z.
pub(crate) const RECEIVED: u64 = 1_714_564_800_000_000_000;
const INSTANCE: Instance = Instance([0xab; 16]);
/// Rows that rebuild no record need no real one.
const SALT: Salt = Salt { block: 1, slot: 0 };

pub(crate) fn tenant() -> TenantId {
    TenantId::parse("acme").unwrap()
}

fn producer() -> ProducerId {
    ProducerId::parse("billing").unwrap()
}

/// What is put in a place of the ledger.
pub(crate) enum Put<'a> {
    Event(&'a str),
    DeadLetter(&'a str),
    Refused,
    Lost,
}

/// A tenant's view with `puts` at the indices from 0 on, a second apart.
pub(crate) fn view(puts: &[Put<'_>]) -> Arc<View> {
    let hot = Hot::new(u64::MAX);
    for (put, index) in puts.iter().zip(0..) {
        let at = Timestamp(RECEIVED + index * 1_000_000_000);
        match rows(put, index) {
            Some(rows) => hot.append(&tenant(), vec![rows.place(index, at)], Vec::new()).unwrap(),
            None => hot.skip(&tenant(), index + 1),
        }
    }
    hot.view(&tenant())
}

fn rows(put: &Put<'_>, index: u64) -> Option<Rows> {
    let (tenant, producer) = (tenant(), producer());
    let stream = Some((INSTANCE, Seq(index + 1)));
    let id = EventId::of_stream(&producer, INSTANCE, Seq(index + 1));
    let item = Item { tenant: &tenant, producer: &producer, stream, id };
    let mut builder = RowsBuilder::new();
    match put {
        Put::Event(json) => {
            let event = Event::parse(json.as_bytes()).unwrap();
            let context = Context {
                tenant: &tenant,
                producer: &producer,
                mapping: None,
                peer_ip: Some("127.0.0.1"),
                credential: None,
            };
            builder.push(&event, &Stamps::new(&event, &context, stream, || id), SALT);
        }
        Put::DeadLetter(raw) => {
            let record = system::dead_letter(&item, Code::SchemaUnknown, "/schema", raw);
            builder.push(&record.event, &record.stamps, SALT);
        }
        Put::Refused => {
            let record = system::refused(&item, Code::MissingField, "/actor");
            builder.push(&record.event, &record.stamps, SALT);
        }
        Put::Lost => return None,
    }
    Some(builder.finish())
}

/// `count` plain events, one batch.
pub(crate) fn many(count: usize) -> Arc<View> {
    let hot = Hot::new(u64::MAX);
    let (tenant, producer) = (tenant(), producer());
    let mut builder = RowsBuilder::new();
    for seq in 0..count {
        let json = format!(
            r#"{{"action":"load.row{}","actor":"actor-{}","attrs":{{"n":{seq}}}}}"#,
            seq % 7,
            seq % 101
        );
        let event = Event::parse(json.as_bytes()).unwrap();
        let context = Context {
            tenant: &tenant,
            producer: &producer,
            mapping: None,
            peer_ip: None,
            credential: None,
        };
        let stream = Some((INSTANCE, Seq(u64::try_from(seq).unwrap() + 1)));
        builder.push(&event, &Stamps::new(&event, &context, stream, || EventId([0; 16])), SALT);
    }
    hot.append(&tenant, vec![builder.finish().place(0, Timestamp(RECEIVED))], Vec::new()).unwrap();
    hot.view(&tenant)
}

/// The tenant that holds `view`, with two streams: one whose last record left the log, one with a gap.
pub(crate) fn whole(view: &Arc<View>) -> Tenant {
    let stream = |instance, next_seq, last_index, gaps_in_log| Stream {
        producer: producer(),
        instance: Instance([instance; 16]),
        next_seq,
        last_seen: Timestamp(RECEIVED),
        last_index,
        gaps_in_log,
    };
    let streams = move || Ok(vec![stream(1, 4, None, 0), stream(2, 12, Some(5), 1)]);
    Tenant { rows: Arc::clone(view), streams: Streams::new(streams) }
}

/// The policy view of a credential with `scope`.
pub(crate) fn policy_view(scope: Scope, action: Action<'_>) -> policy::View {
    let scopes = Scopes::NONE.with(scope);
    let principal = Principal { tenant: tenant(), producer: Some(producer()), scopes };
    policy::decide(&principal, action, &tenant()).into_view().unwrap()
}

/// Asks on a thread with the stack that the crate says it needs.
pub(crate) fn ask_with(
    view: &Arc<View>,
    sql: &str,
    parameters: &[Parameter],
    limits: &Limits,
) -> Result<Answer, Error> {
    on_a_query_thread(|runtime| {
        let policy = policy_view(Scope::Read, Action::Read);
        let question = Question { sql, parameters };
        let answer = indelible_query::run(whole(view), &policy, question, limits);
        runtime.block_on(answer).map(|sealed| sealed.release(on_record()).unwrap())
    })
}

/// A record that allows any answer.
pub(crate) fn on_record() -> Recorded {
    Recorded::new(0, Allowance { rows: u64::MAX, bytes: u64::MAX })
}

/// Works on a thread with the stack that the crate says it needs, with a runtime of its own.
pub(crate) fn on_a_query_thread<T: Send>(work: impl FnOnce(&Runtime) -> T + Send) -> T {
    let with_runtime = || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        work(&runtime)
    };
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(STACK_BYTES);
        thread.spawn_scoped(scope, with_runtime).unwrap().join().unwrap()
    })
}

/// Asks within the usual limits.
pub(crate) fn ask(view: &Arc<View>, sql: &str) -> Result<Answer, Error> {
    ask_with(view, sql, &[], &Limits::default())
}
