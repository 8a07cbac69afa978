//! One simulated file: what a reader sees, what would survive a power cut, and the versions in
//! between. Granularity is the sector, because that is what a disk writes whole.
//!
//! The page cache is modelled as it is: the kernel may write a dirty sector back at any moment, so
//! after a cut a sector holds its durable bytes or what any of the later writes made of it, each
//! sector for itself. After a failed sync the sectors count as clean: readable, not durable, and no
//! later sync brings them to the disk unless they are written again.

use std::collections::BTreeMap;

use crate::random::Random;

/// Bytes that reach the disk together or not at all.
pub const SECTOR: usize = 512;

/// A file's bytes in both worlds.
#[derive(Debug, Clone, Default)]
pub(super) struct SimFile {
    live: Vec<u8>,
    durable: Vec<u8>,
    /// Per dirty sector, its bytes after each write since it was last clean, oldest first.
    dirty: BTreeMap<usize, Vec<Vec<u8>>>,
    /// Lengths that the file got since the last sync, oldest first.
    lengths: Vec<usize>,
}

/// How the sectors of one file fare in a power cut.
#[derive(Debug, Clone, Copy)]
enum Fate {
    /// Nothing that was not synced is there.
    Lost,
    /// Everything is there, as if the kernel had just written it all back.
    Kept,
    /// Each sector for itself.
    Mixed,
}

impl SimFile {
    pub(super) fn length(&self) -> usize {
        self.live.len()
    }

    pub(super) fn read(&self, offset: usize, buffer: &mut [u8]) -> usize {
        let Some(there) = self.live.get(offset..) else { return 0 };
        let count = there.len().min(buffer.len());
        buffer[..count].copy_from_slice(&there[..count]);
        count
    }

    pub(super) fn write(&mut self, offset: usize, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        let end = offset + bytes.len();
        if end > self.live.len() {
            self.live.resize(end, 0);
            self.lengths.push(end);
        }
        self.live[offset..end].copy_from_slice(bytes);
        for sector in offset / SECTOR..=(end - 1) / SECTOR {
            let now = sector_of(&self.live, sector).to_vec();
            self.dirty.entry(sector).or_default().push(now);
        }
    }

    /// Cuts the file; answers how many bytes that gave back.
    pub(super) fn shorten(&mut self, length: usize) -> usize {
        let given = self.live.len().saturating_sub(length);
        if given > 0 {
            self.live.truncate(length);
            self.lengths.push(length);
            // What was written behind the cut can no longer come back, the part of a sector neither.
            self.dirty.retain(|sector, _| sector * SECTOR < length);
            if let Some(versions) = self.dirty.get_mut(&(length / SECTOR)) {
                versions.iter_mut().for_each(|bytes| bytes.truncate(length % SECTOR));
            }
        }
        given
    }

    pub(super) fn sync(&mut self) {
        self.durable.resize(self.live.len(), 0);
        for sector in std::mem::take(&mut self.dirty).into_keys() {
            let bytes = sector_of(&self.live, sector).to_vec();
            put_sector(&mut self.durable, sector, &bytes);
        }
        self.lengths.clear();
    }

    /// A sync that the disk refused: some sectors may have reached it, all count as clean.
    pub(super) fn fail_sync(&mut self, random: &mut Random) {
        self.settle(random);
    }

    /// The file as it is after a power cut.
    pub(super) fn cut(&mut self, random: &mut Random) {
        self.settle(random);
        self.live.clone_from(&self.durable);
    }

    /// Whether a power cut now could change what a reader sees.
    pub(super) fn is_clean(&self) -> bool {
        self.live == self.durable
    }

    /// Draws what of the dirty state reached the disk, and forgets the rest.
    fn settle(&mut self, random: &mut Random) {
        let fate = match random.below(4) {
            0 => Fate::Lost,
            1 => Fate::Kept,
            _ => Fate::Mixed,
        };
        let lengths = std::mem::take(&mut self.lengths);
        let grown = match fate {
            Fate::Lost => 0,
            Fate::Kept => lengths.len(),
            Fate::Mixed => random.place(lengths.len() + 1),
        };
        if let Some(length) = grown.checked_sub(1).and_then(|last| lengths.get(last)) {
            // A file that grew without its bytes reads as zeros.
            self.durable.resize(*length, 0);
        }
        for (sector, versions) in std::mem::take(&mut self.dirty) {
            let kept = match fate {
                Fate::Lost => 0,
                Fate::Kept => versions.len(),
                Fate::Mixed => random.place(versions.len() + 1),
            };
            if let Some(bytes) = kept.checked_sub(1).and_then(|last| versions.get(last)) {
                put_sector(&mut self.durable, sector, bytes);
            }
        }
    }
}

fn sector_of(bytes: &[u8], sector: usize) -> &[u8] {
    let end = bytes.len().min((sector + 1) * SECTOR);
    bytes.get(sector * SECTOR..end).unwrap_or_default()
}

/// Puts a sector's bytes where they belong, as far as the file reaches.
fn put_sector(bytes: &mut [u8], sector: usize, content: &[u8]) {
    let Some(room) = bytes.get_mut(sector * SECTOR..) else { return };
    let count = room.len().min(content.len());
    room[..count].copy_from_slice(&content[..count]);
}
