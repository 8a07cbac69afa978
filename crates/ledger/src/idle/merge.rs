//! Four files of one level become one of the next, some streams at a time.
//!
//! It promises that the new file has what the newest of the four has of each stream, and that one
//! step is bounded. It refuses to remove anything: the four go once no snapshot names them.

use std::sync::Arc;

use super::file::{IdleFile, Scan};
use super::writer::{Closed, FileWriter};
use super::{IdleStream, Owner};
use crate::disk::Disk;
use crate::error::Error;

/// Streams that one step takes over: a few milliseconds between two turns.
pub(crate) const STREAMS_A_STEP: usize = 4096;

/// A merge on its way.
#[derive(Debug)]
pub(crate) struct Merge {
    /// The oldest content first.
    scans: Vec<Scan>,
    sources: Vec<u64>,
    number: u64,
    writer: FileWriter,
}

/// Where a merge is after a step.
#[derive(Debug)]
pub(crate) enum Step {
    /// There is more to do.
    More(Box<Merge>),
    /// The new file is written, and not durable yet; these are the numbers that it is made of.
    Done(Closed, Vec<u64>),
}

impl Merge {
    /// Begins to make file `number` of `files`, the oldest content first.
    pub(crate) fn begin(
        disk: &dyn Disk,
        owner: Owner<'_>,
        number: u64,
        files: &[Arc<IdleFile>],
    ) -> Result<Box<Self>, Error> {
        let levels: Vec<_> = files.iter().map(|file| file.listed.level).collect();
        let level = levels.first().copied().expect("a merge has sources");
        assert!(levels.iter().all(|of| *of == level), "files of one level are merged");
        let writer = FileWriter::begin(disk, owner, number, level.saturating_add(1))?;
        let scans = files.iter().map(IdleFile::scan).collect();
        let sources = files.iter().map(|file| file.listed.number).collect();
        Ok(Box::new(Self { scans, sources, number, writer }))
    }

    /// Takes over up to `most` streams.
    pub(crate) fn step(mut self: Box<Self>, disk: &dyn Disk, most: usize) -> Result<Step, Error> {
        for _ in 0..most {
            let Some(next) = self.next(disk)? else {
                return Ok(Step::Done(self.writer.close(disk)?, self.sources));
            };
            self.writer.push(disk, &next)?;
        }
        Ok(Step::More(self))
    }

    /// The lowest name that is left, as the newest file has it; the others' lines are passed over.
    fn next(&mut self, disk: &dyn Disk) -> Result<Option<IdleStream>, Error> {
        let mut lowest: Option<IdleStream> = None;
        for scan in &mut self.scans {
            let Some(line) = scan.peek(disk)? else { continue };
            // Of one name in several files the newest, which comes last, stands.
            if lowest.as_ref().is_none_or(|lowest| line.name() <= lowest.name()) {
                lowest = Some(line.clone());
            }
        }
        let Some(lowest) = lowest else { return Ok(None) };
        for scan in &mut self.scans {
            if scan.peek(disk)?.is_some_and(|line| line.name() == lowest.name()) {
                scan.next(disk)?;
            }
        }
        Ok(Some(lowest))
    }

    /// The number of the file that it makes.
    pub(crate) fn number(&self) -> u64 {
        self.number
    }
}
