//! Rounds of `kill -9` with thresholds so small that each round flushes, merges and trims. After each
//! restart everything acknowledged must be there once (I1, I5), and a search, a count in SQL and what
//! was acknowledged must agree on the refused events; a flush must not change that. A store lives for
//! 25 rounds, must have merged and trimmed by then, and proves itself with `verify store`.

use std::fs;
use std::path::Path;

use super::http::{Door, Http};
use super::load::Producer;
use super::rounds::{self, compare, one_round};
use super::server::Home;
use super::store::Contents;
use super::{Dice, fresh_seed};
use crate::run;

/// Rounds on one store.
const ROUNDS_PER_STORE: u64 = 25;
/// Events that a round acknowledges at least.
const EVENTS: u64 = 1_500;
/// Events of one page of a search.
const PAGE: usize = 500;
/// What is searched for, and the same in SQL.
const REFUSED: &str = "(outcome:failure OR outcome:denied)";
const REFUSED_SQL: &str = "SELECT count(*) AS n FROM events WHERE outcome IN ('failure', 'denied')";
const JSON: &str = "content-type: application/json\r\n";

/// Thresholds at which a round of so few events flushes, merges and trims.
pub(super) const TINY: [(&str, &str); 5] = [
    ("INDELIBLE__LEDGER__WAL_FILE_BYTES", "262144"),
    ("INDELIBLE__LEDGER__WAL_BYTES_MAX", "1048576"),
    ("INDELIBLE__LAKE__FLUSH_ROWS_MAX", "400"),
    ("INDELIBLE__LAKE__FLUSH_AFTER_MS", "300"),
    ("INDELIBLE__LAKE__FLUSH_ROWS_MIN", "50"),
];

#[derive(Debug, Default)]
struct Figures {
    rounds: u64,
    stores: u64,
    events: u64,
    refused: u64,
    /// Segments that were merged from others, at the end of each store.
    merged: usize,
    /// Log files that were trimmed away.
    trimmed: u64,
}

/// Runs so many rounds; the first broken promise ends it.
pub(crate) fn run(binary: &Path, rounds: u64) -> Result<(), String> {
    let mut figures = Figures::default();
    rounds_on(binary, rounds, &mut figures)?;
    let Figures { rounds, stores, events, refused, merged, trimmed } = figures;
    run::say(&format!(
        "kill -9 over flush, merge and trim: {rounds} rounds on {stores} stores, {events} events \
         acknowledged, {refused} refusals counted alike by search and SQL, {merged} merged segments \
         and {trimmed} trimmed log files at the end; lost 0, duplicated 0"
    ));
    Ok(())
}

/// A build that trims before it has archived must lose something within one store's life.
pub(crate) fn must_fail(binary: &Path, name: &str) -> Result<(), String> {
    let mut figures = Figures::default();
    let outcome = rounds_on(binary, ROUNDS_PER_STORE, &mut figures);
    rounds::caught(("archive", name), outcome, (figures.rounds, ROUNDS_PER_STORE))
}

fn rounds_on(binary: &Path, rounds: u64, figures: &mut Figures) -> Result<(), String> {
    while figures.rounds < rounds {
        let seed = fresh_seed();
        let home = Home::new(binary, seed)?.with(&TINY);
        let count = ROUNDS_PER_STORE.min(rounds - figures.rounds);
        let place = home.root().display().to_string();
        store(&home, count, seed, figures)
            .map_err(|why| format!("seed {seed:#x}, kept in {place}: {why}"))?;
        home.remove();
        figures.stores += 1;
        run::say(&format!("crash archive: {} of {rounds} done, {figures:?}", figures.rounds));
    }
    Ok(())
}

fn store(home: &Home, rounds: u64, seed: u64, figures: &mut Figures) -> Result<(), String> {
    let mut dice = Dice::new(seed);
    let mut producers = rounds::producers(dice.next());
    for round in 0..=rounds {
        let server = home.serve()?;
        let contents = Contents::read(&server.door)?;
        compare(&contents, &producers)?;
        let counted = counted(&server.door, &producers)?;
        // Every other round goes on from rows that are hot, every other from segments alone.
        if round == rounds || round % 2 == 1 {
            flush(&server.door)?;
            let after = self::counted(&server.door, &producers)?;
            if after != counted {
                return Err(format!("a flush changed a count from {counted} to {after}"));
            }
        }
        if round == rounds {
            figures.refused += counted;
            let (merged, trimmed) = archived(home, rounds)?;
            figures.merged += merged;
            figures.trimmed += trimmed;
            return rounds::finish(home, server);
        }
        figures.events += one_round(server, &mut producers, EVENTS, &mut dice)?;
        for producer in &mut producers {
            producer.duplicates = 0;
        }
        figures.rounds += 1;
    }
    Ok(())
}

