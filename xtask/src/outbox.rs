//! `cargo xtask outbox`: transfers in a real PostgreSQL beside a real server, everything killed at
//! random: the service with its relay, the server, the database. It promises to end on a line of
//! figures only if every committed transfer is one event, none is invented, and each writer's are
//! in order; and that the same run on services that enqueue outside of the transaction, or a relay
//! that settles too soon, fails. It needs the Debian package `postgresql`, and root to start one.

mod postgres;

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use self::postgres::Postgres;
use crate::crash::http::{Door, Http};
use crate::crash::server::{Home, Server};
use crate::crash::{Dice, fresh_seed};
use crate::{planted, run};

const HELP: &str = "\
cargo xtask outbox [--rounds N] [--bin FILE] | planted [NAME...]

  --rounds N   how often the service is killed (60)
  --bin FILE   a server binary to use; else one is built with --release
  planted      services and relays with one promise broken, which must fail
";

/// Rounds of the slow set.
const ROUNDS: u64 = 60;
/// Rounds within which a planted bug must be found.
const ROUNDS_PLANTED: u64 = 12;
/// The server is killed with the service in one round of so many, and the database in one of so many others.
const SERVER_KILLED: u64 = 5;
const DATABASE_KILLED: u64 = 7;
/// The service lives at least so long, and so much longer at most.
const LIFE_MS: (u64, u64) = (300, 900);

/// What is planted, and what the run must say of it.
const PLANTED: &[(&str, &str)] = &[
    ("outbox_before", "were invented"),
    ("outbox_after", "were lost"),
    ("relay_settles_first", "the stream goes on with number"),
];

/// What the chore was told.
struct Options {
    rounds: u64,
    binary: Option<PathBuf>,
    planted: Option<Vec<String>>,
}

/// Runs it, or its negative controls.
pub(crate) fn run(args: &[String]) -> Result<(), String> {
    let options = parse(args)?;
    let server = match options.binary {
        Some(binary) => binary,
        None => planted::true_binary()?,
    };
    match options.planted {
        Some(names) => controls(&server, &names),
        None => proof(&server, options.rounds),
    }
}

/// The slow set's share.
pub(crate) fn slow() -> Result<(), String> {
    let server = planted::true_binary()?;
    proof(&server, ROUNDS)?;
    controls(&server, &[])
}

fn parse(args: &[String]) -> Result<Options, String> {
    let mut options = Options { rounds: ROUNDS, binary: None, planted: None };
    let mut words = args.iter();
    while let Some(word) = words.next() {
        match (word.as_str(), &mut options.planted) {
            ("--rounds", _) => {
                let rounds = words.next().and_then(|rounds| rounds.parse().ok());
                options.rounds = rounds.ok_or(HELP)?;
            }
            ("--bin", _) => options.binary = Some(words.next().ok_or(HELP)?.into()),
            ("planted", None) => options.planted = Some(Vec::new()),
            (name, Some(names)) => names.push(name.to_owned()),
            _ => return Err(HELP.to_owned()),
        }
    }
    Ok(options)
}

fn proof(server: &Path, rounds: u64) -> Result<(), String> {
    let mut build = run::cargo_command();
    build.args(BUILD);
    run::step(&mut build)?;
    let service = planted::target()?.join(SERVICE);
    let seed = fresh_seed();
    let home = Home::new(server, seed)?;
    let figures = kill(&home, &service, seed, rounds);
    run::say(&figures.map_err(|why| format!("outbox, seed {seed:#x}: {why}"))?);
    home.remove();
    Ok(())
}

/// The service, as cargo is told to build it, and where it then is.
const BUILD: &[&str] = &["build", "-p", "indelible-outbox", "--example", "transfers"];
const SERVICE: &str = "debug/examples/transfers";

fn controls(server: &Path, names: &[String]) -> Result<(), String> {
    for (name, words) in PLANTED {
        if !names.is_empty() && !names.iter().any(|named| named == name) {
            continue;
        }
        let mut build = planted::command(name)?;
        build.args(BUILD);
        run::step(&mut build)?;
        let own = planted::target()?.join("planted").join(name).join("transfers");
        let _ = fs::remove_file(&own);
        fs::copy(planted::target()?.join(SERVICE), &own)
            .map_err(|error| format!("cannot copy the planted service: {error}"))?;
        let seed = fresh_seed();
        let home = Home::new(server, seed)?;
        let outcome = kill(&home, &own, seed, ROUNDS_PLANTED);
        home.remove();
        match outcome {
            Err(why) if why.contains(words) => {
                run::say(&format!("outbox, negative control `{name}`: failed as it must: {why}"));
            }
            Err(why) => return Err(format!("`{name}` failed for another reason: {why}")),
            Ok(_) => return Err(format!("`{name}` is planted and the run passed")),
        }
    }
    Ok(())
}

const LOG: &str = "service.stderr";

/// Everything that a run has.
struct Scene<'a> {
    home: &'a Home,
    service: &'a Path,
    database: Postgres,
    server: Option<Server>,
}

