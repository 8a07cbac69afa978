//! One run: a seed drives a ledger through several lives, each with its own faults, and after each
//! the store that is left is held against the model. The writer's step function is called directly,
//! in one thread, with a simulated disk and clock: one seed is one run, and [`Report::trace`] says
//! so. It promises to stop at the first broken promise and to name it by its id. It checks I1, I2,
//! I3, I4, I5 and I12, with an archive that takes records over and a log that is trimmed behind it;
//! it knows nothing of what is stored how.

pub mod check;
mod flush;
mod judge;
mod witness;

use std::fmt;
use std::sync::Arc;

use event::ids::StoreName;
use ledger::disk::Disk;
use ledger::{Answer, Append, Error, Now, Options, Reader, Recovered, Writer, survey};

use self::judge::Excuse;
use self::witness::Witness;
use crate::disk::{Crash, FakeDisk, Faults};
use crate::model::Model;
use crate::random::Random;
use crate::trace::Trace;
use crate::workload::{Workload, name};

/// Size of a log file in a simulation: small, so that files fill up all the time.
const WAL_FILE_BYTES: u64 = 16 * 1024;
/// Where a frame ends in a simulation: small, so that one turn can need more than one.
const FRAME_BYTES: usize = 8 * 1024;
/// Operations after the start among which a death is drawn.
const DEATH_WITHIN: u64 = 160;
/// Operations of a start among which a death is drawn.
const START_DEATH_WITHIN: u64 = 30;
/// Streams in memory: fewer than there are, so that some must go to files and come back.
const STREAMS_MAX: usize = 8;
/// Ids above which archived ones are let go.
const IDS_MAX: usize = 60;
/// Ids that are asked for again after a restart.
const REPEATS: usize = 5;

/// How much happens in a run.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// Processes, one after another, on one disk.
    pub lives: u64,
    /// Turns of the writer in each life, at most.
    pub turns: u64,
    /// How the first life ends, instead of what chance picks.
    pub first: Option<Death>,
}

/// A death at an operation of the disk, counted from the start of the process.
#[derive(Debug, Clone, Copy)]
pub struct Death {
    /// The number of the operation.
    pub operation: u64,
    /// How the process ends.
    pub crash: Crash,
}

/// What a run came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Report {
    /// Digest of every operation, answer and recovered state: equal digests are equal runs.
    pub trace: u64,
    /// Turns taken.
    pub turns: u64,
    /// Records acknowledged.
    pub committed: u64,
    /// Items answered as seen.
    pub seen: u64,
    /// Requests refused, or above the next number.
    pub refused: u64,
    /// Records whose fate only recovery told.
    pub survived: u64,
    /// Times that the power went.
    pub cuts: u64,
    /// Processes killed, the page cache living on.
    pub kills: u64,
    /// Clean stops.
    pub stops: u64,
    /// Starts that died themselves.
    pub failed_starts: u64,
    /// Syncs that the disk refused.
    pub refused_syncs: u64,
    /// Log files removed.
    pub trimmed: u64,
    /// Starts of a log that did not begin with its first frame.
    pub based: u64,
    /// Rounds in which streams went to a file.
    pub went_idle: u64,
    /// Streams that came back from one.
    pub returned: u64,
    /// Rounds in which files were merged.
    pub merged: u64,
    /// Operations of the disk.
    pub operations: u64,
    /// Those of the first process.
    pub first_operations: u64,
}

/// A broken promise, and how to see it again.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("seed {seed}, life {life}, turn {turn}: {what}")]
pub struct Broken {
    /// The run.
    pub seed: u64,
    /// Which process of it.
    pub life: u64,
    /// Which turn of that.
    pub turn: u64,
    /// The promise, by its id, and what broke it.
    pub what: String,
}

impl Default for Plan {
    fn default() -> Self {
        Self { lives: 5, turns: 12, first: None }
    }
}

/// Runs one seed to its end, or to the first broken promise.
pub fn run(seed: u64, plan: Plan) -> Result<Report, Broken> {
    let mut world = World::new(seed, plan);
    let mut outcome = Ok(());
    while outcome.is_ok() && world.life < plan.lives {
        outcome = world.live();
        world.life += 1;
    }
    let outcome = outcome.and_then(|()| world.last_look());
    let World { life, turn, .. } = world;
    outcome.map_err(|what| Broken { seed, life, turn, what })?;
    Ok(world.report())
}

