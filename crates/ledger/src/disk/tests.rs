//! The real disk against what `Disk` promises, and the lock between two owners.

use std::fs;
use std::io;

use super::{Disk, LockError, Operation, RealDisk, StoreLock, exists, parent, read, replace};

fn disk() -> (tempfile::TempDir, RealDisk) {
    let folder = tempfile::tempdir().unwrap();
    let disk = RealDisk::new(folder.path());
    (folder, disk)
}

#[test]
fn bytes_come_back_as_they_were_written() {
    let (folder, disk) = disk();
    disk.create_dir("a/b").unwrap();
    disk.create("a/b/f").unwrap();
    disk.write_at("a/b/f", 3, b"xyz").unwrap();
    disk.sync_data("a/b/f").unwrap();
    disk.sync_dir("a/b").unwrap();
    let mut buffer = [9; 8];
    assert_eq!(disk.read_at("a/b/f", 0, &mut buffer).unwrap(), 6);
    assert_eq!(&buffer, b"\0\0\0xyz\x09\x09");
    assert_eq!(disk.read_at("a/b/f", 6, &mut buffer).unwrap(), 0);
    assert_eq!(fs::read(folder.path().join("a/b/f")).unwrap(), b"\0\0\0xyz");
    disk.zero_fill("a/b/f", 4, 600_000).unwrap();
    assert_eq!(disk.length("a/b/f").unwrap(), 600_000);
    let all = read(&disk, "a/b/f", 600_000).unwrap();
    assert_eq!(all.iter().filter(|byte| **byte != 0).count(), 1);
    assert_eq!(read(&disk, "a/b/f", 599_999).unwrap_err().kind, io::ErrorKind::FileTooLarge);
}

#[test]
fn names_are_listed_sorted_without_folders() {
    let (_folder, disk) = disk();
    disk.create_dir("wal/inner").unwrap();
    for name in ["b", "a", "c"] {
        disk.create(&format!("wal/{name}")).unwrap();
    }
    assert_eq!(disk.list("wal").unwrap(), ["a", "b", "c"]);
    disk.remove("wal/b").unwrap();
    assert_eq!(disk.list("wal").unwrap(), ["a", "c"]);
    assert!(disk.list("none").unwrap_err().is_not_found());
    assert!(!exists(&disk, "wal/b").unwrap());
    assert!(exists(&disk, "wal/a").unwrap());
}

#[test]
fn an_existing_file_is_never_taken_over() {
    let (_folder, disk) = disk();
    disk.create("f").unwrap();
    let error = disk.create("f").unwrap_err();
    assert_eq!((error.operation, error.kind), (Operation::Create, io::ErrorKind::AlreadyExists));
    let error = disk.write_at("g", 0, b"x").unwrap_err();
    assert_eq!((error.operation, error.path.as_str()), (Operation::Write, "g"));
    assert!(error.is_not_found());
}

#[test]
fn a_renamed_file_is_written_under_its_new_name() {
    let (_folder, disk) = disk();
    disk.create("old").unwrap();
    disk.write_at("old", 0, b"1").unwrap();
    disk.create("new").unwrap();
    disk.write_at("new", 0, b"gone").unwrap();
    disk.rename("old", "new").unwrap();
    // The kept handles of both names must be forgotten: this write goes to the renamed file.
    disk.write_at("new", 1, b"2").unwrap();
    assert_eq!(read(&disk, "new", 10).unwrap(), b"12");
    assert!(disk.length("old").unwrap_err().is_not_found());
}

#[test]
fn more_files_than_handles_can_be_written() {
    let (_folder, disk) = disk();
    for round in 0..2_u8 {
        for file in 0..40_u8 {
            let path = format!("f{file}");
            if round == 0 {
                disk.create(&path).unwrap();
            }
            disk.write_at(&path, u64::from(round), &[file]).unwrap();
        }
    }
    for file in 0..40_u8 {
        assert_eq!(read(&disk, &format!("f{file}"), 10).unwrap(), [file, file]);
    }
}

#[test]
fn replace_is_whole_and_survives_a_left_over() {
    let (_folder, disk) = disk();
    disk.create("s.tmp").unwrap();
    disk.write_at("s.tmp", 0, b"torn and longer").unwrap();
    replace(&disk, "s", b"one").unwrap();
    assert_eq!(read(&disk, "s", 10).unwrap(), b"one");
    replace(&disk, "s", b"2").unwrap();
    assert_eq!(read(&disk, "s", 10).unwrap(), b"2");
    assert_eq!(disk.list("").unwrap(), ["s"]);
}

#[test]
fn paths_that_leave_the_root_are_refused() {
    let (_folder, disk) = disk();
    for path in ["../x", "/etc/x", "a/../../x", "./x"] {
        let error = disk.create(path).unwrap_err();
        assert_eq!(error.kind, io::ErrorKind::InvalidInput, "{path}");
    }
    assert_eq!((parent("a/b/c"), parent("a"), parent("")), ("a/b", "", ""));
}

#[test]
fn the_second_owner_is_told_who_the_first_is() {
    let folder = tempfile::tempdir().unwrap();
    let lock = StoreLock::acquire(folder.path(), 4711).unwrap();
    let seen = || match StoreLock::acquire(folder.path(), 1).unwrap_err() {
        LockError::Held { pid, address } => (pid, address),
        LockError::Io { source } => panic!("{source}"),
    };
    assert_eq!(seen(), ("4711".to_owned(), "unknown".to_owned()));
    lock.name_address("127.0.0.1:65000").unwrap();
    lock.name_address("127.0.0.1:70").unwrap();
    assert_eq!(seen(), ("4711".to_owned(), "127.0.0.1:70".to_owned()));
    drop(lock);
    // A dead owner's words in the file do not hold the store.
    StoreLock::acquire(folder.path(), 5).unwrap();
}
