//! The order of the checks, and what they come to.
//!
//! 1. What is wrong in the receipt alone is a failure, whatever else was given: shape, proof, roots, parts, stamps, and
//!    part 8 against the stream that was asked for.
//! 2. Then an event that cannot be used ends the search.
//! 3. Then a failure (signature, a difference) goes before what could not be checked, and that before what was changed.
//!
//! Promises: an unknown origin or a missing event never ends the search for a failure. Refuses to look keys up: the
//! caller says which are to be trusted.

use tlog::checkpoint::Checkpoint;
use tlog::note::VerifierKey;
use tlog::{hash, proof};

use super::compare::{self, Compared};
use super::record::{Part, Record, Role};
use super::report::{
    Added, ByStep, Conclusion, EventReport, Finding, Report, Signed, Verdict, Withheld,
};
use super::{Receipt, items, part_name};
use crate::canonical::tag;
use crate::event::Event;
use crate::ids::{Instance, Seq};
use crate::json::Value;

/// What a producer holds against a receipt.
#[derive(Debug, Clone, Copy, Default)]
pub struct Given<'g> {
    /// E: its own event, an array or NDJSON.
    pub event: Option<&'g [u8]>,
    /// The keys that it trusts.
    pub keys: &'g [VerifierKey],
    /// The stream and the number of the first event.
    pub stream: Option<(Instance, Seq)>,
}

/// Checks a receipt, JSON or `.tlog-proof`, against what its holder has.
#[must_use]
pub fn verify(file: &[u8], given: &Given<'_>) -> Report {
    match Receipt::parse(file) {
        Ok(receipt) => verify_parsed(&receipt, given),
        Err(damage) => Report {
            conclusion: Conclusion::Failed,
            is_damaged: true,
            origin: None,
            tree_size: None,
            signed: Signed::NotChecked,
            events: Vec::new(),
            findings: vec![damage],
            remarks: Vec::new(),
        },
    }
}

fn verify_parsed(receipt: &Receipt<'_>, given: &Given<'_>) -> Report {
    let mut report = Report {
        conclusion: Conclusion::Verified,
        is_damaged: false,
        origin: Some(receipt.origin.clone().into_owned()),
        tree_size: None,
        signed: Signed::NotChecked,
        events: Vec::new(),
        findings: Vec::new(),
        remarks: Vec::new(),
    };
    match tree(receipt) {
        Ok(checkpoint) => report.tree_size = Some(checkpoint.size.0),
        Err(damage) => report.findings.push(damage),
    }
    let records = records(receipt, &mut report.findings);
    match given.stream {
        Some(wanted) => stream(&records, wanted, &mut report.findings),
        None => report.remarks.extend(unordered(&records)),
    }
    report.events = records.iter().map(describe).collect();
    if !report.findings.is_empty() {
        report.is_damaged = true;
        report.conclusion = Conclusion::Failed;
        return report;
    }
    let items = match given.event.map(|event| usable(event, &records)).transpose() {
        Ok(items) => items,
        Err(unusable) => {
            report.findings.push(unusable);
            report.conclusion = Conclusion::Unusable;
            return report;
        }
    };
    report.signed = signature(receipt, given.keys, &mut report.findings);
    for (position, record) in records.iter().enumerate() {
        let item = items.as_ref().and_then(|items| items.get(position));
        if let Some(event) = report.events.get_mut(position) {
            judge(record, item, event, &mut report.findings);
        }
    }
    report.conclusion = conclude(&report);
    report
}

/// The checkpoint, if the entries stand in its tree.
fn tree(receipt: &Receipt<'_>) -> Result<Checkpoint, Finding> {
    let wrong = |what: String| Finding::damage("checkpoint", what);
    let checkpoint = Checkpoint::read_unverified(&receipt.checkpoint)
        .map_err(|error| wrong(error.to_string()))?;
    if checkpoint.origin != receipt.origin {
        let (signed, said) = (&checkpoint.origin, &receipt.origin);
        return Err(wrong(format!("it is of `{signed}`, the receipt of `{said}`")));
    }
    let leaves: Vec<_> = receipt.events.iter().map(|event| hash::leaf_hash(&event.entry)).collect();
    let tree = (checkpoint.size, &checkpoint.root);
    proof::verify_range(receipt.index.0, &leaves, &receipt.proof, tree)
        .map_err(|error| Finding::damage("proof", error.to_string()))?;
    Ok(checkpoint)
}

