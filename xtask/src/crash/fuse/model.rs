//! A file system in memory that knows what is durable: what a power cut may take is told apart from
//! what it must leave.
//!
//! A file's bytes and length are durable after a sync of the file, a name after a sync of the folder it
//! stands in. Of everything younger a cut keeps any subset: each write, each change of length, each change
//! of names for itself, and of the last kept write of a file perhaps only whole sectors from its start.
//! It promises that what was synced is there after every cut. It holds everything in memory and knows
//! neither links nor owners.

use std::collections::{BTreeMap, BTreeSet};

use crate::crash::Dice;

/// What a device writes whole.
const SECTOR_BYTES: usize = 512;

/// The number of a file or folder.
pub(crate) type Node = u64;
/// The folder that everything lies in.
pub(crate) const ROOT: Node = 1;

/// Why an operation was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refused {
    /// There is no such name or file.
    NotFound,
    /// There is such a name already.
    Exists,
    /// The folder is not empty.
    NotEmpty,
    /// It is a folder where a file is due, or the other way round.
    WrongKind,
}

/// One change of a file that is not durable yet.
#[derive(Debug, Clone)]
enum Change {
    Write { offset: usize, bytes: Vec<u8> },
    Length(usize),
}

/// One change of names that is not durable yet: all of it or nothing.
#[derive(Debug, Clone)]
struct Naming {
    /// Folder, name, and what the name stands for from then on.
    names: Vec<(Node, String, Option<Node>)>,
}

#[derive(Debug, Clone, Default)]
struct File {
    bytes: Vec<u8>,
    durable: Vec<u8>,
    young: Vec<Change>,
}

/// Names in a folder, as seen and as durable.
#[derive(Debug, Clone, Default)]
struct Folder {
    names: BTreeMap<String, Node>,
    durable: BTreeMap<String, Node>,
}

/// What was asked and what a cut took, for the harness to report.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Counts {
    /// Syncs of files and folders.
    pub(crate) syncs: u64,
    /// Changes that a cut took.
    pub(crate) lost: u64,
    /// Young changes that a cut left.
    pub(crate) kept: u64,
}

/// The file system.
#[derive(Debug, Clone)]
pub(crate) struct Model {
    files: BTreeMap<Node, File>,
    folders: BTreeMap<Node, Folder>,
    young: Vec<Naming>,
    next: Node,
    pub(crate) counts: Counts,
}

/// What a node is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A file of so many bytes.
    File(usize),
    /// A folder.
    Folder,
}

impl Model {
    /// An empty file system.
    pub(crate) fn new() -> Self {
        let folders = BTreeMap::from([(ROOT, Folder::default())]);
        let (files, young) = (BTreeMap::new(), Vec::new());
        Self { files, folders, young, next: ROOT + 1, counts: Counts::default() }
    }

    /// What a node is.
    pub(crate) fn kind(&self, node: Node) -> Result<Kind, Refused> {
        match self.files.get(&node) {
            Some(file) => Ok(Kind::File(file.bytes.len())),
            None if self.folders.contains_key(&node) => Ok(Kind::Folder),
            None => Err(Refused::NotFound),
        }
    }

    /// What a name stands for.
    pub(crate) fn find(&self, folder: Node, name: &str) -> Result<Node, Refused> {
        self.folder(folder)?.names.get(name).copied().ok_or(Refused::NotFound)
    }

    /// The names in a folder.
    pub(crate) fn names(&self, folder: Node) -> Result<Vec<(String, Node)>, Refused> {
        let names = self.folder(folder)?.names.iter();
        Ok(names.map(|(name, node)| (name.clone(), *node)).collect())
    }

    /// A new, empty file.
    pub(crate) fn create(&mut self, folder: Node, name: &str) -> Result<Node, Refused> {
        let node = self.name_new(folder, name)?;
        self.files.insert(node, File::default());
        Ok(node)
    }

    /// A new, empty folder.
    pub(crate) fn create_folder(&mut self, folder: Node, name: &str) -> Result<Node, Refused> {
        let node = self.name_new(folder, name)?;
        self.folders.insert(node, Folder::default());
        Ok(node)
    }

    fn name_new(&mut self, folder: Node, name: &str) -> Result<Node, Refused> {
        if self.folder(folder)?.names.contains_key(name) {
            return Err(Refused::Exists);
        }
        let node = self.next;
        self.next += 1;
        self.change_names(vec![(folder, name.to_owned(), Some(node))]);
        Ok(node)
    }

    /// Takes a name away; `kind` says what must be behind it.
    pub(crate) fn remove(
        &mut self,
        folder: Node,
        name: &str,
        is_folder: Kind,
    ) -> Result<(), Refused> {
        let node = self.find(folder, name)?;
        match (self.kind(node)?, is_folder) {
            (Kind::File(_), Kind::File(_)) => {}
            (Kind::Folder, Kind::Folder) if self.folder(node)?.names.is_empty() => {}
            (Kind::Folder, Kind::Folder) => return Err(Refused::NotEmpty),
            _ => return Err(Refused::WrongKind),
        }
        self.change_names(vec![(folder, name.to_owned(), None)]);
        Ok(())
    }

    /// Gives a node another name, in the place of what has it.
    pub(crate) fn rename(&mut self, from: (Node, &str), to: (Node, &str)) -> Result<(), Refused> {
        let node = self.find(from.0, from.1)?;
        self.folder(to.0)?;
        self.change_names(vec![
            (from.0, from.1.to_owned(), None),
            (to.0, to.1.to_owned(), Some(node)),
        ]);
        Ok(())
    }

