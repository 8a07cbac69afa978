//! `indelible config`: a file to begin with, what is wrong with one, what counts and why, and its schema.
//!
//! Promises: `check` says of a configuration what `serve` would say, all of it, and starts nothing; `init` never writes
//! over a file; no secret is printed. Refuses to show a configuration that `serve` would refuse.

use std::io::Write;
use std::path::{Path, PathBuf};

use serde_json::{Value as Json, json};

use super::exit::{Exit, Failure};
use super::settings::Settings;
use super::{print, text};
use crate::config::{self, Loaded, Mistake, Place, Setting, Severity, Value};

const EXAMPLES: &str = "\
Examples:
  indelible config init
  indelible config check --config /etc/indelible/indelible.toml --deny-warnings
  indelible config show --origin
  indelible config schema > indelible.schema.json";

/// Options of `config`.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

/// What can be done with a configuration.
#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Write a file of every key with its default, unit and meaning
    Init(Init),
    /// Say everything that is wrong with file, environment and flags; start nothing
    Check(Check),
    /// Print what counts
    Show(Show),
    /// Print the JSON Schema of a configuration file
    Schema,
}

#[derive(Debug, clap::Args)]
struct Init {
    /// The file to write; `-` is standard output
    #[arg(short, long, value_name = "F", default_value = config::FILE)]
    output: PathBuf,
}

#[derive(Debug, clap::Args)]
struct Check {
    #[command(flatten)]
    settings: Settings,
    /// End with 2 for warnings, too
    #[arg(long)]
    deny_warnings: bool,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Debug, clap::Args)]
struct Show {
    #[command(flatten)]
    settings: Settings,
    /// Say behind each value where it comes from
    #[arg(long)]
    origin: bool,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// Runs one of them.
pub(crate) fn run(args: Args) -> Result<Exit, Failure> {
    match args.command {
        Command::Init(init) => write(&init.output),
        Command::Check(check) => self::check(check),
        Command::Show(show) => self::show(show),
        Command::Schema => {
            let schema = serde_json::to_string_pretty(&config::schema()).unwrap_or_default();
            print::data(&schema).map(|()| Exit::Done)
        }
    }
}

fn write(output: &Path) -> Result<Exit, Failure> {
    let example = config::example();
    if output == Path::new("-") {
        return print::bytes(example.as_bytes()).map(|()| Exit::Done);
    }
    let opened = std::fs::OpenOptions::new().write(true).create_new(true).open(output);
    match opened.and_then(|mut file| file.write_all(example.as_bytes())) {
        Ok(()) => print::data(&format!("wrote {}", output.display())).map(|()| Exit::Done),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Err(Failure::new(
            Exit::Usage,
            format!("`{}` is there already and stays as it is", output.display()),
            "name another file with -o, or print it with `-o -`",
        )),
        Err(error) => Err(Failure::new(
            Exit::Failed,
            format!("`{}` cannot be written: {error}", output.display()),
            "name a file in a folder that is there and can be written",
        )),
    }
}

fn check(check: Check) -> Result<Exit, Failure> {
    let loaded = check.settings.sources().load();
    let errors = loaded.errors();
    let warnings = loaded.mistakes.len() - errors;
    if check.json {
        let mistakes: Vec<Json> = loaded.mistakes.iter().map(mistake_json).collect();
        let file = loaded.file.as_ref().map(|file| file.display().to_string());
        let report =
            json!({"file": file, "errors": errors, "warnings": warnings, "mistakes": mistakes});
        print::data(&report.to_string())?;
    } else {
        for mistake in &loaded.mistakes {
            print::data(&text::printable_lines(&mistake.to_string()))?;
        }
        print::data(&format!("{}: {}", read(&loaded), counted(errors, warnings)))?;
    }
    let is_refused = errors > 0 || (check.deny_warnings && warnings > 0);
    Ok(if is_refused { Exit::Usage } else { Exit::Done })
}

/// What was looked at.
fn read(loaded: &Loaded) -> String {
    match &loaded.file {
        Some(file) => text::printable(&file.display().to_string()),
        None => format!("no file (`{}` is not here)", config::FILE),
    }
}

fn counted(errors: usize, warnings: usize) -> String {
    let of = |count: usize, word: &str| match count {
        1 => format!("1 {word}"),
        count => format!("{count} {word}s"),
    };
    match errors + warnings {
        0 => "nothing is wrong".to_owned(),
        _ => format!("{}, {}", of(errors, "error"), of(warnings, "warning")),
    }
}

fn mistake_json(mistake: &Mistake) -> Json {
    let Mistake { severity, place, what, hint } = mistake;
    json!({"severity": severity.word(), "place": place_json(place), "what": what, "hint": hint})
}

fn place_json(place: &Place) -> Json {
    match place {
        Place::Text(span) => {
            json!({"from": "file", "file": span.file, "line": span.line, "column": span.column})
        }
        Place::File(file) => json!({"from": "file", "file": file}),
        Place::Variable(name) => json!({"from": "environment", "variable": name}),
        Place::Flag(flag) => json!({"from": "flag", "flag": flag}),
        Place::Default => json!({"from": "default"}),
    }
}

fn show(show: Show) -> Result<Exit, Failure> {
    let loaded = show.settings.sources().load();
    let refuse = |refused: config::Refused| {
        let what = format!("the configuration is refused\n{refused}");
        Failure::new(Exit::Usage, what, "correct it, then look again")
    };
    loaded.config().map_err(refuse)?;
    let warnings = loaded.mistakes.iter().filter(|found| found.severity == Severity::Warning);
    warnings.for_each(|warning| print::words(&text::printable_lines(&warning.to_string())));
    if show.json {
        print::data(&shown(&loaded).to_string())?;
        return Ok(Exit::Done);
    }
    let mut above = "";
    for setting in &loaded.settings {
        let (table, name) = setting.key.split();
        if table != above {
            let line = if above.is_empty() { "" } else { "\n" };
            print::data(&format!("{line}[{table}]"))?;
            above = table;
        }
        let (hash, value) = match &setting.value {
            Some(value) => ("", literal(value)),
            None => ("#", "\"\"".to_owned()),
        };
        let from = if show.origin { format!("  # {}", setting.origin) } else { String::new() };
        print::data(&text::printable(&format!("{hash}{name} = {value}{from}")))?;
    }
    Ok(Exit::Done)
}

/// Every setting with where it comes from; no secret is among them, only where one is.
pub(super) fn shown(loaded: &Loaded) -> Json {
    let settings: Vec<Json> = loaded.settings.iter().map(setting_json).collect();
    json!({ "settings": settings })
}

fn setting_json(setting: &Setting) -> Json {
    let value = match &setting.value {
        Some(Value::Number(number)) => json!(number),
        Some(Value::Text(text)) => json!(text),
        None => Json::Null,
    };
    json!({"key": setting.key.name, "value": value, "origin": place_json(&setting.origin)})
}

/// A value as a file has it.
fn literal(value: &Value) -> String {
    match value {
        Value::Number(number) => number.to_string(),
        Value::Text(text) => toml::Value::String(text.clone()).to_string(),
    }
}
