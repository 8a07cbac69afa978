//! What seeds found, told as scenarios: a seed changes its meaning with the simulator, a scenario
//! does not.

use std::sync::Arc;

use event::ids::StoreName;
use indelible_ledger::disk::Disk;
use indelible_ledger::{Answer, Append, Error, Now, Options, Reader, Writer, open, survey};
use sim::disk::{Crash, FakeDisk, Faults};
use sim::model::Model;
use sim::workload::Workload;
use tlog::Index;

/// A store on a disk of its own, and producers for it.
struct Store {
    disk: Arc<FakeDisk>,
    workload: Workload,
}

impl Store {
    fn new(seed: u64) -> Store {
        Store { disk: Arc::new(FakeDisk::new(seed)), workload: Workload::new(seed) }
    }

    fn now(&mut self) -> Now {
        self.workload.now()
    }

    fn open(&mut self) -> Result<(Writer, Reader), Error> {
        let now = self.now();
        let disk = Arc::clone(&self.disk) as Arc<dyn Disk>;
        open(disk, options(), now).map(|(writer, reader, _)| (writer, reader))
    }

    /// Appends of a store that holds nothing yet.
    fn requests(&mut self) -> Vec<Append> {
        self.workload.requests(&Model::default())
    }

    fn refuse_next_sync(&self) {
        let sync_fails_from = Some(self.disk.operations());
        self.disk.plan(Faults { sync_fails_from, ..Faults::default() });
    }

    fn crash(&mut self, crash: Crash) {
        self.disk.crash(crash);
        self.workload.restart();
    }
}

fn options() -> Options {
    let name: StoreName = "found-1".parse().expect("a name by the grammar");
    Options { wal_file_bytes: 16 * 1024, ..Options::new(name, [7; 16]) }
}

fn committed(answers: &[Answer]) -> bool {
    answers.iter().any(|answer| matches!(answer, Answer::Done(_)))
}

/// A torn frame is cut, the sync of the cut is refused, the process is killed. To the next start the
/// tail looks clean, but its zeros were never durable: a power cut brings the torn frame back, in
/// front of frames that follow.
#[test]
fn a_cut_tail_stays_cut_although_the_sync_of_the_cut_was_refused() {
    let mut torn = 0;
    for seed in 0..60 {
        let mut store = Store::new(seed);
        let (mut writer, _) = store.open().unwrap();
        let (now, requests) = (store.now(), store.requests());
        store.refuse_next_sync();
        let answers = writer.turn(now, requests);
        assert!(!committed(&answers), "nothing is acknowledged after a refused sync");
        store.crash(Crash::PowerCut);
        store.refuse_next_sync();
        if store.open().is_ok() {
            continue;
        }
        torn += 1;
        store.crash(Crash::Kill);
        let (mut writer, _) = store.open().unwrap();
        let (now, requests) = (store.now(), store.requests());
        let acknowledged = committed(&writer.turn(now, requests));
        store.crash(Crash::PowerCut);
        let (_, reader) = store.open().unwrap_or_else(|error| panic!("I12: seed {seed}: {error}"));
        let records: u64 = reader.tenants().iter().map(|tenant| reader.head(tenant).size.0).sum();
        assert!(!acknowledged || records > 0, "I1: seed {seed}");
    }
    assert!(torn > 5, "only {torn} disks tore the frame so that its cut was refused");
}

/// After a refused sync a frame is readable and not durable. A start that takes it over without
/// writing it again would answer `Seen` for records that the next power cut takes away.
#[test]
fn a_frame_in_doubt_is_durable_before_anybody_is_told_of_it() {
    let mut taken_over = 0;
    for seed in 0..60 {
        let mut store = Store::new(seed);
        let (mut writer, _) = store.open().unwrap();
        let (now, requests) = (store.now(), store.requests());
        store.refuse_next_sync();
        assert!(!committed(&writer.turn(now, requests)));
        store.crash(Crash::Kill);
        let (_, reader) = store.open().unwrap();
        let heads = |reader: &Reader| -> Vec<_> {
            reader.tenants().iter().map(|tenant| reader.head(tenant)).collect()
        };
        let before = heads(&reader);
        taken_over += usize::from(!before.is_empty());
        store.crash(Crash::PowerCut);
        let (_, reader) = store.open().unwrap();
        assert_eq!(heads(&reader), before, "I1: seed {seed}");
    }
    assert!(taken_over > 20, "only {taken_over} frames were in doubt");
}

