//! Every WARN and ERROR that the server can say, with what it means and what to do next.
//!
//! Promises: ERROR means that a person must look, WARN that we went on; each line of either level carries its `id` and its
//! `next` from this table, each is counted, and the page `docs/reference/logs.md` is made of it. A line that is not on
//! the list gets the id `unlisted`, which no test lets pass. Refuses levels below: those lines are facts, and ask nobody to
//! do anything.

use tracing::Level;

/// The id of a line that is not on the list.
pub(crate) const UNLISTED: &str = "unlisted";
/// What to do about one.
pub(super) const UNLISTED_NEXT: &str =
    "report it with the lines around it: the list of messages forgot it";

/// One message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Known {
    /// Its stable name, for filters and alerts.
    pub(crate) id: &'static str,
    pub(crate) level: Level,
    /// The text, as the line has it.
    pub(crate) message: &'static str,
    /// What has happened.
    pub(crate) means: &'static str,
    /// What to do.
    pub(crate) next: &'static str,
}

/// A message after which a person must look.
const fn error(
    id: &'static str,
    message: &'static str,
    means: &'static str,
    next: &'static str,
) -> Known {
    Known { id, level: Level::ERROR, message, means, next }
}

/// A message after which we went on.
const fn warn(
    id: &'static str,
    message: &'static str,
    means: &'static str,
    next: &'static str,
) -> Known {
    Known { id, level: Level::WARN, message, means, next }
}

/// The message of this text.
pub(crate) fn find(message: &str) -> Option<&'static Known> {
    KNOWN.iter().find(|known| known.message == message)
}

/// All of them: from the start of a server to its stop.
pub(crate) const KNOWN: &[Known] = &[
    warn(
        "config_doubt",
        "the configuration is probably not what was meant",
        "a key contradicts a default, lets the network read along, or puts keys beside the data; it is taken all the same",
        "follow `hint`; `indelible config check` says the same",
    ),
    error(
        "config_mistake",
        "the configuration has a mistake",
        "a configuration that was to be reloaded is wrong at `place`",
        "follow `hint`, then send SIGHUP again",
    ),
    error(
        "config_refused",
        "the configuration is wrong and was not taken: the running one stays",
        "a reload was refused because of the mistakes named before",
        "correct them, look with `indelible config check`, then send SIGHUP again",
    ),
    warn(
        "config_restart",
        "a key needs a restart to change, the running value stays",
        "a reload found a new value of a key that cannot change while the server runs",
        "restart the server, or put the old value back",
    ),
    warn(
        "unlisted_file",
        "a file that was not there at the last stop",
        "the data directory has a file that the signed `MANIFEST` does not list",
        "move it out of the data directory if nobody knows it; nothing reads it",
    ),
    warn(
        "foreign_path",
        "`MANIFEST` cannot list this, it is passed over: move it out of the data directory",
        "something in the data directory has a name or a kind that no file of ours has",
        "move it out of the data directory",
    ),
    warn(
        "quarantined_segment",
        "a file that no catalog names was moved to quarantine",
        "a crash left a segment unfinished, or somebody put a file there",
        "nothing, after a crash; the file may be removed from `quarantine/` once the store verifies",
    ),
    warn(
        "quarantined_file",
        "a file that is not ours was moved to quarantine",
        "the ledger's folder had a file that it does not know",
        "look at it in `quarantine/`; it may be removed once the store verifies",
    ),
    error(
        "records_lost",
        "records are lost, the rest is not",
        "the payload of some records is damaged; their places in the tree, and every other record, are not",
        "keep a copy of the data directory and run `indelible verify store`: docs/operate/recovery.md",
    ),
    warn(
        "clock_far_ahead",
        "the clock is more than a day ahead of the last record",
        "nothing came for a day, or the clock is wrong; records are stamped with it",
        "compare the clock with another one",
    ),
    error(
        "clock_behind",
        "the clock is behind the last record: set it, or start with --accept-clock",
        "stamps would go back, so that no event is taken",
        "set the clock; if it is right, start once with `--accept-clock`",
    ),
    error(
        "keep_failed",
        "the ledger could not keep what was due",
        "a checkpoint, snapshot or pack could not be written for a reason other than a full disk",
        "check the disk: the process is about to stop itself",
    ),
    error(
        "disk_fault",
        "disk fault: nothing is acknowledged any more, the process stops",
        "a write or sync failed; what was acknowledged before is on disk, what was in flight is in doubt",
        "check the disk, then start again: the start recovers",
    ),
    warn(
        "no_spare",
        "a spare log file could not be made",
        "the next log file cannot be prepared; most often the disk is full",
        "free space on the disk of the data directory",
    ),
    warn(
        "packs_put_off",
        "packs could not be written yet",
        "the log cannot be trimmed until they are; it is tried again every second",
        "free space, or check the disk that the error names",
    ),
    warn(
        "rows_not_archived",
        "rows could not be archived yet",
        "events stay in memory and in the log; intake is held back when `[lake] hot_bytes_max` is reached",
        "free space, or check the file that the error names; damage is dealt with in docs/operate/recovery.md",
    ),
    warn(
        "segments_not_merged",
        "segments could not be merged yet",
        "queries read more and smaller files than they need to; nothing is lost",
        "check the file that the error names; damage is dealt with in docs/operate/recovery.md",
    ),
    warn(
        "segments_not_tidied",
        "segments could not be tidied yet",
        "files that are no longer needed are still there",
        "check the disk and the permissions of `lake/`",
    ),
    error(
        "rows_not_queryable",
        "rows could not be made queryable",
        "events are committed and are not found by queries; `complete` is false in their coverage",
        "report it; the next start loads them from the log",
    ),
    warn(
        "counts_open",
        "counts stay open",
        "what was received in the last minute could not be put on record yet; it stays counted",
        "free space or set the clock, as the error says",
    ),
    warn(
        "reads_open",
        "ends of reads stay due",
        "that a read has ended could not be put on record yet; it is tried again",
        "free space or set the clock, as the error says",
    ),
    error(
        "tail_failed",
        "a tail could not look for events",
        "a follower was cut off; it comes back by itself where it was",
        "report it with the error, unless it names a file: then run `indelible verify store`",
    ),
    error(
        "query_failed",
        "the query engine failed",
        "a question was answered with 500; the caller learns no reason",
        "report it with the reason, unless it names a file: then run `indelible verify store`",
    ),
    error(
        "internal",
        "a promise to ourselves was broken",
        "a request was answered with 500; the caller learns its `request_id`",
        "report it with the reason, unless it names a file: then run `indelible verify store`",
    ),
    warn(
        "cut_off",
        "requests in flight did not end in time and are cut off",
        "a stop waits for `[server] drain_timeout_ms`; who was cut off sends again and loses nothing",
        "nothing; a longer `drain_timeout_ms` waits longer",
    ),
    warn(
        "uncounted",
        "requests that were cut off did not end in time, their items are not counted",
        "what was committed is on disk; the counts of refused and repeated items miss these requests",
        "nothing",
    ),
    warn(
        "rows_left",
        "rows stay in the log over the stop",
        "the last rows could not be archived; the next start loads them from the log",
        "free space, or check the disk that the error names",
    ),
    error(
        "manifest_full",
        "the store has more files than `MANIFEST` lists: the stop is left unfinished, nothing is lost",
        "the next start recovers as after a crash, and would not miss a file that is deleted meanwhile",
        "let the server run until segments are merged, then stop it again",
    ),
    error(
        "stop_unfinished",
        "disk fault: the stop is left unfinished",
        "everything acknowledged is on disk; the next start recovers as after a crash",
        "check the disk, then start again",
    ),
];
