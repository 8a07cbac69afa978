//! A catalog is made again as it was, or the reason why not is said.

use event::ids::Timestamp;

use super::*;
use crate::archive::{Archive, Flush};
use crate::rows::testing::rows;
use crate::steps::at_once;

const NOW: Timestamp = Timestamp(77);

fn tenant(name: &str) -> TenantId {
    TenantId::parse(name).unwrap()
}

fn found(indices: Range<u64>, level: Level) -> Found {
    let rows = indices.end - indices.start;
    let about = About {
        tenant: tenant("a"),
        indices,
        level,
        class: CLASS.into(),
        rows,
        exact: 1,
        loose: 2,
        received_at: (3, 4),
        occurred_at: Some((-5, 6)),
    };
    let print = Print { bytes: 7, sha256: [8; 32], footer_bytes: 9, footer_sha256: [10; 32] };
    Found { about, print, rollup: Vec::new(), memory_bytes: 11, lost: Vec::new() }
}

#[test]
fn a_line_and_what_it_says_are_inverse() {
    let mut other = found(0..5, Level::L1);
    other.about.occurred_at = None;
    other.about.class = String::new();
    other.rollup = vec![1, 2, 3];
    other.lost = vec![2..3, 5..9];
    for file in [found(3..10, Level::L0), other] {
        let line = file.to_string();
        assert_eq!(line.parse(), Ok(file));
        for cut in 0..line.len() {
            // A cut in the last word may leave a shorter number or text, never a panic.
            let _parsed = line[..cut].parse::<Found>();
        }
        assert_eq!(format!("{line} more").parse::<Found>(), Err(NotFound));
    }
    assert_eq!("".parse::<Found>(), Err(NotFound));
}

fn chosen(files: Vec<Found>, lost: &[Range<u64>]) -> Result<Vec<(u64, u64, u8, State)>, String> {
    let lost = Lost::from([(tenant("a"), lost.to_vec())]);
    let known = Known { lost, first_kept: BTreeMap::new() };
    laid(files, &known)
}

fn laid(files: Vec<Found>, known: &Known) -> Result<Vec<(u64, u64, u8, State)>, String> {
    let rows = choose(files, known, NOW).map_err(|error| error.to_string())?;
    let short = |row: Row| (row.indices.start, row.indices.end, row.level, row.state);
    Ok(rows.into_iter().map(short).collect())
}

#[test]
fn what_was_merged_gives_way_to_what_it_was_merged_into() {
    use Level::{L0, L1};
    let files = vec![
        found(10..20, L0),
        found(0..10, L0),
        found(0..20, L1),
        found(20..30, L0),
        found(20..30, L1),
        found(30..40, L0),
        found(0..30, L1),
    ];
    let due = vec![(0, 30, 1, State::Live), (30, 40, 0, State::Live)];
    assert_eq!(chosen(files, &[]), Ok(due));
}

#[test]
fn a_lost_range_needs_a_loss_record() {
    let files = || vec![found(0..10, Level::L0), found(15..20, Level::L0)];
    let refusal = chosen(files(), &[]).unwrap_err();
    assert!(refusal.contains("no file of tenant `a` covers 10 to 15"), "{refusal}");
    let due = vec![(0, 10, 0, State::Live), (10, 15, 0, State::Lost), (15, 20, 0, State::Live)];
    assert_eq!(chosen(files(), std::slice::from_ref(&(10..15))), Ok(due));
    let parts = [10..12, 12..15];
    assert_eq!(chosen(files(), &parts).unwrap().len(), 4);
    assert!(chosen(vec![found(5..10, Level::L0)], &[]).is_err(), "the first files are missing");
}

#[test]
fn a_loss_record_in_a_file_counts_and_the_archive_reaches_the_log() {
    let mut later = found(15..20, Level::L0);
    later.lost = vec![8..12, 12..15, 20..30];
    let files = || vec![found(0..10, Level::L0), later.clone()];
    let due = [(0, 10, 0, State::Live), (10, 12, 0, State::Lost), (12, 15, 0, State::Lost)];
    let mut due = [&due[..], &[(15, 20, 0, State::Live)]].concat();
    assert_eq!(chosen(files(), &[]), Ok(due.clone()));
    let reaching = |end| Known { lost: Lost::new(), first_kept: [(tenant("a"), end)].into() };
    due.push((20, 25, 0, State::Lost));
    assert_eq!(laid(files(), &reaching(25)), Ok(due));
    let refusal = laid(files(), &reaching(31)).unwrap_err();
    assert!(refusal.contains("tenant `a` covers 30 to 31"), "{refusal}");
    let refusal = laid(Vec::new(), &reaching(1)).unwrap_err();
    assert!(refusal.contains("tenant `a` covers 0 to 1"), "no file at all: {refusal}");
}

#[test]
fn loss_records_among_rows_are_read_and_nothing_else_is() {
    let whose = tenant("a");
    let id = event::ids::EventId([7; 16]);
    let record = event::system::loss(&whose, id, (10, 14), "a flipped bit");
    let mut builder = crate::RowsBuilder::new();
    let salt = |slot| crate::Salt { block: 1, slot };
    builder.push(&record.event, &record.stamps, salt(0));
    // A producer may write what it likes.
    let mut foreign = record.stamps.clone();
    foreign.system = event::canonical::System::No;
    builder.push(&record.event, &foreign, salt(1));
    let batch = builder.finish().place(40, Timestamp(1_000)).finish().unwrap();
    let found = losses(&whose, &batch, &BTreeMap::new()).unwrap();
    assert_eq!((found.len(), &found[0]), (1, &(10..15)));
}

