//! The bytes of a spool's segments: a header, then frames one behind the other. The layout is `docs/formats/spool.md`.
//!
//! ```text
//! header  magic "INDSPOL1" 8 | instance 16 | first seq u64 | CRC-32 u32 of the 32 bytes before
//! frame   length u32 | seq u64 | kind u8 | CRC-32 u32 of the 13 bytes before | CRC-32 u32 of the payload | payload
//! ```
//!
//! Promises: integers are big-endian; a frame is taken only if its CRC holds and its number is the one that is due; the
//! work of looking for the next good frame behind a bad one is bounded. Refuses to touch a file and to judge what a bad
//! place means: that is `recover`.

use event::ids::{Instance, Seq};
use event::limits::EVENT_BYTES_MAX;

/// Bytes of a segment's header.
pub(crate) const HEADER_BYTES: usize = 36;
/// Bytes of a frame before its payload.
pub(crate) const FRAME_HEADER_BYTES: usize = 21;
/// The highest number that a stream can have: a JSON number holds it exactly.
pub(crate) const SEQ_MAX: u64 = (1 << 53) - 1;

const MAGIC: [u8; 8] = *b"INDSPOL1";
/// Bytes of a frame that say what follows.
const SAID_BYTES: usize = 13;
/// How many places behind a bad one are checked by their CRC before the rest of the file is given up.
const CANDIDATES_MAX: u32 = 4096;

const EVENT: u8 = b'E';
const LOST: u8 = b'L';
const SEALED: u8 = b'S';

/// What a frame says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Frame<'a> {
    /// One event as JSON on one line.
    Event(&'a [u8]),
    /// The numbers from the frame's own to this one are lost.
    Lost(Seq),
    /// Nothing is ever written behind this frame; it takes no number.
    Sealed,
}

impl Frame<'_> {
    /// How many numbers the frame at `seq` takes.
    pub(crate) fn numbers(self, seq: u64) -> u64 {
        match self {
            Frame::Event(_) => 1,
            Frame::Lost(to) => to.0.saturating_sub(seq).saturating_add(1),
            Frame::Sealed => 0,
        }
    }

    fn kind(self) -> u8 {
        match self {
            Frame::Event(_) => EVENT,
            Frame::Lost(_) => LOST,
            Frame::Sealed => SEALED,
        }
    }
}

/// What stands in front of a payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FrameHeader {
    pub(crate) length: usize,
    pub(crate) seq: u64,
    kind: u8,
    crc: u32,
}

/// Why there is no frame at a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Broken {
    /// The file ends inside a frame whose header, as far as it is there, is the one that is due.
    Torn,
    /// Anything else.
    Damaged,
}

/// The header of a segment.
pub(crate) fn header(instance: Instance, first: Seq) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(HEADER_BYTES);
    bytes.extend_from_slice(&MAGIC);
    bytes.extend_from_slice(&instance.0);
    bytes.extend_from_slice(&first.0.to_be_bytes());
    let crc = crc32fast::hash(&bytes);
    bytes.extend_from_slice(&crc.to_be_bytes());
    bytes
}

/// Instance and first number of the segment that begins with `bytes`.
pub(crate) fn read_header(bytes: &[u8]) -> Option<(Instance, Seq)> {
    let (said, rest) = bytes.split_at_checked(HEADER_BYTES - 4)?;
    let crc = rest.first_chunk::<4>()?;
    if crc32fast::hash(said) != u32::from_be_bytes(*crc) {
        return None;
    }
    let (magic, rest) = said.split_first_chunk::<8>()?;
    let (instance, rest) = rest.split_first_chunk::<16>()?;
    let first = rest.first_chunk::<8>()?;
    (*magic == MAGIC).then_some((Instance(*instance), Seq(u64::from_be_bytes(*first))))
}

