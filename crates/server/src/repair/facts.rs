//! One segment file, looked at by a process of its own.
//!
//! Metadata that nobody vouches for can exhaust memory and time, so it is read by a child that limits itself first: this
//! binary again, with a hidden command. Promises: whatever a file makes of its reader, the asking process gets a line or a
//! reason, and both are bounded. Refuses to take a child's word that is not a whole line of a segment.

use std::io::Read as _;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};

use lake::repair::Found;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Address space of the child. An honest file of the most rows there can be (131,072, 14 MB) was seen to take 339 MiB, of
/// which the mapped binary of a debug build is a good part: this is twelve times as much.
const MEMORY_BYTES_MAX: u64 = 4 << 30;
/// Processor time of the child. The same file took 3 s in a debug build: this is a hundred times as much.
const PROCESSOR_S_MAX: u64 = 300;
/// Bytes of what the child says: a rollup partial is the longest part of it, and far shorter.
const SAID_BYTES_MAX: u64 = 64 << 20;
/// Characters of a reason that are passed on.
const REASON_CHARS_MAX: usize = 500;
/// The exit code of a child that refuses a file and has printed why.
const REFUSED: i32 = 10;

/// What the file `name` says of itself, or why it could not be read.
#[expect(clippy::disallowed_methods, reason = "the read is bounded by `take`")]
pub(super) fn ask(data_dir: &Path, name: &str) -> std::io::Result<Result<Found, String>> {
    let mut child = Command::new(std::env::current_exe()?)
        .args(["repair", "segment-facts", "--data-dir"])
        .arg(data_dir)
        .arg(name)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()?;
    let mut said = Vec::new();
    if let Some(stdout) = child.stdout.take() {
        stdout.take(SAID_BYTES_MAX + 1).read_to_end(&mut said)?;
    }
    let is_too_much = u64::try_from(said.len()).unwrap_or(u64::MAX) > SAID_BYTES_MAX;
    if is_too_much {
        child.kill()?;
    }
    let status = child.wait()?;
    if is_too_much {
        return Ok(Err("its reader said too much".to_owned()));
    }
    Ok(judge(status, &said))
}

/// What a child's end and words mean.
fn judge(status: ExitStatus, said: &[u8]) -> Result<Found, String> {
    let line = String::from_utf8_lossy(said);
    let line = line.strip_suffix('\n').unwrap_or(&line);
    match (status.code(), status.signal()) {
        (Some(0), _) => line.parse::<Found>().map_err(|error| error.to_string()),
        (Some(REFUSED), _) => Err(line.chars().take(REASON_CHARS_MAX).collect()),
        (_, Some(signal)) => {
            let memory = MEMORY_BYTES_MAX >> 20;
            Err(format!(
                "its reader was ended by signal {signal} (it may use {memory} MiB of memory and {PROCESSOR_S_MAX} s of processor time)"
            ))
        }
        (code, None) => Err(format!("its reader ended with code {}", code.unwrap_or(-1))),
    }
}

/// The child: limits itself, and reads the file `name`.
///
/// # Errors
/// Why the file is no segment, or why there are no limits.
pub(crate) fn tell(data_dir: &Path, name: &str) -> Result<Found, String> {
    let limits =
        [(Resource::Core, 0), (Resource::Cpu, PROCESSOR_S_MAX), (Resource::As, MEMORY_BYTES_MAX)];
    for (resource, most) in limits {
        limit(resource, most).map_err(|error| format!("its reader got no limits: {error}"))?;
    }
    // A pipe would be waited for without end.
    let file = std::fs::metadata(data_dir.join(name)).map_err(|error| error.to_string())?;
    if !file.is_file() {
        return Err("it is no regular file".to_owned());
    }
    lake::repair::read(data_dir, name).map_err(|error| crate::failures::whole(&error))
}

/// Sets a limit, or leaves a lower one that somebody has set.
fn limit(resource: Resource, most: u64) -> rustix::io::Result<()> {
    let most = getrlimit(resource).maximum.map_or(most, |there| there.min(most));
    setrlimit(resource, Rlimit { current: Some(most), maximum: Some(most) })
}

#[cfg(test)]
mod tests;
