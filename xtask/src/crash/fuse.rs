//! Power cuts on the real binary: its data lies on a file system of ours that knows what was synced,
//! and that loses the rest.
//!
//! A round is load, `kill -9` while requests are in flight, and a cut: of what was not synced any
//! subset goes, names too. After the next start everything ever acknowledged must be there once, and
//! `verify store` must find nothing. The thresholds are tiny, so that a round sees flushes,
//! compactions and trims. The keys lie outside: they are not what is cut. It refuses to run without
//! root and `/dev/fuse`, and says so.

mod model;
mod mount;

use std::path::Path;
use std::process::Command;

use self::model::Model;
use self::mount::Mounted;
use super::archive::TINY;
use super::load::Producer;
use super::rounds::{self, compare, one_round};
use super::server::{Home, Server};
use super::store::Contents;
use super::{Dice, fresh_seed};
use crate::run;

/// Rounds on one store.
const ROUNDS_PER_STORE: u64 = 10;
/// Rounds on one store of a build that does not sync: the first commit of all is where most is lost, and a store that came
/// through it may live long.
const ROUNDS_PER_STORE_PLANTED: u64 = 2;
/// Rounds within which a build that does not sync must have lost something.
const MUST_LOSE_WITHIN: u64 = 20;
/// Events that a round acknowledges at least.
const EVENTS: u64 = 1_500;

#[derive(Debug, Default)]
struct Figures {
    rounds: u64,
    stores: u64,
    events: u64,
    syncs: u64,
    lost: u64,
    kept: u64,
}

/// Runs so many rounds; the first broken promise ends it.
pub(crate) fn run(binary: &Path, rounds: u64) -> Result<(), String> {
    rounds_on(binary, (rounds, ROUNDS_PER_STORE), &mut Figures::default())
}

fn rounds_on(
    binary: &Path,
    (rounds, per_store): (u64, u64),
    figures: &mut Figures,
) -> Result<(), String> {
    mount::sweep();
    while figures.rounds < rounds {
        let seed = fresh_seed();
        let home = Home::new(binary, seed)?.with(&TINY);
        let count = per_store.min(rounds - figures.rounds);
        let place = home.root().display().to_string();
        store(&home, count, seed, figures)
            .map_err(|why| format!("seed {seed:#x}, kept in {place}: {why}"))?;
        home.remove();
        figures.stores += 1;
        run::say(&format!("crash fuse: {} of {rounds} done, {figures:?}", figures.rounds));
    }
    let Figures { rounds, stores, events, syncs, lost, kept } = *figures;
    run::say(&format!(
        "power cuts: {rounds} rounds on {stores} stores, {events} events acknowledged, {syncs} syncs, \
         {lost} changes lost and {kept} kept by the cuts; lost 0, duplicated 0"
    ));
    Ok(())
}

/// A build that breaks a promise on purpose must be caught.
pub(crate) fn must_fail(binary: &Path, name: &str) -> Result<(), String> {
    let mut figures = Figures::default();
    let rounds = (MUST_LOSE_WITHIN, ROUNDS_PER_STORE_PLANTED);
    let outcome = rounds_on(binary, rounds, &mut figures);
    rounds::caught(("fuse", name), outcome, (figures.rounds, MUST_LOSE_WITHIN))
}

fn store(home: &Home, rounds: u64, seed: u64, figures: &mut Figures) -> Result<(), String> {
    let mut dice = Dice::new(seed);
    let mut producers = rounds::producers(dice.next());
    let mut model = Model::new();
    for round in 0..=rounds {
        let mounted = Mounted::new(model, &home.data())?;
        let last = round == rounds;
        let lived = match last {
            true => checked(home, &producers).and_then(|server| rounds::finish(home, server)),
            false => life(home, &mut producers, &mut dice).map(|events| figures.events += events),
        };
        if let Err(why) = lived {
            // The evidence would go with the mount.
            keep_evidence(home);
            return Err(why);
        }
        model = mounted.unmount()?;
        if last {
            figures.syncs += model.counts.syncs;
            figures.lost += model.counts.lost;
            figures.kept += model.counts.kept;
            return Ok(());
        }
        model.cut(&mut dice);
        figures.rounds += 1;
    }
    Ok(())
}

/// A start after which everything acknowledged is there.
fn checked(home: &Home, producers: &[Producer]) -> Result<Server, String> {
    let server = home.serve()?;
    compare(&Contents::read(&server.door)?, producers)?;
    Ok(server)
}

/// A start, load, and the end without a warning: how many events were acknowledged.
fn life(home: &Home, producers: &mut Vec<Producer>, dice: &mut Dice) -> Result<u64, String> {
    let events = one_round(checked(home, producers)?, producers, EVENTS, dice)?;
    for producer in producers {
        producer.duplicates = 0;
    }
    Ok(events)
}

/// Copies what lies on the mount to a place that stays.
fn keep_evidence(home: &Home) {
    let place = home.root().join("evidence");
    // What cannot be copied is missed, and the failure is reported all the same.
    let _ = Command::new("cp").arg("-r").arg(home.data()).arg(place).status();
}
