//! Proof files by table.

use super::*;
use crate::hash::{leaf_hash, node_hash};
use crate::note::SigningKey;
use crate::tree::TreeSize;

/// A tree of two, its second entry's file, and the key.
fn example(extra: Option<&[u8]>) -> (ProofFile, Hash, VerifierKey) {
    let key = SigningKey::new("a/b", [1; 32]).unwrap();
    let (first, second) = (leaf_hash(b"0"), leaf_hash(b"1"));
    let root = node_hash(&first, &second);
    let signed = Checkpoint { origin: "a/b".to_owned(), size: TreeSize(2), root }.sign(&key);
    let extra = extra.map(<[u8]>::to_vec);
    let file = ProofFile { extra, index: Index(1), hashes: vec![first], checkpoint: signed };
    (file, second, key.verifier().clone())
}

#[test]
fn files_are_read_as_they_are_written() {
    for extra in [None, Some(&b""[..]), Some(b"{}")] {
        let (file, ..) = example(extra);
        assert_eq!(ProofFile::parse(&file.to_string()), Ok(file));
    }
}

#[test]
fn what_is_no_proof_file_is_refused() {
    let (file, ..) = example(Some(b"{}"));
    let good = file.to_string();
    let many = ProofFile { hashes: vec![Hash([1; 32]); PROOF_HASHES_MAX + 1], ..file };
    let refused = [
        (String::new(), "nothing"),
        (good.replace("@v1", "@v2"), "another version"),
        (good.replace("extra e30=", "extra e30"), "base64 without padding"),
        (good.replace("index 1", "index 01"), "a leading zero"),
        (good.replace("index 1\n", ""), "no index"),
        (
            good.replace("index 1\n", "index 1\nextra e30=\n"),
            "two extras, the second behind the index",
        ),
        (good.replace("index 1\n", "index 1\n\n"), "an empty line too early"),
        (good.replace("a/b\n2\n", "a/b\n2\nextension\n"), "a checkpoint of four lines"),
        (good.split_once("\n\n").unwrap().0.to_owned(), "no checkpoint"),
        (format!("{good}\n"), "more behind the checkpoint"),
        (many.to_string(), "too many hashes"),
        ("x".repeat(PROOF_FILE_BYTES_MAX + 1), "too long"),
    ];
    for (text, why) in refused {
        assert!(ProofFile::parse(&text).is_err(), "{why}");
    }
}

#[test]
fn a_file_proves_its_entry_and_no_other() {
    let (file, leaf, key) = example(None);
    let keys = [key];
    assert_eq!(file.verify(leaf, &keys).map(|c| c.size), Ok(TreeSize(2)));
    let moved = ProofFile { index: Index(0), ..file.clone() };
    let outside = ProofFile { index: Index(2), ..file.clone() };
    let longer = ProofFile { hashes: vec![leaf, leaf], ..file.clone() };
    let cut = ProofFile { hashes: vec![], ..file.clone() };
    assert_eq!(file.verify(leaf_hash(b"2"), &keys), Err(Error::RootMismatch { size: 2 }));
    assert_eq!(moved.verify(leaf, &keys), Err(Error::RootMismatch { size: 2 }));
    assert_eq!(outside.verify(leaf, &keys), Err(Error::OutsideTree { first: 2, end: 3, size: 2 }));
    assert_eq!(longer.verify(leaf, &keys), Err(Error::ProofLength { found: 2, much: "many" }));
    assert_eq!(cut.verify(leaf, &keys), Err(Error::ProofLength { found: 0, much: "few" }));
    assert_eq!(file.verify(leaf, &[]), Err(Error::UnknownOrigin { origin: "a/b".to_owned() }));
}
