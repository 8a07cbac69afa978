//! The two streams of a command: data on stdout, words on stderr.
//!
//! Promises: a reader that went away (`| head`) ends the command quietly. Refuses to add colour: neither stream needs it.

use std::io::{ErrorKind, Write};
use std::path::Path;

use super::exit::{Exit, Failure};

/// Writes `text` and a line end to stdout.
pub(crate) fn data(text: &str) -> Result<(), Failure> {
    bytes(text.as_bytes())?;
    bytes(b"\n")
}

/// Writes `bytes` to stdout as they are.
pub(crate) fn bytes(bytes: &[u8]) -> Result<(), Failure> {
    let mut stdout = std::io::stdout().lock();
    match stdout.write_all(bytes).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => std::process::exit(0),
        Err(error) => {
            let what = format!("standard output cannot be written: {error}");
            Err(Failure::new(Exit::Failed, what, "check where the output goes"))
        }
        Ok(()) => Ok(()),
    }
}

/// Writes `bytes` to the file `output`, or to stdout where none is named.
pub(crate) fn to(output: Option<&Path>, bytes: &[u8]) -> Result<(), Failure> {
    let Some(path) = output else { return self::bytes(bytes) };
    std::fs::write(path, bytes).map_err(|error| {
        let what = format!("`{}` cannot be written: {error}", path.display());
        Failure::new(Exit::Failed, what, "name a file that can be written, or leave -o out")
    })
}

/// Writes `text` and a line end to stderr; a closed stderr is nobody's failure.
pub(crate) fn words(text: &str) {
    let mut stderr = std::io::stderr().lock();
    let _closed = writeln!(stderr, "{text}");
}
