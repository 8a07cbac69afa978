//! A file has its name only when its bytes are durable, and every change passes the gate.

use std::sync::Mutex;

use super::*;

fn kept(names: &Arc<Mutex<Vec<String>>>) -> Arc<Gate> {
    let names = Arc::clone(names);
    Arc::new(move |step: Step<'_>| {
        names.lock().unwrap().push(format!("{step:?}"));
        Ok(())
    })
}

#[test]
fn bytes_are_durable_before_the_name_and_the_name_before_the_answer() {
    let folder = tempfile::tempdir().unwrap();
    let steps = Arc::default();
    let store = Store::gated(folder.path(), kept(&steps));
    let mut draft = store.draft("one").unwrap();
    draft.write_all(b"bytes").unwrap();
    draft.sync().unwrap();
    assert_eq!(store.length("one").unwrap(), None);
    draft.publish().unwrap();
    let due = [
        "Create(\"one.tmp\")",
        "Write(\"one.tmp\", 5)",
        "Sync(\"one.tmp\")",
        "Rename(\"one.tmp\", \"one\")",
        "SyncDir(\"\")",
    ];
    assert_eq!(*steps.lock().unwrap(), due);
    assert_eq!(store.open("one").unwrap().read(1, 3).unwrap(), b"yte");
    assert!(store.open("one").unwrap().read(3, 3).is_err());
}

#[test]
fn a_draft_that_is_given_up_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::new(folder.path());
    let mut draft = store.draft("one").unwrap();
    draft.write_all(&[7; 1 << 20]).unwrap();
    drop(draft);
    assert_eq!(store.list("").unwrap(), Vec::<String>::new());
}

#[test]
fn a_full_disk_is_its_own_error_even_behind_a_writer_that_hides_it() {
    let folder = tempfile::tempdir().unwrap();
    let gate = |step: Step<'_>| match step {
        Step::Write(..) => Err(io::ErrorKind::StorageFull.into()),
        _ => Ok(()),
    };
    let store = Store::gated(folder.path(), Arc::new(gate));
    let mut draft = store.draft("one").unwrap();
    assert!(draft.write_all(&[7; 1 << 20]).is_err());
    assert!(matches!(draft.failure(), Some(Error::DiskFull { .. })));
    drop(draft);
    assert_eq!(store.list("").unwrap(), Vec::<String>::new());
}

#[test]
fn what_is_moved_to_quarantine_never_covers_what_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::new(folder.path());
    store.create_dir("lake").unwrap();
    let mut moved = Vec::new();
    for bytes in ["first", "second", "third"] {
        fs::write(store.path("lake/odd"), bytes).unwrap();
        moved.push(store.quarantine("lake/odd").unwrap());
    }
    assert_eq!(moved, ["quarantine/odd", "quarantine/odd.1", "quarantine/odd.2"]);
    assert_eq!(fs::read_to_string(store.path("quarantine/odd")).unwrap(), "first");
    assert_eq!(store.list("lake").unwrap(), Vec::<String>::new());
}