/// Everything in one run.
#[derive(Debug)]
struct World {
    plan: Plan,
    random: Random,
    disk: Arc<FakeDisk>,
    store: StoreName,
    workload: Workload,
    witness: Witness,
    model: Model,
    /// Requests of which nobody knows what became of them, in order.
    unknown: Vec<Append>,
    trace: Trace,
    figures: Report,
    /// The last process stopped cleanly.
    stopped: bool,
    /// Faults that earlier processes met.
    faults_before: u64,
    life: u64,
    turn: u64,
}

/// An opened store, or why it is not.
type Opened = Result<(Writer, Reader, Recovered), Error>;

/// What the process at hand will meet.
#[derive(Debug, Clone, Copy)]
struct Fate {
    faults: Faults,
    crash: Crash,
    /// Whether faults come while it starts.
    early: bool,
}

impl World {
    fn new(seed: u64, plan: Plan) -> Self {
        let mut random = Random::new(seed);
        let disk = Arc::new(FakeDisk::new(random.word()));
        let workload = Workload::new(random.word());
        let store: StoreName = name("sim-1");
        let witness = Witness::new(store.clone(), workload.tenants());
        Self {
            plan,
            random,
            disk,
            store,
            workload,
            witness,
            model: Model::default(),
            unknown: Vec::new(),
            trace: Trace::new(),
            figures: Report::default(),
            stopped: false,
            faults_before: 0,
            life: 0,
            turn: 0,
        }
    }

    /// One process from its start to its end, whatever that is.
    fn live(&mut self) -> Result<(), String> {
        self.turn = 0;
        let fate = self.draw_fate();
        if fate.early {
            self.disk.plan(fate.faults);
        }
        self.faults_before = self.disk.faults_met();
        let now = self.workload.now();
        match self.start(now)? {
            None => self.figures.failed_starts += 1,
            Some((writer, reader)) => {
                if !fate.early {
                    self.disk.plan(fate.faults);
                }
                self.work(writer, &reader)?;
                self.figures.returned += reader.stats().streams_returned;
            }
        }
        self.disk.watch(None);
        self.witness.tell(&mut self.model)?;
        self.end(fate.crash);
        Ok(())
    }

    /// After the last life: one more start without faults, and everything must be there.
    fn last_look(&mut self) -> Result<(), String> {
        self.turn = 0;
        let now = self.workload.now();
        let Some((_, reader)) = self.start(now)? else {
            return Err("I12: the last start failed without a fault".into());
        };
        for tenant in self.workload.tenants() {
            self.trace.bytes(&reader.head(&tenant).root.0);
        }
        check::inspected(&(Arc::clone(&self.disk) as Arc<dyn Disk>))
    }

    fn draw_fate(&mut self) -> Fate {
        let random = &mut self.random;
        let at = self.disk.operations();
        let early = random.one_in(4);
        let within = if early { START_DEATH_WITHIN } else { DEATH_WITHIN };
        let mut faults = Faults::default();
        match random.below(8) {
            0 => {}
            1 | 2 => faults.sync_fails_from = Some(at + random.below(within)),
            3 => faults.room_bytes = Some(random.below(4 * WAL_FILE_BYTES)),
            _ => faults.dies_at = Some(at + random.below(within)),
        }
        let mut crash = if random.one_in(3) { Crash::Kill } else { Crash::PowerCut };
        if let (0, Some(first)) = (self.life, self.plan.first) {
            faults = Faults { dies_at: Some(first.operation), ..Faults::default() };
            crash = first.crash;
        }
        let early = early || (self.life == 0 && self.plan.first.is_some());
        Fate { faults, crash, early }
    }

