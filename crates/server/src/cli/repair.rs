//! `indelible repair`: a damaged store that is not running.
//!
//! Promises: what was mended, what stays lost and what was set aside is data; a place that cannot be mended is exit 10.
//! Refuses to run beside a server.

use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};

use event::json::{Value, write_cj1};
use indicatif::{ProgressBar, ProgressStyle};
use lake::catalog::{FileRow, Row};

use super::exit::{Exit, Failure};
use super::print;
use crate::repair::catalog::{self, Remade};
use crate::repair::{self, Mended, facts};
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
    /// The write-ahead log: rebuild what can be, name what is lost; the next start records it
    Wal(Stopped),
    /// The catalog of segments: make it again of the segment files, if they are all there
    Catalog(Stopped),
    /// One segment file, for `repair catalog`: its reader has limits of its own
    #[command(hide = true)]
    SegmentFacts {
        /// Data directory
        #[arg(long, value_name = "D")]
        data_dir: PathBuf,
        /// The file below it
        name: String,
    },
}

/// A store that is not running, and how to speak of it.
#[derive(Debug, clap::Args)]
struct Stopped {
    /// Data directory
    #[arg(long, value_name = "D", default_value = indelible_client::DATA_DIR)]
    data_dir: PathBuf,
    /// Key directory
    #[arg(long, value_name = "K")]
    key_dir: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub(crate) fn run(args: Args) -> Result<Exit, Failure> {
    let (json, value, lines) = match args.what {
        What::Wal(Stopped { data_dir, key_dir, json }) => {
            let mended = repair::wal(&data_dir, key_dir.as_deref())?;
            (json, text(&to_json(&mended)), lines(&mended))
        }
        What::Catalog(Stopped { data_dir, key_dir, json }) => {
            let remade = remake(&data_dir, key_dir.as_deref())?;
            (json, text(&remade_json(&remade)), remade_lines(&remade))
        }
        What::SegmentFacts { data_dir, name } => {
            return match facts::tell(&data_dir, &name) {
                Ok(found) => print::data(&found.to_string()).map(|()| Exit::Done),
                Err(why) => print::data(&why).map(|()| Exit::IntegrityFailed),
            };
        }
    };
    if json {
        print::data(&value)?;
    } else {
        print::data(&lines.join("\n"))?;
    }
    Ok(Exit::Done)
}

/// Makes the catalog again, with a count of files on stderr if that is a terminal.
fn remake(data_dir: &Path, key_dir: Option<&Path>) -> Result<Remade, Failure> {
    let bar = match std::io::stderr().is_terminal() {
        true => ProgressBar::no_length(),
        false => ProgressBar::hidden(),
    };
    let style = "{spinner} {human_pos} of {human_len} segment files read, {elapsed}";
    let bar = match ProgressStyle::with_template(style) {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    };
    let remade = catalog::catalog(data_dir, key_dir, &mut |done, of| {
        bar.set_length(u64::try_from(of).unwrap_or(u64::MAX));
        bar.set_position(u64::try_from(done).unwrap_or(u64::MAX));
    });
    bar.finish_and_clear();
    remade
}

fn remade_lines(remade: &Remade) -> Vec<String> {
    let mut lines: Vec<String> = (remade.set_aside.iter())
        .map(|(name, moved, why)| format!("set aside: `{name}`, now `{moved}`: {why}"))
        .collect();
    if !remade.was_sound {
        lines.extend(remade.moved.iter().map(|name| format!("old catalog: now `{name}`")));
        lines.extend(remade.rows.iter().filter_map(|row| {
            let (path, indices) = (&row.file.as_ref()?.path, &row.indices);
            let (tenant, first, end) = (&row.tenant, indices.start, indices.end);
            Some(format!("taken: `{path}`, tenant `{tenant}`, records {first} to before {end}"))
        }));
        lines.extend(catalog::lost(&remade.rows).map(|(tenant, indices)| {
            let (first, end) = (indices.start, indices.end);
            format!("lost: tenant `{tenant}`, records {first} to before {end}, as loss records say")
        }));
        lines.push("`catalog.db` is made again; `indelible verify store` holds the files against the ledger".to_owned());
    }
    lines.extend(remade.manifest.map(|said| format!("MANIFEST: {said}")));
    if lines.is_empty() {
        lines.push("nothing to mend".to_owned());
    }
    lines.iter().map(|line| printable(line)).collect()
}

fn remade_json(remade: &Remade) -> Value<'_> {
    let range = |row: &Row| {
        vec![
            ("tenant".into(), Value::text(row.tenant.as_str().to_owned())),
            ("first_index".into(), Value::integer(row.indices.start)),
            ("end_index".into(), Value::integer(row.indices.end)),
        ]
    };
    let taken = |row: &Row, file: &FileRow| {
        let mut members = range(row);
        members.push(("file".into(), Value::text(file.path.clone())));
        members.push(("level".into(), Value::integer(u64::from(row.level))));
        Value::object(members)
    };
    let files = remade.rows.iter().filter_map(|row| Some(taken(row, row.file.as_ref()?)));
    let lost = remade.rows.iter().filter(|row| row.file.is_none());
    let set_aside = remade.set_aside.iter().map(|(name, moved, why)| {
        Value::object(vec![
            ("file".into(), Value::text(name.as_str())),
            ("now".into(), Value::text(moved.as_str())),
            ("why".into(), Value::text(why.as_str())),
        ])
    });
    let moved = remade.moved.iter().map(|name| Value::text(name.as_str()));
    Value::object(vec![
        ("made_again".into(), Value::Bool(!remade.was_sound)),
        ("segments".into(), Value::Array(files.collect())),
        ("lost".into(), Value::Array(lost.map(|row| Value::object(range(row))).collect())),
        ("set_aside".into(), Value::Array(set_aside.collect())),
        ("old_catalog".into(), Value::Array(moved.collect())),
        ("manifest".into(), remade.manifest.map_or(Value::Null, Value::text)),
    ])
}

fn text(value: &Value<'_>) -> String {
    let mut bytes = Vec::new();
    write_cj1(value, &mut bytes);
    String::from_utf8(bytes).expect("texts write as UTF-8")
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

fn to_json(mended: &Mended) -> Value<'_> {
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
    Value::object(vec![
        ("mended".into(), Value::Array(places.collect())),
        ("lost".into(), Value::Array(lost.collect())),
        ("quarantined".into(), Value::Array(set_aside.collect())),
        ("manifest".into(), mended.manifest.map_or(Value::Null, Value::text)),
    ])
}