/// A process is killed between writing its stop frame and the sync: the next start sees a clean stop
/// that is not durable, and writes its owner frame behind it. A power cut must not break the chain.
#[test]
fn a_stop_frame_in_doubt_is_durable_before_anything_follows_it() {
    for seed in 0..60 {
        let mut store = Store::new(seed);
        let (mut writer, _) = store.open().unwrap();
        let (now, requests) = (store.now(), store.requests());
        let acknowledged = committed(&writer.turn(now, requests));
        let now = store.now();
        writer.prepare_stop(now).unwrap();
        store.refuse_next_sync();
        assert!(writer.finish_stop().is_err(), "the stop's sync was refused");
        store.crash(Crash::Kill);
        store.open().unwrap();
        store.crash(Crash::PowerCut);
        let (_, reader) = store.open().unwrap_or_else(|error| panic!("I12: seed {seed}: {error}"));
        assert!(!acknowledged || !reader.tenants().is_empty(), "I1: seed {seed}");
    }
}

/// A process is killed behind the rename of an open pack and before the sync of its folder. The next
/// start finds the pack and counts on it; a power cut must not take its name away.
#[test]
fn a_name_in_doubt_is_durable_before_anything_is_built_on_it() {
    let mut archived = 0;
    for (seed, operation) in (0..20).flat_map(|seed| (0..7).map(move |operation| (seed, operation)))
    {
        let mut store = Store::new(seed);
        let (mut writer, reader) = store.open().unwrap();
        let (now, requests) = (store.now(), store.requests());
        writer.turn(now, requests);
        let tenant = reader.tenants().remove(0);
        let end = Index(reader.head(&tenant).size.0);
        let dies_at = Some(store.disk.operations() + operation);
        store.disk.plan(Faults { dies_at, ..Faults::default() });
        let packed = reader.pack_to(&tenant, end);
        store.crash(Crash::Kill);
        let (_, reader) = store.open().unwrap();
        reader.pack_to(&tenant, end).unwrap();
        archived += usize::from(packed.is_err());
        store.crash(Crash::PowerCut);
        let found = survey(Arc::clone(&store.disk) as Arc<dyn Disk>, options()).unwrap();
        let checked = found.check_archived(&[(tenant, end)]);
        checked.unwrap_or_else(|error| panic!("I1: seed {seed}, operation {operation}: {error}"));
    }
    assert!(archived > 60, "only {archived} processes died while they packed");
}

/// The power goes while a clean stop writes its slot. Behind a stop frame a slot that cannot be read
/// is damage, so the cut must not leave one.
#[test]
fn a_power_cut_at_any_step_of_a_stop_leaves_a_store_that_opens() {
    for (seed, operation) in (0..60).flat_map(|seed| (0..8).map(move |operation| (seed, operation)))
    {
        let mut store = Store::new(seed);
        let (mut writer, _) = store.open().unwrap();
        let (now, requests) = (store.now(), store.requests());
        let acknowledged = committed(&writer.turn(now, requests));
        let now = store.now();
        writer.prepare_stop(now).unwrap();
        let dies_at = Some(store.disk.operations() + operation);
        store.disk.plan(Faults { dies_at, ..Faults::default() });
        let stopped = writer.finish_stop().is_ok();
        assert_eq!(stopped, !store.disk.is_dead(), "seed {seed}, operation {operation}");
        store.crash(Crash::PowerCut);
        let (_, reader) = store
            .open()
            .unwrap_or_else(|error| panic!("I12: seed {seed}, operation {operation}: {error}"));
        assert!(!acknowledged || !reader.tenants().is_empty(), "I1: seed {seed}");
    }
}
