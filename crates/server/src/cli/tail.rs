//! `indelible tail`: events as they come.
//!
//! Promises: a broken connection is made again behind the last event, so that none is lost or printed twice; a stream that
//! the server ends says why. Runs until Ctrl-C, a closed pipe or `--limit`. Refuses to sleep on an error that will not pass,
//! and to handle SIGINT: it ends the process as it does by default, and who starts a tail with SIGINT ignored, as a shell
//! does with `&` in a script, does not want it ended by a Ctrl-C that is meant for another; SIGTERM ends that one.

use std::time::Duration;

use indelible_client::{Client, Error, Said, Tail, wire};

use super::connect::{self, ConnectArgs};
use super::exit::{Exit, Failure};
use super::{events, print, search, text};

/// Pauses between tries to come back; after the last the command ends.
const PAUSES_MS: [u64; 7] = [100, 250, 500, 1_000, 2_000, 5_000, 10_000];

const EXAMPLES: &str = "\
Examples:
  indelible tail
  indelible tail 'outcome:denied' --since 10m
  indelible tail 'action:user.role.*' --jsonl | jq .actor.id";

/// Options of `tail`.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// What to look for; everything if it is left out
    #[arg(default_value = "", hide_default_value = true, allow_hyphen_values = true)]
    query: String,
    /// Begin with the events that were received within this time: 30s, 10m, 2h, 1d
    #[arg(long, value_name = "TIME", value_parser = milliseconds)]
    since: Option<u64>,
    /// End after so many events
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    limit: Option<u64>,
    /// One event a line, as it was served
    #[arg(long, visible_alias = "json")]
    jsonl: bool,
    #[command(flatten)]
    connect: ConnectArgs,
}

/// Runs the command.
pub(crate) fn run(args: &Args) -> Result<Exit, Failure> {
    let (client, _) = connect::client(&args.connect)?;
    let mut question =
        wire::TailQuestion { q: args.query.clone(), after: None, since_ms: args.since };
    let mut left = args.limit.unwrap_or(u64::MAX);
    let mut tail = client.tail(&question)?;
    let mut silent: usize = 0;
    while left > 0 {
        let why = match tail.next_said() {
            Ok(Some(Said::Event { index: _, json })) => {
                show(&json, args)?;
                (left, silent) = (left - 1, 0);
                continue;
            }
            Ok(Some(Said::Gone { words })) => {
                print::words(&format!("-- gone: {}", text::printable(&words)));
                continue;
            }
            Ok(Some(Said::Cut { words })) if words.contains("\"revoked\"") => {
                let what = "the key was revoked";
                return Err(Failure::new(Exit::NotAllowed, what, "ask for another key"));
            }
            Ok(Some(Said::Cut { words })) => {
                format!("ended by the server: {}", text::printable(&words))
            }
            Err(error) if !error.retryable() => return Err(error.into()),
            Ok(None) | Err(_) => "connection lost".to_owned(),
        };
        question.since_ms = None;
        question.after = tail.last();
        let from = question.after.map_or(0, |last| last + 1);
        print::words(&format!("-- {why}; going on from index {from} --"));
        std::thread::sleep(Duration::from_millis(pause_ms(silent)));
        tail = again(&client, &question)?;
        silent += 1;
    }
    Ok(Exit::Done)
}

/// The pause before another stream when so many in a row have ended without an event: each puts a read on record.
fn pause_ms(silent: usize) -> u64 {
    let longest = PAUSES_MS.last().copied().unwrap_or_default();
    let before = silent.checked_sub(1);
    before.map_or(0, |at| PAUSES_MS.get(at).copied().unwrap_or(longest))
}

/// Another stream that goes on behind the last event.
fn again(client: &Client, question: &wire::TailQuestion) -> Result<Tail, Failure> {
    let mut last: Option<Error> = None;
    for pause in PAUSES_MS {
        match client.tail(question) {
            Ok(tail) => return Ok(tail),
            Err(error) if !error.retryable() => return Err(error.into()),
            Err(error) => last = Some(error),
        }
        std::thread::sleep(Duration::from_millis(pause));
    }
    let gone = || Failure::new(Exit::Unreachable, "the connection was lost", "try again");
    Err(last.map_or_else(gone, Failure::from))
}

fn show(event: &str, args: &Args) -> Result<(), Failure> {
    if args.jsonl {
        return print::data(event);
    }
    let event = search::parsed(event.as_bytes())?;
    print::data(&events::row(&events::cells(&event)))
}

/// A time as people write it, in milliseconds.
fn milliseconds(text: &str) -> Result<u64, String> {
    let rule = "a number and one of s, m, h, d: 10m";
    let unit = text.chars().last().ok_or(rule)?;
    let number = text.strip_suffix(unit).unwrap_or_default();
    let unit_ms: u64 = match unit {
        's' => 1_000,
        'm' => 60_000,
        'h' => 3_600_000,
        'd' => 86_400_000,
        _ => return Err(rule.to_owned()),
    };
    let number: u64 = number.parse().map_err(|_| rule)?;
    number.checked_mul(unit_ms).ok_or_else(|| rule.to_owned())
}

#[cfg(test)]
mod tests;
