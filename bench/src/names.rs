//! The events that a store is filled with, in pieces that fit into memory, and the names among them
//! that are asked for. Every system is filled with the very same events.

use std::collections::HashMap;
use std::fs;
use std::io::{self, Write as _};
use std::path::Path;

use crate::generate::{Generator, is_hot};
use crate::load::{Load, Shape};

/// Connections of ours, writers of a rival.
pub(crate) const CONNECTIONS: usize = 8;
/// Events a request or commit.
pub(crate) const BATCH: usize = 500;
/// Events of a piece at most: their requests are made before the clock starts.
const PIECE_EVENTS: usize = 1_000_000;
/// Seconds of the synthetic clock that a piece lies after the one before it.
const PIECE_SECONDS: u64 = 32_000;
const SEED: u64 = 7;
/// Questions of each kind.
const ASKED: usize = 200;

/// A part of the events.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Piece {
    pub(crate) seed: u64,
    /// Seconds after the first day that its events begin at.
    pub(crate) from: u64,
    /// Requests of each connection, commits of each writer.
    pub(crate) requests: usize,
}

impl Piece {
    /// How many events it has.
    pub(crate) fn events(&self) -> usize {
        self.requests * CONNECTIONS * BATCH
    }

    /// As a load on our server.
    pub(crate) fn load(&self) -> Load {
        let Self { seed, from, requests } = *self;
        let shape = Shape::Stream;
        Load { seed, from, connections: CONNECTIONS, requests, batch: BATCH, shape }
    }

    /// What one connection or writer sends.
    pub(crate) fn generator(&self, connection: usize) -> Generator {
        generator(self.seed, connection, self.from)
    }
}

/// The events of one connection of a load.
pub(crate) fn generator(seed: u64, connection: usize, from: u64) -> Generator {
    let own = u64::try_from(connection).unwrap_or(0);
    Generator::starting(seed.wrapping_mul(1_000).wrapping_add(own), from)
}

/// The pieces of so many events, rounded up to whole requests.
pub(crate) fn pieces(events: usize) -> Vec<Piece> {
    let whole = CONNECTIONS * BATCH;
    let mut left = events.div_ceil(whole);
    let mut pieces = Vec::new();
    for number in 0.. {
        if left == 0 {
            break;
        }
        let requests = left.min(PIECE_EVENTS / whole);
        pieces.push(Piece { seed: SEED + number, from: number * PIECE_SECONDS, requests });
        left -= requests;
    }
    pieces
}

/// Names that are asked for.
#[derive(Debug, Default)]
pub(crate) struct Names {
    pub(crate) ids: Vec<String>,
    pub(crate) actors: Vec<String>,
    pub(crate) targets: Vec<(String, String)>,
    pub(crate) hottest_actor: String,
    pub(crate) hottest_target: (String, String),
}

/// Draws names evenly from all events of `pieces`, and writes the events if a file is named.
pub(crate) fn draw(pieces: &[Piece], ndjson: Option<&Path>) -> io::Result<Names> {
    let mut out = match ndjson {
        Some(path) => Some(io::BufWriter::new(fs::File::create(path)?)),
        None => None,
    };
    let mut names = Names { hottest_actor: "user-00000".to_owned(), ..Names::default() };
    let mut hot: HashMap<(&'static str, String), u32> = HashMap::new();
    let all: usize = pieces.iter().map(Piece::events).sum();
    let step = (all / ASKED).max(1);
    let mut number: usize = 0;
    for (piece, connection) in
        pieces.iter().flat_map(|piece| (0..CONNECTIONS).map(move |at| (piece, at)))
    {
        let mut generator = piece.generator(connection);
        for _ in 0..piece.requests * BATCH {
            let made = generator.event();
            if let Some(out) = &mut out {
                writeln!(out, "{}", made.json)?;
            }
            if number.is_multiple_of(step) {
                names.ids.push(made.id);
                names.actors.push(made.actor);
                names.targets.push((made.target_type.to_owned(), made.target.clone()));
            }
            if is_hot(&made.target) {
                *hot.entry((made.target_type, made.target)).or_default() += 1;
            }
            number += 1;
        }
    }
    if let Some(mut out) = out {
        out.flush()?;
    }
    let hottest = hot.into_iter().max_by_key(|(name, count)| (*count, name.clone()));
    if let Some(((kind, id), _)) = hottest {
        names.hottest_target = (kind.to_owned(), id);
    }
    Ok(names)
}

#[cfg(test)]
mod tests;