    /// Opens the store and checks it. `None` if a planned fault kept it from opening.
    fn start(&mut self, now: Now) -> Result<Option<(Writer, Reader)>, String> {
        let mut options = Options::new(self.store.clone(), self.random.bytes16());
        options.wal_file_bytes = WAL_FILE_BYTES;
        options.frame_bytes = FRAME_BYTES;
        options.ids_max = IDS_MAX;
        options.streams_max = STREAMS_MAX;
        let faults = self.disk.faults_met();
        let has_spare = self.has_spare();
        let opened = self.open(options, now)?;
        let stopped = std::mem::take(&mut self.stopped);
        let (mut writer, reader, recovered) = match opened {
            Ok(opened) => opened,
            Err(Error::Disk { source }) if source.is_full() && has_spare => {
                return Err(format!("I12: a start beside a spare log file wants room: {source}"));
            }
            Err(_) if self.disk.faults_met() > faults => return Ok(None),
            Err(error) => return Err(format!("I12: the store does not open: {error}")),
        };
        if let Some(lost) = recovered.lost.first() {
            return Err(format!("I1: recovery gave up records: {lost}"));
        }
        if let Some(path) = recovered.quarantined.first() {
            return Err(format!("I12: recovery does not know its own file `{path}`"));
        }
        if stopped && !recovered.clean_stop {
            return Err("I12: a clean stop is not seen as one".into());
        }
        self.note_kept(&reader)?;
        let tenants = self.workload.tenants();
        let based = tenants.iter().any(|tenant| self.model.archive(tenant).kept > 0);
        self.figures.based += u64::from(based);
        self.compare(&reader)?;
        self.tell_archived(&mut writer)?;
        Ok(Some((writer, reader)))
    }

    /// Whether there is a spare log file: then a start needs no room.
    fn has_spare(&self) -> bool {
        let names = self.disk.list("ledger").unwrap_or_default();
        names.iter().any(|name| name.starts_with("spare-") && !name.ends_with(".tmp"))
    }

    /// Surveys the store, holds the archive's watermarks against it, and opens it.
    fn open(&mut self, options: Options, now: Now) -> Result<Opened, String> {
        let disk = Arc::clone(&self.disk) as Arc<dyn Disk>;
        let survey = match survey(disk, options) {
            Ok(survey) => survey,
            Err(error) => return Ok(Err(error)),
        };
        let watermarks: Vec<_> = self.watermarks();
        survey.check_archived(&watermarks).map_err(|error| format!("I1: {error}"))?;
        Ok(survey.open(now))
    }

    fn compare(&mut self, reader: &Reader) -> Result<(), String> {
        let unknown = std::mem::take(&mut self.unknown);
        self.figures.survived += judge::survivors(reader, &mut self.model, unknown)?;
        check::store(reader, &self.model, &mut self.random)
    }

    /// Turns until the plan is done or the writer is.
    fn work(&mut self, mut writer: Writer, reader: &Reader) -> Result<(), String> {
        self.witness.watch(&self.disk, reader);
        while self.turn < self.plan.turns {
            self.turn += 1;
            self.turn(&mut writer)?;
            if writer.poisoned().is_some() {
                return self.is_silent(&mut writer);
            }
            self.glance(reader)?;
            if self.random.one_in(3) {
                self.witness.ask(reader);
            }
            if self.random.one_in(3) && !self.keep(&mut writer, reader)? {
                return Ok(());
            }
            if self.random.one_in(2) && !self.flush(&mut writer, reader)? {
                return Ok(());
            }
        }
        if self.random.one_in(3) { self.stop(writer) } else { Ok(()) }
    }

    fn turn(&mut self, writer: &mut Writer) -> Result<(), String> {
        let now = self.workload.now();
        let mut requests = self.workload.requests(&self.model);
        if self.turn == 1 {
            requests.extend(self.workload.repeats(&self.model, REPEATS));
        }
        let answers = writer.turn(now, requests.clone());
        self.trace.text(&format!("{answers:?}"));
        let faults = self.disk.faults_met() > self.faults_before;
        let excuse = if faults { Excuse::Given } else { Excuse::None };
        let outcome = judge::turn(&mut self.model, requests, &answers, excuse)?;
        self.figures.turns += 1;
        self.figures.committed += outcome.committed;
        self.figures.seen += outcome.seen;
        self.figures.refused += outcome.refused;
        assert!(self.unknown.is_empty(), "an earlier turn's unknowns end its process");
        self.unknown = outcome.unknown;
        Ok(())
    }

