//! Rounds of `kill -9` under mixed load: streams and loose ids, singles and batches. The keeper of
//! what was acknowledged is this process, which is not killed. After each restart everything ever
//! acknowledged in this store must be there, under its index, once, and nothing may be there that
//! nobody sent (I1, I3, I5). A store lives for 25 rounds and then proves itself with `verify store`.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::Duration;

use super::load::{Naming, Producer, Tally};
use super::server::{Home, Server};
use super::store::Contents;
use super::{Dice, fresh_seed};
use crate::run;

/// Rounds on one store.
const ROUNDS_PER_STORE: u64 = 25;
/// A round with fewer acknowledged requests proves little.
const REQUESTS_MIN: u64 = 100;
/// What a restart may take at the full number of events.
const RESTART_MAX: Duration = Duration::from_secs(5);

#[derive(Debug, Default)]
struct Figures {
    rounds: u64,
    stores: u64,
    requests: u64,
    requests_min: u64,
    events: u64,
    events_most: u64,
    retries_seen: u64,
    restart_max: Duration,
}

/// Runs all rounds and prints the figures.
pub(crate) fn run(binary: &Path, rounds: u64, events_per_store: u64) -> Result<(), String> {
    let mut figures = Figures { requests_min: u64::MAX, ..Figures::default() };
    while figures.rounds < rounds {
        let seed = fresh_seed();
        let count = ROUNDS_PER_STORE.min(rounds - figures.rounds);
        let home = Home::new(binary, seed)?;
        let place = home.root().display().to_string();
        let each = events_per_store / ROUNDS_PER_STORE;
        store(&home, count, each, &mut figures)
            .map_err(|why| format!("seed {seed:#x}, kept in {place}: {why}"))?;
        home.remove();
        figures.stores += 1;
        run::say(&format!("crash rounds: {} of {rounds} done, {figures:?}", figures.rounds));
    }
    run::say(&figures.summary());
    Ok(())
}

impl Figures {
    fn summary(&self) -> String {
        format!(
            "kill -9: {} rounds on {} stores, {} acknowledged requests (at least {} a round), \
             {} events ({} in the largest store), {} retries answered duplicate, \
             slowest restart {:.2} s; lost 0, duplicated 0",
            self.rounds,
            self.stores,
            self.requests,
            self.requests_min,
            self.events,
            self.events_most,
            self.retries_seen,
            self.restart_max.as_secs_f64()
        )
    }
}

fn store(home: &Home, rounds: u64, each: u64, figures: &mut Figures) -> Result<(), String> {
    let mut dice = Dice::new(fresh_seed());
    let mut producers = producers(dice.next());
    for round in 0..=rounds {
        let server = home.serve()?;
        figures.restart_max = figures.restart_max.max(server.start_time);
        if server.start_time > RESTART_MAX {
            return Err(format!("I12: a restart took {:.1} s", server.start_time.as_secs_f64()));
        }
        let contents = Contents::read(&server.door)?;
        compare(&contents, &producers)?;
        figures.events_most = figures.events_most.max(to_u64(contents.rows.len()));
        if round == rounds {
            return finish(home, server);
        }
        let before: u64 = producers.iter().map(|producer| producer.requests).sum();
        let lost = one_round(server, &mut producers, each, &mut dice)?;
        let requests: u64 =
            producers.iter().map(|producer| producer.requests).sum::<u64>() - before;
        if requests < REQUESTS_MIN {
            return Err(format!("a round had only {requests} acknowledged requests"));
        }
        figures.rounds += 1;
        figures.requests += requests;
        figures.requests_min = figures.requests_min.min(requests);
        figures.events += lost;
        let seen: u64 = producers.iter_mut().map(|one| std::mem::take(&mut one.duplicates)).sum();
        figures.retries_seen += seen;
    }
    Ok(())
}

/// The verdict over a planted build: it must have been caught by a promise that is broken, and not before `done` says that
/// something was done to it.
pub(super) fn caught(
    (part, name): (&str, &str),
    outcome: Result<(), String>,
    (done, within): (u64, u64),
) -> Result<(), String> {
    match outcome {
        Err(why) if done == 0 => {
            Err(format!("the build `{name}` failed before anything was done to it: {why}"))
        }
        Err(why) if BROKEN.iter().all(|words| !why.contains(words)) => {
            Err(format!("the build `{name}` failed for another reason: {why}"))
        }
        Err(why) => {
            run::say(&format!(
                "crash {part}: the build `{name}` is caught, as it must be, in round {done}: {why}"
            ));
            Ok(())
        }
        Ok(()) => Err(format!("the build `{name}` went through {within} rounds")),
    }
}

