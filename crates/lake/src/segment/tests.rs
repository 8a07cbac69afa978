//! What is read is what was written; whatever is not is refused.

use super::world::{FIRST, World, bench_events};
use super::*;
use arrow::array::RecordBatch;

const NONE: BTreeMap<u64, Vec<u8>> = BTreeMap::new();

/// A folder with one segment file in it.
struct Disk {
    /// Removed with this.
    _folder: tempfile::TempDir,
    store: Store,
    name: String,
    known: (About, Print),
}

fn secret(block: u64) -> Option<[u8; 32]> {
    Some([u8::try_from(block % 256).unwrap(); 32])
}

fn order<'a>(world: &'a TenantId, level: Level, exact: &'a BTreeMap<u64, Vec<u8>>) -> Order<'a> {
    Order { tenant: world, level, class: "standard", rollup: b"rollup", exact, secrets: &secret }
}

fn store(batch: &RecordBatch, order: &Order<'_>) -> Disk {
    let mut bytes = Vec::new();
    let known = write(&mut bytes, batch, order).unwrap();
    on_disk(&bytes, known)
}

fn on_disk(bytes: &[u8], known: (About, Print)) -> Disk {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join(LAKE)).unwrap();
    let name = file_name(&known.0.tenant, &known.0.indices, known.0.level);
    std::fs::write(folder.path().join(&name), bytes).unwrap();
    let store = Store::new(folder.path());
    Disk { _folder: folder, store, name, known }
}

impl Disk {
    fn open(&self) -> Segment {
        let cache = Arc::new(Cache::new(64 << 20));
        Segment::open(&self.store, &self.name, self.known.clone(), &cache).unwrap()
    }
}

/// Events of a benchmark, some without a stream, and system records.
fn sample(count: usize) -> (TenantId, RecordBatch, Vec<Vec<u8>>) {
    let mut world = World::new();
    for (item, seq) in bench_events(count).iter().zip(1..) {
        world.send(item.as_bytes(), (seq % 50 > 3).then_some(seq));
    }
    world.systems();
    let tenant = world.tenant.clone();
    let (batch, records) = world.finish();
    (tenant, batch, records)
}

fn truth(records: &[Vec<u8>]) -> impl FnMut(u64, &mut Vec<u8>) -> Result<(), Error> {
    move |index, out| {
        out.extend_from_slice(&records[usize::try_from(index - FIRST).unwrap()]);
        Ok(())
    }
}

#[test]
fn a_file_of_either_level_gives_back_rows_and_records() {
    let (tenant, batch, records) = sample(3_000);
    for level in [Level::L0, Level::L1] {
        let disk = store(&batch, &order(&tenant, level, &NONE));
        let segment = disk.open();
        assert_eq!(segment.batch(&Columns::all()).unwrap(), batch);
        assert_eq!(compare(&segment, &mut truth(&records)).unwrap(), Vec::<u64>::new());
        assert_eq!(segment.verify().unwrap(), None);
        let described = describe(&disk.store, &disk.name).unwrap();
        assert_eq!((described.about, described.print), disk.known);
        assert_eq!(described.rollup, b"rollup");
        assert_eq!(segment.about().rows, 3_009);
        assert_eq!(segment.secret(7).unwrap(), secret(7));
        assert_eq!(segment.secret(6).unwrap(), None);
    }
}