/// The whole run; its figures as a line.
fn kill(home: &Home, service: &Path, seed: u64, rounds: u64) -> Result<String, String> {
    let database = Postgres::start(home.root())?;
    let server = Some(home.serve()?);
    let mut scene = Scene { home, service, database, server };
    let mut dice = Dice::new(seed);
    let (mut servers, mut databases) = (0, 0);
    for round in 1..=rounds {
        let mut working = scene.start(&["work", &format!("{seed:x}-{round}")])?;
        std::thread::sleep(Duration::from_millis(LIFE_MS.0 + dice.below(LIFE_MS.1)));
        // What goes first is drawn: the service may see the others go.
        if round % SERVER_KILLED == 0 {
            servers += 1;
            scene.kill_server()?;
            std::thread::sleep(Duration::from_millis(dice.below(50)));
        }
        if round % DATABASE_KILLED == 0 {
            databases += 1;
            scene.database.kill()?;
        }
        working.kill().map_err(|error| format!("cannot kill the service: {error}"))?;
        let _ = working.wait();
        scene.revive()?;
    }
    let drained = scene.start(&["drain"])?.wait();
    let drained = drained.map_err(|error| format!("the service was lost: {error}"))?;
    if !drained.success() {
        let said = fs::read_to_string(scene.home.root().join(LOG)).unwrap_or_default();
        return Err(format!("what is left could not be delivered: {drained}: {said}"));
    }
    let committed = scene.database.ask("SELECT id FROM transfers")?;
    let committed: Vec<&str> = committed.lines().collect();
    let door = scene.server.as_ref().map(|server| server.door.clone());
    let events = events(&door.ok_or("the server is gone")?)?;
    compare(&committed, &events)?;
    Ok(format!(
        "outbox: {rounds} kills of the service and its relay, {servers} of the server, {databases} of the database; \
         {} transfers committed, each of them one event, none invented, each writer's in order",
        committed.len()
    ))
}

impl Scene<'_> {
    fn start(&self, words: &[&str]) -> Result<Child, String> {
        let server = self.server.as_ref().ok_or("the server is gone")?;
        let mut command = Command::new(self.service);
        command
            .args(words)
            .current_dir(self.home.root())
            .env("DATABASE_URL", self.database.url())
            .env("INDELIBLE_URL", format!("http://{}", server.door.host))
            .env("INDELIBLE_TOKEN", &server.door.token)
            .stdin(Stdio::null())
            .stderr(self.log()?);
        command.spawn().map_err(|error| format!("cannot start the service: {error}"))
    }

    /// Where the service complains; each run writes it anew.
    fn log(&self) -> Result<fs::File, String> {
        fs::File::create(self.home.root().join(LOG))
            .map_err(|error| format!("no place for a log: {error}"))
    }

    fn kill_server(&mut self) -> Result<(), String> {
        self.server.take().map_or(Ok(()), Server::kill)
    }

    /// Starts again what was killed.
    fn revive(&mut self) -> Result<(), String> {
        self.database.revive()?;
        if self.server.is_none() {
            self.server = Some(self.home.serve()?);
        }
        Ok(())
    }
}

/// The transfers that the ledger tells of, in its order.
fn events(door: &Door) -> Result<Vec<String>, String> {
    let sql = "SELECT target_id FROM events WHERE action = 'transfer.make' ORDER BY \"index\"";
    let query = serde_json::json!({ "sql": sql }).to_string();
    let headers = "content-type: application/json\r\naccept: text/csv\r\n";
    let failed = |error: std::io::Error| format!("the query was not answered: {error}");
    let mut http = Http::connect(door).map_err(failed)?;
    let reply = http.call("POST /v1/query", headers, query.as_bytes()).map_err(failed)?;
    let text = String::from_utf8_lossy(&reply.body).into_owned();
    match reply.status {
        200 => Ok(text.lines().skip(1).map(|line| line.trim_matches('"').to_owned()).collect()),
        status => Err(format!("the query was refused with {status}: {text}")),
    }
}

/// Each committed transfer is one event, and a writer's are in its order.
fn compare(committed: &[&str], events: &[String]) -> Result<(), String> {
    let mut counts: HashMap<&str, (u64, u64)> = HashMap::new();
    committed.iter().for_each(|id| counts.entry(id).or_default().0 += 1);
    events.iter().for_each(|id| counts.entry(id).or_default().1 += 1);
    let of = |wanted: fn(&(u64, u64)) -> bool| counts.values().filter(|both| wanted(both)).count();
    let lost = of(|(committed, events)| *committed == 1 && *events == 0);
    let invented = of(|(committed, events)| *committed == 0 && *events > 0);
    let doubled = of(|(_, events)| *events > 1);
    if lost + invented + doubled > 0 {
        let all = committed.len();
        return Err(format!(
            "of {all} committed transfers {lost} were lost, {doubled} stand twice, and {invented} events were invented"
        )
        .replace(" 0 were lost,", " none are missing,")
        .replace("0 events were invented", "no others are there"));
    }
    let mut last: HashMap<&str, &str> = HashMap::new();
    for (writer, number) in events.iter().filter_map(|id| id.rsplit_once('-')) {
        if last.insert(writer, number).is_some_and(|before| before >= number) {
            return Err(format!("the events of writer {writer} are not in order at {number}"));
        }
    }
    match committed.len() {
        0 => Err("nothing was committed: the run has tried nothing".to_owned()),
        _ => Ok(()),
    }
}
