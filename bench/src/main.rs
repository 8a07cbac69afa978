//! Named benchmark scenarios, each one command, each beside a rival in the same run.
//!
//! Figures are ratios to the rival, since machines are shared and noisy; each stands with its
//! durability and batch size. Runs are bounded in events and time and leave nothing behind. It
//! refuses to be a test: it is never run by one.

mod ask; // the questions, to us and in a rival's words
mod clickhouse; // the rival in process, by a script of its own
mod client; // the scenario: the producer's own cost, and the way to the ledger
mod clock;
mod freshness; // the scenario: found after its acknowledgement
mod generate; // the synthetic event
mod growth; // the scenario: ten times the events
mod http; // a sender that takes little
mod ingest; // the scenario: acknowledged ingest beside PostgreSQL
mod interference; // the scenario: readers and ingest in each other's way
mod load; // our server under load
mod lookups; // the scenario: look-ups and bytes of what is archived, beside both rivals
mod machine; // what it runs on
mod memory; // the scenario: memory at full ingest
mod names; // the events in pieces, and what is asked for
mod options; // the words of a scenario
mod postgres; // the rival
mod report; // words and CSV
mod restart; // the scenario: ready after a crash
mod server; // our server as a child
mod sheet; // figures of a scenario, as words and CSV
mod store; // a store of ours, filled and archived
mod verify; // the scenario: offline verification on one core

use std::io::Write as _;
use std::process::ExitCode;

const HELP: &str = "\
indelible-bench <scenario>

  ingest [--rounds N] [--server PATH] [--dir DIR] [--only NAME]
                     acknowledged ingest over loopback HTTP: batches of 500 on 8 connections, single
                     events on 64, receipts at half load; beside PostgreSQL COPY and single INSERTs.
                     NAME is ours, rival or one scenario's. The store and the rival's cluster lie in DIR (default: the temporary folder)
                     and are removed
  lookups            bytes an event, and by id, by actor, by target and by hour over 1,000,000 events
                     that are flushed and merged; beside PostgreSQL with five indexes and ClickHouse
                     (`chdb-core` of the Python named) with three blooms
  freshness          from the acknowledgement of an event to a search that holds it
  interference       readers while ingest runs at 80 %; ingest while eight clients scan
  memory             the most memory at full ingest
  restart            ready after kill -9 with a log of 1 GiB
  verify             `verify store` on one core
  client             the producer: an event made, spooled, spooled by a task, and brought to the ledger;
                     beside JSON lines that are synced every 50 ms. NAME is ours or rival
  growth             look-ups, ingest and memory at 10,000,000 events and at a tenth of them

                     these take [--events N] [--server PATH] [--dir DIR] [--python PATH] [--only NAME];
                     NAME is ours, postgres or clickhouse
  events COUNT [SEED]  the synthetic events as NDJSON on standard output

example:
  cargo xtask bench ingest --rounds 5
";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let rest = args.get(1..).unwrap_or_default();
    let outcome = match args.first().map(String::as_str) {
        Some("ingest") => ingest::run(rest),
        Some("lookups") => lookups::run(rest),
        Some("freshness") => freshness::run(rest),
        Some("interference") => interference::run(rest),
        Some("memory") => memory::run(rest),
        Some("restart") => restart::run(rest),
        Some("verify") => verify::run(rest),
        Some("growth") => growth::run(rest),
        Some("client") => client::run(rest),
        Some("events") => events(rest),
        _ => Err(HELP.to_owned()),
    };
    match outcome {
        Ok(text) => {
            // A closed pipe is the reader's choice.
            let _ = std::io::stdout().lock().write_all(&text);
            ExitCode::SUCCESS
        }
        Err(why) => {
            let _ = writeln!(std::io::stderr().lock(), "{why}");
            ExitCode::FAILURE
        }
    }
}

fn events(args: &[String]) -> Result<Vec<u8>, String> {
    const COUNT_MAX: usize = 1_000_000;
    let count = args.first().and_then(|word| word.parse().ok());
    let count = count.filter(|count| *count <= COUNT_MAX).ok_or(HELP)?;
    let seed = args.get(1).map_or(Ok(1), |word| word.parse()).map_err(|_| HELP)?;
    Ok(generate::Generator::new(seed).ndjson(count))
}
