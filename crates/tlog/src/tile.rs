//! C2SP tlog-tiles: where a tree's hashes and entries are published, and in which bytes.
//!
//! ```text
//! tile/<L>/<N>            256 hashes: node k is that of level 8L, index 256N + k
//! tile/<L>/<N>.p/<W>      the first W of them, 1 <= W <= 255
//! tile/entries/<N>[.p/<W>] as many entries, each u16 length (big-endian) || bytes
//! <N>                     groups of three digits, all but the last behind an x: 1234067 = x001/x234/067
//! ```
//!
//! Promises: one tile has one path; any other text is no path. Refuses to know what is stored; whether a tile may be
//! served for a tree is `is_within`. (Go's `sumdb/tlog` has other paths, with the height in them.)

use std::fmt;

use crate::tree::{Node, TreeSize};

/// Levels of the tree that one tile spans.
pub const TILE_HEIGHT: u8 = 8;
/// Hashes of a full tile, entries of a full bundle.
pub const TILE_WIDTH: u16 = 1 << TILE_HEIGHT;
/// Tile levels that a tree of `u64` size can have.
pub const TILE_LEVELS: u8 = 8;

/// The path of a tile or of an entry bundle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TilePath {
    /// A tile of hashes.
    Hashes {
        /// The tile's level: its hashes are nodes of level `8 * level`.
        level: u8,
        /// The tile's place in its level.
        index: u64,
        /// How many hashes: 1 to 256, 256 being a full tile.
        width: u16,
    },
    /// A bundle of entries.
    Entries {
        /// The bundle's place: its first entry is `256 * index`.
        index: u64,
        /// How many entries: 1 to 256.
        width: u16,
    },
}

impl TilePath {
    /// The tile at `path` (from `tile/` on, no leading slash); `None` unless it is spelled as `Display` spells it.
    #[must_use]
    pub fn parse(path: &str) -> Option<TilePath> {
        let (kind, rest) = path.strip_prefix("tile/")?.split_once('/')?;
        let (number, width) = match rest.split_once(".p/") {
            Some((number, width)) => (number, parse_width(width)?),
            None => (rest, TILE_WIDTH),
        };
        let index = parse_index(number)?;
        let tile = if kind == "entries" {
            TilePath::Entries { index, width }
        } else {
            let level = kind.parse().ok().filter(|level| *level < TILE_LEVELS)?;
            TilePath::Hashes { level, index, width }
        };
        // A second spelling (`00`, `+1`, `x000/000`) does not come back as it was.
        (tile.to_string() == path).then_some(tile)
    }

    /// Level of the tile's lowest nodes: 0 for entries and level-0 tiles.
    #[must_use]
    pub fn node_level(self) -> u8 {
        match self {
            TilePath::Hashes { level, .. } => level * TILE_HEIGHT,
            TilePath::Entries { .. } => 0,
        }
    }

    /// The tile's place and width.
    #[must_use]
    pub fn place(self) -> (u64, u16) {
        match self {
            TilePath::Hashes { index, width, .. } | TilePath::Entries { index, width } => {
                (index, width)
            }
        }
    }

    /// The nodes whose hashes the tile holds (for entries: the leaves), in order.
    #[must_use]
    pub fn nodes(self) -> impl ExactSizeIterator<Item = Node> {
        let (index, width) = self.place();
        let level = self.node_level();
        (0..width).map(move |k| Node { level, index: index * u64::from(TILE_WIDTH) + u64::from(k) })
    }

    /// Whether a log of `size` serves this tile: it is not past the end and not wider than the current one.
    #[must_use]
    pub fn is_within(self, size: TreeSize) -> bool {
        let (index, width) = self.place();
        width <= current_width(self.node_level(), index, size)
    }
}

impl fmt::Display for TilePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TilePath::Hashes { level, .. } => write!(f, "tile/{level}/")?,
            TilePath::Entries { .. } => f.write_str("tile/entries/")?,
        }
        let (index, width) = self.place();
        let mut group = 1_000_u64.saturating_pow(index.checked_ilog(1_000).unwrap_or(0));
        while group > 1 {
            write!(f, "x{:03}/", index / group % 1_000)?;
            group /= 1_000;
        }
        write!(f, "{:03}", index % 1_000)?;
        if width < TILE_WIDTH { write!(f, ".p/{width}") } else { Ok(()) }
    }
}

/// How many hashes (or entries) the tile at `index` has in a tree of `size`, 0 to 256.
fn current_width(node_level: u8, index: u64, size: TreeSize) -> u16 {
    let nodes = size.0.checked_shr(u32::from(node_level)).unwrap_or(0);
    let before = index.saturating_mul(u64::from(TILE_WIDTH));
    let width = nodes.saturating_sub(before).min(u64::from(TILE_WIDTH));
    u16::try_from(width).unwrap_or(TILE_WIDTH)
}

/// Every tile and bundle that a published tree of `size` has, the last of each level as wide as it is now.
pub fn all(size: TreeSize) -> impl Iterator<Item = TilePath> {
    let tiles = (0..TILE_LEVELS).flat_map(move |level| {
        places(level * TILE_HEIGHT, size).map(move |(index, width)| TilePath::Hashes {
            level,
            index,
            width,
        })
    });
    let bundles = places(0, size).map(|(index, width)| TilePath::Entries { index, width });
    tiles.chain(bundles)
}

/// The places and widths of one level.
fn places(node_level: u8, size: TreeSize) -> impl Iterator<Item = (u64, u16)> {
    let count = (size.0 >> node_level).div_ceil(u64::from(TILE_WIDTH));
    (0..count).map(move |index| (index, current_width(node_level, index, size)))
}

/// Appends one entry to a bundle; `None`, and nothing appended, if it is longer than 65,535 bytes.
#[must_use]
pub fn append_entry(bundle: &mut Vec<u8>, entry: &[u8]) -> Option<()> {
    let length = u16::try_from(entry.len()).ok()?;
    bundle.extend_from_slice(&length.to_be_bytes());
    bundle.extend_from_slice(entry);
    Some(())
}

/// The entries of a bundle, at most 256; `None` if the bytes end inside one or hold more.
#[must_use]
pub fn split_entries(mut bundle: &[u8]) -> Option<Vec<&[u8]>> {
    let mut entries = Vec::new();
    while !bundle.is_empty() {
        let (length, rest) = bundle.split_first_chunk::<2>()?;
        let (entry, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
        entries.push(entry);
        bundle = rest;
        if entries.len() > usize::from(TILE_WIDTH) {
            return None;
        }
    }
    Some(entries)
}

/// A partial width: 1 to 255.
fn parse_width(text: &str) -> Option<u16> {
    text.parse().ok().filter(|width| (1..TILE_WIDTH).contains(width))
}

/// The number that groups of three digits stand for.
fn parse_index(text: &str) -> Option<u64> {
    let mut index = 0_u64;
    for group in text.split('/') {
        let digits = group.strip_prefix('x').unwrap_or(group);
        if digits.len() != 3 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        index = index.checked_mul(1_000)?.checked_add(digits.parse().ok()?)?;
    }
    // No tree has a tile whose first node lies past u64.
    index.checked_mul(u64::from(TILE_WIDTH)).map(|_| index)
}

#[cfg(test)]
mod tests;
