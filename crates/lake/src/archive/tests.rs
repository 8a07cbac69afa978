//! Rows go into segments and come out again as the records that they were, whatever happens on the
//! way.

mod crash; // stopped at every step
mod model; // any order of calls
mod world; // an archive and what it must hold

use arrow::array::AsArray as _;

use super::*;
use crate::{Error, rollup};
use world::{World, tenant};

#[test]
fn what_was_flushed_is_there_after_a_new_start() {
    let mut world = World::new();
    world.append(1_000);
    world.flush(600);
    world.flush(1_000);
    world.append(50);
    assert_eq!((world.view().watermark(), world.view().to()), (1_000, 1_050));
    assert_eq!(world.view().segments().len(), 2);
    world.check();
    world.restart();
    assert_eq!((world.view().watermark(), world.view().to()), (1_000, 1_000));
    world.check();
}

#[test]
fn a_flush_is_done_in_steps() {
    let mut world = World::new();
    world.append(5_000);
    world.flush(5_000);
    // Counts, hashes, names, forms, columns, one group of rows, the end of the last group.
    let written = 7;
    // Two batches of rows, and the look that there is no third.
    let compared = 3;
    assert_eq!(world.steps.into_inner(), written + compared);
}

#[test]
fn what_is_large_is_sorted_when_it_is_flushed_and_never_written_again() {
    let (small, large) = (5_000, 65_536);
    let mut world = World::new();
    world.append(small + large);
    // The ledger holds what no row of this version is made of.
    let odd = 12_001_u64;
    world.truth.get_mut(&odd).unwrap().push(b'!');
    world.flush(small);
    world.flush(small + large);
    let levels = || -> Vec<Level> {
        world.view().segments().iter().map(|segment| segment.about().level).collect()
    };
    assert_eq!(levels(), [Level::L0, Level::L1]);
    let view = world.view();
    assert_eq!(view.segments()[1].exact().unwrap().into_keys().collect::<Vec<_>>(), [odd]);
    let found = world.archive.candidates(&view, &Merge::default(), &|_| false).unwrap();
    assert!(found.segments.is_empty(), "{:?}", found.segments);
    drop((view, found));
    world.check();
    world.restart();
    world.check();
}

#[test]
fn a_clean_close_leaves_segments_and_one_catalog() {
    let mut world = World::new();
    world.append(100);
    world.flush(100);
    let World { folder, archive, hot, .. } = world;
    drop(hot);
    archive.close().unwrap();
    let store = Store::new(folder.path());
    assert_eq!(store.list("").unwrap(), [crate::catalog::FILE]);
    let due = "a.00000000000000000000-00000000000000000100.l0.parquet";
    assert_eq!(store.list(LAKE).unwrap(), [due]);
}

#[test]
fn rows_that_do_not_rebuild_keep_their_records_bytes() {
    let mut world = World::new();
    world.append(300);
    // The ledger holds what no row of this version is made of.
    for index in [0, 7, 299] {
        world.truth.insert(index, format!("another record {index}").into_bytes());
    }
    world.flush(300);
    let kept = world.view().segments()[0].about().exact;
    assert_eq!(kept, 3, "INVARIANT (I2): they are kept");
    world.check();
    world.append(10);
    world.flush(10);
    world.compact_all();
    assert_eq!(world.view().segments()[0].about().exact, 3);
    world.check();
    world.restart();
    world.check();
}

#[test]
fn a_ledger_that_cannot_be_read_stops_the_flush_and_nothing_else() {
    let mut world = World::new();
    world.append(10);
    let kept = world.truth.remove(&4).unwrap();
    let refusal = world.try_flush(10).unwrap_err();
    assert!(matches!(refusal, Error::Disk { doing: "read back a record of", .. }), "{refusal}");
    assert_eq!(world.archive.watermark(&tenant()).unwrap(), 0);
    world.truth.insert(4, kept);
    world.flush(10);
    world.check();
}

