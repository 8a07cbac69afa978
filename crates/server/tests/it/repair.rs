//! `repair catalog`: whatever is done to the catalog, it is made again of the segment files, or the reason why not is named
//! and nothing is changed.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use lake::catalog::{self, Row};
use lake::segment::{Level, file_name};
use serde_json::Value;

use crate::archive::{TINY, archive, archived, fill, path, seen, segments, serve};
use crate::harness::{Ran, Store};

fn catalog_files(store: &Store) -> [PathBuf; 3] {
    ["", "-wal", "-shm"].map(|suffix| store.data_dir().join(format!("{}{suffix}", catalog::FILE)))
}

fn remove_catalog(store: &Store) {
    for path in catalog_files(store).iter().filter(|path| path.exists()) {
        std::fs::remove_file(path).expect("a removal");
    }
}

/// Starts a server that must refuse to.
fn refused(store: &Store) -> Ran {
    std::fs::remove_file(store.root().join("serve.stderr")).expect("an earlier server's words");
    let mut command = store.command(&["serve", "--listen", "127.0.0.1:0"]);
    command.envs(TINY);
    store.start(command).map(drop).expect_err("a start")
}

fn repair(store: &Store) -> Value {
    let ran = store.cli(&["repair", "catalog", "--json"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    serde_json::from_str(&ran.stdout).unwrap_or_else(|error| panic!("{error}: {ran:?}"))
}

/// Repairs, and expects a refusal that names every one of `words` and leaves every file as it was.
fn expect_refusal(store: &Store, words: &[&str], case: &str) {
    let before = files(&store.data_dir());
    let ran = store.cli(&["repair", "catalog"]);
    assert_eq!(ran.code, Some(10), "{case}: {ran:?}");
    for word in words {
        assert!(ran.stderr.contains(word), "{case}: no `{word}` in {ran:?}");
    }
    assert!(files(&store.data_dir()) == before, "{case}: something was changed");
}

/// Every file of a folder but the lock, which names who holds it.
fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(files(&path));
        } else if !path.ends_with("lock") {
            let bytes = std::fs::read(&path).expect("bytes");
            found.insert(path, bytes);
        }
    }
    found
}

/// What is done to a catalog: given its bytes and those of an older one, what lies there then.
type Damage = fn(&[u8], &[u8]) -> Option<Vec<u8>>;

const DAMAGES: [(&str, Damage); 5] = [
    ("deleted", |_, _| None),
    ("scribbled", |bytes, _| Some([&[0x5a; 4096], &bytes[4096..]].concat())),
    ("truncated", |bytes, _| Some(bytes[..bytes.len() / 2].to_vec())),
    ("emptied", |_, _| Some(Vec::new())),
    ("an older copy", |_, older| Some(older.to_vec())),
];

#[test]
fn i12_a_damaged_catalog_is_refused_and_made_again() {
    let store = Store::new();
    let server = serve(&store);
    fill(&server);
    server.stop();
    let [file, ..] = catalog_files(&store);
    let older = std::fs::read(&file).expect("a catalog");
    let server = serve(&store);
    fill(&server);
    archive(&server);
    let before = seen(&server);
    server.stop();
    for (case, damage) in DAMAGES {
        let there = std::fs::read(&file).expect("a catalog");
        match damage(&there, &older) {
            Some(bytes) => std::fs::write(&file, bytes).expect("a write"),
            None => std::fs::remove_file(&file).expect("a removal"),
        }
        let ran = refused(&store);
        assert_eq!(ran.code, Some(10), "{case}: {ran:?}");
        assert!(ran.stderr.contains("`indelible repair catalog --data-dir"), "{case}: {ran:?}");
        let said = repair(&store);
        assert_eq!(said["made_again"], true, "{case}: {said}");
        assert!(said["manifest"].is_string(), "{case}: {said}");
        assert_eq!(repair(&store)["made_again"], false, "{case}: a second time");
        assert_eq!(store.cli(&["verify", "store"]).code, Some(0), "{case}");
        let server = serve(&store);
        assert_eq!(seen(&server), before, "{case}");
        server.stop();
    }
}