/// Appends the frame at `seq` to `bytes`.
pub(crate) fn write_frame(bytes: &mut Vec<u8>, seq: Seq, frame: Frame<'_>) {
    let to;
    let payload: &[u8] = match frame {
        Frame::Event(json) => json,
        Frame::Lost(last) => {
            to = last.0.to_be_bytes();
            &to
        }
        Frame::Sealed => &[],
    };
    let length = u32::try_from(payload.len()).expect("an event is far below 4 GiB");
    let said = bytes.len();
    bytes.extend_from_slice(&length.to_be_bytes());
    bytes.extend_from_slice(&seq.0.to_be_bytes());
    bytes.push(frame.kind());
    let crc = crc32fast::hash(bytes.get(said..).unwrap_or_default());
    bytes.extend_from_slice(&crc.to_be_bytes());
    bytes.extend_from_slice(&crc32fast::hash(payload).to_be_bytes());
    bytes.extend_from_slice(payload);
}

/// The header of a frame, if it is one.
pub(crate) fn read_frame_header(bytes: &[u8; FRAME_HEADER_BYTES]) -> Option<FrameHeader> {
    let (said, crcs) = bytes.split_first_chunk::<SAID_BYTES>()?;
    let (crc, payload_crc) = crcs.split_first_chunk::<4>()?;
    let (length, rest) = said.split_first_chunk::<4>()?;
    let (seq, kind) = rest.split_first_chunk::<8>()?;
    let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
    let seq = u64::from_be_bytes(*seq);
    let kind = *kind.first()?;
    let fits = match kind {
        EVENT => (1..=EVENT_BYTES_MAX).contains(&length),
        LOST => length == 8,
        SEALED => length == 0,
        _ => false,
    };
    // The cheap questions first: this is asked at every byte behind a bad place.
    let holds = fits && seq <= SEQ_MAX && crc32fast::hash(said) == u32::from_be_bytes(*crc);
    let crc = u32::from_be_bytes(payload_crc.try_into().ok()?);
    holds.then_some(FrameHeader { length, seq, kind, crc })
}

/// The frame with this header, if the payload's CRC holds.
pub(crate) fn read_payload(header: FrameHeader, payload: &[u8]) -> Option<Frame<'_>> {
    if crc32fast::hash(payload) != header.crc && !cfg!(planted = "spool_no_crc") {
        return None;
    }
    match header.kind {
        EVENT => Some(Frame::Event(payload)),
        LOST => {
            let to = u64::from_be_bytes(payload.try_into().ok()?);
            (to >= header.seq && to <= SEQ_MAX).then_some(Frame::Lost(Seq(to)))
        }
        _ => Some(Frame::Sealed),
    }
}

/// The frame at the beginning of `bytes` and its length, if it is number `due`.
pub(crate) fn frame(bytes: &[u8], due: u64) -> Result<(Frame<'_>, usize), Broken> {
    let Some(head) = bytes.first_chunk::<FRAME_HEADER_BYTES>() else {
        return Err(if begins_due(bytes, due) { Broken::Torn } else { Broken::Damaged });
    };
    let header = read_frame_header(head).filter(|header| header.seq == due);
    let header = header.ok_or(Broken::Damaged)?;
    let end = FRAME_HEADER_BYTES + header.length;
    let Some(payload) = bytes.get(FRAME_HEADER_BYTES..end) else { return Err(Broken::Torn) };
    Ok((read_payload(header, payload).ok_or(Broken::Damaged)?, end))
}

/// The next frame in `bytes`, whatever its number from `due` on: where it begins, and that number.
pub(crate) fn next_frame(bytes: &[u8], due: u64) -> Option<(usize, u64)> {
    let mut candidates = 0;
    for offset in 0..bytes.len() {
        let rest = bytes.get(offset..)?;
        let head = rest.first_chunk::<FRAME_HEADER_BYTES>()?;
        let Some(header) = read_frame_header(head).filter(|header| header.seq >= due) else {
            continue;
        };
        candidates += 1;
        if candidates > CANDIDATES_MAX {
            return None;
        }
        if frame(rest, header.seq).is_ok() {
            return Some((offset, header.seq));
        }
    }
    None
}

/// Whether `bytes`, shorter than a frame's header, can be the beginning of frame `due`.
fn begins_due(bytes: &[u8], due: u64) -> bool {
    let numbers = bytes.iter().skip(4);
    numbers.zip(due.to_be_bytes()).all(|(found, wanted)| *found == wanted)
}
