//! Streams: which number of a spool was stored where, and which is next.
//!
//! Numbers begin at 1 and have no hole: every number is a record, or one of a declared gap that
//! one record stands for. It promises that a number is taken once, for ever, and that looking one
//! up costs a binary search. It refuses a number that is not the next: whoever appends must have
//! asked first. Where numbers of records that left the log are is forgotten; that they are taken
//! is not, and a stream leaves memory only once a file says so (`idle.rs`).

use std::collections::BTreeMap;

use event::ids::{Seq, Timestamp};
use tlog::Index;

use crate::request::StreamId;

/// Streams that one store holds in memory; of the others the longest silent go to files of their own.
pub const STREAMS_MAX: usize = 65_536;

/// The streams of one tenant that are in memory.
#[derive(Debug, Default)]
pub(crate) struct Streams {
    streams: BTreeMap<StreamId, Stream>,
}

/// One stream as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamFacts {
    /// Which stream.
    pub stream: StreamId,
    /// The number that would be accepted next.
    pub next: Seq,
    /// The stamp of its last record.
    pub last_received_at: Timestamp,
    /// Its last record; `None` once that left the log.
    pub last_index: Option<Index>,
    /// The gaps that its producer declared and whose records are in the log, oldest first.
    pub gaps: Vec<DeclaredGap>,
}

/// Numbers that a producer declared lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeclaredGap {
    /// The first lost number.
    pub from: Seq,
    /// The last lost number.
    pub to: Seq,
    /// The record that says so.
    pub index: Index,
}

/// What is known of a number of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SeqPlace {
    /// It was not stored.
    NotStored,
    /// The record that it became.
    At(Index),
    /// It was stored, in a record that is no longer in the log: the archive knows which.
    Archived,
}

#[derive(Debug)]
struct Stream {
    next: u64,
    last_received_at: Timestamp,
    runs: Vec<Run>,
}

/// Consecutive numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Run {
    /// The first number.
    pub(crate) seq: u64,
    /// How many numbers.
    pub(crate) count: u64,
    /// The first number's record.
    pub(crate) index: u64,
    /// How the other numbers follow.
    pub(crate) shape: Shape,
}

/// How numbers of a run meet records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// A record for each number.
    Each,
    /// One record for all.
    Gap,
}

impl Run {
    /// The record of one of its numbers.
    pub(crate) fn index_of(&self, seq: u64) -> Option<u64> {
        let place = seq.checked_sub(self.seq).filter(|place| *place < self.count)?;
        Some(match self.shape {
            Shape::Each => self.index + place,
            Shape::Gap => self.index,
        })
    }
}

impl Streams {
    /// How many streams there are.
    pub(crate) fn len(&self) -> usize {
        self.streams.len()
    }

    /// The next number of a stream; absent for one that is not in memory.
    pub(crate) fn next(&self, id: &StreamId) -> Option<u64> {
        self.streams.get(id).map(|stream| stream.next)
    }

    /// Takes the numbers of a run, which must begin at the stream's next.
    pub(crate) fn take(&mut self, id: &StreamId, run: Run, received_at: Timestamp) {
        assert!(run.count > 0, "a run holds at least one number");
        if !self.streams.contains_key(id) {
            let stream = Stream { next: 1, last_received_at: received_at, runs: Vec::new() };
            self.streams.insert(id.clone(), stream);
        }
        let Some(stream) = self.streams.get_mut(id) else { return };
        // INVARIANT (I5): a number is stored once, so the only one that can be taken is the next.
        assert_eq!(run.seq, stream.next, "numbers of a stream have no hole and no repeat");
        assert!(stream.last_received_at <= received_at, "stamps never decrease");
        stream.next += run.count;
        stream.last_received_at = received_at;
        match stream.runs.last_mut() {
            Some(last) if last.is_followed_by(&run) => last.count += run.count,
            _ => stream.runs.push(run),
        }
    }

    /// A stream as a snapshot or a file has it: its numbers are taken, where they are is not known.
    pub(crate) fn restore(&mut self, id: &StreamId, next: u64, last_received_at: Timestamp) {
        assert!(next > 0, "numbers begin at 1");
        let stream = Stream { next, last_received_at, runs: Vec::new() };
        let before = self.streams.insert(id.clone(), stream);
        assert!(before.is_none(), "a stream is restored once");
    }

