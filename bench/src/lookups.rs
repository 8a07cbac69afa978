//! Look-ups and bytes of what is archived: the same events in our store, in PostgreSQL and in
//! ClickHouse, the same questions to each, one after the other on a warm connection.
//!
//! Ours goes over HTTP, PostgreSQL over TCP, ClickHouse is in process. Every list is asked twice, the
//! second time counts. It refuses to count an answer that is not the one expected.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::clickhouse;
use crate::clock;
use crate::generate::Generator;
use crate::http::{Connection, Server};
use crate::load::{self, Load, Shape};
use crate::postgres::{Copy, Postgres};
use crate::report::Latencies;
use crate::server::{self, Running};

const CONNECTIONS: usize = 8;
const BATCH: usize = 500;
/// The rival's writers: as many as our connections, so that it holds the very same events.
const WRITERS: usize = CONNECTIONS;
const SEED: u64 = 7;
/// Questions of each kind.
const ASKED: usize = 200;
/// How often the dearest questions are asked.
const ASKED_AGAIN: usize = 20;
/// How long segments may take to be merged.
const PATIENCE: Duration = Duration::from_secs(600);
const POLL: Duration = Duration::from_millis(200);

/// What to run.
struct Plan {
    events: usize,
    server: Option<PathBuf>,
    folder: PathBuf,
    python: String,
    only: Option<String>,
}

/// One system's figures.
#[derive(Debug, Default)]
struct Figures {
    bytes: BTreeMap<&'static str, f64>,
    latencies: BTreeMap<String, Latencies>,
}

/// Names that are asked for.
#[derive(Debug, Default)]
struct Names {
    ids: Vec<String>,
    actors: Vec<String>,
    targets: Vec<(String, String)>,
    hottest_actor: String,
    hottest_target: (String, String),
}

/// Runs the scenario; the answer is the report.
pub(crate) fn run(args: &[String]) -> Result<Vec<u8>, String> {
    let plan = plan(args)?;
    let folder = plan.folder.join(format!("indelible-bench-{}", std::process::id()));
    let measured = fs::create_dir_all(&folder).and_then(|()| measured(&plan, &folder));
    fs::remove_dir_all(&folder).map_err(|error| error.to_string())?;
    measured.map(String::into_bytes).map_err(|error| error.to_string())
}

fn plan(args: &[String]) -> Result<Plan, String> {
    let mut plan = Plan {
        events: 1_000_000,
        server: None,
        folder: std::env::temp_dir(),
        python: "python3".to_owned(),
        only: None,
    };
    let mut words = args.iter();
    while let Some(word) = words.next() {
        let value = words.next().ok_or_else(|| format!("{word} needs a value"))?;
        match word.as_str() {
            "--events" => plan.events = value.parse().map_err(|_| "--events takes a number")?,
            "--server" => plan.server = Some(value.into()),
            "--dir" => plan.folder = value.into(),
            "--python" => plan.python.clone_from(value),
            "--only" => plan.only = Some(value.clone()),
            _ => return Err(format!("unknown option {word} {value}")),
        }
    }
    let whole = CONNECTIONS * BATCH;
    plan.events = plan.events.div_ceil(whole).max(1) * whole;
    Ok(plan)
}

impl Plan {
    fn wants(&self, system: &str) -> bool {
        self.only.as_deref().is_none_or(|only| only == system)
    }

    fn load(&self) -> Load {
        let requests = self.events / (CONNECTIONS * BATCH);
        Load { seed: SEED, connections: CONNECTIONS, requests, batch: BATCH, shape: Shape::Stream }
    }
}

fn measured(plan: &Plan, folder: &Path) -> io::Result<String> {
    let ndjson = folder.join("events.ndjson");
    let names = draw(plan, &ndjson)?;
    let mut systems = Vec::new();
    if plan.wants("postgres") {
        systems.push(("postgres", postgres(plan, folder, &names)?));
    }
    if plan.wants("clickhouse") {
        match clickhouse(plan, folder, (&ndjson, &names))? {
            Some(figures) => systems.push(("clickhouse", figures)),
            None => say("CLICKHOUSE WAS NOT MEASURED: the Python named has no `chdb-core`"),
        }
    }
    fs::remove_file(&ndjson)?;
    if plan.wants("ours") {
        systems.push(("ours", ours(plan, folder, &names)?));
    }
    Ok(report(plan, &systems))
}

