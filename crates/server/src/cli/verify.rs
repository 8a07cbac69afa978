//! `indelible verify`: checks a store, a receipt or two checkpoints, offline.
//!
//! Promises: what was found is data and goes to stdout; the exit code is 10 for anything wrong, 11 for anything that could
//! not be checked, 2 for arguments that cannot be used, and for receipts 6 as their format says. Refuses to write.

mod log;

use std::io::IsTerminal;
use std::path::{Path, PathBuf};

use event::ids::{Instance, Seq};
use event::receipt::{self, Conclusion, Given, RECEIPT_BYTES_MAX, Receipt};
use indicatif::{ProgressBar, ProgressStyle};
use tlog::checkpoint::Checkpoint;

use super::exit::{Exit, Failure};
use super::print;
use crate::verify::checkpoint::{self, Evidence};
use crate::verify::keys::{Trusted, read, read_text};
use crate::verify::report::{Fault, Outcome, Refusal, Report};
use crate::verify::store::{self, Asked, Losses};

/// Bytes of a checkpoint that are read.
const NOTE_BYTES_MAX: u64 = 256 * 1024;
/// Bytes of an event file that are read: a request's largest, with room for whitespace.
const EVENT_BYTES_MAX: u64 = 256 * 1024 * 1024;
/// Records between two looks at the progress bar.
const PROGRESS_RECORDS: u64 = 1_000;

/// Options of `verify`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    what: What,
}

/// What is checked.
#[derive(Debug, clap::Subcommand)]
enum What {
    /// Every file, frame, root, tree and checkpoint of a store, read-only
    Store(StoreArgs),
    /// A receipt against the producer's own event
    Receipt(ReceiptArgs),
    /// Two checkpoints of one ledger against each other
    Checkpoint(CheckpointArgs),
}

