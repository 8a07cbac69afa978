//! A disk that stays full over many starts: the store opens each time, and its own records are taken.
//!
//! A process that is killed leaves its last log file behind, and each start begins a new one; so a full disk would keep
//! a store shut that does nothing but start. It promises nothing of how many bytes that takes, only that a start leaves
//! room for the next until the files are of no use.

use std::sync::Arc;

use event::ids::StoreName;
use indelible_ledger::disk::Disk;
use indelible_ledger::{Answer, Append, Class, Options, Reader, Refusal, Writer, open};
use sim::disk::{Crash, FakeDisk, Faults};
use sim::model::Model;
use sim::workload::Workload;

/// The length of a log file: half of it is there for the second start, and so on down to 4 KiB.
const WAL_FILE_BYTES: u64 = 256 * 1024;
/// Starts on one full disk.
const STARTS: usize = 6;
/// Turns within which the disk must have been noticed to be full.
const TURNS_MAX: usize = 10_000;

fn start(disk: &Arc<FakeDisk>, workload: &mut Workload) -> (Writer, Reader) {
    let name: StoreName = "full-1".parse().expect("a name by the grammar");
    let options = Options { wal_file_bytes: WAL_FILE_BYTES, ..Options::new(name, [7; 16]) };
    disk.plan(Faults { room_bytes: Some(0), ..Faults::default() });
    let (writer, reader, recovered) =
        open(Arc::clone(disk) as Arc<dyn Disk>, options, workload.now())
            .expect("I12: a store opens on a full disk");
    assert_eq!(recovered.quarantined, Vec::<String>::new());
    (writer, reader)
}

fn records(reader: &Reader) -> u64 {
    reader.tenants().iter().map(|tenant| reader.head(tenant).size.0).sum()
}

/// Appends until nothing of the class is taken; answers how often something was.
fn append_all(writer: &mut Writer, workload: &mut Workload, class: Class) -> usize {
    for turn in 0..TURNS_MAX {
        let requests = workload.requests(&Model::default());
        let request = requests.into_iter().next().expect("a turn has a request");
        let answers = writer.turn(workload.now(), vec![Append { class, ..request }]);
        if answers == [Answer::Refused(Refusal::DiskFull)] {
            return turn;
        }
    }
    panic!("the disk is never full");
}

#[test]
fn a_store_opens_again_and_again_on_a_disk_that_stays_full() {
    for seed in 0..20 {
        let disk = Arc::new(FakeDisk::new(seed));
        let mut workload = Workload::new(seed);
        let name: StoreName = "full-1".parse().expect("a name by the grammar");
        let options = Options { wal_file_bytes: WAL_FILE_BYTES, ..Options::new(name, [7; 16]) };
        let shared = Arc::clone(&disk) as Arc<dyn Disk>;
        let (mut writer, mut reader, _) = open(shared, options, workload.now()).expect("it is new");
        for _ in 0..3 {
            reader.fill_spare().expect("there is room");
        }
        disk.plan(Faults { room_bytes: Some(0), ..Faults::default() });
        for start_number in 0..STARTS {
            append_all(&mut writer, &mut workload, Class::Ordinary);
            let own = append_all(&mut writer, &mut workload, Class::System);
            assert!(
                own > 0 || start_number > 3,
                "seed {seed}, start {start_number}: a full disk took the server's part"
            );
            let held = records(&reader);
            disk.crash(if start_number % 2 == 0 { Crash::Kill } else { Crash::PowerCut });
            workload.restart();
            (writer, reader) = start(&disk, &mut workload);
            assert_eq!(records(&reader), held, "I1: seed {seed}, start {start_number}");
        }
        disk.plan(Faults::default());
        reader.fill_spare().expect("there is room");
        let requests = workload.requests(&Model::default());
        let answers = writer.turn(workload.now(), requests);
        assert!(!answers.contains(&Answer::Refused(Refusal::DiskFull)), "it goes on by itself");
    }
}
