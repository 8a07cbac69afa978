//! The fake disk against what the trait promises and, as much, against what it does not promise.

use std::collections::BTreeSet;
use std::io;

use ledger::disk::{Disk, exists, read, replace};

use super::{Crash, FakeDisk, Faults, SECTOR};

/// Every content that `path` had after a power cut, over many seeds.
fn outcomes(path: &str, act: impl Fn(&FakeDisk)) -> BTreeSet<Option<Vec<u8>>> {
    let mut seen = BTreeSet::new();
    for seed in 0..200 {
        let disk = FakeDisk::new(seed);
        act(&disk);
        disk.crash(Crash::PowerCut);
        seen.insert(disk.bytes(path));
    }
    seen
}

fn durable_file(disk: &FakeDisk, path: &str, bytes: &[u8]) {
    disk.create(path).unwrap();
    disk.write_at(path, 0, bytes).unwrap();
    disk.sync_data(path).unwrap();
    disk.sync_dir("").unwrap();
}

#[test]
fn what_was_synced_is_there_after_any_cut() {
    let seen = outcomes("f", |disk| durable_file(disk, "f", b"kept"));
    assert_eq!(seen, BTreeSet::from([Some(b"kept".to_vec())]));
}

#[test]
fn what_was_not_synced_is_kept_lost_or_torn() {
    let two = |first: u8, second: u8| Some([[first; SECTOR], [second; SECTOR]].concat());
    let seen = outcomes("f", |disk| {
        durable_file(disk, "f", &[1; 2 * SECTOR]);
        disk.write_at("f", 0, &[2; 2 * SECTOR]).unwrap();
    });
    assert_eq!(seen, BTreeSet::from([two(1, 1), two(1, 2), two(2, 1), two(2, 2)]));
}

#[test]
fn a_file_can_grow_without_its_bytes() {
    let seen = outcomes("f", |disk| {
        durable_file(disk, "f", b"");
        disk.write_at("f", 0, b"x").unwrap();
    });
    let some = |bytes: &[u8]| Some(bytes.to_vec());
    assert_eq!(seen, BTreeSet::from([some(b""), some(b"\0"), some(b"x")]));
}

#[test]
fn names_need_their_folder_synced() {
    let unsynced = outcomes("f", |disk| {
        disk.create("f").unwrap();
        disk.write_at("f", 0, b"x").unwrap();
        disk.sync_data("f").unwrap();
    });
    assert_eq!(unsynced, BTreeSet::from([None, Some(b"x".to_vec())]));
    let folder = outcomes("d/f", |disk| {
        disk.create_dir("d").unwrap();
        disk.create("d/f").unwrap();
        disk.sync_dir("d").unwrap();
    });
    assert_eq!(folder, BTreeSet::from([None, Some(Vec::new())]), "the folder's own name is lost");
    let renamed = outcomes("g", |disk| {
        durable_file(disk, "f", b"x");
        disk.rename("f", "g").unwrap();
    });
    assert_eq!(renamed, BTreeSet::from([None, Some(b"x".to_vec())]));
}

#[test]
fn replace_is_whole_under_every_cut_at_every_operation() {
    for seed in 0..50 {
        for dies_at in 0..12 {
            let disk = FakeDisk::new(seed);
            durable_file(&disk, "s", b"old");
            let start = disk.operations();
            disk.plan(Faults { dies_at: Some(start + dies_at), ..Faults::default() });
            let done = replace(&disk, "s", b"newer");
            assert_eq!(done.is_err(), disk.is_dead());
            disk.crash(Crash::PowerCut);
            let found = disk.bytes("s");
            let whole = found == Some(b"newer".to_vec());
            assert!(whole || (done.is_err() && found == Some(b"old".to_vec())), "{found:?}");
        }
    }
}

