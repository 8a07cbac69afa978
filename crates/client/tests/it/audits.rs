//! Recording through faults: what was answered `Ok` is in the ledger once, in order, whatever went wrong.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use indelible_client::{Audit, Error, Patience, Settings, Trouble};

use crate::fake::connection;
use crate::ledger::{Fault, Server};

/// Long enough that nothing passes by being slow.
const LIMIT: Duration = Duration::from_secs(30);
/// A try is short, so that a slow answer is one that comes too late.
const TRY_MS: u64 = 300;
const SLOW: Duration = Duration::from_secs(20);

type Troubles = Arc<Mutex<Vec<Trouble>>>;

fn settings(folder: &Path) -> (Settings, Troubles) {
    let troubles = Troubles::default();
    let heard = Arc::clone(&troubles);
    let patience = Patience { try_ms: TRY_MS, pause_ms: 1, ..Patience::SEND };
    let settings = Settings::new(folder).patience(patience);
    (settings.on_trouble(move |trouble| heard.lock().unwrap().push(trouble.clone())), troubles)
}

fn open(server: &Server, folder: &Path) -> (Audit, Troubles) {
    let (settings, troubles) = settings(folder);
    (Audit::open("billing-api", &connection(&server.url), settings).unwrap(), troubles)
}

fn record(audit: &Audit, number: u64) -> String {
    let target = format!("{number:08}");
    audit.record("invoice.approve").actor("ana@acme").target("invoice", &target).send().unwrap();
    target
}

/// The targets of what the server has, in order.
pub(crate) fn delivered(server: &Server) -> Vec<String> {
    let events = server.ledger.lock().unwrap().events();
    let target = |event: String| {
        let event: serde_json::Value = serde_json::from_str(&event).unwrap();
        event["targets"][0]["id"].as_str().unwrap().to_owned()
    };
    events.into_iter().map(target).collect()
}

#[test]
fn each_fault_costs_nothing() {
    for fault in Fault::ALL {
        let server = Server::start(SLOW);
        let root = tempfile::tempdir().unwrap();
        server.faults(&[fault, fault, Fault::None, fault]);
        let (audit, troubles) = open(&server, root.path());
        let mut recorded: Vec<String> = (0..50).map(|number| record(&audit, number)).collect();
        audit.flush(LIMIT).unwrap_or_else(|error| panic!("{fault:?}: {error}"));
        recorded.extend((50..100).map(|number| record(&audit, number)));
        audit.flush(LIMIT).unwrap_or_else(|error| panic!("{fault:?}: {error}"));
        let counters = audit.counters();
        audit.close(LIMIT).unwrap();
        assert_eq!(delivered(&server), recorded, "{fault:?}");
        assert_eq!(server.ledger.lock().unwrap().conflicts, 0, "{fault:?}");
        assert_eq!(*troubles.lock().unwrap(), [], "{fault:?}");
        let had = counters.committed + counters.duplicates;
        assert_eq!((counters.recorded, had, counters.pending), (100, 100, 0), "{fault:?}");
        let expected = if fault == Fault::None { 0..=0 } else { 2..=3 };
        assert!(expected.contains(&counters.retries), "{fault:?}: {counters:?}");
    }
}

/// A small generator, so that a run is one seed.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % sides
    }
}

/// How many runs there are unless `INDELIBLE_PRODUCER_RUNS` says how many.
const RUNS: u64 = 25;
/// A folder on a disk that is soon full, where the first process of some runs has its spool.
const SMALL_DISK: &str = "INDELIBLE_PRODUCER_SMALL_DISK";

/// What goes wrong with the requests of a run, storms of one fault among it.
fn drawn_faults(dice: &mut Dice) -> Vec<Fault> {
    let mut faults = Vec::new();
    for _ in 0..dice.roll(12) {
        let fault = Fault::ALL[usize::try_from(dice.roll(11)).unwrap()];
        // A slow answer costs the time of a try; one is enough.
        let is_slow = fault == Fault::TooSlow;
        let fault = if is_slow && dice.roll(8) != 0 { Fault::TooMany } else { fault };
        let storm = if dice.roll(6) == 0 && !is_slow { dice.roll(10) } else { 1 };
        faults.extend((0..storm).map(|_| fault));
    }
    // The pauses double: a longer row is more of the same, and takes longer than a test may.
    faults.truncate(12);
    faults
}

/// What a run has seen.
#[derive(Debug, Default)]
struct Seen {
    recorded: u64,
    processes: u64,
    faults: u64,
    /// Events that were refused because the spool, or its disk, was full.
    refused: u64,
}