/// A clean stop, then the offline proof of the whole store.
pub(super) fn finish(home: &Home, server: Server) -> Result<(), String> {
    let ended = server.stop()?;
    if ended.code() != Some(0) {
        return Err(format!("the clean stop ended with {ended}"));
    }
    let checked = home.command(&["verify", "store", "--data-dir", "indelible-data"]).output();
    let checked = checked.map_err(|error| format!("cannot start `verify store`: {error}"))?;
    if checked.status.code() == Some(0) {
        return Ok(());
    }
    let words = [checked.stdout, checked.stderr].concat();
    Err(format!(
        "`verify store` ended with {}: {}",
        checked.status,
        String::from_utf8_lossy(&words)
    ))
}

/// Words of a broken promise: a record lost, stored twice or another one, a store that does not open, damage.
const BROKEN: [&str; 4] = ["I1: ", "I5: ", "I12: ", "`verify store` ended with exit status: 10"];

pub(super) fn producers(seed: u64) -> Vec<Producer> {
    let of = |at: u64, naming, batch_max| Producer::new(at, naming, batch_max, seed);
    vec![
        of(1, Naming::Stream, 1),
        of(2, Naming::Stream, 1),
        of(3, Naming::Stream, 50),
        of(4, Naming::Stream, 500),
        of(5, Naming::Loose, 1),
        of(6, Naming::Loose, 1),
        of(7, Naming::Loose, 50),
        of(8, Naming::Loose, 500),
    ]
}

/// Load until the round's events are acknowledged, then a kill at a moment that chance picks while
/// requests are in flight. Returns how many events were acknowledged.
pub(super) fn one_round(
    server: Server,
    producers: &mut Vec<Producer>,
    each: u64,
    dice: &mut Dice,
) -> Result<u64, String> {
    let tally = Arc::new(Tally::default());
    // The producers would go on: at the moment of the kill requests are in flight.
    let kill_at = each + dice.below(each / 8 + 1);
    let (done, ended) = sync_channel(16);
    let mut threads = Vec::new();
    for mut producer in std::mem::take(producers) {
        let (door, tally, done) = (server.door.clone(), Arc::clone(&tally), done.clone());
        threads.push(std::thread::spawn(move || {
            let outcome = producer.run(&door, &tally);
            let _ = done.send(());
            (producer, outcome)
        }));
    }
    drop(done);
    let waited = wait_for(&tally, kill_at, &ended);
    // A few more turns of the scheduler: the kill should not always follow an acknowledgement.
    for _ in 0..dice.below(2_000) {
        std::hint::spin_loop();
    }
    server.kill()?;
    for thread in threads {
        let (producer, outcome) = thread.join().map_err(|_| "a producer panicked".to_owned())?;
        outcome?;
        producers.push(producer);
    }
    waited?;
    Ok(tally.events.load(Ordering::Relaxed))
}

/// Waits until so many events, and requests enough, were acknowledged; an error if a producer gave
/// up before.
fn wait_for(tally: &Tally, events: u64, ended: &Receiver<()>) -> Result<(), String> {
    let enough = || {
        tally.events.load(Ordering::Relaxed) >= events
            && tally.requests.load(Ordering::Relaxed) > REQUESTS_MIN
    };
    while !enough() {
        if ended.recv_timeout(Duration::from_millis(1)).is_ok() {
            return Err("a producer lost the server before the kill".into());
        }
    }
    Ok(())
}

pub(super) fn compare(contents: &Contents, producers: &[Producer]) -> Result<(), String> {
    contents.check_once()?;
    let mut kept = 0;
    for (index, id) in producers.iter().flat_map(|producer| &producer.kept) {
        kept += 1;
        match contents.at(*index) {
            Some(found) if found == *id => {}
            Some(found) => {
                return Err(format!(
                    "I1: index {index} was acknowledged for {id:032x}, holds {found:032x}"
                ));
            }
            None => {
                return Err(format!("I1: index {index} ({id:032x}) was acknowledged and is lost"));
            }
        }
    }
    let unknown: u64 = producers.iter().map(Producer::unknown).sum();
    let stored = to_u64(contents.rows.len());
    if stored < kept || stored > kept + unknown {
        return Err(format!("I1: {stored} events stored, {kept} acknowledged, {unknown} unknown"));
    }
    Ok(())
}

fn to_u64(size: usize) -> u64 {
    u64::try_from(size).unwrap_or(u64::MAX)
}
