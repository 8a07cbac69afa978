//! Simulated names: which path leads to which file now, and which would after a power cut. A change
//! of names is durable once the folder that holds the name was synced; until then it may vanish. A
//! rename is one change, also between two folders: every file system that keeps a journal makes it
//! atomic, and the sync of either folder makes it durable.

use std::collections::{BTreeMap, BTreeSet};

use ledger::disk::parent;

use crate::random::Random;

/// The number of one file's bytes, whatever its name.
pub(super) type FileNumber = u64;

/// The live and the durable directory.
#[derive(Debug, Clone, Default)]
pub(super) struct Names {
    live: Tree,
    durable: Tree,
    /// Changes since the last sync of their folder, oldest first.
    pending: Vec<Change>,
}

#[derive(Debug, Clone, Default)]
struct Tree {
    files: BTreeMap<String, FileNumber>,
    folders: BTreeSet<String>,
}

#[derive(Debug, Clone)]
enum Change {
    Set(String, FileNumber),
    Unset(String),
    Folder(String),
    Move(String, String, FileNumber),
}

impl Names {
    pub(super) fn find(&self, path: &str) -> Option<FileNumber> {
        self.live.files.get(path).copied()
    }

    pub(super) fn has_folder(&self, dir: &str) -> bool {
        self.live.has_folder(dir)
    }

    pub(super) fn list(&self, dir: &str) -> Vec<String> {
        let below = self.live.files.keys().filter(|path| parent(path) == dir);
        below.map(|path| path.rsplit('/').next().unwrap_or(path).to_owned()).collect()
    }

    pub(super) fn set(&mut self, path: &str, file: FileNumber) {
        self.change(Change::Set(path.to_owned(), file));
    }

    pub(super) fn unset(&mut self, path: &str) {
        self.change(Change::Unset(path.to_owned()));
    }

    pub(super) fn rename(&mut self, from: &str, to: &str, file: FileNumber) {
        self.change(Change::Move(from.to_owned(), to.to_owned(), file));
    }

    pub(super) fn make_folder(&mut self, dir: &str) {
        let mut at = String::new();
        for part in dir.split('/').filter(|part| !part.is_empty()) {
            at = if at.is_empty() { part.to_owned() } else { format!("{at}/{part}") };
            if !self.live.has_folder(&at) {
                self.change(Change::Folder(at.clone()));
            }
        }
    }

    pub(super) fn sync(&mut self, dir: &str) {
        let (ours, others): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.pending).into_iter().partition(|change| change.is_in(dir));
        self.pending = others;
        for change in ours {
            self.durable.apply(&change);
        }
    }

    /// The names after a power cut: of the changes that were not synced, those up to some moment,
    /// as a journal would have it, or any of them.
    pub(super) fn cut(&mut self, random: &mut Random) {
        let pending = std::mem::take(&mut self.pending);
        let any = random.one_in(4);
        let kept = random.place(pending.len() + 1);
        for (at, change) in pending.iter().enumerate() {
            if if any { random.one_in(2) } else { at < kept } {
                self.durable.apply(change);
            }
        }
        self.durable.prune();
        self.live = self.durable.clone();
    }

    /// The files that some name leads to, now or after a cut.
    pub(super) fn named(&self) -> BTreeSet<FileNumber> {
        let live = self.live.files.values().chain(self.durable.files.values());
        let pending = self.pending.iter().filter_map(|change| match change {
            Change::Set(_, file) | Change::Move(_, _, file) => Some(file),
            Change::Unset(_) | Change::Folder(_) => None,
        });
        live.chain(pending).copied().collect()
    }

    fn change(&mut self, change: Change) {
        self.live.apply(&change);
        self.pending.push(change);
    }
}

impl Change {
    fn is_in(&self, dir: &str) -> bool {
        match self {
            Self::Set(path, _) | Self::Unset(path) | Self::Folder(path) => parent(path) == dir,
            Self::Move(from, to, _) => parent(from) == dir || parent(to) == dir,
        }
    }
}

impl Tree {
    fn has_folder(&self, dir: &str) -> bool {
        dir.is_empty() || self.folders.contains(dir)
    }

    fn apply(&mut self, change: &Change) {
        match change {
            Change::Set(path, file) => {
                self.files.insert(path.clone(), *file);
            }
            Change::Unset(path) => {
                self.files.remove(path);
            }
            Change::Folder(dir) => {
                self.folders.insert(dir.clone());
            }
            Change::Move(from, to, file) => {
                self.files.remove(from);
                self.files.insert(to.clone(), *file);
            }
        }
    }

    /// What stands in a folder that does not exist does not exist either.
    fn prune(&mut self) {
        loop {
            let folders = self.folders.clone();
            self.folders.retain(|dir| parent(dir).is_empty() || folders.contains(parent(dir)));
            if self.folders.len() == folders.len() {
                break;
            }
        }
        let folders = &self.folders;
        self.files.retain(|path, _| parent(path).is_empty() || folders.contains(parent(path)));
    }
}