#[test]
fn a_damaged_file_gives_way_to_a_merged_one_that_has_its_range() {
    let merged = found(10..30, Level::L1);
    let name = |indices, level| file_name(&tenant("a"), &indices, level);
    let of_other = file_name(&tenant("b"), &(10..20), Level::L0);
    let cases = [
        (name(10..20, Level::L0), true),
        (name(10..30, Level::L0), true),
        (name(20..30, Level::L1), true),
        (name(10..30, Level::L1), false),
        (name(9..20, Level::L0), false),
        (name(20..31, Level::L0), false),
        (of_other, false),
        ("lake/a.10-20.l0.parquet".into(), false),
        ("lake/rubbish.parquet".into(), false),
    ];
    for (name, is_replaced) in cases {
        assert_eq!(merged.replaces(&name), is_replaced, "{name}");
    }
    assert!(!found(10..30, Level::L0).replaces(&name(10..20, Level::L0)), "it is not merged");
}

#[test]
fn what_is_ambiguous_is_refused_by_name() {
    use Level::{L0, L1};
    for files in [
        vec![found(0..10, L0), found(5..15, L0)],
        vec![found(0..10, L1), found(5..15, L1)],
        vec![found(0..10, L0), found(0..15, L0)],
        vec![found(0..20, L0), found(0..10, L1), found(10..20, L1)],
    ] {
        let refusal = chosen(files, &[]).unwrap_err();
        assert!(refusal.contains("neither replaces the other"), "{refusal}");
        assert!(refusal.contains("lake/a.0000"), "{refusal}");
    }
}

/// Two tenants, one of them with merged segments whose old files are still there.
fn store() -> (tempfile::TempDir, Vec<Row>) {
    let folder = tempfile::tempdir().unwrap();
    let cache = Arc::new(Cache::new(1 << 20));
    let (archive, _) = Archive::open(&Store::new(folder.path()), &cache).unwrap();
    for name in ["a", "b"] {
        for first in [0, 50, 100] {
            let batch = rows(first, 50).place(first, Timestamp(1_000)).finish().unwrap();
            let whose = tenant(name);
            let truth = |index: u64, out: &mut Vec<u8>| {
                let row = usize::try_from(index - first).unwrap();
                let rebuild = Rebuild::new(&whose, &batch).unwrap();
                rebuild.payload(row, out).map_err(Into::into)
            };
            let secrets = |_| Some([3; 32]);
            let (steps, now) = (&at_once, NOW);
            let flush = Flush { batch: &batch, truth: &truth, secrets: &secrets, steps, now };
            archive.flush(&whose, &flush).unwrap();
        }
    }
    let held = archive.tiles(&tenant("b")).unwrap().segments;
    archive.compact(&tenant("b"), &held[..2], NOW).unwrap();
    let rows = archive.rows().unwrap();
    archive.close().unwrap();
    (folder, rows)
}

#[test]
fn a_catalog_is_made_again_of_its_files() {
    let (folder, before) = store();
    std::fs::write(folder.path().join("catalog.db"), b"scribbled").unwrap();
    let names = names(folder.path()).unwrap();
    assert_eq!(names.len(), 7, "three of each tenant, and the merged one");
    let lines = names.iter().map(|name| read(folder.path(), name).unwrap().to_string());
    let found: Vec<Found> = lines.map(|line| line.parse().unwrap()).collect();
    let rows = choose(found, &Known::default(), NOW).unwrap();
    let moved = replace(folder.path(), &rows).unwrap();
    assert_eq!(moved, ["quarantine/catalog.db"]);
    let cache = Arc::new(Cache::new(1 << 20));
    let (archive, opened) = Archive::open(&Store::new(folder.path()), &cache).unwrap();
    assert_eq!(opened.quarantined.len(), 2, "what was merged is known to nobody now");
    // What the rows take in memory is about the same, whoever has made their buffers.
    let of_live = |rows: Vec<Row>| -> Vec<Row> {
        let live = rows.into_iter().filter(|row| row.state == State::Live);
        let plain = |mut row: Row| {
            row.file.as_mut().unwrap().memory_bytes = 0;
            row
        };
        live.map(plain).collect()
    };
    assert_eq!(of_live(archive.rows().unwrap()), of_live(before));
}

#[test]
fn a_file_that_is_not_what_it_says_is_named() {
    let (folder, _) = store();
    let name = names(folder.path()).unwrap().remove(0);
    let path = folder.path().join(&name);
    let whole = std::fs::read(&path).unwrap();
    // Every part of the file, its indexes and statistics, too; only of the secrets of salt blocks
    // nothing but the ledger knows what they should be.
    let secrets = STANDARD.encode([3; 30]);
    let known = |at: &usize| {
        let near = &whole[at.saturating_sub(60)..whole.len().min(at + 60)];
        !near.windows(secrets.len()).any(|window| window == secrets.as_bytes())
    };
    for at in (0..whole.len()).step_by(37).filter(known) {
        let mut scribbled = whole.clone();
        scribbled[at] ^= 1;
        std::fs::write(&path, scribbled).unwrap();
        let near = String::from_utf8_lossy(&whole[at.saturating_sub(40)..=at]).into_owned();
        assert!(read(folder.path(), &name).is_err(), "one bit was flipped at {at}: {near}");
    }
    for bytes in [&whole[..whole.len() - 1], b"", b"PAR1"] {
        std::fs::write(&path, bytes).unwrap();
        let refusal = read(folder.path(), &name).unwrap_err();
        assert!(matches!(&refusal, Error::Segment { path, .. } if *path == name), "{refusal:?}");
    }
    std::fs::write(&path, &whole).unwrap();
    let other = folder.path().join("lake/a.other.parquet");
    std::fs::rename(&path, &other).unwrap();
    let refusal = read(folder.path(), "lake/a.other.parquet").unwrap_err().to_string();
    assert!(refusal.contains("another name"), "{refusal}");
}