#[test]
fn i12_after_a_kill_a_catalog_that_is_gone_is_made_again() {
    let store = archived();
    let before = segments(&store);
    remove_catalog(&store);
    let ran = refused(&store);
    assert_eq!(ran.code, Some(10), "{ran:?}");
    assert!(ran.stderr.contains("`indelible repair catalog --data-dir"), "{ran:?}");
    let said = repair(&store);
    assert_eq!(said["manifest"], Value::Null, "{said}");
    let plain = |rows: Vec<Row>| -> Vec<Row> {
        let plain = |mut row: Row| {
            row.created_at = event::ids::Timestamp(0);
            row.file.as_mut().expect("a file").memory_bytes = 0;
            row
        };
        rows.into_iter().map(plain).collect()
    };
    assert_eq!(plain(segments(&store)), plain(before));
    let ran = store.cli(&["repair", "catalog"]);
    assert_eq!(ran.stdout.trim(), "nothing to mend", "{ran:?}");
    assert_eq!(store.cli(&["verify", "store"]).code, Some(0));
    serve(&store).stop();
}

#[test]
fn i12_a_damaged_segment_is_named_and_nothing_is_changed() {
    let store = archived();
    let rows = segments(&store);
    let first = &rows[0];
    let name = first.file.as_ref().expect("a file").path.clone();
    let whole = std::fs::read(path(&store, first)).expect("bytes");
    remove_catalog(&store);
    let mut flipped = whole.clone();
    flipped[whole.len() / 2] ^= 4;
    std::fs::write(path(&store, first), flipped).expect("a write");
    expect_refusal(&store, &[&name, "hint: "], "a flipped bit");
    std::fs::remove_file(path(&store, first)).expect("a removal");
    expect_refusal(&store, &["tenant `default`", "covers 0 to"], "a missing file");
    std::fs::write(path(&store, first), whole).expect("a write");
    // The same rubbish is in nobody's way where a merged file has its range.
    assert_eq!(first.level, 1, "{first:?}");
    let (start, tenant) = (first.indices.start, &first.tenant);
    let rubbish = file_name(tenant, &(start..start + 1), Level::L0);
    std::fs::write(store.data_dir().join(&rubbish), b"rubbish").expect("a write");
    let said = repair(&store);
    assert_eq!(said["set_aside"][0]["file"], rubbish.as_str(), "{said}");
    assert!(!store.data_dir().join(&rubbish).exists());
    serve(&store).stop();
}

/// A footer that claims a hundred million row groups: a reader makes room for them before it looks for the first.
fn bomb() -> Vec<u8> {
    let mut metadata = vec![0x15, 0x02]; // version 1
    metadata.extend([0x19, 0x2c]); // a schema of two: a root `r` with one child, an int32 `c`
    metadata.extend([0x48, 1, b'r', 0x15, 0x02, 0x00]);
    metadata.extend([0x15, 0x02, 0x25, 0x00, 0x18, 1, b'c', 0x00]);
    metadata.extend([0x16, 0x00]); // no rows
    metadata.extend([0x19, 0xfc, 0x80, 0xc2, 0xd7, 0x2f]); // 100,000,000 row groups
    let length = u32::try_from(metadata.len()).expect("a short footer");
    [&b"PAR1"[..], &metadata, &length.to_le_bytes(), b"PAR1"].concat()
}

#[test]
fn i12_metadata_that_takes_all_memory_ends_its_reader_and_nothing_else() {
    let store = archived();
    std::fs::write(store.data_dir().join("lake/bomb.parquet"), bomb()).expect("a write");
    expect_refusal(&store, &["`lake/bomb.parquet`", "ended by signal 6"], "absurd metadata");
}
