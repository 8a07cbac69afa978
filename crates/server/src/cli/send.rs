//! `indelible send`: one event from flags, or many from a file or standard input.
//!
//! Promises: every event has its id before the first try, so that no retry stores it twice; after 30 s of retryable
//! answers, and when it is interrupted, the command names the events of which it cannot say whether they are stored, and
//! ends with 6. Refuses to mend an event: a line that is none is sent as it is, and the server says what is wrong.
//!
//! Rooms: `lines` (from a file or a pipe to batches), `made` (flags to one event, ids), `report` (what is printed).

mod lines;
mod made;
mod report;

use std::fs::File;
use std::path::{Path, PathBuf};

use indelible_client::{Batch, Body, Client, Error, Form, Identity, Patience, ReceiptWish};

use super::connect::{self, ConnectArgs};
use super::exit::{Exit, Failure};
use super::values;
use lines::{Line, Lines};
use report::{Count, Report, Rest, Tongue};

const EXAMPLES: &str = "\
Examples:
  indelible send user.login --actor ana@acme
  indelible send invoice.approve --actor ana@acme --target invoice/10021 --set amount=1200
  indelible send @events.jsonl --events-out sent.jsonl
  tail -F app.jsonl | indelible send -";

/// Options of `send`.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// The action (`invoice.approve`), `@file.jsonl`, or `-` for standard input
    #[arg(add = values::actions())]
    what: String,
    /// Who did it
    #[arg(long, value_name = "A")]
    actor: Option<String>,
    /// What it was done to, `type/id`; may be given several times
    #[arg(long, value_name = "TYPE/ID")]
    target: Vec<String>,
    /// success, failure, denied, partial or unknown
    #[arg(long, value_name = "STATUS")]
    outcome: Option<String>,
    /// A member of `attrs`, repeatable; numbers, true and false are sent as such
    #[arg(long, value_name = "KEY=VALUE", value_parser = made::pair)]
    set: Vec<made::Pair>,
    /// Write the events as sent to this file, for `verify receipt --event`
    #[arg(long, value_name = "F")]
    events_out: Option<PathBuf>,
    /// Print one JSON object per event
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    connect: ConnectArgs,
}

/// Where the events come from.
enum Source {
    Flags,
    File(PathBuf),
    Stdin,
}

/// Runs the command.
pub(crate) fn run(args: &Args) -> Result<Exit, Failure> {
    let source = source(args)?;
    let (client, _) = connect::client(&args.connect)?;
    let tongue = if args.json { Tongue::Json } else { Tongue::Words };
    let mut kept = args.events_out.as_deref().map(create).transpose()?;
    match source {
        Source::Flags => {
            let line = Line { number: 1, event: made::event(args)? };
            let mut report = Report::new(tongue, Count::One);
            send(&client, &[line], &mut kept, &mut report)?;
            report.end()
        }
        Source::File(path) => {
            let file = File::open(&path).map_err(|error| {
                let what = format!("`{}` cannot be read: {error}", path.display());
                Failure::new(Exit::Usage, what, "name a file with one JSON event a line")
            })?;
            send_lines(&client, Lines::start(file), &mut kept, tongue)
        }
        Source::Stdin => send_lines(&client, Lines::start(std::io::stdin()), &mut kept, tongue),
    }
}

/// Which of the three it is; flags that describe one event do not go with the other two.
fn source(args: &Args) -> Result<Source, Failure> {
    let source = match (args.what.as_str(), args.what.strip_prefix('@')) {
        ("-", _) => Source::Stdin,
        (_, Some(path)) => Source::File(PathBuf::from(path)),
        _ => Source::Flags,
    };
    let has_flags = args.actor.is_some()
        || args.outcome.is_some()
        || !args.target.is_empty()
        || !args.set.is_empty();
    let refuse = |what: &str, hint: &str| Err(Failure::new(Exit::Usage, what, hint));
    match source {
        Source::Flags if args.actor.is_none() => {
            refuse("an event needs an actor", "say who did it: --actor ana@acme")
        }
        Source::File(_) | Source::Stdin if has_flags => refuse(
            "--actor, --target, --outcome and --set describe one event and do not go with a file",
            "put them into the events of the file",
        ),
        source => Ok(source),
    }
}

/// Sends line after line, as many at once as are waiting.
fn send_lines(
    client: &Client,
    mut lines: Lines,
    kept: &mut Option<File>,
    tongue: Tongue,
) -> Result<Exit, Failure> {
    let mut report = Report::new(tongue, Count::Many);
    while let Some(batch) = lines.next_batch() {
        let batch = batch.map_err(|error| {
            let what = format!("the events cannot be read further: {error}");
            let hint = "what was sent before is listed above";
            report.broken_off(Failure::new(Exit::Failed, what, hint), Rest::Unstored)
        })?;
        for number in &batch.too_long {
            report.too_long(*number);
        }
        if !batch.lines.is_empty() {
            send(client, &batch.lines, kept, &mut report)?;
        }
    }
    report.end()
}

/// Sends some events in one request and reports each.
fn send(
    client: &Client,
    lines: &[Line],
    kept: &mut Option<File>,
    report: &mut Report,
) -> Result<(), Failure> {
    let mut bytes = Vec::new();
    for line in lines {
        bytes.extend_from_slice(&line.event);
        bytes.push(b'\n');
    }
    if let Some(file) = kept {
        use std::io::Write;
        file.write_all(&bytes).map_err(|error| {
            let what = format!("the file of --events-out cannot be written: {error}");
            Failure::new(Exit::Failed, what, "nothing of this batch was sent")
        })?;
    }
    let batch = Batch {
        body: Body { form: Form::Ndjson, bytes: &bytes },
        identity: Identity::Ids,
        mapping: None,
        receipt: ReceiptWish::Unwanted,
    };
    report.sending(lines);
    match client.send(batch, Patience::SEND) {
        Ok(answer) if answer.results.len() == lines.len() => {
            report.answered(lines, &answer.results)
        }
        Ok(answer) => {
            let (sent, came) = (lines.len(), answer.results.len());
            let what = format!("{sent} events were sent and {came} results came");
            let failure =
                Failure::new(Exit::Failed, what, "report it: this is a bug of the server");
            Err(report.broken_off(failure, Rest::Unknown))
        }
        Err(error) => {
            let is_open = matches!(error, Error::MayBeStored { .. } | Error::Garbled { .. });
            let rest = if is_open { Rest::Unknown } else { Rest::Unstored };
            Err(report.broken_off(error.into(), rest))
        }
    }
}

/// The file that the events are kept in.
fn create(path: &Path) -> Result<File, Failure> {
    File::create(path).map_err(|error| {
        let what = format!("`{}` cannot be written: {error}", path.display());
        Failure::new(Exit::Usage, what, "name a file that can be written; nothing was sent")
    })
}

#[cfg(test)]
mod tests;
