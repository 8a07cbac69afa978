//! What an import came to: counts, and what a person has to know of single records.
//!
//! INVARIANT (I7): records = new + duplicate + known + conflict + rejected + dead-lettered + unsent. It refuses to keep
//! more than [`NOTES_MAX`] notes: of a file that is wrong from end to end the first lines say enough.

use indelible_client::wire::ItemResult;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// Notes about single records that are kept.
const NOTES_MAX: usize = 100;

/// What became of records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Counts {
    /// Records of the files.
    pub(crate) records: u64,
    /// Stored by this run.
    pub(crate) committed: u64,
    /// Stored before, from the same file.
    pub(crate) duplicate: u64,
    /// In the ledger from elsewhere; not sent.
    pub(crate) known: u64,
    /// The number is taken by something else.
    pub(crate) conflict: u64,
    /// Refused.
    pub(crate) rejected: u64,
    /// Kept, but no events.
    pub(crate) dead_lettered: u64,
}

impl Counts {
    /// Records that have an answer.
    pub(crate) fn answered(&self) -> u64 {
        self.committed + self.duplicate + self.known + self.not_clean()
    }

    /// Records that are in the ledger as something else than the events they should be.
    pub(crate) fn not_clean(&self) -> u64 {
        self.conflict + self.rejected + self.dead_lettered
    }

    /// Counts one result.
    pub(crate) fn add(&mut self, result: &ItemResult) {
        let slot = match result {
            ItemResult::Committed { .. } => &mut self.committed,
            ItemResult::Duplicate { .. } => &mut self.duplicate,
            ItemResult::Conflict { .. } => &mut self.conflict,
            ItemResult::Rejected { .. } => &mut self.rejected,
            ItemResult::DeadLettered { .. } => &mut self.dead_lettered,
        };
        *slot += 1;
    }
}

/// What happened, over all files.
#[derive(Debug, Default)]
pub(crate) struct Summary {
    /// Counts over all files.
    pub(crate) counts: Counts,
    /// Files that were read to their end.
    pub(crate) files: u64,
    /// What folders held beside them.
    pub(crate) skipped: Vec<PathBuf>,
    /// Files that could not be imported to their end, and why.
    pub(crate) failed: Vec<(PathBuf, String)>,
    notes: Vec<Value>,
    notes_left_out: u64,
}

impl Summary {
    /// The summary of an import that has not begun; `skipped` is what its folders hold beside the files.
    pub(crate) fn new(skipped: Vec<PathBuf>) -> Summary {
        Summary { skipped, ..Summary::default() }
    }

    /// Notes what is wrong with record `number` of `path`: its status, code, member and hint.
    pub(crate) fn note(&mut self, path: &Path, number: u64, what: [&str; 4]) {
        if self.notes.len() == NOTES_MAX {
            self.notes_left_out += 1;
            return;
        }
        let [status, code, field, hint] = what;
        self.notes.push(json!({
            "file": path.display().to_string(), "record": number,
            "status": status, "code": code, "field": field, "hint": hint,
        }));
    }

    /// The summary as one JSON object.
    pub(crate) fn json(&self) -> Value {
        let path = |path: &PathBuf| path.display().to_string();
        let failed = self.failed.iter();
        let failed: Vec<_> =
            failed.map(|(file, why)| json!({ "file": path(file), "error": why })).collect();
        json!({
            "files": self.files,
            "records": self.counts.records,
            "committed": self.counts.committed,
            "duplicate": self.counts.duplicate,
            "known": self.counts.known,
            "conflict": self.counts.conflict,
            "rejected": self.counts.rejected,
            "dead_lettered": self.counts.dead_lettered,
            "unsent": self.counts.records - self.counts.answered(),
            "skipped": self.skipped.iter().map(path).collect::<Vec<_>>(),
            "failed": failed,
            "problems": self.notes,
            "problems_left_out": self.notes_left_out,
        })
    }

    /// The summary in one line.
    pub(crate) fn line(&self) -> String {
        let Counts { records, committed, duplicate, known, conflict, rejected, dead_lettered } =
            self.counts;
        let unsent = records - self.counts.answered();
        let rest = if unsent == 0 { String::new() } else { format!(", {unsent} not sent") };
        format!(
            "{records} records from {}: {committed} new, {duplicate} duplicates, {known} known, \
             {conflict} conflicts, {rejected} rejected, {dead_lettered} dead-lettered{rest}",
            match self.files {
                1 => "1 file".to_owned(),
                files => format!("{files} files"),
            }
        )
    }

    /// What a person reads on stderr: files that were passed over, and records that are not what they should be.
    pub(crate) fn words(&self) -> Vec<String> {
        let skipped = self.skipped.iter().map(|path| format!("skipped `{}`", path.display()));
        let notes = self.notes.iter().map(|note| {
            let text = |name: &str| note.get(name).and_then(Value::as_str).unwrap_or_default();
            let number = note.get("record").and_then(Value::as_u64).unwrap_or_default();
            let (file, status, code) = (text("file"), text("status"), text("code"));
            let (field, hint) = (text("field"), text("hint"));
            let at = if field.is_empty() { String::new() } else { format!(" at `{field}`") };
            let hint = if hint.is_empty() { String::new() } else { format!(": {hint}") };
            format!("record {number} of `{file}`: {status}, {code}{at}{hint}")
        });
        let mut words: Vec<_> = skipped.chain(notes).collect();
        if self.notes_left_out > 0 {
            words.push(format!("and {} more", self.notes_left_out));
        }
        let failed = self.failed.iter();
        words.extend(failed.map(|(path, why)| format!("`{}` failed: {why}", path.display())));
        words
    }
}

#[cfg(test)]
mod tests;
