//! `indelible repair`: a damaged store that is not running.
//!
//! Promises: what was mended, what stays lost and what was set aside is data; a place that cannot be mended is exit 10.
//! Refuses to run beside a server.

use std::path::PathBuf;

use event::json::{Value, write_cj1};

use super::exit::{Exit, Failure};
use super::print;
use crate::repair::{self, Mended};
use crate::verify::report::printable;

/// Options of `repair`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    what: What,
}

/// What is repaired.
#[derive(Debug, clap::Subcommand)]
enum What {
    /// The write-ahead log: rebuild what can be rebuilt, name what is lost; the next start records it
    Wal {
        /// Data directory
        #[arg(long, value_name = "D", default_value = indelible_client::DATA_DIR)]
        data_dir: PathBuf,
        /// Key directory
        #[arg(long, value_name = "K")]
        key_dir: Option<PathBuf>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

/// Runs the command.
pub(crate) fn run(args: Args) -> Result<Exit, Failure> {
    let What::Wal { data_dir, key_dir, json } = args.what;
    let mended = repair::wal(&data_dir, key_dir.as_deref())?;
    if json {
        print::data(&to_json(&mended))?;
    } else {
        print::data(&lines(&mended).join("\n"))?;
    }
    Ok(Exit::Done)
}

fn lines(mended: &Mended) -> Vec<String> {
    let repairs = &mended.repairs;
    let mut lines: Vec<String> =
        repairs.mended.iter().map(|place| format!("mended: {place}")).collect();
    lines.extend(
        repairs.quarantined.iter().map(|file| format!("set aside: `{file}`, now in `quarantine/`")),
    );
    lines
        .extend(repairs.lost.iter().map(|lost| format!("lost: {lost}; the next start records it")));
    lines.extend(mended.manifest.map(|said| format!("MANIFEST: {said}")));
    if lines.is_empty() {
        lines.push("nothing to mend".to_owned());
    }
    lines.iter().map(|line| printable(line)).collect()
}

fn to_json(mended: &Mended) -> String {
    let repairs = &mended.repairs;
    let places = repairs.mended.iter().map(|place| {
        Value::object(vec![
            ("file".into(), Value::text(place.file.as_str())),
            ("offset".into(), Value::integer(place.offset)),
            ("what".into(), Value::text(place.what.as_str())),
        ])
    });
    let lost = repairs.lost.iter().map(|lost| {
        Value::object(vec![
            ("tenant".into(), Value::text(lost.records.tenant.as_str())),
            ("first_index".into(), Value::integer(lost.records.first.0)),
            ("end_index".into(), Value::integer(lost.records.end.0)),
            ("file".into(), Value::text(lost.file.as_str())),
            ("offset".into(), Value::integer(lost.offset)),
        ])
    });
    let set_aside = repairs.quarantined.iter().map(|file| Value::text(file.as_str()));
    let value = Value::object(vec![
        ("mended".into(), Value::Array(places.collect())),
        ("lost".into(), Value::Array(lost.collect())),
        ("quarantined".into(), Value::Array(set_aside.collect())),
        ("manifest".into(), mended.manifest.map_or(Value::Null, Value::text)),
    ]);
    let mut bytes = Vec::new();
    write_cj1(&value, &mut bytes);
    String::from_utf8(bytes).expect("texts write as UTF-8")
}
