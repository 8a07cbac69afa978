//! What `send` prints, and how it ends.
//!
//! Promises: stdout has one line per event that has an answer; the words about the rest go to stderr; an interruption (or a
//! deadline) names each event of which nobody can say whether it is stored. Refuses to call a part the whole: some but not
//! all stored is 6.

use std::sync::{Arc, Mutex, PoisonError};

use indelible_client::wire::ItemResult;

use super::lines::Line;
use super::made;
use crate::cli::exit::{Exit, Failure};
use crate::cli::{print, text};

/// In which language results are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tongue {
    Words,
    Json,
}

/// Whether line numbers say anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Count {
    One,
    Many,
}

/// What became of the events whose request failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rest {
    /// They are not stored.
    Unstored,
    /// They may be.
    Unknown,
}

/// What was sent and is not answered; the interruption looks at it.
type InFlight = Arc<Mutex<Vec<(u64, String)>>>;

/// The state of a sending.
#[derive(Debug)]
pub(super) struct Report {
    tongue: Tongue,
    count: Count,
    in_flight: InFlight,
    stored: u64,
    known: u64,
    kept: u64,
    refused: u64,
}

impl Report {
    /// Nothing sent yet. From now on SIGINT and SIGTERM end the process with 6 and the names of what is in flight.
    pub(super) fn new(tongue: Tongue, count: Count) -> Report {
        let in_flight = InFlight::default();
        watch_for_interruption(Arc::clone(&in_flight));
        Report { tongue, count, in_flight, stored: 0, known: 0, kept: 0, refused: 0 }
    }

    /// These go out now.
    pub(super) fn sending(&mut self, lines: &[Line]) {
        let names = lines.iter().map(|line| (line.number, made::id_of(&line.event))).collect();
        *lock(&self.in_flight) = names;
    }

    /// These came back, each with its result.
    pub(super) fn answered(
        &mut self,
        lines: &[Line],
        results: &[ItemResult],
    ) -> Result<(), Failure> {
        for (line, result) in lines.iter().zip(results) {
            match result {
                ItemResult::Committed { .. } => self.stored += 1,
                ItemResult::Duplicate { .. } => self.known += 1,
                ItemResult::DeadLettered { .. } => self.kept += 1,
                ItemResult::Conflict { .. } | ItemResult::Rejected { .. } => self.refused += 1,
            }
            self.print(line, result)?;
        }
        // Only what has been printed is no longer in flight: an interruption may name too much, never too little.
        lock(&self.in_flight).clear();
        Ok(())
    }

    /// A line that could not be sent at all.
    pub(super) fn too_long(&mut self, number: u64) {
        self.refused += 1;
        let most = event::limits::EVENT_BYTES_MAX;
        print::words(&format!("line {number}: not sent: longer than {most} bytes (`too_large`)"));
    }

    /// The failure that ends the sending: 6 if part of it is done, or may be. What is in flight is named if it may be.
    pub(super) fn broken_off(&mut self, failure: Failure, rest: Rest) -> Failure {
        let names = std::mem::take(&mut *lock(&self.in_flight));
        if rest == Rest::Unknown {
            name_unknown(&names);
        }
        if self.count == Count::Many {
            self.summary();
        }
        let is_part = self.stored + self.known + self.kept > 0;
        if is_part || rest == Rest::Unknown {
            Failure { exit: Exit::Partly, ..failure }
        } else {
            failure
        }
    }

    /// How it all ended.
    pub(super) fn end(&mut self) -> Result<Exit, Failure> {
        if self.count == Count::Many {
            self.summary();
        }
        let done = self.stored + self.known;
        let rest = self.kept + self.refused;
        Ok(match (done, rest) {
            (_, 0) => Exit::Done,
            (0, _) if self.kept == 0 => Exit::Failed,
            _ => Exit::Partly,
        })
    }