/// Options of `verify store`.
#[derive(Debug, clap::Args)]
struct StoreArgs {
    /// Data directory
    #[arg(long, value_name = "D", default_value = indelible_client::DATA_DIR)]
    data_dir: PathBuf,
    /// Key directory
    #[arg(long, value_name = "K")]
    key_dir: Option<PathBuf>,
    /// A receipt that the store must agree with; may be given several times
    #[arg(long, value_name = "F")]
    receipt: Vec<PathBuf>,
    /// A verifier key, or a file of them; may be given several times
    #[arg(long, value_name = "K")]
    key: Vec<String>,
    /// A lost range that a loss record covers is no failure
    #[arg(long)]
    accept_recorded_loss: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Options of `verify receipt`.
#[derive(Debug, clap::Args)]
struct ReceiptArgs {
    /// The receipt (JSON or .tlog-proof)
    file: PathBuf,
    /// The event as sent: one, an array, or one a line
    #[arg(long, value_name = "E")]
    event: Option<PathBuf>,
    /// A verifier key, or a file of them; may be given several times
    #[arg(long, value_name = "K")]
    key: Vec<String>,
    /// The stream that the event was sent in
    #[arg(long, value_name = "I", requires = "seq")]
    instance: Option<String>,
    /// Its number there
    #[arg(long, value_name = "N", requires = "instance")]
    seq: Option<u64>,
    /// Key directory
    #[arg(long, value_name = "K")]
    key_dir: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Options of `verify checkpoint`.
#[derive(Debug, clap::Args)]
struct CheckpointArgs {
    /// The older checkpoint
    old: PathBuf,
    /// The newer checkpoint
    new: PathBuf,
    /// A log to fetch tiles from: an address or a folder
    #[arg(long, value_name = "URL|DIR")]
    log: Option<String>,
    /// A consistency proof, one base64 hash a line
    #[arg(long, value_name = "F", conflicts_with = "log")]
    proof: Option<PathBuf>,
    /// A verifier key, or a file of them; may be given several times
    #[arg(long, value_name = "K")]
    key: Vec<String>,
    /// Key directory
    #[arg(long, value_name = "K")]
    key_dir: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Failure {
        let exit = match refusal.fault {
            Fault::Caller => Exit::Usage,
            Fault::Disk => Exit::Failed,
        };
        Failure::new(exit, refusal.what, refusal.hint)
    }
}

/// Runs the command.
pub(crate) fn run(args: Args) -> Result<Exit, Failure> {
    match args.what {
        What::Store(args) => run_store(&args),
        What::Receipt(args) => run_receipt(&args),
        What::Checkpoint(args) => run_checkpoint(&args),
    }
}

fn run_store(args: &StoreArgs) -> Result<Exit, Failure> {
    let trusted = Trusted::new(&args.key, args.key_dir.as_deref())?.with_store(&args.data_dir);
    let losses = if args.accept_recorded_loss { Losses::Accepted } else { Losses::Failed };
    let asked = Asked { data_dir: &args.data_dir, trusted, receipts: &args.receipt, losses };
    let bar = progress_bar();
    let report = store::check(&asked, &mut |records| {
        if records / PROGRESS_RECORDS != bar.position() / PROGRESS_RECORDS {
            bar.set_position(records);
        }
    });
    bar.finish_and_clear();
    let report = report?;
    let output = if args.json { Output::Json } else { Output::Text };
    print_report(&report, output)
}

/// A count of records on stderr, if that is a terminal.
fn progress_bar() -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::no_length();
    match ProgressStyle::with_template("{spinner} {human_pos} records checked, {elapsed}") {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

/// How a report is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Output {
    Text,
    Json,
}

fn print_report(report: &Report, output: Output) -> Result<Exit, Failure> {
    match output {
        Output::Json => print::data(&report.to_json())?,
        Output::Text => print::data(&report.lines().join("\n"))?,
    }
    let (exit, hint) = match report.outcome() {
        Outcome::Verified => return Ok(Exit::Done),
        Outcome::Failed => (
            Exit::IntegrityFailed,
            "keep this copy as it is, and compare it with a backup, a receipt or an older checkpoint",
        ),
        Outcome::Unchecked => (
            Exit::IntegrityUnchecked,
            "give --key-dir or --key, so that what is listed as not checked can be",
        ),
    };
    print::words(&format!("hint: {hint}"));
    Ok(exit)
}

fn run_receipt(args: &ReceiptArgs) -> Result<Exit, Failure> {
    let file = read_file(&args.file, u64::try_from(RECEIPT_BYTES_MAX).unwrap_or(u64::MAX))?;
    let event = args.event.as_deref().map(|path| read_file(path, EVENT_BYTES_MAX)).transpose()?;
    let stream = stream(args)?;
    let trusted = match Trusted::new(&args.key, args.key_dir.as_deref()) {
        Ok(trusted) => trusted,
        Err(unusable) => {
            // What is wrong in the receipt alone is a failure whatever the keys are.
            let given = Given { event: event.as_deref(), keys: &[], stream };
            let report = receipt::verify(&file, &given);
            return if report.is_damaged {
                print_receipt(&report, "none", args)
            } else {
                Err(unusable.into())
            };
        }
    };
    let origin = Receipt::parse(&file).map_or(String::new(), |receipt| receipt.origin.into_owned());
    let (keys, source) = trusted.of(&origin);
    let report = receipt::verify(&file, &Given { event: event.as_deref(), keys: &keys, stream });
    print_receipt(&report, source.as_str(), args)
}

fn print_receipt(report: &receipt::Report, key: &str, args: &ReceiptArgs) -> Result<Exit, Failure> {
    if args.json {
        print::data(&report.to_json())?;
    } else {
        print::data(&format!("key: {key}"))?;
        print::data(&report.lines().join("\n"))?;
    }
    Ok(match report.conclusion {
        Conclusion::Verified => Exit::Done,
        Conclusion::Unusable => Exit::Usage,
        Conclusion::Partly => Exit::Partly,
        Conclusion::Failed => Exit::IntegrityFailed,
        Conclusion::Unchecked => Exit::IntegrityUnchecked,
    })
}

/// The stream and number that were asked for.
fn stream(args: &ReceiptArgs) -> Result<Option<(Instance, Seq)>, Failure> {
    let (Some(instance), Some(seq)) = (&args.instance, args.seq) else { return Ok(None) };
    let instance = Instance::parse(instance).map_err(|error| {
        Failure::new(Exit::Usage, error.to_string(), "give the 32 hexadecimal digits of the spool")
    })?;
    Ok(Some((instance, Seq(seq))))
}

fn run_checkpoint(args: &CheckpointArgs) -> Result<Exit, Failure> {
    let trusted = Trusted::new(&args.key, args.key_dir.as_deref())?;
    let (old, new) = (read_note(&args.old)?, read_note(&args.new)?);
    let origin = Checkpoint::read_unverified(&new).map_or(String::new(), |found| found.origin);
    let (keys, source) = trusted.of(&origin);
    let mut report = Report::new(format!("checkpoints of `{origin}`"));
    report.key_source = source.as_str().to_owned();
    report.files = 2;
    let proof = args.proof.as_deref().map(|path| read_words(path, checkpoint::PROOF_BYTES_MAX));
    let mut log = args.log.as_deref().map(|place| log::Log::new(place, &origin)).transpose()?;
    let mut fetch = |path| log.as_mut().map_or(Ok(None), |log| log.fetch(path));
    let evidence = match (&args.log, proof.transpose()?) {
        (Some(_), _) => Evidence::Tiles(&mut fetch),
        (None, Some(text)) => {
            checkpoint::check((&old, &new), &keys, Evidence::Proof(&text), &mut report);
            return print_checkpoint(&report, args);
        }
        (None, None) => Evidence::None,
    };
    checkpoint::check((&old, &new), &keys, evidence, &mut report);
    print_checkpoint(&report, args)
}

fn print_checkpoint(report: &Report, args: &CheckpointArgs) -> Result<Exit, Failure> {
    print_report(report, if args.json { Output::Json } else { Output::Text })
}

fn read_note(path: &Path) -> Result<String, Failure> {
    read_words(path, NOTE_BYTES_MAX)
}

fn read_words(path: &Path, bytes_max: u64) -> Result<String, Failure> {
    read_text(path, bytes_max).map_err(|error| unreadable(path, &error))
}

fn read_file(path: &Path, bytes_max: u64) -> Result<Vec<u8>, Failure> {
    read(path, bytes_max).map_err(|error| unreadable(path, &error))
}

fn unreadable(path: &Path, error: &std::io::Error) -> Failure {
    let what = format!("`{}` cannot be read: {error}", path.display());
    Failure::new(Exit::Usage, what, "check the path")
}