/// Writes the events as our loaders send them, and draws names from them evenly.
fn draw(plan: &Plan, ndjson: &Path) -> io::Result<Names> {
    let mut out = io::BufWriter::new(fs::File::create(ndjson)?);
    let mut names = Names::default();
    let mut targets: HashMap<(&'static str, String), u32> = HashMap::new();
    let step = (plan.events / ASKED).max(1);
    let each = plan.events / CONNECTIONS;
    for connection in 0..CONNECTIONS {
        let own = u64::try_from(connection).unwrap_or(0);
        let mut generator = Generator::new(SEED * 1_000 + own);
        for number in 0..each {
            let made = generator.event();
            writeln!(out, "{}", made.json)?;
            if (connection * each + number).is_multiple_of(step) {
                names.ids.push(made.id);
                names.actors.push(made.actor);
                names.targets.push((made.target_type.to_owned(), made.target.clone()));
            }
            *targets.entry((made.target_type, made.target)).or_default() += 1;
        }
    }
    out.flush()?;
    let hottest = targets.into_iter().max_by_key(|(name, count)| (*count, name.clone()));
    if let Some(((kind, id), _)) = hottest {
        names.hottest_target = (kind.to_owned(), id);
    }
    names.hottest_actor = "user-00000".to_owned();
    Ok(names)
}

fn postgres(plan: &Plan, folder: &Path, names: &Names) -> io::Result<Figures> {
    say("PostgreSQL");
    let postgres = Postgres::start(folder)?;
    let commits = plan.events / (WRITERS * BATCH);
    postgres.copy(&Copy { seed: SEED, writers: WRITERS, commits, batch: BATCH })?;
    postgres.settle()?;
    let mut figures = Figures::default();
    let loaded = float(commits * WRITERS * BATCH);
    figures.bytes.insert("stored", postgres.table_bytes()? as f64 / loaded);
    for (name, statements) in statements(names, &Dialect::POSTGRES) {
        postgres.timed(&statements)?;
        figures.latencies.insert(name.to_owned(), postgres.timed(&statements)?);
    }
    drop(postgres);
    fs::remove_dir_all(folder.join("postgres"))?;
    Ok(figures)
}

fn clickhouse(
    plan: &Plan,
    folder: &Path,
    (ndjson, names): (&Path, &Names),
) -> io::Result<Option<Figures>> {
    say("ClickHouse");
    let questions = statements(names, &Dialect::CLICKHOUSE);
    // Asked twice, the second time counts.
    let twice = questions.iter().map(|(name, list)| (*name, [&list[..], &list[..]].concat()));
    let folder = folder.join("clickhouse");
    let measured = clickhouse::run(&plan.python, &folder, ndjson, &twice.collect())?;
    let Some(measured) = measured else { return Ok(None) };
    fs::remove_dir_all(&folder)?;
    let mut figures = Figures::default();
    figures.bytes.insert("stored", measured.bytes as f64 / float(plan.events));
    for (name, latencies) in measured.latencies {
        figures.latencies.insert(name, latencies.second_half());
    }
    Ok(Some(figures))
}

/// How a rival says the same.
struct Dialect {
    actor: &'static str,
    target: &'static str,
    newest: &'static str,
    all: &'static str,
    by_hour: &'static str,
}

impl Dialect {
    const POSTGRES: Self = Self {
        actor: "actor",
        target: "target",
        newest: "occurred_at",
        all: "event",
        by_hour: "SELECT date_trunc('hour', occurred_at), action, count(*) FROM audit GROUP BY 1, 2",
    };
    const CLICKHOUSE: Self = Self {
        actor: "actor_id",
        target: "target_id",
        newest: "occurred_at",
        all: "*",
        by_hour: "SELECT toStartOfHour(occurred_at), action, count() FROM bench.audit GROUP BY 1, 2",
    };

    fn table(&self) -> &'static str {
        if self.all == "*" { "bench.audit" } else { "audit" }
    }

    fn by_id(&self, id: &str) -> String {
        format!("SELECT {} FROM {} WHERE id = '{id}'", self.all, self.table())
    }

    fn newest(&self, column: &str, name: &str) -> String {
        let (all, table, newest) = (self.all, self.table(), self.newest);
        format!(
            "SELECT {all} FROM {table} WHERE {column} = '{name}' ORDER BY {newest} DESC LIMIT 100"
        )
    }
}

/// The questions in a rival's words.
fn statements(names: &Names, dialect: &Dialect) -> BTreeMap<&'static str, Vec<String>> {
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

