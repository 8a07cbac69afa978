//! `indelible help`: topics that belong to no single command, and the help of every command.
//!
//! Promises: exit codes come from the table that the commands end with. Refuses to repeat the documents: it says where they
//! are.

use event::code::Code;

use super::exit::{EXITS, Exit, Failure};
use super::{print, tree, typos};

const EXAMPLES: &str = "\
Examples:
  indelible help query
  indelible help exit-codes
  indelible help send";

/// Options of `help`.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// exit-codes, environment, query, errors, or a command
    #[arg(value_name = "TOPIC")]
    topic: Vec<String>,
}

/// What can be asked for beside commands.
const TOPICS: [&str; 4] = ["exit-codes", "environment", "query", "errors"];

/// Columns of a topic's lines.
const COLUMNS: usize = 96;

/// Every variable that is looked at, with what it is for.
pub(super) const ENVIRONMENT: &[(&str, &str)] = &[
    (
        "INDELIBLE_URL",
        "the server to ask (default: that of client.json, else http://127.0.0.1:7070)",
    ),
    ("INDELIBLE_TOKEN", "the token that they ask with"),
    (
        "INDELIBLE_TOKEN_FILE",
        "a file that holds it: better than the variable, which others may see",
    ),
    (
        "INDELIBLE_KEY_DIR",
        "where the keys of stores are, unless --key-dir or the configuration says so",
    ),
    (
        "INDELIBLE__A__B",
        "the setting `b` of the table `[a]`: INDELIBLE__SERVER__LISTEN=127.0.0.1:7070",
    ),
    (
        "XDG_STATE_HOME",
        "the state directory of users other than root, in which keys are by default",
    ),
    ("TMPDIR", "where copies and what queries spill go"),
];

pub(super) const QUERY: &str = "\
A search is a line of terms; an event is found if it satisfies all of them.

  actor:ana                        a field has a value; ids match exactly
  action:invoice.*                 * stands for any characters, never inside quotes
  outcome:denied,failure           one of several values
  -kind:read                       not
  (actor:ana OR actor:bob)         either
  since:24h   occurred:2026-10-01..2026-10-31   received:>2026-11-01
  target:invoice/10021             an object, type/id
  ip:10.0.0.0/8                    a network
  attrs.amount:>10000              a value of the event's own
  \"quarterly close\"                free text
  is:gap                           numbers that a producer declared lost

What is not asked is not filtered. A field that does not exist is an error with a suggestion.
All fields: docs/reference/search.md. Everything else: `indelible sql 'DESCRIBE events'`.";

/// Prints a topic, or the help of a command.
pub(crate) fn run(args: &Args) -> Result<Exit, Failure> {
    let topic: Vec<&str> = args.topic.iter().map(String::as_str).collect();
    match &topic[..] {
        ["exit-codes"] => print::data(&exit_codes())?,
        ["environment"] => print::data(&environment())?,
        ["query"] => print::data(QUERY)?,
        ["errors"] => print::data(&errors())?,
        command => print::data(help_of(command)?.trim_end())?,
    }
    Ok(Exit::Done)
}

pub(super) fn exit_codes() -> String {
    let lines = EXITS.iter().map(|(exit, meaning)| format!("{:>3}  {meaning}", *exit as u8));
    lines.collect::<Vec<_>>().join("\n")
}

pub(super) fn environment() -> String {
    let lines = ENVIRONMENT.iter().map(|(name, meaning)| format!("{name:<22}{meaning}"));
    lines.collect::<Vec<_>>().join("\n")
}

/// Every code that a refusal can carry, with what to do: the page of error codes, offline.
pub(super) fn errors() -> String {
    let codes = Code::ALL.iter().map(|code| {
        let again = if code.retryable() { ", may be tried again" } else { "" };
        format!("{code} ({}{again})\n{}", code.status(), wrapped(code.hint(), "  "))
    });
    codes.collect::<Vec<_>>().join("\n")
}

/// A text in lines of at most [`COLUMNS`], each behind `indent`.
fn wrapped(text: &str, indent: &str) -> String {
    let mut lines = vec![indent.to_owned()];
    for word in text.split_whitespace() {
        let line = lines.last_mut().expect("there is a line");
        let is_first = line.len() == indent.len();
        if !is_first && line.chars().count() + 1 + word.chars().count() > COLUMNS {
            lines.push(format!("{indent}{word}"));
            continue;
        }
        if !is_first {
            line.push(' ');
        }
        line.push_str(word);
    }
    lines.join("\n")
}

/// The help of a command; of the whole program for no words.
pub(super) fn help_of(words: &[&str]) -> Result<String, Failure> {
    let mut command = tree();
    command.build();
    for word in words {
        let inner = command.find_subcommand(word).cloned();
        command = inner.ok_or_else(|| {
            let what = format!("there is no topic and no command `{}`", words.join(" "));
            let others = "topics are exit-codes, environment, query and errors; `indelible --help` lists the commands";
            let known = TOPICS.iter().copied();
            let known = known.chain(command.get_subcommands().map(clap::Command::get_name));
            let hint = typos::meant(word, known).unwrap_or_else(|| others.to_owned());
            Failure::new(Exit::Usage, what, hint)
        })?;
    }
    Ok(command.render_help().to_string())
}