    fn change_names(&mut self, names: Vec<(Node, String, Option<Node>)>) {
        for (folder, name, node) in &names {
            if let Some(folder) = self.folders.get_mut(folder) {
                set(&mut folder.names, name, *node);
            }
        }
        self.young.push(Naming { names });
    }

    /// Bytes of a file from an offset on.
    pub(crate) fn read(&self, node: Node, offset: usize, size: usize) -> Result<&[u8], Refused> {
        let bytes = &self.file(node)?.bytes;
        let end = offset.saturating_add(size).min(bytes.len());
        Ok(bytes.get(offset..end).unwrap_or_default())
    }

    /// Writes bytes at an offset.
    pub(crate) fn write(&mut self, node: Node, offset: usize, bytes: &[u8]) -> Result<(), Refused> {
        let change = Change::Write { offset, bytes: bytes.to_vec() };
        self.change_file(node, change)
    }

    /// Cuts or lengthens a file.
    pub(crate) fn set_length(&mut self, node: Node, length: usize) -> Result<(), Refused> {
        self.change_file(node, Change::Length(length))
    }

    fn change_file(&mut self, node: Node, change: Change) -> Result<(), Refused> {
        let file = self.files.get_mut(&node).ok_or(Refused::NotFound)?;
        change.apply(&mut file.bytes);
        file.young.push(change);
        Ok(())
    }

    /// Makes a file's bytes and length durable.
    pub(crate) fn sync(&mut self, node: Node) -> Result<(), Refused> {
        let file = self.files.get_mut(&node).ok_or(Refused::NotFound)?;
        for change in file.young.drain(..) {
            change.apply(&mut file.durable);
        }
        self.counts.syncs += 1;
        Ok(())
    }

    /// Makes a folder's names durable, and with them every change that they were part of.
    pub(crate) fn sync_folder(&mut self, folder: Node) -> Result<(), Refused> {
        self.folder(folder)?;
        let (done, young) = std::mem::take(&mut self.young)
            .into_iter()
            .partition(|naming: &Naming| naming.names.iter().any(|(one, _, _)| *one == folder));
        self.young = young;
        self.settle(done);
        self.counts.syncs += 1;
        Ok(())
    }

    fn settle(&mut self, done: Vec<Naming>) {
        for (folder, name, node) in done.into_iter().flat_map(|naming| naming.names) {
            if let Some(folder) = self.folders.get_mut(&folder) {
                set(&mut folder.durable, &name, node);
            }
        }
    }

    /// The power goes. Of what is young chance keeps a part; then everything seen is durable.
    pub(crate) fn cut(&mut self, dice: &mut Dice) {
        // Now and then nothing or everything survives: the extremes hide faults of their own.
        let chance = [0, 50, 50, 50, 90, 100].get(usize::try_from(dice.below(6)).unwrap_or(0));
        let chance = chance.copied().unwrap_or(50);
        let mut kept = Vec::new();
        for naming in std::mem::take(&mut self.young) {
            if dice.below(100) < chance {
                self.counts.kept += 1;
                kept.push(naming);
            } else {
                self.counts.lost += 1;
            }
        }
        self.settle(kept);
        for file in self.files.values_mut() {
            for change in std::mem::take(&mut file.young) {
                if dice.below(100) < chance {
                    self.counts.kept += 1;
                    change.torn(dice).apply(&mut file.durable);
                } else {
                    self.counts.lost += 1;
                }
            }
            file.bytes.clone_from(&file.durable);
        }
        for folder in self.folders.values_mut() {
            folder.names.clone_from(&folder.durable);
        }
        self.forget_nameless();
    }

    /// What no name leads to is gone.
    fn forget_nameless(&mut self) {
        let mut named = BTreeSet::from([ROOT]);
        let mut open = vec![ROOT];
        while let Some(node) = open.pop() {
            for node in self.folders.get(&node).into_iter().flat_map(|one| one.names.values()) {
                if named.insert(*node) {
                    open.push(*node);
                }
            }
        }
        self.files.retain(|node, _| named.contains(node));
        self.folders.retain(|node, _| named.contains(node));
    }

    fn file(&self, node: Node) -> Result<&File, Refused> {
        self.files.get(&node).ok_or(Refused::NotFound)
    }

    fn folder(&self, node: Node) -> Result<&Folder, Refused> {
        self.folders.get(&node).ok_or(Refused::NotFound)
    }
}

impl Change {
    fn apply(&self, to: &mut Vec<u8>) {
        match self {
            Change::Length(length) => to.resize(*length, 0),
            Change::Write { offset, bytes } => {
                let end = offset + bytes.len();
                if to.len() < end {
                    to.resize(end, 0);
                }
                if let Some(place) = to.get_mut(*offset..end) {
                    place.copy_from_slice(bytes);
                }
            }
        }
    }

    /// The change, or of a long write now and then only its first sectors.
    fn torn(self, dice: &mut Dice) -> Self {
        match self {
            Change::Write { offset, mut bytes }
                if bytes.len() > SECTOR_BYTES && dice.below(4) == 0 =>
            {
                let sectors = bytes.len() / SECTOR_BYTES;
                let kept = dice.below(u64::try_from(sectors).unwrap_or(1));
                bytes.truncate(usize::try_from(kept).unwrap_or(0) * SECTOR_BYTES);
                Change::Write { offset, bytes }
            }
            whole => whole,
        }
    }
}

fn set(names: &mut BTreeMap<String, Node>, name: &str, node: Option<Node>) {
    match node {
        Some(node) => names.insert(name.to_owned(), node),
        None => names.remove(name),
    };
}

#[cfg(test)]
mod tests;