/// How many refusals are stored: a search and SQL must say the same, and not less than acknowledged.
pub(super) fn counted(door: &Door, producers: &[Producer]) -> Result<u64, String> {
    let mut http = Http::connect(door).map_err(|error| format!("no connection: {error}"))?;
    let (sql, searched) = (count(&mut http)?, searched(&mut http)?);
    if sql != searched {
        return Err(format!("SQL counts {sql} refusals, a search finds {searched}"));
    }
    let (kept, unknown) = producers
        .iter()
        .map(Producer::denied)
        .fold((0, 0), |sum, one| (sum.0 + u64::try_from(one.0).unwrap_or(0), sum.1 + one.1));
    if sql < kept || sql > kept + unknown {
        return Err(format!("I1: {sql} refusals stored, {kept} acknowledged, {unknown} unknown"));
    }
    Ok(sql)
}

fn count(http: &mut Http) -> Result<u64, String> {
    let answer = ask(http, "POST /v1/query", &serde_json::json!({ "sql": REFUSED_SQL }))?;
    // A row is a list or an object, and a count a number or a text, as the server likes.
    let row = answer.pointer("/rows/0").ok_or_else(|| format!("no row in {answer}"))?;
    let cell = row.get("n").or_else(|| row.get(0)).unwrap_or(row);
    let number = cell.as_u64().or_else(|| cell.as_str()?.parse().ok());
    number.ok_or_else(|| format!("no count in {answer}"))
}

fn searched(http: &mut Http) -> Result<u64, String> {
    let mut found = 0;
    let mut cursor = serde_json::Value::Null;
    loop {
        let mut asked = serde_json::json!({ "q": REFUSED, "limit": PAGE });
        if let (Some(asked), false) = (asked.as_object_mut(), cursor.is_null()) {
            asked.insert("cursor".into(), cursor);
        }
        let answer = ask(http, "POST /v1/search", &asked)?;
        let events = answer.get("events").and_then(serde_json::Value::as_array);
        let events = events.ok_or_else(|| format!("no events in {answer}"))?;
        found += u64::try_from(events.len()).unwrap_or(0);
        cursor = answer.get("cursor").cloned().unwrap_or_default();
        if cursor.is_null() {
            return Ok(found);
        }
    }
}

pub(super) fn flush(door: &Door) -> Result<(), String> {
    let mut http = Http::connect(door).map_err(|error| format!("no connection: {error}"))?;
    ask(&mut http, "POST /v1/segments/flush", &serde_json::json!({})).map(drop)
}

fn ask(
    http: &mut Http,
    start: &str,
    body: &serde_json::Value,
) -> Result<serde_json::Value, String> {
    let reply = http.call(start, JSON, body.to_string().as_bytes());
    let reply = reply.map_err(|error| format!("`{start}` was not answered: {error}"))?;
    let text = String::from_utf8_lossy(&reply.body);
    if reply.status != 200 {
        return Err(format!("`{start}` {body} was answered {}: {text}", reply.status));
    }
    serde_json::from_slice(&reply.body).map_err(|error| format!("`{start}`: {error} in {text}"))
}

/// How many merged segments there are and how many log files are gone; a long life without either has
/// not tried what it is for.
fn archived(home: &Home, rounds: u64) -> Result<(usize, u64), String> {
    let names = |folder: &str| -> Result<Vec<String>, String> {
        let place = home.data().join(folder);
        let entries = fs::read_dir(&place).map_err(|error| format!("{folder}: {error}"))?;
        let mut names: Vec<String> = entries
            .filter_map(|entry| Some(entry.ok()?.file_name().to_string_lossy().into_owned()))
            .collect();
        names.sort();
        Ok(names)
    };
    let merged = names("lake")?.iter().filter(|name| name.contains(".l1.")).count();
    let oldest = names("ledger/wal")?.into_iter().find(|name| name.ends_with(".log"));
    let oldest = oldest.and_then(|name| name.trim_end_matches(".log").parse::<u64>().ok());
    let trimmed = oldest.unwrap_or(0).saturating_sub(1);
    if rounds == ROUNDS_PER_STORE && (merged == 0 || trimmed == 0) {
        return Err(format!("{merged} merged segments and {trimmed} trimmed log files: no trial"));
    }
    Ok((merged, trimmed))
}