#[test]
fn rows_that_do_not_begin_at_the_watermark_are_refused() {
    let mut world = World::new();
    world.append(20);
    let early = world.view();
    world.flush(10);
    let prefix = early.prefix(10, u64::MAX).unwrap().unwrap();
    let refusal = world.flush_batch(&prefix.batch).unwrap_err();
    assert!(matches!(refusal, Error::OutOfOrder { expected: 10, first: 0 }), "{refusal}");
    world.check();
}

#[test]
fn a_lost_range_is_archived_without_a_file() {
    let mut world = World::new();
    world.append(10);
    world.lose(5);
    world.append(10);
    world.flush(100);
    assert_eq!(world.view().watermark(), 10, "a flush ends at a hole");
    assert!(world.view().prefix(100, u64::MAX).unwrap().is_none());
    world.archive_hole();
    world.flush(100);
    assert_eq!(world.view().watermark(), 25);
    world.check();
    world.restart();
    assert_eq!(world.view().holes(), std::slice::from_ref(&(10..15)));
    world.check();
}

#[test]
fn compaction_sorts_by_actor_and_changes_no_record() {
    let mut world = World::new();
    for _ in 0..4 {
        world.append(100);
        world.flush(100);
    }
    let before = rollup::archived(&world.view()).unwrap();
    assert_eq!(before.as_ref().map(|sum| sum.rows()), Some(400));
    world.compact_all();
    let view = world.view();
    assert_eq!(view.segments().len(), 1);
    assert_eq!(view.segments()[0].about().level, Level::L1);
    let columns = segment::Columns::of(&["actor_id"]);
    let mut reader = view.segments()[0].reader(&columns, segment::Which::All, 1_000).unwrap();
    let batch = reader.next().unwrap().unwrap();
    let actors = batch.column_by_name("actor_id").unwrap().as_string::<i32>();
    assert!(actors.iter().is_sorted());
    assert_eq!(rollup::archived(&view).unwrap(), before);
    world.check();
}

#[test]
fn replaced_files_go_when_nobody_reads_them() {
    let mut world = World::new();
    for _ in 0..2 {
        world.append(10);
        world.flush(10);
    }
    let reader = world.view();
    world.check_view(&reader);
    world.compact_all();
    assert_eq!(world.archive.sweep().unwrap(), 2);
    assert_eq!(world.files().len(), 3);
    world.check_view(&reader);
    let kept = world.archive.cache.bytes();
    drop(reader);
    assert!(world.archive.cache.bytes() < kept, "what is kept of a file goes with its last reader");
    assert_eq!(world.archive.sweep().unwrap(), 0);
    assert_eq!(world.files().len(), 1);
    world.check();
}

#[test]
fn replaced_files_that_are_still_read_at_a_stop_go_at_the_next_start() {
    let mut world = World::new();
    for _ in 0..2 {
        world.append(10);
        world.flush(10);
    }
    let reader = world.view();
    world.compact_all();
    let opened = world.restart();
    assert_eq!((opened.removed.len(), opened.quarantined.len()), (2, 0));
    assert_eq!(world.files().len(), 1);
    drop(reader);
    world.check();
}

#[test]
fn what_cannot_be_merged_is_refused() {
    let mut world = World::new();
    world.append(30);
    for _ in 0..3 {
        world.flush(10);
    }
    let view = world.view();
    let [a, b, c] = [0, 1, 2].map(|at| Arc::clone(&view.segments()[at]));
    let now = Timestamp(9);
    for inputs in [vec![], vec![Arc::clone(&a), c], vec![b, Arc::clone(&a)]] {
        let refusal = world.archive.compact(&tenant(), &inputs, now).unwrap_err();
        assert!(matches!(refusal, Error::OutOfOrder { .. }), "{refusal}");
    }
    let sorted = world.archive.compact(&tenant(), &[a], now).unwrap();
    assert!(world.archive.compact(&tenant(), &[sorted], now).is_err());
}

