//! The questions of the scenarios, to our server and in a rival's words.

use std::collections::BTreeMap;
use std::io;

use crate::clock;
use crate::http::{Connection, Reply};
use crate::names::Names;
use crate::report::Latencies;

/// How often the dearest questions are asked.
const ASKED_AGAIN: usize = 20;
const JSON: &str = "content-type: application/json\r\n";
/// An answer with at least one event is longer.
const ANSWER_BYTES_MIN: usize = 200;

/// One question to our server.
#[derive(Debug, Clone)]
pub(crate) enum Asked {
    Path(String),
    Search(String),
    Sql(&'static str),
}

impl Asked {
    /// Asks it.
    pub(crate) fn send(&self, door: &mut Connection) -> io::Result<Reply> {
        match self {
            Asked::Path(path) => door.get(path),
            Asked::Search(q) => {
                let body = serde_json::json!({ "q": q, "limit": 100 }).to_string();
                door.send("/v1/search", JSON, body.as_bytes())?;
                door.reply()
            }
            Asked::Sql(sql) => {
                let body = serde_json::json!({ "sql": sql }).to_string();
                door.send("/v1/query", JSON, body.as_bytes())?;
                door.reply()
            }
        }
    }
}

/// The questions to us, by name.
pub(crate) fn ours(names: &Names) -> BTreeMap<&'static str, Vec<Asked>> {
    let by_actor = |name: &String| Asked::Search(format!("actor:{name}"));
    let by_target = |(kind, id): &(String, String)| Asked::Search(format!("target:{kind}/{id}"));
    let by_hour = "SELECT hour, action, sum(n) AS n FROM events_by_hour GROUP BY hour, action";
    let by_id = |id: &String| Asked::Path(format!("/v1/events/{id}"));
    BTreeMap::from([
        ("by_id", names.ids.iter().map(by_id).collect()),
        ("by_actor", names.actors.iter().map(by_actor).collect()),
        ("by_hottest_actor", vec![by_actor(&names.hottest_actor); ASKED_AGAIN]),
        ("by_target", names.targets.iter().map(by_target).collect()),
        ("by_hottest_target", vec![by_target(&names.hottest_target); ASKED_AGAIN]),
        ("by_hour", vec![Asked::Sql(by_hour); ASKED_AGAIN]),
    ])
}

/// Asks each question once; an empty answer is a wrong one, since every name is of an event.
pub(crate) fn timed(door: &mut Connection, list: &[Asked]) -> io::Result<Latencies> {
    let mut latencies = Latencies::default();
    for asked in list {
        let began = clock::now();
        let reply = asked.send(door)?;
        latencies.push(began.elapsed());
        if reply.status != 200 || reply.body.len() < ANSWER_BYTES_MIN {
            let said: String = String::from_utf8_lossy(&reply.body).chars().take(300).collect();
            let why = format!("{asked:?} was answered {}: {said}", reply.status);
            return Err(io::Error::other(why));
        }
    }
    Ok(latencies)
}

/// Asks each list twice on one connection; the second time counts.
pub(crate) fn all_timed(
    door: &mut Connection,
    lists: &BTreeMap<&'static str, Vec<Asked>>,
) -> io::Result<BTreeMap<&'static str, Latencies>> {
    let mut measured = BTreeMap::new();
    for (name, list) in lists {
        timed(door, list)?;
        measured.insert(*name, timed(door, list)?);
    }
    Ok(measured)
}

/// How a rival says the same.
#[derive(Debug)]
pub(crate) struct Dialect {
    table: &'static str,
    all: &'static str,
    actor: &'static str,
    target: &'static str,
    by_hour: &'static str,
}

impl Dialect {
    pub(crate) const POSTGRES: Self = Self {
        table: "audit",
        all: "event",
        actor: "actor",
        target: "target",
        by_hour: "SELECT date_trunc('hour', occurred_at), action, count(*) FROM audit GROUP BY 1, 2",
    };
    pub(crate) const CLICKHOUSE: Self = Self {
        table: "bench.audit",
        all: "*",
        actor: "actor_id",
        target: "target_id",
        by_hour: "SELECT toStartOfHour(occurred_at), action, count() FROM bench.audit GROUP BY 1, 2",
    };

    fn by_id(&self, id: &str) -> String {
        format!("SELECT {} FROM {} WHERE id = '{id}'", self.all, self.table)
    }

    fn newest(&self, column: &str, name: &str) -> String {
        let Self { table, all, .. } = self;
        format!(
            "SELECT {all} FROM {table} WHERE {column} = '{name}' ORDER BY occurred_at DESC LIMIT 100"
        )
    }
}

/// The questions in a rival's words.
pub(crate) fn rival(names: &Names, dialect: &Dialect) -> BTreeMap<&'static str, Vec<String>> {
    let by_actor = |name: &String| dialect.newest(dialect.actor, name);
    let by_target = |(_, id): &(String, String)| dialect.newest(dialect.target, id);
    BTreeMap::from([
        ("by_id", names.ids.iter().map(|id| dialect.by_id(id)).collect()),
        ("by_actor", names.actors.iter().map(by_actor).collect()),
        ("by_hottest_actor", vec![by_actor(&names.hottest_actor); ASKED_AGAIN]),
        ("by_target", names.targets.iter().map(by_target).collect()),
        ("by_hottest_target", vec![by_target(&names.hottest_target); ASKED_AGAIN]),
        ("by_hour", vec![dialect.by_hour.to_owned(); ASKED_AGAIN]),
    ])
}