#[test]
fn a_refused_sync_leaves_bytes_that_only_a_rewrite_can_save() {
    let refuse = |disk: &FakeDisk| {
        durable_file(disk, "f", b"old");
        disk.write_at("f", 0, b"new").unwrap();
        let from = disk.operations();
        disk.plan(Faults { sync_fails_from: Some(from), ..Faults::default() });
        assert!(disk.sync_data("f").is_err());
        assert_eq!(disk.refused_syncs(), 1);
        assert_eq!(read(disk, "f", 9).unwrap(), b"new", "readable all the same");
    };
    let both = BTreeSet::from([Some(b"old".to_vec()), Some(b"new".to_vec())]);
    // The trap: the second sync says yes and saves nothing.
    let retried = outcomes("f", |disk| {
        refuse(disk);
        disk.sync_data("f").unwrap();
    });
    assert_eq!(retried, both);
    let rewritten = outcomes("f", |disk| {
        refuse(disk);
        disk.crash(Crash::Kill);
        disk.write_at("f", 0, b"new").unwrap();
        disk.sync_data("f").unwrap();
    });
    assert_eq!(rewritten, BTreeSet::from([Some(b"new".to_vec())]));
}

#[test]
fn a_kill_loses_nothing_and_a_dead_machine_answers_nothing() {
    let disk = FakeDisk::new(7);
    disk.create("f").unwrap();
    disk.write_at("f", 0, b"x").unwrap();
    disk.plan(Faults { dies_at: Some(disk.operations()), ..Faults::default() });
    assert!(disk.sync_data("f").is_err());
    assert!(disk.is_dead());
    assert!(disk.length("f").is_err());
    assert!(disk.list("").is_err());
    disk.crash(Crash::Kill);
    assert_eq!(read(&disk, "f", 9).unwrap(), b"x");
    assert!(exists(&disk, "f").unwrap());
}

#[test]
fn a_full_disk_takes_what_fits_and_old_blocks_stay_writable() {
    let disk = FakeDisk::new(1);
    durable_file(&disk, "f", b"12345");
    disk.plan(Faults { room_bytes: Some(3), ..Faults::default() });
    disk.write_at("f", 0, b"54321").unwrap();
    let error = disk.write_at("f", 4, b"abcdef").unwrap_err();
    assert!(error.is_full());
    assert_eq!(read(&disk, "f", 99).unwrap(), b"5432abcd");
    assert_eq!(disk.create("g").unwrap_err().kind, io::ErrorKind::StorageFull);
}

#[test]
fn one_seed_is_one_run() {
    let run = |seed| {
        let disk = FakeDisk::new(seed);
        durable_file(&disk, "f", &[3; 4000]);
        disk.write_at("f", 100, &[4; 3000]).unwrap();
        disk.rename("f", "g").unwrap();
        disk.crash(Crash::PowerCut);
        (disk.trace(), disk.bytes("f"), disk.bytes("g"))
    };
    assert_eq!(run(5), run(5));
    assert!((0..50).any(|seed| run(seed) != run(5)), "seeds differ");
}

#[test]
fn a_cut_file_gives_its_room_back_and_is_whole_only_after_a_sync() {
    let disk = FakeDisk::new(3);
    disk.create("f").unwrap();
    disk.zero_fill("f", 0, 2048).unwrap();
    disk.sync_data("f").unwrap();
    disk.plan(Faults { room_bytes: Some(0), ..Faults::default() });
    disk.shorten("f", 4096).unwrap();
    assert_eq!(disk.length("f").unwrap(), 2048, "a shorter file stays as it is");
    disk.shorten("f", 1024).unwrap();
    disk.create("g").unwrap();
    disk.zero_fill("g", 0, 1024).unwrap();
    assert!(disk.zero_fill("g", 1024, 1025).unwrap_err().is_full());
    let lengths = outcomes("h", |disk| {
        disk.create("h").unwrap();
        disk.write_at("h", 0, &[7; 1024]).unwrap();
        disk.sync_data("h").unwrap();
        disk.sync_dir("").unwrap();
        disk.shorten("h", 100).unwrap();
    });
    let whole = |length: usize| Some(vec![7; length]);
    assert_eq!(lengths, BTreeSet::from([whole(100), whole(1024)]));
}