/// The records that are what they can be; what is wrong with the others is found.
fn records<'r>(receipt: &'r Receipt<'_>, findings: &mut Vec<Finding>) -> Vec<Record<'r>> {
    let mut records: Vec<Record<'r>> = Vec::with_capacity(receipt.events.len());
    for (index, shown) in (receipt.index.0..).zip(&receipt.events) {
        match Record::read(index, shown, &receipt.origin) {
            Ok(record) => {
                let last = records.last().map(|last| last.entry.received_at);
                if last.is_some_and(|last| last > record.entry.received_at) {
                    let what = "it was received before the entry that precedes it";
                    findings.push(Finding::damage(format!("index {index}"), what));
                }
                records.push(record);
            }
            Err(damage) => findings.push(damage),
        }
    }
    records
}

/// Instance and number of every record, as far as opened, against those that were asked for.
fn stream(records: &[Record<'_>], wanted: (Instance, Seq), findings: &mut Vec<Finding>) {
    for (position, record) in (0..).zip(records) {
        let Some(stamp) = &record.stamp else { continue };
        let due = (wanted.0, Seq(wanted.1.0.saturating_add(position)));
        let what = match stamp.stream {
            Some(found) if found == due => continue,
            Some((instance, seq)) => {
                format!(
                    "it is number {seq} of instance {instance}, and number {} of {} is due",
                    due.1, due.0
                )
            }
            None => "it is in no stream, and one was asked for".to_owned(),
        };
        findings.push(Finding::damage(format!("index {}", record.index), what));
    }
}

/// The first record that does not follow the one before it in its stream. Whoever asks for a stream gets a failure; to
/// whoever does not, it is only said, since nothing says what was to be there.
fn unordered(records: &[Record<'_>]) -> Option<String> {
    let mut pairs = records.iter().zip(records.iter().skip(1));
    let is_broken = |(one, next): &(&Record<'_>, &Record<'_>)| {
        let (Some(one), Some(next)) = (&one.stamp, &next.stamp) else { return false };
        let due = one.stream.map(|(instance, seq)| (instance, Seq(seq.0 + 1)));
        next.stream != due
    };
    let (_, next) = pairs.find(is_broken)?;
    Some(format!(
        "index {} does not have the next number of the stream of the event before it",
        next.index
    ))
}

/// One item of E.
struct Item<'g> {
    bytes: &'g [u8],
    /// Read only where the record is compared with it.
    event: Option<Event<'g>>,
}

/// The items of E, one for each record, readable where they will be read.
fn usable<'g>(event: &'g [u8], records: &[Record<'_>]) -> Result<Vec<Item<'g>>, Finding> {
    let unusable = |what: String| Finding::new(Conclusion::Unusable, "event", what);
    let items =
        items::split(event).ok_or_else(|| unusable("its array cannot be read".to_owned()))?;
    if items.len() != records.len() {
        let (given, due) = (items.len(), records.len());
        return Err(unusable(format!("{given} are given, and the receipt holds {due}")));
    }
    let read = |(bytes, record): (&'g [u8], &Record<'_>)| {
        if !matches!(record.role(), Role::Event | Role::System) {
            return Ok(Item { bytes, event: None });
        }
        let event = Event::as_sent(bytes).map_err(|error| unusable(error.to_string()))?;
        if compare::is_too_long(&event) {
            return Err(unusable("it has more actors or targets than any record".to_owned()));
        }
        Ok(Item { bytes, event: Some(event) })
    };
    items.into_iter().zip(records).map(read).collect()
}

/// What the given keys say of the note.
fn signature(receipt: &Receipt<'_>, keys: &[VerifierKey], findings: &mut Vec<Finding>) -> Signed {
    let (signed, conclusion, what) = match Checkpoint::open(&receipt.checkpoint, keys) {
        Ok(_) => return Signed::ByGivenKey,
        Err(error @ tlog::Error::UnknownOrigin { .. }) => {
            (Signed::UnknownOrigin, Conclusion::Unchecked, error.to_string())
        }
        Err(error) => (Signed::Wrong, Conclusion::Failed, error.to_string()),
    };
    findings.push(Finding::new(conclusion, "checkpoint", what));
    signed
}

/// What the record says of itself, before anything is compared.
fn describe(record: &Record<'_>) -> EventReport {
    let mut added = Vec::new();
    let mut say = |name: &str, value: &str| {
        added.push(Added { name: name.to_owned(), value: value.to_owned() });
    };
    if let Some(stamp) = &record.stamp {
        say("tenant", &stamp.tenant);
        if let Some(producer) = &stamp.producer {
            say("producer", producer);
        }
        if let Some(mapping) = &stamp.mapping {
            say("mapping (as said by the producer)", mapping);
        }
        for (pointer, value) in &stamp.defaults {
            say(pointer, value);
        }
        if let Some(table) = &stamp.kind_table {
            say("kind_table", table);
        }
        if let Some(signature) = &stamp.signature {
            say("signature", signature);
        }
    }
    for (name, value) in &record.observed {
        say(name, value);
    }
    let withheld = record.parts.iter().filter_map(|((tag, ordinal), part)| match part {
        Part::Withheld(by) => Some(Withheld { part: part_name(*tag, *ordinal), by: *by }),
        Part::Opened(_) => None,
    });
    let steps = record.stamp.iter().flat_map(|stamp| &stamp.lineage).map(|step| ByStep {
        step: step.name.clone(),
        version: step.version.clone(),
        parts: step.changed.iter().map(|(tag, ordinal)| part_name(*tag, *ordinal)).collect(),
        pointers: Vec::new(),
    });
    EventReport {
        index: record.index,
        received_at: record.entry.received_at,
        stream: record.stamp.as_ref().and_then(|stamp| stamp.stream),
        verdict: Verdict::Unproven,
        equal: 0,
        added,
        steps: steps.collect(),
        withheld: withheld.collect(),
    }
}

/// Compares a record with its item, as far as both are there.
fn judge(
    record: &Record<'_>,
    item: Option<&Item<'_>>,
    said: &mut EventReport,
    findings: &mut Vec<Finding>,
) {
    let mut compared = Compared::default();
    match (record.role(), item) {
        (_, None) => compared.unproven.push("no event is given to compare with".to_owned()),
        (Role::Refused, Some(_)) => {}
        (Role::DeadLetter, Some(item)) => dead_letter(record, item.bytes, &mut compared),
        (Role::Unknown, Some(_)) => {
            compared.unproven.push("schema and stamp do not both show what it is".to_owned());
        }
        (Role::System, Some(_)) => {
            compared
                .different
                .push("it is a record of the server's own, not what was sent".to_owned());
        }
        (Role::Event, Some(item)) => {
            if let Some(event) = &item.event {
                compared = compare::claims(record, event);
            }
        }
    }
    if record.role() == Role::Event && record.stamp.is_none() {
        compared.unproven.push("part stamp is withheld".to_owned());
    }
    said.verdict = verdict(record, &compared);
    said.equal = compared.equal;
    for (part, pointer) in &compared.excused {
        let steps = record.stamp.iter().flat_map(|stamp| &stamp.lineage);
        for (step, told) in steps.zip(&mut said.steps) {
            if step.changed.contains(part) {
                told.pointers.push(pointer.clone());
            }
        }
    }
    let place = format!("index {}", record.index);
    for (conclusion, texts) in
        [(Conclusion::Failed, compared.different), (Conclusion::Unchecked, compared.unproven)]
    {
        findings
            .extend(texts.into_iter().map(|what| Finding::new(conclusion, place.as_str(), what)));
    }
}

/// A dead letter keeps the bytes of its item.
fn dead_letter(record: &Record<'_>, item: &[u8], compared: &mut Compared) {
    let Some(original) = record.original() else {
        return compared
            .unproven
            .push("part personal, which keeps the item, is withheld".to_owned());
    };
    let kept = original.value.member("text").and_then(Value::as_str);
    if kept.map(str::as_bytes) == Some(item) {
        compared.equal += 1;
    } else if record.names(tag::PERSONAL, original.ordinal) {
        compared.excused.push(((tag::PERSONAL, original.ordinal), original.pointer.clone()));
    } else {
        compared.different.push("the item that it keeps is not the one that was sent".to_owned());
    }
}

fn verdict(record: &Record<'_>, compared: &Compared) -> Verdict {
    match record.role() {
        _ if !compared.different.is_empty() => Verdict::Different,
        _ if !compared.unproven.is_empty() => Verdict::Unproven,
        Role::Refused => Verdict::RefusedNotKept,
        Role::DeadLetter => Verdict::KeptNotAccepted,
        _ if record.names_any(tag::WHAT..=tag::CLAIM_MAX) => Verdict::Changed,
        _ => Verdict::AsSent,
    }
}

/// A failure goes before what could not be checked, and that before what was changed.
fn conclude(report: &Report) -> Conclusion {
    let has = |conclusion| report.findings.iter().any(|found| found.conclusion == conclusion);
    if has(Conclusion::Failed) {
        Conclusion::Failed
    } else if has(Conclusion::Unchecked) {
        Conclusion::Unchecked
    } else if report.events.iter().all(|event| event.verdict == Verdict::AsSent) {
        Conclusion::Verified
    } else {
        Conclusion::Partly
    }
}

#[cfg(test)]
mod tests;
