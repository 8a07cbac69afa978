//! `indelible doctor`: looks at what a server needs, and says how to mend what is not right.

use serde_json::json;

use super::exit::{Exit, Failure};
use super::print;
use super::settings::Settings;
use crate::clock::Clock;
use crate::doctor::{self, Finding, State, Subject};

const EXAMPLES: &str = "\
Examples:
  indelible doctor
  indelible doctor --data-dir /srv/audit --key-dir /srv/audit-keys --listen 127.0.0.1:7070
  indelible doctor --json | jq -r '.findings[] | select(.state != \"good\") | .fix'";

/// Options of `doctor`.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    #[command(flatten)]
    settings: Settings,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Looks and tells: 0 if nothing is bad, else 1.
pub(crate) fn run(args: &Args) -> Result<Exit, Failure> {
    let loaded = args.settings.clone().sources().load();
    let findings = doctor::examine(&Subject { loaded, clock: Clock::start() });
    match args.json {
        true => print::data(&as_json(&findings))?,
        false => tell(&findings)?,
    }
    let is_bad = findings.iter().any(|finding| finding.state == State::Bad);
    Ok(if is_bad { Exit::Failed } else { Exit::Done })
}

/// All findings as one object.
pub(super) fn as_json(findings: &[Finding]) -> String {
    let shown: Vec<_> = findings
        .iter()
        .map(|Finding { check, state, what, fix }| {
            json!({ "check": check, "state": state.word(), "what": what, "fix": fix })
        })
        .collect();
    let count = |state: State| findings.iter().filter(|finding| finding.state == state).count();
    let is_good = count(State::Bad) == 0;
    let report = json!({
        "ok": is_good,
        "bad": count(State::Bad),
        "warnings": count(State::Warning),
        "findings": shown,
    });
    serde_json::to_string_pretty(&report).unwrap_or_default()
}

fn tell(findings: &[Finding]) -> Result<(), Failure> {
    for Finding { check, state, what, fix } in findings {
        print::data(&format!("{:<8} {check:<16} {what}", state.word()))?;
        if !fix.is_empty() {
            print::data(&format!("{:<8} {:<16} fix: {fix}", "", ""))?;
        }
    }
    let bad = findings.iter().filter(|finding| finding.state == State::Bad).count();
    match bad {
        0 => print::data("nothing stands in the way of a server"),
        1 => print::data("1 thing is to be mended"),
        more => print::data(&format!("{more} things are to be mended")),
    }
}
