//! Texts as one compressed archive that every `tar` reads (ustar, gzip).
//!
//! Promises: plain files, for their owner alone. Refuses long names: ours are short.

use std::io::{self, Write};

use flate2::Compression;
use flate2::write::GzEncoder;

use super::Entry;

/// Bytes of a block: of a header, and what contents are filled up to.
const BLOCK: usize = 512;

/// The archive, every file below a folder of this name.
pub(crate) fn archive(folder: &str, entries: &[Entry], now_s: u64) -> io::Result<Vec<u8>> {
    let mut out = GzEncoder::new(Vec::new(), Compression::default());
    for entry in entries {
        let name = format!("{folder}/{}", entry.name);
        out.write_all(&header(&name, entry.text.len(), now_s)?)?;
        out.write_all(entry.text.as_bytes())?;
        let over = entry.text.len() % BLOCK;
        if over > 0 {
            out.write_all(&vec![0; BLOCK - over])?;
        }
    }
    out.write_all(&[0; 2 * BLOCK])?;
    out.finish()
}

/// One file's header.
fn header(name: &str, bytes: usize, now_s: u64) -> io::Result<[u8; BLOCK]> {
    let mut header = [0; BLOCK];
    let fields: [(usize, String); 8] = [
        (0, name.to_owned()),
        (100, "0000600\0".to_owned()),
        (108, "0000000\0".to_owned()),
        (116, "0000000\0".to_owned()),
        (124, format!("{bytes:011o}\0")),
        (136, format!("{now_s:011o}\0")),
        // Where the sum stands, blanks are summed.
        (148, " ".repeat(8)),
        (156, "0".to_owned()),
    ];
    if name.len() > 99 {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "a name is too long"));
    }
    for (at, text) in fields.iter().chain(&[(257, "ustar\x0000".to_owned())]) {
        put(&mut header, *at, text.as_bytes());
    }
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    put(&mut header, 148, format!("{sum:06o}\0 ").as_bytes());
    Ok(header)
}

fn put(header: &mut [u8; BLOCK], at: usize, bytes: &[u8]) {
    if let Some(place) = header.get_mut(at..at + bytes.len()) {
        place.copy_from_slice(bytes);
    }
}
