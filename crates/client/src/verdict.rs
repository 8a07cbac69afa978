//! What an answer says of the numbers that were sent.
//!
//! Promises: a number is settled only by a result that names it, in the order of the numbers; every record's index is
//! above that of the number before, so that an index seen before for another number is a failure; what stands behind a
//! result that cannot be is not settled. Refuses to forget: who calls keeps what was settled.

use event::ids::{EventId, Seq};

use crate::wire::ItemResult;

/// What a number came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Settled {
    /// It is in the ledger, by this request.
    Committed {
        /// The event's id.
        id: EventId,
        /// Its position.
        index: u64,
    },
    /// It is in the ledger, by an earlier request whose answer was lost.
    Duplicate {
        /// The event's id.
        id: EventId,
        /// Its position.
        index: u64,
    },
    /// The server took the number, and not as an event: why.
    NotKept(String),
}

/// What one number came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// The number.
    pub seq: Seq,
    /// The index of the record that says so.
    pub index: u64,
    /// What it came to.
    pub settled: Settled,
}

/// What the results of one answer come to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judged {
    /// The numbers that are settled, from the first that was sent on, without a hole.
    pub verdicts: Vec<Verdict>,
    /// Why those behind them are not: sent again, the same would be answered the same.
    pub stands: Option<String>,
}

/// Judges the results for the numbers that `sent` names, first and how many; `before` is the index of the number before.
#[must_use]
pub fn judge(sent: (Seq, usize), results: &[ItemResult], before: Option<u64>) -> Judged {
    let (first, count) = sent;
    if results.len() != count {
        let why = format!("the server gave {} results for {count} events", results.len());
        return Judged { verdicts: Vec::new(), stands: Some(why) };
    }
    let mut verdicts = Vec::with_capacity(count);
    let mut before = before;
    for (seq, result) in (first.0..).zip(results) {
        match judge_one(seq, result, before) {
            Ok((index, settled)) => {
                before = Some(index);
                verdicts.push(Verdict { seq: Seq(seq), index, settled });
            }
            Err(why) => return Judged { verdicts, stands: Some(why) },
        }
    }
    Judged { verdicts, stands: None }
}

/// What one result says of its number.
fn judge_one(seq: u64, result: &ItemResult, before: Option<u64>) -> Result<(u64, Settled), String> {
    let (index, settled) = match result {
        ItemResult::Committed { id, index, .. } => {
            (*index, Settled::Committed { id: parse(id)?, index: *index })
        }
        ItemResult::Duplicate { id, index } => {
            (*index, Settled::Duplicate { id: parse(id)?, index: *index })
        }
        ItemResult::DeadLettered { index, code, .. } => {
            (*index, Settled::NotKept(format!("dead_lettered: {code}")))
        }
        ItemResult::Rejected { code, field, index: Some(index), .. } => {
            (*index, Settled::NotKept(format!("rejected: {code} at `{field}`")))
        }
        ItemResult::Rejected { code, index: None, .. } => {
            return Err(format!("number {seq} was refused without a record: {code}"));
        }
        ItemResult::Conflict { code, index } => {
            return Err(format!(
                "number {seq} is another event's at index {index} (`{code}`): two spools have one instance"
            ));
        }
    };
    let was_given = before.is_some_and(|before| index <= before);
    if was_given && !cfg!(planted = "sender_any_index") {
        return Err(format!(
            "the server gave index {index} for number {seq}, and had given it or a later one before"
        ));
    }
    Ok((index, settled))
}

fn parse(id: &str) -> Result<EventId, String> {
    EventId::parse(id).map_err(|error| format!("the server's answer: {error}"))
}
