//! The fixed header of a frame: its kind, its place in the chain, and how long the rest is.
//!
//! The byte table stands in `frame.rs`. It promises that `decode` accepts exactly what `encode`
//! writes. It refuses lengths beyond the limits before anything of that length is looked at.

use crate::cursor::{Cursor, Short, checked, put_crc, size};

use super::TRAILER_BYTES;

/// How every frame begins; not text, so that no JSON can hold it.
pub(crate) const FRAME_MAGIC: [u8; 8] = *b"\x89IDLFRM\n";
/// Bytes of the fixed header.
pub(crate) const FRAME_HEAD_BYTES: usize = 92;
/// No frame's headers are longer.
pub(super) const HEADERS_BYTES_MAX: usize = 32 * 1024 * 1024;
/// No frame's areas are longer: one full frame and the largest section.
pub(super) const AREAS_BYTES_MAX: usize = 128 * 1024 * 1024;
pub(crate) const VERSION: u16 = 1;

/// What a frame is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FrameKind {
    /// The first frame of a process: who writes from here on.
    Owner,
    /// Records.
    Append,
    /// A clean stop: nothing follows in this file.
    Stop,
}

/// What every frame says of its place in the chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Link {
    /// The frame's number: 0, 1, 2, ...
    pub(crate) seq: u64,
    /// How many owners there were, this one included.
    pub(crate) epoch: u64,
    /// The bytes that this owner drew.
    pub(crate) boot: [u8; 16],
    /// SHA-256 of the previous frame's headers.
    pub(crate) previous: [u8; 32],
}

/// The fixed header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FrameHead {
    pub(crate) kind: FrameKind,
    pub(crate) sections: u32,
    pub(crate) link: Link,
    pub(crate) headers_bytes: u32,
    pub(crate) areas_bytes: u32,
}

impl FrameHead {
    /// Appends the 92 bytes.
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        let start = out.len();
        out.extend_from_slice(&FRAME_MAGIC);
        out.extend_from_slice(&VERSION.to_be_bytes());
        out.extend_from_slice(&[self.kind.byte(), 0]);
        out.extend_from_slice(&self.sections.to_be_bytes());
        out.extend_from_slice(&self.link.seq.to_be_bytes());
        out.extend_from_slice(&self.link.epoch.to_be_bytes());
        out.extend_from_slice(&self.link.boot);
        out.extend_from_slice(&self.link.previous);
        out.extend_from_slice(&self.headers_bytes.to_be_bytes());
        out.extend_from_slice(&self.areas_bytes.to_be_bytes());
        put_crc(out, start);
        assert_eq!(out.len() - start, FRAME_HEAD_BYTES, "the header's size is part of the format");
    }

    /// Reads the fixed header off the front of `bytes`.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, Short> {
        let body = checked(bytes.get(..FRAME_HEAD_BYTES).ok_or(Short)?)?;
        let mut cursor = Cursor::new(body);
        let magic = cursor.array::<8>()?;
        let version = cursor.u16()?;
        let [kind, zero] = cursor.array()?;
        let sections = cursor.u32()?;
        let link = Link {
            seq: cursor.u64()?,
            epoch: cursor.u64()?,
            boot: cursor.array()?,
            previous: cursor.array()?,
        };
        let (headers_bytes, areas_bytes) = (cursor.u32()?, cursor.u32()?);
        cursor.end()?;
        let kind = FrameKind::from_byte(kind)?;
        let bounded = (FRAME_HEAD_BYTES..=HEADERS_BYTES_MAX).contains(&size(headers_bytes))
            && size(areas_bytes) <= AREAS_BYTES_MAX;
        let counted = (sections > 0) == (kind == FrameKind::Append);
        let numbered = link.seq < u64::MAX && (1..u64::MAX).contains(&link.epoch);
        if magic != FRAME_MAGIC || version != VERSION || zero != 0 {
            return Err(Short);
        }
        if !(bounded && counted && numbered) {
            return Err(Short);
        }
        Ok(Self { kind, sections, link, headers_bytes, areas_bytes })
    }

    /// Bytes of the whole frame.
    pub(crate) fn frame_bytes(&self) -> usize {
        2 * size(self.headers_bytes) + size(self.areas_bytes) + TRAILER_BYTES
    }
}

impl FrameKind {
    fn byte(self) -> u8 {
        match self {
            Self::Owner => 1,
            Self::Append => 2,
            Self::Stop => 4,
        }
    }

    fn from_byte(byte: u8) -> Result<Self, Short> {
        match byte {
            1 => Ok(Self::Owner),
            2 => Ok(Self::Append),
            4 => Ok(Self::Stop),
            _ => Err(Short),
        }
    }
}
