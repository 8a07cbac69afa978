//! A manifest that is believed, differences that are seen, and notes that are not believed.

use super::*;

fn key(name: &str, seed: u8) -> SigningKey {
    SigningKey::new(name, [seed; 32]).expect("a key name")
}

fn store() -> StoreName {
    StoreName::parse("st").expect("a store name")
}

#[test]
fn a_survey_signs_opens_and_shows_what_changed() {
    let folder = tempfile::tempdir().expect("a folder");
    let root = folder.path();
    std::fs::create_dir_all(root.join("ledger/wal")).expect("folders");
    std::fs::create_dir_all(root.join("quarantine")).expect("folders");
    for (path, text) in [
        ("control.db", "c"),
        ("ledger/wal/00000000000000000001.log", "frames"),
        ("ledger/acked", "not listed"),
        ("ledger/acked.tmp", "not listed"),
        ("ledger/spare-1", "not listed"),
        ("quarantine/x", "not listed"),
        ("lock", ""),
        ("client.json", ""),
        ("auth-header", ""),
        ("MANIFEST", "old"),
    ] {
        std::fs::write(root.join(path), text).expect("a file");
    }
    let manifest = Manifest { store: store(), files: survey(root).expect("a survey") };
    let paths: Vec<_> = manifest.files.iter().map(|file| file.path.as_str()).collect();
    assert_eq!(paths, ["control.db", "ledger/wal/00000000000000000001.log"]);
    let signed = manifest.sign(&key("st/system", 1)).expect("few files");
    let opened = Manifest::open(&signed, key("st/system", 1).verifier()).expect("a good note");
    assert_eq!(opened, manifest);
    assert_eq!(opened.differences(&survey(root).expect("a survey")), []);

    std::fs::remove_file(root.join("control.db")).expect("removed");
    std::fs::write(root.join("ledger/wal/00000000000000000001.log"), "framed").expect("changed");
    std::fs::write(root.join("new"), "").expect("a file");
    let path = |path: &str| path.to_owned();
    let expected = [
        Difference::Missing { path: path("control.db") },
        Difference::Changed { path: path("ledger/wal/00000000000000000001.log") },
        Difference::Unlisted { path: path("new") },
    ];
    assert_eq!(opened.differences(&survey(root).expect("a survey")), expected);
}

#[test]
fn other_keys_and_changed_notes_are_refused() {
    let manifest = Manifest { store: store(), files: Vec::new() };
    let signed = manifest.sign(&key("st/system", 1)).expect("few files");
    for other in [key("st/system", 2), key("st/default", 1)] {
        assert_eq!(Manifest::open(&signed, other.verifier()), Err(ManifestError::Unsigned));
    }
    let verifier = key("st/system", 1);
    let changed = signed.replace("\n0\n", "\n1\n");
    assert!(Manifest::open(&changed, verifier.verifier()).is_err());
    assert!(Manifest::open("", verifier.verifier()).is_err());
}

#[test]
fn lines_that_are_not_ours_are_malformed() {
    let hash = "a".repeat(64);
    let good = format!("{FORMAT}\nst\n1\n5 {hash} a/b\n");
    assert!(Manifest::parse(&good).is_ok());
    let bad = [
        good.replace("/v1", "/v2"),
        good.replace("\n1\n", "\n2\n"),
        good.replace("5 ", "05 "),
        good.replace("5 ", "+5 "),
        good.replace(&hash, &hash.to_uppercase()),
        good.replace("a/b", "../b"),
        good.replace("a/b", "/b"),
        good.replace("\nst\n", "\nSt\n"),
        format!("{FORMAT}\nst\n2\n5 {hash} b\n5 {hash} a\n"),
        format!("{FORMAT}\nst\n2\n5 {hash} a\n5 {hash} a\n"),
    ];
    for text in bad {
        assert!(Manifest::parse(&text).is_err(), "{text}");
    }
}

#[test]
fn what_no_line_holds_is_passed_over() {
    use std::os::unix::ffi::OsStrExt;
    use std::os::unix::fs::symlink;
    let folder = tempfile::tempdir().expect("a folder");
    let root = folder.path();
    for name in [&b"control.db"[..], b"a\tb", b"c\nd", b"\xff.log", b"two words", b"\xc2\x85"] {
        std::fs::write(root.join(std::ffi::OsStr::from_bytes(name)), "x").expect("a file");
    }
    symlink(root.join("nowhere"), root.join("dangling")).expect("a link to nothing");
    symlink(root.join("control.db"), root.join("linked")).expect("a link to a file");
    let _socket = std::os::unix::net::UnixListener::bind(root.join("socket")).expect("a socket");
    let manifest = Manifest { store: store(), files: survey(root).expect("a survey") };
    let paths: Vec<_> = manifest.files.iter().map(|file| file.path.as_str()).collect();
    assert_eq!(paths, ["control.db", "linked", "two words"]);
    let signed = manifest.sign(&key("st/system", 1)).expect("few files");
    let opened = Manifest::open(&signed, key("st/system", 1).verifier()).expect("a good note");
    assert_eq!(opened, manifest);
}

#[test]
fn only_a_frame_in_a_newer_log_file_overtakes_a_manifest() {
    let file = |path: &str| FileEntry { path: path.to_owned(), size: 1, sha256: [0; 32] };
    let files = vec![file("control.db"), file("ledger/wal/07.log"), file("ledger/wal/09.log")];
    let listed = Manifest { store: store(), files };
    let cases = [
        (None, false),
        (Some("ledger/wal/07.log"), false),
        (Some("ledger/wal/09.log"), false),
        (Some("ledger/wal/10.log"), true),
    ];
    for (last, overtaken) in cases {
        assert_eq!(listed.is_overtaken_by(last), overtaken, "{last:?}");
    }
}
