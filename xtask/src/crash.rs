//! `cargo xtask crash`: what a killed process, a failed sync and a system-call trace must show, on
//! the real binary and from outside it. It promises that what was acknowledged is kept by a process
//! that is not killed, and that every part ends on a line of figures or on the first broken
//! promise. A `kill -9` cannot see a missing sync (the page cache lives on): that is what the
//! simulator and the trace are for.

mod archive;
mod full;
mod fuse;
pub(crate) mod http;
mod load;
mod rounds;
pub(crate) mod server;
mod store;
pub(crate) mod trace;
mod window;
mod worker;

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher as _, Hasher as _};
use std::path::{Path, PathBuf};
use std::time::Instant;

use crate::{planted, run};

const HELP: &str = "\
cargo xtask crash [PART] [OPTIONS]
cargo xtask crash [PART] planted [NAME...]

  rounds     kill -9 under mixed load; compares with what was acknowledged after each restart
  archive    kill -9 over flush, merge and trim: tiny thresholds, counts by search and SQL
  window     20 processes without streams, killed at random; each id is stored once
  fuse       power cuts on a file system that loses what was not synced (root, /dev/fuse)
  full       a disk that is really full (root): refused, read, resumed, nothing lost
  trace      strace: the sync stands between the last write and the 2xx; EIO ends with exit code 70
  (none)     all of them

  planted        only the negative controls of the part, or those named: the same part on a build with
                 one promise broken, which must fail; without this word they come before the part

  --rounds N     how many rounds (300)
  --events N     events that each store of 25 rounds ends with (400000)
  --bin FILE     a binary to use, without negative controls; else one is built with --release
";

/// Disks that are filled at most, however many rounds there are.
const FULL_DISKS_MAX: u64 = 5;

/// A part on a build with a bug planted: it must fail for the reason that was planted.
type Control = fn(binary: &Path, name: &str) -> Result<(), String>;

/// What is planted in the server, and the part that must find it.
const PLANTED: &[(&str, &str, Control)] = &[
    ("window", "no_id_window", window::must_fail),
    ("fuse", "no_fsync", fuse::must_fail),
    ("fuse", "sqlite_normal", fuse::must_fail),
    ("archive", "trim_early", archive::must_fail),
];

/// The options of a run.
#[derive(Debug, Clone)]
pub(crate) struct Options {
    part: String,
    rounds: u64,
    events: u64,
    binary: Option<PathBuf>,
    /// With `planted`: the negative controls that are named behind it; none is all of the part.
    planted: Option<Vec<String>>,
}

impl Options {
    fn includes(&self, part: &str) -> bool {
        self.part.is_empty() || self.part == part
    }
}

/// Runs the harness, or one part of it.
pub(crate) fn run(args: &[String]) -> Result<(), String> {
    if args.first().is_some_and(|word| word == "worker") {
        return worker::run(args.get(1..).unwrap_or_default());
    }
    let options = parse(args)?;
    if options.planted.is_some() {
        return controls(&options);
    }
    let binary = match &options.binary {
        Some(binary) => binary.clone(),
        None => {
            controls(&options)?;
            planted::true_binary()?
        }
    };
    if options.includes("trace") {
        trace::run(&binary)?;
    }
    if options.includes("fuse") {
        fuse::run(&binary, options.rounds)?;
    }
    if options.includes("full") {
        full::run(&binary, options.rounds.min(FULL_DISKS_MAX))?;
    }
    if options.includes("window") {
        run::say(&window::run(&binary)?);
    }
    if options.includes("archive") {
        archive::run(&binary, options.rounds)?;
    }
    if options.includes("rounds") {
        rounds::run(&binary, options.rounds, options.events)?;
    }
    Ok(())
}

/// The negative controls of a part, or those of them that are named.
fn controls(options: &Options) -> Result<(), String> {
    let named = options.planted.as_deref().unwrap_or_default();
    let of_part = || PLANTED.iter().filter(|(part, ..)| options.includes(part));
    if let Some(name) = named.iter().find(|name| of_part().all(|(_, known, _)| known != name)) {
        let known: Vec<&str> = of_part().map(|(_, known, _)| *known).collect();
        return Err(format!("`{name}` is not planted here; known are {known:?}"));
    }
    for (_, name, must_fail) in of_part() {
        if named.is_empty() || named.iter().any(|one| one == name) {
            must_fail(&planted::binary(name)?, name)?;
        }
    }
    Ok(())
}

/// The slow set's share: everything.
pub(crate) fn slow() -> Result<(), String> {
    run(&[])
}

fn parse(args: &[String]) -> Result<Options, String> {
    let mut options =
        Options { part: String::new(), rounds: 300, events: 400_000, binary: None, planted: None };
    let mut words = args.iter();
    while let Some(word) = words.next() {
        let mut value = || words.next().ok_or_else(|| format!("`{word}` needs a value\n\n{HELP}"));
        let number = |text: &String| text.parse().map_err(|_| format!("`{text}` is no number"));
        match word.as_str() {
            "--rounds" => options.rounds = number(value()?)?,
            "--events" => options.events = number(value()?)?,
            "--bin" => options.binary = Some(PathBuf::from(value()?)),
            "rounds" | "archive" | "window" | "trace" | "fuse" | "full" => {
                options.part.clone_from(word);
            }
            "planted" => options.planted = Some(words.by_ref().cloned().collect()),
            other => return Err(format!("unknown word `{other}`\n\n{HELP}")),
        }
    }
    Ok(options)
}

/// A seed from the system's randomness, printed by whoever draws it.
pub(crate) fn fresh_seed() -> u64 {
    RandomState::new().build_hasher().finish()
}

/// The one place here that reads a clock: restarts are measured, and waits have deadlines.
#[expect(clippy::disallowed_methods, reason = "the harness measures another process")]
fn now() -> Instant {
    Instant::now()
}

/// A small generator (SplitMix64): which moment a kill hits is drawn from it.
#[derive(Debug)]
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        word ^ (word >> 31)
    }

    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.next().checked_rem(bound).unwrap_or(0)
    }

    /// A random UUID (version 7's look is not needed: ids are 128 bits in hex).
    pub(crate) fn uuid(&mut self) -> String {
        let hex = format!("{:016x}{:016x}", self.next(), self.next());
        let cut = |from: usize, to: usize| hex.get(from..to).unwrap_or_default();
        format!("{}-{}-{}-{}-{}", cut(0, 8), cut(8, 12), cut(12, 16), cut(16, 20), cut(20, 32))
    }
}