    fn summary(&self) {
        let Report { stored, known, kept, refused, .. } = self;
        print::words(&format!(
            "{} events: {stored} committed, {known} duplicate, {kept} dead-lettered, {refused} refused",
            stored + known + kept + refused
        ));
    }

    /// One result: data on stdout, what to do about a refusal on stderr.
    fn print(&self, line: &Line, result: &ItemResult) -> Result<(), Failure> {
        if self.tongue == Tongue::Json {
            return print::data(&self.json(line, result)?);
        }
        let place = match self.count {
            Count::One => String::new(),
            Count::Many => format!("line {}: ", line.number),
        };
        match result {
            ItemResult::Committed { id, index, .. } => {
                print::data(&format!("committed {index} {}", text::printable(id)))
            }
            ItemResult::Duplicate { id, index } => {
                print::data(&format!("duplicate {index} {}", text::printable(id)))
            }
            ItemResult::DeadLettered { id, index, code } => {
                print::data(&format!("dead_lettered {index} {}", text::printable(id)))?;
                print::words(&format!("{place}kept, and not accepted: {}", text::printable(code)));
                Ok(())
            }
            ItemResult::Conflict { code, index } => {
                print::words(&format!(
                    "{place}conflict: {} with the record at {index}",
                    text::printable(code)
                ));
                print::words(&format!("hint: {}", hint_of(code)));
                Ok(())
            }
            ItemResult::Rejected { code, field, hint, .. } => {
                let at = if field.is_empty() { String::new() } else { format!(" at `{field}`") };
                print::words(&text::printable(&format!("{place}rejected: {code}{at}")));
                print::words(&text::printable(&format!("hint: {hint}")));
                Ok(())
            }
        }
    }

    /// One result as JSON, with its line where there are many.
    fn json(&self, line: &Line, result: &ItemResult) -> Result<String, Failure> {
        let bug = |error: serde_json::Error| {
            Failure::new(Exit::Failed, format!("a result cannot be written: {error}"), "report it")
        };
        let mut value = serde_json::to_value(result).map_err(bug)?;
        if let (Count::Many, Some(members)) = (self.count, value.as_object_mut()) {
            members.insert("line".to_owned(), line.number.into());
        }
        serde_json::to_string(&value).map_err(bug)
    }
}

/// What the table of codes says about a conflict.
fn hint_of(code: &str) -> &'static str {
    event::code::Code::parse(code).map_or("draw a new id", event::code::Code::hint)
}

/// Names what may or may not be stored.
fn name_unknown(names: &[(u64, String)]) {
    for (number, id) in names {
        let id = if id.is_empty() { "without an id".to_owned() } else { text::printable(id) };
        print::words(&format!("unknown: line {number}, event {id}: it may be stored"));
    }
    if !names.is_empty() {
        print::words(
            "hint: send the same events with the same ids again, or ask `indelible show <id>`",
        );
    }
}

/// On SIGINT or SIGTERM: names what is in flight and ends with 6. Watching when this returns.
fn watch_for_interruption(in_flight: InFlight) {
    let (watching, is_watched) = std::sync::mpsc::sync_channel::<()>(1);
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        // Without the watch an interruption ends the process the plain way.
        let Ok(runtime) = runtime else { return };
        if runtime.block_on(interruption(watching)).is_ok() {
            let names = lock(&in_flight).clone();
            print::words("interrupted");
            name_unknown(&names);
            std::process::exit(i32::from(Exit::Partly as u8));
        }
    });
    // An error means that the watch could not be set up.
    let _unwatched = is_watched.recv();
}

/// Ends when the process is asked to; drops `watching` as soon as it would notice.
async fn interruption(watching: std::sync::mpsc::SyncSender<()>) -> std::io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    drop(watching);
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}

/// The list, whatever became of another thread that held it.
fn lock(in_flight: &InFlight) -> std::sync::MutexGuard<'_, Vec<(u64, String)>> {
    in_flight.lock().unwrap_or_else(PoisonError::into_inner)
}
