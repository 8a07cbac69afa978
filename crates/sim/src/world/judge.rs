//! Answers held against the model: what a request was answered must be what it had to be answered,
//! and a refusal must have a reason that this run planted.

use event::ids::TenantId;
use ledger::{Answer, Append, Done, Reader, Refusal, Source};
use tlog::Index;

use super::STREAMS_MAX;
use crate::model::{Model, Predicted};

/// Whether this process met a fault, so that the writer may refuse or stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Excuse {
    Given,
    None,
}

/// What a turn came to.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    /// Items appended.
    pub(super) committed: u64,
    /// Items answered as seen.
    pub(super) seen: u64,
    /// Requests refused or above the next number.
    pub(super) refused: u64,
    /// Requests of which nobody knows what became of them, in order.
    pub(super) unknown: Vec<Append>,
}

/// Judges the answers of one turn and takes what is now promised into the model.
pub(super) fn turn(
    model: &mut Model,
    requests: Vec<Append>,
    answers: &[Answer],
    excuse: Excuse,
) -> Result<Outcome, String> {
    if requests.len() != answers.len() {
        return Err(format!("{} answers to {} requests", answers.len(), requests.len()));
    }
    let mut outcome = Outcome::default();
    for (request, answer) in requests.into_iter().zip(answers) {
        match answer {
            Answer::Done(given) => done(model, &request, given, &mut outcome)?,
            Answer::SequenceGap { expected } => {
                // Behind an unknown request of the same turn the model cannot know the next number.
                let predicted = model.predict(&request);
                if outcome.unknown.is_empty() && predicted != Predicted::Gap(*expected) {
                    return Err(format!("I3: a gap up to {expected}, not {predicted:?}"));
                }
                outcome.refused += 1;
            }
            Answer::Refused(Refusal::DiskFull) if excuse == Excuse::Given => {
                outcome.refused += 1;
            }
            // What the archive was asked for was a while ago, and is more than the ledger holds now.
            Answer::Refused(Refusal::LookAgain)
                if request.looked_below.0 < model.archive(&request.tenant).watermark =>
            {
                outcome.refused += 1;
            }
            Answer::Refused(Refusal::StreamsFull) if may_be_full(model, &request) => {
                outcome.refused += 1;
            }
            Answer::Refused(why) => return Err(format!("refused without a reason: {why:?}")),
            Answer::Poisoned if excuse == Excuse::Given => outcome.unknown.push(request),
            Answer::Poisoned => return Err("poisoned without a fault".into()),
        }
    }
    Ok(outcome)
}

/// Whether a request may be refused for too many streams: it would bring one more into memory.
fn may_be_full(model: &Model, request: &Append) -> bool {
    let (Source::Stream { stream, .. } | Source::Gap { stream, .. }) = &request.source else {
        return false;
    };
    let in_log = model.tenant(&request.tenant).is_some_and(|known| known.in_log(stream));
    let streams: usize = model.tenants().map(|(_, known)| known.streams().count()).sum();
    !in_log && model.adds(request) > 0 && streams >= STREAMS_MAX
}

fn done(
    model: &mut Model,
    request: &Append,
    given: &Done,
    outcome: &mut Outcome,
) -> Result<(), String> {
    let predicted = model.predict(request);
    if predicted != Predicted::Items(given.items.clone()) {
        return Err(format!("I5: answered {:?}, not {predicted:?}", given.items));
    }
    let before = model.size(&request.tenant);
    model.take(request, given.received_at);
    let added = model.size(&request.tenant) - before;
    if given.size.0 != before + added {
        return Err(format!("I3: answered size {}, not {}", given.size, before + added));
    }
    outcome.committed += added;
    outcome.seen += u64::try_from(given.items.len()).unwrap_or(0) - added;
    Ok(())
}

/// After a crash: which of the requests without an answer are in the store. They must be whole, in
/// order, and nothing else may be there.
pub(super) fn survivors(
    reader: &Reader,
    model: &mut Model,
    unknown: Vec<Append>,
) -> Result<u64, String> {
    let mut survived = 0;
    for request in unknown {
        let tenant = &request.tenant;
        let (known, stored) = (model.size(tenant), reader.head(tenant).size.0);
        let adds = model.adds(&request);
        if stored <= known || adds == 0 {
            continue;
        }
        let first = reader.record(tenant, Index(known));
        let first = first.map_err(|error| format!("I1: `{tenant}` {known}: {error}"))?;
        let first = first.ok_or("a size without its records")?.entry;
        if model.first_new(&request) != Some(first.root) {
            // Had it not been for the crash it would have been told to look again, or that memory is
            // full.
            let is_loose = matches!(request.source, Source::Loose { .. });
            let stale = is_loose && request.looked_below.0 < model.archive(tenant).watermark;
            if !stale && !may_be_full(model, &request) {
                return Err(format!("I3: `{tenant}` {known} is not what was sent first"));
            }
            continue;
        }
        if known + adds > stored {
            return Err(format!("a request of `{tenant}` survived in part: {}", stored - known));
        }
        model.take(&request, first.received_at);
        survived += adds;
    }
    nobody_sent(reader, model)?;
    Ok(survived)
}

fn nobody_sent(reader: &Reader, model: &Model) -> Result<(), String> {
    let more = |tenant: &TenantId| reader.head(tenant).size.0 > model.size(tenant);
    match reader.tenants().iter().find(|tenant| more(tenant)) {
        Some(tenant) => Err(format!("`{tenant}` holds records that nobody sent")),
        None => Ok(()),
    }
}
