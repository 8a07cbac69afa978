//! `indelible import`: records of another system, from files and folders.
//!
//! Each file is a stream of its own, named by its decompressed bytes under the producer's import key, and each record
//! has its position as number: whatever is imported a second time is answered `duplicate`, and an import that broke off
//! goes on where it was. A file is read twice, first for its name, then to send it; it is never held whole.
//!
//! INVARIANT (I7): the summary accounts for every record of every file that was read.
//!
//! It refuses to send a part of a damaged file: a stream's name is that of the whole file.

mod delivery; // batches to the server
mod files; // paths to files to bytes
mod flight; // what an interrupt has to say
mod items; // a record to what is sent for it
mod records; // bytes to records
mod summary; // what it came to

use std::fs::File;
use std::io::{self, BufWriter, IsTerminal, Read, Write};
use std::path::{Path, PathBuf};

use base64::Engine;
use event::ids::{FileInstance, ImportKey, Instance, ProducerId};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::connect::{self, ConnectArgs};
use super::exit::{Exit, Failure};
use super::print;
use delivery::{Ask, Courier, Delivery, Undelivered};
use flight::Flight;
use items::Format;
use records::{Record, Records};
use summary::Summary;

/// Options of `import`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    source: Source,
}

/// What is imported.
#[derive(Debug, clap::Subcommand)]
enum Source {
    /// AWS CloudTrail records: `{"Records":[...]}` or one record a line
    Cloudtrail(SourceArgs),
    /// Events as Indelible takes them, one a line
    Jsonl(SourceArgs),
}

/// Options of every import.
#[derive(Debug, clap::Args)]
struct SourceArgs {
    /// Files and folders (*.json *.jsonl *.ndjson, also .gz and .zst)
    #[arg(required = true)]
    paths: Vec<PathBuf>,
    /// Write the events as sent to this file
    #[arg(long, value_name = "F")]
    events_out: Option<PathBuf>,
    /// Store records again although they are known from another file
    #[arg(long)]
    again: bool,
    /// Print a JSON summary
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    connect: ConnectArgs,
}

/// Runs the command.
pub(crate) fn run(args: Args) -> Result<Exit, Failure> {
    let (format, args) = match args.source {
        Source::Cloudtrail(args) => (Format::Cloudtrail, args),
        Source::Jsonl(args) => (Format::Jsonl, args),
    };
    let found = files::find(&args.paths).map_err(|(path, error)| unreadable(&path, &error))?;
    let (client, _) = connect::client(&args.connect)?;
    let (producer, key) = import_key(&client.import_key()?)?;
    let events_out = args.events_out.as_deref().map(create).transpose()?;
    let output = if args.json { Output::Json } else { Output::Line };
    let summary = Summary::new(found.skipped);
    let mapping = format.mapping();
    let flight = Flight::watched();
    let mut import = Import {
        courier: Courier { client, producer, mapping, flight, events_out, summary },
        key,
        format,
        known: if args.again { Known::StoredAgain } else { Known::PassedOver },
        progress: progress(&found.files, output),
    };
    let stopped = import.files(&found.files);
    finish(import, stopped, output)
}

/// Imports the CloudTrail records of one file for a part of this program, which has nobody to look at a summary.
pub(super) fn cloudtrail(client: indelible_client::Client, path: &Path) -> Result<(), Failure> {
    let (producer, key) = import_key(&client.import_key()?)?;
    let (format, flight, summary) =
        (Format::Cloudtrail, Flight::default(), Summary::new(Vec::new()));
    let mapping = format.mapping();
    let courier = Courier { client, producer, mapping, flight, events_out: None, summary };
    let progress = ProgressBar::hidden();
    let mut import = Import { courier, key, format, known: Known::PassedOver, progress };
    match import.files(&[path.to_owned()]) {
        Some(failure) => Err(failure),
        None if import.courier.summary.counts.not_clean() == 0 => Ok(()),
        None => Err(failed(&import.courier.summary.line())),
    }
}

/// For whom the summary is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Output {
    /// A program.
    Json,
    /// A person.
    Line,
}

/// What is done with records that are known from elsewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Known {
    PassedOver,
    StoredAgain,
}

/// One run of the command.
#[derive(Debug)]
struct Import {
    courier: Courier,
    key: ImportKey,
    format: Format,
    known: Known,
    progress: ProgressBar,
}

/// What the first reading of a file tells.
#[derive(Debug)]
struct Survey {
    instance: Instance,
    records: u64,
    first: Option<Record>,
    last: Option<Record>,
}