#[test]
fn unknown_files_are_moved_and_unfinished_ones_removed() {
    let mut world = World::new();
    world.append(10);
    world.flush(10);
    let put = |name: &str| std::fs::write(world.folder.path().join(name), b"odd").unwrap();
    put("lake/odd.parquet");
    put("lake/half.parquet.tmp");
    let opened = world.restart();
    assert_eq!(opened.quarantined, ["quarantine/odd.parquet"]);
    assert_eq!(opened.removed, ["lake/half.parquet.tmp"]);
    assert_eq!(world.files().len(), 1);
    world.check();
}

#[test]
fn damage_is_named_and_changes_nothing() {
    let mut world = World::new();
    world.append(10);
    world.flush(10);
    let path = world.folder.path().join(world.view().segments()[0].name());
    std::fs::write(world.folder.path().join("lake/odd"), b"odd").unwrap();
    let whole = std::fs::read(&path).unwrap();
    for bytes in [Some(&whole[1..]), Some(&[]), None] {
        match bytes {
            Some(bytes) => std::fs::write(&path, bytes).unwrap(),
            None => std::fs::remove_file(&path).unwrap(),
        }
        let refusal = world.try_open().unwrap_err();
        assert!(
            matches!(&refusal, Error::Segment { path, .. } if path.contains(".l0.")),
            "{refusal}"
        );
        assert!(world.files().contains(&"odd".to_owned()));
    }
    // Of the right length, but another file: said when it is read.
    let mut scribbled = whole.clone();
    *scribbled.last_mut().unwrap() ^= 1;
    let at = scribbled.len() - 100;
    scribbled[at] ^= 1;
    std::fs::write(&path, &scribbled).unwrap();
    let (archive, _) = world.try_open().unwrap();
    let tiles = archive.tiles(&tenant()).unwrap();
    assert!(tiles.segments[0].footer().is_err());
    drop(archive);
    std::fs::write(&path, &whole).unwrap();
    world.restart();
    world.check();
}

/// INVARIANT (I2): a value that was changed on disk is not hashed anew by a merge.
#[test]
fn a_damaged_segment_is_not_merged() {
    let mut world = World::new();
    for _ in 0..2 {
        world.append(10);
        world.flush(10);
    }
    let name = world.view().segments()[1].name().to_owned();
    let path = world.folder.path().join(&name);
    let whole = std::fs::read(&path).unwrap();
    for place in 0..whole.len() {
        let mut changed = whole.clone();
        changed[place] ^= 1;
        std::fs::write(&path, &changed).unwrap();
        let view = world.view();
        let refusal = world.compact(view.segments()).unwrap_err();
        let names = |path: &str| path == name;
        assert!(matches!(&refusal, Error::Segment { path, .. } if names(path)), "{place}");
    }
    std::fs::write(&path, &whole).unwrap();
    world.compact_all();
    world.check();
}

#[test]
fn a_catalog_that_is_gone_is_damage_while_there_are_files() {
    let mut world = World::new();
    world.append(10);
    world.flush(10);
    let World { folder, archive, hot, .. } = world;
    drop(hot);
    archive.close().unwrap();
    let store = Store::new(folder.path());
    std::fs::remove_file(store.path(crate::catalog::FILE)).unwrap();
    for _ in 0..2 {
        let refusal = Archive::open(&store, &Arc::new(Cache::new(1 << 20))).unwrap_err();
        assert!(matches!(&refusal, Error::Catalog { what } if what.contains("is there")));
    }
    assert_eq!(store.list(LAKE).unwrap().len(), 1);
}

/// A chunk with rows on both sides of the segment's end is cut, and the budget follows.
#[test]
fn the_budget_is_given_back_to_the_byte() {
    let mut world = World::new();
    world.append(1_000);
    world.flush(333);
    assert_eq!(world.hot.used(), world.view().hot_bytes());
    assert_eq!(world.view().hot_rows(), 667);
    let whole = world.view().hot_bytes();
    world.flush(600);
    assert!(world.view().hot_bytes() < whole / 5, "{} of {whole}", world.view().hot_bytes());
    world.flush(1_000);
    assert_eq!((world.hot.used(), world.view().hot_rows()), (0, 0));
    world.check();
}
