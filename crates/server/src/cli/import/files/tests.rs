//! Which files of a folder are imported, and that compressed ones read like plain ones.

use super::{buffered, find, open};
use std::fs;
use std::io::{BufRead, Read, Write};
use std::path::PathBuf;

#[test]
fn a_folder_gives_its_json_files_and_lists_the_rest() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    fs::create_dir(root.join("inner")).unwrap();
    let wanted = ["a.json", "b.JSONL.gz", "inner/c.ndjson.zst", "z.jsonl"];
    let others = ["README.md", "a.csv", "b.json.bz2", "json"];
    for name in wanted.iter().chain(&others) {
        fs::write(root.join(name), "{}").unwrap();
    }
    let found = find(&[root.to_path_buf()]).unwrap();
    assert_eq!(found.files, wanted.map(|name| root.join(name)));
    assert_eq!(found.skipped.len(), others.len());
    let named = root.join("a.csv");
    assert_eq!(find(std::slice::from_ref(&named)).unwrap().files, [named]);
    assert_eq!(find(&[PathBuf::from("no/such")]).unwrap_err().0, PathBuf::from("no/such"));
}

#[test]
fn compressed_files_read_like_plain_ones() {
    let folder = tempfile::tempdir().unwrap();
    let text = "{\"a\":1}\n".repeat(50_000);
    // Two gzip members, as appending to a compressed file makes them.
    let gzip = |part: &str| {
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(part.as_bytes()).unwrap();
        gzip.finish().unwrap()
    };
    let (head, tail) = text.split_at(3);
    let contents = [
        ("a.json", text.clone().into_bytes()),
        ("a.json.gz", [gzip(head), gzip(tail)].concat()),
        ("a.json.zst", zstd::stream::encode_all(text.as_bytes(), 1).unwrap()),
    ];
    for (name, bytes) in contents {
        let path = folder.path().join(name);
        fs::write(&path, bytes).unwrap();
        let mut read = String::new();
        let mut content = buffered(open(&path).unwrap());
        assert!(content.fill_buf().unwrap().len() > 3, "{name}: the first buffer is filled");
        content.read_to_string(&mut read).unwrap();
        assert_eq!(read, text, "{name}");
    }
}