/// One question to our server.
enum Asked {
    Path(String),
    Search(String),
    Sql(&'static str),
}

fn ours(plan: &Plan, folder: &Path, names: &Names) -> io::Result<Figures> {
    say("ours");
    let folder = folder.join("ours");
    fs::create_dir_all(&folder)?;
    let running = Running::start(&server::binary(plan.server.as_deref())?, &folder)?;
    load::run(&running.server, &plan.load())?;
    settle(&running.server)?;
    let mut figures = Figures::default();
    let data = folder.join("data");
    for (name, place) in [("segments", "lake"), ("packs", "ledger/packs")] {
        let bytes = folder_bytes(&data.join(place))?;
        figures.bytes.insert(name, bytes as f64 / float(plan.events));
    }
    let search = |q: String| Asked::Search(q);
    let by_actor = |name: &String| search(format!("actor:{name}"));
    let by_target = |(kind, id): &(String, String)| search(format!("target:{kind}/{id}"));
    let again = |make: &dyn Fn() -> Asked| (0..ASKED_AGAIN).map(|_| make()).collect();
    let by_hour = "SELECT hour, action, sum(n) AS n FROM events_by_hour GROUP BY hour, action";
    let lists: [(&str, Vec<Asked>); 6] = [
        ("by_id", names.ids.iter().map(|id| Asked::Path(format!("/v1/events/{id}"))).collect()),
        ("by_actor", names.actors.iter().map(by_actor).collect()),
        ("by_hottest_actor", again(&|| by_actor(&names.hottest_actor))),
        ("by_target", names.targets.iter().map(by_target).collect()),
        ("by_hottest_target", again(&|| by_target(&names.hottest_target))),
        ("by_hour", again(&|| Asked::Sql(by_hour))),
    ];
    let mut door = Connection::open(&running.server)?;
    for (name, list) in lists {
        timed(&mut door, &list)?;
        figures.latencies.insert(name.to_owned(), timed(&mut door, &list)?);
    }
    let peak = running.peak_bytes()?;
    figures.bytes.insert("peak_memory_mib", peak as f64 / f64::from(1 << 20));
    running.stop()?;
    fs::remove_dir_all(&folder)?;
    Ok(figures)
}

/// Archives everything and waits until the segments are merged.
fn settle(server: &Server) -> io::Result<()> {
    let mut door = Connection::open(server)?;
    door.send("/v1/segments/flush", "", b"")?;
    expect(&door.reply()?.status)?;
    let deadline = clock::now().after(PATIENCE);
    while !deadline.until().is_zero() {
        let reply = door.get("/v1/segments")?;
        expect(&reply.status)?;
        let listed: serde_json::Value = serde_json::from_slice(&reply.body)?;
        let segments = listed.get("segments").and_then(serde_json::Value::as_array);
        let level = |segment: &serde_json::Value| segment.get("level")?.as_u64();
        if segments.is_some_and(|all| all.iter().all(|one| level(one) == Some(1))) {
            return Ok(());
        }
        std::thread::sleep(POLL);
    }
    Err(io::Error::other("the segments were not merged in time"))
}

/// Asks each question once; an empty answer is a wrong one, since every name was drawn from the events.
fn timed(door: &mut Connection, list: &[Asked]) -> io::Result<Latencies> {
    let mut latencies = Latencies::default();
    for asked in list {
        let json = "content-type: application/json\r\n";
        let began = clock::now();
        let reply = match asked {
            Asked::Path(path) => door.get(path)?,
            Asked::Search(q) => {
                let body = serde_json::json!({ "q": q, "limit": 100 }).to_string();
                door.send("/v1/search", json, body.as_bytes())?;
                door.reply()?
            }
            Asked::Sql(sql) => {
                let body = serde_json::json!({ "sql": sql }).to_string();
                door.send("/v1/query", json, body.as_bytes())?;
                door.reply()?
            }
        };
        latencies.push(began.elapsed());
        expect(&reply.status)?;
        if reply.body.len() < 200 {
            let said = String::from_utf8_lossy(&reply.body).into_owned();
            return Err(io::Error::other(format!("an answer without events: {said}")));
        }
    }
    Ok(latencies)
}

fn expect(status: &u16) -> io::Result<()> {
    if *status == 200 { Ok(()) } else { Err(io::Error::other(format!("answered with {status}"))) }
}

fn folder_bytes(folder: &Path) -> io::Result<u64> {
    let mut sum = 0;
    for entry in fs::read_dir(folder)? {
        sum += entry?.metadata()?.len();
    }
    Ok(sum)
}

fn float(count: usize) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}

fn report(plan: &Plan, systems: &[(&str, Figures)]) -> String {
    let mut out = format!("{} events of about 456 bytes\n\n", plan.events);
    let mut csv = String::from("events,system,figure,p50_ms,p99_ms,value\n");
    for (system, figures) in systems {
        for (name, value) in &figures.bytes {
            out.push_str(&format!("{system}: {name} {value:.1}\n"));
            csv.push_str(&format!("{},{system},{name},,,{value:.1}\n", plan.events));
        }
        for (name, latencies) in &figures.latencies {
            let at = |percent| latencies.percentile_ms(percent).unwrap_or_default();
            let (p50, p99) = (at(50), at(99));
            out.push_str(&format!("{system}: {name} p50 {p50:.2} ms, p99 {p99:.2} ms\n"));
            csv.push_str(&format!("{},{system},{name},{p50:.2},{p99:.2},\n", plan.events));
        }
    }
    out.push('\n');
    out.push_str(&csv);
    out
}

fn say(words: &str) {
    // Progress only; a closed standard error changes nothing.
    let _ = writeln!(io::stderr().lock(), "{words}");
}
