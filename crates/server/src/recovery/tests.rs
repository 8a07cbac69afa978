//! A `MANIFEST` that is not believed.

use tlog::note::SigningKey;

use super::*;
use crate::cli::exit::Exit;

#[test]
fn bytes_that_are_no_manifest_are_damage() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join(manifest::FILE);
    let key = SigningKey::new("st/system", [1; 32]).expect("a key name");
    for bytes in [&b"\xff\xfe"[..], b"", b"words\n", b"indelible.manifest/v1\nst\n0\n\n"] {
        std::fs::write(&path, bytes).expect("a file");
        let failure = believed(&path, key.verifier()).expect_err("it is not signed");
        assert_eq!(failure.exit, Exit::IntegrityFailed, "{bytes:?}: {failure:?}");
    }
}