    /// I8: after a disk fault the writer says so to everybody, and touches nothing any more.
    fn is_silent(&mut self, writer: &mut Writer) -> Result<(), String> {
        let (now, before) = (self.workload.now(), self.disk.operations());
        let answers = writer.turn(now, self.workload.requests(&self.model));
        let kept = writer.keep(now).is_err();
        if answers.iter().any(|answer| *answer != Answer::Poisoned) || !kept {
            return Err(format!("I8: a poisoned writer answered {answers:?}"));
        }
        if self.disk.operations() != before {
            return Err("I8: a poisoned writer went on writing".into());
        }
        Ok(())
    }

    /// What readers see between turns is what was acknowledged.
    fn glance(&mut self, reader: &Reader) -> Result<(), String> {
        self.witness.tell(&mut self.model)?;
        for tenant in self.workload.tenants() {
            let (seen, known) = (reader.head(&tenant).size.0, self.model.size(&tenant));
            if seen != known {
                return Err(format!("I3: `{tenant}` shows {seen} records, {known} are known"));
            }
        }
        Ok(())
    }

    /// Packs, checkpoints and snapshots that are due. False if the writer is done for.
    fn keep(&mut self, writer: &mut Writer, reader: &Reader) -> Result<bool, String> {
        match reader.keep_packs() {
            Err(error) if self.disk.faults_met() == self.faults_before => {
                return Err(format!("I12: packing failed without a fault: {error}"));
            }
            // What failed is put off: the entries are still in memory.
            Ok(()) | Err(_) => {}
        }
        let before = reader.stats().idle_files;
        let kept = writer.keep(self.workload.now());
        let after = reader.stats().idle_files;
        self.figures.went_idle += u64::from(after > before);
        self.figures.merged += u64::from(after < before);
        match kept {
            Ok(()) => Ok(true),
            Err(_) if self.disk.faults_met() > self.faults_before => Ok(false),
            Err(error) => Err(format!("I12: keeping failed without a fault: {error}")),
        }
    }

    fn stop(&mut self, mut writer: Writer) -> Result<(), String> {
        let stopped = writer.prepare_stop(self.workload.now()).map(drop);
        match stopped.and_then(|()| writer.finish_stop()) {
            Ok(()) => {
                self.figures.stops += 1;
                self.stopped = true;
                Ok(())
            }
            Err(_) if self.disk.faults_met() > self.faults_before => Ok(()),
            Err(error) => Err(format!("I12: a stop failed without a fault: {error}")),
        }
    }

    fn end(&mut self, crash: Crash) {
        if self.life == 0 {
            self.figures.first_operations = self.disk.operations();
        }
        match crash {
            Crash::Kill => self.figures.kills += 1,
            Crash::PowerCut => self.figures.cuts += 1,
        }
        self.disk.crash(crash);
        self.workload.restart();
    }

    fn report(mut self) -> Report {
        self.trace.number(self.disk.trace());
        self.figures.trace = self.trace.value();
        self.figures.refused_syncs = self.disk.refused_syncs();
        self.figures.operations = self.disk.operations();
        self.figures
    }
}

impl Report {
    /// Adds the figures of another run; traces are mixed.
    pub fn add(&mut self, other: &Self) {
        self.trace = self.trace.rotate_left(1) ^ other.trace;
        self.turns += other.turns;
        self.committed += other.committed;
        self.seen += other.seen;
        self.refused += other.refused;
        self.survived += other.survived;
        self.cuts += other.cuts;
        self.kills += other.kills;
        self.stops += other.stops;
        self.failed_starts += other.failed_starts;
        self.refused_syncs += other.refused_syncs;
        self.trimmed += other.trimmed;
        self.based += other.based;
        self.went_idle += other.went_idle;
        self.returned += other.returned;
        self.merged += other.merged;
        self.operations += other.operations;
    }
}

impl fmt::Display for Report {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            out,
            "{} turns, {} records committed, {} items seen before, {} requests refused, \
             {} records survived unanswered; {} power cuts, {} kills, {} clean stops, \
             {} starts that died, {} syncs refused; {} log files trimmed, {} starts without the \
             first; {} times streams went idle, {} came back, {} times files were merged; \
             {} disk operations, trace {:016x}",
            self.turns,
            self.committed,
            self.seen,
            self.refused,
            self.survived,
            self.cuts,
            self.kills,
            self.stops,
            self.failed_starts,
            self.refused_syncs,
            self.trimmed,
            self.based,
            self.went_idle,
            self.returned,
            self.merged,
            self.operations,
            self.trace
        )
    }
}