/// One run: events, faults, full spools, and processes that end without a word, all drawn. What a process leaves is a copy
/// of its folder, taken at any moment while its threads write.
fn run(seed: u64) -> Seen {
    let mut dice = Dice(seed);
    let server = Server::start(SLOW);
    let root = tempfile::tempdir().unwrap();
    let faults = drawn_faults(&mut dice);
    server.faults(&faults);
    let small_disk = std::env::var_os(SMALL_DISK).filter(|_| dice.roll(4) == 0);
    let small_disk = small_disk.map(|folder| tempfile::tempdir_in(folder).unwrap());
    // In some runs the events are large and the spool, or its disk, is small.
    let text =
        if dice.roll(4) == 0 || small_disk.is_some() { "a".repeat(40_000) } else { String::new() };
    let bytes_max = if small_disk.is_some() { 1 << 30 } else { 1 << 20 };
    let mut seen = Seen { faults: u64::try_from(faults.len()).unwrap(), ..Seen::default() };
    let mut recorded = Vec::new();
    let mut folder =
        small_disk.as_ref().map_or(root.path().join("0"), |disk| disk.path().join("0"));
    for life in 0..1 + dice.roll(4) {
        let (settings, troubles) = settings(&folder);
        let settings = settings.spool_bytes_max(bytes_max).room_wait(Duration::from_millis(1));
        let audit = Audit::open("billing-api", &connection(&server.url), settings).unwrap();
        for _ in 0..dice.roll(60) {
            let target = format!("{:08}", seen.recorded + seen.refused);
            let event = audit.record("invoice.approve").actor("ana@acme");
            match event.target("invoice", &target).attr("text", text.as_str()).send() {
                Ok(_) => {
                    recorded.push(target);
                    seen.recorded += 1;
                }
                Err(Error::SpoolFull { .. }) => seen.refused += 1,
                Err(error) => panic!("seed {seed}: {error}"),
            }
            if dice.roll(8) == 0 {
                let _ = audit.flush(Duration::from_millis(dice.roll(20)));
            }
        }
        // The process is killed here: its files are as they are now, and its threads write and send no more.
        let next = root.path().join((life + 1).to_string());
        copy(&folder, &next);
        drop(audit);
        assert_eq!(*troubles.lock().unwrap(), [], "seed {seed}");
        folder = next;
        seen.processes += 1;
    }
    let (audit, troubles) = open(&server, &folder);
    audit.flush(LIMIT).unwrap_or_else(|error| panic!("seed {seed}: {error}"));
    audit.close(LIMIT).unwrap();
    assert_eq!(*troubles.lock().unwrap(), [], "seed {seed}");
    assert_eq!(delivered(&server), recorded, "seed {seed}");
    assert_eq!(server.ledger.lock().unwrap().conflicts, 0, "seed {seed}");
    seen
}

/// Copies the spools of a process that goes on meanwhile: segments first and the mark last, since a segment that is gone
/// by then is one that the mark has passed.
fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    let mut entries: Vec<_> = std::fs::read_dir(from).unwrap().map(Result::unwrap).collect();
    entries.sort_by_key(|entry| (entry.file_name() == "delivered", entry.file_name()));
    for entry in entries {
        let name = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &name);
            continue;
        }
        match std::fs::copy(entry.path(), name) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            copied => drop(copied.unwrap()),
        }
    }
}

#[test]
fn a_process_may_end_at_any_moment_of_sending() {
    let runs = std::env::var("INDELIBLE_PRODUCER_RUNS").ok().and_then(|runs| runs.parse().ok());
    let runs = runs.unwrap_or(RUNS);
    let mut all = Seen::default();
    for seed in 1..=runs {
        let seen = run(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        all.recorded += seen.recorded;
        all.processes += seen.processes;
        all.faults += seen.faults;
        all.refused += seen.refused;
    }
    let has_tried = all.faults > 0 && (runs == RUNS || all.refused > 0);
    assert!(has_tried, "the runs have tried too little: {all:?}");
    println!("{runs} runs: {all:?}; each event that was taken was delivered once, in order");
}

#[test]
fn a_process_may_end_at_any_moment_of_recording() {
    let root = tempfile::tempdir().unwrap();
    let nobody = Server::start(SLOW);
    nobody.faults(&vec![Fault::BadGateway; 100_000]);
    let (audit, _) = open(&nobody, &root.path().join("0"));
    let recorded = Mutex::new(Vec::new());
    let ended = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut number = 0;
            while !ended.load(Ordering::Relaxed) && number < 200_000 {
                let target = record(&audit, number);
                recorded.lock().unwrap().push(target);
                number += 1;
            }
        });
        for copied in 1..=8 {
            let folder = root.path().join(copied.to_string());
            let before = recorded.lock().unwrap().len();
            copy(&root.path().join("0"), &folder);
            let server = Server::start(SLOW);
            let (heir, troubles) = open(&server, &folder);
            heir.close(LIMIT).unwrap();
            let delivered = delivered(&server);
            let recorded = recorded.lock().unwrap();
            assert!(
                delivered.len() >= before,
                "{before} were acknowledged, {} are left",
                delivered.len()
            );
            // The last may have been written and not acknowledged yet.
            let both = delivered.len().min(recorded.len());
            assert_eq!(delivered[..both], recorded[..both]);
            let troubles = troubles.lock().unwrap();
            assert!(
                troubles.iter().all(|one| matches!(one, Trouble::TailCut { .. })),
                "{troubles:?}"
            );
        }
        ended.store(true, Ordering::Relaxed);
    });
}