/// Why a file was not imported to its end.
#[derive(Debug, thiserror::Error)]
enum FileError {
    /// It could not be read, or is damaged; the next file may be better.
    #[error("{0}")]
    Read(#[from] io::Error),
    /// It could not be delivered; the next file would fare no better.
    #[error(transparent)]
    Deliver(#[from] Undelivered),
}

impl Import {
    /// Imports one file after the other; the failure that ended it before the last.
    fn files(&mut self, paths: &[PathBuf]) -> Option<Failure> {
        for path in paths {
            match self.file(path) {
                Ok(()) => self.courier.summary.files += 1,
                Err(FileError::Read(error)) => {
                    self.courier.summary.failed.push((path.clone(), error.to_string()));
                }
                Err(FileError::Deliver(error)) => {
                    self.courier.summary.failed.push((path.clone(), error.to_string()));
                    return Some(match error {
                        Undelivered::Call(error) => error.into(),
                        other => failed(&other.to_string()),
                    });
                }
            }
            self.progress.inc(std::fs::metadata(path).map_or(0, |metadata| metadata.len()));
        }
        None
    }

    fn file(&mut self, path: &Path) -> Result<(), FileError> {
        let survey = self.survey(path)?;
        self.courier.summary.counts.records += survey.records;
        let instance = survey.instance;
        let ask = self.ask(&survey).map_err(Undelivered::Call)?;
        let mut records = self.open(path)?;
        let mut delivery = Delivery::new(&mut self.courier, path, instance, ask);
        while let Some(record) = records.next()? {
            if record.number > survey.records {
                break;
            }
            self.progress.set_message(format!("{} of {}", record.number, survey.records));
            delivery.add(items::item(self.format, record, &self.key))?;
        }
        delivery.flush()?;
        let read = records.into_input().into_inner().instance.finish();
        if read == instance {
            Ok(())
        } else {
            Err(io::Error::other("the file changed while it was read").into())
        }
    }

    /// Reads a file for the first time: its name as a stream, and its first and last record.
    fn survey(&self, path: &Path) -> io::Result<Survey> {
        let mut records = self.open(path)?;
        let (mut first, mut last) = (None, None);
        while let Some(record) = records.next()? {
            if first.is_none() {
                first = Some(record.clone());
            }
            last = Some(record);
        }
        let count = last.as_ref().map_or(0, |record| record.number);
        let instance = records.into_input().into_inner().instance.finish();
        Ok(Survey { instance, records: count, first, last })
    }

    fn open(&self, path: &Path) -> io::Result<Records<io::BufReader<Named>>> {
        let content = Named { content: files::open(path)?, instance: self.key.instance() };
        Ok(Records::new(files::buffered(content), self.format.layout()))
    }

    /// Whether records have to be asked about: only if the first or the last is known from elsewhere.
    fn ask(&self, survey: &Survey) -> Result<Ask, indelible_client::Error> {
        if self.known == Known::StoredAgain {
            return Ok(Ask::None);
        }
        let ends = survey.first.iter().chain(&survey.last);
        let ends: Vec<_> =
            ends.map(|record| items::item(self.format, record.clone(), &self.key)).collect();
        let known = self.courier.known(survey.instance, &ends)?;
        Ok(if known.contains(&true) { Ask::Each } else { Ask::None })
    }
}

/// A file's content, whose name as a stream is made as it is read.
struct Named {
    content: files::Content,
    instance: FileInstance,
}

impl Read for Named {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.content.read(buffer)?;
        self.instance.update(buffer.get(..count).unwrap_or_default());
        Ok(count)
    }
}

/// The producer and its key, as the server gives them.
fn import_key(
    answer: &indelible_client::wire::ImportKeyAnswer,
) -> Result<(ProducerId, ImportKey), Failure> {
    let wrong = || failed("the server's answer to `/v1/import-key` holds no key");
    let producer = ProducerId::parse(&answer.producer).map_err(|_| wrong())?;
    let bytes = base64::engine::general_purpose::STANDARD.decode(&answer.import_key);
    let key = bytes.ok().and_then(|bytes| <[u8; 32]>::try_from(bytes).ok()).ok_or_else(wrong)?;
    Ok((producer, ImportKey(key)))
}

/// Writes out what is buffered, prints the summary, and tells how the command ends.
fn finish(import: Import, stopped: Option<Failure>, output: Output) -> Result<Exit, Failure> {
    import.progress.finish_and_clear();
    let Courier { events_out, summary, .. } = import.courier;
    if let Some(mut out) = events_out {
        out.flush()
            .map_err(|error| failed(&format!("the events could not be written: {error}")))?;
    }
    match output {
        Output::Json => print::data(&summary.json().to_string())?,
        Output::Line => print::data(&summary.line())?,
    }
    for line in summary.words() {
        print::words(&line);
    }
    let counts = summary.counts;
    let is_partly = counts.answered() > 0;
    match stopped {
        Some(failure) if is_partly => {
            failure.print();
            Ok(Exit::Partly)
        }
        Some(failure) => Err(failure),
        None if summary.failed.is_empty() && counts.not_clean() == 0 => Ok(Exit::Done),
        None if is_partly => Ok(Exit::Partly),
        None => Ok(Exit::Failed),
    }
}

/// A bar over the bytes of all files, for a person who looks on.
fn progress(files: &[PathBuf], output: Output) -> ProgressBar {
    if output == Output::Json || !io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bytes = files.iter().filter_map(|path| std::fs::metadata(path).ok());
    let bar = ProgressBar::with_draw_target(
        Some(bytes.map(|metadata| metadata.len()).sum()),
        ProgressDrawTarget::stderr(),
    );
    let style = ProgressStyle::with_template("{bar:30} {bytes}/{total_bytes}  record {msg}");
    bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

fn create(path: &Path) -> Result<BufWriter<File>, Failure> {
    File::create(path).map(BufWriter::new).map_err(|error| {
        let what = format!("`{}` cannot be written: {error}", path.display());
        Failure::new(Exit::Usage, what, "name a file in a folder that you may write to")
    })
}

fn unreadable(path: &Path, error: &io::Error) -> Failure {
    let what = format!("`{}` cannot be read: {error}", path.display());
    Failure::new(Exit::Usage, what, "name files or folders that you may read")
}

fn failed(what: &str) -> Failure {
    Failure::new(
        Exit::Failed,
        what,
        "run the same command again: what is stored is not stored twice",
    )
}