    /// The streams of which no record is in the log, each with its next number and the stamp of its
    /// last record.
    pub(crate) fn silent(&self) -> impl Iterator<Item = (&StreamId, u64, Timestamp)> {
        let silent = self.streams.iter().filter(|(_, stream)| stream.runs.is_empty());
        silent.map(|(id, stream)| (id, stream.next, stream.last_received_at))
    }

    /// Lets a stream go that a file holds, if no record of it is in the log; answers whether it
    /// went.
    pub(crate) fn go_idle(&mut self, id: &StreamId, (next, last): (u64, Timestamp)) -> bool {
        let Some(stream) = self.streams.get(id).filter(|stream| stream.runs.is_empty()) else {
            return false;
        };
        // INVARIANT (I5): the file says of the stream what memory said.
        assert_eq!((stream.next, stream.last_received_at), (next, last), "nothing is forgotten");
        self.streams.remove(id).is_some()
    }

    /// What is known of a number.
    pub(crate) fn place(&self, id: &StreamId, seq: u64) -> SeqPlace {
        let Some(stream) = self.streams.get(id).filter(|stream| (1..stream.next).contains(&seq))
        else {
            return SeqPlace::NotStored;
        };
        let runs = &stream.runs;
        let run = runs.partition_point(|run| run.seq <= seq).checked_sub(1);
        let index = run.and_then(|run| runs.get(run)?.index_of(seq));
        index.map_or(SeqPlace::Archived, |index| SeqPlace::At(Index(index)))
    }

    /// Forgets where the numbers of records below `index` are.
    pub(crate) fn forget_below(&mut self, index: u64) {
        for stream in self.streams.values_mut() {
            let gone = stream.runs.partition_point(|run| run.end_index() <= index);
            stream.runs.drain(..gone);
            stream.runs.shrink_to(2 * stream.runs.len());
            if let Some(first) = stream.runs.first_mut() {
                first.forget_below(index);
            }
        }
    }

    /// One stream.
    pub(crate) fn of(&self, id: &StreamId) -> Option<StreamFacts> {
        self.streams.get(id).map(|stream| stream.facts(id))
    }

    /// All streams in memory, by name.
    pub(crate) fn facts(&self) -> impl Iterator<Item = StreamFacts> {
        self.streams.iter().map(|(id, stream)| stream.facts(id))
    }

    /// Each stream with its next number and the stamp of its last record, by name.
    pub(crate) fn nexts(&self) -> impl Iterator<Item = (&StreamId, u64, Timestamp)> {
        self.streams.iter().map(|(id, stream)| (id, stream.next, stream.last_received_at))
    }
}

impl Run {
    /// One past its last record.
    fn end_index(&self) -> u64 {
        match self.shape {
            Shape::Each => self.index + self.count,
            Shape::Gap => self.index + 1,
        }
    }

    /// Forgets the numbers of records below `index`, which lies before its end.
    fn forget_below(&mut self, index: u64) {
        let gone = index.saturating_sub(self.index);
        if gone > 0 {
            assert!(self.shape == Shape::Each && gone < self.count, "something of it is left");
            self.seq += gone;
            self.index += gone;
            self.count -= gone;
        }
    }

    fn is_followed_by(&self, next: &Run) -> bool {
        let both_each = self.shape == Shape::Each && next.shape == Shape::Each;
        both_each && self.seq + self.count == next.seq && self.index + self.count == next.index
    }
}

impl Stream {
    fn facts(&self, id: &StreamId) -> StreamFacts {
        let gaps = self.runs.iter().filter(|run| run.shape == Shape::Gap).map(|run| DeclaredGap {
            from: Seq(run.seq),
            to: Seq(run.seq + run.count - 1),
            index: Index(run.index),
        });
        StreamFacts {
            stream: id.clone(),
            next: Seq(self.next),
            last_received_at: self.last_received_at,
            last_index: self.runs.last().map(|run| Index(run.end_index() - 1)),
            gaps: gaps.collect(),
        }
    }
}

#[cfg(test)]
mod tests;
